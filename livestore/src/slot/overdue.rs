//! [`Overdue`]: entries that expired at the end of a hold and not by a check, for the check to see to the rest.
//!
//! Lock order: a leaf, taken under the slot's lock or alone.

use std::mem;

use tokio::sync::Notify;
use uuid::Uuid;

use crate::ground::sync::Mutex;
use crate::value::entry::Entry;

pub(crate) struct Overdue<V> {
    entries: Mutex<Vec<(Uuid, Entry<V>)>>,
    /// Wakes the task of the checks. That is a task of ours, so no user code runs by it.
    pub(crate) told: Notify,
}

impl<V> Overdue<V> {
    pub(crate) fn new() -> Overdue<V> {
        Overdue {
            entries: Mutex::new(Vec::new()),
            told: Notify::new(),
        }
    }

    /// Notes an entry that has expired. The caller has its slot locked.
    pub(crate) fn push(&self, key: Uuid, entry: Entry<V>) {
        self.entries.lock().push((key, entry));
        self.told.notify_one();
    }

    pub(crate) fn take(&self) -> Vec<(Uuid, Entry<V>)> {
        mem::take(&mut *self.entries.lock())
    }
}
