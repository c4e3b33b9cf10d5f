//! Stores that outlive the runtime which they were built in, as a static does that several tests share. Time is paused.

use std::time::Duration;

use livestore::{DeadlineError, ExpireMode, LiveStore, StoreOptions};
use livestore_tests::{Counter, counter};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

fn options(expire_mode: ExpireMode) -> StoreOptions {
    StoreOptions {
        expire_check_freq: Some(SECOND),
        expire_mode,
        ..Default::default()
    }
}

/// A store whose runtime has ended.
fn left_behind(expire_mode: ExpireMode) -> LiveStore<Counter> {
    let runtime = runtime();
    runtime.block_on(async {
        let store = LiveStore::new().with_options(options(expire_mode)).done();
        tokio::task::yield_now().await;
        store
    })
}

/// Nothing ever expired in the second of two tests that shared a store.
#[test]
fn who_creates_an_entry_has_the_checks_go_on_in_their_own_runtime() {
    let (told, mut gone) = mpsc::unbounded_channel();
    let first = runtime();
    let store = first.block_on(async {
        LiveStore::new()
            .with_options(options(ExpireMode::Timeout(SECOND)))
            .on_expire(move |expired| {
                let told = told.clone();
                async move { expired.iter().for_each(|(key, _)| told.send(*key).unwrap()) }
            })
            .done()
    });
    let early = store.init(counter(0));
    drop(first);
    assert!(!store.stats().expiry_runs);
    for _ in 0..2 {
        let next = runtime();
        next.block_on(async {
            let late = store.init(counter(1));
            assert!(store.stats().expiry_runs);
            sleep(SECOND * 5).await;
            assert!(store.is_empty());
            if store.stats().expired == 2 {
                assert_eq!(gone.recv().await, Some(early));
            }
            assert_eq!(gone.recv().await, Some(late));
            // A transaction creates as well.
            let created = livestore::Uuid::new_v4();
            let tx = store.transact(&[], |tx| tx.create(&created, counter(2))).await;
            assert!(tx.is_ok());
            sleep(SECOND * 5).await;
            assert_eq!(gone.recv().await, Some(created));
        });
    }
}

/// It said `Ok`, and nobody ever looked at the deadline.
#[test]
fn where_no_check_will_ever_be_a_deadline_is_an_error_and_where_one_can_be_it_is_met() {
    let store = left_behind(ExpireMode::Timeout(Duration::MAX));
    let (key, other) = (store.init(counter(0)), store.init(counter(1)));
    let error = store.expire_after(&key, SECOND).unwrap_err();
    assert_eq!(error, DeadlineError::RuntimeEnded);
    assert_eq!(
        error.to_string(),
        "the runtime in which this store was checked for expiry has ended; call from inside a runtime with timers, where the \
         checks then go on"
    );
    assert_eq!(store.fetch(&key).unwrap().expires_at(), None);
    let mut guard = store.try_acquire(&key).unwrap();
    assert_eq!(guard.expire_after(SECOND), Err(DeadlineError::RuntimeEnded));
    guard.persist();
    drop(guard);
    // To expire never takes no check.
    assert!(store.persist(&key));

    // Without timers, nothing can be checked either.
    let timeless = Builder::new_current_thread().build().unwrap();
    let refused = timeless.block_on(async { store.expire_after(&key, SECOND) });
    assert_eq!(refused, Err(DeadlineError::RuntimeEnded));

    runtime().block_on(async {
        store.expire_after(&key, SECOND).unwrap();
        sleep(SECOND * 3).await;
        assert!(!store.contains_key(&key) && store.contains_key(&other));
    });
    runtime().block_on(async {
        let set = store
            .transact(&[other], |tx| tx.expire_after(&other, SECOND))
            .await;
        assert!(set.is_ok());
        sleep(SECOND * 3).await;
        assert!(store.is_empty());
    });
}

/// Two tests share a store, at once. The one in which it was built ends first, and of the other's entry nobody thought any more.
#[test]
fn the_checks_go_on_in_a_runtime_where_somebody_has_created_an_entry() {
    let first = runtime();
    let store = first.block_on(async {
        LiveStore::new()
            .with_options(options(ExpireMode::Timeout(SECOND)))
            .done()
    });
    let (second, third, timeless) = (
        runtime(),
        runtime(),
        Builder::new_current_thread().build().unwrap(),
    );
    for other in [&timeless, &second, &third] {
        other.block_on(async { store.init(counter(0)) });
    }
    assert_eq!(store.len(), 3);
    // One of those that were there has ended before.
    drop(second);
    drop(first);
    assert!(store.stats().expiry_runs);
    third.block_on(async {
        sleep(SECOND * 5).await;
        assert!(store.is_empty());
        let metrics = tokio::runtime::Handle::current().metrics();
        assert_eq!(metrics.num_alive_tasks(), 2);
    });
    // Nobody else is left. Whoever comes next has them go on.
    drop(third);
    assert!(!store.stats().expiry_runs);
    timeless.block_on(async { store.init(counter(0)) });
    assert!(!store.stats().expiry_runs);
    runtime().block_on(async {
        store.init(counter(0));
        sleep(SECOND * 5).await;
        assert!(store.is_empty());
    });
}

/// A runtime that is noted has a task that ends with it, and with the store.
#[test]
fn of_a_store_that_has_ended_nothing_is_left_in_any_runtime() {
    let (first, second) = (runtime(), runtime());
    let store = first.block_on(async {
        LiveStore::new()
            .with_options(options(ExpireMode::Timeout(SECOND)))
            .done()
    });
    second.block_on(async {
        for count in 0..10 {
            store.init(counter(count));
        }
    });
    let metrics = second.metrics();
    assert_eq!(metrics.num_alive_tasks(), 1);
    drop(store);
    let rest = async {
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
    };
    second.block_on(rest);
    assert_eq!(metrics.num_alive_tasks(), 0);
    drop(first);
}

/// A clock that was behind the one under which the store was built stood still until it had come to that: entries there were
/// created in the future, and expired late by as much.
#[test]
fn a_store_built_under_a_clock_that_was_moved_keeps_time_under_one_that_was_not() {
    let first = runtime();
    let store = first.block_on(async {
        tokio::time::advance(SECOND * 3600).await;
        let options = options(ExpireMode::Timeout(SECOND * 600));
        LiveStore::<Counter>::new().with_options(options).done()
    });
    drop(first);
    runtime().block_on(async {
        let key = store.init(counter(0));
        let now = || tokio::time::Instant::now().into_std();
        let entry = store.fetch(&key).unwrap();
        assert!(entry.create_time() <= now() && entry.create_time() + SECOND > now());
        assert!(entry.expires_at().unwrap() <= now() + SECOND * 601);
        sleep(SECOND * 599).await;
        assert!(store.contains_key(&key));
        sleep(SECOND * 3).await;
        assert!(!store.contains_key(&key));
    });
}

/// The first period began when the task of the checks was polled, and not when the store was built.
#[test]
fn what_became_due_before_the_first_check_was_polled_goes_at_once() {
    runtime().block_on(async {
        let store = LiveStore::new()
            .with_options(options(ExpireMode::Timeout(SECOND)))
            .done();
        store.init(counter(0));
        tokio::time::advance(SECOND * 3).await;
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        assert!(store.is_empty());
    });
}

#[test]
fn checks_are_resumed_once_and_end_with_the_store() {
    let store = left_behind(ExpireMode::Timeout(SECOND * 10));
    let runtime = runtime();
    let metrics = runtime.metrics();
    runtime.block_on(async {
        for count in 0..10 {
            let key = store.init(counter(count));
            store.expire_after(&key, SECOND * 20).unwrap();
        }
        // One checks, one calls back.
        assert_eq!(metrics.num_alive_tasks(), 2);
        drop(store);
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        assert_eq!(metrics.num_alive_tasks(), 0);
    });
}

/// What a check had taken up was lost with its runtime.
#[test]
fn what_was_due_when_the_runtime_ended_in_the_middle_of_a_check_expires_later() {
    let first = runtime();
    let many = 10_000;
    // Outside of a runtime the machine's clock counts, by which nothing is due for so long.
    let life = SECOND * 30;
    let store = first.block_on(async {
        LiveStore::new()
            .with_options(options(ExpireMode::Lifetime(life)))
            .done()
    });
    let guards: Vec<_> = first.block_on(async {
        let guards = (0..many).map(|count| store.init_and_acquire(counter(count)));
        let guards = guards.collect();
        sleep(2 * life).await;
        // The check is under way.
        tokio::task::yield_now().await;
        guards
    });
    drop(first);
    drop(guards);
    assert_eq!(store.len(), usize::try_from(many).unwrap());
    runtime().block_on(async {
        store.init(counter(0));
        sleep(3 * life).await;
        assert!(store.is_empty(), "{} are left", store.len());
    });
}

/// What waited for a callback when the runtime ended was counted as waiting for ever.
#[test]
fn a_callback_that_is_lost_with_its_runtime_does_not_count_as_waited_for() {
    let first = runtime();
    let store = first.block_on(async {
        let store = LiveStore::new()
            .with_options(options(ExpireMode::Lifetime(SECOND)))
            .on_expire(|_| std::future::pending())
            .done();
        for count in 0..3 {
            store.init(counter(count));
            sleep(SECOND).await;
        }
        sleep(SECOND * 2).await;
        assert_eq!(store.stats().callbacks, 3);
        store
    });
    drop(first);
    assert_eq!(store.stats().callbacks, 0);
}

/// Each runtime that is paused has a time of its own, and a store that comes from one which was ahead is not early.
#[test]
fn a_store_from_a_runtime_that_was_ahead_expires_in_time() {
    let first = runtime();
    let store = first.block_on(async {
        sleep(SECOND * 3600).await;
        LiveStore::new()
            .with_options(options(ExpireMode::Timeout(Duration::MAX)))
            .done()
    });
    drop(first);
    runtime().block_on(async {
        let key = store.init(counter(0));
        store.expire_after(&key, SECOND * 10).unwrap();
        sleep(SECOND * 9).await;
        assert!(store.contains_key(&key));
        sleep(SECOND * 3).await;
        assert!(store.is_empty());
    });
}
