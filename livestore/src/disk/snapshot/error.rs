//! [`SaveError`] and [`LoadError`]: why a store was not saved, or not loaded.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::disk::frames::Bad;
use crate::value::error::OptionsError;
use crate::value::report::Named;
use crate::value::schema::Foreign;

/// Why a store was not saved. The file that was there before is untouched, unless the text says otherwise.
///
/// Returned by [`LiveStore::save`](crate::LiveStore::save). Where the system has said no, its words are the
/// [`source`](Error::source).
#[derive(Debug)]
pub struct SaveError {
    path: PathBuf,
    kind: SaveKind,
}

#[derive(Debug)]
pub(crate) enum SaveKind {
    Io {
        /// What could not be done, after "cannot".
        what: &'static str,
        error: io::Error,
    },
    /// A folder has the path, or a device.
    NotAFile,
    /// Values that could not be read back.
    Unwritable(Named),
    /// More bytes than a length can say.
    TooLarge { key: Option<Uuid> },
    /// The progress callback.
    Panicked,
    /// Nobody waits any more, or the runtime ends.
    Interrupted,
    /// The store was closed.
    Closed,
}

impl SaveKind {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> SaveKind {
        move |error| SaveKind::Io { what, error }
    }

    pub(crate) fn at(self, path: &Path) -> SaveError {
        SaveError {
            path: path.to_owned(),
            kind: self,
        }
    }
}

impl SaveError {
    /// Returns the path that was to be saved to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what the system said, if that was the reason: the disk is full, the folder is not there.
    pub fn io_error(&self) -> Option<&io::Error> {
        match &self.kind {
            SaveKind::Io { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Returns the key of the entry whose value could not be written, if that was the reason: the first, if there are more.
    pub fn key(&self) -> Option<Uuid> {
        self.keys().next()
    }

    /// Returns the keys of the entries whose values could not be written, if that was the reason: the first sixteen, if
    /// there are more.
    pub fn keys(&self) -> impl Iterator<Item = Uuid> {
        let (named, one) = match &self.kind {
            SaveKind::Unwritable(named) => (Some(named), None),
            SaveKind::TooLarge { key } => (None, *key),
            _ => (None, None),
        };
        named.into_iter().flat_map(Named::keys).chain(one)
    }
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot save to `{}`: ", self.path.display())?;
        match &self.kind {
            SaveKind::Io { what, error } => write!(f, "cannot {what}: {error}"),
            SaveKind::NotAFile => f.write_str("this is not the path of a file; add a file name"),
            SaveKind::Unwritable(named) => write!(
                f,
                "the values of these entries cannot be written so that they can be read again: {named}; `on_unwritable` \
                 would leave them out"
            ),
            SaveKind::TooLarge { key: Some(key) } => {
                write!(f, "the value of the entry {key} has more than 4 GiB")
            }
            SaveKind::TooLarge { key: None } => f.write_str("the name of the schema has more than 4 GiB"),
            SaveKind::Panicked => f.write_str("the progress callback has panicked"),
            SaveKind::Interrupted => f.write_str(
                "the runtime ended meanwhile, so save before it is shut down; or there was no thread for it",
            ),
            SaveKind::Closed => {
                f.write_str("the store was closed and has no entries any more; save it before")
            }
        }
    }
}

impl Error for SaveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.io_error().map(|error| error as _)
    }
}

/// Why a store was not loaded. The file is untouched, and no callback of expired entries was called.
///
/// Returned by [`LiveStoreBuilder::load`](crate::LiveStoreBuilder::load). Where the system has said no, its words are
/// the [`source`](Error::source).
#[derive(Debug)]
pub struct LoadError {
    path: PathBuf,
    kind: LoadKind,
}

#[derive(Debug)]
pub(crate) enum LoadKind {
    Options(OptionsError),
    Io(io::Error),
    NotASave,
    /// Of a file that another version of this crate has written.
    Format {
        found: u32,
    },
    /// Values of another type, or of a newer version of it.
    Foreign(Foreign),
    /// The file ends too early.
    Cut {
        at: u64,
    },
    Damaged {
        at: u64,
    },
    /// Values that do not fit their type.
    Unreadable(Named),
    /// `LiveValue::check` says no.
    Refused {
        key: Uuid,
        reason: String,
    },
    /// It has a deadline of its own, and this store would never look at it.
    NoChecks {
        key: Uuid,
    },
    /// `LiveValue::check` or a callback.
    Panicked {
        key: Option<Uuid>,
    },
    Interrupted,
}

impl LoadKind {
    pub(crate) fn io(error: io::Error) -> LoadKind {
        LoadKind::Io(error)
    }

    pub(crate) fn at(self, path: &Path) -> LoadError {
        LoadError {
            path: path.to_owned(),
            kind: self,
        }
    }
}

impl From<Bad> for LoadKind {
    fn from(bad: Bad) -> Self {
        match bad {
            Bad::Io(error) => LoadKind::Io(error),
            Bad::NotOurs => LoadKind::NotASave,
            Bad::Format { found } => LoadKind::Format { found },
            Bad::Cut { at } => LoadKind::Cut { at },
            Bad::Damaged { at } => LoadKind::Damaged { at },
        }
    }
}

impl LoadError {
    /// Returns the path that was to be loaded.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what the system said, if that was the reason.
    pub fn io_error(&self) -> Option<&io::Error> {
        match &self.kind {
            LoadKind::Io(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the key of the entry that could not be loaded, if one was the reason: the first, if there are more.
    pub fn key(&self) -> Option<Uuid> {
        match &self.kind {
            LoadKind::Refused { key, .. } | LoadKind::NoChecks { key } => Some(*key),
            LoadKind::Unreadable(named) => named.keys().next(),
            LoadKind::Panicked { key } => *key,
            _ => None,
        }
    }

    /// Returns the keys of the entries that could not be read, if that was the reason: the first sixteen, if there are more.
    pub fn unreadable(&self) -> impl Iterator<Item = Uuid> {
        let named = match &self.kind {
            LoadKind::Unreadable(named) => Some(named),
            _ => None,
        };
        named.into_iter().flat_map(Named::keys)
    }

    /// Returns whether there is no such file. [`Load::or_empty`](crate::Load::or_empty) begins with an empty store then.
    pub fn is_missing(&self) -> bool {
        self.io_error()
            .is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Returns whether the file is not what was saved: cut, changed, or never a save.
    pub fn is_damaged(&self) -> bool {
        matches!(
            self.kind,
            LoadKind::NotASave | LoadKind::Cut { .. } | LoadKind::Damaged { .. }
        )
    }

    /// Returns whether the file is whole but not for this program: it holds another type, a newer version of it, or was
    /// written by another version of livestore.
    pub fn is_foreign(&self) -> bool {
        matches!(self.kind, LoadKind::Format { .. } | LoadKind::Foreign(_))
    }

    /// Returns whether [`LiveValue::check`](crate::LiveValue::check) has refused a value.
    pub fn is_refused(&self) -> bool {
        matches!(self.kind, LoadKind::Refused { .. })
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot load `{}`: ", self.path.display())?;
        match &self.kind {
            LoadKind::Options(error) => error.fmt(f),
            LoadKind::Io(error) => write!(f, "cannot read it: {error}"),
            LoadKind::NotASave => f.write_str("this is not a file that a store was saved to"),
            LoadKind::Format { found } => {
                write!(
                    f,
                    "another version of livestore has written it, in format {found}; use that one"
                )
            }
            LoadKind::Foreign(foreign) => foreign.fmt(f),
            LoadKind::Cut { at } => write!(f, "it ends too early, after {at} bytes; use a backup"),
            LoadKind::Damaged { at } => write!(f, "it is damaged before byte {at}; use a backup"),
            LoadKind::Unreadable(named) => write!(
                f,
                "the values of these entries do not fit their type: {named}; `on_unreadable` would keep them aside"
            ),
            LoadKind::Refused { key, reason } => {
                write!(
                    f,
                    "the entry {key} is not valid: {reason}; `on_refused` would leave it out"
                )
            }
            LoadKind::NoChecks { key } => {
                write!(
                    f,
                    "the entry {key} has a deadline of its own, and this store checks nothing for expiry; set \
                     `expire_check_freq` in its options"
                )
            }
            LoadKind::Panicked { key: Some(key) } => {
                write!(f, "user code has panicked at the entry {key}")
            }
            LoadKind::Panicked { key: None } => f.write_str("the progress callback has panicked"),
            LoadKind::Interrupted => {
                f.write_str("the runtime ended meanwhile, or there was no thread for it")
            }
        }
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.io_error().map(|error| error as _)
    }
}
