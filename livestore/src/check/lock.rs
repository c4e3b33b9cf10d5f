//! The lock of one entry: one at a time, first come, first served, and never locked for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use shuttle::thread::yield_now;

use crate::check::act::{KEY, SECOND, act, assert_free, assert_panics, poll, side_by_side, store, wait};
use crate::check::count::{Add, Alone, Count, OnDrop};
use crate::check::explore::{explore, explore_each};
use crate::store::guard::EntryGuard;
use crate::store::store::LiveStore;

/// Something that waits for an entry, or has one in the end.
type Waiting<R> = Pin<Box<dyn Future<Output = R> + Send>>;

fn acquire(store: &LiveStore<Count>) -> Waiting<Option<EntryGuard<Count>>> {
    let store = store.clone();
    Box::pin(async move { store.acquire(&KEY).await })
}

/// Changes the entry through a guard. Returns the version that it led to.
fn change(guard: Option<EntryGuard<Count>>, alone: &Alone) -> Option<u64> {
    let mut guard = guard?;
    let inside = alone.enter();
    let before = guard.version();
    drop(inside);
    guard.mutate(Add::Slowly(alone.clone())).unwrap();
    let _inside = alone.enter();
    assert_eq!(guard.version(), before + 1);
    Some(guard.version())
}

fn mutate(store: &LiveStore<Count>, add: Add) -> u64 {
    let entry = wait(store.mutate(&KEY, add)).unwrap();
    assert_eq!(entry.value().0 + 1, entry.version());
    entry.version()
}

#[test]
fn one_changes_at_a_time() {
    let versions = explore_each(
        2,
        [Add::Plainly, Add::Slowly].map(|add| {
            move || {
                let (store, alone) = (store(), Alone::default());
                let (s1, s2, s3) = (store.clone(), store.clone(), store.clone());
                let (a1, a2, a3) = (alone.clone(), alone.clone(), alone);
                let mut versions = side_by_side([
                    act(move || change(wait(s1.acquire(&KEY)), &a1)),
                    act(move || Some(mutate(&s2, add(a2)))),
                    act(move || match s3.try_acquire(&KEY) {
                        Ok(guard) => change(Some(guard), &a3),
                        Err(_) => Some(mutate(&s3, Add::Plainly(a3))),
                    }),
                ]);
                let entry = store.fetch(&KEY).unwrap();
                assert_eq!((entry.value().0, entry.version()), (3, 4));
                assert_free(&store, &KEY);
                let order = versions.clone();
                versions.sort();
                assert_eq!(versions, [Some(2), Some(3), Some(4)]);
                order
            }
        }),
    );
    // In all six orders.
    let orders = [[2, 3, 4], [2, 4, 3], [3, 2, 4], [3, 4, 2], [4, 2, 3], [4, 3, 2]];
    versions.are(orders.map(|order| order.map(Some).to_vec()));
}

#[test]
fn a_handle_changes_its_own_life_or_none() {
    let versions = explore_each(
        2,
        [Add::Plainly, Add::Slowly].map(|add| {
            move || {
                let (store, alone) = (store(), Alone::default());
                let handle = store.handle(&KEY).unwrap();
                let s1 = store.clone();
                let versions = side_by_side([
                    act(move || wait(handle.mutate_version(add(alone))).ok()),
                    act(move || {
                        let gone = wait(s1.remove(&KEY)).unwrap();
                        assert!(s1.create(&KEY, Count(0)).is_ok());
                        Some(gone.version())
                    }),
                ]);
                let next = store.fetch(&KEY).unwrap();
                assert_eq!((next.value().0, Some(next.version() - 1)), (0, versions[1]));
                assert_free(&store, &KEY);
                versions
            }
        }),
    );
    versions.are([vec![Some(2), Some(3)], vec![None, Some(2)]]);
}

#[test]
fn who_came_first_is_served_first_and_nobody_slips_in_between() {
    type Barge = fn(&LiveStore<Count>, Alone) -> Option<u64>;
    let barges: [Barge; 3] = [
        |store, alone| change(store.try_acquire(&KEY).ok(), &alone),
        |store, alone| Some(mutate(store, Add::Plainly(alone))),
        |store, alone| Some(mutate(store, Add::Slowly(alone))),
    ];
    let versions = explore_each(
        1,
        barges.map(|barge| {
            move || {
                let (store, alone) = (store(), Alone::default());
                let (a1, a2, a3) = (alone.clone(), alone.clone(), alone);
                let guard = store.try_acquire(&KEY).unwrap();
                let (mut first, mut second) = (acquire(&store), acquire(&store));
                assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
                let mut versions = side_by_side([
                    act(move || change(wait(first), &a1)),
                    act(move || change(wait(second), &a2)),
                    act(move || barge(&store, a3)),
                    act(move || {
                        drop(guard);
                        None
                    }),
                ]);
                assert_eq!(versions[..2], [Some(2), Some(3)]);
                versions.remove(2)
            }
        }),
    );
    versions.are([None, Some(4)]);
}

/// Notes that it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum GaveUp {
    InTheQueue,
    WhenItWasGranted,
    WhenItHeld,
}

#[test]
fn a_wait_that_is_given_up_passes_the_lock_on() {
    for next_is_there in [true, false] {
        for polls_again in [true, false] {
            let gave_up = explore(2, move || {
                let store = store();
                let guard = store.try_acquire(&KEY).unwrap();
                let (mut one, mut next) = (acquire(&store), acquire(&store));
                let woken = Arc::new(Woken::default());
                let waker = Waker::from(Arc::clone(&woken));
                assert!(one.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                assert!(!next_is_there || poll(&mut next).is_pending());
                let gave_up = side_by_side([
                    act(move || {
                        let mut cx = Context::from_waker(&waker);
                        if polls_again && let Poll::Ready(held) = one.as_mut().poll(&mut cx) {
                            drop(held);
                            return Some(GaveUp::WhenItHeld);
                        }
                        yield_now();
                        let granted = woken.0.load(SeqCst);
                        drop(one);
                        Some(if granted {
                            GaveUp::WhenItWasGranted
                        } else {
                            GaveUp::InTheQueue
                        })
                    }),
                    act(move || {
                        drop(guard);
                        None
                    }),
                    act(move || {
                        assert!(wait(next).is_some());
                        None
                    }),
                ]);
                assert_free(&store, &KEY);
                gave_up[0]
            });
            let held = polls_again.then_some(Some(GaveUp::WhenItHeld));
            let others = [GaveUp::InTheQueue, GaveUp::WhenItWasGranted].map(Some);
            gave_up.are(others.into_iter().chain(held));
        }
    }
}

#[test]
fn every_call_can_be_given_up_wherever_it_waits() {
    type Call = fn(LiveStore<Count>) -> Waiting<()>;
    let calls: [Call; 9] = [
        |store| Box::pin(async move { drop(store.mutate(&KEY, Add::Plainly(Alone::default())).await) }),
        |store| Box::pin(async move { drop(store.mutate_if(&KEY, 1, Add::Slowly(Alone::default())).await) }),
        |store| Box::pin(async move { drop(store.insert(&KEY, Count(1)).await) }),
        |store| Box::pin(async move { drop(store.insert_and_watch(&KEY, Count(1)).await) }),
        |store| Box::pin(async move { drop(store.assign_and_acquire(&KEY, Count(1)).await) }),
        |store| Box::pin(async move { drop(store.rollback(&KEY, 1).await) }),
        |store| Box::pin(async move { drop(store.acquire_many(&[SECOND, KEY]).await) }),
        |store| {
            Box::pin(async move {
                let both = [SECOND, KEY];
                let changed = store.transact(&both, |tx| tx.set(&KEY, Count(1)).map(drop));
                drop(changed.await);
            })
        },
        |store| {
            Box::pin(async move {
                drop(
                    store
                        .mutate_or_create(&KEY, || Count(0), Add::Plainly(Alone::default()))
                        .await,
                );
            })
        },
    ];
    let checks = calls.into_iter().enumerate().map(|(at, call)| {
        move || {
            let store = store();
            assert!(store.create(&SECOND, Count(0)).is_ok());
            let guard = store.try_acquire(&KEY).unwrap();
            let (mut one, next) = (call(store.clone()), acquire(&store));
            assert!(poll(&mut one).is_pending());
            let ended = side_by_side([
                act(move || {
                    let ended = poll(&mut one).is_ready();
                    drop(one);
                    ended
                }),
                act(move || {
                    drop(guard);
                    false
                }),
                act(move || wait(next).is_none()),
            ]);
            assert!(!ended[2]);
            // All or nothing, and nothing stays locked.
            let entry = store.fetch(&KEY).unwrap();
            assert!(entry.version() <= 1 + u64::from(ended[0]) && entry.value().0 < entry.version());
            assert_free(&store, &KEY);
            assert_free(&store, &SECOND);
            (at, ended[0])
        }
    });
    let amount = calls.len();
    explore_each(2, checks).are((0..amount).flat_map(|at| [(at, false), (at, true)]));
}

#[test]
fn who_waits_for_an_entry_that_is_removed_finds_it_gone() {
    let held = explore(1, || {
        let store = store();
        let guard = store.try_acquire(&KEY).unwrap();
        let mut first = acquire(&store);
        assert!(poll(&mut first).is_pending());
        let second = acquire(&store);
        let late = store.clone();
        side_by_side([
            act(move || wait(first).is_some()),
            act(move || wait(second).is_some()),
            act(move || late.try_acquire(&KEY).is_ok()),
            act(move || {
                guard.delete();
                false
            }),
        ])
    });
    held.are([vec![false; 4]]);
}

#[test]
fn there_is_one_guard_of_a_key_also_when_it_is_created_again_while_others_wait() {
    let versions = explore(1, || {
        let (store, alone) = (store(), Alone::default());
        let (a1, a2, a3) = (alone.clone(), alone.clone(), alone);
        let guard = store.try_acquire(&KEY).unwrap();
        let mut first = acquire(&store);
        assert!(poll(&mut first).is_pending());
        let second = acquire(&store);
        let again = store.clone();
        let mut versions = side_by_side([
            act(move || change(wait(first), &a1)),
            act(move || change(wait(second), &a2)),
            act(move || {
                let Ok(mut guard) = again.create_and_acquire(&KEY, Count(2)) else {
                    return None;
                };
                let _inside = a3.enter();
                guard.set(Count(3));
                Some(guard.version())
            }),
            act(move || {
                guard.delete();
                None
            }),
        ]);
        let created = versions.remove(2);
        // The removal was version 2; the new life begins with 3.
        assert!(created.is_none_or(|version| version == 4));
        let entry = store.fetch(&KEY);
        assert_eq!(entry.is_some(), created.is_some());
        versions.retain(Option::is_some);
        // Who waited for the former life, or came late, changed the new one or none.
        assert!(versions.iter().all(|version| *version > created));
        (created, versions.len())
    });
    versions.have(|found| *found == (None, 0));
    versions.have(|found| *found == (Some(4), 0));
    versions.have(|found| *found == (Some(4), 2));
}

#[test]
fn a_mutation_that_panics_or_refuses_leaves_the_entry_free() {
    let version = explore(2, || {
        let store = store();
        let (s1, s2, s3) = (store.clone(), store.clone(), store.clone());
        side_by_side([
            act(move || {
                assert_panics(|| wait(s1.mutate(&KEY, Add::Panicking)));
                0
            }),
            act(move || {
                assert!(wait(s2.mutate(&KEY, Add::Refused)).is_err());
                0
            }),
            act(move || mutate(&s3, Add::Slowly(Alone::default()))),
        ]);
        assert_free(&store, &KEY);
        store.fetch(&KEY).unwrap().version()
    });
    version.are([2]);
}

/// A mutation that was refused was dropped while the entry was still held for it.
#[test]
fn a_refused_mutation_may_wait_for_the_entry_when_it_is_dropped() {
    let versions = explore(2, || {
        let store = store();
        let (s1, s2, weak) = (store.clone(), store.clone(), store.downgrade());
        let waits = OnDrop::new(move || {
            if let Some(store) = weak.upgrade() {
                drop(wait(store.acquire(&KEY)));
            }
        });
        let versions = side_by_side([
            act(move || {
                assert!(wait(s1.mutate(&KEY, Add::RefusedAndThen(waits))).is_err());
                0
            }),
            act(move || mutate(&s2, Add::Slowly(Alone::default()))),
        ]);
        assert_free(&store, &KEY);
        versions[1]
    });
    versions.are([2]);
}
