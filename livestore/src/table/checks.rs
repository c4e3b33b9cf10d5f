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
    has_timers: bool,
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
        let has_timers = self.note(&here);
        self.last.store(number, Ordering::Relaxed);
        self.go_on() || (has_timers && self.begin_in(&here))
    }

    /// Notes a runtime that the caller is in. Returns whether it has timers.
    ///
    /// That can be asked only by making one, which panics if it has none, and the program's panic hook hears of that. So it
    /// is asked here, with nothing locked, and of each runtime once, or once by each thread that comes first.
    fn note(&self, here: &Handle) -> bool {
        let known = {
            let mut state = self.state.lock();
            if state.task.as_ref().is_some_and(|task| task.runtime == here.id()) {
                return true;
            }
            // The id of one that has ended may be given to another.
            state.noted.retain(|noted| !noted.witness.is_finished());
            let mut noted = state.noted.iter();
            noted
                .find(|noted| noted.runtime.id() == here.id())
                .map(|noted| noted.has_timers)
        };
        known.unwrap_or_else(|| {
            let has_timers = caught(|| drop(sleep_until(Instant::now()))).is_ok();
            let noted = Noted {
                runtime: here.clone(),
                has_timers,
                witness: here.spawn(pending::<()>()).abort_handle(),
            };
            self.state.lock().noted.push(noted);
            has_timers
        })
    }

    /// Has the checks begin in a runtime with timers, unless they go on somewhere. Returns whether they go on.
    pub(crate) fn begin_in(&self, runtime: &Handle) -> bool {
        let run = {
            let mut state = self.state.lock();
            if state.task.is_some() {
                return true;
            }
            state.runs += 1;
            let run = Run(state.runs);
            state.task = Some(Task {
                run,
                runtime: runtime.id(),
            });
            // It has a task that ends with it.
            let noted = state
                .noted
                .iter()
                .position(|noted| noted.runtime.id() == runtime.id());
            if let Some(noted) = noted {
                state.noted.swap_remove(noted).witness.abort();
            }
            self.go_on.store(true, Ordering::Release);
            run
        };
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
        while !self.go_on()
            && let Some(next) = self.take_noted()
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
        }
        was_it
    }

    /// A runtime with timers that has not ended.
    fn take_noted(&self) -> Option<Handle> {
        let mut state = self.state.lock();
        let goes_on = |noted: &Noted| noted.has_timers && !noted.witness.is_finished();
        let at = state.noted.iter().position(goes_on)?;
        let noted = state.noted.swap_remove(at);
        noted.witness.abort();
        Some(noted.runtime)
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        let noted = std::mem::take(&mut self.state.lock().noted);
        noted.iter().for_each(|noted| noted.witness.abort());
    }
}
