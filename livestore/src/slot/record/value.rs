//! A record's value: written so that it can be read back.
//!
//! Values name their fields, so the attributes of serde (`default`, `rename`, `alias`) say how values of an older program are
//! read. They are what serde writes for people, as to JSON, because where it buffers (`tag`, `untagged`, `flatten`) it can
//! read nothing else back. Structs without fields are nothing, but an empty list within a `Some`; a file may have them as
//! lists everywhere, which is read as well.
//!
//! What is written is read back at once. So what cannot be read is found while there is another copy.
//!
//! Serde's methods are the user's: they run with nothing locked, and a panic in them is an error here. They take stack for
//! each level at which a value is nested, nobody knows how much. So they run on threads with a
//! [stack](crate::slot::record::stack) of a known size, and where a value is nested at all, how much is left is looked at whenever they read or write.

use std::io::ErrorKind;

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, IgnoredAny};

use crate::ground::unwind::{caught, let_go};
use crate::slot::record::error::RecordError;
use crate::slot::record::stack::{Stack, WRITTEN_STACK, Watched};
use crate::slot::record::writer::{Notes, Writer};
use crate::value::hidden::purpose::revealed;

/// How deep a value may be nested.
const MAX_DEPTH: usize = 256;

/// So few levels need no look at the stack.
const SHALLOW: usize = 12;

/// Appends a value, and reads it back from there.
pub(in crate::slot::record) fn write_to_be_read<V: Serialize + DeserializeOwned>(
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

/// The same as [`write()`], with an error where that panics.
fn write_safely<V: Serialize>(value: &V, out: &mut Vec<u8>) -> Result<Notes, RecordError> {
    caught(|| revealed(|| write(value, out)))?
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
pub(in crate::slot::record) fn read<T: DeserializeOwned>(
    bytes: &[u8],
    stack: usize,
) -> Result<T, RecordError> {
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde::ser::SerializeSeq;

    use super::*;
    use crate::slot::record::stack::STACK;
    use crate::slot::record::tests::{decode, encode};

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
