//! Of those who want to create one entry, one makes its value, and nobody waits for ever.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use shuttle::thread::yield_now;

use crate::check::act::{KEY, SECOND, THIRD, act, side_by_side, store, wait};
use crate::check::count::{Add, Alone, Count};
use crate::check::explore::explore;
use crate::ground::sync::assert_nothing_locked;
use crate::store::store::LiveStore;

/// Makes a value, which nobody else may do meanwhile.
fn make(alone: &Alone, value: u64) -> Count {
    assert_nothing_locked();
    let _inside = alone.enter();
    yield_now();
    Count(value)
}

#[test]
fn one_makes_a_value_at_a_time_and_the_others_get_its_entry() {
    let makers = explore(2, || {
        let (store, alone) = (store(), Alone::default());
        let (s1, s2, s3) = (store.clone(), store.clone(), store.clone());
        let (a1, a2, a3) = (alone.clone(), alone.clone(), alone);
        let seen = side_by_side([
            act(move || s1.fetch_or_create(&THIRD, || make(&a1, 10)).0),
            act(move || s2.fetch_or_create(&THIRD, || make(&a2, 20)).0),
            act(move || {
                let add = Add::Plainly(Alone::default());
                wait(s3.mutate_or_create(&THIRD, || make(&a3, 30), add))
                    .unwrap()
                    .0
            }),
        ]);
        let now = store.fetch(&THIRD).unwrap();
        let maker = now.0 / 10;
        assert_eq!(now.0, maker * 10 + 1);
        assert!(seen.iter().all(|seen| seen / 10 == maker), "{seen:?}");
        // Made and mutated in one commit, or in two.
        assert_eq!(now.version(), if maker == 3 { 1 } else { 2 });
        maker
    });
    makers.are([1, 2, 3]);
}

#[test]
fn who_waits_for_one_that_panics_makes_a_value_of_its_own() {
    let outcomes = explore(2, || {
        let (store, alone) = (store(), Alone::default());
        let (s1, s2) = (store.clone(), store.clone());
        let (a1, a2) = (alone.clone(), alone);
        let panicked = side_by_side([
            act(move || {
                let make = || -> Count {
                    drop(make(&a1, 1));
                    resume_unwind(Box::new("this closure panics"))
                };
                catch_unwind(AssertUnwindSafe(|| s1.fetch_or_create(&THIRD, make))).is_err()
            }),
            act(move || s2.fetch_or_create(&THIRD, || make(&a2, 2)).0 != 2),
        ]);
        assert_eq!(store.fetch(&THIRD).unwrap().0, 2);
        panicked
    });
    outcomes.are([vec![false, false], vec![true, false]]);
}

#[test]
fn closures_that_ask_for_each_others_keys_do_not_wait_for_ever() {
    explore(2, || {
        let store = LiveStore::<Count>::default();
        let threads = [(KEY, SECOND), (SECOND, KEY)].map(|(mine, theirs)| {
            let store = store.clone();
            act(move || {
                store.fetch_or_create(&mine, || {
                    yield_now();
                    drop(store.fetch_or_create(&theirs, || Count(2)));
                    drop(store.fetch_or_create(&mine, || Count(3)));
                    Count(1)
                });
            })
        });
        side_by_side(threads);
        assert_eq!(store.len(), 2);
    });
}
