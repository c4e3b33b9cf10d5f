//! The work of a save.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::disk::snapshot::draft::Draft;
use crate::disk::snapshot::error::SaveKind;
use crate::disk::snapshot::file::{WriteError, Writer};
use crate::disk::snapshot::job::Wanted;
use crate::disk::snapshot::{OnProgress, Teller, count, fraction};
use crate::ground::clock;
use crate::ground::unwind::{Panicked, caught, let_go};
use crate::table::table::Table;
use crate::value::report::{Named, SaveReport};
use crate::value::value::LiveValue;

/// Hears of an entry that is left out because it could not be read back: the key and the reason.
pub(crate) type OnUnwritable = Box<dyn FnMut(Uuid, &str) + Send>;

/// How a store is saved.
#[derive(Default)]
pub(crate) struct How {
    pub(crate) on_progress: Option<OnProgress>,
    pub(crate) on_unwritable: Option<OnUnwritable>,
}

pub(crate) fn save<V: LiveValue + Serialize + DeserializeOwned>(
    table: &Arc<Table<V>>,
    path: &Path,
    mut how: How,
    wanted: &Wanted,
) -> Result<SaveReport, SaveKind> {
    let began = clock::now();
    let draft = Draft::create(path)?;
    // Stamps are turned into wall-clock times as the clocks stand now, also for what is changed later.
    let times = table.shared().clock.moment();
    let failed = |key| move |error| SaveKind::write(error, key);
    let mut writer = Writer::begin(draft.file()?, table.schema(), times.wall_now()).map_err(failed(None))?;
    let mut teller = Teller::new(how.on_progress);
    let mut unwritable = Named::default();
    let mut bytes = Vec::new();
    for (key, record) in table.walk().visit(|_, state| state.record(table.shared())) {
        if !wanted.is_wanted() {
            return Err(SaveKind::Interrupted);
        }
        bytes.clear();
        let encoded = record.encode(&times, &mut bytes);
        // It may have been removed or replaced since, and this be the last that has it.
        let_go(record);
        match encoded {
            // Once one is missing there will be no file, and the others are only tried.
            Ok(()) if unwritable.count > 0 && how.on_unwritable.is_none() => {}
            Ok(()) => writer.entry(&key, &bytes).map_err(failed(Some(key)))?,
            Err(error) => {
                let reason = error.to_string();
                match &mut how.on_unwritable {
                    Some(on_unwritable) => caught(|| on_unwritable(key, &reason))?,
                    None => unwritable.add(key, reason),
                }
            }
        }
        teller.note(writer.entries, writer.bytes(), || {
            fraction(writer.entries, count(table.len()))
        })?;
    }
    for (key, record) in table.shared().kept.all() {
        writer.entry(&key, &record).map_err(failed(Some(key)))?;
    }
    if unwritable.count > 0 {
        return Err(SaveKind::Unwritable(unwritable));
    }
    // Whatever is not in the file has ended at or below it.
    let floor = table.shared().first_version() - 1;
    let entries = writer.entries;
    let (_, whole) = writer.end(floor).map_err(failed(None))?;
    teller.tell(entries, whole.bytes, 1.0)?;
    if !wanted.is_wanted() {
        return Err(SaveKind::Interrupted);
    }
    // Some of the entries may have ended with the store before the walk came to them.
    if table.is_closed() {
        return Err(SaveKind::Closed);
    }
    draft.publish()?;
    Ok(SaveReport {
        entries,
        bytes: whole.bytes,
        duration: clock::now().saturating_duration_since(began),
    })
}

impl SaveKind {
    fn write(error: WriteError, key: Option<Uuid>) -> SaveKind {
        match error {
            WriteError::Io(error) => SaveKind::io("write the new file")(error),
            WriteError::TooLarge => SaveKind::TooLarge { key },
        }
    }
}

impl From<Panicked> for SaveKind {
    fn from(Panicked: Panicked) -> Self {
        SaveKind::Panicked
    }
}
