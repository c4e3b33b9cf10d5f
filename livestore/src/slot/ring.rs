//! [`Ring`]: the channel from one entry to its watchers.
//!
//! A bounded queue of shared updates with a lock of its own. Each item counts the watchers that have yet to take
//! it. Watchers take items in order, so the counts never decrease from front to back, and an item that everybody
//! has taken is at the front; it leaves at once. Where the queue is full, the front item is evicted: whoever had
//! not taken it finds its cursor behind the front and has lagged.
//!
//! The ring exists while somebody watches and allocates as updates wait. The end of the entry stands beside the
//! queue, so it can neither be evicted nor evict.
//!
//! Lock order: the ring's lock is a leaf, taken under the slot's lock or alone. Nothing of the user's runs under
//! it: updates and wakers leave by value, to be dropped and woken by the caller.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Waker};

use smallvec::SmallVec;

use crate::ground::sync::Mutex;
use crate::ground::waker::{self, Placed};
use crate::value::delta::Delta;
use crate::value::update::Update;
use crate::value::value::LiveValue;

/// What is told, shared by those who are told it.
pub(crate) enum News<V: LiveValue> {
    Update(Arc<Update<V>>),
    /// Published while nobody was told values.
    Delta(Arc<Delta<V>>),
}

/// What a watcher found.
pub(crate) enum Taken<V: LiveValue> {
    /// The next update.
    Next(News<V>),
    /// The last update: everything else was taken.
    End(Arc<Update<V>>),
    /// The store is gone, and nothing is left to take.
    Closed,
    /// The next update was evicted.
    Lagged,
    /// Nothing yet; the watcher will be woken.
    Pending,
}

/// One watcher's place at a ring.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Index of its waker.
    index: usize,
    /// Sequence number of the next update to take.
    cursor: u64,
}

pub(crate) struct Ring<V: LiveValue> {
    state: Mutex<State<V>>,
}

struct State<V: LiveValue> {
    items: VecDeque<Item<V>>,
    /// Sequence number of the front item. Never decreases.
    front: u64,
    /// The last update of the entry. Set once.
    end: Option<Arc<Update<V>>>,
    /// The store is gone.
    closed: bool,
    /// One per seat; `None` when it does not wait. Most entries that are watched at all are watched by one.
    wakers: SmallVec<[Option<Waker>; 1]>,
    /// Seats that nobody has.
    vacant: Vec<usize>,
    /// How many of `wakers` are set.
    waiting: usize,
}

struct Item<V: LiveValue> {
    /// How many watchers have yet to take it.
    left: usize,
    news: News<V>,
}

impl<V: LiveValue> Clone for News<V> {
    fn clone(&self) -> Self {
        match self {
            News::Update(update) => News::Update(Arc::clone(update)),
            News::Delta(delta) => News::Delta(Arc::clone(delta)),
        }
    }
}

impl<V: LiveValue> News<V> {
    /// The update, if it is one and nobody else has it.
    pub(crate) fn into_update(self) -> Option<Update<V>> {
        match self {
            News::Update(update) => Arc::into_inner(update),
            News::Delta(_) => None,
        }
    }

    /// The delta, if it is one and nobody else has it.
    pub(crate) fn into_delta(self) -> Option<Delta<V>> {
        match self {
            News::Delta(delta) => Arc::into_inner(delta),
            News::Update(_) => None,
        }
    }
}

impl<V: LiveValue> Ring<V> {
    pub(crate) fn new() -> Ring<V> {
        Ring {
            state: Mutex::new(State {
                items: VecDeque::new(),
                front: 0,
                end: None,
                closed: false,
                wakers: SmallVec::new(),
                vacant: Vec::new(),
                waiting: 0,
            }),
        }
    }

    /// Adds a watcher, who will be told what is published from now on.
    pub(crate) fn join(&self) -> Seat {
        let mut state = self.state.lock();
        let index = match state.vacant.pop() {
            Some(index) => index,
            None => {
                state.wakers.push(None);
                state.wakers.len() - 1
            }
        };
        Seat {
            index,
            cursor: state.head(),
        }
    }

    /// Takes a watcher off. Returns what only it had yet to take.
    pub(crate) fn leave(&self, seat: &mut Seat) -> Left<V> {
        let mut state = self.state.lock();
        let (_, released) = state.skip_to_head(seat);
        let waker = state.take_waker(seat.index);
        if seat.index + 1 == state.wakers.len() {
            state.wakers.pop();
        } else {
            state.vacant.push(seat.index);
        }
        Left {
            watchers: state.watchers(),
            waker,
            released,
        }
    }

    pub(crate) fn watchers(&self) -> usize {
        self.state.lock().watchers()
    }

    /// Appends news. Returns what it evicted; whom to wake is added to `wakers`. Once the store is gone, the news itself is
    /// what it returns.
    pub(crate) fn publish(&self, news: News<V>, cap: usize, wakers: &mut Vec<Waker>) -> Option<News<V>> {
        let mut state = self.state.lock();
        if state.closed {
            return Some(news);
        }
        let evicted = if state.items.len() >= cap {
            state.pop_front()
        } else {
            None
        };
        let left = state.watchers();
        state.items.push_back(Item { left, news });
        state.take_wakers(wakers);
        evicted
    }

    /// Sets the last update, unless the store is gone. Whom to wake is added to `wakers`.
    pub(crate) fn end(&self, update: Arc<Update<V>>, wakers: &mut Vec<Waker>) {
        let mut state = self.state.lock();
        if state.closed {
            // The caller has another reference.
            return;
        }
        state.end = Some(update);
        state.take_wakers(wakers);
    }

    /// Says that the store is gone. Whom to wake is added to `wakers`.
    pub(crate) fn close(&self, wakers: &mut Vec<Waker>) {
        let mut state = self.state.lock();
        state.closed = true;
        state.take_wakers(wakers);
    }

    /// Takes the next update, or has the watcher woken when there is one.
    pub(crate) fn take(&self, seat: &mut Seat, cx: &Context<'_>) -> Taken<V> {
        self.poll(seat, Some(cx), State::take)
    }

    /// Takes the next update, and is not woken if there is none.
    pub(crate) fn try_take(&self, seat: &mut Seat) -> Taken<V> {
        self.poll(seat, None, State::take)
    }

    /// Returns whether anything is there for this watcher; if not, has it woken when there is.
    pub(crate) fn is_ready(&self, seat: &mut Seat, cx: &Context<'_>) -> bool {
        let is_ready = |state: &mut State<V>, seat: &mut Seat| {
            if seat.cursor < state.head() || state.end.is_some() || state.closed {
                Taken::Closed
            } else {
                Taken::Pending
            }
        };
        !matches!(self.poll(seat, Some(cx), is_ready), Taken::Pending)
    }

    /// Looks, and if there is nothing, has the waker wait.
    fn poll(
        &self,
        seat: &mut Seat,
        cx: Option<&Context<'_>>,
        look: impl Fn(&mut State<V>, &mut Seat) -> Taken<V>,
    ) -> Taken<V> {
        // Both are the user's code, so they are cloned and dropped with nothing locked.
        let (mut clone, former);
        clone = None;
        loop {
            let mut state = self.state.lock();
            let taken = look(&mut state, seat);
            if !matches!(taken, Taken::Pending) {
                return taken;
            }
            let Some(cx) = cx else { return taken };
            match state.wait(seat.index, cx, &mut clone) {
                Placed::Done(replaced) => {
                    former = replaced;
                    break;
                }
                Placed::NeedsClone => {
                    drop(state);
                    clone = Some(cx.waker().clone());
                }
            }
        }
        drop(former);
        Taken::Pending
    }

    /// Moves a watcher past everything published. Returns how many updates it did not take, and those that only it
    /// had yet to take.
    pub(crate) fn skip(&self, seat: &mut Seat) -> (u64, Vec<News<V>>) {
        self.state.lock().skip_to_head(seat)
    }

    /// Returns whether the store is gone, and whether the entry had ended before.
    pub(crate) fn is_over(&self) -> (bool, bool) {
        let state = self.state.lock();
        (state.closed, state.end.is_some())
    }
}

/// What a watcher leaves behind; to be dropped with nothing locked.
pub(crate) struct Left<V: LiveValue> {
    /// How many watchers remain.
    pub(crate) watchers: usize,
    pub(crate) waker: Option<Waker>,
    pub(crate) released: Vec<News<V>>,
}

impl<V: LiveValue> State<V> {
    /// Sequence number of the next update to be published.
    fn head(&self) -> u64 {
        self.front + self.items.len() as u64
    }

    fn watchers(&self) -> usize {
        self.wakers.len() - self.vacant.len()
    }

    /// Takes the next update if there is one.
    fn take(&mut self, seat: &mut Seat) -> Taken<V> {
        if seat.cursor < self.front {
            return Taken::Lagged;
        }
        if seat.cursor < self.head() {
            return Taken::Next(self.take_at(seat));
        }
        match &self.end {
            Some(end) => Taken::End(Arc::clone(end)),
            None if self.closed => Taken::Closed,
            None => Taken::Pending,
        }
    }

    fn pop_front(&mut self) -> Option<News<V>> {
        let item = self.items.pop_front()?;
        self.front += 1;
        Some(item.news)
    }

    /// Takes the item at the cursor, which must lie between the front and the head.
    fn take_at(&mut self, seat: &mut Seat) -> News<V> {
        let at = usize::try_from(seat.cursor - self.front).unwrap_or(usize::MAX);
        seat.cursor += 1;
        let item = &mut self.items[at];
        item.left -= 1;
        if item.left > 0 {
            return item.news.clone();
        }
        // Everybody has taken it, so everybody has taken all before it: it is the front.
        match self.pop_front() {
            Some(news) => news,
            None => unreachable!("the item at the cursor was there"),
        }
    }

    fn skip_to_head(&mut self, seat: &mut Seat) -> (u64, Vec<News<V>>) {
        let head = self.head();
        let missed = head - seat.cursor;
        let first = usize::try_from(seat.cursor.saturating_sub(self.front)).unwrap_or(usize::MAX);
        for item in self.items.iter_mut().skip(first) {
            item.left -= 1;
        }
        seat.cursor = head;
        let mut released = Vec::new();
        while self.items.front().is_some_and(|item| item.left == 0) {
            released.extend(self.pop_front());
        }
        (missed, released)
    }

    /// Registers the waker of a seat.
    fn wait(&mut self, index: usize, cx: &Context<'_>, clone: &mut Option<Waker>) -> Placed {
        let place = &mut self.wakers[index];
        let was_waiting = place.is_some();
        let placed = waker::settle(place, cx, clone);
        if !was_waiting && place.is_some() {
            self.waiting += 1;
        }
        placed
    }

    fn take_waker(&mut self, index: usize) -> Option<Waker> {
        let waker = self.wakers[index].take();
        if waker.is_some() {
            self.waiting -= 1;
        }
        waker
    }

    fn take_wakers(&mut self, wakers: &mut Vec<Waker>) {
        let waiting = mem::take(&mut self.waiting);
        if waiting > 0 {
            wakers.reserve(waiting);
            wakers.extend(self.wakers.iter_mut().filter_map(Option::take));
        }
    }
}
