//! Watching every entry: creations, one order per entry, lag as one resync per key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use livestore::{ExpireMode, LiveStore, LiveValue, Shared, StoreOptions, Update, Uuid, WatchAll};
use livestore_tests::{Change, Counter, counter, store_with_cap};
use tokio::task::unconstrained;
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

fn key(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// What there is now, as "key kind version".
fn drain(all: &mut WatchAll<Counter>) -> Vec<String> {
    let mut told = Vec::new();
    while let std::task::Poll::Ready(Some((key, update))) = spawn(unconstrained(all.next())).poll() {
        let kind = format!("{update:?}");
        let kind = kind.split(' ').next().unwrap();
        told.push(format!("{} {kind} {}", key.as_u128(), update.version()));
    }
    told
}

#[tokio::test]
async fn every_kind_of_update_comes_with_its_key() {
    let store = LiveStore::default();
    let mut all = store.watch_all();
    store.create(&key(1), counter(0)).unwrap();
    store.insert(&key(2), counter(0)).await;
    store.mutate(&key(1), Change::Add(1)).await.unwrap();
    let _ = store.mutate(&key(1), Change::Refuse).await.unwrap_err();
    assert_eq!(store.broadcast(&key(2), "hello").unwrap(), 1);
    store.insert(&key(2), counter(5)).await;
    let mut guard = store.acquire(&key(1)).await.unwrap();
    guard.set(counter(9));
    guard.delete();
    store.create(&key(1), counter(1)).unwrap();
    assert!(store.create(&key(1), counter(1)).is_err());
    store.remove(&key(2)).await.unwrap();
    let named = [key(1)];
    let made = store.transact(&named, |tx| {
        tx.create(&key(3), counter(3)).unwrap();
        tx.mutate(&key(1), Change::Add(1)).map(drop)
    });
    assert!(made.await.is_ok());
    assert_eq!(
        drain(&mut all),
        [
            "1 Create 1",
            "2 Create 1",
            "1 Mutate 2",
            "2 Message 1",
            "2 Overwrite 2",
            "1 Overwrite 3",
            "1 Remove 4",
            "1 Create 5",
            "2 Remove 3",
            "1 Mutate 6",
            "3 Create 5",
        ]
    );
    assert_pending!(spawn(all.next()).poll());
}

#[tokio::test]
async fn a_waiting_watcher_of_all_is_woken_and_the_end_of_the_store_is_none() {
    let store = LiveStore::default();
    let mut all = store.watch_all();
    let mut next = spawn(all.next());
    assert_pending!(next.poll());
    let made = store.init(counter(3));
    assert!(next.is_woken());
    assert!(
        matches!(assert_ready!(next.poll()), Some((key, Update::Create { new })) if key == made && new.count == 3)
    );
    drop(next);
    store.mutate(&made, Change::Add(1)).await.unwrap();
    drop(store);
    // It does not keep the store open, and what was under way is delivered.
    let left: Vec<_> = all.collect().await;
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn the_snapshot_and_the_updates_fit_together() {
    let store = LiveStore::default();
    for number in 1..=3 {
        store.create(&key(number), counter(0)).unwrap();
    }
    let (mut entries, mut all) = store.entries_and_watch_all();
    entries.sort_by_key(|(key, _)| *key);
    let entries: Vec<_> = entries
        .iter()
        .map(|(key, entry)| (key.as_u128(), entry.version()))
        .collect();
    assert_eq!(entries, [(1, 1), (2, 1), (3, 1)]);
    store.mutate(&key(2), Change::Add(1)).await.unwrap();
    store.create(&key(4), counter(0)).unwrap();
    assert_eq!(drain(&mut all), ["2 Mutate 2", "4 Create 1"]);
}

#[tokio::test]
async fn who_lags_gets_one_resync_per_key_that_was_missed() {
    // Sixteen times one.
    let store = store_with_cap(1);
    for number in 1..=5 {
        store.create(&key(number), counter(0)).unwrap();
    }
    let mut all = store.watch_all();
    for _ in 0..5 {
        store.mutate(&key(1), Change::Add(1)).await.unwrap();
        store.mutate(&key(2), Change::Add(1)).await.unwrap();
    }
    store.remove(&key(2)).await.unwrap();
    store.mutate(&key(3), Change::Add(1)).await.unwrap();
    store.remove(&key(3)).await.unwrap();
    store.create(&key(3), counter(30)).unwrap();
    // Comes and goes within the lag: never heard of.
    store.create(&key(9), counter(9)).unwrap();
    store.remove(&key(9)).await.unwrap();
    // Sixteen have filled the queue; this one folds it, and is itself no part of the lag.
    store.create(&key(8), counter(8)).unwrap();
    store.mutate(&key(1), Change::Add(1)).await.unwrap();
    store.mutate(&key(4), Change::Add(1)).await.unwrap();

    let mut told = drain(&mut all);
    told.sort();
    // Key 5 was not touched. Key 4 came after the folding. Key 2 ends with what it ended with.
    assert_eq!(
        told,
        [
            "1 Resync 7",
            "2 Remove 7",
            "2 Resync 7",
            "3 Resync 8",
            "4 Mutate 2",
            "8 Create 10"
        ],
    );
    store.mutate(&key(1), Change::Add(1)).await.unwrap();
    store.mutate(&key(8), Change::Add(1)).await.unwrap();
    assert_eq!(drain(&mut all), ["1 Mutate 8", "8 Mutate 11"]);
}

/// The end of an entry was counted as missed, and told.
#[tokio::test]
async fn what_was_missed_and_what_was_told_is_all_there_was() {
    let store = store_with_cap(1);
    for number in 1..=3 {
        store.create(&key(number), counter(0)).unwrap();
    }
    let mut all = store.watch_all();
    for _ in 0..10 {
        store.mutate(&key(1), Change::Add(1)).await.unwrap();
        store.broadcast(&key(2), "hello").unwrap();
    }
    for number in 1..=3 {
        store.remove(&key(number)).await.unwrap();
    }
    // Another sixteen, so that all that is above has been missed.
    store.create(&key(4), counter(0)).unwrap();
    for _ in 0..16 {
        store.mutate(&key(4), Change::Add(1)).await.unwrap();
    }
    let mut told = BTreeMap::<_, (u64, Vec<_>)>::new();
    while let Some((key, update)) = all.try_next() {
        let (updates, kinds) = told.entry(key.as_u128()).or_default();
        *updates += match update {
            Update::Resync { missed, .. } => missed,
            _ => 1,
        };
        kinds.push(match update {
            Update::Resync { .. } => "resync",
            ref end if end.is_end() => "end",
            _ => "other",
        });
    }
    assert_eq!(told[&1], (11, vec!["resync", "end"]));
    assert_eq!(told[&2], (11, vec!["resync", "end"]));
    // Nothing was missed but the end, and that is told.
    assert_eq!(told[&3], (1, vec!["end"]));
    assert_eq!(told[&4].0, 17);
    assert_eq!(store.stats().lagged, 3);
}

#[tokio::test]
async fn memory_of_one_who_never_reads_is_bounded_by_the_store() {
    let store = store_with_cap(1);
    let kept = store.init(counter(0));
    let all = store.watch_all();
    let mut values = Vec::new();
    for _ in 0..1000 {
        let made = store.init(counter(1));
        let entry = store.mutate(&made, Change::Add(1)).await.unwrap();
        values.push(entry.value().clone());
        drop(entry);
        store.remove(&made).await.unwrap();
        store.mutate(&kept, Change::Add(1)).await.unwrap();
    }
    let alive = values.iter().filter(|value| Shared::count(value) > 1).count();
    assert!(alive <= 16, "{alive} values of removed entries are kept");
    drop(all);
    assert_eq!(values.iter().filter(|value| Shared::count(value) > 1).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn expiry_is_told_too_and_watching_all_is_no_use_of_an_entry() {
    let options = StoreOptions {
        expire_check_freq: Some(Duration::from_secs(1)),
        expire_mode: ExpireMode::Idle(Duration::from_secs(5)),
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    let mut all = store.watch_all();
    let made = store.init(counter(1));
    assert!(matches!(all.next().await, Some((_, Update::Create { .. }))));
    assert!(
        matches!(all.next().await, Some((key, Update::Expire { val, .. })) if key == made && val.count == 1)
    );
}

/// Keeps a copy of the store by what it is told.
#[derive(Default)]
struct Replica(BTreeMap<Uuid, (u64, i64)>);

impl Replica {
    fn follow(&mut self, key: Uuid, update: &Update<Counter>) {
        let entry = update.entry();
        let next = (entry.version(), entry.count);
        match update {
            Update::Create { .. } => {
                let before = self.0.insert(key, next);
                assert!(before.is_none(), "created twice");
            }
            Update::Mutate { old, .. } | Update::Overwrite { old, .. } => {
                let before = self.0.insert(key, next);
                assert_eq!(before, Some((old.version(), old.count)), "a gap");
            }
            Update::Message { .. } => assert_eq!(self.0.get(&key), Some(&next), "a message out of order"),
            Update::Resync { .. } => {
                self.0.insert(key, next);
            }
            Update::Remove { .. } | Update::Expire { .. } => {
                assert!(self.0.remove(&key).is_some(), "the end of something unknown");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_follows_is_the_store_in_the_end_however_slow_it_is() {
    for (round, pause) in [(0, 0), (1, 3), (2, 40)]
        .into_iter()
        .cycle()
        .take(12)
        .enumerate()
        .map(|(n, (_, p))| (n, p))
    {
        let store = store_with_cap(2);
        for number in 1..=4 {
            store.create(&key(number), counter(0)).unwrap();
        }
        let writers: Vec<_> = (0..3_u128)
            .map(|me| {
                let store = store.clone();
                tokio::spawn(async move {
                    for step in 0..600_u128 {
                        let key = key(1 + (step * 5 + me * 3 + step / 7) % 6);
                        match (step * 11 + me) % 9 {
                            0 => drop(store.remove(&key).await),
                            1 | 2 => drop(store.create(&key, counter(0))),
                            3 => drop(store.insert(&key, counter(7)).await),
                            4 => drop(store.broadcast(&key, "hello")),
                            _ => drop(store.mutate(&key, Change::Add(1)).await),
                        }
                        if step % 16 == 0 {
                            tokio::task::yield_now().await;
                        }
                    }
                })
            })
            .collect();
        let follower = {
            let store = store.clone();
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                let (entries, mut all) = store.entries_and_watch_all();
                drop(store);
                let mut replica = Replica::default();
                for (key, entry) in entries {
                    replica.0.insert(key, (entry.version(), entry.count));
                }
                let mut taken = 0;
                while let Some((key, update)) = all.next().await {
                    if matches!(&update, Update::Message { msg: "stop", .. }) {
                        break;
                    }
                    replica.follow(key, &update);
                    taken += 1;
                    if pause > 0 && taken % pause == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                // What was still under way.
                while let std::task::Poll::Ready(Some((key, update))) =
                    spawn(unconstrained(all.next())).poll()
                {
                    replica.follow(key, &update);
                }
                replica
            })
        };
        for writer in writers {
            writer.await.unwrap();
        }
        // Until it has got the word, which lag may swallow.
        while !follower.is_finished() {
            let end = store.init(counter(0));
            store.broadcast(&end, "stop").unwrap();
            store.remove(&end).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut replica = follower.await.unwrap();
        let truth: BTreeMap<_, _> = store
            .entries()
            .map(|(key, entry)| (key, (entry.version(), entry.count)))
            .collect();
        // The one whose message said stop may have been under way.
        replica
            .0
            .retain(|key, _| truth.contains_key(key) || key.as_u128() <= 6);
        assert_eq!(replica.0, truth, "round {round}");
    }
}

/// What was created while the snapshot was taken is in it, though its creation was missed.
#[test]
fn the_end_of_what_the_snapshot_contains_is_told() {
    for round in 0..4 {
        let store = store_with_cap(1);
        for number in 0..20_000 {
            store.create(&key(1_000_000 + number), counter(0)).unwrap();
        }
        let stop = Arc::new(AtomicBool::new(false));
        let writer = {
            let (store, stop) = (store.clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut made = Vec::new();
                while !stop.load(Ordering::Relaxed) && made.len() < 50_000 {
                    made.push(store.init(counter(0)));
                }
                made
            })
        };
        let (entries, mut all) = store.entries_and_watch_all();
        stop.store(true, Ordering::Relaxed);
        let mut known: BTreeSet<Uuid> = entries.into_iter().map(|(key, _)| key).collect();
        for made in writer.join().unwrap() {
            assert_ready!(spawn(unconstrained(store.remove(&made))).poll()).unwrap();
        }
        while let std::task::Poll::Ready(Some((key, update))) = spawn(unconstrained(all.next())).poll() {
            if update.is_end() {
                known.remove(&key);
            } else {
                known.insert(key);
            }
        }
        assert_eq!(known, store.keys().collect(), "round {round}");
    }
}

#[derive(Clone, LiveValue)]
struct Points {
    points: u64,
}

/// Whoever begins to watch everything takes no entry's lock, so it may begin in the middle of a change.
#[test]
fn watching_all_may_begin_while_a_value_is_changed_in_place() {
    let store = LiveStore::<Points>::default();
    let key = store.init(Points { points: 0 });
    let writer = {
        let store = store.clone();
        std::thread::spawn(move || {
            for points in 1..=50_000 {
                let change = PointsMutation::SetPoints(points);
                drop(assert_ready!(
                    spawn(unconstrained(store.mutate(&key, change))).poll()
                ));
            }
        })
    };
    while !writer.is_finished() {
        drop(store.watch_all());
    }
    writer.join().unwrap();
    let entry = store.fetch(&key).unwrap();
    assert_eq!((entry.points, entry.version()), (50_000, 50_001));
}

/// A key that is missed again and again must not be answered before all others each time.
#[test]
fn a_hot_key_does_not_keep_the_others_from_being_answered() {
    let store = store_with_cap(1);
    for number in 0..40 {
        store.create(&key(number), counter(0)).unwrap();
    }
    for hot in 0..40 {
        let mut all = store.watch_all();
        for number in 0..40 {
            store.broadcast(&key(number), "hello").unwrap();
        }
        let mut answered = BTreeSet::new();
        for _ in 0..80 {
            // More than the queue holds, so that the hot key is missed once more.
            for _ in 0..20 {
                store.broadcast(&key(hot), "hello").unwrap();
            }
            if let std::task::Poll::Ready(Some((key, _))) = spawn(unconstrained(all.next())).poll() {
                answered.insert(key);
            }
        }
        assert_eq!(answered.len(), 40, "key {hot} is hot");
    }
}

#[test]
fn one_who_has_lagged_when_the_store_ends_gets_none() {
    livestore_tests::must_not_hang(|| {
        let store = store_with_cap(1);
        let key = store.init(counter(0));
        let mut all = store.watch_all();
        for _ in 0..40 {
            store.broadcast(&key, "hello").unwrap();
        }
        drop(store);
        while assert_ready!(spawn(unconstrained(all.next())).poll()).is_some() {}
    });
}
