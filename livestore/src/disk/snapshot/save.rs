//! The work of a save.

use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::disk::snapshot::draft::Draft;
use crate::disk::snapshot::error::SaveKind;
use crate::disk::snapshot::file::Writer;
use crate::disk::snapshot::job::Wanted;
use crate::disk::snapshot::{OnProgress, Teller, count, fraction};
use crate::ground::clock;
use crate::ground::unwind::{Panicked, let_go};
use crate::table::table::Table;
use crate::value::report::SaveReport;
use crate::value::value::LiveValue;

const BUFFER: usize = 1 << 16;

pub(crate) fn save<V: LiveValue + Serialize>(
    table: &Arc<Table<V>>,
    path: &Path,
    on_progress: Option<OnProgress>,
    wanted: &Wanted,
) -> Result<SaveReport, SaveKind> {
    let began = clock::now();
    let draft = Draft::create(path)?;
    let out = BufWriter::with_capacity(BUFFER, draft.file()?);
    // Stamps are turned into wall-clock times as the clocks stand now, also for what is changed later.
    let times = table.shared().clock.moment();
    let mut writer = Writer::begin(out, table.schema(), &times)?;
    let mut teller = Teller::new(on_progress);
    for (key, record) in table.walk().visit(|_, state| state.record(table.shared())) {
        if !wanted.is_wanted() {
            return Err(SaveKind::Interrupted);
        }
        let written = writer.entry(key, &record, &times);
        // It may have been removed or replaced since, and this be the last that has it.
        let_go(record);
        written?;
        teller.note(writer.entries, writer.bytes, || {
            fraction(writer.entries, count(table.len()))
        })?;
    }
    // Whatever is not in the file has ended at or below it.
    let floor = table.shared().first_version() - 1;
    let entries = writer.entries;
    let bytes = writer.end(floor)?;
    teller.tell(entries, bytes, 1.0)?;
    if !wanted.is_wanted() {
        return Err(SaveKind::Interrupted);
    }
    draft.publish()?;
    Ok(SaveReport {
        entries,
        bytes,
        duration: clock::now().saturating_duration_since(began),
    })
}

impl From<Panicked> for SaveKind {
    fn from(Panicked: Panicked) -> Self {
        SaveKind::Panicked
    }
}
