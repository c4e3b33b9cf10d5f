//! [`Checks`]: whether a table is checked for expiry, and where.
//!
//! The checks are a task of one runtime, at first of that which the store was built in. Others are noted when somebody creates
//! an entry or sets a deadline there. When the runtime of the checks ends, they go on in one that was noted, or else in that of
//! the next caller.
//!
//! Lock order: a leaf. A task is spawned with nothing locked: a runtime that has ended drops it at once, and with it its
//! [`Run`], which comes back here.

use std::future::pending;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use tokio::runtime::{Handle, Id};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::ground::sync::Mutex;
use crate::ground::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::ground::unwind::caught;

/// Which task it is, of those that have checked one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run(u64);

/// Begins the checks in a runtime, unless there is no table any more. Does nothing of the user's. Whatever ends the task has [`Checks::ended`] called.
type Begin = dyn Fn(&Handle, Run) -> bool + Send + Sync;

pub(crate) struct Checks {
    /// Whether there is a task. Changed under the lock.
    go_on: AtomicBool,
    /// The runtime that was here last, as a number: most programs have one, and nothing else is looked at there.
    last: AtomicU64,
    state: Mutex<State>,
    begin: Box<Begin>,
}

struct State {
    /// The task that checks. It holds the table weakly and ends with it.
    task: Option<Task>,
    runs: u64,
    /// Other runtimes.
    noted: Vec<Noted>,
}

struct Task {
    run: Run,
    runtime: Id,
}

struct Noted {
    runtime: Handle,
    /// Found to have no timers, when somebody was to check there.
    is_timeless: bool,
    /// Ends with its runtime.
    witness: AbortHandle,
}

impl Checks {
    pub(crate) fn new(begin: Box<Begin>) -> Checks {
        Checks {
            go_on: AtomicBool::new(false),
            last: AtomicU64::new(0),
            state: Mutex::new(State {
                task: None,
                runs: 0,
                noted: Vec::new(),
            }),
            begin,
        }
    }

    /// Whether there is a task whose runtime has not ended.
    pub(crate) fn go_on(&self) -> bool {
        self.go_on.load(Ordering::Acquire)
    }

    /// Notes the present runtime, and has the checks go on here if their own has ended. Returns whether they go on.
    pub(crate) fn resume(&self) -> bool {
        let Ok(here) = Handle::try_current() else {
            return self.go_on();
        };
        let number = FixedState::default().hash_one(here.id());
        if self.go_on() && self.last.load(Ordering::Relaxed) == number {
            return true;
        }
        // Where they begin here, the runtime need not be noted.
        let cannot = !self.go_on() && !self.begin_in(&here);
        self.note(&here, cannot);
        self.last.store(number, Ordering::Relaxed);
        // Asked when it is noted: if their runtime ends just now, either that has found this one, or this finds that.
        self.go_on() || (!cannot && self.begin_in(&here))
    }

    /// Notes a runtime, unless the checks are there.
    fn note(&self, here: &Handle, is_timeless: bool) {
        let (is_known, ended) = {
            let mut state = self.state.lock();
            let ended = state.forget_ended();
            (state.is_checked_in(here) || state.noted(here).is_some(), ended)
        };
        drop(ended);
        if is_known {
            return;
        }
        let noted = Noted {
            runtime: here.clone(),
            is_timeless,
            witness: here.spawn(pending::<()>()).abort_handle(),
        };
        let superfluous = {
            let mut state = self.state.lock();
            if state.is_checked_in(here) || state.noted(here).is_some() {
                Some(noted)
            } else {
                state.noted.push(noted);
                None
            }
        };
        if let Some(noted) = superfluous {
            noted.witness.abort();
        }
    }

    /// Has the checks begin in a runtime, unless they go on somewhere. Returns whether they go on.
    pub(crate) fn begin_in(&self, runtime: &Handle) -> bool {
        let is_timeless = {
            let mut state = self.state.lock();
            if state.task.is_some() {
                return true;
            }
            state.noted(runtime).is_some_and(|noted| noted.is_timeless)
        };
        if is_timeless {
            return false;
        }
        // Whether there are timers can be asked only by making one, which panics if there are none, and the program's panic
        // hook hears of that. So it is asked only of a runtime that is needed, with nothing locked, and once.
        let has_timers = caught(|| {
            let _there = runtime.enter();
            drop(sleep_until(Instant::now()));
        });
        let (run, noted) = {
            let mut state = self.state.lock();
            if has_timers.is_err() {
                if let Some(noted) = state.noted(runtime) {
                    noted.is_timeless = true;
                }
                return false;
            }
            if state.task.is_some() {
                return true;
            }
            state.runs += 1;
            let run = Run(state.runs);
            state.task = Some(Task {
                run,
                runtime: runtime.id(),
            });
            self.go_on.store(true, Ordering::Release);
            // It has a task that ends with it.
            let at = state
                .noted
                .iter()
                .position(|noted| noted.runtime.id() == runtime.id());
            (run, at.map(|at| state.noted.swap_remove(at)))
        };
        if let Some(noted) = noted {
            noted.witness.abort();
        }
        if !(self.begin)(runtime, run) {
            self.forget(run);
        }
        // If the runtime has ended meanwhile, that has been seen to.
        self.go_on()
    }

    /// A task has ended. If that was because its runtime has, the checks go on in another, if one is known.
    pub(crate) fn ended(&self, run: Run) {
        if !self.forget(run) {
            return;
        }
        // Whichever is tried has the checks, or is known not to be able to have them.
        while !self.go_on()
            && let Some(next) = self.next_noted()
        {
            self.begin_in(&next);
        }
    }

    /// Returns whether it was the one that checked.
    fn forget(&self, run: Run) -> bool {
        let mut state = self.state.lock();
        let was_it = state.task.as_ref().is_some_and(|task| task.run == run);
        if was_it {
            state.task = None;
            self.go_on.store(false, Ordering::Release);
            // Whoever was here last may have been noted no more.
            self.last.store(0, Ordering::Relaxed);
        }
        was_it
    }

    /// A runtime that may check and has not ended.
    fn next_noted(&self) -> Option<Handle> {
        let state = self.state.lock();
        let may_check = |noted: &&Noted| !noted.is_timeless && !noted.witness.is_finished();
        state
            .noted
            .iter()
            .find(may_check)
            .map(|noted| noted.runtime.clone())
    }
}

impl State {
    fn noted(&mut self, runtime: &Handle) -> Option<&mut Noted> {
        self.noted
            .iter_mut()
            .find(|noted| noted.runtime.id() == runtime.id())
    }

    /// Takes out those that have ended, whose ids may be given to others; to be dropped with nothing locked.
    fn forget_ended(&mut self) -> Vec<Noted> {
        self.noted
            .extract_if(.., |noted| noted.witness.is_finished())
            .collect()
    }

    fn is_checked_in(&self, runtime: &Handle) -> bool {
        self.task
            .as_ref()
            .is_some_and(|task| task.runtime == runtime.id())
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        let noted = std::mem::take(&mut self.state.lock().noted);
        noted.iter().for_each(|noted| noted.witness.abort());
    }
}
