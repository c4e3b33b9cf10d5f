//! The figures of a store: each goes up and comes down with what it counts.

use std::time::Duration;

use futures_util::FutureExt;
use livestore::{ExpireMode, LiveStore, LiveValue, Stats, StoreOptions, Uuid};
use livestore_tests::{Change, Counter, counter, must_not_hang, store_with_cap};
use tokio::sync::oneshot;
use tokio_test::assert_pending;
use tokio_test::task::spawn;

/// Only what a guard, a wait or a watch moves.
fn present(store: &LiveStore<Counter>) -> [usize; 5] {
    let stats = store.stats();
    [
        stats.held,
        stats.waiters,
        stats.watchers,
        stats.watched_entries,
        stats.watch_alls,
    ]
}

#[tokio::test]
async fn a_store_at_rest_has_nothing_but_entries() {
    let store = LiveStore::default();
    assert_eq!(store.stats(), Stats::default());
    let keys: Vec<Uuid> = (0..10).map(|n| store.init(counter(n))).collect();
    assert_eq!(store.stats().entries, 10);
    store.remove(&keys[0]).await;
    assert_eq!(store.stats().entries, 9);
    assert_eq!(present(&store), [0; 5]);
}

#[tokio::test]
async fn mutations_are_counted_however_they_come_about() {
    #[derive(Clone, LiveValue)]
    struct Score {
        #[live(increment, range = ..=10)]
        points: u32,
    }
    let plain = LiveStore::default();
    let key = plain.init(Score { points: 0 });
    // In place, while watched without values, and with them; through a guard; in a transaction.
    plain
        .mutate(&key, ScoreMutation::IncrementPoints(1))
        .await
        .unwrap();
    let deltas = plain.watch_deltas(&key);
    plain
        .mutate(&key, ScoreMutation::IncrementPoints(1))
        .await
        .unwrap();
    let watch = plain.watch(&key);
    plain
        .mutate(&key, ScoreMutation::IncrementPoints(1))
        .await
        .unwrap();
    let mut guard = plain.acquire(&key).await.unwrap();
    guard.mutate(ScoreMutation::IncrementPoints(1)).unwrap();
    assert!(guard.mutate(ScoreMutation::IncrementPoints(100)).is_err());
    drop((guard, deltas, watch));
    plain
        .transact(&[key], |tx| tx.mutate(&key, ScoreMutation::IncrementPoints(1)))
        .await
        .unwrap();
    assert!(
        plain
            .mutate(&key, ScoreMutation::IncrementPoints(100))
            .await
            .is_err()
    );
    let refused = plain
        .transact(&[key], |tx| tx.mutate(&key, ScoreMutation::IncrementPoints(100)))
        .await;
    assert!(refused.is_err());
    // Neither of these is a mutation.
    plain.insert(&key, Score { points: 1 }).await;
    let stats = plain.stats();
    assert_eq!((stats.mutations, stats.refused), (5, 3));

    let copied = LiveStore::default();
    let key = copied.init(counter(0));
    copied.mutate(&key, Change::Add(1)).await.unwrap();
    copied.mutate(&key, Change::Refuse).await.unwrap_err();
    let stats = copied.stats();
    assert_eq!((stats.mutations, stats.refused), (1, 1));
}

#[tokio::test]
async fn holds_and_waits_come_and_go() {
    let store = store_with_cap(8);
    let key = store.init(counter(0));
    let guard = store.acquire(&key).await.unwrap();
    assert_eq!(present(&store), [1, 0, 0, 0, 0]);

    let mut first = spawn(store.acquire(&key));
    let mut second = spawn(store.acquire(&key));
    let mut third = spawn(store.acquire(&key));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_pending!(third.poll());
    assert_eq!(present(&store), [1, 3, 0, 0, 0]);
    // From the middle, then with the grant.
    drop(second);
    assert_eq!(present(&store), [1, 2, 0, 0, 0]);
    drop(guard);
    assert_eq!(present(&store), [1, 1, 0, 0, 0]);
    drop(first);
    assert_eq!(present(&store), [1, 0, 0, 0, 0]);
    drop(third);
    assert_eq!(present(&store), [0; 5]);

    // A removal sends everybody away.
    let guard = store.acquire(&key).await.unwrap();
    let mut first = spawn(store.acquire(&key));
    let mut second = spawn(store.acquire(&key));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    guard.delete();
    assert_eq!(present(&store), [0; 5]);
    drop((first, second));
    assert_eq!(present(&store), [0; 5]);

    // A transaction holds and lets go, also of what it removes and creates.
    let key = store.init(counter(0));
    store
        .transact(&[key], |tx| {
            assert_eq!(present(&store), [1, 0, 0, 0, 0]);
            tx.remove(&key);
            tx.create(&key, counter(1))
        })
        .await
        .unwrap();
    assert_eq!(present(&store), [0; 5]);
    let guard = store.init_and_acquire(counter(0));
    assert_eq!(present(&store), [1, 0, 0, 0, 0]);
    drop(guard);
    assert_eq!(present(&store), [0; 5]);
}

#[tokio::test]
async fn watches_come_and_go() {
    let store = store_with_cap(2);
    let (key, other) = (store.init(counter(0)), store.init(counter(0)));
    let mut watch = store.watch(&key).unwrap();
    let deltas = store.watch_deltas(&key).unwrap();
    let third = store.watch(&other).unwrap();
    let all = store.watch_all();
    assert_eq!(present(&store), [0, 0, 3, 2, 1]);
    for _ in 0..5 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    assert_eq!(store.stats().lagged, 0);
    drop(watch.next().await);
    assert_eq!(store.stats().lagged, 1);
    drop(watch);
    assert_eq!(present(&store), [0, 0, 2, 2, 1]);
    // An entry that has ended is watched until nobody does.
    store.remove(&key).await;
    assert_eq!(present(&store), [0, 0, 2, 2, 1]);
    drop((deltas, third, all));
    assert_eq!(present(&store), [0; 5]);
}

#[tokio::test(start_paused = true)]
async fn expiry_is_counted_and_its_queues_are_seen() {
    let (go_on, wait) = oneshot::channel::<()>();
    let wait = std::sync::Mutex::new(Some(wait));
    let store = LiveStore::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            expire_mode: ExpireMode::Lifetime(Duration::from_secs(10)),
            ..Default::default()
        })
        .on_expire(move |_| {
            let wait = wait.lock().unwrap().take();
            async move {
                if let Some(wait) = wait {
                    wait.await.ok();
                }
            }
        })
        .done();
    for n in 0..3 {
        store.init(counter(n));
    }
    let stats = store.stats();
    assert!(stats.expiry_runs);
    assert_eq!((stats.deadlines, stats.expired, stats.callbacks), (3, 0, 0));
    tokio::time::sleep(Duration::from_millis(11_500)).await;
    let stats = store.stats();
    assert_eq!(
        (stats.entries, stats.deadlines, stats.expired, stats.callbacks),
        (0, 0, 3, 1)
    );
    go_on.send(()).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(store.stats().callbacks, 0);
}

#[test]
fn a_store_whose_runtime_has_ended_says_that_nothing_expires() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let store: LiveStore<Counter> = runtime.block_on(async {
        LiveStore::new()
            .with_options(StoreOptions {
                expire_check_freq: Some(Duration::from_secs(1)),
                ..Default::default()
            })
            .done()
    });
    assert!(store.stats().expiry_runs);
    drop(runtime);
    assert!(!store.stats().expiry_runs);
}

#[test]
fn threads_that_count_at_once_lose_nothing() {
    must_not_hang(|| {
        let store: LiveStore<Counter> = LiveStore::default();
        let keys: Vec<Uuid> = (0..4).map(|_| store.init(counter(0))).collect();
        std::thread::scope(|scope| {
            for key in &keys {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    runtime.block_on(async {
                        for _ in 0..1000 {
                            store.mutate(key, Change::Add(1)).await.unwrap();
                            drop(store.watch(&keys[0]));
                        }
                    });
                });
            }
        });
        assert_eq!(store.stats().mutations, 4000);
        assert_eq!(present(&store), [0; 5]);
    });
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_held_for_a_future_which_nobody_polls_is_shown_with_its_age() {
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(0));
    let guard = store.try_acquire(&key).unwrap();
    let mut kept = Box::pin(store.acquire(&key));
    assert!((&mut kept).now_or_never().is_none());
    assert_eq!(
        (store.stats().granted, store.stats().granted_for),
        (0, Duration::ZERO)
    );
    drop(guard);
    tokio::time::sleep(Duration::from_secs(90)).await;
    let stats = store.stats();
    assert_eq!((stats.granted, stats.held, stats.waiters), (1, 1, 0));
    assert_eq!(stats.granted_for, Duration::from_secs(90));

    let guard = kept.await.unwrap();
    assert_eq!(
        (store.stats().granted, store.stats().granted_for),
        (0, Duration::ZERO)
    );
    let gone = Box::pin(store.acquire(&key));
    drop(gone);
    let mut gone = Box::pin(store.acquire(&key));
    assert!((&mut gone).now_or_never().is_none());
    drop(guard);
    assert_eq!(store.stats().granted, 1);
    drop(gone);
    let stats = store.stats();
    assert_eq!(
        (stats.granted, stats.held, stats.granted_for),
        (0, 0, Duration::ZERO)
    );
}

#[tokio::test(start_paused = true)]
async fn who_watches_an_entry_and_how_is_told_apart() {
    let options = StoreOptions {
        history: 3,
        delta_history: 5,
        ..Default::default()
    };
    let store: LiveStore<Counter> = LiveStore::new().with_options(options).done();
    let (key, other) = (store.init(counter(0)), store.init(counter(0)));
    let kinds = || {
        let stats = store.stats();
        [
            stats.watchers,
            stats.delta_watchers,
            stats.set_watchers,
            stats.watch_sets,
        ]
    };
    let watch = store.watch(&key);
    let deltas = store.watch_deltas(&key);
    let (mut set, empty) = (store.watch_set(), store.watch_set());
    set.add(&key).unwrap();
    set.add(&other).unwrap();
    assert_eq!(kinds(), [4, 1, 2, 2]);
    for _ in 0..4 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    let stats = store.stats_of(&key).unwrap();
    assert_eq!((stats.version, stats.watchers, stats.delta_watchers), (5, 3, 1));
    assert_eq!((stats.history, stats.delta_history), (3, 4));
    assert_eq!(store.stats_of(&other).unwrap().watchers, 1);
    let each: Vec<_> = store.stats_of_each().collect();
    assert!(each.len() == 2 && each.contains(&(key, stats)));
    assert_eq!(store.handle(&key).unwrap().stats(), Some(stats));
    drop((watch, deltas, empty));
    assert_eq!(kinds(), [2, 0, 2, 1]);
    set.remove(&other);
    assert_eq!(kinds(), [1, 0, 1, 1]);
    // Also with the end of the entry, which the set still has to hear of.
    store.remove(&key).await;
    assert_eq!(store.stats_of(&key), None);
    while set.try_next().is_some() {}
    assert_eq!(kinds(), [0, 0, 0, 1]);
    drop(set);
    assert_eq!(kinds(), [0; 4]);
}

/// Somebody asks why everything stands still, and for how long.
#[tokio::test(start_paused = true)]
async fn a_hold_and_those_who_wait_for_it_have_an_age() {
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(0));
    let ages = || {
        let stats = store.stats_of(&key).unwrap();
        let (held, waited) = (stats.held_for.as_secs(), stats.waited_for.as_secs());
        (stats.held, held, stats.granted, stats.waiters, waited)
    };
    let pass = |secs| tokio::time::sleep(Duration::from_secs(secs));
    assert_eq!(ages(), (false, 0, false, 0, 0));
    let guard = store.try_acquire(&key).unwrap();
    pass(5).await;
    // From here on it is known.
    assert_eq!(ages(), (true, 0, false, 0, 0));
    pass(2).await;
    assert_eq!(ages(), (true, 2, false, 0, 0));
    drop(guard);
    assert_eq!(ages(), (false, 0, false, 0, 0));

    // Who waits has it known from when he began to.
    let guard = store.try_acquire(&key).unwrap();
    pass(5).await;
    let mut first = spawn(store.acquire(&key));
    assert_pending!(first.poll());
    pass(3).await;
    let mut second = spawn(store.acquire(&key));
    assert_pending!(second.poll());
    pass(4).await;
    assert_eq!(ages(), (true, 7, false, 2, 7));
    // The first goes away; the second is now the first.
    drop(first);
    assert_eq!(ages(), (true, 7, false, 1, 4));
    drop(guard);
    pass(6).await;
    assert_eq!(ages(), (true, 6, true, 0, 0));
    let guard = second.await.unwrap();
    pass(1).await;
    assert_eq!(ages(), (true, 7, false, 0, 0));
    drop(guard);
    assert_eq!(ages(), (false, 0, false, 0, 0));
    // Of the former hold nothing is left.
    let guard = store.try_acquire(&key).unwrap();
    assert_eq!(ages(), (true, 0, false, 0, 0));
    drop(guard);
}

#[tokio::test(start_paused = true)]
async fn the_next_deadline_comes_nearer() {
    let store: LiveStore<Counter> = LiveStore::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            expire_mode: ExpireMode::Lifetime(Duration::from_secs(60)),
            ..Default::default()
        })
        .done();
    assert_eq!(store.stats().next_deadline, None);
    let key = store.init(counter(0));
    assert_eq!(store.stats().next_deadline, Some(Duration::from_secs(60)));
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(store.stats().next_deadline, Some(Duration::from_secs(40)));
    store.expire_after(&key, Duration::from_secs(7)).unwrap();
    assert_eq!(store.stats().next_deadline, Some(Duration::from_secs(7)));
    assert_eq!(LiveStore::<Counter>::default().stats().next_deadline, None);
}
