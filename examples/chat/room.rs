//! What a room is and which changes it accepts.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use livestore::{LiveValue, Uuid};
use serde::Serialize;

/// How many lines a room remembers.
pub(crate) const HISTORY: usize = 100;
/// How long a text may be, in `char`s.
pub(crate) const MAX_TEXT: usize = 2000;
/// How long a name may be, in `char`s.
pub(crate) const MAX_NAME: usize = 32;
/// How many people may be in a room: each of them is told what each of them says.
pub(crate) const MAX_PEOPLE: usize = 200;

/// A room: who is here and what was said last.
///
/// A mutation that runs a method of ours works on a copy of the value, which is dropped if the method refuses. So what
/// is large is shared: a copy of a room is a hundred reference counts, not a hundred texts.
#[derive(Clone, Default, LiveValue)]
#[live(
    explicit, // A field can be changed only by the mutations below.
    mutation(variants(
        /// Enters the room under a name, or changes it.
        Join { who: Uuid, name: String },
        /// Leaves the room.
        Leave { who: Uuid },
        /// Says something. `at` is in milliseconds since 1970.
        Say { who: Uuid, text: String, at: u64 },
    )),
    message(variants(
        /// Somebody is about to say something. Nobody who comes later needs to know: a message, not a mutation.
        Typing { who: Uuid },
    )),
    error = RoomError,
)]
pub(crate) struct Room {
    /// Each connection is a person. Nobody chooses the key, so nobody can speak for somebody else.
    pub(crate) people: Arc<BTreeMap<Uuid, String>>,
    pub(crate) lines: VecDeque<Arc<Line>>,
}

/// Something that was said. The name is kept, for whoever said it may have left.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Line {
    pub(crate) who: Uuid,
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) at: u64,
}

/// The mutations, one method each. They check and change in one step: between the look at the names and the entry
/// under a name, nobody else can take it.
impl Room {
    fn join(&mut self, who: &Uuid, name: &str) -> Result<(), RoomError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.contains(char::is_control) {
            return Err(RoomError::BadName);
        }
        if self
            .people
            .iter()
            .any(|(other, taken)| other != who && taken == name)
        {
            return Err(RoomError::NameTaken);
        }
        if self.people.len() >= MAX_PEOPLE && !self.people.contains_key(who) {
            return Err(RoomError::RoomFull);
        }
        Arc::make_mut(&mut self.people).insert(*who, name.to_owned());
        Ok(())
    }

    fn leave(&mut self, who: &Uuid) -> Result<(), RoomError> {
        // Refused rather than ignored: a change that changes nothing would be told to everybody.
        if !self.people.contains_key(who) {
            return Err(RoomError::NotHere);
        }
        Arc::make_mut(&mut self.people).remove(who);
        Ok(())
    }

    fn say(&mut self, who: &Uuid, text: &str, at: &u64) -> Result<(), RoomError> {
        let name = self.people.get(who).ok_or(RoomError::NotHere)?.clone();
        let text = text.trim();
        if text.is_empty() || text.chars().count() > MAX_TEXT {
            return Err(RoomError::BadText);
        }
        let (who, text, at) = (*who, text.to_owned(), *at);
        self.lines.push_back(Arc::new(Line { who, name, text, at }));
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
    BadName,
    NameTaken,
    RoomFull,
    NotHere,
    BadText,
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RoomError::BadName => write!(f, "a name has 1 to {MAX_NAME} characters on one line"),
            RoomError::NameTaken => f.write_str("somebody here has that name; choose another"),
            RoomError::RoomFull => write!(f, "the room is full: {MAX_PEOPLE} people are here"),
            RoomError::NotHere => f.write_str("you are not in the room; join it first"),
            RoomError::BadText => write!(f, "a text has 1 to {MAX_TEXT} characters"),
        }
    }
}
