//! What saving, loading and opening report: [`Progress`], [`SaveReport`], [`LoadReport`], [`OpenReport`].

use std::time::{Duration, SystemTime};

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
    /// How many of them were due already, and went to the callback of expired entries.
    pub expired: u64,
    /// How many bytes were left out at the end of the journal: a batch that was not whole. It was being written when the
    /// power failed or the process was killed, and no [`flush`](crate::LiveStore::flush) has returned for it.
    pub torn_bytes: u64,
    /// How long it took, until the store could be used.
    pub duration: Duration,
}
