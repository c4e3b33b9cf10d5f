//! Checks for expiry among a million entries: nothing due, one in a hundred due, everything to be looked at again.
//!
//! A check is not called; it runs in a task of the store, after its period. So the thread sleeps until the check is
//! due, and what is measured is how long the runtime is busy when it is then let run: the timer, the check, a few
//! yields. A task that does nothing but wait for the same timer shows how much of it is not the check.

use std::thread::sleep;
use std::time::Duration;

use livestore::{ExpireMode, LiveStore, StoreOptions, Uuid};
use livestore_benches::clock;
use livestore_benches::keys::keys;
use livestore_benches::peers::{cache, old};
use livestore_benches::rows::{LIVESTORE, MOKA, OLD, TIMER};
use livestore_benches::runtime::repeated;
use livestore_benches::sample::{Bench, Contender};
use livestore_benches::values::{Small, SmallMutation};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

/// How often is checked: as often as tokio's timers can.
const PERIOD: Duration = Duration::from_millis(1);

/// The same for 0.1.0 where nothing is due: it makes up for every check that it missed, so it must not miss many.
const OLD_PERIOD: Duration = Duration::from_secs(1);

/// Longer than a period, a step of the timers, and a step of the store's clock.
const PAST_DUE: Duration = Duration::from_millis(80);

pub(crate) fn run(bench: &mut Bench) {
    if bench.wants(&["expiry-none"]) {
        none_due(bench);
    }
    if bench.wants(&["expiry-some"]) {
        some_due(bench);
    }
    if bench.wants(&["expiry-all-changed"]) {
        all_changed(bench);
    }
}

/// A runtime where nothing else runs.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn livestore(runtime: &Runtime, timeout: Duration) -> LiveStore<Small> {
    let _inside = runtime.enter();
    LiveStore::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(PERIOD),
            expire_mode: ExpireMode::Timeout(timeout),
            ..Default::default()
        })
        .done()
}

fn old(runtime: &Runtime, period: Duration, timeout: Duration) -> std::sync::Arc<old::LiveStore<Small>> {
    let _inside = runtime.enter();
    old::LiveStore::new()
        .with_options(old::StoreOptions {
            expire_check_freq: Some(period),
            expire_mode: old::ExpireMode::Timeout(timeout),
            ..Default::default()
        })
        // Without one it removes the wrong entries.
        .on_expire(|expired: Vec<_>| async move { drop(expired) })
        .done()
}

/// For how long the machine has been up, or at least a moment, where nobody says.
fn uptime() -> Duration {
    let told = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = told.split('.').next().and_then(|whole| whole.parse().ok());
    Duration::from_secs(seconds.unwrap_or(100))
}

/// Lets the runtime run for as long as it takes to come round a few times: the timer fires, the task runs.
fn let_run(runtime: &Runtime) -> Duration {
    runtime.block_on(async {
        let start = clock::now();
        for _ in 0..4 {
            yield_now().await;
        }
        start.elapsed()
    })
}

/// Lets the runtime run until something has come about.
fn let_run_until(runtime: &Runtime, done: impl Fn() -> bool) -> Duration {
    runtime.block_on(async {
        let start = clock::now();
        while !done() {
            yield_now().await;
        }
        start.elapsed()
    })
}

fn none_due(bench: &mut Bench) {
    let long = Duration::from_secs(3600);
    let keys = keys(bench.plan.many);
    let runtimes = [runtime(), runtime(), runtime()];
    let [for_livestore, for_old, for_timer] = &runtimes;
    let store = livestore(for_livestore, long);
    // 0.1.0 subtracts it from the time, and panics if the machine has not been up for so long.
    let old = old(for_old, OLD_PERIOD, long.min(uptime() / 2));
    for key in &keys {
        assert!(store.create(key, Small::new(0)).is_ok());
        old.create(key, Small::new(0));
    }
    for_timer.spawn(async {
        loop {
            tokio::time::sleep(PERIOD).await;
        }
    });
    let moka = cache::with_time_to_live(Duration::from_secs(3600));
    cache::fill(&moka, &keys);

    let checks = |runtime: &Runtime, period: Duration, times: u64| {
        (0..times)
            .map(|_| {
                sleep(period + PERIOD);
                let_run(runtime)
            })
            .sum()
    };
    // As often as a round of a few seconds allows.
    let often = if bench.plan.many < 100_000 { 2 } else { 20 };
    let contenders = vec![
        Contender::new(LIVESTORE, |times| checks(for_livestore, PERIOD, times)).times(often),
        Contender::new(OLD, |times| checks(for_old, OLD_PERIOD, times)).times(1),
        Contender::new(TIMER, |times| checks(for_timer, PERIOD, times)).times(often),
        Contender::new(MOKA, |times| {
            (0..times)
                .map(|_| {
                    sleep(2 * PERIOD);
                    repeated(1, || moka.run_pending_tasks())
                })
                .sum()
        })
        .times(often),
    ];
    bench.slow_row("expiry-none", "expiry check of 1 M entries, none due", contenders);
    assert_eq!(store.len(), keys.len(), "nothing was due");
}

/// How long entries live where some are to expire: long enough to change all others meanwhile.
fn lifetime(many: usize) -> Duration {
    Duration::from_millis(200) + Duration::from_micros(many as u64)
}

fn some_due(bench: &mut Bench) {
    let many = bench.plan.many;
    let keys = keys(many);
    let (due, others) = keys.split_at(many / 100);
    let runtimes = [runtime(), runtime()];
    let [for_livestore, for_old] = &runtimes;

    let store = livestore(for_livestore, Duration::MAX);
    for key in others {
        assert!(store.create(key, Small::new(0)).is_ok());
    }
    let lifetime = lifetime(many);
    let old = old(for_old, PERIOD, lifetime);
    for key in others {
        old.create(key, Small::new(0));
    }
    let contenders = vec![
        Contender::new(LIVESTORE, |_| {
            for key in due {
                assert!(store.create(key, Small::new(0)).is_ok());
                assert!(store.expire_after(key, PERIOD).is_ok());
            }
            sleep(PAST_DUE);
            let_run_until(for_livestore, || store.len() == others.len())
        })
        .times(1),
        Contender::new(OLD, |_| {
            // It has no deadlines of single entries: some age while the others are kept fresh.
            for key in due {
                old.create(key, Small::new(0));
            }
            sleep(lifetime);
            let_change(for_old, others, |key, mutn| {
                let old = old.clone();
                async move { drop(old.mutate(&key, mutn).await) }
            });
            sleep(2 * PERIOD);
            let_run_until(for_old, || due.iter().all(|key| old.fetch(key).is_none()))
        })
        .times(1),
    ];
    bench.slow_row(
        "expiry-some",
        "expiry check of 1 M entries, 10,000 due",
        contenders,
    );
    assert_eq!(store.len(), others.len());
    note_if(old.fetch(&others[0]).is_none());
}

/// More expired than was meant to: the thread did not run for longer than entries live.
fn note_if(late: bool) {
    if late {
        eprintln!("The machine was too busy for this row; its numbers are about something else.");
    }
}

/// Changes entries without letting other tasks run.
fn let_change<F: Future<Output = ()>>(
    runtime: &Runtime,
    keys: &[Uuid],
    change: impl Fn(Uuid, SmallMutation) -> F,
) {
    runtime.block_on(async {
        for key in keys {
            change(*key, SmallMutation::SetCount(1)).await;
        }
    });
}

/// livestore queues an entry once and looks at it again only when it may be due. Here all of them may be, and none is,
/// because all were changed meanwhile; but for one that was not, by which we see that the check has come to its end.
fn all_changed(bench: &mut Bench) {
    let many = bench.plan.many;
    let keys = keys(many);
    let (last, others) = keys.split_last().unwrap();
    let runtimes = [runtime(), runtime()];
    let [for_livestore, for_old] = &runtimes;
    // Twice as long, because all are changed twice within it.
    let lifetime = 2 * lifetime(many);
    let store = livestore(for_livestore, lifetime);
    let old = old(for_old, PERIOD, lifetime);
    let contenders = vec![
        Contender::new(LIVESTORE, |_| {
            let change = |key, mutn| {
                let store = store.clone();
                async move { drop(store.mutate(&key, mutn).await) }
            };
            for key in others {
                // Those of the turn before are still there, and fresh.
                let _ = store.create(key, Small::new(0));
            }
            let_change(for_livestore, others, change);
            assert!(store.create(last, Small::new(0)).is_ok());
            let begun = clock::now();
            sleep(lifetime / 2);
            let_change(for_livestore, others, change);
            sleep((lifetime + PAST_DUE).saturating_sub(begun.elapsed()));
            let_run_until(for_livestore, || !store.contains_key(last))
        })
        .times(1),
        Contender::new(OLD, |_| {
            let change = |key, mutn| {
                let old = old.clone();
                async move { drop(old.mutate(&key, mutn).await) }
            };
            for key in others {
                old.create(key, Small::new(0));
            }
            let_change(for_old, others, change);
            old.create(last, Small::new(0));
            let begun = clock::now();
            sleep(lifetime / 2);
            let_change(for_old, others, change);
            sleep((lifetime + PAST_DUE).saturating_sub(begun.elapsed()));
            let_run_until(for_old, || old.fetch(last).is_none())
        })
        .times(1),
    ];
    bench.slow_row(
        "expiry-all-changed",
        "expiry check of 1 M entries, all changed since they were last looked at",
        contenders,
    );
    note_if(store.len() != others.len());
}
