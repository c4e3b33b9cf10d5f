//! Mutations that are committed however their owner ends.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use livestore::{LiveStore, MutateError, MutateOnDrop, TransactError, TryAcquireError, Update, Uuid, Watch};
use livestore_tests::{Change, Counter, Hook, Refused, counter, must_not_hang};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

fn store() -> (LiveStore<Counter>, Uuid) {
    let store = LiveStore::default();
    let key = store.init(counter(0));
    (store, key)
}

fn count(store: &LiveStore<Counter>, key: &Uuid) -> (i64, u64) {
    let entry = store.fetch(key).unwrap();
    (entry.count, entry.version())
}

/// The counts of the mutations that a watcher was told.
fn told(watch: &mut Watch<Counter>) -> Vec<i64> {
    let mut told = Vec::new();
    while let std::task::Poll::Ready(Some(Update::Mutate { new, .. })) = spawn(watch.next()).poll() {
        told.push(new.count);
    }
    told
}

#[test]
fn a_drop_commits_at_once_where_the_entry_is_free_and_needs_no_runtime() {
    let (store, key) = store();
    let mut watch = store.watch(&key).unwrap();
    let leave = store.mutate_on_drop(&key, Change::Add(5));
    assert_eq!(leave.key(), &key);
    assert_eq!(count(&store, &key), (0, 1));
    drop(leave);
    assert_eq!(count(&store, &key), (5, 2));
    assert_eq!(told(&mut watch), [5]);
    store.try_acquire(&key).unwrap().release();
}

#[test]
fn what_is_disarmed_is_given_back_and_commits_nothing() {
    let (store, key) = store();
    let mutation = store.mutate_on_drop(&key, Change::Add(5)).disarm();
    assert!(matches!(mutation, Change::Add(5)));
    assert_eq!(count(&store, &key), (0, 1));
}

#[tokio::test]
async fn who_commits_now_learns_what_came_of_it_and_commits_once() {
    let (store, key) = store();
    let entry = store.mutate_on_drop(&key, Change::Add(5)).commit().await.unwrap();
    assert_eq!((entry.count, entry.version()), (5, 2));
    let refused = store.mutate_on_drop(&key, Change::Refuse).commit().await;
    assert_eq!(refused.unwrap_err(), MutateError::Rejected(Refused));
    let missing = store.mutate_on_drop(&Uuid::nil(), Change::Add(1)).commit().await;
    assert_eq!(missing.unwrap_err(), MutateError::Missing);
    assert_eq!(count(&store, &key), (5, 2));
}

#[test]
fn a_commit_that_is_dropped_while_it_waits_is_still_made_once() {
    let (store, key) = store();
    let guard = store.try_acquire(&key).unwrap();
    let mut commits = spawn(store.mutate_on_drop(&key, Change::Add(5)).commit());
    assert_pending!(commits.poll());
    drop(commits);
    drop(guard);
    assert_eq!(count(&store, &key), (5, 2));
    // Not polled at all, it is no different.
    drop(store.mutate_on_drop(&key, Change::Add(5)).commit());
    assert_eq!(count(&store, &key), (10, 3));
}

#[test]
fn a_commit_that_panics_is_not_tried_again() {
    let (store, key) = store();
    let runs = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&runs);
    let panics = Change::Run(Hook::new(move || {
        counts.fetch_add(1, Ordering::SeqCst);
        panic!("this mutation panics");
    }));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = spawn(store.mutate_on_drop(&key, panics).commit()).poll();
    }));
    assert!(panicked.is_err());
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(count(&store, &key), (0, 1));
}

#[test]
fn a_drop_waits_its_turn_without_waiting() {
    let (store, key) = store();
    let mut watch = store.watch(&key).unwrap();
    let guard = store.try_acquire(&key).unwrap();
    let mut first = spawn(store.mutate(&key, Change::Add(1)));
    assert_pending!(first.poll());
    // Its own task holds the entry, too.
    drop(store.mutate_on_drop(&key, Change::Add(10)));
    let mut third = spawn(store.mutate(&key, Change::Add(100)));
    assert_pending!(third.poll());
    drop(store.mutate_on_drop(&key, Change::Add(1000)));
    assert_eq!(store.stats().waiters, 4);
    drop(guard);
    assert_eq!(count(&store, &key), (0, 1));
    assert_ready!(first.poll()).unwrap();
    // The second came of itself.
    assert_eq!(count(&store, &key), (11, 3));
    assert_ready!(third.poll()).unwrap();
    assert_eq!(told(&mut watch), [1, 11, 111, 1111]);
    assert_eq!((store.stats().waiters, store.stats().held), (0, 0));
}

#[test]
fn who_leaves_the_queue_lets_a_drop_pass() {
    let (store, key) = store();
    let guard = store.try_acquire(&key).unwrap();
    let mut first = spawn(store.acquire(&key));
    assert_pending!(first.poll());
    drop(store.mutate_on_drop(&key, Change::Add(5)));
    drop(guard);
    // Granted, and never taken up.
    drop(first);
    assert_eq!(count(&store, &key), (5, 2));
}

#[test]
fn a_task_that_panics_is_aborted_or_ends_with_its_runtime_commits() {
    must_not_hang(|| {
        let (store, key) = store();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        let task = |ends: Option<&'static str>| {
            let store = store.clone();
            let (is_at_it, at_it) = tokio::sync::oneshot::channel();
            let task = runtime.spawn(async move {
                let _leave = store.mutate_on_drop(&key, Change::Add(1));
                is_at_it.send(()).unwrap();
                if let Some(why) = ends {
                    resume_unwind(Box::new(why));
                }
                std::future::pending::<()>().await;
            });
            runtime.block_on(at_it).unwrap();
            task
        };
        assert!(
            runtime
                .block_on(task(Some("this task panics")))
                .unwrap_err()
                .is_panic()
        );
        assert_eq!(count(&store, &key), (1, 2));

        let aborted = task(None);
        aborted.abort();
        assert!(runtime.block_on(aborted).unwrap_err().is_cancelled());
        assert_eq!(count(&store, &key), (2, 3));

        drop(task(None));
        // It ends while somebody else holds the entry, and when that ends nobody is left to run anything.
        let guard = store.try_acquire(&key).unwrap();
        drop(runtime);
        assert_eq!(count(&store, &key), (2, 3));
        drop(guard);
        assert_eq!(count(&store, &key), (3, 4));
    });
}

#[test]
fn what_nobody_can_be_told_changes_nothing() {
    let (store, key) = store();
    drop(store.mutate_on_drop(&Uuid::nil(), Change::Add(1)));
    for comes_to_nothing in [Change::Refuse, Change::Panic] {
        drop(store.mutate_on_drop(&key, comes_to_nothing.clone()));
        // In line, and released by somebody who must not hear of it.
        let guard = store.try_acquire(&key).unwrap();
        drop(store.mutate_on_drop(&key, comes_to_nothing.clone()));
        drop(store.mutate_on_drop(&key, Change::Add(1)));
        drop(guard);
        // While the thread panics already, a second panic would abort the process.
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _leave = store.mutate_on_drop(&key, comes_to_nothing);
            resume_unwind(Box::new("this task panics"));
        }));
        assert!(panicked.is_err());
        store.try_acquire(&key).unwrap().release();
    }
    assert_eq!(count(&store, &key), (2, 3));
}

#[test]
fn an_entry_that_is_removed_meanwhile_is_looked_up_again() {
    let (store, key) = store();
    let guard = store.try_acquire(&key).unwrap();
    drop(store.mutate_on_drop(&key, Change::Add(5)));
    guard.delete();
    assert!(store.is_empty());
    assert_eq!(store.stats().waiters, 0);

    // The key has another entry when the mutation has its turn.
    let guard = store.create_and_acquire(&key, counter(0)).unwrap();
    drop(store.mutate_on_drop(&key, Change::Add(5)));
    let replaced = assert_ready!(
        spawn(store.transact(&[Uuid::nil()], |tx| {
            tx.create(&Uuid::nil(), counter(0)).map_err(|_| ())
        }))
        .poll()
    );
    assert!(replaced.is_ok());
    drop(guard);
    assert_eq!(count(&store, &key).0, 5);
}

#[test]
fn a_mutation_on_drop_may_be_dropped_in_a_mutation_or_a_transaction_of_its_entry() {
    must_not_hang(|| {
        let (store, key) = store();
        let leave = Mutex::new(Some(store.mutate_on_drop(&key, Change::Add(10))));
        let drops = Change::Run(Hook::new(move || drop(leave.lock().unwrap().take())));
        assert_eq!(
            assert_ready!(spawn(store.mutate(&key, drops)).poll())
                .unwrap()
                .count,
            1
        );
        assert_eq!(count(&store, &key), (11, 3));

        let leave = store.mutate_on_drop(&key, Change::Add(10));
        let aborted = assert_ready!(
            spawn(store.transact(&[key], |tx| {
                tx.mutate(&key, Change::Add(100)).unwrap();
                drop(leave);
                Err::<(), _>("no")
            }))
            .poll()
        );
        assert_eq!(aborted, Err(TransactError::Aborted("no")));
        assert_eq!(count(&store, &key), (21, 4));
    });
}

#[test]
fn it_runs_with_nothing_locked_and_may_call_the_store() {
    must_not_hang(|| {
        let (store, key) = store();
        let calls = {
            let store = store.clone();
            Change::Run(Hook::new(move || {
                assert_eq!(store.fetch(&key).unwrap().count, 0);
                assert_eq!(store.try_acquire(&key).unwrap_err(), TryAcquireError::Held);
                for _ in 0..200 {
                    // Keys in every shard, each with a mutation of its own.
                    let other = store.init(counter(0));
                    let guard = store.try_acquire(&other).unwrap();
                    drop(store.mutate_on_drop(&other, Change::Add(1)));
                    drop(guard);
                    assert_eq!(count(&store, &other), (1, 2));
                }
            }))
        };
        let guard = store.try_acquire(&key).unwrap();
        drop(store.mutate_on_drop(&key, calls));
        drop(guard);
        assert_eq!(count(&store, &key), (1, 2));
        assert_eq!(store.len(), 201);
    });
}

/// Each is run by the one before, so a hundred thousand would need the stack of a hundred thousand.
#[test]
fn any_number_may_wait_for_one_entry() {
    const MANY: i64 = 20_000;
    let small = thread::Builder::new().stack_size(256 * 1024);
    let thread = small.spawn(|| {
        let (store, key) = store();
        let mut watch = store.watch(&key).unwrap();
        let guard = store.try_acquire(&key).unwrap();
        let all: Vec<_> = (0..MANY)
            .map(|_| store.mutate_on_drop(&key, Change::Add(1)))
            .collect();
        drop(all);
        drop(guard);
        assert_eq!(store.fetch(&key).unwrap().count, MANY);
        assert!(matches!(
            assert_ready!(spawn(watch.next()).poll()),
            Some(Update::Resync { now, .. }) if now.count == MANY
        ));
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn it_keeps_the_store_open_until_it_is_committed() {
    let (store, key) = store();
    let mut watch = store.watch(&key).unwrap();
    let guard = store.try_acquire(&key).unwrap();
    let leave = store.mutate_on_drop(&key, Change::Add(5));
    let weak = store.downgrade();
    drop(store);
    drop(leave);
    assert!(weak.upgrade().is_some());
    drop(guard);
    // The last handle was its own.
    assert!(weak.upgrade().is_none());
    assert!(matches!(
        assert_ready!(spawn(watch.next()).poll()),
        Some(Update::Mutate { new, .. }) if new.count == 5
    ));
    assert!(assert_ready!(spawn(watch.next()).poll()).is_none());
}

thread_local! {
    static KEPT: Mutex<Option<MutateOnDrop<Counter>>> = const { Mutex::new(None) };
}

#[test]
fn it_may_be_dropped_by_a_thread_that_ends() {
    let (store, key) = store();
    let guard = store.try_acquire(&key).unwrap();
    let (leave, other) = (store.mutate_on_drop(&key, Change::Add(5)), store.init(counter(0)));
    let at_once = store.mutate_on_drop(&other, Change::Add(1));
    for kept in [leave, at_once] {
        thread::spawn(move || KEPT.with(|place| *place.lock().unwrap() = Some(kept)))
            .join()
            .unwrap();
    }
    assert_eq!(count(&store, &other), (1, 2));
    drop(guard);
    assert_eq!(count(&store, &key), (5, 2));
}

#[test]
fn many_threads_drop_and_hold_and_nothing_is_lost() {
    must_not_hang(|| {
        let (store, key) = store();
        let (each, threads) = (200, 4);
        thread::scope(|scope| {
            for me in 0..threads {
                let store = &store;
                scope.spawn(move || {
                    for n in 0..each {
                        drop(store.mutate_on_drop(&key, Change::Add(1)));
                        if (n + me) % 3 == 0
                            && let Ok(mut guard) = store.try_acquire(&key)
                        {
                            drop(store.mutate_on_drop(&key, Change::Add(1)));
                            guard.mutate(Change::Add(-1)).unwrap();
                        }
                    }
                });
            }
        });
        let entry = store.fetch(&key).unwrap();
        assert_eq!(entry.count, each * threads);
        assert_eq!((store.stats().held, store.stats().waiters), (0, 0));
    });
}

/// A slow releaser does not keep others from being told.
#[test]
fn a_mutation_that_is_at_work_on_one_thread_is_not_begun_on_another() {
    must_not_hang(|| {
        let (store, key) = store();
        let (is_at_it, at_it) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        let goes_on = Mutex::new(goes_on);
        let slow = Change::Run(Hook::new(move || {
            is_at_it.send(()).unwrap();
            goes_on.lock().unwrap().recv().unwrap();
        }));
        let leave = store.mutate_on_drop(&key, slow);
        let dropper = thread::spawn(move || drop(leave));
        at_it.recv().unwrap();
        // Others queue up meanwhile, and this thread goes on.
        drop(store.mutate_on_drop(&key, Change::Add(10)));
        assert_eq!(count(&store, &key), (0, 1));
        go_on.send(()).unwrap();
        dropper.join().unwrap();
        assert_eq!(count(&store, &key), (11, 3));
    });
}
