//! Calls that hold an entry.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::coop;
use uuid::Uuid;

use crate::ground::trace;
use crate::slot::hold::{Acquire, Hold};
use crate::slot::slot::Slot;
use crate::store::guard::EntryGuard;
use crate::store::place::Place;
use crate::store::store::LiveStore;
use crate::value::error::{AcquireError, TryAcquireError};
use crate::value::value::LiveValue;

impl<V: LiveValue> LiveStore<V> {
    /// Waits until the entry is free and holds it. `None` if the key has no entry, or loses it while this waits.
    ///
    /// Who waits is served in the order of first polls. If the entry is removed meanwhile, everybody looks the key up
    /// again and queues up for the new entry, if there is one.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped while it waits, it leaves the queue; dropped when the entry was just granted to it, it
    /// passes the entry on.
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    #[must_use = "the entry is released when the guard is dropped"]
    pub async fn acquire(&self, key: &Uuid) -> Option<EntryGuard<V>> {
        self.at(key).acquire().await
    }

    /// Holds the entry if it is free. Does not wait.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::Missing`] if the key has no entry, [`TryAcquireError::Held`] if somebody holds it, or is
    /// about to.
    pub fn try_acquire(&self, key: &Uuid) -> Result<EntryGuard<V>, TryAcquireError> {
        self.at(key).try_acquire()
    }

    /// Waits for at most `limit` until the entry is free and holds it.
    ///
    /// A `limit` of zero tries once. A `limit` that no clock can count, such as `Duration::MAX`, is no limit.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Missing`] if the key has no entry, or loses it while this waits; [`AcquireError::TimedOut`] if
    /// others had it for the whole time.
    ///
    /// # Panics
    ///
    /// If it has to wait outside a tokio runtime with time enabled.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn acquire_timeout(&self, key: &Uuid, limit: Duration) -> Result<EntryGuard<V>, AcquireError> {
        self.at(key).acquire_timeout(limit).await
    }
}

/// The same wherever the entry is found.
impl<V: LiveValue> Place<'_, V> {
    pub(in crate::store) async fn acquire(self) -> Option<EntryGuard<V>> {
        let hold = self.hold().await?;
        Some(EntryGuard::new(Arc::clone(self.table()), hold))
    }

    pub(in crate::store) fn try_acquire(self) -> Result<EntryGuard<V>, TryAcquireError> {
        match self.try_hold() {
            None => Err(TryAcquireError::Missing),
            Some(Err(_)) => Err(TryAcquireError::Held),
            Some(Ok(hold)) => Ok(EntryGuard::new(Arc::clone(self.table()), hold)),
        }
    }

    pub(in crate::store) async fn acquire_timeout(
        self,
        limit: Duration,
    ) -> Result<EntryGuard<V>, AcquireError> {
        self.take_turn().await;
        let mut hold = pin!(self.queue());
        // A timer is made only if there is something to wait for.
        let at_once = poll_fn(|cx| match hold.as_mut().poll(cx) {
            Poll::Ready(hold) => Poll::Ready(Some(hold)),
            Poll::Pending => Poll::Ready(None),
        })
        .await;
        let hold = match at_once {
            Some(hold) => hold,
            None if limit.is_zero() => return Err(AcquireError::TimedOut),
            None => {
                // Not through the timer: the waker that it keeps may panic when it is dropped, and then what is on its way out
                // of there would be forgotten, and the entry held for ever.
                let mut in_time = None;
                let turn = async { in_time = Some(hold.await) };
                let _ = tokio::time::timeout(limit, turn).await;
                in_time.ok_or(AcquireError::TimedOut)?
            }
        };
        match hold {
            Some(hold) => Ok(EntryGuard::new(Arc::clone(self.table()), hold)),
            None => Err(AcquireError::Missing),
        }
    }

    /// Waits for a hold of the entry. `None` if there is none.
    pub(in crate::store) async fn hold(self) -> Option<Hold<V>> {
        self.take_turn().await;
        self.queue().await
    }

    /// Takes one unit of the task's budget. If there is none, it gives way first.
    async fn take_turn(self) {
        if !proceed().await {
            self.give_way().await;
        }
    }

    /// Lets other tasks run first, for the task's budget is used up, unless the entry is held: the place in its queue counts
    /// from the first poll.
    ///
    /// An entry that is free stays free meanwhile. Held by a task that does not run, it would gather a queue that never
    /// ends.
    pub(in crate::store) async fn give_way(self) {
        let held = self.peek(|_, state| state.is_held());
        if held != Some(true) {
            coop::consume_budget().await;
        }
    }

    /// Waits for a hold of the entry, and then, with it, while too much waits for the disk, so that turns stay as they
    /// were. Who finds no entry waits too, because it may be about to create one.
    async fn queue(self) -> Option<Hold<V>> {
        let hold = self.line_up().await;
        #[cfg(feature = "durable")]
        self.shared().room().await;
        hold
    }

    async fn line_up(self) -> Option<Hold<V>> {
        loop {
            let slot = match self.try_hold()? {
                Ok(hold) => return Some(hold),
                Err(slot) => slot,
            };
            if let Ok(hold) = trace::waiting(self.key(), Acquire::new(slot, self.shared())).await {
                return Some(hold);
            }
            // The entry was removed while we waited; the key may have another by now.
        }
    }

    /// Holds the entry if it is free, or returns the slot to wait for. `None` if the key has no entry.
    fn try_hold(self) -> Option<Result<Hold<V>, Arc<Slot<V>>>> {
        let shared = self.shared();
        self.look(|slot, state| {
            if state.try_hold(shared) {
                Ok(Hold::taken(slot, shared))
            } else {
                Err(Arc::clone(slot))
            }
        })
    }
}

/// Takes one unit of the task's budget, and does not wait if there is none: then the task is woken anyhow. Returns
/// whether there was one.
pub(crate) async fn proceed() -> bool {
    poll_fn(|cx| match coop::poll_proceed(cx) {
        Poll::Ready(budget) => {
            budget.made_progress();
            Poll::Ready(true)
        }
        Poll::Pending => Poll::Ready(false),
    })
    .await
}
