//! [`Hold`]: the exclusive right to change one entry, and [`Acquire`], the wait for it.
//!
//! A guard is a hold and a store; a mutation that runs user code holds the entry for as long as that runs. A hold
//! ends when it is dropped, also by a panic.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use uuid::Uuid;

use crate::ground::stats::Count;
use crate::ground::unwind::{InHand, drop_before, let_go};
use crate::slot::after::{After, Leftover};
use crate::slot::commit::Change;
use crate::slot::outcome::Outcome;
use crate::slot::outlet::Backlog;
use crate::slot::shared::Shared;
use crate::slot::slot::{Dead, Slot, State};
use crate::slot::turns::Turn;
use crate::slot::waiters::Ticket;
use crate::value::entry::Entry;
use crate::value::error::{MutateError, RollbackError};
use crate::value::value::LiveValue;

pub(crate) struct Hold<V: LiveValue> {
    /// What it holds may have ended, and this have the last of it.
    slot: InHand<Arc<Slot<V>>>,
    shared: Arc<Shared<V>>,
    /// Cleared when the last commit of this hold has released it already.
    open: bool,
}

/// The store was closed while the entry was held for a call, and this was not committed.
pub(crate) struct Closed<V: LiveValue>(pub(crate) Change<V>);

/// How far a mutation came under the slot's lock, which is to tell its caller `R`. The mutation stays where it was, unless it
/// is done.
pub(crate) enum Step<V: LiveValue, R> {
    /// It has not begun: the task has no budget.
    NoBudget,
    /// It is done.
    Done(Result<R, V::MutError>),
    /// The entry is now held; the mutation is to be applied to a copy of this snapshot.
    Copy(Hold<V>, Entry<V>),
    /// The entry is now held; the mutation waits with it for the disk.
    #[cfg_attr(
        not(feature = "durable"),
        expect(dead_code, reason = "there never is a backlog")
    )]
    Backlogged(Hold<V>, Backlog),
    /// The key has no entry.
    Missing,
    /// Somebody else holds the entry.
    Held(Arc<Slot<V>>),
    /// The entry is not at the version that was expected.
    Conflict(Entry<V>),
}

/// Why a mutation is not done yet.
enum Rest {
    /// It is to be applied to a copy.
    Copy,
    /// It waits for the disk, and then is looked at again.
    Backlogged(Backlog),
}

impl<V: LiveValue, R: Outcome<V>> Step<V, R> {
    /// What can be done without holding the entry longer than this, if the disk is not behind.
    fn settle(
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Shared<V>,
        expected: Option<u64>,
        mutn: &mut Option<V::Mutation>,
        after: &mut After<V>,
    ) -> Result<Step<V, R>, Rest> {
        if let Some(backlog) = shared.outlet.backlog() {
            return Err(Rest::Backlogged(backlog));
        }
        Step::settle_now(slot, state, shared, expected, mutn, after).ok_or(Rest::Copy)
    }

    /// The same, however far behind the disk is. `None` if it is to be applied to a copy.
    fn settle_now(
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Shared<V>,
        expected: Option<u64>,
        mutn: &mut Option<V::Mutation>,
        after: &mut After<V>,
    ) -> Option<Step<V, R>> {
        if expected.is_some_and(|version| version != state.version()) {
            return Some(Step::Conflict(state.entry(shared)));
        }
        state.mutate_here(shared, slot.key(), mutn, after).map(Step::Done)
    }

    /// Keeps the hold, which the caller has, for the rest.
    fn keep(slot: &Arc<Slot<V>>, state: &State<V>, shared: &Arc<Shared<V>>, rest: Rest) -> Step<V, R> {
        let hold = Hold::taken(slot, shared);
        match rest {
            Rest::Copy => Step::Copy(hold, state.entry(shared)),
            Rest::Backlogged(backlog) => Step::Backlogged(hold, backlog),
        }
    }
}

impl<V: LiveValue> Hold<V> {
    /// Mutates in one step where that runs nothing of the user's; else holds the entry.
    #[inline(never)]
    pub(crate) fn step<R: Outcome<V>>(
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Arc<Shared<V>>,
        expected: Option<u64>,
        mutn: &mut Option<V::Mutation>,
        after: &mut After<V>,
    ) -> Step<V, R> {
        if state.is_held() {
            return Step::Held(Arc::clone(slot));
        }
        Step::settle(slot, state, shared, expected, mutn, after).unwrap_or_else(|rest| {
            state.try_hold(shared);
            Step::keep(slot, state, shared, rest)
        })
    }

    /// The same, of what stands where it is dropped with nothing locked, whatever panics.
    #[cold]
    #[inline(never)]
    pub(crate) fn step_apart<R: Outcome<V>>(
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Arc<Shared<V>>,
        mutn: &mut Option<V::Mutation>,
        after: &mut Option<After<V>>,
        step: &mut Option<Step<V, R>>,
    ) {
        let after = after.get_or_insert_default();
        *step = Some(Hold::step(slot, state, shared, None, mutn, after));
    }

    /// The same for an entry that is held for the caller. The hold ends with the step, or is in it.
    pub(crate) fn step_held<R: Outcome<V>>(
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Arc<Shared<V>>,
        expected: Option<u64>,
        mutn: &mut Option<V::Mutation>,
        after: &mut After<V>,
    ) -> Step<V, R> {
        match Step::settle(slot, state, shared, expected, mutn, after) {
            Ok(step) => {
                state.release(shared, slot.key(), after);
                step
            }
            Err(rest) => Step::keep(slot, state, shared, rest),
        }
    }

    /// Wraps a hold that was taken on the slot's state.
    pub(crate) fn taken(slot: &Arc<Slot<V>>, shared: &Arc<Shared<V>>) -> Hold<V> {
        Hold {
            slot: InHand::new(Arc::clone(slot)),
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

    /// Notes that the hold was released, under the slot's lock.
    pub(crate) fn close(&mut self) {
        self.open = false;
    }

    pub(crate) fn entry(&self) -> Entry<V> {
        self.slot.lock().entry(&self.shared)
    }

    /// Mutates and goes on holding. What is left to be done goes to `after`.
    pub(crate) fn mutate<R: Outcome<V>>(
        &mut self,
        mutn: V::Mutation,
        after: &mut After<V>,
    ) -> Result<R, V::MutError> {
        let mut mutn = Some(mutn);
        let snapshot = {
            let mut state = self.slot.lock();
            match state.mutate_here(&self.shared, self.key(), &mut mutn, after) {
                Some(result) => return result,
                None => InHand::new(state.entry(&self.shared)),
            }
        };
        let mutn = InHand::still(mutn);
        match self.try_mutation(&snapshot, &mutn) {
            Ok(new) => {
                let change = Change::mutate(&self.shared, mutn.into_inner(), triomphe::Arc::new(new));
                let made = self.commit(change, after);
                after.leave(Leftover::Value(snapshot.into_inner().into_value()));
                Ok(made)
            }
            Err(reason) => {
                after.leave_mutation(mutn.into_inner());
                after.leave(Leftover::Value(snapshot.into_inner().into_value()));
                Err(reason)
            }
        }
    }

    /// Runs the user's code on a snapshot.
    fn try_mutation(&self, snapshot: &Entry<V>, mutn: &V::Mutation) -> Result<V, V::MutError> {
        V::mutate(snapshot, mutn).inspect_err(|_| self.shared.counters.add(Count::Refused, 1))
    }

    /// Makes an earlier value the newest, if the type accepts it as the successor of the present one, and goes on holding. What
    /// is left to be done goes to `after`.
    pub(crate) fn rollback(
        &mut self,
        version: u64,
        after: &mut After<V>,
    ) -> Result<Entry<V>, RollbackError<V::MutError>> {
        let new = self.past(version, after)?;
        Ok(self.commit(Change::Rollback { new }, after))
    }

    /// As [`rollback`](Self::rollback), and ends the hold.
    pub(crate) fn rollback_once(mut self, version: u64) -> Result<Entry<V>, RollbackError<V::MutError>> {
        let mut after = After::default();
        let result = match self.past(version, &mut after) {
            Ok(new) => self
                .commit_once(Change::Rollback { new }, |_, state, shared| state.entry(shared))
                .map_err(|Closed(_)| RollbackError::Missing),
            Err(error) => {
                self.end_into(&mut after);
                Err(error)
            }
        };
        after.then(result)
    }

    /// An earlier value, if the type accepts it as the successor of the present one.
    fn past(
        &self,
        version: u64,
        after: &mut After<V>,
    ) -> Result<triomphe::Arc<V>, RollbackError<V::MutError>> {
        let history = InHand::new(self.slot.lock().history(&self.shared));
        let result = accepted(&history, version);
        let entries = history.into_inner().into_iter();
        after.leave_all(entries.map(|entry| Leftover::Value(entry.into_value())));
        result
    }

    /// Commits and goes on holding. What is left to be done goes to `after`.
    pub(crate) fn commit<R: Outcome<V>>(&mut self, change: Change<V>, after: &mut After<V>) -> R {
        let mut state = self.slot.lock();
        state.commit(&self.shared, self.key(), change, after);
        R::of(&state, &self.shared)
    }

    /// Commits, runs `then` at the same instant and ends the hold. If the store was closed meanwhile, nothing is committed:
    /// nobody would be told of it, or ever find it.
    pub(crate) fn commit_once<R>(
        mut self,
        change: Change<V>,
        then: impl FnOnce(&Arc<Slot<V>>, &mut State<V>, &Shared<V>) -> R,
    ) -> Result<R, Closed<V>> {
        let mut after = After::default();
        let mut state = self.slot.lock();
        if !state.is_alive() {
            drop(state);
            return drop_before(self, Err(Closed(change)));
        }
        state.commit(&self.shared, self.key(), change, &mut after);
        let made = then(&self.slot, &mut state, &self.shared);
        state.release(&self.shared, self.slot.key(), &mut after);
        drop(state);
        self.open = false;
        after.then(Ok(made))
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

    /// As [`end`](Self::end), unless the store was closed meanwhile: nothing is removed then.
    pub(crate) fn end_once(mut self, msg: Option<V::Message>, after: &mut After<V>) -> Option<Entry<V>> {
        let mut state = self.slot.lock();
        let entry = if state.is_alive() {
            state.commit(&self.shared, self.slot.key(), Change::Remove { msg }, after);
            Some(state.entry(&self.shared))
        } else {
            state.release(&self.shared, self.slot.key(), after);
            after.leave_all(msg.map(Leftover::Message));
            None
        };
        drop(state);
        self.open = false;
        entry
    }

    /// Ends the hold. Whom to wake goes to `after`.
    pub(crate) fn end_into(&mut self, after: &mut After<V>) {
        if mem::take(&mut self.open) {
            self.slot.lock().release(&self.shared, self.slot.key(), after);
        }
    }
}

impl<V: LiveValue> Drop for Hold<V> {
    fn drop(&mut self) {
        self.end_into(&mut After::default());
    }
}

/// A mutation of which more is to be done than can be under the slot's lock, and the hold for it.
///
/// Dropped, it ends the hold first, so that what the mutation does when it is dropped keeps nobody waiting; whoever waits for the
/// entry in there gets it.
struct Attempt<V: LiveValue> {
    hold: Hold<V>,
    mutn: InHand<V::Mutation>,
}

impl<V: LiveValue> Hold<V> {
    /// Applies the mutation to a copy of `snapshot`, commits it and ends the hold.
    pub(crate) fn carry_out<R: Outcome<V>>(
        self,
        snapshot: Entry<V>,
        mutn: &mut Option<V::Mutation>,
    ) -> Result<R, MutateError<V::MutError>> {
        let mutn = InHand::still(mutn.take());
        // Before the attempt, so that the hold ends before it goes if what follows panics.
        let new;
        let (attempt, snapshot) = (Attempt { hold: self, mutn }, InHand::new(snapshot));
        match attempt.hold.try_mutation(&snapshot, &attempt.mutn) {
            Ok(value) => {
                new = Some(InHand::new(triomphe::Arc::new(value)));
                let kept = Change::kept(&attempt.hold.shared, &attempt.mutn);
                let Attempt { hold, mutn } = attempt;
                // The slot has the value as well, so this drops none.
                drop(snapshot);
                let change = Change::Mutate {
                    mutn: mutn.into_inner(),
                    kept,
                    new,
                };
                match hold.commit_once(change, |_, state, shared| R::of(state, shared)) {
                    Ok(made) => Ok(made),
                    Err(Closed(change)) => drop_before(change, Err(MutateError::Missing)),
                }
            }
            // The hold ends before the mutation goes.
            Err(reason) => drop_before((attempt, snapshot), Err(MutateError::Rejected(reason))),
        }
    }

    /// Takes the step of a mutation that has waited for the disk.
    #[cfg(feature = "durable")]
    pub(crate) fn after_the_wait<R: Outcome<V>>(
        mut self,
        expected: Option<u64>,
        mutn: &mut Option<V::Mutation>,
    ) -> Step<V, R> {
        let mut after = After::default();
        let mut state = self.slot.lock();
        let step = if state.is_alive() {
            match Step::settle_now(&self.slot, &mut state, &self.shared, expected, mutn, &mut after) {
                Some(step) => step,
                None => {
                    let snapshot = state.entry(&self.shared);
                    drop(state);
                    return after.then(Step::Copy(self, snapshot));
                }
            }
        } else {
            Step::Missing
        };
        state.release(&self.shared, self.slot.key(), &mut after);
        drop(state);
        self.open = false;
        after.then(step)
    }
}

/// The value of a version that is kept, if the type accepts it as the successor of the last.
fn accepted<V: LiveValue>(
    history: &[Entry<V>],
    version: u64,
) -> Result<triomphe::Arc<V>, RollbackError<V::MutError>> {
    let oldest = history.first().map_or(0, |entry| entry.version());
    let Some(past) = history.iter().find(|entry| entry.version() == version) else {
        return Err(RollbackError::NotKept { oldest });
    };
    let now = history.last().map(|entry| &**entry.value());
    past.check(now).map_err(RollbackError::Rejected)?;
    Ok(past.value().clone().into_inner())
}

/// Waits for a hold of one entry, first come, first served from the first poll on.
pub(crate) struct Acquire<'a, V: LiveValue> {
    slot: InHand<Arc<Slot<V>>>,
    shared: &'a Arc<Shared<V>>,
    /// The place in the queue while it waits.
    ticket: Option<Ticket>,
}

impl<'a, V: LiveValue> Acquire<'a, V> {
    pub(crate) fn new(slot: Arc<Slot<V>>, shared: &'a Arc<Shared<V>>) -> Acquire<'a, V> {
        Acquire {
            slot: InHand::new(slot),
            shared,
            ticket: None,
        }
    }
}

impl<V: LiveValue> Acquire<'_, V> {
    /// Waits for the turn, and runs `turn` under the slot's lock with the entry held. It gives the hold to somebody, or
    /// releases it. What is left to be done goes to `after`.
    pub(crate) fn poll_turn<R>(
        &mut self,
        cx: &Context<'_>,
        after: &mut After<V>,
        turn: impl FnOnce(&Arc<Slot<V>>, &mut State<V>, &mut After<V>) -> R,
    ) -> Poll<Result<R, Dead>> {
        // Whoever polls for the first time was told that the entry is held, and most often it still is.
        let mut clone = self.ticket.is_none().then(|| cx.waker().clone());
        loop {
            let mut state = self.slot.lock();
            if !state.is_alive() {
                // The entry was removed while we waited.
                self.ticket = None;
                return Poll::Ready(Err(Dead));
            }
            match state.take_turn(self.shared, &mut self.ticket, cx, &mut clone, after) {
                Turn::Ours => {
                    let made = turn(&self.slot, &mut state, after);
                    drop(state);
                    // What was committed is not lost by what a waker does when it is dropped.
                    let_go(clone);
                    return Poll::Ready(Ok(made));
                }
                Turn::Waits => return Poll::Pending,
                Turn::NeedsClone => {
                    drop(state);
                    clone = Some(cx.waker().clone());
                }
            }
        }
    }
}

impl<V: LiveValue> Future for Acquire<'_, V> {
    type Output = Result<Hold<V>, Dead>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = self.shared;
        let mut after = After::default();
        let turn = self.poll_turn(cx, &mut after, |slot, _, _| Hold::taken(slot, shared));
        after.then(turn)
    }
}

impl<V: LiveValue> Drop for Acquire<'_, V> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let mut after = After::default();
            self.slot
                .lock()
                .leave_waiters(self.shared, self.slot.key(), ticket, &mut after);
        }
    }
}
