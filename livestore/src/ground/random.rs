//! Keys that nobody has.

use uuid::Uuid;

/// Draws a key at random.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) fn random_key() -> Uuid {
    Uuid::new_v4()
}

/// Nothing is random on this target, and nobody asks, because no store can be built.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) fn random_key() -> Uuid {
    Uuid::nil()
}
