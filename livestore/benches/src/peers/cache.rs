//! moka's synchronous cache, unbounded. It cannot be watched.

use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use livestore::{LiveValue, Uuid};
use moka::ops::compute::{CompResult, Op};
use moka::sync::Cache;

use crate::values::Small;

/// The cache, with the hasher that livestore uses.
pub type Moka<V> = Cache<Uuid, Arc<V>, RandomState>;

/// An empty cache.
pub fn new<V: LiveValue>() -> Moka<V> {
    Cache::builder().build_with_hasher(RandomState::default())
}

/// An empty cache whose entries expire this long after they were written.
pub fn with_time_to_live<V: LiveValue>(time: Duration) -> Moka<V> {
    Cache::builder()
        .time_to_live(time)
        .build_with_hasher(RandomState::default())
}

/// Replaces a value by a changed one, with nobody between.
#[inline]
pub fn mutate<V: LiveValue>(cache: &Moka<V>, key: &Uuid, mutn: &V::Mutation) -> CompResult<Uuid, Arc<V>> {
    cache.entry_by_ref(key).and_compute_with(|found| match found {
        Some(found) => {
            let mut new = V::clone(found.value());
            match new.apply(mutn) {
                Ok(()) => Op::Put(Arc::new(new)),
                Err(_) => Op::Nop,
            }
        }
        None => Op::Nop,
    })
}

/// Inserts an entry for each of the keys.
pub fn fill(cache: &Moka<Small>, keys: &[Uuid]) {
    for (key, count) in keys.iter().zip(0..) {
        cache.insert(*key, Arc::new(Small::new(count)));
    }
    cache.run_pending_tasks();
}

/// A cache with an entry for each of the keys.
pub fn filled(keys: &[Uuid]) -> Moka<Small> {
    let cache = new();
    fill(&cache, keys);
    cache
}
