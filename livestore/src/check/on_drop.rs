//! What is committed by a drop is committed once, in its turn, and by nobody's waiting.

use crate::check::act::{KEY, act, assert_free, side_by_side, store, wait};
use crate::check::count::{Add, Alone};
use crate::check::explore::explore;

#[test]
fn drops_guards_and_mutations_lose_nothing_and_leave_the_entry_free() {
    explore(2, || {
        let (store, alone) = (store(), Alone::default());
        let (s1, s2, s3) = (store.clone(), store.clone(), store.clone());
        let (a1, a2, a3) = (alone.clone(), alone.clone(), alone);
        side_by_side([
            act(move || drop(s1.mutate_on_drop(&KEY, Add::Slowly(a1)))),
            act(move || drop(s2.mutate_on_drop(&KEY, Add::Plainly(a2)))),
            act(move || {
                let mut guard = wait(s3.acquire(&KEY)).unwrap();
                // It is its own turn only when this one ends.
                drop(s3.mutate_on_drop(&KEY, Add::Panicking));
                guard.mutate(Add::Plainly(a3)).unwrap();
            }),
        ]);
        let entry = store.fetch(&KEY).unwrap();
        assert_eq!((entry.0, entry.version()), (3, 4));
        assert_free(&store, &KEY);
    });
}

#[test]
fn who_waits_behind_a_drop_that_ends_anyhow_has_its_turn() {
    let outcomes = explore(2, || {
        let store = store();
        let (s1, s2, s3) = (store.clone(), store.clone(), store.clone());
        let versions = side_by_side([
            act(move || {
                let guard = s1.try_acquire(&KEY).ok();
                drop(s1.mutate_on_drop(&KEY, Add::Refused));
                guard.map(|guard| guard.delete().version())
            }),
            act(move || {
                drop(s2.mutate_on_drop(&KEY, Add::Slowly(Alone::default())));
                None
            }),
            act(move || {
                wait(s3.mutate(&KEY, Add::Plainly(Alone::default())))
                    .ok()
                    .map(|entry| entry.version())
            }),
        ]);
        assert_eq!(store.fetch(&KEY).is_none(), versions[0].is_some());
        if versions[0].is_none() {
            assert_eq!(store.fetch(&KEY).unwrap().version(), 3);
            assert_free(&store, &KEY);
        }
        versions[0]
    });
    // Removed before, between or after the two others; or not at all.
    outcomes.are([None, Some(2), Some(3), Some(4)]);
}
