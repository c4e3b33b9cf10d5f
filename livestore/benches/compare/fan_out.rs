//! Fan-out: one entry, a thousand watchers, what each delivery costs.
//!
//! Two ways. *In bursts*: 32 updates are committed, then each watcher takes all of them; no task is woken, so this is
//! the channel alone. *One by one*: each watcher is a task that sleeps until the update comes; so waking and running a
//! task is part of it, which is the same for everybody.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use livestore::{LiveStore, Update, Uuid};
use livestore_benches::rows::{BROADCAST, LIVESTORE, OLD};
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::{Small, SmallMutation};
use livestore_benches::{clock, old, runtime};
use tokio::sync::{Notify, broadcast};
use tokio::task::{JoinSet, unconstrained};

/// What is committed before the watchers take it.
const BURST: usize = 32;

pub(crate) fn run(bench: &mut Bench) {
    let watchers = if bench.plan.many < 100_000 { 50 } else { 1000 };
    if bench.wants(&["fan-out-burst"]) {
        burst(bench, watchers);
    }
    if bench.wants(&["fan-out-tasks"]) {
        tasks(bench, watchers);
    }
}

/// What livestore sends, for the bare channel.
fn update(of: &LiveStore<Small>, key: &Uuid, count: u64) -> Update<Small> {
    let entry = of.fetch(key).unwrap();
    Update::Mutate {
        mutn: SmallMutation::SetCount(count),
        new: entry.clone(),
        old: entry,
    }
}

fn burst(bench: &mut Bench, watchers: usize) {
    let store = LiveStore::default();
    let key = store.init(Small::new(0));
    let mut watches: Vec<_> = (0..watchers).map(|_| store.watch(&key).unwrap()).collect();
    let old = old::store();
    let old_key = old.init(Small::new(0));
    let mut old_watches: Vec<_> = (0..watchers).map(|_| old.watch(&old_key).unwrap()).collect();
    let (sender, _) = broadcast::channel(64);
    let mut receivers: Vec<_> = (0..watchers).map(|_| sender.subscribe()).collect();
    let (unwatched, unwatched_key) = (LiveStore::default(), Uuid::nil());
    assert!(unwatched.create(&unwatched_key, Small::new(0)).is_ok());

    // A burst is less than a task may take without yielding, so a watcher's own task would not be interrupted either.
    macro_rules! bursts {
        ($times:expr, $commit:expr, $watches:expr, $take:expr) => {
            runtime::single().block_on(unconstrained(async {
                let start = clock::now();
                for _ in 0..$times {
                    for count in 0..BURST as u64 {
                        $commit(count).await;
                    }
                    for watch in $watches.iter_mut() {
                        for _ in 0..BURST {
                            $take(watch).await;
                        }
                    }
                }
                start.elapsed()
            }))
        };
    }
    bench.row_per(
        "fan-out-burst",
        "fan-out to 1000 watchers, in bursts of 32, per delivery",
        (BURST * watchers) as f64,
        bench.plan,
        vec![
            Contender::new(LIVESTORE, |times| {
                bursts!(
                    times,
                    async |count| drop(store.mutate(&key, SmallMutation::SetCount(count)).await),
                    watches,
                    async |watch: &mut livestore::Watch<Small>| drop(black_box(watch.next().await))
                )
            }),
            Contender::new(OLD, |times| {
                bursts!(
                    times,
                    async |count| drop(old.mutate(&old_key, SmallMutation::SetCount(count)).await),
                    old_watches,
                    async |watch: &mut old::Watch<Small>| drop(black_box(watch.next().await))
                )
            }),
            Contender::new(BROADCAST, |times| {
                bursts!(
                    times,
                    async |count| drop(sender.send(update(&unwatched, &unwatched_key, count))),
                    receivers,
                    async |watch: &mut broadcast::Receiver<Update<Small>>| drop(black_box(
                        watch.recv().await
                    ))
                )
            }),
        ],
    );
}

/// Counts deliveries, and tells the writer when all have been made.
#[derive(Default)]
struct Delivered {
    left: AtomicUsize,
    all: Notify,
}

impl Delivered {
    fn one(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.all.notify_one();
        }
    }
}

fn tasks(bench: &mut Bench, watchers: usize) {
    let store = LiveStore::default();
    let key = store.init(Small::new(0));
    let old = old::store();
    let old_key = old.init(Small::new(0));
    let (sender, _) = broadcast::channel::<Update<Small>>(64);
    let (unwatched, unwatched_key) = (LiveStore::default(), Uuid::nil());
    assert!(unwatched.create(&unwatched_key, Small::new(0)).is_ok());
    let delivered = Arc::new(Delivered::default());

    let mut running = JoinSet::new();
    let handle = runtime::single().handle();
    for _ in 0..watchers {
        let (mut watch, told) = (store.watch(&key).unwrap(), Arc::clone(&delivered));
        running.spawn_on(
            async move {
                while let Some(update) = watch.next().await {
                    black_box(update);
                    told.one();
                }
            },
            handle,
        );
        let (mut watch, told) = (old.watch(&old_key).unwrap(), Arc::clone(&delivered));
        running.spawn_on(
            async move {
                while let Some(update) = watch.next().await {
                    black_box(update);
                    told.one();
                }
            },
            handle,
        );
        let (mut watch, told) = (sender.subscribe(), Arc::clone(&delivered));
        running.spawn_on(
            async move {
                while let Ok(update) = watch.recv().await {
                    black_box(update);
                    told.one();
                }
            },
            handle,
        );
    }
    macro_rules! one_by_one {
        ($times:expr, $commit:expr) => {
            runtime::single().block_on(async {
                let mut took = Duration::ZERO;
                for count in 0..$times {
                    delivered.left.store(watchers, Ordering::Relaxed);
                    let start = clock::now();
                    $commit(count).await;
                    delivered.all.notified().await;
                    took += start.elapsed();
                    // Lets everybody go to sleep again.
                    tokio::task::yield_now().await;
                }
                took
            })
        };
    }
    bench.row_per(
        "fan-out-tasks",
        "fan-out to 1000 watchers, each a sleeping task, per delivery",
        watchers as f64,
        bench.plan,
        vec![
            Contender::new(LIVESTORE, |times| {
                one_by_one!(times, async |count| drop(
                    store.mutate(&key, SmallMutation::SetCount(count)).await
                ))
            }),
            Contender::new(OLD, |times| {
                one_by_one!(times, async |count| drop(
                    old.mutate(&old_key, SmallMutation::SetCount(count)).await
                ))
            }),
            Contender::new(BROADCAST, |times| {
                one_by_one!(times, async |count| drop(sender.send(update(
                    &unwatched,
                    &unwatched_key,
                    count
                ))))
            }),
        ],
    );
}
