//! [`Lists`]: has the lists of a live query in a store, where there is an entry while somebody looks at it.
//!
//! The first who looks at a list begins the task that follows it, and what he sees of it waits until it is made. When nobody looks
//! any more, it stays for a while, so that whoever comes back goes on where he was.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::ground::sync::Mutex;
use crate::ground::sync::atomic::{AtomicBool, Ordering};
use crate::ground::unwind::{caught, let_go};
use crate::store::guard::EntryGuard;
use crate::store::store::LiveStore;
use crate::value::list_update::ListUpdate;
use crate::value::value::LiveValue;
use crate::watch::query::live_query::LiveQuery;
use crate::ws::list::{List, Rows};

/// For how long a list stays at which nobody looks.
const STAYS: Duration = Duration::from_secs(10);
/// After which time a query is begun anew that has panicked.
const RETRY: Duration = Duration::from_secs(1);

pub(crate) struct Lists<V: LiveValue> {
    pub(crate) store: LiveStore<List<V>>,
    /// Begins to follow the list of a key; `None` if there is none.
    watch: Box<dyn Fn(Uuid) -> Option<LiveQuery<V>> + Send + Sync>,
    looked_at: Mutex<HashMap<Uuid, Looked>>,
    /// The store that it is made of has ended.
    is_over: AtomicBool,
}

struct Looked {
    /// How many look.
    looks: usize,
    /// Told when nobody does.
    left: Arc<Notify>,
    /// One that has ended with its runtime is replaced by the next who looks.
    task: Option<AbortHandle>,
}

/// Somebody who looks.
pub(crate) struct Look<V: LiveValue> {
    lists: Arc<Lists<V>>,
    key: Uuid,
}

impl<V: LiveValue> Lists<V> {
    pub(crate) fn new(watch: impl Fn(Uuid) -> Option<LiveQuery<V>> + Send + Sync + 'static) -> Arc<Lists<V>> {
        Arc::new(Lists {
            store: LiveStore::default(),
            watch: Box::new(watch),
            looked_at: Mutex::default(),
            is_over: AtomicBool::new(false),
        })
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Keeps the list of a key there; what is told of it lies `period` apart. `None` if the key has none.
    pub(crate) fn look(self: &Arc<Self>, key: Uuid, period: Duration) -> Option<Look<V>> {
        if self.is_over() {
            return None;
        }
        let mut query = None;
        let mut looked_at = loop {
            let looked_at = self.looked_at.lock();
            if query.is_some() || looked_at.get(&key).is_some_and(Looked::is_followed) {
                break looked_at;
            }
            drop(looked_at);
            query = Some((self.watch)(key)?);
        };
        let looked = looked_at.entry(key).or_insert_with(|| Looked {
            looks: 0,
            left: Arc::default(),
            task: None,
        });
        looked.looks += 1;
        if !looked.is_followed()
            && let Some(query) = query
            && let Ok(runtime) = Handle::try_current()
        {
            // Nobody follows it yet; or it is there still, from before its task ended with its runtime.
            let _ = self.store.create(&key, List::awaited());
            let follow = follow(Arc::downgrade(self), key, period, query, Arc::clone(&looked.left));
            looked.task = Some(runtime.spawn(follow).abort_handle());
        }
        drop(looked_at);
        Some(Look {
            lists: Arc::clone(self),
            key,
        })
    }

    /// Shows a list as it is now.
    async fn show(&self, key: &Uuid, rows: &Rows<V>) {
        // It is nobody else's.
        if let Some(mut guard) = self.store.acquire(key).await {
            let former = guard.set(List::new(rows.clone()));
            drop(guard);
            let_go(former);
        }
    }

    /// Ends a list, if nobody looks at it. Returns whether that is so.
    async fn end(&self, key: &Uuid) -> bool {
        let guard = self.store.acquire(key).await;
        let mut looked_at = self.looked_at.lock();
        if looked_at.get(key).is_some_and(|looked| looked.looks > 0) {
            return false;
        }
        looked_at.remove(key);
        // Under the lock, so that who looks next creates it anew. What it held goes without.
        let ended = guard.map(EntryGuard::delete);
        drop(looked_at);
        let_go(ended);
        true
    }

    /// Ends all: there is nothing any more that they are made of.
    async fn close(&self) {
        self.is_over.store(true, Ordering::Release);
        // Whoever follows one is told that it is closed.
        let _ = self.store.close().await;
    }
}

impl Looked {
    fn is_followed(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }
}

impl<V: LiveValue> Drop for Look<V> {
    fn drop(&mut self) {
        if let Some(looked) = self.lists.looked_at.lock().get_mut(&self.key) {
            looked.looks -= 1;
            if looked.looks == 0 {
                looked.left.notify_one();
            }
        }
    }
}

/// Shows a list as it changes, until nobody has looked at it for a while.
async fn follow<V: LiveValue>(
    lists: Weak<Lists<V>>,
    key: Uuid,
    period: Duration,
    query: LiveQuery<V>,
    left: Arc<Notify>,
) {
    // Nothing while it waits to be begun anew.
    let mut query = Some(query);
    let mut rows = Vec::new();
    let mut next = Instant::now();
    let mut gone: Option<Instant> = None;
    loop {
        let ends = async {
            match gone {
                Some(gone) => sleep_until(gone).await,
                None => std::future::pending().await,
            }
        };
        let update = async {
            sleep_until(next).await;
            match &mut query {
                Some(query) => query.next().await.map(Some),
                None => Some(None),
            }
        };
        tokio::select! {
            () = left.notified() => gone = Some(Instant::now() + STAYS),
            () = ends => {
                let Some(lists) = lists.upgrade() else { return };
                if lists.end(&key).await {
                    return;
                }
                gone = None;
            }
            update = update => {
                let Some(lists) = lists.upgrade() else { return };
                let Some(update) = update else { return lists.close().await };
                let (Some(mut update), Some(followed)) = (update, &mut query) else {
                    // What has panicked once may not do so again.
                    query = Some(match (lists.watch)(key) {
                        Some(anew) => anew,
                        None => return,
                    });
                    continue;
                };
                // All that there is becomes one change.
                let is_whole = loop {
                    // What is dropped there is the user's.
                    let has_failed = matches!(update, ListUpdate::Failed(_));
                    if has_failed || caught(|| update.apply(&mut rows)).is_err() {
                        break false;
                    }
                    match followed.try_next() {
                        Some(then) => update = then,
                        None => break true,
                    }
                };
                next = Instant::now() + period;
                if is_whole {
                    lists.show(&key, &rows).await;
                } else {
                    // Until then the list is shown as it was.
                    next = Instant::now() + RETRY;
                    query = None;
                }
            }
        }
    }
}
