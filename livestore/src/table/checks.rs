//! [`Checks`]: whether a table is checked for expiry, and where.
//!
//! The checks are a task of the runtime that the store was built in. When that runtime has ended, the next caller that creates
//! an entry or sets a deadline has them go on in its own.
//!
//! Lock order: a leaf. Where the first runtime goes on, as in most programs, nothing is locked.

use std::future::pending;

use tokio::runtime::{Handle, Id};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::ground::sync::Mutex;
use crate::ground::unwind::caught;

/// Begins the checks in a runtime. Does nothing of the user's.
type Begin = dyn Fn(&Handle) -> Option<AbortHandle> + Send + Sync;

pub(crate) struct Checks {
    /// The task in the runtime that the store was built in. It holds the table weakly and ends with it.
    first: AbortHandle,
    /// The task in the runtime where the checks went on after that.
    later: Mutex<Option<AbortHandle>>,
    /// Runtimes without timers, each with a task that ends with it: its id may be given to another then.
    timeless: Mutex<Vec<(Id, AbortHandle)>>,
    begin: Box<Begin>,
}

impl Checks {
    pub(crate) fn new(first: AbortHandle, begin: Box<Begin>) -> Checks {
        Checks {
            first,
            later: Mutex::new(None),
            timeless: Mutex::new(Vec::new()),
            begin,
        }
    }

    /// Whether there is a task whose runtime has not ended.
    pub(crate) fn go_on(&self) -> bool {
        !self.first.is_finished() || is_running(self.later.lock().as_ref())
    }

    /// Has the checks go on here, if their own runtime has ended. Returns whether they do.
    pub(crate) fn resume(&self) -> bool {
        self.go_on()
            || Handle::try_current().is_ok_and(|runtime| self.has_timers(&runtime) && self.begin_in(&runtime))
    }

    /// Whether the present runtime has timers.
    ///
    /// That can be asked only by making one, which panics if it has none, and the program's panic hook hears of that. So it
    /// is asked here, with nothing locked, and of each runtime without timers once, or once by each thread that comes first.
    fn has_timers(&self, runtime: &Handle) -> bool {
        let is_known = {
            let mut timeless = self.timeless.lock();
            timeless.retain(|(_, witness)| !witness.is_finished());
            timeless.iter().any(|(id, _)| *id == runtime.id())
        };
        if is_known {
            return false;
        }
        let has_timers = caught(|| drop(sleep_until(Instant::now()))).is_ok();
        if !has_timers {
            let witness = runtime.spawn(pending::<()>()).abort_handle();
            self.timeless.lock().push((runtime.id(), witness));
        }
        has_timers
    }

    fn begin_in(&self, runtime: &Handle) -> bool {
        let mut later = self.later.lock();
        if !is_running(later.as_ref()) {
            *later = (self.begin)(runtime);
        }
        // The runtime may be about to end.
        is_running(later.as_ref())
    }

    /// Ends the task.
    pub(crate) fn abort(&self) {
        self.first.abort();
        if let Some(task) = self.later.lock().as_ref() {
            task.abort();
        }
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        self.timeless
            .lock()
            .iter()
            .for_each(|(_, witness)| witness.abort());
    }
}

fn is_running(task: Option<&AbortHandle>) -> bool {
    task.is_some_and(|task| !task.is_finished())
}
