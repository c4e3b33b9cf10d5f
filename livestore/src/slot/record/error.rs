//! [`RecordError`]: why a record cannot be written or read.

use std::error::Error;
use std::fmt;

use crate::ground::unwind::Panicked;

/// Why a record cannot be written or read.
#[derive(Debug)]
pub(crate) enum RecordError {
    /// These are not the bytes of a record.
    Malformed,
    /// The value and the bytes do not fit. In serde's words.
    Value(Reason),
    /// It was written, and could not be read back.
    Unreadable(Reason),
    /// It has a `Some` that is written as `None` is.
    SomeOfNothing,
    /// Bytes in it, a number of 128 bits, or a `Some` of a struct without fields, were taken for something else.
    Mistaken,
    /// The value's `Serialize` or `Deserialize` has panicked.
    Panicked,
}

type Reason = Box<dyn Error + Send + Sync>;

impl RecordError {
    /// Of a value that was just written.
    pub(in crate::slot::record) fn unreadable(self) -> RecordError {
        match self {
            RecordError::Value(error) => RecordError::Unreadable(error),
            other => other,
        }
    }
}

impl From<Panicked> for RecordError {
    fn from(Panicked: Panicked) -> Self {
        RecordError::Panicked
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Malformed => f.write_str("these bytes are no record"),
            RecordError::Value(error) => error.fmt(f),
            RecordError::Unreadable(error) => write!(f, "it could not be read back: {error}"),
            RecordError::SomeOfNothing => f.write_str(
                "it has a `Some` of an `Option` that is `None`, or of `()`, which would come back as `None`; use an enum",
            ),
            RecordError::Mistaken => f.write_str(
                "it has bytes, a number of 128 bits, or a `Some` of a struct without fields, which would come back as something \
                 else; where it is in an enum that is `untagged`, let that say its variants; or have it written as a text, \
                 with `#[serde(with = \"..\")]`",
            ),
            RecordError::Panicked => f.write_str("the value's `Serialize` or `Deserialize` has panicked"),
        }
    }
}

impl Error for RecordError {}
