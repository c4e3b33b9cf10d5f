//! Saving a store to a file and loading it.

mod damage;
#[cfg(unix)]
mod disk;
mod evolve;
mod running;
mod times;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use livestore::{LiveStore, LiveValue, Load, LoadError, Progress, Save, StoreOptions, Uuid};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

/// Where a test saves to.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self) -> PathBuf {
        self.folder().join("rooms.save")
    }

    /// The names of all files there.
    fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder()).unwrap();
        files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

#[derive(Clone, Debug, PartialEq, LiveValue, Serialize, Deserialize)]
struct Room {
    #[live(validate = has_topic)]
    topic: String,
    #[live(increment)]
    visits: u64,
}

fn has_topic(topic: &str) -> Result<(), &'static str> {
    match topic {
        "" => Err("a room needs a topic"),
        _ => Ok(()),
    }
}

fn room(topic: &str, visits: u64) -> Room {
    Room {
        topic: topic.to_owned(),
        visits,
    }
}

async fn load<V>(path: &Path) -> Result<LiveStore<V>, LoadError>
where
    V: LiveValue + DeserializeOwned,
    V::MutError: std::fmt::Display,
{
    LiveStore::new().load(path).await
}

/// Everything that can be seen of the entries.
fn seen<V: LiveValue>(store: &LiveStore<V>) -> Vec<(Uuid, V, u64)> {
    let mut seen: Vec<_> = store
        .entries()
        .map(|(key, entry)| (key, V::clone(&entry), entry.version()))
        .collect();
    seen.sort_by_key(|(key, ..)| *key);
    seen
}

#[tokio::test]
async fn keys_values_and_versions_come_back() {
    let place = Place::new();
    let store = LiveStore::default();
    let mut keys: Vec<_> = (0..100).map(|visits| store.init(room("cats", visits))).collect();
    keys.push(Uuid::nil());
    store.create(&Uuid::nil(), room("of the lowest key", 0)).unwrap();
    for (round, key) in keys.iter().enumerate() {
        for _ in 0..round % 7 {
            store.mutate(key, RoomMutation::IncrementVisits(1)).await.unwrap();
        }
    }
    let report = store.save(place.path()).await.unwrap();
    assert_eq!(report.entries, 101);
    assert_eq!(report.bytes, place.path().metadata().unwrap().len());
    assert_eq!(place.files(), ["rooms.save"]);

    let loaded = load::<Room>(&place.path()).await.unwrap();
    assert_eq!(seen(&loaded), seen(&store));
    assert_ne!(loaded.epoch(), store.epoch());
    let found = loaded.load_report().unwrap();
    assert_eq!((found.entries, found.expired, found.refused), (101, 0, 0));
    assert_eq!((found.bytes, found.schema_version), (report.bytes, 1));
    assert_eq!(store.load_report(), None);

    // And once more from what was loaded.
    loaded.save(place.path()).await.unwrap();
    assert_eq!(seen(&load::<Room>(&place.path()).await.unwrap()), seen(&store));
}

#[tokio::test]
async fn a_loaded_store_goes_on() {
    let place = Place::new();
    let store = LiveStore::default();
    let key = store.init(room("cats", 1));
    store.save(place.path()).await.unwrap();

    let loaded = load::<Room>(&place.path()).await.unwrap();
    let mut watch = loaded.watch(&key).unwrap();
    loaded
        .mutate(&key, RoomMutation::IncrementVisits(1))
        .await
        .unwrap();
    let update = watch.next().await.unwrap();
    assert_eq!((update.entry().visits, update.version()), (2, 2));
    let guard = loaded.acquire(&key).await.unwrap();
    assert_eq!(guard.delete().version(), 3);
    assert!(loaded.is_empty());
}

#[tokio::test]
async fn a_store_without_entries_is_saved_too() {
    let place = Place::new();
    let store = LiveStore::<Room>::default();
    assert_eq!(store.save(place.path()).await.unwrap().entries, 0);
    let loaded = load::<Room>(&place.path()).await.unwrap();
    assert!(loaded.is_empty());
    assert_eq!(loaded.load_report().unwrap().entries, 0);
    assert_eq!(loaded.fetch(&loaded.init(room("first", 0))).unwrap().version(), 1);
}

#[tokio::test]
async fn large_values_and_small_ones_come_back() {
    let place = Place::new();
    let store = LiveStore::default();
    for size in [0, 1, 31, 32, 255, 256, 65_535, 65_536, 20_000_000] {
        store.init(room(&"x".repeat(size + 1), 0));
    }
    store.save(place.path()).await.unwrap();
    assert_eq!(seen(&load::<Room>(&place.path()).await.unwrap()), seen(&store));
}

#[tokio::test]
async fn no_key_repeats_a_version_after_loading() {
    let place = Place::new();
    let store = LiveStore::default();
    let (gone, kept) = (store.init(room("gone", 0)), store.init(room("kept", 0)));
    for _ in 0..9 {
        store
            .mutate(&gone, RoomMutation::IncrementVisits(1))
            .await
            .unwrap();
    }
    let last = store.remove(&gone).await.unwrap().version();
    store.save(place.path()).await.unwrap();

    let loaded = load::<Room>(&place.path()).await.unwrap();
    assert_eq!(loaded.fetch(&kept).unwrap().version(), 1);
    assert_eq!(
        loaded.create(&gone, room("again", 0)).unwrap().version(),
        last + 1
    );
    // What goes now counts as well.
    for _ in 0..100 {
        loaded
            .mutate(&kept, RoomMutation::IncrementVisits(1))
            .await
            .unwrap();
    }
    let last = loaded.remove(&kept).await.unwrap().version();
    assert_eq!(
        loaded.create(&kept, room("again", 0)).unwrap().version(),
        last + 1
    );
}

#[tokio::test]
async fn a_save_replaces_the_one_before_and_waits_for_no_guard() {
    let place = Place::new();
    let store = LiveStore::default();
    let mut guard = store.init_and_acquire(room("cats", 1));
    store.save(place.path()).await.unwrap();
    guard.set(room("dogs", 2));
    store.save(place.path()).await.unwrap();
    drop(guard);
    let loaded = load::<Room>(&place.path()).await.unwrap();
    assert_eq!(seen(&loaded), seen(&store));
    // Nobody holds it in the new process.
    let key = loaded.keys().next().unwrap();
    assert!(loaded.try_acquire(&key).is_ok());
    assert_eq!(place.files(), ["rooms.save"]);
}

#[tokio::test]
async fn progress_grows_to_the_whole() {
    let place = Place::new();
    let store = LiveStore::default();
    for visits in 0..5000 {
        store.init(room("cats", visits));
    }
    let told = Arc::new(Mutex::new(Vec::<Progress>::new()));
    let tell = |told: &Arc<Mutex<Vec<Progress>>>| {
        let told = Arc::clone(told);
        move |progress| told.lock().unwrap().push(progress)
    };
    let report = store.save(place.path()).on_progress(tell(&told)).await.unwrap();
    let saved = std::mem::take(&mut *told.lock().unwrap());
    let loaded = LiveStore::<Room>::new()
        .load(place.path())
        .on_progress(tell(&told))
        .await;
    assert_eq!(loaded.unwrap().len(), 5000);
    for steps in [saved, told.lock().unwrap().clone()] {
        assert!(steps.len() >= 5, "{}", steps.len());
        assert!(steps.is_sorted_by(|a, b| a.entries <= b.entries && a.bytes <= b.bytes));
        assert!(steps.is_sorted_by(|a, b| a.fraction <= b.fraction));
        let half = steps.iter().find(|step| step.entries >= 2500).unwrap();
        assert!((0.4..0.8).contains(&half.fraction), "{half:?}");
        let last = steps.last().unwrap();
        assert_eq!(
            (last.entries, last.bytes, last.fraction),
            (5000, report.bytes, 1.0)
        );
    }
}

#[tokio::test]
async fn several_saves_to_one_path_leave_one_whole_file() {
    let place = Place::new();
    let store = LiveStore::default();
    for visits in 0..1000 {
        store.init(room("cats", visits));
    }
    let saves = (0..8).map(|_| store.save(place.path()).into_future());
    for saved in futures_util::future::join_all(saves).await {
        assert_eq!(saved.unwrap().entries, 1000);
    }
    assert_eq!(seen(&load::<Room>(&place.path()).await.unwrap()), seen(&store));
    assert_eq!(place.files(), ["rooms.save"]);
}

#[test]
fn it_works_outside_a_runtime() {
    fn wait<F: Future>(future: F) -> F::Output {
        let mut task = tokio_test::task::spawn(future);
        loop {
            if let std::task::Poll::Ready(output) = task.poll() {
                return output;
            }
            std::thread::yield_now();
        }
    }
    let place = Place::new();
    let store = LiveStore::default();
    store.init(room("cats", 1));
    assert_eq!(wait(store.save(place.path()).into_future()).unwrap().entries, 1);
    let loaded = wait(LiveStore::<Room>::new().load(place.path()).into_future()).unwrap();
    assert_eq!(seen(&loaded), seen(&store));
    // Expiry needs one, as ever.
    let options = StoreOptions {
        expire_check_freq: Some(std::time::Duration::from_secs(1)),
        ..Default::default()
    };
    let load = LiveStore::<Room>::new().with_options(options).load(place.path());
    let error = wait(load.into_future()).unwrap_err().to_string();
    assert!(error.contains("build it inside a tokio runtime"), "{error}");
}

#[test]
fn the_futures_can_be_sent() {
    fn send<T: Send + 'static>() {}
    send::<<Save<Room> as IntoFuture>::IntoFuture>();
    send::<<Load<Room> as IntoFuture>::IntoFuture>();
}
