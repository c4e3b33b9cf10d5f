//! [`LiveQuery`]: one receiver of a list that a query keeps.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::task::coop;

use crate::value::list_update::ListUpdate;
use crate::value::shared::Shared;
use crate::watch::query::seat::{Bell, Seat, Told};

/// Receives the list that a [`Query`](crate::Query) keeps, and then what changes in it.
///
/// From [`Query::watch`](crate::Query::watch) or [`Groups::of`](crate::Groups::of). The first is always a
/// [`ListUpdate::List`], as soon as there is one. Each update leads from a list that there was to a later one: what one commit
/// or transaction changed is in one update, several may be in one.
///
/// It holds at most [`channel_cap`](crate::StoreOptions::channel_cap) updates. If it falls further behind, they are dropped, and
/// what it receives next is the list as it is then.
///
/// When the store ends it receives what was still queued, then `None`. It does not keep the store open.
///
/// Like a [`Watch`](crate::Watch) it is pending while the task's budget is used up; [`try_next`](Self::try_next) is not.
#[must_use = "a query that is dropped receives nothing"]
pub struct LiveQuery<V> {
    seat: Arc<Seat<V>>,
    bell: Arc<Bell<V>>,
}

impl<V> LiveQuery<V> {
    pub(super) fn new(seat: Arc<Seat<V>>, bell: Arc<Bell<V>>) -> LiveQuery<V> {
        LiveQuery { seat, bell }
    }

    /// Waits for what comes next. `None` when the store has ended, or after [`ListUpdate::Failed`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an update is either returned or still there.
    pub async fn next(&mut self) -> Option<ListUpdate<V>> {
        poll_fn(|cx| self.poll_take(cx))
            .await
            .map(triomphe::Arc::unwrap_or_clone)
    }

    /// Waits for what comes next, as [`next`](Self::next) does, and returns it as it is shared by all receivers, without a
    /// copy.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an update is either returned or still there.
    pub async fn next_shared(&mut self) -> Option<Shared<ListUpdate<V>>> {
        poll_fn(|cx| self.poll_take(cx)).await.map(Shared::new)
    }

    /// Returns what comes next if it is there now. After a lag it is not, until the query's task has run: what comes next is
    /// the list, and only that task can make it. So whoever wants to be up to date awaits [`next`](Self::next).
    pub fn try_next(&mut self) -> Option<ListUpdate<V>> {
        self.seat.take(&self.bell).map(triomphe::Arc::unwrap_or_clone)
    }

    /// Returns what comes next if it is there now, shared as by [`next_shared`](Self::next_shared).
    pub fn try_next_shared(&mut self) -> Option<Shared<ListUpdate<V>>> {
        self.seat.take(&self.bell).map(Shared::new)
    }

    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Option<Told<V>>> {
        let coop = ready!(coop::poll_proceed(cx));
        let told = ready!(self.seat.poll_take(&self.bell, cx));
        coop.made_progress();
        Poll::Ready(told)
    }
}

impl<V> Stream for LiveQuery<V> {
    type Item = ListUpdate<V>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_take(cx)
            .map(|told| told.map(triomphe::Arc::unwrap_or_clone))
    }
}

impl<V> Drop for LiveQuery<V> {
    fn drop(&mut self) {
        self.bell.leave(&self.seat);
    }
}

impl<V> fmt::Debug for LiveQuery<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveQuery")
    }
}
