//! The time that the benchmarks measure by.

use std::time::Instant;

/// The present moment.
#[inline]
pub fn now() -> Instant {
    #[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    Instant::now()
}
