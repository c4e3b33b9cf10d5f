//! Watching everything: a copy that is kept by it is the store.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::task::Poll;

use shuttle::thread;
use uuid::Uuid;

use crate::check::act::{Act, KEY, SECOND, act, side_by_side, store, store_with_cap, wait};
use crate::check::count::{Add, Alone, Count};
use crate::check::explore::{explore, explore_each};
use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::update::Update;
use crate::watch::watch_all::{Batch, WatchAll};

/// A copy of a store: version and value of each entry.
type Copy = BTreeMap<Uuid, (u64, u64)>;

fn copy(entries: impl IntoIterator<Item = (Uuid, Entry<Count>)>) -> Copy {
    entries
        .into_iter()
        .map(|(key, entry)| (key, (entry.version(), entry.0)))
        .collect()
}

/// The key of an entry whose creation ends the keeping of a copy.
const LAST: Uuid = Uuid::from_u128(3);

/// Applies what comes to a copy until [`LAST`] comes or the store ends. Returns it with the number of updates missed.
fn keep(mut copy: Copy, mut all: WatchAll<Count>) -> (Copy, u64) {
    let mut lost = 0;
    let mut ended = BTreeMap::new();
    while let Some((key, update)) = wait(all.next()) {
        let known = copy.get(&key).copied();
        let now = (update.version(), update.entry().0);
        match update {
            Update::Create { .. } => {
                assert_eq!(known, None);
                assert!(
                    ended.get(&key).is_none_or(|version| now.0 > *version),
                    "a version is repeated"
                );
                copy.insert(key, now);
            }
            Update::Mutate { old, .. } | Update::Overwrite { old, .. } => {
                assert_eq!(known, Some((old.version(), old.0)));
                assert_eq!(now.0, old.version() + 1);
                copy.insert(key, now);
            }
            Update::Message { .. } => assert_eq!(known, Some(now)),
            Update::Remove { .. } => {
                let known = known.unwrap();
                assert!(now.0 == known.0 + 1 || now == known);
                copy.remove(&key);
                ended.insert(key, now.0);
            }
            Update::Resync { missed, .. } => {
                assert!(missed > 0 && known.is_none_or(|known| now.0 >= known.0));
                lost += missed;
                copy.insert(key, now);
            }
            other => panic!("{other:?}"),
        }
        if key == LAST {
            break;
        }
    }
    (copy, lost)
}

fn add(store: &LiveStore<Count>, key: Uuid) {
    drop(wait(store.mutate(&key, Add::Plainly(Alone::default()))));
}

/// What threads do to a store of which others keep a copy.
fn writers(store: &LiveStore<Count>) -> [Vec<Act>; 3] {
    let [s1, s2, s3, s4, s5, s6] = [(); 6].map(|()| store.clone());
    [
        vec![
            act(move || add(&s1, KEY)),
            act(move || drop(s2.create(&SECOND, Count(0)))),
        ],
        vec![
            act(move || {
                wait(s3.remove(&KEY));
                drop(s3.create(&KEY, Count(7)));
            }),
            act(move || add(&s4, KEY)),
        ],
        vec![
            act(move || {
                assert!(
                    wait(s5.transact(&[KEY], |tx| {
                        tx.remove(&KEY);
                        tx.create(&KEY, Count(5)).map_err(drop)?;
                        tx.create(&SECOND, Count(6)).map_err(drop)
                    }))
                    .is_ok()
                );
            }),
            act(move || add(&s6, KEY)),
        ],
    ]
}

#[test]
fn a_copy_that_begins_with_the_entries_at_any_moment_becomes_the_store() {
    let first = explore_each(
        2,
        [0, 1, 2].map(|which| {
            move || {
                let store = store();
                let acts = writers(&store).into_iter().nth(which).unwrap();
                let watched = store.clone();
                let keeper = thread::spawn(move || {
                    let (entries, all) = watched.entries_and_watch_all();
                    drop(watched);
                    let first = copy(entries);
                    (first.clone(), keep(first, all))
                });
                side_by_side(acts);
                let last = copy(store.entries());
                drop(store);
                let (first, (kept, lost)) = keeper.join().unwrap();
                assert_eq!((kept, lost), (last, 0));
                first
            }
        }),
    );
    first.have(|first| first.len() == 1 && first[&KEY] == (1, 0));
    first.have(|first| first.len() == 2);
    first.have(|first| first.is_empty());
}

#[test]
fn a_copy_whose_keeper_lags_becomes_the_store() {
    // The second ends an entry and creates another, between which the keeper may look.
    for (which, preemptions) in [(0, 1), (1, 2), (2, 1)] {
        let lost = explore(preemptions, move || {
            let store = store_with_cap(1);
            let (entries, all) = store.entries_and_watch_all();
            // It may be 16 behind.
            (0..15).for_each(|_| assert!(store.broadcast(&KEY, "message").is_ok()));
            let acts = writers(&store).into_iter().nth(which).unwrap();
            let keeper = thread::spawn(move || keep(copy(entries), all));
            side_by_side(acts);
            assert!(store.create(&LAST, Count(0)).is_ok());
            let (kept, lost) = keeper.join().unwrap();
            assert_eq!(kept, copy(store.entries()));
            lost > 0
        });
        lost.are([false, true]);
    }
}

#[test]
fn whoever_joins_without_the_entries_is_told_each_change_as_it_was() {
    type Change = fn(&LiveStore<Count>);
    let changes: [Change; 4] = [
        |store| add(store, KEY),
        |store| drop(wait(store.mutate(&KEY, Add::Slowly(Alone::default())))),
        |store| {
            drop(
                wait(store.acquire(&KEY))
                    .unwrap()
                    .mutate(Add::Plainly(Alone::default())),
            )
        },
        |store| {
            let _deltas = store.watch_deltas(&KEY);
            add(store, KEY);
        },
    ];
    let told = explore_each(
        2,
        changes.map(|change| {
            move || {
                let store = store();
                let (s1, s2) = (store.clone(), store);
                let told = side_by_side([
                    act(move || {
                        change(&s1);
                        change(&s1);
                        0
                    }),
                    act(move || {
                        let mut all = s2.watch_all();
                        drop(s2);
                        let mut told = 0;
                        while let Some((_, update)) = wait(all.next()) {
                            let Update::Mutate { new, old, .. } = update else {
                                panic!("{update:?}");
                            };
                            assert_eq!((old.version(), new.version()), (old.0 + 1, new.0 + 1));
                            assert_eq!(new.0, old.0 + 1);
                            told += 1;
                        }
                        told
                    }),
                ]);
                told[1]
            }
        }),
    );
    told.are([0, 1, 2]);
}

/// Keeps a copy by taking all that there is at once, until the store ends. Returns what was in it then, and after each batch.
fn keep_whole(mut copy: Copy, mut all: WatchAll<Count>) -> Vec<Vec<u64>> {
    let (mut room, mut batch) = (VecDeque::new(), Vec::new());
    let mut been = Vec::new();
    loop {
        let taken = match been.is_empty() {
            // What came while the entries were taken, one after another.
            true => wait(poll_fn(|cx| {
                Poll::Ready(all.batch_now(cx, &mut room, &mut batch))
            })),
            false => Poll::Ready(wait(poll_fn(|cx| all.poll_batch(cx, &mut room, &mut batch)))),
        };
        if let Poll::Ready(Batch::Closed) = taken {
            return been;
        }
        for (key, update) in batch.drain(..) {
            match update.is_end() {
                true => copy.remove(&key),
                false => copy.insert(key, (update.version(), update.entry().0)),
            };
        }
        been.push(copy.values().map(|(_, count)| *count).collect());
    }
}

#[test]
fn whoever_takes_all_that_there_is_has_each_transaction_whole() {
    for messages in [0, 15] {
        let seen = explore(2, move || {
            // It may be 16 behind.
            let store = store_with_cap(1);
            assert!(store.create(&SECOND, Count(10)).is_ok());
            let (s1, s2) = (store.clone(), store);
            let joined = (messages > 0).then(|| s2.entries_and_watch_all());
            (0..messages).for_each(|_| assert!(s2.broadcast(&KEY, "message").is_ok()));
            // Whoever keeps the copy holds no handle, so the store ends with the writer.
            let keeper = thread::spawn(move || {
                let (entries, all) = joined.unwrap_or_else(|| s2.entries_and_watch_all());
                drop(s2);
                keep_whole(copy(entries), all)
            });
            let writer = thread::spawn(move || {
                let moved = wait(s1.transact(&[KEY, SECOND], |tx| {
                    tx.set(&KEY, Count(4)).map_err(drop)?;
                    tx.remove(&SECOND);
                    tx.create(&SECOND, Count(6)).map_err(drop)
                }));
                assert!(moved.is_ok());
            });
            writer.join().unwrap();
            let been = keeper.join().unwrap();
            assert!(been.iter().all(|been| been.iter().sum::<u64>() == 10), "{been:?}");
            been.first().cloned()
        });
        seen.have(|first| *first == Some(vec![0, 10]));
        seen.have(|first| *first == Some(vec![4, 6]));
    }
}
