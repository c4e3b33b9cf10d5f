//! [`Deadlines`]: when which entry may be due, in order.
//!
//! One item per living entry, as a rule. A change does not touch its item; when the item's time has come, the check asks the
//! slot for its real deadline and puts the item back. So a check with nothing due looks at one item, and a change
//! costs nothing here.
//!
//! An entry that is given a deadline of its own gets another item, which carries a flag; the entry keeps the flag too,
//! and clears it when it arms an earlier item. An item whose flag is cleared is stale.
//!
//! An item of an entry that was removed is stale as well. It holds no value, only the slot's memory, and goes at its time,
//! or when the stale outnumber the rest and the queue is rebuilt.
//!
//! Lock order: a leaf.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Weak};

use crate::ground::clock::Stamp;
use crate::ground::sync::atomic::Ordering::Relaxed;
use crate::ground::sync::{Flag, Mutex};
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
    /// Set while it is the one that its entry counts on; written under the slot's lock. `None` for the item that every
    /// entry begins with.
    pub(crate) flag: Option<Flag>,
}

impl<V: LiveValue> Item<V> {
    fn is_stale(&self) -> bool {
        self.slot.strong_count() == 0 || self.flag.as_ref().is_some_and(|flag| !flag.load(Relaxed))
    }
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
    pub(crate) fn arm(&self, at: Stamp, slot: &Arc<Slot<V>>, flag: Option<Flag>) {
        if at < Stamp::NEVER {
            self.queue.lock().items.push(Item {
                at,
                slot: Arc::downgrade(slot),
                flag,
            });
        }
    }

    /// Notes that an item is stale: its entry is gone, or counts on another.
    pub(crate) fn note_stale(&self) {
        let mut queue = self.queue.lock();
        queue.stale += 1;
        if queue.stale > REBUILD_ABOVE && queue.stale > queue.items.len() / 2 {
            // Frees slots at most: a value went when its slot's last strong reference did.
            queue.items.retain(|item| !item.is_stale());
            queue.stale = 0;
        }
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

    /// Puts items back. `dropped` others will not come back.
    pub(crate) fn put_back(&self, items: Vec<Item<V>>, dropped: usize) {
        let mut queue = self.queue.lock();
        queue.items.extend(items);
        queue.stale = queue.stale.saturating_sub(dropped);
    }

    /// Drops what is stale, and gives back the places that are not used.
    pub(crate) fn shrink(&self) {
        let mut queue = self.queue.lock();
        queue.items.retain(|item| !item.is_stale());
        queue.items.shrink_to_fit();
        queue.stale = 0;
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.lock().items.len()
    }

    #[cfg(all(test, not(livestore_check)))]
    pub(crate) fn capacity(&self) -> usize {
        self.queue.lock().items.capacity()
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
