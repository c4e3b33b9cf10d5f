//! The synchronous lock that everything in one store is built on.
//!
//! One place names it, so that a model checker can take its place.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub(crate) use parking_lot::{Mutex, MutexGuard};

/// Something that two places look at and one of them clears.
pub(crate) type Flag = Arc<AtomicBool>;
