//! [`Origin`]: where the times of one entry count from, if each store may have a clock of its own.

use std::time::Instant;

use crate::ground::clock::{self, BUILT, Clock, Stamp};

/// What the stamps of an entry count from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin(Instant);

impl Origin {
    /// The moment of a stamp.
    pub(crate) fn instant(self, stamp: Stamp) -> Instant {
        clock::instant(self.0, stamp)
    }

    /// For an entry that is in no store: an origin, and the stamp of this moment.
    pub(crate) fn now() -> (Origin, Stamp) {
        (Origin(clock::now()), Stamp(BUILT))
    }
}

impl Clock {
    /// The clock of a store that is built now.
    pub(crate) fn start() -> Clock {
        Clock::begin()
    }

    #[inline]
    pub(crate) fn origin(&self) -> Origin {
        Origin(self.built)
    }
}
