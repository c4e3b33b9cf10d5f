//! Versions compared, kept, replayed and gone back to.

use futures_util::FutureExt;
use livestore::{LiveStore, LiveValue, MutateIfError, RollbackError, StoreOptions, Update, Uuid, Watch};
use livestore_tests::{Change, Counter, Refused, counter};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

fn store_with_history(history: usize) -> LiveStore<Counter> {
    LiveStore::new()
        .with_options(StoreOptions {
            history,
            ..Default::default()
        })
        .done()
}

async fn add(store: &LiveStore<Counter>, key: &Uuid, times: usize) {
    for _ in 0..times {
        store.mutate(key, Change::Add(1)).await.unwrap();
    }
}

#[tokio::test]
async fn mutate_if_commits_at_the_version_and_nowhere_else() {
    let store = LiveStore::default();
    let key = store.init(counter(0));
    assert_eq!(
        store.mutate_if(&key, 1, Change::Add(1)).await.unwrap().version(),
        2
    );
    for wrong in [0, 1, 3, u64::MAX] {
        let Err(MutateIfError::Conflict(now)) = store.mutate_if(&key, wrong, Change::Add(1)).await else {
            panic!("{wrong} is not its version");
        };
        assert_eq!((now.count, now.version()), (1, 2));
    }
    assert!(matches!(
        store.mutate_if(&key, 2, Change::Refuse).await,
        Err(MutateIfError::Rejected(Refused))
    ));
    store.remove(&key).await.unwrap();
    assert!(matches!(
        store.mutate_if(&key, 2, Change::Add(1)).await,
        Err(MutateIfError::Missing)
    ));
}

#[test]
fn mutate_if_compares_when_its_turn_has_come() {
    let store = LiveStore::default();
    let mut guard = store.init_and_acquire(counter(0));
    let key = *guard.key();
    let mut early = spawn(store.mutate_if(&key, 1, Change::Add(10)));
    let mut late = spawn(store.mutate_if(&key, 2, Change::Add(10)));
    assert_pending!(early.poll());
    assert_pending!(late.poll());
    guard.mutate(Change::Add(1)).unwrap();
    drop(guard);
    let Err(conflict) = assert_ready!(early.poll()) else {
        panic!("it was changed meanwhile")
    };
    assert_eq!(
        conflict.to_string(),
        "the entry is at version 2 now; decide again and retry"
    );
    assert_eq!(assert_ready!(late.poll()).unwrap().count, 11);
}

#[tokio::test]
async fn a_version_from_a_former_life_never_matches() {
    let store = LiveStore::default();
    let key = store.init(counter(0));
    add(&store, &key, 3).await;
    let before = store.fetch(&key).unwrap().version();
    store.remove(&key).await.unwrap();
    store.create(&key, counter(0)).unwrap();
    for version in 0..=before + 1 {
        let conflict = store.mutate_if(&key, version, Change::Add(1)).await;
        assert!(matches!(conflict, Err(MutateIfError::Conflict(_))));
    }
}

#[tokio::test]
async fn of_two_who_decided_on_the_same_version_one_wins() {
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(0));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    let mut now = store.fetch(&key).unwrap();
                    while let Err(error) = store.mutate_if(&key, now.version(), Change::Add(1)).await {
                        let MutateIfError::Conflict(newer) = error else {
                            panic!("{error:?}")
                        };
                        assert!(newer.version() > now.version());
                        now = newer;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.fetch(&key).unwrap().count, 400);
}

#[tokio::test]
async fn history_keeps_as_much_as_it_was_told() {
    let store = store_with_history(3);
    let key = store.init(counter(0));
    let kept = |store: &LiveStore<Counter>| -> Vec<(i64, u64)> {
        store
            .history(&key)
            .unwrap()
            .iter()
            .map(|entry| (entry.count, entry.version()))
            .collect()
    };
    assert_eq!(kept(&store), [(0, 1)]);
    add(&store, &key, 2).await;
    assert_eq!(kept(&store), [(0, 1), (1, 2), (2, 3)]);
    store.insert(&key, counter(7)).await;
    add(&store, &key, 1).await;
    // Messages change nothing and push nothing out.
    store.broadcast(&key, "hello").unwrap();
    assert_eq!(kept(&store), [(1, 2), (2, 3), (7, 4), (8, 5)]);
    store.remove(&key).await.unwrap();
    assert!(store.history(&key).is_none());
    // A new life has no past.
    store.create(&key, counter(9)).unwrap();
    assert_eq!(kept(&store), [(9, 7)]);
}

#[tokio::test]
async fn without_history_there_is_the_present_alone() {
    let store = LiveStore::default();
    let key = store.init(counter(0));
    add(&store, &key, 2).await;
    assert_eq!(store.history(&key).unwrap().len(), 1);
    assert_eq!(
        store.rollback(&key, 1).await.unwrap_err(),
        RollbackError::NotKept { oldest: 3 }
    );
}

#[tokio::test]
async fn rollback_makes_an_old_value_the_newest_version() {
    let store = store_with_history(4);
    let (key, mut watch) = store.init_and_watch(counter(5));
    store.insert(&key, counter(1)).await;
    // Counters must not shrink, so from 1 back to 5 is fine.
    let entry = store.rollback(&key, 1).await.unwrap();
    assert_eq!((entry.count, entry.version()), (5, 3));
    // And from 5 to 1 is not.
    assert_eq!(
        store.rollback(&key, 2).await.unwrap_err(),
        RollbackError::Rejected(Refused)
    );
    assert_eq!(store.fetch(&key).unwrap().version(), 3);
    watch.next().await.unwrap();
    let Some(Update::Rollback { new, old }) = watch.next().await else {
        panic!("not a rollback")
    };
    assert_eq!((old.count, old.version(), new.count, new.version()), (1, 2, 5, 3));
    // The past is as it was.
    let counts: Vec<_> = store
        .history(&key)
        .unwrap()
        .iter()
        .map(|entry| entry.count)
        .collect();
    assert_eq!(counts, [5, 1, 5]);

    let mut guard = store.acquire(&key).await.unwrap();
    assert_eq!(guard.rollback(3).unwrap().version(), 4);
    assert_eq!((guard.count, guard.version()), (5, 4));
    assert_eq!(
        guard.rollback(99).unwrap_err(),
        RollbackError::NotKept { oldest: 1 }
    );
    drop(guard);
    store.remove(&key).await.unwrap();
    assert_eq!(store.rollback(&key, 1).await.unwrap_err(), RollbackError::Missing);
}

#[tokio::test]
async fn watch_since_replays_exactly_what_was_missed() {
    for missed in 0..=4 {
        let store = store_with_history(4);
        let key = store.init(counter(0));
        add(&store, &key, 10 - missed).await;
        let seen = store.fetch(&key).unwrap().version();
        add(&store, &key, missed).await;
        store.broadcast(&key, "not replayed").unwrap();
        let mut watch = store.watch_since(&key, seen).unwrap();
        add(&store, &key, 2).await;
        for expected in seen + 1..=seen + missed as u64 + 2 {
            let Some(Update::Mutate { old, new, .. }) = watch.next().await else {
                panic!("{missed} missed")
            };
            assert_eq!((old.version(), new.version()), (expected - 1, expected));
        }
        assert_pending!(spawn(watch.next()).poll());
        store.remove(&key).await.unwrap();
        assert!(watch.next().await.unwrap().is_end());
        assert!(watch.next().await.is_none());
    }
}

#[tokio::test]
async fn watch_since_starts_with_a_resync_where_not_everything_is_kept() {
    let store = store_with_history(4);
    let key = store.init(counter(0));
    add(&store, &key, 10).await;
    let mut watch = store.watch_since(&key, 6).unwrap();
    // What happens before the first poll is in the resync too.
    add(&store, &key, 1).await;
    assert!(matches!(watch.next().await, Some(Update::Resync { now, missed: 6 }) if now.version() == 12));
    add(&store, &key, 1).await;
    assert_eq!(watch.next().await.unwrap().version(), 13);

    // A version that this entry never had.
    let mut watch = store.watch_since(&key, 99).unwrap();
    assert!(matches!(watch.next().await, Some(Update::Resync { now, missed: 0 }) if now.version() == 13));
    let mut watch = store.watch_since(&key, 0).unwrap();
    assert!(matches!(watch.next().await, Some(Update::Resync { .. })));

    // A version of a former life.
    store.remove(&key).await.unwrap();
    store.create(&key, counter(0)).unwrap();
    let mut watch = store.watch_since(&key, 13).unwrap();
    assert!(matches!(watch.next().await, Some(Update::Resync { now, .. }) if now.version() == 15));
    assert!(store.watch_since(&Uuid::nil(), 1).is_none());
}

/// All that a watch tells until its end, each time asked in the next of these ways.
async fn told<V: LiveValue>(watch: &mut Watch<V>, ways: &[usize]) -> Vec<(String, u64)> {
    let show = |update: &Update<V>| (format!("{update:?}"), update.version());
    let mut told = Vec::new();
    for way in ways.iter().cycle() {
        let next = match way {
            0 => watch.next().await.as_ref().map(show),
            1 => watch.next_shared().await.as_deref().map(show),
            2 => watch.try_next().as_ref().map(show),
            _ => watch.try_next_shared().as_deref().map(show),
        };
        match next {
            Some(update) => told.push(update),
            None => break,
        }
    }
    assert!(watch.is_over());
    told
}

async fn is_told_the_same<V: LiveValue>(value: impl Fn() -> V, mutation: impl Fn() -> V::Mutation) {
    // From what is kept on, from before that, and one that falls behind.
    for (since, later) in [(8, 2), (2, 2), (8, 100)] {
        let store = LiveStore::new()
            .with_options(StoreOptions {
                history: 4,
                ..Default::default()
            })
            .done();
        let key = store.init(value());
        let change = async |times| {
            for _ in 0..times {
                assert!(store.mutate_version(&key, mutation()).await.is_ok());
            }
        };
        change(10).await;
        let mut watches: Vec<_> = (0..9).map(|_| store.watch_since(&key, since).unwrap()).collect();
        change(later).await;
        store.remove(&key).await.unwrap();
        let mut all = Vec::new();
        for (at, watch) in watches.iter_mut().enumerate() {
            all.push(match at {
                way @ 0..4 => told(watch, &[way]).await,
                4 => told(watch, &[0, 1]).await,
                5 => told(watch, &[3, 0, 0]).await,
                6 => told(watch, &[2, 1, 1]).await,
                _ => told(watch, &[0, 1, 2, 3]).await,
            });
        }
        let first = &all[0];
        assert!(first.len() > 1 && all.iter().all(|told| told == first), "{all:?}");
    }
}

/// One of the ways passed over what was to be told first.
#[tokio::test]
async fn however_it_is_asked_a_watch_tells_the_same() {
    #[derive(Clone, LiveValue)]
    struct Score {
        points: u64,
    }

    // Of what runs code of the user's, and of what does not.
    is_told_the_same(|| counter(0), || Change::Add(1)).await;
    is_told_the_same(|| Score { points: 0 }, || ScoreMutation::SetPoints(1)).await;
}

#[tokio::test]
async fn watch_since_of_an_entry_that_ends_meanwhile_tells_its_end() {
    let store = store_with_history(2);
    let key = store.init(counter(0));
    add(&store, &key, 5).await;
    let mut replays = store.watch_since(&key, 5).unwrap();
    let mut resyncs = store.watch_since(&key, 1).unwrap();
    store.remove(&key).await.unwrap();
    assert_eq!(replays.next().await.unwrap().version(), 6);
    assert!(replays.next().await.unwrap().is_end());
    assert!(replays.next().await.is_none());
    assert!(matches!(resyncs.next().await, Some(Update::Resync { now, .. }) if now.version() == 7));
    assert!(resyncs.next().await.unwrap().is_end());
    assert!(resyncs.next().await.is_none());
}

#[tokio::test]
async fn newest_of_a_watch_since_is_the_present() {
    let store = store_with_history(4);
    let key = store.init(counter(0));
    add(&store, &key, 3).await;
    assert_eq!(
        store
            .watch_since(&key, 2)
            .unwrap()
            .newest()
            .await
            .unwrap()
            .version(),
        4
    );
    assert_eq!(
        store
            .watch_since(&key, 0)
            .unwrap()
            .newest()
            .await
            .unwrap()
            .version(),
        4
    );
    assert_pending!(spawn(store.watch_since(&key, 4).unwrap().newest()).poll());
}

#[test]
fn watch_since_takes_any_version() {
    let store = store_with_history(2);
    let key = store.init(counter(0));
    assert_ready!(spawn(store.mutate(&key, Change::Add(1))).poll()).unwrap();
    let mut watch = store.watch_since(&key, u64::MAX).unwrap();
    assert!(matches!(
        assert_ready!(spawn(watch.next()).poll()),
        Some(Update::Resync { .. })
    ));
}

/// It had thrown the replay away before it asked for the budget, and what came after that began with a gap.
#[tokio::test]
async fn a_newest_that_is_dropped_without_a_budget_has_skipped_nothing() {
    let store = LiveStore::<Counter>::new()
        .with_options(StoreOptions {
            history: 10,
            ..Default::default()
        })
        .done();
    let key = store.init(counter(0));
    for _ in 0..3 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    let mut watch = store.watch_since(&key, 1).unwrap();
    // In a task of its own, which has no budget left.
    tokio::spawn(async move {
        while tokio::task::coop::has_budget_remaining() {
            let _ = tokio::task::coop::consume_budget().now_or_never();
        }
        assert!(watch.newest().now_or_never().is_none());
        for version in 2..=4 {
            assert_eq!(watch.next().await.unwrap().version(), version);
        }
    })
    .await
    .unwrap();
}
