//! Durable stores: opening a folder, and keeping it.
//!
//! Commits enter the [queue](crate::slot::sink); the [writer] takes it to the [engine], which is the [folder] with its
//! [log] and its snapshots. Opening goes the other way: it reads every record into a table that nobody else has yet, then
//! starts the writer.

mod anew;
mod contents;
pub(crate) mod engine;
pub(crate) mod error;
mod files;
pub(crate) mod folder;
mod log;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod model;
mod work;
pub(crate) mod writer;

use std::collections::{HashMap, HashSet};
use std::iter;
use std::path::{self, Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::disk::durable::error::OpenKind;
use crate::disk::durable::files::create_folder;
use crate::disk::durable::folder::{Found, Lock};
use crate::disk::durable::work::Weight;
use crate::disk::durable::writer::{OnDurabilityError, Writer};
use crate::disk::frames::split_record;
use crate::disk::snapshot::job::Wanted;
use crate::disk::snapshot::load::Unreadable;
use crate::disk::snapshot::{OnProgress, Teller, fraction};
use crate::ground::clock;
use crate::slot::record::Decoded;
use crate::slot::record::error::RecordError;
use crate::slot::sink::Limits;
use crate::table::expiry::{self, Expired};
use crate::table::table::Table;
use crate::value::durability::Durability;
use crate::value::report::{OpenReport, Progress, UnreadableFn};
use crate::value::value::LiveValue;

/// How many records may be pending by default.
const PENDING_LIMIT: usize = 1 << 16;

/// How many bytes, as far as can be told.
const PENDING_BYTES: usize = 64 << 20;

/// How large logs may become, whatever they are about.
const LOG_BYTES: u64 = 64 << 20;

/// So many keys are looked up at once when a folder is opened.
const AHEAD: usize = 32;

/// How a store is to be kept on disk.
pub(crate) struct Disk {
    pub(crate) durability: Durability,
    pub(crate) limits: Limits,
    pub(crate) log_bytes: u64,
    pub(crate) on_error: Option<OnDurabilityError>,
    pub(crate) on_progress: Option<OnOpenProgress>,
}

/// Hears how far opening has come. A builder can be shared, and so can this.
pub(crate) type OnOpenProgress = Box<dyn FnMut(Progress) + Send + Sync>;

impl Default for Disk {
    fn default() -> Self {
        Disk {
            durability: Durability::default(),
            limits: Limits {
                records: PENDING_LIMIT,
                bytes: PENDING_BYTES,
            },
            log_bytes: LOG_BYTES,
            on_error: None,
            on_progress: None,
        }
    }
}

/// Where the writer finds the entries when it writes everything anew. It holds no handle. Set once the store is there.
pub(crate) type Source<V> = Arc<OnceLock<Weak<Table<V>>>>;

/// What opening a folder comes to.
pub(crate) struct Opened<V: LiveValue> {
    /// What had expired by then, in batches.
    pub(crate) expired: Vec<Expired<V>>,
    /// To be set once the store is there.
    pub(crate) source: Source<V>,
    /// Wherever the process goes from here.
    pub(crate) folder: PathBuf,
    pub(crate) report: OpenReport,
}

/// Fills a table that nobody else has yet with what is in a folder, and has its commits written there from now on.
pub(crate) fn open<V>(
    table: &mut Table<V>,
    path: &Path,
    mut disk: Disk,
    on_unreadable: Option<UnreadableFn>,
    runtime: Option<Handle>,
    wanted: &Wanted,
) -> Result<Opened<V>, OpenKind>
where
    V: LiveValue + Serialize + DeserializeOwned,
{
    let began = clock::now();
    // The process may go elsewhere.
    let path = path::absolute(path).map_err(OpenKind::Io)?;
    create_folder(&path).map_err(OpenKind::Io)?;
    let lock = Lock::take(&path)?;
    let mut found = Found::look(files::Folder::open(path.clone()).map_err(OpenKind::Io)?)?;
    if let Some(schema) = found.schema() {
        table.schema().accept(schema).map_err(OpenKind::Foreign)?;
    }
    let (mut report, records) = fill(table, &mut found, on_unreadable, disk.on_progress.take(), wanted)?;
    let mut expired = expiry::owed(table);
    expired.extend(expiry::expire_due(table));
    let shared = table.shared();
    let folder = found
        .begin(
            table.schema(),
            table.epoch(),
            shared.clock.moment().clocks(),
            disk.log_bytes,
        )
        .map_err(OpenKind::Io)?;
    let source = Source::default();
    let writer = Writer {
        engine: folder,
        lock: Some(lock),
        source: Arc::clone(&source),
        weight: Weight::of_read(records, report.bytes),
        folder: path.clone(),
        interval: disk.durability.interval(),
        on_error: disk.on_error,
        runtime,
    };
    writer.start(Arc::clone(shared)).map_err(OpenKind::Io)?;
    report.expired = expired.iter().map(|batch| batch.len() as u64).sum();
    report.duration = clock::now().saturating_duration_since(began);
    Ok(Opened {
        expired,
        source,
        folder: path,
        report,
    })
}

/// Returns how many records were read, too.
fn fill<V, D>(
    table: &mut Table<V>,
    found: &mut Found<D>,
    on_unreadable: Option<UnreadableFn>,
    on_progress: Option<OnOpenProgress>,
    wanted: &Wanted,
) -> Result<(OpenReport, u64), OpenKind>
where
    V: LiveValue + DeserializeOwned,
    D: files::Files,
{
    let shared = Arc::clone(table.shared());
    let times = shared.clock.moment();
    let mut teller = Teller::new(on_progress.map(|callback| callback as OnProgress));
    let panicked = |_| OpenKind::Panicked;
    let whole = found.bytes;
    let mut read: u64 = 0;
    // Until all is read nobody knows whether something newer takes its place.
    let mut unreadable: HashMap<Uuid, (u64, Box<[u8]>, RecordError)> = HashMap::new();
    // Those with a deadline of their own, where nobody would look at it.
    let mut timed: HashSet<Uuid> = HashSet::new();
    // What the callback was not given, by the ids of that.
    let mut owed: HashMap<Uuid, (Uuid, u64)> = HashMap::new();
    let checks = table.deadlines().is_some();
    // How many more were looked up ahead.
    let mut known = 0;
    let summary = found.read(|item| {
        if !wanted.is_wanted() {
            return Err(OpenKind::Interrupted);
        }
        let key = item.key;
        if known == 0 {
            let mut next = item.next;
            let keys = iter::from_fn(|| split_record(&mut next)).map(|(key, _)| key);
            known = table.look_ahead(keys.take(AHEAD));
        } else {
            known -= 1;
        }
        if !unreadable.is_empty() {
            unreadable.remove(&key);
        }
        if !timed.is_empty() {
            timed.remove(&key);
        }
        if let Some((key, version)) = owed.remove(&key) {
            shared.owe_no_more(key, version);
        }
        if item.record.is_empty() {
            table.take_back(&key);
        } else {
            let times = item.shift.map_or(times, |shift| times.before(shift));
            match Decoded::decode(item.record, &times, item.written) {
                Ok(Decoded::Owed(owing)) => {
                    owed.insert(key, (owing.key, owing.record.version));
                    shared.owe(key, owing);
                }
                Ok(Decoded::Entry(mut record)) => {
                    // Uses that are no commits are not on disk. So that no entry goes early, it counts as used now.
                    record.used = shared.idle_limit().map(|_| shared.clock.now());
                    if !checks && record.expires_by_itself() {
                        timed.insert(key);
                    }
                    table.restore_anew(key, record);
                }
                Err(error) => {
                    table.take_back(&key);
                    unreadable.insert(key, (read, item.record.into(), error));
                }
            }
        }
        read += 1;
        teller
            .note(read, item.bytes, || fraction(item.bytes, whole))
            .map_err(panicked)
    })?;
    let mut decided = Unreadable::new(on_unreadable);
    let mut unreadable: Vec<_> = unreadable.into_iter().collect();
    unreadable.sort_unstable_by_key(|(_, (place, ..))| *place);
    for (key, (_, record, error)) in &unreadable {
        decided.take(table, *key, record, error).map_err(panicked)?;
    }
    let (kept, dropped) = decided.end().map_err(OpenKind::Unreadable)?;
    if let Some(key) = timed.into_iter().next() {
        return Err(OpenKind::NoChecks { key });
    }
    shared.raise_floor(summary.floor);
    let entries = table.len() as u64 + kept + dropped;
    teller.tell(read, summary.bytes, 1.0).map_err(panicked)?;
    let report = OpenReport {
        entries,
        expired: 0,
        kept,
        dropped,
        torn_bytes: summary.torn_bytes,
        bytes: summary.bytes,
        duration: std::time::Duration::ZERO,
    };
    Ok((report, read))
}
