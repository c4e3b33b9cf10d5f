//! The synchronous lock that everything in one store is built on.
//!
//! One place names it, so that a model checker can take its place.

pub(crate) use parking_lot::{Mutex, MutexGuard};
