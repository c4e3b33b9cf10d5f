//! All calls about one key: whatever they answer side by side, they could have answered one after another.
//!
//! A model of one key says what each call answers. For every execution there must be an order of the calls, in which no
//! call comes before one that had ended when it began, such that the model gives the same answers. This holds creation,
//! replacement, mutation and removal to their promises, with the versions: that none is repeated, none lost, and that what
//! has returned is seen by whatever begins later.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::check::act::{KEY, act, side_by_side, wait};
use crate::check::count::{Add, Alone, Count};
use crate::check::explore::{explore, explore_each};
use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::error::MutateIfError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    Fetch,
    Create,
    FetchOrCreate,
    Insert,
    Assign,
    AddPlainly,
    AddSlowly,
    AddIfFirst,
    AddOrCreate,
    Remove,
    /// Through a guard.
    Set,
    /// Through a guard.
    Delete,
}

const CALLS: [Call; 12] = [
    Call::Fetch,
    Call::Create,
    Call::FetchOrCreate,
    Call::Insert,
    Call::Assign,
    Call::AddPlainly,
    Call::AddSlowly,
    Call::AddIfFirst,
    Call::AddOrCreate,
    Call::Remove,
    Call::Set,
    Call::Delete,
];

/// A version and a value.
type Seen = (u64, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Found(Seen),
    Missing,
    Created(Seen),
    /// There is one already, or it is at another version.
    Conflict(Seen),
}

impl Call {
    /// What the calling thread stores, so that no two store the same.
    fn value(thread: usize) -> u64 {
        100 * (thread as u64 + 1)
    }

    fn make(self, store: &LiveStore<Count>, thread: usize) -> Answer {
        let value = Count(Call::value(thread));
        let found =
            |entry: Option<Entry<Count>>| entry.map_or(Answer::Missing, |entry| Answer::Found(seen(&entry)));
        match self {
            Call::Fetch => found(store.fetch(&KEY)),
            Call::Create => match store.create(&KEY, value) {
                Ok(entry) => Answer::Created(seen(&entry)),
                Err(occupied) => Answer::Conflict(seen(&occupied.existing)),
            },
            Call::FetchOrCreate => found(Some(store.fetch_or_create(&KEY, || value))),
            Call::Insert => found(wait(store.insert(&KEY, value))),
            Call::Assign => found(wait(store.assign(&KEY, value)).ok()),
            Call::AddPlainly => found(wait(store.mutate(&KEY, Add::Plainly(Alone::default()))).ok()),
            Call::AddSlowly => found(wait(store.mutate(&KEY, Add::Slowly(Alone::default()))).ok()),
            Call::AddIfFirst => match wait(store.mutate_if(&KEY, 1, Add::Plainly(Alone::default()))) {
                Ok(entry) => Answer::Found(seen(&entry)),
                Err(MutateIfError::Conflict(now)) => Answer::Conflict(seen(&now)),
                Err(_) => Answer::Missing,
            },
            Call::AddOrCreate => {
                let add = Add::Plainly(Alone::default());
                found(wait(store.mutate_or_create(&KEY, || value, add)).ok())
            }
            Call::Remove => found(wait(store.remove(&KEY))),
            Call::Set => found(wait(store.acquire(&KEY)).map(|mut guard| guard.set(value))),
            Call::Delete => found(wait(store.acquire(&KEY)).map(|guard| guard.delete())),
        }
    }
}

fn seen(entry: &Entry<Count>) -> Seen {
    (entry.version(), entry.value().0)
}

/// What one key should be.
#[derive(Clone, Copy, Default)]
struct Model {
    entry: Option<Seen>,
    floor: u64,
}

impl Model {
    fn answer(&mut self, call: Call, thread: usize) -> Answer {
        let value = Call::value(thread);
        let first = self.floor + 1;
        let Some((version, was)) = self.entry else {
            let created = match call {
                Call::Create | Call::FetchOrCreate | Call::Insert => (first, value),
                Call::AddOrCreate => (first, value + 1),
                _ => return Answer::Missing,
            };
            self.entry = Some(created);
            return match call {
                Call::Create => Answer::Created(created),
                Call::Insert => Answer::Missing,
                _ => Answer::Found(created),
            };
        };
        let now = (version, was);
        match call {
            Call::Fetch | Call::FetchOrCreate => Answer::Found(now),
            Call::Create => Answer::Conflict(now),
            Call::AddIfFirst if version != 1 => Answer::Conflict(now),
            Call::AddPlainly | Call::AddSlowly | Call::AddIfFirst | Call::AddOrCreate => {
                self.entry = Some((version + 1, was + 1));
                Answer::Found((version + 1, was + 1))
            }
            Call::Insert | Call::Assign | Call::Set => {
                self.entry = Some((version + 1, value));
                Answer::Found(now)
            }
            Call::Remove | Call::Delete => {
                self.entry = None;
                self.floor = version + 1;
                Answer::Found((version + 1, was))
            }
        }
    }
}

/// A call that was made.
#[derive(Clone, Copy, Debug)]
struct Made {
    call: Call,
    thread: usize,
    answer: Answer,
    began: usize,
    ended: usize,
}

/// Whether there is an order of the calls in which the model answers the same and comes to the same end.
fn is_explained(model: Model, made: &[Made], entry: Option<Seen>) -> bool {
    if made.is_empty() {
        return model.entry == entry;
    }
    (0..made.len()).any(|at| {
        let next = made[at];
        let mut model = model;
        if made.iter().any(|other| other.ended < next.began)
            || model.answer(next.call, next.thread) != next.answer
        {
            return false;
        }
        let rest: Vec<Made> = made
            .iter()
            .filter(|other| other.thread != next.thread || other.began != next.began)
            .copied()
            .collect();
        is_explained(model, &rest, entry)
    })
}

/// Makes the calls of each thread, side by side with the others', and asserts that the answers are explained.
fn check(threads: Vec<Vec<Call>>, exists: bool) -> Vec<Answer> {
    let store = LiveStore::default();
    let mut model = Model::default();
    if exists {
        let created = Call::Create.make(&store, 9);
        assert_eq!(created, model.answer(Call::Create, 9));
    }
    // No step: it says when, and decides nothing.
    let time = Arc::new(AtomicUsize::new(0));
    let made: Vec<Made> = side_by_side(threads.into_iter().enumerate().map(|(thread, calls)| {
        let (store, time) = (store.clone(), Arc::clone(&time));
        act(move || {
            calls
                .into_iter()
                .map(|call| {
                    let began = time.fetch_add(1, SeqCst);
                    let answer = call.make(&store, thread);
                    let ended = time.fetch_add(1, SeqCst);
                    Made {
                        call,
                        thread,
                        answer,
                        began,
                        ended,
                    }
                })
                .collect::<Vec<_>>()
        })
    }))
    .into_iter()
    .flatten()
    .collect();
    let entry = store.fetch(&KEY);
    assert_eq!(
        store.len(),
        usize::from(entry.is_some()),
        "a slot stays linked that is no entry"
    );
    assert!(
        is_explained(model, &made, entry.as_ref().map(seen)),
        "no order explains {made:?} and then {entry:?}"
    );
    made.iter().map(|made| made.answer).collect()
}

/// All choices of so many calls, in any order.
fn choices(amount: usize, from: usize) -> Vec<Vec<Call>> {
    if amount == 0 {
        return vec![Vec::new()];
    }
    (from..CALLS.len())
        .flat_map(|first| {
            choices(amount - 1, first).into_iter().map(move |mut rest| {
                rest.insert(0, CALLS[first]);
                rest
            })
        })
        .collect()
}

/// Each call in a thread of its own, with and without an entry in the beginning.
fn side_by_side_are_explained(preemptions: usize, amount: usize) {
    let checks = choices(amount, 0).into_iter().flat_map(|calls| {
        [true, false].map(|exists| {
            let threads: Vec<Vec<Call>> = calls.iter().map(|call| vec![*call]).collect();
            move || drop(check(threads.clone(), exists))
        })
    });
    explore_each(preemptions, checks);
}

#[test]
fn any_two_calls_side_by_side_answer_as_if_one_came_after_the_other() {
    side_by_side_are_explained(3, 2);
}

#[test]
fn any_three_calls_side_by_side_answer_as_if_one_came_after_the_other() {
    side_by_side_are_explained(1, 3);
}

#[test]
fn two_who_remove_and_create_in_turn_never_meet_a_version_again() {
    let answers = explore(2, || {
        let both = vec![Call::Remove, Call::Create, Call::Fetch];
        check(vec![both.clone(), both], true)
    });
    answers.have(|answers| answers.contains(&Answer::Created((3, 100))));
    answers.have(|answers| answers.contains(&Answer::Created((5, 200))));
}

#[test]
fn an_insert_that_waits_for_who_deletes_stores_its_value() {
    let answers = explore(3, || {
        let remover = vec![Call::Delete, Call::Fetch];
        check(vec![remover, vec![Call::Insert, Call::Fetch]], true)
    });
    answers.have(|answers| answers[2] == Answer::Missing);
    answers.have(|answers| matches!(answers[2], Answer::Found(_)));
}
