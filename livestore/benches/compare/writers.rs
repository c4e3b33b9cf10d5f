//! Several tasks change one and the same key.

use std::hint::black_box;
use std::sync::Arc;

use livestore::{LiveStore, LiveValue, Uuid};
use livestore_benches::peers::hand::Hand;
use livestore_benches::peers::observed::Observed;
use livestore_benches::peers::watched::Watched;
use livestore_benches::peers::{cache, old};
use livestore_benches::raw::Raw;
use livestore_benches::rows::{EYEBALL, HAND, LIVESTORE, MOKA, MUTEX, OLD, RAW, WATCH};
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::tasks::together;
use livestore_benches::values::{Counted, CountedMutation, Small, SmallMutation};
use tokio::sync::Mutex;

pub(crate) fn run(bench: &mut Bench) {
    for (tasks, id) in [(2, "writers-2"), (8, "writers-8")] {
        let what = format!("`mutate`, one key, {tasks} tasks on 2 threads");
        curve(bench, id, &what, tasks);
    }
    users_code(bench);
}

/// What the mutations do is code of the user's, so somebody has the entry while it runs.
fn users_code(bench: &mut Bench) {
    let id = "writers-user-8";
    if !bench.wants(&[id]) {
        return;
    }
    let key = Uuid::from_u128(1);
    let store = LiveStore::default();
    assert!(store.create(&key, Counted::new()).is_ok());
    let bare = Arc::new(Mutex::new(Counted::new()));
    let contenders = vec![
        Contender::new(LIVESTORE, |times| {
            together(8, times, |times| {
                let store = store.clone();
                async move {
                    for count in 0..times {
                        let mutn = CountedMutation::Count(black_box(count));
                        let _ = black_box(store.mutate_version(&key, mutn).await);
                    }
                }
            })
        }),
        Contender::new(MUTEX, |times| {
            together(8, times, |times| {
                let bare = Arc::clone(&bare);
                async move {
                    for count in 0..times {
                        let mutn = CountedMutation::Count(black_box(count));
                        let _ = black_box(bare.lock().await.apply(&mutn));
                    }
                }
            })
        }),
    ];
    let what = "mutations that run code of the user's, one key, 8 tasks on 2 threads";
    bench.row(id, what, contenders);
}

pub(crate) fn curve(bench: &mut Bench, id: &str, what: &str, tasks: u64) {
    if !bench.wants(&[id]) {
        return;
    }
    let key = Uuid::from_u128(1);
    let store = LiveStore::default();
    assert!(store.create(&key, Small::new(0)).is_ok());
    let old = old::store();
    old.create(&key, Small::new(0));
    let raw = Arc::new(Raw::new());
    raw.insert(key, Small::new(0));
    let hand = Arc::new(Hand::new());
    hand.insert(key, Small::new(0));
    let watched = Arc::new(Watched::new());
    watched.insert(key, Small::new(0));
    let observed = Arc::new(Observed::new());
    observed.insert(key, Small::new(0));
    let moka = cache::new();
    moka.insert(key, Arc::new(Small::new(0)));

    macro_rules! writing {
        ($who:expr, $owner:ident, $count:ident => $change:expr) => {
            Contender::new($who, |times| {
                together(tasks, times, |times| {
                    let $owner = $owner.clone();
                    async move {
                        for $count in 0..times {
                            let _ = black_box($change);
                        }
                    }
                })
            })
        };
    }
    let set = SmallMutation::SetCount;
    let contenders = vec![
        writing!(LIVESTORE, store, count => store.mutate(&key, set(count)).await),
        writing!(OLD, old, count => old.mutate(&key, set(count)).await),
        writing!(RAW, raw, count => raw.mutate(&key, |was| Small { count, ..*was })),
        writing!(HAND, hand, count => hand.mutate(&key, set(count)).await),
        writing!(WATCH, watched, count => watched.mutate(&key, &set(count))),
        writing!(EYEBALL, observed, count => observed.mutate(&key, &set(count))),
        writing!(MOKA, moka, count => cache::mutate(&moka, &key, &set(count))),
    ];
    bench.row(id, what, contenders);
}
