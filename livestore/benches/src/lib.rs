//! What the benchmarks of livestore share: the values that are stored, the sampling, and the tables.
//!
//! See the README of this package for the commands.

// The peers are dependencies of the binaries; every binary takes some of them.
#![allow(clippy::unwrap_used, reason = "a benchmark that goes wrong stops")]

pub mod clock;
pub mod keys;
pub mod machine;
#[cfg(feature = "compare")]
pub mod old;
pub mod raw;
pub mod rows;
pub mod runtime;
pub mod sample;
pub mod values;
