//! [`Records`]: what is to be on disk, one record for each key, in the order in which the keys came.
//!
//! The records stand in a list, which is written from one end to the other; a map that fits into the processor's cache says
//! where.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::ground::clock::Moment;
use crate::slot::record::error::RecordError;
use crate::slot::record::{Owing, Record};

/// Room for so many is kept for the next batch; more goes back to the allocator.
const KEEP_CAPACITY: usize = 1 << 16;

pub(crate) struct Records<V> {
    /// Where in the list a key is.
    places: HashMap<Uuid, usize, RandomState>,
    list: Vec<(Uuid, Pending<V>)>,
}

/// What is to be on disk of a key.
pub(crate) enum ForDisk<V> {
    Record(Record<V>),
    /// Nothing: the entry has ended, or what was owed was delivered.
    End,
    /// The key is the id of what is owed.
    Owed(Arc<Owing<V>>),
}

enum Pending<V> {
    ForDisk(ForDisk<V>),
    /// Nobody knows: the record was taken out. What is on disk stays.
    Out,
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

    /// Takes the record out that is at a place, if it is one of these. Until one is [put back](Self::put_back), there is
    /// nothing of its key.
    pub(crate) fn take_out_if(
        &mut self,
        place: usize,
        is_it: impl FnOnce(&Record<V>) -> bool,
    ) -> Option<Record<V>> {
        let (_, pending) = self.list.get_mut(place)?;
        match pending {
            Pending::ForDisk(ForDisk::Record(record)) if is_it(record) => {
                match mem::replace(pending, Pending::Out) {
                    Pending::ForDisk(ForDisk::Record(record)) => Some(record),
                    // It was one.
                    _ => None,
                }
            }
            _ => None,
        }
    }

    pub(crate) fn put_back(&mut self, place: usize, record: Record<V>) {
        if let Some((_, pending)) = self.list.get_mut(place) {
            *pending = Pending::ForDisk(ForDisk::Record(record));
        }
    }

    /// Puts in what is to be on disk of a key. Returns what that displaces; `None` if there was nothing of the key.
    pub(crate) fn insert(&mut self, key: &Uuid, it: ForDisk<V>) -> Option<Option<ForDisk<V>>> {
        let pending = Pending::ForDisk(it);
        match self.places.entry(*key) {
            Entry::Vacant(place) => {
                place.insert(self.list.len());
                self.list.push((*key, pending));
                None
            }
            Entry::Occupied(place) => match self.list.get_mut(*place.get()) {
                Some((_, present)) => Some(mem::replace(present, pending).for_disk()),
                // Every place is in the list.
                None => Some(pending.for_disk()),
            },
        }
    }

    /// Takes all of them out.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (Uuid, ForDisk<V>)> {
        self.places.clear();
        let all = self.list.drain(..);
        all.filter_map(|(key, pending)| Some((key, pending.for_disk()?)))
    }

    /// What is left when all were [taken](Self::take): room for the next.
    pub(crate) fn reuse(self) -> Records<V> {
        match self.list.is_empty() && self.list.capacity() <= KEEP_CAPACITY {
            true => self,
            false => Records::default(),
        }
    }
}

impl<V: Serialize + DeserializeOwned> ForDisk<V> {
    /// Appends the bytes that are to be on disk, as [`Record::encode`]; none if that is nothing.
    pub(crate) fn encode(&self, times: &Moment, out: &mut Vec<u8>) -> Result<(), RecordError> {
        match self {
            ForDisk::Record(record) => record.encode(times, out),
            ForDisk::Owed(owing) => owing.encode(times, out),
            ForDisk::End => Ok(()),
        }
    }
}

impl<V> Pending<V> {
    fn for_disk(self) -> Option<ForDisk<V>> {
        match self {
            Pending::ForDisk(it) => Some(it),
            Pending::Out => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_what_is_pending_is_no_larger_than_one_of_records() {
        assert_eq!(size_of::<Pending<u8>>(), size_of::<Record<u8>>());
    }
}
