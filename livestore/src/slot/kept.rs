//! [`Kept`]: entries of a file that this program cannot read, byte for byte, to be written on.
//!
//! Such an entry is in no map; its key is vacant. Who creates an entry there takes its place. Lock order: a leaf.
//!
//! Without the feature `serde` there are no files: then it is an empty type.

#[cfg(feature = "serde")]
use std::collections::HashMap;

use uuid::Uuid;

#[cfg(feature = "serde")]
use crate::ground::sync::Mutex;
#[cfg(feature = "serde")]
use crate::ground::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "serde")]
#[derive(Default)]
pub(crate) struct Kept {
    records: Mutex<Records>,
    /// Whether there ever was one; set before anybody has the store.
    any: AtomicBool,
}

#[cfg(feature = "serde")]
#[derive(Default)]
struct Records {
    /// With the numbers in which they came: what is owed is passed in that order.
    by_key: HashMap<Uuid, (u64, Box<[u8]>)>,
    /// How many there ever were.
    count: u64,
}

#[cfg(feature = "serde")]
impl Kept {
    pub(crate) fn keep(&self, key: Uuid, record: &[u8]) {
        self.any.store(true, Ordering::Release);
        let mut records = self.records.lock();
        records.count += 1;
        let place = records.count;
        records.by_key.insert(key, (place, record.into()));
    }

    /// Lets go of what the key had, because it gets an entry.
    #[inline]
    pub(crate) fn forget(&self, key: &Uuid) {
        if self.any.load(Ordering::Acquire) {
            self.records.lock().by_key.remove(key);
        }
    }

    /// What is kept now, in the order in which it came.
    pub(crate) fn all(&self) -> Vec<(Uuid, Box<[u8]>)> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let records = self.records.lock();
        let kept = records.by_key.iter();
        let mut all: Vec<_> = kept
            .map(|(key, (place, record))| (*place, *key, record.clone()))
            .collect();
        drop(records);
        all.sort_unstable_by_key(|(place, ..)| *place);
        all.into_iter().map(|(_, key, record)| (key, record)).collect()
    }
}

#[cfg(not(feature = "serde"))]
#[derive(Default)]
pub(crate) struct Kept {}

#[cfg(not(feature = "serde"))]
impl Kept {
    #[inline]
    pub(crate) fn forget(&self, _: &Uuid) {}
}
