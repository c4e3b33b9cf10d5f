//! Calls about several entries at once.

use std::sync::Arc;

use tokio::task::coop;
use uuid::Uuid;

use crate::ground::unwind::drop_before;
use crate::store::guard::EntryGuard;
use crate::store::guards::Guards;
use crate::store::plans::NotCommitted;
use crate::store::store::LiveStore;
use crate::store::transact::Tx;
use crate::value::error::{MissingKey, TransactError};
use crate::value::value::LiveValue;

impl<V: LiveValue> LiveStore<V> {
    /// Waits until all these entries are held: all or none. The guards come in key order; a key that is named twice
    /// has one guard; no keys, no guards.
    ///
    /// Entries are acquired in key order, so callers who hold no other guard do not deadlock, in whatever order they
    /// name the keys.
    ///
    /// # Errors
    ///
    /// [`MissingKey`] with the first key, in key order, that has no entry. Nothing is held then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped while it waits, it releases those that it has.
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue};
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Account { cents: u64 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = LiveStore::default();
    /// let (from, to) = (store.init(Account { cents: 500 }), store.init(Account { cents: 0 }));
    ///
    /// let accounts = store.acquire_many(&[from, to]).await.unwrap();
    /// let total: u64 = accounts.iter().map(|account| account.cents).sum();
    /// assert_eq!(total, 500);
    /// # }
    /// ```
    pub async fn acquire_many(&self, keys: &[Uuid]) -> Result<Guards<V>, MissingKey> {
        let keys = in_order(keys).await;
        let mut guards = Guards::with_capacity(keys.len());
        for key in keys {
            let hold = self.at(&key).hold().await.ok_or(MissingKey(key))?;
            guards.push(EntryGuard::new(Arc::clone(&self.table), hold));
        }
        Ok(guards)
    }

    /// Changes several entries as one: everything that `stage` stages is committed, with nothing between, or nothing.
    ///
    /// Waits until the entries of `keys` are held, as [`acquire_many`](Self::acquire_many) does; a key without an entry
    /// is no error, but `None` in the transaction. Then `stage` runs, with nothing locked, on copies: each mutation is
    /// accepted or refused at once. If it returns `Ok`, all is committed: other writers see all of it or nothing. A
    /// reader who fetches one entry before the commit and another after it sees the one old and the other new. Several
    /// staged changes of one entry are as many updates with consecutive versions. If `stage` returns `Err` or panics,
    /// nothing has happened.
    ///
    /// Do not wait in `stage` for one of the entries named: they are held.
    ///
    /// # Errors
    ///
    /// [`TransactError::Aborted`] with the error of `stage`; [`TransactError::Occupied`] if it created an entry under a
    /// key where somebody else has done so meanwhile; [`TransactError::Closed`] if it changed anything and the store was closed
    /// before it was committed. Nothing has happened then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped while it waits, it has changed nothing and holds nothing. It does not wait once `stage` has
    /// been called.
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue, TransactError};
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Account {
    ///     #[live(increment, decrement)]
    ///     cents: u64,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = LiveStore::default();
    /// let (from, to) = (store.init(Account { cents: 500 }), store.init(Account { cents: 0 }));
    ///
    /// let transfer = async |cents| {
    ///     store
    ///         .transact(&[from, to], |tx| {
    ///             tx.mutate(&from, AccountMutation::DecrementCents(cents))?;
    ///             tx.mutate(&to, AccountMutation::IncrementCents(cents))
    ///         })
    ///         .await
    /// };
    /// transfer(200).await.ok();
    /// assert!(matches!(transfer(400).await, Err(TransactError::Aborted(_))));
    ///
    /// assert_eq!(store.fetch(&from).unwrap().cents, 300);
    /// assert_eq!(store.fetch(&to).unwrap().cents, 200);
    /// # }
    /// ```
    ///
    /// A transaction may fail for reasons of its own. Its error is whatever the closure returns, and with a `From` for what
    /// the staged calls fail with, `?` works:
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue, MutateError, TransactError};
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Account {
    ///     #[live(increment, decrement)]
    ///     cents: u64,
    ///     frozen: bool,
    /// }
    ///
    /// #[derive(Debug)]
    /// enum TransferError {
    ///     Frozen,
    ///     Account(MutateError<AccountError>),
    /// }
    ///
    /// impl From<MutateError<AccountError>> for TransferError {
    ///     fn from(error: MutateError<AccountError>) -> Self {
    ///         TransferError::Account(error)
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = LiveStore::default();
    /// let from = store.init(Account { cents: 500, frozen: false });
    /// let to = store.init(Account { cents: 0, frozen: true });
    ///
    /// let transferred = store
    ///     .transact(&[from, to], |tx| {
    ///         tx.mutate(&from, AccountMutation::DecrementCents(200))?;
    ///         if tx.mutate(&to, AccountMutation::IncrementCents(200))?.frozen {
    ///             return Err(TransferError::Frozen);
    ///         }
    ///         Ok(())
    ///     })
    ///     .await;
    /// assert!(matches!(transferred, Err(TransactError::Aborted(TransferError::Frozen))));
    /// assert_eq!(store.fetch(&from).unwrap().cents, 500);
    /// # }
    /// ```
    pub async fn transact<T, E>(
        &self,
        keys: &[Uuid],
        stage: impl FnOnce(&mut Tx<V>) -> Result<T, E>,
    ) -> Result<T, TransactError<E>> {
        let keys = in_order(keys).await;
        #[cfg(feature = "durable")]
        if keys.is_empty() {
            // As who waits for an entry does.
            self.table.shared().room().await;
        }
        let mut tx = loop {
            let mut tx = Tx::new(Arc::clone(&self.table));
            for key in &keys {
                tx.take_up(*key, self.at(key).hold().await);
            }
            // A key that had no entry may have got one in the very commit that a later key was waited for.
            if tx.missing().all(|key| !self.contains_key(key)) {
                break tx;
            }
        };
        let result = match stage(&mut tx) {
            Ok(result) => result,
            Err(reason) => return drop_before(tx, Err(TransactError::Aborted(reason))),
        };
        tx.commit().map_err(|why| match why {
            NotCommitted::Occupied(key) => TransactError::Occupied(key),
            NotCommitted::Closed => TransactError::Closed,
        })?;
        Ok(result)
    }
}

/// In key order, each once. Takes a unit of the task's budget where there is no key for which one will be.
async fn in_order(keys: &[Uuid]) -> Vec<Uuid> {
    if keys.is_empty() {
        coop::consume_budget().await;
    }
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    keys
}
