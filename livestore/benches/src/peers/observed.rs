//! A map of eyeball's observables. Who listens sees the newest value, not every change.

use dashmap::DashMap;
use eyeball::{SharedObservable, Subscriber};
use foldhash::fast::RandomState;
use livestore::{LiveValue, Uuid};

use crate::values::Small;

/// The map.
#[derive(Debug)]
pub struct Observed<V> {
    /// The map itself.
    pub map: DashMap<Uuid, SharedObservable<V>, RandomState>,
}

impl<V: LiveValue> Observed<V> {
    /// An empty map.
    pub fn new() -> Observed<V> {
        Observed {
            map: DashMap::with_hasher(RandomState::default()),
        }
    }

    /// Inserts at a given key.
    #[inline]
    pub fn insert(&self, key: Uuid, value: V) {
        self.map.insert(key, SharedObservable::new(value));
    }

    /// Clones the value out.
    #[inline]
    pub fn fetch(&self, key: &Uuid) -> Option<V> {
        self.map.get(key).map(|place| place.get())
    }

    /// Changes the value in place and tells those who listen that it changed.
    #[inline]
    pub fn mutate(&self, key: &Uuid, mutn: &V::Mutation) -> bool {
        let Some(place) = self.map.get(key) else {
            return false;
        };
        let mut done = false;
        place.update_if(|value| {
            done = value.apply(mutn).is_ok();
            done
        });
        done
    }

    /// Begins to listen.
    #[inline]
    pub fn watch(&self, key: &Uuid) -> Option<Subscriber<V>> {
        self.map.get(key).map(|place| place.subscribe())
    }
}

/// A map with an entry for each of the keys.
pub fn filled(keys: &[Uuid]) -> Observed<Small> {
    let observed = Observed::new();
    for (key, count) in keys.iter().zip(0..) {
        observed.insert(*key, Small::new(count));
    }
    observed
}

impl<V: LiveValue> Default for Observed<V> {
    fn default() -> Self {
        Observed::new()
    }
}
