//! redb: a table of keys and values in one file, with one transaction for each change or for many.

use std::path::Path;

use livestore::Uuid;
use redb::{Database, Durability, TableDefinition};

/// Key to the fields of a value.
const VALUES: TableDefinition<'_, [u8; 16], (u32, u64)> = TableDefinition::new("values");

/// A database in a file of its own.
#[derive(Debug)]
pub struct Redb(Database);

/// When a transaction is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before it is over.
    Now,
    /// With a later one that is.
    Later,
}

impl Redb {
    /// Makes one in a folder, with an entry for each of the keys.
    pub fn filled(folder: &Path, keys: &[Uuid]) -> Redb {
        let redb = Redb(Database::create(folder.join("values.redb")).unwrap());
        redb.set(keys, 0, When::Now);
        redb
    }

    /// Sets all of these in one transaction.
    pub fn set(&self, keys: &[Uuid], count: u64, when: When) {
        let mut transaction = self.0.begin_write().unwrap();
        transaction
            .set_durability(match when {
                When::Now => Durability::Immediate,
                When::Later => Durability::None,
            })
            .unwrap();
        let mut table = transaction.open_table(VALUES).unwrap();
        for key in keys {
            table.insert(key.as_bytes(), (1, count)).unwrap();
        }
        drop(table);
        transaction.commit().unwrap();
    }
}

#[cfg(test)]
mod tests {
    use redb::ReadableDatabase;

    use super::*;

    #[test]
    fn what_is_set_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let keys = [1, 2].map(Uuid::from_u128);
        let redb = Redb::filled(folder.path(), &keys);
        redb.set(&keys[..1], 7, When::Later);
        let read = redb.0.begin_read().unwrap().open_table(VALUES).unwrap();
        let counts = keys.map(|key| read.get(key.as_bytes()).unwrap().unwrap().value().1);
        assert_eq!(counts, [7, 0]);
    }
}
