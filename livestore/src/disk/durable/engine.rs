//! [`Engine`]: what the writer needs of whatever keeps the bytes.

use std::io;

use uuid::Uuid;

use crate::ground::clock::Clocks;
use crate::slot::sink::Sizes;

/// Why everything was not written anew.
#[derive(Debug)]
pub(crate) enum AnewError {
    /// Nothing of that counts. Once it was [dropped](Engine::drop_anew), what was before goes on.
    Dropped(io::Error),
    /// It is not known what counts.
    Final(io::Error),
}

impl From<io::Error> for AnewError {
    fn from(error: io::Error) -> Self {
        AnewError::Dropped(error)
    }
}

/// Takes batches one after another. Used by one thread. After an error it is not called again, but for
/// [`AnewError::Dropped`].
pub(crate) trait Engine: Send {
    /// Says when what follows is written.
    fn begin(&mut self, clocks: Clocks);

    /// Stages a record, in place of the one that the key has.
    fn put(&mut self, key: &Uuid, record: &[u8]) -> io::Result<()>;

    /// Stages that the key has none.
    fn remove(&mut self, key: &Uuid) -> io::Result<()>;

    /// Writes what was staged and the floor: as a whole or not at all, and after every batch before it. When this has
    /// returned, it is on disk.
    fn commit(&mut self, floor: u64) -> io::Result<()>;

    /// How large what counts of it is.
    fn sizes(&self) -> Sizes {
        Sizes::default()
    }

    /// Whether it should be written anew, of which this many bytes are needed, and no [rewriting](Self::begin_anew) is under
    /// way. After one that was dropped it grows on before that.
    fn is_outgrown(&self, needed: u64) -> bool {
        let _ = needed;
        false
    }

    /// Whether most of it is not needed, of which this many bytes are.
    fn is_wasteful(&self, needed: u64) -> bool {
        let _ = needed;
        false
    }

    /// Begins to write everything anew, beside what is there. What is committed from now on counts on top of it.
    fn begin_anew(&mut self, clocks: Clocks) -> Result<(), AnewError> {
        let _ = clocks;
        Ok(())
    }

    /// Whether what was begun is still being written: where the disk is full, a commit takes its room.
    fn is_anew(&self) -> bool {
        false
    }

    /// Adds to what is written anew.
    fn put_anew(&mut self, key: &Uuid, record: &[u8]) -> Result<(), AnewError> {
        let _ = (key, record);
        Ok(())
    }

    /// Has what was added so far written, so that little is left for the end.
    fn sync_anew(&mut self) -> Result<(), AnewError> {
        Ok(())
    }

    /// Puts what was written anew in the place of what was before. Everything that may be in it has been committed.
    fn end_anew(&mut self, floor: u64) -> Result<(), AnewError> {
        let _ = floor;
        Ok(())
    }

    /// Lets go of what was written anew. What was before counts as ever.
    fn drop_anew(&mut self) {}

    /// Gives back what room it can after an error: what was being written does not count, and the disk may be full. Nothing
    /// comes after that.
    fn give_up(&mut self) {}

    /// Says that nothing more will come.
    fn close(&mut self, clocks: Clocks) -> io::Result<()> {
        let _ = clocks;
        Ok(())
    }
}
