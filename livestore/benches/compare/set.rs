//! Following many entries of a large store: one receiver for all, or a task for each.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use livestore::LiveStore;
use livestore_benches::keys::keys;
use livestore_benches::rows::{LIVESTORE, LIVESTORE_SET, LIVESTORE_SET_SHARED};
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::{self, Small, SmallMutation};
use livestore_benches::{clock, runtime};
use tokio::task::{JoinSet, yield_now};

/// How many entries are followed, and of how many.
const FOLLOWED: usize = 128;
const ENTRIES: usize = 100_000;

pub(crate) fn run(bench: &mut Bench) {
    let id = "watch-set";
    if !bench.wants(&[id]) {
        return;
    }
    let keys = keys(ENTRIES.min(bench.plan.many));
    let followed: Vec<_> = keys
        .iter()
        .step_by(keys.len() / FOLLOWED)
        .take(FOLLOWED)
        .copied()
        .collect();
    let what = "128 of 100,000 entries followed, each changed once: from the last change on, per delivery";
    let told = [(); 3].map(|()| Arc::new(AtomicU64::new(0)));
    let stores = [(); 3].map(|()| values::filled(&keys));
    let mut tasks = JoinSet::new();
    let handle = runtime::single().handle();
    for key in &followed {
        let (mut watch, told) = (stores[0].watch(key).unwrap(), Arc::clone(&told[0]));
        let follow = async move {
            while let Some(update) = watch.next().await {
                black_box(update);
                told.fetch_add(1, Ordering::Relaxed);
            }
        };
        tasks.spawn_on(follow, handle);
    }
    let sets = [&stores[1], &stores[2]].map(|store| {
        let mut set = store.watch_set();
        followed.iter().for_each(|key| drop(set.add(key).unwrap()));
        set
    });
    let [mut set, mut shared] = sets;
    let told_set = Arc::clone(&told[1]);
    let follow = async move {
        while let Some(update) = set.next().await {
            black_box(update);
            told_set.fetch_add(1, Ordering::Relaxed);
        }
    };
    tasks.spawn_on(follow, handle);
    let told_shared = Arc::clone(&told[2]);
    let follow = async move {
        while let Some(update) = shared.next_shared().await {
            black_box(update);
            told_shared.fetch_add(1, Ordering::Relaxed);
        }
    };
    tasks.spawn_on(follow, handle);

    let (stores, told, followed) = (&stores, &told, &followed);
    let contender = |who, at: usize| {
        Contender::new(who, move |times| {
            let (store, told): (&LiveStore<Small>, &AtomicU64) = (&stores[at], &told[at]);
            runtime::single().block_on(async {
                let mut took = Duration::ZERO;
                for count in 0..times {
                    told.store(0, Ordering::Relaxed);
                    for key in followed {
                        let _ = store.mutate(key, SmallMutation::SetCount(count)).await;
                    }
                    let start = clock::now();
                    while told.load(Ordering::Relaxed) < FOLLOWED as u64 {
                        yield_now().await;
                    }
                    took += start.elapsed();
                    // The last one, too, goes to sleep.
                    yield_now().await;
                }
                took
            })
        })
    };
    let contenders = vec![
        contender(LIVESTORE, 0),
        contender(LIVESTORE_SET, 1),
        contender(LIVESTORE_SET_SHARED, 2),
    ];
    bench.row_per(id, what, FOLLOWED as f64, bench.plan, contenders);
}
