//! What one would use instead, each with the few operations that are measured.

pub mod cache;
pub mod hand;
pub mod lock_free;
pub mod observed;
pub mod old;
pub mod redis;
pub mod watched;
