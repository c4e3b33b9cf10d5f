//! [`Query`]: which entries of a store are in a list, and in what order; [`Groups`], the same with a list for each group.
//!
//! Nothing happens until somebody watches. The first who does begins the task that keeps the lists, for all who watch the same
//! query; it ends when nobody does any more.

mod desk;
mod engine;
mod group;
pub(crate) mod live_query;
mod ranked;
mod seat;

use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use uuid::Uuid;

use crate::table::table::Table;
use crate::value::entry::Entry;
use crate::value::error::QueryError;
use crate::value::value::LiveValue;
use crate::watch::query::desk::Desk;
use crate::watch::query::engine::Judge;
use crate::watch::query::live_query::LiveQuery;
use crate::watch::query::seat::{Bell, Seat};

/// Which entries are in a list, and in what order.
///
/// From [`LiveStore::live`](crate::LiveStore::live). [`watch`](Self::watch) receives the list and what changes in it. A clone is a
/// handle to the same query: all who watch it share the work.
///
/// One task keeps the list, as long as anybody watches it: from the walk over all entries with which it begins, it follows every
/// commit. Each commit is ranked once, outside the call that made it. One that leaves its entry out costs a look at a hash table;
/// one that changes an entry that is in costs a number of steps that grows with the logarithm of how many are in.
/// While it is watched, no mutation of the store happens in place, as while anybody
/// [watches everything](crate::LiveStore::watch_all).
///
/// Where commits come faster than they can be ranked for so long that the task has lagged as one who watches everything does, nothing is
/// told until it has caught up: then the list as it is.
///
/// Two entries of the same rank are ordered by their keys. A rank must depend on the entry alone, and its order must be one: ranks that
/// say otherwise make lists in another order, and nothing worse. The smallest comes first; [`Reverse`](std::cmp::Reverse) has the
/// largest do so.
///
/// It is no use of an entry in the sense of [`ExpireMode::Idle`](crate::ExpireMode::Idle), and does not keep the store open.
///
/// # Examples
///
/// ```
/// use std::cmp::Reverse;
///
/// use livestore::{ListUpdate, LiveStore, LiveValue};
///
/// #[derive(Clone, LiveValue)]
/// struct Player { name: String, score: u32 }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = LiveStore::default();
/// for (name, score) in [("ann", 7), ("ben", 5), ("cleo", 0), ("dan", 6)] {
///     store.init(Player { name: name.into(), score });
/// }
///
/// // Whoever has scored at all, the best two first.
/// let best = store
///     .live(|_, player| (player.score > 0).then_some(Reverse(player.score)))
///     .limit(2);
///
/// let mut watch = best.watch();
/// let mut list = Vec::new();
/// watch.next().await.unwrap().apply(&mut list);
/// let names = |list: &[(_, livestore::Entry<Player>)]| -> Vec<String> {
///     list.iter().map(|(_, player)| player.name.clone()).collect()
/// };
/// assert_eq!(names(&list), ["ann", "dan"]);
///
/// // The best one goes: those behind move up, and the third comes in, in one update.
/// store.remove(&list[0].0).await;
/// watch.next().await.unwrap().apply(&mut list);
/// assert_eq!(names(&list), ["dan", "ben"]);
/// # }
/// ```
pub struct Query<V: LiveValue, R> {
    table: Weak<Table<V>>,
    judge: Arc<Judge<V, R, ()>>,
    limit: usize,
    desk: Arc<Desk<V, ()>>,
}

/// Which entries are in which list, and in what order: a list for each group of entries.
///
/// From [`Query::keyed`]. One task keeps all groups, so that following one of them, the rooms of one server or the bids of one
/// auction, costs no walk over the others; see [`Query`] for how.
///
/// # Examples
///
/// ```
/// use livestore::{LiveStore, LiveValue};
///
/// #[derive(Clone, LiveValue)]
/// struct Room { server: u32, name: String }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = LiveStore::<Room>::default();
/// let rooms = store.live(|_, room| Some(room.name.clone())).keyed(|room| room.server);
///
/// let mut of_one = rooms.of(&1);
/// let mut list = Vec::new();
/// of_one.next().await.unwrap().apply(&mut list);
/// assert!(list.is_empty());
///
/// store.init(Room { server: 2, name: "attic".into() });
/// store.init(Room { server: 1, name: "cellar".into() });
/// of_one.next().await.unwrap().apply(&mut list);
/// assert_eq!(list.len(), 1);
/// assert_eq!(list[0].1.name, "cellar");
/// # }
/// ```
pub struct Groups<V: LiveValue, R, K> {
    table: Weak<Table<V>>,
    judge: Arc<Judge<V, R, K>>,
    limit: usize,
    desk: Arc<Desk<V, K>>,
}

impl<V: LiveValue, R: Ord + Send + Sync + 'static> Query<V, R> {
    pub(crate) fn new(
        table: &Arc<Table<V>>,
        rank: impl Fn(&Uuid, &Entry<V>) -> Option<R> + Send + Sync + 'static,
    ) -> Query<V, R> {
        Query {
            table: Arc::downgrade(table),
            judge: Arc::new(move |key, entry| Some(((), rank(key, entry)?))),
            limit: usize::MAX,
            desk: Arc::new(Desk::new()),
        }
    }

    /// Returns a query of which only the first `limit` are told: where one of them leaves, the next comes in. It is a query of its
    /// own, with its own task.
    ///
    /// All entries that are in are kept in order all the same.
    pub fn limit(self, limit: usize) -> Query<V, R> {
        Query {
            limit,
            desk: Arc::new(Desk::new()),
            table: self.table.clone(),
            judge: Arc::clone(&self.judge),
        }
    }

    /// Returns queries of which each has the entries of one group: those for which `group` is the same. A
    /// [limit](Self::limit) is that of each group. They have one task of their own.
    pub fn keyed<K>(self, group: impl Fn(&Entry<V>) -> K + Send + Sync + 'static) -> Groups<V, R, K>
    where
        K: Eq + Hash + Clone + Send + 'static,
    {
        let judge = Arc::clone(&self.judge);
        Groups {
            table: self.table.clone(),
            judge: Arc::new(move |key, entry| {
                let (_, rank) = judge(key, entry)?;
                Some((group(entry), rank))
            }),
            limit: self.limit,
            desk: Arc::new(Desk::new()),
        }
    }

    /// Begins to watch: the list comes first, then what changes in it.
    ///
    /// The first who watches begins the task that keeps the list, in the tokio runtime of the caller, which must be there: without one, all
    /// that is received is [`QueryError::NoRuntime`]. Who watches later, while somebody does, begins with the list that is kept, which
    /// may not have come to the last commits yet; they follow.
    pub fn watch(&self) -> LiveQuery<V> {
        watch(&self.table, &self.judge, self.limit, &self.desk, ())
    }
}

impl<V, R, K> Groups<V, R, K>
where
    V: LiveValue,
    R: Ord + Send + Sync + 'static,
    K: Eq + Hash + Clone + Send + 'static,
{
    /// Begins to watch one group, which may have no entries yet. As [`Query::watch`].
    pub fn of(&self, group: &K) -> LiveQuery<V> {
        watch(&self.table, &self.judge, self.limit, &self.desk, group.clone())
    }
}

fn watch<V, R, K>(
    table: &Weak<Table<V>>,
    judge: &Arc<Judge<V, R, K>>,
    limit: usize,
    desk: &Arc<Desk<V, K>>,
    group: K,
) -> LiveQuery<V>
where
    V: LiveValue,
    R: Ord + Send + Sync + 'static,
    K: Eq + Hash + Clone + Send + 'static,
{
    let ended = |error| LiveQuery::new(Arc::new(Seat::ended(error)), Arc::new(Bell::new()));
    if table.upgrade().is_none_or(|table| table.is_closed()) {
        return ended(None);
    }
    let Ok(runtime) = Handle::try_current() else {
        return ended(Some(QueryError::NoRuntime));
    };
    let (seat, bell, open) = desk.join(group);
    if let Some(open) = open {
        runtime.spawn(engine::run(Weak::clone(table), Arc::clone(judge), limit, open));
    }
    LiveQuery::new(seat, bell)
}

impl<V: LiveValue, R> Clone for Query<V, R> {
    fn clone(&self) -> Self {
        Query {
            table: Weak::clone(&self.table),
            judge: Arc::clone(&self.judge),
            limit: self.limit,
            desk: Arc::clone(&self.desk),
        }
    }
}

impl<V: LiveValue, R, K> Clone for Groups<V, R, K> {
    fn clone(&self) -> Self {
        Groups {
            table: Weak::clone(&self.table),
            judge: Arc::clone(&self.judge),
            limit: self.limit,
            desk: Arc::clone(&self.desk),
        }
    }
}

impl<V: LiveValue, R> fmt::Debug for Query<V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Query")
    }
}

impl<V: LiveValue, R, K> fmt::Debug for Groups<V, R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Groups")
    }
}
