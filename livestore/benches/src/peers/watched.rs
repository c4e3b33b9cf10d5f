//! A map of tokio's watch channels. Who listens sees the newest value, not every change.

use dashmap::DashMap;
use foldhash::fast::RandomState;
use livestore::{LiveValue, Uuid};
use tokio::sync::watch;

use crate::values::Small;

/// The map.
#[derive(Debug)]
pub struct Watched<V> {
    /// The map itself.
    pub map: DashMap<Uuid, watch::Sender<V>, RandomState>,
}

impl<V: LiveValue> Watched<V> {
    /// An empty map.
    pub fn new() -> Watched<V> {
        Watched {
            map: DashMap::with_hasher(RandomState::default()),
        }
    }

    /// Inserts at a given key.
    #[inline]
    pub fn insert(&self, key: Uuid, value: V) {
        self.map.insert(key, watch::Sender::new(value));
    }

    /// Clones the value out.
    #[inline]
    pub fn fetch(&self, key: &Uuid) -> Option<V> {
        self.map.get(key).map(|place| place.borrow().clone())
    }

    /// Changes the value in place and tells those who listen that it changed.
    #[inline]
    pub fn mutate(&self, key: &Uuid, mutn: &V::Mutation) -> bool {
        self.map
            .get(key)
            .is_some_and(|place| place.send_if_modified(|value| value.apply(mutn).is_ok()))
    }

    /// Begins to listen.
    #[inline]
    pub fn watch(&self, key: &Uuid) -> Option<watch::Receiver<V>> {
        self.map.get(key).map(|place| place.subscribe())
    }
}

/// A map with an entry for each of the keys.
pub fn filled(keys: &[Uuid]) -> Watched<Small> {
    let watched = Watched::new();
    for (key, count) in keys.iter().zip(0..) {
        watched.insert(*key, Small::new(count));
    }
    watched
}

impl<V: LiveValue> Default for Watched<V> {
    fn default() -> Self {
        Watched::new()
    }
}
