//! The callback is given what has expired, also if the process ends before it was. Time is paused; the wall clock moves with it.

use std::future::pending;
use std::mem;
use std::sync::{Arc, Mutex};

use livestore::{Entry, ExpireMode, OnUnreadable, StoreOptions, Uuid, WeakLiveStore};
use tempfile::{TempDir, tempdir};
use tokio::runtime;
use tokio::time::sleep;

use super::damage::{Image, image, put};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

const A: Uuid = Uuid::from_u128(1);
const B: Uuid = Uuid::from_u128(2);

/// What a callback does with a batch that it was given.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Return,
    /// As if the process ended meanwhile.
    Wait,
    Panic,
}

/// Keys and values, with the versions.
type Given = Vec<(Uuid, i64, u64)>;

/// What callbacks were given.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Given>>);

impl Heard {
    fn note(&self, batch: &[(Uuid, Entry<Score>)]) {
        let batch = batch.iter();
        let given = batch.map(|(key, entry)| (*key, entry.points, entry.version()));
        self.0.lock().unwrap().extend(given);
    }

    /// In the order of the keys.
    fn take(&self) -> Given {
        let mut given = self.take_as_given();
        given.sort_unstable();
        given
    }

    fn take_as_given(&self) -> Given {
        mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A score as it is in a program that has forgotten what points are.
#[derive(Clone, Debug, LiveValue, Serialize, Deserialize)]
struct Forgetful {
    places: u8,
}

fn forgetful() -> LiveStoreBuilder<Forgetful> {
    LiveStore::new().schema("Score", 1)
}

fn expiring() -> LiveStoreBuilder<Score> {
    scores().with_options(StoreOptions {
        expire_check_freq: Some(SECOND),
        expire_mode: ExpireMode::Timeout(60 * SECOND),
        ..Default::default()
    })
}

fn calling(then: Then) -> (LiveStoreBuilder<Score>, Heard) {
    let heard = Heard::default();
    let note = heard.clone();
    let builder = expiring().on_expire(move |batch| {
        note.note(&batch);
        async move {
            match then {
                Then::Return => {}
                Then::Wait => pending().await,
                Then::Panic => panic!("at the callback"),
            }
        }
    });
    (builder, heard)
}

async fn open_calling(folder: &Path, then: Then) -> (LiveStore<Score>, Heard) {
    let (builder, heard) = calling(then);
    (builder.open(folder).await.unwrap(), heard)
}

/// A folder as a process left it that was killed.
fn killed(image: &Image) -> TempDir {
    let folder = tempdir().unwrap();
    put(image, folder.path());
    folder
}

/// What the callback is given by whoever opens such a folder, and by whoever does after that.
async fn given(image: &Image) -> (Given, Given) {
    let folder = killed(image);
    let mut all = Vec::new();
    for _ in 0..2 {
        let (store, heard) = open_calling(folder.path(), Then::Return).await;
        sleep(2 * SECOND).await;
        store.close().await.unwrap();
        all.push(heard.take());
    }
    (all.remove(0), all.remove(0))
}

/// It was gone: the end was on disk, and nobody had settled the auction.
#[tokio::test(start_paused = true)]
async fn what_the_callback_was_at_when_the_process_ended_is_given_again() {
    let folder = tempdir().unwrap();
    let (store, heard) = open_calling(folder.path(), Then::Wait).await;
    store.insert(&A, score(1)).await;
    store.mutate(&A, ScoreMutation::SetPoints(5)).await.unwrap();
    sleep(62 * SECOND).await;
    assert_eq!(heard.take(), [(A, 5, 3)]);
    // This one waits for that.
    store.insert(&B, score(7)).await;
    sleep(62 * SECOND).await;
    assert_eq!((heard.take(), store.len()), (Vec::new(), 0));
    store.flush().await.unwrap();
    let image = image(folder.path());

    let again = vec![(A, 5, 3), (B, 7, 5)];
    assert_eq!(given(&image).await, (again.clone(), Vec::new()));
    // Where that one ends as early, it is given once more, and so on.
    let folder = killed(&image);
    for _ in 0..3 {
        let (store, heard) = open_calling(folder.path(), Then::Wait).await;
        assert_eq!(store.open_report().map(|report| report.expired), Some(2));
        sleep(SECOND).await;
        assert_eq!((heard.take(), store.len()), (again.clone(), 0));
        store.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_is_given_once() {
    for then in [Then::Return, Then::Panic] {
        let folder = tempdir().unwrap();
        let (store, heard) = open_calling(folder.path(), then).await;
        store.insert(&A, score(1)).await;
        store.flush().await.unwrap();
        sleep(62 * SECOND).await;
        assert_eq!(heard.take(), [(A, 1, 2)]);
        store.flush().await.unwrap();
        assert_eq!(given(&image(folder.path())).await, (Vec::new(), Vec::new()));
    }
}

/// Before it is flushed, neither the end nor that anything is owed is on disk; whoever opens it finds it due.
#[tokio::test(start_paused = true)]
async fn an_end_that_is_not_on_disk_comes_again() {
    let folder = tempdir().unwrap();
    let (store, heard) = open_calling(folder.path(), Then::Return).await;
    store.insert(&A, score(1)).await;
    store.flush().await.unwrap();
    sleep(62 * SECOND).await;
    assert_eq!(heard.take(), [(A, 1, 2)]);
    let image = image(folder.path());
    assert_eq!(given(&image).await, (vec![(A, 1, 2)], Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_key_has_a_new_entry_and_the_old_one_is_owed() {
    let folder = tempdir().unwrap();
    let (store, _heard) = open_calling(folder.path(), Then::Wait).await;
    for points in [1, 2, 3] {
        store.insert(&A, score(points)).await;
        sleep(62 * SECOND).await;
    }
    store.insert(&A, score(4)).await;
    store.flush().await.unwrap();

    let folder = killed(&image(folder.path()));
    let (store, heard) = open_calling(folder.path(), Then::Return).await;
    sleep(SECOND).await;
    assert_eq!(heard.take(), [(A, 1, 2), (A, 2, 4), (A, 3, 6)]);
    let now = store.fetch(&A).unwrap();
    assert_eq!((now.points, now.version()), (4, 7));
}

/// A runtime that ends takes the callbacks with it that it runs.
#[test]
fn a_runtime_that_ends_leaves_it_owed() {
    let build = || {
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let folder = tempdir().unwrap();
    let store = build().block_on(async {
        let (store, heard) = open_calling(folder.path(), Then::Wait).await;
        store.insert(&A, score(1)).await;
        sleep(62 * SECOND).await;
        assert_eq!(heard.take().len(), 1);
        store
    });
    drop(store);
    let image = image(folder.path());
    assert_eq!(build().block_on(given(&image)), (vec![(A, 1, 2)], Vec::new()));
}

/// A program that looks into the folder must not take it from the one that is to act.
#[tokio::test(start_paused = true)]
async fn without_a_callback_it_stays_owed() {
    let folder = tempdir().unwrap();
    let (store, _heard) = open_calling(folder.path(), Then::Wait).await;
    store.insert(&A, score(1)).await;
    sleep(62 * SECOND).await;
    store.close().await.unwrap();

    for builder in [scores(), expiring(), scores().with_log_limit(1)] {
        let store = builder.open(folder.path()).await.unwrap();
        let report = store.open_report().unwrap();
        assert_eq!((report.entries, report.expired), (0, 0));
        for n in 0..100 {
            store.insert(&B, score(n)).await;
            store.flush().await.unwrap();
        }
        sleep(2 * SECOND).await;
        store.remove(&B).await;
        store.close().await.unwrap();
    }
    let image = image(folder.path());
    assert_eq!(given(&image).await, (vec![(A, 1, 2)], Vec::new()));
}

/// Everything is written anew again and again, and what is owed with it, as long as it is.
#[tokio::test(start_paused = true)]
async fn what_is_owed_outlives_a_log_that_is_outgrown() {
    let folder = tempdir().unwrap();
    let (builder, _heard) = calling(Then::Wait);
    let store = builder.with_log_limit(1).open(folder.path()).await.unwrap();
    for key in [A, B] {
        store.insert(&key, score(1)).await;
    }
    assert!(store.persist(&B));
    sleep(62 * SECOND).await;
    let begun = || {
        image(folder.path())
            .into_keys()
            .filter(|name| name.starts_with("log-"))
            .max()
    };
    let first = begun();
    let mut written = 0;
    while written < 3 {
        let before = begun();
        store.mutate(&B, ScoreMutation::IncrementPoints(1)).await.unwrap();
        store.flush().await.unwrap();
        written += usize::from(begun() != before);
    }
    let image = image(folder.path());
    assert!(
        !image.contains_key(&first.unwrap()),
        "the log is gone in which it expired"
    );
    assert_eq!(given(&image).await, (vec![(A, 1, 2)], Vec::new()));
}

/// They came in any order, and in another one each time.
#[tokio::test(start_paused = true)]
async fn what_is_owed_is_given_in_the_order_in_which_it_expired() {
    let folder = tempdir().unwrap();
    let (builder, _heard) = calling(Then::Wait);
    let store = builder.with_log_limit(1).open(folder.path()).await.unwrap();
    // Some of them after the others were written anew, and the last keys first.
    for half in [1000, 500] {
        for n in 0..20 {
            store.insert(&Uuid::from_u128(half - n), score(0)).await;
            sleep(2 * SECOND).await;
        }
        sleep(62 * SECOND).await;
        store.insert(&A, score(0)).await;
        assert!(store.persist(&A));
        let is_anew = || {
            image(folder.path())
                .into_keys()
                .any(|name| name.starts_with("snapshot-"))
        };
        store.flush().await.unwrap();
        while !is_anew() {
            store.mutate(&A, ScoreMutation::IncrementPoints(1)).await.unwrap();
            store.flush().await.unwrap();
        }
    }
    let mut left = image(folder.path());
    for _ in 0..3 {
        let folder = killed(&left);
        let (store, heard) = open_calling(folder.path(), Then::Return).await;
        sleep(SECOND).await;
        let given: Vec<_> = heard
            .take_as_given()
            .iter()
            .map(|(key, ..)| key.as_u128())
            .collect();
        let expected: Vec<_> = (981..=1000).rev().chain((481..=500).rev()).collect();
        assert_eq!(given, expected);
        drop(store);
        // With a log of the next store's.
        let (builder, _heard) = calling(Then::Wait);
        let folder = killed(&left);
        let store = builder.open(folder.path()).await.unwrap();
        store.mutate(&A, ScoreMutation::IncrementPoints(1)).await.unwrap();
        store.flush().await.unwrap();
        left = image(folder.path());
    }
}

/// Who asked for the store cannot be given it any more when that ends in the same moment.
#[tokio::test(start_paused = true)]
async fn what_a_callback_that_wants_the_store_was_not_given_is_owed() {
    let open = |folder: &Path, heard: &Heard| {
        let note = heard.clone();
        let builder = expiring().on_expire_with(move |_, batch| {
            note.note(&batch);
            async {}
        });
        let folder = folder.to_owned();
        async move { builder.open(folder).await.unwrap() }
    };
    let folder = tempdir().unwrap();
    let heard = Heard::default();
    let store = open(folder.path(), &heard).await;
    store.insert(&A, score(1)).await;
    let guard = store.acquire(&A).await.unwrap();
    let weak: WeakLiveStore<Score> = store.downgrade();
    drop(store);
    sleep(65 * SECOND).await;
    drop(guard);
    assert!(weak.upgrade().is_none());
    sleep(5 * SECOND).await;
    assert_eq!(heard.take(), []);

    let store = open(folder.path(), &heard).await;
    sleep(SECOND).await;
    assert_eq!((heard.take(), store.len()), (vec![(A, 1, 2)], 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_and_cannot_be_read_is_an_entry_that_cannot_be_read() {
    let folder = tempdir().unwrap();
    let (store, _heard) = open_calling(folder.path(), Then::Wait).await;
    store.insert(&A, score(1)).await;
    sleep(62 * SECOND).await;
    store.close().await.unwrap();

    let failed = forgetful().open(folder.path()).await.unwrap_err();
    assert!(failed.to_string().contains(&A.to_string()), "{failed}");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let saw = Arc::clone(&seen);
    let kept = forgetful().on_unreadable(move |entry| {
        saw.lock().unwrap().push((entry.key, entry.version));
        OnUnreadable::Keep
    });
    kept.open(folder.path()).await.unwrap().close().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(A, 2)]);
    let image = image(folder.path());
    assert_eq!(given(&image).await, (vec![(A, 1, 2)], Vec::new()));
}

/// They came in any order once a program had written them on that could not read them.
#[tokio::test(start_paused = true)]
async fn what_is_owed_and_was_kept_is_given_in_the_order_in_which_it_expired() {
    let folder = tempdir().unwrap();
    let (store, _heard) = open_calling(folder.path(), Then::Wait).await;
    let keys = (1..=20).rev().map(Uuid::from_u128);
    for key in keys.clone() {
        store.insert(&key, score(1)).await;
        sleep(2 * SECOND).await;
    }
    sleep(62 * SECOND).await;
    store.close().await.unwrap();

    let other = forgetful().with_log_limit(1);
    let other = other.on_unreadable(|_| OnUnreadable::Keep);
    let store = other.open(folder.path()).await.unwrap();
    // All is written anew meanwhile.
    for places in 0..50 {
        store.init(Forgetful { places });
        store.flush().await.unwrap();
    }
    assert!(store.stats().disk.unwrap().snapshot_bytes > 0);
    store.close().await.unwrap();

    let (builder, heard) = calling(Then::Return);
    let both = builder.on_unreadable(|_| OnUnreadable::Keep);
    let store = both.open(folder.path()).await.unwrap();
    sleep(SECOND).await;
    let given: Vec<_> = heard.take_as_given().into_iter().map(|(key, ..)| key).collect();
    assert_eq!(given, keys.collect::<Vec<_>>());
    store.close().await.unwrap();
}

/// What cannot be written is not kept over a restart, and in nobody's way.
#[tokio::test(start_paused = true)]
async fn what_is_owed_and_cannot_be_written_is_given_in_this_process() {
    #[derive(Clone, Debug, LiveValue)]
    struct Stubborn;
    impl Serialize for Stubborn {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it does not want to"))
        }
    }
    impl<'de> Deserialize<'de> for Stubborn {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Ok(Stubborn)
        }
    }
    let folder = tempdir().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&heard);
    let (go_on, may_go_on) = tokio::sync::watch::channel(false);
    let store = LiveStore::new()
        .with_durability(ON_REQUEST)
        .with_options(StoreOptions {
            expire_check_freq: Some(SECOND),
            expire_mode: ExpireMode::Timeout(60 * SECOND),
            ..Default::default()
        })
        .on_expire(move |batch| {
            let keys = batch.into_iter().map(|(key, _)| key);
            note.lock().unwrap().extend(keys);
            let mut may_go_on = may_go_on.clone();
            async move { drop(may_go_on.wait_for(|go_on| *go_on).await) }
        })
        .open(folder.path())
        .await
        .unwrap();
    store.insert(&A, Stubborn).await;
    assert!(store.flush().await.is_err());
    sleep(62 * SECOND).await;
    assert_eq!(*heard.lock().unwrap(), [A]);
    store.flush().await.unwrap();
    go_on.send_replace(true);
    sleep(SECOND).await;
    store.close().await.unwrap();
}
