//! SQLite in WAL mode: a table of keys and values in one file, with one transaction for each change or for many.

use std::path::Path;

use livestore::Uuid;
use rusqlite::Connection;

/// A connection to a database in a file of its own.
#[derive(Debug)]
pub struct Sqlite(Connection);

/// When a transaction is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before it is over: `synchronous=FULL`.
    Now,
    /// With the next checkpoint: `synchronous=NORMAL`.
    Later,
}

impl Sqlite {
    /// Makes one in a folder, with an entry for each of the keys.
    pub fn filled(folder: &Path, keys: &[Uuid], when: When) -> Sqlite {
        let connection = Connection::open(folder.join("values.sqlite")).unwrap();
        let synchronous = match when {
            When::Now => "FULL",
            When::Later => "NORMAL",
        };
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous};
                 CREATE TABLE list (key BLOB PRIMARY KEY, id INTEGER NOT NULL, count INTEGER NOT NULL) WITHOUT ROWID;"
            ))
            .unwrap();
        let mut sqlite = Sqlite(connection);
        sqlite.set(keys, 0);
        sqlite
    }

    /// Sets all of these in one transaction.
    pub fn set(&mut self, keys: &[Uuid], count: u64) {
        let transaction = self.0.transaction().unwrap();
        {
            let mut set = transaction
                .prepare_cached("INSERT OR REPLACE INTO list VALUES (?1, 1, ?2)")
                .unwrap();
            for key in keys {
                set.execute((&key.as_bytes()[..], count.cast_signed())).unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    /// Has everything on disk.
    pub fn checkpoint(&self) {
        self.0
            .query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(()))
            .unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let keys = [1, 2].map(Uuid::from_u128);
        let mut sqlite = Sqlite::filled(folder.path(), &keys, When::Later);
        sqlite.set(&keys[..1], 7);
        sqlite.checkpoint();
        let sum = sqlite
            .0
            .query_row("SELECT sum(count), count(*) FROM list", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            });
        assert_eq!(sum.unwrap(), (7, 2));
        let mode: String = sqlite
            .0
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
    }
}
