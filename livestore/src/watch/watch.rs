//! [`Watch`]: one watcher of one entry.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::task::coop;
use uuid::Uuid;

use crate::ground::unwind::let_go;
use crate::slot::hand::Hand;
use crate::slot::reader::Reader;
use crate::slot::ring::{Sitter, Wait};
use crate::slot::shared;
use crate::slot::slot::{Slot, State};
use crate::value::entry::Entry;
use crate::value::shared::Shared;
use crate::value::update::{Control, Update};
use crate::value::value::LiveValue;

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
/// It cooperates with tokio's task budget, so a loop over a busy entry does not starve other tasks. When the budget is used up,
/// it is pending until the task has given way, though there may be an update: `next().now_or_never()` then is `None`, and so is
/// `now_or_never` of the stream. Whoever does not want to wait calls [`try_next`](Self::try_next).
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
    reader: Reader<V>,
    hand: Hand<V>,
    /// The version that was handed out last.
    seen: u64,
}

impl<V: LiveValue> Watch<V> {
    /// Begins to watch a slot whose state the caller has locked.
    pub(crate) fn begin(
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Arc<shared::Shared<V>>,
    ) -> Watch<V> {
        Watch {
            reader: Reader::begin(slot, state, shared, true, Sitter::Task(None)),
            hand: Hand::empty(),
            seen: state.version(),
        }
    }

    /// Begins to watch as if from `version` on: with the updates that followed it, or with a resync.
    pub(crate) fn begin_since(
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Arc<shared::Shared<V>>,
        version: u64,
    ) -> Watch<V> {
        let mut watch = Watch::begin(slot, state, shared);
        // Whatever the version is that is not kept, it is not one that this watch could go on from.
        watch.seen = if watch.reader.resume(state, version) {
            version
        } else {
            0
        };
        watch
    }

    /// Returns the key that is watched.
    pub fn key(&self) -> &Uuid {
        self.reader.key()
    }

    /// Waits for the next update. `None` when the entry has ended and that was told, or when the store has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an update is either returned or still there.
    #[expect(
        clippy::should_implement_trait,
        reason = "named as everywhere where one waits for the next"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Update<V>>> + Send {
        // Not an `async fn`: an update is large, and that would move it once more.
        poll_fn(|cx| self.poll_update(cx))
    }

    /// Waits for the next update, as [`next`](Self::next) does, and returns it as it is shared by all watchers, without a copy.
    ///
    /// For whoever reads an update, or passes it on: an update of a large mutation or message costs as much as one of a small
    /// one, and no `Clone` of yours runs.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an update is either returned or still there.
    pub fn next_shared(&mut self) -> impl Future<Output = Option<Shared<Update<V>>>> + Send {
        poll_fn(|cx| self.poll_shared(cx))
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

    /// Returns the next update if there is one now. Does not wait, and asks for none of the task's budget: for who comes by
    /// anyhow, in a game's tick for example. `None` also when nothing more comes, which [`is_over`](Self::is_over) tells.
    ///
    /// In a loop that is driven by [`next`](Self::next), use that: `next().now_or_never()` is `None` as well when the budget of
    /// the task is used up, though there may be an update.
    pub fn try_next(&mut self) -> Option<Update<V>> {
        self.copy().or_else(|| {
            self.take(Wait::No);
            self.hand_out()
        })
    }

    /// Returns the next update if there is one now, as [`try_next`](Self::try_next) does, and as it is shared by all watchers.
    pub fn try_next_shared(&mut self) -> Option<Shared<Update<V>>> {
        self.now().or_else(|| {
            self.take(Wait::No);
            self.hand_out_shared()
        })
    }

    /// Returns whether the end was received, or the store has ended and everything was received: nothing more comes.
    pub fn is_over(&self) -> bool {
        self.reader.has_ended() && self.hand.is_empty()
    }

    /// Returns the entry as it is now, or its final state if it has ended. Does not wait and consumes nothing.
    pub fn latest(&self) -> Entry<V> {
        self.reader.latest()
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
        let copy = self.copy();
        if copy.is_none() && !self.take(Wait::Task(cx)) {
            return Poll::Pending;
        }
        coop.made_progress();
        Poll::Ready(copy.or_else(|| self.hand_out()))
    }

    /// Takes a copy of the next update, if there is one of which that is easily made.
    #[inline]
    fn copy(&mut self) -> Option<Update<V>> {
        if !self.hand.is_empty() {
            return None;
        }
        let update = self.reader.copy(&mut self.hand)?;
        self.seen = update.version();
        Some(update)
    }

    fn poll_shared(&mut self, cx: &mut Context<'_>) -> Poll<Option<Shared<Update<V>>>> {
        let coop = ready!(coop::poll_proceed(cx));
        let update = self.now();
        if update.is_none() && !self.take(Wait::Task(cx)) {
            return Poll::Pending;
        }
        coop.made_progress();
        Poll::Ready(update.or_else(|| self.hand_out_shared()))
    }

    /// Takes the next update as it is shared, if there is one.
    #[inline]
    fn now(&mut self) -> Option<Shared<Update<V>>> {
        if !self.hand.is_empty() {
            return None;
        }
        let update = self.reader.now()?;
        self.seen = update.version();
        Some(Shared::new(update))
    }

    /// Takes the next update, unless one is there. Returns whether there is one, or nothing more comes.
    fn take(&mut self, wait: Wait<'_, '_>) -> bool {
        !self.hand.is_empty() || self.reader.take(&mut self.hand, wait)
    }

    fn hand_out(&mut self) -> Option<Update<V>> {
        let version = self.hand.as_update()?.version();
        let update = self.hand.update();
        // If the user's `Clone` panics, it was not seen.
        self.seen = version;
        update
    }

    fn hand_out_shared(&mut self) -> Option<Shared<Update<V>>> {
        let update = self.hand.shared_update()?;
        self.seen = update.version();
        Some(Shared::new(update))
    }

    /// Lets go of what comes before the news. What has been handed out is not lost by a panic here.
    fn skip_earlier(&mut self) {
        let_go(self.hand.clear());
        self.reader.skip_earlier();
    }

    fn poll_newest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Entry<V>>> {
        loop {
            // First, so that nothing is skipped without it; and once per turn: messages may come as fast as they are skipped.
            let coop = ready!(coop::poll_proceed(cx));
            // Whatever was missed before this watch began is skipped like the rest.
            let behind = self.reader.is_behind() || !self.hand.is_empty();
            if self.reader.has_ended() {
                coop.made_progress();
                self.skip_earlier();
                return Poll::Ready(None);
            }
            let now = ready!(self.reader.poll_skip(cx, behind, self.seen));
            coop.made_progress();
            let newest = now.filter(|now| now.version() > self.seen);
            self.seen = newest.as_ref().map_or(self.seen, |now| now.version());
            self.skip_earlier();
            if newest.is_some() {
                return Poll::Ready(newest);
            }
            // Only messages were there, or the end; they are skipped.
        }
    }
}

impl<V: LiveValue> Stream for Watch<V> {
    type Item = Update<V>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Update<V>>> {
        self.poll_update(cx)
    }
}

impl<V: LiveValue> fmt::Debug for Watch<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("key", self.key())
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}
