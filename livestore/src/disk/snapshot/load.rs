//! The work of loading.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind};
use std::path::Path;

use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::disk::snapshot::error::LoadKind;
use crate::disk::snapshot::file::{Part, Reader};
use crate::disk::snapshot::job::Wanted;
use crate::disk::snapshot::{OnProgress, Teller, count, fraction};
use crate::ground::clock;
use crate::ground::unwind::{Panicked, caught};
use crate::slot::record::error::RecordError;
use crate::slot::record::{Decoded, Record, Unread};
use crate::table::expiry::{self, Expired};
use crate::table::table::Table;
use crate::value::options::Downtime;
use crate::value::report::{LoadReport, Named, OnUnreadable, UnreadableEntry, UnreadableFn};
use crate::value::value::LiveValue;

const BUFFER: usize = 1 << 16;

/// Gets what `check` has refused: the key, the value and the reason.
pub(crate) type OnRefused<V> = Box<dyn FnMut(Uuid, V, <V as LiveValue>::MutError) + Send>;

/// How a file is loaded.
pub(crate) struct How<V: LiveValue> {
    pub(crate) downtime: Downtime,
    pub(crate) on_refused: Option<OnRefused<V>>,
    pub(crate) on_unreadable: Option<UnreadableFn>,
    pub(crate) on_progress: Option<OnProgress>,
    /// Begin with nothing if there is no file.
    pub(crate) or_empty: bool,
}

/// Fills a table that nobody else has yet. Returns also what had expired by then.
#[expect(clippy::type_complexity, reason = "the parts of what begins a store")]
pub(crate) fn load<V>(
    table: &Table<V>,
    path: &Path,
    mut how: How<V>,
    wanted: &Wanted,
) -> Result<Option<(LoadReport, Vec<Expired<V>>)>, LoadKind>
where
    V: LiveValue + DeserializeOwned,
    V::MutError: Display,
{
    let began = clock::now();
    // Whoever opens a pipe waits until somebody writes to it.
    if fs::metadata(path).is_ok_and(|is| !is.is_file() && !is.is_dir()) {
        return Err(LoadKind::io(io::Error::other("it is no file")));
    }
    let file = match File::open(path) {
        Err(error) if how.or_empty && error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(LoadKind::io)?,
    };
    let whole = file.metadata().map_err(LoadKind::io)?.len();
    let (mut reader, header) = Reader::begin(BufReader::with_capacity(BUFFER, file), whole)?;
    let found = header.schema.into_owned();
    table.schema().accept(&found).map_err(LoadKind::Foreign)?;
    let now = table.shared().clock.moment();
    let times = match how.downtime {
        Downtime::Counts => now,
        Downtime::Frozen => now.frozen_at(header.saved_at),
    };
    let mut teller = Teller::new(how.on_progress.take());
    let mut refused = 0;
    let mut owed = Vec::new();
    let mut unreadable = Unreadable::new(how.on_unreadable.take());
    let floor = loop {
        if !wanted.is_wanted() {
            return Err(LoadKind::Interrupted);
        }
        let (key, record) = match reader.next()? {
            Part::Entry { key, record } => (key, record),
            Part::End(end) => break end.floor,
        };
        match Decoded::decode(record, &times, header.saved_at) {
            // It is the snapshot of a folder.
            Ok(Decoded::Owed(owing)) => owed.push((owing.key, owing.entry(table.shared()))),
            Ok(Decoded::Entry(record)) => match admit(key, record, table, &mut how.on_refused)? {
                Some(record) => {
                    if !table.restore(key, record) {
                        return Err(reader.damaged().into());
                    }
                }
                None => refused += 1,
            },
            Err(error) => unreadable
                .take(table, key, record, &error)
                .map_err(|_| LoadKind::Panicked { key: Some(key) })?,
        }
        let bytes = reader.bytes();
        teller
            .note(reader.entries, bytes, || fraction(bytes, whole))
            .map_err(|_| LoadKind::Panicked { key: None })?;
    };
    let (kept, dropped) = unreadable.end().map_err(LoadKind::Unreadable)?;
    table.shared().raise_floor(floor);
    let mut already = expiry::batches_of(owed);
    already.extend(expiry::expire_due(table));
    teller
        .tell(reader.entries, reader.bytes(), 1.0)
        .map_err(|_| LoadKind::Panicked { key: None })?;
    let report = LoadReport {
        entries: reader.entries,
        expired: already.iter().map(|batch| count(batch.len())).sum(),
        refused,
        kept,
        dropped,
        bytes: reader.bytes(),
        duration: clock::now().saturating_duration_since(began),
        saved_at: header.saved_at.into(),
        schema_version: found.version,
    };
    Ok(Some((report, already)))
}

/// What becomes of entries that cannot be read.
pub(crate) struct Unreadable {
    decide: Option<UnreadableFn>,
    undecided: Named,
    kept: u64,
    dropped: u64,
}

impl Unreadable {
    pub(crate) fn new(decide: Option<UnreadableFn>) -> Unreadable {
        Unreadable {
            decide,
            undecided: Named::default(),
            kept: 0,
            dropped: 0,
        }
    }

    /// Takes one. Its versions are not repeated.
    pub(crate) fn take<V: LiveValue>(
        &mut self,
        table: &Table<V>,
        key: Uuid,
        bytes: &[u8],
        error: &RecordError,
    ) -> Result<(), Panicked> {
        let unread = Unread::of(bytes);
        let key_of_entry = unread.owed.unwrap_or(key);
        let Some(decide) = &mut self.decide else {
            self.undecided.add(key_of_entry, error.to_string());
            return Ok(());
        };
        let reason = error.to_string();
        let entry = UnreadableEntry {
            key: key_of_entry,
            version: unread.version,
            reason: &reason,
            value: unread.value,
        };
        match caught(|| decide(entry))? {
            OnUnreadable::Keep => {
                self.kept += 1;
                table.shared().kept.keep(key, bytes);
            }
            OnUnreadable::Drop => self.dropped += 1,
        }
        table.shared().raise_floor(unread.version);
        Ok(())
    }

    /// Returns how many are kept and how many were dropped, or those that nobody has decided about.
    pub(crate) fn end(self) -> Result<(u64, u64), Named> {
        match self.undecided.count {
            0 => Ok((self.kept, self.dropped)),
            _ => Err(self.undecided),
        }
    }
}

/// Decides whether a record becomes an entry. `None` if it was refused and somebody took it.
fn admit<V>(
    key: Uuid,
    record: Record<V>,
    table: &Table<V>,
    on_refused: &mut Option<OnRefused<V>>,
) -> Result<Option<Record<V>>, LoadKind>
where
    V: LiveValue,
    V::MutError: Display,
{
    let panicked = |_| LoadKind::Panicked { key: Some(key) };
    if record.expires_by_itself() && table.deadlines().is_none() {
        return Err(LoadKind::NoChecks { key });
    }
    let Err(reason) = caught(|| record.value.check(None)).map_err(panicked)? else {
        return Ok(Some(record));
    };
    let Some(on_refused) = on_refused else {
        let reason = caught(|| reason.to_string()).map_err(panicked)?;
        return Err(LoadKind::Refused { key, reason });
    };
    // The key is free, and its next entry continues above this one.
    table.shared().raise_floor(record.version);
    caught(|| on_refused(key, triomphe::Arc::unwrap_or_clone(record.value), reason)).map_err(panicked)?;
    Ok(None)
}
