//! `fetch`: of one key over and over, and of random keys among many. And a walk over all of them.

use std::hint::black_box;
use std::sync::Arc;

use livestore::{LiveStore, Uuid};
use livestore_benches::awaited;
use livestore_benches::keys::{Round, keys, shuffled};
use livestore_benches::peers::cache::Moka;
use livestore_benches::peers::hand::{self, Hand};
use livestore_benches::peers::lock_free::{self, Papaya, Scc};
use livestore_benches::peers::observed::{self, Observed};
use livestore_benches::peers::watched::{self, Watched};
use livestore_benches::peers::{cache, old, redis};
use livestore_benches::raw::{self, Raw};
use livestore_benches::rows::{EYEBALL, HAND, LIVESTORE, MOKA, OLD, PAPAYA, RAW, SCC, WATCH};
use livestore_benches::runtime::repeated;
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::{self, Small};

use crate::servers::Servers;

/// For more entries than this there is not room enough in a usual machine for what takes a kilobyte for each.
pub(crate) const ROOM: usize = 1_000_000;

pub(crate) fn run(bench: &mut Bench, servers: &Servers) {
    if !bench.wants(&["fetch-hot", "fetch-handle", "fetch-cold", "iterate"]) {
        return;
    }
    let keys = keys(bench.plan.many);
    let stores = Stores::filled(&keys);
    let hot = &keys[keys.len() / 2];
    let mixed = shuffled(&keys);

    let mut contenders = stores.fetching(|| move || hot);
    contenders.extend(servers.reading(
        |connection| {
            black_box(redis::fetch(connection, hot));
        },
        |pipeline| {
            pipeline.add_command(redis::get(hot));
        },
    ));
    if let Some(server) = &servers.memory {
        redis::set(hot, &Small::new(1))
            .exec(&mut server.connect())
            .unwrap();
    }
    bench.row("fetch-hot", "`fetch`, one key of 1 M", contenders);

    let handle = stores.livestore.handle(hot).unwrap();
    let contenders = vec![
        Contender::new(LIVESTORE, |times| {
            repeated(times, || drop(black_box(black_box(&handle).fetch())))
        }),
        Contender::new(RAW, |times| {
            repeated(times, || drop(black_box(stores.raw.fetch(black_box(hot)))))
        }),
    ];
    bench.row("fetch-handle", "`fetch` by a handle of the entry", contenders);

    let contenders = stores.fetching(|| {
        let mut round = Round::over(&mixed);
        move || round.next()
    });
    // Once around in a turn, so that no part of the map stays in a cache from one turn to the next.
    let every = bench.plan.many as u64;
    let contenders = contenders
        .into_iter()
        .map(|contender| contender.times(every))
        .collect();
    bench.slow_row("fetch-cold", "`fetch`, random keys of 1 M", contenders);

    iterate(bench, &stores);
}

fn iterate(bench: &mut Bench, stores: &Stores) {
    let every = bench.plan.many as f64;
    let contenders = vec![
        Contender::new(LIVESTORE, |times| {
            repeated(times, || {
                stores
                    .livestore
                    .entries()
                    .for_each(|entry| drop(black_box(entry)));
            })
        }),
        Contender::new(RAW, |times| {
            repeated(times, || {
                for place in &stores.raw.map {
                    drop(black_box((*place.key(), Arc::clone(place.value()))));
                }
            })
        }),
        Contender::new(MOKA, |times| {
            repeated(times, || {
                stores.moka.iter().for_each(|entry| drop(black_box(entry)))
            })
        }),
        Contender::new(PAPAYA, |times| {
            repeated(times, || {
                let map = stores.papaya.pin();
                map.iter()
                    .for_each(|(key, value)| drop(black_box((*key, Arc::clone(value)))));
            })
        }),
        Contender::new(SCC, |times| {
            repeated(times, || {
                stores.scc.iter_sync(|key, value| {
                    drop(black_box((*key, Arc::clone(value))));
                    true
                });
            })
        }),
    ];
    let plan = bench.plan.slow();
    bench.row_per(
        "iterate",
        "a walk over 1 M entries, per entry",
        every,
        plan,
        contenders,
    );
}

/// One who fetches the keys that come.
macro_rules! fetching {
    ($who:expr, $keys:expr, $key:ident => $fetch:expr) => {{
        let mut next = $keys;
        Contender::new($who, move |times| {
            repeated(times, || {
                let $key = black_box(next());
                let _ = black_box($fetch);
            })
        })
    }};
}

/// Random keys of this many, few contenders.
pub(crate) fn curve(bench: &mut Bench, id: &str, size: usize) {
    if !bench.wants(&[id]) {
        return;
    }
    let keys = keys(size);
    let mixed = shuffled(&keys);
    let store = &values::filled(&keys);
    let raw = &raw::filled(&keys);
    let moka = &cache::filled(&keys);
    let papaya = &lock_free::filled_papaya(&keys);
    let old = (size <= ROOM).then(|| old::filled(&keys));
    drop(keys);
    let round = || {
        let mut round = Round::over(&mixed);
        move || round.next()
    };
    let mut contenders = vec![
        fetching!(LIVESTORE, round(), key => store.fetch(key)),
        fetching!(RAW, round(), key => raw.fetch(key)),
        fetching!(MOKA, round(), key => moka.get(key)),
        fetching!(PAPAYA, round(), key => lock_free::fetch_papaya(papaya, key)),
    ];
    if let Some(old) = &old {
        contenders.push(fetching!(OLD, round(), key => old.fetch(key)));
    }
    let many = bench.plan.many as u64;
    let contenders = contenders
        .into_iter()
        .map(|contender| contender.times(many))
        .collect();
    bench.slow_row(id, &format!("`fetch`, random keys of {size}"), contenders);
}

struct Stores {
    livestore: LiveStore<Small>,
    old: Arc<old::LiveStore<Small>>,
    raw: Raw<Small>,
    hand: Hand<Small>,
    watched: Watched<Small>,
    observed: Observed<Small>,
    moka: Moka<Small>,
    papaya: Papaya,
    scc: Scc,
}

impl Stores {
    fn filled(keys: &[Uuid]) -> Stores {
        Stores {
            livestore: values::filled(keys),
            old: old::filled(keys),
            raw: raw::filled(keys),
            hand: hand::filled(keys),
            watched: watched::filled(keys),
            observed: observed::filled(keys),
            moka: cache::filled(keys),
            papaya: lock_free::filled_papaya(keys),
            scc: lock_free::filled_scc(keys),
        }
    }

    /// Those who fetch what `keys` says, each with keys of its own.
    fn fetching<'a, N>(&'a self, keys: impl Fn() -> N) -> Vec<Contender<'a>>
    where
        N: FnMut() -> &'a Uuid + 'a,
    {
        let by_hand = {
            let mut next = keys();
            Contender::new(HAND, move |times| {
                awaited!(times, {
                    let key = black_box(next());
                    black_box(self.hand.fetch(key).await)
                })
            })
        };
        vec![
            fetching!(LIVESTORE, keys(), key => self.livestore.fetch(key)),
            fetching!(OLD, keys(), key => self.old.fetch(key)),
            fetching!(RAW, keys(), key => self.raw.fetch(key)),
            by_hand,
            fetching!(WATCH, keys(), key => self.watched.fetch(key)),
            fetching!(EYEBALL, keys(), key => self.observed.fetch(key)),
            fetching!(MOKA, keys(), key => self.moka.get(key)),
            fetching!(PAPAYA, keys(), key => lock_free::fetch_papaya(&self.papaya, key)),
            fetching!(SCC, keys(), key => lock_free::fetch_scc(&self.scc, key)),
        ]
    }
}
