//! Receivers that are slow, those that come late, and a task that is.

use livestore::{ListUpdate, Shared};
use tokio::task::unconstrained;

use super::{Follower, key, player, score, settle, with_cap};

#[tokio::test]
async fn who_has_not_taken_so_many_updates_receives_the_list_anew() {
    let store = with_cap(2, &[1, 2, 3, 4]);
    let query = store.live(|_, player| Some(player.score));
    let (mut slow, mut quick) = (Follower::new(query.watch()), Follower::new(query.watch()));
    assert_eq!(slow.told().await, ["list 1 2 3 4"]);
    assert_eq!(quick.told().await, ["list 1 2 3 4"]);
    for points in [5, 6] {
        score(&store, 1, points).await;
        settle().await;
    }
    // Two are held for it.
    assert_eq!(slow.told().await, ["1@0>3", "1@3>3"]);
    assert_eq!(quick.told().await, ["1@0>3", "1@3>3"]);
    for points in [7, 8, 9, 0] {
        score(&store, 2, points).await;
        // Nobody else is told otherwise for that.
        assert_eq!(quick.told().await.last().unwrap().split('@').next(), Some("2"));
    }
    // Asks for it, and then it is there.
    assert!(slow.query.try_next().is_none());
    score(&store, 3, 20).await;
    assert_eq!(slow.told().await, ["list 2 3 4 1", "3@1>3"]);
    assert_eq!(quick.told().await, ["3@1>3"]);
    assert_eq!(slow.list(), quick.list());
    score(&store, 4, 0).await;
    assert_eq!(slow.told().await, ["4@1>1"]);

    // One that waits is woken by it.
    for points in [7, 8, 9] {
        score(&store, 2, points).await;
        settle().await;
    }
    let list = slow.query.next().await.unwrap();
    assert!(matches!(list, ListUpdate::List(_)));
    slow.follow(list);
    assert_eq!(slow.list(), [(4, 0), (1, 6), (2, 9), (3, 20)]);
}

#[tokio::test]
async fn one_that_never_takes_anything_keeps_nothing_and_nobody_else_notices() {
    let store = with_cap(3, &[1]);
    let query = store.live(|_, player| Some(player.score));
    let never = query.watch();
    let mut quick = Follower::new(query.watch());
    assert_eq!(quick.told().await, ["list 1"]);
    let mut values = Vec::new();
    for number in 0..200 {
        score(&store, 1, number).await;
        values.push(store.fetch(&key(1)).unwrap().value().clone());
        assert_eq!(quick.told().await, ["1@0>0"]);
    }
    drop(quick);
    settle().await;
    let kept = values.iter().filter(|value| Shared::count(value) > 1).count();
    assert!(kept <= 3, "{kept} values are kept");
    drop(never);
}

#[tokio::test]
async fn a_task_that_has_missed_more_than_is_held_for_it_tells_the_list_as_it_is() {
    // It may be sixteen behind.
    let store = with_cap(1, &[1, 2, 3, 4, 5]);
    let query = store.live(|_, player| (player.score > 0).then_some(player.score));
    let teams = query.clone().keyed(|player| player.team);
    let (mut all, mut team) = (Follower::new(query.watch()), Follower::new(teams.of(&0)));
    for follower in [&mut all, &mut team] {
        assert_eq!(follower.told().await, ["list 1 2 3 4 5"]);
    }
    for round in 0..3 {
        unconstrained(async {
            for points in 0..20 {
                score(&store, 1, points).await;
                store.create(&key(9), player(points, 0)).unwrap();
                store.remove(&key(9)).await.unwrap();
                store.broadcast(&key(4), ()).unwrap();
            }
            // Created, ended, and ended and created again.
            store.create(&key(10 + round), player(3, 0)).unwrap();
            store.remove(&key(2)).await;
            store.remove(&key(3)).await.unwrap();
            store.create(&key(3), player(30, 0)).unwrap();
            score(&store, 5, 0).await;
        })
        .await;
        assert!(store.stats().lagged >= u64::try_from(round).unwrap());
        let told = all.told().await;
        assert!(!told.is_empty());
        let of_team = team.told().await;
        assert_eq!(of_team, told);
        let now: Vec<_> = (10..=10 + round).map(|number| (number, 3)).collect();
        assert_eq!(all.list(), [&now[..], &[(4, 4), (1, 19), (3, 30)]].concat());
        assert_eq!(team.list(), all.list());
    }
}

#[tokio::test]
async fn whoever_comes_while_others_watch_begins_with_the_list_that_they_have() {
    let store = with_cap(64, &[1, 2]);
    let query = store.live(|_, player| Some(player.score)).limit(2);
    let mut followers = Vec::new();
    for number in 3..20 {
        followers.push(Follower::new(query.watch()));
        store.create(&key(number), player(0, 0)).unwrap();
        score(&store, number, 30 - u32::try_from(number).unwrap()).await;
        store.remove(&key(number / 2)).await;
        for follower in &mut followers {
            let told = follower.told().await;
            assert_eq!(follower.list.len(), 2, "after {told:?}");
        }
        let lists: Vec<_> = followers.iter().map(Follower::list).collect();
        assert!(lists.windows(2).all(|two| two[0] == two[1]), "{lists:?}");
        if number % 3 == 0 {
            followers.remove(0);
        }
    }
    assert_eq!(store.stats().watch_alls, 1);
}
