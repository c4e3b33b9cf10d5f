//! [`Cheap`]: where no clock is cheaper than the others, the one that everybody uses.

use std::time::Instant;

use crate::ground::clock::{self, Stamp};

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

    /// The stamp of this moment, where `started` is when it was started.
    #[expect(clippy::unused_self, reason = "the other one has a start of its own")]
    pub(crate) fn stamp(&self, started: Instant) -> Stamp {
        clock::stamp(started, clock::now())
    }
}
