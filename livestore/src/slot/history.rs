//! [`History`]: the last updates of one entry, kept on request.
//!
//! Plain data under the slot's lock. Updates are shared with the ring, so keeping them costs a pointer each and the
//! values that they hold. Messages change nothing and are not kept.

use std::collections::VecDeque;

use crate::ground::unwind::drop_each;
use crate::value::entry::Entry;
use crate::value::update::Update;
use crate::value::value::LiveValue;

pub(crate) struct History<V: LiveValue> {
    /// Oldest first, contiguous in version; the last one led to the present.
    updates: VecDeque<triomphe::Arc<Update<V>>>,
}

impl<V: LiveValue> History<V> {
    pub(crate) fn new() -> History<V> {
        History {
            updates: VecDeque::new(),
        }
    }

    /// Keeps an update, and returns the one that it pushes out.
    pub(crate) fn push(
        &mut self,
        update: triomphe::Arc<Update<V>>,
        keep: usize,
    ) -> Option<triomphe::Arc<Update<V>>> {
        let forgotten = if self.updates.len() >= keep {
            self.updates.pop_front()
        } else {
            None
        };
        self.updates.push_back(update);
        forgotten
    }

    pub(crate) fn len(&self) -> usize {
        self.updates.len()
    }

    /// The entries that can be gone back to, oldest first, without the present one.
    pub(crate) fn past(&self) -> impl Iterator<Item = &Entry<V>> {
        self.updates.iter().filter_map(|update| update.before())
    }

    /// The updates that led from `version` to the present, if all are kept.
    pub(crate) fn since(&self, version: u64) -> Option<VecDeque<triomphe::Arc<Update<V>>>> {
        let first = self
            .updates
            .iter()
            .position(|update| update.before().is_some_and(|old| old.version() == version))?;
        Some(self.updates.iter().skip(first).cloned().collect())
    }
}

impl<V: LiveValue> Drop for History<V> {
    fn drop(&mut self) {
        drop_each(self.updates.drain(..));
    }
}
