//! Deadlines of single entries, and the mode that counts from creation. Time is paused and moved by hand.

use std::time::Duration;

use livestore::{DeadlineError, ExpireMode, LiveStore, StoreOptions, Update};
use livestore_tests::{Change, Counter, counter};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn store(expire_mode: ExpireMode) -> LiveStore<Counter> {
    let options = StoreOptions {
        expire_check_freq: Some(SECOND),
        expire_mode,
        ..Default::default()
    };
    LiveStore::new().with_options(options).done()
}

/// A store in which nothing expires by itself.
fn lasting() -> LiveStore<Counter> {
    store(ExpireMode::Timeout(Duration::MAX))
}

async fn seconds(seconds: u32) {
    sleep(SECOND * seconds).await;
    sleep(Duration::from_millis(2)).await;
}

#[tokio::test(start_paused = true)]
async fn lifetime_counts_from_creation_whatever_happens() {
    let store = store(ExpireMode::Lifetime(SECOND * 10));
    let key = store.init(counter(0));
    for _ in 0..9 {
        seconds(1).await;
        store.mutate(&key, Change::Add(1)).await.unwrap();
        store.fetch(&key).unwrap();
    }
    seconds(1).await;
    assert!(!store.contains_key(&key));
}

#[tokio::test(start_paused = true)]
async fn an_own_deadline_is_not_moved_by_changes_or_use() {
    for store in [
        lasting(),
        store(ExpireMode::Idle(SECOND * 1000)),
        store(ExpireMode::Timeout(SECOND)),
    ] {
        let (key, mut watch) = store.init_and_watch(counter(0));
        store.expire_after(&key, SECOND * 10).unwrap();
        for _ in 0..9 {
            seconds(1).await;
            store.mutate(&key, Change::Add(1)).await.unwrap();
            store.insert(&key, counter(1)).await.unwrap();
            assert!(store.touch(&key));
        }
        // Neither does a watcher defer it.
        seconds(2).await;
        assert!(!store.contains_key(&key));
        while let Some(update) = watch.next().await {
            if update.is_end() {
                assert!(matches!(update, Update::Expire { .. }));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn expire_at_is_a_time_on_the_clock_and_may_be_past() {
    let store = lasting();
    let (soon, past) = (store.init(counter(0)), store.init(counter(1)));
    store
        .expire_at(&soon, (Instant::now() + SECOND * 3).into_std())
        .unwrap();
    store
        .expire_at(&past, (Instant::now() - SECOND).into_std())
        .unwrap();
    assert!(store.contains_key(&past), "only a check takes entries away");
    seconds(1).await;
    assert!(!store.contains_key(&past));
    assert!(store.contains_key(&soon));
    seconds(2).await;
    assert!(!store.contains_key(&soon));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_can_be_moved_both_ways_and_taken_back() {
    let store = lasting();
    let key = store.init(counter(0));
    store.expire_after(&key, SECOND * 100).unwrap();
    store.expire_after(&key, SECOND * 5).unwrap();
    store.expire_after(&key, SECOND * 20).unwrap();
    seconds(18).await;
    assert!(store.contains_key(&key));
    assert!(store.persist(&key));
    seconds(200).await;
    assert!(store.contains_key(&key));
    store.expire_after(&key, SECOND * 50).unwrap();
    seconds(48).await;
    assert!(store.contains_key(&key));
    store.expire_after(&key, SECOND * 2).unwrap();
    seconds(3).await;
    assert!(store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn persist_exempts_from_the_mode_of_the_store() {
    let store = store(ExpireMode::Timeout(SECOND * 2));
    let (kept, goes) = (store.init(counter(0)), store.init(counter(1)));
    assert!(store.persist(&kept));
    seconds(10).await;
    assert!(store.contains_key(&kept) && !store.contains_key(&goes));
}

#[tokio::test(start_paused = true)]
async fn a_guard_sets_deadlines_and_defers_them() {
    let store = lasting();
    let mut guard = store.init_and_acquire(counter(0));
    let key = *guard.key();
    guard.expire_after(SECOND).unwrap();
    assert!(guard.as_entry().expires_at().is_some());
    seconds(10).await;
    assert!(store.contains_key(&key));
    guard.persist();
    drop(guard);
    seconds(10).await;
    assert!(store.contains_key(&key));
    let mut guard = store.acquire(&key).await.unwrap();
    guard.expire_at(Instant::now().into_std()).unwrap();
    drop(guard);
    seconds(2).await;
    assert!(store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_no_commit() {
    let store = lasting();
    let (key, watch) = store.init_and_watch(counter(0));
    store.expire_after(&key, SECOND * 10).unwrap();
    assert!(store.persist(&key) && store.touch(&key));
    let entry = store.fetch(&key).unwrap();
    assert_eq!(entry.version(), 1);
    assert_eq!(watch.latest().version(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_entry_says_when_it_expires() {
    let start = Instant::now().into_std();
    let store = store(ExpireMode::Idle(SECOND * 10));
    let key = store.init(counter(0));
    assert_eq!(store.fetch(&key).unwrap().expires_at(), Some(start + SECOND * 10));
    seconds(1).await;
    let used = Instant::now().into_std();
    assert_eq!(store.fetch(&key).unwrap().expires_at(), Some(used + SECOND * 10));
    let watch = store.watch(&key).unwrap();
    assert_eq!(store.fetch(&key).unwrap().expires_at(), None, "it is watched");
    store.expire_after(&key, SECOND * 3).unwrap();
    assert_eq!(store.fetch(&key).unwrap().expires_at(), Some(used + SECOND * 3));
    drop(watch);
    store.persist(&key);
    assert_eq!(store.fetch(&key).unwrap().expires_at(), None);
}

#[tokio::test]
async fn without_checks_a_deadline_is_an_error_and_not_silence() {
    let store = LiveStore::default();
    let key = store.init(counter(0));
    let error = store.expire_after(&key, SECOND).unwrap_err();
    assert_eq!(error, DeadlineError::NoChecks);
    assert_eq!(
        error.to_string(),
        "this store checks nothing for expiry; set `expire_check_freq` in its options"
    );
    let mut guard = store.acquire(&key).await.unwrap();
    assert_eq!(guard.expire_after(SECOND).unwrap_err(), DeadlineError::NoChecks);
    guard.persist();
    drop(guard);
    // It never expires in any case.
    assert!(store.persist(&key));
    assert_eq!(store.fetch(&key).unwrap().expires_at(), None);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_does_not_outlive_its_entry() {
    let store = lasting();
    let key = store.init(counter(0));
    store.expire_after(&key, SECOND * 5).unwrap();
    store.remove(&key).await.unwrap();
    store.create(&key, counter(1)).unwrap();
    seconds(10).await;
    assert!(store.contains_key(&key));
}

#[tokio::test(start_paused = true)]
async fn deadlines_at_random_are_met_exactly() {
    let store = lasting();
    let mut random = 12345_u64;
    let mut below = |bound: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let start = Instant::now();
    let mut due: Vec<(livestore::Uuid, Option<Instant>)> =
        (0..50).map(|count| (store.init(counter(count)), None)).collect();
    for _ in 0..3000 {
        let at = usize::try_from(below(50)).unwrap();
        let (key, deadline) = &mut due[at];
        let now = Instant::now();
        let gone = deadline.is_some_and(|deadline| {
            // The first check at or after the deadline; checks are on whole seconds since the start.
            let checked = (deadline - start).as_millis().div_ceil(1000) * 1000;
            (now - start).as_millis() > checked + 1
        });
        if gone {
            assert!(!store.contains_key(key), "late");
        } else if deadline.is_none_or(|deadline| deadline > now) {
            assert!(store.contains_key(key), "early");
            if below(4) == 0 {
                store.persist(key);
                *deadline = None;
            } else {
                let after = Duration::from_millis(below(60_000));
                store.expire_after(key, after).unwrap();
                *deadline = Some(now + after);
            }
        }
        sleep(Duration::from_millis(below(80))).await;
    }
    assert!(due.iter().filter(|(key, _)| !store.contains_key(key)).count() > 10);
}

/// Each left the item behind that its entry had begun with, and nobody counted it: a hundred thousand for entries that were
/// long gone, and those that somebody still looked at were never let go.
#[tokio::test(start_paused = true)]
async fn deadlines_of_their_own_leave_no_items_behind() {
    let store = LiveStore::<Counter>::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            expire_mode: ExpireMode::Timeout(Duration::from_secs(1_000_000)),
            ..Default::default()
        })
        .done();
    let kept = store.init(counter(0));
    for _ in 0..2_000 {
        let key = store.init(counter(1));
        store.expire_after(&key, Duration::from_secs(2)).unwrap();
    }
    sleep(Duration::from_secs(5)).await;
    assert_eq!(store.len(), 1);
    assert!(
        store.stats().deadlines < 3 * 65,
        "{} of expired",
        store.stats().deadlines
    );

    let mut watches = Vec::new();
    for _ in 0..2_000 {
        let (key, watch) = store.init_and_watch(counter(1));
        store.expire_after(&key, Duration::from_secs(2)).unwrap();
        // Further away again, which takes no item, and nearer, which takes one.
        store.expire_after(&key, Duration::from_secs(3)).unwrap();
        store.expire_after(&key, Duration::from_secs(1)).unwrap();
        store.remove(&key).await.unwrap();
        watches.push(watch);
    }
    assert!(
        store.stats().deadlines < 3 * 65,
        "{} of removed",
        store.stats().deadlines
    );
    assert!(store.contains_key(&kept));
}
