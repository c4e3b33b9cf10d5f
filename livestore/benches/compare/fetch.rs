//! `fetch`: of one key over and over, and of random keys among many.

use std::hint::black_box;
use std::sync::Arc;

use livestore::{LiveStore, Uuid};
use livestore_benches::keys::{Round, keys, shuffled};
use livestore_benches::raw::Raw;
use livestore_benches::rows::{LIVESTORE, OLD, RAW};
use livestore_benches::runtime::repeated;
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::Small;
use livestore_benches::{old, raw, values};

pub(crate) fn run(bench: &mut Bench) {
    if !bench.wants(&["fetch-hot", "fetch-cold"]) {
        return;
    }
    let keys = keys(bench.plan.many);
    let stores = Stores::filled(&keys);
    let hot = &keys[keys.len() / 2];
    let mixed = shuffled(&keys);
    bench.row(
        "fetch-hot",
        "`fetch`, one key of 1 M",
        stores.contenders(|| move || hot),
    );
    let every = bench.plan.many as u64;
    bench.slow_row(
        "fetch-cold",
        "`fetch`, random keys of 1 M",
        stores
            .contenders(|| {
                let mut round = Round::over(&mixed);
                move || round.next()
            })
            // So that no part of the map stays in a cache from one turn to the next.
            .into_iter()
            .map(|contender| contender.times(every))
            .collect(),
    );
}

struct Stores {
    livestore: LiveStore<Small>,
    old: Arc<old::LiveStore<Small>>,
    raw: Raw<Small>,
}

impl Stores {
    fn filled(keys: &[Uuid]) -> Stores {
        Stores {
            livestore: values::filled(keys),
            old: old::filled(keys),
            raw: raw::filled(keys),
        }
    }

    /// Those who fetch what `keys` says; each begins anew.
    fn contenders<'a, N>(&'a self, keys: impl Fn() -> N + Copy + 'a) -> Vec<Contender<'a>>
    where
        N: FnMut() -> &'a Uuid,
    {
        vec![
            Contender::new(LIVESTORE, move |times| {
                let mut next = keys();
                repeated(times, || drop(black_box(self.livestore.fetch(black_box(next())))))
            }),
            Contender::new(OLD, move |times| {
                let mut next = keys();
                repeated(times, || drop(black_box(self.old.fetch(black_box(next())))))
            }),
            Contender::new(RAW, move |times| {
                let mut next = keys();
                repeated(times, || drop(black_box(self.raw.fetch(black_box(next())))))
            }),
        ]
    }
}
