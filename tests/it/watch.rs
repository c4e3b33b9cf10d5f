//! Watching: no gaps, one order, lag as a value.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use cooked_waker::{IntoWaker, Wake, WakeRef};
use futures_util::{Stream, StreamExt};
use livestore::{Control, Entry, LiveStore, LiveValue, Shared, StoreOptions, Update, Uuid, Watch};
use livestore_tests::{Change, Counter, counter, store_with_cap};
use tokio::task::unconstrained;
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

/// What a watcher has now, without waiting for more, however much of the task's budget is left.
fn drain<V: LiveValue>(watch: &mut Watch<V>) -> Vec<Update<V>> {
    let mut updates = Vec::new();
    while let Poll::Ready(Some(update)) = spawn(unconstrained(watch.next())).poll() {
        updates.push(update);
    }
    updates
}

fn versions<V: LiveValue>(updates: &[Update<V>]) -> Vec<u64> {
    updates.iter().map(Update::version).collect()
}

#[tokio::test]
async fn all_watchers_see_the_same_updates_in_the_same_order() {
    let store = LiveStore::default();
    let (key, mut first) = store.init_and_watch(counter(0));
    let mut second = store.watch(&key).unwrap();
    store.mutate(&key, Change::Add(1)).await.unwrap();
    store.broadcast(&key, "between").unwrap();
    store.insert(&key, counter(5)).await;
    let mut late = store.watch(&key).unwrap();
    store.mutate(&key, Change::Add(1)).await.unwrap();
    store.remove(&key).await.unwrap();

    let seen: Vec<_> = drain(&mut first)
        .iter()
        .map(|update| format!("{update:?}"))
        .collect();
    assert_eq!(
        seen,
        [
            "Mutate { version: 2, .. }",
            "Message { version: 2, .. }",
            "Overwrite { version: 3, .. }",
            "Mutate { version: 4, .. }",
            "Remove { version: 5, .. }",
        ]
    );
    let second: Vec<_> = drain(&mut second)
        .iter()
        .map(|update| format!("{update:?}"))
        .collect();
    assert_eq!(second, seen);
    assert_eq!(versions(&drain(&mut late)), [4, 5]);
}

#[tokio::test]
async fn a_mutation_tells_what_was_and_what_is() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    store.mutate(&key, Change::Add(2)).await.unwrap();
    let Some(Update::Mutate {
        mutn: Change::Add(2),
        new,
        old,
    }) = watch.next().await
    else {
        panic!("not the mutation");
    };
    assert_eq!((old.count, old.version(), new.count, new.version()), (1, 1, 3, 2));
    assert_eq!(new.create_time(), old.create_time());
    assert!(new.last_change() >= old.last_change());
}

#[tokio::test]
async fn the_end_is_told_once_then_none() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    store.mutate(&key, Change::Add(1)).await.unwrap();
    store.remove(&key).await.unwrap();
    assert!(!watch.next().await.unwrap().is_end());
    let end = watch.next().await.unwrap();
    assert!(end.is_end());
    assert!(
        matches!(end, Update::Remove { val, key: k, .. } if k == key && val.count == 2 && val.version() == 3)
    );
    assert!(watch.next().await.is_none());
    assert!(watch.next().await.is_none());
    assert_eq!(watch.latest().count, 2);
}

#[tokio::test]
async fn a_watch_never_slides_into_a_later_life_of_its_key() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    store.remove(&key).await.unwrap();
    store.create(&key, counter(100)).unwrap();
    store.mutate(&key, Change::Add(1)).await.unwrap();
    assert!(watch.next().await.unwrap().is_end());
    assert!(watch.next().await.is_none());
    assert_eq!(watch.latest().count, 1);
}

#[tokio::test]
async fn a_watch_that_waits_is_woken_by_each_kind_of_update() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    for kind in 0..5 {
        let mut next = spawn(watch.next());
        assert_pending!(next.poll());
        match kind {
            0 => drop(store.mutate(&key, Change::Add(1)).await.unwrap()),
            1 => assert_eq!(store.broadcast(&key, "hello").unwrap(), 1),
            2 => drop(store.insert(&key, counter(7)).await),
            3 => drop(store.acquire(&key).await.unwrap().mutate(Change::Add(1)).unwrap()),
            _ => drop(store.remove(&key).await.unwrap()),
        }
        assert!(next.is_woken(), "kind {kind}");
        assert!(assert_ready!(next.poll()).is_some());
    }
}

#[tokio::test]
async fn a_cancelled_next_loses_nothing() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(0));
    for round in 0..10 {
        assert_pending!(spawn(watch.next()).poll());
        store.mutate(&key, Change::Add(1)).await.unwrap();
        assert_eq!(watch.next().await.unwrap().version(), round + 2);
    }
}

#[tokio::test]
async fn a_lagging_watcher_gets_the_current_entry_and_is_correct_again() {
    for cap in [1, 2, 3, 5, 64, 100] {
        let store = store_with_cap(cap);
        let (key, mut watch) = store.init_and_watch(counter(0));
        // As much as the channel holds is no lag.
        for _ in 0..cap {
            store.mutate(&key, Change::Add(1)).await.unwrap();
        }
        let on_time = drain(&mut watch);
        assert_eq!(versions(&on_time), (2..=cap as u64 + 1).collect::<Vec<_>>());

        for _ in 0..=cap {
            store.mutate(&key, Change::Add(1)).await.unwrap();
        }
        store.broadcast(&key, "unheard").unwrap();
        let Some(Update::Resync { now, missed }) = watch.next().await else {
            panic!("cap {cap}")
        };
        assert_eq!(missed, cap as u64 + 2);
        assert_eq!(
            (now.count, now.version()),
            (2 * cap as i64 + 1, 2 * cap as u64 + 2)
        );

        store.mutate(&key, Change::Add(1)).await.unwrap();
        assert_eq!(versions(&drain(&mut watch)), [now.version() + 1], "cap {cap}");
    }
}

#[tokio::test]
async fn a_watcher_that_lagged_behind_the_end_gets_the_final_entry_then_its_end() {
    let store = store_with_cap(2);
    let (key, mut watch) = store.init_and_watch(counter(0));
    for _ in 0..10 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    store.remove_with_msg(&key, "closed").await.unwrap();
    // The key has a new life; it is not this watcher's.
    store.create(&key, counter(77)).unwrap();
    assert!(matches!(watch.next().await, Some(Update::Resync { now, missed: 10 }) if now.count == 10));
    assert!(
        matches!(watch.next().await, Some(Update::Remove { val, msg: Some("closed"), .. }) if val.count == 10)
    );
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn the_end_evicts_nothing() {
    let store = store_with_cap(1);
    let (key, mut watch) = store.init_and_watch(counter(0));
    store.mutate(&key, Change::Add(1)).await.unwrap();
    store.remove(&key).await.unwrap();
    assert_eq!(versions(&drain(&mut watch)), [2, 3]);
}

#[tokio::test]
async fn a_slow_watcher_costs_the_fast_one_nothing() {
    let store = store_with_cap(2);
    let (key, mut slow) = store.init_and_watch(counter(0));
    let mut fast = store.watch(&key).unwrap();
    for round in 0..20 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
        assert_eq!(fast.next().await.unwrap().version(), round + 2);
    }
    assert!(matches!(
        slow.next().await,
        Some(Update::Resync { missed: 20, .. })
    ));
}

#[tokio::test]
async fn memory_of_a_watcher_that_never_reads_is_bounded() {
    let store = store_with_cap(4);
    let (key, watch) = store.init_and_watch(counter(0));
    let mut values = Vec::new();
    for _ in 0..100 {
        values.push(store.mutate(&key, Change::Add(1)).await.unwrap().value().clone());
    }
    // Four updates, each with the value before and after, have five values among them.
    assert_eq!(values.iter().filter(|value| Shared::count(value) > 1).count(), 5);
    drop(watch);
    assert_eq!(values.iter().filter(|value| Shared::count(value) > 1).count(), 1);
}

#[tokio::test]
async fn what_every_watcher_has_taken_is_kept_by_nobody() {
    let store = LiveStore::default();
    let (key, mut first) = store.init_and_watch(counter(0));
    let mut second = store.watch(&key).unwrap();
    let old = store.fetch(&key).unwrap().value().clone();
    store.mutate(&key, Change::Add(1)).await.unwrap();
    drop(first.next().await);
    assert!(Shared::count(&old) > 1);
    drop(second.next().await);
    assert_eq!(Shared::count(&old), 1);
}

#[tokio::test]
async fn watchers_may_come_and_go_while_updates_wait() {
    let store = store_with_cap(3);
    let key = store.init(counter(0));
    let mut watches: Vec<(u64, Watch<Counter>)> = Vec::new();
    // Every pattern of joining, leaving, reading and lagging that this sequence makes must stay contiguous.
    for step in 0..500_u64 {
        match step * 7919 % 11 {
            0..=2 => {
                let (entry, watch) = store.fetch_and_watch(&key).unwrap();
                watches.push((entry.version(), watch));
            }
            3 if !watches.is_empty() => drop(watches.swap_remove(step as usize % watches.len())),
            4..=6 if !watches.is_empty() => {
                let at = step as usize % watches.len();
                let (seen, watch) = &mut watches[at];
                for update in drain(watch) {
                    match &update {
                        Update::Resync { now, .. } => assert!(now.version() > *seen),
                        _ => assert_eq!(update.version(), *seen + 1),
                    }
                    *seen = update.version();
                }
                assert_eq!(*seen, store.fetch(&key).unwrap().version());
            }
            _ => drop(store.mutate(&key, Change::Add(1)).await.unwrap()),
        }
    }
    let count = watches.len();
    assert_eq!(store.broadcast(&key, "count").unwrap(), count);
    drop(watches);
    assert_eq!(store.broadcast(&key, "count").unwrap(), 0);
}

#[tokio::test]
async fn newest_skips_what_is_pending() {
    let store = store_with_cap(4);
    let (key, mut watch) = store.init_and_watch(counter(0));
    assert_pending!(spawn(watch.newest()).poll());
    for _ in 0..3 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    assert_eq!(watch.newest().await.unwrap().count, 3);
    // A message is nothing newer.
    store.broadcast(&key, "psst").unwrap();
    assert_pending!(spawn(watch.newest()).poll());
    // Lag is nothing special.
    for _ in 0..10 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    assert_eq!(watch.newest().await.unwrap().count, 13);
    assert_pending!(spawn(watch.next()).poll());
    store.remove(&key).await.unwrap();
    assert!(watch.newest().await.is_none());
    assert!(watch.newest().await.is_none());
}

#[tokio::test]
async fn newest_goes_on_from_what_next_returned() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(0));
    store.mutate(&key, Change::Add(1)).await.unwrap();
    assert_eq!(watch.next().await.unwrap().version(), 2);
    assert_pending!(spawn(watch.newest()).poll());
    store.mutate(&key, Change::Add(1)).await.unwrap();
    assert_eq!(watch.newest().await.unwrap().version(), 3);
}

#[tokio::test]
async fn latest_consumes_nothing() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(0));
    store.mutate(&key, Change::Add(1)).await.unwrap();
    assert_eq!(watch.latest().count, 1);
    assert_eq!(watch.key(), &key);
    assert_eq!(watch.next().await.unwrap().version(), 2);
}

#[tokio::test]
async fn a_watch_is_a_stream() {
    let store = LiveStore::default();
    let (key, watch) = store.init_and_watch(counter(0));
    for _ in 0..3 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    store.remove(&key).await.unwrap();
    let counts: Vec<_> = watch.map(|update| update.entry().count).collect().await;
    assert_eq!(counts, [1, 2, 3, 3]);
}

#[tokio::test]
async fn on_update_calls_until_it_is_told_to_stop() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(0));
    for _ in 0..4 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    let mut seen = Vec::new();
    watch
        .on_update(|update| {
            seen.push(update.version());
            let control = if seen.len() == 2 {
                Control::Break
            } else {
                Control::Continue
            };
            async move { control }
        })
        .await;
    assert_eq!(seen, [2, 3]);
    // The watch goes on from there.
    store.remove(&key).await.unwrap();
    watch
        .on_update(|update| {
            seen.push(update.version());
            async { Control::Continue }
        })
        .await;
    assert_eq!(seen, [2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn dropping_the_last_handle_ends_watches_with_none_alone() {
    let store = LiveStore::default();
    let (key, mut idle) = store.init_and_watch(counter(0));
    let mut behind = store.watch(&key).unwrap();
    let clone = store.clone();
    store.mutate(&key, Change::Add(1)).await.unwrap();
    assert_eq!(idle.next().await.unwrap().version(), 2);
    let mut waiting = spawn(idle.next());
    assert_pending!(waiting.poll());

    drop(store);
    assert!(!waiting.is_woken(), "a handle is left");
    drop(clone);
    assert!(waiting.is_woken());
    assert!(assert_ready!(waiting.poll()).is_none());
    drop(waiting);
    assert!(idle.newest().await.is_none());
    // What was under way is still delivered.
    assert_eq!(behind.next().await.unwrap().version(), 2);
    assert!(behind.next().await.is_none());
    assert_eq!(behind.latest().count, 1);
}

#[tokio::test]
async fn a_guard_keeps_the_store_open() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(0));
    let mut guard = store.acquire(&key).await.unwrap();
    let weak = store.downgrade();
    drop(store);
    guard.mutate(Change::Add(1)).unwrap();
    assert_eq!(watch.next().await.unwrap().version(), 2);
    assert_eq!(weak.upgrade().unwrap().len(), 1);
    drop(guard);
    assert!(watch.next().await.is_none());
    assert!(weak.upgrade().is_none());
}

/// While somebody writes all the time, nothing is committed between the entry and what follows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_entry_and_the_watch_are_of_one_instant() {
    let store = LiveStore::default();
    let key = store.init(counter(0));
    let writer = {
        let store = store.clone();
        tokio::spawn(async move { while store.mutate(&key, Change::Add(1)).await.is_ok() {} })
    };
    let mut followed = 0;
    while followed < 2000 {
        let (entry, mut watch) = store.fetch_and_watch(&key).unwrap();
        match watch.next().await.unwrap() {
            Update::Mutate { old, .. } => {
                assert_eq!((old.version(), old.count), (entry.version(), entry.count));
                followed += 1;
            }
            Update::Resync { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    store.remove(&key).await.unwrap();
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_and_its_updates_have_no_gap_under_load() {
    let store = store_with_cap(8);
    let key = store.init(counter(0));
    const WRITES: i64 = 5_000;
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..WRITES {
                store.mutate(&key, Change::Add(1)).await.unwrap();
            }
            store.remove(&key).await.unwrap();
        })
    };
    let watchers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let Some((entry, mut watch)) = store.fetch_and_watch(&key) else {
                    return;
                };
                let (mut version, mut count) = (entry.version(), entry.count);
                while let Some(update) = watch.next().await {
                    match &update {
                        Update::Mutate { new, old, .. } => {
                            assert_eq!((old.version(), old.count), (version, count));
                            assert_eq!((new.version(), new.count), (version + 1, count + 1));
                        }
                        Update::Resync { now, missed } => {
                            assert!(*missed > 0 && now.version() >= version + missed - 1);
                            assert_eq!(
                                now.count - count,
                                (now.version() - version) as i64
                                    - i64::from(now.version() == WRITES as u64 + 2)
                            );
                        }
                        Update::Remove { val, .. } => assert_eq!(val.count, WRITES),
                        other => panic!("{other:?}"),
                    }
                    (version, count) = (update.version(), update.entry().count);
                }
                assert_eq!(version, WRITES as u64 + 2);
            })
        })
        .collect();
    writer.await.unwrap();
    for watcher in watchers {
        watcher.await.unwrap();
    }
}

#[tokio::test]
async fn a_busy_entry_lets_other_tasks_run() {
    let store = store_with_cap(4096);
    let (key, mut watch) = store.init_and_watch(counter(0));
    for _ in 0..4096 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    let other = tokio::spawn(async {});
    // Within one task's budget no more than this can be taken without letting the other task run.
    for _ in 0..1024 {
        watch.next().await.unwrap();
    }
    assert!(other.is_finished());
}

#[tokio::test]
async fn watching_a_key_of_ones_own_works_too() {
    let store = LiveStore::default();
    let key = Uuid::from_u128(7);
    store.create(&key, counter(1)).unwrap();
    let mut watch = store.watch(&key).unwrap();
    store.mutate(&key, Change::Add(1)).await.unwrap();
    assert_eq!(watch.next().await.unwrap().version(), 2);
}

#[tokio::test]
async fn a_watch_moved_to_another_task_is_woken_there() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(0));
    let mut before = spawn(watch.next());
    assert_pending!(before.poll());
    drop(before);
    let mut after = spawn(watch.next());
    assert_pending!(after.poll());
    store.mutate(&key, Change::Add(1)).await.unwrap();
    assert!(after.is_woken());
    assert_eq!(assert_ready!(after.poll()).unwrap().version(), 2);
}

#[tokio::test]
async fn newest_is_newer_than_what_next_returned_also_after_a_message() {
    let store = LiveStore::<Counter>::new()
        .with_options(StoreOptions {
            channel_cap: 2,
            ..Default::default()
        })
        .done();
    let (key, mut watch) = store.init_and_watch(counter(0));
    store.mutate(&key, Change::Add(1)).await.unwrap();
    assert_eq!(watch.next().await.unwrap().version(), 2);
    store.broadcast(&key, "psst").unwrap();
    assert_pending!(spawn(watch.newest()).poll());
    for _ in 0..5 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    assert!(matches!(watch.next().await, Some(Update::Resync { .. })));
    store.broadcast(&key, "psst").unwrap();
    assert_pending!(spawn(watch.newest()).poll());
}

#[tokio::test]
async fn a_busy_entry_lets_other_tasks_run_from_a_fresh_budget() {
    let store = LiveStore::<Counter>::new()
        .with_options(StoreOptions {
            channel_cap: 4096,
            ..Default::default()
        })
        .done();
    let (key, mut watch) = store.init_and_watch(counter(0));
    for _ in 0..1024 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    tokio::task::yield_now().await;
    let other = tokio::spawn(async {});
    for _ in 0..1024 {
        watch.next().await.unwrap();
    }
    assert!(other.is_finished());
}

#[tokio::test]
async fn every_call_that_need_not_wait_lets_other_tasks_run() {
    let store = LiveStore::<Counter>::default();
    let (key, mut watch) = store.init_and_watch(counter(0));
    for call in 0..6 {
        tokio::task::yield_now().await;
        let other = tokio::spawn(async {});
        for _ in 0..1024 {
            match call {
                0 => drop(store.acquire(&key).await),
                1 => drop(store.insert(&key, counter(0)).await),
                2 => drop(store.assign(&key, counter(0)).await),
                3 => drop(store.remove(&Uuid::nil()).await),
                4 => drop(store.acquire_timeout(&key, Duration::ZERO).await),
                _ => {
                    store.try_acquire(&key).unwrap().set(counter(1));
                    watch.newest().await.unwrap();
                }
            }
        }
        assert!(other.is_finished(), "call {call}");
    }
}

#[tokio::test]
async fn what_only_a_leaving_or_lagging_watcher_had_yet_to_take_is_kept_by_nobody() {
    let store = LiveStore::default();
    let (key, leaves) = store.init_and_watch(counter(0));
    let mut stays = store.watch(&key).unwrap();
    let old = store.fetch(&key).unwrap().value().clone();
    store.mutate(&key, Change::Add(1)).await.unwrap();
    drop(stays.next().await);
    assert!(Shared::count(&old) > 1);
    drop(leaves);
    assert_eq!(Shared::count(&old), 1);

    let store = LiveStore::<Counter>::new()
        .with_options(StoreOptions {
            channel_cap: 2,
            ..Default::default()
        })
        .done();
    let (key, mut lags) = store.init_and_watch(counter(0));
    let mut values = Vec::new();
    for _ in 0..5 {
        values.push(store.mutate(&key, Change::Add(1)).await.unwrap().value().clone());
    }
    drop(lags.next().await);
    assert_eq!(values.iter().filter(|value| Shared::count(value) > 1).count(), 1);
}

#[tokio::test]
async fn insert_and_watch_of_a_new_key_has_seen_its_creation() {
    let store = LiveStore::default();
    let key = Uuid::new_v4();
    let (_, mut watch) = store.insert_and_watch(&key, counter(1)).await;
    store.broadcast(&key, "psst").unwrap();
    assert_pending!(spawn(watch.newest()).poll());
}

/// Whether the message that is dropped sends another one.
static ECHOES: AtomicBool = AtomicBool::new(true);

#[derive(Clone)]
struct Cave;

#[derive(Clone)]
struct Echo(livestore::WeakLiveStore<Cave>, Uuid);

impl Drop for Echo {
    fn drop(&mut self) {
        if ECHOES.load(Ordering::SeqCst)
            && let Some(store) = self.0.upgrade()
        {
            let _ = store.broadcast(&self.1, self.clone());
        }
    }
}

impl LiveValue for Cave {
    type Message = Echo;
    type Mutation = ();
    type MutError = ();

    fn mutate(_: &Entry<Self>, (): &()) -> Result<Self, ()> {
        Ok(Cave)
    }
}

/// Messages may come as fast as they are skipped; one poll must end all the same.
#[test]
fn newest_yields_under_endless_messages() {
    livestore_tests::must_not_hang_async(|| async {
        let store = LiveStore::<Cave>::default();
        let (key, mut watch) = store.init_and_watch(Cave);
        store.broadcast(&key, Echo(store.downgrade(), key)).unwrap();
        let pending = spawn(watch.newest()).poll().is_pending();
        ECHOES.store(false, Ordering::SeqCst);
        assert!(pending);
    });
}

/// What the documentation says of the budget: a watch that is polled by hand, or by a foreign executor inside a task, stays
/// pending until the task gives way, and is not woken before.
#[tokio::test]
async fn without_budget_a_watch_is_pending_though_there_is_an_update_and_try_next_has_it() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(0));
    store.mutate(&key, Change::Add(1)).await.unwrap();
    store.mutate(&key, Change::Add(1)).await.unwrap();
    while tokio::task::coop::has_budget_remaining() {
        tokio::task::coop::consume_budget().await;
    }
    let mut next = spawn(watch.next());
    for _ in 0..1000 {
        assert_pending!(next.poll());
        assert!(!next.is_woken());
    }
    drop(next);
    assert_eq!(watch.try_next().unwrap().version(), 2);
    tokio::task::yield_now().await;
    assert_eq!(watch.next().await.unwrap().version(), 3);
}

/// A waker that has something committed while it is cloned, and panics when it is dropped.
struct Spiteful {
    store: LiveStore<Counter>,
    key: Uuid,
    is_on: Arc<AtomicBool>,
}

impl Clone for Spiteful {
    fn clone(&self) -> Self {
        if self.is_on.load(Ordering::SeqCst) {
            self.store.broadcast(&self.key, "now").unwrap();
        }
        Spiteful {
            store: self.store.clone(),
            key: self.key,
            is_on: Arc::clone(&self.is_on),
        }
    }
}

impl Drop for Spiteful {
    fn drop(&mut self) {
        assert!(!self.is_on.swap(false, Ordering::SeqCst), "dropped");
    }
}

impl WakeRef for Spiteful {
    fn wake_by_ref(&self) {}
}

impl Wake for Spiteful {}

/// The update was taken, and went with the panic of the clone that was not needed any more.
#[tokio::test]
async fn an_update_that_comes_while_the_waker_is_cloned_is_not_lost_by_the_drop_of_the_clone() {
    let store = LiveStore::default();
    let key = store.init(counter(0));
    let (watch, all) = (store.watch(&key).unwrap(), store.watch_all());
    let mut set = store.watch_set();
    set.add(&key).unwrap();
    let deltas = store.watch_deltas(&key).unwrap();
    fn told(store: &LiveStore<Counter>, key: Uuid, stream: impl Stream) -> bool {
        let is_on = Arc::new(AtomicBool::new(true));
        let waker = Spiteful {
            store: store.clone(),
            key,
            is_on: Arc::clone(&is_on),
        };
        let waker = Box::new(waker).into_waker();
        let mut stream = std::pin::pin!(stream);
        let mut cx = Context::from_waker(&waker);
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            stream.as_mut().poll_next(&mut cx)
        }));
        is_on.store(false, Ordering::SeqCst);
        // Either it was returned in spite of the panic, or it is still there.
        matches!(polled, Ok(Poll::Ready(Some(_)))) || stream.as_mut().poll_next(&mut cx).is_ready()
    }
    assert!(told(&store, key, watch));
    assert!(told(&store, key, all));
    assert!(told(&store, key, set));
    assert!(told(&store, key, deltas));
}
