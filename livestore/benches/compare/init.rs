//! `init`: new entries under keys that are drawn.

use std::hint::black_box;
use std::time::Duration;

use livestore::LiveStore;
use livestore_benches::old;
use livestore_benches::raw::Raw;
use livestore_benches::rows::{LIVESTORE, OLD, RAW};
use livestore_benches::runtime::repeated;
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::Small;

pub(crate) fn run(bench: &mut Bench) {
    let many = bench.plan.many as u64;
    bench.slow_row(
        "init",
        "`init`, from empty to 1 M entries",
        vec![
            Contender::new(LIVESTORE, livestore).times(many),
            Contender::new(OLD, old).times(many),
            Contender::new(RAW, raw).times(many),
        ],
    );
}

fn livestore(times: u64) -> Duration {
    let store = LiveStore::default();
    repeated(times, || {
        black_box(store.init(black_box(Small::new(1))));
    })
}

fn old(times: u64) -> Duration {
    let store = old::store();
    repeated(times, || {
        black_box(store.init(black_box(Small::new(1))));
    })
}

fn raw(times: u64) -> Duration {
    let raw = Raw::new();
    repeated(times, || {
        black_box(raw.init(black_box(Small::new(1))));
    })
}
