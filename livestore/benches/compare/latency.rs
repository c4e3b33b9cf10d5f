//! From the beginning of a change to the moment when a watcher, asleep on another thread, has it.
//!
//! The writer waits a while between changes, so that the watcher sleeps; most of the time is the system's, which wakes
//! its thread.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use livestore::{LiveStore, Update, Uuid};
use livestore_benches::keys::Dice;
use livestore_benches::peers::hand::Hand;
use livestore_benches::peers::observed::Observed;
use livestore_benches::peers::watched::Watched;
use livestore_benches::peers::{old, redis};
use livestore_benches::rows::{
    BROADCAST, Cell, EYEBALL, HAND, LIVESTORE, OLD, REDIS, Row, Unit, WATCH, Who, quantile,
};
use livestore_benches::sample::Bench;
use livestore_benches::values::{Small, SmallMutation};
use livestore_benches::{clock, runtime};
use tokio::sync::broadcast;

use crate::fan_out::Updates;
use crate::servers::Servers;

const ROWS: [(&str, &str, f64); 3] = [
    (
        "latency-p50",
        "from commit to a watcher on another thread, median",
        0.5,
    ),
    ("latency-p99", "the same, 99 of 100", 0.99),
    ("latency-p99.9", "the same, 999 of 1000", 0.999),
];

/// What a watcher's task is told by: it is sent the delays that it saw.
type Delays = mpsc::Sender<u64>;

/// Writes once: the count is to reach the watcher.
type Write<'a> = Box<dyn FnMut(u64) + 'a>;

pub(crate) fn run(bench: &mut Bench, servers: &Servers) {
    if !bench.wants(&ROWS.map(|(id, ..)| id)) {
        return;
    }
    let plan = bench.plan.slow();
    let updates = if bench.plan.many < 100_000 { 20 } else { 3000 };
    let origin = clock::now();
    let (told, delays) = mpsc::channel();
    let mut writers = writers(origin, &told, servers);

    let mut cells: Vec<Vec<Cell>> = vec![Vec::new(); ROWS.len()];
    for cells in &mut cells {
        cells.extend(writers.iter().map(|(who, _)| Cell {
            who,
            rounds: Vec::new(),
        }));
    }
    let mut dice = Dice::new();
    // The first round warms up.
    for round in 0..=plan.rounds {
        for (at, (_, write)) in writers.iter_mut().enumerate() {
            let seen: Vec<f64> = (0..updates)
                .map(|_| {
                    pause(Duration::from_nanos(20_000 + dice.roll() % 60_000));
                    write(nanos(origin));
                    delays.recv().unwrap() as f64
                })
                .collect();
            if round == 0 {
                continue;
            }
            for (cells, (_, _, part)) in cells.iter_mut().zip(ROWS) {
                cells[at].rounds.push(quantile(&seen, part));
            }
        }
    }
    for (cells, (id, what, _)) in cells.into_iter().zip(ROWS) {
        bench.add(Row {
            id: id.to_owned(),
            what: what.to_owned(),
            unit: Unit::Time,
            cells,
        });
    }
}

fn nanos(origin: Instant) -> u64 {
    u64::try_from(origin.elapsed().as_nanos()).unwrap()
}

/// Keeps this thread busy, so that it is awake when it writes.
fn pause(time: Duration) {
    let start = clock::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Who writes, on this thread; their watchers are tasks on other threads.
fn writers<'a>(origin: Instant, told: &Delays, servers: &'a Servers) -> Vec<(Who, Write<'a>)> {
    let key = Uuid::from_u128(1);
    let set = SmallMutation::SetCount;
    let tasks = runtime::pair();
    let tell = |told: &Delays| {
        let told = told.clone();
        move |written: u64| told.send(nanos(origin) - written).unwrap_or_default()
    };

    let store = LiveStore::default();
    assert!(store.create(&key, Small::new(0)).is_ok());
    let (mut watch, heard) = (store.watch(&key).unwrap(), tell(told));
    tasks.spawn(async move {
        while let Some(update) = watch.next().await {
            heard(update.entry().count);
        }
    });
    let old = old::store();
    old.create(&key, Small::new(0));
    let (mut watch, heard) = (old.watch(&key).unwrap(), tell(told));
    tasks.spawn(async move {
        while let Some(update) = watch.next().await {
            if let old::Update::Mutate { new, .. } = update {
                heard(new.count);
            }
        }
    });
    let hand = Hand::new();
    hand.insert(key, Small::new(0));
    let (mut receiver, heard) = (hand.watch(&key).unwrap(), tell(told));
    tasks.spawn(async move {
        while let Ok(mutn) = receiver.recv().await {
            if let SmallMutation::SetCount(count) = mutn {
                heard(count);
            }
        }
    });
    let watched = Watched::new();
    watched.insert(key, Small::new(0));
    let (mut receiver, heard) = (watched.watch(&key).unwrap(), tell(told));
    tasks.spawn(async move {
        while receiver.changed().await.is_ok() {
            let count = receiver.borrow_and_update().count;
            heard(count);
        }
    });
    let observed = Observed::new();
    observed.insert(key, Small::new(0));
    let (mut subscriber, heard) = (observed.watch(&key).unwrap(), tell(told));
    tasks.spawn(async move {
        while let Some(value) = subscriber.next().await {
            heard(value.count);
        }
    });
    let (sender, mut receiver) = broadcast::channel::<Update<Small>>(64);
    let heard = tell(told);
    tasks.spawn(async move {
        while let Ok(update) = receiver.recv().await {
            if let Update::Mutate {
                mutn: SmallMutation::SetCount(count),
                ..
            } = update
            {
                heard(count);
            }
        }
    });
    let updates = Updates::new();

    let mut writers: Vec<(Who, Write<'a>)> = vec![
        (
            LIVESTORE,
            Box::new(move |count| drop(runtime::single().block_on(store.mutate(&key, set(count))))),
        ),
        (
            OLD,
            Box::new(move |count| drop(runtime::single().block_on(old.mutate(&key, set(count))))),
        ),
        (
            HAND,
            Box::new(move |count| {
                runtime::single().block_on(hand.mutate(&key, set(count)));
            }),
        ),
        (
            WATCH,
            Box::new(move |count| {
                watched.mutate(&key, &set(count));
            }),
        ),
        (
            EYEBALL,
            Box::new(move |count| {
                observed.mutate(&key, &set(count));
            }),
        ),
        (
            BROADCAST,
            Box::new(move |count| drop(sender.send(updates.make(count)))),
        ),
    ];
    if let Some(server) = &servers.memory {
        let mut subscriber = server.connect();
        let heard = tell(told);
        let (ready, is_ready) = mpsc::channel();
        // A thread of its own, which ends with the server.
        thread::spawn(move || {
            let mut subscribed = subscriber.as_pubsub();
            subscribed.subscribe("latency").unwrap();
            ready.send(()).unwrap();
            while let Ok(message) = subscribed.get_message() {
                heard(message.get_payload().unwrap());
            }
        });
        is_ready.recv().unwrap();
        let mut connection = server.connect();
        writers.push((
            REDIS,
            Box::new(move |count| {
                redis::change(&key, count).exec(&mut connection).unwrap();
                ::redis::cmd("PUBLISH")
                    .arg("latency")
                    .arg(count)
                    .exec(&mut connection)
                    .unwrap();
            }),
        ));
    }
    writers
}
