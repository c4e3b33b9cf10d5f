//! What is flattened into a struct.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU8;
use std::time::SystemTime;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::slot::record::shapes::{Table, id, ip, shapes};

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
