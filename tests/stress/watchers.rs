//! Tasks that watch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use livestore::{Delta, Entry, LiveValue, Update, Uuid, Watch, WatchAll};
use tokio::time::timeout;

use crate::value::{Change, Tracked};
use crate::world::{Commits, Dice, KEYS, World};

type Seen = (u64, i64, i64);

fn seen(entry: &Entry<Tracked>) -> Seen {
    (entry.version(), entry.count, entry.units)
}

/// Whether an update follows what was seen last. Returns what is seen now.
fn follow(world: &World, key: &Uuid, last: Seen, update: &Update<Tracked>) -> Seen {
    let (version, count, units) = last;
    match update {
        Update::Mutate { mutn, old, new } => {
            let then = match mutn {
                Change::Move(more) => (version + 1, count, units + more),
                _ => (version + 1, count + 1, units),
            };
            assert_eq!((seen(old), seen(new)), (last, then), "{update:?}");
        }
        Update::Overwrite { old, new, .. } | Update::Rollback { old, new } => {
            assert_eq!((seen(old), new.version()), (last, version + 1), "{update:?}");
        }
        Update::Message { val, .. } => assert_eq!(seen(val), last),
        Update::Resync { now, missed } => assert!(*missed > 0 && now.version() >= version),
        Update::Remove { val, .. } | Update::Expire { val, .. } => {
            // After a resync behind the end, the end repeats the final version.
            assert!(
                val.version() == version + 1 || val.version() == version,
                "{update:?} after {version}"
            );
            assert_eq!((val.count, val.units), (count, units));
            if let Update::Expire { val, .. } = update {
                world.told_expired.lock().unwrap().insert((*key, val.version()));
            }
        }
        other => panic!("{other:?}"),
    }
    seen(update.entry())
}

/// Watches one entry for a while, now and then too slowly.
pub(crate) async fn watch(world: Arc<World>, mut dice: Dice) -> Commits {
    while world.goes_on() {
        let key = world.keys[dice.below(KEYS + 1)];
        let Some((entry, mut watch)) = world.store.fetch_and_watch(&key) else {
            tokio::task::yield_now().await;
            continue;
        };
        let mut last = seen(&entry);
        drop(entry);
        for _ in 0..dice.below(300) {
            match dice.below(50) {
                0 => {
                    // Cancelled while it waits.
                    let _ = timeout(dice.moment(), watch.newest()).await;
                    break;
                }
                1 => tokio::time::sleep(dice.moment()).await,
                _ => {}
            }
            let Ok(next) = timeout(Duration::from_millis(20), watch.next()).await else {
                // What was committed before is never still to come.
                assert!(watch.latest().version() >= last.0);
                break;
            };
            let update = next.expect("`None` without an end");
            last = follow(&world, &key, last, &update);
            if update.is_end() {
                let idles = world.is_idle() && matches!(update, Update::Expire { .. });
                assert!(!idles, "an entry went for idleness while it was watched");
                assert!(watch.next().await.is_none(), "more after the end");
                assert_eq!(seen(&watch.latest()), last);
                break;
            }
        }
    }
    Commits::default()
}

/// Follows several entries with one receiver, which come and go in it.
pub(crate) async fn gather(world: Arc<World>, mut dice: Dice) -> Commits {
    let mut set = world.store.watch_set();
    let mut known: HashMap<Uuid, Seen> = HashMap::new();
    while world.goes_on() {
        let key = world.keys[dice.below(KEYS + 1)];
        match dice.below(30) {
            0 => assert_eq!(set.remove(&key), known.remove(&key).is_some()),
            1 | 2 => {
                // Where there is none, the end of the one that was there is still to be told.
                if let Some(entry) = set.add(&key) {
                    known.insert(key, seen(&entry));
                }
            }
            3 if dice.below(10) == 0 => {
                set.clear();
                known.clear();
            }
            4 => tokio::time::sleep(dice.moment()).await,
            _ => {}
        }
        if known.is_empty() {
            assert!(set.next().await.is_none());
            tokio::task::yield_now().await;
            continue;
        }
        let next = match dice.below(3) {
            0 => set.try_next(),
            1 => timeout(dice.moment(), set.next()).await.ok().flatten(),
            _ => {
                let next = timeout(dice.moment(), set.next_shared()).await.ok().flatten();
                next.map(|(key, update)| (key, Update::clone(&update)))
            }
        };
        let Some((key, update)) = next else {
            tokio::task::yield_now().await;
            continue;
        };
        let last = known.get_mut(&key).expect("what is told is of a member");
        *last = follow(&world, &key, *last, &update);
        if update.is_end() {
            known.remove(&key);
        }
        assert_eq!(set.len(), known.len());
    }
    Commits::default()
}

/// Does to a copy of version `last` what a delta says. Returns the version that it has then.
fn follow_delta(copy: &mut Tracked, last: u64, delta: &Delta<Tracked>) -> u64 {
    match delta {
        Delta::Mutate {
            mutn: Change::AtOnce | Change::Slowly | Change::Held,
            ..
        } => copy.count += 1,
        Delta::Mutate { mutn, .. } => copy.apply(mutn).unwrap(),
        Delta::Overwrite { new, .. } | Delta::Rollback { new, .. } => *copy = Tracked::clone(new),
        Delta::Message { .. } => {}
        Delta::Resync { now, missed, .. } => {
            assert!(*missed > 0 && now.version() >= last);
            *copy = Tracked::clone(now);
        }
        Delta::Remove { val, .. } | Delta::Expire { val, .. } => {
            assert_eq!(
                (val.count, val.units),
                (copy.count, copy.units),
                "a copy at its end"
            );
        }
        other => panic!("{other:?}"),
    }
    let version = delta.version();
    let follows = match delta {
        Delta::Message { .. } => version == last,
        Delta::Resync { .. } => true,
        // After a resync behind the end, the end repeats the final version.
        _ if delta.is_end() => version == last + 1 || version == last,
        _ => version == last + 1,
    };
    assert!(follows, "{delta:?} follows version {last}");
    version
}

/// Keeps a copy of one entry by its deltas, and goes on with it whenever it has lost its connection. Compares it now and then.
pub(crate) async fn copy_on(world: Arc<World>, mut dice: Dice) -> Commits {
    let key = world.keys[dice.below(KEYS + 1)];
    let mut known: Option<(Tracked, u64)> = None;
    while world.goes_on() {
        let version = known.as_ref().map_or(0, |(_, version)| *version);
        let Some(mut deltas) = world.store.watch_deltas_since(&key, version) else {
            tokio::task::yield_now().await;
            continue;
        };
        for _ in 0..1 + dice.below(20) {
            let Ok(next) = timeout(dice.moment(), deltas.next()).await else {
                break;
            };
            let delta = next.expect("`None` without an end");
            let (copy, version) = match (&mut known, &delta) {
                (Some(known), _) => (&mut known.0, &mut known.1),
                (None, Delta::Resync { now, .. }) => {
                    let known = known.insert((Tracked::clone(now), 0));
                    (&mut known.0, &mut known.1)
                }
                (None, _) => panic!("it has seen nothing yet: {delta:?}"),
            };
            *version = follow_delta(copy, *version, &delta);
            if delta.is_end() {
                break;
            }
        }
        if let (Some((copy, version)), Some(entry)) = (&known, world.store.peek(&key))
            && entry.version() == *version
        {
            assert_eq!((entry.count, entry.units), (copy.count, copy.units), "a copy");
        }
    }
    Commits::default()
}

/// Looks at what is counted, which never becomes less, and has memory given back.
pub(crate) async fn count(world: Arc<World>, mut dice: Dice) -> Commits {
    let mut before = (0, 0, 0, 0);
    while world.goes_on() {
        let stats = world.store.stats();
        let now = (stats.mutations, stats.refused, stats.expired, stats.lagged);
        assert!(
            before.0 <= now.0 && before.1 <= now.1 && before.2 <= now.2 && before.3 <= now.3,
            "{before:?} {now:?}"
        );
        before = now;
        if dice.below(10) == 0 {
            world.store.shrink_to_fit();
        }
        tokio::time::sleep(dice.moment()).await;
    }
    Commits::default()
}

/// Keeps a copy of one entry by its deltas for a while, now and then too slowly.
pub(crate) async fn copy(world: Arc<World>, mut dice: Dice) -> Commits {
    while world.goes_on() {
        let key = world.keys[dice.below(KEYS + 1)];
        let Some((entry, mut deltas)) = world.store.fetch_and_watch_deltas(&key) else {
            tokio::task::yield_now().await;
            continue;
        };
        let mut copy = Tracked::clone(&entry);
        let mut version = entry.version();
        // Else nothing is changed in place.
        drop(entry);
        for _ in 0..dice.below(300) {
            if dice.below(50) == 0 {
                tokio::time::sleep(dice.moment()).await;
            }
            let next = timeout(Duration::from_millis(20), deltas.next()).await;
            let Ok(next) = next else {
                assert!(deltas.latest().version() >= version);
                break;
            };
            let delta = next.expect("`None` without an end");
            version = follow_delta(&mut copy, version, &delta);
            if delta.is_end() {
                assert!(deltas.next().await.is_none(), "more after the end");
                break;
            }
        }
    }
    Commits::default()
}

/// Loses its connection all the time, and comes back with the version that it saw last.
pub(crate) async fn reconnect(world: Arc<World>, mut dice: Dice) -> Commits {
    let key = world.keys[dice.below(KEYS + 1)];
    let mut last = (0, 0, 0);
    while world.goes_on() {
        let Some(mut watch) = world.store.watch_since(&key, last.0) else {
            tokio::task::yield_now().await;
            continue;
        };
        let mut first = true;
        for _ in 0..1 + dice.below(20) {
            let Ok(next) = timeout(dice.moment(), watch.next()).await else {
                break;
            };
            let update = next.expect("`None` without an end");
            if first && last.0 == 0 {
                assert!(
                    matches!(update, Update::Resync { .. }),
                    "it has seen nothing yet: {update:?}"
                );
            }
            first = false;
            last = follow(&world, &key, last, &update);
            if update.is_end() {
                break;
            }
        }
    }
    Commits::default()
}

/// What somebody who watches everything knows.
#[derive(Default)]
pub(crate) struct Replica {
    known: HashMap<Uuid, Seen>,
}

impl Replica {
    pub(crate) fn of(entries: Vec<(Uuid, Entry<Tracked>)>) -> Replica {
        Replica {
            known: entries
                .into_iter()
                .map(|(key, entry)| (key, seen(&entry)))
                .collect(),
        }
    }

    pub(crate) fn learn(&mut self, world: &World, key: Uuid, update: &Update<Tracked>) {
        let last = self.known.get(&key).copied();
        let now = match (update, last) {
            (Update::Create { new }, None) => seen(new),
            (Update::Resync { now, .. }, _) => seen(now),
            (_, Some(last)) => follow(world, &key, last, update),
            (_, None) => panic!("{update:?} of an entry that is not known"),
        };
        if update.is_end() {
            self.known.remove(&key);
        } else {
            self.known.insert(key, now);
        }
    }

    /// Takes what is left, and compares.
    pub(crate) async fn check(mut self, world: &World, mut all: WatchAll<Tracked>) {
        while let Ok(next) = timeout(Duration::from_millis(100), all.next()).await {
            let (key, update) = next.expect("`None` before the end of the store");
            self.learn(world, key, &update);
        }
        let entries = world
            .store
            .entries()
            .map(|(key, entry)| (key, seen(&entry)))
            .collect();
        assert_eq!(self.known, entries, "what a replica knows in the end");
    }
}

/// Watches everything, and begins anew now and then. Returns what it has in the end.
pub(crate) async fn replicate(world: Arc<World>, mut dice: Dice) -> (Replica, WatchAll<Tracked>) {
    loop {
        let (entries, mut all) = world.store.entries_and_watch_all();
        let mut replica = Replica::of(entries);
        let updates = dice.below(20_000);
        for _ in 0..updates {
            if !world.goes_on() {
                return (replica, all);
            }
            if dice.below(2000) == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let Ok(next) = timeout(Duration::from_millis(20), all.next()).await else {
                continue;
            };
            let (key, update) = next.expect("`None` before the end of the store");
            replica.learn(&world, key, &update);
        }
    }
}

/// What is there until the store ends.
pub(crate) async fn drain(mut watch: Watch<Tracked>) {
    while let Some(update) = watch.next().await {
        assert!(!update.is_end(), "nobody has ended it: {update:?}");
    }
}
