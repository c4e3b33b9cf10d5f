//! Calls that create, change or remove an entry.

use std::future::poll_fn;
use std::sync::Arc;

use uuid::Uuid;

use crate::ground::trace;
use crate::slot::after::After;
use crate::slot::commit::Change;
use crate::slot::hold::{Acquire, Hold, Step};
use crate::slot::slot::{Dead, Slot, State};
use crate::store::guard::EntryGuard;
use crate::store::lock::proceed;
use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::error::{Missing, MutateError, MutateIfError, Occupied, RollbackError};
use crate::value::value::LiveValue;
use crate::watch::watch::Watch;

impl<V: LiveValue> LiveStore<V> {
    // Creation.

    /// Stores a value under a new random key (UUID v4) and returns the key. Never blocks.
    pub fn init(&self, value: V) -> Uuid {
        self.init_with(value, |_, _| ()).0
    }

    /// Stores a value under a new random key and watches it from its creation on.
    pub fn init_and_watch(&self, value: V) -> (Uuid, Watch<V>) {
        let shared = self.table.shared();
        self.init_with(value, |slot, state| Watch::begin(slot, state, shared))
    }

    /// Stores a value under a new random key, held from its creation on. [`EntryGuard::key`] tells the key.
    pub fn init_and_acquire(&self, value: V) -> EntryGuard<V> {
        let (_, hold) = self.init_with(value, |slot, state| self.born_held(slot, state));
        EntryGuard::new(Arc::clone(&self.table), hold)
    }

    /// Stores a value under a key that has no entry, and returns the new entry. Never overwrites, never blocks.
    ///
    /// # Errors
    ///
    /// [`Occupied`] with the value and the existing entry if the key has one.
    pub fn create(&self, key: &Uuid, value: V) -> Result<Entry<V>, Occupied<V>> {
        self.create_with(*key, value, |_, _| ()).map(|(entry, ())| entry)
    }

    /// Stores a value under a key that has no entry, and watches it from its creation on.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_and_watch(&self, key: &Uuid, value: V) -> Result<(Entry<V>, Watch<V>), Occupied<V>> {
        let shared = self.table.shared();
        self.create_with(*key, value, |slot, state| Watch::begin(slot, state, shared))
    }

    /// Stores a value under a key that has no entry, held from its creation on.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_and_acquire(&self, key: &Uuid, value: V) -> Result<EntryGuard<V>, Occupied<V>> {
        let (_, hold) = self.create_with(*key, value, |slot, state| self.born_held(slot, state))?;
        Ok(EntryGuard::new(Arc::clone(&self.table), hold))
    }

    /// Returns the entry of the key; if it has none, stores what `value` returns and returns that.
    ///
    /// `value` is called at most once, with nothing locked. If somebody else creates the entry meanwhile, theirs is
    /// returned.
    pub fn fetch_or_create(&self, key: &Uuid, value: impl FnOnce() -> V) -> Entry<V> {
        if let Some(entry) = self.fetch(key) {
            return entry;
        }
        self.create(key, value())
            .unwrap_or_else(|occupied| occupied.existing)
    }

    /// Makes a slot, prepares it while nobody knows it, and links it under a key that nobody has.
    fn init_with<R>(&self, value: V, prepare: impl Fn(&Arc<Slot<V>>, &mut State<V>) -> R) -> (Uuid, R) {
        let mut value = Arc::new(value);
        loop {
            let key = Uuid::new_v4();
            match self.link(key, value, &prepare) {
                Ok((_, prepared)) => return (key, prepared),
                // Somebody has chosen this very key by hand.
                Err((unused, _)) => value = unused,
            }
        }
    }

    fn create_with<R>(
        &self,
        key: Uuid,
        value: V,
        prepare: impl FnOnce(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> Result<(Entry<V>, R), Occupied<V>> {
        self.link(key, Arc::new(value), prepare)
            .map_err(|(value, existing)| Occupied {
                value: Arc::unwrap_or_clone(value),
                existing,
            })
    }

    /// Links a prepared slot, or gives its value back with the entry that has the key.
    #[expect(clippy::type_complexity, reason = "two pairs, named in the sentence above")]
    fn link<R>(
        &self,
        key: Uuid,
        value: Arc<V>,
        prepare: impl FnOnce(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> Result<(Entry<V>, R), (Arc<V>, Entry<V>)> {
        let slot = Slot::new(key, Arc::clone(&value));
        self.table
            .link(&slot, prepare)
            .map_err(|existing| (value, existing))
    }

    fn born_held(&self, slot: &Arc<Slot<V>>, state: &mut State<V>) -> Hold<V> {
        state.try_hold(self.table.shared());
        Hold::taken(slot, self.table.shared())
    }

    // Replacement.

    /// Stores a value whether or not the key has an entry, and returns the previous entry. Waits for a guard.
    ///
    /// Nothing is checked: this is the server's own act. Watchers of an existing entry receive
    /// [`Update::Overwrite`](crate::Update::Overwrite). If the entry is removed while this waits, the value is stored
    /// as a new entry.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the value is either stored or dropped with the future.
    pub async fn insert(&self, key: &Uuid, value: V) -> Option<Entry<V>> {
        self.insert_then(key, value, |_, _| ()).await.0
    }

    /// Stores a value as [`insert`](Self::insert) does, and watches what follows it.
    ///
    /// # Cancel safety
    ///
    /// As [`insert`](Self::insert).
    pub async fn insert_and_watch(&self, key: &Uuid, value: V) -> (Option<Entry<V>>, Watch<V>) {
        let shared = self.table.shared();
        self.insert_then(key, value, |slot, state| Watch::begin(slot, state, shared))
            .await
    }

    async fn insert_then<R>(
        &self,
        key: &Uuid,
        value: V,
        then: impl Fn(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> (Option<Entry<V>>, R) {
        let mut value = Arc::new(value);
        loop {
            match self.overwrite_then(key, value, &then).await {
                Ok((previous, made)) => return (Some(previous), made),
                Err(unused) => value = unused,
            }
            match self.link(*key, value, &then) {
                Ok((_, made)) => return (None, made),
                // Somebody else was faster; theirs is replaced.
                Err((unused, _)) => value = unused,
            }
        }
    }

    /// Replaces the value of an existing entry and returns the previous entry. Never inserts. Waits for a guard.
    ///
    /// Nothing is checked: this is the server's own act. Watchers receive
    /// [`Update::Overwrite`](crate::Update::Overwrite).
    ///
    /// # Errors
    ///
    /// [`Missing`] with the value if the key has no entry, or loses it while this waits.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the value is either stored or dropped with the future.
    pub async fn assign(&self, key: &Uuid, value: V) -> Result<Entry<V>, Missing<V>> {
        self.assign_then(key, value, |_, _| ())
            .await
            .map(|(previous, ())| previous)
    }

    /// Replaces a value as [`assign`](Self::assign) does, and watches what follows it.
    ///
    /// # Errors
    ///
    /// As [`assign`](Self::assign).
    ///
    /// # Cancel safety
    ///
    /// As [`assign`](Self::assign).
    pub async fn assign_and_watch(&self, key: &Uuid, value: V) -> Result<(Entry<V>, Watch<V>), Missing<V>> {
        let shared = self.table.shared();
        self.assign_then(key, value, |slot, state| Watch::begin(slot, state, shared))
            .await
    }

    /// Replaces a value as [`assign`](Self::assign) does, and goes on holding the entry.
    ///
    /// # Errors
    ///
    /// As [`assign`](Self::assign).
    ///
    /// # Cancel safety
    ///
    /// As [`assign`](Self::assign).
    pub async fn assign_and_acquire(
        &self,
        key: &Uuid,
        value: V,
    ) -> Result<(Entry<V>, EntryGuard<V>), Missing<V>> {
        match self.acquire(key).await {
            Some(mut guard) => {
                let previous = guard.set(value);
                Ok((previous, guard))
            }
            None => Err(Missing(value)),
        }
    }

    async fn assign_then<R>(
        &self,
        key: &Uuid,
        value: V,
        then: impl Fn(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> Result<(Entry<V>, R), Missing<V>> {
        self.overwrite_then(key, Arc::new(value), &then)
            .await
            .map_err(|unused| Missing(Arc::unwrap_or_clone(unused)))
    }

    /// Replaces a value when it is this call's turn, and runs `then` at the same instant. Gives the value back if the
    /// key has no entry.
    async fn overwrite_then<R>(
        &self,
        key: &Uuid,
        value: Arc<V>,
        then: &impl Fn(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> Result<(Entry<V>, R), Arc<V>> {
        let Some(hold) = self.hold(key).await else {
            return Err(value);
        };
        let change = Change::Overwrite {
            msg: None,
            new: value,
        };
        // Nobody changes it between.
        let previous = hold.entry();
        let made = hold.commit_once(change, |slot, state, _| then(slot, state));
        Ok((previous, made))
    }

    // Mutation.

    /// Mutates the entry and returns it in its new state. Waits for a guard.
    ///
    /// Watchers receive [`Update::Mutate`](crate::Update::Mutate). When this has returned version n, every later
    /// `fetch` sees n or more, and every watcher will.
    ///
    /// A mutation that the derive knows to run none of your code changes the value in place if nobody watches and
    /// nobody keeps an [`Entry`]; otherwise it changes a copy, which for a value of at most 1 KiB with fields of standard
    /// types alone is made field by field, without `Clone`. Any other mutation runs on a clone with nothing locked;
    /// `LiveValue::mutate` may call the store.
    ///
    /// # Errors
    ///
    /// [`MutateError::Missing`] if the key has no entry, or loses it while this waits; [`MutateError::Rejected`] with
    /// the value's own error if it refuses. Nothing has changed then, and nobody is told.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the mutation is either committed or dropped with the future.
    pub async fn mutate(&self, key: &Uuid, mutn: V::Mutation) -> Result<Entry<V>, MutateError<V::MutError>> {
        // Most mutations end here, so what is left stands apart: its state is larger.
        let step = match self.step_quietly(key, mutn, proceed().await) {
            Ok(done) => return done.map_err(MutateError::Rejected),
            Err(step) => step,
        };
        self.go_on(key, None, step).await.map_err(|error| match error {
            MutateIfError::Missing => MutateError::Missing,
            MutateIfError::Rejected(reason) => MutateError::Rejected(reason),
            MutateIfError::Conflict(_) => unreachable!("no version was expected"),
        })
    }

    /// Mutates the entry if it is still at `version`, and returns it in its new state. Waits for a guard.
    ///
    /// Compare and commit: for a decision that was made on an entry read before, without holding it meanwhile.
    ///
    /// # Errors
    ///
    /// [`MutateIfError::Conflict`] with the present entry if it is at another version; else as
    /// [`mutate`](Self::mutate). Nothing has changed then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the mutation is either committed or dropped with the future.
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue, MutateIfError};
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Bid { cents: u64 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = LiveStore::default();
    /// let key = store.init(Bid { cents: 100 });
    ///
    /// let seen = store.fetch(&key).unwrap();
    /// // Somebody else is faster.
    /// store.mutate(&key, BidMutation::SetCents(150)).await.ok();
    ///
    /// let outbid = store.mutate_if(&key, seen.version, BidMutation::SetCents(seen.cents + 10)).await;
    /// assert!(matches!(outbid, Err(MutateIfError::Conflict(now)) if now.cents == 150));
    /// # }
    /// ```
    pub async fn mutate_if(
        &self,
        key: &Uuid,
        version: u64,
        mutn: V::Mutation,
    ) -> Result<Entry<V>, MutateIfError<V>> {
        let step = if proceed().await {
            self.step(key, Some(version), mutn)
        } else {
            Step::NoBudget(mutn)
        };
        self.go_on(key, Some(version), step).await
    }

    /// Makes the value that the entry had at `version` its newest, if [`LiveValue::check`] accepts it as the successor
    /// of the present one. Returns the new entry. Waits for a guard.
    ///
    /// A new commit: the past is not rewritten, and `version` remains what it was. Watchers receive
    /// [`Update::Rollback`](crate::Update::Rollback).
    ///
    /// # Errors
    ///
    /// [`RollbackError::Missing`] if the key has no entry; [`RollbackError::NotKept`] if that version is not kept: see
    /// [`StoreOptions::history`](crate::StoreOptions::history); [`RollbackError::Rejected`] if the check refuses it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped while it waits, it has changed nothing.
    pub async fn rollback(&self, key: &Uuid, version: u64) -> Result<Entry<V>, RollbackError<V::MutError>> {
        match self.hold(key).await {
            Some(mut hold) => hold.rollback(version),
            None => Err(RollbackError::Missing),
        }
    }

    /// Mutates the entry; if the key has none, creates it with what `value` returns, to which the mutation was applied
    /// before. Waits for a guard.
    ///
    /// A creation is one commit, in which the mutation is contained. `value` is called at most once, with nothing
    /// locked.
    ///
    /// # Errors
    ///
    /// The value's own error if it refuses the mutation. Nothing was created or changed then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the mutation is either committed or dropped with the future.
    pub async fn mutate_or_create(
        &self,
        key: &Uuid,
        value: impl FnOnce() -> V,
        mutn: V::Mutation,
    ) -> Result<Entry<V>, V::MutError> {
        let mut value = Some(value);
        let mut made: Option<Arc<V>> = None;
        loop {
            match self.mutate(key, mutn.clone()).await {
                Ok(entry) => return Ok(entry),
                Err(MutateError::Rejected(reason)) => return Err(reason),
                Err(MutateError::Missing) => {}
            }
            let new = match made.take() {
                Some(new) => new,
                None => match value.take() {
                    Some(value) => Arc::new(V::mutate(&Entry::new(value()), &mutn)?),
                    None => unreachable!("a value that was made is kept until it is stored"),
                },
            };
            match self.link(*key, new, |_, _| ()) {
                Ok((entry, ())) => return Ok(entry),
                // Somebody else was faster; theirs is mutated.
                Err((unused, _)) => made = Some(unused),
            }
        }
    }

    /// Mutates in the shortest way where that is the whole of it. Otherwise returns how far it came.
    #[inline]
    fn step_quietly(
        &self,
        key: &Uuid,
        mutn: V::Mutation,
        has_budget: bool,
    ) -> Result<Result<Entry<V>, V::MutError>, Step<V>> {
        // Asked in here: asked by the caller, it makes every mutation a sixth slower.
        if !has_budget {
            return Err(Step::NoBudget(mutn));
        }
        let shared = self.table.shared();
        let quiet = V::__is_plain(&mutn) && !shared.is_backlogged();
        // Not in the closure, which is dropped with everything locked.
        let mut mutn = Some(mutn);
        let mut after = None;
        let mut step = None;
        let done = self.table.look(key, |slot, state| {
            if quiet {
                let done = state.mutate_quietly(shared, key, mutn.as_ref()?);
                if done.is_some() {
                    return done;
                }
            }
            let after = after.get_or_insert_with(After::default);
            step = Some(Hold::step(slot, state, shared, None, mutn.take()?, after));
            None
        });
        done.flatten().ok_or_else(|| step.unwrap_or(Step::Missing))
    }

    /// Goes as far with a mutation as is possible at once.
    fn step(&self, key: &Uuid, expected: Option<u64>, mutn: V::Mutation) -> Step<V> {
        let shared = self.table.shared();
        let mut mutn = Some(mutn);
        let mut after = After::default();
        let step = self.table.look(key, |slot, state| {
            mutn.take()
                .map(|mutn| Hold::step(slot, state, shared, expected, mutn, &mut after))
        });
        step.flatten().unwrap_or(Step::Missing)
    }

    /// Does what is left of a mutation.
    async fn go_on(
        &self,
        key: &Uuid,
        expected: Option<u64>,
        mut step: Step<V>,
    ) -> Result<Entry<V>, MutateIfError<V>> {
        loop {
            step = match step {
                Step::Done(result) => return result.map_err(MutateIfError::Rejected),
                Step::Conflict(now, _) => return Err(MutateIfError::Conflict(now)),
                Step::Copy(hold, snapshot, mutn) => {
                    return hold.mutate_once(snapshot, mutn).map_err(MutateIfError::Rejected);
                }
                Step::NoBudget(mutn) => {
                    self.give_way(key).await;
                    self.step(key, expected, mutn)
                }
                Step::Missing => {
                    // It may be about to create one.
                    #[cfg(feature = "durable")]
                    self.table.shared().room().await;
                    return Err(MutateIfError::Missing);
                }
                #[cfg(feature = "durable")]
                Step::Backlogged(mut hold, mutn) => {
                    self.table.shared().room().await;
                    return hold.mutate_if(expected, mutn);
                }
                Step::Held(slot, mutn) => self.step_in_turn(key, expected, slot, mutn).await,
            }
        }
    }

    /// Queues up for a held entry, and takes the step in the very moment when it is this call's turn.
    async fn step_in_turn(
        &self,
        key: &Uuid,
        expected: Option<u64>,
        slot: Arc<Slot<V>>,
        mutn: V::Mutation,
    ) -> Step<V> {
        let shared = self.table.shared();
        let mut mutn = Some(mutn);
        let mut place = Acquire::new(slot, shared);
        let turn = poll_fn(|cx| {
            let mut after = After::default();
            place.poll_turn(cx, |slot, state| {
                mutn.take()
                    .map(|mutn| Hold::step_held(slot, state, shared, expected, mutn, &mut after))
            })
        });
        let step = trace::waiting(key, turn).await;
        match (step, mutn) {
            (Ok(Some(step)), _) => step,
            // The entry was removed while we waited; the key may have another by now.
            (Err(Dead), Some(mutn)) => self.step(key, expected, mutn),
            _ => unreachable!("the mutation goes into the step"),
        }
    }

    // Removal.

    /// Removes the entry and returns it in its final state. Waits for a guard. `None` if the key has none.
    ///
    /// Watchers receive [`Update::Remove`](crate::Update::Remove). The removal is the entry's last commit, so the
    /// version returned is one more than that of the last change.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the entry is removed only when this returns.
    pub async fn remove(&self, key: &Uuid) -> Option<Entry<V>> {
        self.remove_then(key, None).await
    }

    /// Removes the entry as [`remove`](Self::remove) does; watchers receive the message with it.
    ///
    /// # Cancel safety
    ///
    /// As [`remove`](Self::remove).
    pub async fn remove_with_msg(&self, key: &Uuid, msg: V::Message) -> Option<Entry<V>> {
        self.remove_then(key, Some(msg)).await
    }

    async fn remove_then(&self, key: &Uuid, msg: Option<V::Message>) -> Option<Entry<V>> {
        let hold = self.hold(key).await?;
        Some(self.table.end(hold, msg))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::task::{Context, Poll, Waker};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::table::table::Table;
    use crate::value::options::StoreOptions;

    static DROPPED_FREE: AtomicBool = AtomicBool::new(false);

    #[derive(Clone)]
    struct Value;

    /// When it is dropped, it looks whether the shard of its key can be locked.
    #[derive(Clone)]
    struct Mutation(LiveStore<Value>, Uuid);

    impl Drop for Mutation {
        fn drop(&mut self) {
            let (store, key) = (self.0.clone(), self.1);
            let (told, linked) = mpsc::channel();
            thread::spawn(move || {
                let slot = Slot::new(key, Arc::new(Value));
                let _ = told.send(store.table.link(&slot, |_, _| ()).is_ok());
            });
            DROPPED_FREE.store(
                linked.recv_timeout(Duration::from_secs(10)).is_ok(),
                Ordering::SeqCst,
            );
        }
    }

    impl LiveValue for Value {
        type Message = ();
        type Mutation = Mutation;
        type MutError = ();

        fn mutate(_: &Entry<Self>, _: &Mutation) -> Result<Self, ()> {
            Ok(Value)
        }
    }

    /// It went with the closure that carried it, under the shard's lock and the slot's.
    #[test]
    fn a_mutation_that_finds_the_entry_dead_is_dropped_with_nothing_locked() {
        let table = Arc::new(Table::<Value>::new(&StoreOptions::default()));
        let key = Uuid::new_v4();
        let slot = Slot::new(key, Arc::new(Value));
        assert!(table.link(&slot, |_, _| ()).is_ok());
        assert!(slot.lock().try_hold(table.shared()));
        // Dead and about to be unlinked.
        drop(Hold::taken(&slot, table.shared()).end(None, &mut After::default()));
        let store = LiveStore::from_table(table);
        let mutation = Mutation(store.clone(), key);
        let mut future = Box::pin(store.mutate(&key, mutation));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(
            future.as_mut().poll(&mut cx),
            Poll::Ready(Err(MutateError::Missing))
        ));
        assert!(DROPPED_FREE.load(Ordering::SeqCst));
    }
}
