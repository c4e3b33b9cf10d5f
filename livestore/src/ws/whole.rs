//! [`json_without_hidden`]: a value as JSON, without what is [`Hidden`](crate::Hidden).
//!
//! A hidden value is asked for nothing but to say that it is one, so none of its bytes can get anywhere; see
//! [`purpose`](crate::value::hidden::purpose). What is left to do is to leave it out where JSON can: a field of a struct, an
//! entry of a map, what is flattened. Elsewhere, in a sequence, a tuple, a newtype or the payload of a variant, `null` stands
//! for it. Whether a field is to be left out must be known before its name is written, so each is [asked](is_hidden) before,
//! which stops at the first thing that it has to say.

use serde::Serialize;
use serde::ser::{
    Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use crate::ground::plain_types::each_plain_type;
use crate::value::hidden::purpose::{LEFT_OUT, left_out};

/// Writes a value as `serde_json` does, without what is hidden.
pub(crate) fn json_without_hidden<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    // Most need no more; then it does not grow.
    let mut out = Vec::with_capacity(512);
    left_out(|| value.serialize(Without(&mut serde_json::Serializer::new(&mut out))))?;
    Ok(out)
}

/// A serializer, or what it has begun, to which what is hidden does not get.
struct Without<S>(S);

/// A value that is serialized without what is hidden.
struct Shown<'a, T: ?Sized>(&'a T);

impl<T: Serialize + ?Sized> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Without(serializer))
    }
}

macro_rules! as_it_is {
    ($($name:ident: $type:ty),*) => {
        $(fn $name(self, value: $type) -> Result<S::Ok, S::Error> {
            self.0.$name(value)
        })*
    };
}

macro_rules! begun {
    ($($name:ident($($argument:ident: $type:ty),*) -> $begun:ident),* $(,)?) => {
        $(fn $name(self, $($argument: $type),*) -> Result<Without<S::$begun>, S::Error> {
            self.0.$name($($argument),*).map(Without)
        })*
    };
}

impl<S: Serializer> Serializer for Without<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Without<S::SerializeSeq>;
    type SerializeTuple = Without<S::SerializeTuple>;
    type SerializeTupleStruct = Without<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Without<S::SerializeTupleVariant>;
    type SerializeMap = Entries<S::SerializeMap>;
    type SerializeStruct = Without<S::SerializeStruct>;
    type SerializeStructVariant = Without<S::SerializeStructVariant>;

    each_plain_type!(as_it_is);

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&Shown(value))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit_struct(name)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &Shown(value))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0
            .serialize_newtype_variant(name, index, variant, &Shown(value))
    }

    begun! {
        serialize_seq(len: Option<usize>) -> SerializeSeq,
        serialize_tuple(len: usize) -> SerializeTuple,
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct,
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeTupleVariant,
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct,
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeStructVariant,
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        // How many entries it will have is not known before each was asked.
        Ok(Entries {
            to: self.0.serialize_map(None)?,
            key: None,
        })
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! items {
    ($($trait:ident: $item:ident),*) => {
        $(impl<S: $trait> $trait for Without<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), S::Error> {
                self.0.$item(&Shown(item))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })*
    };
}

items! {
    SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
}

macro_rules! fields {
    ($($trait:ident),*) => {
        $(impl<S: $trait> $trait for Without<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), S::Error> {
                if is_hidden(value) {
                    return self.0.skip_field(name);
                }
                self.0.serialize_field(name, &Shown(value))
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), S::Error> {
                self.0.skip_field(name)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })*
    };
}

fields! { SerializeStruct, SerializeStructVariant }

/// A map that was begun.
struct Entries<S> {
    to: S,
    /// A key that came without its value, which decides whether it is written.
    key: Option<Key>,
}

enum Key {
    Shown(serde_json::Value),
    Hidden,
}

impl<S: SerializeMap> SerializeMap for Entries<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.key = Some(if is_hidden(key) {
            Key::Hidden
        } else {
            let key = serde_json::to_value(Shown(key)).map_err(serde::ser::Error::custom)?;
            Key::Shown(key)
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        match self.key.take() {
            Some(Key::Shown(key)) if !is_hidden(value) => self.to.serialize_entry(&key, &Shown(value)),
            _ => Ok(()),
        }
    }

    fn serialize_entry<K, V>(&mut self, key: &K, value: &V) -> Result<(), S::Error>
    where
        K: Serialize + ?Sized,
        V: Serialize + ?Sized,
    {
        if is_hidden(key) || is_hidden(value) {
            return Ok(());
        }
        self.to.serialize_entry(&Shown(key), &Shown(value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.to.end()
    }
}

/// Whether a value is hidden, in whatever newtypes and `Option`s it may be.
fn is_hidden<T: Serialize + ?Sized>(value: &T) -> bool {
    matches!(value.serialize(Ask), Ok(Answer(true)))
}

/// The serializer that only asks that.
struct Ask;

/// Whether it is hidden.
struct Answer(bool);

/// It is something of several parts, and so not hidden.
#[derive(Debug)]
struct HasParts;

impl std::fmt::Display for HasParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it has parts")
    }
}

impl std::error::Error for HasParts {}

impl serde::ser::Error for HasParts {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        HasParts
    }
}

type Asked = Result<Answer, HasParts>;
type Never = Impossible<Answer, HasParts>;

macro_rules! not_hidden {
    ($($name:ident: $type:ty),* $(,)?) => {
        $(fn $name(self, _: $type) -> Asked {
            Ok(Answer(false))
        })*
    };
}

macro_rules! has_parts {
    ($($name:ident($($type:ty),*)),* $(,)?) => {
        $(fn $name(self, $(_: $type),*) -> Result<Never, HasParts> {
            Err(HasParts)
        })*
    };
}

impl Serializer for Ask {
    type Ok = Answer;
    type Error = HasParts;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    each_plain_type!(not_hidden);

    has_parts! {
        serialize_seq(Option<usize>), serialize_tuple(usize), serialize_tuple_struct(&'static str, usize),
        serialize_tuple_variant(&'static str, u32, &'static str, usize), serialize_map(Option<usize>),
        serialize_struct(&'static str, usize), serialize_struct_variant(&'static str, u32, &'static str, usize),
    }

    fn serialize_none(self) -> Asked {
        Ok(Answer(false))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Asked {
        value.serialize(Ask)
    }

    fn serialize_unit(self) -> Asked {
        Ok(Answer(false))
    }

    fn serialize_unit_struct(self, name: &'static str) -> Asked {
        Ok(Answer(name == LEFT_OUT))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Asked {
        Ok(Answer(false))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Asked {
        value.serialize(Ask)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Asked {
        Ok(Answer(false))
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, _: &T) -> Asked {
        Ok(Answer(false))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod tests {
    use std::borrow::Cow;
    use std::collections::{BTreeMap, HashMap};
    use std::fmt::Debug;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::value::hidden::Hidden;

    /// What must not be in any bytes, as a text, as numbers, or as the name of anything.
    const SECRET: &str = "hunter2";

    fn json<T: Serialize + ?Sized>(value: &T) -> String {
        String::from_utf8(json_without_hidden(value).unwrap()).unwrap()
    }

    fn secret() -> Hidden<String> {
        SECRET.to_owned().into()
    }

    #[derive(Serialize)]
    struct Text {
        text: Hidden<String>,
    }

    #[derive(Serialize)]
    struct Two {
        n: u8,
        text: Hidden<String>,
    }

    fn text() -> Text {
        Text { text: secret() }
    }

    fn two() -> Two {
        Two { n: 1, text: secret() }
    }

    #[derive(Serialize)]
    struct Newtype<T>(T);

    #[derive(Serialize)]
    struct Tuple(u8, Hidden<String>, u8);

    #[derive(Serialize)]
    #[serde(transparent)]
    struct Transparent {
        text: Hidden<String>,
    }

    #[derive(Serialize)]
    enum Plain {
        Unit,
        Newtype(Hidden<String>),
        Tuple(u8, Hidden<String>),
        Struct { n: u8, text: Hidden<String> },
    }

    #[derive(Serialize)]
    #[serde(tag = "t")]
    enum Tagged {
        Unit,
        Newtype(Two),
        Hidden(Hidden<Two>),
        Inner(Plain),
        Map(BTreeMap<Hidden<String>, u8>),
        Struct { n: u8, text: Hidden<String> },
    }

    #[derive(Serialize)]
    #[serde(tag = "t", content = "c")]
    enum Adjacent {
        Newtype(Hidden<String>),
        Tuple(u8, Hidden<String>),
        Struct { n: u8, text: Hidden<String> },
    }

    #[derive(Serialize)]
    #[serde(untagged)]
    enum Untagged {
        Newtype(Hidden<String>),
        Tuple(u8, Hidden<String>),
        Struct { text: Hidden<String> },
        Inner(Two),
    }

    #[derive(Serialize)]
    struct Flat<T> {
        a: u8,
        #[serde(flatten)]
        rest: T,
        z: u8,
    }

    fn flat<T>(rest: T) -> Flat<T> {
        Flat { a: 0, rest, z: 9 }
    }

    #[derive(Serialize)]
    struct Attributes<'a> {
        #[serde(skip)]
        _skipped: Hidden<String>,
        #[serde(rename = "other")]
        renamed: Hidden<String>,
        #[serde(skip_serializing_if = "Option::is_some")]
        conditional: Option<Hidden<String>>,
        #[serde(borrow)]
        borrowed: Cow<'a, str>,
        none: Option<Hidden<String>>,
        some: Option<Box<Hidden<String>>>,
        option_inside: Hidden<Option<String>>,
        shared: Arc<Hidden<String>>,
        reference: &'a Hidden<String>,
        newtypes: Newtype<Newtype<Option<Hidden<String>>>>,
        locked: Mutex<Hidden<String>>,
        list: Vec<Hidden<String>>,
        nothing: (),
    }

    /// Gives its keys and its values one after another.
    struct OneByOne<K, V>(Vec<(K, V)>);

    impl<K: Serialize, V: Serialize> Serialize for OneByOne<K, V> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(self.0.len()))?;
            for (key, value) in &self.0 {
                map.serialize_key(key)?;
                map.serialize_value(value)?;
            }
            map.end()
        }
    }

    /// Serializes on its own, by whatever is at hand.
    struct AsText<T>(T);

    impl<T: Serialize> Serialize for AsText<T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let text = serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?;
            let value = serde_json::to_value(&self.0).map_err(serde::ser::Error::custom)?;
            let packed = rmp_serde::to_vec_named(&self.0).map_err(serde::ser::Error::custom)?;
            (text, value, packed).serialize(serializer)
        }
    }

    #[test]
    fn what_is_hidden_is_left_out() {
        let some = || Some(secret());
        let attributes = Attributes {
            _skipped: secret(),
            renamed: secret(),
            conditional: some(),
            borrowed: "b".into(),
            none: None,
            some: some().map(Box::new),
            option_inside: Some(SECRET.to_owned()).into(),
            shared: Arc::new(secret()),
            reference: &secret(),
            newtypes: Newtype(Newtype(some())),
            locked: Mutex::new(secret()),
            list: vec![secret(), secret()],
            nothing: (),
        };
        let struct_variant = || Plain::Struct { n: 1, text: secret() };
        let cases = [
            (json(&text()), "{}"),
            (json(&two()), r#"{"n":1}"#),
            (json(&Newtype(two())), r#"{"n":1}"#),
            (
                json(&attributes),
                r#"{"borrowed":"b","none":null,"list":[null,null],"nothing":null}"#,
            ),
            // Where something must be, it is nothing.
            (json(&secret()), "null"),
            (json(&some()), "null"),
            (json(&Newtype(secret())), "null"),
            (json(&Transparent { text: secret() }), "null"),
            (json(&Tuple(1, secret(), 2)), "[1,null,2]"),
            (json(&(secret(), 1)), "[null,1]"),
            (json(&[Some(secret()), None]), "[null,null]"),
            (
                json(&vec![Box::new(two()), Box::new(two())]),
                r#"[{"n":1},{"n":1}]"#,
            ),
            // Variants.
            (json(&Plain::Unit), r#""Unit""#),
            (json(&Plain::Newtype(secret())), r#"{"Newtype":null}"#),
            (json(&Plain::Tuple(1, secret())), r#"{"Tuple":[1,null]}"#),
            (json(&struct_variant()), r#"{"Struct":{"n":1}}"#),
            (json(&Tagged::Unit), r#"{"t":"Unit"}"#),
            (json(&Tagged::Newtype(two())), r#"{"t":"Newtype","n":1}"#),
            (json(&Tagged::Hidden(two().into())), r#"{"t":"Hidden"}"#),
            (json(&Tagged::Inner(Plain::Newtype(secret()))), r#"{"t":"Inner"}"#),
            (
                json(&Tagged::Inner(Plain::Tuple(1, secret()))),
                r#"{"t":"Inner","Tuple":[1,null]}"#,
            ),
            (
                json(&Tagged::Inner(struct_variant())),
                r#"{"t":"Inner","Struct":{"n":1}}"#,
            ),
            (
                json(&Tagged::Map(BTreeMap::from([(secret(), 1)]))),
                r#"{"t":"Map"}"#,
            ),
            (
                json(&Tagged::Struct { n: 1, text: secret() }),
                r#"{"t":"Struct","n":1}"#,
            ),
            (json(&Adjacent::Newtype(secret())), r#"{"t":"Newtype"}"#),
            (
                json(&Adjacent::Tuple(1, secret())),
                r#"{"t":"Tuple","c":[1,null]}"#,
            ),
            (
                json(&Adjacent::Struct { n: 1, text: secret() }),
                r#"{"t":"Struct","c":{"n":1}}"#,
            ),
            (json(&Untagged::Newtype(secret())), "null"),
            (json(&Untagged::Tuple(1, secret())), "[1,null]"),
            (json(&Untagged::Struct { text: secret() }), "{}"),
            (json(&Untagged::Inner(two())), r#"{"n":1}"#),
            // Flattened.
            (json(&flat(two())), r#"{"a":0,"n":1,"z":9}"#),
            (json(&flat(Hidden::from(two()))), r#"{"a":0,"z":9}"#),
            (json(&flat(Some(Hidden::from(two())))), r#"{"a":0,"z":9}"#),
            (json(&flat(BTreeMap::from([("k", secret())]))), r#"{"a":0,"z":9}"#),
            (json(&flat(Plain::Newtype(secret()))), r#"{"a":0,"z":9}"#),
            (
                json(&flat(Plain::Tuple(1, secret()))),
                r#"{"a":0,"Tuple":[1,null],"z":9}"#,
            ),
            (json(&flat(struct_variant())), r#"{"a":0,"Struct":{"n":1},"z":9}"#),
            (
                json(&flat(Tagged::Newtype(two()))),
                r#"{"a":0,"t":"Newtype","n":1,"z":9}"#,
            ),
            (
                json(&flat(Tagged::Hidden(two().into()))),
                r#"{"a":0,"t":"Hidden","z":9}"#,
            ),
            (json(&flat(OneByOne(vec![("k", secret())]))), r#"{"a":0,"z":9}"#),
            // Maps.
            (json(&HashMap::from([("k", secret())])), "{}"),
            (json(&BTreeMap::from([(secret(), 1)])), "{}"),
            (
                json(&BTreeMap::from([("k", Some(secret())), ("n", None)])),
                r#"{"n":null}"#,
            ),
            (json(&BTreeMap::from([(7, two())])), r#"{"7":{"n":1}}"#),
            (json(&OneByOne(vec![(secret(), 1)])), "{}"),
            (json(&OneByOne(vec![("a", secret()), ("b", secret())])), "{}"),
            (
                json(&OneByOne(vec![(7, Some(1)), (8, None)])),
                r#"{"7":1,"8":null}"#,
            ),
            (
                json(&OneByOne(vec![("a", two()), ("b", two())])),
                r#"{"a":{"n":1},"b":{"n":1}}"#,
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
            assert!(!found.contains(SECRET), "{found}");
        }
    }

    /// A text or a tree that a `Serialize` makes on the way has no secret either, whoever makes it.
    #[test]
    fn what_is_serialized_on_the_way_has_no_secret() {
        let found = json(&AsText((secret(), two(), Some(secret()))));
        assert!(
            found.starts_with(r#"["[null,{\"n\":1,\"text\":null},null]","#),
            "{found}"
        );
        let packed = format!("{:?}", SECRET.as_bytes());
        assert!(
            !found.contains(SECRET) && !found.contains(packed.trim_matches(['[', ']'])),
            "{found}"
        );
    }

    #[test]
    fn nothing_stays_left_out() {
        assert!(serde_json::to_string(&secret()).is_err());
        struct Panics;
        impl Serialize for Panics {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                panic!("serialize")
            }
        }
        struct Nests;
        impl Serialize for Nests {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let _ = catch_unwind(|| json_without_hidden(&Panics));
                let inner = json_without_hidden(&text()).map_err(serde::ser::Error::custom)?;
                let after = serde_json::to_string(&secret()).map_err(serde::ser::Error::custom)?;
                (inner, after).serialize(serializer)
            }
        }
        assert_eq!(json(&Nests), r#"[[123,125],"null"]"#);
        assert!(catch_unwind(AssertUnwindSafe(|| json_without_hidden(&Panics))).is_err());
        assert!(serde_json::to_string(&secret()).is_err());
        let wrong = json_without_hidden(&BTreeMap::from([((1, 2), secret()), ((3, 4), secret())]));
        assert_eq!(wrong.unwrap(), b"{}", "an entry that is left out is no error");
        assert!(json_without_hidden(&BTreeMap::from([((1, 2), 3)])).is_err());
        assert!(serde_json::to_string(&secret()).is_err());
    }

    /// Patches are made between documents of one encoder, and this one writes as `serde_json` does.
    #[test]
    fn what_is_not_hidden_is_written_as_it_is() {
        #[derive(Debug, Serialize)]
        struct Empty {}
        #[derive(Debug, Serialize)]
        struct Unit;
        #[derive(Debug, Serialize)]
        enum Kind {
            Unit,
            Newtype(char),
            Tuple(f32, i128),
            Struct { bytes: &'static [u8] },
        }
        fn same<T: Serialize + Debug>(value: T) {
            assert_eq!(json(&value), serde_json::to_string(&value).unwrap(), "{value:?}");
        }
        same((
            0.1_f32,
            0.1_f64,
            u64::MAX,
            u128::MAX,
            i128::MIN,
            -0.0,
            f64::NAN,
            1e300,
        ));
        same([Some("a\"b\n\u{1}ß"), None]);
        same((Empty {}, Unit, (), true, 'x'));
        same([
            Kind::Unit,
            Kind::Newtype('y'),
            Kind::Tuple(0.3, -1),
            Kind::Struct { bytes: b"ab" },
        ]);
        same(BTreeMap::from([(1_u128 << 100, "big"), (2, "small")]));
        same(BTreeMap::from([(false, 1), (true, 2)]));
        same(BTreeMap::from([('a', BTreeMap::<u8, u8>::new())]));
        same((
            serde_json::json!({"b": [1, {}], "a": null}),
            uuid::Uuid::nil(),
            std::time::Duration::from_millis(1),
        ));
    }
}
