//! [`Reader`]: one seat at the ring of one entry, whatever is made of the news.
//!
//! As small as can be: a set has one for each of its entries. What is taken goes into a [`Hand`] of whoever reads.

use std::collections::VecDeque;
use std::mem::needs_drop;
use std::sync::Arc;
use std::task::{Context, Poll};

use uuid::Uuid;

use crate::ground::stats::Count;
use crate::ground::trace;
use crate::ground::unwind::{InHand, drop_each, let_go};
use crate::slot::after::After;
use crate::slot::hand::Hand;
use crate::slot::ring::{Copied, News, Ring, Seat, Sitter, Taken, Wait};
use crate::slot::shared::Shared;
use crate::slot::slot::{Slot, State};
use crate::value::entry::Entry;
use crate::value::update::Update;
use crate::value::value::LiveValue;

pub(crate) struct Reader<V: LiveValue> {
    /// The slot, never the key: a watch must not slide into a later life of the key. Beside what this leaves behind: the value
    /// may go with it.
    slot: InHand<Arc<Slot<V>>>,
    ring: Arc<Ring<V>>,
    seat: Seat,
    /// What was missed before it began. `None` when that was told.
    earlier: Option<Box<Earlier<V>>>,
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
            slot: InHand::new(Arc::clone(slot)),
            ring,
            seat,
            earlier: None,
        }
    }

    /// Has told first what followed `version`, or how much that was if it is not kept. Returns whether it is.
    pub(crate) fn resume(&mut self, state: &State<V>, version: u64) -> bool {
        let missed = if self.seat.values {
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
        self.slot.lock().entry(&self.ring.shared)
    }

    /// Takes the next news into a hand that is empty. Returns whether there was anything, if only the end; if not, it waits
    /// as it says.
    pub(crate) fn take(&mut self, hand: &mut Hand<V>, wait: Wait<'_, '_>) -> bool {
        if self.take_earlier(hand) || self.seat.ended {
            return true;
        }
        match self.ring.take(&mut self.seat, wait) {
            Taken::Next(news) => hand.fill(news),
            Taken::End(update) => hand.fill(News::Update(update)),
            Taken::Closed => {}
            Taken::Lagged => self.resync(hand, 0),
            Taken::Pending => return false,
        }
        true
    }

    /// Takes a copy of the next update, if there is one of which that is easily made. Else the hand, which is empty, may have
    /// something afterwards.
    #[inline]
    pub(crate) fn copy(&mut self, hand: &mut Hand<V>) -> Option<Update<V>> {
        if needs_drop::<V::Mutation>() || self.is_behind() {
            return None;
        }
        match self.ring.copy(&mut self.seat)? {
            Copied::Copy(update) => Some(update),
            Copied::Itself(news) => {
                hand.fill(news);
                None
            }
        }
    }

    /// Takes the next update as it is shared, if there is one and nothing comes before it. For who is told values.
    #[inline]
    pub(crate) fn now(&mut self) -> Option<triomphe::Arc<Update<V>>> {
        if self.is_behind() {
            return None;
        }
        match self.ring.now(&mut self.seat)? {
            News::Update(update) => Some(update),
            News::Delta(_) => unreachable!("while somebody is told values, updates are published with them"),
        }
    }

    /// Whether the end was taken, or the store is gone.
    pub(crate) fn has_ended(&self) -> bool {
        self.seat.ended
    }

    /// Takes what comes before the news. Returns whether there was something.
    fn take_earlier(&mut self, hand: &mut Hand<V>) -> bool {
        match self.earlier.as_deref_mut() {
            None => return false,
            Some(Earlier::Replay(replay)) => {
                let first = replay.pop_front();
                if replay.is_empty() {
                    self.earlier = None;
                }
                first.into_iter().for_each(|news| hand.fill(news));
            }
            Some(&mut Earlier::Lost(lost)) => {
                self.earlier = None;
                self.resync(hand, lost);
            }
        }
        true
    }

    /// Whether there was nothing more for this member of a set when it took something, so that its ring has it marked when there
    /// is.
    pub(crate) fn waits(&self) -> bool {
        self.seat.waits
    }

    /// Whether there is something before the news.
    pub(crate) fn is_behind(&self) -> bool {
        self.earlier.is_some()
    }

    /// Lets go of what comes before the news. What has been handed out is not lost by a panic here.
    pub(crate) fn skip_earlier(&mut self) {
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

    /// Answers lag under the slot's lock, so that whatever is not in `now` is still to come.
    fn resync(&mut self, hand: &mut Hand<V>, lost: u64) {
        let shared = &self.ring.shared;
        let (now, (missed, released)) = {
            let state = self.slot.lock();
            (state.entry(shared), self.ring.skip(&mut self.seat))
        };
        let missed = missed + lost;
        shared.counters.add(Count::Lagged, 1);
        trace::lagged(self.slot.key(), missed);
        hand.fill(News::Update(triomphe::Arc::new(Update::Resync { now, missed })));
        // If that panics, the resync is there.
        drop_each(released);
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
                state.entry(&self.ring.shared),
                self.ring.is_over(),
                self.ring.skip(&mut self.seat).1,
            )
        };
        self.seat.ended = closed || removed;
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
            .leave_ring(&self.ring, &mut self.seat, &mut after);
        after.leave_all(self.take_replay());
    }
}
