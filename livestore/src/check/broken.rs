//! The checker itself: how many orders it finds, and locks with a known fault each, which it must find.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shuttle::thread::yield_now;

use crate::check::act::{act, side_by_side, wait};
use crate::check::count::Alone;
use crate::check::explore::{Explored, explore_exactly};
use crate::ground::sync::Mutex;
use crate::ground::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// These checks are about the checker, so they do not depend on how much it is asked to explore.
fn explore<T: Ord + Send + 'static>(
    preemptions: usize,
    check: impl Fn() -> T + Send + Sync + 'static,
) -> Explored<T> {
    explore_exactly(preemptions, Duration::ZERO, [check])
}

/// In how many orders two threads count to two each.
fn orders(preemptions: usize) -> usize {
    let numbers = explore(preemptions, || {
        let counter = Arc::new(AtomicUsize::new(0));
        side_by_side([(); 2].map(|()| {
            let counter = Arc::clone(&counter);
            act(move || [counter.fetch_add(1, SeqCst), counter.fetch_add(1, SeqCst)])
        }))
    });
    numbers.count()
}

#[test]
fn every_order_is_found_once_enough_preemptions_are_allowed() {
    // 4! / (2! * 2!) orders of two and two steps; without preemption, one thread after the other.
    assert_eq!(orders(0), 2);
    assert_eq!(orders(1), 4);
    assert_eq!(orders(2), 6);
    assert_eq!(orders(3), 6);
}

/// What is wrong with a lock.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// It looks whether it is free, and takes it in another step.
    LooksAndTakes,
    /// It looks whether it is free, and queues up in another step.
    LooksAndQueues,
    /// It is free while somebody is granted it and has yet to take it up.
    IsFreeWhenGranted,
    /// A waiter that goes away keeps what it was granted.
    KeepsTheGrant,
}

/// A lock like that of an entry, with a fault.
struct Lock {
    fault: Fault,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: bool,
    granted: Option<usize>,
    queue: VecDeque<(usize, Waker)>,
    tickets: usize,
}

struct Place<'a> {
    lock: &'a Lock,
    ticket: Option<usize>,
}

impl Lock {
    fn new(fault: Fault) -> Lock {
        let state = Mutex::new(State::default());
        Lock { fault, state }
    }

    async fn acquire(&self) {
        let mut place = Place {
            lock: self,
            ticket: None,
        };
        poll_fn(|cx| place.poll(cx)).await;
    }

    fn release(&self) {
        let mut state = self.state.lock();
        let next = state.queue.pop_front();
        state.held = next.is_some();
        state.granted = next.as_ref().map(|(ticket, _)| *ticket).or(state.granted);
        if self.fault == Fault::IsFreeWhenGranted {
            state.held = false;
        }
        drop(state);
        if let Some((_, waker)) = next {
            waker.wake();
        }
    }
}

impl Place<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock.state.lock();
        if let Some(ticket) = self.ticket {
            if state.granted != Some(ticket) {
                return Poll::Pending;
            }
            (state.granted, state.held, self.ticket) = (None, true, None);
            return Poll::Ready(());
        }
        let is_free = !state.held;
        if self.lock.fault
            == if is_free {
                Fault::LooksAndTakes
            } else {
                Fault::LooksAndQueues
            }
        {
            drop(state);
            state = self.lock.state.lock();
        }
        if is_free {
            state.held = true;
            return Poll::Ready(());
        }
        state.tickets += 1;
        self.ticket = Some(state.tickets);
        let ticket = state.tickets;
        state.queue.push_back((ticket, cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut state = self.lock.state.lock();
        state.queue.retain(|(waiting, _)| *waiting != ticket);
        if state.granted == Some(ticket) && self.lock.fault != Fault::KeepsTheGrant {
            drop(state);
            self.lock.release();
        }
    }
}

/// Three threads take the lock, one of which gives up if it has to wait.
fn explore_lock(fault: Fault) {
    let gave_up = explore(2, move || {
        let (lock, alone) = (Arc::new(Lock::new(fault)), Alone::default());
        let gave_up = side_by_side([false, false, true].map(|gives_up| {
            let (lock, alone) = (Arc::clone(&lock), alone.clone());
            act(move || {
                let mut acquire = pin!(lock.acquire());
                if gives_up {
                    let mut cx = Context::from_waker(Waker::noop());
                    if acquire.as_mut().poll(&mut cx).is_pending() {
                        return true;
                    }
                } else {
                    wait(acquire);
                }
                let inside = alone.enter();
                yield_now();
                drop(inside);
                lock.release();
                false
            })
        }));
        gave_up[2]
    });
    gave_up.are([false, true]);
}

#[test]
fn nothing_is_found_in_a_lock_that_is_right() {
    explore_lock(Fault::None);
}

#[test]
#[should_panic(expected = "two have the exclusive right at once")]
fn a_lock_that_is_taken_in_two_steps_is_found() {
    explore_lock(Fault::LooksAndTakes);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_wake_up_that_is_lost_is_found() {
    explore_lock(Fault::LooksAndQueues);
}

#[test]
#[should_panic(expected = "two have the exclusive right at once")]
fn a_lock_that_others_slip_into_is_found() {
    explore_lock(Fault::IsFreeWhenGranted);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_grant_that_is_kept_is_found() {
    explore_lock(Fault::KeepsTheGrant);
}

#[test]
#[should_panic(expected = "deadlock")]
fn two_locks_taken_crosswise_are_found() {
    explore(1, || {
        let locks = [Arc::new(Mutex::new(())), Arc::new(Mutex::new(()))];
        side_by_side([[0, 1], [1, 0]].map(|order| {
            let [first, second] = order.map(|at| Arc::clone(&locks[at]));
            act(move || {
                let _first = first.lock();
                let _second = second.lock();
            })
        }));
    });
}
