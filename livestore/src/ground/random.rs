//! Keys that nobody has.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use uuid::{Builder, Uuid};

thread_local! {
    /// The generator of this thread may be gone. Has no destructor, so it can be read as long as the thread runs at all.
    static GONE: Cell<bool> = const { Cell::new(false) };
    /// Sets it. Touched after the generator, and so dropped before it.
    static SENTINEL: Sentinel = const { Sentinel };
}

struct Sentinel;

impl Drop for Sentinel {
    fn drop(&mut self) {
        GONE.set(true);
    }
}

/// Draws a key at random, also in the destructor of something thread-local, where the thread's generator may be gone.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) fn random_key() -> Uuid {
    if GONE.get() {
        return without_generator();
    }
    let key = Uuid::new_v4();
    if SENTINEL.try_with(|_| ()).is_err() {
        GONE.set(true);
    }
    key
}

/// Nothing is random on this target, and nobody asks, because no store can be built.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) fn random_key() -> Uuid {
    Uuid::nil()
}

/// Draws from the keys of std's hashers, which the system has drawn.
fn without_generator() -> Uuid {
    let half = || RandomState::new().build_hasher().finish().to_ne_bytes();
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&half());
    bytes[8..].copy_from_slice(&half());
    Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_differ_with_and_without_a_generator() {
        let keys: HashSet<_> = (0..1000)
            .flat_map(|_| [random_key(), without_generator()])
            .collect();
        assert_eq!(keys.len(), 2000);
        assert!(keys.iter().all(|key| key.get_version_num() == 4));
    }
}
