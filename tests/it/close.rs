//! The end of a store that still has handles.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use livestore::{
    AcquireError, DeadlineError, Entry, ExpireMode, LiveStore, LiveValue, MutateError, MutateIfError,
    RollbackError, StoreOptions, TransactError, TryAcquireError, TryAssignError, Uuid,
};
use livestore_tests::{Change, Counter, counter};
use serde::{Deserialize, Serialize};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

#[derive(Clone, LiveValue, Serialize, Deserialize)]
struct Score {
    points: u32,
}

fn closed(store: &LiveStore<Counter>) {
    store.close().now_or_never().unwrap().unwrap();
}

/// With a handle in every task that serves a socket, dropping one's own ended nothing.
#[tokio::test]
async fn watches_of_every_kind_end_though_there_are_handles() {
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(1));
    let mut watch = spawn(store.watch(&key).unwrap());
    let mut deltas = spawn(store.watch_deltas(&key).unwrap());
    let mut all = spawn(store.watch_all());
    store.mutate(&key, Change::Add(1)).await.unwrap();
    assert!(assert_ready!(watch.poll_next()).is_some());
    assert_pending!(watch.poll_next());

    let _handle = store.clone();
    closed(&store);
    assert!(watch.is_woken());
    assert!(assert_ready!(watch.poll_next()).is_none());
    // What was still under way comes first; nothing was removed.
    assert_eq!(assert_ready!(deltas.poll_next()).unwrap().version(), 2);
    assert!(assert_ready!(deltas.poll_next()).is_none());
    assert!(assert_ready!(all.poll_next()).is_some());
    assert!(assert_ready!(all.poll_next()).is_none());
    assert_eq!(watch.latest().version(), 2);
    assert!(store.is_closed());
}

#[tokio::test]
async fn newest_tells_the_last_change_and_then_the_end() {
    let store = LiveStore::<Counter>::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    store.mutate(&key, Change::Add(1)).await.unwrap();
    closed(&store);
    assert_eq!(watch.newest().await.unwrap().version(), 2);
    assert!(watch.newest().await.is_none());
}

#[tokio::test]
async fn calls_that_wait_find_nothing() {
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(1));
    let guard = store.try_acquire(&key).unwrap();
    let mut acquire = spawn(store.acquire(&key));
    let mut mutate = spawn(store.mutate(&key, Change::Add(1)));
    let mut remove = spawn(store.remove(&key));
    let mut insert = spawn(store.insert(&key, counter(2)));
    let keys = [key];
    let mut transact = spawn(store.transact(&keys, |tx| {
        assert!(tx.get(&key).is_none());
        Ok::<_, ()>(())
    }));
    assert_pending!(acquire.poll());
    assert_pending!(mutate.poll());
    assert_pending!(remove.poll());
    assert_pending!(insert.poll());
    assert_pending!(transact.poll());
    assert_eq!(store.stats().waiters, 5);

    closed(&store);
    assert!(acquire.is_woken() && mutate.is_woken() && remove.is_woken() && insert.is_woken());
    assert!(assert_ready!(acquire.poll()).is_none());
    assert_eq!(assert_ready!(mutate.poll()).unwrap_err(), MutateError::Missing);
    assert!(assert_ready!(remove.poll()).is_none());
    assert!(assert_ready!(insert.poll()).is_none());
    assert!(assert_ready!(transact.poll()).is_ok());
    assert!(store.is_empty());
    let stats = store.stats();
    assert_eq!((stats.waiters, stats.held, stats.entries), (0, 0, 0));
    drop(guard);
    assert_eq!(store.stats().held, 0);
}

#[tokio::test]
async fn what_comes_later_fails_as_missing_and_what_is_created_has_ended() {
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(1));
    closed(&store);
    closed(&store);
    let other = store.clone();
    assert!(other.fetch(&key).is_none() && other.watch(&key).is_none());
    assert!(other.broadcast(&key, "hello").is_err());
    assert_eq!(other.try_acquire(&key).unwrap_err(), TryAcquireError::Missing);
    let timeout = other.acquire_timeout(&key, Duration::ZERO).await;
    assert_eq!(timeout.unwrap_err(), AcquireError::Missing);
    assert!(matches!(
        other.mutate_if(&key, 1, Change::Add(1)).await,
        Err(MutateIfError::Missing)
    ));
    assert!(other.assign(&key, counter(3)).await.is_err());
    assert!(other.keys().next().is_none() && other.entries().next().is_none());

    let (made, mut watch) = other.init_and_watch(counter(4));
    assert!(watch.next().await.is_none());
    assert!(other.fetch(&made).is_none());
    assert_eq!(other.create(&key, counter(5)).unwrap().version(), 1);
    assert!(other.insert(&key, counter(6)).await.is_none());
    assert_eq!(other.fetch_or_create(&key, || counter(7)).count, 7);
    let (entries, mut all) = other.entries_and_watch_all();
    assert!(entries.is_empty() && all.next().await.is_none());
    let created = other
        .transact(&[key], |tx| tx.create(&key, counter(8)).map_err(drop))
        .await;
    assert_eq!(created, Err(TransactError::Closed));
    assert!(other.is_empty());
    let stats = other.stats();
    assert_eq!((stats.held, stats.watchers, stats.watched_entries), (0, 1, 1));
}

#[tokio::test]
async fn a_guard_goes_on_alone() {
    let store = LiveStore::<Counter>::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    let mut guard = store.try_acquire(&key).unwrap();
    let made = store.init_and_acquire(counter(9));
    closed(&store);
    assert_eq!(guard.mutate(Change::Add(1)).unwrap().version(), 2);
    assert_eq!((guard.count, guard.version()), (2, 2));
    guard.set(counter(5));
    assert_eq!(guard.count, 5);
    guard.broadcast("nobody hears");
    assert!(guard.watch().next().await.is_none());
    assert!(watch.next().await.is_none());
    assert!(watch.newest().await.is_none());
    assert_eq!(guard.delete().count, 5);
    drop(made);
    let late = store.init_and_acquire(counter(1));
    assert!(store.try_acquire(late.key()).is_err());
    late.release();
    drop(watch);
    let stats = store.stats();
    assert_eq!((stats.held, stats.watchers, stats.watched_entries), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn checks_end_and_what_has_expired_is_delivered() {
    let expired = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&expired);
    let store = LiveStore::<Counter>::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            expire_mode: ExpireMode::Timeout(Duration::from_secs(2)),
            ..Default::default()
        })
        .on_expire(move |batch| {
            seen.fetch_add(batch.len(), Ordering::SeqCst);
            async {}
        })
        .done();
    let held = store.init_and_acquire(counter(1));
    store.init(counter(2));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(expired.load(Ordering::SeqCst), 1);
    store.init(counter(3));
    // It is due, and goes when it is let go; the store is closed in that moment.
    held.release();
    store.close().await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(expired.load(Ordering::SeqCst), 2);
    assert!(!store.stats().expiry_runs);
}

/// A store without entries would have replaced a good file.
#[tokio::test]
async fn a_closed_store_is_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scores.save");
    let store = LiveStore::default();
    let key = store.init(Score { points: 7 });
    store.save(&path).await.unwrap();
    store.close().await.unwrap();
    assert!(
        store
            .save(&path)
            .await
            .unwrap_err()
            .to_string()
            .contains("closed")
    );
    let loaded = LiveStore::<Score>::new().load(&path).await.unwrap();
    assert_eq!(loaded.fetch(&key).unwrap().points, 7);
}

#[test]
fn a_store_that_is_closed_while_others_create_keeps_nothing() {
    for _ in 0..200 {
        let store = LiveStore::<Counter>::default();
        let key = Uuid::new_v4();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        store.init(counter(1));
                        let _ = store.create(&key, counter(2));
                        let _ = store.remove(&key).now_or_never();
                    }
                });
            }
            scope.spawn(|| closed(&store));
        });
        assert!(store.is_empty() && store.fetch(&key).is_none());
    }
}

/// The entry that it removes had been cleared away by then, and the one that it makes was put in its place, alive.
#[tokio::test]
async fn a_transaction_that_replaces_an_entry_of_a_store_that_was_closed_meanwhile_leaves_none() {
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(1));
    let mut all = spawn(store.watch_all());
    let done = store
        .transact(&[key], |tx| {
            tx.remove(&key).unwrap();
            tx.create(&key, counter(2)).unwrap();
            closed(&store);
            Ok::<_, ()>(())
        })
        .await;
    assert!(matches!(done, Ok(()) | Err(TransactError::Closed)));
    assert!(store.is_empty() && store.fetch(&key).is_none() && store.watch(&key).is_none());
    assert!(assert_ready!(all.poll_next()).is_none());
    assert_eq!(store.stats().held, 0);
}

/// It said that the runtime had ended.
#[tokio::test(start_paused = true)]
async fn an_entry_of_a_closed_store_gets_no_deadline_though_a_guard_has_it() {
    let store = LiveStore::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            ..Default::default()
        })
        .done();
    let mut guard = store.init_and_acquire(counter(1));
    store.close().await.unwrap();
    assert_eq!(
        guard.expire_after(Duration::from_secs(1)),
        Err(DeadlineError::Missing)
    );
    guard.persist();
    let key = *guard.key();
    assert_eq!(
        store.expire_after(&key, Duration::from_secs(1)),
        Err(DeadlineError::Missing)
    );
}

thread_local! {
    /// What is done while the user's code runs.
    static MEANWHILE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// Runs what is to be done meanwhile when it is mutated or checked.
#[derive(Clone, Debug)]
struct Slow;

fn run_meanwhile() -> Result<(), ()> {
    let meanwhile = MEANWHILE.take();
    meanwhile.into_iter().for_each(|run| run());
    Ok(())
}

impl LiveValue for Slow {
    type Message = ();
    type Mutation = ();
    type MutError = ();

    fn mutate(_: &Entry<Self>, (): &()) -> Result<Self, ()> {
        run_meanwhile().map(|()| Slow)
    }

    fn check(&self, _: Option<&Self>) -> Result<(), ()> {
        run_meanwhile()
    }
}

/// A call whose own code was running said that it had committed, and nobody was ever told.
#[test]
fn a_call_in_the_midst_of_which_the_store_is_closed_has_committed_nothing() {
    type Call = fn(LiveStore<Slow>, Uuid) -> bool;
    let calls: [(&str, Call); 9] = [
        ("mutate", |store, key| {
            let result = store.mutate(&key, ()).now_or_never().unwrap();
            matches!(result, Err(MutateError::Missing))
        }),
        ("mutate_version", |store, key| {
            let result = store.mutate_version(&key, ()).now_or_never().unwrap();
            matches!(result, Err(MutateError::Missing))
        }),
        ("mutate_if", |store, key| {
            let result = store.mutate_if(&key, 1, ()).now_or_never().unwrap();
            matches!(result, Err(MutateIfError::Missing))
        }),
        ("mutate_or_create", |store, key| {
            // As everything that is created then, it has ended already.
            let result = store.mutate_or_create(&key, || Slow, ()).now_or_never();
            result.unwrap().unwrap().version() == 1
        }),
        ("try_assign", |store, key| {
            let result = store.try_assign(&key, Slow).now_or_never().unwrap();
            matches!(result, Err(TryAssignError::Missing(Slow)))
        }),
        ("try_insert", |store, key| {
            let result = store.try_insert(&key, Slow).now_or_never().unwrap();
            matches!(result, Ok(None))
        }),
        ("rollback", |store, key| {
            let result = store.rollback(&key, 1).now_or_never().unwrap();
            matches!(result, Err(RollbackError::Missing))
        }),
        ("transact", |store, key| {
            let keys = [key];
            let result = store.transact(&keys, |tx| tx.mutate(&key, ()).map(drop));
            matches!(result.now_or_never().unwrap(), Err(TransactError::Closed))
        }),
        ("transact, with another", |store, key| {
            let keys = [key];
            let result = store.transact(&keys, |tx| {
                tx.create(&Uuid::new_v4(), Slow).unwrap();
                tx.mutate(&key, ()).map(drop)
            });
            matches!(result.now_or_never().unwrap(), Err(TransactError::Closed))
        }),
    ];
    for (name, call) in calls {
        let store = LiveStore::default();
        let key = store.init(Slow);
        let mut watch = store.watch(&key).unwrap();
        let handle = store.handle(&key).unwrap();
        let closing = store.clone();
        MEANWHILE.set(Some(Box::new(move || {
            closing.close().now_or_never().unwrap().unwrap();
        })));
        assert!(call(store.clone(), key), "{name}");
        assert!(MEANWHILE.take().is_none(), "{name} has run nothing of the user's");
        assert!(watch.try_next().is_none() && watch.is_over());
        assert_eq!(watch.latest().version(), 1, "{name}");
        assert!(handle.is_over() && store.is_empty());
        let stats = store.stats();
        assert_eq!(
            (stats.held, stats.mutations),
            (0, u64::from(name == "mutate_or_create"))
        );
    }
}
