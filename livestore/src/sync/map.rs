//! The map that stands in for dashmap: two shards, each a tree under one of the checker's locks.
//!
//! It has as much of dashmap's face as the table uses, and locks as dashmap does: a look takes the shard for reading
//! and a place takes it for writing, for as long as what was returned lives. The last bit of a key tells its shard, and a
//! shard iterates in key order, so that the checker finds the same steps each time.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Arc, PoisonError};

use shuttle::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;

type Shard<T> = BTreeMap<Uuid, T>;

pub(crate) struct DashMap<K, T, S> {
    shards: [RwLock<Shard<T>>; 2],
    _hashed: PhantomData<(K, S)>,
}

/// One pair, with its shard locked for reading.
pub(crate) struct Ref<'a, T> {
    key: Uuid,
    shard: Arc<RwLockReadGuard<'a, Shard<T>>>,
}

/// One value, with its shard locked for writing.
pub(crate) struct RefMut<'a, T> {
    key: Uuid,
    shard: RwLockWriteGuard<'a, Shard<T>>,
}

/// The place of a key, with its shard locked for writing.
pub(crate) enum Place<'a, T> {
    Occupied(Occupied<'a, T>),
    Vacant(Vacant<'a, T>),
}

pub(crate) struct Occupied<'a, T>(RefMut<'a, T>);

pub(crate) struct Vacant<'a, T>(RefMut<'a, T>);

impl<T, S> DashMap<Uuid, T, S> {
    pub(crate) fn with_hasher(_: S) -> Self {
        DashMap {
            shards: [RwLock::new(BTreeMap::new()), RwLock::new(BTreeMap::new())],
            _hashed: PhantomData,
        }
    }

    /// There are always two shards.
    pub(crate) fn with_hasher_and_shard_amount(hasher: S, _: usize) -> Self {
        DashMap::with_hasher(hasher)
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| read(shard).len()).sum()
    }

    pub(crate) fn get(&self, key: &Uuid) -> Option<Ref<'_, T>> {
        let shard = read(self.shard(key));
        shard.contains_key(key).then_some(Ref { key: *key, shard })
    }

    pub(crate) fn entry(&self, key: Uuid) -> Place<'_, T> {
        let place = self.write(key);
        if place.shard.contains_key(&key) {
            Place::Occupied(Occupied(place))
        } else {
            Place::Vacant(Vacant(place))
        }
    }

    pub(crate) fn remove_if(&self, key: &Uuid, wanted: impl FnOnce(&Uuid, &T) -> bool) -> Option<(Uuid, T)> {
        match self.write(*key).shard.entry(*key) {
            btree_map::Entry::Occupied(found) if wanted(key, found.get()) => Some(found.remove_entry()),
            _ => None,
        }
    }

    /// One shard after another, each locked until its last pair is gone.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Ref<'_, T>> {
        self.shards.iter().flat_map(|shard| {
            let shard = read(shard);
            let keys: Vec<Uuid> = shard.keys().copied().collect();
            keys.into_iter().map(move |key| Ref {
                key,
                shard: Arc::clone(&shard),
            })
        })
    }

    fn shard(&self, key: &Uuid) -> &RwLock<Shard<T>> {
        &self.shards[usize::from(key.as_bytes()[15] & 1)]
    }

    fn write(&self, key: Uuid) -> RefMut<'_, T> {
        let shard = self.shard(&key).write();
        RefMut {
            key,
            shard: shard.unwrap_or_else(PoisonError::into_inner),
        }
    }
}

fn read<T>(shard: &RwLock<Shard<T>>) -> Arc<RwLockReadGuard<'_, Shard<T>>> {
    Arc::new(shard.read().unwrap_or_else(PoisonError::into_inner))
}

impl<T> Ref<'_, T> {
    pub(crate) fn key(&self) -> &Uuid {
        &self.key
    }

    pub(crate) fn value(&self) -> &T {
        &self.shard[&self.key]
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value()
    }
}

impl<'a, T> RefMut<'a, T> {
    fn put(mut self, value: T) -> RefMut<'a, T> {
        self.shard.insert(self.key, value);
        self
    }

    pub(crate) fn value(&self) -> &T {
        &self.shard[&self.key]
    }

    pub(crate) fn value_mut(&mut self) -> &mut T {
        match self.shard.get_mut(&self.key) {
            Some(value) => value,
            None => unreachable!("it was there when the shard was locked"),
        }
    }
}

impl<'a, T> Place<'a, T> {
    pub(crate) fn or_insert_with(self, value: impl FnOnce() -> T) -> RefMut<'a, T> {
        match self {
            Place::Occupied(place) => place.0,
            Place::Vacant(place) => place.insert(value()),
        }
    }
}

impl<T> Occupied<'_, T> {
    pub(crate) fn get(&self) -> &T {
        self.0.value()
    }
}

impl<'a, T> Vacant<'a, T> {
    pub(crate) fn insert(self, value: T) -> RefMut<'a, T> {
        self.0.put(value)
    }
}
