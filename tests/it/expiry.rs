//! Expiry by the two store-wide modes. Time is paused and moved by hand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use livestore::{Entry, ExpireMode, LiveStore, LiveValue, StoreOptions, Update, Uuid, Watch};
use livestore_tests::{Change, Counter, counter};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

const SECOND: Duration = Duration::from_secs(1);

fn options(expire_mode: ExpireMode, check: Duration) -> StoreOptions {
    StoreOptions {
        expire_check_freq: Some(check),
        expire_mode,
        ..Default::default()
    }
}

fn timeout_store(seconds: u32) -> LiveStore<Counter> {
    LiveStore::new()
        .with_options(options(ExpireMode::Timeout(SECOND * seconds), SECOND))
        .done()
}

fn idle_store(seconds: u32) -> LiveStore<Counter> {
    LiveStore::new()
        .with_options(options(ExpireMode::Idle(SECOND * seconds), SECOND))
        .done()
}

/// Lets `seconds` pass and the check at their end happen; checks are on whole seconds.
async fn seconds(seconds: u32) {
    sleep(SECOND * seconds).await;
    sleep(Duration::from_millis(2)).await;
}

#[tokio::test(start_paused = true)]
async fn timeout_counts_from_the_last_commit_and_nothing_else() {
    let store = timeout_store(10);
    let stale = store.init(counter(1));
    let fresh = store.init(counter(2));
    seconds(9).await;
    assert_eq!(store.len(), 2);
    store.mutate(&fresh, Change::Add(1)).await.unwrap();
    // None of these is a commit.
    store.fetch(&stale).unwrap();
    store.broadcast(&stale, "still there?").unwrap();
    assert!(store.touch(&stale));
    drop(store.acquire(&stale).await.unwrap());
    let _watch = store.watch(&stale).unwrap();
    let _ = store.mutate(&stale, Change::Refuse).await.unwrap_err();
    seconds(1).await;
    assert!(!store.contains_key(&stale), "it is past its deadline");
    assert!(store.contains_key(&fresh), "it was changed a second ago");
    seconds(7).await;
    assert!(store.contains_key(&fresh));
    seconds(3).await;
    assert!(store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_early_and_nothing_later_than_one_check() {
    let (told, mut gone) = mpsc::unbounded_channel();
    let check = Duration::from_millis(700);
    let limit = Duration::from_millis(2_500);
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Timeout(limit), check))
        .on_expire(move |expired| {
            let told = told.clone();
            async move {
                for (_, entry) in expired {
                    told.send((entry.last_change(), Instant::now().into_std()))
                        .unwrap();
                }
            }
        })
        .done();
    for step in 0..200_u64 {
        store.init(counter(0));
        sleep(Duration::from_millis(step * 37 % 101)).await;
    }
    for _ in 0..200 {
        let (changed, now) = gone.recv().await.unwrap();
        let age = now - changed;
        assert!(age >= limit, "early: {age:?}");
        // tokio's timers have steps of a millisecond.
        assert!(age <= limit + check + Duration::from_millis(2), "late: {age:?}");
    }
    assert!(store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn idle_counts_from_the_last_use_of_any_kind() {
    let store = idle_store(10);
    let keys: Vec<Uuid> = (0..7).map(|_| store.init(counter(0))).collect();
    seconds(8).await;
    store.mutate(&keys[0], Change::Add(1)).await.unwrap();
    store.fetch(&keys[1]).unwrap();
    store.broadcast(&keys[2], "hello").unwrap();
    drop(store.acquire(&keys[3]).await.unwrap());
    assert!(store.touch(&keys[4]));
    drop(store.watch(&keys[5]).unwrap());
    seconds(8).await;
    assert_eq!(store.len(), 6);
    assert!(!store.contains_key(&keys[6]), "nobody used it");
    seconds(3).await;
    assert!(store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_watched_is_not_idle() {
    let store = idle_store(10);
    let (key, watch) = store.init_and_watch(counter(0));
    let second = store.watch(&key).unwrap();
    seconds(100).await;
    drop(watch);
    seconds(100).await;
    assert!(store.contains_key(&key));
    // Idle time starts when the last watcher leaves.
    drop(second);
    seconds(8).await;
    assert!(store.contains_key(&key));
    seconds(3).await;
    assert!(store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_peek_shows_the_entry_and_is_no_use() {
    let store = idle_store(10);
    let (fetched, peeked) = (store.init(counter(1)), store.init(counter(2)));
    for _ in 0..2 {
        seconds(6).await;
        assert!(store.fetch(&fetched).is_some());
        let entry = store.peek(&peeked);
        assert_eq!(entry.is_some(), store.contains_key(&peeked));
    }
    assert!(store.contains_key(&fetched));
    assert!(store.peek(&peeked).is_none());

    // Also while somebody holds it.
    let guard = store.acquire(&fetched).await.unwrap();
    assert_eq!(
        store.peek(&fetched).map(|entry| (entry.count, entry.version())),
        Some((1, guard.version()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_guard_defers_expiry_until_it_ends() {
    for store in [timeout_store(10), idle_store(10)] {
        let (key, watch) = store.init_and_watch(counter(0));
        let guard = store.acquire(&key).await.unwrap();
        drop(watch);
        seconds(60).await;
        assert!(store.contains_key(&key));
        guard.release();
        // A check had come meanwhile, so it is not waited for once more.
        assert!(!store.contains_key(&key));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_uses_an_entry_in_time_saves_it_though_a_check_found_it_due_while_it_was_held() {
    let store = idle_store(10);
    let key = store.init(counter(0));
    let guard = store.acquire(&key).await.unwrap();
    seconds(60).await;
    let watch = guard.watch();
    guard.release();
    assert_eq!(watch.latest().version(), 1);
    drop(watch);
    seconds(9).await;
    assert!(store.contains_key(&key));
    seconds(3).await;
    assert!(store.is_empty());
}

/// A release handed the entry straight to the next in line, so every check found it held, and it lived for as long as
/// somebody wanted it.
#[tokio::test(start_paused = true)]
async fn a_queue_does_not_keep_an_entry_alive() {
    let (told, mut expired) = mpsc::unbounded_channel();
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Lifetime(2 * SECOND), SECOND))
        .on_expire(move |batch| {
            batch.into_iter().for_each(|(key, _)| told.send(key).unwrap());
            async {}
        })
        .done();
    let (key, mut watch) = store.init_and_watch(counter(0));
    let born = Instant::now();
    // Three who want it all the time: whenever one lets it go, another waits.
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let store = store.clone();
        tasks.spawn(async move {
            while let Some(guard) = store.acquire(&key).await {
                sleep(SECOND / 4).await;
                drop(guard);
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    let lived = born.elapsed();
    // A check, and the hold that it found.
    assert!(
        lived >= 2 * SECOND && lived <= 3 * SECOND + SECOND / 4,
        "{lived:?}"
    );
    assert!(matches!(watch.next().await, Some(Update::Expire { .. })));
    assert!(watch.next().await.is_none());
    assert_eq!(expired.recv().await, Some(key));
    assert!(store.is_empty());
    assert_eq!((store.stats().expired, store.stats().deadlines), (1, 1));
    seconds(2).await;
    assert_eq!(store.stats().deadlines, 0);
    assert!(expired.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_change_made_under_the_guard_in_time_saves_the_entry() {
    let store = timeout_store(10);
    let mut guard = store.init_and_acquire(counter(0));
    let key = *guard.key();
    seconds(60).await;
    guard.mutate(Change::Add(1)).unwrap();
    drop(guard);
    seconds(8).await;
    assert!(store.contains_key(&key));
    seconds(3).await;
    assert!(store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn watchers_hear_of_the_expiry_before_the_callback() {
    let watching: Arc<Mutex<Option<Watch<Counter>>>> = Arc::default();
    let told = Arc::new(AtomicBool::new(false));
    let (watcher, done) = (Arc::clone(&watching), Arc::clone(&told));
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Timeout(SECOND), SECOND))
        .on_expire(move |expired| {
            let mut watch = watcher.lock().unwrap().take().unwrap();
            let done = Arc::clone(&done);
            async move {
                let (key, entry) = &expired[0];
                // It is there already, so this does not wait.
                let Some(Some(Update::Expire { val, key: told })) = watch.next().now_or_never() else {
                    panic!("the watcher was not told");
                };
                assert_eq!(
                    (told, val.count, val.version()),
                    (*key, entry.count, entry.version())
                );
                assert_eq!((val.count, val.version()), (3, 2));
                assert!(watch.next().await.is_none());
                done.store(true, Ordering::SeqCst);
            }
        })
        .done();
    let (key, watch) = store.init_and_watch(counter(3));
    *watching.lock().unwrap() = Some(watch);
    seconds(2).await;
    assert!(told.load(Ordering::SeqCst));
    // The key is free, and its versions go on.
    assert_eq!(store.create(&key, counter(0)).unwrap().version(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_a_callback_the_stale_go_and_the_fresh_stay() {
    let store = timeout_store(2);
    let stale = store.init(counter(1));
    seconds(1).await;
    let fresh = store.init(counter(2));
    seconds(1).await;
    assert!(store.fetch(&stale).is_none());
    assert!(store.fetch(&fresh).is_some());
}

#[tokio::test(start_paused = true)]
async fn waiters_of_an_expired_entry_look_the_key_up_again() {
    let store = timeout_store(2);
    let key = store.init(counter(1));
    let guard = store.acquire(&key).await.unwrap();
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { store.insert(&key, counter(2)).await })
    };
    seconds(5).await;
    drop(guard);
    assert!(waiting.await.unwrap().is_none(), "what it inserts is a new entry");
    assert_eq!(store.fetch(&key).unwrap().version(), 3);
    seconds(3).await;
    assert!(store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_expired_entry_is_passed_once_also_when_a_callback_panics() {
    let passed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&passed);
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Timeout(SECOND), SECOND))
        .on_expire(move |expired| {
            let mut counts: Vec<_> = expired.iter().map(|(_, entry)| entry.count).collect();
            counts.sort_unstable();
            let panics = counts.contains(&3);
            seen.lock().unwrap().extend(counts);
            async move { assert!(!panics, "this callback panics") }
        })
        .done();
    for count in 0..6 {
        store.init(counter(count));
        seconds(1).await;
    }
    seconds(3).await;
    assert_eq!(*passed.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_panics_before_its_future_is_made_is_survived_too() {
    let passed = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&passed);
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Timeout(SECOND), SECOND))
        .on_expire(move |expired: Vec<(Uuid, Entry<Counter>)>| {
            assert!(expired[0].1.count > 0, "the first panics");
            *seen.lock().unwrap() += 1;
            async {}
        })
        .done();
    store.init(counter(0));
    seconds(3).await;
    store.init(counter(1));
    seconds(3).await;
    assert_eq!(*passed.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_callback_delays_callbacks_and_not_checks() {
    let running = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(Mutex::new(0));
    let (flag, count) = (Arc::clone(&running), Arc::clone(&calls));
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Timeout(SECOND), SECOND))
        .on_expire(move |_| {
            let (flag, count) = (Arc::clone(&flag), Arc::clone(&count));
            async move {
                assert!(!flag.swap(true, Ordering::SeqCst), "one batch after another");
                sleep(SECOND * 100).await;
                *count.lock().unwrap() += 1;
                flag.store(false, Ordering::SeqCst);
            }
        })
        .done();
    for _ in 0..3 {
        store.init(counter(0));
        seconds(3).await;
        // The first callback is far from done.
        assert!(store.is_empty());
    }
    sleep(SECOND * 301).await;
    assert_eq!(*calls.lock().unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_callback_can_have_the_store() {
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Timeout(SECOND * 2), SECOND))
        .on_expire_with(|store, expired| async move {
            for (key, entry) in expired {
                // Its own key is free: it may come back.
                if entry.count < 3 {
                    store.create(&key, counter(entry.count + 1)).unwrap();
                }
            }
        })
        .done();
    let key = store.init(counter(1));
    seconds(3).await;
    assert_eq!(store.fetch(&key).unwrap().count, 2);
    seconds(10).await;
    assert!(store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_checks_hold_no_handle() {
    let store = timeout_store(10);
    let (_, mut watch) = store.init_and_watch(counter(0));
    let weak = store.downgrade();
    seconds(2).await;
    drop(store);
    assert!(weak.upgrade().is_none());
    assert!(watch.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_batch_under_way_is_delivered_after_the_store_has_ended() {
    let (told, mut gone) = mpsc::unbounded_channel();
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Timeout(SECOND), SECOND))
        .on_expire(move |expired| {
            let told = told.clone();
            async move {
                sleep(SECOND * 5).await;
                told.send(expired.len()).unwrap();
            }
        })
        .done();
    store.init(counter(0));
    seconds(1).await;
    assert!(store.is_empty());
    store.init(counter(1));
    seconds(2).await;
    assert!(store.is_empty());
    drop(store);
    assert_eq!(gone.recv().await, Some(1));
    assert_eq!(gone.recv().await, Some(1));
    assert_eq!(gone.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn the_shortest_and_the_longest_limits_are_no_problem() {
    let never = LiveStore::new()
        .with_options(options(ExpireMode::Timeout(Duration::MAX), SECOND))
        .done();
    let never_idle = LiveStore::new()
        .with_options(options(ExpireMode::Idle(Duration::MAX), SECOND))
        .done();
    let at_once = LiveStore::new()
        .with_options(options(ExpireMode::Timeout(Duration::ZERO), SECOND))
        .done();
    let unchecked = LiveStore::new()
        .with_options(options(ExpireMode::Timeout(SECOND), Duration::MAX))
        .done();
    for store in [&never, &never_idle, &at_once, &unchecked] {
        store.init(counter(0));
    }
    sleep(Duration::from_secs(60 * 60)).await;
    assert_eq!(
        (never.len(), never_idle.len(), at_once.len(), unchecked.len()),
        (1, 1, 0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn many_entries_at_once_all_go() {
    let (told, mut gone) = mpsc::unbounded_channel();
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Timeout(SECOND), SECOND))
        .on_expire(move |expired| {
            let told = told.clone();
            async move { expired.iter().for_each(|(key, _)| told.send(*key).unwrap()) }
        })
        .done();
    let mut keys: Vec<Uuid> = (0..5_000).map(|_| store.init(counter(0))).collect();
    seconds(2).await;
    assert!(store.is_empty());
    drop(store);
    let mut passed = Vec::new();
    while let Some(key) = gone.recv().await {
        passed.push(key);
    }
    keys.sort_unstable();
    passed.sort_unstable();
    assert_eq!(keys, passed);
}

/// A value whose `Drop` panics.
#[derive(Clone)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("this value panics when it is dropped");
        }
    }
}

impl LiveValue for Bomb {
    type Message = ();
    type Mutation = ();
    type MutError = ();

    fn mutate(_: &Entry<Self>, (): &()) -> Result<Self, ()> {
        Err(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_whose_drop_panics_does_not_end_the_checks() {
    let store = LiveStore::<Bomb>::new()
        .with_options(options(ExpireMode::Timeout(SECOND), SECOND))
        .done();
    for _ in 0..3 {
        store.init(Bomb);
        seconds(2).await;
        assert!(store.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_removed_and_created_again_has_its_own_deadline() {
    let store = timeout_store(10);
    let key = store.init(counter(0));
    seconds(8).await;
    store.remove(&key).await.unwrap();
    store.create(&key, counter(1)).unwrap();
    seconds(8).await;
    assert!(store.contains_key(&key));
    seconds(3).await;
    assert!(store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_a_millisecond_early() {
    let (told, mut gone) = mpsc::unbounded_channel();
    let limit = Duration::from_millis(10);
    for expire_mode in [ExpireMode::Timeout(limit), ExpireMode::Idle(limit)] {
        let told = told.clone();
        let store = LiveStore::<Counter>::new()
            .with_options(options(expire_mode, Duration::from_millis(1)))
            .on_expire(move |expired| {
                let told = told.clone();
                async move {
                    for (_, entry) in expired {
                        told.send(Instant::now().into_std() - entry.last_change())
                            .unwrap();
                    }
                }
            })
            .done();
        for _ in 0..5 {
            store.init(counter(0));
            sleep(Duration::from_millis(3)).await;
        }
        for _ in 0..5 {
            let age = gone.recv().await.unwrap();
            assert!(age >= limit && age <= limit + Duration::from_millis(3), "{age:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn checks_do_not_outlive_the_store() {
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    let store = LiveStore::<Counter>::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::MAX / 4),
            ..Default::default()
        })
        .done();
    tokio::task::yield_now().await;
    assert_eq!(metrics.num_alive_tasks(), before + 2);
    drop(store);
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    assert_eq!(metrics.num_alive_tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn idle_time_starts_when_the_last_watcher_leaves_whenever_the_check_looks() {
    let store = LiveStore::<Counter>::new()
        .with_options(options(
            ExpireMode::Idle(Duration::from_secs(10)),
            Duration::from_secs(1),
        ))
        .done();
    for offset in 0..10 {
        let (key, watch) = store.init_and_watch(counter(0));
        sleep(Duration::from_secs(20 + offset)).await;
        drop(watch);
        sleep(Duration::from_millis(9_500)).await;
        assert!(store.contains_key(&key), "left after {offset} more seconds");
        sleep(Duration::from_millis(2_500)).await;
        assert!(!store.contains_key(&key));
    }
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_waits_is_woken_by_the_expiry() {
    let store = LiveStore::<Counter>::new()
        .with_options(options(
            ExpireMode::Timeout(Duration::from_secs(2)),
            Duration::from_secs(1),
        ))
        .done();
    let (_, mut watch) = store.init_and_watch(counter(0));
    let mut next = spawn(watch.next());
    assert_pending!(next.poll());
    sleep(Duration::from_millis(3_100)).await;
    assert!(next.is_woken());
    assert!(matches!(assert_ready!(next.poll()), Some(Update::Expire { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_was_waited_for_and_a_touch_of_a_guard_are_uses() {
    let store = LiveStore::<Counter>::new()
        .with_options(options(
            ExpireMode::Idle(Duration::from_secs(10)),
            Duration::from_secs(1),
        ))
        .done();
    let (waited, touched) = (
        store.init_and_acquire(counter(0)),
        store.init_and_acquire(counter(0)),
    );
    let (first, second) = (*waited.key(), *touched.key());
    let mut waiting = spawn(store.acquire(&first));
    assert_pending!(waiting.poll());
    sleep(Duration::from_secs(8)).await;
    touched.touch();
    drop((waited, touched));
    drop(assert_ready!(waiting.poll()).unwrap());
    sleep(Duration::from_millis(9_500)).await;
    assert!(store.contains_key(&first) && store.contains_key(&second));
    sleep(Duration::from_secs(2)).await;
    assert!(store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_waits_keeps_the_store_only_for_who_wants_it() {
    let second = Duration::from_secs(1);
    let options = options(ExpireMode::Timeout(second), second);
    let plain = LiveStore::<Counter>::new()
        .with_options(options)
        .on_expire(move |_| sleep(second * 5))
        .done();
    let with = LiveStore::<Counter>::new()
        .with_options(options)
        .on_expire_with(move |_, _| sleep(second * 5))
        .done();
    let weak = (plain.downgrade(), with.downgrade());
    for _ in 0..2 {
        plain.init(counter(0));
        with.init(counter(0));
        sleep(second * 2).await;
    }
    drop((plain, with));
    assert!(weak.0.upgrade().is_none());
    assert!(weak.1.upgrade().is_some());
    sleep(second * 20).await;
    assert!(weak.1.upgrade().is_none());
}

#[test]
fn a_runtime_without_timers_is_noticed_when_the_store_is_built() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let built = runtime.block_on(async {
        std::panic::catch_unwind(|| {
            LiveStore::<Counter>::new()
                .with_options(options(ExpireMode::Timeout(SECOND), SECOND))
                .try_done()
                .is_ok()
        })
    });
    assert!(built.is_err());
}

/// What a check puts back must not be due again for the same check.
#[tokio::test(start_paused = true)]
async fn a_check_of_entries_that_are_watched_and_always_due_comes_to_rest() {
    let store = LiveStore::<Counter>::new()
        .with_options(options(ExpireMode::Idle(Duration::ZERO), SECOND))
        .done();
    let watches: Vec<_> = (0..1024).map(|_| store.init_and_watch(counter(0)).1).collect();
    // Time is paused, so this ends only if the check does.
    seconds(3).await;
    assert_eq!(store.len(), 1024);
    drop(watches);
    seconds(2).await;
    assert!(store.is_empty());
}

/// As the README shows it.
#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_uses_ends() {
    let sessions = LiveStore::new()
        .with_options(options(ExpireMode::Idle(SECOND * 600), SECOND))
        .done();
    let key = sessions.init(counter(0));
    sleep(SECOND * 599).await;
    assert!(sessions.contains_key(&key));
    sleep(SECOND * 2).await;
    assert!(!sessions.contains_key(&key));
}
