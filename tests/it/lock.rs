//! The entry's lock, poll by poll.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use livestore::{AcquireError, LiveStore, MutateError, TryAcquireError, Uuid};
use livestore_tests::{Change, Counter, counter};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

#[test]
fn waiters_are_served_in_the_order_of_their_first_polls() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(0));
    let key = *guard.key();
    // Made in one order, polled in another.
    let mut third = spawn(store.acquire(&key));
    let mut first = spawn(store.mutate(&key, Change::Add(1)));
    let mut second = spawn(store.acquire(&key));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_pending!(third.poll());

    drop(guard);
    assert!(first.is_woken() && !second.is_woken() && !third.is_woken());
    // Granted, though not yet taken up: nobody slips in between.
    assert_eq!(store.try_acquire(&key).unwrap_err(), TryAcquireError::Held);
    assert_pending!(second.poll());
    assert_eq!(assert_ready!(first.poll()).unwrap().count, 1);

    assert!(second.is_woken() && !third.is_woken());
    let guard = assert_ready!(second.poll()).unwrap();
    assert_eq!(guard.count, 1);
    assert_pending!(third.poll());
    guard.release();
    assert_ready!(third.poll()).unwrap().release();
    store.try_acquire(&key).unwrap().release();
}

#[test]
fn a_waiter_that_goes_away_is_left_out() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(0));
    let key = *guard.key();
    let mut first = spawn(store.mutate(&key, Change::Add(100)));
    let mut second = spawn(store.acquire(&key));
    let mut third = spawn(store.acquire(&key));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_pending!(third.poll());
    drop(first);
    drop(second);
    drop(guard);
    let guard = assert_ready!(third.poll()).unwrap();
    // The mutation that was dropped has changed nothing.
    assert_eq!((guard.count, guard.version()), (0, 1));
}

#[test]
fn a_guard_granted_to_a_waiter_that_goes_away_is_passed_on() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(0));
    let key = *guard.key();
    let mut first = spawn(store.acquire(&key));
    let mut second = spawn(store.acquire(&key));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    drop(guard);
    assert!(first.is_woken());
    // It never takes it up.
    drop(first);
    assert!(second.is_woken());
    drop(second);
    // Nobody is left, so the entry is free, and not locked for ever.
    store.try_acquire(&key).unwrap().release();
}

#[test]
fn a_future_that_was_never_polled_does_not_queue() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(0));
    let key = *guard.key();
    let idle = store.acquire(&key);
    drop(guard);
    store.try_acquire(&key).unwrap().release();
    drop(idle);
}

#[test]
fn a_waiter_moved_to_another_task_is_woken_there() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(0));
    let key = *guard.key();
    let mut waiting = Box::pin(store.acquire(&key));
    let mut before = spawn(std::future::poll_fn(|cx| {
        assert!(waiting.as_mut().poll(cx).is_pending());
        std::task::Poll::<()>::Pending
    }));
    assert_pending!(before.poll());
    let was_woken = before.is_woken();
    drop(before);
    let mut after = spawn(waiting);
    assert_pending!(after.poll());
    drop(guard);
    assert!(after.is_woken() && !was_woken);
    assert_ready!(after.poll()).unwrap().release();
}

#[test]
fn an_insert_that_waits_for_a_holder_who_deletes_still_stores_its_value() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(1));
    let key = *guard.key();
    let mut insert = spawn(store.insert(&key, counter(2)));
    assert_pending!(insert.poll());
    let gone = guard.delete();
    assert!(insert.is_woken());
    assert!(assert_ready!(insert.poll()).is_none());
    let entry = store.fetch(&key).unwrap();
    assert_eq!(entry.count, 2);
    assert!(entry.version() > gone.version());
}

#[test]
fn an_insert_cancelled_while_it_waits_stores_nothing() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(1));
    let key = *guard.key();
    let mut insert = spawn(store.insert(&key, counter(2)));
    assert_pending!(insert.poll());
    drop(insert);
    drop(guard);
    assert_eq!(store.fetch(&key).unwrap().count, 1);
}

#[test]
fn removal_sends_waiters_to_look_the_key_up_again() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(1));
    let key = *guard.key();
    let mut acquire = spawn(store.acquire(&key));
    let mut mutate = spawn(store.mutate(&key, Change::Add(1)));
    let mut remove = spawn(store.remove(&key));
    let mut assign = spawn(store.assign(&key, counter(9)));
    let mut or_create = spawn(store.mutate_or_create(&key, || counter(20), Change::Add(1)));
    assert_pending!(acquire.poll());
    assert_pending!(mutate.poll());
    assert_pending!(remove.poll());
    assert_pending!(assign.poll());
    assert_pending!(or_create.poll());
    guard.delete();
    assert!(acquire.is_woken() && mutate.is_woken() && remove.is_woken() && assign.is_woken());
    assert!(assert_ready!(acquire.poll()).is_none());
    assert_eq!(assert_ready!(mutate.poll()).unwrap_err(), MutateError::Missing);
    assert!(assert_ready!(remove.poll()).is_none());
    assert_eq!(assert_ready!(assign.poll()).unwrap_err().0.count, 9);
    assert_eq!(assert_ready!(or_create.poll()).unwrap().count, 21);
}

#[test]
fn there_are_never_two_guards_on_one_key_also_after_remove_and_create() {
    let store = LiveStore::default();
    let old_life = store.init_and_acquire(counter(1));
    let key = *old_life.key();
    let mut first = spawn(store.acquire(&key));
    let mut second = spawn(store.acquire(&key));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    old_life.delete();
    let new_life = store.create_and_acquire(&key, counter(2)).unwrap();
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    new_life.release();
    let guard = assert_ready!(first.poll()).unwrap();
    assert_eq!(guard.count, 2);
    assert_pending!(second.poll());
    drop(guard);
    assert_ready!(second.poll()).unwrap().release();
}

#[test]
fn a_waiter_of_a_former_life_that_goes_away_disturbs_nobody() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(1));
    let key = *guard.key();
    let mut waiting = spawn(store.acquire(&key));
    assert_pending!(waiting.poll());
    guard.delete();
    let new_life = store.create_and_acquire(&key, counter(2)).unwrap();
    drop(waiting);
    assert_eq!(store.try_acquire(&key).unwrap_err(), TryAcquireError::Held);
    drop(new_life);
    store.try_acquire(&key).unwrap().release();
}

#[test]
fn reads_never_wait_for_a_guard() {
    let store = LiveStore::default();
    let mut guard = store.init_and_acquire(counter(1));
    let key = *guard.key();
    let (entry, mut watch) = store.fetch_and_watch(&key).unwrap();
    assert_eq!(entry.count, 1);
    guard.mutate(Change::Add(1)).unwrap();
    // Each change of the guard is visible at once.
    assert_eq!(store.fetch(&key).unwrap().count, 2);
    assert_eq!(store.broadcast(&key, "hello").unwrap(), 1);
    assert_eq!(store.entries().next().unwrap().1.count, 2);
    assert_eq!(assert_ready!(spawn(watch.next()).poll()).unwrap().version(), 2);
}

#[test]
fn a_guard_dropped_by_a_panic_releases_the_entry() {
    let store = LiveStore::default();
    let key = store.init(counter(1));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = store.try_acquire(&key).unwrap();
        guard.mutate(Change::Add(1)).unwrap();
        panic!("while it is held");
    }));
    assert!(panicked.is_err());
    let guard = store.try_acquire(&key).unwrap();
    assert_eq!(guard.count, 2);
}

#[tokio::test(start_paused = true)]
async fn acquire_timeout_waits_as_long_as_it_is_told() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(1));
    let key = *guard.key();
    let began = tokio::time::Instant::now();
    let limit = Duration::from_secs(5);
    assert_eq!(
        store.acquire_timeout(&key, limit).await.unwrap_err(),
        AcquireError::TimedOut
    );
    assert!(began.elapsed() >= limit && began.elapsed() < limit + Duration::from_millis(10));
    // Whoever timed out has left the queue.
    drop(guard);
    store.try_acquire(&key).unwrap().release();
}

#[test]
fn acquire_timeout_of_zero_tries_once_and_needs_no_runtime() {
    let store = LiveStore::default();
    let key = store.init(counter(1));
    let free = assert_ready!(spawn(store.acquire_timeout(&key, Duration::ZERO)).poll());
    let held = assert_ready!(spawn(store.acquire_timeout(&key, Duration::ZERO)).poll());
    assert_eq!(held.unwrap_err(), AcquireError::TimedOut);
    drop(free);
    store.try_acquire(&key).unwrap().release();
}

#[tokio::test(start_paused = true)]
async fn acquire_timeout_without_end_gets_its_turn() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(1));
    let key = *guard.key();
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .acquire_timeout(&key, Duration::MAX)
                .await
                .map(|guard| guard.count)
        })
    };
    tokio::time::sleep(Duration::from_secs(3600)).await;
    drop(guard);
    assert_eq!(waiting.await.unwrap(), Ok(1));
}

#[tokio::test]
async fn a_busy_loop_of_mutations_lets_other_tasks_run() {
    let store = LiveStore::default();
    let key = store.init(counter(0));
    let stop = Arc::new(AtomicBool::new(false));
    let busy = {
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                store.mutate(&key, Change::Add(1)).await.unwrap();
            }
        })
    };
    tokio::task::yield_now().await;
    // On one thread, this line is reached only if the loop above yields.
    stop.store(true, Ordering::Relaxed);
    busy.await.unwrap();
}

/// A waiter that was granted the entry and dropped in the same moment must not leave it locked: with a semaphore's
/// left-over permit that happened in most schedules.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_thousands_of_cancelled_waits_the_entry_is_free() {
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(0));
    let entered = Arc::new(AtomicU64::new(0));
    for round in 0..2000_u32 {
        let guard = store.acquire(&key).await.unwrap();
        let waiters: Vec<_> = (0..4)
            .map(|_| {
                let (store, entered) = (store.clone(), Arc::clone(&entered));
                tokio::spawn(async move {
                    let guard = store.acquire(&key).await.unwrap();
                    entered.fetch_add(1, Ordering::Relaxed);
                    drop(guard);
                })
            })
            .collect();
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        drop(guard);
        waiters.iter().for_each(tokio::task::JoinHandle::abort);
        for waiter in waiters {
            let _ = waiter.await;
        }
        store.try_acquire(&key).expect("everybody is gone").release();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_decide_write_under_a_guard_loses_no_update() {
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..250 {
                    let mut guard = store.acquire(&key).await.unwrap();
                    let next = guard.count + 1;
                    tokio::task::yield_now().await;
                    guard.set(counter(next));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let entry = store.fetch(&key).unwrap();
    assert_eq!((entry.count, entry.version()), (2000, 2001));
}

#[tokio::test]
async fn two_keys_do_not_wait_for_each_other() {
    let store = LiveStore::default();
    let _guard = store.init_and_acquire(counter(1));
    let other = store.create(&Uuid::new_v4(), counter(2)).map(|_| ()).is_ok();
    assert!(other);
    let key = store.init(counter(3));
    assert_eq!(store.mutate(&key, Change::Add(1)).await.unwrap().count, 4);
}

#[test]
fn a_mutation_that_ran_user_code_passes_the_entry_to_who_came_meanwhile() {
    type Waiting = tokio_test::task::Spawn<std::pin::Pin<Box<dyn Future<Output = i64> + Send>>>;
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(0));
    let waiting: Arc<std::sync::Mutex<Option<Waiting>>> = Arc::default();
    let hook = {
        let (store, waiting) = (store.clone(), Arc::clone(&waiting));
        livestore_tests::Hook::new(move || {
            let store = store.clone();
            let mut acquire: Waiting = spawn(Box::pin(async move {
                store.acquire(&key).await.map_or(-1, |guard| guard.count)
            }));
            assert_pending!(acquire.poll());
            *waiting.lock().unwrap() = Some(acquire);
        })
    };
    assert_ready!(spawn(store.mutate(&key, Change::Run(hook))).poll()).unwrap();
    let mut acquire = waiting.lock().unwrap().take().unwrap();
    assert!(acquire.is_woken());
    assert_eq!(assert_ready!(acquire.poll()), 1);
}

#[test]
fn an_insert_that_waited_passes_the_entry_on() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(0));
    let key = *guard.key();
    let mut insert = spawn(store.insert(&key, counter(5)));
    let mut acquire = spawn(store.acquire(&key));
    assert_pending!(insert.poll());
    assert_pending!(acquire.poll());
    drop(guard);
    assert_eq!(assert_ready!(insert.poll()).unwrap().count, 0);
    assert!(acquire.is_woken());
    assert_eq!(assert_ready!(acquire.poll()).unwrap().count, 5);
}

#[tokio::test]
async fn first_poll_counts_also_without_budget() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(0));
    let key = *guard.key();
    while tokio::task::coop::has_budget_remaining() {
        tokio::task::coop::consume_budget().await;
    }
    let mut first = spawn(store.acquire(&key));
    assert_pending!(first.poll());
    let mut second = spawn(tokio::task::unconstrained(store.acquire(&key)));
    assert_pending!(second.poll());
    tokio::task::yield_now().await;
    assert_pending!(first.poll());
    drop(guard);
    assert!(first.is_woken());
    assert_ready!(first.poll()).unwrap().release();
}

#[tokio::test]
async fn acquire_timeout_zero_without_budget() {
    let store = LiveStore::default();
    let key = store.init(counter(0));
    while tokio::task::coop::has_budget_remaining() {
        tokio::task::coop::consume_budget().await;
    }
    assert!(store.acquire_timeout(&key, Duration::ZERO).await.is_ok());
}
