//! Does one operation over and over and nothing else, for `valgrind --tool=callgrind` and `perf`.
//!
//! Needs no feature, so it builds in seconds. The loop of an operation is a function of its own name.

#![allow(clippy::unwrap_used, reason = "a benchmark that goes wrong stops")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use livestore::{LiveStore, LiveValue, Uuid};
use livestore_benches::keys::keys;
use livestore_benches::raw::{self, Raw};
use livestore_benches::runtime::{repeated, single};
use livestore_benches::tasks::together;
use livestore_benches::values::{self, Block, BlockMutation, Counted, CountedMutation, Small, SmallMutation};
use livestore_benches::{awaited, clock};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// How many entries there are besides the one that is used.
const ENTRIES: usize = 1000;

/// Does it that often.
type Operation = fn(u64);

/// Every operation, by the name that the command line takes.
const OPERATIONS: [(&str, Operation); 33] = [
    ("nothing", nothing),
    ("init", init),
    ("raw-init", raw_init),
    ("fetch", fetch),
    ("raw-fetch", raw_fetch),
    ("mutate", mutate),
    ("mutate-version", mutate_version),
    ("handle-fetch", handle_fetch),
    ("handle-mutate", handle_mutate),
    ("handle-mutate-version", handle_mutate_version),
    ("guard-mutate", guard_mutate),
    ("raw-mutate", raw_mutate),
    ("raw-mutate-telling", raw_mutate_telling),
    ("mutate-by-2", mutate_by_2),
    ("mutate-by-8", mutate_by_8),
    ("user", user),
    ("user-by-8", user_by_8),
    ("raw-user-by-8", raw_user_by_8),
    ("user-in-turn", user_in_turn),
    ("raw-user-in-turn", raw_user_in_turn),
    ("mutate-block", mutate_block),
    ("mutate-watched", mutate_watched),
    ("mutate-delta-watched", mutate_delta_watched),
    ("insert", insert),
    ("create-remove", create_remove),
    ("raw-create-remove", raw_create_remove),
    ("guard", guard),
    ("watch", watch),
    ("watch-deltas", watch_deltas),
    ("deliver", deliver),
    ("deliver-deltas", deliver_deltas),
    ("broadcast", broadcast),
    ("entries", entries),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let asked = match &words[..] {
        [name, times] => OPERATIONS
            .iter()
            .find(|(known, _)| known == name)
            .zip(times.parse().ok()),
        _ => None,
    };
    let Some(((name, run), times)) = asked else {
        let names = OPERATIONS.map(|(name, _)| name).join(" ");
        eprintln!("usage: repeat <operation> <times>\noperations: {names}");
        return ExitCode::from(2);
    };
    let start = clock::now();
    run(times);
    println!(
        "{name}, {times} times: {} ms with all preparations",
        start.elapsed().as_millis()
    );
    ExitCode::SUCCESS
}

/// A store, and a key in the midst of it.
fn store() -> (LiveStore<Small>, Uuid) {
    let keys = keys(ENTRIES);
    (values::filled(&keys), keys[ENTRIES / 2])
}

fn raw_map() -> (Raw<Small>, Uuid) {
    let keys = keys(ENTRIES);
    (raw::filled(&keys), keys[ENTRIES / 2])
}

fn set() -> SmallMutation {
    SmallMutation::SetCount(black_box(1))
}

/// What a loop costs, to be subtracted.
#[inline(never)]
fn nothing(times: u64) {
    let (_store, key) = store();
    awaited!(times, {
        black_box(black_box(&key));
    });
}

#[inline(never)]
fn init(times: u64) {
    let store = LiveStore::default();
    repeated(times, || {
        black_box(store.init(black_box(Small::new(1))));
    });
}

#[inline(never)]
fn raw_init(times: u64) {
    let raw = Raw::new();
    repeated(times, || {
        black_box(raw.init(black_box(Small::new(1))));
    });
}

#[inline(never)]
fn fetch(times: u64) {
    let (store, key) = store();
    repeated(times, || drop(black_box(store.fetch(black_box(&key)))));
}

#[inline(never)]
fn raw_fetch(times: u64) {
    let (raw, key) = raw_map();
    repeated(times, || drop(black_box(raw.fetch(black_box(&key)))));
}

#[inline(never)]
fn mutate(times: u64) {
    let (store, key) = store();
    awaited!(times, drop(black_box(store.mutate(black_box(&key), set()).await)));
}

#[inline(never)]
fn mutate_version(times: u64) {
    let (store, key) = store();
    awaited!(times, {
        let _ = black_box(store.mutate_version(black_box(&key), set()).await);
    });
}

#[inline(never)]
fn handle_fetch(times: u64) {
    let (store, key) = store();
    let handle = store.handle(&key).unwrap();
    repeated(times, || drop(black_box(black_box(&handle).fetch())));
}

#[inline(never)]
fn handle_mutate(times: u64) {
    let (store, key) = store();
    let handle = store.handle(&key).unwrap();
    awaited!(times, drop(black_box(black_box(&handle).mutate(set()).await)));
}

#[inline(never)]
fn handle_mutate_version(times: u64) {
    let (store, key) = store();
    let handle = store.handle(&key).unwrap();
    awaited!(times, {
        let _ = black_box(black_box(&handle).mutate_version(set()).await);
    });
}

/// By one guard that is held throughout.
#[inline(never)]
fn guard_mutate(times: u64) {
    let (store, key) = store();
    let mut guard = store.try_acquire(&key).unwrap();
    repeated(times, || drop(black_box(guard.mutate(set()))));
}

#[inline(never)]
fn raw_mutate(times: u64) {
    let (raw, key) = raw_map();
    repeated(times, || {
        let count = black_box(1);
        black_box(raw.mutate(black_box(&key), |was| Small { count, ..*was }));
    });
}

#[inline(never)]
fn raw_mutate_telling(times: u64) {
    let (raw, key) = raw_map();
    repeated(times, || {
        let count = black_box(1);
        drop(black_box(
            raw.mutate_and_tell(black_box(&key), |was| Small { count, ..*was }),
        ));
    });
}

#[inline(never)]
fn mutate_block(times: u64) {
    let store = LiveStore::default();
    let key = store.init(Block::new(100_000));
    awaited!(times, {
        let mutn = BlockMutation::SetCount(black_box(1));
        drop(black_box(store.mutate(black_box(&key), mutn).await))
    });
}

#[inline(never)]
fn mutate_by_2(times: u64) {
    mutate_by(2, times);
}

#[inline(never)]
fn mutate_by_8(times: u64) {
    mutate_by(8, times);
}

/// Tasks on two threads share the work.
fn mutate_by(tasks: u64, times: u64) {
    let (store, key) = store();
    together(tasks, times, |times| {
        let store = store.clone();
        async move {
            for _ in 0..times {
                drop(black_box(store.mutate(black_box(&key), set()).await));
            }
        }
    });
}

/// Code of the user's, and nobody else is there.
#[inline(never)]
fn user(times: u64) {
    let (store, key) = counted();
    single().block_on(tokio::task::unconstrained(count_up(store, key, times)));
}

/// Eight tasks on two threads, with code of the user's.
#[inline(never)]
fn user_by_8(times: u64) {
    let (store, key) = counted();
    together(8, times, |times| count_up(store.clone(), key, times));
}

/// The same code within a tokio `Mutex`.
#[inline(never)]
fn raw_user_by_8(times: u64) {
    let bare = Arc::new(Mutex::new(Counted::new()));
    together(8, times, |times| raw_count_up(Arc::clone(&bare), times));
}

/// Eight tasks on one thread, each of which always waits for the one before: what two threads come to, without their noise.
#[inline(never)]
fn user_in_turn(times: u64) {
    let (store, key) = counted();
    single().block_on(async {
        let first = store.acquire(&key).await.unwrap();
        let tasks = in_turn(times, |times| count_up(store.clone(), key, times)).await;
        first.release();
        tasks.join_all().await;
    });
}

/// The same with a tokio `Mutex`.
#[inline(never)]
fn raw_user_in_turn(times: u64) {
    let bare = Arc::new(Mutex::new(Counted::new()));
    single().block_on(async {
        let first = bare.lock().await;
        let tasks = in_turn(times, |times| raw_count_up(Arc::clone(&bare), times)).await;
        drop(first);
        tasks.join_all().await;
    });
}

fn counted() -> (LiveStore<Counted>, Uuid) {
    let (store, key) = (LiveStore::default(), Uuid::from_u128(1));
    assert!(store.create(&key, Counted::new()).is_ok());
    (store, key)
}

async fn count_up(store: LiveStore<Counted>, key: Uuid, times: u64) {
    for count in 0..times {
        let mutn = CountedMutation::Count(black_box(count));
        let _ = black_box(store.mutate_version(&key, mutn).await);
    }
}

async fn raw_count_up(bare: Arc<Mutex<Counted>>, times: u64) {
    for count in 0..times {
        let mutn = CountedMutation::Count(black_box(count));
        let _ = black_box(bare.lock().await.apply(&mutn));
    }
}

/// Begins eight tasks, and returns when all of them wait.
async fn in_turn<F>(times: u64, mut work: impl FnMut(u64) -> F) -> JoinSet<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    (0..8).for_each(|_| drop(tasks.spawn(work(times.div_ceil(8)))));
    tokio::task::yield_now().await;
    tasks
}

/// The watcher takes nothing, so each update evicts one.
#[inline(never)]
fn mutate_watched(times: u64) {
    let (store, key) = store();
    let _watch = store.watch(&key).unwrap();
    awaited!(times, drop(black_box(store.mutate(black_box(&key), set()).await)));
}

#[inline(never)]
fn mutate_delta_watched(times: u64) {
    let (store, key) = store();
    let _watch = store.watch_deltas(&key).unwrap();
    awaited!(times, drop(black_box(store.mutate(black_box(&key), set()).await)));
}

#[inline(never)]
fn insert(times: u64) {
    let (store, key) = store();
    awaited!(times, {
        let small = black_box(Small::new(1));
        drop(black_box(store.insert(black_box(&key), small).await))
    });
}

#[inline(never)]
fn create_remove(times: u64) {
    let (store, _) = store();
    let key = Uuid::from_u128(1);
    awaited!(times, {
        let small = black_box(Small::new(1));
        drop(black_box(store.create(black_box(&key), small)));
        drop(black_box(store.remove(black_box(&key)).await));
    });
}

#[inline(never)]
fn raw_create_remove(times: u64) {
    let (raw, _) = raw_map();
    let key = Uuid::from_u128(1);
    repeated(times, || {
        raw.insert(black_box(key), black_box(Small::new(1)));
        drop(black_box(raw.remove(black_box(&key))));
    });
}

#[inline(never)]
fn guard(times: u64) {
    let (store, key) = store();
    awaited!(times, {
        let mut guard = store.acquire(black_box(&key)).await.unwrap();
        drop(black_box(guard.mutate(set())));
        guard.release();
    });
}

#[inline(never)]
fn watch(times: u64) {
    let (store, key) = store();
    repeated(times, || drop(black_box(store.watch(black_box(&key)))));
}

#[inline(never)]
fn watch_deltas(times: u64) {
    let (store, key) = store();
    repeated(times, || drop(black_box(store.watch_deltas(black_box(&key)))));
}

/// A thousand watchers; each time is one mutation and a thousand deliveries.
#[inline(never)]
fn deliver(times: u64) {
    let (store, key) = store();
    let mut watches: Vec<_> = (0..1000).map(|_| store.watch(&key).unwrap()).collect();
    single().block_on(tokio::task::unconstrained(async {
        for _ in 0..times {
            drop(store.mutate(&key, set()).await);
            for watch in &mut watches {
                drop(black_box(watch.next().await));
            }
        }
    }));
}

#[inline(never)]
fn deliver_deltas(times: u64) {
    let (store, key) = store();
    let mut watches: Vec<_> = (0..1000).map(|_| store.watch_deltas(&key).unwrap()).collect();
    single().block_on(tokio::task::unconstrained(async {
        for _ in 0..times {
            drop(store.mutate(&key, set()).await);
            for watch in &mut watches {
                drop(black_box(watch.next().await));
            }
        }
    }));
}

/// A message that nobody listens to.
#[inline(never)]
fn broadcast(times: u64) {
    let (store, key) = store();
    repeated(times, || {
        let _ = black_box(store.broadcast(black_box(&key), ()));
    });
}

#[inline(never)]
fn entries(times: u64) {
    let (store, _) = store();
    repeated(times, || {
        store.entries().for_each(|entry| drop(black_box(entry)));
    });
}
