//! A waker is the user's: it is cloned, woken and dropped with nothing locked.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Waker};

use cooked_waker::{IntoWaker, Wake, WakeRef};

use crate::check::act::{Act, KEY, SECOND, act, side_by_side, store, wait};
use crate::check::count::{Add, Alone};
use crate::check::explore::explore_each;
use crate::ground::sync::assert_nothing_locked;
use crate::store::store::LiveStore;

use crate::check::count::Count;

/// A waker that sees to it that nothing is locked, whatever is done with it.
struct Checked(Waker);

impl Clone for Checked {
    fn clone(&self) -> Checked {
        assert_nothing_locked();
        Checked(self.0.clone())
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        assert_nothing_locked();
    }
}

impl WakeRef for Checked {
    fn wake_by_ref(&self) {
        assert_nothing_locked();
        self.0.wake_by_ref();
    }
}

impl Wake for Checked {}

/// Waits with such a waker, a new one each time.
fn wait_checked<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    wait(poll_fn(move |cx| {
        let waker = Box::new(Checked(cx.waker().clone())).into_waker();
        future.as_mut().poll(&mut Context::from_waker(&waker))
    }))
}

#[test]
fn wakers_are_cloned_woken_and_dropped_with_nothing_locked() {
    type Wait = fn(LiveStore<Count>) -> Act;
    let waits: [Wait; 6] = [
        |store| {
            let mut watch = store.watch(&KEY).unwrap();
            act(move || drop(wait_checked(watch.next())))
        },
        |store| {
            let mut watch = store.watch(&KEY).unwrap();
            act(move || drop(wait_checked(watch.newest())))
        },
        |store| {
            let mut deltas = store.watch_deltas(&KEY).unwrap();
            act(move || drop(wait_checked(deltas.next())))
        },
        |store| {
            let mut all = store.watch_all();
            act(move || drop(wait_checked(all.next())))
        },
        |store| act(move || drop(wait_checked(store.acquire(&KEY)))),
        |store| {
            act(move || {
                let add = Add::Slowly(Alone::default());
                assert!(wait_checked(store.mutate(&KEY, add)).is_ok());
            })
        },
    ];
    explore_each(
        2,
        waits.map(|waits| {
            move || {
                let store = store();
                let waiter = waits(store.clone());
                let (s1, s2) = (store.clone(), store);
                side_by_side([
                    waiter,
                    act(move || {
                        let mut guard = wait_checked(s1.acquire(&KEY)).unwrap();
                        assert!(guard.mutate(Add::Plainly(Alone::default())).is_ok());
                    }),
                    act(move || drop(s2.create(&SECOND, Count(0)))),
                ]);
            }
        }),
    );
}
