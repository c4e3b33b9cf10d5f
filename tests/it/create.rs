//! Creation never overwrites, and is one instant.

use std::sync::Arc;

use livestore::{LiveStore, TryAcquireError, Update, Uuid};
use livestore_tests::{Change, Counter, Refused, counter};

#[tokio::test]
async fn a_created_entry_is_there_with_version_1() {
    let store = LiveStore::default();
    let key = Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"lobby");
    let entry = store.create(&key, counter(3)).unwrap();
    assert_eq!((entry.count, entry.version()), (3, 1));
    assert_eq!(entry.create_time(), entry.last_change());
    assert_eq!(store.fetch(&key).unwrap().count, 3);
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn create_gives_the_value_back_and_shows_the_existing_entry() {
    let store = LiveStore::default();
    let key = store.init(counter(1));

    let occupied = store.create(&key, counter(2)).unwrap_err();
    assert_eq!((occupied.value.count, occupied.existing.count), (2, 1));
    let occupied = store.create_and_watch(&key, counter(3)).unwrap_err();
    assert_eq!((occupied.value.count, occupied.existing.count), (3, 1));
    let occupied = store.create_and_acquire(&key, counter(4)).unwrap_err();
    assert_eq!((occupied.value.count, occupied.existing.count), (4, 1));
    assert_eq!(
        occupied.to_string(),
        "this key has an entry already; `insert` would replace it"
    );

    assert_eq!(store.fetch(&key).unwrap().version(), 1);
    // A failed `create_and_acquire` holds nothing, a failed `create_and_watch` watches nothing.
    store.try_acquire(&key).unwrap().release();
    assert_eq!(store.broadcast(&key, "anybody?").unwrap(), 0);
}

#[tokio::test]
async fn create_does_not_wait_for_a_guard() {
    let store = LiveStore::default();
    let key = store.init(counter(1));
    let _guard = store.acquire(&key).await.unwrap();
    assert!(store.create(&key, counter(2)).is_err());
    assert_eq!(store.fetch_or_create(&key, || unreachable!()).count, 1);
}

#[tokio::test]
async fn a_watch_made_with_the_entry_sees_all_that_follows() {
    let store = LiveStore::default();
    let (key, mut first) = store.init_and_watch(counter(0));
    let other = Uuid::new_v4();
    let (entry, mut second) = store.create_and_watch(&other, counter(0)).unwrap();
    assert_eq!(entry.version(), 1);

    store.mutate(&key, Change::Add(1)).await.unwrap();
    store.mutate(&other, Change::Add(1)).await.unwrap();
    assert!(matches!(first.next().await, Some(Update::Mutate { new, .. }) if new.version() == 2));
    assert!(matches!(second.next().await, Some(Update::Mutate { new, .. }) if new.version() == 2));
}

#[tokio::test]
async fn an_entry_can_be_born_held_inside_a_runtime() {
    let store = LiveStore::default();
    let mut guard = store.init_and_acquire(counter(1));
    let key = *guard.key();
    assert_eq!(store.try_acquire(&key).unwrap_err(), TryAcquireError::Held);
    assert_eq!(guard.mutate(Change::Add(2)).unwrap().count, 3);
    drop(guard);
    store.try_acquire(&key).unwrap().release();

    let guard = store.create_and_acquire(&Uuid::new_v4(), counter(5)).unwrap();
    assert_eq!((guard.count, guard.version()), (5, 1));
}

#[tokio::test]
async fn fetch_or_create_makes_a_value_only_where_none_is() {
    let store = LiveStore::default();
    let key = Uuid::new_v4();
    assert_eq!(store.fetch_or_create(&key, || counter(1)).count, 1);
    assert_eq!(store.fetch_or_create(&key, || unreachable!()).count, 1);
}

#[tokio::test]
async fn a_closure_of_fetch_or_create_may_create_the_entry_itself() {
    let store = LiveStore::default();
    let key = Uuid::new_v4();
    let entry = store.fetch_or_create(&key, || {
        store.create(&key, counter(1)).unwrap();
        counter(2)
    });
    assert_eq!(entry.count, 1);
}

#[tokio::test]
async fn mutate_or_create_does_the_one_or_the_other() {
    let store = LiveStore::default();
    let key = Uuid::new_v4();
    let entry = store
        .mutate_or_create(&key, || counter(10), Change::Add(1))
        .await
        .unwrap();
    assert_eq!((entry.count, entry.version()), (11, 1));
    let entry = store
        .mutate_or_create(&key, || unreachable!(), Change::Add(1))
        .await
        .unwrap();
    assert_eq!((entry.count, entry.version()), (12, 2));
}

#[tokio::test]
async fn mutate_or_create_creates_nothing_that_the_value_refuses() {
    let store = LiveStore::default();
    let key = Uuid::new_v4();
    let refused = store.mutate_or_create(&key, || counter(10), Change::Refuse).await;
    // As where there is one to be mutated.
    assert_eq!((store.stats().refused, store.stats().mutations), (1, 0));
    assert_eq!(refused.unwrap_err(), Refused);
    assert!(!store.contains_key(&key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_creators_one_wins_and_all_see_its_entry() {
    for _ in 0..200 {
        let store = LiveStore::<Counter>::default();
        let key = Uuid::new_v4();
        let start = Arc::new(tokio::sync::Barrier::new(4));
        let tasks: Vec<_> = (0..4)
            .map(|me| {
                let (store, start) = (store.clone(), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    store.fetch_or_create(&key, || counter(me)).count
                })
            })
            .collect();
        let mut seen = Vec::new();
        for task in tasks {
            seen.push(task.await.unwrap());
        }
        let winner = store.fetch(&key).unwrap().count;
        assert!(seen.iter().all(|count| *count == winner), "{seen:?} {winner}");
    }
}
