//! [`World`]: the store of one round, and what is known of it from outside.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use livestore::{Entry, ExpireMode, LiveStore, StoreOptions, Uuid};

use crate::value::{Alive, Canary, Tracked};

/// These come and go.
pub(crate) const KEYS: usize = 4;
/// These stay, and units are moved between them.
pub(crate) const ACCOUNTS: usize = 3;
pub(crate) const UNITS: i64 = 30;

/// What is known of one key from outside.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) canary: Canary,
    /// The highest version that a call has returned as committed.
    committed: AtomicU64,
}

pub(crate) struct World {
    pub(crate) store: LiveStore<Tracked>,
    pub(crate) options: StoreOptions,
    pub(crate) keys: [Uuid; KEYS + ACCOUNTS],
    pub(crate) known: [Known; KEYS + ACCOUNTS],
    pub(crate) alive: Arc<AtomicI64>,
    /// Passed to the callback, with the version.
    pub(crate) expired: Mutex<HashSet<(Uuid, u64)>>,
    pub(crate) passed_twice: AtomicBool,
    /// What watchers were told of.
    pub(crate) told_expired: Mutex<HashSet<(Uuid, u64)>>,
    until: Instant,
}

impl World {
    pub(crate) fn new(options: StoreOptions, length: Duration) -> Arc<World> {
        Arc::new_cyclic(|weak: &Weak<World>| {
            let weak = weak.clone();
            let store = LiveStore::<Tracked>::new()
                .with_options(options)
                .on_expire(move |batch| {
                    let weak = weak.clone();
                    async move {
                        let Some(world) = weak.upgrade() else { return };
                        for (key, entry) in batch {
                            if !world.expired.lock().unwrap().insert((key, entry.version())) {
                                // A panic here would end this batch alone.
                                world.passed_twice.store(true, Ordering::SeqCst);
                            }
                        }
                    }
                })
                .done();
            World {
                store,
                options,
                keys: std::array::from_fn(|_| Uuid::new_v4()),
                known: Default::default(),
                alive: Arc::default(),
                expired: Mutex::default(),
                passed_twice: AtomicBool::new(false),
                told_expired: Mutex::default(),
                until: now() + length,
            }
        })
    }

    pub(crate) fn goes_on(&self) -> bool {
        now() < self.until
    }

    pub(crate) fn value(&self, at: usize, units: i64) -> Tracked {
        Tracked {
            count: 0,
            units,
            canary: self.known[at].canary.clone(),
            _alive: Alive::new(&self.alive),
        }
    }

    pub(crate) fn accounts(&self) -> &[Uuid] {
        &self.keys[KEYS..]
    }

    pub(crate) fn at(&self, key: &Uuid) -> usize {
        self.keys.iter().position(|known| known == key).unwrap()
    }

    /// The highest version committed under a key, as far as is known.
    pub(crate) fn committed(&self, at: usize) -> u64 {
        self.known[at].committed.load(Ordering::SeqCst)
    }

    /// Whether entries of this store can go while they are watched.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.options.expire_mode, ExpireMode::Idle(_))
    }
}

/// The commits that one task has seen succeed. Nobody else may have had the same.
#[derive(Default)]
pub(crate) struct Commits(pub(crate) Vec<(usize, u64)>);

impl Commits {
    /// Notes a commit. It comes after all that had returned `before` it began.
    pub(crate) fn note(&mut self, world: &World, at: usize, before: u64, version: u64) {
        assert!(version > before, "{version} was committed after {before}");
        world.known[at].committed.fetch_max(version, Ordering::SeqCst);
        self.0.push((at, version));
    }

    pub(crate) fn note_entry(&mut self, world: &World, at: usize, before: u64, entry: &Entry<Tracked>) {
        self.note(world, at, before, entry.version());
    }
}

#[allow(clippy::disallowed_methods, reason = "a stress test ends by the real clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A cheap source of different numbers for each task (xorshift; Marsaglia 2003).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap_or(0)
    }

    /// So short a time that it may be over at any point of a call.
    pub(crate) fn moment(&mut self) -> Duration {
        Duration::from_micros(self.below(100) as u64)
    }
}
