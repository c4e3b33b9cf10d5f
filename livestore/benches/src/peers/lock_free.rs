//! papaya's and scc's maps, for reading.

use std::sync::Arc;

use foldhash::fast::RandomState;
use livestore::Uuid;

use crate::values::Small;

/// papaya's map, with the hasher that livestore uses.
pub type Papaya = papaya::HashMap<Uuid, Arc<Small>, RandomState>;

/// scc's map, with the hasher that livestore uses.
pub type Scc = scc::HashMap<Uuid, Arc<Small>, RandomState>;

/// An empty map.
pub fn papaya() -> Papaya {
    papaya::HashMap::with_hasher(RandomState::default())
}

/// An empty map.
pub fn scc() -> Scc {
    scc::HashMap::with_hasher(RandomState::default())
}

/// A map with an entry for each of the keys.
pub fn filled_papaya(keys: &[Uuid]) -> Papaya {
    let map = papaya();
    for (key, count) in keys.iter().zip(0..) {
        map.pin().insert(*key, Arc::new(Small::new(count)));
    }
    map
}

/// A map with an entry for each of the keys.
pub fn filled_scc(keys: &[Uuid]) -> Scc {
    let map = scc();
    for (key, count) in keys.iter().zip(0..) {
        assert!(
            map.insert_sync(*key, Arc::new(Small::new(count))).is_ok(),
            "keys differ"
        );
    }
    map
}

/// Clones the `Arc` out.
#[inline]
pub fn fetch_papaya(map: &Papaya, key: &Uuid) -> Option<Arc<Small>> {
    map.pin().get(key).cloned()
}

/// Clones the `Arc` out.
#[inline]
pub fn fetch_scc(map: &Scc, key: &Uuid) -> Option<Arc<Small>> {
    map.read_sync(key, |_, value| Arc::clone(value))
}
