//! [`Plans`]: what a transaction has staged, sorted into lives, and its commit.
//!
//! The commit cannot fail half-way. First it locks a new slot for every key that is to be created and
//! links it; whoever finds one must wait for its lock. If one of these keys is taken, the new slots die before anybody
//! saw them alive, and nothing has happened. Then it locks the slots that it holds, commits what was staged, one entry
//! after another, and unlocks all.
//!
//! Lock order: it is the only code that locks two slots. New slots come first, in key order, then held ones in key
//! order. Nobody who waits for a new slot has one that this waits for: a held slot's lock is taken by others only
//! briefly, by readers, who hold no other, and by transactions that link, which wait for nothing while they have it.
//! While slots are locked it takes shard locks; that is safe because under a shard lock nobody waits for a slot.

use std::sync::Arc;

use uuid::Uuid;

use crate::ground::clock::Stamp;
use crate::ground::sync::SpinGuard;
use crate::ground::unwind::{Panics, drop_each};
use crate::slot::after::After;
use crate::slot::commit::{Change, tell_gathered};
use crate::slot::hold::Hold;
use crate::slot::slot::{Slot, State};
use crate::table::table::{NotLinked, Table};
use crate::value::value::LiveValue;

/// Why a transaction was not committed.
pub(crate) enum NotCommitted {
    /// Somebody else has this key.
    Occupied(Uuid),
    /// The store was closed.
    Closed,
}

/// An entry to be created, and what is done to it afterwards.
pub(in crate::store) type Birth<V> = (Arc<Slot<V>>, Vec<Step<V>>);

/// What is to be done to one key, in lives: a life that begins and ends within the transaction leaves no trace.
pub(in crate::store) struct Plan<V: LiveValue> {
    pub(in crate::store) key: Uuid,
    /// The entry that there is, and what is done to it. The last step may be its removal.
    pub(in crate::store) held: Option<(Hold<V>, Vec<Step<V>>)>,
    /// The entry that there will be, and what is done to it once it is born.
    pub(in crate::store) born: Option<Birth<V>>,
    /// Of lives that left no trace.
    pub(in crate::store) untraced: Vec<Step<V>>,
}

/// What a transaction does, in key order.
pub(in crate::store) struct Plans<V: LiveValue>(pub(in crate::store) Vec<Plan<V>>);

impl<V: LiveValue> Plans<V> {
    pub(in crate::store) fn commit(&mut self, table: &Table<V>) -> Result<(), NotCommitted> {
        let shared = table.shared();
        let plans = &mut self.0;
        if table.is_closed() && plans.iter().any(Plan::does_something) {
            return Err(NotCommitted::Closed);
        }
        // Slots stand beside the plans, so that their locks can be held while the plans are carried out.
        let born: Vec<Option<Arc<Slot<V>>>> = plans
            .iter()
            .map(|plan| plan.born.as_ref().map(|(slot, _)| Arc::clone(slot)))
            .collect();
        let held: Vec<Option<Arc<Slot<V>>>> = plans
            .iter()
            .map(|plan| plan.held.as_ref().map(|(hold, _)| Arc::clone(hold.slot())))
            .collect();
        // Of everything that follows: it wakes and drops when all is visible, and nothing locked.
        let mut after = After::default();

        // Link what is created under keys that have no entry. Who finds one waits for its lock.
        let mut born_states: Vec<Option<SpinGuard<'_, State<V>>>> = Vec::with_capacity(plans.len());
        for (at, slot) in born.iter().enumerate() {
            let state = slot.as_ref().map(|slot| slot.lock());
            if let (Some(slot), None) = (slot, &held[at])
                && let Err(why) = table.link_locked(slot, &mut after)
            {
                abandon(table, &born, &held, &mut born_states);
                return Err(match why {
                    NotLinked::Occupied => NotCommitted::Occupied(plans[at].key),
                    NotLinked::Closed => NotCommitted::Closed,
                });
            }
            born_states.push(state);
        }

        let mut held_states: Vec<Option<SpinGuard<'_, State<V>>>> = held
            .iter()
            .map(|slot| slot.as_ref().map(|slot| slot.lock()))
            .collect();
        let is_over =
            |state: &Option<SpinGuard<'_, State<V>>>| state.as_ref().is_some_and(|state| !state.is_alive());
        let mut changed = plans
            .iter()
            .zip(&held_states)
            .filter(|(plan, _)| plan.does_something());
        if changed.any(|(_, state)| is_over(state)) {
            // The store was closed while they were held.
            abandon(table, &born, &held, &mut born_states);
            return Err(NotCommitted::Closed);
        }
        // From here on nothing can fail.
        {
            let _whole = shared.outlet.whole();
            after.gather();
            for (at, plan) in plans.iter_mut().enumerate() {
                let mut closed = false;
                if let (Some((hold, steps)), Some(slot), Some(state)) =
                    (&mut plan.held, &held[at], &mut held_states[at])
                {
                    // Else it ended with its store, and stays for the disk.
                    let was_alive = state.is_alive();
                    for step in steps.drain(..) {
                        take(step, table, slot, state, &mut after);
                    }
                    if was_alive && !state.is_alive() {
                        match &born[at] {
                            // In one step, so that nobody else takes the key between.
                            Some(successor) => closed |= table.succeed(slot, successor),
                            None => table.unlink(slot),
                        }
                    }
                    state.release(shared, slot.key(), &mut after);
                    hold.close();
                }
                if let (Some((_, steps)), Some(slot), Some(state)) =
                    (&mut plan.born, &born[at], &mut born_states[at])
                {
                    // Only now, because the entry before it under this key may have just raised the floor.
                    state.bear(shared, slot.key(), &mut after);
                    if let Some(deadlines) = table.deadlines() {
                        table.arm(deadlines, state.deadline(shared), slot, 0);
                    }
                    for step in steps.drain(..) {
                        take(step, table, slot, state, &mut after);
                    }
                    if closed {
                        // The store is being closed, and does not know of this one; nor has it come to the one before it, so the
                        // disk still takes what is done.
                        state.close(shared, &mut after);
                    }
                }
            }
        }
        tell_gathered(shared, &mut after);
        drop(held_states);
        drop(born_states);
        table.note_stale(&after);
        table.resume_checks();
        Ok(())
    }
}

impl<V: LiveValue> Plan<V> {
    fn does_something(&self) -> bool {
        self.born.is_some() || self.held.as_ref().is_some_and(|(_, steps)| !steps.is_empty())
    }
}

/// Ends new slots that were linked, and are locked: nobody has seen them alive, and nobody will.
fn abandon<V: LiveValue>(
    table: &Table<V>,
    born: &[Option<Arc<Slot<V>>>],
    held: &[Option<Arc<Slot<V>>>],
    born_states: &mut [Option<SpinGuard<'_, State<V>>>],
) {
    for (at, state) in born_states.iter_mut().enumerate() {
        if let (Some(slot), Some(state), None) = (&born[at], state, &held[at]) {
            state.abandon();
            table.unlink(slot);
        }
    }
}

/// All entries that are still held are released before anything else goes.
impl<V: LiveValue> Drop for Plans<V> {
    fn drop(&mut self) {
        let mut after = After::default();
        for (hold, _) in self.0.iter_mut().filter_map(|plan| plan.held.as_mut()) {
            hold.end_into(&mut after);
        }
        let mut panics = Panics::default();
        panics.run(|| drop(after));
        for plan in self.0.drain(..) {
            let Plan {
                held, born, untraced, ..
            } = plan;
            let ((hold, held_steps), (slot, steps)) = (held.unzip(), born.unzip());
            // Each may be the last to have a value.
            panics.run(|| drop(hold));
            panics.run(|| drop(slot));
            let steps = held_steps.into_iter().chain(steps).flatten();
            panics.run(|| drop_each(steps.chain(untraced)));
        }
    }
}

/// Carries out one step on a slot whose state is locked.
fn take<V: LiveValue>(
    step: Step<V>,
    table: &Table<V>,
    slot: &Arc<Slot<V>>,
    state: &mut State<V>,
    after: &mut After<V>,
) {
    match step {
        Step::Change(change) => state.commit(table.shared(), slot.key(), change, after),
        Step::Broadcast(msg) => {
            state.broadcast(table.shared(), slot.key(), msg, after);
        }
        Step::Deadline(at) => {
            let arm = state.set_deadline(table.shared(), at);
            state.leave_for_disk(table.shared(), slot.key(), after);
            if let (Some(deadlines), Some(arm)) = (table.deadlines(), arm) {
                after.stale_deadlines += usize::from(arm.replaces);
                table.arm(deadlines, arm.at, slot, arm.arming);
            }
        }
        Step::Create(_) => unreachable!("a plan begins each life with a slot"),
    }
}

pub(in crate::store) enum Step<V: LiveValue> {
    Change(Change<V>),
    Broadcast(V::Message),
    Deadline(Stamp),
    Create(triomphe::Arc<V>),
}

#[cfg(test)]
#[cfg(not(livestore_check))]
mod tests {
    use super::*;
    use crate::store::transact::Tx;
    use crate::value::options::StoreOptions;
    use crate::value::value::tests::Value;

    /// It had ended, and so it was taken out of the map, from which the disk takes everything once more.
    #[test]
    fn an_entry_that_ended_with_its_store_stays_for_the_disk_though_a_transaction_has_looked_at_it() {
        let table = Arc::new(Table::<Value>::new(&StoreOptions::default()));
        let slot = Slot::new(Uuid::nil(), triomphe::Arc::new(Value));
        assert!(table.link(&slot, |_, _| ()).is_ok());
        assert!(slot.lock().try_hold(table.shared()));
        let mut tx = Tx::new(Arc::clone(&table));
        tx.take_up(*slot.key(), Some(Hold::taken(&slot, table.shared())));
        table.end_all();
        assert!(tx.commit().is_ok());
        table.unlink_dead(slot.key());
        let shards = (0..).map_while(|at| table.shard(at));
        assert_eq!(shards.map(|slots| slots.len()).sum::<usize>(), 1);
        assert!(!slot.lock().is_held());
    }
}
