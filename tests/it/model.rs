//! Random operations against a plain model: what a map, queues and lists of updates would do.
//!
//! One thread, so that the model knows what happens when; interleavings are those of polls, and time passes only where an
//! operation says so. What fails is shrunk to a short list of operations, which the message shows.
//!
//! Runs `MODEL_CASES` cases, at random; by default 400 for each kind of value, always the same.

mod counting;
mod op;
mod reference;
mod tasks;
mod watchers;
mod world;

use livestore_tests::Counter;
use proptest::strategy::Just;
use proptest::test_runner::TestError;
use tokio::task::unconstrained;

use crate::cases::{Cases, reached};
use counting::{Counting, Plain};
use op::{Case, case};
use world::World;

const RARE: [&str; 21] = [
    "a lag of a watch",
    "a lag of everything",
    "a lag of a watch of deltas",
    "a replay",
    "a resync instead of a replay",
    "a turn after a wait",
    "a wait that timed out",
    "a wait for an entry that ended",
    "a transaction that waited",
    "a transaction that found a key occupied",
    "an expiry that a guard deferred",
    "an expiry before the next in line",
    "a replay of deltas",
    "a resync instead of a replay of deltas",
    "a resync of deltas because of a replaced value",
    "a mutation on drop that waits",
    "a mutation on drop that finds no entry",
    "a mutation on drop that was to be committed before",
    "a wait that the end of the store ended",
    "a transaction that the end of the store refused",
    "an update of a set",
];

fn run<V: Counting>(case: Case) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    // Without a budget, a poll waits for nothing but what it is about.
    runtime.block_on(unconstrained(async {
        let mut world = World::<V>::new(case.settings);
        for op in case.ops {
            world.apply(op).await;
        }
        world.end();
    }));
}

#[test]
fn random_operations_on_copies_agree_with_the_model() {
    run_all::<Counter>();
}

#[test]
fn random_operations_in_place_agree_with_the_model() {
    run_all::<Plain>();
}

fn run_all<V: Counting>() {
    let mut cases = Cases::new(400);
    let test = |case| {
        run::<V>(case);
        Ok(())
    };
    match cases.runner.run(&case(), test) {
        Ok(()) => cases.assert_reached(&RARE),
        Err(TestError::Fail(mut reason, mut case)) => {
            // An operation that was made simpler may have become superfluous.
            for at in (0..case.ops.len()).rev() {
                let mut shorter = case.clone();
                shorter.ops.remove(at);
                if let Err(TestError::Fail(again, shorter)) = cases.runner.run_one(Just(shorter), test) {
                    (reason, case) = (again, shorter);
                }
            }
            let Case { settings, ops } = case;
            let ops: String = ops.iter().map(|op| format!("  {op:?}\n")).collect();
            panic!("{reason}\nafter the last of these, with {settings:?}:\n{ops}");
        }
        Err(error) => panic!("{error}"),
    }
}
