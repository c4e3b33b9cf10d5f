//! [`Ring`]: the news of one entry, for its watchers.
//!
//! A bounded queue of shared updates with a lock of its own. Each item counts the watchers that have yet to take
//! it. Watchers take items in order, so the counts never decrease from front to back, and an item that everybody
//! has taken is at the front; it leaves at once. Where the queue is full, the front item is evicted: whoever had
//! not taken it finds its cursor behind the front and has lagged.
//!
//! The ring exists while somebody watches and allocates as updates wait. The end of the entry stands beside the
//! queue, so it can neither be evicted nor evict.
//!
//! Lock order: the ring's lock is taken under the slot's lock or alone, and under it only that of a set's [`Ready`]. Nothing
//! of the user's runs under it: updates and wakers leave by value, to be dropped and woken by the caller. Where a copy of an
//! update is known to run nothing of the user's, it is made there, which takes two atomic steps less.

use std::collections::VecDeque;
use std::mem::{self, needs_drop};
use std::sync::Arc;
use std::task::{Context, Waker};

use smallvec::SmallVec;

use crate::ground::sync::SpinMutex;
use crate::ground::waker::{self, Placed};
use crate::slot::ready::Ready;
use crate::slot::shared::Shared;
use crate::value::delta::Delta;
use crate::value::update::Update;
use crate::value::value::LiveValue;

/// What is told, shared by those who are told it.
pub(crate) enum News<V: LiveValue> {
    Update(triomphe::Arc<Update<V>>),
    /// Published while nobody was told values.
    Delta(triomphe::Arc<Delta<V>>),
}

/// What a watcher found.
pub(crate) enum Taken<V: LiveValue> {
    /// The next update.
    Next(News<V>),
    /// The last update: everything else was taken.
    End(triomphe::Arc<Update<V>>),
    /// The store is gone, and nothing is left to take.
    Closed,
    /// The next update was evicted.
    Lagged,
    /// Nothing yet; the watcher will be woken.
    Pending,
}

/// What a watcher found that wants a copy.
pub(crate) enum Copied<V: LiveValue> {
    Copy(Update<V>),
    Itself(News<V>),
}

/// Whom to wake when there is news for a watcher.
pub(crate) enum Sitter {
    /// A task, while it waits.
    Task(Option<Waker>),
    /// The set of which it is this member.
    Member(Arc<Ready>, u32),
}

/// What a watcher that finds nothing does.
#[derive(Clone, Copy)]
pub(crate) enum Wait<'cx, 'waker> {
    /// It comes back by itself.
    No,
    /// It is a task, which is woken.
    Task(&'cx Context<'waker>),
    /// It is a member of a set, which is told. It also waits when it has found the last there is.
    Member,
}

/// One watcher's place at a ring.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Sequence number of the next update to take.
    cursor: u64,
    /// Which place it is.
    index: u32,
    /// The watcher is told values.
    pub(crate) values: bool,
    /// It has taken the end, or found that the store is gone.
    pub(crate) ended: bool,
    /// It is a set's member that has taken all there was, and waits.
    pub(crate) waits: bool,
}

pub(crate) struct Ring<V: LiveValue> {
    /// For those who sit here.
    pub(crate) shared: Arc<Shared<V>>,
    state: SpinMutex<State<V>>,
}

struct State<V: LiveValue> {
    items: VecDeque<Item<V>>,
    /// Sequence number of the front item. Never decreases.
    front: u64,
    /// The last update of the entry. Set once.
    end: Option<triomphe::Arc<Update<V>>>,
    /// The store is gone.
    closed: bool,
    /// One per seat. Most entries that are watched at all are watched by one.
    places: SmallVec<[Place; 1]>,
    /// How many places somebody has.
    taken: u32,
    /// The first place that nobody has, or [`NOWHERE`].
    vacant: u32,
    /// The seats that wait, in no order: however many have left, a change costs as much as those that are woken.
    waiting: SmallVec<[u32; 4]>,
}

/// The end of the list of vacant places.
const NOWHERE: u32 = u32::MAX;

struct Place {
    sitter: Sitter,
    /// Where in `waiting` the seat stands if it waits, which it does if it stands there. While nobody has it: which place is
    /// vacant after this one.
    at: u32,
}

struct Item<V: LiveValue> {
    /// How many watchers have yet to take it.
    left: usize,
    news: News<V>,
}

impl<V: LiveValue> Clone for News<V> {
    fn clone(&self) -> Self {
        match self {
            News::Update(update) => News::Update(triomphe::Arc::clone(update)),
            News::Delta(delta) => News::Delta(triomphe::Arc::clone(delta)),
        }
    }
}

impl<V: LiveValue> News<V> {
    /// The update, if it is one and nobody else has it.
    pub(crate) fn into_update(self) -> Option<Update<V>> {
        match self {
            News::Update(update) => triomphe::Arc::try_unwrap(update).ok(),
            News::Delta(_) => None,
        }
    }

    /// A copy of the update, if that runs nothing of the user's: a mutation of which that is known, and that owns nothing.
    fn copied(&self) -> Option<Update<V>> {
        match self {
            News::Update(update) => match &**update {
                Update::Mutate { mutn, .. } if V::__is_plain(mutn) && !needs_drop::<V::Mutation>() => {
                    Some(Update::clone(update))
                }
                _ => None,
            },
            News::Delta(_) => None,
        }
    }

    /// The delta, if it is one and nobody else has it.
    pub(crate) fn into_delta(self) -> Option<Delta<V>> {
        match self {
            News::Delta(delta) => triomphe::Arc::try_unwrap(delta).ok(),
            News::Update(_) => None,
        }
    }
}

impl<V: LiveValue> Ring<V> {
    pub(crate) fn new(shared: Arc<Shared<V>>) -> Ring<V> {
        Ring {
            shared,
            state: SpinMutex::new(State {
                items: VecDeque::new(),
                front: 0,
                end: None,
                closed: false,
                places: SmallVec::new(),
                taken: 0,
                vacant: NOWHERE,
                waiting: SmallVec::new(),
            }),
        }
    }

    /// Adds a watcher, who will be told what is published from now on. A member of a set waits from the beginning.
    pub(crate) fn join(&self, values: bool, sitter: Sitter) -> Seat {
        let mut state = self.state.lock();
        state.taken += 1;
        let waits = matches!(sitter, Sitter::Member(..));
        let index = match state.vacant {
            NOWHERE => {
                state.places.push(Place { sitter, at: 0 });
                // As many as memory can hold have come to it before the count ends.
                u32::try_from(state.places.len() - 1).unwrap_or(NOWHERE)
            }
            index => {
                // Nothing is dropped here: the sitter of a vacant place has left.
                let place = &mut state.places[index as usize];
                place.sitter = sitter;
                let next = mem::replace(&mut place.at, 0);
                state.vacant = next;
                index
            }
        };
        if waits {
            state.stand_up(index);
        }
        Seat {
            cursor: state.head(),
            index,
            values,
            ended: false,
            waits: false,
        }
    }

    /// Takes a watcher off. Returns what only it had yet to take.
    pub(crate) fn leave(&self, seat: &mut Seat) -> Left<V> {
        let mut state = self.state.lock();
        let (_, released) = state.skip_to_head(seat);
        state.sit_down(seat.index);
        state.taken -= 1;
        let index = seat.index;
        let sitter = if index as usize + 1 == state.places.len() {
            state.places.pop().map(|place| place.sitter)
        } else {
            let at = mem::replace(&mut state.vacant, index);
            let place = &mut state.places[index as usize];
            place.at = at;
            Some(mem::replace(&mut place.sitter, Sitter::Task(None)))
        };
        Left {
            watchers: state.watchers(),
            sitter,
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
    pub(crate) fn end(&self, update: triomphe::Arc<Update<V>>, wakers: &mut Vec<Waker>) {
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

    /// Takes the next update. If there is none, the watcher waits as it says.
    pub(crate) fn take(&self, seat: &mut Seat, wait: Wait<'_, '_>) -> Taken<V> {
        let taken = self.poll(seat, wait, State::take);
        seat.ended |= matches!(taken, Taken::End(_) | Taken::Closed);
        taken
    }

    /// Takes the next update, if there is one, as a copy that runs nothing of the user's and asks the allocator for nothing; or
    /// itself, if nobody else is to take it. `None` if it cannot be copied so.
    pub(crate) fn copy(&self, seat: &mut Seat) -> Option<Copied<V>> {
        let mut state = self.state.lock();
        let at = usize::try_from(seat.cursor.checked_sub(state.front)?).ok()?;
        let item = state.items.get_mut(at)?;
        if item.left == 1 {
            return Some(Copied::Itself(state.take_at(seat)));
        }
        let update = item.news.copied()?;
        item.left -= 1;
        seat.cursor += 1;
        Some(Copied::Copy(update))
    }

    /// Takes the next update, if there is one.
    #[inline]
    pub(crate) fn now(&self, seat: &mut Seat) -> Option<News<V>> {
        let mut state = self.state.lock();
        let is_there = (state.front..state.head()).contains(&seat.cursor);
        is_there.then(|| state.take_at(seat))
    }

    /// Returns whether anything is there for this watcher; if not, has it woken when there is.
    pub(crate) fn is_ready(&self, seat: &mut Seat, cx: &Context<'_>) -> bool {
        let is_ready = |state: &mut State<V>, seat: &mut Seat| match state.is_more(seat) {
            true => Taken::Closed,
            false => Taken::Pending,
        };
        !matches!(self.poll(seat, Wait::Task(cx), is_ready), Taken::Pending)
    }

    /// Looks, and if there is nothing, has the waker wait.
    fn poll(
        &self,
        seat: &mut Seat,
        wait: Wait<'_, '_>,
        look: impl Fn(&mut State<V>, &mut Seat) -> Taken<V>,
    ) -> Taken<V> {
        let cx = match wait {
            Wait::Task(cx) => cx,
            Wait::No => return look(&mut self.state.lock(), seat),
            Wait::Member => {
                let mut state = self.state.lock();
                let taken = look(&mut state, seat);
                seat.waits = match taken {
                    Taken::Pending => true,
                    // So that it need not be asked once more.
                    Taken::Next(_) => !state.is_more(seat),
                    Taken::End(_) | Taken::Closed | Taken::Lagged => false,
                };
                if seat.waits {
                    state.stand_up(seat.index);
                }
                return taken;
            }
        };
        let found = waker::find_or_wait(cx, |clone| {
            let mut state = self.state.lock();
            match look(&mut state, seat) {
                Taken::Pending => Err(state.wait(seat.index, cx, clone)),
                taken => Ok(taken),
            }
        });
        found.unwrap_or(Taken::Pending)
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
    pub(crate) sitter: Option<Sitter>,
    pub(crate) released: Vec<News<V>>,
}

impl<V: LiveValue> State<V> {
    /// Sequence number of the next update to be published.
    fn head(&self) -> u64 {
        self.front + self.items.len() as u64
    }

    fn watchers(&self) -> usize {
        self.taken as usize
    }

    /// Whether a watcher that looks finds anything.
    fn is_more(&self, seat: &Seat) -> bool {
        seat.cursor < self.head() || self.end.is_some() || self.closed
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
            Some(end) => Taken::End(triomphe::Arc::clone(end)),
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

    /// Registers the waker of a task.
    fn wait(&mut self, index: u32, cx: &Context<'_>, clone: &mut Option<Waker>) -> Placed {
        let Sitter::Task(waker) = &mut self.places[index as usize].sitter else {
            unreachable!("a member of a set waits with its set");
        };
        let was_waiting = waker.is_some();
        let placed = waker::settle(waker, cx, clone);
        if !was_waiting && waker.is_some() {
            self.stand_up(index);
        }
        placed
    }

    /// Has a seat stand among those that wait.
    fn stand_up(&mut self, index: u32) {
        let at = self.waiting.len();
        if self.waiting.get(self.places[index as usize].at as usize) == Some(&index) {
            return;
        }
        self.places[index as usize].at = u32::try_from(at).unwrap_or(NOWHERE);
        self.waiting.push(index);
    }

    /// Takes a seat off those that wait. The sitter keeps its waker.
    fn sit_down(&mut self, index: u32) {
        let at = self.places[index as usize].at as usize;
        if self.waiting.get(at) != Some(&index) {
            return;
        }
        self.waiting.swap_remove(at);
        if let Some(moved) = self.waiting.get(at) {
            self.places[*moved as usize].at = u32::try_from(at).unwrap_or(NOWHERE);
        }
    }

    /// Adds whom to wake to `wakers`.
    fn take_wakers(&mut self, wakers: &mut Vec<Waker>) {
        wakers.reserve(self.waiting.len());
        for index in self.waiting.drain(..) {
            wakers.extend(self.places[index as usize].sitter.call());
        }
    }
}

impl Sitter {
    /// Says that there is news. Returns whom to wake.
    fn call(&mut self) -> Option<Waker> {
        match self {
            Sitter::Task(waker) => waker.take(),
            Sitter::Member(set, member) => set.mark(*member),
        }
    }
}
