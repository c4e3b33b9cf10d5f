//! Who is told what is on disk: watches, and whoever waits for one entry.

use std::sync::mpsc;

use futures_util::FutureExt;
use livestore::{FlushError, Update, Uuid};
use tempfile::tempdir;
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

use super::*;

#[tokio::test]
async fn an_update_is_told_when_it_is_on_disk_and_not_before() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    let key = store.init(score(0));
    let mut watch = store.watch_durable(&key).unwrap();
    let mut at_once = store.watch(&key).unwrap();
    for points in 1..=3 {
        let set = ScoreMutation::SetPoints(points);
        store.mutate(&key, set).await.unwrap();
        assert!(at_once.next().now_or_never().is_some());
        // Dropped while it waits, it has lost nothing.
        assert!(watch.next().now_or_never().is_none());
    }
    store.flush().await.unwrap();
    for points in 1..=3 {
        let told = watch.next().now_or_never().unwrap().unwrap();
        assert!(matches!(told, Update::Mutate { new, .. } if new.points == points));
    }
    store.remove(&key).await.unwrap();
    assert!(watch.next().now_or_never().is_none());
    store.flush().await.unwrap();
    assert!(matches!(watch.next().await, Some(Update::Remove { .. })));
    assert!(watch.next().await.is_none());
    assert_eq!(*watch.key(), key);
}

#[tokio::test]
async fn what_will_never_be_on_disk_is_not_told() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    let key = store.init(score(0));
    let mut watch = store.watch_durable(&key).unwrap();
    let mut guard = store.try_acquire(&key).unwrap();
    store.close().await.unwrap();
    guard.mutate(ScoreMutation::SetPoints(1)).unwrap();
    assert!(watch.next().await.is_none());
    assert!(LiveStore::<Score>::default().watch_durable(&key).is_none());
}

#[tokio::test]
async fn a_value_that_cannot_be_written_is_told_when_there_is_another() {
    let folder = tempdir().unwrap();
    let store = open_hooked(folder.path()).await;
    let (key, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    store.create(&key, hooked(0, || ())).unwrap();
    store.create(&other, hooked(0, || ())).unwrap();
    let mut watch = store.watch_durable(&key).unwrap();
    let mut of_other = store.watch_durable(&other).unwrap();
    store
        .insert(&key, hooked(1, || panic!("this value cannot be serialised")))
        .await;
    store.insert(&other, hooked(1, || ())).await;
    assert!(matches!(store.flush().await, Err(FlushError::Unwritten(_))));
    assert!(watch.next().now_or_never().is_none());
    assert!(of_other.next().await.is_some());
    store.insert(&key, hooked(2, || ())).await;
    store.flush().await.unwrap();
    for n in 1..=2 {
        assert_eq!(watch.next().await.unwrap().entry().pair, (n, n));
    }
}

#[tokio::test]
async fn a_flush_of_one_entry_waits_for_that_one_alone() {
    let folder = tempdir().unwrap();
    let store = open_hooked(folder.path()).await;
    let (key, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    store.create(&key, hooked(0, || ())).unwrap();
    let handle = store.handle(&key).unwrap();
    let mut flush = spawn(store.flush_of(&key));
    assert_pending!(flush.poll());
    flush.await.unwrap();
    // On disk it is, whatever else waits, and if there never was any.
    let (come, has_come) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = std::sync::Mutex::new(may_go);
    let busy = hooked(1, move || {
        come.send(()).ok();
        may_go.lock().unwrap().recv().ok();
    });
    store.create(&other, busy).unwrap();
    assert_ready!(spawn(store.flush_of(&key)).poll()).unwrap();
    assert_ready!(spawn(handle.flush()).poll()).unwrap();
    assert_ready!(spawn(store.flush_of(&Uuid::from_u128(9))).poll()).unwrap();
    assert_eq!(store.stats().disk.unwrap().pending, 1, "nobody wanted it");

    // What is being written is not on disk yet.
    let mut of_other = spawn(store.flush_of(&other));
    assert_pending!(of_other.poll());
    has_come.recv().unwrap();
    let mut late = spawn(store.flush_of(&other));
    assert_pending!(late.poll());
    let set = HookedMutation::SetPair((2, 2));
    store.mutate(&key, set).await.unwrap();
    let mut next = spawn(handle.flush());
    assert_pending!(next.poll());
    go.send(()).unwrap();
    of_other.await.unwrap();
    late.await.unwrap();
    next.await.unwrap();
    // The end of an entry is something, too, as is seen below. It may be on disk already.
    store.remove(&key).await.unwrap();
    handle.flush().await.unwrap();
    drop(handle);
    store.close().await.unwrap();
    assert!(matches!(store.flush_of(&key).await, Err(FlushError::Closed)));
    let store = open_hooked(folder.path()).await;
    assert_eq!(store.keys().collect::<Vec<_>>(), [other]);
    let memory = LiveStore::<Score>::default();
    assert!(matches!(memory.flush_of(&key).await, Err(FlushError::NotDurable)));
}

#[tokio::test]
async fn a_flush_of_one_entry_errs_for_that_one_alone() {
    let folder = tempdir().unwrap();
    let store = open_hooked(folder.path()).await;
    let (good, bad, worse) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    store.create(&good, hooked(0, || ())).unwrap();
    for key in [bad, worse] {
        let panics = hooked(0, || panic!("this value cannot be serialised"));
        store.create(&key, panics).unwrap();
    }
    store.flush_of(&good).await.unwrap();
    let failed = store.flush_of(&bad).await;
    assert!(
        matches!(&failed, Err(FlushError::Unwritten(error)) if error.keys().eq([bad]) && error.folder() == folder.path()),
        "{failed:?}"
    );
    assert!(failed.unwrap_err().to_string().contains("panicked"));
    store.insert(&bad, hooked(1, || ())).await;
    store.flush_of(&bad).await.unwrap();
    assert!(matches!(store.flush().await, Err(FlushError::Unwritten(error)) if error.keys().eq([worse])));
}
