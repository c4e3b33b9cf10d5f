//! Everything at once on the same few keys, for as long as `STRESS_SECONDS` says (10 by default), checking every
//! promise that can be observed from outside while it runs. Ignored by default: run with `-- --ignored`.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use livestore::{ExpireMode, LiveStore, MutateError, StoreOptions, Update, Uuid};
use livestore_tests::{Change, Counter, counter};

const KEYS: usize = 4;

/// What is known of one key from outside.
#[derive(Default)]
struct Known {
    /// Somebody believes to hold the key.
    held: AtomicBool,
    /// The highest version that a call has returned as committed.
    committed: AtomicU64,
}

struct World {
    store: LiveStore<Counter>,
    keys: [Uuid; KEYS],
    known: [Known; KEYS],
    expired: Mutex<HashSet<(Uuid, u64)>>,
    passed_twice: AtomicBool,
    until: Instant,
    work: AtomicU64,
}

impl World {
    fn goes_on(&self) -> bool {
        self.work.fetch_add(1, Ordering::Relaxed);
        #[allow(clippy::disallowed_methods, reason = "a stress test ends by the real clock")]
        let now = Instant::now();
        now < self.until
    }

    fn committed(&self, at: usize, version: u64) {
        self.known[at].committed.fetch_max(version, Ordering::SeqCst);
    }
}

/// A cheap source of different numbers for each task.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap_or(0)
    }
}

async fn mutate(world: Arc<World>, mut dice: Dice) {
    while world.goes_on() {
        let at = dice.below(KEYS);
        let key = world.keys[at];
        match dice.below(8) {
            0 => {
                let previous = world.store.insert(&key, counter(0)).await;
                if let Some(previous) = previous {
                    world.committed(at, previous.version + 1);
                }
            }
            1 => drop(
                world
                    .store
                    .create(&key, counter(0))
                    .map(|entry| world.committed(at, entry.version)),
            ),
            2 if dice.below(4) == 0 => {
                if let Some(end) = world.store.remove(&key).await {
                    world.committed(at, end.version);
                }
            }
            3 => drop(world.store.broadcast(&key, "hello")),
            4 => {
                // Cancelled somewhere on the way.
                let waiting = tokio::time::timeout(
                    Duration::from_micros(50),
                    world.store.mutate(&key, Change::Add(1)),
                );
                if let Ok(Ok(entry)) = waiting.await {
                    world.committed(at, entry.version);
                }
            }
            _ => match world.store.mutate(&key, Change::Add(1)).await {
                Ok(entry) => world.committed(at, entry.version),
                Err(MutateError::Missing) => {}
                Err(MutateError::Rejected(_)) => panic!("nothing is refused here"),
            },
        }
        // What was committed before is seen by every later read.
        let committed = world.known[at].committed.load(Ordering::SeqCst);
        if let Some(entry) = world.store.fetch(&key) {
            assert!(
                entry.version >= committed,
                "fetched {} after {committed} was committed",
                entry.version
            );
        }
    }
}

async fn hold(world: Arc<World>, mut dice: Dice) {
    while world.goes_on() {
        let at = dice.below(KEYS);
        let key = world.keys[at];
        let limit = Duration::from_micros(dice.below(200) as u64);
        let Ok(mut guard) = world.store.acquire_timeout(&key, limit).await else {
            continue;
        };
        assert!(
            !world.known[at].held.swap(true, Ordering::SeqCst),
            "two guards on one key"
        );
        let (count, version) = (guard.count, guard.version());
        if dice.below(2) == 0 {
            tokio::task::yield_now().await;
        }
        let entry = world.store.fetch(&key).expect("what is held does not go");
        assert_eq!(
            (entry.count, entry.version),
            (count, version),
            "changed under a guard"
        );
        guard.mutate(Change::Add(1)).unwrap();
        world.committed(at, version + 1);
        assert!(world.known[at].held.swap(false, Ordering::SeqCst));
        if dice.below(8) == 0 {
            guard.delete();
        }
    }
}

async fn watch(world: Arc<World>, mut dice: Dice) {
    while world.goes_on() {
        let key = world.keys[dice.below(KEYS)];
        let Some((entry, mut watch)) = world.store.fetch_and_watch(&key) else {
            tokio::task::yield_now().await;
            continue;
        };
        let (mut version, mut count) = (entry.version, entry.count);
        drop(entry);
        let mut takes = 1 + dice.below(300);
        while takes > 0 && world.goes_on() {
            takes -= 1;
            if dice.below(50) == 0 {
                // Cancelled while it waits.
                let _ = tokio::time::timeout(Duration::from_micros(10), watch.newest()).await;
                (version, count) = (watch.latest().version, watch.latest().count);
                break;
            }
            let next = tokio::time::timeout(Duration::from_millis(50), watch.next()).await;
            let Ok(next) = next else { break };
            let Some(update) = next else {
                panic!("`None` without an end")
            };
            match &update {
                Update::Mutate { old, new, .. } => {
                    assert_eq!(
                        (old.version, old.count, new.version),
                        (version, count, version + 1)
                    );
                    assert_eq!(new.count, count + 1);
                }
                Update::Overwrite { old, new, .. } => {
                    assert_eq!(
                        (old.version, old.count, new.version),
                        (version, count, version + 1)
                    );
                }
                Update::Message { val, .. } => assert_eq!((val.version, val.count), (version, count)),
                Update::Resync { now, missed } => assert!(*missed > 0 && now.version >= version),
                Update::Remove { val, .. } | Update::Expire { val, .. } => {
                    // After a resync behind the end, the end repeats the final version.
                    assert!(val.version == version + 1 || val.version == version);
                    assert_eq!(val.count, count);
                    assert!(watch.next().await.is_none());
                    takes = 0;
                }
                other => panic!("{other:?}"),
            }
            (version, count) = (update.version(), update.entry().count);
        }
        assert!(version > 0 && count >= 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes as long as STRESS_SECONDS says"]
async fn everything_at_once_keeps_every_promise() {
    let seconds = std::env::var("STRESS_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10);
    let world = Arc::new_cyclic(|weak: &std::sync::Weak<World>| {
        let weak = weak.clone();
        let options = StoreOptions {
            channel_cap: 16,
            shard_amt: Some(2),
            expire_check_freq: Some(Duration::from_millis(1)),
            expire_mode: ExpireMode::Timeout(Duration::from_micros(200)),
            ..Default::default()
        };
        let store = LiveStore::new()
            .with_options(options)
            .on_expire(move |batch| {
                let weak = weak.clone();
                async move {
                    let Some(world) = weak.upgrade() else { return };
                    for (key, entry) in batch {
                        if !world.expired.lock().unwrap().insert((key, entry.version)) {
                            // A panic here would end this batch alone.
                            world.passed_twice.store(true, Ordering::SeqCst);
                        }
                    }
                }
            })
            .done();
        #[allow(clippy::disallowed_methods, reason = "a stress test ends by the real clock")]
        let until = Instant::now() + Duration::from_secs(seconds);
        World {
            store,
            keys: std::array::from_fn(|_| Uuid::new_v4()),
            known: Default::default(),
            expired: Mutex::default(),
            passed_twice: AtomicBool::new(false),
            until,
            work: AtomicU64::new(0),
        }
    });
    let mut tasks = Vec::new();
    for seed in 1..=4_u64 {
        tasks.push(tokio::spawn(mutate(Arc::clone(&world), Dice(seed * 0x9e37_79b9))));
        tasks.push(tokio::spawn(hold(Arc::clone(&world), Dice(seed * 0x85eb_ca6b))));
        tasks.push(tokio::spawn(watch(Arc::clone(&world), Dice(seed * 0xc2b2_ae35))));
    }
    for task in tasks {
        task.await.unwrap();
    }
    // Nobody is left: every entry is free.
    for key in world.keys {
        if world.store.contains_key(&key) {
            assert!(
                !matches!(
                    world.store.try_acquire(&key),
                    Err(livestore::TryAcquireError::Held)
                ),
                "an entry stayed locked"
            );
        }
    }
    assert!(
        !world.passed_twice.load(Ordering::SeqCst),
        "an expired entry was passed twice"
    );
    let expired = world.expired.lock().unwrap().len();
    assert!(
        expired > 0 && world.work.load(Ordering::Relaxed) > 1000,
        "hardly anything happened"
    );
}
