//! [`Waiters`]: who waits for one entry, first come, first served.
//!
//! Plain data under the slot's lock; nothing here waits or wakes. A waiter has a ticket. When the holder leaves,
//! the front waiter is *granted* the entry: it is held on the waiter's behalf until the waiter takes it up, or is
//! dropped and passes it on. So there is never a moment at which a newcomer could slip in between.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use crate::ground::clock::Stamp;
use crate::ground::waker::{self, Placed};

/// A place in the queue. Tickets grow from front to back.
pub(crate) type Ticket = u64;

#[derive(Debug, Default)]
pub(crate) struct Waiters {
    queue: VecDeque<Waiter>,
    /// The ticket on whose behalf the entry is held, and since when. It is no longer in the queue.
    granted: Option<(Ticket, Stamp)>,
    /// A time at which the present hold was there already: that of the grant with which it began, or else the first at which
    /// somebody has found the entry held.
    held_since: Option<Stamp>,
    next: Ticket,
    /// How many in the queue have gone away.
    gone: usize,
}

#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    /// `None` when it has gone away.
    waker: Option<Waker>,
    since: Stamp,
}

/// What a waiter that goes away leaves behind.
#[derive(Debug)]
pub(crate) enum Gone {
    /// It had been granted the entry at this time; the entry must be handed to the next.
    WithGrant(Stamp),
    /// It was in the queue. The waker must be dropped with nothing locked.
    FromQueue(Option<Waker>),
}

impl Waiters {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.granted.is_none() && self.held_since.is_none()
    }

    /// Whether anybody waits for a turn.
    pub(crate) fn is_awaited(&self) -> bool {
        self.queue.len() > self.gone
    }

    /// How many wait for a turn, and since when the first of them does.
    pub(crate) fn waiting(&self) -> (usize, Option<Stamp>) {
        let mut waiting = self.queue.iter().filter(|waiter| waiter.waker.is_some());
        let first = waiting.next().map(|waiter| waiter.since);
        (self.queue.len() - self.gone, first)
    }

    /// Whether the entry is held on behalf of one who has not taken it up.
    pub(crate) fn is_granted(&self) -> bool {
        self.granted.is_some()
    }

    /// Notes that the entry is held. Returns since when it is for certain.
    pub(crate) fn note_hold(&mut self, now: Stamp) -> Stamp {
        *self.held_since.get_or_insert(now)
    }

    pub(crate) fn join(&mut self, waker: Waker, now: Stamp) -> Ticket {
        self.note_hold(now);
        let ticket = self.next;
        self.next += 1;
        self.queue.push_back(Waiter {
            ticket,
            waker: Some(waker),
            since: now,
        });
        ticket
    }

    /// Renews the waker of a waiter.
    pub(crate) fn renew(&mut self, ticket: Ticket, cx: &Context<'_>, clone: &mut Option<Waker>) -> Placed {
        match self.find(ticket) {
            Some(at) => waker::settle(&mut self.queue[at].waker, cx, clone),
            None => Placed::Done(None),
        }
    }

    /// The present hold is over: grants the entry to the front waiter. Returns its waker, or `None` if nobody waits.
    pub(crate) fn grant(&mut self, now: impl FnOnce() -> Stamp) -> Option<(Waker, Stamp)> {
        self.held_since = None;
        while let Some(Waiter { ticket, waker, .. }) = self.queue.pop_front() {
            match waker {
                Some(waker) => {
                    let now = now();
                    self.granted = Some((ticket, now));
                    self.held_since = Some(now);
                    return Some((waker, now));
                }
                // It went away while it waited.
                None => self.gone -= 1,
            }
        }
        None
    }

    /// Takes up a grant. Returns since when this ticket had it, if it had.
    pub(crate) fn accept(&mut self, ticket: Ticket) -> Option<Stamp> {
        self.granted
            .take_if(|(granted, _)| *granted == ticket)
            .map(|(_, since)| since)
    }

    /// Takes a waiter off.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Gone {
        if let Some(since) = self.accept(ticket) {
            return Gone::WithGrant(since);
        }
        let waker = self.find(ticket).and_then(|at| self.queue[at].waker.take());
        if waker.is_some() {
            self.gone += 1;
        }
        // Those who went away are swept when they are the majority, so that each costs O(1) on the whole.
        if self.gone * 2 > self.queue.len() {
            self.queue.retain(|waiter| waiter.waker.is_some());
            self.gone = 0;
        }
        Gone::FromQueue(waker)
    }

    /// Sends everybody away. Returns whom to wake, and since when somebody had been granted the entry.
    pub(crate) fn dismiss(&mut self) -> (Vec<Waker>, Option<Stamp>) {
        self.gone = 0;
        self.held_since = None;
        let wakers = self.queue.drain(..).filter_map(|waiter| waiter.waker).collect();
        (wakers, self.granted.take().map(|(_, since)| since))
    }

    fn find(&self, ticket: Ticket) -> Option<usize> {
        self.queue
            .binary_search_by_key(&ticket, |waiter| waiter.ticket)
            .ok()
    }
}
