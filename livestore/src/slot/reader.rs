//! [`Reader`]: one seat at the ring of one entry, whatever is made of the news.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use uuid::Uuid;

use crate::ground::stats::Count;
use crate::ground::trace;
use crate::ground::unwind::{drop_each, let_go};
use crate::slot::after::After;
use crate::slot::ring::{News, Ring, Seat, Taken};
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
    /// What was missed before it began and is told first.
    replay: VecDeque<News<V>>,
    /// How much was missed before it began and cannot be told: first comes a resync.
    lost: Option<u64>,
    /// What was taken from the ring and not yet handed out: stays here if the user's `Clone` panics.
    pub(crate) taken: Option<News<V>>,
    /// The end was taken.
    pub(crate) ended: bool,
}

impl<V: LiveValue> Reader<V> {
    /// Takes a seat at a slot whose state the caller has locked.
    pub(crate) fn begin(
        slot: &Arc<Slot<V>>,
        state: &mut State<V>,
        shared: &Arc<Shared<V>>,
        values: bool,
    ) -> Reader<V> {
        let (ring, seat) = state.join_ring(shared, values);
        Reader {
            slot: Arc::clone(slot),
            ring,
            shared: Arc::clone(shared),
            seat,
            values,
            replay: VecDeque::new(),
            lost: None,
            taken: None,
            ended: false,
        }
    }

    /// Has told first what was missed before it began, or how much that was if it cannot be told.
    pub(crate) fn resume(&mut self, missed: Result<VecDeque<News<V>>, u64>) {
        match missed {
            Ok(replay) => self.replay = replay,
            Err(lost) => self.lost = Some(lost),
        }
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

    /// Takes what comes before the news. Returns whether there was something.
    fn take_earlier(&mut self) -> bool {
        if self.taken.is_some() {
            return true;
        }
        if let Some(news) = self.replay.pop_front() {
            self.taken = Some(news);
        } else if let Some(lost) = self.lost {
            let released = self.resync(lost);
            self.lost = None;
            drop_each(released);
        } else {
            return false;
        }
        true
    }

    /// Whether there is something before the news.
    pub(crate) fn is_behind(&self) -> bool {
        !self.replay.is_empty() || self.lost.is_some() || self.taken.is_some()
    }

    /// Lets go of what comes before the news. What has been handed out is not lost by a panic here.
    pub(crate) fn skip_earlier(&mut self) {
        self.lost = None;
        let_go(self.taken.take());
        self.replay.drain(..).for_each(let_go);
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
        after.leave_all(self.replay.drain(..));
    }
}
