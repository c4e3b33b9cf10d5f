//! The map that stands in for dashmap: two shards, each a tree under one of the checker's locks.
//!
//! It has as much of dashmap's face as the table uses, and locks as dashmap does: a look takes the shard for reading
//! and a place takes it for writing, for as long as what was returned lives. The last bit of a key tells its shard, and a
//! shard iterates in key order, so that the checker finds the same steps each time.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::collections::btree_map;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use shuttle::sync::{RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;

use crate::ground::sync::checked::{Counted, RwLock};

/// Iterates over pairs, as dashmap's does.
#[derive(Clone)]
pub(crate) struct Shard<K, V>(BTreeMap<Uuid, (K, V)>);

pub(crate) type ShardLock<K, V> = RwLock<Shard<K, V>>;
type Read<'a, K, V> = Counted<RwLockReadGuard<'a, Shard<K, V>>>;
type Write<'a, K, V> = Counted<RwLockWriteGuard<'a, Shard<K, V>>>;

pub(crate) struct DashMap<K, V, S> {
    shards: [ShardLock<K, V>; 2],
    _hasher: PhantomData<S>,
}

/// One pair, with its shard locked for reading.
pub(crate) struct Ref<'a, K, V> {
    key: Uuid,
    shard: Arc<Read<'a, K, V>>,
}

/// The place of a key, with its shard locked for writing.
pub(crate) enum Place<'a, K, V> {
    Occupied(Occupied<'a, K, V>),
    Vacant(Vacant<'a, K, V>),
}

pub(crate) struct Occupied<'a, K, V> {
    /// What the place was asked for.
    key: K,
    shard: Write<'a, K, V>,
}

pub(crate) struct Vacant<'a, K, V> {
    key: K,
    shard: Write<'a, K, V>,
}

impl<K: Borrow<Uuid>, V, S> DashMap<K, V, S> {
    pub(crate) fn with_hasher(_: S) -> Self {
        DashMap {
            shards: [(); 2].map(|()| RwLock::new(Shard(BTreeMap::new()))),
            _hasher: PhantomData,
        }
    }

    /// There are always two shards.
    pub(crate) fn with_hasher_and_shard_amount(hasher: S, _: usize) -> Self {
        DashMap::with_hasher(hasher)
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    pub(crate) fn get(&self, key: &Uuid) -> Option<Ref<'_, K, V>> {
        let shard = Arc::new(self.shard(key).read());
        shard.contains_key(key).then_some(Ref { key: *key, shard })
    }

    pub(crate) fn entry(&self, key: K) -> Place<'_, K, V> {
        let shard = self.shard(key.borrow()).write();
        if shard.contains_key(key.borrow()) {
            Place::Occupied(Occupied { key, shard })
        } else {
            Place::Vacant(Vacant { key, shard })
        }
    }

    pub(crate) fn remove_if(&self, key: &Uuid, wanted: impl FnOnce(&K, &V) -> bool) -> Option<(K, V)> {
        match self.shard(key).write().entry(*key) {
            btree_map::Entry::Occupied(found) if wanted(&found.get().0, &found.get().1) => {
                Some(found.remove())
            }
            _ => None,
        }
    }

    /// A tree has no places that are not used.
    pub(crate) fn shrink_to_fit(&self) {
        for shard in &self.shards {
            drop(shard.write());
        }
    }

    pub(crate) fn shards(&self) -> &[ShardLock<K, V>] {
        &self.shards
    }

    fn shard(&self, key: &Uuid) -> &ShardLock<K, V> {
        &self.shards[usize::from(key.as_bytes()[15] & 1)]
    }
}

impl<K, V> Deref for Shard<K, V> {
    type Target = BTreeMap<Uuid, (K, V)>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K, V> DerefMut for Shard<K, V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<K, V> IntoIterator for Shard<K, V> {
    type Item = (K, V);
    type IntoIter = btree_map::IntoValues<Uuid, (K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values()
    }
}

impl<K, V> Ref<'_, K, V> {
    pub(crate) fn key(&self) -> &K {
        &self.shard[&self.key].0
    }
}

impl<K: Borrow<Uuid>, V> Occupied<'_, K, V> {
    /// The key that is in the map.
    pub(crate) fn key(&self) -> &K {
        &self.shard[self.key.borrow()].0
    }

    /// Replaces key and value.
    pub(crate) fn replace_entry(self, value: V) -> (K, V) {
        let Occupied { key, mut shard } = self;
        match shard.insert(*key.borrow(), (key, value)) {
            Some(former) => former,
            None => unreachable!("it was there when the shard was locked"),
        }
    }
}

impl<'a, K: Borrow<Uuid>, V> Vacant<'a, K, V> {
    /// The shard stays locked while what is returned lives.
    pub(crate) fn insert(self, value: V) -> Write<'a, K, V> {
        let Vacant { key, mut shard } = self;
        shard.insert(*key.borrow(), (key, value));
        shard
    }
}
