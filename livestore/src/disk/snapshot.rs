//! A store in one file: writing it while the store goes on, and reading it back.
//!
//! The work blocks, so it runs as a [job] on a thread that may, and holds no lock but a slot's for the moment in which it
//! copies one entry's state. The bytes are those of [`file`]; a file is written beside the one that it replaces, as a
//! [draft].

pub(crate) mod draft;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod job;
pub(crate) mod load;
pub(crate) mod save;

use crate::ground::unwind::{Panicked, caught};
use crate::value::report::Progress;

/// Hears how far a job has come, now and then.
pub(crate) type OnProgress = Box<dyn FnMut(Progress) + Send>;

/// After so many entries, or so many bytes, it is told.
const TELL_ENTRIES: u64 = 1024;
const TELL_BYTES: u64 = 4 << 20;

/// Tells of the progress of a job.
pub(crate) struct Teller {
    on_progress: Option<OnProgress>,
    told: Progress,
}

impl Teller {
    pub(crate) fn new(on_progress: Option<OnProgress>) -> Teller {
        let told = Progress {
            entries: 0,
            bytes: 0,
            fraction: 0.0,
        };
        Teller { on_progress, told }
    }

    /// Tells of it if enough has happened since it last did.
    pub(crate) fn note(
        &mut self,
        entries: u64,
        bytes: u64,
        fraction: impl FnOnce() -> f64,
    ) -> Result<(), Panicked> {
        if entries - self.told.entries >= TELL_ENTRIES || bytes - self.told.bytes >= TELL_BYTES {
            self.tell(entries, bytes, fraction())?;
        }
        Ok(())
    }

    pub(crate) fn tell(&mut self, entries: u64, bytes: u64, fraction: f64) -> Result<(), Panicked> {
        self.told = Progress {
            entries,
            bytes,
            fraction,
        };
        match &mut self.on_progress {
            Some(on_progress) => caught(|| on_progress(self.told)),
            None => Ok(()),
        }
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a fraction for people needs no 53 bits"
)]
pub(crate) fn fraction(done: u64, of: u64) -> f64 {
    if done < of { done as f64 / of as f64 } else { 1.0 }
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
