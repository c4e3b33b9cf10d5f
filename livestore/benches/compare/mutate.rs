//! `mutate`: of one key over and over, watched by nobody, by one, by one who wants no values. (By a thousand: with
//! the fan-out.)

use std::hint::black_box;
use std::sync::Arc;

use livestore::{LiveStore, Uuid};
use livestore_benches::awaited;
use livestore_benches::keys::{Round, keys, shuffled};
use livestore_benches::peers::cache::Moka;
use livestore_benches::peers::hand::{self, Hand};
use livestore_benches::peers::observed::{self, Observed};
use livestore_benches::peers::watched::{self, Watched};
use livestore_benches::peers::{cache, old, redis};
use livestore_benches::raw::{self, Raw};
use livestore_benches::rows::{
    BROADCAST, EYEBALL, HAND, LIVESTORE, LIVESTORE_DELTAS, MOKA, OLD, RAW, RAW_TELLING, REDIS, WATCH,
};
use livestore_benches::runtime::repeated;
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::{self, Small, SmallMutation};
use tokio::sync::broadcast;

use crate::fan_out::Updates;
use crate::fetch::ROOM;
use crate::servers::Servers;

pub(crate) fn run(bench: &mut Bench, servers: &Servers) {
    if bench.wants(&["mutate-hot", "mutate-version", "mutate-handle", "mutate-cold"]) {
        unwatched(bench, servers);
    }
    if bench.wants(&["mutate-watched-1"]) {
        watched(bench, servers);
    }
}

/// One who changes the keys that come, and awaits it.
macro_rules! awaiting {
    ($who:expr, $keys:expr, $key:ident, $count:ident => $change:expr) => {{
        #[allow(unused_mut, reason = "some count")]
        let mut next = $keys;
        let mut $count = 0;
        Contender::new($who, move |times| {
            awaited!(times, {
                $count += 1;
                let $key = black_box(next());
                let $count = black_box($count);
                let _ = black_box($change);
            })
        })
    }};
}

/// The same with a plain call.
macro_rules! calling {
    ($who:expr, $keys:expr, $key:ident, $count:ident => $change:expr) => {{
        #[allow(unused_mut, reason = "some count")]
        let mut next = $keys;
        let mut $count = 0;
        Contender::new($who, move |times| {
            repeated(times, || {
                $count += 1;
                let $key = black_box(next());
                let $count = black_box($count);
                let _ = black_box($change);
            })
        })
    }};
}

/// The same thing each time.
fn always<T: Copy>(it: T) -> impl FnMut() -> T {
    move || it
}

fn unwatched(bench: &mut Bench, servers: &Servers) {
    let keys = keys(bench.plan.many);
    let stores = Stores::filled(&keys);
    let hot = &keys[keys.len() / 2];
    let mixed = shuffled(&keys);

    let mut contenders = stores.mutating(|| move || hot);
    contenders.extend(servers.writing(
        |connection| {
            redis::change(hot, 1).exec(connection).unwrap();
            redis::publish(hot, 1).exec(connection).unwrap();
        },
        |pipeline| {
            pipeline.add_command(redis::change(hot, 1));
            pipeline.add_command(redis::publish(hot, 1));
        },
    ));
    bench.row("mutate-hot", "`mutate`, one key of 1 M, unwatched", contenders);

    let set = SmallMutation::SetCount;
    let raw = &stores.raw;
    let livestore = &stores.livestore;
    let contenders = vec![
        awaiting!(LIVESTORE, always(hot), key, count => livestore.mutate_version(key, set(count)).await),
        calling!(RAW, always(hot), key, count => raw.mutate(key, |was| Small { count, ..*was })),
    ];
    bench.row(
        "mutate-version",
        "`mutate_version`, one key of 1 M, unwatched",
        contenders,
    );
    let handle = &livestore.handle(hot).unwrap();
    let contenders = vec![
        awaiting!(LIVESTORE, always(handle), handle, count => handle.mutate_version(set(count)).await),
        calling!(RAW, always(hot), key, count => raw.mutate(key, |was| Small { count, ..*was })),
    ];
    bench.row(
        "mutate-handle",
        "`mutate_version` by a handle of the entry",
        contenders,
    );

    let every = bench.plan.many as u64;
    let contenders = stores.mutating(|| {
        let mut round = Round::over(&mixed);
        move || round.next()
    });
    let contenders = contenders
        .into_iter()
        .map(|contender| contender.times(every))
        .collect();
    bench.slow_row(
        "mutate-cold",
        "`mutate`, random keys of 1 M, unwatched",
        contenders,
    );
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
    let watched = &watched::filled(&keys);
    let large = (size <= ROOM).then(|| (old::filled(&keys), hand::filled(&keys)));
    drop(keys);
    let round = || {
        let mut round = Round::over(&mixed);
        move || round.next()
    };
    let set = SmallMutation::SetCount;
    let mut contenders = vec![
        awaiting!(LIVESTORE, round(), key, count => store.mutate(key, set(count)).await),
        calling!(RAW, round(), key, count => raw.mutate(key, |was| Small { count, ..*was })),
        calling!(WATCH, round(), key, count => watched.mutate(key, &set(count))),
    ];
    if let Some((old, hand)) = &large {
        contenders.push(awaiting!(OLD, round(), key, count => old.mutate(key, set(count)).await));
        contenders.push(awaiting!(HAND, round(), key, count => hand.mutate(key, set(count)).await));
    }
    let many = bench.plan.many as u64;
    let contenders = contenders
        .into_iter()
        .map(|contender| contender.times(many))
        .collect();
    bench.slow_row(
        id,
        &format!("`mutate`, random keys of {size}, unwatched"),
        contenders,
    );
}

struct Stores {
    livestore: LiveStore<Small>,
    old: Arc<old::LiveStore<Small>>,
    raw: Raw<Small>,
    hand: Hand<Small>,
    watched: Watched<Small>,
    observed: Observed<Small>,
    moka: Moka<Small>,
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
        }
    }

    /// Those who change the count of what `keys` says, each with keys of its own.
    fn mutating<'a, N>(&'a self, keys: impl Fn() -> N) -> Vec<Contender<'a>>
    where
        N: FnMut() -> &'a Uuid + 'a,
    {
        let set = SmallMutation::SetCount;
        vec![
            awaiting!(LIVESTORE, keys(), key, count => self.livestore.mutate(key, set(count)).await),
            awaiting!(OLD, keys(), key, count => self.old.mutate(key, set(count)).await),
            calling!(RAW, keys(), key, count => self.raw.mutate(key, |was| Small { count, ..*was })),
            calling!(RAW_TELLING, keys(), key, count => {
                self.raw.mutate_and_tell(key, |was| Small { count, ..*was })
            }),
            awaiting!(HAND, keys(), key, count => self.hand.mutate(key, set(count)).await),
            calling!(WATCH, keys(), key, count => self.watched.mutate(key, &set(count))),
            calling!(EYEBALL, keys(), key, count => self.observed.mutate(key, &set(count))),
            calling!(MOKA, keys(), key, count => cache::mutate(&self.moka, key, &set(count))),
        ]
    }
}

/// One task changes the entry and takes the news of it.
fn watched(bench: &mut Bench, servers: &Servers) {
    let key = Uuid::from_u128(1);
    let store = LiveStore::default();
    assert!(store.create(&key, Small::new(0)).is_ok());
    let mut watch = store.watch(&key).unwrap();
    let told = LiveStore::default();
    assert!(told.create(&key, Small::new(0)).is_ok());
    let mut deltas = told.watch_deltas(&key).unwrap();
    let old = old::store();
    old.create(&key, Small::new(0));
    let mut old_watch = old.watch(&key).unwrap();
    let hand = Hand::new();
    hand.insert(key, Small::new(0));
    let mut receiver = hand.watch(&key).unwrap();
    let watched = Watched::new();
    watched.insert(key, Small::new(0));
    let mut newest = watched.watch(&key).unwrap();
    let observed = Observed::new();
    observed.insert(key, Small::new(0));
    let mut subscriber = observed.watch(&key).unwrap();
    let (sender, mut bare) = broadcast::channel(64);
    let updates = Updates::new();
    let mut reader = servers.memory.as_ref().map(|server| server.connect());
    let set = || SmallMutation::SetCount(black_box(1));
    let key = &key;

    let mut contenders = vec![
        Contender::new(LIVESTORE, |times| {
            awaited!(times, {
                drop(black_box(store.mutate(black_box(key), set()).await));
                drop(black_box(watch.next().await));
            })
        }),
        Contender::new(LIVESTORE_DELTAS, |times| {
            awaited!(times, {
                drop(black_box(told.mutate(black_box(key), set()).await));
                drop(black_box(deltas.next().await));
            })
        }),
        Contender::new(OLD, |times| {
            awaited!(times, {
                drop(black_box(old.mutate(black_box(key), set()).await));
                drop(black_box(old_watch.next().await));
            })
        }),
        Contender::new(HAND, |times| {
            awaited!(times, {
                let _ = black_box(hand.mutate(black_box(key), set()).await);
                let _ = black_box(receiver.recv().await);
            })
        }),
        Contender::new(WATCH, |times| {
            awaited!(times, {
                black_box(watched.mutate(black_box(key), &set()));
                assert!(newest.changed().await.is_ok());
                black_box(newest.borrow_and_update().clone());
            })
        }),
        Contender::new(EYEBALL, |times| {
            awaited!(times, {
                black_box(observed.mutate(black_box(key), &set()));
                black_box(subscriber.next().await);
            })
        }),
        Contender::new(BROADCAST, |times| {
            awaited!(times, {
                let _ = black_box(sender.send(updates.make(1)));
                let _ = black_box(bare.recv().await);
            })
        }),
    ];
    if let (Some(reader), Some(server)) = (&mut reader, &servers.memory) {
        let mut subscribed = reader.as_pubsub();
        subscribed.subscribe(&key.as_bytes()[..]).unwrap();
        let mut connection = server.connect();
        contenders.push(Contender::new(REDIS, move |times| {
            repeated(times, || {
                redis::change(key, 1).exec(&mut connection).unwrap();
                redis::publish(key, 1).exec(&mut connection).unwrap();
                black_box(subscribed.get_message().unwrap());
            })
        }));
    }
    bench.row(
        "mutate-watched-1",
        "`mutate`, and one watcher takes the update",
        contenders,
    );
}
