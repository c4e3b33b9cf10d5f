//! [`Room`]: what is served, the same by everybody; [`Stamp`], which says in it when that was due.

use livestore::{LiveValue, Uuid};
use serde::Serialize;

use crate::shape::Content;

/// The value of a key.
#[derive(Clone, Debug, LiveValue, Serialize)]
pub(crate) struct Room {
    pub(crate) now: Now,
    /// Never change. None in a small value.
    #[live(skip)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
}

/// What changes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Now {
    /// A [`Stamp`].
    at: String,
    /// Of which nothing stays as it was.
    text: String,
}

#[derive(Clone, Debug, Serialize)]
struct Note {
    id: usize,
    by: String,
    text: String,
}

/// What one of several roles sees.
#[derive(Serialize)]
pub(crate) struct RoomView<'a> {
    role: usize,
    #[serde(flatten)]
    room: &'a Room,
}

/// What servers without a protocol of their own tell.
#[derive(Serialize)]
pub(crate) struct Told<'a> {
    k: Uuid,
    v: View<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum View<'a> {
    Whole(&'a Room),
    Role(RoomView<'a>),
}

impl<'a> Told<'a> {
    pub(crate) fn new(key: Uuid, room: &'a Room, role: usize, roles: usize) -> Told<'a> {
        let v = match roles {
            1 => View::Whole(room),
            _ => View::Role(RoomView { role, room }),
        };
        Told { k: key, v }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap()
    }
}

impl<'a> RoomView<'a> {
    pub(crate) fn new(role: usize, room: &'a Room) -> RoomView<'a> {
        RoomView { role, room }
    }
}

impl Room {
    /// The first value.
    pub(crate) fn new(content: Content, texts: &Texts) -> Room {
        let note = |id| Note {
            id: id + 1000,
            by: format!("somebody called {}", id % 17),
            text: format!("what was written down here as number {id}"),
        };
        let now = texts.now(Stamp { due: 0, number: 0 });
        let bytes = match content {
            Content::Small(_) => 0,
            Content::Room(bytes) => bytes,
        };
        let mut room = Room {
            now,
            notes: Vec::new(),
        };
        while serde_json::to_string(&room).unwrap().len() < bytes {
            room.notes.push(note(room.notes.len()));
        }
        room
    }
}

/// The texts that values have in turn: none has a letter where the one before had it.
pub(crate) struct Texts(Vec<String>);

impl Texts {
    /// So long that a small value has its bytes.
    pub(crate) fn new(content: Content) -> Texts {
        let mut texts = Texts(vec![String::new()]);
        if let Content::Small(bytes) = content {
            let bare = serde_json::to_string(&Room::new(content, &texts)).unwrap().len();
            let text = |turn: usize| {
                (0..bytes.saturating_sub(bare))
                    .map(|at| char::from(b'a' + ((turn + at) % 26) as u8))
                    .collect()
            };
            texts.0 = (0..26).map(text).collect();
        }
        texts
    }

    /// The next value.
    pub(crate) fn now(&self, stamp: Stamp) -> Now {
        Now {
            at: stamp.to_string(),
            text: self.0[stamp.number as usize % self.0.len()].clone(),
        }
    }
}

/// When an update was due, and which it is. The only place of a frame with an `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// In nanoseconds of the system's monotonic clock, which is the same in all processes.
    pub(crate) due: u64,
    /// Counted over all keys from 1; 0 is what was there before.
    pub(crate) number: u32,
}

/// The mark, 16 digits of the time, 8 of the number; hexadecimal.
const STAMP: usize = 1 + 16 + 8;
const MARK: u8 = b'@';

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "@{:016x}{:08x}", self.due, self.number)
    }
}

impl Stamp {
    /// Finds it in a frame. `place` is where it was last, which is where it usually is.
    pub(crate) fn find(payload: &[u8], place: &mut usize) -> Option<Stamp> {
        if payload.get(*place) != Some(&MARK) {
            *place = payload.iter().position(|byte| *byte == MARK)?;
        }
        let text = payload.get(*place + 1..*place + STAMP)?;
        let text = std::str::from_utf8(text).ok()?;
        Some(Stamp {
            due: u64::from_str_radix(&text[..16], 16).ok()?,
            number: u32::from_str_radix(&text[16..], 16).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_bytes_that_are_asked_for_and_all_of_them_change() {
        for bytes in [64, 200, 2000] {
            let content = Content::Small(bytes);
            let texts = Texts::new(content);
            let mut room = Room::new(content, &texts);
            assert_eq!(serde_json::to_string(&room).unwrap().len(), bytes);
            let before = room.now.text.clone();
            room.now = texts.now(Stamp { due: 1, number: 1 });
            let same = before.bytes().zip(room.now.text.bytes()).filter(|(a, b)| a == b);
            assert_eq!(same.count(), 0);
        }
        let content = Content::Room(20_000);
        let room = serde_json::to_string(&Room::new(content, &Texts::new(content))).unwrap();
        assert!((20_000..20_200).contains(&room.len()) && room.matches('@').count() == 1);
    }

    #[test]
    fn a_stamp_is_found_wherever_it_is() {
        let stamp = Stamp {
            due: 123_456_789_000,
            number: 77,
        };
        let mut place = 0;
        for frame in [format!("[\"{stamp}\"]"), format!("[1,2,\"{stamp}\"]")] {
            assert_eq!(Stamp::find(frame.as_bytes(), &mut place), Some(stamp));
        }
        assert_eq!(Stamp::find(b"{}", &mut place), None);
    }
}
