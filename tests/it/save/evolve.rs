//! Values that were saved as one type and are read as another, and values that are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use livestore::{Entry, LiveStore, LiveValue, OnUnreadable, Uuid};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::save::{Place, Room, load, room, seen};

/// Saves one value as `A` and reads it as `B`, both under one name.
async fn through<A, B>(value: A) -> Result<B, livestore::LoadError>
where
    A: LiveValue + Serialize + DeserializeOwned,
    B: LiveValue + DeserializeOwned,
    B::MutError: std::fmt::Display,
{
    let place = Place::new();
    let store = LiveStore::new().schema("thing", 1).done();
    let key = store.init(value);
    store.save(place.path()).await.unwrap();
    let loaded = LiveStore::<B>::new().schema("thing", 1).load(place.path()).await;
    if let Err(error) = &loaded {
        assert_eq!(error.key(), Some(key), "{error}");
    }
    Ok(B::clone(loaded?.fetch(&key).unwrap().value()))
}

#[derive(Clone, Debug, PartialEq, LiveValue, Serialize, Deserialize)]
struct First {
    title: String,
    count: u32,
    colour: Colour,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Colour {
    Red,
    Mixed { with: u8 },
}

#[derive(Clone, Debug, PartialEq, LiveValue, Serialize, Deserialize)]
struct Second {
    #[serde(alias = "title")]
    topic: String,
    #[serde(rename = "count")]
    visits: u64,
    colour: MoreColours,
    #[serde(default)]
    tags: BTreeMap<String, u8>,
    note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum MoreColours {
    Blue,
    Mixed {
        with: u8,
        #[serde(default)]
        parts: u8,
    },
    #[serde(alias = "Red")]
    Crimson,
}

fn first(colour: Colour) -> First {
    First {
        title: "cats".to_owned(),
        count: 7,
        colour,
    }
}

#[tokio::test]
async fn a_newer_type_reads_what_an_older_wrote() {
    let second = |colour| Second {
        topic: "cats".to_owned(),
        visits: 7,
        colour,
        tags: BTreeMap::new(),
        note: None,
    };
    let crimson = through(first(Colour::Red)).await.unwrap();
    assert_eq!(second(MoreColours::Crimson), crimson);
    let mixed = through(first(Colour::Mixed { with: 3 })).await.unwrap();
    assert_eq!(second(MoreColours::Mixed { with: 3, parts: 0 }), mixed);
}

#[tokio::test]
async fn an_older_type_reads_what_a_newer_wrote_where_serde_can() {
    #[derive(Clone, Debug, PartialEq, LiveValue, Serialize, Deserialize)]
    struct Less {
        count: u8,
    }
    #[derive(Clone, Debug, LiveValue, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        count: u8,
    }
    let second = |visits, colour| Second {
        topic: "cats".to_owned(),
        visits,
        colour,
        tags: BTreeMap::from([("a".to_owned(), 1)]),
        note: Some("new".to_owned()),
    };
    // Fields that it does not know are skipped.
    let less: Less = through(second(200, MoreColours::Blue)).await.unwrap();
    assert_eq!(less, Less { count: 200 });
    let refused = |error: livestore::LoadError, why: &str| {
        let text = error.to_string();
        assert!(text.contains(why), "{text}");
    };
    // A name that it has under another name is missing.
    let mixed = MoreColours::Mixed { with: 1, parts: 2 };
    refused(
        through::<_, First>(second(1, mixed)).await.unwrap_err(),
        "missing field `title`",
    );
    // A number that does not fit, a field that is not allowed, a variant that is not there.
    refused(
        through::<_, Less>(second(256, MoreColours::Blue))
            .await
            .unwrap_err(),
        "256",
    );
    refused(
        through::<_, Strict>(second(1, MoreColours::Blue))
            .await
            .unwrap_err(),
        "unknown field",
    );
    #[derive(Clone, Debug, LiveValue, Serialize, Deserialize)]
    struct Coloured {
        colour: Colour,
    }
    refused(
        through::<_, Coloured>(second(1, MoreColours::Blue))
            .await
            .unwrap_err(),
        "unknown variant `Blue`",
    );
}

#[tokio::test]
async fn a_type_may_read_its_past_with_a_function() {
    #[derive(Clone, Debug, PartialEq, LiveValue, Serialize, Deserialize)]
    #[serde(from = "First")]
    struct Short {
        text: String,
    }
    impl From<First> for Short {
        fn from(first: First) -> Short {
            Short {
                text: format!("{} {}", first.title, first.count),
            }
        }
    }
    let short: Short = through(first(Colour::Red)).await.unwrap();
    assert_eq!(short.text, "cats 7");
}

mod elsewhere {
    use super::*;

    #[derive(Clone, Debug, PartialEq, LiveValue, Serialize, Deserialize)]
    pub(super) struct Room {
        pub(super) visits: u64,
    }
}

#[tokio::test]
async fn a_type_is_known_by_its_name_and_not_by_its_place() {
    let place = Place::new();
    let store = LiveStore::default();
    let key = store.init(room("cats", 5));
    store.save(place.path()).await.unwrap();
    let moved = load::<elsewhere::Room>(&place.path()).await.unwrap();
    assert_eq!(moved.fetch(&key).unwrap().visits, 5);

    let error = load::<First>(&place.path()).await.unwrap_err();
    assert!(error.is_foreign() && !error.is_damaged());
    let text = error.to_string();
    assert!(
        text.ends_with(
            "it holds values of `Room`, not of `First`; if this is their new name, say `.schema(\"Room\", 1)`"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn a_newer_version_of_the_type_is_refused_and_an_older_one_read() {
    let place = Place::new();
    let at = |version| LiveStore::<Room>::new().schema("room", version);
    let store = at(3).done();
    store.init(room("cats", 1));
    store.save(place.path()).await.unwrap();
    for (version, is_read) in [(2, false), (3, true), (4, true)] {
        match at(version).load(place.path()).await {
            Ok(loaded) => {
                assert!(is_read);
                assert_eq!(seen(&loaded), seen(&store));
                assert_eq!(loaded.load_report().unwrap().schema_version, 3);
            }
            Err(error) => {
                assert!(!is_read && error.is_foreign());
                let text = error.to_string();
                assert!(
                    text.ends_with(
                        "it holds version 3 of `room`, and this program knows version 2; run the newer program"
                    ),
                    "{text}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_value_that_is_not_valid_any_more_is_an_error_or_left_out() {
    let place = Place::new();
    // Replacing does not validate.
    let store = LiveStore::default();
    let good = store.init(room("cats", 1));
    let bad = store.init(room("dogs", 2));
    for _ in 0..5 {
        store.insert(&bad, room("", 3)).await.unwrap();
    }
    store.save(place.path()).await.unwrap();

    let error = load::<Room>(&place.path()).await.unwrap_err();
    assert!(error.is_refused() && error.key() == Some(bad));
    let text = error.to_string();
    assert!(
        text.contains(&format!(
            "the entry {bad} is not valid: topic: a room needs a topic"
        )),
        "{text}"
    );

    let refused = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&refused);
    let loaded = LiveStore::<Room>::new()
        .load(place.path())
        .on_refused(move |key, value, reason| {
            taken.lock().unwrap().push((key, value, reason.to_string()));
        })
        .await
        .unwrap();
    let refused = refused.lock().unwrap();
    assert_eq!(
        *refused,
        [(bad, room("", 3), "topic: a room needs a topic".to_owned())]
    );
    assert_eq!(loaded.keys().collect::<Vec<_>>(), [good]);
    let report = loaded.load_report().unwrap();
    assert_eq!((report.entries, report.refused), (2, 1));
    // Its versions are not repeated.
    assert_eq!(loaded.create(&bad, room("birds", 0)).unwrap().version(), 7);
}

/// What serde does with it is up to the test.
#[derive(Clone)]
struct Wild {
    mode: u8,
}

const FINE: u8 = 0;
const PANICS_WHEN_WRITTEN: u8 = 1;
const PANICS_WHEN_READ: u8 = 2;
const PANICS_WHEN_CHECKED: u8 = 3;
const FAILS_WHEN_WRITTEN: u8 = 4;
const FAILS_WHEN_READ: u8 = 5;

impl Serialize for Wild {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.mode {
            PANICS_WHEN_WRITTEN => panic!("written"),
            FAILS_WHEN_WRITTEN => Err(serde::ser::Error::custom("not today")),
            mode => serializer.serialize_u8(mode),
        }
    }
}

impl<'de> Deserialize<'de> for Wild {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            PANICS_WHEN_READ => panic!("read"),
            FAILS_WHEN_READ => Err(serde::de::Error::custom("not any more")),
            mode => Ok(Wild { mode }),
        }
    }
}

impl LiveValue for Wild {
    type Message = ();
    type Mutation = u8;
    type MutError = &'static str;

    fn mutate(_: &Entry<Self>, mode: &u8) -> Result<Self, &'static str> {
        Ok(Wild { mode: *mode })
    }

    fn check(&self, _: Option<&Self>) -> Result<(), &'static str> {
        match self.mode {
            PANICS_WHEN_CHECKED => panic!("checked"),
            _ => Ok(()),
        }
    }
}

async fn wild(path: &Path, mode: u8) -> (Result<livestore::SaveReport, livestore::SaveError>, Uuid) {
    let store = LiveStore::default();
    for _ in 0..50 {
        store.init(Wild { mode: FINE });
    }
    let key = store.init(Wild { mode });
    let saved = store.save(path).await;
    // The store is none the worse for it.
    store.mutate(&key, FINE).await.unwrap();
    assert_eq!(store.fetch(&key).unwrap().version(), 2);
    (saved, key)
}

#[tokio::test]
async fn a_value_that_cannot_be_written_leaves_the_old_file() {
    let place = Place::new();
    fs::write(place.path(), "old").unwrap();
    for (mode, why) in [
        (PANICS_WHEN_WRITTEN, "has panicked"),
        (FAILS_WHEN_WRITTEN, "not today"),
        (PANICS_WHEN_READ, "has panicked"),
        (FAILS_WHEN_READ, "not any more"),
    ] {
        let (saved, key) = wild(&place.path(), mode).await;
        let error = saved.unwrap_err();
        assert_eq!((error.key(), error.path()), (Some(key), &*place.path()));
        assert!(error.to_string().contains(why), "{error}");
        assert!(error.io_error().is_none());
        assert_eq!(fs::read(place.path()).unwrap(), b"old");
        assert_eq!(place.files(), ["rooms.save"]);
    }
}

#[tokio::test]
async fn a_panic_while_loading_is_an_error() {
    let place = Place::new();
    let (saved, key) = wild(&place.path(), PANICS_WHEN_CHECKED).await;
    saved.unwrap();
    let error = load::<Wild>(&place.path()).await.unwrap_err();
    assert_eq!(error.key(), Some(key));
    assert!(error.to_string().contains("panicked"), "{error}");

    let key = tame(&place.path(), &[PANICS_WHEN_READ]).await[0];
    let error = load::<Wild>(&place.path()).await.unwrap_err();
    assert_eq!(error.key(), Some(key));
    assert!(error.to_string().contains("panicked"), "{error}");
}

/// Is written as [`Wild`] is, and always read.
#[derive(Clone, Debug, PartialEq, LiveValue, Serialize, Deserialize)]
struct Tame(#[live(set)] u8);

/// Saves such values as if they were wild.
async fn tame(path: &Path, modes: &[u8]) -> Vec<Uuid> {
    let store = LiveStore::new().schema("Wild", 1).done();
    let keys = modes.iter().map(|mode| store.init(Tame(*mode))).collect();
    store.save(path).await.unwrap();
    keys
}

/// One value that could not be read used to lock all others out.
#[tokio::test]
async fn values_that_cannot_be_read_are_named_or_kept_or_dropped() {
    let place = Place::new();
    let modes = [FINE, FAILS_WHEN_READ, FINE, PANICS_WHEN_READ];
    let keys = tame(&place.path(), &modes).await;
    let error = load::<Wild>(&place.path()).await.unwrap_err();
    let mut named: Vec<_> = error.unreadable().collect();
    named.sort_unstable();
    let mut bad = vec![keys[1], keys[3]];
    bad.sort_unstable();
    assert_eq!(named, bad);
    let text = error.to_string();
    assert!(
        text.contains("not any more") && text.contains("panicked") && text.contains("`on_unreadable`"),
        "{text}"
    );

    let first = keys[1];
    let store = LiveStore::<Wild>::new()
        .on_unreadable(move |entry| {
            assert_eq!(entry.version, 1);
            // It may hold what is hidden, and goes into logs.
            assert!(format!("{entry:?}").ends_with(&format!("value: {} bytes }}", entry.value.len())));
            match entry.key == first {
                true => OnUnreadable::Keep,
                false => OnUnreadable::Drop,
            }
        })
        .load(place.path())
        .await
        .unwrap();
    let report = store.load_report().unwrap();
    assert_eq!(
        (store.len(), report.entries, report.kept, report.dropped),
        (2, 4, 1, 1)
    );
    // The program that can read it finds what was kept, and what was dropped not.
    store.save(place.path()).await.unwrap();
    let again = LiveStore::<Tame>::new()
        .schema("Wild", 1)
        .load(place.path())
        .await
        .unwrap();
    assert_eq!(
        (again.len(), again.fetch(&first).unwrap().0),
        (3, FAILS_WHEN_READ)
    );
    // Whoever creates an entry there takes its place, and goes on above its version.
    assert_eq!(store.create(&first, Wild { mode: FINE }).unwrap().version(), 2);
    store.remove(&first).await.unwrap();
    store.save(place.path()).await.unwrap();
    assert_eq!(load::<Wild>(&place.path()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn values_that_cannot_be_written_are_named_or_left_out() {
    let place = Place::new();
    let store = LiveStore::default();
    let modes = [FINE, FAILS_WHEN_READ, FINE, PANICS_WHEN_WRITTEN];
    let keys: Vec<_> = modes
        .iter()
        .map(|mode| store.init(Wild { mode: *mode }))
        .collect();
    let error = store.save(place.path()).await.unwrap_err();
    assert_eq!(
        error.keys().collect::<BTreeSet<_>>(),
        BTreeSet::from([keys[1], keys[3]])
    );
    assert!(error.to_string().contains("`on_unwritable`"), "{error}");
    assert!(place.files().is_empty());
    let left_out = Arc::new(Mutex::new(BTreeSet::new()));
    let told = Arc::clone(&left_out);
    let report = store
        .save(place.path())
        .on_unwritable(move |key, _| {
            told.lock().unwrap().insert(key);
        })
        .await
        .unwrap();
    assert_eq!(report.entries, 2);
    assert_eq!(*left_out.lock().unwrap(), BTreeSet::from([keys[1], keys[3]]));
    assert_eq!(load::<Wild>(&place.path()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_panic_of_a_callback_is_an_error() {
    let place = Place::new();
    let store = LiveStore::default();
    let key = store.init(room("", 1));
    let error = store
        .save(place.path())
        .on_progress(|_| panic!("on_progress"))
        .await;
    let error = error.unwrap_err().to_string();
    assert!(error.ends_with("the progress callback has panicked"), "{error}");
    assert!(place.files().is_empty());

    store.save(place.path()).await.unwrap();
    let load = || LiveStore::<Room>::new().load(place.path());
    let error = load()
        .on_refused(|_, _, _| panic!("on_refused"))
        .await
        .unwrap_err();
    assert_eq!(error.key(), Some(key));
    let error = load()
        .on_refused(|_, _, _| {})
        .on_progress(|_| panic!("on_progress"));
    let error = error.await.unwrap_err().to_string();
    assert!(error.ends_with("the progress callback has panicked"), "{error}");
}

/// A value whose `Serialize` uses the store that it is in, and whose `Drop` panics on request.
#[derive(Clone)]
struct Nosy {
    store: Arc<OnceLock<(LiveStore<Nosy>, Uuid)>>,
    bad: Arc<AtomicBool>,
}

impl Serialize for Nosy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (store, key) = self.store.get().unwrap();
        let before = store.fetch(key).unwrap().version();
        let now = futures_util::FutureExt::now_or_never(store.mutate(key, ()));
        assert_eq!(now.unwrap().unwrap().version(), before + 1);
        assert!(store.create(key, self.clone()).is_err());
        store.init(self.clone());
        // From here on the save alone has this value.
        self.bad.store(true, Ordering::Relaxed);
        serializer.serialize_u64(before)
    }
}

impl<'de> Deserialize<'de> for Nosy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(|_| Nosy {
            store: Arc::default(),
            bad: Arc::default(),
        })
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        if self.bad.swap(false, Ordering::Relaxed) {
            panic!("dropped");
        }
    }
}

impl LiveValue for Nosy {
    type Message = ();
    type Mutation = ();
    type MutError = ();

    fn mutate(entry: &Entry<Self>, (): &()) -> Result<Self, ()> {
        Ok(Nosy {
            store: Arc::clone(&entry.store),
            bad: Arc::default(),
        })
    }
}

#[test]
fn serde_and_drop_run_with_nothing_locked_and_may_panic() {
    livestore_tests::must_not_hang_async(|| async {
        let place = Place::new();
        let options = livestore::StoreOptions {
            shard_amt: Some(2),
            ..Default::default()
        };
        let store = LiveStore::new().with_options(options).done();
        let this = Arc::new(OnceLock::new());
        let key = store.init(Nosy {
            store: Arc::clone(&this),
            bad: Arc::default(),
        });
        assert!(this.set((store.clone(), key)).is_ok());
        // Entries that it creates meanwhile may be saved as well.
        assert!(store.save(place.path()).await.unwrap().entries >= 1);
        assert!(store.fetch(&key).unwrap().version() > 1);
    });
}
