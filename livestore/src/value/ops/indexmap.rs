//! The operations on the collections of `indexmap`, which keep the order in which things were inserted.

use std::hash::{BuildHasher, Hash};

use indexmap::{IndexMap, IndexSet};

use crate::value::ops::{Add, Clear, Increment, Insert, Keyed, Len, Remove};

impl<K: Eq + Hash, V, S: BuildHasher> Insert for IndexMap<K, V, S> {
    type Item = (K, V);

    fn insert(&mut self, (key, value): (K, V)) {
        self.insert(key, value);
    }

    fn replaces(&self, (key, _): &(K, V)) -> bool {
        self.contains_key(key)
    }
}

/// What comes after it moves up: the order of the others stays, at the cost of visiting them.
impl<K: Eq + Hash, V, S: BuildHasher> Remove for IndexMap<K, V, S> {
    type Key = K;

    fn contains(&self, key: &K) -> bool {
        self.contains_key(key)
    }

    fn remove(&mut self, key: &K) {
        self.shift_remove(key);
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> Keyed for IndexMap<K, V, S> {
    type Key = K;
    type Value = V;

    fn get(&self, key: &K) -> Option<&V> {
        self.get(key)
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.get_mut(key)
    }

    fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.iter()
    }
}

impl<K: Eq + Hash, V: Increment + Default, S: BuildHasher> Add for IndexMap<K, V, S> {
    type Key = K;
    type Amount = V;

    fn sum(&self, key: &K, amount: &V) -> Option<V> {
        match self.get(key) {
            Some(number) => number.checked_increment(amount),
            None => V::default().checked_increment(amount),
        }
    }

    fn has(&self, key: &K) -> bool {
        self.contains_key(key)
    }

    fn put(&mut self, key: K, sum: V) {
        self.insert(key, sum);
    }
}

/// An item that is there already is replaced at its place.
impl<T: Eq + Hash, S: BuildHasher> Insert for IndexSet<T, S> {
    type Item = T;

    fn insert(&mut self, item: T) {
        self.replace(item);
    }

    fn replaces(&self, item: &T) -> bool {
        self.contains(item)
    }
}

/// What comes after it moves up: the order of the others stays, at the cost of visiting them.
impl<T: Eq + Hash, S: BuildHasher> Remove for IndexSet<T, S> {
    type Key = T;

    fn contains(&self, key: &T) -> bool {
        self.contains(key)
    }

    fn remove(&mut self, key: &T) {
        self.shift_remove(key);
    }
}

impl<K, V, S> Clear for IndexMap<K, V, S> {
    fn clear(&mut self) {
        self.clear();
    }
}

impl<T, S> Clear for IndexSet<T, S> {
    fn clear(&mut self) {
        self.clear();
    }
}

impl<K, V, S> Len for IndexMap<K, V, S> {
    fn len(&self) -> usize {
        self.len()
    }
}

impl<T, S> Len for IndexSet<T, S> {
    fn len(&self) -> usize {
        self.len()
    }
}
