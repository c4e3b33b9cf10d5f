//! Which values are certainly the same as before: a shared pointer that points to where it pointed.

use std::sync::Arc;

use crate::value::__private::plain::Probe;
use crate::value::ops::{Insert, Keyed};

impl<T: ?Sized> Probe<Arc<T>> {
    /// Whether nothing in it can have changed.
    #[inline]
    pub fn __same(value: &Arc<T>, was: &Arc<T>) -> bool {
        Arc::ptr_eq(value, was)
    }

    /// Whether somebody else holds it, so that a change has to copy what is in it.
    #[inline]
    pub fn __is_shared(value: &Arc<T>) -> bool {
        Arc::strong_count(value) > 1 || Arc::weak_count(value) > 0
    }
}

/// The answers for all other types.
pub trait NotShared {
    /// What is asked about.
    type Value: ?Sized;

    /// It may have changed.
    #[inline]
    fn __same(_: &Self::Value, _: &Self::Value) -> bool {
        false
    }

    /// Nobody else can have it.
    #[inline]
    fn __is_shared(_: &Self::Value) -> bool {
        false
    }
}

impl<T: ?Sized> NotShared for Probe<T> {
    type Value = T;
}

impl<C, K, V> Probe<C>
where
    C: Insert<Item = (K, V)> + Keyed<Key = K, Value = V>,
{
    /// The key and the value of what is inserted, where it is a map by another name.
    #[inline]
    pub fn __pair(item: &(K, V)) -> Option<(&K, &V)> {
        Some((&item.0, &item.1))
    }
}

/// The answer for all other types.
pub trait NotPair {
    /// What is asked about.
    type Collection: Insert + Keyed;

    /// It is only known once it is in there.
    #[inline]
    #[expect(clippy::type_complexity, reason = "a key and a value")]
    fn __pair(
        _: &<Self::Collection as Insert>::Item,
    ) -> Option<(
        &<Self::Collection as Keyed>::Key,
        &<Self::Collection as Keyed>::Value,
    )> {
        None
    }
}

impl<C: Insert + Keyed> NotPair for Probe<C> {
    type Collection = C;
}
