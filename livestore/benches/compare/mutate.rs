//! `mutate`: of one key over and over, watched by nobody, by one, by many.

use std::hint::black_box;

use livestore_benches::keys::keys;
use livestore_benches::peers::old;
use livestore_benches::rows::{LIVESTORE, OLD, RAW, RAW_TELLING};
use livestore_benches::runtime::repeated;
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::{Small, SmallMutation};
use livestore_benches::{awaited, raw, values};

pub(crate) fn run(bench: &mut Bench) {
    if bench.wants(&["mutate-hot"]) {
        hot(bench);
    }
}

fn hot(bench: &mut Bench) {
    let keys = keys(bench.plan.many);
    let hot = &keys[keys.len() / 2];
    let store = values::filled(&keys);
    let old = old::filled(&keys);
    let raw = raw::filled(&keys);
    bench.row(
        "mutate-hot",
        "`mutate`, one key of 1 M, unwatched",
        vec![
            Contender::new(LIVESTORE, |times| {
                let mut count = 0;
                awaited!(times, {
                    count += 1;
                    let mutn = SmallMutation::SetCount(black_box(count));
                    drop(black_box(store.mutate(black_box(hot), mutn).await))
                })
            }),
            Contender::new(OLD, |times| {
                let mut count = 0;
                awaited!(times, {
                    count += 1;
                    let mutn = SmallMutation::SetCount(black_box(count));
                    drop(black_box(old.mutate(black_box(hot), mutn).await))
                })
            }),
            Contender::new(RAW, |times| {
                let mut count = 0;
                repeated(times, || {
                    count += 1;
                    let count = black_box(count);
                    black_box(raw.mutate(black_box(hot), |was| Small { count, ..*was }));
                })
            }),
            Contender::new(RAW_TELLING, |times| {
                let mut count = 0;
                repeated(times, || {
                    count += 1;
                    let count = black_box(count);
                    drop(black_box(
                        raw.mutate_and_tell(black_box(hot), |was| Small { count, ..*was }),
                    ));
                })
            }),
        ],
    );
}
