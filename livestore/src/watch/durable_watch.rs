//! [`DurableWatch`]: one watcher of one entry who is told what is on disk.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use uuid::Uuid;

use crate::slot::shared::Shared;
use crate::value::update::Update;
use crate::value::value::LiveValue;
use crate::watch::watch::Watch;

/// Receives every update of one entry, as a [`Watch`] does, but not before it is on disk: what it has told, no crash takes
/// back. From [`LiveStore::watch_durable`](crate::LiveStore::watch_durable).
///
/// It waits for the disk and does not hurry it: an update comes when its batch has been written, after a
/// [`flush`](crate::LiveStore::flush) or one [interval](crate::Durability::Interval) at the latest; where the entry has changed
/// again by the time at which it is asked for, with that change. Updates that come meanwhile wait as for any watch; who falls behind receives a [`Resync`](Update::Resync), and that waits as well. An
/// update whose value cannot be written comes when the entry has another that is on disk.
#[must_use = "a watch that is dropped receives nothing"]
pub struct DurableWatch<V: LiveValue> {
    watch: Watch<V>,
    shared: Arc<Shared<V>>,
    /// Taken from the watch, and what must be on disk before it is told.
    held: Option<(Update<V>, u64)>,
}

impl<V: LiveValue> DurableWatch<V> {
    pub(crate) fn new(watch: Watch<V>, shared: &Arc<Shared<V>>) -> DurableWatch<V> {
        DurableWatch {
            watch,
            shared: Arc::clone(shared),
            held: None,
        }
    }

    /// Returns the key that is watched.
    pub fn key(&self) -> &Uuid {
        self.watch.key()
    }

    /// Waits for the next update that is on disk. `None` when the entry has ended and that was told; when the store has ended or
    /// was closed, after everything that was committed before; and when the disk has failed, which
    /// [`durability_error`](crate::LiveStore::durability_error) tells. What was not told by then is not told any more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an update is either returned or still there.
    pub async fn next(&mut self) -> Option<Update<V>> {
        let sink = self.shared.sink()?;
        let key = *self.watch.key();
        if self.held.is_none() {
            let mut failed = pin!(sink.until_failed());
            let mut next = pin!(self.watch.next());
            let update = poll_fn(|cx| match next.as_mut().poll(cx) {
                Poll::Pending => failed.as_mut().poll(cx).map(|()| None),
                update => update,
            });
            let update = update.await?;
            let target = sink.entered_of(&key)?;
            self.held = Some((update, target));
        }
        let (_, target) = self.held.as_ref()?;
        let is_there = sink.until_on_disk(*target, &key).await;
        self.held.take().map(|(update, _)| update).filter(|_| is_there)
    }
}

impl<V: LiveValue> fmt::Debug for DurableWatch<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableWatch")
            .field("key", self.key())
            .finish_non_exhaustive()
    }
}
