//! Tasks that change entries.

use std::convert::Infallible;
use std::sync::Arc;

use livestore::{EntryGuard, MutateError, MutateIfError, TransactError, Tx, Uuid};
use tokio::time::timeout;

use crate::value::{Change, Tracked};
use crate::world::{ACCOUNTS, Commits, Dice, KEYS, UNITS, World};

/// Creates, changes, replaces and removes.
pub(crate) async fn change(world: Arc<World>, mut dice: Dice) -> Commits {
    let mut commits = Commits::default();
    while world.goes_on() {
        let at = dice.below(KEYS);
        let key = &world.keys[at];
        let before = world.committed(at);
        let value = || world.value(at, 0);
        match dice.below(14) {
            0 => {
                if let Some(previous) = world.store.insert(key, value()).await {
                    commits.note(&world, at, before, previous.version() + 1);
                }
            }
            1 => {
                if let Ok(previous) = world.store.assign(key, value()).await {
                    commits.note(&world, at, before, previous.version() + 1);
                }
            }
            2 | 3 => {
                if let Ok(entry) = world.store.create(key, value()) {
                    commits.note_entry(&world, at, before, &entry);
                }
            }
            4 if dice.below(4) == 0 => {
                if let Some(end) = world.store.remove(key).await {
                    commits.note_entry(&world, at, before, &end);
                }
            }
            5 => drop(world.store.broadcast(key, "hello")),
            6 => {
                let back = dice.below(4) as u64;
                let version = world
                    .store
                    .fetch(key)
                    .map_or(0, |entry| entry.version() - back.min(entry.version()));
                if let Ok(entry) = world.store.rollback(key, version).await {
                    commits.note_entry(&world, at, before, &entry);
                }
            }
            7 => {
                // Cancelled somewhere on the way.
                if let Ok(Ok(entry)) = timeout(dice.moment(), world.store.mutate(key, Change::Slowly)).await {
                    commits.note_entry(&world, at, before, &entry);
                }
            }
            8 if !world.is_idle() => drop(world.store.expire_after(key, dice.moment())),
            // However it ends, and whoever has the entry.
            12 => drop(world.store.mutate_on_drop(key, Change::Slowly)),
            13 => {
                let leave = world.store.mutate_on_drop(key, Change::AtOnce);
                if dice.below(2) == 0 {
                    let _: Change = leave.disarm();
                } else if let Ok(Ok(entry)) = timeout(dice.moment(), leave.commit()).await {
                    commits.note_entry(&world, at, before, &entry);
                }
            }
            9 => {
                let refused = world.store.mutate(key, Change::Refuse).await;
                assert!(refused.is_err());
            }
            roll => {
                let change = if roll == 10 {
                    Change::Slowly
                } else {
                    Change::AtOnce
                };
                match world.store.mutate(key, change).await {
                    Ok(entry) => commits.note_entry(&world, at, before, &entry),
                    Err(MutateError::Missing) => {}
                    Err(MutateError::Rejected(())) => panic!("this is not refused"),
                }
            }
        }
        // What was committed before is seen by every later read.
        let committed = world.committed(at);
        if let Some(entry) = world.store.fetch(key) {
            let version = entry.version();
            assert!(
                version >= committed,
                "fetched {version} after {committed} was committed"
            );
        }
    }
    commits
}

/// Changes one life of an entry after another, each by a handle of it.
pub(crate) async fn keep_to_a_life(world: Arc<World>, mut dice: Dice) -> Commits {
    let mut commits = Commits::default();
    while world.goes_on() {
        let at = dice.below(KEYS + 1);
        let Some(handle) = world.store.handle(&world.keys[at]) else {
            tokio::task::yield_now().await;
            continue;
        };
        let Some(mut last) = handle.fetch().map(|entry| entry.version()) else {
            continue;
        };
        for _ in 0..dice.below(100) {
            let before = world.committed(at);
            let change = if dice.below(4) == 0 {
                Change::Slowly
            } else {
                Change::AtOnce
            };
            let changed = handle.mutate_version(change);
            let changed = match dice.below(20) {
                0 => match timeout(dice.moment(), changed).await {
                    Ok(changed) => changed,
                    Err(_) => continue,
                },
                _ => changed.await,
            };
            match changed {
                Ok(version) => {
                    assert!(version > last, "{version} after {last}");
                    commits.note(&world, at, before, version);
                    last = version;
                }
                Err(MutateError::Missing) => {
                    // That was its end, whatever came after it.
                    assert!(handle.is_over() && handle.fetch().is_none());
                    break;
                }
                Err(MutateError::Rejected(())) => panic!("this is not refused"),
            }
            if let Some(now) = handle.peek() {
                assert!(now.version() >= last);
            }
        }
    }
    commits
}

/// Reads, decides and commits if nobody was faster.
pub(crate) async fn decide(world: Arc<World>, mut dice: Dice) -> Commits {
    let mut commits = Commits::default();
    while world.goes_on() {
        let at = dice.below(KEYS + ACCOUNTS);
        let key = &world.keys[at];
        let Some(seen) = world.store.fetch(key) else {
            tokio::task::yield_now().await;
            continue;
        };
        if dice.below(2) == 0 {
            tokio::task::yield_now().await;
        }
        match world.store.mutate_if(key, seen.version(), Change::AtOnce).await {
            Ok(entry) => {
                assert_eq!(
                    (entry.version(), entry.count),
                    (seen.version() + 1, seen.count + 1)
                );
                commits.note_entry(&world, at, seen.version(), &entry);
            }
            Err(MutateIfError::Conflict(now)) => assert!(now.version() > seen.version()),
            Err(MutateIfError::Missing) => assert!(at < KEYS, "an account is gone"),
            Err(MutateIfError::Rejected(())) => panic!("this is not refused"),
        }
    }
    commits
}

/// Holds one entry at a time; some are cancelled while they hold.
pub(crate) async fn hold(world: Arc<World>, mut dice: Dice) -> Commits {
    let mut commits = Commits::default();
    while world.goes_on() {
        let at = dice.below(KEYS + ACCOUNTS);
        let key = &world.keys[at];
        let Ok(mut guard) = world.store.acquire_timeout(key, dice.moment()).await else {
            continue;
        };
        // Aborted while it holds: the guard goes where the task is dropped.
        if dice.below(8) == 0 {
            let holding = async move {
                tokio::task::yield_now().await;
                drop(guard);
            };
            let _ = timeout(dice.moment(), holding).await;
            continue;
        }
        world.known[at].canary.enter();
        if dice.below(2) == 0 {
            tokio::task::yield_now().await;
        }
        check_unchanged(&world, &guard);
        let before = guard.version();
        let entry = guard.mutate(Change::Held).unwrap();
        commits.note_entry(&world, at, before, &entry);
        check_unchanged(&world, &guard);
        world.known[at].canary.leave();
        match dice.below(10) {
            0 if at < KEYS => commits.note_entry(&world, at, entry.version(), &guard.delete()),
            // Due while it is held, or just after.
            2 if at < KEYS && !world.is_idle() => drop(guard.expire_after(dice.moment())),
            3 if at < KEYS && !world.is_idle() => guard.persist(),
            1 => drop(guard),
            _ => guard.release(),
        }
    }
    commits
}

fn check_unchanged(world: &World, guard: &EntryGuard<Tracked>) {
    let entry = world.store.fetch(guard.key()).expect("what is held does not go");
    let held = (guard.version(), guard.count, guard.units);
    assert_eq!(
        (entry.version(), entry.count, entry.units),
        held,
        "changed beside a guard"
    );
}

/// Moves units between accounts, some of which are made anew on the way, with other entries held as well.
pub(crate) async fn transfer(world: Arc<World>, mut dice: Dice) -> Commits {
    let mut commits = Commits::default();
    while world.goes_on() {
        let accounts = world.accounts();
        let (from, to) = (accounts[dice.below(ACCOUNTS)], accounts[dice.below(ACCOUNTS)]);
        let other = world.keys[dice.below(KEYS)];
        let anew = dice.below(4) == 0;
        let fails = dice.below(8) == 0;
        let stage = |tx: &mut Tx<Tracked>| {
            let units = tx.get(&from).expect("an account stays").units.min(1);
            tx.mutate(&from, Change::Move(-units)).map_err(drop)?;
            tx.mutate(&to, Change::Move(units)).map_err(drop)?;
            if anew {
                let end = tx.remove(&to).ok_or(())?;
                tx.create(&to, world.value(world.at(&to), end.units))
                    .map_err(drop)?;
                tx.persist(&to);
            }
            let other = tx.mutate(&other, Change::Held).ok().map(|entry| entry.version());
            if fails { Err(()) } else { Ok(other) }
        };
        let at = world.at(&other);
        let before = world.committed(at);
        let keys = [to, other, from];
        let moved = world.store.transact(&keys, stage);
        let moved = if dice.below(4) == 0 {
            let Ok(moved) = timeout(dice.moment(), moved).await else {
                continue;
            };
            moved
        } else {
            moved.await
        };
        match moved {
            Ok(Some(version)) => commits.note(&world, at, before, version),
            Ok(None) => {}
            Err(TransactError::Aborted(())) => assert!(fails),
            // What it makes anew it holds.
            Err(error) => panic!("{error:?}"),
        }
    }
    commits
}

/// Looks at all accounts at once: units are neither made nor lost.
pub(crate) async fn audit(world: Arc<World>, mut dice: Dice) -> Commits {
    while world.goes_on() {
        let accounts = world.accounts();
        if dice.below(2) == 0 {
            let sum = world.store.transact(accounts, |tx| {
                let units = |key: &Uuid| tx.get(key).expect("an account stays").units;
                Ok::<i64, Infallible>(accounts.iter().map(units).sum())
            });
            assert_eq!(sum.await, Ok(UNITS), "as a transaction sees it");
        } else {
            let guards = world.store.acquire_many(accounts);
            let Ok(guards) = timeout(dice.moment(), guards).await else {
                continue;
            };
            let guards = guards.expect("an account stays");
            for at in KEYS..KEYS + ACCOUNTS {
                world.known[at].canary.enter();
            }
            tokio::task::yield_now().await;
            assert_eq!(
                guards.iter().map(|guard| guard.units).sum::<i64>(),
                UNITS,
                "as guards see it"
            );
            for at in KEYS..KEYS + ACCOUNTS {
                world.known[at].canary.leave();
            }
            drop(guards);
            // Beside entries that come and go.
            let some = [world.keys[dice.below(KEYS)], world.keys[dice.below(KEYS)]];
            if let Ok(guards) = world.store.acquire_many(&some).await {
                guards.iter().for_each(|guard| check_unchanged(&world, guard));
            }
        }
    }
    Commits::default()
}
