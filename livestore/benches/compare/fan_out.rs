//! Fan-out: one entry, a thousand watchers; what each delivery costs, and what the writer's call costs.
//!
//! Two ways. *In bursts*: 32 updates are committed, then each watcher takes all of them; no task is woken, so this is
//! the channel alone. *Asleep*: each watcher is a task that sleeps until the update comes; so waking and running a
//! task is part of it, which is the same for everybody.

use std::hint::black_box;
use std::sync::Arc;

use livestore::{LiveStore, Update, Uuid, Watch};
use livestore_benches::peers::hand::Hand;
use livestore_benches::peers::observed::Observed;
use livestore_benches::peers::watched::Watched;
use livestore_benches::peers::{old, redis};
use livestore_benches::rows::{
    BROADCAST, BROADCAST_ARC, EYEBALL, HAND, LIVESTORE, LIVESTORE_SHARED, OLD, REDIS, WATCH,
};
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::{Small, SmallMutation};
use livestore_benches::{clock, runtime};
use tokio::sync::broadcast;
use tokio::task::unconstrained;

use crate::audience::{Audience, Part};
use crate::servers::Servers;

/// What is committed before the watchers take it; less than every channel holds, and less than a task may take in one
/// go.
const BURST: u64 = 32;

/// How many updates a channel holds: livestore's default.
const CAPACITY: usize = 64;

/// Redis' subscribers are connections, of which a process may have only so many.
const CONNECTIONS: usize = 200;

pub(crate) fn run(bench: &mut Bench, servers: &Servers) {
    let watchers = if bench.plan.many < 100_000 { 50 } else { 1000 };
    burst(
        bench,
        "fan-out-burst",
        "fan-out to 1000 watchers, in bursts of 32, per delivery",
        watchers,
    );
    let call = (
        "mutate-watched-1000",
        "`mutate`, 1000 sleeping tasks watch: the writer's call",
    );
    let delivery = (
        "fan-out-tasks",
        "fan-out to 1000 watchers, each a sleeping task, per delivery",
    );
    tasks(bench, servers, Some(call), delivery, watchers);
}

/// Bursts to this many.
pub(crate) fn burst_curve(bench: &mut Bench, id: &str, watchers: usize) {
    let what = format!("fan-out in bursts of 32, watchers: {watchers}");
    burst(bench, id, &what, watchers);
}

/// One by one to this many.
pub(crate) fn tasks_curve(bench: &mut Bench, id: &str, watchers: usize) {
    let what = format!("fan-out to sleeping tasks, watchers: {watchers}");
    tasks(bench, &Servers::none(), None, (id, &what), watchers);
}

/// What livestore sends, for the bare channel: the very same type.
pub(crate) struct Updates {
    store: LiveStore<Small>,
    key: Uuid,
}

impl Updates {
    pub(crate) fn new() -> Updates {
        let store = LiveStore::default();
        let key = store.init(Small::new(0));
        Updates { store, key }
    }

    pub(crate) fn make(&self, count: u64) -> Update<Small> {
        let entry = self.store.fetch(&self.key).unwrap();
        Update::Mutate {
            mutn: SmallMutation::SetCount(count),
            new: entry.clone(),
            old: entry,
        }
    }
}

fn burst(bench: &mut Bench, id: &str, what: &str, watchers: usize) {
    if !bench.wants(&[id]) {
        return;
    }
    let store = LiveStore::default();
    let key = store.init(Small::new(0));
    let mut watches: Vec<_> = (0..watchers).map(|_| store.watch(&key).unwrap()).collect();
    let old = old::store();
    let old_key = old.init(Small::new(0));
    let mut old_watches: Vec<_> = (0..watchers).map(|_| old.watch(&old_key).unwrap()).collect();
    let hand = Hand::with_capacity(CAPACITY);
    let hand_key = hand.init(Small::new(0));
    let mut receivers: Vec<_> = (0..watchers).map(|_| hand.watch(&hand_key).unwrap()).collect();
    let (sender, _) = broadcast::channel(CAPACITY);
    let mut bare: Vec<_> = (0..watchers).map(|_| sender.subscribe()).collect();
    let (pointed, _) = broadcast::channel(CAPACITY);
    let mut pointing: Vec<_> = (0..watchers).map(|_| pointed.subscribe()).collect();
    let updates = Updates::new();
    let shared = LiveStore::default();
    let shared_key = shared.init(Small::new(0));
    let mut shared_watches: Vec<_> = (0..watchers)
        .map(|_| shared.watch(&shared_key).unwrap())
        .collect();

    macro_rules! bursts {
        ($watches:expr, $count:ident => $commit:expr, $watch:ident => $take:expr) => {
            move |times: u64| {
                runtime::single().block_on(unconstrained(async {
                    let start = clock::now();
                    for _ in 0..times {
                        for $count in 0..BURST {
                            let _ = black_box($commit);
                        }
                        for $watch in $watches.iter_mut() {
                            for _ in 0..BURST {
                                let _ = black_box($take);
                            }
                        }
                    }
                    start.elapsed()
                }))
            }
        };
    }
    let (watches, old_watches) = (&mut watches, &mut old_watches);
    let (receivers, bare) = (&mut receivers, &mut bare);
    let (shared_watches, pointing) = (&mut shared_watches, &mut pointing);
    let (shared, pointed) = (&shared, &pointed);
    let (store, old, hand, sender, updates) = (&store, &old, &hand, &sender, &updates);
    let contenders = vec![
        Contender::new(
            LIVESTORE,
            bursts!(
                watches,
                count => store.mutate(&key, SmallMutation::SetCount(count)).await,
                watch => watch.next().await
            ),
        ),
        Contender::new(
            LIVESTORE_SHARED,
            bursts!(
                shared_watches,
                count => shared.mutate(&shared_key, SmallMutation::SetCount(count)).await,
                watch => watch.next_shared().await
            ),
        ),
        Contender::new(
            OLD,
            bursts!(
                old_watches,
                count => old.mutate(&old_key, SmallMutation::SetCount(count)).await,
                watch => watch.next().await
            ),
        ),
        Contender::new(
            HAND,
            bursts!(
                receivers,
                count => hand.mutate(&hand_key, SmallMutation::SetCount(count)).await,
                watch => watch.recv().await
            ),
        ),
        Contender::new(
            BROADCAST,
            bursts!(
                bare,
                count => sender.send(updates.make(count)),
                watch => watch.recv().await
            ),
        ),
        Contender::new(
            BROADCAST_ARC,
            bursts!(
                pointing,
                count => pointed.send(Arc::new(updates.make(count))),
                watch => watch.recv().await
            ),
        ),
    ];
    bench.row_per(id, what, (BURST * watchers as u64) as f64, bench.plan, contenders);
}

fn tasks(
    bench: &mut Bench,
    servers: &Servers,
    call: Option<(&str, &str)>,
    delivery: (&str, &str),
    watchers: usize,
) {
    if !bench.wants(&[delivery.0]) && !call.is_some_and(|(id, _)| bench.wants(&[id])) {
        return;
    }
    let store = LiveStore::default();
    let key = store.init(Small::new(0));
    let audience = Audience::new(watchers, |told| {
        let mut watch: Watch<Small> = store.watch(&key).unwrap();
        async move {
            while let Some(update) = watch.next().await {
                black_box(update);
                told.one();
            }
        }
    });
    let old = old::store();
    let old_key = old.init(Small::new(0));
    let old_audience = Audience::new(watchers, |told| {
        let mut watch = old.watch(&old_key).unwrap();
        async move {
            while let Some(update) = watch.next().await {
                black_box(update);
                told.one();
            }
        }
    });
    let hand = Hand::with_capacity(CAPACITY);
    let hand_key = hand.init(Small::new(0));
    let hand_audience = Audience::new(watchers, |told| {
        let mut receiver = hand.watch(&hand_key).unwrap();
        async move {
            while let Ok(mutn) = receiver.recv().await {
                black_box(mutn);
                told.one();
            }
        }
    });
    let watched = Watched::new();
    watched.insert(key, Small::new(0));
    let watched_audience = Audience::new(watchers, |told| {
        let mut receiver = watched.watch(&key).unwrap();
        async move {
            while receiver.changed().await.is_ok() {
                black_box(receiver.borrow_and_update().clone());
                told.one();
            }
        }
    });
    let observed = Observed::new();
    observed.insert(key, Small::new(0));
    let observed_audience = Audience::new(watchers, |told| {
        let mut subscriber = observed.watch(&key).unwrap();
        async move {
            while let Some(value) = subscriber.next().await {
                black_box(value);
                told.one();
            }
        }
    });
    let (sender, _) = broadcast::channel::<Update<Small>>(CAPACITY);
    let bare_audience = Audience::new(watchers, |told| {
        let mut receiver = sender.subscribe();
        async move {
            while let Ok(update) = receiver.recv().await {
                black_box(update);
                told.one();
            }
        }
    });
    let updates = Updates::new();

    let contenders = |part: Part| {
        let set = SmallMutation::SetCount;
        let (store, old, hand) = (&store, &old, &hand);
        let (watched, observed, sender, updates) = (&watched, &observed, &sender, &updates);
        let (audience, old_audience, hand_audience) = (&audience, &old_audience, &hand_audience);
        let (key, old_key, hand_key) = (&key, &old_key, &hand_key);
        let (watched_audience, observed_audience) = (&watched_audience, &observed_audience);
        let bare_audience = &bare_audience;
        vec![
            Contender::new(LIVESTORE, move |times| {
                audience.hear(times, part, async |count| {
                    drop(store.mutate(key, set(count)).await)
                })
            }),
            Contender::new(OLD, move |times| {
                old_audience.hear(times, part, async |count| {
                    drop(old.mutate(old_key, set(count)).await)
                })
            }),
            Contender::new(HAND, move |times| {
                hand_audience.hear(times, part, async |count| {
                    hand.mutate(hand_key, set(count)).await;
                })
            }),
            Contender::new(WATCH, move |times| {
                watched_audience.hear(times, part, async |count| {
                    watched.mutate(key, &set(count));
                })
            }),
            Contender::new(EYEBALL, move |times| {
                observed_audience.hear(times, part, async |count| {
                    observed.mutate(key, &set(count));
                })
            }),
            Contender::new(BROADCAST, move |times| {
                bare_audience.hear(times, part, async |count| drop(sender.send(updates.make(count))))
            }),
        ]
    };
    if let Some((id, what)) = call {
        bench.row(id, what, contenders(Part::Call));
    }
    let mut all = contenders(Part::Delivery);
    let connections = watchers.min(CONNECTIONS);
    let subscribed = servers.memory.as_ref().map(|server| {
        let audience = Audience::new(connections, |told| server.subscriber(&key, move || told.one()));
        // Until the server knows all of them, it does not tell all of them.
        server.wait_for_subscribers(&key, connections, runtime::single());
        (audience, server.connect())
    });
    if let Some((audience, mut connection)) = subscribed {
        // Per watcher like the rest, though there are fewer.
        let scale = watchers as f64 / connections as f64;
        let key = &key;
        all.push(Contender::new(REDIS, move |times| {
            let took = audience.hear(times, Part::Delivery, async |count| {
                redis::change(key, count).exec(&mut connection).unwrap();
                redis::publish(key, count).exec(&mut connection).unwrap();
            });
            took.mul_f64(scale)
        }));
    }
    bench.row_per(delivery.0, delivery.1, watchers as f64, bench.plan, all);
}
