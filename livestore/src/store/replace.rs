//! Calls that replace a value whole.

use std::sync::Arc;

use uuid::Uuid;

use crate::ground::unwind::InHand;
use crate::slot::commit::Change;
use crate::slot::hold::Closed;
use crate::slot::slot::{Slot, State};
use crate::store::guard::EntryGuard;
use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::error::{Missing, Rejected, TryAssignError};
use crate::value::value::LiveValue;
use crate::watch::watch::Watch;

impl<V: LiveValue> LiveStore<V> {
    /// Stores a value whether or not the key has an entry, and returns the previous entry. Waits for a guard.
    ///
    /// Nothing is checked: this is the server's own act. Watchers of an existing entry receive
    /// [`Update::Overwrite`](crate::Update::Overwrite). A deadline of its own that an existing entry has
    /// ([`expire_after`](Self::expire_after)) stays. If the entry is removed while this waits, the value is stored as a new entry.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the value is either stored or dropped with the future.
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn insert(&self, key: &Uuid, value: V) -> Option<Entry<V>> {
        self.insert_then(key, value, |_, _| ()).await.0
    }

    /// Stores a value as [`insert`](Self::insert) does, unchecked, and watches what follows it.
    ///
    /// # Cancel safety
    ///
    /// As [`insert`](Self::insert).
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn insert_and_watch(&self, key: &Uuid, value: V) -> (Option<Entry<V>>, Watch<V>) {
        let shared = self.table.shared();
        self.insert_then(key, value, |slot, state| Watch::begin(slot, state, shared))
            .await
    }

    /// Stores a value as [`insert`](Self::insert) does, if it passes [`LiveValue::check`].
    ///
    /// An existing entry is held while the check runs, so what it was checked against is what it replaces; nothing is
    /// locked. The check must not wait for that entry. It may run more than once: if the entry is removed while this
    /// waits, the value is checked as a new one, and if somebody creates one meanwhile, against theirs.
    ///
    /// # Errors
    ///
    /// [`Rejected`] with the value and the reason. Nothing has changed then.
    ///
    /// # Cancel safety
    ///
    /// As [`insert`](Self::insert).
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn try_insert(&self, key: &Uuid, value: V) -> Result<Option<Entry<V>>, Rejected<V>> {
        let mut value = triomphe::Arc::new(value);
        loop {
            match self.overwrite_checked(key, value).await {
                Ok(previous) => return Ok(Some(previous)),
                Err(Unused::Rejected(value, reason)) => return Err(rejected(value, reason)),
                Err(Unused::Missing(unused)) => value = unused,
            }
            let new = InHand::new(value);
            let checked = new.check(None);
            value = new.into_inner();
            if let Err(reason) = checked {
                return Err(rejected(value, reason));
            }
            match self.link(*key, value, |_, _| ()) {
                Ok(_) => return Ok(None),
                // Somebody else was faster; theirs is replaced.
                Err((unused, _)) => value = unused,
            }
        }
    }

    async fn insert_then<R>(
        &self,
        key: &Uuid,
        value: V,
        then: impl Fn(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> (Option<Entry<V>>, R) {
        let mut value = triomphe::Arc::new(value);
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
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
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
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
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
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
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

    /// Replaces a value as [`assign`](Self::assign) does, if [`LiveValue::check`] accepts it as the successor of the
    /// present one.
    ///
    /// The entry is held while the check runs, so what it was checked against is what it replaces; nothing is locked. The
    /// check must not wait for that entry.
    ///
    /// # Errors
    ///
    /// [`TryAssignError::Missing`] if the key has no entry, or loses it while this waits; [`TryAssignError::Rejected`] if
    /// the check refuses. Both give the value back, and nothing has changed then.
    ///
    /// # Cancel safety
    ///
    /// As [`assign`](Self::assign).
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn try_assign(&self, key: &Uuid, value: V) -> Result<Entry<V>, TryAssignError<V>> {
        self.overwrite_checked(key, triomphe::Arc::new(value))
            .await
            .map_err(|unused| match unused {
                Unused::Missing(value) => TryAssignError::Missing(triomphe::Arc::unwrap_or_clone(value)),
                Unused::Rejected(value, reason) => rejected(value, reason).into(),
            })
    }

    async fn assign_then<R>(
        &self,
        key: &Uuid,
        value: V,
        then: impl Fn(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> Result<(Entry<V>, R), Missing<V>> {
        self.overwrite_then(key, triomphe::Arc::new(value), &then)
            .await
            .map_err(|unused| Missing(triomphe::Arc::unwrap_or_clone(unused)))
    }

    /// Replaces a value when it is this call's turn, and runs `then` at the same instant. Gives the value back if the
    /// key has no entry.
    async fn overwrite_then<R>(
        &self,
        key: &Uuid,
        value: triomphe::Arc<V>,
        then: &impl Fn(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> Result<(Entry<V>, R), triomphe::Arc<V>> {
        let Some(hold) = self.at(key).hold().await else {
            return Err(value);
        };
        // Nobody changes it between.
        let previous = hold.entry();
        match hold.commit_once(overwrite(value), |slot, state, _| then(slot, state)) {
            Ok(made) => Ok((previous, made)),
            Err(closed) => Err(unused(closed)),
        }
    }

    /// Replaces a value when it is this call's turn, if it passes its check.
    async fn overwrite_checked(&self, key: &Uuid, value: triomphe::Arc<V>) -> Result<Entry<V>, Unused<V>> {
        let Some(hold) = self.at(key).hold().await else {
            return Err(Unused::Missing(value));
        };
        // If the check panics, the hold ends before anything of the user's is dropped.
        let (value, previous, hold) = (InHand::new(value), hold.entry(), hold);
        match value.check(Some(&previous)) {
            Ok(()) => {
                // Nobody changed it between.
                match hold.commit_once(overwrite(value.into_inner()), |_, _, _| ()) {
                    Ok(()) => Ok(previous),
                    Err(closed) => Err(Unused::Missing(unused(closed))),
                }
            }
            Err(reason) => {
                drop(hold);
                Err(Unused::Rejected(value.into_inner(), reason))
            }
        }
    }
}

/// Why a value was not stored; here it is.
enum Unused<V: LiveValue> {
    Missing(triomphe::Arc<V>),
    Rejected(triomphe::Arc<V>, V::MutError),
}

fn overwrite<V: LiveValue>(new: triomphe::Arc<V>) -> Change<V> {
    Change::Overwrite { msg: None, new }
}

/// The value that was not stored.
fn unused<V: LiveValue>(Closed(change): Closed<V>) -> triomphe::Arc<V> {
    match change {
        Change::Overwrite { new, .. } => new,
        _ => unreachable!("a value was to be replaced"),
    }
}

fn rejected<V: LiveValue>(value: triomphe::Arc<V>, reason: V::MutError) -> Rejected<V> {
    let value = triomphe::Arc::unwrap_or_clone(value);
    Rejected { value, reason }
}
