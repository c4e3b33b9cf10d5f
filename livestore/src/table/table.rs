//! [`Table`]: all entries of one store, and the only file that names dashmap.
//!
//! Handles and guards share a table; when the last of them goes, it closes every channel. No reference into the map
//! leaves this file: a slot is either tried under its shard's lock, or cloned out and locked afterwards.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
#[cfg(feature = "durable")]
use std::time::Duration;
use std::vec;

#[cfg(not(all(test, livestore_check)))]
use dashmap::{DashMap, mapref::entry::Entry as Place};
use foldhash::fast::RandomState;
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::ground::clock::Stamp;
#[cfg(all(test, livestore_check))]
use crate::ground::sync::map::{DashMap, Place};
#[cfg(feature = "durable")]
use crate::ground::unwind::let_go;
use crate::slot::after::After;
use crate::slot::hold::Hold;
#[cfg(feature = "serde")]
use crate::slot::record::Record;
use crate::slot::shared::Shared;
#[cfg(feature = "durable")]
use crate::slot::sink::Sink;
#[cfg(feature = "serde")]
use crate::slot::slot::Arm;
use crate::slot::slot::{Slot, State};
use crate::table::deadlines::Deadlines;
use crate::value::entry::Entry;
use crate::value::error::DeadlineError;
use crate::value::options::StoreOptions;
#[cfg(feature = "serde")]
use crate::value::report::LoadReport;
#[cfg(feature = "serde")]
use crate::value::schema::Schema;
use crate::value::value::LiveValue;

/// For how long the drop of the last handle waits for the disk: most often long enough for what is pending, and not so long
/// that it is taken for a hang.
#[cfg(feature = "durable")]
const DROP_WAITS: Duration = Duration::from_secs(1);

pub(crate) struct Table<V: LiveValue> {
    map: DashMap<Linked<V>, (), RandomState>,
    shared: Arc<Shared<V>>,
    /// `None` when nothing ever expires.
    deadlines: Option<Deadlines<V>>,
    /// The task of the expiry checks. It holds the table weakly and ends with it.
    checks: OnceLock<AbortHandle>,
    /// Differs from start to start, so that versions of two runs are not compared. Below 2^53, which JavaScript can
    /// count.
    epoch: u64,
    /// What a file says about the values.
    #[cfg(feature = "serde")]
    schema: Schema,
    /// What the entries were loaded from.
    #[cfg(feature = "serde")]
    load_report: Option<LoadReport>,
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

    /// A table whose commits enter this queue.
    #[cfg(feature = "durable")]
    pub(crate) fn durable(options: &StoreOptions, sink: Sink<V>) -> Table<V> {
        Table::over(options, Shared::new(options).with_sink(sink))
    }

    fn over(options: &StoreOptions, shared: Shared<V>) -> Table<V> {
        let map = match options.shard_amt {
            Some(amount) => DashMap::with_hasher_and_shard_amount(RandomState::default(), amount),
            None => DashMap::with_hasher(RandomState::default()),
        };
        Table {
            map,
            shared: Arc::new(shared),
            deadlines: options.expire_check_freq.map(|_| Deadlines::new()),
            checks: OnceLock::new(),
            epoch: Uuid::new_v4().as_u64_pair().0 >> 11,
            #[cfg(feature = "serde")]
            schema: Schema::of::<V>(),
            #[cfg(feature = "serde")]
            load_report: None,
        }
    }

    #[cfg(feature = "serde")]
    pub(crate) fn set_schema(&mut self, schema: Schema) {
        self.schema = schema;
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<V>> {
        &self.shared
    }

    pub(crate) fn deadlines(&self) -> Option<&Deadlines<V>> {
        self.deadlines.as_ref()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    #[cfg(feature = "serde")]
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    #[cfg(feature = "serde")]
    pub(crate) fn set_load_report(&mut self, report: LoadReport) {
        self.load_report = Some(report);
    }

    #[cfg(feature = "serde")]
    pub(crate) fn load_report(&self) -> Option<LoadReport> {
        self.load_report
    }

    /// Has the task of the expiry checks ended with this table.
    pub(crate) fn own_checks(&self, task: AbortHandle) {
        if let Err(task) = self.checks.set(task) {
            task.abort();
        }
    }

    /// Whether the task of the expiry checks is there and has not ended.
    pub(crate) fn is_checked(&self) -> bool {
        self.checks.get().is_some_and(|task| !task.is_finished())
    }

    /// Counts slots; one that has just died may still be among them.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Walks over what is there. Keeps the table.
    pub(crate) fn walk(self: &Arc<Self>) -> Walk<V> {
        Walk {
            table: Arc::clone(self),
            next_shard: 0,
            slots: Vec::new().into_iter(),
        }
    }

    /// Looks a key up and runs `look` on its living slot's state; `None` if there is none.
    ///
    /// `look` may run under the shard's lock too, so it runs nothing of the user's and takes only leaf locks.
    /// Whatever it displaces it returns.
    #[inline]
    pub(crate) fn look<R>(
        &self,
        key: &Uuid,
        look: impl FnOnce(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> Option<R> {
        loop {
            let mut place = Some(self.map.get(key)?);
            let busy;
            let Linked(slot) = place.as_ref()?.key();
            let (slot, mut state) = if let Some(state) = slot.try_lock() {
                (slot, state)
            } else {
                // Waiting for it here could deadlock with whoever has it and wants this shard.
                busy = Arc::clone(slot);
                place = None;
                (&busy, busy.lock_busy())
            };
            // Not `then`: it would drop `look`, and a mutation in it, under both locks.
            if state.is_alive() {
                return Some(look(slot, &mut state));
            }
            if place.is_some() {
                return None;
            }
            // It died while it was waited for; a transaction may have given the key a successor in the same commit.
        }
    }

    /// Gives a new slot its key, if that is vacant, and returns the new entry. Otherwise returns the entry that the
    /// key has.
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
            let state = occupant.lock();
            if state.is_alive() {
                return Err(state.entry(&self.shared));
            }
            drop(state);
            // It died and is about to be unlinked.
            self.unlink(&occupant);
        };
        drop(after);
        if let Some(deadlines) = &self.deadlines {
            deadlines.arm(deadline, slot, None);
        }
        Ok((entry, prepared))
    }

    /// Gives a new slot its key, if that is vacant. Returns whether it was. The caller has locked the slot and bears it
    /// later.
    pub(crate) fn link_locked(&self, slot: &Arc<Slot<V>>) -> bool {
        loop {
            let occupant = match self.map.entry(Linked(Arc::clone(slot))) {
                Place::Vacant(place) => {
                    place.insert(());
                    return true;
                }
                Place::Occupied(place) => Arc::clone(&place.key().0),
            };
            if occupant.lock().is_alive() {
                return false;
            }
            self.unlink(&occupant);
        }
    }

    /// Puts a stored entry in, unless its key has one. Returns whether it is in.
    #[cfg(feature = "serde")]
    pub(crate) fn restore(&self, key: Uuid, record: Record<V>) -> bool {
        let (slot, arm) = Slot::restore(key, record);
        if !self.link_locked(&slot) {
            return false;
        }
        self.arm_restored(&slot, arm);
        true
    }

    #[cfg(feature = "serde")]
    fn arm_restored(&self, slot: &Arc<Slot<V>>, arm: Option<Arm>) {
        if let Some(deadlines) = &self.deadlines {
            match arm {
                Some(arm) => deadlines.arm(arm.at, slot, Some(arm.flag)),
                // No other item is needed if its own deadline is never.
                None => deadlines.arm(slot.lock().deadline(&self.shared), slot, None),
            }
        }
    }

    /// Puts a stored entry in, in place of the one that its key has. Nobody else has the table.
    #[cfg(feature = "durable")]
    pub(crate) fn restore_anew(&self, key: Uuid, record: Record<V>) {
        let (slot, arm) = Slot::restore(key, record);
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
        self.arm_restored(&slot, arm);
    }

    /// Takes a stored entry out again. Nobody else has the table.
    #[cfg(feature = "durable")]
    pub(crate) fn take_back(&self, key: &Uuid) {
        let before = self.map.remove(key).map(|(linked, ())| linked.0);
        self.let_go_of(before);
    }

    #[cfg(feature = "durable")]
    fn let_go_of(&self, before: Option<Arc<Slot<V>>>) {
        if let Some(before) = before {
            before.lock().abandon();
            if let Some(deadlines) = &self.deadlines {
                deadlines.note_stale();
            }
            let_go(before);
        }
    }

    /// The slots of one shard as it is now; `None` if there is no such shard.
    pub(crate) fn shard(&self, number: usize) -> Option<Vec<Arc<Slot<V>>>> {
        // A copy of the shard as it is takes no more than pointers and counts; nothing of the user's runs.
        let shard = self.map.shards().get(number)?.read().clone();
        Some(shard.into_iter().map(|(Linked(slot), _)| slot).collect())
    }

    /// Gives the key of a dead slot to another in one step.
    pub(crate) fn succeed(&self, dead: &Arc<Slot<V>>, successor: &Arc<Slot<V>>) {
        match self.map.entry(Linked(Arc::clone(successor))) {
            Place::Vacant(place) => drop(place.insert(())),
            Place::Occupied(place) => {
                debug_assert!(Arc::ptr_eq(&place.key().0, dead));
                // The dead slot is the caller's too, so this frees nothing under the shard's lock.
                place.replace_entry(());
            }
        }
    }

    /// Frees the key of a dead slot, unless another slot has it by now.
    pub(crate) fn unlink(&self, slot: &Arc<Slot<V>>) {
        // The slot itself goes after the shard's lock; the caller has a reference in any case.
        let unlinked = self
            .map
            .remove_if(slot.key(), |linked, ()| Arc::ptr_eq(&linked.0, slot));
        drop(unlinked);
    }

    /// Gives an entry a deadline of its own.
    pub(crate) fn set_deadline(&self, slot: &Arc<Slot<V>>, at: Stamp) -> Result<(), DeadlineError> {
        let Some(deadlines) = &self.deadlines else {
            return Err(DeadlineError::NoChecks);
        };
        let mut after = After::default();
        let mut state = slot.lock();
        if !state.is_alive() {
            return Err(DeadlineError::Missing);
        }
        let arm = state.set_deadline(at);
        state.leave_for_disk(&self.shared, slot.key(), &mut after);
        if let Some(arm) = arm {
            // Under the slot's lock, so that items are queued in the order in which flags were set.
            deadlines.arm(arm.at, slot, Some(arm.flag));
            drop(state);
            if arm.replaces {
                deadlines.note_stale();
            }
        }
        Ok(())
    }

    /// Ends an entry and frees its key. Returns the final entry.
    pub(crate) fn end(&self, hold: Hold<V>, msg: Option<V::Message>) -> Entry<V> {
        let slot = Arc::clone(hold.slot());
        let mut after = After::default();
        let entry = hold.end(msg, &mut after);
        self.unlink(&slot);
        if let Some(deadlines) = &self.deadlines {
            deadlines.note_stale();
        }
        entry
    }
}

/// Goes through the slots, one shard after another. What is in a shard is copied out when the walk comes to it, so nothing
/// is locked between items, and memory is used for one shard at a time.
///
/// A key belongs to one shard for ever: so none is seen twice, and one that is there throughout is seen. Slots that have
/// died may be among them.
pub(crate) struct Walk<V: LiveValue> {
    table: Arc<Table<V>>,
    next_shard: usize,
    /// Of the present shard.
    slots: vec::IntoIter<Arc<Slot<V>>>,
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

impl<V: LiveValue> Drop for Table<V> {
    fn drop(&mut self) {
        if let Some(task) = self.checks.get() {
            task.abort();
        }
        // Everybody is told before the first value goes, because a value's `Drop` may panic. No handle is left, so
        // nobody can hold a slot's lock and want a shard.
        let mut wakers: Vec<Waker> = self.shared.feed.close();
        for place in self.map.iter() {
            place.key().0.lock().close(&mut wakers);
        }
        wakers.into_iter().for_each(Waker::wake);
        #[cfg(feature = "durable")]
        if let Some(sink) = self.shared.sink() {
            sink.close();
            sink.await_release(DROP_WAITS);
        }
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
        let slot = Slot::new(key, Arc::new(Value));
        assert!(table.link(&slot, |_, _| ()).is_ok());
        slot
    }

    /// Ends the entry as [`Table::end`] does, up to the moment before it is unlinked.
    fn end(table: &Table<Value>, slot: &Arc<Slot<Value>>) -> Entry<Value> {
        assert!(slot.lock().try_hold(table.shared()));
        Hold::taken(slot, table.shared()).end(None, &mut After::default())
    }

    #[test]
    fn a_dead_slot_counts_as_absent() {
        let table = Table::new(&StoreOptions::default());
        let key = Uuid::nil();
        let slot = link(&table, key);
        end(&table, &slot);
        assert_eq!(table.len(), 1);
        assert!(table.look(&key, |_, _| ()).is_none());
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
            thread::spawn(move || told.send(table.look(&key, |_, _| ()).is_some()))
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
        let change = crate::slot::slot::Change::Remove { msg: None };
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
                .look(&key, |slot, _| Arc::ptr_eq(slot, &new))
                .is_some_and(|same| same)
        );
        assert_eq!(new.lock().version(), gone.version + 1);
    }
}
