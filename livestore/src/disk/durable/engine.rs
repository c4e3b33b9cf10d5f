//! [`Engine`]: what the writer needs of whatever keeps the bytes.

use uuid::Uuid;

use crate::value::durability::Reason;

/// Takes batches one after another. Used by one thread.
pub(crate) trait Engine: Send {
    /// Stages a record, in place of the one that the key has.
    fn put(&mut self, key: &Uuid, record: Vec<u8>);

    /// Stages that the key has none.
    fn remove(&mut self, key: &Uuid);

    /// Writes what was staged and the floor: as a whole or not at all, and after every batch before it. When this has
    /// returned, it is on disk. After an error it is not called again.
    fn commit(&mut self, floor: u64) -> Result<(), Reason>;
}
