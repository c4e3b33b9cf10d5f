//! Corners where one thing met another: what a hostile reading with programs has found. Each test tells the story.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use livestore::{
    Entry, ExpireMode, LiveStore, LiveValue, StoreOptions, TransactError, TryAcquireError, Update, Uuid,
    WeakLiveStore,
};
use livestore_tests::{Change, Counter, Hook, counter};
use serde::{Deserialize, Serialize};
use tempfile::tempdir;
use tokio::time::{Instant, sleep};
use tokio_test::assert_ready;
use tokio_test::task::spawn;

const SECOND: Duration = Duration::from_secs(1);

fn options(expire_mode: ExpireMode, check: Duration) -> StoreOptions {
    StoreOptions {
        expire_check_freq: Some(check),
        expire_mode,
        ..Default::default()
    }
}

/// A value whose `Drop` panics if it is told to.
#[derive(Clone, Default)]
struct Bomb(Option<Arc<AtomicUsize>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        if let Some(exploded) = self.0.take() {
            exploded.fetch_add(1, Ordering::SeqCst);
            panic!("dropped");
        }
    }
}

impl LiveValue for Bomb {
    type Message = ();
    type Mutation = ();
    type MutError = ();

    fn mutate(_: &Entry<Self>, (): &()) -> Result<Self, ()> {
        Ok(Bomb(None))
    }
}

fn bombs(store: &LiveStore<Bomb>, exploded: &Arc<AtomicUsize>) -> Vec<Uuid> {
    (0..3)
        .map(|_| store.init(Bomb(Some(Arc::clone(exploded)))))
        .collect()
}

#[derive(Clone, LiveValue, Serialize, Deserialize)]
struct Text {
    text: String,
}

/// The entries went before the writer had written the folder anew, and it wrote a folder without entries.
#[tokio::test]
async fn a_store_of_some_size_is_there_again_after_it_was_closed() {
    for length in [500, 1200, 5000] {
        let folder = tempdir().unwrap();
        let store = LiveStore::new().open(folder.path()).await.unwrap();
        for _ in 0..1000 {
            store.init(Text {
                text: "x".repeat(length),
            });
        }
        // Most of what is on disk is of no use any more, so it is written anew when the store is closed.
        let keys: Vec<_> = store.keys().collect();
        store.flush().await.unwrap();
        for key in &keys {
            store
                .mutate(key, TextMutation::SetText("y".repeat(length)))
                .await
                .unwrap();
        }
        store.close().await.unwrap();
        assert!(store.is_empty());
        let again = LiveStore::<Text>::new().open(folder.path()).await.unwrap();
        assert_eq!(again.len(), 1000, "of {length} bytes");
        assert!(again.entries().all(|(_, entry)| entry.text.starts_with('y')));
    }
}

/// The disk was told after the user's panic, which is never.
#[tokio::test]
async fn a_drop_that_panics_at_the_end_of_a_store_does_not_keep_the_disk_from_ending() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Panicking(bool);
    impl Drop for Panicking {
        fn drop(&mut self) {
            assert!(!self.0 || thread::panicking(), "dropped");
        }
    }
    impl LiveValue for Panicking {
        type Message = ();
        type Mutation = bool;
        type MutError = ();

        fn mutate(_: &Entry<Self>, to: &bool) -> Result<Self, ()> {
            Ok(Panicking(*to))
        }
    }
    for closes in [true, false] {
        let folder = tempdir().unwrap();
        let store = LiveStore::new().open(folder.path()).await.unwrap();
        let (key, other) = (store.init(Panicking(false)), store.init(Panicking(false)));
        // In memory alone when the store ends.
        store.mutate(&key, true).await.unwrap();
        store.remove(&other).await.unwrap();
        let ended = AssertUnwindSafe(async {
            if closes {
                store.close().await.unwrap();
            }
            drop(store);
        });
        assert!(ended.catch_unwind().await.is_err());
        let again = loop {
            match LiveStore::<Panicking>::new().open(folder.path()).await {
                Ok(again) => break again,
                Err(error) => assert!(error.is_locked(), "{error}"),
            }
        };
        assert!(again.fetch(&key).unwrap().0);
        assert!(!again.contains_key(&other));
        // So that it goes without a panic.
        let calmed = AssertUnwindSafe(again.mutate(&key, false));
        let _ = calmed.catch_unwind().await;
        again.close().await.unwrap();
    }
}

/// It waited for the task of the checks, which ended with the store.
#[tokio::test(start_paused = true)]
async fn what_expires_with_the_last_guard_is_called_back_with() {
    let (told, mut expired) = tokio::sync::mpsc::unbounded_channel();
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Lifetime(SECOND), SECOND))
        .on_expire(move |batch| {
            batch.into_iter().for_each(|(key, _)| told.send(key).unwrap());
            async {}
        })
        .done();
    let guard = store.init_and_acquire(counter(1));
    let (key, mut watch) = (*guard.key(), guard.watch());
    sleep(3 * SECOND).await;
    drop(store);
    drop(guard);
    assert!(matches!(watch.next().await, Some(Update::Expire { .. })));
    assert_eq!(expired.recv().await, Some(key));
    assert_eq!(expired.recv().await, None);
}

/// Two panics at once end the process, so each `Drop` is on its own.
#[tokio::test(start_paused = true)]
async fn drops_that_panic_one_after_another_end_nothing() {
    let exploded = Arc::new(AtomicUsize::new(0));
    let store = LiveStore::<Bomb>::default();
    let keys = bombs(&store, &exploded);
    let removed = catch_unwind(AssertUnwindSafe(|| {
        let removed = store.transact(&keys, |tx| {
            keys.iter().for_each(|key| drop(tx.remove(key)));
            Ok::<_, ()>(())
        });
        removed.now_or_never().unwrap().unwrap();
    }));
    assert!(removed.is_err() && store.is_empty());
    assert_eq!(exploded.swap(0, Ordering::SeqCst), 3, "in a transaction");

    let keys = bombs(&store, &exploded);
    let mut walk = store.keys();
    walk.next().unwrap();
    for key in keys {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(store.remove(&key).now_or_never())));
    }
    drop(walk);
    assert_eq!(exploded.swap(0, Ordering::SeqCst), 3, "in a walk");

    let store = LiveStore::<Bomb>::new()
        .with_options(options(ExpireMode::Timeout(SECOND), SECOND))
        .done();
    bombs(&store, &exploded);
    sleep(4 * SECOND).await;
    assert!(store.is_empty() && store.stats().expiry_runs);
    assert_eq!(
        exploded.swap(0, Ordering::SeqCst),
        3,
        "in a batch without a callback"
    );
    let later = store.init(Bomb(None));
    sleep(4 * SECOND).await;
    assert!(!store.contains_key(&later));

    let store = LiveStore::<Bomb>::default();
    bombs(&store, &exploded);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(store))).is_err());
    assert_eq!(exploded.load(Ordering::SeqCst), 3, "at the end of a store");
}

/// A value, or a mutation of one, whose every `Drop` panics. It counts how many there are.
struct Mine(Arc<AtomicUsize>);

impl Mine {
    fn laid(mines: &Arc<AtomicUsize>) -> Mine {
        mines.fetch_add(1, Ordering::SeqCst);
        Mine(Arc::clone(mines))
    }
}

impl Clone for Mine {
    fn clone(&self) -> Self {
        Mine::laid(&self.0)
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
        panic!("dropped");
    }
}

impl LiveValue for Mine {
    type Message = ();
    type Mutation = Mine;
    type MutError = ();

    fn mutate(entry: &Entry<Self>, _: &Mine) -> Result<Self, ()> {
        Ok(Mine::clone(entry))
    }
}

/// An update has a mutation and two values. If one of them panicked as it was dropped, and another did so then, that was the
/// end of the process.
#[test]
fn what_an_update_or_a_staged_mutation_holds_may_all_panic() {
    type Laid = (LiveStore<Mine>, Uuid, Arc<AtomicUsize>);
    type End = fn(Laid);
    let ends: [(&str, End); 8] = [
        ("close", |(store, ..)| drop(store.close().now_or_never())),
        ("the end of the store", |(store, ..)| drop(store)),
        ("remove", |(store, key, _)| {
            drop(store.remove(&key).now_or_never())
        }),
        ("more history than is kept", |(store, key, mines)| {
            for _ in 0..3 {
                let mutated =
                    AssertUnwindSafe(|| drop(store.mutate(&key, Mine::laid(&mines)).now_or_never()));
                let _ = catch_unwind(mutated);
            }
        }),
        ("a watch", |(store, key, mines)| {
            let _pending = store.watch(&key);
            drop(store.mutate(&key, Mine::laid(&mines)).now_or_never());
        }),
        ("a watch set", |(store, key, mines)| {
            let mut pending = store.watch_set();
            pending.add(&key);
            drop(store.mutate(&key, Mine::laid(&mines)).now_or_never());
        }),
        ("a watch of everything", |(store, key, mines)| {
            let _pending = store.watch_all();
            drop(store.mutate(&key, Mine::laid(&mines)).now_or_never());
        }),
        ("a transaction", |(store, key, mines)| {
            let aborted = store.transact(std::slice::from_ref(&key), |tx| {
                std::mem::forget(tx.mutate(&key, Mine::laid(&mines)));
                mines.fetch_sub(1, Ordering::SeqCst);
                Err::<(), _>(())
            });
            let _ = aborted.now_or_never();
        }),
    ];
    for (history, delta_history) in [(0, 0), (1, 0), (2, 2)] {
        for (what, end) in ends {
            let mines = Arc::default();
            let options = StoreOptions {
                history,
                delta_history,
                ..Default::default()
            };
            let store = LiveStore::new().with_options(options).done();
            let key = store.init(Mine::laid(&mines));
            let laid = (store.clone(), key, Arc::clone(&mines));
            for _ in 0..3 {
                let mutated =
                    AssertUnwindSafe(|| drop(store.mutate(&key, Mine::laid(&mines)).now_or_never()));
                let _ = catch_unwind(mutated);
            }
            let _ = catch_unwind(AssertUnwindSafe(move || end(laid)));
            let _ = catch_unwind(AssertUnwindSafe(move || drop(store)));
            assert_eq!(mines.load(Ordering::SeqCst), 0, "{what}, {history} kept");
        }
    }
}

/// With a hold of the key, nothing looked whether there still was a store.
#[tokio::test]
async fn a_transaction_makes_nothing_in_a_store_that_was_closed_meanwhile() {
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(1));
    let other = store.clone();
    let created = store
        .transact(&[key], |tx| {
            tx.remove(&key).unwrap();
            tx.create(&key, counter(7)).unwrap();
            other.close().now_or_never().unwrap().unwrap();
            Ok::<_, ()>(())
        })
        .await;
    assert_eq!(created, Err(TransactError::Closed));
    assert!(store.is_empty() && store.fetch(&key).is_none());
}

/// The item that the entry had begun with had moved by the idle limit, and the nearer deadline counted on it.
#[tokio::test(start_paused = true)]
async fn a_deadline_of_its_own_on_an_entry_that_was_watched_is_not_late() {
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Idle(600 * SECOND), SECOND / 10))
        .done();
    let (key, mut watch) = store.init_and_watch(counter(1));
    sleep(599 * SECOND).await;
    let mut guard = store.acquire(&key).await.unwrap();
    sleep(5 * SECOND).await;
    guard.expire_after(2 * SECOND).unwrap();
    drop(guard);
    let began = Instant::now();
    assert!(matches!(watch.next().await, Some(Update::Expire { .. })));
    assert!(began.elapsed() < 3 * SECOND, "{:?}", began.elapsed());
}

/// The waiter got it, because no check had come since it was due.
#[tokio::test(start_paused = true)]
async fn a_due_entry_goes_before_the_next_in_line_also_between_two_checks() {
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Lifetime(SECOND / 10), 60 * SECOND))
        .done();
    let guard = store.init_and_acquire(counter(1));
    let key = *guard.key();
    let mut next = spawn(store.acquire(&key));
    assert!(next.poll().is_pending());
    sleep(SECOND / 5).await;
    drop(guard);
    assert!(assert_ready!(next.poll()).is_none());
    // It is not counted either, before the task of the checks has come to it.
    assert_eq!((store.len(), store.keys().count()), (0, 0));
}

/// What was missed was answered in the order of a hash, so the same keys came first each time.
#[tokio::test]
async fn who_lags_and_reads_on_hears_of_every_key() {
    let store = LiveStore::<Counter>::new()
        .with_options(StoreOptions {
            channel_cap: 1,
            ..Default::default()
        })
        .done();
    let keys: Vec<_> = (0..50).map(|_| store.init(counter(0))).collect();
    let mut all = store.watch_all();
    let mut heard = std::collections::HashSet::new();
    for round in 0..600 {
        for step in 0..70 {
            let key = keys[(round * 7 + step) % keys.len()];
            store.mutate(&key, Change::Add(1)).await.unwrap();
            let passing = store.init(counter(0));
            store.remove(&passing).await.unwrap();
        }
        heard.extend(all.try_next().map(|(key, _)| key));
    }
    assert!(keys.iter().all(|key| heard.contains(key)));
}

/// The thread had no line to stand in any more, and they nested without end.
#[test]
fn mutations_on_drop_in_line_in_a_thread_that_ends_do_not_nest() {
    thread_local! {
        static GUARD: Cell<Option<Box<dyn Send>>> = const { Cell::new(None) };
    }
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(0));
    let other = store.clone();
    thread::spawn(move || {
        let guard = other.try_acquire(&key).unwrap();
        for _ in 0..20_000 {
            drop(other.mutate_on_drop(&key, Change::Add(1)));
        }
        GUARD.set(Some(Box::new(guard)));
    })
    .join()
    .unwrap();
    assert_eq!(store.fetch(&key).unwrap().count, 20_000);
}

#[tokio::test(start_paused = true)]
async fn a_period_that_no_clock_can_count_is_one_that_never_ends() {
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Timeout(SECOND), Duration::MAX))
        .done();
    let key = store.init(counter(1));
    sleep(5 * SECOND).await;
    assert!(store.contains_key(&key) && store.stats().expiry_runs);
    store.close().await.unwrap();
    assert_eq!(store.stats().deadlines, 0);
    sleep(SECOND).await;
    assert!(!store.stats().expiry_runs);
}

/// Whoever is woken by a change is woken before the next in line does its own work in that very call.
#[test]
fn watchers_are_woken_before_a_mutation_on_drop_has_its_turn() {
    let store = LiveStore::<Counter>::default();
    let (key, watch) = store.init_and_watch(counter(0));
    let mut watch = spawn(watch);
    assert!(watch.poll_next().is_pending());
    let mut guard = store.try_acquire(&key).unwrap();
    let woken_first = Arc::new(AtomicUsize::new(0));
    let noted = Arc::clone(&woken_first);
    let looks = store.clone();
    drop(store.mutate_on_drop(
        &key,
        Change::Run(Hook::new(move || {
            noted.store(
                usize::try_from(looks.fetch(&key).unwrap().version()).unwrap(),
                Ordering::SeqCst,
            );
        })),
    ));
    guard.mutate(Change::Add(1)).unwrap();
    drop(guard);
    assert!(watch.is_woken());
    assert_eq!(woken_first.load(Ordering::SeqCst), 2);
    assert_eq!(store.fetch(&key).unwrap().version(), 3);
}

/// What is done to a value of mines, by a mutation with one, which may be refused with one.
struct Spark {
    does: fn(&WeakLiveStore<Field>) -> Result<(), ()>,
    store: WeakLiveStore<Field>,
    mine: Mine,
}

struct Field(Mine);

impl Clone for Field {
    fn clone(&self) -> Self {
        Field(self.0.clone())
    }
}

impl Clone for Spark {
    fn clone(&self) -> Self {
        Spark {
            does: self.does,
            store: self.store.clone(),
            mine: self.mine.clone(),
        }
    }
}

impl LiveValue for Field {
    type Message = ();
    type Mutation = Spark;
    type MutError = Mine;

    fn mutate(entry: &Entry<Self>, spark: &Spark) -> Result<Self, Mine> {
        match (spark.does)(&spark.store) {
            Ok(()) => Ok(Field::clone(entry)),
            Err(()) => Err(spark.mine.clone()),
        }
    }
}

/// A call that ends with a panic, a refusal or a closed store has several things of the user's in its hands, which may all panic.
#[test]
fn what_a_call_has_in_its_hands_may_all_panic() {
    type Does = fn(&WeakLiveStore<Field>) -> Result<(), ()>;
    let does: [(&str, Does); 4] = [
        ("goes well", |_| Ok(())),
        ("is refused", |_| Err(())),
        ("panics", |_| panic!("at the mutation")),
        ("closes the store", |store| {
            drop(store.upgrade().unwrap().close().now_or_never());
            Ok(())
        }),
    ];
    type Call = fn(LiveStore<Field>, Uuid, Spark);
    let calls: [(&str, Call); 6] = [
        ("mutate", |store, key, spark| {
            drop(store.mutate(&key, spark).now_or_never());
        }),
        ("mutate_version", |store, key, spark| {
            drop(store.mutate_version(&key, spark).now_or_never());
        }),
        ("mutate_or_create", |store, _, spark| {
            let mines = Arc::clone(&spark.mine.0);
            let key = Uuid::max();
            let made = store.mutate_or_create(&key, || Field(Mine::laid(&mines)), spark);
            drop(made.now_or_never());
        }),
        ("a guard", |store, key, spark| {
            let mut guard = store.try_acquire(&key).ok().unwrap();
            drop(guard.mutate(spark));
        }),
        ("a transaction", |store, key, spark| {
            let keys = [key];
            let done = store.transact(&keys, |tx| tx.mutate(&key, spark).map(drop).map_err(drop));
            let _ = done.now_or_never();
        }),
        ("what is committed before its drop", |store, key, spark| {
            drop(store.mutate_on_drop(&key, spark).commit().now_or_never());
        }),
    ];
    for (what, does) in does {
        for (name, call) in calls {
            for delta_history in [0, 1] {
                let mines = Arc::new(AtomicUsize::new(0));
                let options = StoreOptions {
                    delta_history,
                    ..Default::default()
                };
                let store = LiveStore::new().with_options(options).done();
                let key = store.init(Field(Mine::laid(&mines)));
                let spark = Spark {
                    does,
                    store: store.downgrade(),
                    mine: Mine::laid(&mines),
                };
                let called = store.clone();
                let _ = catch_unwind(AssertUnwindSafe(move || call(called, key, spark)));
                let _ = catch_unwind(AssertUnwindSafe(move || drop(store)));
                assert_eq!(
                    mines.load(Ordering::SeqCst),
                    0,
                    "{name} {what}: something was forgotten"
                );
            }
        }
    }
}

/// It is cloned to be kept. What is dropped because that panics looked for the entry, and waited for its own call.
#[test]
fn a_mutation_that_cannot_be_cloned_keeps_no_entry_held() {
    struct Looks {
        store: WeakLiveStore<Looks>,
        key: Uuid,
        found_held: Arc<AtomicUsize>,
    }
    impl Clone for Looks {
        fn clone(&self) -> Self {
            panic!("it cannot be cloned")
        }
    }
    impl Drop for Looks {
        fn drop(&mut self) {
            let Some(store) = self.store.upgrade() else { return };
            if matches!(store.try_acquire(&self.key), Err(TryAcquireError::Held)) {
                self.found_held.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
    impl LiveValue for Looks {
        type Message = ();
        type Mutation = Looks;
        type MutError = ();

        fn mutate(now: &Entry<Self>, _: &Looks) -> Result<Self, ()> {
            Ok(now.again())
        }
    }
    impl Looks {
        fn again(&self) -> Looks {
            Looks {
                store: self.store.clone(),
                key: self.key,
                found_held: Arc::clone(&self.found_held),
            }
        }
    }
    let options = StoreOptions {
        delta_history: 1,
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    let found_held = Arc::new(AtomicUsize::new(0));
    let looks = Looks {
        store: store.downgrade(),
        key: Uuid::max(),
        found_held: Arc::clone(&found_held),
    };
    let mutation = looks.again();
    store.create(&Uuid::max(), looks).ok().unwrap();
    let mutated = || drop(store.mutate(&Uuid::max(), mutation).now_or_never());
    assert!(catch_unwind(AssertUnwindSafe(mutated)).is_err());
    assert_eq!(found_held.load(Ordering::SeqCst), 0);
    assert!(store.try_acquire(&Uuid::max()).is_ok());
}
