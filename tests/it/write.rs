//! What changes return, and what they tell.

use livestore::{LiveStore, MutateError, Tx, Update, Uuid};
use livestore_tests::{Change, Counter, Refused, counter};

#[tokio::test]
async fn insert_stores_and_returns_the_previous_entry() {
    let store = LiveStore::default();
    let key = Uuid::new_v4();
    assert!(store.insert(&key, counter(1)).await.is_none());
    let previous = store.insert(&key, counter(2)).await.unwrap();
    assert_eq!((previous.count, previous.version()), (1, 1));
    let now = store.fetch(&key).unwrap();
    assert_eq!((now.count, now.version()), (2, 2));
}

#[tokio::test]
async fn insert_and_watch_returns_both() {
    let store = LiveStore::default();
    let key = Uuid::new_v4();
    let (previous, mut watch) = store.insert_and_watch(&key, counter(1)).await;
    assert!(previous.is_none());
    let (previous, mut second) = store.insert_and_watch(&key, counter(2)).await;
    assert_eq!(previous.unwrap().count, 1);

    store.mutate(&key, Change::Add(1)).await.unwrap();
    assert!(
        matches!(watch.next().await, Some(Update::Overwrite { old, new, msg: None })
        if old.count == 1 && new.count == 2)
    );
    assert_eq!(watch.next().await.unwrap().version(), 3);
    // The second began at its own insert and does not see it.
    assert_eq!(second.next().await.unwrap().version(), 3);
}

#[tokio::test]
async fn assign_replaces_and_returns_the_previous_entry() {
    let store = LiveStore::default();
    let key = store.init(counter(1));
    assert_eq!(store.assign(&key, counter(2)).await.unwrap().count, 1);
    let (previous, mut watch) = store.assign_and_watch(&key, counter(3)).await.unwrap();
    assert_eq!(previous.count, 2);
    let (previous, mut guard) = store.assign_and_acquire(&key, counter(4)).await.unwrap();
    assert_eq!((previous.count, guard.count), (3, 4));
    guard.mutate(Change::Add(1)).unwrap();
    drop(guard);
    assert_eq!(watch.next().await.unwrap().entry().count, 4);
    assert_eq!(watch.next().await.unwrap().entry().count, 5);
}

/// The check refuses what is negative, and what is less than before.
#[tokio::test]
async fn what_the_server_stores_itself_is_not_checked() {
    let store = LiveStore::default();
    let key = store.init(counter(-1));
    store.insert(&key, counter(-2)).await.unwrap();
    store.assign(&key, counter(-3)).await.unwrap();
    drop(store.assign_and_watch(&key, counter(-4)).await.unwrap());
    let (_, mut guard) = store.assign_and_acquire(&key, counter(-5)).await.unwrap();
    guard.set(counter(-6));
    guard.set_with_msg(counter(-7), "less");
    guard.delete();
    store.create(&key, counter(-8)).unwrap();
    assert_eq!(store.fetch_or_create(&Uuid::nil(), || counter(-9)).count, -9);
    let stage = |tx: &mut Tx<Counter>| {
        tx.set(&key, counter(-10)).map_err(drop)?;
        tx.create(&Uuid::max(), counter(-11)).map_err(drop)
    };
    store.transact(&[key], stage).await.unwrap();
    let mut counts: Vec<_> = store.entries().map(|(_, entry)| entry.count).collect();
    counts.sort_unstable();
    assert_eq!(counts, [-11, -10, -9]);
}

#[tokio::test]
async fn a_refused_mutation_changes_nothing_and_tells_nobody() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    let refused = store.mutate(&key, Change::Refuse).await;
    assert_eq!(refused.unwrap_err(), MutateError::Rejected(Refused));
    let mut guard = store.acquire(&key).await.unwrap();
    assert_eq!(guard.mutate(Change::Refuse).unwrap_err(), Refused);
    assert_eq!((guard.count, guard.version()), (1, 1));
    guard.mutate(Change::Add(1)).unwrap();
    assert!(matches!(watch.next().await, Some(Update::Mutate { new, .. }) if new.version() == 2));
}

#[tokio::test]
async fn a_guard_replaces_with_and_without_a_message_and_with_a_check() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    let mut guard = store.acquire(&key).await.unwrap();
    assert_eq!(guard.set(counter(5)).count, 1);
    assert_eq!(guard.set_with_msg(counter(6), "raised").count, 5);
    assert_eq!(guard.try_set(counter(4)).unwrap_err(), Refused);
    assert_eq!(guard.try_set(counter(7)).unwrap().count, 6);
    assert_eq!((guard.value().count, guard.as_entry().version()), (7, 4));

    assert!(matches!(
        watch.next().await,
        Some(Update::Overwrite { msg: None, .. })
    ));
    assert!(matches!(
        watch.next().await,
        Some(Update::Overwrite {
            msg: Some("raised"),
            ..
        })
    ));
    assert!(matches!(watch.next().await, Some(Update::Overwrite { new, .. }) if new.count == 7));
}

#[tokio::test]
async fn remove_returns_the_final_entry() {
    let store = LiveStore::default();
    let key = store.init(counter(1));
    store.mutate(&key, Change::Add(4)).await.unwrap();
    let gone = store.remove(&key).await.unwrap();
    // The removal is a commit.
    assert_eq!((gone.count, gone.version()), (5, 3));
    assert!(store.is_empty());
}

#[tokio::test]
async fn a_removal_can_carry_a_message() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    store.remove_with_msg(&key, "closed").await.unwrap();
    assert!(matches!(
        watch.next().await,
        Some(Update::Remove {
            msg: Some("closed"),
            ..
        })
    ));

    let (key, mut watch) = store.init_and_watch(counter(1));
    let guard = store.acquire(&key).await.unwrap();
    let version = guard.version();
    assert_eq!(guard.delete_with_msg("kicked").version(), version + 1);
    assert!(matches!(
        watch.next().await,
        Some(Update::Remove {
            msg: Some("kicked"),
            ..
        })
    ));
}

#[tokio::test]
async fn versions_are_contiguous_and_never_repeat_for_a_key() {
    let store = LiveStore::<Counter>::default();
    let key = Uuid::new_v4();
    let mut last = 0;
    for life in 0..20 {
        let (entry, mut watch) = store.create_and_watch(&key, counter(0)).unwrap();
        assert!(
            entry.version() > last,
            "life {life} began at {} after {last}",
            entry.version()
        );
        for step in 1..=life {
            assert_eq!(
                store.mutate(&key, Change::Add(1)).await.unwrap().version(),
                entry.version() + step
            );
        }
        last = store.remove(&key).await.unwrap().version();
        assert_eq!(last, entry.version() + life + 1);
        for expected in entry.version() + 1..=last {
            assert_eq!(watch.next().await.unwrap().version(), expected);
        }
    }
}

#[tokio::test]
async fn a_message_has_the_version_of_what_it_was_said_to() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    assert_eq!(store.broadcast(&key, "one").unwrap(), 1);
    store.mutate(&key, Change::Add(1)).await.unwrap();
    let guard = store.acquire(&key).await.unwrap();
    // Nobody waits for a guard to say something.
    assert_eq!(store.broadcast(&key, "two").unwrap(), 1);
    assert_eq!(guard.broadcast("three"), 1);

    assert!(matches!(watch.next().await, Some(Update::Message { msg: "one", val }) if val.version() == 1));
    assert_eq!(watch.next().await.unwrap().version(), 2);
    assert!(matches!(watch.next().await, Some(Update::Message { msg: "two", val }) if val.version() == 2));
    assert!(matches!(watch.next().await, Some(Update::Message { msg: "three", val }) if val.version() == 2));
}
