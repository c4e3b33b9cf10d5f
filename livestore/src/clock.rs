//! The store's clock: the only place that asks what time it is.
//!
//! Slots keep a time as a [`Stamp`], eight bytes that count nanoseconds since the store was built. A stamp
//! becomes an [`Instant`] only when an entry is handed out, and a wall-clock time when it is stored. With the feature
//! `test-util` the clock is tokio's, so `tokio::time::pause` and `advance` move everything that depends on time.

#[cfg(feature = "serde")]
mod wall;

use std::time::{Duration, Instant, SystemTime};

#[cfg(feature = "serde")]
pub(crate) use crate::clock::wall::{Moment, Wall};

/// Nanoseconds on the store's clock, which shows [`Stamp::START`] when the store is built. `u64` holds 146 years before
/// that, for entries that are older than the process, and 438 after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// The clock's origin.
    pub(crate) const START: Stamp = Stamp(1 << 62);

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
        Stamp::START.after(instant.saturating_duration_since(self.origin))
    }

    pub(crate) fn instant(&self, stamp: Stamp) -> Instant {
        match stamp.0.checked_sub(Stamp::START.0) {
            Some(since) => self.origin + Duration::from_nanos(since),
            None => self.instant_before(stamp),
        }
    }

    /// The origin itself where the platform's clock cannot count so far back.
    #[cold]
    fn instant_before(&self, stamp: Stamp) -> Instant {
        let before = Duration::from_nanos(Stamp::START.0 - stamp.0);
        self.origin.checked_sub(before).unwrap_or(self.origin)
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
    wall_now()
        .checked_sub(now().saturating_duration_since(then))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The present moment by the wall clock.
fn wall_now() -> SystemTime {
    #[cfg(not(feature = "test-util"))]
    return SystemTime::now();
    #[cfg(feature = "test-util")]
    {
        use std::sync::OnceLock;
        // It moves with tokio's clock, so that a downtime can be played.
        static ORIGIN: OnceLock<(Instant, SystemTime)> = OnceLock::new();
        let (instant, wall) = *ORIGIN.get_or_init(|| (now(), SystemTime::now()));
        let now = now();
        match now.checked_duration_since(instant) {
            Some(since) => wall + since,
            None => wall - (instant - now),
        }
    }
}
