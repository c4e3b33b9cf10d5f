//! [`Cheap`]: the kernel's coarse clock.
//!
//! It shows the time of the kernel's last tick, so it lags by a tick, and by two where the processor that counts the ticks
//! has gone to sleep and another has yet to take over. Nothing bounds it: a processor that does not run counts no ticks. On
//! a virtual machine of two processors with a tick of 4 ms it lagged by 4.6 ms at most in a minute alone, by 5.4 ms in 90
//! seconds with eight threads that computed, and by 16.9 ms in 25 minutes of builds and tests, in which it lagged
//! by more than 8 ms at 3 of 356,000 ticks.

use std::time::Instant;

use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

use crate::ground::clock::{BUILT, Stamp};

/// How long a tick may be overdue, in milliseconds, because its processor does not run: several times what was seen.
const OVERDUE: u64 = 25;

/// Milliseconds by the coarse clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cheap {
    /// What it would have shown at the start, had it not lagged. Rounded up, so that no time leads.
    start: u64,
    step: u64,
}

impl Cheap {
    pub(crate) fn start() -> Cheap {
        Cheap::started_at(
            clock_gettime(ClockId::Monotonic),
            clock_getres(ClockId::MonotonicCoarse),
        )
    }

    fn started_at(now: Timespec, tick: Timespec) -> Cheap {
        Cheap {
            start: millis(now) + 1,
            // What it shows is rounded down, and the start up.
            step: 2 * millis(tick) + OVERDUE + 2,
        }
    }

    /// How far it may lag.
    pub(crate) fn step(&self) -> u64 {
        self.step
    }

    /// The stamp of this moment.
    #[inline(always)]
    pub(crate) fn stamp(&self, _started: Instant) -> Stamp {
        Stamp(BUILT.saturating_add(self.since(clock_gettime(ClockId::MonotonicCoarse))))
    }

    #[inline]
    fn since(&self, shown: Timespec) -> u64 {
        millis(shown).saturating_sub(self.start)
    }
}

#[inline]
fn millis(time: Timespec) -> u64 {
    // Neither is ever negative: the clock counts from the start of the machine.
    time.tv_sec.unsigned_abs() * 1000 + time.tv_nsec.unsigned_abs() / 1_000_000
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ground::clock::{Clock, now};

    fn time(micros: u64) -> Timespec {
        Timespec {
            tv_sec: (micros / 1_000_000).cast_signed(),
            tv_nsec: (micros % 1_000_000 * 1000).cast_signed(),
        }
    }

    /// The step was two ticks, and the clock has lagged by three and a half: a deadline was met before its time.
    #[test]
    fn a_stamp_never_leads_and_a_deadline_counted_from_it_is_never_early() {
        let tick = 4_000;
        let limit = 10;
        for started in [7_000_000, 7_000_001, 7_000_999, 7_003_500] {
            let cheap = Cheap::started_at(time(started), time(tick));
            let clock = Clock {
                built: now(),
                step: cheap.step(),
                cheap,
            };
            // Two ticks, and one that is overdue by as much as three more; everything in microseconds.
            for lag in (0..=5 * tick).step_by(333) {
                for event in (0..50_000).step_by(77) {
                    let stamp = Stamp(BUILT + clock.cheap.since(time(started + event - lag)));
                    assert!((stamp.0 - BUILT) * 1000 <= event, "leads: {event}, lag {lag}");
                    // When the exact clock shows it for the first time.
                    let due = (clock.deadline(stamp, Duration::from_millis(limit)).0 - BUILT) * 1000;
                    let wanted = event + limit * 1000;
                    assert!(due >= wanted, "early: {event}, lag {lag}");
                    assert!(due <= wanted + clock.step * 1000, "late: {event}, lag {lag}");
                }
            }
        }
    }
}
