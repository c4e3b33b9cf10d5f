//! [`Slot`]: everything of one entry under one small lock, and the only code that changes a value.
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

use std::collections::VecDeque;
#[cfg(not(livestore_check))]
use std::hint::spin_loop;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::ground::clock::Stamp;
use crate::ground::stats::Count;
use crate::ground::sync::atomic::AtomicBool;
use crate::ground::sync::atomic::Ordering::Relaxed;
use crate::ground::sync::{Flag, Mutex, MutexGuard};
use crate::ground::times::Times;
use crate::slot::after::After;
use crate::slot::history::History;
#[cfg(feature = "serde")]
use crate::slot::record::Record;
use crate::slot::ring::{Left, News, Ring, Seat};
use crate::slot::shared::Shared;
use crate::slot::waiters::{Gone, Ticket, Waiters};
use crate::value::delta::Delta;
use crate::value::entry::Entry;
use crate::value::update::Update;
use crate::value::value::{LiveValue, SMALL};

pub(crate) struct Slot<V: LiveValue> {
    key: Uuid,
    state: Mutex<State<V>>,
}

pub(crate) struct State<V: LiveValue> {
    /// Replaced by a commit, or changed in place while nobody else holds the `Arc`. Final once dead.
    value: Arc<V>,
    /// The version, which grows by 1 with each commit, above the flags [`ALIVE`] and [`HELD`].
    word: u64,
    times: Times,
    /// What most entries never need. `None` when it would be empty.
    extra: Option<Box<Extra<V>>>,
}

/// Set in a living slot; cleared once, by the last commit.
const ALIVE: u64 = 1;
/// Somebody has the exclusive right to change the entry. While it is not set, nobody waits.
const HELD: u64 = 2;
/// One version. 62 bits count 146,000 years of a million commits a second.
const VERSION: u64 = 4;

/// How often a busy slot is looked at before a thread sleeps for it.
#[cfg(not(livestore_check))]
const LOOKS: u32 = 4;
/// How many pauses of the processor lie between: about a microsecond.
#[cfg(not(livestore_check))]
const REST: u32 = 64;

struct Extra<V: LiveValue> {
    waiters: Waiters,
    /// Exists while somebody watches.
    ring: Option<Arc<Ring<V>>>,
    /// How many of those who watch are told the values as well.
    full_watchers: usize,
    /// Exists from the first change on, in a store that keeps a history.
    history: Option<Box<History<V>>>,
    /// Set once the entry was given a deadline of its own, which then counts instead of the store's mode.
    own: Option<Own>,
}

/// A deadline of one entry alone.
struct Own {
    at: Stamp,
    /// When the item comes up that the entry counts on, not after `at`; and its flag. `NEVER` when there is none.
    armed: Stamp,
    flag: Flag,
}

/// What must be queued for a new deadline.
pub(crate) struct Arm {
    pub(crate) at: Stamp,
    pub(crate) flag: Flag,
    /// Another item became stale by it.
    pub(crate) replaces: bool,
}

/// A change to be committed.
pub(crate) enum Change<V: LiveValue> {
    Mutate {
        mutn: V::Mutation,
        /// `None` if the value has been changed in place under this very hold of the slot's lock; nobody is told values.
        new: Option<Arc<V>>,
    },
    Overwrite {
        msg: Option<V::Message>,
        new: Arc<V>,
    },
    Rollback {
        new: Arc<V>,
    },
    Remove {
        msg: Option<V::Message>,
    },
    Expire,
}

/// What an expiry check finds.
pub(crate) enum Due {
    /// The entry is gone, or counts on another item.
    Stale,
    /// Not before this time, which may be never.
    At(Stamp),
    /// As soon as whoever holds it is done.
    Held,
    Now,
}

/// The entry is dead: look the key up again.
#[derive(Debug)]
pub(crate) struct Dead;

impl<V: LiveValue> Slot<V> {
    /// Makes a living slot; [`State::bear`] gives it its first version and its times.
    pub(crate) fn new(key: Uuid, value: Arc<V>) -> Arc<Slot<V>> {
        Arc::new(Slot {
            key,
            state: Mutex::new(State {
                value,
                word: ALIVE,
                times: Times::born(Stamp(0)),
                extra: None,
            }),
        })
    }

    /// Makes a slot of a stored entry, as if it had lived on. Returns also what must be queued if it has a deadline of its
    /// own.
    #[cfg(feature = "serde")]
    pub(crate) fn restore(key: Uuid, record: Record<V>) -> (Arc<Slot<V>>, Option<Arm>) {
        let slot = Slot::new(key, record.value);
        let mut state = slot.lock();
        state.word += record.version * VERSION;
        state.times = Times::born(record.created);
        state.times.change(record.changed);
        if let Some(used) = record.used {
            state.times.make_use(used);
        }
        let arm = record.own.and_then(|at| state.set_deadline(at));
        drop(state);
        (slot, arm)
    }

    pub(crate) fn key(&self) -> &Uuid {
        &self.key
    }

    /// Locks the slot. Never under a shard lock.
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock()
    }

    /// Locks a slot that was just found locked. Looks again a few times, and rests a while between.
    ///
    /// Whoever has it often comes again at once. Undisturbed, a thread makes many changes in the time in which two that
    /// fight for each make a few: one key, changed by two threads, took 120 to 280 ns a change without rests and 70
    /// with.
    #[cold]
    pub(crate) fn lock_busy(&self) -> MutexGuard<'_, State<V>> {
        // The model checker has seen all there is to see here when it tries once and then waits.
        #[cfg(not(livestore_check))]
        for _ in 0..LOOKS {
            (0..REST).for_each(|_| spin_loop());
            if let Some(state) = self.try_lock() {
                return state;
            }
        }
        self.lock()
    }

    /// Locks the slot if that needs no wait.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, State<V>>> {
        self.state.try_lock()
    }
}

impl<V: LiveValue> State<V> {
    #[inline]
    pub(crate) fn is_alive(&self) -> bool {
        self.word & ALIVE != 0
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
    #[inline]
    pub(crate) fn entry(&self, shared: &Shared<V>) -> Entry<V> {
        self.entry_with(Arc::clone(&self.value), shared)
    }

    /// Always in its place: a fetch takes a seventh less than with a call and a move.
    #[inline(always)]
    fn entry_with(&self, value: Arc<V>, shared: &Shared<V>) -> Entry<V> {
        let (created, changed) = (self.times.created(), self.times.changed());
        let create_time = shared.clock.instant(created);
        Entry {
            value,
            version: self.version(),
            last_change: if changed == created {
                create_time
            } else {
                shared.clock.instant(changed)
            },
            create_time,
            expires: self.expires(shared),
        }
    }

    /// What is stored of the entry as it is now.
    #[cfg(feature = "serde")]
    pub(crate) fn record(&self, shared: &Shared<V>) -> Record<V> {
        let used = match shared.idle_limit() {
            None => None,
            // It is in use now.
            Some(_) if self.is_idle_exempt(shared) => Some(shared.clock.now()),
            Some(_) => Some(self.times.used()),
        };
        Record {
            value: Arc::clone(&self.value),
            version: self.version(),
            created: self.times.created(),
            changed: self.times.changed(),
            used,
            own: self.own().map(|own| own.at),
        }
    }

    /// Gives a new slot its first version and its times. Nobody else has the key, or sees the slot alive yet.
    pub(crate) fn bear(&mut self, shared: &Shared<V>, key: &Uuid, after: &mut After<V>) {
        self.word = (shared.first_version() * VERSION) | (self.word % VERSION);
        // The wait for the shard is over: this is the instant of the commit.
        self.times = Times::born(shared.clock.now());
        self.leave_for_disk(shared, key, after);
        // Not before: whoever does not find it there finds the entry.
        #[cfg(feature = "serde")]
        shared.kept.forget(key);
        if shared.feed.watchers() > 0 {
            let update = Arc::new(Update::Create {
                new: self.entry(shared),
            });
            self.publish_to_all(shared, key, &update, after);
        }
    }

    /// Ends a slot that nobody has seen alive.
    pub(crate) fn abandon(&mut self) {
        self.word &= !ALIVE;
    }

    /// Notes that the entry was used, where that counts.
    #[inline]
    pub(crate) fn note_use(&mut self, shared: &Shared<V>) {
        if shared.idle_limit().is_some() {
            self.times.make_use(shared.clock.now());
        }
    }

    // The entry's lock.

    /// Takes the entry if it is free.
    pub(crate) fn try_hold(&mut self, shared: &Shared<V>) -> bool {
        if self.is_held() {
            return false;
        }
        self.word |= HELD;
        shared.counters.add(Count::Held, 1);
        self.note_use(shared);
        true
    }

    /// Queues up for an entry that is held.
    pub(crate) fn join_waiters(&mut self, shared: &Shared<V>, cx: &Context<'_>) -> Ticket {
        debug_assert!(self.is_held(), "a free entry is taken, not waited for");
        shared.counters.add(Count::Waiters, 1);
        self.extra().waiters.join(cx)
    }

    /// Takes up a grant, or renews the waiter's waker. Returns whether the entry is held for the caller now, and a
    /// waker to be dropped with nothing locked.
    pub(crate) fn accept_grant(
        &mut self,
        ticket: Ticket,
        cx: &Context<'_>,
        shared: &Shared<V>,
    ) -> (bool, Option<Waker>) {
        let waiters = &mut self.extra().waiters;
        if !waiters.accept(ticket) {
            return (false, waiters.renew(ticket, cx));
        }
        self.note_use(shared);
        self.trim();
        (true, None)
    }

    /// Takes a waiter off; if it had been granted the entry, the next one gets it.
    pub(crate) fn leave_waiters(
        &mut self,
        shared: &Shared<V>,
        ticket: Ticket,
    ) -> (Option<Waker>, Option<Gone>) {
        if !self.is_alive() {
            // Its last commit sent everybody away.
            return (None, None);
        }
        match self.extra().waiters.leave(ticket) {
            Gone::WithGrant => (self.release(shared), None),
            gone => {
                shared.counters.subtract(Count::Waiters, 1);
                self.trim();
                (None, Some(gone))
            }
        }
    }

    /// Ends the present hold: the front waiter gets the entry, or it is free. Returns whom to wake.
    pub(crate) fn release(&mut self, shared: &Shared<V>) -> Option<Waker> {
        if !self.is_alive() {
            return None;
        }
        let next = self.extra.as_mut().and_then(|extra| extra.waiters.grant());
        if next.is_some() {
            shared.counters.subtract(Count::Waiters, 1);
        } else {
            shared.counters.subtract(Count::Held, 1);
            self.word &= !HELD;
            self.trim();
        }
        next
    }

    // Changes.

    /// Applies a plain mutation where that is the whole of it: the entry is free, nobody is told, and nothing is displaced.
    /// `None` if there is more to it.
    #[inline]
    pub(crate) fn mutate_quietly(
        &mut self,
        shared: &Shared<V>,
        key: &Uuid,
        mutn: &V::Mutation,
    ) -> Option<Result<Entry<V>, V::MutError>> {
        if self.is_held() || self.extra.is_some() || self.is_recorded(shared) {
            return None;
        }
        let value = Arc::get_mut(&mut self.value)?;
        Some(match value.apply(mutn) {
            Ok(()) => {
                shared.counters.add(Count::Mutations, 1);
                self.step(shared);
                // A pending record of this value would share it. So this displaces none, and nothing is left to be done.
                #[cfg(feature = "durable")]
                drop(self.enter(shared, key));
                let _ = key;
                Ok(self.entry(shared))
            }
            Err(reason) => {
                shared.counters.add(Count::Refused, 1);
                self.note_use(shared);
                Err(reason)
            }
        })
    }

    /// Applies a mutation here, under the lock, if it is plain: to the value itself, or to a copy of a small value if
    /// somebody is told the values, or keeps an entry. Gives the mutation back if there is more to it.
    pub(crate) fn mutate_here(
        &mut self,
        shared: &Shared<V>,
        key: &Uuid,
        mutn: V::Mutation,
        after: &mut After<V>,
    ) -> Result<Result<Entry<V>, V::MutError>, V::Mutation> {
        if !V::__is_plain(&mutn) {
            return Err(mutn);
        }
        let own = if self.is_recorded(shared) {
            None
        } else {
            Arc::get_mut(&mut self.value)
        };
        let (new, result) = match own {
            Some(value) => (None, value.apply(&mutn)),
            None => match self.mutate_small(&mutn) {
                Some((new, result)) => (Some(new), result),
                None => return Err(mutn),
            },
        };
        Ok(match result {
            Ok(()) => {
                self.commit(shared, key, Change::Mutate { mutn, new }, after);
                Ok(self.entry(shared))
            }
            Err(reason) => {
                shared.counters.add(Count::Refused, 1);
                self.note_use(shared);
                after.mutn = Some(mutn);
                after.value = new;
                Err(reason)
            }
        })
    }

    /// Applies a plain mutation to a copy of a small value. `None` if it is not small.
    #[inline]
    #[expect(clippy::type_complexity, reason = "the copy, and what came of it")]
    fn mutate_small(&self, mutn: &V::Mutation) -> Option<(Arc<V>, Result<(), V::MutError>)> {
        // A large one would not even have to fit onto the stack.
        if size_of::<V>() > SMALL {
            return None;
        }
        let mut copy = self.value.__copy()?;
        let result = copy.apply(mutn);
        Some((Arc::new(copy), result))
    }

    /// Makes a change visible: value, version, time and publication together. Every change of an entry passes here.
    ///
    /// Whoever calls has the exclusive right to the entry: it holds it, or found it free under this lock.
    pub(crate) fn commit(&mut self, shared: &Shared<V>, key: &Uuid, change: Change<V>, after: &mut After<V>) {
        debug_assert!(self.is_alive(), "a dead entry does not change");
        // Asked once: whoever joins the feed from now on sees the change when they look at this entry. So does who joined it
        // since the value was changed in place: the value before is gone.
        let in_place = matches!(change, Change::Mutate { new: None, .. });
        let recorded = !in_place && self.is_recorded(shared);
        match change {
            Change::Mutate { mutn, new } => {
                shared.counters.add(Count::Mutations, 1);
                let old = new.and_then(|new| self.replace(shared, recorded, new, after));
                self.advance(shared, key, after);
                if let Some(old) = old {
                    let new = self.entry(shared);
                    self.publish(shared, key, Update::Mutate { mutn, new, old }, after);
                } else if self.ring().is_some() {
                    let version = self.version();
                    self.publish_delta(shared, Delta::Mutate { mutn, version }, after);
                } else {
                    after.mutn = Some(mutn);
                }
            }
            Change::Overwrite { msg, new } => {
                let old = self.replace(shared, recorded, new, after);
                self.advance(shared, key, after);
                if let Some(old) = old {
                    let new = self.entry(shared);
                    self.publish(shared, key, Update::Overwrite { msg, new, old }, after);
                } else if self.ring().is_some() {
                    let new = self.entry(shared);
                    self.publish_delta(shared, Delta::Overwrite { msg, new }, after);
                } else {
                    after.msg = msg;
                }
            }
            Change::Rollback { new } => {
                let old = self.replace(shared, recorded, new, after);
                self.advance(shared, key, after);
                // Who keeps a history keeps values.
                if let Some(old) = old {
                    let new = self.entry(shared);
                    self.publish(shared, key, Update::Rollback { new, old }, after);
                }
            }
            Change::Remove { msg } => {
                self.die(shared, key, after);
                if recorded || self.ring().is_some() {
                    let (val, key) = (self.entry(shared), *key);
                    self.publish_end(shared, &key, Update::Remove { msg, val, key }, after);
                } else {
                    after.msg = msg;
                }
            }
            Change::Expire => {
                shared.counters.add(Count::Expired, 1);
                self.die(shared, key, after);
                if recorded || self.ring().is_some() {
                    let (val, key) = (self.entry(shared), *key);
                    self.publish_end(shared, &key, Update::Expire { val, key }, after);
                }
            }
        }
    }

    /// Puts a value in the place of the present one. Returns the entry as it was, if that is to be told or kept.
    fn replace(
        &mut self,
        shared: &Shared<V>,
        recorded: bool,
        new: Arc<V>,
        after: &mut After<V>,
    ) -> Option<Entry<V>> {
        let value = mem::replace(&mut self.value, new);
        if recorded {
            return Some(self.entry_with(value, shared));
        }
        after.value = Some(value);
        None
    }

    /// What every change does before anybody is told of it: what they do about it comes later on disk, too.
    #[inline]
    fn advance(&mut self, shared: &Shared<V>, key: &Uuid, after: &mut After<V>) {
        self.step(shared);
        self.leave_for_disk(shared, key, after);
    }

    #[inline]
    fn step(&mut self, shared: &Shared<V>) {
        self.word += VERSION;
        self.times.change(shared.clock.now());
    }

    /// Leaves the entry as it is now for the disk, in a store that is kept there.
    #[inline]
    pub(crate) fn leave_for_disk(&self, shared: &Shared<V>, key: &Uuid, after: &mut After<V>) {
        #[cfg(feature = "durable")]
        {
            after.record = self.enter(shared, key);
        }
        let _ = (shared, key, after);
    }

    /// Enters the entry as it is now in the queue for the disk. Returns what that displaces.
    #[cfg(feature = "durable")]
    #[inline]
    fn enter(&self, shared: &Shared<V>, key: &Uuid) -> Option<Record<V>> {
        let sink = shared.sink()?;
        sink.enter(key, self.is_alive().then(|| self.record(shared)))
    }

    /// Tells watchers without changing anything. Returns how many there are.
    pub(crate) fn broadcast(
        &mut self,
        shared: &Shared<V>,
        key: &Uuid,
        msg: V::Message,
        after: &mut After<V>,
    ) -> usize {
        self.note_use(shared);
        let watchers = self.ring().map_or(0, |ring| ring.watchers()) + shared.feed.watchers();
        if watchers == 0 {
            after.msg = Some(msg);
        } else if self.is_told_values(shared) {
            let val = self.entry(shared);
            self.publish(shared, key, Update::Message { msg, val }, after);
        } else {
            let version = self.version();
            self.publish_delta(shared, Delta::Message { msg, version }, after);
        }
        watchers
    }

    /// The last commit. The floor rises before anybody can see the slot dead.
    fn die(&mut self, shared: &Shared<V>, key: &Uuid, after: &mut After<V>) {
        self.word += VERSION;
        shared.raise_floor(self.version());
        if self.is_held() {
            shared.counters.subtract(Count::Held, 1);
        }
        self.word &= !(ALIVE | HELD);
        self.leave_for_disk(shared, key, after);
        if let Some(extra) = &mut self.extra {
            after.wakers.others = extra.waiters.dismiss();
            shared
                .counters
                .subtract(Count::Waiters, after.wakers.others.len());
            after.history = extra.history.take();
            if let Some(own) = extra.own.take() {
                own.flag.store(false, Relaxed);
            }
        }
        self.trim();
    }

    #[inline(never)]
    fn publish(&mut self, shared: &Shared<V>, key: &Uuid, update: Update<V>, after: &mut After<V>) {
        let update = Arc::new(update);
        self.publish_to_all(shared, key, &update, after);
        if shared.history > 0 && update.before().is_some() {
            let history = self
                .extra()
                .history
                .get_or_insert_with(|| Box::new(History::new()));
            after.forgotten = history.push(Arc::clone(&update), shared.history);
        }
        match self.ring() {
            Some(ring) => {
                after.evicted =
                    ring.publish(News::Update(update), shared.channel_cap, &mut after.wakers.others);
            }
            None => after.update = Some(update),
        }
    }

    /// Tells those who are told no values, where nobody else is told.
    fn publish_delta(&self, shared: &Shared<V>, delta: Delta<V>, after: &mut After<V>) {
        let news = News::Delta(Arc::new(delta));
        after.evicted = match self.ring() {
            Some(ring) => ring.publish(news, shared.channel_cap, &mut after.wakers.others),
            None => Some(news),
        };
    }

    fn publish_end(&self, shared: &Shared<V>, key: &Uuid, update: Update<V>, after: &mut After<V>) {
        let update = Arc::new(update);
        if let Some(ring) = self.ring() {
            ring.end(Arc::clone(&update), &mut after.wakers.others);
        }
        self.publish_to_all(shared, key, &update, after);
        after.update = Some(update);
    }

    fn publish_to_all(&self, shared: &Shared<V>, key: &Uuid, update: &Arc<Update<V>>, after: &mut After<V>) {
        if shared.feed.watchers() > 0 {
            let unlocked = shared.feed.publish(key, update, shared.feed_cap());
            after.wakers.others.extend(unlocked.wakers);
            after.folded = unlocked.displaced;
        }
    }

    /// Whether a change is kept or told with the values before and after it.
    #[inline]
    fn is_recorded(&self, shared: &Shared<V>) -> bool {
        shared.history > 0 || self.is_told_values(shared)
    }

    /// Whether somebody is told the values.
    #[inline]
    fn is_told_values(&self, shared: &Shared<V>) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.full_watchers > 0) || shared.feed.watchers() > 0
    }

    // History.

    /// The entries that are kept, oldest first; the last one is the present.
    pub(crate) fn history(&self, shared: &Shared<V>) -> Vec<Entry<V>> {
        let past = self
            .extra
            .as_ref()
            .and_then(|extra| extra.history.as_ref())
            .map(|history| history.past());
        past.into_iter()
            .flatten()
            .cloned()
            .chain([self.entry(shared)])
            .collect()
    }

    /// The updates that led from `version` to the present, if they are kept.
    pub(crate) fn updates_since(&self, version: u64) -> Option<VecDeque<Arc<Update<V>>>> {
        if version == self.version() {
            return Some(VecDeque::new());
        }
        self.extra.as_ref()?.history.as_ref()?.since(version)
    }

    // Watchers.

    /// Adds a watcher, who will be told of what happens from now on, with values or without.
    pub(crate) fn join_ring(&mut self, shared: &Shared<V>, values: bool) -> (Arc<Ring<V>>, Seat) {
        self.note_use(shared);
        let extra = self.extra();
        extra.full_watchers += usize::from(values);
        shared.counters.add(Count::Watchers, 1);
        let ring = extra.ring.get_or_insert_with(|| {
            shared.counters.add(Count::WatchedEntries, 1);
            Arc::new(Ring::new())
        });
        let seat = ring.join();
        (Arc::clone(ring), seat)
    }

    /// Takes a watcher off; with the last one goes the ring.
    pub(crate) fn leave_ring(
        &mut self,
        shared: &Shared<V>,
        ring: &Ring<V>,
        seat: &mut Seat,
        values: bool,
    ) -> Left<V> {
        let left = ring.leave(seat);
        shared.counters.subtract(Count::Watchers, 1);
        if let Some(extra) = &mut self.extra {
            extra.full_watchers -= usize::from(values);
        }
        if left.watchers == 0 {
            shared.counters.subtract(Count::WatchedEntries, 1);
            if let Some(extra) = &mut self.extra {
                extra.ring = None;
            }
            self.trim();
            // Being watched was use, and ends now.
            self.note_use(shared);
        }
        left
    }

    /// Says that the store is gone. Whom to wake is added to `wakers`.
    pub(crate) fn close(&self, wakers: &mut Vec<Waker>) {
        if let Some(ring) = self.ring() {
            ring.close(wakers);
        }
    }

    fn ring(&self) -> Option<&Arc<Ring<V>>> {
        self.extra.as_ref()?.ring.as_ref()
    }

    // Expiry.

    /// When this entry expires as things stand.
    #[inline]
    pub(crate) fn deadline(&self, shared: &Shared<V>) -> Stamp {
        match self.own() {
            Some(own) => own.at,
            None => shared.deadline(self.times),
        }
    }

    #[inline]
    fn expires(&self, shared: &Shared<V>) -> Option<Instant> {
        match self.deadline(shared) {
            Stamp::NEVER => None,
            // It is in use, for as long as nobody can know.
            _ if self.is_idle_exempt(shared) => None,
            deadline => Some(shared.clock.instant(deadline)),
        }
    }

    /// Whether somebody watches an entry that would expire by idleness.
    fn is_idle_exempt(&self, shared: &Shared<V>) -> bool {
        shared.idle_limit().is_some() && self.ring().is_some() && self.own().is_none()
    }

    fn own(&self) -> Option<&Own> {
        self.extra.as_ref()?.own.as_ref()
    }

    /// Gives the entry a deadline of its own. Returns what must be queued for it, if anything. The caller then
    /// [leaves](Self::leave_for_disk) it for the disk.
    pub(crate) fn set_deadline(&mut self, at: Stamp) -> Option<Arm> {
        let own = self.extra().own.get_or_insert_with(|| Own {
            at,
            armed: Stamp::NEVER,
            flag: Flag::default(),
        });
        own.at = at;
        if own.armed <= at {
            // The item that is there comes up in time, and goes on from there.
            return None;
        }
        own.flag.store(false, Relaxed);
        let replaces = own.armed < Stamp::NEVER;
        own.armed = at;
        own.flag = Arc::new(AtomicBool::new(true));
        Some(Arm {
            at,
            flag: Arc::clone(&own.flag),
            replaces,
        })
    }

    /// Notes that the item which the entry counts on comes up again at this time, or not any more.
    fn rearmed(&mut self, at: Stamp) {
        if let Some(own) = self.extra.as_mut().and_then(|extra| extra.own.as_mut()) {
            own.armed = at;
        }
    }

    /// What an item that has come up finds. `flag` is the item's.
    pub(crate) fn due(&mut self, shared: &Shared<V>, flag: Option<&Flag>, now: Stamp) -> Due {
        if !self.is_alive()
            || self
                .own()
                .is_some_and(|own| flag.is_none_or(|flag| !Arc::ptr_eq(flag, &own.flag)))
        {
            return Due::Stale;
        }
        let due = self.due_now(shared, now);
        if let Due::At(at) = due {
            self.rearmed(at);
        }
        due
    }

    fn due_now(&self, shared: &Shared<V>, now: Stamp) -> Due {
        if self.is_idle_exempt(shared)
            && let Some(limit) = shared.idle_limit()
        {
            // It is in use now, so its idle time starts later than now.
            return Due::At(shared.clock.deadline(now, limit.max(Duration::from_millis(1))));
        }
        match self.deadline(shared) {
            deadline if deadline > now => Due::At(deadline),
            _ if self.is_held() => Due::Held,
            _ => Due::Now,
        }
    }

    fn extra(&mut self) -> &mut Extra<V> {
        self.extra.get_or_insert_with(|| {
            Box::new(Extra {
                waiters: Waiters::default(),
                ring: None,
                full_watchers: 0,
                history: None,
                own: None,
            })
        })
    }

    /// Lets go of the box if nothing is in it.
    fn trim(&mut self) {
        if self.extra.as_ref().is_some_and(|extra| extra.is_empty()) {
            self.extra = None;
        }
    }
}

impl<V: LiveValue> Extra<V> {
    fn is_empty(&self) -> bool {
        self.waiters.is_empty() && self.ring.is_none() && self.history.is_none() && self.own.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::options::StoreOptions;
    use crate::value::value::tests::Value;

    /// What was waited for or watched once costs as little afterwards as what never was.
    #[test]
    fn the_box_goes_with_the_last_waiter_and_the_last_watcher() {
        let shared = Shared::new(&StoreOptions::default());
        let slot = Slot::new(Uuid::nil(), Arc::new(Value));
        let mut state = slot.lock();
        let cx = Context::from_waker(Waker::noop());

        assert!(state.try_hold(&shared));
        let (first, second) = (state.join_waiters(&shared, &cx), state.join_waiters(&shared, &cx));
        drop(state.leave_waiters(&shared, second));
        assert!(state.extra.is_some());
        drop(state.release(&shared));
        assert!(state.accept_grant(first, &cx, &shared).0);
        assert!(state.release(&shared).is_none());
        assert!(state.extra.is_none());

        assert!(state.try_hold(&shared));
        let only = state.join_waiters(&shared, &cx);
        drop(state.leave_waiters(&shared, only));
        assert!(state.extra.is_none());

        let (ring, mut seat) = state.join_ring(&shared, true);
        assert!(state.extra.is_some());
        drop(state.leave_ring(&shared, &ring, &mut seat, true));
        assert!(state.extra.is_none());
    }
}
