//! Holding an entry: alone, and handed from task to task.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use livestore::LiveValue;
use livestore::{LiveStore, Uuid};
use livestore_benches::awaited;
use livestore_benches::peers::hand::Hand;
use livestore_benches::peers::{old, redis};
use livestore_benches::rows::{HAND, LIVESTORE, MUTEX, OLD};
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::tasks::together;
use livestore_benches::values::{Small, SmallMutation};
use tokio::sync::Mutex;
use tokio::task::yield_now;

use crate::servers::Servers;

pub(crate) fn run(bench: &mut Bench, servers: &Servers) {
    alone(bench, servers);
    for (tasks, id) in [(2, "hand-over-2"), (8, "hand-over-8")] {
        let what =
            format!("`acquire` handed on among {tasks} tasks, each holds it over a yield, per hand-over");
        hand_over(bench, id, &what, tasks);
    }
}

fn alone(bench: &mut Bench, servers: &Servers) {
    let key = &Uuid::from_u128(1);
    let store = LiveStore::default();
    assert!(store.create(key, Small::new(0)).is_ok());
    let old = old::store();
    old.create(key, Small::new(0));
    let hand = Hand::new();
    hand.insert(*key, Small::new(0));
    let bare = Mutex::new(Small::new(0));
    let set = || SmallMutation::SetCount(black_box(1));

    let mut contenders = vec![
        Contender::new(LIVESTORE, |times| {
            awaited!(times, {
                let mut guard = store.acquire(black_box(key)).await.unwrap();
                drop(black_box(guard.mutate(set())));
                guard.release();
            })
        }),
        Contender::new(OLD, |times| {
            awaited!(times, {
                let mut guard = old.acquire(black_box(key)).await.unwrap();
                drop(black_box(guard.mutate(set())));
                drop(guard);
            })
        }),
        Contender::new(HAND, |times| {
            awaited!(times, {
                let place = hand.place(black_box(key)).unwrap();
                let mut guard = place.value.write().await;
                let mutn = set();
                let _ = black_box(guard.apply(&mutn));
                let _ = black_box(place.sender.send(mutn));
            })
        }),
        Contender::new(MUTEX, |times| {
            awaited!(times, {
                let mut guard = bare.lock().await;
                let _ = black_box(guard.apply(&set()));
            })
        }),
    ];
    contenders.extend(servers.serial(|connection| {
        let taken: bool = ::redis::cmd("SET")
            .arg("lock")
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(10_000)
            .query(connection)
            .unwrap();
        assert!(taken, "nobody else wants it");
        redis::change(key, 1).exec(connection).unwrap();
        ::redis::cmd("DEL").arg("lock").exec(connection).unwrap();
    }));
    bench.row("guard", "`acquire`, `mutate`, release", contenders);
}

fn hand_over(bench: &mut Bench, id: &str, what: &str, tasks: u64) {
    if !bench.wants(&[id]) {
        return;
    }
    let key = Uuid::from_u128(1);
    let store = LiveStore::default();
    assert!(store.create(&key, Small::new(0)).is_ok());
    let old = old::store();
    old.create(&key, Small::new(0));
    let hand = Arc::new(Hand::new());
    hand.insert(key, Small::new(0));
    let bare = Arc::new(Mutex::new(()));

    // Whoever holds it lets others run, so that they come to wait for it.
    macro_rules! handing {
        ($who:expr, $owner:ident => $acquire:expr) => {
            Contender::new($who, |times| -> Duration {
                together(tasks, times, |times| {
                    let $owner = $owner.clone();
                    async move {
                        for _ in 0..times {
                            let guard = $acquire;
                            yield_now().await;
                            drop(guard);
                        }
                    }
                })
            })
        };
    }
    let by_hand = Contender::new(HAND, |times| {
        together(tasks, times, |times| {
            let hand = hand.clone();
            async move {
                for _ in 0..times {
                    let place = hand.place(&key).unwrap();
                    let guard = place.value.write().await;
                    yield_now().await;
                    drop(guard);
                }
            }
        })
    });
    let contenders = vec![
        handing!(LIVESTORE, store => store.acquire(&key).await),
        handing!(OLD, old => old.acquire(&key).await),
        by_hand,
        handing!(MUTEX, bare => bare.lock().await),
    ];
    bench.row(id, what, contenders);
}
