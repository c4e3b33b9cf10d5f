//! What others write by hand.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};

use chrono::{DateTime, FixedOffset, Month, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value, json};
use uuid::Uuid;

use crate::slot::record::shapes::{Fate, Table, id, shapes};

/// Bytes as bytes, which JSON has as numbers.
#[derive(Debug)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Any)
    }
}

/// Counts itself in no other way than by its end.
#[derive(Debug)]
struct Uncounted(Vec<(String, u8)>);

impl Serialize for Uncounted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in &self.0 {
            map.serialize_key(key)?;
            map.serialize_value(value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Uncounted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Uncounted;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Uncounted, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Uncounted(pairs))
            }
        }
        deserializer.deserialize_map(Any)
    }
}

/// The same of a list.
#[derive(Debug)]
struct Iterated(Vec<u8>);

impl Serialize for Iterated {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        self.0.iter().try_for_each(|item| seq.serialize_element(item))?;
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Iterated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Iterated)
    }
}

/// Says another thing to people than to machines.
#[derive(Debug)]
struct TwoFaced(u32);

impl Serialize for TwoFaced {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(&self.0),
            false => serializer.serialize_u32(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for TwoFaced {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return u32::deserialize(deserializer).map(TwoFaced);
        }
        let text = String::deserialize(deserializer)?;
        text.parse().map(TwoFaced).map_err(de::Error::custom)
    }
}

/// Can be written, and takes whatever comes.
#[derive(Debug)]
struct Careless;

impl Serialize for Careless {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (1, "x", [(); 3]).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Careless {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Careless)
    }
}

#[test]
fn what_others_write_by_hand() {
    shapes! {
        #[serde(tag = "t")]
        enum Tagged { Bytes { bytes: Bytes }, Uncounted { map: Uncounted }, Iterated { list: Iterated }, TwoFaced { n: TwoFaced }, Careless { any: Careless } }
        #[serde(untagged)]
        enum Untagged { Faced(TwoFaced), Bytes(Bytes) }
        #[serde(untagged)]
        enum TextFirst { Text(String), Bytes(Bytes) }
        struct Raw { raw: Box<RawValue> }
        struct Ids { #[serde(with = "uuid::serde::simple")] simple: Uuid, #[serde(with = "uuid::serde::urn")] urn: Uuid, #[serde(with = "uuid::serde::compact")] compact: Uuid }
        struct Seconds { #[serde(with = "chrono::serde::ts_seconds")] at: DateTime<Utc>, #[serde(with = "chrono::serde::ts_nanoseconds_option")] maybe: Option<DateTime<Utc>> }
        #[serde(tag = "t")]
        enum Event { At { at: DateTime<Utc>, on: NaiveDate } }
    }
    let bytes = || Bytes(vec![0, 1, 192, 255]);
    let pairs = || Uncounted(vec![("b".into(), 1), ("a".into(), 2)]);
    let at = |seconds| DateTime::from_timestamp(seconds, 7).unwrap();
    let date = NaiveDate::from_ymd_opt(2026, 11, 26).unwrap();
    let time = NaiveTime::from_hms_nano_opt(23, 59, 59, 999_999_999).unwrap();
    let mut table = Table::default();
    table.same(bytes());
    table.same(Bytes(Vec::new()));
    table.same(Some(bytes()));
    table.same(Tagged::Bytes { bytes: bytes() });
    table.same(Untagged::Bytes(bytes()));
    table.same(TextFirst::Bytes(bytes()));
    // A shape that JSON has and this has not: bytes that are a text, in an enum that says nowhere what it is.
    table.expect(TextFirst::Bytes(Bytes(b"text".to_vec())), Fate::Worse);
    table.same(pairs());
    table.same(Uncounted(Vec::new()));
    table.same(vec![pairs(), pairs()]);
    table.same(Tagged::Uncounted { map: pairs() });
    table.same(Iterated(vec![1, 2]));
    table.same(Iterated(Vec::new()));
    table.same((Iterated(vec![1]), Some(Iterated(vec![]))));
    table.same(Tagged::Iterated {
        list: Iterated(vec![1]),
    });
    table.same(TwoFaced(7));
    table.same(Tagged::TwoFaced { n: TwoFaced(7) });
    table.same(Untagged::Faced(TwoFaced(7)));
    table.same(Careless);
    table.same(Tagged::Careless { any: Careless });
    table.strict(Some(PhantomUnit));
    table.same(Ids {
        simple: id(),
        urn: id(),
        compact: id(),
    });
    table.same([
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(0.1),
        json!(""),
        json!([[]]),
        json!({"a": {}}),
    ]);
    table.same(Map::from_iter([("x".to_owned(), Value::Null)]));
    table.same([Number::from(1), Number::from_f64(0.1).unwrap()]);
    let raw = RawValue::from_string(r#"{"a": 1}"#.to_owned()).unwrap();
    // It is JSON's alone.
    table.expect(Raw { raw }, Fate::Worse);
    table.same((at(0), at(-1), at(1_800_000_000)));
    table.same(DateTime::<FixedOffset>::parse_from_rfc3339("2026-11-26T17:00:00+05:30").unwrap());
    table.same((date, time, NaiveDateTime::new(date, time)));
    table.same((Weekday::Sun, Month::February));
    table.same(TimeDelta::new(-5, 7).unwrap());
    table.same(Seconds {
        at: DateTime::from_timestamp(-5, 0).unwrap(),
        maybe: Some(at(1)),
    });
    table.same(Seconds {
        at: DateTime::from_timestamp(5, 0).unwrap(),
        maybe: None,
    });
    table.same(Event::At { at: at(5), on: date });
    table.same(BTreeMap::from([(date, Some(time))]));
    table.end(35);
}

/// Is written as nothing, by hand.
#[derive(Debug)]
struct PhantomUnit;

impl Serialize for PhantomUnit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl<'de> Deserialize<'de> for PhantomUnit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<u8>::deserialize(deserializer).map(|_| PhantomUnit)
    }
}
