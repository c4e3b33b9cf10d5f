//! [`Contents`]: the file that says which others a folder has.
//!
//! ```text
//! contents = preamble("livelist") frame({schema, snapshot, logs})      MessagePack with the names of fields
//! ```
//!
//! So a file that was lost, or is not the one that was written, is told from one that never was. It is written anew, and
//! takes its own place by a rename, whenever a log begins or ends and when a snapshot counts.

use std::io::{self, BufReader};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::disk::durable::error::OpenKind;
use crate::disk::durable::files::{Files, OnDisk, Reading};
use crate::disk::frames::{Bad, Frames, Magic, Seal, put_named, read_named};
use crate::ground::clock::Wall;
use crate::ground::random::random_key;
use crate::value::schema::Schema;

const LIST: Magic = *b"livelist";

pub(crate) const CONTENTS: &str = "contents";

/// Whatever has this at the end of its name is not finished and does not count.
pub(crate) const DRAFT: &str = ".new";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// Of the newest values.
    pub(crate) schema: Schema,
    pub(crate) snapshot: Option<SnapshotMark>,
    /// What was committed after the log of the snapshot's number began, in this order.
    pub(crate) logs: Vec<LogMark>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotMark {
    pub(crate) number: u64,
    pub(crate) id: Uuid,
    pub(crate) bytes: u64,
    /// The last sum in it.
    pub(crate) sum: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogMark {
    pub(crate) number: u64,
    pub(crate) id: Uuid,
    /// So many bytes are on disk for certain.
    pub(crate) bytes: u64,
    /// What the wall clock would have shown when the store was built, as it went at the end.
    pub(crate) built: Wall,
    /// Set once there are no more: the last sum in them. What stands behind them does not count.
    pub(crate) sum: Option<u32>,
}

impl SnapshotMark {
    pub(crate) fn name(number: u64) -> String {
        format!("snapshot-{number}")
    }
}

impl LogMark {
    pub(crate) fn name(number: u64) -> String {
        format!("log-{number}")
    }
}

/// The number in the name of a log, or of a snapshot.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let digits = name
        .strip_prefix("log-")
        .or_else(|| name.strip_prefix("snapshot-"))?;
    digits.parse().ok().filter(|_| !digits.starts_with('+'))
}

/// Whether a file of ours was not finished.
pub(crate) fn is_draft(name: &str) -> bool {
    let finished = name.strip_suffix(DRAFT);
    finished.is_some_and(|name| name == CONTENTS || number_of(name).is_some())
}

impl Contents {
    /// The names of the files that count, but for its own.
    pub(crate) fn names(&self) -> Vec<String> {
        let snapshot = self.snapshot.iter().map(|mark| SnapshotMark::name(mark.number));
        let logs = self.logs.iter().map(|mark| LogMark::name(mark.number));
        snapshot.chain(logs).collect()
    }

    /// No file that counts has a higher number.
    pub(crate) fn last_number(&self) -> u64 {
        let snapshot = self.snapshot.as_ref().map_or(0, |mark| mark.number);
        self.logs.last().map_or(0, |mark| mark.number).max(snapshot)
    }

    /// `None` if there is no such file.
    pub(crate) fn read(files: &impl Files) -> Result<Option<Contents>, OpenKind> {
        let mut file = match files.open(CONTENTS) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(OpenKind::Io)?,
        };
        let len = file.len().map_err(OpenKind::Io)?;
        let mut read = || {
            let mut frames = Frames::begin(BufReader::new(Reading::new(&mut file, len)), len, LIST)?;
            match frames.next()? {
                Some(0) => {}
                Some(_) => return Err(frames.damaged()),
                None => return Err(Bad::Cut { at: frames.at() }),
            }
            let contents = read_named(frames.body()).ok_or(frames.damaged())?;
            frames.end()?;
            Ok(contents)
        };
        read().map(Some).map_err(OpenKind::bad(CONTENTS))
    }

    /// Writes it under another name, so that it does not count yet. It is on disk when this returns.
    pub(crate) fn draft(&self, files: &impl Files) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut seal = Seal::begin(LIST, random_key(), &mut bytes);
        let start = Seal::open(&mut bytes);
        put_named(self, &mut bytes)?;
        seal.close(0, start, &mut bytes)?;
        let mut file = files.create(&format!("{CONTENTS}{DRAFT}"))?;
        file.write_at(0, &bytes)?;
        file.sync()
    }

    /// Has the [draft](Self::draft) count. It does, after a loss of power too, when this returns.
    pub(crate) fn publish(files: &impl Files) -> io::Result<()> {
        files.rename(&format!("{CONTENTS}{DRAFT}"), CONTENTS)?;
        files.sync()
    }
}
