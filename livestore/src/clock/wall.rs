//! [`Wall`]: what a stamp becomes when it leaves the process.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::clock::{self, Clock, Stamp};

/// Nanoseconds since the Unix epoch. `u64` holds them until the year 2554.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Wall(u64);

impl Wall {
    pub(crate) fn from_nanos(nanos: u64) -> Wall {
        Wall(nanos)
    }

    pub(crate) fn nanos(self) -> u64 {
        self.0
    }

    fn now() -> Wall {
        let since = clock::wall_now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Wall(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Wall> for SystemTime {
    fn from(wall: Wall) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(wall.0)
    }
}

/// What both clocks showed at one moment: the only way from one to the other.
///
/// Taken once for a whole file, so that times in it keep their distance when the wall clock is set meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    stamp: Stamp,
    wall: Wall,
}

impl Moment {
    /// This moment, as if the wall clock had stood still since it showed `wall`.
    pub(crate) fn frozen_at(self, wall: Wall) -> Moment {
        Moment { wall, ..self }
    }

    #[cfg(test)]
    pub(crate) fn now(&self) -> Stamp {
        self.stamp
    }

    pub(crate) fn wall_now(&self) -> Wall {
        self.wall
    }

    pub(crate) fn wall(&self, stamp: Stamp) -> Wall {
        Wall(shift(stamp.0, self.stamp.0, self.wall.0))
    }

    pub(crate) fn stamp(&self, wall: Wall) -> Stamp {
        Stamp(shift(wall.0, self.wall.0, self.stamp.0))
    }

    /// The stamp of something that has happened: not after this moment, whatever the wall clock says.
    pub(crate) fn past(&self, wall: Wall) -> Stamp {
        self.stamp(wall).min(self.stamp)
    }
}

/// Moves a time from one count to another, given what both showed at one moment. Never stays never.
fn shift(time: u64, from: u64, to: u64) -> u64 {
    match time {
        u64::MAX => u64::MAX,
        _ if time >= from => to.saturating_add(time - from),
        _ => to.saturating_sub(from - time),
    }
}

impl Clock {
    /// Reads both clocks.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            stamp: self.now(),
            wall: Wall::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_distance_both_ways() {
        let before = Clock::start();
        let saved = before.moment();
        let (past, future) = (
            saved.stamp(Wall(saved.wall.0 - 5_000)),
            saved.now().after(Duration::from_nanos(7_000)),
        );
        // Another process, a minute later by the wall.
        let loaded = Moment {
            stamp: Clock::start().now(),
            wall: Wall(saved.wall.0 + 60_000),
        };
        let (past, future) = (loaded.stamp(saved.wall(past)), loaded.stamp(saved.wall(future)));
        assert_eq!(past.0, loaded.stamp.0 - 65_000);
        assert_eq!(future.0, loaded.stamp.0 - 53_000);
        assert_eq!(loaded.stamp(saved.wall(Stamp::NEVER)), Stamp::NEVER);
        // And when that minute does not count.
        let frozen = loaded.frozen_at(saved.wall);
        assert_eq!(frozen.stamp(Wall(saved.wall.0 + 7_000)).0, loaded.stamp.0 + 7_000);
    }

    #[test]
    fn what_has_happened_is_not_in_the_future_when_the_wall_clock_was_set_back() {
        let moment = Clock::start().moment();
        let later = Wall(moment.wall.0 + 1_000_000);
        assert_eq!(moment.past(later), moment.now());
        assert!(moment.stamp(later) > moment.now());
    }

    #[test]
    fn a_time_long_before_the_start_is_told_apart() {
        let moment = Clock::start().moment();
        let year = Duration::from_secs(365 * 24 * 3600);
        let long_ago = Wall(moment.wall.0 - 10 * u64::try_from(year.as_nanos()).unwrap_or(0));
        let stamp = moment.past(long_ago);
        assert_eq!(moment.wall(stamp), long_ago);
        assert!(stamp.after(year * 9) < moment.now() && stamp.after(year * 11) > moment.now());
    }
}
