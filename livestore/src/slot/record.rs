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
//! | rest | the value: MessagePack with the names of fields, of what serde writes for people |
//!
//! Times are nanoseconds since the Unix epoch. Values name their fields, so the attributes of serde (`default`,
//! `rename`, `alias`) say how values of an older program are read. They are what serde writes for people, as to JSON,
//! because where it buffers (`tag`, `untagged`, `flatten`) it can read nothing else back. Structs without fields are nothing,
//! but an empty list within a `Some`; a file may have them as lists everywhere, which is read as well.
//!
//! A record that is written is read back at once. So what cannot be read is found while there is another copy.
//!
//! Serde's methods are the user's: they run with nothing locked, and a panic in them is an error here. They take stack for
//! each level at which a value is nested, nobody knows how much. So they run on threads with a [stack](stack) of a known size,
//! and where a value is nested at all, how much is left is looked at whenever they read or write.

pub(crate) mod error;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod shapes;
pub(crate) mod stack;
mod writer;

use std::io::ErrorKind;
use std::sync::Arc;

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, IgnoredAny};
use uuid::Uuid;

use crate::ground::clock::{Moment, Stamp, Wall};
use crate::ground::unwind::{caught, let_go};
use crate::slot::record::error::RecordError;
use crate::slot::record::stack::{READ_STACK, Stack, WRITTEN_STACK, Watched};
use crate::slot::record::writer::{Notes, Writer};
use crate::value::hidden::purpose::revealed;

const USED: u8 = 1;
const OWN: u8 = 2;
const OWED: u8 = 4;

/// No entry gets so far by one commit after another, and one that starts below does not reach what a slot can count.
const MAX_VERSION: u64 = 1 << 60;

/// How deep a value may be nested.
const MAX_DEPTH: usize = 256;

/// So few levels need no look at the stack.
const SHALLOW: usize = 12;

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

/// Appends a value, and reads it back from there.
fn write_to_be_read<V: Serialize + DeserializeOwned>(
    value: &V,
    out: &mut Vec<u8>,
) -> Result<(), RecordError> {
    let start = out.len();
    let written = write_safely(value, out)?;
    if written.has_some_of_nothing() {
        return Err(RecordError::SomeOfNothing);
    }
    let read = caught(|| read::<V>(&out[start..], WRITTEN_STACK))?.map_err(RecordError::unreadable)?;
    let is_the_same = !written.has_ambiguous()
        || write_safely(&read, &mut Vec::new()).is_ok_and(|again| !written.was_mistaken_in(&again));
    let_go(read);
    match is_the_same {
        true => Ok(()),
        false => Err(RecordError::Mistaken),
    }
}

/// The same as [`write`], with an error where that panics.
fn write_safely<V: Serialize>(value: &V, out: &mut Vec<u8>) -> Result<Notes, RecordError> {
    caught(|| revealed(|| write(value, out)))?
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
    /// Reads a record from exactly these bytes, which were written at this time. For a thread with a stack of [`STACK`](stack::STACK).
    pub(crate) fn decode(mut bytes: &[u8], times: &Moment, written: Wall) -> Result<Decoded<V>, RecordError> {
        let head = Head::take(&mut bytes)?;
        let value = caught(|| read(bytes, READ_STACK))??;
        let record = Record {
            value: Arc::new(value),
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

/// Appends a value. Returns what was written.
fn write<V: Serialize>(value: &V, out: &mut Vec<u8>) -> Result<Notes, RecordError> {
    let out = Watched {
        of: out,
        stack: Stack::from_here(WRITTEN_STACK),
    };
    let mut serializer = rmp_serde::Serializer::new(out)
        .with_struct_map()
        .with_human_readable();
    let notes = Notes::default();
    value
        .serialize(Writer::new(&mut serializer, &notes))
        .map_err(|error| RecordError::Value(error.into()))?;
    Ok(notes)
}

/// Reads one value from exactly these bytes.
fn read<T: DeserializeOwned>(bytes: &[u8], stack: usize) -> Result<T, RecordError> {
    let failed = |error: rmp_serde::decode::Error| RecordError::Value(error.into());
    let mut shallow = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    shallow.set_max_depth(SHALLOW);
    match T::deserialize(&mut shallow) {
        Ok(value) if is_at_end(IgnoredAny::deserialize(&mut shallow)) => return Ok(value),
        Ok(value) => let_go(value),
        // Each level takes a byte at least.
        Err(error) if bytes.len() < SHALLOW => return Err(failed(error)),
        // It may have been too deep; what buffers does not pass that on.
        Err(_) => {}
    }
    let bytes = Watched {
        of: bytes,
        stack: Stack::from_here(stack),
    };
    let mut deep = rmp_serde::Deserializer::new(bytes).with_human_readable();
    deep.set_max_depth(MAX_DEPTH);
    let value = T::deserialize(&mut deep).map_err(failed)?;
    if deep.into_inner().of.is_empty() {
        return Ok(value);
    }
    let_go(value);
    Err(RecordError::Value("more items than the value takes".into()))
}

/// Whether there was nothing left to read.
fn is_at_end(next: Result<IgnoredAny, rmp_serde::decode::Error>) -> bool {
    use rmp_serde::decode::Error::InvalidMarkerRead;
    matches!(next, Err(InvalidMarkerRead(error)) if error.kind() == ErrorKind::UnexpectedEof)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], RecordError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(RecordError::Malformed)?;
    *bytes = rest;
    Ok(*taken)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde::ser::SerializeSeq;

    use super::*;
    use crate::ground::clock::Clock;
    use crate::slot::record::stack::STACK;

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
            Decoded::Entry(record) => Ok(Arc::into_inner(record.value).unwrap()),
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
    fn fields_go_by_name() {
        #[derive(Serialize, Deserialize)]
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
        assert!(matches!(encode(nested(300)), Err(RecordError::Unreadable(_))));
    }

    /// It says a wrong number of items; what follows them must not be taken for something else, or be forgotten.
    #[test]
    fn a_value_that_miscounts_itself_is_not_written() {
        struct Liar(usize);
        impl Serialize for Liar {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut seq = serializer.serialize_seq(Some(self.0))?;
                seq.serialize_element(&1_u8)?;
                seq.serialize_element(&2_u8)?;
                seq.end()
            }
        }
        impl<'de> Deserialize<'de> for Liar {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Vec::<u8>::deserialize(deserializer).map(|items| Liar(items.len()))
            }
        }
        assert_eq!(decode::<Vec<u8>>(&encode(Liar(2)).unwrap()).unwrap(), [1, 2]);
        for wrong in [0, 1, 3] {
            let refused = encode(Liar(wrong)).unwrap_err();
            assert!(
                matches!(refused, RecordError::Unreadable(_) | RecordError::Value(_)),
                "{refused}"
            );
        }
    }

    /// As files have it that were written before it was nothing.
    #[test]
    fn a_struct_without_fields_is_read_from_an_empty_list() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Unit;
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "t")]
        enum Tagged<T> {
            One { unit: T, maybe: Option<T>, list: Vec<T> },
        }
        fn tagged<T>(unit: impl Fn() -> T) -> Tagged<T> {
            Tagged::One {
                unit: unit(),
                maybe: Some(unit()),
                list: vec![unit(), unit()],
            }
        }
        let before = encode(tagged(|| [(); 0])).unwrap();
        assert_eq!(decode::<Tagged<Unit>>(&before).unwrap(), tagged(|| Unit));
        let now = encode(tagged(|| Unit)).unwrap();
        assert_eq!(decode::<Tagged<Unit>>(&now).unwrap(), tagged(|| Unit));
        assert_ne!(now, before);
    }

    #[test]
    fn a_some_that_would_come_back_as_none_is_not_written() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Unit;
        type Patch = BTreeMap<u8, Option<Option<u8>>>;
        let patch = |patch| encode(Patch::from([(1, patch)]));
        for fine in [None, Some(Some(1))] {
            let read = decode::<Patch>(&patch(fine).unwrap()).unwrap();
            assert_eq!(read, Patch::from([(1, fine)]));
        }
        assert!(matches!(patch(Some(None)), Err(RecordError::SomeOfNothing)));
        assert!(matches!(encode(Some(())), Err(RecordError::SomeOfNothing)));
        assert_eq!(
            decode::<Vec<()>>(&encode(vec![(), ()]).unwrap()).unwrap(),
            [(), ()]
        );
        let unit = decode::<Option<Unit>>(&encode(Some(Unit)).unwrap()).unwrap();
        assert_eq!(unit, Some(Unit));
    }

    /// A value whose levels take much stack used to end the process when it was read.
    #[test]
    fn a_value_that_needs_too_much_stack_is_not_written_and_not_read() {
        struct Wide(Option<Box<Wide>>);
        impl Serialize for Wide {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                (0, &self.0).serialize(serializer)
            }
        }
        impl<'de> Deserialize<'de> for Wide {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let much = std::hint::black_box([1_u8; 1 << 20]);
                let (_, inner) = <(u8, _)>::deserialize(deserializer)?;
                std::hint::black_box(&much);
                Ok(Wide(inner))
            }
        }
        let nested = |levels| (1..levels).fold(Wide(None), |inner, _| Wide(Some(Box::new(inner))));
        let run = move || {
            assert!(decode::<Wide>(&encode(nested(3)).unwrap()).is_ok());
            let refused = encode(nested(20)).unwrap_err();
            assert!(
                refused.to_string().contains("too deep for the stack"),
                "{refused}"
            );
            // What another program has written, which takes less.
            #[derive(Serialize, Deserialize)]
            struct Slim(u8, Option<Box<Slim>>);
            let slim = (1..100).fold(Slim(0, None), |inner, _| Slim(0, Some(Box::new(inner))));
            let refused = decode::<Wide>(&encode(slim).unwrap()).map(|_| ()).unwrap_err();
            assert!(
                refused.to_string().contains("too deep for the stack"),
                "{refused}"
            );
        };
        let thread = std::thread::Builder::new().stack_size(STACK);
        thread.spawn(run).unwrap().join().unwrap();
    }
}
