//! [`Entry`]: what one key held at one commit.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::ground::clock;

/// The value and metadata that one key held at one commit.
///
/// An entry is a snapshot: it holds no lock, costs a reference count to clone, and does not change when the
/// store does. It dereferences to the value.
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
/// assert_eq!(entry.version, 1);
/// ```
#[non_exhaustive]
pub struct Entry<V> {
    /// The value.
    pub value: Arc<V>,
    /// How many commits led here: a new entry has version 1, or continues above every version that the store
    /// has ended; each commit adds 1.
    pub version: u64,
    /// When the value was last changed, in whole milliseconds, and on Linux by the kernel's coarse clock. It never leads;
    /// it lags by a tick or two of 1 to 10 ms, and by more where the processor that counts the ticks is kept from running.
    /// A removal does not move it.
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub last_change: Instant,
    /// When the entry was created, by the same clock.
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub create_time: Instant,
    /// When it expires as things stand. `None` if never.
    pub(crate) expires: Option<Instant>,
}

impl<V> Entry<V> {
    /// Wraps a value that is in no store: version 0, created and changed now.
    ///
    /// Useful to call [`LiveValue::mutate`](crate::LiveValue::mutate) by hand, in a test for example.
    pub fn new(value: V) -> Entry<V> {
        Entry::from_shared(Arc::new(value))
    }

    /// An entry that was created and last changed at these times.
    ///
    /// Always in its place: a fetch takes a seventh less than with a call and a move.
    #[inline(always)]
    pub(crate) fn stored(
        value: Arc<V>,
        version: u64,
        create_time: Instant,
        last_change: Instant,
        expires: Option<Instant>,
    ) -> Entry<V> {
        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        let _ = (create_time, last_change);
        Entry {
            value,
            version,
            #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
            last_change,
            #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
            create_time,
            expires,
        }
    }

    /// The same entry of what can be made of the value.
    pub(crate) fn map<W>(&self, make: impl FnOnce(&V) -> W) -> Entry<W> {
        Entry {
            value: Arc::new(make(&self.value)),
            version: self.version,
            #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
            last_change: self.last_change,
            #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
            create_time: self.create_time,
            expires: self.expires,
        }
    }

    /// Returns when the entry expires as things stood when it was read. `None` if never, or if that is further away
    /// than the clock can count.
    ///
    /// The entry goes at the first check at or after this time; a change, a use, or a new deadline may move it.
    pub fn expires_at(&self) -> Option<Instant> {
        self.expires
    }
}

/// What needs a clock.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
impl<V> Entry<V> {
    /// An entry that is staged and in no store yet.
    pub(crate) fn from_shared(value: Arc<V>) -> Entry<V> {
        let now = clock::now();
        Entry::stored(value, 0, now, now, None)
    }

    /// Returns when the value was last changed, by the wall clock.
    ///
    /// Computed from the present difference of the two clocks, so it moves when the wall clock is set.
    pub fn changed_at(&self) -> SystemTime {
        clock::wall_clock(self.last_change)
    }
}

/// Where there is no clock, an entry has no times.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
impl<V> Entry<V> {
    pub(crate) fn from_shared(value: Arc<V>) -> Entry<V> {
        Entry {
            value,
            version: 0,
            expires: None,
        }
    }
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        Entry {
            value: Arc::clone(&self.value),
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
            .field("value", &self.value)
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
