//! [`Slot`]: everything of one entry under one small lock.
//!
//! A slot is one *life* of a key. It is born alive, and dies by a removal or an expiry; a key that is created again
//! gets another slot. A dead slot counts as absent; watchers may still read its final entry.
//!
//! The flag [`HELD`] is the entry's lock. It is set while a guard exists, while a mutation runs user code, and
//! on behalf of a waiter that was granted the entry. Who finds it set waits in [`Waiters`], which exists only while
//! somebody does.
//!
//! # What may run under the lock
//!
//! Only code of this crate and, for a *plain* mutation, operations of std on types of std. A commit therefore hands
//! out everything that it displaces, and everybody whom it must wake, as [`After`]; the caller lets it go when
//! nothing is locked.
//!
//! Lock order: shard of the map, slot, then the leaves ring and deadline queue. Under a shard lock a slot is only
//! ever tried.

use std::sync::Arc;

use uuid::Uuid;

use crate::ground::clock::Stamp;
use crate::ground::sync::{SpinGuard, SpinMutex};
use crate::ground::times::Times;
use crate::slot::deltas::Deltas;
use crate::slot::history::History;
use crate::slot::ring::Ring;
use crate::slot::shared::Shared;
use crate::slot::waiters::Waiters;
use crate::value::entry::Entry;
use crate::value::value::LiveValue;

pub(crate) struct Slot<V: LiveValue> {
    key: Uuid,
    state: SpinMutex<State<V>>,
}

pub(crate) struct State<V: LiveValue> {
    /// Replaced by a commit, or changed in place while nobody else holds the `Arc`. Final once dead.
    pub(in crate::slot) value: triomphe::Arc<V>,
    /// The version, which grows by 1 with each commit, above the flags [`ALIVE`], [`HELD`] and [`DUE`].
    pub(in crate::slot) word: u64,
    pub(in crate::slot) times: Times,
    /// What most entries never need. `None` when it would be empty.
    pub(in crate::slot) extra: Option<Box<Extra<V>>>,
}

/// Set in a living slot; cleared once, by the last commit.
pub(in crate::slot) const ALIVE: u64 = 1;
/// Somebody has the exclusive right to change the entry. While it is not set, nobody waits.
pub(in crate::slot) const HELD: u64 = 2;
/// A check has found the entry due while it was held: whoever ends the hold looks. Never set in a free entry.
pub(in crate::slot) const DUE: u64 = 4;
/// The same flag in a slot that is not alive: its entry ended with its store, and was neither removed nor expired.
pub(in crate::slot) const CLOSED: u64 = DUE;
/// One version. 61 bits count 73,000 years of a million commits a second.
pub(in crate::slot) const VERSION: u64 = 8;

pub(in crate::slot) struct Extra<V: LiveValue> {
    pub(in crate::slot) waiters: Waiters,
    /// Exists while somebody watches.
    pub(in crate::slot) ring: Option<Arc<Ring<V>>>,
    /// How many of those who watch are told the values as well.
    pub(in crate::slot) full_watchers: usize,
    /// Exists from the first change on, in a store that keeps a history.
    pub(in crate::slot) history: Option<Box<History<V>>>,
    /// Exists from the first mutation on, in a store that keeps them without values.
    pub(in crate::slot) deltas: Option<Box<Deltas<V>>>,
    /// Set once the entry was given a deadline of its own, which then counts instead of the store's mode.
    pub(in crate::slot) own: Option<Own>,
}

/// A deadline of one entry alone.
pub(in crate::slot) struct Own {
    pub(in crate::slot) at: Stamp,
    /// When the item comes up that the entry counts on: not after `at`, or `NEVER` when there is none.
    pub(in crate::slot) armed: Stamp,
    /// Which item that is.
    pub(in crate::slot) arming: u32,
}

/// The entry is dead: look the key up again.
#[derive(Debug)]
pub(crate) struct Dead;

impl<V: LiveValue> Slot<V> {
    /// Makes a living slot; [`State::bear`] gives it its first version and its times.
    pub(crate) fn new(key: Uuid, value: triomphe::Arc<V>) -> Arc<Slot<V>> {
        Arc::new(Slot {
            key,
            state: SpinMutex::new(State {
                value,
                word: ALIVE,
                times: Times::born(Stamp(0)),
                extra: None,
            }),
        })
    }

    pub(crate) fn key(&self) -> &Uuid {
        &self.key
    }

    /// Locks the slot. Never under a shard lock.
    #[inline]
    pub(crate) fn lock(&self) -> SpinGuard<'_, State<V>> {
        self.state.lock()
    }

    /// Locks the slot if that needs no wait.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<SpinGuard<'_, State<V>>> {
        self.state.try_lock()
    }
}

impl<V: LiveValue> State<V> {
    #[inline]
    pub(crate) fn is_alive(&self) -> bool {
        self.word & ALIVE != 0
    }

    /// Whether it was removed or has expired, and did not end with its store.
    pub(crate) fn has_ended(&self) -> bool {
        self.word & (ALIVE | CLOSED) == 0
    }

    /// Whether the entry is there for the disk: alive, or ended with its store.
    #[cfg(feature = "durable")]
    pub(crate) fn is_stored(&self) -> bool {
        self.word & (ALIVE | CLOSED) != 0
    }

    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        self.word & HELD != 0
    }

    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.word / VERSION
    }

    /// The entry as it is now.
    #[inline(always)]
    pub(crate) fn entry(&self, shared: &Shared<V>) -> Entry<V> {
        self.entry_with(triomphe::Arc::clone(&self.value), shared)
    }

    /// Always in its place: a fetch takes a seventh less than with a call and a move.
    #[inline(always)]
    pub(in crate::slot) fn entry_with(&self, value: triomphe::Arc<V>, shared: &Shared<V>) -> Entry<V> {
        let times = self.times.told(self.expires(shared));
        Entry::stored(value, self.version(), times, shared.clock.origin())
    }

    /// Ends a slot that nobody has seen alive.
    pub(crate) fn abandon(&mut self) {
        self.word &= !ALIVE;
    }

    /// Notes that the entry was used, where that counts.
    #[inline]
    pub(crate) fn note_use(&mut self, shared: &Shared<V>) {
        if shared.idle_limit().is_some() {
            self.use_now(shared);
        }
    }

    #[inline(never)]
    fn use_now(&mut self, shared: &Shared<V>) {
        self.times.make_use(shared.clock.now());
    }

    pub(in crate::slot) fn extra(&mut self) -> &mut Extra<V> {
        self.extra.get_or_insert_default()
    }

    /// Lets go of the box if nothing is in it.
    pub(in crate::slot) fn trim(&mut self) {
        if self.extra.as_ref().is_some_and(|extra| extra.is_empty()) {
            self.extra = None;
        }
    }
}

impl<V: LiveValue> Default for Extra<V> {
    fn default() -> Self {
        Extra {
            waiters: Waiters::default(),
            ring: None,
            full_watchers: 0,
            history: None,
            deltas: None,
            own: None,
        }
    }
}

impl<V: LiveValue> Extra<V> {
    fn is_empty(&self) -> bool {
        self.waiters.is_empty()
            && self.ring.is_none()
            && self.history.is_none()
            && self.deltas.is_none()
            && self.own.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;
    use crate::slot::after::After;
    use crate::slot::ring::Sitter;
    use crate::slot::turns::Turn;
    use crate::value::options::StoreOptions;
    use crate::value::value::tests::Value;

    /// What was waited for or watched once costs as little afterwards as what never was.
    #[test]
    fn the_box_goes_with_the_last_waiter_and_the_last_watcher() {
        let shared = Arc::new(Shared::new(&StoreOptions::default()));
        let slot = Slot::new(Uuid::nil(), triomphe::Arc::new(Value));
        let mut state = slot.lock();
        let cx = Context::from_waker(Waker::noop());

        let mut after = After::default();
        let join = |state: &mut State<Value>| {
            let (mut ticket, mut clone) = (None, Some(Waker::noop().clone()));
            let turn = state.take_turn(&shared, &mut ticket, &cx, &mut clone, &mut After::default());
            assert!(matches!(turn, Turn::Waits));
            ticket
        };

        assert!(state.try_hold(&shared));
        let (mut first, second) = (join(&mut state), join(&mut state).unwrap());
        state.leave_waiters(&shared, slot.key(), second, &mut after);
        assert!(state.extra.is_some());
        state.release(&shared, slot.key(), &mut after);
        let turn = state.take_turn(&shared, &mut first, &cx, &mut None, &mut after);
        assert!(matches!(turn, Turn::Ours));
        state.release(&shared, slot.key(), &mut after);
        assert!(state.extra.is_none() && !state.is_held());

        assert!(state.try_hold(&shared));
        let only = join(&mut state).unwrap();
        state.leave_waiters(&shared, slot.key(), only, &mut after);
        // It says since when the entry is held, as long as it is.
        assert!(state.extra.is_some());
        state.release(&shared, slot.key(), &mut after);
        assert!(state.extra.is_none());

        let (ring, mut seat) = state.join_ring(&shared, true, Sitter::Task(None));
        assert!(state.extra.is_some());
        state.leave_ring(&ring, &mut seat, &mut after);
        assert!(state.extra.is_none());
        drop(state);
    }
}
