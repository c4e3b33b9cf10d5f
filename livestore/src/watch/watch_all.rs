//! [`WatchAll`]: one watcher of every entry of a store.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::task::coop;
use uuid::Uuid;

use crate::ground::stats::Count;
use crate::ground::trace;
use crate::ground::unwind::let_go;
use crate::slot::feed::{Fed, Queued};
use crate::slot::shared;
use crate::table::table::Table;
use crate::value::entry::Entry;
use crate::value::shared::Shared;
use crate::value::update::Update;
use crate::value::value::LiveValue;

/// How many keys of which something was missed are answered before others have their turn.
const MISSED_AT_ONCE: usize = 4096;

/// Receives every update of every entry with its key, creations included.
///
/// From [`LiveStore::watch_all`](crate::LiveStore::watch_all) or
/// [`entries_and_watch_all`](crate::LiveStore::entries_and_watch_all). Updates of one entry come in the order in which
/// they were committed; [`Update::Create`] is the first of a new entry, [`Update::Remove`] or [`Update::Expire`] the
/// last. When the store ends, it receives what was still queued, then `None`; what it had missed by then stays unsaid. It
/// does not keep the store open, and
/// watching everything is no use of an entry in the sense of [`ExpireMode::Idle`](crate::ExpireMode::Idle).
///
/// It holds at most 16 times [`channel_cap`](crate::StoreOptions::channel_cap) updates. If it falls further behind, it
/// receives one [`Update::Resync`] for each entry that it missed something of; for one that has ended meanwhile with
/// the final entry, followed by its end, or with that alone where nothing else was missed. What was created and ended again
/// while it lagged is not mentioned. If a key has ended and was created again meanwhile, its resync shows the new entry.
///
/// While anybody watches everything, no mutation happens in place.
///
/// Like [`Watch`](crate::Watch) it is pending while the task's budget is used up; [`try_next`](Self::try_next) is not.
///
/// # Examples
///
/// ```
/// use livestore::{LiveStore, LiveValue, Update};
///
/// #[derive(Clone, LiveValue)]
/// struct Score { points: u32 }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = LiveStore::default();
/// let (entries, mut all) = store.entries_and_watch_all();
/// assert!(entries.is_empty());
///
/// let key = store.init(Score { points: 0 });
/// store.mutate(&key, ScoreMutation::SetPoints(5)).await.ok();
///
/// assert!(matches!(all.next().await, Some((k, Update::Create { .. })) if k == key));
/// assert!(matches!(all.next().await, Some((k, Update::Mutate { .. })) if k == key));
/// # }
/// ```
#[must_use = "a watch that is dropped receives nothing"]
pub struct WatchAll<V: LiveValue> {
    /// Does not keep the store open.
    table: Weak<Table<V>>,
    shared: Arc<shared::Shared<V>>,
    seat: usize,
    /// What was taken and not yet handed out: stays here if the user's `Clone` panics.
    taken: Option<(Uuid, triomphe::Arc<Update<V>>)>,
    /// The end that follows the resync that was taken.
    end: Option<(Uuid, triomphe::Arc<Update<V>>)>,
    /// What the snapshot contains already.
    primed: Option<Primed>,
}

/// What was taken at once.
pub(crate) enum Batch {
    /// Leads to the store as it was at one instant, with all that was taken before.
    Whole,
    /// There is more to it: so much was missed that it is not answered at once.
    Part,
    /// Nothing more comes. What is there leads to nothing that there was.
    Closed,
}

/// A snapshot is taken entry by entry, while updates arrive. Which of them it contains:
struct Primed {
    /// Per key, the sequence number from which on updates are news.
    since: HashMap<Uuid, u64>,
    /// From here on every update is.
    until: u64,
}

impl Primed {
    /// Whether an update is not contained in the snapshot.
    fn is_news<V: LiveValue>(&mut self, queued: &Queued<V>) -> bool {
        if matches!(*queued.update, Update::Create { .. }) {
            self.since.entry(queued.key).or_insert(queued.sequence);
        }
        // An entry that is not in the snapshot and was not created since had ended before the snapshot came to it.
        self.since
            .get(&queued.key)
            .is_some_and(|since| queued.sequence >= *since)
    }
}

impl<V: LiveValue> WatchAll<V> {
    pub(crate) fn begin(table: &Arc<Table<V>>, snapshot: bool) -> WatchAll<V> {
        let shared = Arc::clone(table.shared());
        let seat = shared.feed.join(snapshot);
        WatchAll {
            table: Arc::downgrade(table),
            shared,
            seat,
            taken: None,
            end: None,
            primed: None,
        }
    }

    /// Begins to watch, and takes the entries that there are.
    pub(crate) fn begin_with_entries(table: &Arc<Table<V>>) -> (Vec<(Uuid, Entry<V>)>, WatchAll<V>) {
        let mut all = WatchAll::begin(table, true);
        let mut since = HashMap::new();
        let mut entries = Vec::new();
        // Under the slot's lock, so what is told from here on is not in the entry.
        let visited = table.walk().visit(|key, state| {
            since.insert(*key, all.shared.feed.position(all.seat));
            state.entry(&all.shared)
        });
        entries.extend(visited);
        let until = all.shared.feed.primed(all.seat);
        if until > 0 {
            all.primed = Some(Primed { since, until });
        }
        (entries, all)
    }

    /// Waits for the next update of any entry. `None` when the store has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an update is either returned or still there.
    pub async fn next(&mut self) -> Option<(Uuid, Update<V>)> {
        poll_fn(|cx| self.poll_update(cx)).await
    }

    /// Waits for the next update of any entry, as [`next`](Self::next) does, and returns it as it is shared by all watchers,
    /// without a copy.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an update is either returned or still there.
    pub fn next_shared(&mut self) -> impl Future<Output = Option<(Uuid, Shared<Update<V>>)>> + Send {
        poll_fn(|cx| {
            ready!(self.poll_take(cx));
            Poll::Ready(self.hand_out_shared())
        })
    }

    /// Returns the next update if there is one now. As [`Watch::try_next`](crate::Watch::try_next).
    pub fn try_next(&mut self) -> Option<(Uuid, Update<V>)> {
        let _ = self.take(None);
        self.hand_out()
    }

    /// Returns the next update if there is one now, shared as by [`next_shared`](Self::next_shared).
    pub fn try_next_shared(&mut self) -> Option<(Uuid, Shared<Update<V>>)> {
        let _ = self.take(None);
        self.hand_out_shared()
    }

    fn poll_update(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Uuid, Update<V>)>> {
        ready!(self.poll_take(cx));
        Poll::Ready(self.hand_out())
    }

    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx));
        ready!(self.take(Some(cx)));
        coop.made_progress();
        Poll::Ready(())
    }

    /// Takes the next update, unless one is there; without a context, it is not woken if there is none. Afterwards there is
    /// one, or nothing more comes.
    fn take(&mut self, cx: Option<&Context<'_>>) -> Poll<()> {
        while self.taken.is_none() {
            if let Some(end) = self.end.take() {
                self.taken = Some(end);
                break;
            }
            match self.shared.feed.take(self.seat, cx) {
                Fed::Next(queued) => {
                    if self.is_news(&queued) {
                        self.taken = Some((queued.key, queued.update));
                    } else {
                        let_go(queued.update);
                    }
                }
                Fed::Missed(key) => {
                    let resync = self.resync(key);
                    self.taken = resync.map(|resync| (key, triomphe::Arc::new(resync)));
                }
                Fed::Closed => break,
                Fed::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }

    /// Takes all that there is, or has the task woken when there is something. As [`batch_now`](Self::batch_now) does, but is
    /// pending while the task's budget is used up.
    pub(crate) fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut VecDeque<Queued<V>>,
        batch: &mut Vec<(Uuid, triomphe::Arc<Update<V>>)>,
    ) -> Poll<Batch> {
        let coop = ready!(coop::poll_proceed(cx));
        let taken = ready!(self.batch_now(cx, room, batch));
        coop.made_progress();
        Poll::Ready(taken)
    }

    /// Takes all that there is, or has the task woken when there is something. What was one change is there as a whole, if not
    /// in this batch, then with those that follow a [`Batch::Part`]. `room` is empty, and is so afterwards.
    pub(crate) fn batch_now(
        &mut self,
        cx: &Context<'_>,
        room: &mut VecDeque<Queued<V>>,
        batch: &mut Vec<(Uuid, triomphe::Arc<Update<V>>)>,
    ) -> Poll<Batch> {
        let mut missed = 0;
        loop {
            match self.shared.feed.take_all(self.seat, cx, room) {
                // Comes after all that was missed, so nothing is ahead of it.
                Fed::Next(()) => {
                    for queued in room.drain(..) {
                        match self.is_news(&queued) {
                            true => batch.push((queued.key, queued.update)),
                            false => let_go(queued.update),
                        }
                    }
                    if !batch.is_empty() {
                        return Poll::Ready(Batch::Whole);
                    }
                }
                Fed::Missed(key) => {
                    missed += 1;
                    if let Some(resync) = self.resync(key) {
                        batch.push((key, triomphe::Arc::new(resync)));
                    }
                    batch.extend(self.end.take());
                    if missed > MISSED_AT_ONCE {
                        return Poll::Ready(Batch::Part);
                    }
                }
                Fed::Closed => return Poll::Ready(Batch::Closed),
                // What was missed cannot be answered any more.
                Fed::Pending if self.table.strong_count() == 0 => return Poll::Ready(Batch::Closed),
                Fed::Pending if batch.is_empty() => return Poll::Pending,
                Fed::Pending => return Poll::Ready(Batch::Whole),
            }
        }
    }

    fn is_news(&mut self, queued: &Queued<V>) -> bool {
        let Some(primed) = &mut self.primed else {
            return true;
        };
        if queued.sequence >= primed.until {
            self.primed = None;
            return true;
        }
        primed.is_news(queued)
    }

    fn hand_out(&mut self) -> Option<(Uuid, Update<V>)> {
        let (key, update) = self.taken.as_ref()?;
        let key = *key;
        // Whoever has the only reference is the only one who could make another.
        if triomphe::Arc::strong_count(update) == 1 {
            let (_, update) = self.taken.take()?;
            return triomphe::Arc::try_unwrap(update).ok().map(|update| (key, update));
        }
        let clone = Update::clone(update);
        // Meanwhile it may have become the last one. The clone is not lost by what it does when it is dropped.
        let_go(self.taken.take());
        Some((key, clone))
    }

    fn hand_out_shared(&mut self) -> Option<(Uuid, Shared<Update<V>>)> {
        let (key, update) = self.taken.take()?;
        Some((key, Shared::new(update)))
    }

    /// Answers lag for one key. `None` if there is nothing to answer any more, or not yet: then take again.
    fn resync(&mut self, key: Uuid) -> Option<Update<V>> {
        let resync = self.answer_lag(key)?;
        if let Update::Resync { missed, .. } = &resync {
            self.shared.counters.add(Count::Lagged, 1);
            trace::lagged(&key, *missed);
        }
        Some(resync)
    }

    fn answer_lag(&mut self, key: Uuid) -> Option<Update<V>> {
        let table = self.table.upgrade()?;
        let shared = &self.shared;
        let seat = self.seat;
        // Under the slot's lock: what is told of this key from now on follows the entry.
        let alive = table.peek(&key, |_, state| {
            shared
                .feed
                .resolve(seat, &key)
                .map(|missed| (state.entry(shared), missed))
        });
        match alive {
            Some(alive) => {
                let (now, missed) = alive?;
                Some(Update::Resync {
                    now,
                    missed: missed.updates,
                })
            }
            None => {
                // It may have been created again since we looked; then it is looked at again.
                let missed = shared.feed.resolve_ended(seat, &key)?;
                let end = missed.end?;
                let now = end.entry().clone();
                self.end = Some((key, end));
                // It is told the end, which is one of them.
                match missed.updates - 1 {
                    0 if missed.is_known => None,
                    missed => Some(Update::Resync { now, missed }),
                }
            }
        }
    }
}

// What it keeps of a user's is never pinned: it is behind pointers.
impl<V: LiveValue> Unpin for WatchAll<V> {}

impl<V: LiveValue> Stream for WatchAll<V> {
    type Item = (Uuid, Update<V>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_update(cx)
    }
}

impl<V: LiveValue> Drop for WatchAll<V> {
    fn drop(&mut self) {
        self.shared.feed.leave(self.seat);
    }
}

impl<V: LiveValue> fmt::Debug for WatchAll<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WatchAll")
    }
}
