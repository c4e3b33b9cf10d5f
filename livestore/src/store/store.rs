//! [`LiveStore`]: the handle to a store.

use std::fmt;
use std::sync::{Arc, Weak};

use uuid::Uuid;

use crate::store::place::Place;
use crate::table::table::Table;
use crate::value::options::StoreOptions;
use crate::value::value::LiveValue;

/// A concurrent store of live values: a map from [`Uuid`](crate::Uuid) to `V` whose entries can be watched, locked
/// and mutated.
///
/// A `LiveStore` is a handle, cheap to clone, as the sender of a channel is; clones share one store. It can stand in
/// an axum `State`, in a task, or in a struct. When the last handle, of the store or of an [entry](crate::EntryHandle), the last [guard](crate::EntryGuard) and the last
/// [mutation on drop](crate::MutateOnDrop) are gone, the store ends: watches end with `None`.
///
/// [`LiveStore::default`] makes one with the default options. [`LiveStore::new`] gives a
/// [builder](crate::LiveStoreBuilder), for options and callbacks; its `done` makes the store.
///
/// Any UUID is a key: a random one from [`init`](Self::init), one made from a name with `Uuid::new_v5`, or your own.
///
/// # Which call waits for what
///
/// | calls | wait for a guard |
/// |---|---|
/// | `fetch`, `peek`, `handle`, `watch`, `broadcast`, `contains_key`, `len`, `keys`, `entries`, `history`, `touch`, `expire_after`, `save` | never |
/// | `init`, `create`, `fetch_or_create` and their siblings | never |
/// | `mutate`, `mutate_version`, `mutate_if`, `mutate_or_create`, `rollback`, `insert`, `assign`, `remove`, `acquire` and their siblings | yes, first come, first served |
/// | the drop of a [`MutateOnDrop`](crate::MutateOnDrop) | never; the mutation takes its place in the queue |
/// | `try_acquire`, `acquire_timeout` | not at all, or for as long as you say |
///
/// `fetch_or_create` and `mutate_or_create` wait for another of these two that makes the value of the same key just then.
///
/// In a store that is kept on disk, those that wait for a guard also wait while too much waits to be written; the others
/// never do.
///
/// Every future is `Send` and cancel safe: dropped while it waits, it has changed nothing and passes its turn on.
///
/// # Whose turn it is
///
/// Who finds an entry held takes a place in its queue with the first poll, and is served in that order; nobody slips in
/// between, for the entry passes from one straight to the next. Who finds it free takes it, but for a task that has used up
/// its [budget](tokio::task::coop): that lets other tasks run first, and counts from when it comes back. The order is one per
/// life of an entry: if it ends, those who wait look their key up again.
///
/// **Poll what waits, or drop it.** When its turn has come, the entry is held on behalf of a call until that call is polled
/// again. A future that is kept and not polled, by `&mut future` in a `select!` whose other branch goes on for example, keeps
/// everybody else waiting, as it would with tokio's `Mutex`. [`stats`](Self::stats) shows such turns: `granted` and
/// `granted_for`.
///
/// # The budget of a task
///
/// Every future and every watch asks for a unit of the task's budget, as tokio's own do, so that a loop over them does not
/// starve other tasks. Once it is used up, they are pending until the task has given way, even if there is nothing to wait
/// for. So whoever polls once inside a task, with `now_or_never` for example, may get nothing though there is something: use
/// [`try_acquire`](Self::try_acquire) or [`Watch::try_next`](crate::Watch::try_next), which ask for nothing. And another
/// executor's `block_on` inside a task waits for ever then, because the task never gives way; outside of tasks there is no
/// budget.
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
/// let key = store.init(Score { points: 0 });
///
/// let entry = store.mutate(&key, ScoreMutation::SetPoints(3)).await.unwrap();
/// assert_eq!((entry.points, entry.version()), (3, 2));
/// # }
/// ```
pub struct LiveStore<V: LiveValue> {
    pub(in crate::store) table: Arc<Table<V>>,
}

impl<V: LiveValue> LiveStore<V> {
    #[cfg(all(test, feature = "durable"))]
    pub(crate) fn shared(&self) -> &crate::slot::shared::Shared<V> {
        self.table.shared()
    }

    /// Where calls find the entry of a key.
    #[inline]
    pub(in crate::store) fn at<'a>(&'a self, key: &'a Uuid) -> Place<'a, V> {
        Place::of_key(&self.table, key)
    }

    pub(crate) fn from_table(table: Arc<Table<V>>) -> LiveStore<V> {
        LiveStore { table }
    }

    /// Returns a number that differs from start to start of a store, below 2^53.
    ///
    /// Versions count within an epoch: a client that kept a version from before a restart must not compare it with
    /// one from after.
    pub fn epoch(&self) -> u64 {
        self.table.epoch()
    }

    /// Returns a reference that does not keep the store open.
    pub fn downgrade(&self) -> WeakLiveStore<V> {
        WeakLiveStore {
            table: Arc::downgrade(&self.table),
        }
    }
}

impl<V: LiveValue> Clone for LiveStore<V> {
    fn clone(&self) -> Self {
        LiveStore {
            table: Arc::clone(&self.table),
        }
    }
}

impl<V: LiveValue> Default for LiveStore<V> {
    fn default() -> Self {
        LiveStore {
            table: Arc::new(Table::new(&StoreOptions::default())),
        }
    }
}

impl<V: LiveValue> fmt::Debug for LiveStore<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveStore")
            .field("len", &self.table.len())
            .finish_non_exhaustive()
    }
}

/// A reference to a store that does not keep it open. From [`LiveStore::downgrade`].
///
/// For tasks that should end with the store, and for values or callbacks that refer back to it.
pub struct WeakLiveStore<V: LiveValue> {
    table: Weak<Table<V>>,
}

impl<V: LiveValue> WeakLiveStore<V> {
    /// Returns a handle, or `None` if the store has ended.
    pub fn upgrade(&self) -> Option<LiveStore<V>> {
        self.table.upgrade().map(LiveStore::from_table)
    }
}

impl<V: LiveValue> Clone for WeakLiveStore<V> {
    fn clone(&self) -> Self {
        WeakLiveStore {
            table: Weak::clone(&self.table),
        }
    }
}

impl<V: LiveValue> fmt::Debug for WeakLiveStore<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakLiveStore")
    }
}
