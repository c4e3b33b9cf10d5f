//! The end of a store while others use it: all of them come to an end, and nothing is found in it afterwards.

use crate::check::act::{Act, KEY, SECOND, act, side_by_side, store, wait};
use crate::check::count::{Add, Alone, Count};
use crate::check::explore::{explore, explore_each};
use crate::store::store::LiveStore;
use crate::value::error::TransactError;

fn close(store: &LiveStore<Count>) {
    assert!(wait(store.close()).is_ok());
}

/// What holds once all have ended.
fn is_over(store: &LiveStore<Count>) {
    for key in [KEY, SECOND] {
        assert!(store.fetch(&key).is_none() && store.watch(&key).is_none());
        assert!(store.try_acquire(&key).is_err());
    }
    assert!(store.is_closed() && store.is_empty());
    assert_eq!(store.entries().count(), 0);
    let stats = store.stats();
    assert_eq!(
        (stats.held, stats.waiters, stats.granted, stats.watchers),
        (0, 0, 0, 0)
    );
}

/// Each returns whether it found, or made, an entry.
#[test]
fn whoever_uses_a_store_that_is_closed_comes_to_an_end() {
    type Use = fn(LiveStore<Count>) -> Act<bool>;
    let uses: [Use; 7] = [
        |store| {
            act(move || {
                let made = store.create(&SECOND, Count(5));
                assert!(made.is_ok_and(|entry| entry.0 == 5));
                store.fetch(&SECOND).is_some()
            })
        },
        |store| {
            act(move || {
                let Some(mut guard) = wait(store.acquire(&KEY)) else {
                    return false;
                };
                let before = guard.version();
                let entry = guard.mutate(Add::Slowly(Alone::default())).unwrap();
                assert_eq!((entry.version(), guard.version()), (before + 1, before + 1));
                true
            })
        },
        |store| act(move || wait(store.mutate(&KEY, Add::Slowly(Alone::default()))).is_ok()),
        |store| act(move || wait(store.remove(&KEY)).is_some()),
        |store| {
            act(move || {
                let made = wait(store.transact(&[KEY], |tx| tx.create(&SECOND, Count(1)).map_err(drop)));
                assert!(matches!(made, Ok(()) | Err(TransactError::Closed)));
                made.is_ok()
            })
        },
        |store| {
            act(move || {
                // One in the place of another, which nobody may find once the store is closed.
                let made = wait(store.transact(&[KEY], |tx| {
                    let found = tx.remove(&KEY).is_some();
                    tx.create(&KEY, Count(1)).map_err(drop)?;
                    Ok::<_, ()>(found)
                }));
                assert!(matches!(made, Ok(_) | Err(TransactError::Closed)));
                made.is_ok_and(|found| found)
            })
        },
        |store| {
            act(move || {
                let Some(mut watch) = store.watch(&KEY) else {
                    return false;
                };
                while let Some(update) = wait(watch.next()) {
                    assert!(!update.is_end(), "nothing was removed");
                }
                true
            })
        },
    ];
    let found = explore_each(
        2,
        uses.map(|uses| {
            move || {
                let store = store();
                let (user, s1, s2) = (uses(store.clone()), store.clone(), store.clone());
                let found = side_by_side([
                    act(move || {
                        close(&s1);
                        false
                    }),
                    user,
                    // So that somebody holds the entry for a while.
                    act(move || wait(s2.mutate(&KEY, Add::Slowly(Alone::default()))).is_ok()),
                ]);
                is_over(&store);
                found[1]
            }
        }),
    );
    found.are([false, true]);
}

#[test]
fn who_waits_behind_a_guard_is_sent_away_and_the_guard_goes_on_alone() {
    let changed = explore(2, || {
        let store = store();
        let mut guard = store.try_acquire(&KEY).unwrap();
        let mut watch = store.watch(&KEY).unwrap();
        let (s1, s2) = (store.clone(), store.clone());
        let changed = side_by_side([
            act(move || {
                close(&s1);
                0
            }),
            act(move || {
                assert_eq!(guard.mutate(Add::Slowly(Alone::default())).unwrap().version(), 2);
                guard.version()
            }),
            act(move || wait(s2.acquire(&KEY)).map_or(0, |guard| guard.version())),
        ]);
        // Told of the change or not, it comes to the end of the store.
        while let Some(update) = wait(watch.next()) {
            assert_eq!(update.version(), 2);
        }
        drop(watch);
        is_over(&store);
        assert_eq!(changed[1], 2);
        changed[2]
    });
    changed.are([0, 2]);
}
