//! User code that panics, or calls the store.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use livestore::{Entry, ListUpdate, LiveQuery, LiveStore, LiveValue, Query, QueryError};
use tokio::task::unconstrained;

use super::{Follower, Player, key, player, players, score, settle};

/// At this score something panics.
const BAD: u32 = 99;

async fn failed(watch: &mut LiveQuery<Player>) -> String {
    loop {
        match watch.next().await.unwrap() {
            ListUpdate::Failed(QueryError::Panicked(said)) => {
                assert!(watch.next().await.is_none());
                return said;
            }
            ListUpdate::List(_) | ListUpdate::Changes(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Has a query fail twice, and work between and afterwards.
async fn fails<R: Ord + Send + Sync + 'static>(
    store: &LiveStore<Player>,
    query: &Query<Player, R>,
    watch: impl Fn(&Query<Player, R>) -> LiveQuery<Player>,
    says: &str,
) {
    // Another query, of which nothing is to be seen.
    let mut other = Follower::new(store.live(|_, player| Some(player.score)).watch());
    assert_eq!(other.told().await.len(), 1);
    let [mut one, mut two] = [(); 2].map(|()| watch(query));
    for watch in [&mut one, &mut two] {
        assert!(matches!(watch.next().await, Some(ListUpdate::List(_))));
    }
    // As it goes on, and as it begins.
    score(store, 2, BAD).await;
    assert_eq!(failed(&mut one).await, says);
    assert_eq!(failed(&mut two).await, says);
    let mut one = watch(query);
    assert_eq!(failed(&mut one).await, says);
    settle().await;
    assert_eq!(store.stats().watch_alls, 1);
    assert_eq!(other.told().await, ["2@1>2"]);
    // Nothing of it is left.
    score(store, 2, 2).await;
    let mut again = Follower::new(watch(query));
    assert_eq!(again.told().await, ["list 1 2 3"]);
    score(store, 1, 9).await;
    assert_eq!(again.told().await, ["1@0>2"]);
    assert_eq!(other.told().await, ["2@2>1", "1@0>2"]);
    score(store, 1, 1).await;
    settle().await;
}

#[tokio::test]
async fn a_rank_that_panics_ends_its_query_and_nothing_else() {
    let store = players(&[1, 2, 3]);
    let query = store.live(|_, player| {
        assert!(player.score != BAD, "no {}", player.score);
        Some(player.score)
    });
    fails(&store, &query, Query::watch, "no 99").await;
    let query = store.live(|_, player| {
        assert!(player.score != BAD, "no rank");
        Some(player.score)
    });
    fails(&store, &query, Query::watch, "no rank").await;
    let query = store.live(|_, player| {
        if player.score == BAD {
            std::panic::panic_any(7);
        }
        Some(player.score)
    });
    fails(&store, &query, Query::watch, "a panic without a message").await;
}

#[tokio::test]
async fn a_function_of_groups_that_panics_ends_its_query_and_nothing_else() {
    let store = players(&[1, 2, 3]);
    let query = store.live(|_, player| Some(player.score));
    let teams = query.clone().keyed(|player| {
        assert!(player.score != BAD, "no team");
        player.team
    });
    fails(&store, &query, |_| teams.of(&0), "no team").await;
}

/// Panics as it is compared with others.
#[derive(PartialEq, Eq)]
struct Compared(u32);

impl PartialOrd for Compared {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Compared {
    fn cmp(&self, other: &Self) -> Ordering {
        assert!(self.0 != BAD && other.0 != BAD, "no order");
        self.0.cmp(&other.0)
    }
}

#[tokio::test]
async fn an_order_that_panics_ends_its_query_and_nothing_else() {
    let store = players(&[1, 2, 3]);
    let query = store.live(|_, player| Some(Compared(player.score)));
    fails(&store, &query, Query::watch, "no order").await;
}

/// Panics as it is hashed.
#[derive(Clone, PartialEq, Eq)]
struct Hashed(bool);

impl Hash for Hashed {
    fn hash<H: Hasher>(&self, _: &mut H) {
        assert!(!self.0, "no hash");
    }
}

#[tokio::test]
async fn a_hash_that_panics_ends_its_query_and_nothing_else() {
    let store = players(&[1, 2, 3]);
    let query = store.live(|_, player| Some(player.score));
    let groups = query.clone().keyed(|player| Hashed(player.score == BAD));
    fails(&store, &query, |_| groups.of(&Hashed(false)), "no hash").await;
    // That of whoever comes.
    let mut good = Follower::new(groups.of(&Hashed(false)));
    assert_eq!(good.told().await, ["list 1 2 3"]);
    let mut bad = groups.of(&Hashed(true));
    assert_eq!(failed(&mut bad).await, "no hash");
    assert_eq!(good.told().await, ["failed: the query has panicked: no hash"]);
}

/// Its drop panics if it is armed, also where another panic is under way.
struct Bomb {
    number: u32,
    armed: Arc<AtomicBool>,
}

impl Clone for Bomb {
    fn clone(&self) -> Self {
        Bomb {
            number: self.number,
            armed: Arc::clone(&self.armed),
        }
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.armed.load(Relaxed), "no drop");
    }
}

impl LiveValue for Bomb {
    type Message = ();
    type Mutation = u32;
    type MutError = ();

    fn mutate(entry: &Entry<Self>, number: &u32) -> Result<Self, ()> {
        Ok(Bomb {
            number: *number,
            armed: Arc::clone(&entry.armed),
        })
    }
}

/// A store of them, under the keys from 1 on.
fn bombs(armed: &Arc<AtomicBool>, many: u32) -> LiveStore<Bomb> {
    let store = LiveStore::default();
    (1..=many).for_each(|number| add(&store, armed, u128::from(number), number));
    store
}

fn add(store: &LiveStore<Bomb>, armed: &Arc<AtomicBool>, under: u128, number: u32) {
    let armed = Arc::clone(armed);
    assert!(store.create(&key(under), Bomb { number, armed }).is_ok());
}

#[tokio::test]
async fn a_value_whose_drop_panics_ends_the_query_and_nothing_else() {
    let armed = Arc::new(AtomicBool::new(false));
    let store = bombs(&armed, 4);
    let query = store.live(|_, bomb| Some(bomb.number));
    let mut all = Follower::new(query.watch());
    assert_eq!(all.told().await, ["list 1 2 3 4"]);
    all.list.clear();
    // What was before goes in the task, and only there.
    store.mutate(&key(1), 7).await.unwrap();
    armed.store(true, Relaxed);
    settle().await;
    armed.store(false, Relaxed);
    let update = all.query.next().await.unwrap();
    assert_eq!(super::shown(&update), "failed: the query has panicked: no drop");
    assert!(all.query.next().await.is_none());
    let mut all = Follower::new(query.watch());
    assert_eq!(all.told().await, ["list 2 3 4 1"]);
    assert_eq!(store.fetch(&key(1)).unwrap().number, 7);
}

/// A second panic while one is under way ends the process.
#[tokio::test]
async fn values_whose_drops_panic_may_go_with_a_task_that_has_panicked() {
    let armed = Arc::new(AtomicBool::new(false));
    let store = bombs(&armed, 4);
    let arm = Arc::clone(&armed);
    let query = store.live(move |_, bomb| {
        if bomb.number == BAD {
            arm.store(true, Relaxed);
            panic!("no rank");
        }
        Some(bomb.number)
    });
    let mut all = Follower::new(query.watch());
    assert_eq!(all.told().await, ["list 1 2 3 4"]);
    all.list.clear();
    // Soon these are the task's alone. It begins with the last.
    unconstrained(async {
        for number in 1..=4 {
            store.remove(&key(number)).await.unwrap();
        }
        add(&store, &armed, 5, BAD);
    })
    .await;
    settle().await;
    armed.store(false, Relaxed);
    let update = all.query.next().await.unwrap();
    assert_eq!(super::shown(&update), "failed: the query has panicked: no rank");
    assert!(all.query.next().await.is_none());
    assert_eq!(store.stats().watch_alls, 0);
}

/// The task was never told that who had left did so, and went on.
#[tokio::test]
async fn who_leaves_values_whose_drops_panic_has_left_all_the_same() {
    let armed = Arc::new(AtomicBool::new(false));
    let store = bombs(&armed, 1);
    let query = store.live(|_, bomb| Some(bomb.number));
    let watch = query.watch();
    settle().await;
    // From now on the list that has not been taken is the last to have it.
    store.remove(&key(1)).await.unwrap();
    settle().await;
    armed.store(true, Relaxed);
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(watch)));
    armed.store(false, Relaxed);
    assert!(dropped.is_err());
    settle().await;
    assert_eq!(store.stats().watch_alls, 0);
}

#[tokio::test]
async fn a_rank_may_call_the_store() {
    let store = players(&[1, 2, 3]);
    let weak = store.downgrade();
    let query = store.live(move |key, player| {
        let store = weak.upgrade()?;
        let now = store.fetch(key).map_or(0, |entry| entry.version());
        assert!(now == 0 || now >= player.version());
        store.broadcast(key, ()).ok();
        drop(store.try_acquire(key));
        // As many as are better, of which one more is there afterwards.
        store.create(&super::key(1000), super::player(0, 0)).ok();
        drop(store.live(|_, player| Some(player.score)).watch());
        drop(store.watch_all());
        Some((store.len(), player.score))
    });
    let mut all = Follower::new(query.limit(3).watch());
    assert!(!all.told().await.is_empty());
    assert!(!all.list.is_empty());
    score(&store, 1, 7).await;
    store.create(&key(5), player(0, 0)).unwrap();
    all.told().await;
    assert_eq!(store.len(), 5);
    // All that was begun on the way has ended.
    assert_eq!(store.stats().watch_alls, 1);
}
