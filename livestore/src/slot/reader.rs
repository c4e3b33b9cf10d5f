//! [`Reader`]: one seat at the ring of one entry, whatever is made of the news.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use uuid::Uuid;

use crate::ground::stats::Count;
use crate::ground::trace;
use crate::ground::unwind::{drop_each, let_go};
use crate::slot::after::After;
use crate::slot::ring::{News, Ring, Seat, Sitter, Taken};
use crate::slot::shared::Shared;
use crate::slot::slot::{Slot, State};
use crate::value::entry::Entry;
use crate::value::update::Update;
use crate::value::value::LiveValue;

pub(crate) struct Reader<V: LiveValue> {
    /// The slot, never the key: a watch must not slide into a later life of the key.
    slot: Arc<Slot<V>>,
    ring: Arc<Ring<V>>,
    shared: Arc<Shared<V>>,
    seat: Seat,
    /// It is told values.
    values: bool,
    /// What was missed before it began. `None` when that was told.
    earlier: Option<Box<Earlier<V>>>,
    /// What was taken from the ring and not yet handed out: stays here if the user's `Clone` panics.
    pub(crate) taken: Option<News<V>>,
    /// The end was taken.
    pub(crate) ended: bool,
}

/// What was missed before a reader began.
enum Earlier<V: LiveValue> {
    /// It is told first.
    Replay(VecDeque<News<V>>),
    /// So much cannot be told: first comes a resync.
    Lost(u64),
}

impl<V: LiveValue> Reader<V> {
    /// Takes a seat at a slot whose state the caller has locked.
    pub(crate) fn begin(
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Arc<Shared<V>>,
        values: bool,
        sitter: Sitter,
    ) -> Reader<V> {
        let (ring, seat) = state.join_ring(shared, values, sitter);
        Reader {
            slot: Arc::clone(slot),
            ring,
            shared: Arc::clone(shared),
            seat,
            values,
            earlier: None,
            taken: None,
            ended: false,
        }
    }

    /// Has told first what followed `version`, or how much that was if it is not kept. Returns whether it is.
    pub(crate) fn resume(&mut self, state: &State<V>, version: u64) -> bool {
        let missed = if self.values {
            let updates = state.updates_since(version);
            updates.map(|updates| updates.into_iter().map(News::Update).collect())
        } else {
            state.deltas_since(version)
        };
        let is_kept = missed.is_some();
        let earlier = match missed {
            Some(replay) if replay.is_empty() => return true,
            Some(replay) => Earlier::Replay(replay),
            None => Earlier::Lost(state.version().saturating_sub(version)),
        };
        self.earlier = Some(Box::new(earlier));
        is_kept
    }

    pub(crate) fn key(&self) -> &Uuid {
        self.slot.key()
    }

    /// The entry as it is now, or its final state.
    pub(crate) fn latest(&self) -> Entry<V> {
        self.slot.lock().entry(&self.shared)
    }

    /// Takes the next news, unless some is there. Afterwards there is some, or nothing more comes.
    pub(crate) fn poll_take(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.take_earlier() || self.ended {
            return Poll::Ready(());
        }
        let taken = self.ring.take(&mut self.seat, cx);
        if self.keep(taken) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Takes the next news if there is some.
    pub(crate) fn try_take(&mut self) {
        if !self.take_earlier() && !self.ended {
            let taken = self.ring.try_take(&mut self.seat);
            self.keep(taken);
        }
    }

    /// Takes the next news if there is some; if not, has the set told of it of which this is a member. Returns whether there
    /// was anything, if only the end.
    pub(crate) fn take_for_set(&mut self) -> bool {
        if self.take_earlier() || self.ended {
            return true;
        }
        let taken = self.ring.take_for_set(&mut self.seat);
        self.keep(taken)
    }

    /// Gives out the update that was taken: itself if nobody else needs it, else a clone. It stays if that panics.
    pub(crate) fn update(&mut self) -> Option<Update<V>> {
        let taken = self.taken_update()?;
        // Whoever has the only reference is the only one who could make another.
        if Arc::strong_count(taken) == 1 {
            return self.taken.take().and_then(News::into_update);
        }
        let clone = Update::clone(taken);
        // Meanwhile it may have become the last one. The clone is not lost by what it does when it is dropped.
        let_go(self.taken.take());
        Some(clone)
    }

    /// Gives out the update that was taken as it is shared by all.
    pub(crate) fn shared_update(&mut self) -> Option<Arc<Update<V>>> {
        let taken = Arc::clone(self.taken_update()?);
        // Not the last.
        self.taken = None;
        Some(taken)
    }

    /// The update that was taken and not yet given out.
    pub(crate) fn taken_update(&self) -> Option<&Arc<Update<V>>> {
        match self.taken.as_ref()? {
            News::Update(update) => Some(update),
            News::Delta(_) => unreachable!("while this watches, updates are published with values"),
        }
    }

    /// Whether nothing more comes.
    pub(crate) fn is_over(&self) -> bool {
        self.ended && self.taken.is_none()
    }

    /// Takes what comes before the news. Returns whether there was something.
    fn take_earlier(&mut self) -> bool {
        if self.taken.is_some() {
            return true;
        }
        match self.earlier.as_deref_mut() {
            None => false,
            Some(Earlier::Replay(replay)) => {
                self.taken = replay.pop_front();
                if replay.is_empty() {
                    self.earlier = None;
                }
                self.taken.is_some()
            }
            Some(&mut Earlier::Lost(lost)) => {
                let released = self.resync(lost);
                self.earlier = None;
                drop_each(released);
                true
            }
        }
    }

    /// Whether there is something before the news.
    pub(crate) fn is_behind(&self) -> bool {
        self.earlier.is_some() || self.taken.is_some()
    }

    /// Lets go of what comes before the news. What has been handed out is not lost by a panic here.
    pub(crate) fn skip_earlier(&mut self) {
        let_go(self.taken.take());
        self.take_replay().for_each(let_go);
    }

    /// What is left of what was missed before it began.
    fn take_replay(&mut self) -> impl Iterator<Item = News<V>> + use<V> {
        let replay = match self.earlier.take().map(|earlier| *earlier) {
            Some(Earlier::Replay(replay)) => replay,
            Some(Earlier::Lost(_)) | None => VecDeque::new(),
        };
        replay.into_iter()
    }

    /// Keeps what was taken. Returns whether there was anything, if only the end.
    fn keep(&mut self, taken: Taken<V>) -> bool {
        match taken {
            Taken::Next(news) => self.taken = Some(news),
            Taken::End(update) => {
                self.ended = true;
                self.taken = Some(News::Update(update));
            }
            Taken::Closed => self.ended = true,
            // If that panics, the resync is there.
            Taken::Lagged => drop_each(self.resync(0)),
            Taken::Pending => return false,
        }
        true
    }

    /// Answers lag under the slot's lock, so that whatever is not in `now` is still to come. Returns what is to be
    /// dropped: if that panics, the resync is there.
    fn resync(&mut self, lost: u64) -> Vec<News<V>> {
        let (now, (missed, released)) = {
            let state = self.slot.lock();
            (state.entry(&self.shared), self.ring.skip(&mut self.seat))
        };
        let missed = missed + lost;
        self.shared.counters.add(Count::Lagged, 1);
        trace::lagged(self.key(), missed);
        self.taken = Some(News::Update(Arc::new(Update::Resync { now, missed })));
        released
    }

    /// Skips what there is, if there is something, or the entry is newer than `seen`, or the caller is `behind`. Returns
    /// the entry as it is then; `None` if it or the store has ended.
    pub(crate) fn poll_skip(&mut self, cx: &Context<'_>, behind: bool, seen: u64) -> Poll<Option<Entry<V>>> {
        let is_ready = behind || self.ring.is_ready(&mut self.seat, cx);
        let (now, (closed, removed), released) = {
            let state = self.slot.lock();
            // Newer though nothing is there: it was taken, and a panic of the user's kept it from being returned.
            if !is_ready && state.version() <= seen {
                return Poll::Pending;
            }
            (
                state.entry(&self.shared),
                self.ring.is_over(),
                self.ring.skip(&mut self.seat).1,
            )
        };
        self.ended = closed || removed;
        // Of what was skipped, nothing is owed to anybody.
        released.into_iter().for_each(let_go);
        // If the store has ended, the last change may still be news.
        Poll::Ready((!removed).then_some(now))
    }
}

impl<V: LiveValue> Drop for Reader<V> {
    fn drop(&mut self) {
        let mut after = After::default();
        self.slot
            .lock()
            .leave_ring(&self.shared, &self.ring, &mut self.seat, self.values, &mut after);
        after.leave_all(self.taken.take());
        after.leave_all(self.take_replay());
    }
}
