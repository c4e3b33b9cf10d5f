//! How a store is kept on disk, and why it could not be: [`Durability`], [`DurabilityError`], [`FlushError`].

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

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
    Write(Reason),
    Encode { key: Uuid, reason: Reason },
    Writer(Reason),
}

impl DurabilityError {
    fn new(folder: &Path, kind: Kind) -> DurabilityError {
        let folder = folder.to_path_buf();
        DurabilityError {
            inner: Arc::new(Inner { folder, kind }),
        }
    }

    pub(crate) fn write(folder: &Path, reason: Reason) -> DurabilityError {
        DurabilityError::new(folder, Kind::Write(reason))
    }

    pub(crate) fn encode(folder: &Path, key: Uuid, reason: Reason) -> DurabilityError {
        DurabilityError::new(folder, Kind::Encode { key, reason })
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
        let mut cause: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return matches!(
                    error.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
                );
            }
            cause = error.source();
        }
        false
    }

    /// Returns the key of the entry whose value could not be encoded, because its `Serialize` failed or panicked. `None`
    /// if it was something else.
    pub fn key(&self) -> Option<&Uuid> {
        match &self.inner.kind {
            Kind::Encode { key, .. } => Some(key),
            Kind::Write(_) | Kind::Writer(_) => None,
        }
    }
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
            Kind::Encode { key, reason } => write!(
                f,
                "the value of key {key} cannot be serialised: {reason}; nothing is written to {folder} any more, until \
                 it is opened again"
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
            Kind::Write(reason) | Kind::Encode { reason, .. } | Kind::Writer(reason) => Some(&**reason),
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
    /// The disk has failed, or a value could not be serialised.
    Failed(DurabilityError),
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlushError::NotDurable => {
                f.write_str("this store is in memory alone; build it with `open` to keep it on disk")
            }
            FlushError::Closed => f.write_str("this store was closed, so nothing more goes to disk"),
            FlushError::Failed(error) => error.fmt(f),
        }
    }
}

impl Error for FlushError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            FlushError::Failed(error) => error.source(),
            FlushError::NotDurable | FlushError::Closed => None,
        }
    }
}
