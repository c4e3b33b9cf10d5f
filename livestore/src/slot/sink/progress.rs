//! [`Progress`]: how far the disk has come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use crate::value::durability::{FlushError, UnwrittenError};
use crate::value::report::Named;

/// How far the disk has come.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// Everything up to this sequence number is on disk. Never decreases.
    pub(crate) durable: u64,
    /// Entries whose latest value could not be written.
    pub(crate) unwritten: Option<Arc<Unwritten>>,
    /// When a batch came to disk.
    pub(crate) synced: Option<Instant>,
    /// Set once: nothing more will be on disk.
    pub(crate) ended: Option<FlushError>,
    /// Set once, after that: others may open the folder.
    pub(crate) released: bool,
}

/// Entries whose latest values could not be written.
#[derive(Debug)]
pub(crate) struct Unwritten {
    /// Of all of them.
    pub(crate) error: UnwrittenError,
    pub(crate) reasons: HashMap<Uuid, String>,
}

impl Unwritten {
    /// What is said of one of them. `None` if it is none.
    pub(crate) fn of(&self, key: &Uuid) -> Option<UnwrittenError> {
        let reason = self.reasons.get(key)?;
        let mut named = Named::default();
        named.add(*key, reason.clone());
        Some(UnwrittenError::new(self.error.folder(), named))
    }
}
