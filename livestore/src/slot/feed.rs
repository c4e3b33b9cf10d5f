//! [`Feed`]: the updates of all entries of a store, for those who watch everything.
//!
//! Each watcher has a bounded queue. Who lets it fill up has lagged: the whole queue is folded into a set of keys that
//! it missed something of, and while a key is in the set, its updates are counted and not queued. The watcher then
//! takes each key off the set together with the entry's present state, under the slot's lock, so that what it is told
//! afterwards follows that state.
//!
//! The set is bounded by the store: it holds keys that have an entry, and keys that had one when the watcher began to
//! lag. What was created and ended again meanwhile is forgotten.
//!
//! Lock order: a leaf, taken under the slot's lock or alone. Nothing of the user's runs under it.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, HashSet, VecDeque};
use std::mem;
use std::task::{Context, Waker};

use uuid::Uuid;

use crate::ground::sync::Mutex;
use crate::ground::sync::atomic::{AtomicUsize, Ordering};
use crate::ground::unwind::{Panics, drop_each};
use crate::ground::waker;
use crate::value::update::Update;
use crate::value::value::LiveValue;

pub(crate) struct Feed<V: LiveValue> {
    /// How many watch. Changed under the lock; read without it by commits, which see the change of a watcher whose
    /// look at their entry comes after them, because both take the slot's lock.
    watchers: AtomicUsize,
    state: Mutex<State<V>>,
}

struct State<V: LiveValue> {
    /// `None` where nobody sits.
    seats: Vec<Option<Seat<V>>>,
    closed: bool,
}

struct Seat<V: LiveValue> {
    queue: VecDeque<Queued<V>>,
    missed: HashMap<Uuid, Missed<V>>,
    /// The keys missed, in the order in which they are answered, so that none waits for ever. Some may stand here that
    /// are not missed any more.
    order: VecDeque<Uuid>,
    /// Sequence number of the next update.
    next: u64,
    waker: Option<Waker>,
    /// What was created before this update may be in the watcher's snapshot, so it may know it. The maximum while the
    /// snapshot is taken.
    unknown_from: u64,
}

pub(crate) struct Queued<V: LiveValue> {
    pub(crate) sequence: u64,
    pub(crate) key: Uuid,
    pub(crate) update: triomphe::Arc<Update<V>>,
}

/// What a watcher missed of one key.
pub(crate) struct Missed<V: LiveValue> {
    pub(crate) updates: u64,
    /// The first update missed was the creation, so the watcher has never heard of this entry.
    born: bool,
    /// It was told after the snapshot was taken, if there is one. So what came before it was told, or is in that.
    pub(crate) is_known: bool,
    /// The end, if the key has no entry now.
    pub(crate) end: Option<triomphe::Arc<Update<V>>>,
}

/// What a watcher found.
pub(crate) enum Fed<T> {
    Next(T),
    /// Something of this key was missed.
    Missed(Uuid),
    Closed,
    Pending,
}

impl<V: LiveValue> Feed<V> {
    pub(crate) fn new() -> Feed<V> {
        Feed {
            watchers: AtomicUsize::new(0),
            state: Mutex::new(State {
                seats: Vec::new(),
                closed: false,
            }),
        }
    }

    pub(crate) fn watchers(&self) -> usize {
        self.watchers.load(Ordering::Acquire)
    }

    /// Adds a watcher. Returns its seat.
    pub(crate) fn join(&self, snapshot: bool) -> usize {
        let seat = Seat {
            queue: VecDeque::new(),
            missed: HashMap::new(),
            order: VecDeque::new(),
            next: 0,
            waker: None,
            unknown_from: if snapshot { u64::MAX } else { 0 },
        };
        let mut state = self.state.lock();
        self.watchers.fetch_add(1, Ordering::AcqRel);
        match state.seats.iter().position(Option::is_none) {
            Some(at) => {
                state.seats[at] = Some(seat);
                at
            }
            None => {
                state.seats.push(Some(seat));
                state.seats.len() - 1
            }
        }
    }

    /// Takes a watcher off. What it leaves is dropped with nothing locked.
    pub(crate) fn leave(&self, at: usize) {
        let mut state = self.state.lock();
        self.watchers.fetch_sub(1, Ordering::AcqRel);
        let left = state.seats[at].take();
        drop(state);
        if let Some(Seat {
            queue, missed, waker, ..
        }) = left
        {
            let mut panics = Panics::default();
            panics.run(|| drop(waker));
            panics.run(|| drop_each(queue));
            panics.run(|| drop_each(missed));
        }
    }

    /// Sequence number of the next update that this watcher is told.
    pub(crate) fn position(&self, at: usize) -> u64 {
        self.state.lock().seat(at).map_or(0, |seat| seat.next)
    }

    /// Says that the snapshot was taken. Returns the sequence number of the next update.
    pub(crate) fn primed(&self, at: usize) -> u64 {
        self.state.lock().seat(at).map_or(0, |seat| {
            seat.unknown_from = seat.next;
            seat.next
        })
    }

    /// Tells everybody what is one change, so that whoever takes all there is takes the whole of it. The caller has locked the
    /// slots. Returns what is to be dropped with nothing locked; whom to wake is added to `wakers`.
    pub(crate) fn publish(
        &self,
        told: &[(Uuid, triomphe::Arc<Update<V>>)],
        cap: usize,
        wakers: &mut Vec<Waker>,
    ) -> Vec<triomphe::Arc<Update<V>>> {
        let mut displaced = Vec::new();
        let mut state = self.state.lock();
        if !state.closed {
            for seat in state.seats.iter_mut().flatten() {
                for (key, update) in told {
                    seat.tell(*key, triomphe::Arc::clone(update), cap, &mut displaced);
                }
                wakers.extend(seat.waker.take());
            }
        }
        displaced
    }

    /// Gives back the places that are not used.
    pub(crate) fn shrink(&self) {
        let mut state = self.state.lock();
        for seat in state.seats.iter_mut().flatten() {
            seat.queue.shrink_to_fit();
            seat.missed.shrink_to_fit();
            seat.order.shrink_to_fit();
        }
    }

    /// Says that the store is gone. Whom to wake is added to `wakers`.
    pub(crate) fn close(&self, wakers: &mut Vec<Waker>) {
        let mut state = self.state.lock();
        state.closed = true;
        let waiting = state.seats.iter_mut().flatten();
        wakers.extend(waiting.filter_map(|seat| seat.waker.take()));
    }

    /// Takes the next update, or has the watcher woken when there is one. Without a context it is not woken.
    pub(crate) fn take(&self, at: usize, cx: Option<&Context<'_>>) -> Fed<Queued<V>> {
        self.take_with(at, cx, |seat| seat.queue.pop_front())
    }

    /// Takes all updates that there are, or has the watcher woken when there are some. What was one change is there as a whole.
    /// So where the feed is closed before all that was missed is answered, the rest is not taken. `into` is empty; what it has
    /// room for is kept.
    pub(crate) fn take_all(&self, at: usize, cx: &Context<'_>, into: &mut VecDeque<Queued<V>>) -> Fed<()> {
        self.take_with(at, Some(cx), |seat| {
            if seat.missed.is_empty() {
                mem::swap(&mut seat.queue, into);
            }
            (!into.is_empty()).then_some(())
        })
    }

    fn take_with<T>(
        &self,
        at: usize,
        cx: Option<&Context<'_>>,
        mut take: impl FnMut(&mut Seat<V>) -> Option<T>,
    ) -> Fed<T> {
        let Some(cx) = cx else {
            return self.state.lock().take(at, take).unwrap_or(Fed::Pending);
        };
        let found = waker::find_or_wait(cx, |clone| {
            let mut state = self.state.lock();
            if let Some(found) = state.take(at, &mut take) {
                return Ok(found);
            }
            match state.seat(at) {
                Some(seat) => Err(waker::settle(&mut seat.waker, cx, clone)),
                None => Ok(Fed::Closed),
            }
        });
        found.unwrap_or(Fed::Pending)
    }

    /// Takes a key off the set of those missed. The caller has locked the slot of its living entry.
    pub(crate) fn resolve(&self, at: usize, key: &Uuid) -> Option<Missed<V>> {
        self.state.lock().seat(at)?.missed.remove(key)
    }

    /// Takes a key off the set of those missed if its entry has ended, as far as was told; else it is answered later.
    pub(crate) fn resolve_ended(&self, at: usize, key: &Uuid) -> Option<Missed<V>> {
        let mut state = self.state.lock();
        let seat = state.seat(at)?;
        if seat.missed.get(key)?.end.is_none() {
            // It is about to be there again.
            seat.order.push_back(*key);
            return None;
        }
        seat.missed.remove(key)
    }
}

impl<V: LiveValue> State<V> {
    fn seat(&mut self, at: usize) -> Option<&mut Seat<V>> {
        self.seats.get_mut(at)?.as_mut()
    }

    /// Takes what there is for a watcher: first what it missed, then what `take` takes of the rest.
    fn take<T>(&mut self, at: usize, mut take: impl FnMut(&mut Seat<V>) -> Option<T>) -> Option<Fed<T>> {
        let closed = self.closed;
        let Some(seat) = self.seat(at) else {
            return Some(Fed::Closed);
        };
        while !closed && let Some(key) = seat.order.pop_front() {
            if seat.missed.contains_key(&key) {
                return Some(Fed::Missed(key));
            }
        }
        let queued = take(seat).map(Fed::Next);
        queued.or(closed.then_some(Fed::Closed))
    }
}

impl<V: LiveValue> Seat<V> {
    fn tell(
        &mut self,
        key: Uuid,
        update: triomphe::Arc<Update<V>>,
        cap: usize,
        displaced: &mut Vec<triomphe::Arc<Update<V>>>,
    ) {
        let sequence = self.next;
        self.next += 1;
        if self.missed.contains_key(&key) {
            return self.miss(sequence, key, update, displaced);
        }
        if self.queue.len() >= cap {
            for queued in mem::take(&mut self.queue) {
                self.miss(queued.sequence, queued.key, queued.update, displaced);
            }
            if self.missed.contains_key(&key) {
                return self.miss(sequence, key, update, displaced);
            }
        }
        self.queue.push_back(Queued {
            sequence,
            key,
            update,
        });
    }

    fn miss(
        &mut self,
        sequence: u64,
        key: Uuid,
        update: triomphe::Arc<Update<V>>,
        displaced: &mut Vec<triomphe::Arc<Update<V>>>,
    ) {
        let is_end = update.is_end();
        let is_birth = matches!(*update, Update::Create { .. });
        let is_known = sequence >= self.unknown_from;
        let mut place = match self.missed.entry(key) {
            Place::Vacant(place) => {
                self.order.push_back(key);
                place.insert(Missed {
                    updates: 1,
                    born: is_birth && is_known,
                    is_known,
                    end: is_end.then(|| triomphe::Arc::clone(&update)),
                });
                displaced.push(update);
                return;
            }
            Place::Occupied(place) => place,
        };
        let missed = place.get_mut();
        missed.updates += 1;
        if is_end && missed.born {
            // It came and went, and this watcher never knew it.
            place.remove();
            if self.order.len() > 2 * self.missed.len() + 64 {
                // In the order in which they were missed, each once: who waits in front stays there.
                let mut seen = HashSet::with_capacity(self.missed.len());
                self.order
                    .retain(|key| self.missed.contains_key(key) && seen.insert(*key));
            }
        } else if is_end {
            displaced.extend(missed.end.replace(triomphe::Arc::clone(&update)));
        } else if is_birth {
            displaced.extend(missed.end.take());
        }
        displaced.push(update);
    }
}
