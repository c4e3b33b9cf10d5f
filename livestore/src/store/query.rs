//! Lists of entries that are kept in order.

use uuid::Uuid;

use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::value::LiveValue;
use crate::watch::query::Query;

impl<V: LiveValue> LiveStore<V> {
    /// Returns a query: the entries for which `rank` is `Some`, in the order of their ranks, kept up to date as long as somebody
    /// [watches](Query::watch) it.
    ///
    /// For what a page shows of many entries: the best ten players, the open auctions by their end, the rooms of one server
    /// ([`keyed`](Query::keyed)). `rank` is called with nothing locked, once for each entry and once for each commit that is not
    /// followed by another at once, in the query's own task.
    pub fn live<R>(&self, rank: impl Fn(&Uuid, &Entry<V>) -> Option<R> + Send + Sync + 'static) -> Query<V, R>
    where
        R: Ord + Send + Sync + 'static,
    {
        Query::new(&self.table, rank)
    }
}
