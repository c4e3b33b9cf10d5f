//! [`Watch`]: one watcher of one entry.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::task::coop;
use uuid::Uuid;

use crate::entry::Entry;
use crate::ring::{Ring, Seat, Taken};
use crate::shared::Shared;
use crate::slot::{Slot, State};
use crate::update::{Control, Update};
use crate::value::LiveValue;

/// Receives every update of one entry, in order, from the moment it was made.
///
/// A watch belongs to one life of its key. When the entry ends, it receives [`Update::Remove`] or
/// [`Update::Expire`], then `None`; an entry created later under the same key is another one. When the store itself
/// ends, it receives what was still under way and then `None` alone: nothing was removed. A watch does not keep the
/// store open.
///
/// A watch that is not read costs the writer nothing: it holds at most
/// [`channel_cap`](crate::StoreOptions::channel_cap) updates together with the other watchers of the entry. If it
/// falls further behind, its next update is [`Update::Resync`] with the entry as it is then.
///
/// It cooperates with tokio's task budget, so a loop over a busy entry does not starve other tasks.
///
/// # Examples
///
/// ```
/// use livestore::{LiveStore, LiveValue, Update};
///
/// #[derive(Clone, LiveValue)]
/// struct Score { points: u32 }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = LiveStore::default();
/// let (key, mut watch) = store.init_and_watch(Score { points: 0 });
///
/// store.mutate(&key, ScoreMutation::SetPoints(5)).await.unwrap();
/// store.remove(&key).await;
///
/// assert!(matches!(watch.next().await, Some(Update::Mutate { new, .. }) if new.points == 5));
/// assert!(matches!(watch.next().await, Some(Update::Remove { .. })));
/// assert!(watch.next().await.is_none());
/// # }
/// ```
#[must_use = "a watch that is dropped receives nothing"]
pub struct Watch<V: LiveValue> {
    key: Uuid,
    /// The slot, never the key: a watch must not slide into a later life of the key.
    slot: Arc<Slot<V>>,
    ring: Arc<Ring<V>>,
    shared: Arc<Shared<V>>,
    seat: Seat,
    /// An update that was taken from the ring and not yet handed out: stays here if the user's `Clone` panics.
    taken: Option<Arc<Update<V>>>,
    /// What was missed before this watch began and is told first.
    replay: VecDeque<Arc<Update<V>>>,
    /// How many updates were missed before this watch began and cannot be told: the first update is a resync.
    lost: Option<u64>,
    /// The version that was handed out last.
    seen: u64,
    /// The end was taken.
    ended: bool,
}

impl<V: LiveValue> Watch<V> {
    /// Begins to watch a slot whose state the caller has locked.
    pub(crate) fn begin(
        key: Uuid,
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Arc<Shared<V>>,
    ) -> Watch<V> {
        let seen = state.version();
        let (ring, seat) = state.join_ring(shared);
        Watch {
            key,
            slot: Arc::clone(slot),
            ring,
            shared: Arc::clone(shared),
            seat,
            taken: None,
            replay: VecDeque::new(),
            lost: None,
            seen,
            ended: false,
        }
    }

    /// Begins to watch as if from `version` on: with the updates that followed it, or with a resync.
    pub(crate) fn begin_since(
        key: Uuid,
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Arc<Shared<V>>,
        version: u64,
    ) -> Watch<V> {
        let mut watch = Watch::begin(key, slot, state, shared);
        let now = watch.seen;
        (watch.seen, watch.replay, watch.lost) = match state.updates_since(version) {
            Some(updates) => (version, updates, None),
            // Whatever the version is, it is not one that this watch could go on from.
            None => (0, VecDeque::new(), Some(now.saturating_sub(version))),
        };
        watch
    }

    /// Returns the key that is watched.
    pub fn key(&self) -> &Uuid {
        &self.key
    }

    /// Waits for the next update. `None` when the entry has ended and that was told, or when the store has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an update is either returned or still there.
    pub async fn next(&mut self) -> Option<Update<V>> {
        poll_fn(|cx| self.poll_update(cx)).await
    }

    /// Waits for a version that this watch has not returned yet and returns the newest; what lies between is
    /// skipped, messages included. `None` when the entry or the store has ended.
    ///
    /// For whoever shows the present state and does not care how it came about.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is skipped before the newest entry is returned, but for messages.
    pub async fn newest(&mut self) -> Option<Entry<V>> {
        poll_fn(|cx| self.poll_newest(cx)).await
    }

    /// Returns the entry as it is now, or its final state if it has ended. Does not wait and consumes nothing.
    pub fn latest(&self) -> Entry<V> {
        self.slot.lock().entry(&self.shared)
    }

    /// Calls `handle` with each update, one after another, until it answers [`Control::Break`] or nothing more comes.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the update that `handle` was given last may be half handled; no other is lost.
    pub async fn on_update<F, Fut>(&mut self, mut handle: F)
    where
        F: FnMut(Update<V>) -> Fut,
        Fut: Future<Output = Control>,
    {
        while let Some(update) = self.next().await {
            if handle(update).await == Control::Break {
                return;
            }
        }
    }

    fn poll_update(&mut self, cx: &mut Context<'_>) -> Poll<Option<Update<V>>> {
        let coop = ready!(coop::poll_proceed(cx));
        if self.taken.is_none() {
            if let Some(update) = self.replay.pop_front() {
                self.taken = Some(update);
            } else if let Some(lost) = self.lost {
                self.resync(lost);
            } else if self.ended {
                return Poll::Ready(None);
            }
        }
        if self.taken.is_none() {
            match self.ring.take(&mut self.seat, cx) {
                Taken::Next(update) => self.taken = Some(update),
                Taken::End(update) => {
                    self.ended = true;
                    self.taken = Some(update);
                }
                Taken::Closed => {
                    self.ended = true;
                    return Poll::Ready(None);
                }
                Taken::Lagged => self.resync(0),
                Taken::Pending => return Poll::Pending,
            }
        }
        coop.made_progress();
        Poll::Ready(self.hand_out())
    }

    /// Gives out the update that was taken: itself if nobody else needs it, else a clone.
    fn hand_out(&mut self) -> Option<Update<V>> {
        let taken = self.taken.as_mut()?;
        let update = if Arc::get_mut(taken).is_some() {
            self.taken.take().and_then(Arc::into_inner)
        } else {
            let clone = Update::clone(taken);
            self.taken = None;
            Some(clone)
        };
        if let Some(update) = &update {
            self.seen = update.version();
        }
        update
    }

    /// Answers lag under the slot's lock, so that whatever is not in `now` is still to come.
    fn resync(&mut self, lost: u64) {
        let (now, (missed, released)) = {
            let state = self.slot.lock();
            (state.entry(&self.shared), self.ring.skip(&mut self.seat))
        };
        // Before the drop: if that panics, the resync is still there.
        let missed = missed + lost;
        self.taken = Some(Arc::new(Update::Resync { now, missed }));
        drop(released);
        self.lost = None;
    }

    fn poll_newest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Entry<V>>> {
        self.taken = None;
        // Whatever was missed before this watch began is skipped like the rest.
        let mut behind = !mem::take(&mut self.replay).is_empty() | self.lost.take().is_some();
        loop {
            // Once per turn: messages may come as fast as they are skipped.
            let coop = ready!(coop::poll_proceed(cx));
            if self.ended {
                return Poll::Ready(None);
            }
            let is_ready = mem::take(&mut behind) || self.ring.is_ready(&self.seat, cx);
            let (now, alive, closed, released) = {
                let state = self.slot.lock();
                // Newer though nothing is there: it was taken, and a panic of the user's kept it from being returned.
                if !is_ready && state.version() <= self.seen {
                    return Poll::Pending;
                }
                let closed = self.ring.is_closed();
                (
                    state.entry(&self.shared),
                    state.is_alive(),
                    closed,
                    self.ring.skip(&mut self.seat).1,
                )
            };
            coop.made_progress();
            drop(released);
            self.ended = closed || !alive;
            if alive && now.version > self.seen {
                self.seen = now.version;
                return Poll::Ready(Some(now));
            }
            // Only messages were there; they are skipped.
        }
    }
}

impl<V: LiveValue> Stream for Watch<V> {
    type Item = Update<V>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Update<V>>> {
        self.poll_update(cx)
    }
}

impl<V: LiveValue> Drop for Watch<V> {
    fn drop(&mut self) {
        let left = self
            .slot
            .lock()
            .leave_ring(&self.shared, &self.ring, &mut self.seat);
        drop(left);
    }
}

impl<V: LiveValue> fmt::Debug for Watch<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("key", &self.key)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}
