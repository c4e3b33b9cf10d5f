//! Handles of one life of one entry. What they do is what the store does; `every_call` has a row for each.

use std::time::Duration;

use livestore::{
    AcquireError, DeadlineError, ExpireMode, LiveStore, MutateError, MutateIfError, RollbackError,
    StoreOptions, TryAcquireError, Update,
};
use livestore_tests::{Change, Counter, counter};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

#[tokio::test]
async fn a_handle_does_what_the_store_does_with_its_key() {
    let options = StoreOptions {
        history: 10,
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    let key = store.init(counter(1));
    let handle = store.handle(&key).unwrap();
    assert_eq!(*handle.key(), key);
    let (entry, mut watch) = handle.fetch_and_watch().unwrap();
    assert_eq!((entry.count, entry.version()), (1, 1));

    assert_eq!(handle.mutate(Change::Add(1)).await.unwrap().count, 2);
    assert_eq!(handle.mutate_version(Change::Add(1)).await, Ok(3));
    assert_eq!(
        handle.mutate_version(Change::Refuse).await,
        Err(MutateError::Rejected(livestore_tests::Refused))
    );
    assert_eq!(handle.mutate_if(3, Change::Add(-1)).await.unwrap().version(), 4);
    let late = handle.mutate_if(3, Change::Add(1)).await;
    assert!(matches!(late, Err(MutateIfError::Conflict(now)) if now.count == 2));
    assert_eq!(handle.rollback(3).await.unwrap().count, 3);
    assert_eq!(handle.history().unwrap().len(), 5);
    assert_eq!(handle.broadcast("hi").unwrap(), 1);
    assert_eq!(store.fetch(&key).unwrap().version(), 5);
    for version in [2, 3, 4, 5, 5] {
        assert_eq!(watch.try_next().unwrap().version(), version);
    }

    let mut guard = handle.acquire().await.unwrap();
    assert_eq!(handle.try_acquire().unwrap_err(), TryAcquireError::Held);
    assert_eq!(
        handle.acquire_timeout(Duration::ZERO).await.unwrap_err(),
        AcquireError::TimedOut
    );
    // One queue with those who name the key.
    let mut first = spawn(handle.mutate_version(Change::Add(10)));
    let mut second = spawn(store.mutate_version(&key, Change::Add(100)));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_eq!(guard.mutate_version(Change::Add(1)).unwrap(), 6);
    assert_eq!(guard.version(), 6);
    guard.release();
    assert_eq!(assert_ready!(first.poll()), Ok(7));
    assert_eq!(assert_ready!(second.poll()), Ok(8));

    assert_eq!(handle.remove_with_msg("bye").await.unwrap().count, 114);
    assert!(!store.contains_key(&key));
}

/// Of another entry under the same key it does not hear.
#[tokio::test(start_paused = true)]
async fn a_handle_is_of_one_life() {
    let options = StoreOptions {
        expire_check_freq: Some(Duration::from_secs(1)),
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    let key = store.init(counter(1));
    let handle = store.handle(&key).unwrap();
    assert!(!handle.is_over());
    store.remove(&key).await.unwrap();
    store.create(&key, counter(7)).unwrap();

    assert!(handle.is_over());
    assert!(handle.fetch().is_none() && handle.peek().is_none() && handle.history().is_none());
    assert!(
        handle.watch().is_none() && handle.fetch_and_watch().is_none() && handle.watch_since(1).is_none()
    );
    assert!(handle.watch_deltas().is_none() && handle.fetch_and_watch_deltas().is_none());
    assert!(handle.watch_deltas_since(1).is_none());
    assert!(matches!(
        handle.mutate(Change::Add(1)).await,
        Err(MutateError::Missing)
    ));
    assert_eq!(
        handle.mutate_version(Change::Add(1)).await,
        Err(MutateError::Missing)
    );
    assert!(matches!(
        handle.mutate_if(3, Change::Add(1)).await,
        Err(MutateIfError::Missing)
    ));
    assert!(matches!(handle.rollback(1).await, Err(RollbackError::Missing)));
    assert!(handle.acquire().await.is_none());
    assert_eq!(handle.try_acquire().unwrap_err(), TryAcquireError::Missing);
    assert_eq!(
        handle.acquire_timeout(Duration::ZERO).await.unwrap_err(),
        AcquireError::Missing
    );
    assert_eq!(handle.broadcast("hi").unwrap_err().0, "hi");
    assert!(handle.remove().await.is_none() && handle.remove_with_msg("bye").await.is_none());
    assert!(!handle.touch() && !handle.persist());
    assert_eq!(
        handle.expire_after(Duration::from_secs(1)),
        Err(DeadlineError::Missing)
    );
    // Prepared for this life, whether or not it had ended by then.
    drop(handle.mutate_on_drop(Change::Add(1)));
    let late = handle.mutate_on_drop(Change::Add(1)).commit().await;
    assert!(matches!(late, Err(MutateError::Missing)));
    assert_eq!(store.fetch(&key).unwrap().count, 7);
    assert_eq!(store.handle(&key).unwrap().fetch().unwrap().count, 7);
    assert!(store.handle(&livestore::Uuid::nil()).is_none());
}

/// The store's calls go on with the next life.
#[tokio::test]
async fn who_waits_by_a_handle_ends_with_the_life() {
    let store = LiveStore::default();
    let key = store.init(counter(1));
    let handle = store.handle(&key).unwrap();
    let guard = handle.acquire().await.unwrap();
    let mut by_handle = spawn(handle.mutate_version(Change::Add(1)));
    let mut waiting = spawn(handle.acquire());
    let mut by_key = spawn(store.acquire(&key));
    assert_pending!(by_handle.poll());
    assert_pending!(waiting.poll());
    assert_pending!(by_key.poll());
    guard.delete();
    store.create(&key, counter(7)).unwrap();
    assert!(by_handle.is_woken() && waiting.is_woken() && by_key.is_woken());
    assert_eq!(assert_ready!(by_handle.poll()), Err(MutateError::Missing));
    assert!(assert_ready!(waiting.poll()).is_none());
    assert_eq!(assert_ready!(by_key.poll()).unwrap().count, 7);
}

#[tokio::test]
async fn a_handle_keeps_the_store_open_and_ends_when_it_is_closed() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    let weak = store.downgrade();
    let handle = store.handle(&key).unwrap();
    drop(store);
    assert_eq!(handle.mutate_version(Change::Add(1)).await, Ok(2));
    assert!(matches!(watch.next().await, Some(Update::Mutate { .. })));
    let other = handle.clone();
    assert_eq!(format!("{other:?}"), format!("EntryHandle {{ key: {key}, .. }}"));
    handle.store().close().await.unwrap();
    assert!(handle.is_over() && other.fetch().is_none());
    assert!(watch.next().await.is_none());
    drop(handle);
    assert!(weak.upgrade().is_some());
    drop(other);
    assert!(weak.upgrade().is_none());
}

/// Whoever has a handle and does nothing with it does not use the entry.
#[tokio::test(start_paused = true)]
async fn a_handle_is_no_use_of_its_entry_but_what_is_called_on_it_is() {
    let second = Duration::from_secs(1);
    let store: LiveStore<Counter> = LiveStore::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(second),
            expire_mode: ExpireMode::Idle(second * 10),
            ..Default::default()
        })
        .done();
    let key = store.init(counter(1));
    let handle = store.handle(&key).unwrap();
    for _ in 0..3 {
        tokio::time::sleep(second * 9).await;
        assert!(handle.fetch().is_some());
    }
    tokio::time::sleep(second * 9).await;
    assert!(handle.peek().is_some());
    tokio::time::sleep(second * 3).await;
    assert!(handle.is_over() && !store.contains_key(&key));
}

/// Who leaves the room that there was does not leave the one that took its place.
#[tokio::test]
async fn a_mutation_on_drop_of_a_handle_is_of_its_life() {
    let store = LiveStore::default();
    let key = store.init(counter(0));
    let (first, by_key) = (
        store.handle(&key).unwrap().mutate_on_drop(Change::Add(10)),
        store.mutate_on_drop(&key, Change::Add(100)),
    );
    let second = store.handle(&key).unwrap().mutate_on_drop(Change::Add(1));
    assert_eq!(*second.key(), key);
    drop(second);
    assert_eq!(store.fetch(&key).unwrap().count, 1);
    // Held, it takes its place in the queue, and ends with the life.
    let guard = store.try_acquire(&key).unwrap();
    drop(first);
    assert_eq!(store.stats().waiters, 1);
    guard.delete();
    store.create(&key, counter(0)).unwrap();
    assert_eq!(store.stats().waiters, 0);
    drop(by_key);
    assert_eq!(store.fetch(&key).unwrap().count, 100);
}
