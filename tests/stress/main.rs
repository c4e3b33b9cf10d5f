//! Everything at once on the same few keys, for as long as `STRESS_SECONDS` says (10 by default), checking every
//! promise that can be observed from outside while it runs. Ignored by default: run with `-- --ignored`.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod closing;
mod value;
mod watchers;
mod world;
mod writers;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use livestore::{ExpireMode, StoreOptions, TryAcquireError};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use value::Tracked;
use world::{ACCOUNTS, Commits, Dice, KEYS, UNITS, World};

/// The stores of one cycle of rounds.
fn stores() -> [StoreOptions; 4] {
    let check = Some(Duration::from_millis(1));
    let short = Duration::from_micros(200);
    let usual = StoreOptions {
        shard_amt: Some(2),
        ..Default::default()
    };
    [
        StoreOptions {
            channel_cap: 16,
            delta_history: 20,
            expire_check_freq: check,
            expire_mode: ExpireMode::Timeout(short),
            ..usual
        },
        StoreOptions {
            channel_cap: 4,
            history: 8,
            expire_check_freq: check,
            expire_mode: ExpireMode::Idle(short),
            ..usual
        },
        StoreOptions {
            channel_cap: 1,
            history: 3,
            delta_history: 5,
            expire_check_freq: check,
            expire_mode: ExpireMode::Lifetime(5 * short),
            ..usual
        },
        usual,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes as long as STRESS_SECONDS says"]
async fn everything_at_once_keeps_every_promise() {
    let seconds = std::env::var("STRESS_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_u64);
    let until = world::now() + Duration::from_secs(seconds);
    let length = Duration::from_secs(seconds).min(Duration::from_secs(8)) / 8;
    for (seed, options) in (1..).zip(stores().into_iter().cycle()) {
        // Each kind of store has its turn, however short the time.
        if seed > 4 && world::now() >= until {
            break;
        }
        round(options, length, seed).await;
    }
}

/// Fails if a task panics, or does not come back.
async fn finish<T>(task: JoinHandle<T>) -> T {
    timeout(Duration::from_secs(60), task)
        .await
        .expect("a task should have ended long ago")
        .unwrap()
}

async fn round(options: StoreOptions, length: Duration, seed: u64) {
    let world = World::new(options, length);
    open_accounts(&world).await;
    let mut dice = (0..).map(|task| Dice::new(seed * 1000 + task));
    let mut roll = || dice.next().unwrap();

    let mut tasks: Vec<JoinHandle<Commits>> = Vec::new();
    for _ in 0..3 {
        tasks.push(tokio::spawn(writers::change(Arc::clone(&world), roll())));
        tasks.push(tokio::spawn(writers::hold(Arc::clone(&world), roll())));
        tasks.push(tokio::spawn(watchers::watch(Arc::clone(&world), roll())));
    }
    for _ in 0..2 {
        tasks.push(tokio::spawn(writers::decide(Arc::clone(&world), roll())));
        tasks.push(tokio::spawn(writers::transfer(Arc::clone(&world), roll())));
        tasks.push(tokio::spawn(writers::audit(Arc::clone(&world), roll())));
        tasks.push(tokio::spawn(watchers::reconnect(Arc::clone(&world), roll())));
        tasks.push(tokio::spawn(watchers::copy(Arc::clone(&world), roll())));
        tasks.push(tokio::spawn(watchers::copy_on(Arc::clone(&world), roll())));
        tasks.push(tokio::spawn(watchers::gather(Arc::clone(&world), roll())));
        tasks.push(tokio::spawn(writers::keep_to_a_life(Arc::clone(&world), roll())));
    }
    tasks.push(tokio::spawn(watchers::count(Arc::clone(&world), roll())));
    // While somebody watches everything, nothing is changed in place; so in every other cycle nobody does.
    let everything = if ((seed - 1) / 4).is_multiple_of(2) { 2 } else { 0 };
    let replicas: Vec<_> = (0..everything)
        .map(|_| tokio::spawn(watchers::replicate(Arc::clone(&world), roll())))
        .collect();

    let mut commits = Vec::new();
    for task in tasks {
        commits.append(&mut finish(task).await.0);
    }
    let many = commits.len();
    commits.sort_unstable();
    commits.dedup();
    assert_eq!(commits.len(), many, "two commits of one key have one version");
    assert!(many > 100, "hardly anything happened");

    // Nobody is left: every entry is free, and nothing goes by itself any more.
    for key in world.keys {
        let free = world.store.try_acquire(&key);
        assert_ne!(free.err(), Some(TryAcquireError::Held), "an entry stayed locked");
    }
    for key in &world.keys[..KEYS] {
        drop(world.store.remove(key).await);
    }
    for replica in replicas {
        let (replica, all) = finish(replica).await;
        replica.check(&world, all).await;
    }
    check_expired(&world).await;
    check_stats(&world).await;
    end(world).await;
}

/// What tasks of the store are about to do takes a moment.
async fn eventually(what: &str, is: impl Fn() -> bool) {
    for _ in 0..1000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not after 5 seconds: {what}");
}

async fn open_accounts(world: &World) {
    let opened = world.store.transact(&[], |tx| {
        for (at, key) in world.keys.iter().enumerate().skip(KEYS) {
            let units = UNITS / i64::try_from(ACCOUNTS).unwrap();
            tx.create(key, world.value(at, units)).map_err(drop)?;
            tx.persist(key);
        }
        Ok::<_, ()>(())
    });
    opened.await.unwrap();
}

/// What expired was passed to the callback, all of it, and each once.
async fn check_expired(world: &World) {
    assert!(
        !world.passed_twice.load(Ordering::SeqCst),
        "an expired entry was passed twice"
    );
    let told: HashSet<_> = std::mem::take(&mut *world.told_expired.lock().unwrap());
    eventually("every expired entry was passed", || {
        told.is_subset(&world.expired.lock().unwrap())
    })
    .await;
    let expired = world.expired.lock().unwrap().len();
    let expires = world.options.expire_check_freq.is_some();
    assert_eq!(expired > 0, expires, "{expired} entries have expired");
}

/// Nobody holds, waits or watches any more, and what was counted is so.
async fn check_stats(world: &World) {
    eventually("everybody has left", || {
        let stats = world.store.stats();
        let left = stats.held + stats.waiters + stats.granted + stats.watchers + stats.watch_alls;
        left + stats.watched_entries == 0 && stats.callbacks == 0
    })
    .await;
    let stats = world.store.stats();
    assert_eq!(stats.granted_for, Duration::ZERO);
    assert_eq!(stats.entries, ACCOUNTS);
    assert!(stats.mutations > 0 && stats.refused > 0, "{stats:?}");
    eventually("each that has expired is passed to the callback", || {
        world.store.stats().expired == world.expired.lock().unwrap().len() as u64
    })
    .await;
    // Of entries that have gone, few items are left.
    assert!(stats.deadlines < 200, "{stats:?}");
}

/// Everything at once, in the midst of which the store is closed: all come to an end, and nothing is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes a few seconds"]
async fn a_store_that_is_closed_ends_for_everybody_who_uses_it() {
    for (seed, options) in (1..).zip(stores().into_iter().cycle()).take(40) {
        let world = World::new(options, Duration::from_secs(60));
        for at in 0..KEYS {
            drop(world.store.create(&world.keys[at], world.value(at, 0)));
        }
        let tasks: Vec<_> = (0..8)
            .map(|task| tokio::spawn(closing::use_it(Arc::clone(&world), Dice::new(seed * 100 + task))))
            .collect();
        tokio::time::sleep(Duration::from_millis(seed % 7)).await;
        world.store.close().await.unwrap();
        for task in tasks {
            finish(task).await;
        }
        assert!(world.store.is_closed() && world.store.is_empty());
        let alive = Arc::clone(&world.alive);
        eventually("everybody has left", || {
            let stats = world.store.stats();
            stats.held + stats.waiters + stats.granted + stats.watchers + stats.watch_alls == 0
        })
        .await;
        eventually("everybody else is gone", || Arc::strong_count(&world) == 1).await;
        drop(world);
        eventually("no value outlives it", || alive.load(Ordering::SeqCst) == 0).await;
    }
}

/// The store ends: watchers are told nothing but that, and nothing is left of it.
async fn end(world: Arc<World>) {
    let accounts = world.accounts();
    let units: i64 = accounts
        .iter()
        .map(|key| world.store.fetch(key).unwrap().units)
        .sum();
    assert_eq!((units, world.store.len()), (UNITS, ACCOUNTS));
    let watches: Vec<_> = accounts
        .iter()
        .map(|key| tokio::spawn(watchers::drain(world.store.watch(key).unwrap())))
        .collect();
    let alive = Arc::clone(&world.alive);
    // What each account has, and what the store keeps of its past.
    let most = (1 + world.options.history) * ACCOUNTS;
    eventually("nobody keeps a value but who has it", || {
        alive.load(Ordering::SeqCst) <= i64::try_from(most).unwrap()
    })
    .await;
    eventually("everybody else is gone", || Arc::strong_count(&world) == 1).await;
    drop(world);
    for watch in watches {
        finish(watch).await;
    }
    assert_eq!(alive.load(Ordering::SeqCst), 0, "values outlive the store");
}

/// What is counted is a value of the store.
#[test]
fn a_value_is_counted_until_it_is_dropped() {
    let count = Arc::default();
    let value = Tracked {
        count: 0,
        units: 0,
        canary: value::Canary::default(),
        _alive: value::Alive::new(&count),
    };
    let copies = [value.clone(), value];
    assert_eq!(count.load(Ordering::SeqCst), 2);
    drop(copies);
    assert_eq!(count.load(Ordering::SeqCst), 0);
}
