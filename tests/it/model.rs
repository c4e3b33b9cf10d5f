//! Random operations against a plain model: what a map, a lock queue and a list of updates would do.
//!
//! One thread, so that the model knows what happens when; interleavings are those of polls. The seed is in the
//! message of a failure.

use std::collections::{BTreeMap, VecDeque};
use std::task::Poll;

use livestore::{EntryGuard, LiveStore, StoreOptions, Update, Uuid, Watch};
use livestore_tests::{Change, Counter, counter};
use tokio::task::unconstrained;
use tokio_test::task::spawn;

const KEYS: u64 = 3;
const CAP: usize = 4;

/// A generator of pseudo-random numbers (splitmix64; Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Told {
    Mutate { version: u64, count: i64 },
    Overwrite { version: u64, count: i64 },
    Message { version: u64 },
    Remove { version: u64, count: i64 },
    Resync { version: u64, count: i64, missed: u64 },
}

fn told(update: &Update<Counter>) -> Told {
    let (version, count) = (update.version(), update.entry().count);
    match update {
        Update::Mutate { old, new, .. } => {
            assert_eq!(old.version + 1, new.version);
            Told::Mutate { version, count }
        }
        Update::Overwrite { .. } => Told::Overwrite { version, count },
        Update::Message { .. } => Told::Message { version },
        Update::Remove { .. } => Told::Remove { version, count },
        Update::Resync { missed, .. } => Told::Resync {
            version,
            count,
            missed: *missed,
        },
        other => panic!("{other:?}"),
    }
}

/// One life of one key, as the model has it.
#[derive(Default)]
struct Life {
    count: i64,
    version: u64,
    held: bool,
    /// Everything that was ever told in this life, without the end.
    log: Vec<Told>,
    end: Option<Told>,
}

struct Watching {
    watch: Watch<Counter>,
    life: usize,
    /// How much of the log it has taken.
    cursor: usize,
    done: bool,
}

#[derive(Default)]
struct Model {
    lives: Vec<Life>,
    current: BTreeMap<u64, usize>,
    floor: u64,
}

impl Model {
    fn life(&mut self, key: u64) -> Option<&mut Life> {
        let at = *self.current.get(&key)?;
        self.lives.get_mut(at)
    }

    fn create(&mut self, key: u64, count: i64) -> u64 {
        let version = self.floor + 1;
        self.current.insert(key, self.lives.len());
        self.lives.push(Life {
            count,
            version,
            ..Life::default()
        });
        version
    }

    fn remove(&mut self, key: u64) -> Option<Told> {
        let at = self.current.remove(&key)?;
        let life = &mut self.lives[at];
        life.version += 1;
        life.held = false;
        self.floor = self.floor.max(life.version);
        life.end = Some(Told::Remove {
            version: life.version,
            count: life.count,
        });
        life.end.clone()
    }
}

fn key(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

#[test]
fn random_operations_agree_with_the_model() {
    for seed in 0..300 {
        run(seed, 300);
    }
}

fn run(seed: u64, steps: u32) {
    let mut random = Random(seed);
    let options = StoreOptions {
        channel_cap: CAP,
        ..Default::default()
    };
    let store = LiveStore::<Counter>::new().with_options(options).done();
    let mut model = Model::default();
    let mut guards: VecDeque<(u64, EntryGuard<Counter>)> = VecDeque::new();
    let mut watches: Vec<Watching> = Vec::new();

    for step in 0..steps {
        let k = random.below(KEYS);
        let number = i64::try_from(random.below(100)).unwrap_or(0);
        let at = format!("seed {seed} step {step} key {k}");
        let free = model.life(k).is_none_or(|life| !life.held);
        match random.below(13) {
            0 => match store.create(&key(k), counter(number)) {
                Ok(entry) => {
                    assert!(model.life(k).is_none(), "{at}");
                    assert_eq!(entry.version, model.create(k, number), "{at}");
                }
                Err(occupied) => {
                    let life = model.life(k).expect("it is occupied");
                    assert_eq!(
                        (occupied.existing.count, occupied.existing.version),
                        (life.count, life.version),
                        "{at}"
                    );
                    assert_eq!(occupied.value.count, number);
                }
            },
            1 | 2 if free => {
                let done = spawn(store.mutate(&key(k), Change::Add(number))).poll();
                match (done, model.life(k)) {
                    (Poll::Ready(Ok(entry)), Some(life)) => {
                        life.count += number;
                        life.version += 1;
                        assert_eq!((entry.count, entry.version), (life.count, life.version), "{at}");
                        life.log.push(Told::Mutate {
                            version: life.version,
                            count: life.count,
                        });
                    }
                    (Poll::Ready(Err(_)), None) => {}
                    other => panic!("{at}: {:?}", other.0.map(|result| result.is_ok())),
                }
            }
            1 | 2 => {
                // Waits, goes away, and has changed nothing.
                assert!(
                    spawn(store.mutate(&key(k), Change::Add(number)))
                        .poll()
                        .is_pending(),
                    "{at}"
                );
            }
            3 if free => {
                let Poll::Ready(previous) = spawn(store.insert(&key(k), counter(number))).poll() else {
                    panic!("{at}")
                };
                match (previous, model.life(k)) {
                    (Some(previous), Some(life)) => {
                        assert_eq!(
                            (previous.count, previous.version),
                            (life.count, life.version),
                            "{at}"
                        );
                        life.count = number;
                        life.version += 1;
                        life.log.push(Told::Overwrite {
                            version: life.version,
                            count: number,
                        });
                    }
                    (None, None) => drop(model.create(k, number)),
                    _ => panic!("{at}"),
                }
            }
            4 if free => {
                let Poll::Ready(removed) = spawn(store.remove(&key(k))).poll() else {
                    panic!("{at}")
                };
                let removed = removed.map(|entry| Told::Remove {
                    version: entry.version,
                    count: entry.count,
                });
                assert_eq!(removed, model.remove(k), "{at}");
            }
            5 => {
                let sent = store.broadcast(&key(k), "hello").is_ok();
                let alive = model.current.get(&k).copied();
                assert_eq!(sent, alive.is_some(), "{at}");
                // Nobody keeps what was said to nobody.
                if let Some(life) = alive
                    && watches.iter().any(|watching| watching.life == life)
                {
                    let version = model.lives[life].version;
                    model.lives[life].log.push(Told::Message { version });
                }
            }
            6 => match (store.try_acquire(&key(k)), model.life(k)) {
                (Ok(guard), Some(life)) => {
                    assert!(!life.held, "{at}");
                    life.held = true;
                    assert_eq!((guard.count, guard.version()), (life.count, life.version), "{at}");
                    guards.push_back((k, guard));
                }
                (Err(_), life) => assert!(life.is_none_or(|life| life.held), "{at}"),
                _ => panic!("{at}"),
            },
            7 => {
                if let Some((k, guard)) = guards.pop_front() {
                    model.life(k).expect("it is held").held = false;
                    drop(guard);
                }
            }
            8 => {
                if let Some((k, guard)) = guards.front_mut() {
                    let life = model.life(*k).expect("it is held");
                    guard.mutate(Change::Add(number)).unwrap();
                    life.count += number;
                    life.version += 1;
                    assert_eq!((guard.count, guard.version()), (life.count, life.version), "{at}");
                    life.log.push(Told::Mutate {
                        version: life.version,
                        count: life.count,
                    });
                }
            }
            9 => {
                if let Some((k, guard)) = guards.pop_back() {
                    let end = guard.delete();
                    let end = Told::Remove {
                        version: end.version,
                        count: end.count,
                    };
                    assert_eq!(Some(end), model.remove(k), "{at}");
                }
            }
            10 => match (store.fetch_and_watch(&key(k)), model.current.get(&k)) {
                (Some((entry, watch)), Some(&life)) => {
                    let now = &model.lives[life];
                    assert_eq!((entry.count, entry.version), (now.count, now.version), "{at}");
                    watches.push(Watching {
                        watch,
                        life,
                        cursor: now.log.len(),
                        done: false,
                    });
                }
                (None, None) => {}
                _ => panic!("{at}"),
            },
            11 if !watches.is_empty() => {
                let at_watch = usize::try_from(random.below(watches.len() as u64)).unwrap_or(0);
                if random.below(8) == 0 {
                    drop(watches.swap_remove(at_watch));
                } else {
                    check_watch(&mut watches[at_watch], &model, &at);
                }
            }
            _ => {
                let fetched = store.fetch(&key(k)).map(|entry| (entry.count, entry.version));
                assert_eq!(
                    fetched,
                    model.life(k).map(|life| (life.count, life.version)),
                    "{at}"
                );
                assert_eq!(store.len(), model.current.len(), "{at}");
            }
        }
    }
    for watching in &mut watches {
        check_watch(watching, &model, &format!("seed {seed} end"));
    }
}

/// Takes everything the watch has and compares it with the log.
fn check_watch(watching: &mut Watching, model: &Model, at: &str) {
    let life = &model.lives[watching.life];
    let behind = life.log.len() - watching.cursor;
    let mut expected: Vec<Option<Told>> = Vec::new();
    if behind > CAP {
        let (version, count) = (life.version, life.count);
        expected.push(Some(Told::Resync {
            version,
            count,
            missed: behind as u64,
        }));
    } else {
        expected.extend(life.log[watching.cursor..].iter().cloned().map(Some));
    }
    watching.cursor = life.log.len();
    if let Some(end) = &life.end {
        if !watching.done {
            expected.push(Some(end.clone()));
        }
        watching.done = true;
        expected.push(None);
    }
    for expected in expected {
        match spawn(unconstrained(watching.watch.next())).poll() {
            Poll::Ready(update) => assert_eq!(update.as_ref().map(told), expected, "{at}"),
            Poll::Pending => panic!("{at}: {expected:?} is not there"),
        }
    }
    if !watching.done {
        assert!(
            spawn(unconstrained(watching.watch.next())).poll().is_pending(),
            "{at}: more than expected"
        );
    }
}
