//! [`OpenError`]: why a folder could not be opened.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::slot::record::RecordError;
use crate::value::durability::Reason;
use crate::value::error::OptionsError;
use crate::value::schema::Foreign;

/// Why a folder was not opened. What is in it is untouched, and no callback of expired entries was called.
///
/// Returned by [`LiveStoreBuilder::open`](crate::LiveStoreBuilder::open). Where the system has said no, its words are
/// the [`source`](Error::source).
pub struct OpenError {
    folder: PathBuf,
    kind: OpenKind,
}

pub(crate) enum OpenKind {
    Options(OptionsError),
    Locked,
    /// Values of another type, or of a newer version of it.
    Foreign(Foreign),
    /// A file or the folder could not be read or written, or no thread be started.
    Io(io::Error),
    /// The engine could not read its files.
    Engine(Reason),
    /// The engine's files are whole, and what is in them is not.
    Malformed(&'static str),
    Value {
        key: Uuid,
        error: RecordError,
    },
    /// It has a deadline of its own, and this store would never look at it.
    NoChecks {
        key: Uuid,
    },
    /// The runtime ends.
    Interrupted,
}

impl OpenKind {
    pub(crate) fn io(error: io::Error) -> OpenKind {
        OpenKind::Io(error)
    }

    /// The engine's error, unless it only passes on the system's.
    pub(crate) fn engine(reason: Reason) -> OpenKind {
        match reason.downcast::<io::Error>() {
            Ok(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => OpenKind::Engine(error),
                _ => OpenKind::Io(*error),
            },
            Err(reason) => OpenKind::Engine(reason),
        }
    }

    pub(crate) fn at(self, folder: &Path) -> OpenError {
        OpenError {
            folder: folder.to_owned(),
            kind: self,
        }
    }
}

impl OpenError {
    /// Returns the folder that was to be opened.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns what the system said, if that was the reason: there is no right to write, the disk is full.
    pub fn io_error(&self) -> Option<&io::Error> {
        match &self.kind {
            OpenKind::Io(error) => Some(error),
            _ => None,
        }
    }

    /// Returns whether somebody else has the folder open: another process, or another store of this one.
    pub fn is_locked(&self) -> bool {
        matches!(self.kind, OpenKind::Locked)
    }

    /// Returns whether the folder is whole but not for this program: it holds another type, or a newer version of it.
    pub fn is_foreign(&self) -> bool {
        matches!(self.kind, OpenKind::Foreign(_))
    }

    /// Returns whether the files in the folder are not what was written.
    pub fn is_damaged(&self) -> bool {
        matches!(self.kind, OpenKind::Engine(_) | OpenKind::Malformed(_))
    }

    /// Returns the key of the entry that could not be read, if one was the reason.
    pub fn key(&self) -> Option<Uuid> {
        match self.kind {
            OpenKind::Value { key, .. } | OpenKind::NoChecks { key } => Some(key),
            _ => None,
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot open `{}`: ", self.folder.display())?;
        match &self.kind {
            OpenKind::Options(error) => error.fmt(f),
            OpenKind::Locked => f.write_str(
                "another process has it open, or another store of this one; close that first, or open another folder",
            ),
            OpenKind::Foreign(foreign) => foreign.fmt(f),
            OpenKind::Io(error) => write!(f, "the system refuses: {}", error.kind()),
            OpenKind::Engine(reason) => write!(f, "its files are damaged: {reason}; use a backup"),
            OpenKind::Malformed(what) => write!(f, "its files are damaged: {what} cannot be read; use a backup"),
            OpenKind::Value { key, error } => {
                write!(f, "the value of the entry {key} does not fit its type: {error}")
            }
            OpenKind::NoChecks { key } => {
                write!(
                    f,
                    "the entry {key} has a deadline of its own, and this store checks nothing for expiry; set \
                     `expire_check_freq` in its options"
                )
            }
            OpenKind::Interrupted => f.write_str("the runtime ended meanwhile"),
        }
    }
}

impl fmt::Debug for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenError({self})")
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            OpenKind::Io(error) => Some(error),
            OpenKind::Engine(reason) => Some(&**reason),
            _ => None,
        }
    }
}
