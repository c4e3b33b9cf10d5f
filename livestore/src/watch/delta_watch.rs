//! [`DeltaWatch`]: one watcher of one entry that is told mutations without values.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::task::coop;
use uuid::Uuid;

use crate::slot::hand::Hand;
use crate::slot::reader::Reader;
use crate::slot::ring::{Sitter, Wait};
use crate::slot::shared;
use crate::slot::slot::{Slot, State};
use crate::value::delta::Delta;
use crate::value::entry::Entry;
use crate::value::shared::Shared;
use crate::value::value::LiveValue;

/// Receives every mutation of one entry with the version that it led to, in order, and no values.
///
/// From [`LiveStore::watch_deltas`](crate::LiveStore::watch_deltas). Nobody keeps the values before and after, so a
/// mutation can change a large value in place while it is watched; and a delta is as small as its mutation, which is
/// what goes to a client that keeps a replica.
///
/// Everything else is as with [`Watch`](crate::Watch): one life of the key, the end with its cause, then `None`;
/// [`Delta::Resync`] for who falls behind.
///
/// # Examples
///
/// ```
/// use livestore::{Delta, LiveStore, LiveValue};
///
/// #[derive(Clone, LiveValue)]
/// struct Board {
///     #[live(push)]
///     lines: Vec<String>,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = LiveStore::default();
/// let key = store.init(Board { lines: vec![] });
///
/// let (entry, mut deltas) = store.fetch_and_watch_deltas(&key).unwrap();
/// let mut replica = Board::clone(&entry);
/// drop(entry);
///
/// // In place: nobody keeps the board.
/// store.mutate(&key, BoardMutation::PushLines("hello".into())).await.ok();
///
/// if let Some(Delta::Mutate { mutn, .. }) = deltas.next().await {
///     replica.apply(&mutn).ok();
/// }
/// assert_eq!(replica.lines, ["hello"]);
/// # }
/// ```
#[must_use = "a watch that is dropped receives nothing"]
pub struct DeltaWatch<V: LiveValue> {
    reader: Reader<V>,
    hand: Hand<V>,
}

impl<V: LiveValue> DeltaWatch<V> {
    /// Begins to watch a slot whose state the caller has locked.
    pub(crate) fn begin(
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Arc<shared::Shared<V>>,
    ) -> DeltaWatch<V> {
        DeltaWatch {
            reader: Reader::begin(slot, state, shared, false, Sitter::Task(None)),
            hand: Hand::empty(),
        }
    }

    /// Begins to watch as if from `version` on: with what followed it, or with a resync.
    pub(crate) fn begin_since(
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Arc<shared::Shared<V>>,
        version: u64,
    ) -> DeltaWatch<V> {
        let mut watch = DeltaWatch::begin(slot, state, shared);
        watch.reader.resume(state, version);
        watch
    }

    /// Returns the key that is watched.
    pub fn key(&self) -> &Uuid {
        self.reader.key()
    }

    /// Waits for the next delta. `None` when the entry has ended and that was told, or when the store has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a delta is either returned or still there.
    pub async fn next(&mut self) -> Option<Delta<V>> {
        poll_fn(|cx| self.poll_delta(cx)).await
    }

    /// Waits for the next delta, as [`next`](Self::next) does, and returns it as it is shared by all who are told no values,
    /// without a copy of the mutation.
    ///
    /// Where somebody watches with values, it is a delta of its own, made from the update.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a delta is either returned or still there.
    pub fn next_shared(&mut self) -> impl Future<Output = Option<Shared<Delta<V>>>> + Send {
        poll_fn(|cx| {
            ready!(self.poll_take(cx));
            Poll::Ready(self.hand.shared_delta().map(Shared::new))
        })
    }

    /// Returns the next delta if there is one now. As [`Watch::try_next`](crate::Watch::try_next).
    pub fn try_next(&mut self) -> Option<Delta<V>> {
        self.take(Wait::No);
        self.hand.delta()
    }

    /// Returns the next delta if there is one now, shared as by [`next_shared`](Self::next_shared).
    pub fn try_next_shared(&mut self) -> Option<Shared<Delta<V>>> {
        self.take(Wait::No);
        self.hand.shared_delta().map(Shared::new)
    }

    /// Returns whether the end was received, or the store has ended and everything was received: nothing more comes.
    pub fn is_over(&self) -> bool {
        self.reader.has_ended() && self.hand.is_empty()
    }

    /// Returns the entry as it is now, or its final state if it has ended. Does not wait and consumes nothing.
    ///
    /// While the entry is kept, mutations copy the value.
    pub fn latest(&self) -> Entry<V> {
        self.reader.latest()
    }

    fn poll_delta(&mut self, cx: &mut Context<'_>) -> Poll<Option<Delta<V>>> {
        ready!(self.poll_take(cx));
        Poll::Ready(self.hand.delta())
    }

    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx));
        if !self.take(Wait::Task(cx)) {
            return Poll::Pending;
        }
        coop.made_progress();
        Poll::Ready(())
    }

    /// Takes the next delta, unless one is there. Returns whether there is one, or nothing more comes.
    fn take(&mut self, wait: Wait<'_, '_>) -> bool {
        !self.hand.is_empty() || self.reader.take(&mut self.hand, wait)
    }
}

impl<V: LiveValue> Stream for DeltaWatch<V> {
    type Item = Delta<V>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delta<V>>> {
        self.poll_delta(cx)
    }
}

impl<V: LiveValue> fmt::Debug for DeltaWatch<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeltaWatch")
            .field("key", self.key())
            .finish_non_exhaustive()
    }
}
