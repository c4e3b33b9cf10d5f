//! [`Count`]: the value that checks keep in a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use shuttle::thread::yield_now;

use crate::ground::sync::assert_nothing_locked;
use crate::value::entry::Entry;
use crate::value::value::LiveValue;

/// Counts its mutations. Made with 0, it is one less than its version as long as nothing but mutations happened.
///
/// Its methods, and what clones and drops it and its mutations, assert that nothing is locked.
#[derive(Debug)]
pub(crate) struct Count(pub(crate) u64);

impl Clone for Count {
    fn clone(&self) -> Count {
        assert_nothing_locked();
        Count(self.0)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        assert_nothing_locked();
    }
}

/// Adds 1.
#[derive(Clone)]
pub(crate) enum Add {
    /// In one step, in place where that can be.
    Plainly(Alone),
    /// As user code that takes its time.
    Slowly(Alone),
    /// As user code that panics.
    Panicking,
    /// As user code that refuses.
    Refused,
    /// As user code, with something that is done wherever it is dropped.
    AndThen(#[expect(dead_code, reason = "it is here to be dropped")] OnDrop),
    /// The same, but refused.
    RefusedAndThen(#[expect(dead_code, reason = "it is here to be dropped")] OnDrop),
}

/// Does something when it is dropped, whoever drops it.
#[derive(Clone)]
pub(crate) struct OnDrop(Arc<dyn Fn() + Send + Sync>);

impl OnDrop {
    pub(crate) fn new(run: impl Fn() + Send + Sync + 'static) -> OnDrop {
        OnDrop(Arc::new(run))
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        assert_nothing_locked();
        (self.0)();
    }
}

/// Who has the exclusive right to an entry, as the check sees it. No step, so it hides no order from the checker.
#[derive(Debug, Default)]
pub(crate) struct Alone(Arc<AtomicUsize>);

impl Clone for Alone {
    fn clone(&self) -> Alone {
        assert_nothing_locked();
        Alone(Arc::clone(&self.0))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        assert_nothing_locked();
    }
}

/// Until it is dropped, nobody else may have the right.
pub(crate) struct Inside(Alone);

impl Alone {
    pub(crate) fn enter(&self) -> Inside {
        assert_eq!(
            self.0.fetch_add(1, SeqCst),
            0,
            "two have the exclusive right at once"
        );
        Inside(self.clone())
    }

    /// Asserts that nobody has the right.
    pub(crate) fn is_free(&self) {
        assert_eq!(
            self.0.load(SeqCst),
            0,
            "changed while somebody else had the exclusive right"
        );
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, SeqCst);
    }
}

impl LiveValue for Count {
    type Message = &'static str;
    type Mutation = Add;
    type MutError = &'static str;

    fn mutate(entry: &Entry<Self>, mutation: &Add) -> Result<Self, &'static str> {
        assert_nothing_locked();
        let more = Count(entry.0 + 1);
        match mutation {
            Add::Plainly(alone) | Add::Slowly(alone) => {
                let _inside = alone.enter();
                yield_now();
                Ok(more)
            }
            // Unlike a panic that starts, one that goes on prints nothing.
            Add::Panicking => std::panic::resume_unwind(Box::new("this mutation panics")),
            Add::AndThen(_) => Ok(more),
            Add::Refused | Add::RefusedAndThen(_) => Err("refused"),
        }
    }

    fn apply(&mut self, mutation: &Add) -> Result<(), &'static str> {
        match mutation {
            Add::Plainly(alone) => {
                alone.is_free();
                self.0 += 1;
                Ok(())
            }
            other => {
                *self = Count::mutate(&Entry::new(self.clone()), other)?;
                Ok(())
            }
        }
    }

    fn __is_plain(mutation: &Add) -> bool {
        matches!(mutation, Add::Plainly(_))
    }

    /// Sometimes, so that both ways are gone.
    fn __copy(&self) -> Option<Self> {
        self.0.is_multiple_of(2).then(|| Count(self.0))
    }
}
