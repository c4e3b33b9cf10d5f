//! What a room is and which changes it accepts.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use livestore::{LiveValue, Uuid};
use serde::Serialize;

/// How many lines a room remembers.
pub(crate) const HISTORY: usize = 100;
/// How long a text may be, in `char`s.
pub(crate) const MAX_TEXT: usize = 2000;

/// A room: what was said last.
///
/// A mutation that runs a method of ours works on a copy of the value, which is dropped if the method refuses. So what
/// is large is shared: a copy of a room is a hundred reference counts, not a hundred texts.
#[derive(Clone, Default, LiveValue)]
#[live(
    explicit, // A field can be changed only by the mutation below.
    mutation(variants(
        /// Says something. `at` is in milliseconds since 1970.
        Say { who: Uuid, name: String, text: String, at: u64 },
    )),
    message(variants(
        /// Somebody is about to say something. Nobody who comes later needs to know: a message, not a mutation.
        Typing { who: Uuid },
    )),
    error = RoomError,
)]
pub(crate) struct Room {
    /// How many lines were said in all.
    said: u64,
    pub(crate) lines: VecDeque<Arc<Line>>,
}

/// Something that was said. The name is kept, for whoever said it may have left.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Line {
    /// Lines are counted from 1.
    pub(crate) number: u64,
    pub(crate) who: Uuid,
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) at: u64,
}

impl Room {
    fn say(&mut self, who: &Uuid, name: &str, text: &str, at: &u64) -> Result<(), RoomError> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > MAX_TEXT {
            return Err(RoomError::BadText);
        }
        self.said += 1;
        self.lines.push_back(Arc::new(Line {
            number: self.said,
            who: *who,
            name: name.to_owned(),
            text: text.to_owned(),
            at: *at,
        }));
        if self.lines.len() > HISTORY {
            self.lines.pop_front();
        }
        Ok(())
    }
}

/// Why a room refused a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoomError {
    BadText,
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RoomError::BadText => write!(f, "a text has 1 to {MAX_TEXT} characters"),
        }
    }
}
