//! Calls from several threads at once look as if they had come one after another.
//!
//! Threads do what they like with two entries and note what each call returned and when. Then a search must find an
//! order of all these calls which a plain sequential model allows: entries with a value, a version, a past and a holder,
//! and the floor that they share. The last test shows that it notices a store that is not right.
//!
//! Runs for `LINEAR_SECONDS` (2 by default).

mod actor;
mod search;
mod traced;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use livestore::{LiveStore, StoreOptions};

use actor::{Actor, Fault, name};
use search::{Call, linearize};
use traced::{Copied, InPlace, Traced, reseed};
use world::{Did, What, World, seen};

const KEYS: usize = 2;
const THREADS: usize = 3;
/// Per thread and round, at least; who holds a guard at the end lets it go.
const ACTS: usize = 9;
/// How many updates are kept, where any are.
const KEPT: usize = 3;

/// A round on a store of its own. Returns how many calls overlapped another, or the history that has no explanation.
fn round<V: Traced>(seed: u64, fault: Fault) -> Result<usize, String> {
    let kept = if seed.is_multiple_of(2) { KEPT } else { 0 };
    let options = StoreOptions {
        history: kept,
        shard_amt: Some(2),
        ..Default::default()
    };
    let store = LiveStore::<V>::new().with_options(options).done();
    // What is watched is changed on a copy, what is not in place.
    let watch = seed.is_multiple_of(3).then(|| store.watch_all());
    let (clock, numbers) = (AtomicU64::new(0), AtomicU64::new(0));
    let all_ready = Barrier::new(THREADS);
    let calls = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, clock, numbers) = (&store, &clock, &numbers);
            let (calls, all_ready) = (&calls, &all_ready);
            scope.spawn(move || {
                reseed(seed * THREADS as u64 + thread as u64);
                let mut actor = Actor {
                    thread,
                    store,
                    fault,
                    clock,
                    numbers,
                    calls: Vec::new(),
                    guards: Vec::new(),
                    fetched: Default::default(),
                };
                all_ready.wait();
                let mut acts = 0;
                while acts < ACTS || !actor.guards.is_empty() {
                    actor.act();
                    acts += 1;
                }
                calls.lock().unwrap().append(&mut actor.calls);
            });
        }
    });
    drop(watch);
    let mut calls = calls.into_inner().unwrap();
    for key in 0..KEYS {
        // Nothing comes after this.
        let end = store.fetch(&name(key)).as_ref().map(seen);
        let now = clock.fetch_add(1, Ordering::SeqCst);
        calls.push(Call {
            invoked: now,
            returned: now,
            did: Did {
                thread: THREADS,
                key,
                what: What::Fetched(end),
            },
        });
    }
    calls.sort_by_key(|call| call.invoked);
    let overlapping = calls.windows(2).filter(|pair| pair[1].invoked < pair[0].returned);
    match linearize(&World::keeping(kept), &calls) {
        Ok(_) => Ok(overlapping.count()),
        Err(stuck) => {
            let mut text = format!("seed {seed}: in this order,\n");
            for at in &stuck.explained {
                text += &format!("  {:?}\n", calls[*at]);
            }
            text += "and none of these can come next:\n";
            for at in &stuck.rest {
                text += &format!("  {:?}\n", calls[*at]);
            }
            Err(text)
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "how long it runs is for the real clock to say"
)]
fn rounds<V: Traced>() {
    let seconds = std::env::var("LINEAR_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2_u32);
    // Two kinds of values share the time.
    let until = Instant::now() + Duration::from_secs(1) * seconds / 2;
    let (mut seed, mut overlapping) = (0, 0);
    while Instant::now() < until || seed < 100 {
        match round::<V>(seed, Fault::None) {
            Ok(overlaps) => overlapping += overlaps,
            Err(history) => panic!("{history}"),
        }
        seed += 1;
    }
    let per_round = overlapping as u64 / seed;
    assert!(
        per_round > 0,
        "the threads hardly met: {overlapping} times in {seed} rounds"
    );
}

#[test]
fn calls_that_change_values_in_place_have_an_order() {
    rounds::<InPlace>();
}

#[test]
fn calls_that_change_copies_have_an_order() {
    rounds::<Copied>();
}

/// It takes a dozen rounds or so, more where threads seldom meet.
fn is_noticed<V: Traced>(fault: Fault) -> bool {
    (0..20_000).any(|seed| round::<V>(seed, fault).is_err())
}

#[test]
fn a_store_that_is_not_right_is_noticed() {
    for fault in [
        Fault::LostWrite,
        Fault::StaleSnapshot,
        Fault::StaleRead,
        Fault::RepeatedVersion,
        Fault::LateCommit,
        Fault::VersionOfRefusal,
    ] {
        assert!(is_noticed::<InPlace>(fault), "{fault:?} in place");
        assert!(is_noticed::<Copied>(fault), "{fault:?} on a copy");
    }
}
