//! The operations on the standard library's types.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::Duration;

use crate::value::ops::{Clear, Increment, Insert, Keyed, Len, Push, Remove, Toggle};

macro_rules! increment_checked {
    ($($number:ty)*) => {$(
        impl Increment for $number {
            fn checked_increment(&self, by: &Self) -> Option<Self> {
                self.checked_add(*by)
            }

            fn checked_decrement(&self, by: &Self) -> Option<Self> {
                self.checked_sub(*by)
            }
        }
    )*};
}

increment_checked!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize Duration);

macro_rules! increment_finite {
    ($($float:ty)*) => {$(
        /// The result must be finite: infinity and NaN would never leave the field again.
        impl Increment for $float {
            fn checked_increment(&self, by: &Self) -> Option<Self> {
                let sum = self + by;
                sum.is_finite().then_some(sum)
            }

            fn checked_decrement(&self, by: &Self) -> Option<Self> {
                let difference = self - by;
                difference.is_finite().then_some(difference)
            }
        }
    )*};
}

increment_finite!(f32 f64);

impl Toggle for bool {
    fn toggle(&mut self) {
        *self = !*self;
    }
}

impl<T> Push for Vec<T> {
    type Item = T;

    fn push(&mut self, item: T) {
        self.push(item);
    }

    fn keep_last(&mut self, n: usize) {
        let surplus = self.len().saturating_sub(n);
        self.drain(..surplus);
    }
}

impl<T> Push for VecDeque<T> {
    type Item = T;

    fn push(&mut self, item: T) {
        self.push_back(item);
    }

    fn keep_last(&mut self, n: usize) {
        let surplus = self.len().saturating_sub(n);
        self.drain(..surplus);
    }
}

macro_rules! map {
    ($map:ident<K, V $(, $hasher:ident)?>, $($bound:tt)+) => {
        impl<K: $($bound)+, V $(, $hasher: BuildHasher)?> Insert for $map<K, V $(, $hasher)?> {
            type Item = (K, V);

            fn insert(&mut self, (key, value): (K, V)) {
                self.insert(key, value);
            }

            fn replaces(&self, (key, _): &(K, V)) -> bool {
                self.contains_key(key)
            }
        }

        impl<K: $($bound)+, V $(, $hasher: BuildHasher)?> Remove for $map<K, V $(, $hasher)?> {
            type Key = K;

            fn contains(&self, key: &K) -> bool {
                self.contains_key(key)
            }

            fn remove(&mut self, key: &K) {
                self.remove(key);
            }
        }

        impl<K: $($bound)+, V $(, $hasher: BuildHasher)?> Keyed for $map<K, V $(, $hasher)?> {
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
    };
}

map!(HashMap<K, V, S>, Eq + Hash);
map!(BTreeMap<K, V>, Ord);

macro_rules! set {
    ($set:ident<T $(, $hasher:ident)?>, $($bound:tt)+) => {
        impl<T: $($bound)+ $(, $hasher: BuildHasher)?> Insert for $set<T $(, $hasher)?> {
            type Item = T;

            fn insert(&mut self, item: T) {
                self.replace(item);
            }

            fn replaces(&self, item: &T) -> bool {
                self.contains(item)
            }
        }

        impl<T: $($bound)+ $(, $hasher: BuildHasher)?> Remove for $set<T $(, $hasher)?> {
            type Key = T;

            fn contains(&self, key: &T) -> bool {
                self.contains(key)
            }

            fn remove(&mut self, key: &T) {
                self.remove(key);
            }
        }
    };
}

set!(HashSet<T, S>, Eq + Hash);
set!(BTreeSet<T>, Ord);

macro_rules! clear_and_len {
    ($([$($generics:tt)*] $collection:ty;)*) => {$(
        impl<$($generics)*> Clear for $collection {
            fn clear(&mut self) {
                self.clear();
            }
        }

        impl<$($generics)*> Len for $collection {
            fn len(&self) -> usize {
                self.len()
            }
        }
    )*};
}

clear_and_len! {
    [T] Vec<T>;
    [T] VecDeque<T>;
    [K, V, S] HashMap<K, V, S>;
    [K, V] BTreeMap<K, V>;
    [T, S] HashSet<T, S>;
    [T] BTreeSet<T>;
}

impl Clear for String {
    fn clear(&mut self) {
        self.clear();
    }
}

/// `char`s, not bytes: what the reader of an error message counts.
impl Len for str {
    fn len(&self) -> usize {
        self.chars().count()
    }
}

impl Len for String {
    fn len(&self) -> usize {
        self.chars().count()
    }
}

impl<T> Len for [T] {
    fn len(&self) -> usize {
        self.len()
    }
}

impl<T> Clear for Option<T> {
    fn clear(&mut self) {
        *self = None;
    }

    fn len_cleared(&self) -> Option<usize> {
        None
    }
}

/// The length of what is inside; `None` satisfies every rule.
impl<T: Len> Len for Option<T> {
    fn len(&self) -> usize {
        self.as_ref().map_or(0, T::len)
    }

    fn len_if_present(&self) -> Option<usize> {
        self.as_ref().and_then(T::len_if_present)
    }
}

impl<T: Len + ?Sized> Len for Box<T> {
    fn len(&self) -> usize {
        T::len(self)
    }

    fn len_if_present(&self) -> Option<usize> {
        T::len_if_present(self)
    }
}

impl<T: Len + ToOwned + ?Sized> Len for Cow<'_, T> {
    fn len(&self) -> usize {
        T::len(self)
    }

    fn len_if_present(&self) -> Option<usize> {
        T::len_if_present(self)
    }
}

impl<T: Len + ?Sized> Len for Arc<T> {
    fn len(&self) -> usize {
        T::len(self)
    }

    fn len_if_present(&self) -> Option<usize> {
        T::len_if_present(self)
    }
}

// Copy-on-write: `Arc::make_mut` copies the collection only while somebody else holds it.

impl<C: Push + Clone> Push for Arc<C> {
    type Item = C::Item;

    fn push(&mut self, item: C::Item) {
        Arc::make_mut(self).push(item);
    }

    fn keep_last(&mut self, n: usize) {
        Arc::make_mut(self).keep_last(n);
    }

    fn growth(&self, item: &C::Item) -> usize {
        C::growth(self, item)
    }
}

impl<C: Insert + Clone> Insert for Arc<C> {
    type Item = C::Item;

    fn insert(&mut self, item: C::Item) {
        Arc::make_mut(self).insert(item);
    }

    fn replaces(&self, item: &C::Item) -> bool {
        C::replaces(self, item)
    }
}

impl<C: Remove + Clone> Remove for Arc<C> {
    type Key = C::Key;

    fn contains(&self, key: &C::Key) -> bool {
        C::contains(self, key)
    }

    fn remove(&mut self, key: &C::Key) {
        if C::contains(self, key) {
            Arc::make_mut(self).remove(key);
        }
    }
}

impl<C: Keyed + Clone> Keyed for Arc<C> {
    type Key = C::Key;
    type Value = C::Value;

    fn get(&self, key: &C::Key) -> Option<&C::Value> {
        C::get(self, key)
    }

    fn get_mut(&mut self, key: &C::Key) -> Option<&mut C::Value> {
        // A missing key is no reason to copy.
        C::get(self, key)?;
        Arc::make_mut(self).get_mut(key)
    }

    fn iter(&self) -> impl Iterator<Item = (&C::Key, &C::Value)> {
        C::iter(self)
    }
}

impl<C: Clear + Clone> Clear for Arc<C> {
    fn clear(&mut self) {
        Arc::make_mut(self).clear();
    }

    fn len_cleared(&self) -> Option<usize> {
        C::len_cleared(self)
    }
}
