//! Calls that mutate an entry.

use std::future::poll_fn;
use std::sync::Arc;

use uuid::Uuid;

use crate::ground::stats::Count;
use crate::ground::trace;
use crate::ground::unwind::{InHand, drop_before};
use crate::slot::after::After;
use crate::slot::hold::{Acquire, Hold, Step};
use crate::slot::outcome::Outcome;
use crate::slot::shared::Shared;
use crate::slot::slot::{Dead, Slot, State};
use crate::store::create::Linked;
use crate::store::lock::proceed;
use crate::store::place::Place;
use crate::store::store::LiveStore;
use crate::table::making::Making;
use crate::table::table::Look;
use crate::value::entry::Entry;
use crate::value::error::{MutateError, MutateIfError, RollbackError};
use crate::value::value::LiveValue;

impl<V: LiveValue> LiveStore<V> {
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
    /// A mutation that is accepted is a commit, whatever it changed: the version grows by one and everybody is told, also
    /// if the value is as it was (a set that held the item already, a key to remove that was not there). So a version
    /// counts accepted mutations, and whoever waits for the update of his own gets it. To be told instead that nothing
    /// would change, let the value refuse: `insert(new)` and `remove(present)` of the derive, or an error of a method. It is
    /// the same for every way to mutate: on a guard, in a transaction, over a handle, when something is dropped.
    ///
    /// # Errors
    ///
    /// [`MutateError::Missing`] if the key has no entry, or loses it while this waits; [`MutateError::Rejected`] with
    /// the value's own error if it refuses. Nothing has changed then, and nobody is told.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the mutation is either committed or dropped with the future.
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub fn mutate<'a>(
        &'a self,
        key: &'a Uuid,
        mutn: V::Mutation,
    ) -> impl Future<Output = Result<Entry<V>, MutateError<V::MutError>>> + Send + use<'a, V> {
        self.at(key).mutate(mutn)
    }

    /// Mutates the entry as [`mutate`](Self::mutate) does, and returns the version that this led to.
    ///
    /// For whoever needs no entry: it costs about two thirds of what `mutate` does, as `livestore/benches` measures, because nothing
    /// has to be kept alive for it.
    ///
    /// # Errors
    ///
    /// As [`mutate`](Self::mutate).
    ///
    /// # Cancel safety
    ///
    /// As [`mutate`](Self::mutate).
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue};
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Score { points: u32 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = LiveStore::default();
    /// let key = store.init(Score { points: 0 });
    ///
    /// let version = store.mutate_version(&key, ScoreMutation::SetPoints(3)).await.unwrap();
    /// assert_eq!(version, store.fetch(&key).unwrap().version());
    /// # }
    /// ```
    pub fn mutate_version<'a>(
        &'a self,
        key: &'a Uuid,
        mutn: V::Mutation,
    ) -> impl Future<Output = Result<u64, MutateError<V::MutError>>> + Send + use<'a, V> {
        self.at(key).mutate(mutn)
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
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
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
    /// let outbid = store.mutate_if(&key, seen.version(), BidMutation::SetCents(seen.cents + 10)).await;
    /// assert!(matches!(outbid, Err(MutateIfError::Conflict(now)) if now.cents == 150));
    /// # }
    /// ```
    pub async fn mutate_if(
        &self,
        key: &Uuid,
        version: u64,
        mutn: V::Mutation,
    ) -> Result<Entry<V>, MutateIfError<V>> {
        self.at(key).mutate_if(version, mutn).await
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
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn rollback(&self, key: &Uuid, version: u64) -> Result<Entry<V>, RollbackError<V::MutError>> {
        self.at(key).rollback(version).await
    }

    /// Mutates the entry; if the key has none, creates it with what `value` returns, to which the mutation was applied
    /// before. The mutation is checked as any other, what `value` returns is not. Waits for a guard.
    ///
    /// A creation is one commit, in which the mutation is contained. `value` is called at most once, with nothing
    /// locked. Of all who find no entry at the same time, with this or with [`fetch_or_create`](Self::fetch_or_create), one
    /// calls its `value` and the others wait, but not as there: their tasks wait, and no thread is blocked; then they mutate the entry that was created.
    ///
    /// # Errors
    ///
    /// The value's own error if it refuses the mutation. Nothing was created or changed then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the mutation is either committed or dropped with the future.
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    ///
    /// # Examples
    ///
    /// The first vote for a song puts it on the list:
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue, Uuid};
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Song {
    ///     #[live(increment)]
    ///     votes: u32,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let songs = LiveStore::default();
    /// let key = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"https://example.com/song");
    ///
    /// for _ in 0..2 {
    ///     let none = || Song { votes: 0 };
    ///     songs.mutate_or_create(&key, none, SongMutation::IncrementVotes(1)).await.unwrap();
    /// }
    /// let song = songs.fetch(&key).unwrap();
    /// // The creation and the first vote are one commit.
    /// assert_eq!((song.votes, song.version()), (2, 2));
    /// # }
    /// ```
    pub async fn mutate_or_create(
        &self,
        key: &Uuid,
        value: impl FnOnce() -> V,
        mutn: V::Mutation,
    ) -> Result<Entry<V>, V::MutError> {
        let (mut value, mut made, mutn) = (Some(value), None, InHand::new(mutn));
        let result = self.mutate_or_make(key, &mut value, &mut made, &mutn).await;
        drop_before((value, made, mutn), result)
    }

    /// As [`mutate_or_create`](Self::mutate_or_create). `made` is a value that was made and is not stored.
    async fn mutate_or_make(
        &self,
        key: &Uuid,
        value: &mut Option<impl FnOnce() -> V>,
        made: &mut Option<triomphe::Arc<V>>,
        mutn: &V::Mutation,
    ) -> Result<Entry<V>, V::MutError> {
        loop {
            match self.mutate(key, mutn.clone()).await {
                Ok(entry) => return Ok(entry),
                Err(MutateError::Rejected(reason)) => return Err(reason),
                Err(MutateError::Missing) => {}
            }
            let linked = if let Some(made) = made.take() {
                self.link(*key, made, |_, _| ())
            } else {
                let Some(making) = self.table.makings().begin(key).await else {
                    continue;
                };
                // Somebody may have created it before this began.
                if self.contains_key(key) {
                    continue;
                }
                match value.take() {
                    Some(value) => self.make(key, making, value, mutn)?,
                    None => unreachable!("a value that was made is kept until it is stored"),
                }
            };
            match linked {
                Ok((entry, ())) => {
                    self.table.shared().counters.add(Count::Mutations, 1);
                    return Ok(entry);
                }
                // Somebody else was faster; theirs is mutated.
                Err((unused, _)) => *made = Some(unused),
            }
        }
    }

    /// Makes a value, mutates it, and stores it if the key is still vacant.
    fn make(
        &self,
        key: &Uuid,
        making: Making<'_>,
        value: impl FnOnce() -> V,
        mutn: &V::Mutation,
    ) -> Result<Linked<V, ()>, V::MutError> {
        let made = InHand::new(Entry::new(value()));
        // Ends before what was made is dropped, however this ends.
        let making = making;
        let counters = &self.table.shared().counters;
        let linked = match V::mutate(&made, mutn) {
            Ok(new) => Ok(self.link(*key, triomphe::Arc::new(new), |_, _| ())),
            Err(reason) => {
                counters.add(Count::Refused, 1);
                Err(reason)
            }
        };
        drop(making);
        drop_before(made, linked)
    }
}

/// The same wherever the entry is found.
impl<'a, V: LiveValue> Place<'a, V> {
    /// Mutates, and tells what is asked for.
    ///
    /// No `async fn`, which would move the mutation when it begins, and no future around another: on the short way the mutation
    /// stays where its caller has put it.
    #[inline]
    pub(in crate::store) fn mutate<R: Outcome<V>>(
        self,
        mutn: V::Mutation,
    ) -> impl Future<Output = Result<R, MutateError<V::MutError>>> + Send + use<'a, V, R> {
        let mut mutn = Some(mutn);
        async move {
            let has_budget = proceed().await;
            let step = match self.step_quietly(&mut mutn, has_budget) {
                Ok(done) => return done.map_err(MutateError::Rejected),
                Err(step) => step,
            };
            self.go_on(None, step, &mut mutn).await.map_err(at_any_version)
        }
    }

    pub(in crate::store) async fn mutate_if(
        self,
        version: u64,
        mutn: V::Mutation,
    ) -> Result<Entry<V>, MutateIfError<V>> {
        let mut mutn = Some(mutn);
        let step = if proceed().await {
            self.step(Some(version), &mut mutn)
        } else {
            Step::NoBudget
        };
        self.go_on(Some(version), step, &mut mutn).await
    }

    pub(in crate::store) async fn rollback(
        self,
        version: u64,
    ) -> Result<Entry<V>, RollbackError<V::MutError>> {
        match self.hold().await {
            Some(hold) => hold.rollback_once(version),
            None => Err(RollbackError::Missing),
        }
    }

    /// Mutates in the shortest way where that is the whole of it. Otherwise returns how far it came.
    ///
    /// The mutation stays where it is until it is done. Nothing is moved on the short way that only the long one
    /// needs: with that, a mutation took a third longer.
    #[inline(always)]
    fn step_quietly<R: Outcome<V>>(
        self,
        mutn: &mut Option<V::Mutation>,
        has_budget: bool,
    ) -> Result<Result<R, V::MutError>, Step<V, R>> {
        let (key, shared) = (self.key(), self.shared());
        // Asked in here: asked by the caller, it makes every mutation a sixth slower.
        if !has_budget {
            return Err(Step::NoBudget);
        }
        let quiet = mutn.as_ref().is_some_and(V::__is_plain) && !shared.is_backlogged();
        // Not in the look, which is dropped with everything locked.
        let mut after = None;
        let mut step = None;
        let done = self.look_as(Quietly {
            quiet,
            key,
            shared,
            mutn,
            after: &mut after,
            step: &mut step,
        });
        if let Some(Some(done)) = done {
            // Before this returns: see `drop_before`.
            drop(mutn.take());
            return Ok(done);
        }
        drop_before(after, Err(step.unwrap_or(Step::Missing)))
    }

    /// Goes as far with a mutation as is possible at once.
    fn step<R: Outcome<V>>(self, expected: Option<u64>, mutn: &mut Option<V::Mutation>) -> Step<V, R> {
        let shared = self.shared();
        let mut after = After::default();
        let step = self.look(|slot, state| Hold::step(slot, state, shared, expected, mutn, &mut after));
        after.then(step.unwrap_or(Step::Missing))
    }

    /// Mutates when it is this call's turn, and waits for nothing else: not for the task's budget, and not for the disk.
    pub(in crate::store) async fn mutate_in_turn<R: Outcome<V>>(
        self,
        mutn: V::Mutation,
    ) -> Result<R, MutateError<V::MutError>> {
        let mut mutn = Some(mutn);
        let mut step = self.step(None, &mut mutn);
        loop {
            step = match step {
                Step::Done(result) => return result.map_err(MutateError::Rejected),
                Step::Copy(hold, snapshot) => return hold.carry_out(snapshot, &mut mutn),
                Step::Missing => return drop_before(mutn, Err(MutateError::Missing)),
                #[cfg(feature = "durable")]
                Step::Backlogged(hold, _) => hold.after_the_wait(None, &mut mutn),
                Step::Held(slot) => self.step_in_turn(None, slot, &mut mutn).await,
                Step::NoBudget | Step::Conflict(_) => {
                    unreachable!("no budget was asked for, and no version expected")
                }
            }
        }
    }

    /// Does what is left of a mutation.
    async fn go_on<R: Outcome<V>>(
        self,
        expected: Option<u64>,
        mut step: Step<V, R>,
        mutn: &mut Option<V::Mutation>,
    ) -> Result<R, MutateIfError<V>> {
        loop {
            step = match step {
                Step::Done(result) => return result.map_err(MutateIfError::Rejected),
                Step::Conflict(now) => return drop_before(mutn.take(), Err(MutateIfError::Conflict(now))),
                Step::Copy(hold, snapshot) => return Ok(hold.carry_out(snapshot, mutn)?),
                Step::NoBudget => {
                    self.give_way().await;
                    self.step(expected, mutn)
                }
                Step::Missing => {
                    drop(mutn.take());
                    // It may be about to create one.
                    #[cfg(feature = "durable")]
                    self.shared().room().await;
                    return Err(MutateIfError::Missing);
                }
                #[cfg(feature = "durable")]
                Step::Backlogged(hold, _) => {
                    self.shared().room().await;
                    hold.after_the_wait(expected, mutn)
                }
                Step::Held(slot) => self.step_in_turn(expected, slot, mutn).await,
            }
        }
    }

    /// Queues up for a held entry, and takes the step in the very moment when it is this call's turn.
    async fn step_in_turn<R: Outcome<V>>(
        self,
        expected: Option<u64>,
        slot: Arc<Slot<V>>,
        mutn: &mut Option<V::Mutation>,
    ) -> Step<V, R> {
        let shared = self.shared();
        let mut place = Acquire::new(slot, shared);
        let turn = poll_fn(|cx| {
            let mut after = After::default();
            let turn = place.poll_turn(cx, &mut after, |slot, state, after| {
                Hold::step_held(slot, state, shared, expected, mutn, after)
            });
            after.then(turn)
        });
        match trace::waiting(self.key(), turn).await {
            Ok(step) => step,
            // The entry was removed while we waited; the key may have another by now.
            Err(Dead) => {
                // It may be the last to have what was removed, and must not have it dropped while it holds another.
                drop(place);
                self.step(expected, mutn)
            }
        }
    }
}

/// Mutates in the shortest way, or begins the long one.
struct Quietly<'a, V: LiveValue, R> {
    /// Whether the mutation is plain, and nothing waits for the disk.
    quiet: bool,
    key: &'a Uuid,
    shared: &'a Arc<Shared<V>>,
    mutn: &'a mut Option<V::Mutation>,
    after: &'a mut Option<After<V>>,
    /// How far it came where that is not the whole of it.
    step: &'a mut Option<Step<V, R>>,
}

impl<V: LiveValue, R: Outcome<V>> Look<V> for Quietly<'_, V, R> {
    type Seen = Option<Result<R, V::MutError>>;

    #[inline(always)]
    fn at(self, slot: &Arc<Slot<V>>, state: &mut State<V>) -> Self::Seen {
        if self.quiet {
            let done = state.mutate_quietly(self.shared, self.key, self.mutn.as_ref()?);
            if done.is_some() {
                return done;
            }
        }
        Hold::step_apart(slot, state, self.shared, self.mutn, self.after, self.step);
        None
    }
}

/// The error of a mutation for which no version was expected.
fn at_any_version<V: LiveValue>(error: MutateIfError<V>) -> MutateError<V::MutError> {
    match error {
        MutateIfError::Missing => MutateError::Missing,
        MutateIfError::Rejected(reason) => MutateError::Rejected(reason),
        MutateIfError::Conflict(_) => unreachable!("no version was expected"),
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
                let slot = Slot::new(key, triomphe::Arc::new(Value));
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
        let slot = Slot::new(key, triomphe::Arc::new(Value));
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
