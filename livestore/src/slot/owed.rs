//! [`Owed`]: entries that have expired and that the callback was not given yet, in a store that is kept on disk.
//!
//! Each is on disk under an id of its own, from the batch on that has the end of its entry; its key may have another entry
//! meanwhile. When it was delivered, it goes from there. So if the process does not live to deliver it, whoever opens the
//! folder next does.
//!
//! Lock order: a leaf, taken under the sink's lock or alone. Nothing of the user's runs under it.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use uuid::Uuid;

use crate::ground::sync::Mutex;
use crate::slot::record::Owing;

/// Room for so many is kept when all were delivered: most often there are a few, which come and go.
const KEEP_CAPACITY: usize = 1 << 10;

pub(crate) struct Owed<V> {
    /// Whether there is a callback. Without one nothing new is owed, and what was stays so.
    has_callback: bool,
    entries: Mutex<Entries<V>>,
}

struct Entries<V> {
    /// By the key and the last version of the entry.
    by_end: HashMap<(Uuid, u64), One<V>, RandomState>,
    /// How many there ever were.
    added: u64,
}

struct One<V> {
    /// Counts up, in the order in which the entries expired.
    place: u64,
    id: Uuid,
    owing: Arc<Owing<V>>,
}

impl<V> Owed<V> {
    pub(crate) fn new(has_callback: bool) -> Owed<V> {
        Owed {
            has_callback,
            entries: Mutex::new(Entries {
                by_end: HashMap::default(),
                added: 0,
            }),
        }
    }

    pub(crate) fn has_callback(&self) -> bool {
        self.has_callback
    }

    /// Adds one, in the order in which they enter the sink, or were read.
    pub(crate) fn add(&self, id: Uuid, owing: &Arc<Owing<V>>) {
        let ended = (owing.key, owing.record.version);
        let mut entries = self.entries.lock();
        entries.added += 1;
        let one = One {
            place: entries.added,
            id,
            owing: Arc::clone(owing),
        };
        entries.by_end.insert(ended, one);
    }

    /// Takes one out, to be dropped with nothing locked.
    pub(crate) fn take(&self, key: Uuid, version: u64) -> Option<(Uuid, Arc<Owing<V>>)> {
        let mut entries = self.entries.lock();
        let one = entries.by_end.remove(&(key, version))?;
        if entries.by_end.is_empty() && entries.by_end.capacity() > KEEP_CAPACITY {
            entries.by_end = HashMap::default();
        }
        Some((one.id, one.owing))
    }

    /// All of them, with their ids, in the order in which they expired.
    pub(crate) fn all(&self) -> Vec<(Uuid, Arc<Owing<V>>)> {
        let entries = self.entries.lock();
        let mut all: Vec<_> = entries
            .by_end
            .values()
            .map(|one| (one.place, one.id, Arc::clone(&one.owing)))
            .collect();
        drop(entries);
        all.sort_unstable_by_key(|(place, ..)| *place);
        all.into_iter().map(|(_, id, owing)| (id, owing)).collect()
    }

    /// Gives back the room of those that were delivered.
    pub(crate) fn shrink(&self) {
        self.entries.lock().by_end.shrink_to_fit();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod tests {
    use super::*;
    use crate::ground::clock::Stamp;
    use crate::slot::record::Record;
    use crate::slot::sink::{Limits, Sink};
    use crate::table::table::Table;
    use crate::value::options::StoreOptions;
    use crate::value::value::tests::Value;

    /// A table that owes so many.
    fn owing(count: u64) -> Table<Value> {
        let limits = Limits { records: 1, bytes: 1 };
        let table = Table::durable(&StoreOptions::default(), Sink::new(limits).with_callback());
        for n in 0..count {
            let record = Record {
                value: triomphe::Arc::new(Value),
                version: 1,
                created: Stamp(0),
                changed: Stamp(0),
                used: None,
                own: None,
            };
            let (key, id) = (Uuid::from_u128(n.into()), Uuid::from_u128((n + count).into()));
            table.shared().owe(id, Owing { key, record });
        }
        table
    }

    fn deliver(table: &Table<Value>, some: impl IntoIterator<Item = u64>) {
        for n in some {
            table.shared().owe_no_more(Uuid::from_u128(n.into()), 1);
        }
    }

    fn owed(table: &Table<Value>) -> &Owed<Value> {
        table.shared().sink().unwrap().owed()
    }

    fn capacity(table: &Table<Value>) -> usize {
        owed(table).entries.lock().by_end.capacity()
    }

    /// They came as the hash of their keys had it, and every other way the next time.
    #[test]
    fn what_is_owed_is_passed_in_the_order_in_which_it_expired() {
        let table = owing(1000);
        deliver(&table, (0..1000).filter(|n| n % 3 == 0));
        let left = owed(&table)
            .all()
            .into_iter()
            .map(|(_, owing)| owing.key.as_u128());
        assert!(left.eq((0..1000).filter(|n| n % 3 != 0)));
    }

    /// After a night on which a million sessions expired, it had the places of a million for as long as the process lived.
    #[test]
    fn the_places_of_what_was_delivered_are_given_back() {
        let table = owing(10_000);
        deliver(&table, 0..9_000);
        assert!(capacity(&table) > 9_000, "it would move them for nothing");
        table.shrink();
        assert!((1_000..5_000).contains(&capacity(&table)));
        deliver(&table, 9_000..10_000);
        assert_eq!(capacity(&table), 0);
        assert!(owed(&table).all().is_empty());
    }
}
