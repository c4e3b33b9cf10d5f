//! [`Progress`]: how far the disk has come, for those who wait until something is there.
//!
//! Everything that enters the queue has a number, so whoever waits for a number waits for all that entered before. It takes no
//! lock of the queue's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use uuid::Uuid;

use crate::ground::clock;
use crate::value::durability::{FlushError, UnwrittenError};
use crate::value::report::Named;

pub(in crate::slot::sink) struct Progress(watch::Sender<Reached>);

/// How far the disk has come.
#[derive(Clone, Debug, Default)]
pub(in crate::slot::sink) struct Reached {
    /// Everything up to this sequence number is on disk. Never decreases.
    pub(in crate::slot::sink) durable: u64,
    /// Entries whose latest value could not be written.
    pub(in crate::slot::sink) unwritten: Option<Arc<Unwritten>>,
    /// When a batch came to disk.
    pub(in crate::slot::sink) synced: Option<Instant>,
    /// Set once: nothing more will be on disk.
    pub(in crate::slot::sink) ended: Option<FlushError>,
    /// Set once, after that: others may open the folder.
    released: bool,
}

/// Entries whose latest values could not be written.
#[derive(Debug)]
pub(crate) struct Unwritten {
    /// Of all of them.
    pub(crate) error: UnwrittenError,
    pub(crate) reasons: HashMap<Uuid, String>,
}

impl Progress {
    pub(in crate::slot::sink) fn new() -> Progress {
        Progress(watch::Sender::new(Reached::default()))
    }

    /// How far it has come by now.
    pub(in crate::slot::sink) fn reached(&self) -> Reached {
        self.0.borrow().clone()
    }

    /// Why nothing more will be on disk. `None` as long as something may be.
    pub(in crate::slot::sink) fn ended(&self) -> Option<FlushError> {
        self.0.borrow().ended.clone()
    }

    /// Notes that everything up to this sequence number is on disk, but for the latest values of some entries.
    pub(in crate::slot::sink) fn note_written(&self, up_to: u64, unwritten: Option<Arc<Unwritten>>) {
        self.0.send_modify(|reached| {
            reached.durable = up_to;
            reached.unwritten = unwritten;
            reached.synced = Some(clock::real_now());
        });
    }

    /// Notes that nothing more will be on disk.
    pub(in crate::slot::sink) fn note_end(&self, why: FlushError) {
        self.0.send_modify(|reached| reached.ended = Some(why));
    }

    /// Notes that others may open the folder.
    pub(in crate::slot::sink) fn note_release(&self) {
        self.0.send_modify(|reached| reached.released = true);
    }

    /// Waits until everything up to this sequence number is on disk. Returns how far it has come by then.
    pub(in crate::slot::sink) async fn until(&self, target: u64) -> Result<Reached, FlushError> {
        let seen = self
            .wait_for(|now| now.durable >= target || now.ended.is_some())
            .await;
        match seen {
            Some(now) if now.durable >= target => Ok(now),
            Some(Reached { ended: Some(why), .. }) => Err(why),
            // It neither came so far nor ended, so the queue is gone, which whoever asks keeps.
            _ => Err(FlushError::Closed),
        }
    }

    /// Waits until everything up to this sequence number is on disk, and the latest value of this entry among it. Returns
    /// whether it is; otherwise it never will be.
    pub(in crate::slot::sink) async fn until_with(&self, target: u64, key: &Uuid) -> bool {
        let is_there = |now: &Reached| {
            now.durable >= target
                && now
                    .unwritten
                    .as_ref()
                    .is_none_or(|missing| !missing.reasons.contains_key(key))
        };
        let seen = self.wait_for(|now| is_there(now) || now.ended.is_some()).await;
        seen.is_some_and(|now| is_there(&now))
    }

    /// Waits until the disk has failed. Pending for ever if it never does.
    pub(in crate::slot::sink) async fn until_failed(&self) {
        let mut progress = self.0.subscribe();
        let has_failed = |now: &Reached| matches!(now.ended, Some(FlushError::Failed(_)));
        if progress.wait_for(has_failed).await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until others may open the folder. Returns why nothing more will be on disk.
    pub(in crate::slot::sink) async fn until_released(&self) -> FlushError {
        let seen = self.wait_for(|now| now.released).await;
        seen.and_then(|now| now.ended).unwrap_or(FlushError::Closed)
    }

    async fn wait_for(&self, is_so: impl FnMut(&Reached) -> bool) -> Option<Reached> {
        #[cfg(feature = "test-util")]
        let _time = clock::stand_still();
        let mut progress = self.0.subscribe();
        let seen = progress.wait_for(is_so).await;
        seen.ok().map(|now| now.clone())
    }
}

impl Unwritten {
    /// What is said of one of them. `None` if it is none.
    pub(in crate::slot::sink) fn of(&self, key: &Uuid) -> Option<UnwrittenError> {
        let reason = self.reasons.get(key)?;
        let mut named = Named::default();
        named.add(*key, reason.clone());
        Some(UnwrittenError::new(self.error.folder(), named))
    }
}
