//! [`Origin`]: where all stores of the process count from, so that nobody has to carry it along.

use std::sync::OnceLock;
use std::time::Instant;

use crate::ground::clock::{self, Clock, IS_THERE, Stamp};

/// Begins with the first store, or with the first entry that is in none.
static CLOCK: OnceLock<Clock> = OnceLock::new();

/// What the stamps of an entry count from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin;

impl Origin {
    /// The moment of a stamp.
    pub(crate) fn instant(self, stamp: Stamp) -> Instant {
        clock::instant(Clock::start().built, stamp)
    }

    /// For an entry that is in no store: an origin, and the stamp of this moment.
    pub(crate) fn now() -> (Origin, Stamp) {
        let now = if IS_THERE {
            Clock::start().exact()
        } else {
            Stamp(0)
        };
        (Origin, now)
    }
}

impl Clock {
    /// The clock of a store that is built now.
    pub(crate) fn start() -> Clock {
        *CLOCK.get_or_init(Clock::begin)
    }

    #[inline]
    #[expect(clippy::unused_self, reason = "the other one counts from a moment of its own")]
    pub(crate) fn origin(&self) -> Origin {
        Origin
    }
}
