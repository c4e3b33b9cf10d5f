//! [`EntryGuard`]: an entry held by the caller.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::ground::clock::Stamp;
use crate::ground::unwind::{InHand, drop_before};
use crate::slot::after::{After, Leftover};
use crate::slot::commit::Change;
use crate::slot::hold::Hold;
use crate::table::table::Table;
use crate::value::entry::Entry;
use crate::value::error::{DeadlineError, RollbackError};
use crate::value::value::LiveValue;
use crate::watch::delta_watch::DeltaWatch;
use crate::watch::watch::Watch;

/// Exclusive hold of one entry: until it ends, nobody else changes the entry.
///
/// Reading does not need it: `fetch` and `watch` go on, and see each change that the guard makes at once. The guard
/// may be kept across `.await`, and dereferences to the value. It ends by [`release`](Self::release), by
/// [`delete`](Self::delete), or when it is dropped, also by a panic; then the next one in line gets the entry.
///
/// Several changes made with one guard are several commits. They are not undone if a later one is refused.
///
/// A guard keeps the store open. While you hold one, change the entry through it: `store.mutate` of the same key waits
/// for the guard, and in the task that holds it for ever. Whoever waits for a second entry while holding a first may wait for somebody who
/// does the same the other way round; hold one guard at a time, or bound the wait with
/// [`acquire_timeout`](crate::LiveStore::acquire_timeout).
///
/// # Examples
///
/// Deciding on a value that cannot change meanwhile:
///
/// ```
/// use livestore::{LiveStore, LiveValue};
///
/// #[derive(Clone, LiveValue)]
/// struct Account { cents: u64 }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = LiveStore::default();
/// let key = store.init(Account { cents: 500 });
///
/// let mut account = store.acquire(&key).await.unwrap();
/// if account.cents >= 200 {
///     let left = account.cents - 200;
///     account.mutate(AccountMutation::SetCents(left)).unwrap();
/// }
/// account.release();
///
/// assert_eq!(store.fetch(&key).unwrap().cents, 300);
/// # }
/// ```
#[must_use = "the entry is released when the guard is dropped"]
pub struct EntryGuard<V: LiveValue> {
    /// Dropped first: what goes when the guard goes keeps nobody waiting for the entry.
    hold: Hold<V>,
    /// The entry as this guard's holder sees it. `None` only while a mutation may happen in place: the value then
    /// has no owner but the slot.
    entry: Option<Entry<V>>,
    /// Keeps the store open. Dropped last, when the hold has ended.
    table: Arc<Table<V>>,
}

impl<V: LiveValue> EntryGuard<V> {
    pub(crate) fn new(table: Arc<Table<V>>, hold: Hold<V>) -> EntryGuard<V> {
        let entry = Some(hold.entry());
        EntryGuard { hold, entry, table }
    }

    fn entry(&self) -> &Entry<V> {
        match &self.entry {
            Some(entry) => entry,
            None => unreachable!("a guard gives its entry away only during `mutate`"),
        }
    }

    /// Shows the entry as a commit has left it. That is done before anything of the user's is dropped: a panic of it must not
    /// leave a guard that is older than its entry.
    fn show(&mut self, now: Entry<V>, after: &mut After<V>) {
        let before = self.entry.replace(now);
        after.leave_all(before.map(|entry| Leftover::Value(entry.into_value())));
    }

    /// Ends the hold. Whom to wake goes to `after`.
    pub(in crate::store) fn end_into(&mut self, after: &mut After<V>) {
        self.hold.end_into(after);
    }

    /// Returns the key of the entry.
    pub fn key(&self) -> &Uuid {
        self.hold.key()
    }

    /// Returns the value. The guard dereferences to it as well.
    pub fn value(&self) -> &V {
        self.entry()
    }

    /// Returns the entry as it is. It stays as it is when the guard changes the value.
    pub fn as_entry(&self) -> Entry<V> {
        self.entry().clone()
    }

    /// Returns the version of the entry.
    pub fn version(&self) -> u64 {
        self.entry().version()
    }

    /// Mutates the value and returns the new entry.
    ///
    /// Watchers receive [`Update::Mutate`](crate::Update::Mutate).
    ///
    /// # Errors
    ///
    /// The value's own error if it refuses the mutation; nothing has changed then, and the guard goes on.
    pub fn mutate(&mut self, mutn: V::Mutation) -> Result<Entry<V>, V::MutError> {
        self.apply(mutn)?;
        Ok(self.as_entry())
    }

    /// Mutates the value as [`mutate`](Self::mutate) does, and returns the version that this led to.
    ///
    /// # Errors
    ///
    /// As [`mutate`](Self::mutate).
    pub fn mutate_version(&mut self, mutn: V::Mutation) -> Result<u64, V::MutError> {
        self.apply(mutn)?;
        Ok(self.version())
    }

    /// Mutates the value and shows it.
    fn apply(&mut self, mutn: V::Mutation) -> Result<(), V::MutError> {
        let mut after = After::default();
        let applied = if V::__is_plain(&mutn) {
            let given = Given::away(self);
            let new = given.guard.hold.mutate(mutn, &mut after);
            new.map(|new| given.guard.entry = Some(new))
        } else {
            let new = self.hold.mutate(mutn, &mut after);
            new.map(|new| self.show(new, &mut after))
        };
        after.then(applied)
    }

    /// Replaces the value and returns the previous entry. Nothing is checked.
    ///
    /// Watchers receive [`Update::Overwrite`](crate::Update::Overwrite).
    pub fn set(&mut self, value: V) -> Entry<V> {
        self.overwrite(value, None)
    }

    /// Replaces the value and returns the previous entry; watchers receive the message with it. Nothing is checked.
    pub fn set_with_msg(&mut self, value: V, msg: V::Message) -> Entry<V> {
        self.overwrite(value, Some(msg))
    }

    /// Replaces the value if [`LiveValue::check`] accepts it as the successor of the present one. Returns the
    /// previous entry.
    ///
    /// # Errors
    ///
    /// The value's own error if the check refuses it; nothing has changed then.
    pub fn try_set(&mut self, value: V) -> Result<Entry<V>, V::MutError> {
        let value = InHand::new(value);
        match value.check(Some(self.value())) {
            Ok(()) => Ok(self.set(value.into_inner())),
            Err(reason) => drop_before(value, Err(reason)),
        }
    }

    fn overwrite(&mut self, value: V, msg: Option<V::Message>) -> Entry<V> {
        let change = Change::Overwrite {
            msg,
            new: triomphe::Arc::new(value),
        };
        let mut after = After::default();
        // Nobody changes it between.
        let old = self.hold.entry();
        let new = self.hold.commit(change, &mut after);
        self.show(new, &mut after);
        after.then(old)
    }

    /// Makes the value that the entry had at `version` its newest, if [`LiveValue::check`] accepts it as the successor
    /// of the present one. Returns the new entry.
    ///
    /// A new commit: the past is not rewritten. Watchers receive [`Update::Rollback`](crate::Update::Rollback).
    ///
    /// # Errors
    ///
    /// [`RollbackError::NotKept`] if that version is not kept: see
    /// [`StoreOptions::history`](crate::StoreOptions::history); [`RollbackError::Rejected`] with the value's own error if
    /// the check refuses it.
    pub fn rollback(&mut self, version: u64) -> Result<Entry<V>, RollbackError<V::MutError>> {
        let mut after = After::default();
        let new = self.hold.rollback(version, &mut after);
        if let Ok(new) = &new {
            self.show(new.clone(), &mut after);
        }
        after.then(new)
    }

    /// Sends a message to everybody who watches. Returns how many that are.
    ///
    /// Watchers receive [`Update::Message`](crate::Update::Message).
    pub fn broadcast(&self, msg: V::Message) -> usize {
        let mut after = After::default();
        self.hold
            .slot()
            .lock()
            .broadcast(self.table.shared(), self.key(), msg, &mut after)
    }

    /// Begins to watch the entry: what follows is committed after the present state.
    pub fn watch(&self) -> Watch<V> {
        let slot = self.hold.slot();
        Watch::begin(slot, &mut slot.lock(), self.table.shared())
    }

    /// Begins to watch the entry without values: what follows is committed after the present state. See
    /// [`LiveStore::watch_deltas`](crate::LiveStore::watch_deltas).
    pub fn watch_deltas(&self) -> DeltaWatch<V> {
        let slot = self.hold.slot();
        DeltaWatch::begin(slot, &mut slot.lock(), self.table.shared())
    }

    /// Notes a use of the entry, for [`ExpireMode::Idle`](crate::ExpireMode::Idle). Not a commit: no version, no
    /// update.
    pub fn touch(&self) {
        self.hold.slot().lock().note_use(self.table.shared());
    }

    /// Has the entry expire this long from now, or when the guard ends if that is later. As
    /// [`LiveStore::expire_after`](crate::LiveStore::expire_after).
    ///
    /// # Errors
    ///
    /// [`DeadlineError::NoChecks`] if the store was built without `expire_check_freq`; [`DeadlineError::RuntimeEnded`] as
    /// there; [`DeadlineError::Missing`] if the store was closed.
    pub fn expire_after(&mut self, after: Duration) -> Result<(), DeadlineError> {
        self.set_deadline(self.table.shared().deadline_after(after))
    }

    /// Has the entry expire at this time, or when the guard ends if that is later. As
    /// [`LiveStore::expire_at`](crate::LiveStore::expire_at).
    ///
    /// # Errors
    ///
    /// As [`expire_after`](Self::expire_after).
    pub fn expire_at(&mut self, at: Instant) -> Result<(), DeadlineError> {
        self.set_deadline(self.table.shared().clock.stamp(at))
    }

    /// Has the entry never expire. As [`LiveStore::persist`](crate::LiveStore::persist).
    pub fn persist(&mut self) {
        // Where nothing is checked, nothing expires in any case.
        let _ = self.set_deadline(Stamp::NEVER);
    }

    fn set_deadline(&mut self, at: Stamp) -> Result<(), DeadlineError> {
        self.table.set_deadline(self.hold.slot(), at)?;
        // The same value with another deadline.
        self.entry = Some(self.hold.entry());
        Ok(())
    }

    /// Removes the entry and returns it in its final state.
    ///
    /// Watchers receive [`Update::Remove`](crate::Update::Remove). Whoever waits for the entry looks its key up
    /// again.
    pub fn delete(self) -> Entry<V> {
        self.table.end(self.hold, None)
    }

    /// Removes the entry; watchers receive the message with it.
    pub fn delete_with_msg(self, msg: V::Message) -> Entry<V> {
        self.table.end(self.hold, Some(msg))
    }

    /// Ends the hold. The same as dropping the guard.
    pub fn release(self) {}
}

/// While this exists, the guard's own reference to the value is given away, so that the slot has the only one. The guard has one
/// again at the end, also if that end is a panic.
struct Given<'a, V: LiveValue> {
    guard: &'a mut EntryGuard<V>,
}

impl<'a, V: LiveValue> Given<'a, V> {
    fn away(guard: &'a mut EntryGuard<V>) -> Given<'a, V> {
        guard.entry = None;
        Given { guard }
    }
}

impl<V: LiveValue> Drop for Given<'_, V> {
    fn drop(&mut self) {
        // Refused, or it panicked.
        if self.guard.entry.is_none() {
            self.guard.entry = Some(self.guard.hold.entry());
        }
    }
}

impl<V: LiveValue> Deref for EntryGuard<V> {
    type Target = V;

    fn deref(&self) -> &V {
        self.value()
    }
}

impl<V: LiveValue> fmt::Debug for EntryGuard<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryGuard")
            .field("key", self.key())
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}
