//! The operations on the standard library's types.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::num::{NonZero, Saturating, Wrapping};
use std::sync::Arc;
use std::time::Duration;

use crate::value::ops::{Add, Clear, Identified, Increment, Insert, Keyed, Len, List, Push, Remove, Toggle};

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

macro_rules! increment_by_its_own_rules {
    ($($number:ty)*) => {$(
        impl Increment for NonZero<$number> {
            fn checked_increment(&self, by: &Self) -> Option<Self> {
                self.get().checked_add(by.get()).and_then(NonZero::new)
            }

            fn checked_decrement(&self, by: &Self) -> Option<Self> {
                self.get().checked_sub(by.get()).and_then(NonZero::new)
            }
        }

        /// The type says what becomes of an overflow.
        impl Increment for Wrapping<$number> {
            fn checked_increment(&self, by: &Self) -> Option<Self> {
                Some(*self + *by)
            }

            fn checked_decrement(&self, by: &Self) -> Option<Self> {
                Some(*self - *by)
            }
        }

        /// The type says what becomes of an overflow.
        impl Increment for Saturating<$number> {
            fn checked_increment(&self, by: &Self) -> Option<Self> {
                Some(*self + *by)
            }

            fn checked_decrement(&self, by: &Self) -> Option<Self> {
                Some(*self - *by)
            }
        }
    )*};
}

increment_by_its_own_rules!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

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

impl<T> Push for LinkedList<T> {
    type Item = T;

    fn push(&mut self, item: T) {
        self.push_back(item);
    }

    fn keep_last(&mut self, n: usize) {
        let surplus = self.len().saturating_sub(n);
        *self = self.split_off(surplus);
    }
}

macro_rules! list {
    ($($list:ident)*) => {$(
        impl<T> List for $list<T> {
            type Item = T;

            fn items(&self) -> impl Iterator<Item = &T> {
                self.into_iter()
            }

            fn at_mut(&mut self, place: usize) -> Option<&mut T> {
                self.get_mut(place)
            }

            fn remove_at(&mut self, place: usize) {
                self.remove(place);
            }
        }
    )*};
}

list!(Vec VecDeque);

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

        impl<K: $($bound)+, V: Increment + Default $(, $hasher: BuildHasher)?> Add for $map<K, V $(, $hasher)?> {
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
    [T] LinkedList<T>;
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

impl<T: Len + ?Sized> Len for &T {
    fn len(&self) -> usize {
        T::len(self)
    }

    fn len_if_present(&self) -> Option<usize> {
        T::len_if_present(self)
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

impl<C: Add + Clone> Add for Arc<C> {
    type Key = C::Key;
    type Amount = C::Amount;

    fn sum(&self, key: &C::Key, amount: &C::Amount) -> Option<C::Amount> {
        C::sum(self, key, amount)
    }

    fn has(&self, key: &C::Key) -> bool {
        C::has(self, key)
    }

    fn put(&mut self, key: C::Key, sum: C::Amount) {
        Arc::make_mut(self).put(key, sum);
    }
}

impl<C: List + Clone> List for Arc<C> {
    type Item = C::Item;

    fn items(&self) -> impl Iterator<Item = &C::Item> {
        C::items(self)
    }

    fn at_mut(&mut self, place: usize) -> Option<&mut C::Item> {
        Arc::make_mut(self).at_mut(place)
    }

    fn remove_at(&mut self, place: usize) {
        Arc::make_mut(self).remove_at(place);
    }
}

macro_rules! identified_inside {
    ($($outer:ident)*) => {$(
        impl<T: Identified> Identified for $outer<T> {
            type Id = T::Id;
            const FIELD: &'static str = T::FIELD;

            fn id(&self) -> &T::Id {
                T::id(self)
            }
        }
    )*};
}

identified_inside!(Box Arc);

impl<C: Clear + Clone> Clear for Arc<C> {
    fn clear(&mut self) {
        Arc::make_mut(self).clear();
    }

    fn len_cleared(&self) -> Option<usize> {
        C::len_cleared(self)
    }
}
