//! [`Entry`]: what one key held at one commit.

use std::fmt;
use std::ops::Deref;
use std::time::Instant;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use std::time::SystemTime;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use crate::ground::clock;
use crate::ground::clock::{Origin, Stamp};
use crate::ground::times::{Times, Told};
use crate::ground::unwind::InHand;
use crate::value::shared::Shared;

/// The value and metadata that one key held at one commit.
///
/// An entry is a snapshot: it holds no lock, costs a reference count to clone, and does not change when the
/// store does. It dereferences to the value, so the value's fields are read as if they were the entry's own; also one that is
/// called `value` or `version`, for these are methods here. Of a *method* that is called as one here, the entry's is called
/// first: `entry.value().version()` calls the value's.
///
/// While somebody keeps an entry, its value cannot be changed in place, and the next mutation copies it. Drop
/// entries that you no longer need.
///
/// On `wasm32-unknown-unknown`, which has no clock, an entry has no `last_change`, `create_time` and `changed_at`.
///
/// # Examples
///
/// ```
/// use livestore::{LiveStore, LiveValue};
///
/// #[derive(Clone, LiveValue)]
/// struct Score { points: u32 }
///
/// let store = LiveStore::default();
/// let key = store.init(Score { points: 3 });
///
/// let entry = store.fetch(&key).unwrap();
/// assert_eq!(entry.points, 3);
/// assert_eq!(entry.version(), 1);
/// ```
pub struct Entry<V> {
    /// What is dropped with it, as the rest of an update is, may panic too.
    value: InHand<Shared<V>>,
    version: u64,
    times: Told,
    /// What the times count from. Takes no room, but where tests move the clock.
    origin: Origin,
}

impl<V> Entry<V> {
    /// Wraps a value that is in no store: version 0, created and changed now.
    ///
    /// Useful to call [`LiveValue::mutate`](crate::LiveValue::mutate) by hand, in a test for example.
    pub fn new(value: V) -> Entry<V> {
        Entry::from_shared(triomphe::Arc::new(value))
    }

    /// An entry that is staged and in no store yet.
    pub(crate) fn from_shared(value: triomphe::Arc<V>) -> Entry<V> {
        let (origin, now) = Origin::now();
        Entry::stored(value, 0, Times::born(now).told(Stamp::NEVER), origin)
    }

    /// An entry of a store whose clock counts from `origin`.
    ///
    /// Always in its place: a fetch takes a seventh less than with a call and a move.
    #[inline(always)]
    pub(crate) fn stored(value: triomphe::Arc<V>, version: u64, times: Told, origin: Origin) -> Entry<V> {
        Entry {
            value: InHand::new(Shared::new(value)),
            version,
            times,
            origin,
        }
    }

    /// The entry after a change that is staged and not committed yet.
    pub(crate) fn followed_by(self, value: triomphe::Arc<V>) -> Entry<V> {
        Entry {
            value: InHand::new(Shared::new(value)),
            version: self.version + 1,
            ..self
        }
    }

    /// Returns the value, which can be kept by a clone of the pointer. The entry dereferences to it as well.
    pub fn value(&self) -> &Shared<V> {
        &self.value
    }

    /// Gives the value away.
    pub(crate) fn into_value(self) -> triomphe::Arc<V> {
        self.value.into_inner().into_inner()
    }

    /// Returns how many commits led here: a new entry has version 1, or continues above every version that the store
    /// has ended; each commit adds 1.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The same entry of what can be made of the value.
    pub(crate) fn map<W>(&self, make: impl FnOnce(&V) -> W) -> Entry<W> {
        Entry {
            value: InHand::new(Shared::new(triomphe::Arc::new(make(&self.value)))),
            version: self.version,
            times: self.times,
            origin: self.origin,
        }
    }

    /// Returns when the entry expires as things stood when it was read. `None` if never, or if that is further away
    /// than can be counted: five hundred years.
    ///
    /// The entry goes at the first check at or after this time; a change, a use, or a new deadline may move it.
    pub fn expires_at(&self) -> Option<Instant> {
        self.times.deadline().map(|at| self.origin.instant(at))
    }
}

/// What needs a clock.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
impl<V> Entry<V> {
    /// Returns when the value was last changed, in whole milliseconds, and on Linux by the kernel's coarse clock.
    ///
    /// It never leads; it lags by a tick or two of 1 to 10 ms, and by more where the processor that counts the ticks is kept
    /// from running. A removal does not move it.
    pub fn last_change(&self) -> Instant {
        self.origin.instant(self.times.changed())
    }

    /// Returns when the entry was created, by the same clock as [`last_change`](Self::last_change).
    pub fn create_time(&self) -> Instant {
        self.origin.instant(self.times.created())
    }

    /// Returns when the value was last changed, by the wall clock.
    ///
    /// Computed from the present difference of the two clocks, so it moves when the wall clock is set.
    pub fn changed_at(&self) -> SystemTime {
        clock::wall_clock(self.last_change())
    }
}

// The value is never pinned: it is behind a pointer.
impl<V> Unpin for Entry<V> {}

impl<V> Clone for Entry<V> {
    #[inline]
    fn clone(&self) -> Self {
        Entry {
            value: InHand::new(Shared::clone(&self.value)),
            ..*self
        }
    }
}

impl<V> Deref for Entry<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.value
    }
}

impl<V: fmt::Debug> fmt::Debug for Entry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("value", self.value())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "serde")]
impl<V: serde::Serialize> serde::Serialize for Entry<V> {
    /// As the value alone.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is moved and copied with every fetch and every update.
    #[test]
    #[cfg(not(feature = "test-util"))]
    fn an_entry_is_four_words() {
        assert_eq!(size_of::<Entry<String>>(), 32);
    }

    #[test]
    fn an_entry_of_no_store_is_of_now() {
        let before = clock::now();
        let entry = Entry::new(1);
        assert_eq!((entry.version(), entry.expires_at()), (0, None));
        assert_eq!(entry.create_time(), entry.last_change());
        // In whole milliseconds.
        let lag = before.saturating_duration_since(entry.last_change());
        assert!(lag < std::time::Duration::from_millis(1), "{lag:?}");
        assert!(entry.last_change() <= clock::now());
    }
}
