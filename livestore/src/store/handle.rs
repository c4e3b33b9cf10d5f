//! [`EntryHandle`]: one life of one entry, without looking its key up.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::ground::stats::EntryStats;
use crate::slot::slot::Slot;
use crate::store::guard::EntryGuard;
use crate::store::place::Place;
use crate::store::store::LiveStore;
use crate::table::table::Table;
use crate::value::entry::Entry;
use crate::value::error::{
    AcquireError, DeadlineError, Missing, MutateError, MutateIfError, RollbackError, TryAcquireError,
};
use crate::value::value::LiveValue;
use crate::watch::delta_watch::DeltaWatch;
use crate::watch::watch::Watch;

/// One life of one entry: what is called on the store by a key is called here without looking the key up. From
/// [`LiveStore::handle`].
///
/// For whoever comes back to the same entry again and again, as a session to its room. Every call does what the store's of the
/// same name does and takes its place in the same queue. A handle holds nothing: others change the entry meanwhile, and it
/// expires as if the handle were not there; but a call that is a use of the entry for the store is one for the handle as well.
///
/// **One life.** When the entry is removed or expires, or the store is closed, everything here finds it missing from then on,
/// also when the key is created again: that is another entry. Whoever wants that looks the key up again.
///
/// A handle keeps the store open, as a clone of the [`LiveStore`] does, and the value of an entry that has ended for as long as
/// the handle is kept. What lives within the store, a value or a callback, keeps a key and a
/// [`WeakLiveStore`](crate::WeakLiveStore) instead.
///
/// # Examples
///
/// ```
/// use livestore::{LiveStore, LiveValue, MutateError};
///
/// #[derive(Clone, LiveValue)]
/// struct Room {
///     #[live(increment)]
///     visits: u32,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let rooms = LiveStore::default();
/// let key = rooms.init(Room { visits: 0 });
///
/// let room = rooms.handle(&key).unwrap();
/// assert_eq!(room.mutate_version(RoomMutation::IncrementVisits(1)).await.unwrap(), 2);
/// assert_eq!(room.fetch().unwrap().visits, 1);
///
/// rooms.remove(&key).await;
/// rooms.create(&key, Room { visits: 7 }).unwrap();
/// // Another room under the same key.
/// assert!(room.fetch().is_none());
/// let late = room.mutate(RoomMutation::IncrementVisits(1)).await;
/// assert!(matches!(late, Err(MutateError::Missing)));
/// # }
/// ```
pub struct EntryHandle<V: LiveValue> {
    slot: Arc<Slot<V>>,
    /// Keeps the store open. Dropped last.
    table: Arc<Table<V>>,
}

impl<V: LiveValue> LiveStore<V> {
    /// Returns a handle of the entry that the key has now. `None` if it has none.
    ///
    /// Counts as a use for [`ExpireMode::Idle`](crate::ExpireMode::Idle).
    pub fn handle(&self, key: &Uuid) -> Option<EntryHandle<V>> {
        let slot = self.at(key).look(|slot, _| Arc::clone(slot))?;
        let table = Arc::clone(&self.table);
        Some(EntryHandle { slot, table })
    }
}

impl<V: LiveValue> EntryHandle<V> {
    #[inline]
    pub(in crate::store) fn place(&self) -> Place<'_, V> {
        Place::of_life(&self.table, &self.slot)
    }

    /// Returns the key of the entry.
    pub fn key(&self) -> &Uuid {
        self.slot.key()
    }

    /// Returns a handle of the store.
    pub fn store(&self) -> LiveStore<V> {
        LiveStore::from_table(Arc::clone(&self.table))
    }

    /// Returns whether the entry has ended: from then on everything here finds it missing.
    pub fn is_over(&self) -> bool {
        !self.place().is_there()
    }

    /// Returns the entry as it is now, as [`LiveStore::fetch`]. `None` once it has ended.
    pub fn fetch(&self) -> Option<Entry<V>> {
        self.place().fetch()
    }

    /// Returns the entry without counting as a use, as [`LiveStore::peek`]. `None` once it has ended.
    pub fn peek(&self) -> Option<Entry<V>> {
        self.place().peek_entry()
    }

    /// Returns figures of the entry, as [`LiveStore::stats_of`]. `None` once it has ended.
    pub fn stats(&self) -> Option<EntryStats> {
        self.place().stats()
    }

    /// Returns the last entries, as [`LiveStore::history`]. `None` once it has ended.
    pub fn history(&self) -> Option<Vec<Entry<V>>> {
        self.place().history()
    }

    /// Begins to watch, as [`LiveStore::watch`]. `None` once the entry has ended.
    pub fn watch(&self) -> Option<Watch<V>> {
        self.place().watch()
    }

    /// Returns the entry and begins to watch it at one instant, as [`LiveStore::fetch_and_watch`]. `None` once it has ended.
    pub fn fetch_and_watch(&self) -> Option<(Entry<V>, Watch<V>)> {
        self.place().fetch_and_watch()
    }

    /// Watches as if since `version`, as [`LiveStore::watch_since`]. `None` once the entry has ended.
    pub fn watch_since(&self, version: u64) -> Option<Watch<V>> {
        self.place().watch_since(version)
    }

    /// Begins to watch without values, as [`LiveStore::watch_deltas`]. `None` once the entry has ended.
    pub fn watch_deltas(&self) -> Option<DeltaWatch<V>> {
        self.place().watch_deltas()
    }

    /// Returns the entry and begins to watch it without values at one instant, as
    /// [`LiveStore::fetch_and_watch_deltas`]. `None` once it has ended.
    pub fn fetch_and_watch_deltas(&self) -> Option<(Entry<V>, DeltaWatch<V>)> {
        self.place().fetch_and_watch_deltas()
    }

    /// Watches without values as if since `version`, as [`LiveStore::watch_deltas_since`]. `None` once the entry has ended.
    pub fn watch_deltas_since(&self, version: u64) -> Option<DeltaWatch<V>> {
        self.place().watch_deltas_since(version)
    }

    /// Mutates the entry and returns it in its new state, as [`LiveStore::mutate`]. Waits for a guard.
    ///
    /// # Errors
    ///
    /// [`MutateError::Missing`] once the entry has ended; [`MutateError::Rejected`] with the value's own error if it refuses.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the mutation is either committed or dropped with the future.
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub fn mutate(
        &self,
        mutn: V::Mutation,
    ) -> impl Future<Output = Result<Entry<V>, MutateError<V::MutError>>> + Send + use<'_, V> {
        self.place().mutate(mutn)
    }

    /// Mutates the entry and returns the version that this led to, as [`LiveStore::mutate_version`]. Waits for a guard.
    ///
    /// # Errors
    ///
    /// As [`mutate`](Self::mutate).
    ///
    /// # Cancel safety
    ///
    /// As [`mutate`](Self::mutate).
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub fn mutate_version(
        &self,
        mutn: V::Mutation,
    ) -> impl Future<Output = Result<u64, MutateError<V::MutError>>> + Send + use<'_, V> {
        self.place().mutate(mutn)
    }

    /// Mutates the entry if it is still at `version`, as [`LiveStore::mutate_if`]. Waits for a guard.
    ///
    /// # Errors
    ///
    /// [`MutateIfError::Conflict`] with the present entry if it is at another version; else as [`mutate`](Self::mutate).
    ///
    /// # Cancel safety
    ///
    /// As [`mutate`](Self::mutate).
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn mutate_if(&self, version: u64, mutn: V::Mutation) -> Result<Entry<V>, MutateIfError<V>> {
        self.place().mutate_if(version, mutn).await
    }

    /// Makes an earlier value the newest, as [`LiveStore::rollback`]. Waits for a guard.
    ///
    /// # Errors
    ///
    /// As there; [`RollbackError::Missing`] once the entry has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped while it waits, it has changed nothing.
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn rollback(&self, version: u64) -> Result<Entry<V>, RollbackError<V::MutError>> {
        self.place().rollback(version).await
    }

    /// Waits until the entry is free and holds it, as [`LiveStore::acquire`]. `None` once it has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped while it waits, it leaves the queue; dropped when the entry was just granted to it, it passes the
    /// entry on.
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn acquire(&self) -> Option<EntryGuard<V>> {
        self.place().acquire().await
    }

    /// Holds the entry if it is free, as [`LiveStore::try_acquire`]. Does not wait.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::Missing`] once the entry has ended, [`TryAcquireError::Held`] if somebody holds it, or is about to.
    pub fn try_acquire(&self) -> Result<EntryGuard<V>, TryAcquireError> {
        self.place().try_acquire()
    }

    /// Waits for at most `limit` until the entry is free and holds it, as [`LiveStore::acquire_timeout`].
    ///
    /// # Errors
    ///
    /// [`AcquireError::Missing`] once the entry has ended; [`AcquireError::TimedOut`] if others had it for the whole time.
    ///
    /// # Panics
    ///
    /// If it has to wait outside a tokio runtime with time enabled.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn acquire_timeout(&self, limit: Duration) -> Result<EntryGuard<V>, AcquireError> {
        self.place().acquire_timeout(limit).await
    }

    /// Sends a message to everybody who watches, as [`LiveStore::broadcast`]. Returns how many were told.
    ///
    /// # Errors
    ///
    /// [`Missing`] with the message once the entry has ended.
    pub fn broadcast(&self, msg: V::Message) -> Result<usize, Missing<V::Message>> {
        self.place().broadcast(msg)
    }

    /// Removes the entry and returns it in its final state, as [`LiveStore::remove`]. Waits for a guard. `None` if it has ended
    /// already.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the entry is removed only when this returns.
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn remove(&self) -> Option<Entry<V>> {
        self.place().remove(None).await
    }

    /// Removes the entry as [`remove`](Self::remove) does; watchers receive the message with it.
    ///
    /// # Cancel safety
    ///
    /// As [`remove`](Self::remove).
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn remove_with_msg(&self, msg: V::Message) -> Option<Entry<V>> {
        self.place().remove(Some(msg)).await
    }

    /// Notes a use of the entry, as [`LiveStore::touch`]. Returns whether it is still there.
    pub fn touch(&self) -> bool {
        self.place().touch()
    }

    /// Has the entry expire this long from now, as [`LiveStore::expire_after`].
    ///
    /// # Errors
    ///
    /// As there; [`DeadlineError::Missing`] once the entry has ended.
    pub fn expire_after(&self, after: Duration) -> Result<(), DeadlineError> {
        self.place().expire_after(after)
    }

    /// Has the entry expire at this time, as [`LiveStore::expire_at`].
    ///
    /// # Errors
    ///
    /// As [`expire_after`](Self::expire_after).
    pub fn expire_at(&self, at: Instant) -> Result<(), DeadlineError> {
        self.place().expire_at(at)
    }

    /// Has the entry never expire, as [`LiveStore::persist`]. Returns whether it is still there.
    pub fn persist(&self) -> bool {
        self.place().persist()
    }
}

impl<V: LiveValue> Clone for EntryHandle<V> {
    fn clone(&self) -> Self {
        EntryHandle {
            slot: Arc::clone(&self.slot),
            table: Arc::clone(&self.table),
        }
    }
}

impl<V: LiveValue> fmt::Debug for EntryHandle<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryHandle")
            .field("key", self.key())
            .finish_non_exhaustive()
    }
}
