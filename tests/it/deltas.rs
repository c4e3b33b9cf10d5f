//! Watching without values: every delta in order, in place where nobody needs values, the same ends and resyncs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use livestore::{
    Delta, DeltaWatch, Entry, ExpireMode, LiveStore, LiveValue, Never, Shared, StoreOptions, Update,
};
use livestore_tests::{Change, Counter, counter, store_with_cap};
use tokio::task::unconstrained;
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

/// A large value, as far as the derive is concerned: all its mutations are plain.
#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(message = &'static str)]
struct Board {
    #[live(push, clear)]
    lines: Vec<String>,
    title: String,
}

fn board() -> Board {
    Board {
        lines: Vec::new(),
        title: String::new(),
    }
}

fn push(line: impl ToString) -> BoardMutation {
    BoardMutation::PushLines(line.to_string())
}

fn drain<V: LiveValue>(watch: &mut DeltaWatch<V>) -> Vec<Delta<V>> {
    let mut deltas = Vec::new();
    while let std::task::Poll::Ready(Some(delta)) = spawn(unconstrained(watch.next())).poll() {
        deltas.push(delta);
    }
    deltas
}

fn shown<V: LiveValue>(deltas: &[Delta<V>]) -> Vec<String> {
    deltas.iter().map(|delta| format!("{delta:?}")).collect()
}

#[tokio::test]
async fn deltas_come_in_order_and_rebuild_the_value() {
    let store = LiveStore::default();
    let key = store.init(board());
    let (entry, mut deltas) = store.fetch_and_watch_deltas(&key).unwrap();
    let mut replica = Board::clone(&entry);
    let mut version = entry.version();
    drop(entry);

    for line in 0..20 {
        store.mutate(&key, push(line)).await.unwrap();
    }
    store
        .mutate(&key, BoardMutation::SetTitle("b".into()))
        .await
        .unwrap();

    for delta in drain(&mut deltas) {
        assert_eq!(delta.version(), version + 1);
        version += 1;
        match delta {
            Delta::Mutate { mutn, .. } => replica.apply(&mutn).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    let now = store.fetch(&key).unwrap();
    assert_eq!((version, &replica), (now.version(), &**now.value()));
}

#[tokio::test]
async fn a_value_is_changed_in_place_while_only_deltas_are_watched() {
    let store = LiveStore::default();
    let key = store.init(board());
    let address = Shared::as_ptr(store.fetch(&key).unwrap().value());
    let mut deltas = store.watch_deltas(&key).unwrap();
    drop(store.mutate(&key, push(1)).await.unwrap());
    // Neither a message that waits nor a guard keeps the value.
    assert_eq!(store.broadcast(&key, "still here").unwrap(), 1);
    drop(store.mutate(&key, push(2)).await.unwrap());
    store.acquire(&key).await.unwrap().mutate(push(3)).unwrap();
    assert_eq!(Shared::as_ptr(store.fetch(&key).unwrap().value()), address);
    assert_eq!(
        shown(&drain(&mut deltas)),
        [
            r#"Mutate { mutn: PushLines("1"), version: 2, .. }"#,
            r#"Message { msg: "still here", version: 2, .. }"#,
            r#"Mutate { mutn: PushLines("2"), version: 3, .. }"#,
            r#"Mutate { mutn: PushLines("3"), version: 4, .. }"#,
        ]
    );

    // A watcher of values makes the difference, for as long as it watches.
    let mut watch = store.watch(&key).unwrap();
    drop(store.mutate(&key, push(4)).await.unwrap());
    let copied = Shared::as_ptr(store.fetch(&key).unwrap().value());
    assert_ne!(copied, address);
    let update = assert_ready!(spawn(watch.next()).poll()).unwrap();
    assert!(matches!(&update, Update::Mutate { new, old, .. } if new.lines.len() == old.lines.len() + 1));
    drop((update, watch));
    // The delta watcher still has that update; when it has taken it, nobody keeps the value any more.
    assert_eq!(
        shown(&drain(&mut deltas)),
        [r#"Mutate { mutn: PushLines("4"), version: 5, .. }"#]
    );
    drop(store.mutate(&key, push(5)).await.unwrap());
    assert_eq!(Shared::as_ptr(store.fetch(&key).unwrap().value()), copied);
}

#[tokio::test]
async fn every_kind_of_change_has_its_delta() {
    let store = LiveStore::new()
        .with_options(StoreOptions {
            history: 10,
            ..Default::default()
        })
        .done();
    let key = store.init(counter(0));
    let mut deltas = store.watch_deltas(&key).unwrap();
    store.mutate(&key, Change::Add(1)).await.unwrap();
    store.insert(&key, counter(7)).await;
    let mut guard = store.acquire(&key).await.unwrap();
    guard.set_with_msg(counter(8), "set");
    drop(guard);
    store.broadcast(&key, "word").unwrap();
    store.insert(&key, counter(1)).await;
    store.rollback(&key, 4).await.unwrap();
    store.remove_with_msg(&key, "bye").await.unwrap();
    let all = drain(&mut deltas);
    assert_eq!(
        shown(&all),
        [
            "Mutate { version: 2, .. }",
            "Overwrite { version: 3, .. }",
            "Overwrite { version: 4, .. }",
            "Message { version: 4, .. }",
            "Overwrite { version: 5, .. }",
            "Rollback { version: 6, .. }",
            "Remove { version: 7, .. }",
        ]
    );
    assert!(matches!(&all[2], Delta::Overwrite { msg: Some("set"), new } if new.count == 8));
    assert!(matches!(&all[5], Delta::Rollback { new } if new.count == 8));
    assert!(matches!(&all[6], Delta::Remove { msg: Some("bye"), val } if val.count == 8));
    assert!(all[6].is_end() && !all[5].is_end());
    assert!(assert_ready!(spawn(deltas.next()).poll()).is_none());
}

/// The same without history, where nobody needs the values before.
#[tokio::test]
async fn replacements_and_ends_are_told_where_only_deltas_are_watched() {
    let store: LiveStore<Counter> = LiveStore::default();
    let key = store.init(counter(0));
    let mut deltas = store.acquire(&key).await.unwrap().watch_deltas();
    assert_eq!(deltas.key(), &key);
    store.insert(&key, counter(7)).await;
    store.remove_with_msg(&key, "bye").await.unwrap();
    assert_eq!(deltas.latest().version(), 3);
    let all = drain(&mut deltas);
    assert!(matches!(&all[0], Delta::Overwrite { msg: None, new } if new.count == 7 && new.version() == 2));
    assert!(matches!(&all[1], Delta::Remove { msg: Some("bye"), val } if val.version() == 3));
    assert_eq!(all.len(), 2);
    // A later life of the key is another entry.
    store.create(&key, counter(0)).unwrap();
    assert!(assert_ready!(spawn(deltas.next()).poll()).is_none());
}

#[tokio::test(start_paused = true)]
async fn expiry_is_told() {
    let store = LiveStore::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            expire_mode: ExpireMode::Lifetime(Duration::from_secs(10)),
            ..Default::default()
        })
        .done();
    let key = store.init(counter(3));
    let mut deltas = store.watch_deltas(&key).unwrap();
    assert!(
        matches!(deltas.next().await, Some(Delta::Expire { val }) if val.count == 3 && val.version() == 2)
    );
    assert!(deltas.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_idle_entry_whose_deltas_are_watched_does_not_expire() {
    let store = LiveStore::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            expire_mode: ExpireMode::Idle(Duration::from_secs(5)),
            ..Default::default()
        })
        .done();
    let key = store.init(counter(3));
    let deltas = store.watch_deltas(&key).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(store.contains_key(&key));
    drop(deltas);
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(!store.contains_key(&key));
}

#[tokio::test]
async fn who_falls_behind_is_resynced_and_goes_on() {
    let store = store_with_cap(4);
    let key = store.init(counter(0));
    let mut deltas = store.watch_deltas(&key).unwrap();
    for _ in 0..10 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    let first = assert_ready!(spawn(deltas.next()).poll()).unwrap();
    assert!(matches!(first, Delta::Resync { now, missed: 10 } if now.count == 10 && now.version() == 11));
    assert_pending!(spawn(deltas.next()).poll());
    store.mutate(&key, Change::Add(1)).await.unwrap();
    assert_eq!(shown(&drain(&mut deltas)), ["Mutate { version: 12, .. }"]);

    for _ in 0..10 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    store.remove(&key).await;
    let last = drain(&mut deltas);
    assert_eq!(
        shown(&last),
        ["Resync { version: 23, .. }", "Remove { version: 23, .. }"]
    );
}

#[tokio::test]
async fn a_store_that_ends_ends_the_deltas_without_a_cause() {
    let store = LiveStore::default();
    let key = store.init(counter(0));
    let mut deltas = store.watch_deltas(&key).unwrap();
    store.mutate(&key, Change::Add(1)).await.unwrap();
    let mut next = spawn(async move {
        assert!(matches!(
            deltas.next().await,
            Some(Delta::Mutate { version: 2, .. })
        ));
        deltas.next().await
    });
    assert_pending!(next.poll());
    drop(store);
    assert!(next.is_woken());
    assert!(assert_ready!(next.poll()).is_none());
}

/// Both kinds at one ring: each sees everything, from the moment when it joined.
#[tokio::test]
async fn watchers_of_values_and_of_deltas_share_one_order() {
    let store = LiveStore::default();
    let key = store.init(board());
    let mut deltas = store.watch_deltas(&key).unwrap();
    store.mutate(&key, push(1)).await.unwrap();
    let mut watch = store.watch(&key).unwrap();
    store.mutate(&key, push(2)).await.unwrap();
    let mut late = store.watch_deltas(&key).unwrap();
    drop(watch.next().await);
    drop(watch);
    store.mutate(&key, push(3)).await.unwrap();
    assert_eq!(
        drain(&mut deltas).iter().map(Delta::version).collect::<Vec<_>>(),
        [2, 3, 4]
    );
    assert_eq!(
        drain(&mut late).iter().map(Delta::version).collect::<Vec<_>>(),
        [4]
    );
}

static CLONE_PANICS: AtomicBool = AtomicBool::new(false);

#[derive(Clone)]
struct Plain;

struct Touchy;

impl Clone for Touchy {
    fn clone(&self) -> Self {
        assert!(!CLONE_PANICS.load(Ordering::SeqCst), "a clone that panics");
        Touchy
    }
}

impl LiveValue for Plain {
    type Message = ();
    type Mutation = Touchy;
    type MutError = Never;

    fn mutate(_: &Entry<Self>, _: &Touchy) -> Result<Self, Never> {
        Ok(Plain)
    }
}

#[tokio::test]
async fn a_clone_that_panics_costs_no_delta() {
    let store = LiveStore::default();
    let key = store.init(Plain);
    let mut first = store.watch_deltas(&key).unwrap();
    let mut second = store.watch_deltas(&key).unwrap();
    store.mutate(&key, Touchy).await.unwrap();
    CLONE_PANICS.store(true, Ordering::SeqCst);
    // Two need it, so the first gets a clone.
    assert!(catch_unwind(AssertUnwindSafe(|| spawn(first.next()).poll())).is_err());
    CLONE_PANICS.store(false, Ordering::SeqCst);
    assert_eq!(drain(&mut first).len(), 1);
    assert_eq!(drain(&mut second).len(), 1);
}

// Since a version.

fn keeping(delta_history: usize, history: usize) -> LiveStore<Board> {
    let options = StoreOptions {
        delta_history,
        history,
        ..Default::default()
    };
    LiveStore::new().with_options(options).done()
}

/// The lines that were pushed.
fn pushed(deltas: &[Delta<Board>]) -> Vec<&str> {
    deltas
        .iter()
        .map(|delta| match delta {
            Delta::Mutate {
                mutn: BoardMutation::PushLines(line),
                ..
            } => line.as_str(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn what_was_missed_is_replayed_from_any_version_that_is_kept_and_no_other() {
    let store = keeping(3, 0);
    let key = store.init(board());
    for line in 0..5 {
        store.mutate(&key, push(line)).await.unwrap();
        store.broadcast(&key, "not kept").unwrap();
    }
    // At version 6, with what led to 4, 5 and 6.
    for (seen, missed) in [
        (6, vec![]),
        (5, vec!["4"]),
        (4, vec!["3", "4"]),
        (3, vec!["2", "3", "4"]),
    ] {
        let mut watch = store.watch_deltas_since(&key, seen).unwrap();
        let deltas = drain(&mut watch);
        assert_eq!(pushed(&deltas), missed, "since {seen}");
        let versions: Vec<_> = deltas.iter().map(Delta::version).collect();
        assert_eq!(versions, (seen + 1..=6).collect::<Vec<_>>());
    }
    for seen in [0, 1, 2, 7, u64::MAX] {
        let mut watch = store.watch_deltas_since(&key, seen).unwrap();
        let deltas = drain(&mut watch);
        let missed = 6_u64.saturating_sub(seen);
        assert!(
            matches!(&deltas[..], [Delta::Resync { now, missed: told }] if now.version() == 6 && *told == missed),
            "since {seen}: {deltas:?}"
        );
    }

    // Then it goes on as any other.
    let mut watch = store.watch_deltas_since(&key, 5).unwrap();
    store.mutate(&key, push(5)).await.unwrap();
    assert_eq!(pushed(&drain(&mut watch)), ["4", "5"]);
    assert!(watch.try_next().is_none());
    let mut at_once = store.watch_deltas_since(&key, 6).unwrap();
    assert!(matches!(
        at_once.try_next(),
        Some(Delta::Mutate { version: 7, .. })
    ));
    store.remove(&key).await.unwrap();
    assert!(matches!(at_once.try_next(), Some(Delta::Remove { .. })));
    assert!(store.watch_deltas_since(&key, 7).is_none());

    // Another life of the key, whose versions go on, has nothing of the former.
    store.create(&key, board()).unwrap();
    let mut watch = store.watch_deltas_since(&key, 7).unwrap();
    assert!(matches!(watch.try_next(), Some(Delta::Resync { .. })));
}

#[tokio::test]
async fn what_is_kept_keeps_no_value_and_mutations_happen_in_place() {
    let store = keeping(100, 0);
    let key = store.init(board());
    let at = Shared::as_ptr(store.fetch(&key).unwrap().value());
    for line in 0..5 {
        store.mutate(&key, push(line)).await.unwrap();
    }
    assert_eq!(Shared::as_ptr(store.fetch(&key).unwrap().value()), at);

    // While somebody is told the values, they are told and not kept.
    let mut full = store.watch(&key).unwrap();
    let mut values = Vec::new();
    for line in 5..10 {
        let entry = store.mutate(&key, push(line)).await.unwrap();
        values.push(entry.value().clone());
        drop(entry);
        drop(full.next().await);
    }
    assert!(values[..4].iter().all(|value| Shared::count(value) == 1));
    drop(full);
    let all: Vec<String> = (0..10).map(|line| line.to_string()).collect();
    let mut watch = store.watch_deltas_since(&key, 1).unwrap();
    assert_eq!(pushed(&drain(&mut watch)), all);
}

#[tokio::test]
async fn mutations_of_every_kind_and_way_are_kept() {
    let options = StoreOptions {
        delta_history: 100,
        ..Default::default()
    };
    let store = LiveStore::<Counter>::new().with_options(options).done();
    let key = store.init(counter(0));
    let watched = store.watch(&key).unwrap();
    for watched in [Some(watched), None] {
        let before = store.fetch(&key).unwrap();
        store.mutate(&key, Change::Add(1)).await.unwrap();
        let mut guard = store.acquire(&key).await.unwrap();
        guard.mutate(Change::Add(2)).unwrap();
        drop(guard);
        store
            .transact(&[key], |tx| {
                tx.mutate(&key, Change::Add(3))?;
                tx.mutate(&key, Change::Add(4))
            })
            .await
            .unwrap();
        drop(store.mutate_on_drop(&key, Change::Add(5)));
        let _ = store.mutate(&key, Change::Refuse).await.unwrap_err();

        let mut watch = store.watch_deltas_since(&key, before.version()).unwrap();
        let (mut replica, mut versions) = (Counter::clone(&before), Vec::new());
        while let Some(Delta::Mutate { mutn, version }) = watch.try_next() {
            replica.apply(&mutn).unwrap();
            versions.push((version - before.version(), replica.count - before.count));
        }
        assert_eq!(versions, [(1, 1), (2, 3), (3, 6), (4, 10), (5, 15)]);
        drop(watched);
    }
}

#[tokio::test]
async fn who_was_there_before_a_value_was_replaced_or_rolled_back_gets_it_whole() {
    for rolls_back in [false, true] {
        let store = keeping(100, usize::from(rolls_back));
        let key = store.init(board());
        store.mutate(&key, push("before")).await.unwrap();
        if rolls_back {
            store.rollback(&key, 1).await.unwrap();
        } else {
            store.assign(&key, board()).await.unwrap();
        }
        store.mutate(&key, push("after")).await.unwrap();
        let mut watch = store.watch_deltas_since(&key, 1).unwrap();
        assert!(
            matches!(&drain(&mut watch)[..], [Delta::Resync { now, missed: 3 }] if now.lines == ["after"])
        );
        // Who has seen it goes on from there.
        let mut watch = store.watch_deltas_since(&key, 3).unwrap();
        assert_eq!(pushed(&drain(&mut watch)), ["after"]);
    }
}

#[tokio::test]
async fn where_no_mutations_are_kept_the_history_is_told_without_its_values() {
    let store = keeping(0, 3);
    let key = store.init(board());
    for line in 0..2 {
        store.mutate(&key, push(line)).await.unwrap();
    }
    store.assign(&key, board()).await.unwrap();
    let mut watch = store.watch_deltas_since(&key, 1).unwrap();
    let deltas = drain(&mut watch);
    assert_eq!(pushed(&deltas[..2]), ["0", "1"]);
    assert!(matches!(&deltas[2..], [Delta::Overwrite { new, .. }] if new.version() == 4));

    let neither = keeping(0, 0);
    let key = neither.init(board());
    neither.mutate(&key, push(0)).await.unwrap();
    let mut watch = neither.watch_deltas_since(&key, 1).unwrap();
    assert!(matches!(watch.try_next(), Some(Delta::Resync { missed: 1, .. })));
    assert!(drain(&mut neither.watch_deltas_since(&key, 2).unwrap()).is_empty());
}
