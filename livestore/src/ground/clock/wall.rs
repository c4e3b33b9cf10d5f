//! [`Wall`]: what a stamp becomes when it leaves the process.

#![cfg_attr(
    not(feature = "durable"),
    allow(dead_code, reason = "a folder asks for more than a file")
)]

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::ground::clock::{self, BUILT, Between, Clock, Stamp};

/// Nanoseconds since the Unix epoch. `u64` holds them until the year 2554.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Wall(u64);

impl Wall {
    pub(crate) const fn from_nanos(nanos: u64) -> Wall {
        Wall(nanos)
    }

    pub(crate) fn nanos(self) -> u64 {
        self.0
    }

    fn now() -> Wall {
        let since = clock::wall_now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Wall(nanos(since))
    }
}

impl From<Wall> for SystemTime {
    fn from(wall: Wall) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(wall.0)
    }
}

/// What both clocks show at one moment: the only way from one to the other.
///
/// Taken once for a whole file, so that times in it keep their distance when the wall clock is set meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    now: Stamp,
    wall_now: Wall,
    /// What the wall clock showed at the moment that stamps count from, as it goes now.
    built: Wall,
}

/// What a file keeps of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clocks {
    pub(crate) now: Wall,
    /// Changes only when somebody sets the wall clock.
    pub(crate) built: Wall,
}

/// By how much the wall clock was set later, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shift(i64);

/// The two clocks are read one after the other, and one is adjusted a little all the time.
const SET: u64 = 500 * MILLI;

impl Clocks {
    /// By how much the wall clock was set between these and those, of the same store. `None` if it was not.
    pub(crate) fn shift_to(built: Wall, later: Wall) -> Option<Shift> {
        let by = later.0.wrapping_sub(built.0).cast_signed();
        (by.unsigned_abs() > SET).then_some(Shift(by))
    }
}

const MILLI: u64 = 1_000_000;

impl Moment {
    /// This moment, as if the wall clock had stood still since it showed `wall`.
    pub(crate) fn frozen_at(self, wall: Wall) -> Moment {
        Moment {
            wall_now: wall,
            built: Wall(
                self.built
                    .0
                    .saturating_add(wall.0)
                    .saturating_sub(self.wall_now.0),
            ),
            ..self
        }
    }

    /// For times that were written before the wall clock was set: as if it had been set then.
    pub(crate) fn before(self, shift: Shift) -> Moment {
        self.frozen_at(Wall(
            self.wall_now.0.saturating_add_signed(shift.0.saturating_neg()),
        ))
    }

    pub(crate) fn clocks(&self) -> Clocks {
        Clocks {
            now: self.wall_now,
            built: self.built,
        }
    }

    #[cfg(test)]
    pub(crate) fn now(&self) -> Stamp {
        self.now
    }

    pub(crate) fn wall_now(&self) -> Wall {
        self.wall_now
    }

    pub(crate) fn wall(&self, stamp: Stamp) -> Wall {
        Wall(match stamp.0.checked_sub(BUILT) {
            _ if stamp == Stamp::NEVER => u64::MAX,
            Some(since) => self.built.0.saturating_add(since.saturating_mul(MILLI)),
            None => self.built.0.saturating_sub((BUILT - stamp.0) * MILLI),
        })
    }

    /// The stamp of a wall-clock time, rounded up, so that nothing becomes due too early.
    pub(crate) fn stamp(&self, wall: Wall) -> Stamp {
        Stamp(match wall.0.checked_sub(self.built.0) {
            _ if wall.0 == u64::MAX => u64::MAX,
            Some(since) => BUILT.saturating_add(since.div_ceil(MILLI)),
            None => BUILT.saturating_sub((self.built.0 - wall.0) / MILLI),
        })
    }

    /// The stamp of a deadline that was written at `written`: nobody has longer than they had then, also where the wall
    /// clock was set back since.
    pub(crate) fn deadline(&self, at: Wall, written: Wall) -> Stamp {
        let left = at.0.saturating_sub(written.0);
        match at.0 {
            u64::MAX => Stamp::NEVER,
            at => self.stamp(Wall(at.min(self.wall_now.0.saturating_add(left)))),
        }
    }

    /// The stamp of something that has happened: not after this moment, whatever the wall clock says.
    pub(crate) fn past(&self, wall: Wall) -> Stamp {
        self.stamp(wall).min(self.now)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Clock {
    /// Reads both clocks.
    pub(crate) fn moment(&self) -> Moment {
        let Between { read, last, .. } = clock::at_once(clock::now, Wall::now);
        // The later of the two times, so that no time becomes later on its way out.
        let since = last.saturating_duration_since(self.built);
        Moment {
            now: self.now(),
            wall_now: read,
            built: Wall(read.0.saturating_sub(nanos(since))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: u64 = 365 * 24 * 3600 * 1000;

    fn moment(now: u64, wall_now: u64) -> Moment {
        Moment {
            now: Stamp(BUILT + now),
            wall_now: Wall(wall_now),
            built: Wall(wall_now - now * MILLI),
        }
    }

    #[test]
    fn times_keep_their_distance_both_ways() {
        let today = 1_800_000_000_000 * MILLI;
        let saved = moment(5_000, today);
        assert_eq!(saved.wall(saved.now), saved.wall_now);
        assert_eq!(saved.stamp(saved.wall_now), saved.now);
        // Another process, a minute later by the wall.
        let loaded = moment(10, today + 60_000 * MILLI);
        let through = |ago: i64, loaded: Moment| {
            let stamp = Stamp(saved.now.0.checked_add_signed(-ago).unwrap_or(0));
            i64::try_from(loaded.now.0).unwrap_or(0)
                - i64::try_from(loaded.stamp(saved.wall(stamp)).0).unwrap_or(0)
        };
        for ago in [0, 5, -5, 5_000, 6_000, -100_000, 10 * YEAR.cast_signed()] {
            assert_eq!(through(ago, loaded), ago + 60_000);
            // And when that minute does not count.
            assert_eq!(through(ago, loaded.frozen_at(saved.wall_now)), ago);
        }
        assert_eq!(loaded.stamp(saved.wall(Stamp::NEVER)), Stamp::NEVER);
    }

    #[test]
    fn what_lies_between_two_stamps_is_the_later() {
        let moment = moment(5_000, 1 << 60);
        for (nanos, stamp) in [
            (-1_000_001, 4_999),
            (-1, 5_000),
            (0, 5_000),
            (1, 5_001),
            (1_000_000, 5_001),
        ] {
            let wall = Wall(moment.wall_now.0.checked_add_signed(nanos).unwrap_or(0));
            assert_eq!(moment.stamp(wall).0 - BUILT, stamp, "{nanos}");
        }
        let long_ago = Wall(moment.built.0 - 1);
        assert_eq!(moment.stamp(long_ago).0, BUILT);
    }

    #[test]
    fn what_has_happened_is_not_in_the_future_when_the_wall_clock_was_set_back() {
        let moment = moment(5_000, 1 << 60);
        let later = Wall(moment.wall_now.0 + 10 * MILLI);
        assert_eq!(moment.past(later), moment.now);
        assert!(moment.stamp(later) > moment.now);
    }

    /// Fifty seconds became ten years, when the clock was set back by as much.
    #[test]
    fn nobody_has_longer_than_they_had_when_it_was_written() {
        let moment = moment(5_000, 1 << 60);
        let secs = |secs: u64| secs * 1_000_000_000;
        let now = moment.wall_now.0;
        // How long ago it was written by the clock as it goes now, and what is left of 50 seconds.
        for (ago, left) in [(0, 50), (20, 30), (-3600, 50), (-300_000_000, 50), (60, -10)] {
            let written = now.checked_add_signed(-ago * 1_000_000_000).unwrap_or(0);
            let stamp = moment.deadline(Wall(written + secs(50)), Wall(written));
            assert_eq!(
                stamp.0.cast_signed() - moment.now.0.cast_signed(),
                left * 1000,
                "{ago}"
            );
        }
        assert_eq!(moment.deadline(Wall(u64::MAX), Wall(now)), Stamp::NEVER);
    }

    /// A machine without a battery starts in 1970, and learns what time it is when it has a network.
    #[test]
    fn what_was_written_before_the_clock_was_set_keeps_its_distance() {
        let sec = 1_000 * MILLI;
        let today = 1_800_000_000 * sec;
        // Ten seconds after the start, with the clock of 1970, and then with the right one.
        let (wrong, right) = (moment(10_000, 40 * sec), moment(10_000, today));
        let shift = Clocks::shift_to(wrong.clocks().built, right.clocks().built);
        let written = wrong.wall(Stamp(wrong.now.0 + 50_000));
        // Another process, twenty seconds later.
        let read = moment(3_000, today + 20 * sec);
        let stamp = read.before(shift.unwrap()).deadline(written, wrong.wall_now);
        assert_eq!(stamp.0, read.now.0 + 30_000);
        // And the other way.
        let shift = Clocks::shift_to(right.clocks().built, wrong.clocks().built);
        let written = right.wall(Stamp(right.now.0 + 50_000));
        let read = moment(3_000, 60 * sec);
        let stamp = read.before(shift.unwrap()).deadline(written, right.wall_now);
        assert_eq!(stamp.0, read.now.0 + 30_000);
        assert_eq!(Clocks::shift_to(Wall(today), Wall(today + MILLI)), None);
    }

    #[test]
    fn both_clocks_are_read_at_one_moment() {
        let moment = Clock::begin().moment();
        // The stamp may lag by a tick, and is rounded down.
        let lag = moment.wall_now.0 - moment.wall(moment.now).0.min(moment.wall_now.0);
        assert!(lag < 100 * MILLI, "{lag} ns");
        assert!(moment.now.0 < BUILT + 10_000);
    }
}
