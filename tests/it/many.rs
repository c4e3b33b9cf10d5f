//! Several entries held at once, and several changed as one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use livestore::{
    DeadlineError, EntryGuard, ExpireMode, LiveStore, Missing, MissingKey, MutateError, StoreOptions,
    TransactError, TryAcquireError, Tx, Update, Uuid, Watch,
};
use livestore_tests::{Change, Counter, Refused, counter};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

fn key(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A store with entries under the keys 1 to `count`, with these numbers in them.
fn store_with(count: u128) -> LiveStore<Counter> {
    let store = LiveStore::default();
    for number in 1..=count {
        store
            .create(&key(number), counter(i64::try_from(number).unwrap()))
            .unwrap();
    }
    store
}

async fn tell(watch: &mut Watch<Counter>) -> String {
    match watch.next().await {
        Some(update) => format!("{update:?}"),
        None => "None".into(),
    }
}

#[tokio::test]
async fn guards_come_in_key_order_each_once() {
    let store = store_with(3);
    let mut guards = store
        .acquire_many(&[key(3), key(1), key(3), key(2), key(1)])
        .await
        .unwrap();
    assert_eq!(guards.len(), 3);
    assert_eq!(
        guards.iter().map(|guard| guard.count).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(guards.get(&key(2)).unwrap().count, 2);
    assert!(guards.get(&key(4)).is_none());
    for guard in &mut guards {
        guard.mutate(Change::Add(10)).unwrap();
    }
    guards.get_mut(&key(1)).unwrap().mutate(Change::Add(100)).unwrap();
    guards[2].mutate(Change::Add(1000)).unwrap();
    for number in 1..=3 {
        assert_eq!(
            store.try_acquire(&key(number)).unwrap_err(),
            TryAcquireError::Held
        );
    }
    // One may leave earlier than the others.
    let mut guards = guards.into_iter();
    guards.next().unwrap().release();
    assert_eq!(store.try_acquire(&key(1)).unwrap().count, 111);
    assert_eq!(store.try_acquire(&key(2)).unwrap_err(), TryAcquireError::Held);
    drop(guards);
    assert_eq!(store.try_acquire(&key(3)).unwrap().count, 1013);
}

#[tokio::test]
async fn no_keys_no_guards() {
    let store = store_with(1);
    let guards = store.acquire_many(&[]).await.unwrap();
    assert!(guards.is_empty());
    assert_eq!(guards.len(), guards.iter().count());
}

#[tokio::test]
async fn a_missing_key_means_none_of_them() {
    let store = store_with(2);
    let missing = store
        .acquire_many(&[key(2), key(9), key(1), key(8)])
        .await
        .unwrap_err();
    assert_eq!(missing, MissingKey(key(8)));
    drop(store.try_acquire(&key(1)).unwrap());
    drop(store.try_acquire(&key(2)).unwrap());
}

#[test]
fn a_cancelled_wait_for_many_releases_all_it_had() {
    let store = store_with(3);
    let third = store.try_acquire(&key(3)).unwrap();
    let keys = [key(1), key(2), key(3)];
    let mut waiting = spawn(store.acquire_many(&keys));
    assert_pending!(waiting.poll());
    assert_eq!(store.try_acquire(&key(1)).unwrap_err(), TryAcquireError::Held);
    drop(waiting);
    drop(store.try_acquire(&key(1)).unwrap());
    drop(store.try_acquire(&key(2)).unwrap());
    drop(third);
    drop(store.try_acquire(&key(3)).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_name_keys_in_any_order_do_not_deadlock() {
    let store = store_with(4);
    let orders = [[1, 2, 3, 4], [4, 3, 2, 1], [3, 1, 4, 2], [2, 4, 1, 3]];
    let tasks: Vec<_> = orders
        .into_iter()
        .map(|order| {
            let store = store.clone();
            tokio::spawn(async move {
                let keys: Vec<_> = order.into_iter().map(key).collect();
                for _ in 0..200 {
                    let mut guards = store.acquire_many(&keys).await.unwrap();
                    tokio::task::yield_now().await;
                    for guard in &mut guards {
                        guard.mutate(Change::Add(1)).unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(60), task)
            .await
            .expect("no deadlock")
            .unwrap();
    }
    for number in 1..=4 {
        assert_eq!(store.fetch(&key(number)).unwrap().version(), 801);
    }
}

#[tokio::test]
async fn what_is_staged_is_seen_within_and_committed_as_one() {
    let store = store_with(2);
    let mut one = store.watch(&key(1)).unwrap();
    let mut two = store.watch(&key(2)).unwrap();
    let result: Result<i64, TransactError<MutateError<Refused>>> = store
        .transact(&[key(2), key(1)], |tx| {
            assert_eq!(tx.mutate(&key(1), Change::Add(10))?.count, 11);
            assert_eq!(tx.mutate(&key(1), Change::Add(10))?.version(), 3);
            assert_eq!(tx.get(&key(1)).unwrap().count, 21);
            tx.broadcast(&key(1), "between").unwrap();
            assert_eq!(tx.set(&key(1), counter(5)).unwrap().count, 21);
            assert_eq!(tx.mutate(&key(2), Change::Add(1))?.count, 3);
            // Nobody else sees any of it yet.
            assert_eq!(store.fetch(&key(1)).unwrap().count, 1);
            Ok(tx.get(&key(2)).unwrap().count)
        })
        .await;
    assert_eq!(result.unwrap(), 3);
    assert_eq!(store.fetch(&key(1)).unwrap().version(), 4);
    for expected in [
        "Mutate { version: 2, .. }",
        "Mutate { version: 3, .. }",
        "Message { version: 3, .. }",
        "Overwrite { version: 4, .. }",
    ] {
        assert_eq!(tell(&mut one).await, expected);
    }
    assert_eq!(tell(&mut two).await, "Mutate { version: 2, .. }");
    drop(store.try_acquire(&key(1)).unwrap());
    drop(store.try_acquire(&key(2)).unwrap());
}

#[tokio::test]
async fn an_error_leaves_everything_untouched() {
    let store = store_with(2);
    let mut watch = store.watch(&key(1)).unwrap();
    let result = store
        .transact(&[key(1), key(2)], |tx| {
            tx.mutate(&key(1), Change::Add(10))?;
            tx.remove(&key(2)).unwrap();
            tx.create(&key(3), counter(3)).unwrap();
            tx.mutate(&key(1), Change::Refuse)
        })
        .await;
    assert_eq!(
        result.unwrap_err(),
        TransactError::Aborted(MutateError::Rejected(Refused))
    );
    assert_eq!(store.fetch(&key(1)).unwrap().version(), 1);
    assert_eq!(store.len(), 2);
    assert_pending!(spawn(watch.next()).poll());
    drop(store.try_acquire(&key(1)).unwrap());
    drop(store.try_acquire(&key(2)).unwrap());
}

#[test]
fn a_panic_leaves_everything_untouched() {
    let store = store_with(2);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let keys = [key(1), key(2)];
        let _ = spawn(store.transact(&keys, |tx| {
            let _ = tx.mutate(&key(1), Change::Add(10));
            let _ = tx.create(&key(3), counter(3));
            tx.mutate(&key(2), Change::Panic).map(drop)
        }))
        .poll();
    }));
    assert!(panicked.is_err());
    for number in 1..=2 {
        assert_eq!(store.try_acquire(&key(number)).unwrap().version(), 1);
    }
    assert_eq!(store.len(), 2);
}

#[tokio::test]
async fn a_refusal_may_be_handled_and_the_rest_committed() {
    let store = store_with(1);
    let result: Result<(), TransactError<()>> = store
        .transact(&[key(1)], |tx| {
            assert!(tx.mutate(&key(1), Change::Refuse).is_err());
            tx.mutate(&key(1), Change::Add(1)).unwrap();
            Ok(())
        })
        .await;
    result.unwrap();
    assert_eq!(store.fetch(&key(1)).unwrap().version(), 2);
}

#[tokio::test]
async fn a_key_that_is_missing_or_was_not_named_can_only_be_created() {
    let store = store_with(2);
    let result: Result<(), TransactError<()>> = store
        .transact(&[key(1), key(7)], |tx| {
            for absent in [key(2), key(7), key(8)] {
                assert!(tx.get(&absent).is_none());
                assert_eq!(
                    tx.mutate(&absent, Change::Add(1)).unwrap_err(),
                    MutateError::Missing
                );
                assert_eq!(tx.set(&absent, counter(4)).unwrap_err(), Missing(counter(4)));
                assert!(tx.remove(&absent).is_none());
                assert_eq!(tx.broadcast(&absent, "hello").unwrap_err(), Missing("hello"));
                assert_eq!(
                    tx.expire_after(&absent, Duration::ZERO).unwrap_err(),
                    DeadlineError::Missing
                );
                assert!(!tx.persist(&absent));
            }
            assert_eq!(tx.create(&key(1), counter(9)).unwrap_err().existing.count, 1);
            tx.create(&key(7), counter(7)).unwrap();
            tx.create(&key(8), counter(8)).unwrap();
            assert_eq!(tx.create(&key(8), counter(9)).unwrap_err().value, counter(9));
            assert_eq!(tx.mutate(&key(8), Change::Add(1)).unwrap().count, 9);
            Ok(())
        })
        .await;
    result.unwrap();
    assert_eq!(
        (
            store.fetch(&key(7)).unwrap().count,
            store.fetch(&key(7)).unwrap().version()
        ),
        (7, 1)
    );
    assert_eq!(
        (
            store.fetch(&key(8)).unwrap().count,
            store.fetch(&key(8)).unwrap().version()
        ),
        (9, 2)
    );
    assert_eq!(store.len(), 4);
    drop(store.try_acquire(&key(8)).unwrap());
}

#[tokio::test]
async fn no_keys_are_fine_too() {
    let store = LiveStore::<Counter>::default();
    let made: Result<Uuid, TransactError<()>> = store
        .transact(&[], |tx| {
            tx.create(&key(5), counter(5)).unwrap();
            Ok(key(5))
        })
        .await;
    assert!(store.contains_key(&made.unwrap()));
    store.transact(&[], |_| Ok::<_, ()>(())).await.unwrap();
}

#[tokio::test]
async fn a_key_created_by_somebody_else_meanwhile_fails_the_whole() {
    let store = store_with(1);
    let before = store.fetch(&key(1)).unwrap().version();
    let result: Result<(), TransactError<()>> = store
        .transact(&[key(1), key(9)], |tx| {
            tx.mutate(&key(1), Change::Add(1)).unwrap();
            tx.create(&key(3), counter(3)).unwrap();
            tx.create(&key(9), counter(9)).unwrap();
            store.create(&key(9), counter(99)).unwrap();
            Ok(())
        })
        .await;
    assert_eq!(result.unwrap_err(), TransactError::Occupied(key(9)));
    assert_eq!(store.fetch(&key(1)).unwrap().version(), before);
    assert!(!store.contains_key(&key(3)));
    assert_eq!(store.fetch(&key(9)).unwrap().count, 99);
    assert_eq!(store.len(), 2);
    drop(store.try_acquire(&key(1)).unwrap());
}

/// Whoever forgets a key is told that there is no entry, creates it, and is told to try again: each hint must lead out of there.
#[tokio::test]
async fn whoever_forgets_to_name_a_key_is_told_to_name_it() {
    let store = store_with(2);
    let (one, two) = (key(1), key(2));
    let forgotten = store
        .transact(&[one], |tx| tx.mutate(&two, Change::Add(1)))
        .await
        .unwrap_err();
    assert_eq!(
        forgotten.to_string(),
        "the transaction was aborted: this key has no entry; create it first (a transaction sees only keys that it names)"
    );
    let forgotten = store.transact(&[one], |tx| tx.set(&two, counter(3))).await;
    assert!(forgotten.unwrap_err().to_string().contains("keys that it names"));
    let created = store.transact(&[one], |tx| tx.create(&two, counter(3))).await;
    assert_eq!(
        created.unwrap_err().to_string(),
        "somebody else has an entry under the key 00000000-0000-0000-0000-000000000002; name the key, and retry"
    );
    // Which is not the same answer for ever.
    let named = store
        .transact(&[one, two], |tx| tx.create(&two, counter(3)))
        .await;
    assert!(matches!(named, Err(TransactError::Aborted(occupied)) if occupied.existing.count == 2));
}

#[tokio::test]
async fn an_entry_can_be_removed_and_made_anew() {
    let store = store_with(1);
    let mut watch = store.watch(&key(1)).unwrap();
    store.mutate(&key(1), Change::Add(1)).await.unwrap();
    let result: Result<(), TransactError<()>> = store
        .transact(&[key(1)], |tx| {
            tx.mutate(&key(1), Change::Add(1)).unwrap();
            assert_eq!(tx.remove_with_msg(&key(1), "over").unwrap().count, 3);
            assert!(tx.get(&key(1)).is_none());
            // A life within the transaction leaves no trace.
            tx.create(&key(1), counter(50)).unwrap();
            tx.mutate(&key(1), Change::Add(1)).unwrap();
            assert_eq!(tx.remove(&key(1)).unwrap().count, 51);
            tx.create(&key(1), counter(100)).unwrap();
            tx.mutate(&key(1), Change::Add(1)).unwrap();
            tx.create(&key(2), counter(2)).unwrap();
            tx.remove(&key(2)).unwrap();
            Ok(())
        })
        .await;
    result.unwrap();
    for expected in [
        "Mutate { version: 2, .. }",
        "Mutate { version: 3, .. }",
        "Remove { version: 4, .. }",
        "None",
    ] {
        assert_eq!(tell(&mut watch).await, expected);
    }
    let entry = store.fetch(&key(1)).unwrap();
    assert_eq!((entry.count, entry.version()), (101, 6));
    assert_eq!(store.len(), 1);
    drop(store.try_acquire(&key(1)).unwrap());
}

#[test]
fn those_who_wait_get_their_turn_after_the_commit() {
    let store = store_with(2);
    let held = store.try_acquire(&key(2)).unwrap();
    let keys = [key(1), key(2)];
    let mut transaction = spawn(store.transact(&keys, |tx| {
        tx.mutate(&key(1), Change::Add(1)).unwrap();
        tx.remove(&key(2)).unwrap();
        Ok::<_, ()>(())
    }));
    assert_pending!(transaction.poll());
    let mut first = spawn(store.acquire(&keys[0]));
    let mut second = spawn(store.insert(&keys[1], counter(9)));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    drop(held);
    assert_ready!(transaction.poll()).unwrap();
    assert!(first.is_woken());
    assert_eq!(assert_ready!(first.poll()).unwrap().count, 2);
    // `second` had queued behind the transaction; its entry was removed, so it creates one.
    assert!(second.is_woken());
    assert!(assert_ready!(second.poll()).is_none());
    assert_eq!(store.fetch(&key(2)).unwrap().count, 9);
}

#[tokio::test(start_paused = true)]
async fn deadlines_are_staged_too() {
    let options = StoreOptions {
        expire_check_freq: Some(Duration::from_secs(1)),
        expire_mode: ExpireMode::Timeout(Duration::MAX),
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    for number in 1..=3 {
        store.create(&key(number), counter(0)).unwrap();
    }
    store.expire_after(&key(3), Duration::from_secs(5)).unwrap();
    let keys = [key(1), key(2), key(3)];
    let aborted = store.transact(&keys[..1], |tx| {
        tx.expire_after(&key(1), Duration::from_secs(5)).unwrap();
        Err::<(), _>(())
    });
    assert!(aborted.await.is_err());
    let staged = store.transact(&keys[1..], |tx| {
        tx.expire_after(&key(2), Duration::from_secs(5)).unwrap();
        assert!(tx.persist(&key(3)));
        tx.create(&key(4), counter(4)).unwrap();
        tx.expire_at(
            &key(4),
            (tokio::time::Instant::now() + Duration::from_secs(5)).into_std(),
        )
        .unwrap();
        Ok::<_, ()>(())
    });
    staged.await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let left: Vec<bool> = (1..=4).map(|number| store.contains_key(&key(number))).collect();
    assert_eq!(left, [true, false, true, false]);

    let plain = store_with(1);
    let refused = plain.transact(&keys[..1], |tx| tx.expire_after(&key(1), Duration::ZERO));
    assert_eq!(
        refused.await.unwrap_err(),
        TransactError::Aborted(DeadlineError::NoChecks)
    );
}

/// Money moved between accounts is never made or lost, and whoever holds all accounts sees the sum unchanged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_see_all_of_a_transaction_or_nothing() {
    let store = store_with(5);
    let total: i64 = 15;
    let stop = Arc::new(AtomicBool::new(false));
    let movers: Vec<_> = (0..3_u128)
        .map(|me| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..400_u128 {
                    let from = key(1 + (round * 7 + me) % 5);
                    let to = key(1 + (round * 3 + me * 2 + 1) % 5);
                    // A sixth account comes and goes in between.
                    let guest = key(6);
                    let moved = store
                        .transact(&[to, from, guest], |tx: &mut Tx<Counter>| {
                            tx.mutate(&from, Change::Add(-1))?;
                            match tx.remove(&guest) {
                                Some(entry) => tx.mutate(&to, Change::Add(1 + entry.count)).map(drop),
                                None if round % 3 == 0 => {
                                    tx.create(&guest, counter(1)).map_err(|_| MutateError::Missing)
                                }
                                None => tx.mutate(&to, Change::Add(1)).map(drop),
                            }
                        })
                        .await;
                    // Two may have wanted to create the guest at once.
                    assert!(
                        matches!(moved, Ok(()) | Err(TransactError::Occupied(_))),
                        "{moved:?}"
                    );
                }
            })
        })
        .collect();
    let checker = {
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let keys: Vec<_> = (1..=5).map(key).collect();
            let mut checks = 0;
            while !stop.load(Ordering::Relaxed) {
                let guards = store.acquire_many(&keys).await.unwrap();
                let guest = store.fetch(&key(6)).map_or(0, |entry| entry.count);
                let sum: i64 = guards.iter().map(|guard: &EntryGuard<Counter>| guard.count).sum();
                // The guest cannot come or go without an account that is held.
                assert_eq!(sum + guest, total);
                drop(guards);
                // Nor between what a transaction sees of them.
                let all: Vec<_> = (1..=6).map(key).collect();
                let sum = store
                    .transact(&all, |tx| {
                        let counts = all.iter().filter_map(|key| Some(tx.get(key)?.count));
                        Ok::<_, ()>(counts.sum::<i64>())
                    })
                    .await;
                assert_eq!(sum, Ok(total));
                checks += 1;
                tokio::task::yield_now().await;
            }
            checks
        })
    };
    for mover in movers {
        tokio::time::timeout(Duration::from_secs(60), mover)
            .await
            .expect("no deadlock")
            .unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert!(checker.await.unwrap() > 0);
    assert_eq!(store.entries().map(|(_, entry)| entry.count).sum::<i64>(), total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_create_the_same_keys_agree_on_one() {
    for round in 0..200 {
        let store = LiveStore::<Counter>::default();
        let start = Arc::new(tokio::sync::Barrier::new(3));
        let tasks: Vec<_> = (0..3)
            .map(|me| {
                let (store, start) = (store.clone(), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    // Named in different orders, some not at all.
                    let named = [vec![key(1), key(2)], vec![], vec![key(3)]];
                    store
                        .transact(&named[me], |tx| {
                            for number in 1..=3 {
                                tx.create(&key(number), counter(i64::try_from(me).unwrap()))
                                    .map_err(drop)?;
                            }
                            Ok::<_, ()>(())
                        })
                        .await
                        .is_ok()
                })
            })
            .collect();
        let mut won = Vec::new();
        for task in tasks {
            won.push(
                tokio::time::timeout(Duration::from_secs(60), task)
                    .await
                    .expect("no deadlock")
                    .unwrap(),
            );
        }
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "round {round}");
        let winner = i64::try_from(won.iter().position(|won| *won).unwrap()).unwrap();
        assert!(store.entries().all(|(_, entry)| entry.count == winner));
        assert_eq!(store.len(), 3);
    }
}

#[tokio::test]
async fn one_update_per_staged_change_reaches_a_watcher_in_order() {
    let store = store_with(1);
    let mut watch = store.watch(&key(1)).unwrap();
    let result: Result<(), TransactError<()>> = store
        .transact(&[key(1)], |tx| {
            for _ in 0..5 {
                tx.mutate(&key(1), Change::Add(1)).unwrap();
            }
            Ok(())
        })
        .await;
    result.unwrap();
    for step in 2..=6_u64 {
        let Some(Update::Mutate { old, new, .. }) = watch.next().await else {
            panic!("not a mutation")
        };
        assert_eq!((old.version(), new.version()), (step - 1, step));
        assert_eq!(new.count, old.count + 1);
    }
}

/// It saw no entry under the first key, waited for the second, and got it from the commit that created the first.
#[test]
fn a_transaction_sees_what_another_created_in_the_commit_that_it_waited_for() {
    let store = LiveStore::<Counter>::default();
    store.create(&key(2), counter(5)).unwrap();
    let held = store.try_acquire(&key(2)).unwrap();
    let keys = [key(1), key(2)];
    let mut first = spawn(store.transact(&keys, |tx| {
        tx.mutate(&key(2), Change::Add(-1)).unwrap();
        tx.create(&key(1), counter(1)).unwrap();
        Ok::<_, ()>(())
    }));
    let mut second = spawn(store.transact(&keys, |tx| {
        let sum: i64 = keys
            .iter()
            .filter_map(|key| tx.get(key))
            .map(|entry| entry.count)
            .sum();
        Ok::<_, ()>(sum)
    }));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    drop(held);
    assert_ready!(first.poll()).unwrap();
    assert_eq!(assert_ready!(second.poll()).unwrap(), 5);
}

/// Its old slot died while it was waited for, and its new one had the key in the same commit.
#[test]
fn a_key_that_a_transaction_replaces_is_never_without_an_entry() {
    let store = LiveStore::<Counter>::default();
    store.create(&key(1), counter(0)).unwrap();
    let writer = {
        let store = store.clone();
        std::thread::spawn(move || {
            let keys = [key(1)];
            for _ in 0..20_000 {
                let mut replaced = spawn(tokio::task::unconstrained(store.transact(&keys, |tx| {
                    tx.remove(&key(1)).unwrap();
                    tx.create(&key(1), counter(0)).map_err(drop)
                })));
                assert_ready!(replaced.poll()).unwrap();
            }
        })
    };
    while !writer.is_finished() {
        assert!(store.fetch(&key(1)).is_some());
    }
    writer.join().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_transaction_creates_expires_as_the_store_says() {
    let options = StoreOptions {
        expire_check_freq: Some(Duration::from_secs(1)),
        expire_mode: ExpireMode::Timeout(Duration::from_secs(5)),
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    store.create(&key(2), counter(0)).unwrap();
    let keys = [key(2)];
    let made: Result<(), TransactError<()>> = store
        .transact(&keys, |tx| {
            tx.create(&key(1), counter(0)).unwrap();
            tx.remove(&key(2)).unwrap();
            tx.create(&key(2), counter(0)).unwrap();
            Ok(())
        })
        .await;
    made.unwrap();
    assert!(store.fetch(&key(1)).unwrap().expires_at().is_some());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(store.is_empty());
}

/// A loop over them kept all other tasks of the thread from running.
#[tokio::test]
async fn calls_that_name_no_key_take_of_the_budget_as_well() {
    let store = store_with(0);
    let mut new = 0;
    let mut calls = 0;
    tokio::task::yield_now().await;
    while spawn(store.transact(&[], |tx| {
        new += 1;
        tx.create(&key(new), counter(0)).map_err(drop)
    }))
    .poll()
    .is_ready()
    {
        calls += 1;
        assert!(calls < 1000);
    }
    assert!(calls > 0 && store.len() == calls);
    calls = 0;
    tokio::task::yield_now().await;
    while spawn(store.acquire_many(&[])).poll().is_ready() {
        calls += 1;
        assert!(calls < 1000);
    }
    assert!(calls > 0);
    assert!(store.acquire_many(&[]).await.unwrap().is_empty());
}
