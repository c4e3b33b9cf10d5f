//! What one would use instead, each with the few operations that are measured.

pub mod cache;
pub mod hand;
pub mod lock_free;
pub mod observed;
pub mod old;
#[cfg(feature = "durable")]
pub mod redb;
pub mod redis;
#[cfg(feature = "durable")]
pub mod sqlite;
pub mod watched;
