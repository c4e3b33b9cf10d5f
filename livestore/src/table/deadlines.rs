//! [`Deadlines`]: which entry is to be looked at next.
//!
//! Every entry that can expire counts on one item here, and changes do not touch it: when it comes up, the check asks the
//! slot for its real deadline under the slot's lock, and queues it again if that has moved away. An item that nobody counts
//! on, because its entry has ended or has armed another, is stale. It goes when it comes up at its time, or when the stale
//! outnumber the rest and the queue is rebuilt; so there are never many more items than entries.
//!
//! Lock order: a leaf. A rebuild looks into slots with the queue locked, and so only tries them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Weak};

use crate::ground::clock::Stamp;
use crate::ground::sync::Mutex;
use crate::ground::unwind::let_go;
use crate::slot::due::Arming;
use crate::slot::slot::Slot;
use crate::value::value::LiveValue;

/// Fewer stale items than this are not worth a rebuild.
const REBUILD_ABOVE: usize = 64;

pub(crate) struct Deadlines<V: LiveValue> {
    queue: Mutex<Queue<V>>,
}

struct Queue<V: LiveValue> {
    items: BinaryHeap<Item<V>>,
    /// How many items are stale, as far as was told.
    stale: usize,
}

pub(crate) struct Item<V: LiveValue> {
    /// Not after the real deadline.
    pub(crate) at: Stamp,
    pub(crate) slot: Weak<Slot<V>>,
    /// Which of its entry's items it is.
    pub(crate) arming: Arming,
}

impl<V: LiveValue> Deadlines<V> {
    pub(crate) fn new() -> Deadlines<V> {
        Deadlines {
            queue: Mutex::new(Queue {
                items: BinaryHeap::new(),
                stale: 0,
            }),
        }
    }

    /// Has the slot looked at when `at` has come. A time that never comes takes no item.
    pub(crate) fn arm(&self, at: Stamp, slot: &Arc<Slot<V>>, arming: Arming) {
        if at < Stamp::NEVER {
            self.queue.lock().items.push(Item {
                at,
                slot: Arc::downgrade(slot),
                arming,
            });
        }
    }

    /// Notes that nobody counts on this many items any more. Called with nothing locked.
    pub(crate) fn note_stale(&self, stale: usize) {
        if stale == 0 {
            return;
        }
        let mut queue = self.queue.lock();
        queue.stale += stale;
        let looked_at = queue.rebuild_if_stale();
        drop(queue);
        looked_at.into_iter().for_each(let_go);
    }

    /// Takes up to `limit` items whose time has come.
    pub(crate) fn take_due(&self, now: Stamp, limit: usize) -> Vec<Item<V>> {
        let mut queue = self.queue.lock();
        let mut due = Vec::new();
        while due.len() < limit
            && let Some(item) = queue.items.peek()
            && item.at <= now
        {
            due.extend(queue.items.pop());
        }
        due
    }

    /// Puts items back. `stale` others will not come back.
    pub(crate) fn put_back(&self, items: Vec<Item<V>>, stale: usize) {
        let mut queue = self.queue.lock();
        queue.items.extend(items);
        queue.stale = queue.stale.saturating_sub(stale);
        // Of those that came up, most may have gone, so the stale may be the majority by now.
        let looked_at = queue.rebuild_if_stale();
        drop(queue);
        looked_at.into_iter().for_each(let_go);
    }

    /// Drops what is stale, and gives back the places that are not used.
    pub(crate) fn shrink(&self) {
        let mut queue = self.queue.lock();
        let looked_at = queue.rebuild();
        queue.items.shrink_to_fit();
        drop(queue);
        looked_at.into_iter().for_each(let_go);
    }

    /// Lets go of all items.
    pub(crate) fn clear(&self) {
        let mut queue = self.queue.lock();
        queue.items = BinaryHeap::new();
        queue.stale = 0;
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.lock().items.len()
    }

    /// When the first item comes up.
    pub(crate) fn next(&self) -> Option<Stamp> {
        self.queue.lock().items.peek().map(|item| item.at)
    }

    #[cfg(all(test, not(livestore_check)))]
    pub(crate) fn capacity(&self) -> usize {
        self.queue.lock().items.capacity()
    }
}

impl<V: LiveValue> Queue<V> {
    /// [Rebuilds](Self::rebuild) if the stale items are many, and the majority.
    fn rebuild_if_stale(&mut self) -> Vec<Arc<Slot<V>>> {
        if self.stale > REBUILD_ABOVE && self.stale > self.items.len() / 2 {
            self.rebuild()
        } else {
            Vec::new()
        }
    }

    /// Lets go of the stale items. Returns the slots that it looked into, each of which may have lost its other references
    /// meanwhile, to be dropped with nothing locked.
    fn rebuild(&mut self) -> Vec<Arc<Slot<V>>> {
        let mut looked_at = Vec::new();
        self.stale = 0;
        self.items.retain(|item| {
            let Some(slot) = item.slot.upgrade() else {
                return false;
            };
            // A busy one is not waited for here: its lock comes before the queue's.
            let counts = slot.try_lock().is_none_or(|state| state.counts_on(item.arming));
            looked_at.push(slot);
            counts
        });
        self.items.shrink_to(2 * self.items.len());
        looked_at
    }
}

// The heap gives its greatest item first, so the earliest is the greatest.
impl<V: LiveValue> Ord for Item<V> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl<V: LiveValue> PartialOrd for Item<V> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<V: LiveValue> PartialEq for Item<V> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<V: LiveValue> Eq for Item<V> {}
