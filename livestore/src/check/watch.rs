//! Watching one entry: no gap, one order, one end, and nobody sleeps through it.

use crate::check::act::{Act, KEY, act, poll, side_by_side, store, store_with_cap, wait};
use crate::check::count::{Add, Alone, Count};
use crate::check::explore::{explore, explore_each};
use crate::store::store::LiveStore;
use crate::value::delta::Delta;
use crate::value::options::StoreOptions;
use crate::value::update::Update;
use crate::value::value::LiveValue;
use crate::watch::delta_watch::DeltaWatch;
use crate::watch::watch::Watch;

/// What a watcher was told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    updates: Vec<(&'static str, u64)>,
    /// How many updates it was told that it missed.
    missed: u64,
    /// It was told of the entry's end, and not only that nothing more comes.
    ended: bool,
}

/// Takes updates until nothing more comes, and asserts that each follows the one before.
fn follow(mut watch: Watch<Count>, mut seen: u64) -> Told {
    let mut told = Told {
        updates: Vec::new(),
        missed: 0,
        ended: false,
    };
    let mut is_final = false;
    while let Some(update) = wait(watch.next()) {
        assert!(!told.ended, "something follows the end");
        let version = update.version();
        assert!(version <= watch.latest().version());
        let kind = match update {
            Update::Mutate { new, old, .. } | Update::Overwrite { new, old, .. } => {
                assert_eq!((old.version(), new.version()), (seen, seen + 1));
                assert_eq!(new.value().0, old.value().0 + 1);
                "changed"
            }
            Update::Message { msg, .. } => {
                assert_eq!(version, seen);
                msg
            }
            Update::Resync { missed, .. } => {
                assert!(missed > 0 && version >= seen);
                told.missed += missed;
                is_final = version == watch.latest().version();
                "resync"
            }
            Update::Remove { .. } | Update::Expire { .. } => {
                assert!(version == seen + 1 || (is_final && version == seen));
                told.ended = true;
                "end"
            }
            other => panic!("{other:?}"),
        };
        told.updates.push((kind, version));
        seen = version;
    }
    assert!(wait(watch.next()).is_none());
    told
}

/// How many updates it was told of or missed, but for the end.
fn counted(told: &Told) -> u64 {
    let lone = |(kind, _): &&(&str, u64)| !["resync", "end"].contains(kind);
    told.updates.iter().filter(lone).count() as u64 + told.missed
}

fn add(store: &LiveStore<Count>, add: fn(Alone) -> Add) -> u64 {
    let version = wait(store.mutate(&KEY, add(Alone::default()))).unwrap().version();
    // What is returned can be fetched.
    assert!(store.fetch(&KEY).is_none_or(|entry| entry.version() >= version));
    version
}

#[test]
fn all_watchers_are_told_everything_in_one_order() {
    let orders = explore(1, || {
        let store = store();
        let watches = [(); 2].map(|()| store.fetch_and_watch(&KEY).unwrap());
        let (s1, s2) = (store.clone(), store);
        let writers = [
            act(move || {
                add(&s1, Add::Plainly);
                assert!(s1.broadcast(&KEY, "message").is_ok());
                None
            }),
            act(move || {
                add(&s2, Add::Slowly);
                None
            }),
        ];
        let watchers = watches.map(|(entry, watch)| act(move || Some(follow(watch, entry.version()))));
        let told = side_by_side(writers.into_iter().chain(watchers));
        let told: Vec<Told> = told.into_iter().flatten().collect();
        assert_eq!(told[0], told[1]);
        assert_eq!((counted(&told[0]), told[0].missed, told[0].ended), (3, 0, false));
        told[0].updates.clone()
    });
    orders.are([
        vec![("changed", 2), ("message", 2), ("changed", 3)],
        vec![("changed", 2), ("changed", 3), ("message", 3)],
    ]);
}

/// The store and the entry stay, so nothing else wakes it.
#[test]
fn whoever_waits_is_woken_by_what_there_is_to_tell() {
    type Wait = fn(&LiveStore<Count>) -> Act;
    let waits: [Wait; 4] = [
        |store| {
            let mut watch = store.watch(&KEY).unwrap();
            act(move || (0..2).for_each(|_| assert!(wait(watch.next()).is_some())))
        },
        |store| {
            let mut deltas = store.watch_deltas(&KEY).unwrap();
            act(move || (0..2).for_each(|_| assert!(wait(deltas.next()).is_some())))
        },
        |store| {
            let mut watch = store.watch(&KEY).unwrap();
            act(move || assert_eq!(wait(watch.newest()).unwrap().version(), 2))
        },
        |store| {
            let mut all = store.watch_all();
            act(move || (0..2).for_each(|_| assert!(wait(all.next()).is_some())))
        },
    ];
    explore_each(
        2,
        waits.map(|waits| {
            move || {
                let store = store();
                let (waiter, s1, s2) = (waits(&store), store.clone(), store.clone());
                side_by_side([
                    waiter,
                    act(move || {
                        add(&s1, Add::Plainly);
                    }),
                    act(move || assert!(s2.broadcast(&KEY, "message").is_ok())),
                ]);
            }
        }),
    );
}

#[test]
fn a_watcher_that_lags_is_told_the_present_and_how_much_it_missed() {
    let told = explore(3, || {
        let store = store_with_cap(1);
        let (entry, watch) = store.fetch_and_watch(&KEY).unwrap();
        let told = side_by_side([
            act(move || Some(follow(watch, entry.version()))),
            act(move || {
                add(&store, Add::Plainly);
                assert!(store.broadcast(&KEY, "message").is_ok());
                add(&store, Add::Slowly);
                assert!(wait(store.remove(&KEY)).is_some());
                None
            }),
        ]);
        let told = told.into_iter().flatten().next().unwrap();
        assert!(told.ended);
        assert_eq!(counted(&told), 3);
        (told.missed, told.updates.last().copied())
    });
    // Who lags has missed what was evicted and what evicted it, at least.
    told.are([0, 2, 3].map(|missed| (missed, Some(("end", 4)))));
}

#[test]
fn whoever_joins_sees_the_entry_and_all_that_follows() {
    let first = explore_each(
        2,
        [1, 64].map(|cap| {
            move || {
                let store = store_with_cap(cap);
                let (s1, s2, s3) = (store.clone(), store.clone(), store);
                let told = side_by_side([
                    act(move || {
                        let (entry, watch) = s1.fetch_and_watch(&KEY)?;
                        assert_eq!(entry.value().0 + 1, entry.version());
                        drop(s1);
                        Some((entry.version(), follow(watch, entry.version())))
                    }),
                    act(move || {
                        add(&s2, Add::Plainly);
                        add(&s2, Add::Plainly);
                        assert!(wait(s2.remove(&KEY)).is_some());
                        None
                    }),
                    act(move || {
                        // The ring goes with its last watcher, and another may come.
                        if let Some(mut watch) = s3.watch(&KEY) {
                            drop(poll(&mut Box::pin(watch.next())));
                        }
                        None
                    }),
                ]);
                let joined = told.into_iter().flatten().next();
                joined.map(|(version, told)| {
                    assert!(told.ended);
                    assert_eq!(version + counted(&told), 3);
                    version
                })
            }
        }),
    );
    first.are([None, Some(1), Some(2), Some(3)]);
}

#[test]
fn the_newest_entry_is_never_an_old_one_and_the_last_is_not_slept_through() {
    let versions = explore(2, || {
        let store = store_with_cap(1);
        let (entry, mut watch) = store.fetch_and_watch(&KEY).unwrap();
        let (s1, s2) = (store.clone(), store);
        let mut versions = side_by_side([
            act(move || {
                let mut versions = vec![entry.version()];
                while let Some(entry) = wait(watch.newest()) {
                    assert_eq!(entry.value().0 + 1, entry.version());
                    versions.push(entry.version());
                }
                versions
            }),
            act(move || {
                add(&s1, Add::Plainly);
                assert!(s1.broadcast(&KEY, "message").is_ok());
                Vec::new()
            }),
            act(move || {
                add(&s2, Add::Slowly);
                Vec::new()
            }),
        ]);
        let versions = versions.swap_remove(0);
        assert!(versions.is_sorted_by(|one, next| one < next));
        versions
    });
    // The store ended; whoever is behind then need not be told.
    versions.have(|versions| *versions == [1, 2, 3]);
    versions.have(|versions| *versions == [1, 3]);
}

#[test]
fn a_watch_ends_when_the_last_handle_and_the_last_guard_are_gone() {
    let told = explore(2, || {
        let store = store();
        let watch = store.watch(&KEY).unwrap();
        let weak = store.downgrade();
        let guard = store.try_acquire(&KEY).unwrap();
        let told = side_by_side([
            act(move || Some(follow(watch, 1))),
            act(move || {
                drop(store);
                None
            }),
            act(move || {
                if let Some(store) = weak.upgrade() {
                    assert!(store.broadcast(&KEY, "open").is_ok());
                }
                None
            }),
            act(move || {
                drop(guard);
                None
            }),
        ]);
        let told = told.into_iter().flatten().next().unwrap();
        assert!(!told.ended);
        told.updates
    });
    told.are([vec![], vec![("open", 1)]]);
}

#[test]
fn a_watch_from_an_earlier_version_is_told_what_was_missed() {
    let told = explore(2, || {
        let options = StoreOptions {
            history: 2,
            ..Default::default()
        };
        let store = LiveStore::new().with_options(options).done();
        assert!(store.create(&KEY, Count(0)).is_ok());
        add(&store, Add::Plainly);
        let late = store.clone();
        let told = side_by_side([
            act(move || {
                let watch = late.watch_since(&KEY, 1).unwrap();
                drop(late);
                Some(follow(watch, 1))
            }),
            act(move || {
                add(&store, Add::Plainly);
                add(&store, Add::Slowly);
                None
            }),
        ]);
        let told = told.into_iter().flatten().next().unwrap();
        assert_eq!(counted(&told), 3);
        told.missed
    });
    told.are([0, 3]);
}

/// Applies deltas to a value until nothing more comes. Returns how many were missed.
fn replicate(mut replica: Count, mut seen: u64, mut deltas: DeltaWatch<Count>) -> u64 {
    let (mut lost, mut ended) = (0, false);
    while let Some(delta) = wait(deltas.next()) {
        assert!(!ended, "something follows the end");
        let version = delta.version();
        match delta {
            Delta::Mutate { mutn, .. } => {
                assert_eq!(version, seen + 1);
                replica.apply(&mutn).unwrap();
                assert_eq!(replica.0 + 1, version);
            }
            Delta::Message { .. } => assert_eq!(version, seen),
            Delta::Resync { now, missed } => {
                assert!(version >= seen);
                lost += missed;
                replica = Count(now.0);
            }
            Delta::Remove { val, .. } => {
                assert!(version == seen + 1 || version == seen);
                assert_eq!(val.0, replica.0);
                ended = true;
            }
            other => panic!("{other:?}"),
        }
        seen = version;
    }
    assert!(ended);
    lost
}

/// With somebody who is told values coming and going, and changes in place and on copies.
#[test]
fn a_replica_that_is_kept_by_deltas_is_the_entry() {
    let missed = explore_each(
        1,
        [1, 64].map(|cap| {
            move || {
                let store = store_with_cap(cap);
                let (entry, deltas) = store.fetch_and_watch_deltas(&KEY).unwrap();
                let (s1, s2) = (store.clone(), store);
                let found = side_by_side([
                    act(move || {
                        let first = Count(entry.0);
                        drop(entry);
                        Some(replicate(first, 1, deltas))
                    }),
                    act(move || {
                        add(&s1, Add::Plainly);
                        add(&s1, Add::Plainly);
                        assert!(wait(s1.remove(&KEY)).is_some());
                        None
                    }),
                    act(move || {
                        if let Some((entry, watch)) = s2.fetch_and_watch(&KEY) {
                            drop(s2);
                            let version = entry.version();
                            drop(entry);
                            assert!(follow(watch, version).ended);
                        }
                        None
                    }),
                ]);
                found.into_iter().flatten().next()
            }
        }),
    );
    missed.are([Some(0), Some(2)]);
}

/// Where no history is kept, a rollback to the present succeeds and raises the version. Who watches without values was not told.
#[test]
fn deltas_tell_of_a_rollback_whether_a_history_is_kept_or_not() {
    let told = explore_each(
        2,
        [0, 2].map(|history| {
            move || {
                let options = StoreOptions {
                    history,
                    ..Default::default()
                };
                let store = LiveStore::new().with_options(options).done();
                assert!(store.create(&KEY, Count(0)).is_ok());
                let mut deltas = store.watch_deltas(&KEY).unwrap();
                let (s1, s2) = (store.clone(), store.clone());
                side_by_side([
                    act(move || assert!(wait(s1.rollback(&KEY, 1)).is_ok())),
                    act(move || {
                        assert!(s2.broadcast(&KEY, "message").is_ok());
                    }),
                ]);
                let told: Vec<_> = std::iter::from_fn(|| deltas.try_next())
                    .map(|delta| match delta {
                        Delta::Rollback { new } => ("rollback", new.version()),
                        Delta::Message { version, .. } => ("message", version),
                        other => panic!("{other:?}"),
                    })
                    .collect();
                assert_eq!(store.fetch(&KEY).unwrap().version(), 2);
                told
            }
        }),
    );
    told.are([
        vec![("rollback", 2), ("message", 2)],
        vec![("message", 1), ("rollback", 2)],
    ]);
}
