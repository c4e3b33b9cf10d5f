//! The end of a store while there still are handles.

use crate::ground::unwind::Panics;
use crate::store::store::LiveStore;
use crate::value::error::CloseError;
use crate::value::value::LiveValue;

impl<V: LiveValue> LiveStore<V> {
    /// Ends the store for everybody, whoever still has a handle: for a server that shuts down while its tasks, each with a
    /// handle of its own, wait for updates.
    ///
    /// In the order in which it happens: watches of every kind receive what was still under way and then `None` alone, for
    /// nothing was removed. Calls that wait for an entry find it missing, and so do those that have its turn and are not
    /// committed yet, as a mutation whose own code is running: nobody would be told. From then on the store is as if it had no entries,
    /// for every handle: what names a key fails as missing, and what creates an entry makes one that has ended already, which
    /// nobody can find (`create` and `insert` return as if nothing had been there; a transaction that was to change anything is
    /// refused with [`TransactError::Closed`](crate::TransactError::Closed), and `save` with an error). Checks for expiry end; batches that are under way
    /// to the callback are still delivered. A store that is kept on disk then writes everything that was committed before and
    /// releases its folder, which may be opened again when this returns.
    ///
    /// What a [`MutateOnDrop`](crate::MutateOnDrop) was to commit after this comes to nothing; where it matters, end the tasks
    /// that have them before.
    ///
    /// A guard that is held meanwhile goes on, with an entry that is its alone: what it changes, nobody is told, and it is not
    /// certain to be on disk.
    ///
    /// Takes time in proportion to the number of entries, with nothing locked between them. To close a store again does nothing,
    /// and returns the same.
    ///
    /// # Errors
    ///
    /// [`CloseError`] if the disk failed or a value could not be serialised, now or before: then what was committed last is
    /// not on disk. The store is closed none the less. A store in memory never fails.
    ///
    /// # Cancel safety
    ///
    /// From its first poll on the store is closed, and what was committed is being written; dropped, it only does not tell how
    /// that went.
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue};
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Score { points: u32 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = LiveStore::default();
    /// let (key, mut watch) = store.init_and_watch(Score { points: 0 });
    ///
    /// // One of the server's tasks; its handle keeps the store open.
    /// let handle = store.clone();
    /// let socket = tokio::spawn(async move {
    ///     while let Some(_update) = watch.next().await {}
    ///     handle.fetch(&key)
    /// });
    ///
    /// store.close().await.unwrap();
    /// assert!(socket.await.unwrap().is_none());
    /// # }
    /// ```
    pub async fn close(&self) -> Result<(), CloseError> {
        // A panic of the user's goes on when the disk is done.
        let mut panics = Panics::default();
        panics.run(|| self.table.end_all());
        let ended = self.table.shared().outlet.end().await;
        panics.run(|| self.table.clear());
        drop(panics);
        ended
    }

    /// Returns whether the store was [closed](Self::close).
    pub fn is_closed(&self) -> bool {
        self.table.is_closed()
    }
}
