//! Durable stores: opening a folder, and keeping it.
//!
//! Commits enter the [queue](crate::slot::sink); the [writer] takes it to the [engine], which keeps it in the [folder]. Opening
//! goes the other way: it reads every record into a table that nobody else has yet, then starts the writer.

pub(crate) mod engine;
pub(crate) mod error;
pub(crate) mod folder;
mod journal;
pub(crate) mod writer;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use crate::disk::durable::error::OpenKind;
use crate::disk::durable::folder::Folder;
use crate::disk::durable::writer::{OnDurabilityError, Writer};
use crate::disk::snapshot::job::Wanted;
use crate::ground::clock;
use crate::slot::record::Record;
use crate::table::expiry::{self, Expired};
use crate::table::table::Table;
use crate::value::durability::Durability;
use crate::value::report::OpenReport;
use crate::value::value::LiveValue;

/// How many records may be pending by default.
const PENDING_LIMIT: usize = 1 << 16;

/// How a store is to be kept on disk.
pub(crate) struct Disk {
    pub(crate) durability: Durability,
    pub(crate) pending_limit: usize,
    pub(crate) on_error: Option<OnDurabilityError>,
}

impl Default for Disk {
    fn default() -> Self {
        Disk {
            durability: Durability::default(),
            pending_limit: PENDING_LIMIT,
            on_error: None,
        }
    }
}

/// Fills a table that nobody else has yet with what is in a folder, and has its commits written there from now on.
/// Returns what had expired by then.
pub(crate) fn open<V>(
    table: &Table<V>,
    path: &Path,
    disk: Disk,
    runtime: Option<Handle>,
    wanted: &Wanted,
) -> Result<Vec<Expired<V>>, OpenKind>
where
    V: LiveValue + Serialize + DeserializeOwned,
{
    let began = clock::now();
    let (mut folder, torn_bytes) = Folder::open(path, table.schema())?;
    let entries = fill(table, &mut folder, wanted)?;
    let already = expiry::expire_due(table);
    let writer = Writer {
        engine: folder,
        folder: path.to_owned(),
        interval: disk.durability.interval(),
        on_error: disk.on_error,
        runtime,
    };
    writer.start(Arc::clone(table.shared())).map_err(OpenKind::io)?;
    if let Some(sink) = table.shared().sink() {
        sink.set_report(OpenReport {
            entries,
            expired: already.iter().map(|batch| batch.len() as u64).sum(),
            torn_bytes,
            duration: clock::now().saturating_duration_since(began),
        });
    }
    Ok(already)
}

/// Returns how many entries there were.
fn fill<V>(table: &Table<V>, folder: &mut Folder, wanted: &Wanted) -> Result<u64, OpenKind>
where
    V: LiveValue + DeserializeOwned,
{
    let header = folder.header()?;
    let (found, ours) = (header.schema, table.schema());
    ours.accept(&found).map_err(OpenKind::Foreign)?;
    let shared = table.shared();
    shared.raise_floor(header.floor);
    let times = shared.clock.moment();
    let mut entries = 0;
    for item in folder.records() {
        if !wanted.is_wanted() {
            return Err(OpenKind::Interrupted);
        }
        let (key, bytes) = item?;
        let mut record: Record<V> =
            Record::decode(&bytes, &times).map_err(|error| OpenKind::Value { key, error })?;
        if record.expires_by_itself() && table.deadlines().is_none() {
            return Err(OpenKind::NoChecks { key });
        }
        // Uses that are no commits are not on disk. So that no entry goes early, it counts as used now.
        record.used = shared.idle_limit().map(|_| shared.clock.now());
        table.restore(key, record);
        entries += 1;
    }
    if found != *ours {
        // From here on there may be values that an older program cannot read.
        folder.set_schema(ours)?;
    }
    Ok(entries)
}
