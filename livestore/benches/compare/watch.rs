//! Beginning to watch an entry that nobody else watches, and leaving.

use std::hint::black_box;

use livestore::{LiveStore, Uuid};
use livestore_benches::peers::hand::Hand;
use livestore_benches::peers::observed::Observed;
use livestore_benches::peers::old;
use livestore_benches::peers::watched::Watched;
use livestore_benches::rows::{EYEBALL, HAND, LIVESTORE, LIVESTORE_DELTAS, OLD, REDIS, WATCH};
use livestore_benches::runtime::repeated;
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::Small;

use crate::servers::Servers;

pub(crate) fn run(bench: &mut Bench, servers: &Servers) {
    let key = &Uuid::from_u128(1);
    let store = LiveStore::default();
    assert!(store.create(key, Small::new(0)).is_ok());
    let old = old::store();
    old.create(key, Small::new(0));
    let hand = Hand::new();
    hand.insert(*key, Small::new(0));
    let watched = Watched::new();
    watched.insert(*key, Small::new(0));
    let observed = Observed::new();
    observed.insert(*key, Small::new(0));

    macro_rules! watching {
        ($who:expr, $watch:expr) => {
            Contender::new($who, |times| repeated(times, || drop(black_box($watch))))
        };
    }
    let mut contenders = vec![
        watching!(LIVESTORE, store.watch(black_box(key))),
        watching!(LIVESTORE_DELTAS, store.watch_deltas(black_box(key))),
        watching!(OLD, old.watch(black_box(key))),
        watching!(HAND, hand.watch(black_box(key))),
        watching!(WATCH, watched.watch(black_box(key))),
        watching!(EYEBALL, observed.watch(black_box(key))),
    ];
    if let Some(server) = &servers.memory {
        let mut connection = server.connect();
        contenders.push(Contender::new(REDIS, move |times| {
            let mut subscribed = connection.as_pubsub();
            repeated(times, || {
                subscribed.subscribe(&key.as_bytes()[..]).unwrap();
                subscribed.unsubscribe(&key.as_bytes()[..]).unwrap();
            })
        }));
    }
    bench.row("watch", "`watch`, and drop it", contenders);
}
