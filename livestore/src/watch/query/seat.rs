//! [`Seat`]: what one receiver of a live query is told, and [`Bell`], with which receivers call whoever tells them.
//!
//! Lock order: a bell before a seat; both are leaves for all else. Nothing of the user's runs under them.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::ground::sync::Mutex;
use crate::ground::unwind::{caught, let_go};
use crate::ground::waker;
use crate::value::error::QueryError;
use crate::value::list_update::ListUpdate;

pub(super) type Told<V> = triomphe::Arc<ListUpdate<V>>;

pub(super) struct Seat<V> {
    number: u64,
    state: Mutex<State<V>>,
}

struct State<V> {
    queue: VecDeque<Told<V>>,
    waker: Option<Waker>,
    /// The group that it is told of, once that is known.
    group: Option<usize>,
    /// It has missed something, and is told nothing until it has asked for the list.
    is_behind: bool,
    has_asked: bool,
    /// Nothing more comes.
    is_over: bool,
    has_left: bool,
}

/// Calls the one who tells, and knows whom he tells.
pub(super) struct Bell<V>(Mutex<Calls<V>>);

struct Calls<V> {
    seats: HashMap<u64, Arc<Seat<V>>>,
    next: u64,
    /// Something is to be looked after.
    is_rung: bool,
    asking: Vec<Arc<Seat<V>>>,
    leaving: Vec<Arc<Seat<V>>>,
    waker: Option<Waker>,
    is_over: bool,
}

impl<V> Seat<V> {
    /// One whose query has ended before it began.
    pub(super) fn ended(error: Option<QueryError>) -> Seat<V> {
        let seat = Seat::new(0);
        seat.end(error.map(|error| triomphe::Arc::new(ListUpdate::Failed(error))));
        seat
    }

    fn new(number: u64) -> Seat<V> {
        Seat {
            number,
            state: Mutex::new(State {
                queue: VecDeque::new(),
                waker: None,
                group: None,
                is_behind: true,
                // It is told the list when it has its place.
                has_asked: true,
                is_over: false,
                has_left: false,
            }),
        }
    }

    /// Gives it a place in a group, unless it has left.
    pub(super) fn place(&self, group: usize) -> bool {
        let mut state = self.state.lock();
        state.group = Some(group);
        !state.has_left
    }

    pub(super) fn group(&self) -> Option<usize> {
        self.state.lock().group
    }

    /// Tells it the list, from which it goes on.
    pub(super) fn tell_list(&self, list: Told<V>) {
        let mut state = self.state.lock();
        (state.is_behind, state.has_asked) = (false, false);
        state.queue.push_back(list);
        let waker = state.waker.take();
        drop(state);
        wake(waker);
    }

    /// Tells it what follows, unless it is behind, which it is if it has not taken `cap` of them.
    pub(super) fn tell(&self, told: &Told<V>, cap: usize) {
        let mut state = self.state.lock();
        if state.is_behind {
            return;
        }
        let mut missed = VecDeque::new();
        if state.queue.len() >= cap {
            missed = mem::take(&mut state.queue);
            state.is_behind = true;
        } else {
            state.queue.push_back(triomphe::Arc::clone(told));
        }
        let waker = state.waker.take();
        drop(state);
        let_go(missed);
        wake(waker);
    }

    fn end(&self, last: Option<Told<V>>) {
        let mut state = self.state.lock();
        state.is_over = true;
        state.queue.extend(last);
        let waker = state.waker.take();
        drop(state);
        wake(waker);
    }

    /// Returns what is to be dropped when it is known that it has left.
    fn leave(&self) -> (VecDeque<Told<V>>, Option<Waker>) {
        let mut state = self.state.lock();
        state.has_left = true;
        let left = (mem::take(&mut state.queue), state.waker.take());
        drop(state);
        left
    }

    /// Takes what there is, without waiting. `None` if there is nothing now.
    pub(super) fn take(self: &Arc<Self>, bell: &Bell<V>) -> Option<Told<V>> {
        let found = self.state.lock().take();
        match found {
            Found::Told(told) => Some(told),
            Found::Behind => {
                bell.ask(self);
                None
            }
            Found::Nothing | Found::Over => None,
        }
    }

    /// Takes what comes next. `None` if nothing more comes.
    pub(super) fn poll_take(self: &Arc<Self>, bell: &Bell<V>, cx: &Context<'_>) -> Poll<Option<Told<V>>> {
        loop {
            let found = waker::find_or_wait(cx, |clone| {
                let mut state = self.state.lock();
                match state.take() {
                    Found::Nothing => Err(waker::settle(&mut state.waker, cx, clone)),
                    found => Ok(found),
                }
            });
            match found {
                Some(Found::Told(told)) => return Poll::Ready(Some(told)),
                // At once, before anything of the user's runs: nobody will say so again.
                Some(Found::Behind) => bell.ask(self),
                Some(Found::Over) => return Poll::Ready(None),
                Some(Found::Nothing) | None => return Poll::Pending,
            }
        }
    }
}

/// What a receiver finds.
enum Found<V> {
    Told(Told<V>),
    /// It is to ask for the list.
    Behind,
    Nothing,
    Over,
}

impl<V> State<V> {
    fn take(&mut self) -> Found<V> {
        if let Some(told) = self.queue.pop_front() {
            return Found::Told(told);
        }
        if self.is_over {
            return Found::Over;
        }
        if self.is_behind && !self.has_asked {
            self.has_asked = true;
            return Found::Behind;
        }
        Found::Nothing
    }
}

/// What receivers want.
pub(super) struct Wishes<V> {
    /// Who wants the list.
    pub(super) asking: Vec<Arc<Seat<V>>>,
    pub(super) leaving: Vec<Arc<Seat<V>>>,
}

impl<V> Wishes<V> {
    pub(super) fn none() -> Wishes<V> {
        Wishes {
            asking: Vec::new(),
            leaving: Vec::new(),
        }
    }
}

impl<V> Bell<V> {
    pub(super) fn new() -> Bell<V> {
        Bell(Mutex::new(Calls {
            seats: HashMap::new(),
            next: 0,
            is_rung: false,
            asking: Vec::new(),
            leaving: Vec::new(),
            waker: None,
            is_over: false,
        }))
    }

    /// A new seat, which is told when it is over.
    pub(super) fn seat(&self) -> Arc<Seat<V>> {
        let mut calls = self.0.lock();
        let seat = Arc::new(Seat::new(calls.next));
        calls.next += 1;
        calls.seats.insert(seat.number, Arc::clone(&seat));
        seat
    }

    pub(super) fn has_seats(&self) -> bool {
        !self.0.lock().seats.is_empty()
    }

    pub(super) fn ring(&self) {
        self.call(|_| ());
    }

    fn ask(&self, seat: &Arc<Seat<V>>) {
        self.call(|calls| calls.asking.push(Arc::clone(seat)));
    }

    /// Takes a seat off.
    pub(super) fn leave(&self, seat: &Arc<Seat<V>>) {
        let left = seat.leave();
        self.call(|calls| {
            calls.seats.remove(&seat.number);
            calls.leaving.push(Arc::clone(seat));
        });
        drop(left);
    }

    fn call(&self, note: impl FnOnce(&mut Calls<V>)) {
        let mut calls = self.0.lock();
        if calls.is_over {
            return;
        }
        note(&mut calls);
        calls.is_rung = true;
        let waker = calls.waker.take();
        drop(calls);
        wake(waker);
    }

    /// Waits until it is rung, and returns what for.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Wishes<V>> {
        let found = waker::find_or_wait(cx, |clone| {
            let mut calls = self.0.lock();
            if mem::take(&mut calls.is_rung) {
                return Ok(Wishes {
                    asking: mem::take(&mut calls.asking),
                    leaving: mem::take(&mut calls.leaving),
                });
            }
            Err(waker::settle(&mut calls.waker, cx, clone))
        });
        found.map_or(Poll::Pending, Poll::Ready)
    }

    /// Tells all that it is over, and why, if not because the store has ended.
    pub(super) fn end(&self, error: Option<QueryError>) {
        let mut calls = self.0.lock();
        calls.is_over = true;
        let seats = mem::take(&mut calls.seats);
        let rest = (
            mem::take(&mut calls.asking),
            mem::take(&mut calls.leaving),
            calls.waker.take(),
        );
        drop(calls);
        // A seat that has left may be the last to have what it was told meanwhile.
        let_go(rest);
        let last = error.map(|error| triomphe::Arc::new(ListUpdate::Failed(error)));
        seats.into_values().for_each(|seat| seat.end(last.clone()));
    }
}

/// Whoever waits is woken, and may panic over it; that is his business.
fn wake(waker: Option<Waker>) {
    let _ = caught(|| waker.map(Waker::wake));
}
