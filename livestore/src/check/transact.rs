//! Several entries changed as one, against single changes, guards and each other.

use std::sync::Mutex;

use shuttle::sync::mpsc;
use uuid::Uuid;

use crate::check::act::{KEY, SECOND, THIRD, act, assert_free, poll, side_by_side, store, wait};
use crate::check::count::{Add, Alone, Count, OnDrop};
use crate::check::explore::explore;
use crate::store::store::LiveStore;
use crate::value::error::TransactError;
use crate::value::update::Update;

/// A store with 10 under both keys.
fn accounts() -> LiveStore<Count> {
    let store = LiveStore::default();
    assert!(store.create(&KEY, Count(10)).is_ok());
    assert!(store.create(&SECOND, Count(10)).is_ok());
    store
}

/// Moves 1, naming the keys in this order.
fn transfer(store: &LiveStore<Count>, from: Uuid, to: Uuid) {
    let moved = wait(store.transact(&[from, to], |tx| {
        let (less, more) = (tx.get(&from).unwrap().0 - 1, tx.get(&to).unwrap().0 + 1);
        tx.set(&from, Count(less)).map(drop).map_err(drop)?;
        tx.set(&to, Count(more)).map(drop).map_err(drop)
    }));
    assert!(moved.is_ok());
}

fn values(store: &LiveStore<Count>) -> [u64; 2] {
    [KEY, SECOND].map(|key| store.fetch(&key).unwrap().0)
}

#[test]
fn transfers_in_both_directions_and_single_changes_end_and_lose_nothing() {
    explore(2, || {
        let store = accounts();
        let (s1, s2, s3) = (store.clone(), store.clone(), store.clone());
        side_by_side([
            act(move || transfer(&s1, KEY, SECOND)),
            act(move || transfer(&s2, SECOND, KEY)),
            act(move || {
                assert!(wait(s3.mutate(&SECOND, Add::Plainly(Alone::default()))).is_ok());
            }),
        ]);
        assert_eq!(values(&store), [10, 11]);
        assert_free(&store, &KEY);
        assert_free(&store, &SECOND);
    });
}

#[test]
fn whoever_holds_both_sees_all_of_a_transaction_or_nothing() {
    let seen = explore(2, || {
        let store = accounts();
        let (s1, s2) = (store.clone(), store);
        let seen = side_by_side([
            act(move || {
                transfer(&s1, SECOND, KEY);
                [0, 0]
            }),
            act(move || {
                let guards = wait(s2.acquire_many(&[SECOND, KEY])).unwrap();
                let first = [guards[0].value().0, guards[1].value().0];
                // The hold is a hold of both: nothing moves meanwhile.
                assert_eq!(values(&s2), first);
                first
            }),
        ]);
        seen[1]
    });
    seen.are([[10, 10], [11, 9]]);
}

#[test]
fn what_one_transaction_creates_is_there_as_a_whole_or_never_was() {
    let outcomes = explore(2, || {
        let store = accounts();
        let fourth = Uuid::from_u128(6);
        let (s1, s2, s3) = (store.clone(), store.clone(), store.clone());
        let done = side_by_side([
            act(move || {
                let created = wait(s1.transact(&[KEY], |tx| {
                    tx.set(&KEY, Count(0)).map(drop).map_err(drop)?;
                    tx.create(&THIRD, Count(1)).map_err(drop)?;
                    tx.create(&fourth, Count(1)).map_err(drop)
                }));
                match created {
                    Ok(()) => true,
                    Err(TransactError::Occupied(key)) => {
                        assert_eq!(key, fourth);
                        false
                    }
                    Err(TransactError::Aborted(()) | TransactError::Closed) => {
                        panic!("nothing was refused or closed")
                    }
                }
            }),
            act(move || s2.create(&fourth, Count(2)).is_ok()),
            act(move || s3.fetch(&THIRD).is_some()),
        ]);
        assert!(done[0] != done[1], "one of them has the key");
        assert!(done[0] || !done[2], "it was seen and never was");
        assert_eq!(store.fetch(&THIRD).is_some(), done[0]);
        assert_eq!(store.fetch(&KEY).unwrap().0, if done[0] { 0 } else { 10 });
        assert_eq!(store.len(), if done[0] { 4 } else { 3 });
        assert_free(&store, &KEY);
        done
    });
    outcomes.are([
        vec![true, false, false],
        vec![true, false, true],
        vec![false, true, false],
    ]);
}

#[test]
fn a_key_that_got_an_entry_while_another_was_waited_for_is_not_missing() {
    let seen = explore(2, || {
        let store = accounts();
        let guard = store.try_acquire(&SECOND).unwrap();
        let (s1, s2) = (store.clone(), store);
        // Before the other in key order, and without an entry.
        let first = Uuid::nil();
        let seen = side_by_side([
            act(move || {
                let created = wait(s1.transact(&[SECOND], |tx| {
                    tx.set(&SECOND, Count(11)).map(drop).map_err(drop)?;
                    tx.create(&first, Count(1)).map_err(drop)
                }));
                assert!(created.is_ok());
                None
            }),
            act(move || {
                let seen = wait(s2.transact(&[first, SECOND], |tx| {
                    Ok::<_, ()>((tx.get(&first).is_some(), tx.get(&SECOND).unwrap().0))
                }));
                seen.ok()
            }),
            act(move || {
                drop(guard);
                None
            }),
        ]);
        seen[1].unwrap()
    });
    seen.are([(false, 10), (true, 11)]);
}

#[test]
fn of_two_transactions_that_create_the_same_keys_one_does() {
    let done = explore(2, || {
        let store: LiveStore<Count> = LiveStore::default();
        let done = side_by_side([[SECOND, THIRD], [THIRD, SECOND]].map(|keys| {
            let store = store.clone();
            act(move || {
                let created = wait(store.transact(&[], |tx| {
                    tx.create(&keys[0], Count(keys[0].as_u128() as u64))
                        .map_err(drop)?;
                    tx.create(&keys[1], Count(keys[0].as_u128() as u64)).map_err(drop)
                }));
                created.is_ok()
            })
        }));
        assert_eq!(
            [SECOND, THIRD].map(|key| store.fetch(&key).unwrap().0 == 2),
            [done[0]; 2]
        );
        done
    });
    done.are([vec![true, false], vec![false, true]]);
}

#[test]
fn an_entry_that_a_transaction_replaces_by_a_new_one_is_never_missing() {
    let seen = explore(2, || {
        let store = store();
        let watch = store.watch(&KEY).unwrap();
        let (s1, s2, s3) = (store.clone(), store.clone(), store);
        let seen = side_by_side([
            act(move || {
                let replaced = wait(s1.transact(&[KEY], |tx| {
                    tx.remove(&KEY).ok_or(())?;
                    tx.create(&KEY, Count(7)).map_err(drop)
                }));
                assert!(replaced.is_ok());
                (0, 0)
            }),
            act(move || {
                let entry = s2.fetch(&KEY).unwrap();
                (entry.version(), entry.0)
            }),
            act(move || {
                let taken = s3.create(&KEY, Count(8)).unwrap_err();
                let guard = wait(s3.acquire(&KEY)).unwrap();
                assert!(guard.version() >= taken.existing.version());
                (guard.version(), guard.value().0)
            }),
        ]);
        let mut watch = watch;
        assert!(
            matches!(poll(&mut Box::pin(watch.next())), std::task::Poll::Ready(Some(Update::Remove { val, .. })) if val.version() == 2)
        );
        seen[1..].to_vec()
    });
    let lives = [(1, 0), (3, 7)];
    seen.are(lives.iter().flat_map(|one| lives.map(|other| vec![*one, other])));
}

#[test]
fn several_changes_of_one_entry_are_told_in_a_row() {
    let told = explore(2, || {
        let store = accounts();
        let mut watch = store.watch(&KEY).unwrap();
        let (s1, s2) = (store.clone(), store);
        let told = side_by_side([
            act(move || {
                let changed = wait(s1.transact(&[SECOND, KEY], |tx| {
                    tx.set(&KEY, Count(20)).map(drop).map_err(drop)?;
                    tx.broadcast(&KEY, "between").map_err(drop)?;
                    tx.set(&KEY, Count(21)).map(drop).map_err(drop)
                }));
                assert!(changed.is_ok());
                Vec::new()
            }),
            act(move || {
                assert!(s2.broadcast(&KEY, "other").is_ok());
                wait(s2.mutate(&KEY, Add::Plainly(Alone::default()))).unwrap();
                Vec::new()
            }),
            act(move || {
                std::iter::from_fn(|| wait(watch.next()))
                    .map(|update| (update.entry().0, update.version()))
                    .collect()
            }),
        ]);
        told[2].clone()
    });
    told.have(|told| *told == [(10, 1), (20, 2), (20, 2), (21, 3), (22, 4)]);
    told.have(|told| *told == [(10, 1), (11, 2), (20, 3), (20, 3), (21, 4)]);
    told.have(|told| *told == [(20, 2), (20, 2), (21, 3), (21, 3), (22, 4)]);
    assert_eq!(told.count(), 3);
}

/// A walk has the slots of a shard in its hands while a transaction gives one of these keys another. Passed over as dead, the
/// key was missing, though it had an entry throughout.
#[test]
fn a_walk_sees_an_entry_that_a_transaction_replaces_by_a_new_one() {
    let seen = explore(2, || {
        let store = accounts();
        let (s1, s2) = (store.clone(), store);
        let seen = side_by_side([
            act(move || {
                let replaced = wait(s1.transact(&[KEY], |tx| {
                    tx.remove(&KEY).ok_or(())?;
                    tx.create(&KEY, Count(7)).map_err(drop)
                }));
                assert!(replaced.is_ok());
                (0, 0)
            }),
            act(move || {
                let mut entries = s2.entries().filter(|(key, _)| *key == KEY);
                let (_, entry) = entries.next().unwrap();
                assert!(entries.next().is_none(), "a walk sees each key once");
                assert_eq!(s2.keys().count(), 2);
                (entry.version(), entry.0)
            }),
        ]);
        seen[1]
    });
    seen.are([(1, 10), (3, 7)]);
}

/// Waits for an entry, wherever it is dropped.
fn waits_for(store: &LiveStore<Count>, key: Uuid) -> OnDrop {
    let weak = store.downgrade();
    OnDrop::new(move || {
        if let Some(store) = weak.upgrade() {
            drop(wait(store.acquire(&key)));
        }
    })
}

/// What a transaction drops was dropped while it held other entries, so a `Drop` that waits for one of these waited for ever.
#[test]
fn what_a_transaction_drops_may_wait_for_each_of_its_entries() {
    for (aborts, key) in [(false, KEY), (false, SECOND), (true, KEY), (true, SECOND)] {
        explore(2, move || {
            let store = accounts();
            let (s1, s2) = (store.clone(), store.clone());
            side_by_side([
                act(move || {
                    let first = Add::AndThen(waits_for(&s1, key));
                    let second = Add::AndThen(waits_for(&s1, key));
                    let result = wait(s1.transact(&[KEY, SECOND], |tx| {
                        tx.mutate(&KEY, first).map_err(drop)?;
                        tx.mutate(&SECOND, second).map_err(drop)?;
                        if aborts { Err(()) } else { Ok(()) }
                    }));
                    assert_eq!(result.is_err(), aborts);
                }),
                act(move || drop(wait(s2.mutate(&SECOND, Add::Slowly(Alone::default()))))),
            ]);
            assert_eq!(values(&store), if aborts { [10, 11] } else { [11, 12] });
            assert_free(&store, &KEY);
            assert_free(&store, &SECOND);
        });
    }
}

/// The second entry's watchers were woken after what the first one's commit displaced was dropped, however slow that was.
#[test]
fn a_transaction_wakes_all_before_it_drops_anything() {
    explore(2, || {
        let store = accounts();
        let (told, is_told) = mpsc::channel();
        let is_told = Mutex::new(Some(is_told));
        // Of the first entry in key order, of which nobody is told, so that it goes with the commit.
        let slow = OnDrop::new(move || {
            let is_told = is_told.lock().unwrap().take();
            if let Some(is_told) = is_told {
                assert_eq!(is_told.recv(), Ok(()));
            }
        });
        let mut watch = store.watch(&SECOND).unwrap();
        side_by_side([
            act(move || {
                let done = wait(store.transact(&[KEY, SECOND], |tx| {
                    tx.mutate(&KEY, Add::AndThen(slow)).map_err(drop)?;
                    tx.mutate(&SECOND, Add::Slowly(Alone::default())).map_err(drop)
                }));
                assert!(done.is_ok());
            }),
            act(move || {
                assert!(wait(watch.next()).is_some());
                told.send(()).unwrap();
            }),
        ]);
    });
}

/// A transaction that creates looks at who has the key, with its new slot locked. Where that one ended and was let go of
/// meanwhile, the transaction was the last to have it, and dropped its value under that lock.
#[test]
fn an_entry_that_ends_while_a_transaction_wants_its_key_is_dropped_with_nothing_locked() {
    let created = explore(2, || {
        let store = store();
        let (s1, s2) = (store.clone(), store.clone());
        let created = side_by_side([
            act(move || wait(s1.remove(&KEY)).is_none()),
            act(move || wait(s2.transact(&[], |tx| tx.create(&KEY, Count(5)).map_err(drop))).is_ok()),
        ]);
        assert_eq!(store.fetch(&KEY).map(|entry| entry.0), created[1].then_some(5));
        created[1]
    });
    created.are([false, true]);
}
