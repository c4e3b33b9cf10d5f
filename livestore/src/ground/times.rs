//! [`Times`]: when an entry was created, changed and used, in sixteen bytes; and [`Told`], what is told of it.

use crate::ground::clock::Stamp;

/// Bits of the first two times: milliseconds for 139 years.
const BITS: u32 = 42;
const MAX: u64 = (1 << BITS) - 1;
/// Bits that are left in the first word beside the time of creation: of the last change.
const REST: u32 = u64::BITS - BITS;
/// Bits of the third time, which may be a deadline: milliseconds for 557 years.
const LAST_BITS: u32 = u64::BITS - (BITS - REST);
const LAST_MAX: u64 = (1 << LAST_BITS) - 1;

/// What an entry tells of its times, however they go on: created, changed, and when it expires.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told(Times);

/// Three times of an entry. None ever decreases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The time of creation, and above it the low bits of the last change.
    low: u64,
    /// The time of the last use, and above it the high bits of the last change.
    high: u64,
}

impl Times {
    /// Of an entry that begins at this time.
    #[inline]
    pub(crate) fn born(at: Stamp) -> Times {
        let mut times = Times {
            low: at.0.min(MAX),
            high: 0,
        };
        times.change(at);
        times
    }

    #[inline]
    pub(crate) fn created(self) -> Stamp {
        Stamp(self.low & MAX)
    }

    #[inline]
    pub(crate) fn changed(self) -> Stamp {
        Stamp((self.low >> BITS) | ((self.high >> LAST_BITS) << REST))
    }

    /// When the entry was last used; kept only where use counts, but never before the last change.
    #[inline]
    pub(crate) fn used(self) -> Stamp {
        Stamp(self.high & LAST_MAX)
    }

    /// Notes a change. A change is a use.
    #[inline]
    pub(crate) fn change(&mut self, at: Stamp) {
        // Where an entry is changed often, most changes fall into one millisecond.
        if at.0 > self.changed().0 {
            self.change_later(at);
        }
    }

    #[inline(never)]
    fn change_later(&mut self, at: Stamp) {
        let changed = at.0.min(MAX);
        let used = changed.max(self.used().0);
        self.low = (self.low & MAX) | (changed << BITS);
        self.high = used | ((changed >> REST) << LAST_BITS);
    }

    #[inline]
    pub(crate) fn make_use(&mut self, at: Stamp) {
        let used = at.0.min(LAST_MAX).max(self.used().0);
        self.high = (self.high & !LAST_MAX) | used;
    }

    /// What is told of an entry that has these times and expires at `deadline`.
    #[inline]
    pub(crate) fn told(self, deadline: Stamp) -> Told {
        Told(Times {
            low: self.low,
            high: (self.high & !LAST_MAX) | deadline.0.min(LAST_MAX),
        })
    }
}

impl Told {
    #[inline]
    pub(crate) fn created(self) -> Stamp {
        self.0.created()
    }

    #[inline]
    pub(crate) fn changed(self) -> Stamp {
        self.0.changed()
    }

    /// When the entry expires. `None` if never, or after all times that can be counted here.
    #[inline]
    pub(crate) fn deadline(self) -> Option<Stamp> {
        Some(self.0.used()).filter(|at| at.0 < LAST_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_do_not_disturb_each_other() {
        let times = [0, 1, (1 << 21) + 5, 1 << 22, (1 << 40) + 12_345, MAX - 1, MAX];
        for created in times {
            for changed in times.into_iter().filter(|at| *at >= created) {
                for used in times.into_iter().chain([LAST_MAX]).filter(|at| *at >= changed) {
                    let mut all = Times::born(Stamp(created));
                    assert_eq!((all.changed().0, all.used().0), (created, created));
                    all.change(Stamp(changed));
                    all.make_use(Stamp(used));
                    assert_eq!(all.created().0, created);
                    assert_eq!(all.changed().0, changed);
                    assert_eq!(all.used().0, used);
                    for deadline in times {
                        let told = all.told(Stamp(deadline));
                        assert_eq!((told.created().0, told.changed().0), (created, changed));
                        assert_eq!(told.deadline(), Some(Stamp(deadline)));
                    }
                    assert_eq!(all.told(Stamp::NEVER).deadline(), None);
                    // Backwards goes nothing.
                    all.change(Stamp(0));
                    all.make_use(Stamp(0));
                    assert_eq!((all.changed().0, all.used().0), (changed, used));
                }
            }
        }
    }

    #[test]
    fn a_time_beyond_what_can_be_counted_is_the_last_that_can() {
        let times = Times::born(Stamp(u64::MAX));
        assert_eq!(
            (times.created().0, times.changed().0, times.used().0),
            (MAX, MAX, MAX)
        );
        let mut times = Times::born(Stamp(0));
        times.make_use(Stamp(u64::MAX));
        assert_eq!(times.used().0, LAST_MAX);
    }
}
