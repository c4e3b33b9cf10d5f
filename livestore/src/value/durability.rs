//! How a store is kept on disk, and why it could not be: [`Durability`], [`DurabilityError`], [`UnwrittenError`], [`FlushError`].

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::value::report::Named;

/// When the commits of a durable store go to disk, if nobody asks with [`flush`](crate::LiveStore::flush).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// At most this long after a commit the writer begins to write it, together with everything else that was committed
    /// meanwhile. One second by default.
    ///
    /// Zero: as soon as the batch before it is on disk. `Duration::MAX`: not before a `flush`, a
    /// [`close`](crate::LiveStore::close), or a queue that is half full.
    Interval(Duration),
}

impl Default for Durability {
    fn default() -> Self {
        Durability::Interval(Duration::from_secs(1))
    }
}

impl Durability {
    pub(crate) fn interval(self) -> Duration {
        let Durability::Interval(interval) = self;
        interval
    }
}

/// Why a durable store stopped writing to disk. Cheap to clone.
///
/// It is final until the folder is opened again: what was committed since the last batch that is on disk, and what is
/// committed from now on, is in memory alone.
#[derive(Clone)]
pub struct DurabilityError {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    kind: Kind,
}

/// Something that failed, told by others.
pub(crate) type Reason = Box<dyn Error + Send + Sync>;

enum Kind {
    Write(io::Error),
    Writer(Reason),
}

impl DurabilityError {
    fn new(folder: &Path, kind: Kind) -> DurabilityError {
        let folder = folder.to_path_buf();
        DurabilityError {
            inner: Arc::new(Inner { folder, kind }),
        }
    }

    pub(crate) fn write(folder: &Path, error: io::Error) -> DurabilityError {
        DurabilityError::new(folder, Kind::Write(error))
    }

    pub(crate) fn writer(folder: &Path, reason: Reason) -> DurabilityError {
        DurabilityError::new(folder, Kind::Writer(reason))
    }

    /// Returns the folder that the store was opened on.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// Returns whether there was no room left: on the disk, in a quota, or for a file of that size.
    pub fn is_disk_full(&self) -> bool {
        self.io_error().is_some_and(is_full)
    }

    /// Returns what the system said, if that was the reason.
    pub fn io_error(&self) -> Option<&io::Error> {
        match &self.inner.kind {
            Kind::Write(error) => Some(error),
            Kind::Writer(_) => None,
        }
    }
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

impl fmt::Display for DurabilityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.inner.folder.display();
        match &self.inner.kind {
            Kind::Write(reason) => write!(
                f,
                "cannot write to {folder}: {reason}; from here on the store is in memory alone, until the folder is \
                 opened again"
            ),
            Kind::Writer(reason) => write!(
                f,
                "the thread that writes to {folder} has ended: {reason}; from here on the store is in memory alone, \
                 until the folder is opened again"
            ),
        }
    }
}

impl fmt::Debug for DurabilityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DurabilityError({self})")
    }
}

impl Error for DurabilityError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.inner.kind {
            Kind::Write(error) => Some(error),
            Kind::Writer(reason) => Some(&**reason),
        }
    }
}

/// Why [`LiveStore::flush`](crate::LiveStore::flush) could not say that everything is on disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FlushError {
    /// The store was not opened on a folder, so it is in memory alone.
    NotDurable,
    /// The store was closed. What was committed before is on disk; what comes after is in memory alone.
    Closed,
    /// The disk has failed.
    Failed(DurabilityError),
    /// The latest values of some entries cannot be written so that they can be read again. Everything else is on disk.
    Unwritten(UnwrittenError),
    /// This process was forked from the one that has the store open, and nothing is written here.
    Forked,
}

/// Entries whose latest values cannot be written so that they can be read again. Cheap to clone.
///
/// On disk is what they were before that, if they were. It is over for an entry when it gets another value or is removed.
/// Until then the log in the folder is not written anew, so it grows with what is committed.
#[derive(Clone)]
pub struct UnwrittenError {
    inner: Arc<(PathBuf, Named)>,
}

impl UnwrittenError {
    pub(crate) fn new(folder: &Path, entries: Named) -> UnwrittenError {
        UnwrittenError {
            inner: Arc::new((folder.to_path_buf(), entries)),
        }
    }

    /// Returns the folder that the store was opened on.
    pub fn folder(&self) -> &Path {
        &self.inner.0
    }

    /// Returns the keys of the entries: the first sixteen, if there are more.
    pub fn keys(&self) -> impl Iterator<Item = Uuid> {
        self.inner.1.keys()
    }
}

impl fmt::Display for UnwrittenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (folder, entries) = &*self.inner;
        write!(
            f,
            "the latest values of these entries cannot be written to {} so that they can be read again: {entries}; give \
             them others, or remove them; everything else is written",
            folder.display()
        )
    }
}

impl fmt::Debug for UnwrittenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnwrittenError({self})")
    }
}

impl Error for UnwrittenError {}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlushError::NotDurable => {
                f.write_str("this store is in memory alone; build it with `open` to keep it on disk")
            }
            FlushError::Closed => f.write_str("this store was closed, so nothing more goes to disk"),
            FlushError::Failed(error) => error.fmt(f),
            FlushError::Unwritten(error) => error.fmt(f),
            FlushError::Forked => f.write_str(
                "this process was forked from the one that has the store open, which goes on; open the folder after that one \
                 has closed it",
            ),
        }
    }
}

impl Error for FlushError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            FlushError::Failed(error) => error.source(),
            FlushError::NotDurable | FlushError::Closed | FlushError::Unwritten(_) | FlushError::Forked => {
                None
            }
        }
    }
}
