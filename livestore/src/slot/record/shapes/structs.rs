//! Structs, with fields and without, and their attributes.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::slot::record::shapes::by_hand::Bytes;
use crate::slot::record::shapes::{Table, shapes};

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

pub(super) mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in crate::slot::record::shapes) fn serialize<S: Serializer>(
        n: &u128,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(n)
    }

    pub(in crate::slot::record::shapes) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u128, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}
