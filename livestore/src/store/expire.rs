//! Calls about when an entry expires. None is a commit: no version, no update.

use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::ground::clock::Stamp;
use crate::store::place::Place;
use crate::store::store::LiveStore;
use crate::value::error::DeadlineError;
use crate::value::value::LiveValue;

impl<V: LiveValue> LiveStore<V> {
    /// Notes a use of the entry, for [`ExpireMode::Idle`](crate::ExpireMode::Idle). Returns whether the key has one.
    pub fn touch(&self, key: &Uuid) -> bool {
        self.at(key).touch()
    }

    /// Has the entry expire this long from now, whatever the store's mode says and however it changes meanwhile.
    ///
    /// Replaces a deadline of its own that the entry had before. So much that no clock can count it, such as
    /// `Duration::MAX`, is never. Does not wait for a guard; a guard that is held then defers the expiry until it ends.
    ///
    /// It goes with the first check after that, and can be read, changed and watched until then: for at most the
    /// [check period](crate::StoreOptions::expire_check_freq) and one step of the clock longer.
    ///
    /// # Errors
    ///
    /// [`DeadlineError::Missing`] if the key has no entry; [`DeadlineError::NoChecks`] if the store was built without
    /// `expire_check_freq`; [`DeadlineError::RuntimeEnded`] if the runtime that its checks ran on has ended, and this is not
    /// called inside another one with timers, where they would go on.
    ///
    /// # Examples
    ///
    /// A player who has left may come back within half a minute:
    ///
    /// ```
    /// use std::time::Duration;
    /// use livestore::{ExpireMode, LiveStore, LiveValue, StoreOptions};
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Player { points: u32 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let players = LiveStore::new()
    ///     .with_options(StoreOptions {
    ///         expire_check_freq: Some(Duration::from_secs(1)),
    ///         expire_mode: ExpireMode::Timeout(Duration::MAX),
    ///         ..Default::default()
    ///     })
    ///     .done();
    /// let key = players.init(Player { points: 7 });
    ///
    /// players.expire_after(&key, Duration::from_secs(30)).unwrap();
    /// assert!(players.fetch(&key).unwrap().expires_at().is_some());
    ///
    /// // Back again.
    /// players.persist(&key);
    /// assert!(players.fetch(&key).unwrap().expires_at().is_none());
    /// # }
    /// ```
    pub fn expire_after(&self, key: &Uuid, after: Duration) -> Result<(), DeadlineError> {
        self.at(key).expire_after(after)
    }

    /// Has the entry expire at this time; a time that is past means the next check. Else as
    /// [`expire_after`](Self::expire_after).
    ///
    /// # Errors
    ///
    /// As [`expire_after`](Self::expire_after).
    pub fn expire_at(&self, key: &Uuid, at: Instant) -> Result<(), DeadlineError> {
        self.at(key).expire_at(at)
    }

    /// Has the entry never expire, whatever the store's mode says. Returns whether the key has one.
    pub fn persist(&self, key: &Uuid) -> bool {
        self.at(key).persist()
    }
}

/// The same wherever the entry is found.
impl<V: LiveValue> Place<'_, V> {
    pub(in crate::store) fn touch(self) -> bool {
        self.look(|_, _| ()).is_some()
    }

    pub(in crate::store) fn expire_after(self, after: Duration) -> Result<(), DeadlineError> {
        self.set_deadline(self.shared().deadline_after(after))
    }

    pub(in crate::store) fn expire_at(self, at: Instant) -> Result<(), DeadlineError> {
        self.set_deadline(self.shared().clock.stamp(at))
    }

    pub(in crate::store) fn persist(self) -> bool {
        match self.set_deadline(Stamp::NEVER) {
            Ok(()) => true,
            Err(DeadlineError::Missing) => false,
            // Nothing expires in this store.
            Err(DeadlineError::NoChecks | DeadlineError::RuntimeEnded) => self.is_there(),
        }
    }

    fn set_deadline(self, at: Stamp) -> Result<(), DeadlineError> {
        loop {
            let slot = self
                .look(|slot, _| Arc::clone(slot))
                .ok_or(DeadlineError::Missing)?;
            match self.table().set_deadline(&slot, at) {
                // It ended between the two; the key may have another entry by now.
                Err(DeadlineError::Missing) => {}
                done => return done,
            }
        }
    }
}
