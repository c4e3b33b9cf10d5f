//! Handles, collections of stores, and what they show.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use livestore::{Entry, LiveStore, LiveValue, Storages, StoreOptions, Uuid};
use livestore_tests::{Change, Counter, counter};
use tokio_test::assert_ready;
use tokio_test::task::spawn;

#[derive(Clone)]
struct Name;

impl LiveValue for Name {
    type Message = ();
    type Mutation = ();
    type MutError = ();

    fn mutate(_: &Entry<Self>, (): &()) -> Result<Self, ()> {
        Ok(Name)
    }
}

#[test]
fn storages_find_each_store_by_its_type() {
    let counters = LiveStore::default();
    let key = counters.init(counter(4));
    let stores = Storages::new()
        .add_store(counters)
        .add_store(LiveStore::<Name>::default())
        .done();
    let clone = stores.clone();
    assert_eq!(stores.as_store::<Counter>().fetch(&key).unwrap().count, 4);
    assert!(clone.get_store::<Name>().unwrap().is_empty());
    // The same store, not a copy.
    clone.as_store::<Counter>().init(counter(5));
    assert_eq!(stores.as_store::<Counter>().len(), 2);
}

#[test]
fn storages_without_a_type_name_it_and_the_fix() {
    let stores = Storages::new().add_store(LiveStore::<Counter>::default()).done();
    assert!(stores.get_store::<Name>().is_none());
    let panic = catch_unwind(AssertUnwindSafe(|| stores.as_store::<Name>())).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(
        message.contains("handles::Name") && message.contains("add_store"),
        "{message}"
    );
}

#[test]
fn a_later_store_of_the_same_type_replaces_the_earlier() {
    let (first, second) = (LiveStore::default(), LiveStore::<Counter>::default());
    first.init(counter(1));
    let stores = Storages::new().add_store(first).add_store(second).done();
    assert!(stores.as_store::<Counter>().is_empty());
}

#[test]
fn keys_and_entries_show_each_once() {
    let store = LiveStore::default();
    let mut keys: Vec<_> = (0..1000).map(|count| store.init(counter(count))).collect();
    let mut seen: Vec<_> = store.keys().collect();
    let mut counts: Vec<_> = store.entries().map(|(_, entry)| entry.count).collect();
    keys.sort_unstable();
    seen.sort_unstable();
    counts.sort_unstable();
    assert_eq!(seen, keys);
    assert_eq!(counts, (0..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn iterating_holds_no_lock_and_shows_the_present() {
    let store = LiveStore::default();
    for _ in 0..100 {
        store.init(counter(0));
    }
    let mut shown = 0;
    for (key, entry) in store.entries() {
        shown += i64::from(entry.count == 0);
        store.remove(&key).await.unwrap();
        store.init(counter(1));
    }
    assert_eq!(shown, 100, "what was created meanwhile may be shown as well");
    let mut entries = store.entries();
    let (first, _) = entries.next().unwrap();
    let others: Vec<_> = store.keys().filter(|key| *key != first).collect();
    for key in others {
        store.remove(&key).await.unwrap();
    }
    assert!(entries.next().is_none());
}

/// It used to collect everything before the first item.
#[test]
fn iterating_comes_to_a_shard_when_it_is_asked_to() {
    let options = StoreOptions {
        shard_amt: Some(16),
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    let first = store.init(counter(0));
    let mut keys = store.keys();
    let handle = store.clone();
    for count in 0..1000 {
        handle.init(counter(count));
    }
    drop(store);
    drop(handle);
    let mut seen: Vec<_> = keys.by_ref().collect();
    assert!(seen.contains(&first) && seen.len() == 1001);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 1001);
    assert!(keys.next().is_none());
}

#[test]
fn an_epoch_differs_and_can_be_counted_by_javascript() {
    let (one, two) = (LiveStore::<Counter>::default(), LiveStore::<Counter>::default());
    assert_eq!(one.epoch(), one.clone().epoch());
    assert_ne!(one.epoch(), two.epoch());
    assert!(one.epoch() < 1 << 53);
}

#[tokio::test]
async fn an_entry_tells_its_times() {
    let before = SystemTime::now();
    let store = LiveStore::default();
    let key = store.init(counter(1));
    let entry = store.mutate(&key, Change::Add(1)).await.unwrap();
    assert!(entry.last_change() >= entry.create_time());
    let slack = Duration::from_secs(1);
    assert!(entry.changed_at() >= before - slack && entry.changed_at() <= SystemTime::now() + slack);
    assert_eq!(serde_json::to_string(&Entry::new(7)).unwrap(), "7");
}

/// The user's own fields, of names that an entry has as well.
#[derive(Clone, Debug, PartialEq)]
struct Release {
    version: &'static str,
    value: i8,
    last_change: char,
    create_time: bool,
}

impl LiveValue for Release {
    type Message = ();
    type Mutation = i8;
    type MutError = ();

    fn mutate(entry: &Entry<Self>, by: &i8) -> Result<Self, ()> {
        let value = entry.value.checked_add(*by).ok_or(())?;
        Ok(Release {
            value,
            ..Release::clone(entry)
        })
    }
}

/// They were hidden behind the entry's.
#[tokio::test]
async fn an_entry_hides_no_field_of_its_value() {
    let store = LiveStore::default();
    let release = Release {
        version: "1.0",
        value: 3,
        last_change: 'c',
        create_time: true,
    };
    let key = store.init(release.clone());
    let entry = store.mutate(&key, 1).await.unwrap();
    assert_eq!((entry.version, entry.version()), ("1.0", 2));
    assert_eq!((entry.last_change, entry.create_time), ('c', true));
    assert!(entry.create_time() <= entry.last_change());
    assert_eq!(entry.value, 4);
    assert_eq!(**entry.value(), Release { value: 4, ..release });
    // What is kept of it is the value alone.
    let value = entry.value().clone();
    drop(entry);
    assert_eq!(value.value, 4);
}

/// The clock of a runtime may be paused before and after any other; each store counts from its own.
#[tokio::test(start_paused = true)]
async fn an_entry_is_told_of_the_clock_of_its_store() {
    tokio::time::advance(Duration::from_secs(3600)).await;
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(0));
    let entry = store.fetch(&key).unwrap();
    assert_eq!(entry.create_time(), tokio::time::Instant::now().into_std());
    // A clock that is an hour behind, and a fraction of a millisecond off.
    let other = std::thread::spawn(|| {
        let store = LiveStore::<Counter>::default();
        let before = tokio::time::Instant::now().into_std();
        let entry = store.fetch(&store.init(counter(0))).unwrap();
        (before, entry, tokio::time::Instant::now().into_std())
    });
    let (before, other, after) = other.join().unwrap();
    assert!(other.create_time() <= after);
    assert!(other.create_time() + Duration::from_millis(1) >= before);
    assert_eq!(entry.create_time(), store.fetch(&key).unwrap().create_time());
}

#[test]
fn debug_shows_no_more_than_it_may() {
    let store = LiveStore::default();
    let (key, watch) = store.init_and_watch(counter(1));
    assert_eq!(format!("{store:?}"), "LiveStore { len: 1, .. }");
    let guard = store.try_acquire(&key).unwrap();
    assert_eq!(
        format!("{guard:?}"),
        format!("EntryGuard {{ key: {key}, version: 1, .. }}")
    );
    assert_eq!(
        format!("{watch:?}"),
        format!("Watch {{ key: {key}, seen: 1, .. }}")
    );
    let entry = guard.as_entry();
    assert_eq!(
        format!("{entry:?}"),
        "Entry { value: Counter { count: 1 }, version: 1, .. }"
    );
}

/// Outside the runtime the test's clock is the real one, an hour behind.
#[tokio::test(start_paused = true)]
async fn the_time_of_a_change_never_decreases() {
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(0));
    tokio::time::advance(Duration::from_secs(3600)).await;
    let before = store.mutate(&key, Change::Add(1)).await.unwrap();
    let after =
        std::thread::spawn(move || assert_ready!(spawn(store.mutate(&key, Change::Add(1))).poll()).unwrap())
            .join()
            .unwrap();
    assert!(after.last_change() >= before.last_change());
}

/// Entries are moved while others use them.
#[test]
fn memory_is_given_back_while_the_store_goes_on() {
    let store = LiveStore::<Counter>::default();
    let kept: Vec<Uuid> = (0..100).map(|n| store.init(counter(n))).collect();
    let _all = store.watch_all();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                store.shrink_to_fit();
            }
        });
        for round in 0..200 {
            let passing: Vec<_> = (0..20).map(|n| store.init_and_acquire(counter(n))).collect();
            passing.into_iter().for_each(|guard| drop(guard.delete()));
            for (n, key) in (0..).zip(&kept) {
                assert_eq!(store.fetch(key).unwrap().count, n, "in round {round}");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(store.len(), 100);
}
