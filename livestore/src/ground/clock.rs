//! The store's clock: the only place that asks what time it is.
//!
//! Slots keep a time as a [`Stamp`], a count of milliseconds, which becomes an [`Instant`] only when an entry is
//! handed out. On Linux the clock is the kernel's coarse one, which costs a fifth of `Instant::now` and moves with the
//! kernel's tick, every 1 to 10 ms. It lags and never leads. With the feature `test-util` the clock is tokio's, so
//! `tokio::time::pause` and `advance` move everything that depends on time, the wall clock too.

#[cfg(feature = "serde")]
mod wall;

use std::time::{Duration, Instant, SystemTime};

#[cfg(feature = "durable")]
pub(crate) use crate::ground::clock::wall::{Clocks, Shift};
#[cfg(feature = "serde")]
pub(crate) use crate::ground::clock::wall::{Moment, Wall};

/// The stamp of the moment at which a store was built. What was before, in an earlier process, has a smaller one: 34
/// years of it.
const BUILT: u64 = 1 << 40;

/// Milliseconds, with [`BUILT`] for the moment at which the store was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(pub(crate) u64);

impl Stamp {
    /// A time that is never reached: where a deadline saturates.
    pub(crate) const NEVER: Stamp = Stamp(u64::MAX);
}

/// Tells the time of one store.
#[derive(Debug)]
pub(crate) struct Clock {
    built: Instant,
    /// What the coarse clock would have shown then, had it not lagged.
    #[cfg(all(target_os = "linux", not(feature = "test-util")))]
    coarse: u64,
    /// How far a stamp may lag behind the time at which it was taken, in milliseconds.
    step: u64,
}

impl Clock {
    #[cfg(all(target_os = "linux", not(feature = "test-util")))]
    pub(crate) fn start() -> Clock {
        use rustix::time::{ClockId, clock_getres, clock_gettime};

        let then = clock_gettime(ClockId::Monotonic);
        let tick = clock_getres(ClockId::MonotonicCoarse);
        Clock {
            built: now(),
            // Rounded up, so that no stamp leads.
            coarse: millis(then) + 1,
            // A tick may come late by as much again; and stamps are rounded down.
            step: 2 * millis(tick) + 2,
        }
    }

    #[cfg(not(all(target_os = "linux", not(feature = "test-util"))))]
    pub(crate) fn start() -> Clock {
        Clock {
            built: now(),
            // Stamps are rounded down. Time that is paused moves by whole milliseconds.
            step: if cfg!(feature = "test-util") { 0 } else { 1 },
        }
    }

    #[cfg(all(target_os = "linux", not(feature = "test-util")))]
    #[inline]
    pub(crate) fn now(&self) -> Stamp {
        use rustix::time::{ClockId, clock_gettime};

        let now = millis(clock_gettime(ClockId::MonotonicCoarse));
        Stamp(BUILT + now.saturating_sub(self.coarse))
    }

    #[cfg(not(all(target_os = "linux", not(feature = "test-util"))))]
    pub(crate) fn now(&self) -> Stamp {
        let since = now().saturating_duration_since(self.built);
        Stamp(BUILT.saturating_add(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
    }

    /// When `limit` has passed for certain since an event that was stamped `from`, or [`Stamp::NEVER`] where that cannot
    /// be counted.
    #[inline]
    pub(crate) fn deadline(&self, from: Stamp, limit: Duration) -> Stamp {
        let limit = u64::try_from(limit.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Stamp(from.0.saturating_add(limit).saturating_add(self.step))
    }

    /// The stamp of an instant, rounded up.
    pub(crate) fn stamp(&self, instant: Instant) -> Stamp {
        let millis = |time: Duration| u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        match instant.checked_duration_since(self.built) {
            Some(since) => Stamp(BUILT.saturating_add(millis(since))),
            None => Stamp(BUILT.saturating_sub(millis(self.built.duration_since(instant)))),
        }
    }

    #[inline]
    pub(crate) fn instant(&self, stamp: Stamp) -> Instant {
        match stamp.0.checked_sub(BUILT) {
            Some(since) => self.built + Duration::from_millis(since),
            // Where the platform cannot count that far back, as far back as it can.
            None => self
                .built
                .checked_sub(Duration::from_millis(BUILT - stamp.0))
                .unwrap_or(self.built),
        }
    }
}

#[cfg(all(target_os = "linux", not(feature = "test-util")))]
#[inline]
fn millis(time: rustix::time::Timespec) -> u64 {
    // Neither is ever negative: the clock counts from the start of the machine.
    time.tv_sec.unsigned_abs() * 1000 + time.tv_nsec.unsigned_abs() / 1_000_000
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

/// The moment `after` this one, for a thread that blocks, whatever the clock of the stores shows. `None` if that is
/// further away than can be counted.
#[cfg(feature = "durable")]
pub(crate) fn real_deadline(after: Duration) -> Option<Instant> {
    real_now().checked_add(after)
}

/// The present moment for a thread that blocks.
#[cfg(feature = "durable")]
pub(crate) fn real_now() -> Instant {
    #[allow(
        clippy::disallowed_methods,
        reason = "a thread is woken by the machine's clock"
    )]
    Instant::now()
}

/// While what it returns lives, a clock that is paused does not move by itself. It would, whenever all tasks wait, and
/// what a thread does is nothing that it waits for.
#[cfg(all(feature = "durable", feature = "test-util"))]
pub(crate) fn stand_still() -> impl Send + Sync {
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn_blocking(move || drop(ended.blocking_recv()));
    }
    end
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
