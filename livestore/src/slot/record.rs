//! [`Record`]: one entry at one commit, and its bytes.
//!
//! A record has no key and no checksum: what stores it has both. All numbers are little-endian.
//!
//! | bytes | what |
//! |--:|---|
//! | 1 | which of the optional fields are there: 1 used, 2 own deadline, 4 owed |
//! | 8 | version, from 1 |
//! | 8 | when the entry was created |
//! | 8 | when it was last changed |
//! | 8 | when it was last used; only in a store where use counts |
//! | 8 | its own deadline, all ones for never; only if it has one |
//! | 16 | the key of an entry that has expired and is [owed](crate::slot::owed) to the callback; only of such a one |
//! | rest | [the value](value): MessagePack with the names of fields, of what serde writes for people |
//!
//! Times are nanoseconds since the Unix epoch.

pub(crate) mod error;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod shapes;
pub(crate) mod stack;
mod value;
mod writer;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::ground::clock::{Moment, Stamp, Wall};
use crate::ground::unwind::caught;
use crate::slot::record::error::RecordError;
use crate::slot::record::stack::READ_STACK;
use crate::slot::record::value::{read, write_to_be_read};

const USED: u8 = 1;
const OWN: u8 = 2;
const OWED: u8 = 4;

/// No entry gets so far by one commit after another, and one that starts below does not reach what a slot can count.
const MAX_VERSION: u64 = 1 << 60;

/// What is stored of one entry.
pub(crate) struct Record<V> {
    pub(crate) value: triomphe::Arc<V>,
    pub(crate) version: u64,
    pub(crate) created: Stamp,
    pub(crate) changed: Stamp,
    /// Only in a store where use counts.
    pub(crate) used: Option<Stamp>,
    /// The deadline of its own, [`Stamp::NEVER`] if it is exempt; `None` if the store's mode counts.
    pub(crate) own: Option<Stamp>,
}

impl<V> Record<V> {
    /// Whether it has a deadline of its own that will come.
    pub(crate) fn expires_by_itself(&self) -> bool {
        self.own.is_some_and(|own| own < Stamp::NEVER)
    }
}

/// An entry that has expired, as it was at its end, for the callback.
pub(crate) struct Owing<V> {
    pub(crate) key: Uuid,
    pub(crate) record: Record<V>,
}

impl<V: Serialize + DeserializeOwned> Record<V> {
    /// Appends the bytes of the record, from which it can be read. If that fails, `out` is as it was. For a thread with a
    /// stack of [`STACK`](stack::STACK).
    pub(crate) fn encode(&self, times: &Moment, out: &mut Vec<u8>) -> Result<(), RecordError> {
        self.encode_for(None, times, out)
    }

    fn encode_for(&self, owed: Option<Uuid>, times: &Moment, out: &mut Vec<u8>) -> Result<(), RecordError> {
        let before = out.len();
        let mut flags = 0;
        let mut numbers = [self.version, 0, 0, 0, 0];
        let mut len = 1;
        let mut push = |stamp: Stamp| {
            numbers[len] = times.wall(stamp).nanos();
            len += 1;
        };
        push(self.created);
        push(self.changed);
        if let Some(used) = self.used {
            flags |= USED;
            push(used);
        }
        if let Some(own) = self.own {
            flags |= OWN;
            push(own);
        }
        if owed.is_some() {
            flags |= OWED;
        }
        out.push(flags);
        for number in &numbers[..len] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        if let Some(key) = owed {
            out.extend_from_slice(key.as_bytes());
        }
        let written = write_to_be_read(&*self.value, out);
        if written.is_err() {
            out.truncate(before);
        }
        written
    }
}

#[cfg(feature = "durable")]
impl<V: Serialize + DeserializeOwned> Owing<V> {
    /// As [`Record::encode`].
    pub(crate) fn encode(&self, times: &Moment, out: &mut Vec<u8>) -> Result<(), RecordError> {
        self.record.encode_for(Some(self.key), times, out)
    }
}

/// What the bytes of a record say.
pub(crate) enum Decoded<V> {
    Entry(Record<V>),
    Owed(Owing<V>),
}

impl<V: DeserializeOwned> Decoded<V> {
    /// Reads a record from exactly these bytes, which were written at this time. For a thread with a stack of
    /// [`STACK`](stack::STACK).
    pub(crate) fn decode(mut bytes: &[u8], times: &Moment, written: Wall) -> Result<Decoded<V>, RecordError> {
        let head = Head::take(&mut bytes)?;
        let value = caught(|| read(bytes, READ_STACK))??;
        let record = Record {
            value: triomphe::Arc::new(value),
            version: head.version,
            created: times.past(head.created),
            changed: times.past(head.changed),
            used: head.used.map(|used| times.past(used)),
            own: head.own.map(|own| times.deadline(own, written)),
        };
        Ok(match head.owed {
            None => Decoded::Entry(record),
            Some(key) => Decoded::Owed(Owing { key, record }),
        })
    }
}

/// What stands before the value.
struct Head {
    version: u64,
    created: Wall,
    changed: Wall,
    used: Option<Wall>,
    own: Option<Wall>,
    owed: Option<Uuid>,
}

impl Head {
    fn take(bytes: &mut &[u8]) -> Result<Head, RecordError> {
        let [flags] = take(bytes)?;
        if flags & !(USED | OWN | OWED) != 0 {
            return Err(RecordError::Malformed);
        }
        let version = u64::from_le_bytes(take(bytes)?);
        if !(1..=MAX_VERSION).contains(&version) {
            return Err(RecordError::Malformed);
        }
        let mut wall = || take(bytes).map(|nanos| Wall::from_nanos(u64::from_le_bytes(nanos)));
        let (created, changed) = (wall()?, wall()?);
        let mut optional = |flag| (flags & flag != 0).then(&mut wall).transpose();
        let (used, own) = (optional(USED)?, optional(OWN)?);
        let owed = (flags & OWED != 0).then(|| take(bytes).map(Uuid::from_bytes));
        Ok(Head {
            version,
            created,
            changed,
            used,
            own,
            owed: owed.transpose()?,
        })
    }
}

/// What can be said of a record whose value cannot be read.
#[derive(Default)]
pub(crate) struct Unread<'a> {
    pub(crate) version: u64,
    /// The bytes of the value.
    pub(crate) value: &'a [u8],
    /// The key of the entry, if this is one that is owed.
    pub(crate) owed: Option<Uuid>,
}

impl Unread<'_> {
    pub(crate) fn of(mut record: &[u8]) -> Unread<'_> {
        match Head::take(&mut record) {
            Ok(head) => Unread {
                version: head.version,
                value: record,
                owed: head.owed,
            },
            Err(_) => Unread::default(),
        }
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], RecordError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(RecordError::Malformed)?;
    *bytes = rest;
    Ok(*taken)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod tests {
    use super::*;
    use crate::ground::clock::Clock;

    fn record<V>(value: V, moment: &Moment) -> Record<V> {
        let now = moment.now();
        Record {
            value: triomphe::Arc::new(value),
            version: 3,
            created: now,
            changed: now,
            used: None,
            own: None,
        }
    }

    pub(super) fn encode<V: Serialize + DeserializeOwned>(value: V) -> Result<Vec<u8>, RecordError> {
        let moment = Clock::start().moment();
        let mut out = b"before".to_vec();
        let done = record(value, &moment).encode(&moment, &mut out);
        assert!(
            done.is_ok() || out == b"before",
            "a failure leaves nothing behind"
        );
        done.map(|()| out.split_off(6))
    }

    pub(super) fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Result<V, RecordError> {
        let moment = Clock::start().moment();
        match Decoded::decode(bytes, &moment, moment.wall_now())? {
            Decoded::Entry(record) => Ok(triomphe::Arc::try_unwrap(record.value).ok().unwrap()),
            // A bit of it was flipped.
            Decoded::Owed(_) => Err(RecordError::Malformed),
        }
    }

    #[test]
    fn times_and_deadlines_come_back() {
        let moment = Clock::start().moment();
        let at = |later| Some(Stamp(moment.now().0 + later));
        for used in [None, Some(moment.now())] {
            for own in [None, at(5), Some(Stamp::NEVER)] {
                let mut written = record(7_u8, &moment);
                (written.used, written.own) = (used, own);
                let mut bytes = Vec::new();
                written.encode(&moment, &mut bytes).unwrap();
                let Decoded::Entry(read) = Decoded::<u8>::decode(&bytes, &moment, moment.wall_now()).unwrap()
                else {
                    panic!("nobody is owed it")
                };
                assert_eq!((read.version, *read.value), (3, 7));
                assert_eq!((read.created, read.changed), (moment.now(), moment.now()));
                assert_eq!((read.used, read.own), (used, own));
            }
        }
    }

    #[cfg(feature = "durable")]
    #[test]
    fn what_is_owed_comes_back_with_its_key() {
        let moment = Clock::start().moment();
        let key = Uuid::from_u128(5);
        let mut owing = Owing {
            key,
            record: record("value".to_owned(), &moment),
        };
        for own in [None, Some(moment.now())] {
            owing.record.own = own;
            let mut bytes = Vec::new();
            owing.encode(&moment, &mut bytes).unwrap();
            let unread = Unread::of(&bytes);
            assert_eq!((unread.version, unread.owed), (3, Some(key)));
            let Decoded::Owed(read) = Decoded::<String>::decode(&bytes, &moment, moment.wall_now()).unwrap()
            else {
                panic!("it is owed")
            };
            assert_eq!(
                (read.key, read.record.value.as_str(), read.record.own),
                (key, "value", own)
            );
            // And none of it is anything else.
            for end in 0..bytes.len() {
                assert!(Decoded::<String>::decode(&bytes[..end], &moment, moment.wall_now()).is_err());
            }
        }
    }

    #[test]
    fn no_cut_and_no_bit_makes_it_panic() {
        let bytes = encode(vec!["word".to_owned(), String::new()]).unwrap();
        for end in 0..bytes.len() {
            assert!(decode::<Vec<String>>(&bytes[..end]).is_err());
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let _ = decode::<Vec<String>>(&flipped);
            }
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(decode::<Vec<String>>(&longer).is_err());
    }
}
