//! Times and deadlines across a downtime. Time is paused and moved by hand, the wall clock with it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use livestore::{Downtime, ExpireMode, LiveStore, LiveStoreBuilder, StoreOptions, Uuid};
use tokio::time::{Instant, sleep};

use crate::save::{Place, Room, load, room};

const SECOND: Duration = Duration::from_secs(1);

fn builder(expire_mode: ExpireMode) -> LiveStoreBuilder<Room> {
    LiveStore::new().with_options(StoreOptions {
        expire_check_freq: Some(SECOND),
        expire_mode,
        ..Default::default()
    })
}

const LASTING: ExpireMode = ExpireMode::Timeout(Duration::MAX);

async fn seconds(seconds: u32) {
    sleep(SECOND * seconds).await;
    sleep(Duration::from_millis(2)).await;
}

fn left(store: &LiveStore<Room>, key: &Uuid) -> Option<Duration> {
    let at = store.fetch(key).unwrap().expires_at()?;
    Some(at.duration_since(Instant::now().into_std()))
}

#[tokio::test(start_paused = true)]
async fn times_come_back_by_the_wall_clock() {
    let place = Place::new();
    let store = LiveStore::default();
    let key = store.init(room("cats", 0));
    sleep(SECOND * 10).await;
    let before = store
        .mutate(&key, super::RoomMutation::IncrementVisits(1))
        .await
        .unwrap();
    sleep(SECOND * 5).await;
    store.save(place.path()).await.unwrap();
    drop(store);
    sleep(SECOND * 3600).await;

    let loaded = load::<Room>(&place.path()).await.unwrap();
    let after = loaded.fetch(&key).unwrap();
    assert_eq!(after.create_time(), before.create_time());
    assert_eq!(after.last_change(), before.last_change());
    assert_eq!(after.last_change().elapsed_by_tokio(), SECOND * 3605);
    assert_eq!(after.changed_at(), before.changed_at());
    let saved_at = loaded.load_report().unwrap().saved_at;
    assert_eq!(saved_at.duration_since(after.changed_at()).unwrap(), SECOND * 5);
    // The next change comes after the last.
    let next = loaded.mutate(&key, super::RoomMutation::IncrementVisits(1)).await;
    assert_eq!(next.unwrap().last_change(), Instant::now().into_std());
}

trait ElapsedByTokio {
    fn elapsed_by_tokio(&self) -> Duration;
}

impl ElapsedByTokio for std::time::Instant {
    fn elapsed_by_tokio(&self) -> Duration {
        Instant::now().into_std().duration_since(*self)
    }
}

#[tokio::test(start_paused = true)]
async fn an_own_deadline_comes_back_and_the_downtime_counts() {
    let place = Place::new();
    let store = builder(LASTING).done();
    let (long, exempt, plain) = (
        store.init(room("long", 0)),
        store.init(room("exempt", 0)),
        store.init(room("plain", 0)),
    );
    store.expire_after(&long, SECOND * 100).unwrap();
    store.persist(&exempt);
    store.save(place.path()).await.unwrap();
    drop(store);
    sleep(SECOND * 60).await;

    // A store in which the others expire.
    let store = builder(ExpireMode::Timeout(SECOND * 70))
        .load(place.path())
        .await
        .unwrap();
    assert_eq!(left(&store, &long), Some(SECOND * 40));
    assert_eq!(left(&store, &exempt), None);
    assert_eq!(left(&store, &plain), Some(SECOND * 10));
    seconds(11).await;
    assert!(!store.contains_key(&plain));
    seconds(28).await;
    assert!(store.contains_key(&long));
    seconds(2).await;
    assert!(!store.contains_key(&long));
    seconds(1000).await;
    assert!(store.contains_key(&exempt));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_downtime_leaves_everything_the_time_it_had() {
    let place = Place::new();
    for mode in [
        ExpireMode::Timeout(SECOND * 30),
        ExpireMode::Idle(SECOND * 30),
        ExpireMode::Lifetime(SECOND * 30),
    ] {
        let store = builder(mode).done();
        let (by_mode, own) = (store.init(room("mode", 0)), store.init(room("own", 0)));
        store.expire_after(&own, SECOND * 50).unwrap();
        sleep(SECOND * 10).await;
        store.save(place.path()).await.unwrap();
        drop(store);
        sleep(SECOND * 10_000).await;

        let store = builder(mode)
            .downtime(Downtime::Frozen)
            .load(place.path())
            .await
            .unwrap();
        assert_eq!(store.load_report().unwrap().expired, 0);
        let entry = store
            .entries()
            .find_map(|(key, entry)| (key == by_mode).then_some(entry));
        let left_by_mode = entry.unwrap().expires_at().unwrap() - Instant::now().into_std();
        assert_eq!(left_by_mode, SECOND * 20, "{mode:?}");
        assert_eq!(left(&store, &own), Some(SECOND * 40));
    }
}

#[tokio::test(start_paused = true)]
async fn what_became_due_meanwhile_expires_on_loading_with_the_callback() {
    let place = Place::new();
    for mode in [
        ExpireMode::Timeout(SECOND * 30),
        ExpireMode::Idle(SECOND * 30),
        ExpireMode::Lifetime(SECOND * 30),
    ] {
        let store = builder(mode).done();
        let mut due: Vec<_> = (0..3000).map(|visits| store.init(room("due", visits))).collect();
        let own = store.init(room("own", 0));
        store.expire_after(&own, SECOND * 20).unwrap();
        due.push(own);
        sleep(SECOND * 15).await;
        let fresh = store.init(room("fresh", 0));
        store.save(place.path()).await.unwrap();
        drop(store);
        sleep(SECOND * 15).await;

        let heard = Arc::new(Mutex::new(Vec::new()));
        let callback = Arc::clone(&heard);
        let store = builder(mode)
            .on_expire_with(move |store, expired| {
                let heard = Arc::clone(&callback);
                async move {
                    for (key, entry) in expired {
                        assert!(!store.contains_key(&key));
                        heard.lock().unwrap().push((key, entry.version()));
                    }
                }
            })
            .load(place.path())
            .await
            .unwrap();
        // No check was needed: it is not there from the first moment on.
        assert_eq!(store.keys().collect::<Vec<_>>(), [fresh], "{mode:?}");
        let report = store.load_report().unwrap();
        assert_eq!((report.entries, report.expired), (3002, 3001));
        seconds(1).await;
        let mut heard = std::mem::take(&mut *heard.lock().unwrap());
        heard.sort_unstable();
        due.sort_unstable();
        let once: Vec<_> = due.iter().map(|key| (*key, 2)).collect();
        assert_eq!(heard, once, "the end is a commit, and each is heard of once");
        assert_eq!(store.create(&own, room("again", 0)).unwrap().version(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_called_back_when_loading_fails() {
    let place = Place::new();
    let store = builder(ExpireMode::Timeout(SECOND)).done();
    store.init(room("due", 0));
    store.init(room("", 0));
    store.save(place.path()).await.unwrap();
    drop(store);
    sleep(SECOND * 5).await;
    let load = builder(ExpireMode::Timeout(SECOND))
        .on_expire(|_| async { panic!("nothing has expired") })
        .load(place.path());
    assert!(load.await.unwrap_err().is_refused());
    seconds(10).await;
    assert!(place.path().exists());
}

#[tokio::test(start_paused = true)]
async fn use_comes_back_and_what_is_watched_is_in_use() {
    let place = Place::new();
    let mode = ExpireMode::Idle(SECOND * 100);
    let store = builder(mode).done();
    let (used, watched) = (store.init(room("used", 0)), store.init(room("watched", 0)));
    let watch = store.watch(&watched).unwrap();
    sleep(SECOND * 50).await;
    store.fetch(&used).unwrap();
    sleep(SECOND * 20).await;
    store.save(place.path()).await.unwrap();
    drop((store, watch));
    sleep(SECOND * 10).await;
    let store = builder(mode).load(place.path()).await.unwrap();
    let left = |key: Uuid| {
        let entry = store.entries().find(|(found, _)| *found == key).unwrap().1;
        entry.expires_at().unwrap() - Instant::now().into_std()
    };
    assert_eq!(left(used), SECOND * 70);
    assert_eq!(left(watched), SECOND * 90);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_not_forgotten_where_nothing_checks() {
    let place = Place::new();
    let store = builder(LASTING).done();
    let (exempt, goes) = (store.init(room("exempt", 0)), store.init(room("goes", 0)));
    store.persist(&exempt);
    store.save(place.path()).await.unwrap();
    assert_eq!(load::<Room>(&place.path()).await.unwrap().len(), 2);
    store.expire_after(&goes, SECOND * 10).unwrap();
    store.save(place.path()).await.unwrap();
    let error = load::<Room>(&place.path()).await.unwrap_err();
    assert_eq!(error.key(), Some(goes));
    assert!(error.to_string().contains("set `expire_check_freq`"), "{error}");

    // A store without checks hands on what it was given.
    let lasting = load::<Room>(&place.path()).await;
    assert!(lasting.is_err());
    store.persist(&goes);
    store.save(place.path()).await.unwrap();
    let without = load::<Room>(&place.path()).await.unwrap();
    without.save(place.path()).await.unwrap();
    let with = builder(ExpireMode::Timeout(SECOND * 3))
        .load(place.path())
        .await
        .unwrap();
    seconds(100).await;
    assert_eq!(with.len(), 2);
}
