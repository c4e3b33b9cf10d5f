//! [`Records`]: what is to be on disk, one record for each key, in the order in which the keys came.
//!
//! The records stand in a list, which is written from one end to the other; a map that fits into the processor's cache says
//! where.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem;

use foldhash::fast::RandomState;
use uuid::Uuid;

use crate::slot::record::Record;

/// Room for so many is kept for the next batch; more goes back to the allocator.
const KEEP_CAPACITY: usize = 1 << 16;

pub(crate) struct Records<V> {
    /// Where in the list a key is.
    places: HashMap<Uuid, usize, RandomState>,
    /// `None` if the entry has ended.
    list: Vec<(Uuid, Option<Record<V>>)>,
}

impl<V> Records<V> {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Where the record of a key is, until they are [taken](Self::take).
    pub(crate) fn find(&self, key: &Uuid) -> Option<usize> {
        self.places.get(key).copied()
    }

    pub(crate) fn at(&mut self, place: usize) -> Option<&mut Option<Record<V>>> {
        self.list.get_mut(place).map(|(_, record)| record)
    }

    /// Puts a record in. Returns the one that it displaces; `None` if the key had none.
    pub(crate) fn insert(&mut self, key: &Uuid, record: Option<Record<V>>) -> Option<Option<Record<V>>> {
        match self.places.entry(*key) {
            Entry::Vacant(place) => {
                place.insert(self.list.len());
                self.list.push((*key, record));
                None
            }
            Entry::Occupied(place) => match self.list.get_mut(*place.get()) {
                Some((_, present)) => Some(mem::replace(present, record)),
                // Every place is in the list.
                None => Some(record),
            },
        }
    }

    /// Takes all of them out.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (Uuid, Option<Record<V>>)> {
        self.places.clear();
        self.list.drain(..)
    }

    /// What is left when all were [taken](Self::take): room for the next.
    pub(crate) fn reuse(self) -> Records<V> {
        match self.list.is_empty() && self.list.capacity() <= KEEP_CAPACITY {
            true => self,
            false => Records::default(),
        }
    }
}

impl<V> Default for Records<V> {
    fn default() -> Self {
        Records {
            places: HashMap::default(),
            list: Vec::new(),
        }
    }
}
