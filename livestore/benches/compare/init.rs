//! `init`: new entries under keys that are drawn.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use livestore::{LiveStore, Uuid};
use livestore_benches::peers::hand::Hand;
use livestore_benches::peers::observed::Observed;
use livestore_benches::peers::watched::Watched;
use livestore_benches::peers::{cache, lock_free, old, redis};
use livestore_benches::raw::Raw;
use livestore_benches::rows::{EYEBALL, HAND, LIVESTORE, MOKA, OLD, PAPAYA, RAW, SCC, WATCH};
use livestore_benches::runtime::repeated;
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::Small;

use crate::servers::Servers;

pub(crate) fn run(bench: &mut Bench, servers: &Servers) {
    let many = bench.plan.many as u64;
    let small = || black_box(Small::new(1));
    let from_empty = |who, run: fn(u64, Small) -> Duration| {
        Contender::new(who, move |times| run(times, small())).times(many)
    };
    let mut contenders = vec![
        from_empty(LIVESTORE, |times, small| {
            let store = LiveStore::default();
            repeated(times, || {
                black_box(store.init(small.clone()));
            })
        }),
        from_empty(OLD, |times, small| {
            let store = old::store_as_published();
            repeated(times, || {
                let key = old::key();
                store.create(&key, small.clone());
                black_box(key);
            })
        }),
        from_empty(RAW, |times, small| {
            let raw = Raw::new();
            repeated(times, || {
                black_box(raw.init(small.clone()));
            })
        }),
        from_empty(HAND, |times, small| {
            let hand = Hand::new();
            repeated(times, || {
                black_box(hand.init(small.clone()));
            })
        }),
        from_empty(WATCH, |times, small| {
            let watched = Watched::new();
            repeated(times, || watched.insert(Uuid::new_v4(), small.clone()))
        }),
        from_empty(EYEBALL, |times, small| {
            let observed = Observed::new();
            repeated(times, || observed.insert(Uuid::new_v4(), small.clone()))
        }),
        from_empty(MOKA, |times, small| {
            let cache = cache::new();
            repeated(times, || cache.insert(Uuid::new_v4(), Arc::new(small.clone())))
        }),
        from_empty(PAPAYA, |times, small| {
            let map = lock_free::papaya();
            repeated(times, || {
                map.pin().insert(Uuid::new_v4(), Arc::new(small.clone()));
            })
        }),
        from_empty(SCC, |times, small| {
            let map = lock_free::scc();
            repeated(times, || {
                let _ = map.insert_sync(Uuid::new_v4(), Arc::new(small.clone()));
            })
        }),
    ];
    contenders.extend(servers.writing(
        |connection| {
            redis::set(&Uuid::new_v4(), &Small::new(1))
                .exec(connection)
                .unwrap()
        },
        |pipeline| {
            pipeline.add_command(redis::set(&Uuid::new_v4(), &Small::new(1)));
        },
    ));
    bench.slow_row("init", "`init`, from empty to 1 M entries", contenders);
}
