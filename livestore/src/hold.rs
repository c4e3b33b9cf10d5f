//! [`Hold`]: the exclusive right to change one entry, and [`Acquire`], the wait for it.
//!
//! A guard is a hold and a store; a mutation that runs user code holds the entry for as long as that runs. A hold
//! ends when it is dropped, also by a panic.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use uuid::Uuid;

use crate::after::After;
use crate::entry::Entry;
use crate::error::{MutateIfError, RollbackError};
use crate::shared::Shared;
use crate::slot::{Change, Dead, Slot, State};
use crate::stats::Count;
use crate::value::LiveValue;
use crate::waiters::Ticket;

pub(crate) struct Hold<V: LiveValue> {
    slot: Arc<Slot<V>>,
    shared: Arc<Shared<V>>,
    /// Cleared when the last commit of this hold has released it already.
    open: bool,
}

/// The outcome of trying to mutate an entry at once, in more than the shortest way.
pub(crate) enum Step<V: LiveValue> {
    /// It was done in one step under the slot's lock.
    Done(Result<Entry<V>, V::MutError>),
    /// The entry is now held; the mutation is to be applied to a copy of this snapshot.
    Copy(Hold<V>, Entry<V>, V::Mutation),
    /// The key has no entry.
    Missing,
    /// Somebody else holds the entry.
    Held(V::Mutation),
    /// The entry, which is free, is not at the version that was expected. The mutation is dropped with nothing locked.
    Conflict(Entry<V>, V::Mutation),
}

impl<V: LiveValue> Hold<V> {
    /// Mutates in one step where that runs nothing of the user's and needs no copy; else holds the entry.
    pub(crate) fn step(
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Arc<Shared<V>>,
        expected: Option<u64>,
        plain: bool,
        mut mutn: V::Mutation,
        after: &mut After<V>,
    ) -> Step<V> {
        if state.is_held() {
            return Step::Held(mutn);
        }
        if expected.is_some_and(|version| version != state.version()) {
            return Step::Conflict(state.entry(shared), mutn);
        }
        if plain {
            match state.mutate_in_place(shared, slot.key(), mutn, after) {
                Ok(result) => return Step::Done(result),
                Err(unused) => mutn = unused,
            }
        }
        if state.try_hold(shared) {
            Step::Copy(Hold::taken(slot, shared), state.entry(shared), mutn)
        } else {
            Step::Held(mutn)
        }
    }

    /// Wraps a hold that was taken on the slot's state.
    pub(crate) fn taken(slot: &Arc<Slot<V>>, shared: &Arc<Shared<V>>) -> Hold<V> {
        Hold {
            slot: Arc::clone(slot),
            shared: Arc::clone(shared),
            open: true,
        }
    }

    pub(crate) fn key(&self) -> &Uuid {
        self.slot.key()
    }

    pub(crate) fn slot(&self) -> &Arc<Slot<V>> {
        &self.slot
    }

    /// Ends a hold that was released already, under the slot's lock.
    pub(crate) fn close(mut self) {
        self.open = false;
    }

    pub(crate) fn entry(&self) -> Entry<V> {
        self.slot.lock().entry(&self.shared)
    }

    /// Mutates and goes on holding.
    pub(crate) fn mutate(&mut self, mutn: V::Mutation) -> Result<Entry<V>, V::MutError> {
        let (snapshot, mutn) = {
            let plain = V::__is_plain(&mutn);
            let mut after = After::default();
            let mut state = self.slot.lock();
            let outcome = if plain {
                state.mutate_in_place(&self.shared, self.key(), mutn, &mut after)
            } else {
                Err(mutn)
            };
            match outcome {
                Ok(result) => return result,
                Err(mutn) => (state.entry(&self.shared), mutn),
            }
        };
        let new = Some(Arc::new(self.try_mutation(&snapshot, &mutn)?));
        Ok(self.commit(Change::Mutate { mutn, new }))
    }

    /// Applies the mutation to a copy of `snapshot`, commits it and ends the hold.
    pub(crate) fn mutate_once(self, snapshot: Entry<V>, mutn: V::Mutation) -> Result<Entry<V>, V::MutError> {
        let new = Some(Arc::new(self.try_mutation(&snapshot, &mutn)?));
        drop(snapshot);
        let change = Change::Mutate { mutn, new };
        Ok(self.commit_once(change, |_, state, shared| state.entry(shared)))
    }

    /// Runs the user's code on a snapshot.
    fn try_mutation(&self, snapshot: &Entry<V>, mutn: &V::Mutation) -> Result<V, V::MutError> {
        V::mutate(snapshot, mutn).inspect_err(|_| self.shared.counters.add(Count::Refused, 1))
    }

    /// Mutates an entry that should be at a version, and goes on holding.
    pub(crate) fn mutate_if(
        &mut self,
        expected: Option<u64>,
        mutn: V::Mutation,
    ) -> Result<Entry<V>, MutateIfError<V>> {
        if let Some(version) = expected {
            let now = self.entry();
            if now.version != version {
                return Err(MutateIfError::Conflict(now));
            }
        }
        self.mutate(mutn).map_err(MutateIfError::Rejected)
    }

    /// Makes an earlier value the newest, if the type accepts it as the successor of the present one.
    pub(crate) fn rollback(&mut self, version: u64) -> Result<Entry<V>, RollbackError<V::MutError>> {
        let history = self.slot.lock().history(&self.shared);
        let oldest = history.first().map_or(0, |entry| entry.version);
        let Some(past) = history.iter().find(|entry| entry.version == version) else {
            return Err(RollbackError::NotKept { oldest });
        };
        let now = history.last().map(|entry| &*entry.value);
        past.check(now).map_err(RollbackError::Rejected)?;
        let new = Arc::clone(&past.value);
        Ok(self.commit(Change::Rollback { new }))
    }

    /// Commits and goes on holding. Returns the entry after it.
    pub(crate) fn commit(&mut self, change: Change<V>) -> Entry<V> {
        let mut after = After::default();
        let mut state = self.slot.lock();
        state.commit(&self.shared, self.key(), change, &mut after);
        state.entry(&self.shared)
    }

    /// Commits, runs `then` at the same instant and ends the hold.
    pub(crate) fn commit_once<R>(
        mut self,
        change: Change<V>,
        then: impl FnOnce(&Arc<Slot<V>>, &mut State<V>, &Shared<V>) -> R,
    ) -> R {
        let mut after = After::default();
        let mut state = self.slot.lock();
        state.commit(&self.shared, self.key(), change, &mut after);
        let made = then(&self.slot, &mut state, &self.shared);
        after.wakers.next_holder = state.release(&self.shared);
        drop(state);
        self.open = false;
        drop(after);
        made
    }

    /// Ends the entry. The slot is dead afterwards; the caller unlinks it before it lets go of the rest.
    pub(crate) fn end(mut self, msg: Option<V::Message>, after: &mut After<V>) -> Entry<V> {
        let mut state = self.slot.lock();
        state.commit(&self.shared, self.slot.key(), Change::Remove { msg }, after);
        let entry = state.entry(&self.shared);
        drop(state);
        self.open = false;
        entry
    }
}

impl<V: LiveValue> Drop for Hold<V> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let next = self.slot.lock().release(&self.shared);
        if let Some(waker) = next {
            waker.wake();
        }
    }
}

/// Waits for a hold of one entry, first come, first served from the first poll on.
pub(crate) struct Acquire<'a, V: LiveValue> {
    slot: Arc<Slot<V>>,
    shared: &'a Arc<Shared<V>>,
    /// The place in the queue while it waits.
    ticket: Option<Ticket>,
}

impl<'a, V: LiveValue> Acquire<'a, V> {
    pub(crate) fn new(slot: Arc<Slot<V>>, shared: &'a Arc<Shared<V>>) -> Acquire<'a, V> {
        Acquire {
            slot,
            shared,
            ticket: None,
        }
    }
}

impl<V: LiveValue> Future for Acquire<'_, V> {
    type Output = Result<Hold<V>, Dead>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut state = this.slot.lock();
        if !state.is_alive() {
            // The entry was removed while we waited.
            this.ticket = None;
            return Poll::Ready(Err(Dead));
        }
        let (is_ours, former_waker) = match this.ticket {
            Some(ticket) => state.accept_grant(ticket, cx, this.shared),
            None if state.try_hold(this.shared) => (true, None),
            None => {
                this.ticket = Some(state.join_waiters(this.shared, cx));
                (false, None)
            }
        };
        drop(state);
        drop(former_waker);
        if !is_ours {
            return Poll::Pending;
        }
        this.ticket = None;
        Poll::Ready(Ok(Hold::taken(&this.slot, this.shared)))
    }
}

impl<V: LiveValue> Drop for Acquire<'_, V> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let (next, gone) = self.slot.lock().leave_waiters(self.shared, ticket);
        if let Some(waker) = next {
            waker.wake();
        }
        drop(gone);
    }
}
