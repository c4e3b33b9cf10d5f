//! Who is told what is on disk: watches, and whoever waits for one entry.

use std::sync::mpsc;

use futures_util::FutureExt;
use livestore::{FlushError, Update, Uuid};
use tempfile::tempdir;
use tokio::task::yield_now;
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

/// It waited for whatever was pending when it was asked, perhaps for ever.
#[tokio::test]
async fn an_update_that_is_on_disk_is_told_whatever_else_waits() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    let (key, other) = (store.init(score(0)), store.init(score(0)));
    let mut watch = store.watch_durable(&key).unwrap();
    let set = ScoreMutation::SetPoints(1);
    store.mutate(&key, set).await.unwrap();
    store.flush().await.unwrap();
    store.mutate(&other, ScoreMutation::SetPoints(1)).await.unwrap();
    assert_eq!(watch.next().now_or_never().flatten().unwrap().version(), 2);
    assert_eq!(store.stats().disk.unwrap().pending, 1);
}

/// It told none of it, though all of it was on disk.
#[tokio::test]
async fn what_was_committed_before_the_end_of_the_store_is_told() {
    for (flushed, closed, removed) in [
        (true, true, false),
        (true, false, true),
        (false, true, true),
        (false, false, false),
    ] {
        let folder = tempdir().unwrap();
        let store = open(folder.path()).await;
        let key = store.init(score(0));
        let mut asked = store.watch_durable(&key).unwrap();
        let mut watches = [(); 2].map(|()| store.watch_durable(&key).unwrap());
        assert!(asked.next().now_or_never().is_none());
        for points in 1..=3 {
            let set = ScoreMutation::SetPoints(points);
            store.mutate(&key, set).await.unwrap();
        }
        assert!(asked.next().now_or_never().is_none());
        if removed {
            store.remove(&key).await.unwrap();
        }
        if flushed {
            store.flush().await.unwrap();
        }
        match closed {
            true => store.close().await.unwrap(),
            false => drop(store),
        }
        for watch in watches.iter_mut().chain([&mut asked]) {
            for version in 2..=4 + u64::from(removed) {
                let told = watch.next().await.map(|update| update.version());
                assert_eq!(told, Some(version), "{flushed} {closed} {removed}");
            }
            assert!(watch.next().await.is_none());
        }
    }
}

/// It slept on.
#[tokio::test]
async fn whoever_waits_hears_that_the_disk_has_failed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path).await;
    let (key, other) = (store.init(score(0)), store.init(score(0)));
    store.flush().await.unwrap();
    let mut watch = store.watch_durable(&key).unwrap();
    let mut told = spawn(watch.next());
    assert_pending!(told.poll());
    std::fs::remove_dir_all(&path).unwrap();
    store.mutate(&other, ScoreMutation::SetPoints(1)).await.unwrap();
    assert!(store.flush().await.is_err());
    // The writer wakes one after another.
    while !told.is_woken() {
        yield_now().await;
    }
    assert!(assert_ready!(told.poll()).is_none());
    // Nor does whoever asks later.
    let mut late = store.watch_durable(&key).unwrap();
    assert!(late.next().now_or_never().unwrap().is_none());
    store.mutate(&key, ScoreMutation::SetPoints(1)).await.unwrap();
    assert!(late.next().now_or_never().unwrap().is_none());
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
