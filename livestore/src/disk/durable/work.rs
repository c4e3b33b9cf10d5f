//! [`Work`]: what the writer is at, and the batches that it writes.
//!
//! A value that cannot be written so that it can be read again is left out, and `flush` errs until its entry has another:
//! on disk is what the entry was before. So nothing is written anew meanwhile, because only the old files have that.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{io, mem, vec};

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::disk::durable::Source;
use crate::disk::durable::engine::Engine;
use crate::disk::durable::folder::Lock;
use crate::ground::clock::Moment;
use crate::ground::trace;
use crate::ground::unwind::let_go;
use crate::slot::record::Owing;
use crate::slot::records::ForDisk;
use crate::slot::shared::Shared;
use crate::slot::sink::Sink;
use crate::slot::sink::batch::Batch;
use crate::slot::sink::progress::Unwritten;
use crate::slot::slot::Slot;
use crate::value::durability::UnwrittenError;
use crate::value::report::Named;
use crate::value::value::LiveValue;

/// So much is written between two looks for the next batch, and as much room is kept for one record.
pub(crate) const PIECE_BYTES: usize = if cfg!(test) { 32 << 10 } else { 512 << 10 };

/// A frame says its length in 32 bits, and has a head as well.
const MOST_BYTES: usize = 0xffff_0000;

/// What the writer is at.
pub(crate) struct Work<'a, E, V: LiveValue> {
    pub(crate) engine: E,
    pub(crate) lock: Option<Lock>,
    pub(crate) shared: &'a Shared<V>,
    pub(crate) sink: &'a Sink<V>,
    pub(crate) source: Source<V>,
    pub(crate) folder: PathBuf,
    pub(crate) weight: Weight,
    pub(crate) missing: Missing,
    /// An entry that could not be written anew. Until a batch has it, the old files stay.
    pub(crate) stuck: Option<Uuid>,
    /// How far everything was written anew.
    pub(crate) anew: Option<Anew<V>>,
    /// Of one record.
    pub(crate) bytes: Vec<u8>,
}

/// How many bytes records have.
#[derive(Default)]
pub(crate) struct Weight {
    records: u64,
    bytes: u64,
    /// Of late, and rather too many.
    pub(crate) recent: usize,
}

impl Weight {
    /// Of what was read, before anything is written.
    pub(crate) fn of_read(records: u64, bytes: u64) -> Weight {
        Weight {
            records,
            bytes,
            recent: 0,
        }
    }

    fn note(&mut self, records: usize, bytes: usize) {
        let Some(mean) = bytes.checked_div(records) else {
            return;
        };
        self.records += records as u64;
        self.bytes += bytes as u64;
        self.recent = mean.max((3 * self.recent + mean) / 4);
    }

    /// How many bytes so many entries have, more or less.
    pub(crate) fn of(&self, entries: usize) -> u64 {
        (entries as u64).saturating_mul(self.bytes.checked_div(self.records).unwrap_or(0))
    }
}

/// Entries whose latest values could not be written, and why.
#[derive(Default)]
pub(crate) struct Missing {
    reasons: HashMap<Uuid, String>,
    /// What was made of them last. There may be many, and most batches change none.
    told: Option<Arc<Unwritten>>,
    has_changed: bool,
}

impl Missing {
    fn add(&mut self, key: Uuid, reason: String) {
        let before = self.reasons.get(&key);
        if before.is_none_or(|before| *before != reason) {
            self.reasons.insert(key, reason);
            self.has_changed = true;
        }
    }

    fn forget(&mut self, key: &Uuid) {
        if !self.reasons.is_empty() && self.reasons.remove(key).is_some() {
            self.has_changed = true;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    /// What `flush` says of them.
    pub(crate) fn told(&mut self, folder: &Path) -> Option<Arc<Unwritten>> {
        if mem::take(&mut self.has_changed) {
            self.told = (!self.is_empty()).then(|| {
                let mut named = Named::default();
                for (key, reason) in &self.reasons {
                    named.add(*key, reason.clone());
                }
                Arc::new(Unwritten {
                    error: UnwrittenError::new(folder, named),
                    reasons: self.reasons.clone(),
                })
            });
        }
        self.told.clone()
    }
}

/// A walk over all entries.
pub(crate) struct Anew<V: LiveValue> {
    pub(crate) next_shard: usize,
    pub(crate) slots: vec::IntoIter<Arc<Slot<V>>>,
    /// Set after the last shard.
    pub(crate) owed: Option<vec::IntoIter<(Uuid, Arc<Owing<V>>)>>,
    /// Set when all were looked at: what was entered by then.
    pub(crate) target: Option<u64>,
    /// How many bytes are to be written before the next batch is looked for, whatever waits.
    pub(crate) behind: u64,
}

impl<E, V> Work<'_, E, V>
where
    E: Engine,
    V: LiveValue + Serialize + DeserializeOwned,
{
    /// Writes a batch and takes its records out.
    pub(crate) fn write(&mut self, batch: &mut Batch<V>) -> io::Result<()> {
        // Not below any version that the batch ends: it was raised before the end was entered.
        let floor = self.shared.floor();
        let times = self.shared.clock.moment();
        self.engine.begin(times.clocks());
        let (mut records, mut bytes) = (0, 0);
        let mut staged = Ok(());
        for (key, left) in batch.records.take() {
            // Once the disk has failed, values are only let go.
            if staged.is_err() {
                let_go(left);
                continue;
            }
            if let Err(reason) = self.encode(&left, &times) {
                match &left {
                    // While its entry was there, that was told. Nothing is on disk, so nothing is to go from there.
                    ForDisk::Owed(owing) => {
                        trace::not_owed(&owing.key, &reason);
                        let_go(self.sink.owed().take(owing.key, owing.record.version));
                    }
                    ForDisk::Record(_) | ForDisk::End => self.missing.add(key, reason),
                }
                let_go(left);
                continue;
            }
            let_go(left);
            if !self.bytes.is_empty() {
                records += 1;
                bytes += self.bytes.len();
            }
            self.missing.forget(&key);
            self.stuck = self.stuck.filter(|stuck| *stuck != key);
            staged = staged.and_then(|()| match self.bytes.is_empty() {
                true => self.engine.remove(&key),
                false => self.engine.put(&key, &self.bytes),
            });
        }
        self.bytes.shrink_to(PIECE_BYTES);
        self.weight.note(records, bytes);
        staged?;
        self.engine.commit(floor)?;
        self.drop_displaced();
        // Who has opened the folder after that has read it.
        self.check()
    }

    /// Encodes what is to be on disk of a key, in the place of what was encoded before. If that cannot be written, says why.
    pub(crate) fn encode(&mut self, left: &ForDisk<V>, times: &Moment) -> Result<(), String> {
        self.bytes.clear();
        match left.encode(times, &mut self.bytes) {
            Ok(()) if self.bytes.len() > MOST_BYTES => Err("it has more than 4 GiB".to_owned()),
            Ok(()) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Makes sure that the folder is still this store's alone.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.lock.as_ref().map_or(Ok(()), Lock::check)
    }
}
