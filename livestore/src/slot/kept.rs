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
    records: Mutex<HashMap<Uuid, Box<[u8]>>>,
    /// Whether there ever was one; set before anybody has the store.
    any: AtomicBool,
}

#[cfg(feature = "serde")]
impl Kept {
    pub(crate) fn keep(&self, key: Uuid, record: &[u8]) {
        self.any.store(true, Ordering::Release);
        self.records.lock().insert(key, record.into());
    }

    /// Lets go of what the key had, because it gets an entry.
    #[inline]
    pub(crate) fn forget(&self, key: &Uuid) {
        if self.any.load(Ordering::Acquire) {
            self.records.lock().remove(key);
        }
    }

    /// What is kept now.
    pub(crate) fn all(&self) -> Vec<(Uuid, Box<[u8]>)> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let records = self.records.lock();
        records
            .iter()
            .map(|(key, record)| (*key, record.clone()))
            .collect()
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
