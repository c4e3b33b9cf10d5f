//! What goes over the wire: text frames, one JSON object each.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use livestore::Uuid;
use serde::{Deserialize, Serialize};

use crate::room::{Line, Room, RoomError};

/// What a browser sends: a wish. Who it is and what time it is, the server knows better.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ClientFrame {
    Join { name: String },
    Say { text: String },
    Typing,
}

/// What a browser receives.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ServerFrame<'a> {
    /// The room as it is: first of all, and again whenever `missed` updates were skipped. What follows comes after.
    Room {
        you: Uuid,
        people: &'a BTreeMap<Uuid, String>,
        lines: &'a VecDeque<Arc<Line>>,
        missed: u64,
    },
    /// Somebody came, or has another name now.
    Joined {
        who: Uuid,
        name: &'a str,
    },
    Left {
        who: Uuid,
    },
    Said(&'a Line),
    Typing {
        who: Uuid,
    },
    /// The room did not accept what this browser wished.
    Refused {
        why: RoomError,
        text: String,
    },
    /// This browser sent something that is no [`ClientFrame`].
    BadFrame {
        text: String,
    },
}

impl ServerFrame<'_> {
    pub(crate) fn room(room: &Room, you: Uuid, missed: u64) -> ServerFrame<'_> {
        ServerFrame::Room {
            you,
            people: &room.people,
            lines: &room.lines,
            missed,
        }
    }

    pub(crate) fn refused(why: RoomError) -> ServerFrame<'static> {
        let text = why.to_string();
        ServerFrame::Refused { why, text }
    }

    pub(crate) fn bad_frame(why: impl ToString) -> ServerFrame<'static> {
        let text = why.to_string();
        ServerFrame::BadFrame { text }
    }
}
