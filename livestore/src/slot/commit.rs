//! [`Change`]: what is committed, and [`State::commit`], which does it: the only code that changes a value.

use std::mem;

use uuid::Uuid;

use crate::ground::stats::Count;
use crate::ground::times::Times;
use crate::ground::unwind::InHand;
use crate::slot::after::{After, Leftover};
use crate::slot::deltas::Deltas;
use crate::slot::history::History;
use crate::slot::outcome::Outcome;
use crate::slot::ring::News;
use crate::slot::shared::Shared;
use crate::slot::slot::{ALIVE, CLOSED, DUE, State, VERSION};
use crate::value::delta::Delta;
use crate::value::entry::Entry;
use crate::value::update::Update;
use crate::value::value::{LiveValue, SMALL};

/// A change to be committed. In hand is what may panic after something else did, where the change is dropped instead.
pub(crate) enum Change<V: LiveValue> {
    Mutate {
        mutn: V::Mutation,
        /// Its clone, in a store that keeps mutations without values, unless that one does.
        kept: Option<InHand<V::Mutation>>,
        /// `None` if the value has been changed in place under this very hold of the slot's lock; nobody is told values.
        new: Option<InHand<triomphe::Arc<V>>>,
    },
    Overwrite {
        msg: Option<V::Message>,
        new: triomphe::Arc<V>,
    },
    Rollback {
        new: triomphe::Arc<V>,
    },
    Remove {
        msg: Option<V::Message>,
    },
    Expire,
}

impl<V: LiveValue> Change<V> {
    /// A mutation that was applied to a copy. Called with nothing locked: it may clone the mutation.
    pub(crate) fn mutate(shared: &Shared<V>, mutn: V::Mutation, new: triomphe::Arc<V>) -> Change<V> {
        let (mutn, new) = (InHand::new(mutn), InHand::new(new));
        let kept = Change::<V>::kept(shared, &mutn);
        Change::Mutate {
            mutn: mutn.into_inner(),
            kept,
            new: Some(new),
        }
    }

    /// What is kept of a mutation without values, in a store that does so. Called with nothing locked: it may clone it.
    pub(crate) fn kept(shared: &Shared<V>, mutn: &V::Mutation) -> Option<InHand<V::Mutation>> {
        (shared.delta_history > 0).then(|| InHand::new(mutn.clone()))
    }
}

/// Tells those who watch everything what is one change. The slots of all its entries are locked.
fn tell_all<V: LiveValue>(
    shared: &Shared<V>,
    told: &[(Uuid, triomphe::Arc<Update<V>>)],
    after: &mut After<V>,
) {
    let displaced = shared.feed.publish(told, shared.feed_cap(), after.watchers());
    after.leave_all(displaced);
}

/// Tells those who watch everything what was gathered. The slots of all its entries are locked.
pub(crate) fn tell_gathered<V: LiveValue>(shared: &Shared<V>, after: &mut After<V>) {
    let gathered = after.gathered();
    if !gathered.is_empty() {
        tell_all(shared, &gathered, after);
        after.leave_all(gathered.into_iter().map(|(_, update)| update));
    }
}

/// How an entry ends, which decides what the disk is left.
#[derive(Clone, Copy)]
enum End {
    Removed,
    Expired,
}

impl<V: LiveValue> State<V> {
    /// Gives a new slot its first version and its times. Nobody else has the key, or sees the slot alive yet.
    pub(crate) fn bear(&mut self, shared: &Shared<V>, key: &Uuid, after: &mut After<V>) {
        self.word = (shared.first_version() * VERSION) | (self.word % VERSION);
        // The wait for the shard is over: this is the instant of the commit.
        self.times = Times::born(shared.birth());
        self.leave_for_disk(shared, key, after);
        // Not before: whoever does not find it there finds the entry.
        shared.kept.forget(key);
        if shared.feed.watchers() > 0 {
            let update = triomphe::Arc::new(Update::Create {
                new: self.entry(shared),
            });
            self.publish_to_all(shared, key, &update, after);
        }
    }

    /// Gives a new slot its first version and its times, in a store that was closed: nobody is told, and nothing is kept.
    pub(crate) fn bear_closed(&mut self, shared: &Shared<V>) {
        self.word = (shared.first_version() * VERSION) | (self.word % VERSION);
        self.times = Times::born(shared.birth());
    }

    /// Applies a plain mutation where that is the whole of it: the entry is free, nobody is told, and nothing is displaced.
    /// `None` if there is more to it.
    #[inline(always)]
    pub(crate) fn mutate_quietly<R: Outcome<V>>(
        &mut self,
        shared: &Shared<V>,
        key: &Uuid,
        mutn: &V::Mutation,
    ) -> Option<Result<R, V::MutError>> {
        if self.is_held() || self.extra.is_some() || self.is_recorded(shared) || shared.delta_history > 0 {
            return None;
        }
        let applied = match triomphe::Arc::get_mut(&mut self.value) {
            Some(value) => {
                let applied = value.apply(mutn);
                if applied.is_ok() {
                    self.step(shared);
                    self.leave_own_for_disk(shared, key);
                }
                applied
            }
            None => self.mutate_pending(shared, key, mutn)?,
        };
        let counted = match applied {
            Ok(()) => {
                shared.counters.add(Count::Mutations, 1);
                Ok(R::of(self, shared))
            }
            Err(reason) => {
                shared.counters.add(Count::Refused, 1);
                Err(reason)
            }
        };
        Some(counted)
    }

    /// Applies a mutation here, under the lock, if it is plain: to the value itself, or to a copy of a small value if
    /// somebody is told the values, or keeps an entry. `None` if there is more to it; the mutation then stays where it is.
    pub(crate) fn mutate_here<R: Outcome<V>>(
        &mut self,
        shared: &Shared<V>,
        key: &Uuid,
        place: &mut Option<V::Mutation>,
        after: &mut After<V>,
    ) -> Option<Result<R, V::MutError>> {
        let mutn = place.as_ref().filter(|mutn| V::__is_plain(mutn))?;
        let own = if self.is_recorded(shared) {
            None
        } else {
            triomphe::Arc::get_mut(&mut self.value)
        };
        let (new, result) = match own {
            Some(value) => (None, value.apply(mutn)),
            None => {
                let (new, result) = self.mutate_small(mutn)?;
                (Some(new), result)
            }
        };
        let mutn = place.take()?;
        Some(match result {
            Ok(()) => {
                // What is plain, its clone is, too. A mutation in place is told without values, and kept as it is told.
                let kept = (new.is_some() && shared.delta_history > 0).then(|| InHand::new(mutn.clone()));
                let new = new.map(InHand::new);
                self.commit(shared, key, Change::Mutate { mutn, kept, new }, after);
                Ok(R::of(self, shared))
            }
            Err(reason) => {
                shared.counters.add(Count::Refused, 1);
                after.leave_mutation(mutn);
                after.leave_all(new.map(Leftover::Value));
                Err(reason)
            }
        })
    }

    /// Applies a plain mutation to a copy of a small value. `None` if it is not small.
    #[inline]
    #[expect(clippy::type_complexity, reason = "the copy, and what came of it")]
    fn mutate_small(&self, mutn: &V::Mutation) -> Option<(triomphe::Arc<V>, Result<(), V::MutError>)> {
        // A large one would not even have to fit onto the stack.
        if size_of::<V>() > SMALL {
            return None;
        }
        let mut copy = self.value.__copy()?;
        let result = copy.apply(mutn);
        Some((triomphe::Arc::new(copy), result))
    }

    /// Makes a change visible: value, version, time and publication together. Every change of an entry passes here.
    ///
    /// Whoever calls has the exclusive right to the entry: it holds it, or found it free under this lock. Of an entry that
    /// ended with its store, which a guard may still hold, nobody is told.
    pub(crate) fn commit(&mut self, shared: &Shared<V>, key: &Uuid, change: Change<V>, after: &mut After<V>) {
        // Asked once: whoever joins the feed from now on sees the change when they look at this entry. So does who joined it
        // since the value was changed in place: the value before is gone.
        let in_place = matches!(change, Change::Mutate { new: None, .. });
        let recorded = !in_place && self.is_recorded(shared);
        match change {
            Change::Mutate { mutn, kept, new } => {
                shared.counters.add(Count::Mutations, 1);
                let old = new.and_then(|new| self.replace(shared, recorded, new.into_inner(), after));
                self.advance(shared, key, after);
                let version = self.version();
                if let Some(old) = old {
                    if let Some(mutn) = kept.map(InHand::into_inner) {
                        self.keep(
                            shared,
                            &triomphe::Arc::new(Delta::Mutate { mutn, version }),
                            after,
                        );
                    }
                    let new = self.entry(shared);
                    self.publish(shared, key, Update::Mutate { mutn, new, old }, after);
                } else if self.ring().is_some() || shared.delta_history > 0 {
                    after.leave_all(kept.map(InHand::into_inner).map(Leftover::Mutation));
                    let delta = triomphe::Arc::new(Delta::Mutate { mutn, version });
                    self.keep(shared, &delta, after);
                    self.publish_delta(shared, delta, after);
                } else {
                    after.leave_mutation(mutn);
                }
            }
            Change::Overwrite { msg, new } => {
                self.forget_deltas(after);
                let old = self.replace(shared, recorded, new, after);
                self.advance(shared, key, after);
                if let Some(old) = old {
                    let new = self.entry(shared);
                    self.publish(shared, key, Update::Overwrite { msg, new, old }, after);
                } else if self.ring().is_some() {
                    let new = self.entry(shared);
                    self.publish_delta(shared, triomphe::Arc::new(Delta::Overwrite { msg, new }), after);
                } else {
                    after.leave_all(msg.map(Leftover::Message));
                }
            }
            Change::Rollback { new } => {
                self.forget_deltas(after);
                let old = self.replace(shared, recorded, new, after);
                self.advance(shared, key, after);
                if let Some(old) = old {
                    let new = self.entry(shared);
                    self.publish(shared, key, Update::Rollback { new, old }, after);
                } else if self.ring().is_some() {
                    let new = self.entry(shared);
                    self.publish_delta(shared, triomphe::Arc::new(Delta::Rollback { new }), after);
                }
            }
            Change::Remove { msg } => {
                after.stale_deadlines += usize::from(self.is_armed(shared));
                self.die(shared, key, End::Removed, after);
                if recorded || self.ring().is_some() {
                    let (val, key) = (self.entry(shared), *key);
                    self.publish_end(shared, &key, Update::Remove { msg, val, key }, after);
                } else {
                    after.leave_all(msg.map(Leftover::Message));
                }
            }
            Change::Expire => {
                shared.counters.add(Count::Expired, 1);
                self.die(shared, key, End::Expired, after);
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
        new: triomphe::Arc<V>,
        after: &mut After<V>,
    ) -> Option<Entry<V>> {
        let value = mem::replace(&mut self.value, new);
        if recorded {
            return Some(self.entry_with(value, shared));
        }
        after.leave(Leftover::Value(value));
        None
    }

    /// What every change does before anybody is told of it: what they do about it comes later on disk, too.
    #[inline]
    fn advance(&mut self, shared: &Shared<V>, key: &Uuid, after: &mut After<V>) {
        self.step(shared);
        self.leave_for_disk(shared, key, after);
    }

    #[inline(always)]
    pub(in crate::slot) fn step(&mut self, shared: &Shared<V>) {
        self.word += VERSION;
        self.times.change(shared.clock.now());
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
        let watchers = match self.is_alive() {
            true => self.ring().map_or(0, |ring| ring.watchers()) + shared.feed.watchers(),
            // It ended with its store, and a guard still has it.
            false => 0,
        };
        if watchers == 0 {
            after.leave(Leftover::Message(msg));
        } else if self.is_told_values(shared) {
            let val = self.entry(shared);
            self.publish(shared, key, Update::Message { msg, val }, after);
        } else {
            let version = self.version();
            self.publish_delta(shared, triomphe::Arc::new(Delta::Message { msg, version }), after);
        }
        watchers
    }

    /// The last commit. The floor rises before anybody can see the slot dead.
    fn die(&mut self, shared: &Shared<V>, key: &Uuid, end: End, after: &mut After<V>) {
        self.word += VERSION;
        shared.raise_floor(self.version());
        self.dismiss(shared, after);
        self.word &= !(ALIVE | DUE);
        match end {
            End::Removed => self.leave_for_disk(shared, key, after),
            End::Expired => self.leave_expired_for_disk(shared, key, after),
        }
        if let Some(extra) = &mut self.extra {
            after.leave_all(extra.history.take());
            after.leave_all(extra.deltas.take().map(Leftover::Deltas));
            extra.own = None;
        }
        self.trim();
    }

    /// Ends the entry with its store: nothing was removed, and nobody is told of anything but that no more comes.
    pub(crate) fn close(&mut self, shared: &Shared<V>, after: &mut After<V>) {
        if let Some(ring) = self.ring() {
            ring.close(after.watchers());
        }
        if self.is_alive() {
            self.dismiss(shared, after);
            self.word = (self.word & !ALIVE) | CLOSED;
        }
    }

    #[inline(never)]
    fn publish(&mut self, shared: &Shared<V>, key: &Uuid, update: Update<V>, after: &mut After<V>) {
        let update = triomphe::Arc::new(update);
        self.publish_to_all(shared, key, &update, after);
        if shared.history > 0 && update.before().is_some() {
            let history = self
                .extra()
                .history
                .get_or_insert_with(|| Box::new(History::new()));
            after.leave_all(history.push(triomphe::Arc::clone(&update), shared.history));
        }
        match self.ring() {
            Some(ring) => {
                let evicted = ring.publish(News::Update(update), shared.channel_cap, after.watchers());
                after.leave_all(evicted);
            }
            None => after.leave(update),
        }
    }

    /// Keeps a mutation without values, in a store that keeps them.
    fn keep(&mut self, shared: &Shared<V>, delta: &triomphe::Arc<Delta<V>>, after: &mut After<V>) {
        if shared.delta_history == 0 {
            return;
        }
        let deltas = self.extra().deltas.get_or_insert_with(|| Box::new(Deltas::new()));
        let forgotten = deltas.push(triomphe::Arc::clone(delta), shared.delta_history);
        after.leave_all(forgotten.map(News::Delta));
    }

    /// Forgets the mutations that are kept: what comes now is none, and does not follow from them.
    fn forget_deltas(&mut self, after: &mut After<V>) {
        if let Some(extra) = &mut self.extra {
            after.leave_all(extra.deltas.take().map(Leftover::Deltas));
        }
        self.trim();
    }

    /// Tells those who are told no values, where nobody else is told.
    fn publish_delta(&self, shared: &Shared<V>, delta: triomphe::Arc<Delta<V>>, after: &mut After<V>) {
        let news = News::Delta(delta);
        match self.ring() {
            Some(ring) => {
                let evicted = ring.publish(news, shared.channel_cap, after.watchers());
                after.leave_all(evicted);
            }
            None => after.leave(news),
        }
    }

    fn publish_end(&self, shared: &Shared<V>, key: &Uuid, update: Update<V>, after: &mut After<V>) {
        let update = triomphe::Arc::new(update);
        if let Some(ring) = self.ring() {
            ring.end(triomphe::Arc::clone(&update), after.watchers());
        }
        self.publish_to_all(shared, key, &update, after);
        after.leave(update);
    }

    fn publish_to_all(
        &self,
        shared: &Shared<V>,
        key: &Uuid,
        update: &triomphe::Arc<Update<V>>,
        after: &mut After<V>,
    ) {
        if shared.feed.watchers() == 0 {
            return;
        }
        let told = (*key, triomphe::Arc::clone(update));
        match after.gathering() {
            Some(gathered) => gathered.push(told),
            None => tell_all(shared, &[told], after),
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
}
