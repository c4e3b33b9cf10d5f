//! What one commit or transaction changed is in one update, whatever goes on beside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use livestore::{Entry, ListUpdate, LiveStore, Uuid};
use livestore_tests::{Dice, must_not_hang};
use tokio::runtime::Builder;
use tokio::task::{unconstrained, yield_now};

use super::{Follower, Player, PlayerMutation, key, player, players, settle, with_cap};

/// How many players there are, in teams of ten. Each begins with 100 points.
const PLAYERS: u128 = 40;

fn league(channel_cap: usize) -> LiveStore<Player> {
    let store = with_cap(channel_cap, &[]);
    for number in 0..PLAYERS {
        let team = u32::try_from(number % 4).unwrap();
        store.create(&key(number), player(100, team)).unwrap();
    }
    store
}

/// One plays against another: a point goes from one to the other, or they change teams, or both are there anew.
async fn play(store: &LiveStore<Player>, dice: &mut Dice) {
    let [a, b] = [(); 2].map(|()| key(dice.below(40) as u128));
    if a == b {
        return;
    }
    let (keys, kind) = ([a, b], dice.below(3));
    let played = store.transact(&keys, |tx| {
        let (one, two) = (tx.get(&a).cloned().unwrap(), tx.get(&b).cloned().unwrap());
        let set = |score, team| player(score, team);
        match kind {
            0 if one.score > 0 && one.team == two.team => {
                tx.mutate(&a, PlayerMutation::SetScore(one.score - 1))
                    .map_err(drop)?;
                tx.mutate(&b, PlayerMutation::SetScore(two.score + 1))
                    .map_err(drop)?;
            }
            1 => {
                // Also where the teams are the same. Points stay with the team.
                tx.set(&a, set(one.score, two.team)).map_err(drop)?;
                tx.set(&b, set(two.score, one.team)).map_err(drop)?;
                let [one, two] = [two.score, one.score];
                tx.mutate(&a, PlayerMutation::SetScore(one)).map_err(drop)?;
                tx.mutate(&b, PlayerMutation::SetScore(two)).map_err(drop)?;
            }
            _ => {
                tx.remove(&a);
                tx.remove(&b);
                tx.create(&a, set(two.score, two.team)).map_err(drop)?;
                tx.create(&b, set(one.score, one.team)).map_err(drop)?;
            }
        }
        Ok::<_, ()>(())
    });
    assert!(played.await.is_ok());
}

/// Players and points of a list.
fn sums(list: &[(Uuid, Entry<Player>)]) -> (usize, u32) {
    (list.len(), list.iter().map(|(_, player)| player.score).sum())
}

/// Plays on two threads until `watch` is done, which follows on others.
fn while_they_play<F>(channel_cap: usize, watch: impl FnOnce(LiveStore<Player>) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    must_not_hang(move || {
        let runtime = Builder::new_multi_thread().worker_threads(4).build().unwrap();
        let store = league(channel_cap);
        let stop = Arc::new(AtomicBool::new(false));
        let players: Vec<_> = (0..2)
            .map(|seed| {
                let (store, stop) = (store.clone(), Arc::clone(&stop));
                runtime.spawn(async move {
                    let mut dice = Dice::new(seed);
                    while !stop.load(Ordering::Relaxed) {
                        play(&store, &mut dice).await;
                        // Of no team that anybody watches.
                        let noise = store.init(player(0, 9));
                        store.remove(&noise).await.unwrap();
                        yield_now().await;
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            let watched = tokio::spawn(watch(store.clone())).await;
            stop.store(true, Ordering::Relaxed);
            for player in players {
                player.await.unwrap();
            }
            watched.unwrap();
        });
    });
}

#[test]
fn a_sum_that_every_transaction_keeps_is_in_every_list() {
    for channel_cap in [1, 64] {
        while_they_play(channel_cap, |store| async move {
            let all = store.live(|_, player| (player.team < 4).then_some(player.score));
            let teams = all.clone().keyed(|player| player.team);
            let best = all.clone().limit(7);
            let mut followers: Vec<_> = (0..4).map(|team| Follower::new(teams.of(&team))).collect();
            followers.push(Follower::new(all.watch()));
            followers.push(Follower::new(best.watch()));
            for round in 0..600 {
                for (at, follower) in followers.iter_mut().enumerate() {
                    // Some are always late, others are not.
                    if round % 8 > at {
                        continue;
                    }
                    let update = follower.query.next().await.unwrap();
                    follower.follow(update);
                    match at {
                        0..4 => assert_eq!(sums(&follower.list), (10, 1000), "team {at}"),
                        4 => assert_eq!(sums(&follower.list), (40, 4000)),
                        _ => assert_eq!(follower.list.len(), 7),
                    }
                    assert!(
                        follower
                            .list
                            .is_sorted_by_key(|(key, player)| (player.score, *key))
                    );
                }
            }
        });
    }
}

/// The list was that of a walk, on the way of which a transaction had changed what was behind it and what was before it.
#[test]
fn the_first_list_has_each_transaction_whole_or_not_at_all() {
    for channel_cap in [1, 64] {
        while_they_play(channel_cap, |store| async move {
            for _ in 0..1500 {
                let query = store.live(|_, player| (player.team < 4).then_some(player.score));
                let mut first = Follower::new(query.watch());
                let update = first.query.next().await.unwrap();
                first.follow(update);
                assert_eq!(sums(&first.list), (40, 4000));
            }
        });
    }
}

/// Of more than it takes at once, one half of a transaction was told before the other.
#[tokio::test]
async fn a_task_that_has_missed_of_many_entries_tells_nothing_by_half() {
    let store = with_cap(64, &[]);
    let pairs = 2600;
    for number in 0..2 * pairs {
        store.create(&key(number), player(1, 0)).unwrap();
    }
    let query = store.live(|_, player| Some(player.score));
    let mut all = Follower::new(query.watch());
    for _ in 0..10 {
        settle().await;
    }
    assert!(all.told().await.len() == 1 && sums(&all.list) == (5200, 5200));
    // In one go, so that the task does not come to it meanwhile.
    unconstrained(async {
        for one in 0..pairs {
            let (one, other) = (key(one), key(one + pairs));
            let keys = [one, other];
            let moved = store.transact(&keys, |tx| {
                tx.mutate(&one, PlayerMutation::SetScore(0))?;
                tx.mutate(&other, PlayerMutation::SetScore(2))
            });
            assert!(moved.await.is_ok());
        }
    })
    .await;
    // Somebody comes in the middle of it.
    let mut late = None;
    let mut told = BTreeMap::new();
    for _ in 0..200 {
        yield_now().await;
        let late = late.get_or_insert_with(|| Follower::new(query.watch()));
        for (who, follower) in [&mut all, late].into_iter().enumerate() {
            while let Some(update) = follower.query.try_next() {
                follower.follow(update);
                assert_eq!(sums(&follower.list), (5200, 5200));
                *told.entry(who).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(told.len(), 2);
    assert_eq!(all.list[0].1.score, 0);
    assert_eq!(all.list.last().unwrap().1.score, 2);
}

/// One half had been missed, which nobody answers any more, and the other was told.
#[tokio::test]
async fn what_is_told_last_of_a_store_that_is_closed_is_nothing_by_half() {
    // The task may be sixteen behind.
    let store = with_cap(1, &[10; 20]);
    let query = store.live(|_, player| Some(player.score));
    let mut all = Follower::new(query.watch());
    assert_eq!(all.told().await.len(), 1);
    unconstrained(async {
        for (one, other) in (1..=9).map(|n| (n, n + 9)).chain([(1, 20)]) {
            let keys = [key(one), key(other)];
            let moved = store.transact(&keys, |tx| {
                let [less, more] = keys.map(|key| tx.get(&key).unwrap().score);
                tx.mutate(&keys[0], PlayerMutation::SetScore(less - 1))?;
                tx.mutate(&keys[1], PlayerMutation::SetScore(more + 1))
            });
            assert!(moved.await.is_ok());
        }
        store.close().await.unwrap();
    })
    .await;
    settle().await;
    while let Some(update) = all.query.next().await {
        all.follow(update);
        assert_eq!(sums(&all.list), (20, 200));
    }
}

#[tokio::test]
async fn a_transaction_is_one_update() {
    let store = with_cap(64, &[10, 20, 30, 40]);
    let query = store.live(|_, player| Some(player.score));
    let (mut all, mut two) = (
        Follower::new(query.watch()),
        Follower::new(query.clone().limit(2).watch()),
    );
    assert_eq!(all.told().await, ["list 1 2 3 4"]);
    assert_eq!(two.told().await, ["list 1 2"]);
    let keys = [1, 2, 3, 4].map(key);
    let done = store.transact(&keys, |tx| {
        tx.remove(&keys[0]);
        tx.create(&keys[0], player(50, 0)).map_err(drop)?;
        tx.remove(&keys[1]);
        tx.create(&key(5), player(1, 0)).map_err(drop)
    });
    assert!(done.await.is_ok());
    assert_eq!(all.told().await, ["+5@0 -2@2 1@1>3"]);
    assert_eq!(two.told().await, ["list 5 3"]);
    assert_eq!(all.list(), [(5, 1), (3, 30), (4, 40), (1, 50)]);
    // One that fails is none.
    let failed = store.transact(&keys, |tx| {
        tx.remove(&keys[2]);
        Err::<(), _>(())
    });
    assert!(failed.await.is_err());
    assert_eq!(all.told().await, [""; 0]);
}

/// Each change moves what is behind it, so many changes of a long list take longer than the list.
#[tokio::test]
async fn so_much_at_once_that_the_list_is_shorter_to_carry_out_is_told_as_the_list() {
    let store = players(&(1..=4000).collect::<Vec<u32>>());
    let mut follower = Follower::new(store.live(|_, player| Some(player.score)).watch());
    follower.told().await;
    let reverse = |many: u128| {
        let keys: Vec<_> = (1..=many).map(key).collect();
        let store = store.clone();
        async move {
            let turned = store.transact(&keys, |tx| {
                for key in &keys {
                    let score = tx.get(key).unwrap().score;
                    tx.mutate(key, PlayerMutation::SetScore(10_000 - score))
                        .map_err(drop)?;
                }
                Ok::<_, ()>(())
            });
            turned.await.unwrap();
        }
    };
    reverse(900).await;
    let few = follower.query.next().await.unwrap();
    assert!(matches!(&few, ListUpdate::Changes(changes) if changes.len() == 900));
    few.apply(&mut follower.list);
    reverse(4000).await;
    let many = follower.query.next().await.unwrap();
    assert!(matches!(many, ListUpdate::List(_)));
    many.apply(&mut follower.list);
    let scores: Vec<_> = follower.list.iter().map(|(_, player)| player.score).collect();
    assert!(scores.is_sorted() && scores.len() == 4000);
}
