//! Enums, however they say which they are.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::slot::record::shapes::by_hand::Bytes;
use crate::slot::record::shapes::structs::as_text;
use crate::slot::record::shapes::{Table, id, ip, shapes};
use crate::slot::record::tests::encode;

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
