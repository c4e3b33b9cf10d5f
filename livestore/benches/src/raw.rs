//! The raw parts: the same map with the same hasher, and an `Arc` per value. No watching, no locking, no versions.

use std::sync::Arc;
use std::time::Instant;

use dashmap::DashMap;
use foldhash::fast::RandomState;
use livestore::Uuid;

use crate::clock;
use crate::values::Small;

/// A `DashMap` of `Arc`s with the hasher that livestore uses.
#[derive(Debug)]
pub struct Raw<V> {
    /// The map itself.
    pub map: DashMap<Uuid, Arc<V>, RandomState>,
}

impl<V> Raw<V> {
    /// An empty map.
    pub fn new() -> Raw<V> {
        Raw {
            map: DashMap::with_hasher(RandomState::default()),
        }
    }

    /// Inserts at a key drawn as the store draws it.
    #[inline]
    pub fn init(&self, value: V) -> Uuid {
        let key = Uuid::new_v4();
        self.map.insert(key, Arc::new(value));
        key
    }

    /// Inserts at a given key.
    #[inline]
    pub fn insert(&self, key: Uuid, value: V) {
        self.map.insert(key, Arc::new(value));
    }

    /// Clones the `Arc` out.
    #[inline]
    pub fn fetch(&self, key: &Uuid) -> Option<Arc<V>> {
        self.map.get(key).map(|place| Arc::clone(place.value()))
    }

    /// Puts a new value, made from the old one, in its place. The least that a change can cost without changing what
    /// readers already have.
    #[inline]
    pub fn mutate(&self, key: &Uuid, change: impl FnOnce(&V) -> V) -> bool {
        let Some(mut place) = self.map.get_mut(key) else {
            return false;
        };
        let new = Arc::new(change(place.value()));
        *place.value_mut() = new;
        true
    }

    /// The same, and returns what livestore returns: the new value, shared, and the time of the change.
    #[inline]
    pub fn mutate_and_tell(&self, key: &Uuid, change: impl FnOnce(&V) -> V) -> Option<(Arc<V>, Instant)> {
        let mut place = self.map.get_mut(key)?;
        let new = Arc::new(change(place.value()));
        *place.value_mut() = Arc::clone(&new);
        Some((new, clock::now()))
    }

    /// Takes the value out.
    #[inline]
    pub fn remove(&self, key: &Uuid) -> Option<Arc<V>> {
        self.map.remove(key).map(|(_, value)| value)
    }
}

/// A map with an entry for each of the keys.
pub fn filled(keys: &[Uuid]) -> Raw<Small> {
    let raw = Raw::new();
    for (key, count) in keys.iter().zip(0..) {
        raw.insert(*key, Small::new(count));
    }
    raw
}

impl<V> Default for Raw<V> {
    fn default() -> Self {
        Raw::new()
    }
}
