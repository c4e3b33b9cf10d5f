//! The locks and atomics that everything in one store is built on, and how a thread waits.
//!
//! One place names them, so that a model checker can take their place: under `--cfg livestore_check` the library's own
//! tests get stand-ins that let the checker choose who goes next at each step.

#[cfg(not(all(test, livestore_check)))]
mod blocking;
#[cfg(all(test, livestore_check))]
mod checked;
#[cfg(all(test, livestore_check))]
pub(crate) mod map;
pub(crate) mod spin;

#[cfg(not(all(test, livestore_check)))]
pub(crate) use crate::ground::sync::blocking::block_on;
#[cfg(all(test, livestore_check))]
pub(crate) use crate::ground::sync::checked::{
    Mutex, Mutex as SpinMutex, MutexGuard as SpinGuard, assert_nothing_locked, atomic,
};
#[cfg(not(all(test, livestore_check)))]
pub(crate) use crate::ground::sync::spin::{SpinGuard, SpinMutex};
#[cfg(not(all(test, livestore_check)))]
pub(crate) use parking_lot::Mutex;
/// Blocks a thread. The checker runs without the files that do.
#[cfg(feature = "durable")]
pub(crate) use parking_lot::{Condvar, MutexGuard};
#[cfg(all(test, livestore_check))]
pub(crate) use shuttle::{future::block_on, thread_local};
#[cfg(not(all(test, livestore_check)))]
pub(crate) use std::{sync::atomic, thread_local};
