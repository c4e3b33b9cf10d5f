//! A small field of a large value is changed: 100 B against 100 KB.
//!
//! Both sizes take turns with each other, because a target compares them.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use livestore::{LiveStore, Uuid};
use livestore_benches::awaited;
use livestore_benches::peers::hand::Hand;
use livestore_benches::peers::watched::Watched;
use livestore_benches::peers::{cache, old};
use livestore_benches::raw::Raw;
use livestore_benches::rows::{HAND, LIVESTORE, LIVESTORE_DELTAS, MOKA, OLD, RAW, Row, Unit, WATCH};
use livestore_benches::runtime::repeated;
use livestore_benches::sample::{Bench, Contender, measure};
use livestore_benches::values::{Block, BlockMutation};

const IDS: [&str; 2] = ["block-100B", "block-100KB"];

pub(crate) fn run(bench: &mut Bench) {
    if !bench.wants(&IDS) {
        return;
    }
    let mut contenders = contenders(100);
    let each = contenders.len();
    contenders.extend(self::contenders(100_000));
    let mut small = measure(1.0, bench.plan, contenders);
    let large = small.split_off(each);
    let what = [
        "`mutate` of a small field of a 100 B value",
        "the same of a 100 KB value",
    ];
    for ((id, what), cells) in IDS.into_iter().zip(what).zip([small, large]) {
        bench.add(Row {
            id: id.to_owned(),
            what: what.to_owned(),
            unit: Unit::Time,
            cells,
        });
    }
}

fn contenders(bytes: usize) -> Vec<Contender<'static>> {
    let key = Uuid::from_u128(1);
    let set = || BlockMutation::SetCount(black_box(1));

    let store = LiveStore::default();
    assert!(store.create(&key, Block::new(bytes)).is_ok());
    let old = old::store();
    old.create(&key, Block::new(bytes));
    let raw = Raw::new();
    raw.insert(key, Block::new(bytes));
    let hand = Hand::new();
    hand.insert(key, Block::new(bytes));
    let watched = Watched::new();
    watched.insert(key, Block::new(bytes));
    let moka = cache::new();
    moka.insert(key, Arc::new(Block::new(bytes)));
    vec![
        Contender::new(LIVESTORE, move |times| {
            awaited!(times, drop(black_box(store.mutate(&key, set()).await)))
        }),
        delta_watched(bytes),
        Contender::new(OLD, move |times| {
            awaited!(times, drop(black_box(old.mutate(&key, set()).await)))
        }),
        Contender::new(RAW, move |times| {
            repeated(times, || {
                black_box(raw.mutate(&key, |was| {
                    let mut next = was.clone();
                    next.count = black_box(1);
                    next
                }));
            })
        }),
        Contender::new(HAND, move |times| {
            awaited!(times, {
                let _ = black_box(hand.mutate(&key, set()).await);
            })
        }),
        Contender::new(WATCH, move |times| {
            repeated(times, || {
                black_box(watched.mutate(&key, &set()));
            })
        }),
        Contender::new(MOKA, move |times| {
            repeated(times, || {
                black_box(cache::mutate(&moka, &key, &set()));
            })
        }),
    ]
}

/// Watched by one who wants no values, and who takes what it is told only after the clock has stopped.
fn delta_watched(bytes: usize) -> Contender<'static> {
    let key = Uuid::from_u128(1);
    let store = LiveStore::default();
    assert!(store.create(&key, Block::new(bytes)).is_ok());
    let mut deltas = store.watch_deltas(&key).unwrap();
    Contender::new(LIVESTORE_DELTAS, move |times| {
        let mut took = Duration::ZERO;
        let mut left = times;
        while left > 0 {
            // Fewer than a watcher may be behind.
            let now = left.min(50);
            took += awaited!(now, {
                let mutn = BlockMutation::SetCount(black_box(1));
                drop(black_box(store.mutate(&key, mutn).await))
            });
            awaited!(now, drop(black_box(deltas.next().await)));
            left -= now;
        }
        took
    })
}
