//! Watches that are told what is on disk.

use futures_util::FutureExt;
use livestore::{FlushError, Update, Uuid};
use tempfile::tempdir;

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
