//! [`Times`]: when an entry was created, changed and used, in sixteen bytes.

use crate::ground::clock::Stamp;

/// Bits of one time: milliseconds for 139 years.
const BITS: u32 = 42;
const MAX: u64 = (1 << BITS) - 1;
/// Bits that are left in a word beside one time. The third time lies in those of both words.
const REST: u32 = u64::BITS - BITS;

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
        Stamp((self.low >> BITS) | ((self.high >> BITS) << REST))
    }

    /// When the entry was last used; kept only where use counts, but never before the last change.
    #[inline]
    pub(crate) fn used(self) -> Stamp {
        Stamp(self.high & MAX)
    }

    /// Notes a change. A change is a use.
    #[inline]
    pub(crate) fn change(&mut self, at: Stamp) {
        let changed = at.0.min(MAX).max(self.changed().0);
        let used = changed.max(self.used().0);
        self.low = (self.low & MAX) | (changed << BITS);
        self.high = used | ((changed >> REST) << BITS);
    }

    #[inline]
    pub(crate) fn make_use(&mut self, at: Stamp) {
        let used = at.0.min(MAX).max(self.used().0);
        self.high = (self.high & !MAX) | used;
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
                for used in times.into_iter().filter(|at| *at >= changed) {
                    let mut all = Times::born(Stamp(created));
                    assert_eq!((all.changed().0, all.used().0), (created, created));
                    all.change(Stamp(changed));
                    all.make_use(Stamp(used));
                    assert_eq!(all.created().0, created);
                    assert_eq!(all.changed().0, changed);
                    assert_eq!(all.used().0, used);
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
    }
}
