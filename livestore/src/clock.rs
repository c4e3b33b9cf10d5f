//! The store's clock: the only place that asks what time it is.
//!
//! Slots keep a time as a [`Stamp`], eight bytes that count nanoseconds since the store was built. A stamp
//! becomes an [`Instant`] only when an entry is handed out. With the feature `test-util` the clock is tokio's,
//! so `tokio::time::pause` and `advance` move everything that depends on time.

use std::time::{Duration, Instant, SystemTime};

/// Nanoseconds since the clock's origin. `u64` holds 584 years of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// The clock's origin.
    pub(crate) const START: Stamp = Stamp(0);

    /// A time that is never reached: where a deadline saturates.
    pub(crate) const NEVER: Stamp = Stamp(u64::MAX);

    /// This time and `later` more, or [`Stamp::NEVER`] where that cannot be counted.
    pub(crate) fn after(self, later: Duration) -> Stamp {
        let later = u64::try_from(later.as_nanos()).unwrap_or(u64::MAX);
        Stamp(self.0.saturating_add(later))
    }
}

/// Tells the time of one store.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { origin: now() }
    }

    pub(crate) fn now(&self) -> Stamp {
        self.stamp(now())
    }

    /// The stamp of an instant, rounded to what the clock can count.
    pub(crate) fn stamp(&self, instant: Instant) -> Stamp {
        let since = instant.saturating_duration_since(self.origin);
        Stamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(crate) fn instant(&self, stamp: Stamp) -> Instant {
        self.origin + Duration::from_nanos(stamp.0)
    }
}

/// The present moment on the clock that every store uses.
pub(crate) fn now() -> Instant {
    #[cfg(feature = "test-util")]
    return tokio::time::Instant::now().into_std();
    #[cfg(not(feature = "test-util"))]
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    return Instant::now();
}

/// The wall-clock time at which the monotonic clock showed `then`.
pub(crate) fn wall_clock(then: Instant) -> SystemTime {
    SystemTime::now()
        .checked_sub(now().saturating_duration_since(then))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
