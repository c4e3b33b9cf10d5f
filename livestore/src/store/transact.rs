//! [`Tx`]: several entries changed as one.
//!
//! A transaction stages: the closure works on copies, with nothing locked, while the entries are held, so nobody else
//! changes them. What it has staged goes into [`Plans`], which commit it.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::ground::clock::Stamp;
use crate::ground::stats::Count;
use crate::ground::unwind::{InHand, Panics, drop_before, drop_each};
use crate::slot::after::After;
use crate::slot::commit::Change;
use crate::slot::hold::Hold;
use crate::slot::slot::Slot;
use crate::store::plans::{Birth, NotCommitted, Plan, Plans, Step};
use crate::table::table::Table;
use crate::value::entry::Entry;
use crate::value::error::{DeadlineError, Missing, MutateError, Occupied, TryAssignError, TryCreateError};
use crate::value::value::LiveValue;

/// A transaction that is being staged. Passed to the closure of [`LiveStore::transact`](crate::LiveStore::transact).
///
/// Every call works on copies: nothing is visible to others before the closure has returned `Ok`. Calls see what
/// earlier ones of the same transaction have staged, but for times and deadlines. The entries of the keys that the transaction was begun with are
/// held; a key that was not named counts as missing, and can be created.
pub struct Tx<V: LiveValue> {
    table: Arc<Table<V>>,
    staged: BTreeMap<Uuid, Staged<V>>,
}

/// What a transaction does to one key.
struct Staged<V: LiveValue> {
    /// `None` if the key had no entry when the transaction began, or was not named.
    hold: Option<Hold<V>>,
    /// The entry as the transaction sees it.
    now: Option<Entry<V>>,
    steps: Vec<Step<V>>,
}

impl<V: LiveValue> Tx<V> {
    pub(crate) fn new(table: Arc<Table<V>>) -> Tx<V> {
        Tx {
            table,
            staged: BTreeMap::new(),
        }
    }

    /// Adds a key that was named; `None` if it has no entry.
    pub(crate) fn take_up(&mut self, key: Uuid, hold: Option<Hold<V>>) {
        let now = hold.as_ref().map(|hold| hold.entry());
        let steps = Vec::new();
        self.staged.insert(key, Staged { hold, now, steps });
    }

    /// The keys that were named and had no entry.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &Uuid> {
        let missing = self.staged.iter().filter(|(_, staged)| staged.hold.is_none());
        missing.map(|(key, _)| key)
    }

    /// Returns the entry as this transaction has staged it. `None` if there is none, or its key was not named.
    pub fn get(&self, key: &Uuid) -> Option<&Entry<V>> {
        self.staged.get(key)?.now.as_ref()
    }

    /// Stages a mutation and returns the entry that it leads to. Its times are set by the commit; so is the version of an
    /// entry that this transaction creates, which counts from 0 until then.
    ///
    /// # Errors
    ///
    /// [`MutateError::Missing`] if there is no entry, or its key was not named; [`MutateError::Rejected`] if the value
    /// refuses. Nothing is staged then, and the transaction may go on.
    pub fn mutate(&mut self, key: &Uuid, mutn: V::Mutation) -> Result<Entry<V>, MutateError<V::MutError>> {
        let shared = &Arc::clone(self.table.shared());
        let (staged, now) = self.existing(key).ok_or(MutateError::Missing)?;
        let mutn = InHand::new(mutn);
        let value = match V::mutate(&now, &mutn) {
            Ok(value) => triomphe::Arc::new(value),
            Err(reason) => {
                shared.counters.add(Count::Refused, 1);
                return drop_before(mutn, Err(MutateError::Rejected(reason)));
            }
        };
        let change = Change::mutate(shared, mutn.into_inner(), triomphe::Arc::clone(&value));
        Ok(staged.change(now, value, change))
    }

    /// Stages a replacement and returns the entry that it replaces. Nothing is checked.
    ///
    /// # Errors
    ///
    /// [`Missing`] with the value if there is no entry, or its key was not named.
    pub fn set(&mut self, key: &Uuid, value: V) -> Result<Entry<V>, Missing<V>> {
        let Some((staged, now)) = self.existing(key) else {
            return Err(Missing(value));
        };
        let new = triomphe::Arc::new(value);
        staged.change(
            now.clone(),
            triomphe::Arc::clone(&new),
            Change::Overwrite { msg: None, new },
        );
        Ok(now)
    }

    /// Stages a replacement as [`set`](Self::set) does, if [`LiveValue::check`] accepts the value as the successor of the one
    /// that this transaction has staged.
    ///
    /// # Errors
    ///
    /// [`TryAssignError::Missing`] if there is no entry, or its key was not named; [`TryAssignError::Rejected`] if the check
    /// refuses. Both give the value back. Nothing is staged then, and the transaction may go on.
    pub fn try_set(&mut self, key: &Uuid, value: V) -> Result<Entry<V>, TryAssignError<V>> {
        let Some(now) = self.get(key) else {
            return Err(TryAssignError::Missing(value));
        };
        let value = InHand::new(value);
        match value.check(Some(now)) {
            Ok(()) => Ok(self.set(key, value.into_inner())?),
            Err(reason) => Err(TryAssignError::Rejected {
                value: value.into_inner(),
                reason,
            }),
        }
    }

    /// Stages the creation of an entry under a key that has none. The key need not have been named. Nothing is checked.
    ///
    /// If somebody else has an entry under this key at the commit, the whole transaction fails with
    /// [`TransactError::Occupied`](crate::TransactError::Occupied). That is so of an entry that was there all along, too, if the
    /// key was not named: then nobody has looked. What this transaction creates and removes again was never
    /// there: nobody is told of it, and an entry that somebody else has under this key does not matter.
    ///
    /// # Errors
    ///
    /// [`Occupied`] with the value and the entry if the transaction knows one.
    pub fn create(&mut self, key: &Uuid, value: V) -> Result<(), Occupied<V>> {
        let staged = self.staged.entry(*key).or_insert(Staged {
            hold: None,
            now: None,
            steps: Vec::new(),
        });
        if let Some(existing) = &staged.now {
            return Err(Occupied {
                value,
                existing: existing.clone(),
            });
        }
        let value = triomphe::Arc::new(value);
        staged.now = Some(Entry::from_shared(triomphe::Arc::clone(&value)));
        staged.steps.push(Step::Create(value));
        Ok(())
    }

    /// Stages a creation as [`create`](Self::create) does, if the value passes [`LiveValue::check`].
    ///
    /// # Errors
    ///
    /// [`TryCreateError::Rejected`] if the check refuses; [`TryCreateError::Occupied`] with the value and the entry if the
    /// transaction knows one. Nothing is staged then, and the transaction may go on.
    pub fn try_create(&mut self, key: &Uuid, value: V) -> Result<(), TryCreateError<V>> {
        let value = InHand::new(value);
        match value.check(None) {
            Ok(()) => Ok(self.create(key, value.into_inner())?),
            Err(reason) => Err(TryCreateError::Rejected {
                value: value.into_inner(),
                reason,
            }),
        }
    }

    /// Stages a removal and returns the entry as it is before. `None` if there is none, or its key was not named.
    pub fn remove(&mut self, key: &Uuid) -> Option<Entry<V>> {
        self.end(key, None)
    }

    /// Stages a removal with a message to the watchers.
    pub fn remove_with_msg(&mut self, key: &Uuid, msg: V::Message) -> Option<Entry<V>> {
        self.end(key, Some(msg))
    }

    fn end(&mut self, key: &Uuid, msg: Option<V::Message>) -> Option<Entry<V>> {
        let (staged, now) = self.existing(key)?;
        staged.now = None;
        staged.steps.push(Step::Change(Change::Remove { msg }));
        Some(now)
    }

    /// Stages a message to the watchers of an entry, in order with the changes staged.
    ///
    /// # Errors
    ///
    /// [`Missing`] with the message if there is no entry, or its key was not named.
    pub fn broadcast(&mut self, key: &Uuid, msg: V::Message) -> Result<(), Missing<V::Message>> {
        let Some((staged, _)) = self.existing(key) else {
            return Err(Missing(msg));
        };
        staged.steps.push(Step::Broadcast(msg));
        Ok(())
    }

    /// Stages a deadline, counted from now. As [`LiveStore::expire_after`](crate::LiveStore::expire_after).
    ///
    /// # Errors
    ///
    /// [`DeadlineError::Missing`] if there is no entry, or its key was not named; [`DeadlineError::NoChecks`] if the
    /// store was built without `expire_check_freq`; [`DeadlineError::RuntimeEnded`] as there.
    pub fn expire_after(&mut self, key: &Uuid, after: Duration) -> Result<(), DeadlineError> {
        let at = self.table.shared().deadline_after(after);
        self.deadline(key, at)
    }

    /// Stages a deadline. As [`LiveStore::expire_at`](crate::LiveStore::expire_at).
    ///
    /// # Errors
    ///
    /// As [`expire_after`](Self::expire_after).
    pub fn expire_at(&mut self, key: &Uuid, at: Instant) -> Result<(), DeadlineError> {
        let at = self.table.shared().clock.stamp(at);
        self.deadline(key, at)
    }

    /// Stages that an entry never expires. Returns whether there is one. As
    /// [`LiveStore::persist`](crate::LiveStore::persist).
    pub fn persist(&mut self, key: &Uuid) -> bool {
        // Where nothing is checked, nothing expires in any case.
        self.deadline(key, Stamp::NEVER) != Err(DeadlineError::Missing)
    }

    fn deadline(&mut self, key: &Uuid, at: Stamp) -> Result<(), DeadlineError> {
        let checks = self.table.deadlines().is_some();
        let resumed = self.table.resume_checks();
        let (staged, _) = self.existing(key).ok_or(DeadlineError::Missing)?;
        if !checks {
            return Err(DeadlineError::NoChecks);
        }
        if at < Stamp::NEVER && !resumed {
            return Err(DeadlineError::RuntimeEnded);
        }
        staged.steps.push(Step::Deadline(at));
        Ok(())
    }

    fn existing(&mut self, key: &Uuid) -> Option<(&mut Staged<V>, Entry<V>)> {
        let staged = self.staged.get_mut(key)?;
        let now = staged.now.clone()?;
        Some((staged, now))
    }

    /// Makes everything visible, or nothing.
    pub(crate) fn commit(mut self) -> Result<(), NotCommitted> {
        let staged = mem::take(&mut self.staged);
        let mut plans = Plans(staged.into_iter().map(|(key, staged)| staged.plan(key)).collect());
        plans.commit(&self.table)
    }
}

/// Nothing has happened. All entries are released before anything that was staged goes, so that this keeps nobody waiting.
impl<V: LiveValue> Drop for Tx<V> {
    fn drop(&mut self) {
        let mut after = After::default();
        for hold in self.staged.values_mut().filter_map(|staged| staged.hold.as_mut()) {
            hold.end_into(&mut after);
        }
        let mut panics = Panics::default();
        panics.run(|| drop(after));
        for staged in mem::take(&mut self.staged).into_values() {
            panics.run(|| drop(staged.hold));
            panics.run(|| drop(staged.now));
            panics.run(|| drop_each(staged.steps));
        }
    }
}

impl<V: LiveValue> Staged<V> {
    /// Stages a change, and returns the entry after it.
    fn change(&mut self, now: Entry<V>, new: triomphe::Arc<V>, change: Change<V>) -> Entry<V> {
        let next = now.followed_by(new);
        self.now = Some(next.clone());
        self.steps.push(Step::Change(change));
        next
    }

    /// Sorts the steps into lives.
    fn plan(self, key: Uuid) -> Plan<V> {
        let mut held = self.hold.map(|hold| (hold, Vec::new()));
        let mut born: Option<Birth<V>> = None;
        let mut untraced = Vec::new();
        for step in self.steps {
            match step {
                Step::Create(value) => {
                    // What was born before it within this transaction has been removed again.
                    untraced.extend(born.take().into_iter().flat_map(|(_, steps)| steps));
                    born = Some((Slot::new(key, value), Vec::new()));
                }
                step => match (&mut born, &mut held) {
                    (Some((_, steps)), _) | (None, Some((_, steps))) => steps.push(step),
                    (None, None) => unreachable!("a key without an entry is created before anything else"),
                },
            }
        }
        // Steps of a held life all come before those of one that is born.
        if self.now.is_none() {
            untraced.extend(born.take().into_iter().flat_map(|(_, steps)| steps));
        }
        Plan {
            key,
            held,
            born,
            untraced,
        }
    }
}

impl<V: LiveValue> fmt::Debug for Tx<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx")
            .field("keys", &self.staged.len())
            .finish_non_exhaustive()
    }
}
