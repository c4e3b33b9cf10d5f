//! Watching many entries with one receiver: nobody sleeps through news, and each entry is told in its order.

use std::collections::BTreeMap;

use shuttle::thread;
use uuid::Uuid;

use crate::check::act::{Act, KEY, SECOND, act, side_by_side, store_with_cap, wait};
use crate::check::count::{Add, Alone, Count};
use crate::check::explore::{explore, explore_each};
use crate::store::store::LiveStore;
use crate::value::update::Update;
use crate::watch::watch_set::WatchSet;

fn add(store: &LiveStore<Count>, key: Uuid) {
    drop(wait(store.mutate(&key, Add::Plainly(Alone::default()))));
}

/// A store with two entries, which the set watches.
fn watched(cap: usize) -> (LiveStore<Count>, WatchSet<Count>) {
    let store = store_with_cap(cap);
    assert!(store.create(&SECOND, Count(0)).is_ok());
    let mut set = store.watch_set();
    assert!(set.add(&KEY).is_some() && set.add(&SECOND).is_some());
    (store, set)
}

/// What a set was told of each key: the version it came to, how many resyncs, and whether it ended.
type Told = BTreeMap<Uuid, (u64, usize, bool)>;

/// Takes updates until nothing more comes, and asserts that each follows the one before.
fn follow(set: &mut WatchSet<Count>, mut told: Told) -> Told {
    while let Some((key, update)) = wait(set.next()) {
        let (seen, resyncs, ended) = told.entry(key).or_insert((1, 0, false));
        assert!(!*ended, "something follows the end");
        let version = update.version();
        match update {
            Update::Mutate { new, old, .. } => {
                assert_eq!((old.version(), new.version()), (*seen, *seen + 1));
                assert_eq!(new.0, old.0 + 1);
            }
            Update::Message { .. } => assert_eq!(version, *seen),
            Update::Resync { .. } => {
                assert!(version >= *seen);
                *resyncs += 1;
            }
            Update::Remove { .. } => *ended = true,
            other => panic!("{other:?}"),
        }
        *seen = version;
    }
    assert!(set.is_empty());
    told
}

/// Removes both entries when others have done what they do, so that the set comes to an end that it must be told of.
fn until_removed(cap: usize, acts: impl Fn(&LiveStore<Count>) -> Vec<Act>) -> Told {
    let (store, mut set) = watched(cap);
    let acts = acts(&store);
    let follower = thread::spawn(move || follow(&mut set, Told::new()));
    side_by_side(acts);
    for key in [KEY, SECOND] {
        wait(store.remove(&key)).unwrap();
    }
    follower.join().unwrap()
}

#[test]
fn whoever_waits_for_two_entries_is_told_everything_of_both() {
    let told = explore(2, || {
        until_removed(64, |store| {
            let (s1, s2) = (store.clone(), store.clone());
            vec![
                act(move || {
                    add(&s1, KEY);
                    add(&s1, SECOND);
                }),
                act(move || {
                    add(&s2, KEY);
                    assert!(s2.broadcast(&SECOND, "message").is_ok());
                }),
            ]
        })
    });
    // Mutated twice and removed, and mutated once and removed.
    told.are([Told::from([(KEY, (4, 0, true)), (SECOND, (3, 0, true))])]);
}

#[test]
fn an_entry_that_lags_is_answered_and_takes_nothing_from_the_other() {
    let resyncs = explore(2, || {
        let told = until_removed(1, |store| {
            let (s1, s2) = (store.clone(), store.clone());
            vec![
                act(move || (0..2).for_each(|_| add(&s1, KEY))),
                act(move || add(&s2, SECOND)),
            ]
        });
        assert_eq!((told[&KEY].0, told[&KEY].2), (4, true));
        assert_eq!(told[&SECOND], (3, 0, true));
        told[&KEY].1
    });
    resyncs.are([0, 1]);
}

#[test]
fn what_is_added_removed_and_added_again_meanwhile_is_told_from_then_on() {
    let begun = explore(2, || {
        let (store, mut set) = watched(64);
        let (s1, s2) = (store.clone(), store.clone());
        let follower = thread::spawn(move || {
            assert!(set.remove(&KEY));
            // What was told of it before is what a place says that another has now.
            let again = set.add(&KEY).map(|entry| entry.version());
            drop(s2);
            let told = Told::from_iter(again.map(|version| (KEY, (version, 0, false))));
            (again, follow(&mut set, told))
        });
        side_by_side([act(move || {
            add(&s1, KEY);
            add(&s1, SECOND);
            add(&s1, KEY);
        })]);
        wait(store.remove(&KEY)).unwrap();
        drop(store);
        let (again, told) = follower.join().unwrap();
        assert_eq!(told.get(&KEY), again.map(|_| &(4, 0, true)));
        assert_eq!(told[&SECOND], (2, 0, false));
        again
    });
    begun.are([None, Some(1), Some(2), Some(3)]);
}

#[test]
fn a_set_ends_with_its_store_whatever_it_does() {
    let told = explore_each(
        2,
        [false, true].map(|close| {
            move || {
                let (store, mut set) = watched(64);
                let (s1, s2) = (store.clone(), store);
                let follower = thread::spawn(move || follow(&mut set, Told::new()));
                side_by_side([
                    act(move || add(&s1, KEY)),
                    act(move || {
                        if close {
                            assert!(wait(s2.close()).is_ok());
                        }
                        drop(s2);
                    }),
                ]);
                follower.join().unwrap()
            }
        }),
    );
    // Nobody was told that anything was removed.
    told.are([Told::new(), Told::from([(KEY, (2, 0, false))])]);
}
