//! Counts heap bytes, heap blocks and allocations, with an allocator that counts.
//!
//! Bytes are those that were asked for; an allocator adds to them what it needs for itself.

#![allow(clippy::unwrap_used, reason = "a benchmark that goes wrong stops")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use livestore::{LiveStore, StoreOptions, Uuid};
use livestore_benches::counting::{self, Counting};
use livestore_benches::keys::keys;
use livestore_benches::peers::hand::{self, Hand};
use livestore_benches::peers::observed::{self, Observed};
use livestore_benches::peers::old;
use livestore_benches::peers::redis::{self, Durability, Server};
use livestore_benches::peers::watched::{self, Watched};
use livestore_benches::peers::{cache, lock_free};
use livestore_benches::raw::Raw;
use livestore_benches::rows::{
    self, Cell, EYEBALL, HAND, LIVESTORE, LIVESTORE_DELTAS, LIVESTORE_SET, MOKA, OLD, PAPAYA, RAW, REDIS,
    Row, SCC, Unit, WATCH, Who,
};
use livestore_benches::runtime;
use livestore_benches::values::{self, Small, SmallMutation};

#[global_allocator]
static COUNTING: Counting = Counting;

/// What the heap holds, and how often it was asked.
#[derive(Clone, Copy)]
struct Heap {
    bytes: u64,
    blocks: u64,
    allocations: u64,
}

impl Heap {
    fn now() -> Heap {
        Heap {
            bytes: counting::bytes(),
            blocks: counting::blocks(),
            allocations: counting::allocations(),
        }
    }

    /// What was added since, per thing.
    fn bytes_since(self, before: Heap, things: usize) -> f64 {
        (self.bytes as f64 - before.bytes as f64) / things as f64
    }

    fn blocks_since(self, before: Heap, things: usize) -> f64 {
        (self.blocks as f64 - before.blocks as f64) / things as f64
    }

    fn allocations_since(self, before: Heap, things: usize) -> f64 {
        (self.allocations - before.allocations) as f64 / things as f64
    }
}

/// As most programs name their keys in Redis.
const IDLE_TEXT: (&str, &str) = ("heap-idle-text", "the same with the key as text of 36 characters");
const IDLE: (&str, &str) = ("heap-idle", "heap per idle entry, 1 M entries, map included");

/// Collects what is counted.
struct Counted {
    rows: Vec<Row>,
}

impl Counted {
    fn add(&mut self, id: &str, what: &str, unit: Unit, who: Who, number: f64) {
        let cell = Cell {
            who,
            rounds: vec![number],
        };
        match self.rows.iter_mut().find(|row| row.id == id) {
            Some(row) => row.cells.push(cell),
            None => self.rows.push(Row {
                id: id.to_owned(),
                what: what.to_owned(),
                unit,
                cells: vec![cell],
            }),
        }
    }

    /// Fills a store key by key and notes what an entry takes: with all keys in it, and at the best and the worst
    /// size on the way from half of them, between which every part of the map grows once.
    fn idle<S>(&mut self, who: Who, keys: &[Uuid], new: impl FnOnce() -> S, insert: impl Fn(&S, Uuid)) {
        let before = Heap::now();
        let store = new();
        let (mut best, mut worst) = (f64::MAX, 0_f64);
        for (key, count) in keys.iter().zip(1..) {
            insert(&store, *key);
            if count >= keys.len() / 2 && count % 64 == 0 {
                let bytes = Heap::now().bytes_since(before, count);
                (best, worst) = (best.min(bytes), worst.max(bytes));
            }
        }
        let full = Heap::now();
        let count = keys.len();
        let bytes = full.bytes_since(before, count);
        self.add(IDLE.0, IDLE.1, Unit::Bytes, who, bytes);
        self.add(
            "heap-idle-worst",
            "the same at the worst size of the map",
            Unit::Bytes,
            who,
            worst,
        );
        self.add(
            "heap-idle-best",
            "the same at the best size of the map",
            Unit::Bytes,
            who,
            best,
        );
        // The map's own few blocks are not an entry's.
        let blocks = (full.blocks_since(before, count) * 100.0).round() / 100.0;
        self.add(
            "blocks-idle",
            "heap blocks per idle entry",
            Unit::Allocations,
            who,
            blocks,
        );
        drop(store);
    }

    fn allocations(&mut self, id: &str, what: &str, who: Who, mut work: impl FnMut()) {
        const TIMES: usize = 1000;
        work();
        let before = Heap::now();
        for _ in 0..TIMES {
            work();
        }
        let number = Heap::now().allocations_since(before, TIMES);
        self.add(id, what, Unit::Allocations, who, number);
    }
}

fn main() {
    let mut entries = 1_000_000;
    let mut lines = false;
    let mut curve = None;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--lines" => lines = true,
            "--entries" => entries = words.next().unwrap().parse().unwrap(),
            "--curve" => curve = words.next(),
            other => panic!("there is no option `{other}`"),
        }
    }
    let mut counted = Counted { rows: Vec::new() };
    match curve {
        Some(id) => growth(&mut counted, &id, entries),
        None => {
            idle(&mut counted, entries);
            removed(&mut counted, entries);
            first_watcher(&mut counted);
            members(&mut counted);
            further_watchers(&mut counted);
            waiters(&mut counted);
            allocations(&mut counted);
        }
    }
    if lines {
        for row in &counted.rows {
            print!("{}", row.to_lines());
        }
    } else {
        println!("{}", rows::table(&counted.rows));
    }
}

/// What an entry takes among this many, as one row of the given id.
fn growth(counted: &mut Counted, id: &str, entries: usize) {
    let keys = keys(entries);
    let small = || Small::new(1);
    let mut all = Counted { rows: Vec::new() };
    all.idle(LIVESTORE, &keys, LiveStore::default, |store, key| {
        assert!(store.create(&key, small()).is_ok());
    });
    all.idle(RAW, &keys, Raw::new, |raw, key| raw.insert(key, small()));
    all.idle(WATCH, &keys, Watched::new, |watched, key| {
        watched.insert(key, small());
    });
    all.idle(MOKA, &keys, cache::new, |moka, key| {
        moka.insert(key, Arc::new(small()));
    });
    // More of it does not fit into a usual machine.
    if entries <= 1_000_000 {
        all.idle(OLD, &keys, old::store_as_published, |store, key| {
            store.create(&key, small());
        });
    }
    counted
        .rows
        .extend(all.rows.into_iter().find(|row| row.id == IDLE.0).map(|row| Row {
            id: id.to_owned(),
            what: format!("heap per idle entry of {entries}, map included"),
            ..row
        }));
}

fn idle(counted: &mut Counted, entries: usize) {
    let keys = keys(entries);
    let small = || Small::new(1);
    counted.idle(LIVESTORE, &keys, LiveStore::default, |store, key| {
        assert!(store.create(&key, small()).is_ok());
    });
    counted.idle(OLD, &keys, old::store_as_published, |store, key| {
        store.create(&key, small());
    });
    counted.idle(RAW, &keys, Raw::new, |raw, key| raw.insert(key, small()));
    counted.idle(HAND, &keys, Hand::new, |hand, key| hand.insert(key, small()));
    counted.idle(WATCH, &keys, Watched::new, |watched, key| {
        watched.insert(key, small());
    });
    counted.idle(EYEBALL, &keys, Observed::new, |observed, key| {
        observed.insert(key, small());
    });
    counted.idle(MOKA, &keys, cache::new, |moka, key| {
        moka.insert(key, Arc::new(small()));
    });
    counted.idle(PAPAYA, &keys, lock_free::papaya, |map, key| {
        map.pin().insert(key, Arc::new(small()));
    });
    counted.idle(SCC, &keys, lock_free::scc, |map, key| {
        assert!(map.insert_sync(key, Arc::new(small())).is_ok());
    });
    match Server::start(Durability::None) {
        Ok(server) => {
            let mut connection = server.connect();
            let mut each = |set: &dyn Fn(&Uuid) -> redis::Cmd| {
                let before = server.used_memory();
                let mut next = keys.iter();
                redis::in_pipelines(&mut connection, entries as u64, |pipeline| {
                    pipeline.add_command(set(next.next().unwrap()));
                });
                (server.used_memory() - before) as f64 / entries as f64
            };
            let bytes = each(&|key| redis::set(key, &small()));
            counted.add(IDLE.0, IDLE.1, Unit::Bytes, REDIS, bytes);
            let bytes = each(&|key| redis::set_text(key, &small()));
            counted.add(IDLE_TEXT.0, IDLE_TEXT.1, Unit::Bytes, REDIS, bytes);
        }
        Err(problem) => eprintln!("\n****  WHAT REDIS NEEDS IS LEFT OUT: {problem}  ****\n"),
    }
}

/// What stays of entries that were removed, and what of that when it was given back.
fn removed(counted: &mut Counted, entries: usize) {
    let keys = keys(entries);
    let single = runtime::single();
    let options = StoreOptions {
        expire_check_freq: Some(Duration::from_secs(3600)),
        ..Default::default()
    };
    let before = Heap::now();
    let store = single.block_on(async { LiveStore::new().with_options(options).done() });
    for key in &keys {
        assert!(store.create(key, Small::new(1)).is_ok());
    }
    for key in &keys {
        assert!(single.block_on(store.remove(key)).is_some());
    }
    let mut add = |id: &str, what: &str| {
        let bytes = Heap::now().bytes_since(before, entries);
        counted.add(id, what, Unit::Bytes, LIVESTORE, bytes);
    };
    add(
        "heap-removed",
        "heap that stays per removed entry, in a store with expiry",
    );
    store.shrink_to_fit();
    add("heap-shrunk", "the same after `shrink_to_fit`");
}

/// What an entry takes more when it is watched by one, the watcher's own struct aside.
fn first_watcher(counted: &mut Counted) {
    const ENTRIES: usize = 10_000;
    let (id, what) = ("heap-watched", "heap more for an entry that one watches");
    let keys = keys(ENTRIES);
    macro_rules! watched {
        ($who:expr, $watch:expr) => {{
            let watch = $watch;
            let mut watchers = Vec::with_capacity(ENTRIES);
            let before = Heap::now();
            watchers.extend(keys.iter().map(|key| watch(key).unwrap()));
            let bytes = Heap::now().bytes_since(before, ENTRIES);
            counted.add(id, what, Unit::Bytes, $who, bytes);
        }};
    }
    let store = values::filled(&keys);
    watched!(LIVESTORE, |key| store.watch(key));
    let store = values::filled(&keys);
    watched!(LIVESTORE_DELTAS, |key| store.watch_deltas(key));
    let old = old::filled(&keys);
    watched!(OLD, |key| old.watch(key));
    let hand = hand::filled(&keys);
    watched!(HAND, |key| hand.watch(key));
    let watched = watched::filled(&keys);
    watched!(WATCH, |key| watched.watch(key));
    let observed = observed::filled(&keys);
    watched!(EYEBALL, |key| observed.watch(key));
}

/// What an entry takes in a set that alone follows it, and in one more that does.
fn members(counted: &mut Counted) {
    const ENTRIES: usize = 10_000;
    let keys = keys(ENTRIES);
    let store = values::filled(&keys);
    let mut sets = Vec::with_capacity(2);
    for (id, what) in [
        (
            "heap-set-first",
            "heap more for an entry that one `WatchSet` alone follows",
        ),
        (
            "heap-set",
            "heap more for an entry that one more `WatchSet` follows",
        ),
    ] {
        let before = Heap::now();
        let mut set = store.watch_set();
        keys.iter().for_each(|key| drop(set.add(key)));
        let bytes = Heap::now().bytes_since(before, ENTRIES);
        sets.push(set);
        counted.add(id, what, Unit::Bytes, LIVESTORE_SET, bytes);
    }
}

/// What each of a thousand watchers of one entry takes while it sleeps, its task and its own struct aside.
fn further_watchers(counted: &mut Counted) {
    const WATCHERS: usize = 1000;
    let (id, what) = ("heap-watcher", "heap per sleeping watcher, 1000 of one entry");
    let key = keys(1);
    macro_rules! sleeping {
        ($who:expr, $watch:expr, $watcher:ident => $next:expr) => {{
            let mut watchers = Vec::with_capacity(WATCHERS);
            let before = Heap::now();
            watchers.extend((0..WATCHERS).map(|_| $watch.unwrap()));
            let joined = Heap::now().bytes_since(before, WATCHERS);
            // Their futures stand in a task, which is not counted, and stay: whoever drops it does not sleep.
            let mut asleep: Vec<_> = watchers.iter_mut().map(|$watcher| Box::pin($next)).collect();
            let before = Heap::now();
            for next in &mut asleep {
                assert!(next.as_mut().poll(&mut nobody()).is_pending());
            }
            let bytes = joined + Heap::now().bytes_since(before, WATCHERS);
            counted.add(id, what, Unit::Bytes, $who, bytes);
        }};
    }
    let store = values::filled(&key);
    sleeping!(LIVESTORE, store.watch(&key[0]), watcher => watcher.next());
    let store = values::filled(&key);
    sleeping!(LIVESTORE_DELTAS, store.watch_deltas(&key[0]), watcher => watcher.next());
    let old = old::filled(&key);
    sleeping!(OLD, old.watch(&key[0]), watcher => watcher.next());
    let hand = hand::filled(&key);
    sleeping!(HAND, hand.watch(&key[0]), watcher => watcher.recv());
    let watched = watched::filled(&key);
    sleeping!(WATCH, watched.watch(&key[0]), watcher => watcher.changed());
    let observed = observed::filled(&key);
    sleeping!(EYEBALL, observed.watch(&key[0]), watcher => watcher.next());
}

fn nobody() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// What each of a thousand takes that wait for one entry, the future itself aside.
fn waiters(counted: &mut Counted) {
    const WAITERS: usize = 1000;
    let (id, what) = ("heap-waiter", "heap per waiter, 1000 for one entry");
    let key = &keys(1);
    let single = runtime::single();
    macro_rules! waiting {
        ($who:expr, $wait:expr) => {{
            let mut waiters: Vec<_> = (0..WAITERS).map(|_| Box::pin($wait)).collect();
            let before = Heap::now();
            for waiter in &mut waiters {
                assert!(waiter.as_mut().poll(&mut nobody()).is_pending());
            }
            let bytes = Heap::now().bytes_since(before, WAITERS);
            counted.add(id, what, Unit::Bytes, $who, bytes);
        }};
    }
    let store = values::filled(key);
    let held = single.block_on(store.acquire(&key[0]));
    waiting!(LIVESTORE, store.acquire(&key[0]));
    drop(held);
    let old = old::filled(key);
    let held = single.block_on(old.acquire(&key[0]));
    waiting!(OLD, old.acquire(&key[0]));
    drop(held);
    let hand = hand::filled(key);
    let place = hand.place(&key[0]).unwrap();
    let held = single.block_on(place.value.write());
    waiting!(HAND, place.value.write());
    drop(held);
}

fn allocations(counted: &mut Counted) {
    let store = LiveStore::default();
    let key = &store.init(Small::new(0));
    let told = LiveStore::default();
    assert!(told.create(key, Small::new(0)).is_ok());
    let old = old::store();
    old.create(key, Small::new(0));
    let raw = Raw::new();
    raw.insert(*key, Small::new(0));
    let hand = Hand::new();
    hand.insert(*key, Small::new(0));
    let watched = Watched::new();
    watched.insert(*key, Small::new(0));
    let observed = Observed::new();
    observed.insert(*key, Small::new(0));
    let single = runtime::single();
    let set = || SmallMutation::SetId(1);

    let (id, what) = ("allocs-fetch", "allocations of `fetch`");
    counted.allocations(id, what, LIVESTORE, || drop(store.fetch(key)));
    counted.allocations(id, what, OLD, || drop(old.fetch(key)));
    counted.allocations(id, what, RAW, || drop(raw.fetch(key)));

    let (id, what) = ("allocs-mutate", "allocations of an unwatched `mutate`");
    counted.allocations(id, what, LIVESTORE, || {
        drop(single.block_on(store.mutate(key, set())));
    });
    counted.allocations(id, what, OLD, || drop(single.block_on(old.mutate(key, set()))));
    counted.allocations(id, what, RAW, || {
        raw.mutate(key, |was| Small { id: 1, ..*was });
    });
    counted.allocations(id, what, HAND, || {
        single.block_on(hand.mutate(key, set()));
    });
    counted.allocations(id, what, WATCH, || {
        watched.mutate(key, &set());
    });
    counted.allocations(id, what, EYEBALL, || {
        observed.mutate(key, &set());
    });

    let (id, what) = ("allocs-guard", "allocations of `acquire`, `mutate`, release");
    counted.allocations(id, what, LIVESTORE, || {
        let mut guard = single.block_on(store.acquire(key)).unwrap();
        drop(guard.mutate(set()));
    });
    counted.allocations(id, what, OLD, || {
        let mut guard = single.block_on(old.acquire(key)).unwrap();
        drop(guard.mutate(set()));
    });

    let (id, what) = ("allocs-watch", "allocations of `watch`, when nobody else does");
    counted.allocations(id, what, LIVESTORE, || drop(store.watch(key)));
    counted.allocations(id, what, LIVESTORE_DELTAS, || drop(store.watch_deltas(key)));
    counted.allocations(id, what, OLD, || drop(old.watch(key)));
    counted.allocations(id, what, HAND, || drop(hand.watch(key)));

    let (id, what) = (
        "allocs-mutate-watched",
        "allocations of `mutate` and of taking the update",
    );
    let mut watch = store.watch(key).unwrap();
    counted.allocations(id, what, LIVESTORE, || {
        single.block_on(async {
            drop(store.mutate(key, set()).await);
            drop(watch.next().await);
        });
    });
    let mut deltas = told.watch_deltas(key).unwrap();
    counted.allocations(id, what, LIVESTORE_DELTAS, || {
        single.block_on(async {
            drop(told.mutate(key, set()).await);
            drop(deltas.next().await);
        });
    });
    let mut watch = old.watch(key).unwrap();
    counted.allocations(id, what, OLD, || {
        single.block_on(async {
            drop(old.mutate(key, set()).await);
            drop(watch.next().await);
        });
    });
    let mut receiver = hand.watch(key).unwrap();
    counted.allocations(id, what, HAND, || {
        single.block_on(async {
            hand.mutate(key, set()).await;
            let _ = receiver.recv().await;
        });
    });
}
