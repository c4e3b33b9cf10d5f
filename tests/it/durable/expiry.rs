//! What became due while the store was not open. Time is paused; the wall clock moves with it.

use std::sync::{Arc, Mutex};

use livestore::{ExpireMode, StoreOptions, Uuid};
use tempfile::tempdir;
use tokio::time::sleep;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Opens a store, and a list of what the callback was given.
async fn build(folder: &Path, expire_mode: ExpireMode) -> (LiveStore<Score>, Arc<Mutex<Vec<Uuid>>>) {
    let expired = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&expired);
    let store = scores()
        .with_options(StoreOptions {
            expire_check_freq: Some(5 * SECOND),
            expire_mode,
            ..Default::default()
        })
        .on_expire(move |batch| {
            heard
                .lock()
                .unwrap()
                .extend(batch.into_iter().map(|(key, _)| key));
            async {}
        })
        .open(folder)
        .await
        .unwrap();
    (store, expired)
}

#[tokio::test(start_paused = true)]
async fn what_was_due_has_expired_when_the_folder_is_open_and_is_told_once() {
    for mode in [ExpireMode::Timeout, ExpireMode::Lifetime] {
        let folder = tempdir().unwrap();
        let (store, _) = build(folder.path(), mode(60 * SECOND)).await;
        let old = store.init(score(1));
        sleep(30 * SECOND).await;
        let young = store.init(score(2));
        let own = store.init(score(3));
        store.expire_after(&own, 10 * SECOND).unwrap();
        store.close().await.unwrap();

        sleep(40 * SECOND).await;
        let (store, expired) = build(folder.path(), mode(60 * SECOND)).await;
        assert_eq!(store.keys().collect::<Vec<_>>(), [young]);
        let report = store.open_report().unwrap();
        assert_eq!((report.entries, report.expired), (3, 2));
        sleep(SECOND).await;
        let mut told = expired.lock().unwrap().clone();
        told.sort_unstable();
        let mut due = [old, own];
        due.sort_unstable();
        assert_eq!(told, due);
        store.close().await.unwrap();

        // That they have is on disk, too.
        let (store, expired) = build(folder.path(), mode(60 * SECOND)).await;
        assert_eq!(store.open_report().unwrap().entries, 1);
        sleep(30 * SECOND).await;
        assert_eq!(*expired.lock().unwrap(), [young]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_expires_while_the_store_is_open_stays_away() {
    let folder = tempdir().unwrap();
    let (store, _) = build(folder.path(), ExpireMode::Timeout(60 * SECOND)).await;
    let key = store.init(score(1));
    store.flush().await.unwrap();
    sleep(70 * SECOND).await;
    assert!(store.is_empty());
    store.close().await.unwrap();
    let (store, _) = build(folder.path(), ExpireMode::Timeout(60 * SECOND)).await;
    assert_eq!(store.open_report().unwrap().entries, 0);
    // Above the version of the end.
    assert_eq!(store.create(&key, score(1)).unwrap().version(), 3);
}

/// A use is not on disk, so nobody knows since when it is idle.
#[tokio::test(start_paused = true)]
async fn what_may_have_been_used_until_the_end_is_not_idle_at_the_start() {
    let folder = tempdir().unwrap();
    let (store, _) = build(folder.path(), ExpireMode::Idle(60 * SECOND)).await;
    let key = store.init(score(1));
    for _ in 0..5 {
        sleep(50 * SECOND).await;
        assert!(store.touch(&key));
    }
    store.close().await.unwrap();
    sleep(50 * SECOND).await;
    let (store, _) = build(folder.path(), ExpireMode::Idle(60 * SECOND)).await;
    sleep(50 * SECOND).await;
    assert!(store.contains_key(&key));
    sleep(70 * SECOND).await;
    assert!(store.is_empty());
}
