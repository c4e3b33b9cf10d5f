//! [`Tracked`]: a value that knows how many of it there are, and notices who changes it beside a holder.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;

use livestore::{Entry, LiveValue};

/// Counts those that exist.
#[derive(Debug)]
pub(crate) struct Alive(Arc<AtomicI64>);

impl Alive {
    pub(crate) fn new(count: &Arc<AtomicI64>) -> Alive {
        count.fetch_add(1, Ordering::SeqCst);
        Alive(Arc::clone(count))
    }
}

impl Clone for Alive {
    fn clone(&self) -> Self {
        Alive::new(&self.0)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Set while somebody has the exclusive right to one key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canary(Arc<AtomicBool>);

impl Canary {
    pub(crate) fn enter(&self) {
        assert!(!self.0.swap(true, Ordering::SeqCst), "two have one entry");
    }

    pub(crate) fn leave(&self) {
        assert!(self.0.swap(false, Ordering::SeqCst), "somebody else has left");
    }

    fn is_free(&self) -> bool {
        !self.0.load(Ordering::SeqCst)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Tracked {
    /// Grows by one with each mutation, but for moves.
    pub(crate) count: i64,
    /// Moved between entries, never made or lost.
    pub(crate) units: i64,
    pub(crate) canary: Canary,
    pub(crate) _alive: Alive,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// On a copy, which takes its time.
    Slowly,
    /// In place where that can be.
    AtOnce,
    /// By who has the entry.
    Held,
    /// Units from or to another entry, by who has both.
    Move(i64),
    Refuse,
}

impl LiveValue for Tracked {
    type Message = &'static str;
    type Mutation = Change;
    type MutError = ();

    fn mutate(entry: &Entry<Self>, mutation: &Change) -> Result<Self, ()> {
        let mut next = Tracked::clone(entry.value());
        if let Change::Slowly = mutation {
            next.canary.enter();
            if entry.version().is_multiple_of(3) {
                thread::yield_now();
            }
            (0..entry.version() % 64).for_each(|_| spin_loop());
            next.canary.leave();
        }
        next.apply(mutation)?;
        Ok(next)
    }

    fn apply(&mut self, mutation: &Change) -> Result<(), ()> {
        match mutation {
            Change::AtOnce => {
                assert!(self.canary.is_free(), "changed beside who has the entry");
                self.count += 1;
            }
            Change::Slowly | Change::Held => self.count += 1,
            Change::Move(units) => self.units += units,
            Change::Refuse => return Err(()),
        }
        Ok(())
    }

    fn __is_plain(mutation: &Change) -> bool {
        !matches!(mutation, Change::Slowly)
    }

    /// Sometimes, so that both ways are gone.
    fn __copy(&self) -> Option<Self> {
        (self.count % 3 != 0).then(|| self.clone())
    }
}
