//! What people write by hand: a map of values under tokio's `RwLock`, with a broadcast channel beside each.
//!
//! The entry stands in an `Arc`, because no reference into the map may be kept while the lock is waited for. Those who
//! listen are sent the mutation, under the lock, so that they hear of changes in the order in which they were made.

use std::sync::Arc;

use dashmap::DashMap;
use foldhash::fast::RandomState;
use livestore::{LiveValue, Uuid};
use tokio::sync::{RwLock, broadcast};

use crate::values::Small;

/// How many mutations a channel holds. It allocates for all of them at once, for every entry.
pub const CAPACITY: usize = 16;

/// One entry.
pub struct Place<V: LiveValue> {
    /// The value.
    pub value: RwLock<V>,
    /// To those who listen.
    pub sender: broadcast::Sender<V::Mutation>,
}

/// The map.
pub struct Hand<V: LiveValue> {
    /// The map itself.
    pub map: DashMap<Uuid, Arc<Place<V>>, RandomState>,
    capacity: usize,
}

impl<V: LiveValue> Hand<V> {
    /// An empty map.
    pub fn new() -> Hand<V> {
        Hand::with_capacity(CAPACITY)
    }

    /// An empty map whose channels hold this many mutations each.
    pub fn with_capacity(capacity: usize) -> Hand<V> {
        Hand {
            map: DashMap::with_hasher(RandomState::default()),
            capacity,
        }
    }

    /// Inserts at a given key.
    #[inline]
    pub fn insert(&self, key: Uuid, value: V) {
        let place = Place {
            value: RwLock::new(value),
            sender: broadcast::Sender::new(self.capacity),
        };
        self.map.insert(key, Arc::new(place));
    }

    /// Inserts at a key that is drawn.
    #[inline]
    pub fn init(&self, value: V) -> Uuid {
        let key = Uuid::new_v4();
        self.insert(key, value);
        key
    }

    /// The place of an entry.
    #[inline]
    pub fn place(&self, key: &Uuid) -> Option<Arc<Place<V>>> {
        self.map.get(key).map(|place| Arc::clone(place.value()))
    }

    /// Clones the value out.
    #[inline]
    pub async fn fetch(&self, key: &Uuid) -> Option<V> {
        let place = self.place(key)?;
        let value = place.value.read().await;
        Some(value.clone())
    }

    /// Changes the value in place and tells those who listen.
    #[inline]
    pub async fn mutate(&self, key: &Uuid, mutn: V::Mutation) -> Option<Result<(), V::MutError>> {
        let place = self.place(key)?;
        let mut value = place.value.write().await;
        let done = value.apply(&mutn);
        if done.is_ok() {
            // Fails when nobody listens.
            let _ = place.sender.send(mutn);
        }
        Some(done)
    }

    /// Begins to listen.
    #[inline]
    pub fn watch(&self, key: &Uuid) -> Option<broadcast::Receiver<V::Mutation>> {
        self.map.get(key).map(|place| place.sender.subscribe())
    }
}

/// A map with an entry for each of the keys.
pub fn filled(keys: &[Uuid]) -> Hand<Small> {
    let hand = Hand::new();
    for (key, count) in keys.iter().zip(0..) {
        hand.insert(*key, Small::new(count));
    }
    hand
}

impl<V: LiveValue> Default for Hand<V> {
    fn default() -> Self {
        Hand::new()
    }
}
