//! Calls that create an entry.

use std::sync::Arc;

use uuid::Uuid;

use crate::ground::random::random_key;
use crate::ground::sync::block_on;
use crate::ground::unwind::InHand;
use crate::slot::hold::Hold;
use crate::slot::slot::{Slot, State};
use crate::store::guard::EntryGuard;
use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::error::{Occupied, Rejected, TryCreateError};
use crate::value::value::LiveValue;
use crate::watch::watch::Watch;

/// The new entry and what was prepared, or the value and the entry that has the key.
pub(in crate::store) type Linked<V, R> = Result<(Entry<V>, R), (triomphe::Arc<V>, Entry<V>)>;

impl<V: LiveValue> LiveStore<V> {
    /// Stores a value under a new random key (UUID v4) and returns the key. Never blocks. Nothing is checked.
    pub fn init(&self, value: V) -> Uuid {
        self.init_with(value, |_, _| ()).0
    }

    /// Stores a value under a new random key if it passes [`LiveValue::check`], and returns the key.
    ///
    /// The check runs with nothing locked; without a predecessor, as for every new entry. For values that came from
    /// outside: [`init`](Self::init) checks nothing.
    ///
    /// # Errors
    ///
    /// [`Rejected`] with the value and the reason. Nothing is stored then.
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue};
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Player {
    ///     #[live(len = 1..=16)]
    ///     nick: String,
    /// }
    ///
    /// let players = LiveStore::default();
    /// let rejected = players.try_init(Player { nick: String::new() }).unwrap_err();
    /// assert!(rejected.to_string().contains("nick"));
    /// assert!(rejected.value.nick.is_empty());
    /// assert!(players.try_init(Player { nick: "ben".into() }).is_ok());
    /// ```
    pub fn try_init(&self, value: V) -> Result<Uuid, Rejected<V>> {
        Ok(self.init(checked(value)?))
    }

    /// Stores a value under a new random key and watches it from its creation on. Nothing is checked.
    pub fn init_and_watch(&self, value: V) -> (Uuid, Watch<V>) {
        let shared = self.table.shared();
        self.init_with(value, |slot, state| Watch::begin(slot, state, shared))
    }

    /// Stores a value under a new random key, held from its creation on. [`EntryGuard::key`] tells the key. Nothing is
    /// checked.
    pub fn init_and_acquire(&self, value: V) -> EntryGuard<V> {
        let (_, hold) = self.init_with(value, |slot, state| self.born_held(slot, state));
        EntryGuard::new(Arc::clone(&self.table), hold)
    }

    /// Stores a value under a key that has no entry, and returns the new entry. Never overwrites, never blocks.
    /// Nothing is checked.
    ///
    /// # Errors
    ///
    /// [`Occupied`] with the value and the existing entry if the key has one.
    pub fn create(&self, key: &Uuid, value: V) -> Result<Entry<V>, Occupied<V>> {
        self.create_with(*key, value, |_, _| ()).map(|(entry, ())| entry)
    }

    /// Stores a value under a key that has no entry, if it passes [`LiveValue::check`], and returns the new entry. Never
    /// overwrites, never waits.
    ///
    /// The check comes first, and runs with nothing locked; without a predecessor, as for every new entry.
    ///
    /// # Errors
    ///
    /// [`TryCreateError::Rejected`] if the check refuses the value, whether or not the key has an entry;
    /// [`TryCreateError::Occupied`] if it has one. Both give the value back.
    pub fn try_create(&self, key: &Uuid, value: V) -> Result<Entry<V>, TryCreateError<V>> {
        Ok(self.create(key, checked(value)?)?)
    }

    /// Stores a value under a key that has no entry, and watches it from its creation on. Nothing is checked.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_and_watch(&self, key: &Uuid, value: V) -> Result<(Entry<V>, Watch<V>), Occupied<V>> {
        let shared = self.table.shared();
        self.create_with(*key, value, |slot, state| Watch::begin(slot, state, shared))
    }

    /// Stores a value under a key that has no entry, held from its creation on. Nothing is checked.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_and_acquire(&self, key: &Uuid, value: V) -> Result<EntryGuard<V>, Occupied<V>> {
        let (_, hold) = self.create_with(*key, value, |slot, state| self.born_held(slot, state))?;
        Ok(EntryGuard::new(Arc::clone(&self.table), hold))
    }

    /// Returns the entry of the key; if it has none, stores what `value` returns, unchecked, and returns that.
    ///
    /// `value` is called at most once, with nothing locked. Of all who find no entry at the same time, with this or with
    /// [`mutate_or_create`](Self::mutate_or_create), one calls its `value`, and the others wait until the entry is there;
    /// if that `value` panics, one of the others calls its own. If somebody creates the entry by other means meanwhile,
    /// theirs is returned. Where there is an entry, this waits for nothing.
    ///
    /// Who waits blocks its thread, as long as the other's `value` runs. So `value` should be as short as anything between
    /// two `.await`s, and must not wait for somebody who calls this for the same key.
    ///
    /// `value` may call the store, also this for the same key: while a thread is in a `value`, calls made there wait for
    /// nobody's, because somebody may wait for them. They call their own at once, and the entry that is there first stays.
    ///
    /// # Examples
    ///
    /// A room that exists from the moment when somebody looks for it:
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue, Uuid};
    ///
    /// #[derive(Clone, Default, LiveValue)]
    /// struct Room { lines: Vec<String> }
    ///
    /// let rooms = LiveStore::default();
    /// let lobby = Uuid::new_v5(&Uuid::NAMESPACE_OID, b"lobby");
    /// assert_eq!(rooms.fetch_or_create(&lobby, Room::default).version(), 1);
    /// assert_eq!(rooms.fetch_or_create(&lobby, || unreachable!()).version(), 1);
    /// ```
    pub fn fetch_or_create(&self, key: &Uuid, value: impl FnOnce() -> V) -> Entry<V> {
        loop {
            if let Some(entry) = self.fetch(key) {
                return entry;
            }
            let Some(making) = block_on(self.table.makings().begin(key)) else {
                continue;
            };
            // Somebody may have created it before this began.
            if let Some(entry) = self.fetch(key) {
                return entry;
            }
            let created = self.create(key, value());
            // Who waits goes on before a value that is not needed is dropped.
            drop(making);
            return created.unwrap_or_else(|occupied| occupied.existing);
        }
    }

    /// Makes a slot, prepares it while nobody knows it, and links it under a key that nobody has.
    fn init_with<R>(&self, value: V, prepare: impl Fn(&Arc<Slot<V>>, &mut State<V>) -> R) -> (Uuid, R) {
        let mut value = triomphe::Arc::new(value);
        loop {
            let key = random_key();
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
        self.link(key, triomphe::Arc::new(value), prepare)
            .map_err(|(value, existing)| Occupied {
                value: triomphe::Arc::unwrap_or_clone(value),
                existing,
            })
    }

    /// Links a prepared slot, or gives its value back with the entry that has the key.
    pub(in crate::store) fn link<R>(
        &self,
        key: Uuid,
        value: triomphe::Arc<V>,
        prepare: impl FnOnce(&Arc<Slot<V>>, &mut State<V>) -> R,
    ) -> Linked<V, R> {
        let slot = Slot::new(key, triomphe::Arc::clone(&value));
        self.table
            .link(&slot, prepare)
            .map_err(|existing| (value, existing))
    }

    fn born_held(&self, slot: &Arc<Slot<V>>, state: &mut State<V>) -> Hold<V> {
        state.try_hold(self.table.shared());
        Hold::taken(slot, self.table.shared())
    }
}

/// Lets a value through that passes its check as a new one.
fn checked<V: LiveValue>(value: V) -> Result<V, Rejected<V>> {
    let value = InHand::new(value);
    let checked = value.check(None);
    let value = value.into_inner();
    match checked {
        Ok(()) => Ok(value),
        Err(reason) => Err(Rejected { value, reason }),
    }
}
