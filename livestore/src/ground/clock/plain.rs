//! [`Cheap`]: where no clock is cheaper than the others, the one that everybody uses.

use std::time::Instant;

use crate::ground::clock;

/// Milliseconds by the clock of [`clock::now`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cheap;

impl Cheap {
    pub(crate) fn start() -> Cheap {
        Cheap
    }

    /// How far it may lag.
    #[expect(clippy::unused_self, reason = "the other one depends on the machine")]
    pub(crate) fn step(&self) -> u64 {
        // What it shows is rounded down. Time that is paused moves by whole milliseconds.
        if cfg!(feature = "test-util") { 0 } else { 1 }
    }

    /// How long ago it was started.
    #[expect(clippy::unused_self, reason = "the other one has a start of its own")]
    pub(crate) fn since_start(&self, started: Instant) -> u64 {
        clock::millis(clock::now().saturating_duration_since(started))
    }
}
