//! [`Table`]: all entries of one store, and the only file that names dashmap.
//!
//! Handles and guards share a table; when the last of them goes, it closes every ring. No reference into the map
//! leaves this file: a slot is either tried under its shard's lock, or cloned out and locked afterwards.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::iter;
#[cfg(feature = "durable")]
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::vec;

#[cfg(not(all(test, livestore_check)))]
use dashmap::{DashMap, mapref::entry::Entry as Place};
use foldhash::fast::RandomState;
use uuid::Uuid;

use crate::ground::clock::Stamp;
use crate::ground::random::random_key;
use crate::ground::sync::atomic::{AtomicBool, Ordering};
#[cfg(all(test, livestore_check))]
use crate::ground::sync::map::{DashMap, Place};
use crate::ground::unwind::{InHand, Panics, let_go};
use crate::slot::after::{After, Leftover};
use crate::slot::hold::Hold;
#[cfg(feature = "serde")]
use crate::slot::record::Record;
use crate::slot::shared::Shared;
#[cfg(feature = "durable")]
use crate::slot::sink::Sink;
use crate::slot::slot::{Slot, State};
use crate::table::checks::{Checks, Run};
use crate::table::deadlines::{Deadlines, Item};
use crate::table::making::Makings;
use crate::table::origin::Origin;
use crate::value::entry::Entry;
use crate::value::error::DeadlineError;
use crate::value::options::StoreOptions;
#[cfg(feature = "serde")]
use crate::value::report::LoadReport;
#[cfg(feature = "durable")]
use crate::value::report::OpenReport;
#[cfg(feature = "serde")]
use crate::value::schema::Schema;
use crate::value::value::LiveValue;

pub(crate) struct Table<V: LiveValue> {
    map: DashMap<Linked<V>, (), RandomState>,
    shared: Arc<Shared<V>>,
    /// `None` when nothing ever expires.
    deadlines: Option<Deadlines<V>>,
    /// Nothing is linked any more. Set before the first slot is closed; read under the lock of a shard.
    closed: AtomicBool,
    /// Set before anybody has the table, unless it is checked by hand.
    checks: OnceLock<Checks>,
    makings: Makings,
    /// Differs from start to start, so that versions of two runs are not compared. Below 2^53, which JavaScript can
    /// count.
    epoch: u64,
    #[cfg_attr(not(feature = "serde"), expect(dead_code, reason = "it is empty"))]
    origin: Origin,
}

/// What is done with the living slot that was found: a closure most often. What has to stand in its caller, because a call
/// and the moves that come with it would take a third as long as itself, is a type, whose method can say so.
pub(crate) trait Look<V: LiveValue> {
    type Seen;

    fn at(self, slot: &Arc<Slot<V>>, state: &mut State<V>) -> Self::Seen;
}

impl<V: LiveValue, R, F: FnOnce(&Arc<Slot<V>>, &mut State<V>) -> R> Look<V> for F {
    type Seen = R;

    #[inline(always)]
    fn at(self, slot: &Arc<Slot<V>>, state: &mut State<V>) -> R {
        self(slot, state)
    }
}

/// A look that is a use of the entry.
struct Use<'a, V: LiveValue, L>(&'a Shared<V>, L);

impl<V: LiveValue, L: Look<V>> Look<V> for Use<'_, V, L> {
    type Seen = L::Seen;

    #[inline(always)]
    fn at(self, slot: &Arc<Slot<V>>, state: &mut State<V>) -> L::Seen {
        let Use(shared, look) = self;
        state.note_use(shared);
        look.at(slot, state)
    }
}

/// A slot in the map, found by the key that stands in it. So the map holds eight bytes per entry and no second copy of
/// the key.
struct Linked<V: LiveValue>(Arc<Slot<V>>);

impl<V: LiveValue> Clone for Linked<V> {
    fn clone(&self) -> Self {
        Linked(Arc::clone(&self.0))
    }
}

impl<V: LiveValue> Borrow<Uuid> for Linked<V> {
    fn borrow(&self) -> &Uuid {
        self.0.key()
    }
}

impl<V: LiveValue> Hash for Linked<V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key().hash(state);
    }
}

impl<V: LiveValue> PartialEq for Linked<V> {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl<V: LiveValue> Eq for Linked<V> {}

impl<V: LiveValue> Table<V> {
    /// The options have been validated.
    pub(crate) fn new(options: &StoreOptions) -> Table<V> {
        Table::over(options, Shared::new(options))
    }

    fn over(options: &StoreOptions, shared: Shared<V>) -> Table<V> {
        #[cfg(feature = "serde")]
        crate::ground::process::note();
        let map = match options.shard_amt {
            Some(amount) => DashMap::with_hasher_and_shard_amount(RandomState::default(), amount),
            None => DashMap::with_hasher(RandomState::default()),
        };
        Table {
            map,
            shared: Arc::new(shared),
            deadlines: options.expire_check_freq.map(|_| Deadlines::new()),
            closed: AtomicBool::new(false),
            makings: Makings::new(),
            checks: OnceLock::new(),
            epoch: random_key().as_u64_pair().0 >> 11,
            origin: Origin::of::<V>(),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<V>> {
        &self.shared
    }

    pub(crate) fn deadlines(&self) -> Option<&Deadlines<V>> {
        self.deadlines.as_ref()
    }

    pub(crate) fn makings(&self) -> &Makings {
        &self.makings
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Has the expiry checks end with this table. Returns them, unless it had some before.
    pub(crate) fn own_checks(&self, checks: Checks) -> Option<&Checks> {
        self.checks.set(checks).ok().and_then(|()| self.checks.get())
    }

    /// The task of the expiry checks has ended. They go on elsewhere, unless the store has ended.
    pub(crate) fn checks_ended(&self, run: Run) {
        if let Some(checks) = self.checks.get() {
            checks.ended(run);
        }
    }

    /// Whether the expiry checks go on.
    pub(crate) fn is_checked(&self) -> bool {
        self.checks.get().is_some_and(Checks::go_on)
    }

    /// Has the expiry checks go on here, if the runtime that they were in has ended. Returns whether somebody checks, or
    /// nobody was ever to.
    #[inline]
    pub(crate) fn resume_checks(&self) -> bool {
        self.checks.get().is_none_or(Checks::resume)
    }

    /// Counts slots; one that has just died may still be among them.
    pub(crate) fn len(&self) -> usize {
        if self.is_closed() {
            return 0;
        }
        // What expired at the end of a hold is gone, whether or not the task of the checks has come to it.
        self.shared
            .overdue
            .keys()
            .iter()
            .for_each(|key| self.unlink_dead(key));
        self.map.len()
    }

    /// Whether the store was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Gives back the places that removed entries have left. Locks one thing at a time.
    pub(crate) fn shrink(&self) {
        // Moves pointers to slots; nothing of the user's runs.
        self.map.shrink_to_fit();
        if let Some(deadlines) = &self.deadlines {
            deadlines.shrink();
        }
        self.shared.feed.shrink();
        self.shared.outlet.shrink();
    }

    /// Walks over what is there. Keeps the table.
    pub(crate) fn walk(self: &Arc<Self>) -> Walk<V> {
        Walk {
            table: Arc::clone(self),
            next_shard: 0,
            slots: Vec::new().into_iter(),
        }
    }

    /// Looks a key up for somebody who uses its entry, and runs `look` on its living slot's state; `None` if there is none.
    #[inline]
    pub(crate) fn look<R>(
        &self,
        key: &Uuid,
        look: impl FnOnce(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> Option<R> {
        self.look_life(key, None, look)
    }

    /// The same for one life of the key, which need not be looked up, or for the one that it has at the time.
    ///
    /// What counts as a use is decided here: naming an entry is one, whatever comes of it.
    #[inline(always)]
    pub(crate) fn look_life<L: Look<V>>(
        &self,
        key: &Uuid,
        life: Option<&Arc<Slot<V>>>,
        look: L,
    ) -> Option<L::Seen> {
        self.find(key, life, Use(&self.shared, look))
    }

    /// Looks a key up, which is no use of its entry, and runs `look` on its living slot's state; `None` if there is none.
    ///
    /// `look` may run under the shard's lock too, so it runs nothing of the user's and takes only leaf locks.
    /// Whatever it displaces it returns.
    #[inline]
    pub(crate) fn peek<R>(
        &self,
        key: &Uuid,
        look: impl FnOnce(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> Option<R> {
        self.peek_life(key, None, look)
    }

    /// The same for one life of the key, which need not be looked up, or for the one that it has at the time.
    #[inline(always)]
    pub(crate) fn peek_life<L: Look<V>>(
        &self,
        key: &Uuid,
        life: Option<&Arc<Slot<V>>>,
        look: L,
    ) -> Option<L::Seen> {
        self.find(key, life, look)
    }

    /// One life and any life in one, so that `look` is called at one place and stands there: a fetch takes a tenth more where
    /// it does not.
    #[inline(always)]
    fn find<L: Look<V>>(&self, key: &Uuid, life: Option<&Arc<Slot<V>>>, look: L) -> Option<L::Seen> {
        loop {
            let mut place = None;
            let busy;
            let slot = match life {
                Some(slot) => slot,
                None => {
                    place = Some(self.map.get(key)?);
                    &place.as_ref()?.key().0
                }
            };
            let (slot, mut state) = if let Some(state) = slot.try_lock() {
                (slot, state)
            } else {
                // Waiting for it under the shard's lock could deadlock with whoever has it and wants this shard.
                busy = Arc::clone(slot);
                place = None;
                (&busy, busy.lock())
            };
            // Not `then`: it would drop `look`, and a mutation in it, under both locks.
            if state.is_alive() {
                return Some(look.at(slot, &mut state));
            }
            if place.is_some() || life.is_some() {
                return None;
            }
            // It died while it was waited for; a transaction may have given the key a successor in the same commit.
        }
    }

    /// Gives a new slot its key, if that is vacant, and returns the new entry. Otherwise returns the entry that the
    /// key has. In a store that was closed, the new entry is over at once.
    ///
    /// `prepare` runs on the new entry at the instant of its birth, under the shard's lock and the slot's.
    pub(crate) fn link<R>(
        &self,
        slot: &Arc<Slot<V>>,
        prepare: impl FnOnce(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> Result<(Entry<V>, R), Entry<V>> {
        // Dropped with the shard unlocked.
        let mut after = After::default();
        let (entry, prepared, deadline) = loop {
            let occupant = match self.map.entry(Linked(Arc::clone(slot))) {
                _ if self.is_closed() => {
                    let mut state = slot.lock();
                    state.bear_closed(&self.shared);
                    let prepared = prepare(slot, &mut state);
                    let entry = state.entry(&self.shared);
                    state.close(&self.shared, &mut after);
                    drop(state);
                    return after.then(Ok((entry, prepared)));
                }
                Place::Vacant(place) => {
                    // Nobody else knows this slot, so this does not wait.
                    let mut state = slot.lock();
                    state.bear(&self.shared, slot.key(), &mut after);
                    let prepared = prepare(slot, &mut state);
                    let born = (state.entry(&self.shared), prepared, state.deadline(&self.shared));
                    drop(state);
                    place.insert(());
                    break born;
                }
                Place::Occupied(place) => Arc::clone(&place.key().0),
            };
            let mut state = occupant.lock();
            if state.is_alive() {
                state.note_use(&self.shared);
                let entry = state.entry(&self.shared);
                drop(state);
                return after.then(Err(entry));
            }
            drop(state);
            // It died and is about to be unlinked, or it ended with its store, and stays for the disk.
            if !self.is_closed() {
                self.unlink(&occupant);
            }
        };
        if let Some(deadlines) = &self.deadlines {
            self.arm(deadlines, deadline, slot, 0);
            self.resume_checks();
        }
        after.then(Ok((entry, prepared)))
    }

    /// Gives a new slot its key, if that is vacant. The caller has locked the slot and bears it later.
    pub(crate) fn link_locked(&self, slot: &Arc<Slot<V>>, after: &mut After<V>) -> Result<(), NotLinked> {
        loop {
            let occupant = match self.map.entry(Linked(Arc::clone(slot))) {
                _ if self.is_closed() => return Err(NotLinked::Closed),
                Place::Vacant(place) => {
                    place.insert(());
                    return Ok(());
                }
                Place::Occupied(place) => Arc::clone(&place.key().0),
            };
            let is_alive = occupant.lock().is_alive();
            // One that ended with its store stays for the disk.
            if !is_alive && !self.is_closed() {
                self.unlink(&occupant);
            }
            // Whoever ends it may have let go of it meanwhile, and this has slots locked.
            after.leave(Leftover::Slot(occupant));
            if is_alive {
                return Err(NotLinked::Occupied);
            }
        }
    }

    /// Gives the key of a dead slot to another in one step. Returns whether the store was closed by then, so that the other must
    /// be, too.
    pub(crate) fn succeed(&self, dead: &Arc<Slot<V>>, successor: &Arc<Slot<V>>) -> bool {
        let place = self.map.entry(Linked(Arc::clone(successor)));
        // Under the lock of the shard: who closes the store copies it after this, or this sees that it is closed.
        let is_closed = self.is_closed();
        match place {
            Place::Vacant(place) => drop(place.insert(())),
            Place::Occupied(place) => {
                debug_assert!(Arc::ptr_eq(&place.key().0, dead));
                // The dead slot is the caller's too, so this frees nothing under the shard's lock.
                place.replace_entry(());
            }
        }
        is_closed
    }

    /// Frees the key of a dead slot, unless another slot has it by now.
    pub(crate) fn unlink(&self, slot: &Arc<Slot<V>>) {
        // The slot itself goes after the shard's lock; the caller has a reference in any case.
        let unlinked = self
            .map
            .remove_if(slot.key(), |linked, ()| Arc::ptr_eq(&linked.0, slot));
        drop(unlinked);
    }

    /// Frees a key whose slot is dead.
    pub(crate) fn unlink_dead(&self, key: &Uuid) {
        let slot = self.map.get(key).map(|place| Arc::clone(&place.key().0));
        if let Some(slot) = slot
            && slot.lock().has_ended()
        {
            self.unlink(&slot);
        }
    }

    /// Gives an entry a deadline of its own.
    pub(crate) fn set_deadline(&self, slot: &Arc<Slot<V>>, at: Stamp) -> Result<(), DeadlineError> {
        let Some(deadlines) = &self.deadlines else {
            return Err(DeadlineError::NoChecks);
        };
        if self.is_closed() {
            // Its checks have ended with it, and so has the entry, though a guard may still be there.
            return Err(DeadlineError::Missing);
        }
        if at < Stamp::NEVER && !self.resume_checks() {
            return Err(DeadlineError::RuntimeEnded);
        }
        let mut after = After::default();
        let mut state = slot.lock();
        if !state.is_alive() {
            return Err(DeadlineError::Missing);
        }
        let arm = state.set_deadline(&self.shared, at);
        state.leave_for_disk(&self.shared, slot.key(), &mut after);
        if let Some(arm) = arm {
            // Under the slot's lock, so that the item that it counts on is there when others look.
            self.arm(deadlines, arm.at, slot, arm.arming);
            drop(state);
            deadlines.note_stale(usize::from(arm.replaces));
        }
        Ok(())
    }

    /// Puts an item into the deadline queue. In a table that is closed nothing is kept there: who closes it empties the queue
    /// after this, or this sees that it is closed.
    pub(crate) fn arm(&self, deadlines: &Deadlines<V>, at: Stamp, slot: &Arc<Slot<V>>, arming: u32) {
        deadlines.arm(at, slot, arming);
        if self.is_closed() {
            deadlines.clear();
        }
    }

    /// Puts items back into the deadline queue, as [`arm`](Self::arm) does.
    pub(crate) fn put_back(&self, deadlines: &Deadlines<V>, items: Vec<Item<V>>, stale: usize) {
        deadlines.put_back(items, stale);
        if self.is_closed() {
            deadlines.clear();
        }
    }

    /// Ends an entry and frees its key. Returns the final entry.
    pub(crate) fn end(&self, hold: Hold<V>, msg: Option<V::Message>) -> Entry<V> {
        let slot = InHand::new(Arc::clone(hold.slot()));
        let mut after = After::default();
        let entry = hold.end(msg, &mut after);
        self.unlink(&slot);
        self.note_stale(&after);
        after.then(entry)
    }

    /// The same for a call that holds the entry. `None` if the store was closed meanwhile.
    pub(crate) fn end_once(&self, hold: Hold<V>, msg: Option<V::Message>) -> Option<Entry<V>> {
        let slot = InHand::new(Arc::clone(hold.slot()));
        let mut after = After::default();
        let entry = hold.end_once(msg, &mut after);
        if entry.is_some() {
            self.unlink(&slot);
        }
        self.note_stale(&after);
        after.then(entry)
    }

    /// Tells the deadline queue what a commit has made stale. Called with nothing locked.
    pub(crate) fn note_stale(&self, after: &After<V>) {
        if let Some(deadlines) = &self.deadlines {
            deadlines.note_stale(after.stale_deadlines);
        }
    }

    /// Ends all entries with the store: nothing is removed, and everybody who watches or waits is told that it is over. Nothing
    /// is linked from here on. What was there stays in the map for the disk, until [`clear`](Self::clear).
    pub(crate) fn end_all(&self) {
        self.closed.store(true, Ordering::Release);
        // Its task sees that the table is closed, and ends.
        self.shared.overdue.told.notify_one();
        let mut after = After::default();
        self.shared.feed.close(after.watchers());
        for slots in self.shards() {
            for slot in &slots {
                slot.lock().close(&self.shared, &mut after);
            }
            // If one was removed meanwhile, this has its last reference.
            slots.into_iter().for_each(let_go);
        }
        if let Some(deadlines) = &self.deadlines {
            deadlines.clear();
        }
    }

    /// Lets go of all entries, in a table that is closed.
    pub(crate) fn clear(&self) {
        let mut panics = Panics::default();
        for (at, slots) in self.shards().enumerate() {
            // What is cleared is in `slots` as well, so nothing of the user's is dropped under the shard's lock.
            self.map.shards()[at].write().clear();
            slots.into_iter().for_each(|slot| panics.run(|| drop(slot)));
        }
    }

    /// Copies the slots of one shard after another. Such a copy takes no more than pointers and counts; nothing of the user's
    /// runs.
    fn shards(&self) -> impl Iterator<Item = Vec<Arc<Slot<V>>>> {
        (0..self.map.shards().len()).map_while(|at| self.shard(at))
    }

    /// The slots of one shard as it is now; `None` if there is no such shard.
    pub(crate) fn shard(&self, at: usize) -> Option<Vec<Arc<Slot<V>>>> {
        let shard = self.map.shards().get(at)?.read().clone();
        Some(shard.into_iter().map(|(Linked(slot), _)| slot).collect())
    }
}

#[cfg(feature = "serde")]
impl<V: LiveValue> Table<V> {
    pub(crate) fn schema(&self) -> &Schema {
        &self.origin.schema
    }

    pub(crate) fn set_load_report(&mut self, report: LoadReport) {
        self.origin.load_report = Some(report);
    }

    pub(crate) fn load_report(&self) -> Option<LoadReport> {
        self.origin.load_report
    }

    pub(crate) fn set_schema(&mut self, schema: Schema) {
        self.origin.schema = schema;
    }

    /// Puts a stored entry in, unless its key has one. Returns whether it is in.
    pub(crate) fn restore(&self, key: Uuid, record: Record<V>) -> bool {
        let slot = Slot::restore(key, record);
        if self.link_locked(&slot, &mut After::default()).is_err() {
            return false;
        }
        self.arm_restored(&slot);
        true
    }

    fn arm_restored(&self, slot: &Arc<Slot<V>>) {
        if let Some(deadlines) = &self.deadlines {
            deadlines.arm(slot.lock().deadline(&self.shared), slot, 0);
        }
    }
}

#[cfg(feature = "durable")]
impl<V: LiveValue> Table<V> {
    /// A table whose commits enter this queue.
    pub(crate) fn durable(options: &StoreOptions, sink: Sink<V>) -> Table<V> {
        Table::over(options, Shared::new(options).with_sink(sink))
    }

    pub(crate) fn set_opened(&mut self, folder: PathBuf, report: OpenReport) {
        self.origin.opened = Some((folder, report));
    }

    /// The folder that the store was opened on, and what was found there.
    pub(crate) fn opened(&self) -> Option<(&Path, OpenReport)> {
        let (folder, report) = self.origin.opened.as_ref()?;
        Some((folder, *report))
    }

    /// How many slots there are for the disk.
    pub(crate) fn stored(&self) -> usize {
        self.map.len()
    }

    /// Has the processor find the places of these keys, several at a time. Where they are looked up one after another, it waits
    /// for memory at each. Returns how many keys there were.
    #[cfg(feature = "durable")]
    pub(crate) fn look_ahead(&mut self, keys: impl Iterator<Item = Uuid>) -> usize {
        let find = |key| {
            let hash = self.map.hash_usize(&key);
            let shard = self.map.determine_shard(hash);
            if let Some(shard) = self.map.shards_mut().get_mut(shard) {
                let is_it = |(Linked(slot), _): &(Linked<V>, _)| *slot.key() == key;
                std::hint::black_box(shard.get_mut().get(hash as u64, is_it).is_some());
            }
        };
        keys.map(find).count()
    }

    /// Puts a stored entry in, in place of the one that its key has. Nobody else has the table.
    pub(crate) fn restore_anew(&self, key: Uuid, record: Record<V>) {
        let slot = Slot::restore(key, record);
        let before = match self.map.entry(Linked(Arc::clone(&slot))) {
            Place::Vacant(place) => {
                place.insert(());
                None
            }
            Place::Occupied(place) => {
                let before = Arc::clone(&place.key().0);
                place.replace_entry(());
                Some(before)
            }
        };
        self.let_go_of(before);
        self.arm_restored(&slot);
    }

    /// Takes a stored entry out again. Nobody else has the table.
    pub(crate) fn take_back(&self, key: &Uuid) {
        let before = self.map.remove(key).map(|(linked, ())| linked.0);
        self.let_go_of(before);
    }

    fn let_go_of(&self, before: Option<Arc<Slot<V>>>) {
        if let Some(before) = before {
            before.lock().abandon();
            if let Some(deadlines) = &self.deadlines {
                deadlines.note_stale(1);
            }
            let_go(before);
        }
    }
}

/// Why a slot was not given its key.
#[derive(Debug)]
pub(crate) enum NotLinked {
    /// The key has a living entry.
    Occupied,
    /// The store was closed.
    Closed,
}

/// Goes through the slots, one shard after another. What is in a shard is copied out when the walk comes to it, so nothing
/// is locked between items, and memory is used for one shard at a time.
///
/// A key belongs to one shard for ever, so none is seen twice. A slot may have died since it was copied, and its key have
/// another: who looks for entries [visits](Walk::visit).
pub(crate) struct Walk<V: LiveValue> {
    table: Arc<Table<V>>,
    next_shard: usize,
    /// Of the present shard.
    slots: vec::IntoIter<Arc<Slot<V>>>,
}

impl<V: LiveValue> Walk<V> {
    /// Goes through the entries: runs `look` on each under its slot's lock, and gives what that returns with the key. Every key
    /// that has an entry throughout is visited, whichever lives of it came and went meanwhile.
    ///
    /// What holds for the `look` of [`Table::peek`] holds for this one.
    pub(crate) fn visit<R>(
        mut self,
        mut look: impl FnMut(&Uuid, &mut State<V>) -> R,
    ) -> impl Iterator<Item = (Uuid, R)> {
        iter::from_fn(move || {
            loop {
                let slot = self.next()?;
                let key = *slot.key();
                let mut state = slot.lock();
                let found = if state.is_alive() {
                    let found = look(&key, &mut state);
                    drop(state);
                    Some(found)
                } else {
                    // A transaction may have given the key a successor in one step.
                    drop(state);
                    self.table.peek(&key, |_, state| look(&key, state))
                };
                let_go(slot);
                if let Some(found) = found {
                    return Some((key, found));
                }
            }
        })
    }
}

impl<V: LiveValue> Iterator for Walk<V> {
    type Item = Arc<Slot<V>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(next) = self.slots.next() {
                return Some(next);
            }
            self.slots = self.table.shard(self.next_shard)?.into_iter();
            self.next_shard += 1;
        }
    }
}

/// What was not looked at goes as if it had been.
impl<V: LiveValue> Drop for Walk<V> {
    fn drop(&mut self) {
        self.slots.by_ref().for_each(let_go);
    }
}

impl<V: LiveValue> Drop for Table<V> {
    fn drop(&mut self) {
        // A panic of the user's goes on when the disk has been told as well.
        let mut panics = Panics::default();
        panics.run(|| self.end_all());
        self.shared.outlet.end_soon();
        panics.run(|| self.clear());
    }
}

/// What others find while an entry that has ended is about to be unlinked.
#[cfg(test)]
mod tests {
    use crate::value::value::tests::Value;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn link(table: &Table<Value>, key: Uuid) -> Arc<Slot<Value>> {
        let slot = Slot::new(key, triomphe::Arc::new(Value));
        assert!(table.link(&slot, |_, _| ()).is_ok());
        slot
    }

    /// Ends the entry as [`Table::end`] does, up to the moment before it is unlinked.
    fn end(table: &Table<Value>, slot: &Arc<Slot<Value>>) -> Entry<Value> {
        assert!(slot.lock().try_hold(table.shared()));
        Hold::taken(slot, table.shared()).end(None, &mut After::default())
    }

    /// A million removed entries left the places of a million.
    #[cfg(not(livestore_check))]
    #[test]
    fn the_places_of_removed_entries_are_given_back() {
        let table = Table::new(&StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            ..Default::default()
        });
        let kept = link(&table, Uuid::nil());
        let removed: Vec<_> = (1..10_000).map(|n| link(&table, Uuid::from_u128(n))).collect();
        // Asked now: what was removed may leave a mark in its place, which no longer counts as room.
        assert!(table.map.capacity() >= 9_000, "{}", table.map.capacity());
        for slot in removed {
            assert!(slot.lock().try_hold(table.shared()));
            drop(table.end(Hold::taken(&slot, table.shared()), None));
        }
        table.shrink();
        assert!(table.map.capacity() < 100, "{}", table.map.capacity());
        assert_eq!(table.deadlines().map(Deadlines::capacity), Some(1));
        assert_eq!(table.deadlines().map(Deadlines::len), Some(1));
        assert!(table.peek(kept.key(), |_, _| ()).is_some());
    }

    #[test]
    fn a_dead_slot_counts_as_absent() {
        let table = Table::new(&StoreOptions::default());
        let key = Uuid::nil();
        let slot = link(&table, key);
        end(&table, &slot);
        assert_eq!(table.len(), 1);
        assert!(table.peek(&key, |_, _| ()).is_none());
    }

    #[test]
    fn a_slot_that_dies_while_it_is_waited_for_counts_as_absent() {
        let table = Arc::new(Table::new(&StoreOptions::default()));
        let key = Uuid::nil();
        let slot = link(&table, key);
        let mut state = slot.lock();
        let (told, found) = mpsc::channel();
        let looking = {
            let table = Arc::clone(&table);
            thread::spawn(move || told.send(table.peek(&key, |_, _| ()).is_some()))
        };
        // It waits for the slot, and for nothing else: the shard is free.
        assert!(found.recv_timeout(Duration::from_millis(100)).is_err());
        let (told, linked) = mpsc::channel();
        let linking = {
            let table = Arc::clone(&table);
            thread::spawn(move || {
                for other in 1..32 {
                    drop(link(&table, Uuid::from_u128(other)));
                }
                told.send(())
            })
        };
        assert!(linked.recv_timeout(Duration::from_secs(30)).is_ok());
        let change = crate::slot::commit::Change::Remove { msg: None };
        state.commit(table.shared(), &key, change, &mut After::default());
        drop(state);
        assert_eq!(found.recv_timeout(Duration::from_secs(30)), Ok(false));
        assert!(looking.join().is_ok() && linking.join().is_ok());
    }

    #[test]
    fn a_dead_slot_is_replaced_and_its_remover_leaves_the_new_one_alone() {
        let table = Table::new(&StoreOptions::default());
        let key = Uuid::nil();
        let old = link(&table, key);
        let gone = end(&table, &old);
        let new = link(&table, key);
        table.unlink(&old);
        assert!(
            table
                .peek(&key, |slot, _| Arc::ptr_eq(slot, &new))
                .is_some_and(|same| same)
        );
        assert_eq!(new.lock().version(), gone.version() + 1);
    }
}
