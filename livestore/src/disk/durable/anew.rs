//! Everything written anew, between the batches, a piece at a time.
//!
//! The writer takes the pointers of one shard after another. What was written anew counts once all is on disk that had been
//! committed when the last entry was looked at. Nobody waits for it longer than for one piece.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::durable::engine::Engine;
use crate::disk::durable::work::{Anew, MOST_BYTES, PIECE_BYTES, Work};
use crate::ground::unwind::let_go;
use crate::value::value::LiveValue;

/// How many entries a piece is about at most: it is written and synced before the next batch is looked for.
const PIECE_ENTRIES: usize = 4096;

impl<E, V> Work<'_, E, V>
where
    E: Engine,
    V: LiveValue + Serialize + DeserializeOwned,
{
    /// How many bytes all entries have, more or less.
    pub(crate) fn needed(&self) -> u64 {
        let Some(table) = self.source.get().and_then(std::sync::Weak::upgrade) else {
            return u64::MAX;
        };
        let needed = self.weight.of(table.stored());
        let_go(table);
        needed
    }

    pub(crate) fn is_open(&self) -> bool {
        self.source.get().is_some_and(|table| table.strong_count() > 0)
    }

    pub(crate) fn begin_anew(&mut self) -> io::Result<()> {
        if self.anew.is_none() && self.engine.is_outgrown(0) && self.engine.is_outgrown(self.needed()) {
            self.begin_walk()?;
        }
        Ok(())
    }

    pub(crate) fn begin_walk(&mut self) -> io::Result<()> {
        self.engine.begin_anew(self.shared.clock.moment().clocks())?;
        self.anew = Some(Anew {
            next_shard: 0,
            slots: Vec::new().into_iter(),
            target: None,
        });
        Ok(())
    }

    /// Writes a piece.
    pub(crate) fn write_anew(&mut self) -> io::Result<()> {
        let Some(mut anew) = self.anew.take() else {
            return Ok(());
        };
        if anew.target.is_some() {
            // Nothing was pending.
            self.anew = Some(anew);
            return self.end_anew(u64::MAX);
        }
        let times = self.shared.clock.moment();
        let mut written = 0;
        let mut looked_at = 0;
        while written < PIECE_BYTES && looked_at < PIECE_ENTRIES {
            let Some(slot) = anew.slots.next() else {
                let Some(table) = self.source.get().and_then(std::sync::Weak::upgrade) else {
                    // The store has ended meanwhile; what was before still counts.
                    return Ok(());
                };
                let shard = table.shard(anew.next_shard);
                let_go(table);
                let Some(slots) = shard else {
                    for (key, record) in self.shared.kept.all() {
                        self.engine.put_anew(&key, &record)?;
                    }
                    anew.target = Some(self.sink.want_all());
                    break;
                };
                anew.slots = slots.into_iter();
                anew.next_shard += 1;
                continue;
            };
            looked_at += 1;
            // Whatever came of its key after it has died is in the log that was begun before the walk.
            let record = {
                let state = slot.lock();
                state.is_stored().then(|| state.record(self.shared))
            };
            if let Some(record) = record {
                self.bytes.clear();
                // What cannot be written was told when it was committed.
                let encoded = record.encode(&times, &mut self.bytes);
                let_go(record);
                if encoded.is_ok() && self.bytes.len() <= MOST_BYTES {
                    self.engine.put_anew(slot.key(), &self.bytes)?;
                    written += self.bytes.len();
                }
            }
            let_go(slot);
        }
        self.engine.sync_anew()?;
        self.anew = Some(anew);
        Ok(())
    }

    /// Has what was written anew count if all is on disk that may be in it.
    pub(crate) fn end_anew(&mut self, durable: u64) -> io::Result<()> {
        let is_complete = |anew: &Anew<V>| anew.target.is_some_and(|target| target <= durable);
        if self.anew.as_ref().is_some_and(is_complete) {
            self.anew = None;
            // Whatever is not in it has ended at or below that.
            self.engine.end_anew(self.shared.floor())?;
        }
        Ok(())
    }
}
