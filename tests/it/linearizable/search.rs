//! The search for an order that explains a history: Wing and Gong's, with Lowe's memory of where it has been.
//!
//! A history is linearizable if its calls can be put in one order that a sequential model allows, in which no call comes
//! before one that had returned when it began.

use std::collections::HashSet;
use std::hash::Hash;

/// What one call did, and when: it took effect at some moment between the two.
#[derive(Clone, Debug)]
pub(super) struct Call<D> {
    pub(super) invoked: u64,
    pub(super) returned: u64,
    pub(super) did: D,
}

/// What the calls are about, as if they came one after another.
pub(super) trait Model: Clone + Eq + Hash {
    type Did;

    /// The state after a call, or `None` if the call cannot have come out like this here.
    fn after(&self, did: &Self::Did) -> Option<Self>;
}

/// The longest orders that the model allows end here.
#[derive(Debug)]
pub(super) struct Stuck {
    /// Calls that can be explained, in order.
    pub(super) explained: Vec<usize>,
    /// The others.
    pub(super) rest: Vec<usize>,
}

/// Puts calls in an order that the model allows.
pub(super) fn linearize<M: Model>(start: &M, calls: &[Call<M::Did>]) -> Result<Vec<usize>, Stuck> {
    assert!(calls.len() <= 128, "a round is as long as its set of bits");
    let mut search = Search {
        calls,
        been: HashSet::new(),
        path: Vec::new(),
        longest: Vec::new(),
    };
    if search.go_on(start, 0) {
        return Ok(search.path);
    }
    let rest = (0..calls.len())
        .filter(|at| !search.longest.contains(at))
        .collect();
    Err(Stuck {
        explained: search.longest,
        rest,
    })
}

struct Search<'a, M: Model> {
    calls: &'a [Call<M::Did>],
    /// Which calls were explained, and the state that this led to; from here nothing came of it.
    been: HashSet<(u128, M)>,
    path: Vec<usize>,
    longest: Vec<usize>,
}

impl<M: Model> Search<'_, M> {
    fn go_on(&mut self, state: &M, explained: u128) -> bool {
        if self.path.len() > self.longest.len() {
            self.longest.clone_from(&self.path);
        }
        let left = |at: &usize| explained & (1 << at) == 0;
        let calls = self.calls;
        // Whatever comes next has begun before any of those left had returned.
        let Some(limit) = (0..calls.len()).filter(left).map(|at| calls[at].returned).min() else {
            return true;
        };
        if !self.been.insert((explained, state.clone())) {
            return false;
        }
        for at in (0..calls.len()).filter(left) {
            if calls[at].invoked > limit {
                continue;
            }
            let Some(next) = state.after(&calls[at].did) else {
                continue;
            };
            self.path.push(at);
            if self.go_on(&next, explained | 1 << at) {
                return true;
            }
            self.path.pop();
        }
        false
    }
}

/// A register that begins with 0.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Register(u32);

enum Did {
    Wrote(u32),
    Read(u32),
}

impl Model for Register {
    type Did = Did;

    fn after(&self, did: &Did) -> Option<Self> {
        match *did {
            Did::Wrote(number) => Some(Register(number)),
            Did::Read(number) => (number == self.0).then(|| self.clone()),
        }
    }
}

fn call(invoked: u64, returned: u64, did: Did) -> Call<Did> {
    Call {
        invoked,
        returned,
        did,
    }
}

#[test]
fn a_read_may_come_before_or_after_a_write_that_it_overlaps() {
    for read in [0, 1] {
        let calls = [call(1, 4, Did::Wrote(1)), call(2, 3, Did::Read(read))];
        assert!(linearize(&Register(0), &calls).is_ok());
    }
}

#[test]
fn a_read_does_not_see_what_was_before_a_write_that_had_returned() {
    let calls = [call(1, 2, Did::Wrote(1)), call(3, 4, Did::Read(0))];
    let stuck = linearize(&Register(0), &calls).unwrap_err();
    assert_eq!((stuck.explained, stuck.rest), (vec![0], vec![1]));
}

/// Each read alone has an explanation, and the two together have none.
#[test]
fn two_reads_do_not_see_one_write_come_and_go() {
    let calls = [
        call(1, 8, Did::Wrote(1)),
        call(2, 3, Did::Read(1)),
        call(4, 5, Did::Read(0)),
    ];
    assert!(linearize(&Register(0), &calls).is_err());
}
