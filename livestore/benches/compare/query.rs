//! What a commit costs the task that keeps a live query, beside a watcher of everything that takes the same updates.

use std::cmp::Reverse;
use std::hint::black_box;
use std::time::Duration;

use livestore::{LiveQuery, LiveStore, Uuid};
use livestore_benches::keys::{Dice, keys};
use livestore_benches::rows::{LIVESTORE, LIVESTORE_ALL};
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::{self, Small, SmallMutation};
use livestore_benches::{clock, runtime};

/// How many commits there are before the updates are taken.
const BATCH: usize = 32;

/// Entries from here on are out.
const OUT: u64 = 1 << 40;

pub(crate) fn run(bench: &mut Bench) {
    let many = bench.plan.many;
    let rows = [
        (
            "query-in-100",
            "one of a list of 100 entries is put elsewhere",
            100,
            true,
        ),
        (
            "query-in-10k",
            "one of a list of 10,000 entries is put elsewhere",
            10_000,
            true,
        ),
        (
            "query-in-1M",
            "one of a list of 1,000,000 entries is put elsewhere",
            1_000_000,
            true,
        ),
        (
            "query-out-1M",
            "one changes that stays out of a list of 1,000,000 entries",
            1_000_000,
            false,
        ),
    ];
    for (id, what, entries, is_in) in rows {
        if bench.wants(&[id]) {
            let what = format!("{what}: ranked, and the first ten told, per commit");
            row(bench, id, &what, &keys(entries.min(many)), is_in);
        }
    }
}

fn row(bench: &mut Bench, id: &str, what: &str, keys: &[Uuid], is_in: bool) {
    let (ranked, watched) = (values::filled(keys), values::filled(keys));
    // Of several commits of one entry only the last is ranked.
    let outside: Vec<_> = (1..=1000).map(Uuid::from_u128).collect();
    for store in [&ranked, &watched] {
        let mut made = outside.iter().map(|key| store.create(key, Small::new(OUT)));
        assert!(made.all(|made| made.is_ok()));
    }
    let changed = if is_in { keys.to_vec() } else { outside };
    let query = ranked.live(|_, small| (small.count < OUT).then_some(Reverse(small.count)));
    let mut first = runtime::single().block_on(async {
        let mut first = query.limit(10).watch();
        assert!(first.next().await.is_some());
        first
    });
    let mut all = watched.watch_all();

    let mut dice = Dice::new();
    let mut next = move || {
        let key = changed[dice.below(changed.len())];
        let count = dice.roll() % OUT;
        (key, if is_in { count } else { OUT + count })
    };
    let mut other = next.clone();
    let contenders = vec![
        Contender::new(LIVESTORE, move |times| {
            runtime::single().block_on(async {
                let mut took = Duration::ZERO;
                for _ in 0..times {
                    took += commits(&ranked, &mut next, async || rank(&mut first).await).await;
                }
                took
            })
        }),
        Contender::new(LIVESTORE_ALL, move |times| {
            runtime::single().block_on(async {
                let mut took = Duration::ZERO;
                for _ in 0..times {
                    let take = async || {
                        while let Some(update) = all.try_next() {
                            drop(black_box(update));
                        }
                    };
                    took += commits(&watched, &mut other, take).await;
                }
                took
            })
        }),
    ];
    bench.row_per(id, what, BATCH as f64, bench.plan.slow(), contenders);
}

/// Commits some changes, then has them taken. Returns how long the latter took.
async fn commits(
    store: &LiveStore<Small>,
    next: &mut impl FnMut() -> (Uuid, u64),
    take: impl AsyncFnOnce(),
) -> Duration {
    for _ in 0..BATCH {
        let (key, count) = next();
        let _ = store.mutate(&key, SmallMutation::SetCount(count)).await;
    }
    let start = clock::now();
    take().await;
    start.elapsed()
}

/// Has the task of the query run, and takes what it tells.
async fn rank(first: &mut LiveQuery<Small>) {
    tokio::task::yield_now().await;
    while let Some(update) = first.try_next() {
        drop(black_box(update));
    }
}
