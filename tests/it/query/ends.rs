//! How a query ends: nobody watches, the store is over, the runtime is over.

use std::sync::Arc;

use livestore::{ListUpdate, LiveQuery, LiveStore, QueryError, Shared};
use tokio::runtime::{Builder, Runtime};

use super::{Follower, Player, key, player, players, score, settle, shown};

/// What there is, as long as there is something.
fn drained(watch: &mut LiveQuery<Player>) -> Vec<String> {
    std::iter::from_fn(|| watch.try_next())
        .map(|update| shown(&update))
        .collect()
}

/// Where the value of an entry is. A mutation in place leaves it there.
fn place(store: &LiveStore<Player>) -> *const Player {
    Shared::as_ptr(store.fetch(&key(1)).unwrap().value())
}

async fn is_in_place(store: &LiveStore<Player>) -> bool {
    let before = place(store);
    score(store, 1, 7).await;
    before == place(store)
}

#[tokio::test]
async fn many_come_and_go_and_when_nobody_watches_nothing_of_it_is_left() {
    let store = players(&[1, 2, 3]);
    let captured = Arc::new(());
    let (ranks, groups) = (Arc::clone(&captured), Arc::clone(&captured));
    let query = store.live(move |_, player| {
        let _ = &ranks;
        Some(player.score)
    });
    let teams = query.clone().keyed(move |player| {
        let _ = &groups;
        player.team
    });
    assert!(is_in_place(&store).await);
    for round in 0..50 {
        let mut watches = Vec::new();
        for n in 0..10 {
            watches.push(query.watch());
            watches.push(teams.of(&n));
            if (n + round) % 3 == 0 {
                settle().await;
            }
            if (n + round) % 4 == 0 {
                drop(watches.remove(0));
            }
        }
        let mut one = Follower::new(watches.swap_remove(usize::try_from(round).unwrap() % 9 * 2 % 8));
        assert!(one.told().await[0].starts_with("list"));
        assert_eq!(store.stats().watch_alls, 2);
        assert!(!is_in_place(&store).await);
        drop(watches);
        settle().await;
        assert!(store.stats().watch_alls <= 2);
        drop(one);
        settle().await;
        assert_eq!(store.stats().watch_alls, 0);
        assert!(is_in_place(&store).await);
    }
    drop((query, teams));
    assert_eq!(Arc::strong_count(&captured), 1);
}

#[tokio::test]
async fn what_is_dropped_before_it_was_told_anything_leaves_nothing_behind() {
    let store = players(&[1]);
    let captured = Arc::new(());
    let ranks = Arc::clone(&captured);
    let query = store.live(move |_, player| {
        let _ = &ranks;
        Some(player.score)
    });
    // Before the task has begun, and one that comes before it has ended for that.
    drop(query.watch());
    let mut second = Follower::new(query.watch());
    drop(query.watch());
    assert_eq!(second.told().await, ["list 1"]);
    drop(query.watch());
    score(&store, 1, 2).await;
    assert_eq!(second.told().await, ["1@0>0"]);
    drop(second);
    // The query is gone before who watches it.
    let last = query.watch();
    drop(query);
    settle().await;
    assert_eq!(Arc::strong_count(&captured), 2);
    drop(last);
    settle().await;
    assert_eq!(Arc::strong_count(&captured), 1);
    assert_eq!(store.stats().watch_alls, 0);
}

#[tokio::test]
async fn when_the_store_is_closed_what_was_queued_is_received_and_then_nothing() {
    let store = players(&[1, 2]);
    let query = store.live(|_, player| Some(player.score));
    let teams = query.clone().keyed(|player| player.team);
    let (mut taken, mut untaken, mut of_team) = (query.watch(), query.watch(), teams.of(&0));
    settle().await;
    assert_eq!(drained(&mut taken), ["list 1 2"]);
    score(&store, 1, 3).await;
    settle().await;
    score(&store, 2, 4).await;
    store.clone().close().await.unwrap();
    settle().await;
    assert_eq!(drained(&mut taken), ["1@0>1", "2@0>1"]);
    assert_eq!(drained(&mut untaken), ["list 1 2", "1@0>1", "2@0>1"]);
    assert_eq!(drained(&mut of_team), ["list 1 2", "1@0>1", "2@0>1"]);
    for watch in [&mut taken, &mut untaken, &mut of_team] {
        assert!(watch.next().await.is_none() && watch.next_shared().await.is_none());
    }
    // Whoever comes afterwards receives nothing, and waits for nothing.
    assert!(query.watch().next().await.is_none());
    assert!(teams.of(&0).next().await.is_none());
    assert_eq!(store.stats().watch_alls, 0);
}

#[tokio::test]
async fn neither_a_query_nor_who_watches_it_keeps_the_store_open() {
    let store = players(&[1]);
    let query = store.live(|_, player| Some(player.score));
    let teams = query.clone().keyed(|player| player.team);
    let (mut all, mut team) = (query.watch(), teams.of(&0));
    settle().await;
    let weak = store.downgrade();
    drop(store);
    assert!(weak.upgrade().is_none());
    settle().await;
    assert_eq!(drained(&mut all), ["list 1"]);
    assert_eq!(drained(&mut team), ["list 1"]);
    assert!(all.next().await.is_none() && team.next().await.is_none());
    assert!(query.watch().next().await.is_none());

    // A store that ends before the task has begun.
    let store = players(&[1]);
    let mut watch = store.live(|_, player| Some(player.score)).watch();
    drop(store);
    let rest: Vec<_> = std::iter::from_fn(|| watch.try_next()).collect();
    assert!(rest.is_empty());
    assert!(watch.next().await.is_none());
}

#[test]
fn without_a_runtime_that_is_said_and_nothing_else_happens() {
    let store = players(&[1]);
    let query = store.live(|_, player| Some(player.score));
    let mut watch = query.watch();
    assert!(matches!(
        watch.try_next(),
        Some(ListUpdate::Failed(QueryError::NoRuntime))
    ));
    assert!(watch.try_next().is_none());
    let mut watch = query.clone().keyed(|player| player.team).of(&0);
    assert_eq!(
        drained(&mut watch),
        ["failed: a query is kept by a task; watch it from within a tokio runtime"]
    );
    assert_eq!(store.stats().watch_alls, 0);
    // The query is as good as before.
    runtime().block_on(async {
        let mut all = Follower::new(query.watch());
        assert_eq!(all.told().await, ["list 1"]);
    });
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

#[test]
fn when_its_runtime_has_ended_another_has_it_begin_anew() {
    let store = players(&[1, 2]);
    let query = store.live(|_, player| Some(player.score));
    for round in 0..3 {
        let ending = runtime();
        let (mut told, mut untold) = ending.block_on(async {
            let mut told = query.watch();
            assert!(matches!(told.next().await, Some(ListUpdate::List(_))));
            score(&store, 1, round).await;
            settle().await;
            // The task does not come to this any more.
            (told, query.watch())
        });
        drop(ending);
        assert_eq!(store.stats().watch_alls, 0);
        let error = "failed: the runtime in which this query was first watched has ended; watch it again";
        assert_eq!(drained(&mut told), ["1@0>0", error]);
        assert_eq!(drained(&mut untold), [error]);
        runtime().block_on(async {
            assert!(told.next().await.is_none() && untold.next().await.is_none());
            let mut all = Follower::new(query.watch());
            assert_eq!(all.told().await, ["list 1 2"]);
            store.create(&key(3), player(9, 0)).unwrap();
            assert_eq!(all.told().await, ["+3@2"]);
            store.remove(&key(3)).await.unwrap();
        });
        // That one has ended as well, with nobody who watched.
        assert_eq!(store.stats().watch_alls, 0);
    }
}
