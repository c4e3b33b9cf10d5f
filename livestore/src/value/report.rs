//! What saving, loading and opening report: [`Progress`], [`SaveReport`], [`LoadReport`], [`OpenReport`], and of entries that
//! cannot be read: [`UnreadableEntry`].

use std::fmt;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

/// How far saving or loading has come.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// How many entries were written or read.
    pub entries: u64,
    /// How many bytes.
    pub bytes: u64,
    /// How much of the whole that is, from 0 to 1. While a store that is being saved grows or shrinks, a guess.
    pub fraction: f64,
}

/// What a save has written. Returned by [`LiveStore::save`](crate::LiveStore::save).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SaveReport {
    /// How many entries the file holds.
    pub entries: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// How long it took, until all was on disk.
    pub duration: Duration,
}

/// What a store was loaded from. Returned by [`LiveStore::load_report`](crate::LiveStore::load_report).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// How many entries the file holds.
    pub entries: u64,
    /// How many of them were due already, and went to the callback of expired entries.
    pub expired: u64,
    /// How many of them [`LiveValue::check`](crate::LiveValue::check) refused, and went to
    /// [`Load::on_refused`](crate::Load::on_refused).
    pub refused: u64,
    /// How many of them could not be read and are [kept](OnUnreadable::Keep).
    pub kept: u64,
    /// How many of them could not be read and were [dropped](OnUnreadable::Drop).
    pub dropped: u64,
    /// How many bytes the file has.
    pub bytes: u64,
    /// How long it took.
    pub duration: Duration,
    /// When the file was saved.
    pub saved_at: SystemTime,
    /// The version of the value type that the file was saved with.
    pub schema_version: u32,
}

/// What was found when a folder was opened. From [`LiveStore::open_report`](crate::LiveStore::open_report).
#[cfg(feature = "durable")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenReport {
    /// How many entries were in the folder.
    pub entries: u64,
    /// How many had expired: those of them that were due already, and those that had expired before without the callback having
    /// returned. They went to the callback of expired entries, if there is one.
    pub expired: u64,
    /// How many of them could not be read and are [kept](OnUnreadable::Keep).
    pub kept: u64,
    /// How many of them could not be read and were [dropped](OnUnreadable::Drop).
    pub dropped: u64,
    /// How many bytes were left out at the end of the log: a batch that was not whole. It was being written when the
    /// power failed or the process was killed, and no [`flush`](crate::LiveStore::flush) has returned for it; or something
    /// has changed it since.
    pub torn_bytes: u64,
    /// How many bytes were read.
    pub bytes: u64,
    /// How long it took, until the store could be used.
    pub duration: Duration,
}

/// An entry in a file whose value this program cannot read: of another shape than its type has by now, nested too deep, or
/// too much for its `Deserialize`. Given to [`on_unreadable`](crate::LiveStoreBuilder::on_unreadable).
///
/// Its `Debug` says how long the value is and not what is in it: fields that are [`Hidden`](crate::Hidden) are there in the clear.
#[derive(Clone)]
#[non_exhaustive]
pub struct UnreadableEntry<'a> {
    /// Its key.
    pub key: Uuid,
    /// Its version.
    pub version: u64,
    /// Why its value cannot be read, in the words of serde.
    pub reason: &'a str,
    /// The value as it is in the file: MessagePack with the names of fields.
    pub value: &'a [u8],
}

impl fmt::Debug for UnreadableEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnreadableEntry")
            .field("key", &self.key)
            .field("version", &self.version)
            .field("reason", &self.reason)
            .field("value", &format_args!("{} bytes", self.value.len()))
            .finish()
    }
}

/// What becomes of an entry that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnreadable {
    /// It is kept aside as it is and written on, to be read by a program that can. The store has no entry of that key; one that is
    /// created there takes its place.
    Keep,
    /// It is gone when the store is next saved, or its folder written anew.
    Drop,
}

/// Decides what becomes of an entry that cannot be read.
pub(crate) type UnreadableFn = Box<dyn FnMut(UnreadableEntry<'_>) -> OnUnreadable + Send + Sync>;

/// So many entries are named where something is said of many.
const NAMED: usize = 16;

/// Entries that something is wrong with, and what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) first: Vec<(Uuid, String)>,
}

impl Named {
    pub(crate) fn add(&mut self, key: Uuid, reason: String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push((key, reason));
        }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = Uuid> {
        self.first.iter().map(|(key, _)| *key)
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (key, reason)) in self.first.iter().enumerate() {
            let between = if n == 0 { "" } else { ", " };
            write!(f, "{between}{key} ({reason})")?;
        }
        match self.count - self.first.len() as u64 {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
