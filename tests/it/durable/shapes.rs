//! Values of the shapes that serde has: whatever JSON can read back, and what is refused when it is written.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::time::SystemTime;

use livestore::{Entry, FlushError, LiveStore, LiveValue, Never, Uuid};
use serde::de::DeserializeOwned;
use tempfile::tempdir;

use super::*;

/// Anything that serde can.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Any<T>(T);

impl<T> LiveValue for Any<T>
where
    T: Clone + Send + Sync + 'static,
{
    type Message = ();
    type Mutation = ();
    type MutError = Never;

    fn mutate(entry: &Entry<Self>, (): &()) -> Result<Self, Never> {
        Ok(Any::clone(entry.value()))
    }
}

trait Shape: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static> Shape for T {}

fn json<T: Shape>(value: &T) -> Option<T> {
    serde_json::from_str(&serde_json::to_string(value).ok()?).ok()
}

/// Writes it in a save and in a folder. Returns what came back, `None` if it was refused.
async fn through<T: Shape>(value: &T) -> Option<T> {
    let place = tempdir().unwrap();
    let (file, folder) = (place.path().join("file"), place.path().join("folder"));
    let innocent = Uuid::from_u128(1);
    let key = Uuid::from_u128(2);
    let build = || {
        LiveStore::<Any<Vec<T>>>::new()
            .with_durability(ON_REQUEST)
            .schema("any", 1)
    };
    let store = build().open(&folder).await.unwrap();
    store.create(&innocent, Any(Vec::new())).unwrap();
    store.create(&key, Any(vec![value.clone()])).unwrap();
    let flushed = store.flush().await;
    let saved = store.save(&file).await;
    let refused = match &flushed {
        Ok(()) => false,
        Err(FlushError::Unwritten(error)) => {
            assert!(error.keys().eq([key]), "{value:?}");
            true
        }
        Err(error) => panic!("{value:?}: {error}"),
    };
    assert_eq!(saved.is_err(), refused, "{value:?}: {saved:?}");
    if refused {
        assert_eq!(saved.unwrap_err().key(), Some(key));
        store.save(&file).on_unwritable(|_, _| ()).await.unwrap();
    }
    drop(store.close().await);
    let mut came = [None, None];
    let opened = build().open(&folder).await.unwrap();
    let loaded = build().load(&file).await.unwrap();
    for (came, store) in came.iter_mut().zip([opened, loaded]) {
        // Nobody else is locked out.
        assert!(store.contains_key(&innocent), "{value:?}");
        assert_eq!(store.contains_key(&key), !refused);
        *came = store.fetch(&key).map(|entry| entry.0[0].clone());
    }
    let [opened, loaded] = came;
    assert_eq!(opened, loaded);
    opened
}

/// It comes back, as from JSON.
async fn comes_back<T: Shape>(value: T) {
    assert_eq!(json(&value).as_ref(), Some(&value), "not in JSON");
    assert_eq!(through(&value).await, Some(value));
}

/// It comes back, which is more than JSON can.
async fn comes_back_here<T: Shape>(value: T) {
    assert_ne!(json(&value).as_ref(), Some(&value), "also in JSON");
    assert_eq!(through(&value).await, Some(value));
}

/// It would not come back, and is refused.
async fn is_refused<T: Shape>(value: T) {
    assert_eq!(through(&value).await, None, "{value:?}");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Ip { from: IpAddr },
    Socket { from: SocketAddr },
    Id { id: Uuid },
    Big { n: u128 },
    Bytes { bytes: Vec<u8> },
    Char { c: char, unit: () },
    Float { x: f64, y: f32 },
    Option { option: Option<u8> },
    Path { path: PathBuf },
    Keys { map: BTreeMap<u32, u8> },
    Deeper { inner: Box<Tagged> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Ip { from: IpAddr },
    Id(Uuid),
    Many(Vec<Untagged>),
    Number(i64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tag", content = "content")]
enum Adjacent {
    Ip(IpAddr),
    Pair(u8, Uuid),
    Big(u128),
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    ip: IpAddr,
    id: Uuid,
    n: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    a: u8,
    #[serde(flatten)]
    inner: Inner,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum External {
    Unit,
    Newtype(Option<Box<External>>),
    Tuple(IpAddr, i128),
    Struct { ip: Ipv6Addr, n: i128 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Marker;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Attributes {
    #[serde(rename = "type", alias = "kind")]
    type_of: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    left_out: Option<u8>,
    #[serde(skip)]
    skipped: u8,
    #[serde(with = "as_text")]
    as_text: u32,
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(n: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(n)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Is written, and cannot be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Secret {
    name: String,
    #[serde(skip_serializing)]
    secret: String,
}

fn ip() -> IpAddr {
    "10.0.0.1".parse().unwrap()
}

fn id() -> Uuid {
    Uuid::from_u128(7)
}

/// One such address made a whole store unreadable, though every call had said `Ok`.
#[tokio::test]
async fn what_serde_buffers_comes_back() {
    let socket = "[::1]:80".parse().unwrap();
    comes_back(Tagged::Ip { from: ip() }).await;
    comes_back(Tagged::Socket { from: socket }).await;
    comes_back(Tagged::Id { id: id() }).await;
    comes_back(Tagged::Bytes {
        bytes: vec![0, 192, 255],
    })
    .await;
    comes_back(Tagged::Char { c: 'ß', unit: () }).await;
    comes_back(Tagged::Float { x: 0.1, y: -0.5 }).await;
    comes_back(Tagged::Option { option: None }).await;
    comes_back(Tagged::Option { option: Some(3) }).await;
    comes_back(Tagged::Path { path: "/tmp".into() }).await;
    comes_back_here(Tagged::Keys {
        map: BTreeMap::from([(1, 2)]),
    })
    .await;
    let inner = Box::new(Tagged::Ip { from: ip() });
    comes_back(Tagged::Deeper { inner }).await;
    comes_back(Untagged::Ip { from: ip() }).await;
    comes_back(Untagged::Many(vec![Untagged::Id(id()), Untagged::Number(-1)])).await;
    comes_back(Adjacent::Ip(ip())).await;
    comes_back(Adjacent::Pair(1, id())).await;
    comes_back(Adjacent::Nothing).await;
    let rest = serde_json::json!({"more": [1, -1, 1.5, null, "x", {"deep": true}], "m": u64::MAX});
    comes_back(Flat {
        a: 1,
        inner: Inner {
            ip: ip(),
            id: id(),
            n: u64::MAX,
        },
        rest: serde_json::from_value(rest).unwrap(),
    })
    .await;
}

#[tokio::test]
async fn plain_shapes_come_back() {
    comes_back(External::Unit).await;
    comes_back(External::Newtype(None)).await;
    comes_back(External::Newtype(Some(Box::new(External::Unit)))).await;
    comes_back(External::Tuple(ip(), i128::MIN)).await;
    comes_back(External::Struct {
        ip: Ipv6Addr::LOCALHOST,
        n: -1,
    })
    .await;
    comes_back((1_u8, (), [1_i64, i64::MIN], "x".to_owned(), Some(true))).await;
    comes_back((u64::MAX, u128::MAX, NonZeroU8::MIN, 'x', f32::MIN_POSITIVE)).await;
    comes_back_here(f64::INFINITY).await;
    comes_back(BTreeMap::from([(-5_i32, vec![Some(1_u8), None])])).await;
    comes_back_here(HashMap::from([((1_u8, "a".to_owned()), Marker)])).await;
    comes_back(SystemTime::UNIX_EPOCH + Duration::new(5, 7)).await;
    comes_back(Result::<u8, String>::Err("no".into())).await;
    comes_back_here(Some(Marker)).await;
    comes_back(vec![Marker]).await;
    comes_back(Attributes {
        type_of: "t".into(),
        left_out: None,
        skipped: 0,
        as_text: 12,
    })
    .await;
}

#[tokio::test]
async fn what_would_not_come_back_is_refused_and_costs_nobody_else_anything() {
    is_refused(Some(None::<u8>)).await;
    is_refused(Some(())).await;
    is_refused(BTreeMap::from([(1, Some(None::<u8>))])).await;
    is_refused(Tagged::Big { n: u128::MAX }).await;
    is_refused(Secret {
        name: "ann".into(),
        secret: "x".into(),
    })
    .await;
}

/// Sixty levels of a value of many fields used to end the process, when it was opened again by a program that was not
/// optimised.
#[tokio::test]
async fn a_value_of_many_fields_may_be_nested_deeply() {
    macro_rules! node {
        ($($field:ident)*) => {
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            struct Node {
                kids: Vec<Node>,
                $(#[serde(default)] $field: Option<String>,)*
            }

            fn node(kids: Vec<Node>) -> Node {
                Node { kids, $($field: None,)* }
            }
        };
    }
    node!(a b c d e f g h i j k l m n o p q r s t u v w x y z aa ab ac ad ae af ag ah ai aj ak al am an ao ap);
    let nested = |levels| (1..levels).fold(node(Vec::new()), |inner, _| node(vec![inner]));
    assert!(through(&nested(60)).await.is_some());
    is_refused(nested(200)).await;
}
