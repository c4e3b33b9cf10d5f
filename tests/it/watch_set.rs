//! Watching many entries with one receiver: each as by a watch of its own, none before its turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use livestore::{
    Entry, ExpireMode, LiveStore, LiveValue, Shared, StoreOptions, Update, Uuid, Watch, WatchSet,
};
use livestore_tests::{Change, Counter, Dice, counter, store_with_cap};
use tokio::task::unconstrained;
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

fn key(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A store with the entries of the first keys, and a set that watches them.
fn watched(entries: u128, cap: usize) -> (LiveStore<Counter>, WatchSet<Counter>) {
    let store = store_with_cap(cap);
    let mut set = store.watch_set();
    for number in 0..entries {
        store.create(&key(number), counter(0)).unwrap();
        assert_eq!(set.add(&key(number)).unwrap().version(), 1);
    }
    (store, set)
}

/// What an update is, without its values: "kind version".
fn short<V: LiveValue>(update: &Update<V>) -> String {
    let kind = format!("{update:?}");
    format!("{} {}", kind.split(' ').next().unwrap(), update.version())
}

/// What there is now, as "key kind version".
fn drain(set: &mut WatchSet<Counter>) -> Vec<String> {
    let mut told = Vec::new();
    while let Poll::Ready(Some((key, update))) = spawn(unconstrained(set.next())).poll() {
        told.push(format!("{} {}", key.as_u128(), short(&update)));
    }
    told
}

async fn add(store: &LiveStore<Counter>, number: u128, times: usize) {
    for _ in 0..times {
        store.mutate(&key(number), Change::Add(1)).await.unwrap();
    }
}

#[tokio::test]
async fn each_entry_is_told_without_a_gap_from_when_it_was_added() {
    let (store, mut set) = watched(2, 64);
    add(&store, 0, 1).await;
    store.broadcast(&key(1), "between").unwrap();
    store.insert(&key(1), counter(5)).await;
    store.create(&key(2), counter(0)).unwrap();
    add(&store, 2, 3).await;
    let now = set.add(&key(2)).unwrap();
    assert_eq!((now.version(), now.count), (4, 3));
    add(&store, 2, 1).await;
    store.rollback(&key(0), 2).await.unwrap();
    let mut told = drain(&mut set);
    told.sort();
    assert_eq!(
        told,
        [
            "0 Mutate 2",
            "0 Rollback 3",
            "1 Message 1",
            "1 Overwrite 2",
            "2 Mutate 5"
        ]
    );
    assert!(set.add(&key(9)).is_none() && set.add_since(&key(9), 1).is_none());
    assert_eq!(set.len(), 3);
}

#[tokio::test]
async fn an_entry_whose_end_was_told_is_no_longer_in_the_set() {
    let (store, mut set) = watched(2, 64);
    add(&store, 0, 1).await;
    store.remove(&key(0)).await.unwrap();
    // Another life of the key, which the set does not watch.
    store.create(&key(0), counter(7)).unwrap();
    add(&store, 0, 1).await;
    assert!(set.contains(&key(0)));
    assert_eq!(drain(&mut set), ["0 Mutate 2", "0 Remove 3"]);
    assert!(!set.contains(&key(0)) && set.keys().eq([&key(1)]));
    assert_eq!(set.add(&key(0)).unwrap().version(), 5);
    add(&store, 0, 1).await;
    assert_eq!(drain(&mut set), ["0 Mutate 6"]);

    store.remove(&key(0)).await.unwrap();
    store.remove(&key(1)).await.unwrap();
    assert_eq!(drain(&mut set).len(), 2);
    assert!(set.is_empty());
    assert!(assert_ready!(spawn(set.next()).poll()).is_none());
    // Nothing in it, and usable all the same.
    store.create(&key(3), counter(0)).unwrap();
    set.add(&key(3)).unwrap();
    let mut next = spawn(set.next());
    assert_pending!(next.poll());
    add(&store, 3, 1).await;
    assert!(next.is_woken());
    assert!(assert_ready!(next.poll()).is_some_and(|(told, _)| told == key(3)));
}

#[tokio::test]
async fn when_the_store_ends_what_was_under_way_is_told_and_nothing_else() {
    for close in [false, true] {
        let (store, mut set) = watched(3, 64);
        add(&store, 1, 2).await;
        let mut other = spawn(store.watch_set());
        other.add(&key(2)).unwrap();
        assert_pending!(other.poll_next());
        if close {
            store.close().await.unwrap();
        } else {
            drop(store);
        }
        assert_eq!(drain(&mut set), ["1 Mutate 2", "1 Mutate 3"]);
        assert!(set.next().await.is_none() && set.is_empty());
        assert!(set.add(&key(1)).is_none());
        assert!(other.is_woken());
        assert!(assert_ready!(other.poll_next()).is_none());
    }
}

/// An entry that is always ahead would otherwise be the only one to be told.
#[tokio::test]
async fn a_hot_entry_keeps_nobody_waiting() {
    let (store, mut set) = watched(40, 1000);
    add(&store, 7, 500).await;
    for number in 0..40 {
        add(&store, number, 1).await;
    }
    let mut first = Vec::new();
    for _ in 0..41 {
        let (told, _) = set.try_next().unwrap();
        first.push(told.as_u128());
        // It goes on meanwhile.
        add(&store, 7, 1).await;
    }
    first.sort_unstable();
    first.dedup();
    assert_eq!(first, (0..40).collect::<Vec<_>>());
}

/// A place in the set that was left while it had news was given to the next who came, who then had the turn of who had left.
#[tokio::test]
async fn who_is_added_again_does_not_step_before_those_who_wait() {
    let (store, mut set) = watched(4, 64);
    add(&store, 0, 1).await;
    set.remove(&key(0));
    add(&store, 1, 1).await;
    add(&store, 2, 1).await;
    set.add(&key(3)).unwrap();
    add(&store, 3, 1).await;
    assert_eq!(drain(&mut set), ["1 Mutate 2", "2 Mutate 2", "3 Mutate 2"]);
    // The place that was left is given to others, but later.
    set.add(&key(0)).unwrap();
    add(&store, 0, 1).await;
    assert_eq!(drain(&mut set), ["0 Mutate 3"]);
}

#[tokio::test]
async fn a_set_that_was_emptied_is_as_good_as_new() {
    let (store, mut set) = watched(300, 64);
    for number in 0..300 {
        add(&store, number, 1).await;
    }
    set.clear();
    assert!(set.is_empty() && set.try_next().is_none());
    assert_eq!(store.stats().watchers, 0);
    for round in 0..3 {
        for number in 0..200 {
            set.add(&key(number)).unwrap();
            add(&store, number, 1).await;
        }
        assert_eq!((set.len(), set.keys().count()), (200, 200));
        if round == 1 {
            set.clear();
            continue;
        }
        for number in 0..200 {
            let (told, _) = set.try_next().unwrap();
            assert_eq!(told, key(number));
        }
        for number in 0..200 {
            assert!(set.remove(&key(number)));
        }
    }
    assert!(set.try_next().is_none());
}

#[tokio::test]
async fn lag_is_told_for_the_entry_that_has_it_and_for_no_other() {
    let (store, mut set) = watched(2, 4);
    add(&store, 0, 10).await;
    add(&store, 1, 4).await;
    let mut told = drain(&mut set);
    told.sort();
    assert_eq!(
        told,
        [
            "0 Resync 11",
            "1 Mutate 2",
            "1 Mutate 3",
            "1 Mutate 4",
            "1 Mutate 5"
        ]
    );
    assert_eq!(store.stats().lagged, 1);
    add(&store, 0, 10).await;
    store.remove(&key(0)).await.unwrap();
    assert_eq!(drain(&mut set), ["0 Resync 22", "0 Remove 22"]);
}

#[tokio::test]
async fn of_an_entry_that_was_removed_nothing_more_is_told() {
    let (store, mut set) = watched(3, 64);
    add(&store, 0, 3).await;
    add(&store, 2, 1).await;
    assert!(set.remove(&key(0)) && !set.remove(&key(0)) && !set.contains(&key(0)));
    // Its place is another's now, which is said to have news and has none.
    store.create(&key(5), counter(0)).unwrap();
    set.add(&key(5)).unwrap();
    assert_eq!(drain(&mut set), ["2 Mutate 2"]);
    add(&store, 0, 1).await;
    add(&store, 5, 1).await;
    assert_eq!(drain(&mut set), ["5 Mutate 2"]);
    let watchers = store.stats().watchers;
    assert_eq!(watchers, 3);
    add(&store, 1, 1).await;
    set.clear();
    assert!(set.is_empty() && set.try_next().is_none());
    assert_eq!(store.stats().watched_entries, 0);
    assert_eq!(set.add(&key(1)).unwrap().version(), 2);
    add(&store, 1, 1).await;
    assert_eq!(drain(&mut set), ["1 Mutate 3"]);
    drop(set);
    assert_eq!((store.stats().watchers, store.stats().watched_entries), (0, 0));
}

#[tokio::test]
async fn an_entry_that_is_added_again_begins_anew() {
    let (store, mut set) = watched(2, 64);
    add(&store, 0, 3).await;
    assert_eq!(set.add(&key(0)).unwrap().version(), 4);
    assert_eq!((set.len(), store.stats().watchers), (2, 2));
    assert!(set.try_next().is_none());
    add(&store, 0, 1).await;
    assert_eq!(drain(&mut set), ["0 Mutate 5"]);
    // Where there is nothing to begin with, the end is still to be told.
    store.remove(&key(0)).await.unwrap();
    assert!(set.add(&key(0)).is_none());
    assert_eq!(set.latest(&key(0)).unwrap().version(), 6);
    assert_eq!(drain(&mut set), ["0 Remove 6"]);
    assert!(set.latest(&key(0)).is_none());
}

#[tokio::test]
async fn an_entry_can_be_added_as_if_it_had_been_there_before() {
    let options = StoreOptions {
        history: 4,
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    store.create(&key(0), counter(0)).unwrap();
    store.create(&key(1), counter(0)).unwrap();
    add(&store, 0, 8).await;
    add(&store, 1, 1).await;
    let mut set = store.watch_set();
    assert_eq!(set.add_since(&key(0), 7).unwrap().version(), 9);
    assert_eq!(set.add_since(&key(1), 2).unwrap().version(), 2);
    assert_eq!(drain(&mut set), ["0 Mutate 8", "0 Mutate 9"]);
    add(&store, 0, 1).await;
    add(&store, 1, 1).await;
    let mut told = drain(&mut set);
    told.sort();
    assert_eq!(told, ["0 Mutate 10", "1 Mutate 3"]);
    // Further back than is kept.
    assert_eq!(set.add_since(&key(0), 2).unwrap().version(), 10);
    let (told, update) = set.next().await.unwrap();
    assert!(told == key(0) && matches!(update, Update::Resync { missed: 8, ref now } if now.version() == 10));
    // What was replayed in part is dropped with the rest.
    set.add_since(&key(0), 7).unwrap();
    assert!(set.try_next().is_some());
    assert!(set.remove(&key(0)));
    assert!(set.try_next().is_none());
}

#[tokio::test]
async fn one_waker_is_woken_once_for_what_comes_and_not_for_what_left() {
    let (store, set) = watched(3, 64);
    let mut set = spawn(set);
    assert_pending!(set.poll_next());
    set.remove(&key(0));
    add(&store, 0, 1).await;
    assert!(!set.is_woken());
    add(&store, 1, 2).await;
    add(&store, 2, 2).await;
    assert!(set.is_woken());
    for _ in 0..4 {
        assert!(assert_ready!(set.poll_next()).is_some());
    }
    assert_pending!(set.poll_next());
    assert!(!set.is_woken());
    // What it gets by being added to concerns who has polled it.
    let options = StoreOptions {
        history: 4,
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    for number in 0..2 {
        store.create(&key(number), counter(0)).unwrap();
    }
    add(&store, 1, 1).await;
    let mut set = spawn(store.watch_set());
    set.add(&key(0)).unwrap();
    assert_pending!(set.poll_next());
    set.add_since(&key(1), 1).unwrap();
    assert!(set.is_woken());
    assert_eq!(assert_ready!(set.poll_next()).unwrap().0, key(1));
}

#[tokio::test]
async fn a_dropped_future_has_taken_nothing() {
    let (store, mut set) = watched(2, 64);
    for _ in 0..3 {
        let mut next = spawn(set.next());
        assert_pending!(next.poll());
    }
    add(&store, 0, 1).await;
    drop(spawn(set.next()));
    drop(set.next_shared());
    assert_eq!(drain(&mut set), ["0 Mutate 2"]);
    // The waker of the last poll is the one that counts.
    let mut first = spawn(set);
    assert_pending!(first.poll_next());
    let mut second = spawn(first.into_inner());
    assert_pending!(second.poll_next());
    add(&store, 1, 1).await;
    assert!(second.is_woken());
}

#[tokio::test]
async fn it_gives_way_when_the_budget_is_used_up_and_try_next_does_not() {
    let (store, mut set) = watched(300, 64);
    for number in 0..300 {
        add(&store, number, 1).await;
    }
    let mut told = 0;
    tokio::task::yield_now().await;
    while let Poll::Ready(Some(_)) = spawn(set.next()).poll() {
        told += 1;
    }
    assert!((1..300).contains(&told), "{told}");
    while set.try_next().is_some() {
        told += 1;
    }
    assert_eq!(told, 300);
}

/// A loop over it kept all other tasks of the thread from running.
#[tokio::test]
async fn an_empty_set_takes_of_the_budget_as_well() {
    let mut set = store_with_cap(64).watch_set();
    tokio::task::yield_now().await;
    let mut asked = 0;
    while let Poll::Ready(None) = spawn(set.next()).poll() {
        asked += 1;
        assert!(asked < 1000);
    }
    assert!(asked > 0);
    assert!(set.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_in_a_set_is_watched_and_does_not_expire() {
    let store = LiveStore::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            expire_mode: ExpireMode::Idle(Duration::from_secs(10)),
            ..Default::default()
        })
        .done();
    store.create(&key(0), counter(0)).unwrap();
    store.create(&key(1), counter(0)).unwrap();
    let mut set = store.watch_set();
    set.add(&key(0)).unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(store.len(), 1);
    store.expire_after(&key(0), Duration::from_secs(5)).unwrap();
    let (told, update) = set.next().await.unwrap();
    assert!(told == key(0) && matches!(update, Update::Expire { .. }));
    assert!(set.next().await.is_none());
}

/// Counts its clones, one of which may panic.
struct Loud(Arc<Noise>);

#[derive(Default)]
struct Noise {
    clones: AtomicUsize,
    panics: AtomicBool,
}

impl Clone for Loud {
    fn clone(&self) -> Self {
        self.0.clones.fetch_add(1, Ordering::SeqCst);
        assert!(!self.0.panics.swap(false, Ordering::SeqCst), "cloned");
        Loud(Arc::clone(&self.0))
    }
}

#[derive(Clone)]
struct Quiet;

impl LiveValue for Quiet {
    type Message = Loud;
    type Mutation = Loud;
    type MutError = ();

    fn mutate(_: &Entry<Self>, _: &Loud) -> Result<Self, ()> {
        Ok(Quiet)
    }
}

#[tokio::test]
async fn a_shared_update_is_one_for_all_and_is_not_cloned() {
    let noise = Arc::new(Noise::default());
    let store = LiveStore::default();
    let key = store.init(Quiet);
    let (mut one, mut other) = (store.watch_set(), store.watch_set());
    one.add(&key).unwrap();
    other.add(&key).unwrap();
    let mut watch = store.watch(&key).unwrap();
    let mut all = store.watch_all();
    store.mutate(&key, Loud(Arc::clone(&noise))).await.unwrap();
    store.broadcast(&key, Loud(Arc::clone(&noise))).unwrap();
    let before = noise.clones.load(Ordering::SeqCst);
    for _ in 0..2 {
        let (_, first) = one.next_shared().await.unwrap();
        let (_, second) = other.try_next_shared().unwrap();
        let third = watch.next_shared().await.unwrap();
        let (_, fourth) = all.next_shared().await.unwrap();
        assert!(Shared::ptr_eq(&first, &second) && Shared::ptr_eq(&first, &third));
        assert!(Shared::ptr_eq(&first, &fourth));
        assert_eq!(short(&first), short(&Shared::clone(&first)));
    }
    assert_eq!(noise.clones.load(Ordering::SeqCst), before);
    assert!(watch.try_next_shared().is_none() && all.try_next_shared().is_none());
    // Whoever has the last one has it without a clone.
    store.broadcast(&key, Loud(Arc::clone(&noise))).unwrap();
    let (_, shared) = one.try_next_shared().unwrap();
    drop((other, watch, all));
    assert!(matches!(Shared::unwrap_or_clone(shared), Update::Message { .. }));
    assert_eq!(noise.clones.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn an_update_whose_clone_panics_is_still_there() {
    let noise = Arc::new(Noise::default());
    let store = LiveStore::default();
    let (key, other) = (store.init(Quiet), store.init(Quiet));
    let mut set = store.watch_set();
    set.add(&key).unwrap();
    set.add(&other).unwrap();
    // So that a clone is needed.
    let _watch = store.watch(&key).unwrap();
    store.broadcast(&key, Loud(Arc::clone(&noise))).unwrap();
    store.broadcast(&other, Loud(Arc::clone(&noise))).unwrap();
    noise.panics.store(true, Ordering::SeqCst);
    let mut set = std::panic::AssertUnwindSafe(set);
    let panicked = std::panic::catch_unwind(|| {
        let mut set = set;
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| set.try_next())).unwrap_err();
        set
    });
    set = panicked.unwrap();
    let mut told = Vec::new();
    while let Some((key, _)) = set.try_next() {
        told.push(key);
    }
    assert_eq!(told, [key, other]);
}

/// What a watcher has now, without waiting for more.
fn drain_one(watch: &mut Watch<Counter>) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(update) = watch.try_next() {
        told.push(short(&update));
    }
    told
}

/// Random work, in which every entry of a set is told what a watch of its own is told.
#[tokio::test]
async fn a_set_tells_what_as_many_watches_tell() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let store = LiveStore::new()
            .with_options(StoreOptions {
                channel_cap: 1 + dice.below(6),
                history: dice.below(2) * 3,
                ..Default::default()
            })
            .done();
        let mut set = store.watch_set();
        // The watches, and what the set has told of the same life of a key.
        let mut watches: BTreeMap<Uuid, (Watch<Counter>, Vec<String>)> = BTreeMap::new();
        for _ in 0..150 {
            let key = key(dice.below(5) as u128);
            match dice.below(12) {
                0 => drop(store.create(&key, counter(0))),
                1 => drop(store.remove(&key).await),
                2 => drop(store.broadcast(&key, "said")),
                3 => drop(store.insert(&key, counter(3)).await),
                4 if set.contains(&key) => {
                    assert!(set.remove(&key));
                    watches.remove(&key);
                }
                4 | 5 => {
                    let version = store.fetch(&key).map_or(0, |now| now.version()).saturating_sub(1);
                    let since = dice.below(2) == 0;
                    let added = match since {
                        true => set.add_since(&key, version),
                        false => set.add(&key),
                    };
                    let watch = match since {
                        true => store.watch_since(&key, version),
                        false => store.watch(&key),
                    };
                    assert_eq!(added.is_some(), watch.is_some());
                    if let Some(watch) = watch {
                        watches.insert(key, (watch, Vec::new()));
                    }
                }
                6 => {
                    // All at once, as what a watch lags behind depends on when it is read.
                    while let Some((key, update)) = set.try_next() {
                        watches.get_mut(&key).unwrap().1.push(short(&update));
                    }
                    for (key, (watch, told)) in &mut watches {
                        assert_eq!(*told, drain_one(watch), "seed {seed}");
                        told.clear();
                        assert_eq!(set.contains(key), !watch.is_over());
                    }
                    watches.retain(|_, (watch, _)| !watch.is_over());
                    assert!(set.keys().all(|key| watches.contains_key(key)));
                    assert_eq!(set.len(), watches.len());
                }
                _ => drop(store.mutate(&key, Change::Add(1)).await),
            }
        }
        assert_eq!(store.stats().watchers, 2 * set.len());
        drop((set, watches));
        assert_eq!(store.stats().watchers, 0);
    }
}

#[tokio::test]
async fn it_is_a_stream_and_does_not_keep_the_store_open() {
    let (store, mut set) = watched(1, 64);
    let mut updates = (&mut set).map(|(_, update)| update.version());
    add(&store, 0, 1).await;
    assert_eq!(updates.next().await, Some(2));
    drop(store);
    assert_eq!(updates.next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_that_is_read_while_all_is_changed_follows_every_entry() {
    const KEYS: u128 = 50;
    const TIMES: u64 = 200;
    let (store, mut set) = watched(KEYS, 8);
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for turn in 0..TIMES {
                    for number in 0..KEYS {
                        // The two work on different halves at a time, and both on all.
                        let number = (number + writer * KEYS / 2) % KEYS;
                        store.mutate(&key(number), Change::Add(1)).await.unwrap();
                    }
                    if turn % 16 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    let mut seen = BTreeMap::new();
    while seen.len() < KEYS as usize || seen.values().any(|version| *version < 2 * TIMES + 1) {
        let (key, update) = set.next().await.unwrap();
        let version = update.version();
        let before = seen.insert(key, version).unwrap_or(1);
        match update {
            Update::Mutate { .. } => assert_eq!(version, before + 1),
            Update::Resync { .. } => assert!(version >= before),
            other => panic!("{other:?}"),
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(set.try_next().is_none());
}
