//! Random operations: after each quiescence every receiver has the list that sorting all entries gives, and each list that it
//! had on the way was one that there was after some commit, none of them earlier than the one before.
//!
//! One thread, so that it is known what happens when: commits are made while the tasks of the queries do not run. What fails is
//! shrunk. Runs `MODEL_CASES` cases, at random; by default 300, always the same.

use std::time::Duration;

use livestore::{ExpireMode, ListUpdate, LiveQuery, LiveStore, StoreOptions, Uuid};
use livestore::{Groups, Query};
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use proptest::{collection, prop_oneof};
use tokio::runtime::Builder;
use tokio::task::unconstrained;

use crate::cases::{Cases, reached};

use super::{Follower, Player, PlayerMutation, key, player, settle};

/// Keys are below this, teams below that.
const KEYS: u128 = 8;
const TEAMS: u32 = 3;

/// What is done to one key.
#[derive(Clone, Debug)]
enum Act {
    Create(u32, u32),
    Insert(u32, u32),
    Score(u32),
    Team(u32),
    Remove,
    Replace(u32, u32),
    Message,
}

#[derive(Clone, Debug)]
enum Op {
    Do(u128, Act),
    /// So many in a row.
    Burst(u128, u32),
    Transact(Vec<(u128, Act)>),
    /// Two exchange what they have.
    Swap(u128, u128),
    ExpireAfter(u128, u64),
    Second,
    /// Somebody comes to this list.
    Join(usize),
    /// One of those who are there leaves.
    Leave(usize),
    /// One takes so many updates.
    Take(usize, usize),
    /// The tasks of the queries run.
    Run,
    /// And everybody takes all.
    Rest,
}

fn act() -> impl Strategy<Value = Act> {
    let score = || 0..7_u32;
    let team = || 0..TEAMS;
    prop_oneof![
        (score(), team()).prop_map(|(score, team)| Act::Create(score, team)),
        (score(), team()).prop_map(|(score, team)| Act::Insert(score, team)),
        score().prop_map(Act::Score),
        score().prop_map(Act::Score),
        team().prop_map(Act::Team),
        any::<()>().prop_map(|()| Act::Remove),
        (score(), team()).prop_map(|(score, team)| Act::Replace(score, team)),
        any::<()>().prop_map(|()| Act::Message),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0..KEYS;
    prop_oneof![
        12 => (key(), act()).prop_map(|(key, act)| Op::Do(key, act)),
        2 => (key(), 1..24_u32).prop_map(|(key, times)| Op::Burst(key, times)),
        4 => collection::vec((key(), act()), 1..6).prop_map(Op::Transact),
        4 => (key(), key()).prop_map(|(one, other)| Op::Swap(one, other)),
        1 => (key(), 1..4_u64).prop_map(|(key, after)| Op::ExpireAfter(key, after)),
        2 => any::<()>().prop_map(|()| Op::Second),
        3 => (0..LISTS).prop_map(Op::Join),
        1 => (0..16_usize).prop_map(Op::Leave),
        4 => (0..16_usize, 1..4_usize).prop_map(|(who, many)| Op::Take(who, many)),
        6 => any::<()>().prop_map(|()| Op::Run),
        2 => any::<()>().prop_map(|()| Op::Rest),
    ]
}

/// Some are out, and many are of equal rank.
fn rank(player: &Player) -> Option<u32> {
    (player.score != 5).then_some(player.score / 2)
}

/// A list, and how it is said which.
const LISTS: usize = 10;
const LIMITS: [usize; 4] = [usize::MAX, 0, 1, 3];

/// What a list shows: keys and versions, which say the rest.
type Shown = Vec<(Uuid, u64)>;

type Ranked = Box<dyn Fn() -> Query<Player, u32>>;

struct World {
    store: LiveStore<Player>,
    limited: [Query<Player, u32>; 4],
    teams: [Groups<Player, u32, u32>; 2],
    /// Each list after each commit.
    been: Vec<[Shown; LISTS]>,
    /// The commits before the tasks of the queries have run last.
    known: usize,
    receivers: Vec<Receiver>,
}

struct Receiver {
    which: usize,
    follower: Follower<Player>,
    /// After which commit it has its list, as early as it may be.
    at: usize,
    is_told: bool,
}

const RARE: [&str; 5] = [
    "a list anew",
    "changes of several entries",
    "a lag of the task",
    "an expiry",
    "a list that was and is no more",
];

impl World {
    fn new(channel_cap: usize) -> World {
        let options = StoreOptions {
            channel_cap,
            expire_check_freq: Some(Duration::from_secs(1)),
            expire_mode: ExpireMode::Timeout(Duration::MAX),
            ..Default::default()
        };
        let store = LiveStore::new().with_options(options).done();
        let query: Ranked = {
            let store = store.downgrade();
            Box::new(move || store.upgrade().unwrap().live(|_, player| rank(player)))
        };
        let mut world = World {
            limited: LIMITS.map(|limit| query().limit(limit)),
            teams: [usize::MAX, 2].map(|limit| query().limit(limit).keyed(|player| player.team)),
            store,
            been: Vec::new(),
            known: 0,
            receivers: Vec::new(),
        };
        world.note();
        world
    }

    /// Sorts everything, as it is after a commit.
    fn note(&mut self) {
        let mut all: Vec<_> = self
            .store
            .entries()
            .filter_map(|(key, player)| Some((rank(&player)?, key, player)))
            .collect();
        all.sort_by_key(|(rank, key, _)| (*rank, *key));
        let lists = std::array::from_fn(|which| {
            let (limit, team) = match which {
                0..4 => (LIMITS[which], None),
                4..7 => (usize::MAX, Some(which as u32 - 4)),
                _ => (2, Some(which as u32 - 7)),
            };
            let of_team = all
                .iter()
                .filter(|(_, _, player)| team.is_none_or(|team| team == player.team));
            let shown = of_team.map(|(_, key, player)| (*key, player.version()));
            shown.take(limit).collect()
        });
        if self.been.last() != Some(&lists) {
            self.been.push(lists);
        }
    }

    fn watch(&self, which: usize) -> LiveQuery<Player> {
        match which {
            0..4 => self.limited[which].watch(),
            4..7 => self.teams[0].of(&(which as u32 - 4)),
            _ => self.teams[1].of(&(which as u32 - 7)),
        }
    }

    async fn apply(&mut self, op: Op) {
        let lagged = self.store.stats().lagged;
        match op {
            Op::Do(number, act) => self.act(key(number), act).await,
            Op::Burst(number, times) => {
                for score in 0..times {
                    self.act(key(number), Act::Score(score)).await;
                }
            }
            Op::Transact(acts) => self.transact(acts).await,
            Op::Swap(one, other) if one != other => self.swap([one, other].map(key)).await,
            Op::Swap(..) => {}
            Op::ExpireAfter(number, after) => {
                let _ = self.store.expire_after(&key(number), Duration::from_secs(after));
            }
            Op::Second => {
                let len = self.store.len();
                tokio::time::advance(Duration::from_secs(1)).await;
                settle().await;
                if self.store.len() < len {
                    reached("an expiry");
                }
            }
            Op::Join(which) => {
                let follower = Follower::new(self.watch(which));
                self.receivers.push(Receiver {
                    which,
                    follower,
                    at: self.known,
                    is_told: false,
                });
            }
            Op::Leave(who) if who < self.receivers.len() => drop(self.receivers.remove(who)),
            Op::Leave(_) => {}
            Op::Take(who, many) => {
                if let Some(receiver) = self.receivers.get_mut(who) {
                    (0..many).for_each(|_| {
                        receiver.take(&self.been);
                    });
                }
            }
            Op::Run => self.run().await,
            Op::Rest => self.rest().await,
        }
        self.note();
        if self.store.stats().lagged > lagged {
            reached("a lag of the task");
        }
    }

    async fn run(&mut self) {
        settle().await;
        self.note();
        self.known = self.been.len() - 1;
    }

    /// Nothing is under way any more.
    async fn rest(&mut self) {
        self.run().await;
        for receiver in &mut self.receivers {
            while receiver.take(&self.been) {}
        }
        // Those who were behind have asked by now.
        settle().await;
        let last = self.been.last().unwrap();
        for receiver in &mut self.receivers {
            while receiver.take(&self.been) {}
            assert!(receiver.is_told, "nothing was told");
            assert_eq!(receiver.shown(), last[receiver.which], "list {}", receiver.which);
        }
    }

    async fn act(&mut self, key: Uuid, act: Act) {
        let store = &self.store;
        match act {
            Act::Create(score, team) => drop(store.create(&key, player(score, team))),
            Act::Insert(score, team) => drop(store.insert(&key, player(score, team)).await),
            Act::Score(score) => drop(store.mutate(&key, PlayerMutation::SetScore(score)).await),
            Act::Team(team) => drop(store.mutate(&key, PlayerMutation::SetTeam(team)).await),
            Act::Remove => drop(store.remove(&key).await),
            Act::Replace(score, team) => {
                drop(store.remove(&key).await);
                // Two commits.
                self.note();
                drop(self.store.create(&key, player(score, team)));
            }
            Act::Message => drop(store.broadcast(&key, ())),
        }
        self.note();
    }

    async fn transact(&mut self, acts: Vec<(u128, Act)>) {
        let keys: Vec<_> = acts.iter().map(|(number, _)| key(*number)).collect();
        let done = self.store.transact(&keys, |tx| {
            for (key, (_, act)) in keys.iter().zip(acts) {
                match act {
                    Act::Create(score, team) => drop(tx.create(key, player(score, team))),
                    Act::Insert(score, team) => drop(tx.set(key, player(score, team))),
                    Act::Score(score) => drop(tx.mutate(key, PlayerMutation::SetScore(score))),
                    Act::Team(team) => drop(tx.mutate(key, PlayerMutation::SetTeam(team))),
                    Act::Remove => drop(tx.remove(key)),
                    Act::Replace(score, team) => {
                        drop(tx.remove(key));
                        drop(tx.create(key, player(score, team)));
                    }
                    Act::Message => drop(tx.broadcast(key, ())),
                }
            }
            Ok::<_, ()>(())
        });
        assert!(done.await.is_ok());
    }

    async fn swap(&mut self, keys: [Uuid; 2]) {
        let [a, b] = keys;
        let done = self.store.transact(&keys, |tx| {
            let (Some(one), Some(two)) = (tx.get(&a).cloned(), tx.get(&b).cloned()) else {
                return Err(());
            };
            tx.set(&a, player(two.score, two.team)).map_err(drop)?;
            tx.set(&b, player(one.score, one.team)).map_err(drop)?;
            Ok(())
        });
        let _ = done.await;
    }
}

impl Receiver {
    fn shown(&self) -> Shown {
        let list = self.follower.list.iter();
        list.map(|(key, entry)| (*key, entry.version())).collect()
    }

    /// Takes what comes next. Returns whether there was something.
    fn take(&mut self, been: &[[Shown; LISTS]]) -> bool {
        let Some(update) = self.follower.query.try_next() else {
            return false;
        };
        match &update {
            ListUpdate::List(_) if self.is_told => reached("a list anew"),
            ListUpdate::Changes(changes) if changes.len() > 2 => reached("changes of several entries"),
            update => assert!(
                self.is_told || matches!(update, ListUpdate::List(_)),
                "{update:?}"
            ),
        }
        self.is_told = true;
        self.follower.follow(update);
        let shown = self.shown();
        let later = been[self.at..]
            .iter()
            .position(|lists| lists[self.which] == shown);
        match later {
            Some(later) => self.at += later,
            None => panic!("list {} never was, or was before: {shown:?}", self.which),
        }
        if self.at + 1 < been.len() {
            reached("a list that was and is no more");
        }
        true
    }
}

fn run(channel_cap: usize, ops: Vec<Op>) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    // Without a budget, a commit waits for nothing.
    runtime.block_on(unconstrained(async {
        let mut world = World::new(channel_cap);
        for op in ops {
            world.apply(op).await;
        }
        world.rest().await;
        world.receivers.clear();
        settle().await;
        assert_eq!(world.store.stats().watch_alls, 0);
    }));
}

#[test]
fn random_operations_agree_with_sorting_everything() {
    let mut cases = Cases::new(300);
    let case = (select(vec![1, 2, 64]), collection::vec(op(), 1..80));
    let result = cases.runner.run(&case, |(channel_cap, ops)| {
        run(channel_cap, ops);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    cases.assert_reached(&RARE);
}
