//! Counts heap bytes, heap blocks and allocations, with an allocator that counts.
//!
//! Bytes are those that were asked for; an allocator adds to them what it needs for itself.

#![allow(clippy::unwrap_used, reason = "a benchmark that goes wrong stops")]
#![allow(clippy::print_stdout, reason = "a program's output")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use livestore::{LiveStore, Uuid};
use livestore_benches::keys::keys;
use livestore_benches::peers::old;
use livestore_benches::raw::Raw;
use livestore_benches::rows::{self, Cell, LIVESTORE, OLD, RAW, Row, Unit, Who};
use livestore_benches::runtime;
use livestore_benches::values::{Small, SmallMutation};

/// The system's allocator, which counts what it is asked for.
struct Counting;

static BYTES: AtomicU64 = AtomicU64::new(0);
static BLOCKS: AtomicU64 = AtomicU64::new(0);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[allow(
    unsafe_code,
    reason = "an allocator cannot be written without; it hands everything to the system's"
)]
// SAFETY: each method passes its arguments on to the system's allocator, whose contract is the same.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size() as u64, Relaxed);
        BLOCKS.fetch_add(1, Relaxed);
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as u64, Relaxed);
        BLOCKS.fetch_sub(1, Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        BYTES.fetch_add(size as u64, Relaxed);
        BYTES.fetch_sub(layout.size() as u64, Relaxed);
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(block, layout, size) }
    }
}

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
            bytes: BYTES.load(Relaxed),
            blocks: BLOCKS.load(Relaxed),
            allocations: ALLOCATIONS.load(Relaxed),
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
        self.add(
            "heap-idle",
            "heap per idle entry, 1 M entries, map included",
            Unit::Bytes,
            who,
            bytes,
        );
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
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--lines" => lines = true,
            "--entries" => entries = words.next().unwrap().parse().unwrap(),
            other => panic!("there is no option `{other}`"),
        }
    }
    let mut counted = Counted { rows: Vec::new() };
    idle(&mut counted, entries);
    allocations(&mut counted);
    if lines {
        for row in &counted.rows {
            print!("{}", row.to_lines());
        }
    } else {
        println!("{}", rows::table(&counted.rows));
    }
}

fn idle(counted: &mut Counted, entries: usize) {
    let keys = keys(entries);
    counted.idle(LIVESTORE, &keys, LiveStore::default, |store, key| {
        assert!(store.create(&key, Small::new(1)).is_ok());
    });
    counted.idle(OLD, &keys, old::LiveStore::default, |store, key| {
        store.create(&key, Small::new(1));
    });
    counted.idle(RAW, &keys, Raw::new, |raw, key| raw.insert(key, Small::new(1)));
}

fn allocations(counted: &mut Counted) {
    let store = LiveStore::default();
    let key = store.init(Small::new(0));
    let old = old::store();
    let old_key = old.init(Small::new(0));
    let raw = Raw::new();
    let raw_key = raw.init(Small::new(0));
    let single = runtime::single();

    let (id, what) = ("allocs-mutate", "allocations of an unwatched `mutate`");
    counted.allocations(id, what, LIVESTORE, || {
        drop(single.block_on(store.mutate(&key, SmallMutation::SetId(1))));
    });
    counted.allocations(id, what, OLD, || {
        drop(single.block_on(old.mutate(&old_key, SmallMutation::SetId(1))));
    });
    counted.allocations(id, what, RAW, || {
        raw.mutate(&raw_key, |was| Small { id: 1, ..*was });
    });
}
