//! A table of the shapes that serde has, each written and read back, and compared with what JSON makes of it.
//!
//! Whatever JSON can round-trip comes back; nothing comes back as something else in silence, unless its own attributes say so
//! and JSON does the same.

#![allow(dead_code, reason = "fields are there to be written")]

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CString, OsString};
use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZeroI128, NonZeroU8, NonZeroU64, Saturating, Wrapping};
use std::ops::Bound;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, FixedOffset, Month, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday};
use serde::de::{
    self, Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value, json};
use uuid::Uuid;

use crate::slot::record::tests::{decode, encode};

/// What becomes of a value.
#[derive(Debug, PartialEq)]
enum Fate {
    /// It comes back, as from JSON.
    Same,
    /// It comes back, and not from JSON.
    Better,
    /// It is refused when it is written, and JSON cannot either.
    Refused,
    /// It comes back as its attributes say, as from JSON.
    AsJson,
    /// It is refused, and JSON loses something.
    Strict,
    /// It is refused, and comes back from JSON.
    Worse,
}

/// Collects what did not go as it should, so that one run shows all.
#[derive(Default)]
struct Table {
    rows: usize,
    wrong: Vec<String>,
}

fn fate<T: Serialize + DeserializeOwned + Debug>(value: T) -> Result<Fate, String> {
    let before = format!("{value:?}");
    let text = serde_json::to_string(&value).ok();
    let json = text.and_then(|text| serde_json::from_str::<T>(&text).ok());
    let json = json.map(|value| format!("{value:?}"));
    let here = match encode(value) {
        Ok(bytes) => match decode::<T>(&bytes) {
            Ok(value) => Some(format!("{value:?}")),
            Err(error) => return Err(format!("{before} was written and cannot be read: {error}")),
        },
        Err(_) => None,
    };
    let same = |after: &Option<String>| after.as_ref() == Some(&before);
    match (&here, &json) {
        (here, json) if same(here) && same(json) => Ok(Fate::Same),
        (here, _) if same(here) => Ok(Fate::Better),
        (None, None) => Ok(Fate::Refused),
        (None, json) if !same(json) => Ok(Fate::Strict),
        (None, _) => Ok(Fate::Worse),
        (here, json) if here == json => Ok(Fate::AsJson),
        _ => Err(format!("{before} became {here:?}, and in JSON {json:?}")),
    }
}

impl Table {
    #[track_caller]
    fn expect<T: Serialize + DeserializeOwned + Debug>(&mut self, value: T, expected: Fate) {
        self.rows += 1;
        let at = std::panic::Location::caller().line();
        let shown = format!("{value:?}");
        match fate(value) {
            Ok(found) if found == expected => {}
            Ok(found) => self
                .wrong
                .push(format!("line {at}: {shown}: {found:?}, not {expected:?}")),
            Err(wrong) => self.wrong.push(format!("line {at}: {wrong}")),
        }
    }

    #[track_caller]
    fn same<T: Serialize + DeserializeOwned + Debug>(&mut self, value: T) {
        self.expect(value, Fate::Same);
    }

    #[track_caller]
    fn better<T: Serialize + DeserializeOwned + Debug>(&mut self, value: T) {
        self.expect(value, Fate::Better);
    }

    #[track_caller]
    fn refused<T: Serialize + DeserializeOwned + Debug>(&mut self, value: T) {
        self.expect(value, Fate::Refused);
    }

    #[track_caller]
    fn as_json<T: Serialize + DeserializeOwned + Debug>(&mut self, value: T) {
        self.expect(value, Fate::AsJson);
    }

    #[track_caller]
    fn strict<T: Serialize + DeserializeOwned + Debug>(&mut self, value: T) {
        self.expect(value, Fate::Strict);
    }

    fn end(self, rows: usize) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert_eq!(self.rows, rows);
    }
}

macro_rules! shapes {
    ($($item:item)*) => {
        $(#[derive(Debug, serde::Serialize, serde::Deserialize)]
        $item)*
    };
}

fn ip() -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))
}

fn id() -> Uuid {
    Uuid::from_u128(7)
}

#[test]
fn what_the_standard_library_has() {
    let mut table = Table::default();
    macro_rules! ends {
        ($($int:ident)*) => {
            $(table.same($int::MIN); table.same($int::MAX);)*
        };
    }
    ends! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }
    table.same([0.0, -0.0, 0.1, f64::MAX, f64::MIN_POSITIVE, 1e-310]);
    table.same([0.0, -0.0, 0.1, f32::MAX, f32::MIN_POSITIVE, 1e-40]);
    for odd in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        table.better(odd);
    }
    table.better(f32::NAN);
    table.same([true, false]);
    table.same(['a', 'ß', '\0', '\u{10ffff}']);
    table.same("quote \" and \\ and \n and \0 and \u{1f600}".to_owned());
    table.same(String::new());
    table.same("x".repeat(70_000));
    table.same((NonZeroU8::MIN, NonZeroU64::MAX, NonZeroI128::MIN));
    table.same((Wrapping(7_u8), Saturating(-7_i64)));
    table.same(());
    table.same((
        1_u8,
        2_i8,
        'c',
        "s".to_owned(),
        0.5,
        true,
        (),
        [1_u16, 2],
        Some(1),
        None::<u8>,
    ));
    table.same(([0_u8; 0], [7_u8; 32], [[1_u8, 2], [3, 4]]));
    table.same((Vec::<u8>::new(), vec![1_u8, 192, 255], vec![vec![()]]));
    table.same(VecDeque::from([1, 2]));
    table.same(LinkedList::from([1, 2]));
    table.same(BTreeSet::from(["a".to_owned()]));
    table.same(HashSet::from([7_u8]));
    table.same(BinaryHeap::from([7_u8]));
    table.same(BTreeMap::from([("a".to_owned(), 1)]));
    table.same(HashMap::from([(String::new(), 1)]));
    table.same(BTreeMap::from([(i64::MIN, 1), (i64::MAX, 2)]));
    table.same(BTreeMap::from([(u128::MAX, 1)]));
    table.same(BTreeMap::from([(i128::MIN, 1)]));
    table.same(BTreeMap::from([('x', 1)]));
    table.same(BTreeMap::from([(true, 1)]));
    table.same(BTreeMap::from([(id(), 1)]));
    table.same(BTreeMap::from([(ip(), 1)]));
    table.better(BTreeMap::from([((), 1)]));
    table.better(BTreeMap::from([((1_u8, 'x'), 1)]));
    table.better(BTreeMap::from([(vec![1_u8], 1)]));
    table.same(BTreeMap::from([(Some(1_u8), 1)]));
    table.better(BTreeMap::from([(None::<u8>, 1)]));
    table.better(BTreeMap::from([(BTreeMap::from([(1, 2)]), 3)]));
    table.same(Box::<str>::from("x"));
    table.same(Box::<[u8]>::from([1_u8]));
    table.same((Rc::new(1), Arc::new(2), Arc::<str>::from("x"), Box::new(3)));
    table.same((Cow::<str>::Owned("x".into()), Cow::<[u8]>::Owned(vec![1])));
    table.same((Cell::new(1), RefCell::new(2)));
    table.same((PhantomData::<u8>, Reverse(1)));
    table.same((1..2, 1..=2, 1.., ..2));
    table.same([Bound::Included(1), Bound::Excluded(2), Bound::Unbounded]);
    table.same((Duration::MAX, Duration::new(1, 999_999_999)));
    table.same(SystemTime::UNIX_EPOCH + Duration::new(1, 1));
    table.refused(SystemTime::UNIX_EPOCH - Duration::new(1, 1));
    table.same([ip(), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    table.same(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80)));
    table.same(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 0)));
    table.same(PathBuf::from("/a/b"));
    table.same(OsString::from("x"));
    table.same(CString::new("x").unwrap());
    table.same([Ok(1), Err("no".to_owned())]);
    table.end(79);
}

#[test]
fn options_in_every_place() {
    shapes! {
        struct Marker;
        struct Empty {}
        struct New(Option<u8>);
        struct Fields { a: Option<u8>, b: Option<String>, c: Option<Vec<u8>> }
        struct Deep { a: Option<Option<u8>> }
        struct Unit { a: Option<()> }
        enum Choice { None, Some(Option<u8>), Two(Option<u8>, Option<u8>), Named { a: Option<u8> } }
    }
    let mut table = Table::default();
    table.same([None, Some(0_u8)]);
    table.same((None::<u8>, None::<String>));
    table.same(Some(Some(1)));
    table.same(Some(Some(Some(1))));
    table.strict(Some(None::<u8>));
    table.strict(Some(Some(None::<u8>)));
    table.strict(Some(()));
    table.strict(vec![Some(None), Some(Some(1)), None]);
    table.strict(Some(Box::new(None::<u8>)));
    table.strict(Some(New(None)));
    table.same(Some(New(Some(1))));
    table.strict(BTreeMap::from([(1, Some(None::<u8>))]));
    table.same(BTreeMap::from([(1, None), (2, Some(Some(3)))]));
    table.better(Some(Marker));
    table.same(None::<Marker>);
    table.same(Some(Empty {}));
    table.same(Some(vec![None, Some(1)]));
    table.same(Some((None::<u8>, ())));
    table.same(Some([(); 2]));
    table.same(Some(Vec::<u8>::new()));
    table.better(Some(f64::NAN));
    table.same(Some(Value::Bool(false)));
    table.strict(Some(Value::Null));
    table.same(None::<Value>);
    table.better(Some(PhantomData::<u8>));
    table.same(Fields {
        a: None,
        b: Some(String::new()),
        c: Some(vec![192]),
    });
    table.same(Deep { a: None });
    table.same(Deep { a: Some(Some(0)) });
    table.strict(Deep { a: Some(None) });
    table.same(Unit { a: None });
    table.strict(Unit { a: Some(()) });
    table.same([
        Choice::None,
        Choice::Some(None),
        Choice::Some(Some(1)),
        Choice::Two(None, Some(1)),
    ]);
    table.same(Choice::Named { a: None });
    table.same([Some(Choice::None), None, Some(Choice::Some(None))]);
    table.same([Ok(None), Ok(Some(1)), Err(())]);
    table.same([Some(Ok(None::<u8>)), Some(Err(None::<u8>)), None]);
    // It is refused nowhere because of what else there is: these have bytes that are like those of `None`.
    table.better((Some(Marker), "Łódź".to_owned()));
    table.better((Some(Marker), None::<u8>));
    table.better((Some(Marker), 192_u8));
    table.better((Some(Marker), i128::MIN));
    table.end(40);
}

#[test]
fn structs_without_fields() {
    shapes! {
        struct Marker;
        struct Wrapped(Marker);
        struct Inner { m: Marker, p: PhantomData<u8> }
        struct Flat { #[serde(flatten)] inner: Inner }
        #[serde(tag = "t")]
        enum Tagged { A { m: Marker, maybe: Option<Marker> } }
        #[serde(untagged)]
        enum ListFirst { Many(Vec<u8>), Nothing(Marker) }
        #[serde(untagged)]
        enum ListLast { Nothing(Marker), Many(Vec<u8>) }
        #[serde(untagged)]
        enum MaybeList { Many { m: Option<Vec<u8>> }, Nothing { m: Option<Marker> } }
        #[serde(untagged)]
        enum Field { A { m: Marker, p: PhantomData<u8> } }
        #[serde(untagged)]
        enum Maybe { A { m: Option<Marker> } }
    }
    let inner = || Inner {
        m: Marker,
        p: PhantomData,
    };
    let mut table = Table::default();
    table.same((Marker, Wrapped(Marker), vec![Marker, Marker]));
    table.same(BTreeMap::from([(1, Marker)]));
    table.better(Some(Wrapped(Marker)));
    table.better(vec![Some(Marker), None]);
    table.same(Flat { inner: inner() });
    table.same(Tagged::A {
        m: Marker,
        maybe: None,
    });
    table.better(Tagged::A {
        m: Marker,
        maybe: Some(Marker),
    });
    // They came back as lists.
    table.same([ListFirst::Nothing(Marker), ListFirst::Many(vec![])]);
    table.same([ListLast::Nothing(Marker), ListLast::Many(vec![])]);
    table.strict(Some(ListFirst::Nothing(Marker)));
    table.strict(MaybeList::Nothing { m: Some(Marker) });
    table.same(MaybeList::Many { m: Some(vec![]) });
    // This was refused.
    table.same(Field::A {
        m: Marker,
        p: PhantomData,
    });
    table.strict(Maybe::A { m: Some(Marker) });
    table.same(Maybe::A { m: None });
    table.end(15);
}

#[test]
fn structs_and_their_attributes() {
    fn seven() -> u8 {
        7
    }
    fn is_zero(n: &u8) -> bool {
        *n == 0
    }
    shapes! {
        struct Unit;
        struct Empty {}
        struct EmptyTuple();
        struct New(u8);
        struct Nested(New);
        struct Pair(u8, String);
        struct Named { a: u8, b: Vec<Pair>, c: Option<Box<Named>> }
        struct Generic<T> { a: T, b: PhantomData<T> }
        #[serde(transparent)]
        struct Transparent { only: u128 }
        #[serde(rename = "Other")]
        struct Renamed { #[serde(rename = "type")] a: u8, #[serde(rename(serialize = "x", deserialize = "x"))] b: u8 }
        struct OneWay { #[serde(rename(serialize = "y"), alias = "y")] a: u8 }
        struct WrongWay { #[serde(rename(serialize = "y"))] a: u8 }
        #[serde(rename_all = "camelCase")]
        struct Camel { some_field: u8 }
        #[serde(rename_all = "SCREAMING-KEBAB-CASE")]
        struct Kebab { some_field: u8 }
        #[serde(deny_unknown_fields)]
        struct Strict { a: u8 }
        #[serde(default)]
        struct Defaults { a: u8, b: String }
        struct FieldDefaults { #[serde(default)] a: u8, #[serde(default = "seven")] b: u8 }
        struct Skips { a: u8, #[serde(skip)] b: u8 }
        struct SkipsTo { a: u8, #[serde(skip, default = "seven")] b: u8 }
        struct NotWritten { a: u8, #[serde(skip_serializing)] b: u8 }
        struct NotWrittenDefault { a: u8, #[serde(skip_serializing, default)] b: u8 }
        struct NotRead { a: u8, #[serde(skip_deserializing)] b: u8 }
        struct WideNotRead { a: String, #[serde(skip_deserializing)] b: Option<u128> }
        struct BytesNotRead { a: String, #[serde(skip_deserializing)] b: Option<Bytes> }
        struct SkipsIf { a: u8, #[serde(skip_serializing_if = "Option::is_none")] b: Option<u8> }
        struct SkipsZero { a: u8, #[serde(skip_serializing_if = "is_zero", default)] b: u8 }
        struct SkipsZeroWrong { a: u8, #[serde(skip_serializing_if = "is_zero")] b: u8 }
        struct SkipsZeroLossy { a: u8, #[serde(skip_serializing_if = "is_zero", default = "seven")] b: u8 }
        struct TupleSkips(u8, #[serde(skip)] u8, String);
        struct Patch { #[serde(default, skip_serializing_if = "Option::is_none", with = "double")] a: Option<Option<u8>> }
        struct Texts { #[serde(with = "as_text")] a: u128, #[serde(serialize_with = "as_text::serialize", deserialize_with = "as_text::deserialize")] b: u128 }
        #[serde(from = "u8", into = "u8")]
        struct Through(u8);
        #[serde(try_from = "String", into = "String")]
        struct Even(u8);
        #[serde(bound(serialize = "T: serde::Serialize", deserialize = "T: DeserializeOwned"))]
        struct Bounded<T> { a: Vec<T> }
        struct Remote { #[serde(with = "Foreign")] a: Theirs }
        #[serde(expecting = "a thing")]
        struct Expecting { a: u8 }
    }
    impl Default for Defaults {
        fn default() -> Self {
            Defaults {
                a: 9,
                b: "nine".into(),
            }
        }
    }
    #[derive(Debug)]
    struct Theirs {
        n: u8,
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(remote = "Theirs")]
    struct Foreign {
        n: u8,
    }
    impl Clone for Through {
        fn clone(&self) -> Self {
            Through(self.0)
        }
    }
    impl From<u8> for Through {
        fn from(n: u8) -> Self {
            Through(n)
        }
    }
    impl From<Through> for u8 {
        fn from(through: Through) -> u8 {
            through.0
        }
    }
    impl Clone for Even {
        fn clone(&self) -> Self {
            Even(self.0)
        }
    }
    impl TryFrom<String> for Even {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            match text.parse::<u8>() {
                Ok(n) if n % 2 == 0 => Ok(Even(n)),
                _ => Err(format!("{text} is odd")),
            }
        }
    }
    impl From<Even> for String {
        fn from(even: Even) -> String {
            even.0.to_string()
        }
    }
    let mut table = Table::default();
    table.same(Unit);
    table.same(Empty {});
    table.same(EmptyTuple());
    table.same(New(1));
    table.same(Nested(New(1)));
    table.same(Pair(1, "x".into()));
    let inner = Box::new(Named {
        a: 1,
        b: vec![],
        c: None,
    });
    table.same(Named {
        a: 2,
        b: vec![Pair(1, String::new())],
        c: Some(inner),
    });
    table.same(Generic {
        a: vec![1],
        b: PhantomData,
    });
    table.same(Transparent { only: u128::MAX });
    table.same(Renamed { a: 1, b: 2 });
    table.same(OneWay { a: 1 });
    table.refused(WrongWay { a: 1 });
    table.same(Camel { some_field: 1 });
    table.same(Kebab { some_field: 1 });
    table.same(Strict { a: 1 });
    table.same(Defaults { a: 1, b: "x".into() });
    table.same(FieldDefaults { a: 1, b: 2 });
    table.same(Skips { a: 1, b: 0 });
    table.as_json(Skips { a: 1, b: 2 });
    table.same(SkipsTo { a: 1, b: 7 });
    table.refused(NotWritten { a: 1, b: 2 });
    table.as_json(NotWrittenDefault { a: 1, b: 2 });
    table.as_json(NotRead { a: 1, b: 2 });
    let text = || "x".to_owned();
    table.as_json(WideNotRead {
        a: text(),
        b: Some(5),
    });
    table.same(WideNotRead { a: text(), b: None });
    table.as_json(BytesNotRead {
        a: text(),
        b: Some(Bytes(vec![1])),
    });
    table.same(SkipsIf { a: 1, b: None });
    table.same(SkipsIf { a: 1, b: Some(2) });
    table.same(SkipsZero { a: 1, b: 0 });
    table.same(SkipsZeroWrong { a: 1, b: 2 });
    table.refused(SkipsZeroWrong { a: 1, b: 0 });
    table.as_json(SkipsZeroLossy { a: 1, b: 0 });
    table.same(TupleSkips(1, 0, "x".into()));
    table.same(Patch { a: None });
    table.same(Patch { a: Some(Some(1)) });
    table.same(Patch { a: Some(None) });
    table.same(Texts { a: u128::MAX, b: 0 });
    table.same(Through(1));
    table.same(Even(2));
    table.refused(Even(3));
    table.same(Bounded { a: vec![1] });
    table.same(Remote { a: Theirs { n: 1 } });
    table.same(Expecting { a: 1 });
    table.end(43);
}

/// As others write an `Option` of an `Option`: what is left out is `None`, and what is written as nothing is `Some(None)`.
mod double {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        value: &Option<Option<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(inner) => inner.serialize(serializer),
            None => serializer.serialize_unit(),
        }
    }

    #[expect(clippy::option_option, reason = "that is what it is about")]
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<u8>>, D::Error> {
        Option::deserialize(deserializer).map(Some)
    }
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(n: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(n)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[test]
fn what_is_flattened() {
    shapes! {
        struct Inner { ip: IpAddr, n: u64 }
        struct Ids { id: Uuid, #[serde(rename = "other-id")] other: Option<Uuid> }
        struct Flat { a: u8, #[serde(flatten)] inner: Inner }
        struct Two { #[serde(flatten)] a: Inner, #[serde(flatten)] b: Ids }
        struct Deep { #[serde(flatten)] a: Flat, x: Option<u8> }
        struct Maybe { a: u8, #[serde(flatten)] inner: Option<Inner> }
        struct Rest { a: u8, #[serde(flatten)] rest: BTreeMap<String, Value> }
        struct Typed<T> { #[serde(flatten)] rest: BTreeMap<String, T> }
        struct Keyed<K: Ord> { #[serde(flatten)] rest: BTreeMap<K, u8> }
        struct Big { #[serde(flatten)] n: Wide }
        struct Wide { n: u128 }
        struct Signed { #[serde(flatten)] n: Narrow }
        struct Narrow { n: i128 }
        struct Holds<T> { #[serde(flatten)] held: Held<T> }
        struct Held<T> { held: T }
        #[serde(tag = "kind")]
        enum Kind { Guest, Member { from: IpAddr, id: Uuid } }
        struct Tagged { a: u8, #[serde(flatten)] kind: Kind }
        enum Choice { One(u8), Two { a: IpAddr } }
        struct External { #[serde(flatten)] choice: Choice }
        #[serde(untagged)]
        enum Any { Ip { ip: IpAddr }, N { n: i64 } }
        struct Untagged { #[serde(flatten)] any: Any }
        enum Variant { Flat { a: u8, #[serde(flatten)] rest: Inner } }
        #[serde(deny_unknown_fields)]
        struct Strict { a: u8, #[serde(flatten)] inner: Inner }
        struct Unit { a: u8, #[serde(flatten)] unit: () }
    }
    let inner = || Inner {
        ip: ip(),
        n: u64::MAX,
    };
    let ids = || Ids {
        id: id(),
        other: None,
    };
    let mut table = Table::default();
    table.same(Flat { a: 1, inner: inner() });
    table.same(Two { a: inner(), b: ids() });
    table.same(Two {
        a: inner(),
        b: Ids {
            id: id(),
            other: Some(id()),
        },
    });
    table.same(Deep {
        a: Flat { a: 1, inner: inner() },
        x: None,
    });
    table.same(Maybe {
        a: 1,
        inner: Some(inner()),
    });
    table.same(Maybe { a: 1, inner: None });
    table.same(Rest {
        a: 1,
        rest: BTreeMap::new(),
    });
    let rest = BTreeMap::from([("x".to_owned(), json!([1, -1, 1.5, null, {"y": u64::MAX}]))]);
    table.same(Rest { a: 1, rest });
    let one = |value| BTreeMap::from([("x".to_owned(), value)]);
    table.same(Typed {
        rest: BTreeMap::from([("x".to_owned(), ip())]),
    });
    table.same(Typed {
        rest: BTreeMap::from([("x".to_owned(), vec![1_u8])]),
    });
    table.same(Typed {
        rest: BTreeMap::from([("x".to_owned(), Some(1.5))]),
    });
    table.better(Typed {
        rest: BTreeMap::from([("x".to_owned(), f64::NAN)]),
    });
    table.refused(Typed { rest: one(1) });
    table.refused(Typed { rest: one(u128::MAX) });
    table.same(Keyed {
        rest: BTreeMap::from([("k".to_owned(), 1)]),
    });
    table.same(Keyed {
        rest: BTreeMap::from([(id(), 1)]),
    });
    table.better(Keyed {
        rest: BTreeMap::from([(7_u32, 1)]),
    });
    table.better(Keyed {
        rest: BTreeMap::from([(true, 1)]),
    });
    table.refused(Big { n: Wide { n: 5 } });
    table.refused(Big {
        n: Wide { n: u128::MAX },
    });
    table.refused(Signed { n: Narrow { n: -5 } });
    table.refused(Signed {
        n: Narrow { n: i128::MIN },
    });
    table.same(Holds {
        held: Held { held: 'ß' },
    });
    table.same(Holds {
        held: Held { held: [ip(), ip()] },
    });
    table.same(Holds {
        held: Held { held: Some(1) },
    });
    table.same(Holds {
        held: Held { held: None::<u8> },
    });
    table.strict(Holds {
        held: Held {
            held: Some(None::<u8>),
        },
    });
    table.same(Holds {
        held: Held { held: () },
    });
    table.same(Holds {
        held: Held {
            held: BTreeMap::from([("x".to_owned(), 1)]),
        },
    });
    table.better(Holds {
        held: Held {
            held: BTreeMap::from([(1, 1)]),
        },
    });
    table.same(Holds {
        held: Held {
            held: SystemTime::UNIX_EPOCH,
        },
    });
    table.same(Holds {
        held: Held { held: NonZeroU8::MIN },
    });
    table.same(Holds {
        held: Held { held: 0.1_f32 },
    });
    table.same(Tagged {
        a: 1,
        kind: Kind::Guest,
    });
    table.same(Tagged {
        a: 1,
        kind: Kind::Member { from: ip(), id: id() },
    });
    table.same(External {
        choice: Choice::One(1),
    });
    table.same(External {
        choice: Choice::Two { a: ip() },
    });
    table.same(Untagged {
        any: Any::Ip { ip: ip() },
    });
    table.same(Untagged {
        any: Any::N { n: -1 },
    });
    table.same(Variant::Flat { a: 1, rest: inner() });
    table.same(Strict { a: 1, inner: inner() });
    table.same(Unit { a: 1, unit: () });
    table.end(42);
}

/// The same variants, however an enum says which it is.
macro_rules! variants {
    ($name:ident: $(#[$attribute:meta])*) => {
        #[derive(Debug, serde::Serialize, serde::Deserialize)]
        $(#[$attribute])*
        enum $name {
            Unit,
            Nothing {},
            Int { n: i64 },
            Big { n: u128 },
            Float { x: f64, y: f32 },
            Texts { c: char, s: String, unit: () },
            Bytes { bytes: Vec<u8> },
            Ip { from: IpAddr, socket: SocketAddr },
            Id { id: Uuid, ids: BTreeMap<Uuid, Uuid> },
            When { at: SystemTime, took: Duration },
            Maybe { a: Option<u8>, b: Option<Box<$name>> },
            Keys { by: BTreeMap<u32, u8> },
            Pairs { by: BTreeMap<(u8, u8), u8> },
            Any { any: Value },
            Many { many: Vec<$name> },
            New(Holder),
            Map(BTreeMap<String, u8>),
        }

        impl $name {
            fn to_be_the_same() -> Vec<$name> {
                use $name::*;
                vec![
                    Unit, Nothing {}, Int { n: i64::MIN }, Float { x: 0.1, y: -0.5 },
                    Texts { c: 'ß', s: "x".into(), unit: () }, Bytes { bytes: vec![0, 192, 255] },
                    Ip { from: ip(), socket: SocketAddr::new(ip(), 80) },
                    Id { id: id(), ids: BTreeMap::from([(id(), id())]) },
                    When { at: SystemTime::UNIX_EPOCH, took: Duration::from_millis(3) },
                    Maybe { a: None, b: Some(Box::new(Ip { from: ip(), socket: SocketAddr::new(ip(), 80) })) },
                    Any { any: json!({"a": [1, -1, 1.5, null, "x", {"b": true}], "n": u64::MAX}) },
                    Many { many: vec![Id { id: id(), ids: BTreeMap::new() }, Unit] },
                    New(Holder { ip: ip(), n: 1 }),
                    Map(BTreeMap::from([("x".to_owned(), 1)])),
                ]
            }
        }
    };
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Holder {
    ip: IpAddr,
    n: i64,
}

#[test]
fn enums_however_they_say_which_they_are() {
    variants!(External:);
    variants!(Internal: #[serde(tag = "type")]);
    variants!(Adjacent: #[serde(tag = "t", content = "c")]);
    let mut table = Table::default();
    External::to_be_the_same()
        .into_iter()
        .for_each(|value| table.same(value));
    Internal::to_be_the_same()
        .into_iter()
        .for_each(|value| table.same(value));
    Adjacent::to_be_the_same()
        .into_iter()
        .for_each(|value| table.same(value));
    table.same(External::Big { n: u128::MAX });
    table.refused(Internal::Big { n: u128::MAX });
    table.refused(Internal::Big { n: 7 });
    table.same(Adjacent::Big { n: u128::MAX });
    let by = || BTreeMap::from([(1, 2)]);
    table.same(External::Keys { by: by() });
    table.better(Internal::Keys { by: by() });
    table.same(Adjacent::Keys { by: by() });
    let by = || BTreeMap::from([((1, 2), 3)]);
    table.better(External::Pairs { by: by() });
    table.better(Internal::Pairs { by: by() });
    table.better(Adjacent::Pairs { by: by() });
    table.better(External::Float {
        x: f64::NAN,
        y: f32::INFINITY,
    });
    table.better(Internal::Float {
        x: f64::NAN,
        y: f32::INFINITY,
    });
    table.better(Adjacent::Float {
        x: f64::NAN,
        y: f32::INFINITY,
    });
    table.end(55);
}

#[test]
fn enums_and_their_attributes() {
    shapes! {
        enum Tuples { New(Option<u8>), Two(u8, IpAddr), Unit((), ()), Empty() }
        #[serde(tag = "t", content = "c")]
        enum Contents { New(Option<u8>), Two(u8, IpAddr), Big(u128), Id(Uuid), Seq(Vec<IpAddr>), Unit(()), Nothing }
        #[serde(tag = "t")]
        enum OfTagged { One(Holder), Other(Within) }
        #[serde(tag = "u")]
        enum Within { A { ip: IpAddr }, B }
        #[serde(untagged)]
        enum Untagged { Unit, Ip(IpAddr), Id { id: Uuid }, Int(i64), Real(f64), Flag(bool), Text(String), Pair(u8, String), Many(Vec<Untagged>), By(BTreeMap<String, Untagged>) }
        #[serde(untagged)]
        enum Big { Wide(u128), Text(String) }
        #[serde(untagged)]
        enum BytesFirst { Bytes(Bytes), Wide(u128) }
        #[serde(untagged)]
        enum IdFirst { Id(Uuid), Wide(u128) }
        #[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
        enum Cased { SomeVariant { some_field: u8 }, #[serde(rename = "type")] Other, #[serde(alias = "old")] New }
        #[serde(tag = "t", rename_all = "kebab-case")]
        enum CasedTag { SomeVariant { n: u8 }, #[serde(other)] Unknown }
        enum Skips { Kept, #[serde(skip)] Gone, #[serde(skip_serializing)] NotWritten, #[serde(skip_deserializing)] NotRead }
        enum Mixed { Known { a: u8 }, #[serde(untagged)] Else(Holder) }
        #[serde(tag = "t", deny_unknown_fields)]
        enum Strict { A { ip: IpAddr }, B }
        #[serde(tag = "t")]
        struct TaggedStruct { a: IpAddr }
        enum Recursive { End, More(Box<Recursive>), Named { next: Box<Recursive> } }
        #[serde(tag = "n")]
        enum Clash { A { #[serde(rename = "m")] n: u8 } }
        enum Discriminants { A = 5, B = -1 }
    }
    let mut table = Table::default();
    table.same([
        Tuples::New(None),
        Tuples::New(Some(1)),
        Tuples::Two(1, ip()),
        Tuples::Unit((), ()),
        Tuples::Empty(),
    ]);
    table.same(Contents::New(None));
    table.same(Contents::New(Some(1)));
    table.same(Contents::Two(1, ip()));
    table.same(Contents::Big(u128::MAX));
    table.same(Contents::Id(id()));
    table.same(Contents::Seq(vec![ip()]));
    table.same(Contents::Unit(()));
    table.same(Contents::Nothing);
    table.same(OfTagged::One(Holder { ip: ip(), n: 1 }));
    table.same(OfTagged::Other(Within::A { ip: ip() }));
    table.same(OfTagged::Other(Within::B));
    table.same(Untagged::Unit);
    table.same(Untagged::Ip(ip()));
    table.same(Untagged::Id { id: id() });
    table.same(Untagged::Int(-1));
    table.same(Untagged::Real(0.5));
    table.same(Untagged::Flag(true));
    table.same(Untagged::Text("x".into()));
    table.same(Untagged::Pair(1, "x".into()));
    table.same(Untagged::Many(vec![
        Untagged::Flag(false),
        Untagged::Many(vec![]),
    ]));
    table.same(Untagged::By(BTreeMap::from([(
        "x".to_owned(),
        Untagged::Ip(ip()),
    )])));
    // It came back as a text of sixteen letters.
    table.refused(Big::Wide(7));
    table.refused(Big::Wide(u128::MAX));
    // And these as bytes, and as an id.
    table.refused(BytesFirst::Wide(7));
    table.refused(IdFirst::Wide(7));
    table.same([Cased::SomeVariant { some_field: 1 }, Cased::Other, Cased::New]);
    table.same(CasedTag::SomeVariant { n: 1 });
    table.same(CasedTag::Unknown);
    table.same(Skips::Kept);
    table.refused(Skips::Gone);
    table.refused(Skips::NotWritten);
    table.refused(Skips::NotRead);
    table.same(Mixed::Known { a: 1 });
    table.same(Mixed::Else(Holder { ip: ip(), n: 1 }));
    table.same([Strict::A { ip: ip() }, Strict::B]);
    table.same(TaggedStruct { a: ip() });
    let deep = (0..40).fold(Recursive::End, |inner, n| match n % 2 {
        0 => Recursive::More(Box::new(inner)),
        _ => Recursive::Named {
            next: Box::new(inner),
        },
    });
    table.same(deep);
    table.same(Clash::A { n: 1 });
    table.same([Discriminants::A, Discriminants::B]);
    table.end(40);
}

/// A tag inside would not help: serde buffers there too.
#[test]
fn what_the_error_says_of_what_is_mistaken_helps() {
    shapes! {
        #[serde(untagged)]
        enum Mistaken { Text(String), Wide(u128) }
        #[serde(untagged)]
        enum AsText { Wide(#[serde(with = "as_text")] u128), Text(String) }
        enum Says { Text(String), Wide(u128) }
        #[serde(tag = "t")]
        enum Inside { Text { text: String }, Wide { n: u128 } }
    }
    let error = encode(Mistaken::Wide(7)).unwrap_err().to_string();
    assert!(
        error.contains("`untagged`, let that say its variants") && error.contains("as a text"),
        "{error}"
    );
    let mut table = Table::default();
    table.refused(Mistaken::Wide(7));
    table.same([AsText::Wide(7), AsText::Text("x".into())]);
    table.same([Says::Wide(7), Says::Text("x".into())]);
    table.refused(Inside::Wide { n: 7 });
    table.end(4);
}

/// Bytes as bytes, which JSON has as numbers.
#[derive(Debug)]
struct Bytes(Vec<u8>);

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
