//! `remove`: of entries that were inserted for it, in another order.

use std::hint::black_box;
use std::sync::Arc;

use livestore::{LiveStore, Uuid};
use livestore_benches::clock;
use livestore_benches::keys::{keys, shuffled};
use livestore_benches::peers::hand::Hand;
use livestore_benches::peers::watched::Watched;
use livestore_benches::peers::{cache, lock_free, old, redis};
use livestore_benches::raw::Raw;
use livestore_benches::rows::{HAND, LIVESTORE, MOKA, OLD, PAPAYA, RAW, REDIS, SCC, WATCH};
use livestore_benches::runtime::{repeated, single};
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::Small;

use crate::servers::Servers;

pub(crate) fn run(bench: &mut Bench, servers: &Servers) {
    if !bench.wants(&["remove"]) {
        return;
    }
    let count = bench.plan.many.div_ceil(10);
    let inserted = keys(count);
    let removed = shuffled(&inserted);
    let (inserted, removed) = (&inserted[..], &removed[..]);

    let store = LiveStore::default();
    let old = old::store_as_published();
    let raw = Raw::new();
    let hand = Hand::new();
    let watched = Watched::new();
    let moka = cache::new();
    let papaya = lock_free::papaya();
    let scc = lock_free::scc();

    // The number of times is always the number of keys.
    macro_rules! removing {
        ($who:expr, $key:ident, $insert:expr, $remove:expr) => {
            Contender::new($who, |_| {
                for $key in inserted {
                    let _ = $insert;
                }
                single().block_on(async {
                    let start = clock::now();
                    for $key in removed {
                        let _ = black_box($remove);
                    }
                    start.elapsed()
                })
            })
            .times(count as u64)
        };
    }
    let small = || Small::new(1);
    let mut contenders = vec![
        removing!(
            LIVESTORE,
            key,
            store.create(key, small()),
            store.remove(key).await
        ),
        removing!(OLD, key, old.create(key, small()), old.remove(key).await),
        removing!(RAW, key, raw.insert(*key, small()), raw.remove(key)),
        removing!(HAND, key, hand.insert(*key, small()), hand.map.remove(key)),
        removing!(WATCH, key, watched.insert(*key, small()), watched.map.remove(key)),
        removing!(MOKA, key, moka.insert(*key, Arc::new(small())), moka.remove(key)),
        removing!(
            PAPAYA,
            key,
            papaya.pin().insert(*key, Arc::new(small())).is_some(),
            papaya.pin().remove(key).is_some()
        ),
        removing!(
            SCC,
            key,
            scc.insert_sync(*key, Arc::new(small())),
            scc.remove_sync(key)
        ),
    ];
    if let Some(server) = &servers.memory {
        let mut connection = server.connect();
        let some = count.min(2000);
        contenders.push(
            Contender::new(REDIS, move |_| {
                let mut next = inserted[..some].iter();
                redis::in_pipelines(&mut connection, some as u64, |pipeline| {
                    pipeline.add_command(redis::set(next.next().unwrap(), &small()));
                });
                let mut next = inserted[..some].iter();
                repeated(some as u64, || {
                    let key: &Uuid = next.next().unwrap();
                    ::redis::cmd("DEL")
                        .arg(&key.as_bytes()[..])
                        .exec(&mut connection)
                        .unwrap();
                })
            })
            .times(some as u64),
        );
    }
    bench.slow_row("remove", "`remove`, random keys of 100,000", contenders);
}
