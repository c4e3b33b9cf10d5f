//! [`OpenError`]: why a folder could not be opened.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::disk::frames::Bad;
use crate::value::error::OptionsError;
use crate::value::report::Named;
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
    /// An engine has kept it, before there were these files.
    Former,
    /// A file or the folder could not be read or written, or no thread be started.
    Io(io::Error),
    /// A file is not what was written.
    Bad {
        file: String,
        bad: Bad,
    },
    /// A file is not there.
    Lost(String),
    /// Values that do not fit their type.
    Unreadable(Named),
    /// It has a deadline of its own, and this store would never look at it.
    NoChecks {
        key: Uuid,
    },
    /// A callback has.
    Panicked,
    /// The runtime ends.
    Interrupted,
}

impl OpenKind {
    /// Says in which file it is.
    pub(crate) fn bad(file: &str) -> impl Fn(Bad) -> OpenKind {
        move |bad| match bad {
            Bad::Io(error) => OpenKind::Io(error),
            bad => OpenKind::Bad {
                file: file.to_owned(),
                bad,
            },
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

    /// Returns whether the folder is whole but not for this program: it holds another type, a newer version of it, or was
    /// written by another version of livestore.
    pub fn is_foreign(&self) -> bool {
        let format = |bad: &Bad| matches!(bad, Bad::Format { .. });
        match &self.kind {
            OpenKind::Foreign(_) | OpenKind::Former => true,
            OpenKind::Bad { bad, .. } => format(bad),
            _ => false,
        }
    }

    /// Returns whether the files in the folder are not what was written, or some are not there.
    pub fn is_damaged(&self) -> bool {
        matches!(self.kind, OpenKind::Bad { .. } | OpenKind::Lost(_)) && !self.is_foreign()
    }

    /// Returns the name of the file that is damaged or not there, if that was the reason.
    pub fn file(&self) -> Option<&str> {
        match &self.kind {
            OpenKind::Bad { file, .. } | OpenKind::Lost(file) => Some(file),
            _ => None,
        }
    }

    /// Returns the key of the entry that could not be read, if one was the reason: the first, if there are more.
    pub fn key(&self) -> Option<Uuid> {
        match &self.kind {
            OpenKind::NoChecks { key } => Some(*key),
            _ => self.unreadable().next(),
        }
    }

    /// Returns the keys of the entries that could not be read, if that was the reason: the first sixteen, if there are more.
    pub fn unreadable(&self) -> impl Iterator<Item = Uuid> {
        let named = match &self.kind {
            OpenKind::Unreadable(named) => Some(named),
            _ => None,
        };
        named.into_iter().flat_map(Named::keys)
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
            OpenKind::Former => f.write_str(
                "an earlier version of livestore has kept it with the engine fjall, in its folder `data`, which this one does \
                 not read; open another folder, and fill it with what that version reads from this one",
            ),
            OpenKind::Io(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                f.write_str("this is not the path of a folder")
            }
            OpenKind::Io(error) => write!(f, "the system refuses: {error}"),
            OpenKind::Bad { file, bad } => match bad {
                Bad::Format { found } => write!(
                    f,
                    "another version of livestore has written its file `{file}`, in format {found}; use that one"
                ),
                Bad::Cut { at } => write!(f, "its file `{file}` ends too early, after {at} bytes; use a backup"),
                Bad::Damaged { at } => {
                    write!(f, "its file `{file}` is damaged at byte {at} or before; use a backup")
                }
                Bad::NotOurs | Bad::Io(_) => {
                    write!(f, "its file `{file}` is none that a store has written; use a backup")
                }
            },
            OpenKind::Lost(file) => write!(f, "its file `{file}` is not there; use a backup"),
            OpenKind::Unreadable(named) => write!(
                f,
                "the values of these entries do not fit their type: {named}; `on_unreadable` would keep them aside"
            ),
            OpenKind::NoChecks { key } => {
                write!(
                    f,
                    "the entry {key} has a deadline of its own, and this store checks nothing for expiry; set \
                     `expire_check_freq` in its options"
                )
            }
            OpenKind::Panicked => f.write_str("a callback has panicked"),
            OpenKind::Interrupted => f.write_str("the runtime ended meanwhile, or there was no thread for it"),
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
            _ => None,
        }
    }
}
