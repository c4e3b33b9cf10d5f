//! The library's own operations, with how often each allocates. Nothing else is built for it:
//! `cargo bench -p livestore-benches`.
//!
//! What an operation returns is dropped at once: who keeps entries makes the next mutation copy the value.

#![allow(clippy::unwrap_used, reason = "a benchmark that goes wrong stops")]

use std::hint::black_box;
use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use livestore::{ExpireMode, LiveStore, StoreOptions, Uuid};
use livestore_benches::keys::{Round, keys, shuffled};
use livestore_benches::runtime::single;
use livestore_benches::values::{self, Block, BlockMutation, Small, SmallMutation};

#[global_allocator]
static COUNTING: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// From what fits into a cache to what does not.
const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];

fn store() -> (LiveStore<Small>, Uuid) {
    let keys = keys(1000);
    (values::filled(&keys), keys[500])
}

fn set() -> SmallMutation {
    SmallMutation::SetCount(black_box(1))
}

#[divan::bench]
fn init(bencher: Bencher<'_, '_>) {
    let store = LiveStore::default();
    bencher.bench_local(|| store.init(black_box(Small::new(1))));
}

#[divan::bench(args = SIZES)]
fn fetch(bencher: Bencher<'_, '_>, size: usize) {
    let keys = keys(size);
    let store = values::filled(&keys);
    let mixed = shuffled(&keys);
    let mut round = Round::over(&mixed);
    bencher.bench_local(|| drop(black_box(store.fetch(round.next()))));
}

#[divan::bench(args = SIZES)]
fn mutate(bencher: Bencher<'_, '_>, size: usize) {
    let keys = keys(size);
    let store = values::filled(&keys);
    let mixed = shuffled(&keys);
    let mut round = Round::over(&mixed);
    bencher.bench_local(|| drop(black_box(now(store.mutate(round.next(), set())))));
}

/// Runs what is ready at once, without a runtime between.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut nobody) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => unreachable!("nobody holds the entry"),
    }
}

#[divan::bench(args = [100, 100_000])]
fn mutate_a_field_of(bencher: Bencher<'_, '_>, bytes: usize) {
    let store = LiveStore::default();
    let key = store.init(Block::new(bytes));
    bencher.bench_local(|| {
        drop(black_box(now(
            store.mutate(&key, BlockMutation::SetCount(black_box(1)))
        )))
    });
}

#[divan::bench]
fn mutate_watched(bencher: Bencher<'_, '_>) {
    let (store, key) = store();
    let mut watch = store.watch(&key).unwrap();
    bencher.bench_local(|| {
        drop(now(store.mutate(&key, set())));
        drop(black_box(single().block_on(watch.next())));
    });
}

#[divan::bench]
fn mutate_delta_watched(bencher: Bencher<'_, '_>) {
    let (store, key) = store();
    let mut deltas = store.watch_deltas(&key).unwrap();
    bencher.bench_local(|| {
        drop(now(store.mutate(&key, set())));
        drop(black_box(single().block_on(deltas.next())));
    });
}

#[divan::bench]
fn mutate_with_history(bencher: Bencher<'_, '_>) {
    let options = StoreOptions {
        history: 16,
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    let key = store.init(Small::new(0));
    bencher.bench_local(|| drop(black_box(now(store.mutate(&key, set())))));
}

#[divan::bench]
fn mutate_where_entries_expire(bencher: Bencher<'_, '_>) {
    let _inside = single().enter();
    let options = StoreOptions {
        expire_check_freq: Some(Duration::from_secs(60)),
        expire_mode: ExpireMode::Idle(Duration::from_secs(3600)),
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    let key = store.init(Small::new(0));
    bencher.bench_local(|| drop(black_box(now(store.mutate(&key, set())))));
}

#[divan::bench]
fn mutate_if(bencher: Bencher<'_, '_>) {
    let (store, key) = store();
    let mut version = store.fetch(&key).unwrap().version();
    bencher.bench_local(|| {
        version = now(store.mutate_if(&key, version, set())).unwrap().version();
    });
}

#[divan::bench]
fn insert(bencher: Bencher<'_, '_>) {
    let (store, key) = store();
    bencher.bench_local(|| drop(black_box(now(store.insert(&key, black_box(Small::new(1)))))));
}

#[divan::bench]
fn create_and_remove(bencher: Bencher<'_, '_>) {
    let (store, _) = store();
    let key = Uuid::from_u128(1);
    bencher.bench_local(|| {
        drop(store.create(&key, black_box(Small::new(1))));
        drop(black_box(now(store.remove(&key))));
    });
}

#[divan::bench]
fn acquire_mutate_release(bencher: Bencher<'_, '_>) {
    let (store, key) = store();
    bencher.bench_local(|| {
        let mut guard = now(store.acquire(&key)).unwrap();
        drop(guard.mutate(set()));
        guard.release();
    });
}

#[divan::bench]
fn transact_two(bencher: Bencher<'_, '_>) {
    let (store, one) = store();
    let two = store.init(Small::new(0));
    bencher.bench_local(|| {
        let done = now(store.transact(&[one, two], |tx| {
            tx.mutate(&one, set())?;
            tx.mutate(&two, set())
        }));
        assert!(done.is_ok());
    });
}

#[divan::bench]
fn watch_and_leave(bencher: Bencher<'_, '_>) {
    let (store, key) = store();
    bencher.bench_local(|| drop(store.watch(&key)));
}

#[divan::bench]
fn broadcast_to_nobody(bencher: Bencher<'_, '_>) {
    let (store, key) = store();
    bencher.bench_local(|| store.broadcast(&key, ()));
}

#[divan::bench(args = [1, 100, 10_000])]
fn deliver_to(bencher: Bencher<'_, '_>, watchers: usize) {
    let (store, key) = store();
    let mut watches: Vec<_> = (0..watchers).map(|_| store.watch(&key).unwrap()).collect();
    bencher.counter(ItemsCount::new(watchers)).bench_local(|| {
        single().block_on(tokio::task::unconstrained(async {
            drop(store.mutate(&key, set()).await);
            for watch in &mut watches {
                drop(black_box(watch.next().await));
            }
        }));
    });
}

#[divan::bench(args = SIZES)]
fn entries(bencher: Bencher<'_, '_>, size: usize) {
    let store = values::filled(&keys(size));
    bencher
        .counter(ItemsCount::new(size))
        .bench_local(|| store.entries().for_each(|entry| drop(black_box(entry))));
}
