//! [`Makings`]: for which keys somebody makes a value just now, so that nobody else makes one as well.
//!
//! Whoever finds a key vacant and has a closure that makes a value takes a [`Making`], runs the closure with nothing locked,
//! and drops it when the entry is there, or by a panic. Others wait for that, and then look the key up again. So there
//! is one item for each closure that runs, and none while none does.
//!
//! **Who is waited for does not wait.** A closure may call the store, also for the key that it makes a value of, and two
//! closures may ask for each other's keys. A thread that runs one therefore gets another making at once, beside the one that
//! there may be. So nobody can be waited for by somebody whom it waits for.
//!
//! Lock order: a leaf, taken with nothing else locked.

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use uuid::Uuid;

use crate::ground::sync::{Mutex, thread_local};
use crate::ground::unwind::{caught, drop_before};

thread_local! {
    /// How many makings this thread has, in whatever stores.
    static MAKINGS: Cell<usize> = const { Cell::new(0) };
}

pub(crate) struct Makings {
    state: Mutex<State>,
}

struct State {
    /// Those that others may wait for: at most one per key, in no order. Seldom more than one.
    running: Vec<Running>,
    /// The next number of a making or a waiter.
    next: u64,
}

struct Running {
    number: u64,
    key: Uuid,
    /// Wakers of those who wait, each with the number of the waiter.
    waiting: Vec<(u64, Waker)>,
}

impl Makings {
    pub(crate) fn new() -> Makings {
        Makings {
            state: Mutex::new(State {
                running: Vec::new(),
                next: 0,
            }),
        }
    }

    /// Begins to make a value of this key. If somebody else makes one, waits for its end and returns `None`: look the
    /// key up again.
    pub(crate) fn begin<'a>(&'a self, key: &'a Uuid) -> Wait<'a> {
        Wait {
            makings: self,
            key,
            waiter: None,
        }
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn find(&mut self, number: u64) -> Option<&mut Running> {
        self.running.iter_mut().find(|making| making.number == number)
    }

    /// The waker of a waiter, unless the making has ended.
    fn waiting(&mut self, waiter: Waiter) -> Option<&mut Waker> {
        let mut waiting = self.find(waiter.making)?.waiting.iter_mut();
        waiting.find_map(|(number, waker)| (*number == waiter.number).then_some(waker))
    }

    fn leave(&mut self, waiter: Waiter) -> Option<Waker> {
        let waiting = &mut self.find(waiter.making)?.waiting;
        let at = waiting.iter().position(|(number, _)| *number == waiter.number)?;
        Some(waiting.swap_remove(at).1)
    }
}

/// The right to make a value. While it lasts, its thread does not wait for another's.
pub(crate) struct Making<'a> {
    makings: &'a Makings,
    /// `None` if it stands beside another of its key, and nobody waits for it.
    number: Option<u64>,
    _of_this_thread: PhantomData<*const ()>,
}

impl<'a> Making<'a> {
    fn begin(makings: &'a Makings, number: Option<u64>) -> Making<'a> {
        MAKINGS.with(|makings| makings.set(makings.get() + 1));
        Making {
            makings,
            number,
            _of_this_thread: PhantomData,
        }
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        MAKINGS.with(|makings| makings.set(makings.get() - 1));
        let Some(number) = self.number else { return };
        let mut state = self.makings.state.lock();
        let at = state.running.iter().position(|making| making.number == number);
        let ended = at.map(|at| state.running.swap_remove(at));
        drop(state);
        for (_, waker) in ended.into_iter().flat_map(|making| making.waiting) {
            // It may be a panic that ends it, and each is woken in any case.
            let _ = caught(|| waker.wake());
        }
    }
}

/// Waits for a making, or for the end of somebody else's.
#[must_use = "does nothing unless it is awaited"]
pub(crate) struct Wait<'a> {
    makings: &'a Makings,
    key: &'a Uuid,
    waiter: Option<Waiter>,
}

#[derive(Clone, Copy)]
struct Waiter {
    number: u64,
    /// The making whose end it waits for.
    making: u64,
}

impl<'a> Future for Wait<'a> {
    type Output = Option<Making<'a>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Making<'a>>> {
        // Cloned, and dropped, with nothing locked; and before a making is returned, which would be for ever if that panics.
        let mut waker = Some(cx.waker().clone());
        let polled = self.look(&mut waker);
        drop_before(waker, polled)
    }
}

impl<'a> Wait<'a> {
    /// Takes a making if it may, or has the waker wait and leaves what that replaces in its place.
    fn look(&mut self, waker: &mut Option<Waker>) -> Poll<Option<Making<'a>>> {
        let mut state = self.makings.state.lock();
        if let Some(waiter) = self.waiter {
            let Some(place) = state.waiting(waiter) else {
                self.waiter = None;
                return Poll::Ready(None);
            };
            if let Some(waker) = waker {
                mem::swap(place, waker);
            }
            return Poll::Pending;
        }
        let number = state.number();
        match state.running.iter_mut().find(|making| making.key == *self.key) {
            // Somebody may wait for this thread.
            Some(_) if MAKINGS.with(Cell::get) > 0 => Poll::Ready(Some(Making::begin(self.makings, None))),
            Some(running) => {
                running.waiting.extend(waker.take().map(|waker| (number, waker)));
                let making = running.number;
                self.waiter = Some(Waiter { number, making });
                Poll::Pending
            }
            None => {
                state.running.push(Running {
                    number,
                    key: *self.key,
                    waiting: Vec::new(),
                });
                Poll::Ready(Some(Making::begin(self.makings, Some(number))))
            }
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter else { return };
        let waker = self.makings.state.lock().leave(waiter);
        drop(waker);
    }
}
