//! Live queries: lists of entries that are kept in order, and told as they change.

mod ends;
mod lag;
mod model;
mod panics;
mod polls;
mod whole;

use std::cmp::Reverse;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use livestore::{
    Entry, ExpireMode, ListChange, ListUpdate, LiveQuery, LiveStore, LiveValue, StoreOptions, Uuid,
};
use tokio::task::yield_now;

use PlayerMutation::{SetScore, SetTeam};

#[derive(Clone, Debug, LiveValue)]
struct Player {
    score: u32,
    team: u32,
}

fn key(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn player(score: u32, team: u32) -> Player {
    Player { score, team }
}

/// A store of players with these scores, under the keys from 1 on.
fn players(scores: &[u32]) -> LiveStore<Player> {
    with_cap(64, scores)
}

fn with_cap(channel_cap: usize, scores: &[u32]) -> LiveStore<Player> {
    let options = StoreOptions {
        channel_cap,
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    for (number, score) in (1..).zip(scores) {
        store.create(&key(number), player(*score, 0)).unwrap();
    }
    store
}

async fn score(store: &LiveStore<Player>, number: u128, score: u32) {
    store.mutate(&key(number), SetScore(score)).await.unwrap();
}

/// Lets the tasks of the queries run until they have nothing to do.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

/// One who carries out what is received.
struct Follower<V> {
    query: LiveQuery<V>,
    list: Vec<(Uuid, Entry<V>)>,
}

impl<V> Follower<V> {
    fn new(query: LiveQuery<V>) -> Follower<V> {
        Follower {
            query,
            list: Vec::new(),
        }
    }

    /// What has been told by now: `list` with the keys, or for each change `+key@place`, `key@from>to`, `-key@place`.
    async fn told(&mut self) -> Vec<String> {
        settle().await;
        let mut told = Vec::new();
        while let Some(update) = self.query.try_next() {
            told.push(shown(&update));
            self.follow(update);
        }
        told
    }

    /// Carries out an update, which must be about the entries that stand where it says.
    fn follow(&mut self, update: ListUpdate<V>) {
        match update {
            ListUpdate::Changes(changes) => {
                assert!(!changes.is_empty(), "an update that says nothing");
                for change in changes {
                    let is_in = self.list.iter().position(|(key, _)| key == change.key());
                    match &change {
                        ListChange::Enter { .. } => assert_eq!(is_in, None, "{change:?}"),
                        ListChange::Update { from, .. } => assert_eq!(is_in, Some(*from), "{change:?}"),
                        ListChange::Leave { at, .. } => assert_eq!(is_in, Some(*at), "{change:?}"),
                        _ => panic!("{change:?}"),
                    }
                    change.apply(&mut self.list);
                }
            }
            update => update.apply(&mut self.list),
        }
    }
}

impl Follower<Player> {
    /// Keys and scores of the list.
    fn list(&self) -> Vec<(u128, u32)> {
        let list = self.list.iter();
        list.map(|(key, player)| (key.as_u128(), player.score)).collect()
    }
}

fn shown<V>(update: &ListUpdate<V>) -> String {
    let mut words = Vec::new();
    match update {
        ListUpdate::List(list) => {
            words.push("list".to_owned());
            words.extend(list.iter().map(|(key, _)| key.as_u128().to_string()));
        }
        ListUpdate::Changes(changes) => words.extend(changes.iter().map(|change| {
            let key = change.key().as_u128();
            match change {
                ListChange::Enter { at, .. } => format!("+{key}@{at}"),
                ListChange::Update { from, to, .. } => format!("{key}@{from}>{to}"),
                ListChange::Leave { at, .. } => format!("-{key}@{at}"),
                _ => panic!("{change:?}"),
            }
        })),
        ListUpdate::Failed(error) => words.push(format!("failed: {error}")),
        _ => panic!("{update:?}"),
    }
    words.join(" ")
}

#[tokio::test]
async fn entries_stand_in_the_order_of_their_ranks_and_those_of_equal_rank_in_that_of_their_keys() {
    let store = players(&[5, 0, 7, 5, 6]);
    let scorers = store.live(|_, player| (player.score > 0).then_some(Reverse(player.score)));
    let mut all = Follower::new(scorers.watch());
    assert_eq!(all.told().await, ["list 3 5 1 4"]);
    assert_eq!(all.list(), [(3, 7), (5, 6), (1, 5), (4, 5)]);
    score(&store, 2, 5).await;
    assert_eq!(all.told().await, ["+2@3"]);
    store.create(&key(6), player(9, 0)).unwrap();
    assert_eq!(all.told().await, ["+6@0"]);
    assert_eq!(all.list(), [(6, 9), (3, 7), (5, 6), (1, 5), (2, 5), (4, 5)]);

    // The key may be the rank.
    let last_first = store.live(|key, _| Some(Reverse(*key)));
    let mut last_first = Follower::new(last_first.watch());
    assert_eq!(last_first.told().await, ["list 6 5 4 3 2 1"]);
}

#[tokio::test]
async fn a_change_says_where_the_entry_stood_and_where_it_stands() {
    let store = players(&[1, 2, 3, 4, 5]);
    let mut all = Follower::new(
        store
            .live(|_, player| (player.score > 0).then_some(player.score))
            .watch(),
    );
    assert_eq!(all.told().await, ["list 1 2 3 4 5"]);
    score(&store, 1, 10).await;
    assert_eq!(all.told().await, ["1@0>4"]);
    score(&store, 5, 0).await;
    assert_eq!(all.told().await, ["-5@3"]);
    store.mutate(&key(3), SetTeam(7)).await.unwrap();
    assert_eq!(all.told().await, ["3@1>1"]);
    assert_eq!(all.list[1].1.team, 7);
    score(&store, 1, 1).await;
    assert_eq!(all.told().await, ["1@3>0"]);
    store.insert(&key(4), player(2, 0)).await;
    assert_eq!(all.told().await, ["4@3>2"]);
    assert_eq!(all.list(), [(1, 1), (2, 2), (4, 2), (3, 3)]);
}

#[tokio::test]
async fn what_an_entry_went_through_between_two_updates_is_not_told() {
    let store = players(&[1, 2, 3]);
    let mut all = Follower::new(
        store
            .live(|_, player| (player.score > 0).then_some(player.score))
            .watch(),
    );
    assert_eq!(all.told().await, ["list 1 2 3"]);
    for points in [9, 0, 4, 1] {
        score(&store, 2, points).await;
    }
    store.create(&key(4), player(1, 0)).unwrap();
    store.remove(&key(4)).await.unwrap();
    store.remove(&key(3)).await.unwrap();
    store.create(&key(3), player(8, 0)).unwrap();
    assert_eq!(all.told().await, ["3@2>2 2@1>1"]);
    assert_eq!(all.list(), [(1, 1), (2, 1), (3, 8)]);
}

#[tokio::test]
async fn with_a_limit_the_one_that_moves_up_comes_with_the_one_that_leaves() {
    let store = players(&[10, 20, 30, 40]);
    let first = store.live(|_, player| (player.score > 0).then_some(player.score));
    let mut first = Follower::new(first.limit(2).watch());
    assert_eq!(first.told().await, ["list 1 2"]);
    // By its rank, by its end, by what comes before it, and by its own change.
    score(&store, 1, 0).await;
    assert_eq!(first.told().await, ["-1@0 +3@1"]);
    store.remove(&key(2)).await.unwrap();
    assert_eq!(first.told().await, ["-2@0 +4@1"]);
    score(&store, 1, 5).await;
    assert_eq!(first.told().await, ["-4@1 +1@0"]);
    score(&store, 3, 50).await;
    assert_eq!(first.told().await, ["-3@1 +4@1"]);
    score(&store, 3, 1).await;
    assert_eq!(first.told().await, ["-4@1 +3@0"]);
    score(&store, 3, 7).await;
    assert_eq!(first.told().await, ["3@0>1"]);
    assert_eq!(first.list(), [(1, 5), (3, 7)]);
}

#[tokio::test]
async fn beyond_a_limit_nothing_is_told() {
    let store = players(&[1, 2, 3, 4]);
    let mut first = Follower::new(store.live(|_, player| Some(player.score)).limit(2).watch());
    assert_eq!(first.told().await, ["list 1 2"]);
    score(&store, 4, 3).await;
    score(&store, 3, 9).await;
    store.create(&key(5), player(2, 0)).unwrap();
    store.remove(&key(4)).await.unwrap();
    assert_eq!(first.told().await, [""; 0]);
    // And is kept in order all the same.
    store.remove(&key(1)).await.unwrap();
    assert_eq!(first.told().await, ["-1@0 +5@1"]);
}

#[tokio::test]
async fn with_a_limit_of_none_the_list_is_empty_and_nothing_is_told() {
    let store = players(&[1, 2]);
    let mut none = Follower::new(store.live(|_, player| Some(player.score)).limit(0).watch());
    assert_eq!(none.told().await, ["list"]);
    score(&store, 1, 3).await;
    store.create(&key(3), player(0, 0)).unwrap();
    store.remove(&key(2)).await.unwrap();
    assert_eq!(none.told().await, [""; 0]);
}

#[tokio::test]
async fn where_more_has_changed_than_there_is_the_list_comes_anew() {
    let store = players(&[1, 2, 3]);
    let first = store.live(|_, player| Some(player.score));
    let mut all = Follower::new(first.watch());
    let mut two = Follower::new(first.limit(2).watch());
    assert_eq!(all.told().await, ["list 1 2 3"]);
    assert_eq!(two.told().await, ["list 1 2"]);
    for number in 1..=2 {
        score(&store, number, 9).await;
    }
    assert_eq!(all.told().await, ["2@1>2 1@0>1"]);
    assert_eq!(two.told().await, ["list 3 1"]);
    assert_eq!(all.list(), [(3, 3), (1, 9), (2, 9)]);
}

#[tokio::test]
async fn each_commit_is_ranked_once_for_all_who_watch_the_same_query() {
    let store = players(&[1, 2, 3]);
    let ranked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ranked);
    let query = store.live(move |_, player| {
        count.fetch_add(1, Ordering::Relaxed);
        Some(player.score)
    });
    settle().await;
    assert_eq!(ranked.load(Ordering::Relaxed), 0);
    let mut watchers = [query.watch(), query.clone().watch(), query.watch()].map(Follower::new);
    for watcher in &mut watchers {
        assert_eq!(watcher.told().await, ["list 1 2 3"]);
    }
    assert_eq!(ranked.load(Ordering::Relaxed), 3);
    assert_eq!(store.stats().watch_alls, 1);
    score(&store, 1, 2).await;
    settle().await;
    assert_eq!(ranked.load(Ordering::Relaxed), 4);
    // One that comes later has nothing ranked.
    let mut late = Follower::new(query.watch());
    assert_eq!(late.told().await, ["list 1 2 3"]);
    score(&store, 1, 9).await;
    for watcher in watchers.iter_mut().chain([&mut late]) {
        assert_eq!(watcher.told().await.last().unwrap(), "1@0>2");
    }
    assert_eq!(ranked.load(Ordering::Relaxed), 5);
    assert_eq!(store.stats().watch_alls, 1);
}

#[tokio::test]
async fn an_entry_that_moves_between_groups_leaves_one_and_enters_the_other() {
    let store = players(&[1, 2, 3]);
    let teams = store.live(|_, player| (player.score > 0).then_some(player.score));
    let teams = teams.keyed(|player| player.team);
    let [mut none, mut one] = [0, 1].map(|team| Follower::new(teams.of(&team)));
    assert_eq!(none.told().await, ["list 1 2 3"]);
    assert_eq!(one.told().await, ["list"]);
    store.mutate(&key(2), SetTeam(1)).await.unwrap();
    assert_eq!(none.told().await, ["-2@1"]);
    assert_eq!(one.told().await, ["+2@0"]);
    store.insert(&key(1), player(9, 1)).await;
    assert_eq!(none.told().await, ["-1@0"]);
    assert_eq!(one.told().await, ["+1@1"]);
    // A group that nobody watches.
    store.mutate(&key(1), SetTeam(2)).await.unwrap();
    assert_eq!(none.told().await, [""; 0]);
    assert_eq!(one.told().await, ["-1@1"]);
    let mut two = Follower::new(teams.of(&2));
    assert_eq!(two.told().await, ["list 1"]);
    assert_eq!(store.stats().watch_alls, 1);
}

#[tokio::test]
async fn an_empty_group_fills_and_empties_and_fills_again() {
    let store = LiveStore::<Player>::default();
    let teams = store
        .live(|_, player| Some(player.score))
        .limit(1)
        .keyed(|player| player.team);
    let mut seven = Follower::new(teams.of(&7));
    assert_eq!(seven.told().await, ["list"]);
    for _ in 0..3 {
        store.create(&key(1), player(1, 7)).unwrap();
        assert_eq!(seven.told().await, ["+1@0"]);
        // The limit is that of each group.
        store.create(&key(2), player(0, 7)).unwrap();
        assert_eq!(seven.told().await, ["list 2"]);
        store.remove(&key(2)).await.unwrap();
        assert_eq!(seven.told().await, ["list 1"]);
        store.remove(&key(1)).await.unwrap();
        // That is shorter than what has changed.
        assert_eq!(seven.told().await, ["list"]);
        assert!(seven.list.is_empty());
    }
}

/// A group whose clones can be counted.
#[derive(Clone)]
struct Tag(u32, #[expect(dead_code, reason = "is counted")] Arc<()>);

impl PartialEq for Tag {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Tag {}

impl Hash for Tag {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[tokio::test]
async fn a_group_in_which_nothing_is_and_that_nobody_watches_is_forgotten() {
    let store = players(&[1]);
    let counted = Arc::new(());
    let tags = Arc::clone(&counted);
    let teams = store.live(|_, player| Some(player.score));
    let teams = teams.keyed(move |player| Tag(player.team, Arc::clone(&tags)));
    let tag = |team| Tag(team, Arc::clone(&counted));
    let _kept = teams.of(&tag(0));
    settle().await;
    let before = Arc::strong_count(&counted);
    // Watched and left while it is empty; filled and emptied while it is not watched; and both.
    for team in 1..100 {
        drop(teams.of(&tag(team)));
        let watched = teams.of(&tag(team));
        settle().await;
        drop(watched);
        store.mutate(&key(1), SetTeam(team)).await.unwrap();
        settle().await;
        let watched = teams.of(&tag(team));
        settle().await;
        store.mutate(&key(1), SetTeam(0)).await.unwrap();
        settle().await;
        drop(watched);
    }
    settle().await;
    assert_eq!(Arc::strong_count(&counted), before);
}

#[tokio::test]
async fn messages_say_nothing() {
    let store = players(&[1, 2]);
    let ranked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ranked);
    let query = store.live(move |_, player| {
        count.fetch_add(1, Ordering::Relaxed);
        Some(player.score)
    });
    let mut all = Follower::new(query.watch());
    assert_eq!(all.told().await, ["list 1 2"]);
    store.broadcast(&key(1), ()).unwrap();
    assert_eq!(all.told().await, [""; 0]);
    // Not in front of what is told of the same entry, nor behind it.
    store.broadcast(&key(1), ()).unwrap();
    score(&store, 1, 3).await;
    store.broadcast(&key(1), ()).unwrap();
    store.broadcast(&key(2), ()).unwrap();
    assert_eq!(all.told().await, ["1@0>1"]);
    assert_eq!(ranked.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn who_expires_or_is_removed_leaves_and_a_query_is_no_use_of_an_entry() {
    let options = StoreOptions {
        expire_check_freq: Some(Duration::from_secs(1)),
        expire_mode: ExpireMode::Idle(Duration::from_secs(5)),
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    for number in 1..=4 {
        store.create(&key(number), player(0, 0)).unwrap();
    }
    let mut first = Follower::new(store.live(|_, player| Some(player.score)).limit(2).watch());
    assert_eq!(first.told().await, ["list 1 2"]);
    store.remove(&key(1)).await.unwrap();
    assert_eq!(first.told().await, ["-1@0 +3@1"]);
    store.expire_after(&key(2), Duration::from_secs(2)).unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(first.told().await, ["-2@0 +4@1"]);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(first.told().await, ["list"]);
    assert!(store.is_empty());
}

#[tokio::test]
async fn what_is_received_shows_keys_and_places() {
    let store = players(&[1, 2]);
    let query = store.live(|_, player| Some(player.score));
    let mut watch = query.watch();
    let list = watch.next().await.unwrap();
    assert_eq!(format!("{list:?}"), format!("List [{:?}, {:?}]", key(1), key(2)));
    score(&store, 1, 3).await;
    let changes = watch.next().await.unwrap();
    let change = format!("Update {{ from: 0, to: 1, key: {:?}, .. }}", key(1));
    assert_eq!(format!("{changes:?}"), format!("Changes [{change}]"));
    let ListUpdate::Changes(changes) = changes.clone() else {
        panic!("{changes:?}")
    };
    assert_eq!(*changes[0].key(), key(1));
    let teams = query.clone().keyed(|player| player.team);
    assert_eq!(
        format!("{query:?} {watch:?} {:?}", teams.clone()),
        "Query LiveQuery Groups"
    );
}
