//! [`Record`]: one entry at one commit, and its bytes.
//!
//! A record has no key and no checksum: what stores it has both. All numbers are little-endian.
//!
//! | bytes | what |
//! |--:|---|
//! | 1 | which of the optional fields are there: 1 used, 2 own deadline |
//! | 8 | version, from 1 |
//! | 8 | when the entry was created |
//! | 8 | when it was last changed |
//! | 8 | when it was last used; only in a store where use counts |
//! | 8 | its own deadline, all ones for never; only if it has one |
//! | rest | the value: MessagePack with the names of fields |
//!
//! Times are nanoseconds since the Unix epoch. Values name their fields, so the attributes of serde (`default`,
//! `rename`, `alias`) say how values of an older program are read.
//!
//! Serde's methods are the user's: they run with nothing locked, and a panic in them is an error here.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::ground::clock::{Moment, Stamp, Wall};
use crate::ground::unwind::{Panicked, caught};

const USED: u8 = 1;
const OWN: u8 = 2;

/// No entry gets so far by one commit after another, and one that starts below does not reach what a slot can count.
const MAX_VERSION: u64 = 1 << 60;

/// How deep a value may be nested. Each level takes stack when it is read, and a thread has about 2 MiB.
const MAX_DEPTH: usize = 256;

/// What is stored of one entry.
pub(crate) struct Record<V> {
    pub(crate) value: Arc<V>,
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

/// Why a record cannot be written or read.
#[derive(Debug)]
pub(crate) enum RecordError {
    /// These are not the bytes of a record.
    Malformed,
    /// The value and the bytes do not fit. In serde's words.
    Value(Box<dyn Error + Send + Sync>),
    /// The value's `Serialize` or `Deserialize` has panicked.
    Panicked,
}

impl<V: Serialize> Record<V> {
    /// Appends the bytes of the record. If that fails, `out` is as it was.
    pub(crate) fn encode(&self, times: &Moment, out: &mut Vec<u8>) -> Result<(), RecordError> {
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
        out.push(flags);
        for number in &numbers[..len] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let start = out.len();
        let written = caught(|| rmp_serde::encode::write_named(out, &*self.value))
            .map_err(RecordError::from)
            .and_then(|written| written.map_err(|error| RecordError::Value(error.into())))
            .and_then(|()| readable(&out[start..]));
        if written.is_err() {
            out.truncate(before);
        }
        written
    }
}

impl<V: DeserializeOwned> Record<V> {
    /// Reads a record from exactly these bytes.
    pub(crate) fn decode(mut bytes: &[u8], times: &Moment) -> Result<Record<V>, RecordError> {
        let [flags] = take(&mut bytes)?;
        if flags & !(USED | OWN) != 0 {
            return Err(RecordError::Malformed);
        }
        let version = u64::from_le_bytes(take(&mut bytes)?);
        if !(1..=MAX_VERSION).contains(&version) {
            return Err(RecordError::Malformed);
        }
        let mut wall = || take(&mut bytes).map(|nanos| Wall::from_nanos(u64::from_le_bytes(nanos)));
        let created = times.past(wall()?);
        let changed = times.past(wall()?);
        let used = match flags & USED {
            0 => None,
            _ => Some(times.past(wall()?)),
        };
        let own = match flags & OWN {
            0 => None,
            _ => Some(times.stamp(wall()?)),
        };
        let value = caught(|| read(bytes))??;
        Ok(Record {
            value: Arc::new(value),
            version,
            created,
            changed,
            used,
            own,
        })
    }
}

/// Reads one value from exactly these bytes.
fn read<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T, RecordError> {
    let mut reader = rmp_serde::Deserializer::new(&mut bytes);
    reader.set_max_depth(MAX_DEPTH);
    let value = T::deserialize(&mut reader).map_err(|error| RecordError::Value(error.into()))?;
    match bytes {
        [] => Ok(value),
        _ => Err(RecordError::Value("more items than the value takes".into())),
    }
}

/// Refuses now what could not be read later, because it is nested too deep. Each level takes a byte at least, so most
/// values need no look.
fn readable(value: &[u8]) -> Result<(), RecordError> {
    match value.len() {
        ..=MAX_DEPTH => Ok(()),
        _ => read::<IgnoredAny>(value).map(|_| ()),
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], RecordError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(RecordError::Malformed)?;
    *bytes = rest;
    Ok(*taken)
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
            RecordError::Panicked => f.write_str("the value's `Serialize` or `Deserialize` has panicked"),
        }
    }
}

impl Error for RecordError {}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde::ser::SerializeSeq;

    use super::*;
    use crate::ground::clock::Clock;

    fn record<V>(value: V, moment: &Moment) -> Record<V> {
        let now = moment.now();
        Record {
            value: Arc::new(value),
            version: 3,
            created: now,
            changed: now,
            used: None,
            own: None,
        }
    }

    fn encode<V: Serialize>(value: V) -> Result<Vec<u8>, RecordError> {
        let moment = Clock::start().moment();
        let mut out = b"before".to_vec();
        let done = record(value, &moment).encode(&moment, &mut out);
        assert!(
            done.is_ok() || out == b"before",
            "a failure leaves nothing behind"
        );
        done.map(|()| out.split_off(6))
    }

    fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Result<V, RecordError> {
        let record = Record::decode(bytes, &Clock::start().moment())?;
        Ok(Arc::into_inner(record.value).unwrap())
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
                let read = Record::<u8>::decode(&bytes, &moment).unwrap();
                assert_eq!((read.version, *read.value), (3, 7));
                assert_eq!((read.created, read.changed), (moment.now(), moment.now()));
                assert_eq!((read.used, read.own), (used, own));
            }
        }
    }

    #[test]
    fn fields_go_by_name() {
        #[derive(Serialize)]
        struct Old {
            points: u32,
            gone: String,
        }
        #[derive(Debug, PartialEq, Deserialize)]
        struct New {
            #[serde(default)]
            added: Option<u8>,
            #[serde(alias = "points")]
            score: u64,
        }
        let bytes = encode(Old {
            points: 9,
            gone: "x".into(),
        });
        let new = New {
            added: None,
            score: 9,
        };
        assert_eq!(decode::<New>(&bytes.unwrap()).unwrap(), new);
    }

    #[test]
    fn what_serde_has_comes_back() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Kind {
            Unit,
            Newtype(i128),
            Tuple(char, f32),
            Struct { map: BTreeMap<(u8, u8), Option<()>> },
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct All {
            kinds: Vec<Kind>,
            #[serde(flatten)]
            rest: BTreeMap<String, u64>,
        }
        let all = || All {
            kinds: vec![
                Kind::Unit,
                Kind::Newtype(i128::MIN),
                Kind::Tuple('ß', f32::MIN_POSITIVE),
                Kind::Struct {
                    map: BTreeMap::from([((1, 2), None)]),
                },
            ],
            rest: BTreeMap::from([("max".to_owned(), u64::MAX)]),
        };
        assert_eq!(decode::<All>(&encode(all()).unwrap()).unwrap(), all());
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

    #[test]
    fn a_panic_of_serde_is_an_error() {
        struct Panics;
        impl Serialize for Panics {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                panic!("serialize")
            }
        }
        impl<'de> Deserialize<'de> for Panics {
            fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
                panic!("deserialize")
            }
        }
        assert!(matches!(encode(Panics), Err(RecordError::Panicked)));
        let bytes = encode(1).unwrap();
        assert!(matches!(decode::<Panics>(&bytes), Err(RecordError::Panicked)));
    }

    /// It used to be written, and could never be read again.
    #[test]
    fn a_value_that_could_not_be_read_is_not_written() {
        #[derive(Serialize, Deserialize)]
        struct Deep(Option<Box<Deep>>, u8);
        let nested = |levels| (0..levels).fold(Deep(None, 0), |inner, _| Deep(Some(Box::new(inner)), 0));
        assert!(decode::<Deep>(&encode(nested(100)).unwrap()).is_ok());
        assert!(matches!(encode(nested(300)), Err(RecordError::Value(_))));
    }

    /// It says a wrong number of items; what follows them must not be taken for something else, or be forgotten.
    #[test]
    fn a_value_that_miscounts_itself_is_not_read() {
        struct Liar(usize);
        impl Serialize for Liar {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut seq = serializer.serialize_seq(Some(self.0))?;
                seq.serialize_element(&1_u8)?;
                seq.serialize_element(&2_u8)?;
                seq.end()
            }
        }
        assert_eq!(decode::<Vec<u8>>(&encode(Liar(2)).unwrap()).unwrap(), [1, 2]);
        for wrong in [0, 1, 3] {
            let bytes = encode(Liar(wrong)).unwrap();
            assert!(matches!(decode::<Vec<u8>>(&bytes), Err(RecordError::Value(_))));
        }
    }
}
