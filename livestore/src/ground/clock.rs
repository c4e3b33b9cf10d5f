//! The store's clock: the only place that asks what time it is.
//!
//! Slots keep a time as a [`Stamp`], a count of milliseconds, which becomes an [`Instant`] only when an entry is
//! handed out. A stamp never leads. On Linux it comes from the kernel's coarse clock, which costs a fifth of `Instant::now`
//! and lags by a few ticks. How long ago an event was that has a stamp is therefore known to a *step*: a deadline
//! that is counted from it comes so much later, and whoever asks whether a deadline has passed asks the
//! [exact](Clock::exact) clock, so that the step is not paid twice. A deadline that somebody sets, and one that counts from
//! the creation, is counted by the exact clock to begin with.
//!
//! With the feature `test-util` the clock is tokio's, so `tokio::time::pause` and `advance` move everything that depends on
//! time, the wall clock too. Each store then counts from its own beginning, for the clocks of two runtimes may be paused at
//! different fractions of a millisecond; without it all stores of the process count from one [`Origin`], so that an entry need
//! not carry it. Miri does not know the coarse clock and gets the one of other systems.

#[cfg(all(
    feature = "test-util",
    not(all(target_family = "wasm", target_os = "unknown"))
))]
mod each;
#[cfg(all(target_os = "linux", not(any(feature = "test-util", miri))))]
mod kernel;
#[cfg(any(
    not(feature = "test-util"),
    all(target_family = "wasm", target_os = "unknown")
))]
mod one;
#[cfg(not(all(target_os = "linux", not(any(feature = "test-util", miri)))))]
mod plain;
#[cfg(feature = "serde")]
mod wall;

use std::time::{Duration, Instant, SystemTime};

#[cfg(all(
    feature = "test-util",
    not(all(target_family = "wasm", target_os = "unknown"))
))]
pub(crate) use crate::ground::clock::each::Origin;
#[cfg(all(target_os = "linux", not(any(feature = "test-util", miri))))]
use crate::ground::clock::kernel::Cheap;
#[cfg(any(
    not(feature = "test-util"),
    all(target_family = "wasm", target_os = "unknown")
))]
pub(crate) use crate::ground::clock::one::Origin;
#[cfg(not(all(target_os = "linux", not(any(feature = "test-util", miri)))))]
use crate::ground::clock::plain::Cheap;
#[cfg(feature = "durable")]
pub(crate) use crate::ground::clock::wall::{Clocks, Shift};
#[cfg(feature = "serde")]
pub(crate) use crate::ground::clock::wall::{Moment, Wall};

/// The stamp of the moment that a clock counts from: at which the first store of the process was built. What was before, in an
/// earlier process, has a smaller one: 34 years of it.
const BUILT: u64 = 1 << 40;

/// Whether this target has a clock. Without one, whoever asks for the time panics.
pub(crate) const IS_THERE: bool = !cfg!(all(target_family = "wasm", target_os = "unknown"));

/// Two clocks that were read within this time of each other were read at once.
const AT_ONCE: Duration = Duration::from_micros(20);
/// How often it is tried to read two clocks at once.
const TRIES: u32 = 10;

/// Milliseconds, with [`BUILT`] for the moment that the clock counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(pub(crate) u64);

impl Stamp {
    /// A time that is never reached: where a deadline saturates.
    pub(crate) const NEVER: Stamp = Stamp(u64::MAX);
}

/// Tells the time of one store, and counts from its [`Origin`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    built: Instant,
    /// Started then, or a little later, so that it does not lead.
    cheap: Cheap,
    /// How far a stamp may lag behind the time at which it was taken, in milliseconds.
    step: u64,
}

impl Clock {
    /// A clock that counts from now on.
    fn begin() -> Clock {
        let started = at_once(now, Cheap::start);
        Clock {
            built: started.first,
            step: started.read.step() + millis(started.length()),
            cheap: started.read,
        }
    }

    /// The stamp of an event of this moment.
    #[inline]
    pub(crate) fn now(&self) -> Stamp {
        self.cheap.stamp(self.built)
    }

    /// The present moment, to a millisecond. For what happens rarely.
    pub(crate) fn exact(&self) -> Stamp {
        stamp(self.built, now())
    }

    /// When `limit` has passed for certain since an event that was stamped `from`, or [`Stamp::NEVER`] where that cannot
    /// be counted.
    #[inline]
    pub(crate) fn deadline(&self, from: Stamp, limit: Duration) -> Stamp {
        Stamp(from.0.saturating_add(millis_up(limit)).saturating_add(self.step))
    }

    /// When `after` has passed from now on, or [`Stamp::NEVER`] where that cannot be counted.
    pub(crate) fn deadline_after(&self, after: Duration) -> Stamp {
        now().checked_add(after).map_or(Stamp::NEVER, |at| self.stamp(at))
    }

    /// The stamp of an instant, rounded up.
    pub(crate) fn stamp(&self, instant: Instant) -> Stamp {
        match instant.checked_duration_since(self.built) {
            Some(since) => Stamp(BUILT.saturating_add(millis_up(since))),
            None => Stamp(BUILT.saturating_sub(millis(self.built.saturating_duration_since(instant)))),
        }
    }
}

/// The stamp of a moment that has come, which does not lead.
fn stamp(built: Instant, now: Instant) -> Stamp {
    match now.checked_duration_since(built) {
        Some(since) => Stamp(BUILT.saturating_add(millis(since))),
        // Another runtime's clock, which is paused, may have been ahead when the store was built.
        None => Stamp(BUILT.saturating_sub(millis_up(built.saturating_duration_since(now)))),
    }
}

/// The moment of a stamp that counts from `built`.
#[inline]
fn instant(built: Instant, stamp: Stamp) -> Instant {
    match stamp.0.checked_sub(BUILT) {
        Some(since) => built + Duration::from_millis(since),
        // Where the platform cannot count that far back, as far back as it can.
        None => built
            .checked_sub(Duration::from_millis(BUILT - stamp.0))
            .unwrap_or(built),
    }
}

/// Whole milliseconds.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds, rounded up.
#[inline]
fn millis_up(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// What was read between two moments.
#[derive(Debug)]
struct Between<T> {
    first: Instant,
    read: T,
    last: Instant,
}

impl<T> Between<T> {
    fn length(&self) -> Duration {
        self.last.saturating_duration_since(self.first)
    }
}

/// Reads something and the time at one moment, as nearly as it can be done: who is interrupted in between tries again, a
/// few times.
fn at_once<T>(mut now: impl FnMut() -> Instant, mut read: impl FnMut() -> T) -> Between<T> {
    let mut between = || {
        let first = now();
        let read = read();
        let last = now();
        Between { first, read, last }
    };
    let mut best = between();
    for _ in 1..TRIES {
        if best.length() <= AT_ONCE {
            break;
        }
        let next = between();
        if next.length() < best.length() {
            best = next;
        }
    }
    best
}

/// The present moment on the clock that every store uses.
#[cfg(not(feature = "test-util"))]
pub(crate) fn now() -> Instant {
    real_now()
}

/// The present moment on the clock that every store uses: tokio's, which may be paused.
#[cfg(feature = "test-util")]
pub(crate) fn now() -> Instant {
    // A thread that is about to end has no runtime any more, and tokio's clock panics there.
    match tokio::runtime::Handle::try_current() {
        Err(error) if error.is_thread_local_destroyed() => real_now(),
        _ => tokio::time::Instant::now().into_std(),
    }
}

/// Whether tokio's clock shows another time, because somebody has paused or moved it, and this one does not follow.
pub(crate) fn is_left_behind() -> bool {
    let first = now();
    let other = tokio::time::Instant::now().into_std();
    // A clock that is left alone is the machine's, which never goes back.
    !(first..=now()).contains(&other)
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// The time was read last, so a preemption between had every stamp of a store lead, by 56 ms once, and every deadline
    /// come early.
    #[test]
    fn what_is_read_with_the_time_is_read_between_two_times_that_are_close() {
        let start = now();
        // How long each try is interrupted for, and how close the best of them comes.
        for (interruptions, best) in [
            (vec![], 2),
            (vec![56_000], 2),
            (vec![56_000, 300, 9_000], 2),
            (vec![56_000, 300, 9_000, 400, 400, 400, 400, 400, 400, 400], 302),
        ] {
            let micros = Cell::new(0);
            let pass = |more| {
                micros.set(micros.get() + more);
                micros.get()
            };
            let mut interruptions = interruptions.into_iter();
            let between = at_once(
                || start + Duration::from_micros(pass(1)),
                || pass(1 + interruptions.next().unwrap_or(0)),
            );
            let read = start + Duration::from_micros(between.read);
            assert!(between.first <= read && read <= between.last, "{between:?}");
            assert_eq!(between.last - between.first, Duration::from_micros(best));
        }
    }

    #[test]
    fn time_does_not_lead_from_the_first_moment_on() {
        for _ in 0..1000 {
            let clock = Clock::begin();
            let (stamp, exact) = (clock.now(), clock.exact());
            assert!(stamp <= exact && instant(clock.built, exact) <= now());
        }
    }

    #[test]
    fn a_deadline_from_now_on_is_rounded_up_and_saturates() {
        let clock = Clock::start();
        let before = clock.exact();
        let at = clock.deadline_after(Duration::from_micros(10_001));
        assert!(at.0 >= before.0 + 11 && instant(clock.built, at) >= now() + Duration::from_millis(9));
        assert_eq!(clock.deadline_after(Duration::MAX), Stamp::NEVER);
    }
}
