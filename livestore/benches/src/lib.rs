//! What the benchmarks of livestore share: the values that are stored, the sampling, and the tables.
//!
//! See the README of this package for the commands.

#![allow(clippy::unwrap_used, reason = "a benchmark that goes wrong stops")]

pub mod args;
pub mod clock;
#[cfg(feature = "compare")]
pub mod counting;
pub mod keys;
pub mod machine;
#[cfg(feature = "compare")]
pub mod peers;
pub mod plot;
pub mod raw;
pub mod results;
pub mod rows;
pub mod runtime;
pub mod sample;
pub mod targets;
pub mod tasks;
pub mod values;
