//! [`Waiters`]: who waits for one entry, first come, first served.
//!
//! Plain data under the slot's lock; nothing here waits or wakes. A waiter has a ticket. When the holder leaves,
//! the front waiter is *granted* the entry: it is held on the waiter's behalf until the waiter takes it up, or is
//! dropped and passes it on. So there is never a moment at which a newcomer could slip in between.

use std::collections::VecDeque;
use std::task::{Context, Waker};

/// A place in the queue. Tickets grow from front to back.
pub(crate) type Ticket = u64;

#[derive(Debug, Default)]
pub(crate) struct Waiters {
    queue: VecDeque<Waiter>,
    /// The ticket on whose behalf the entry is held. It is no longer in the queue.
    granted: Option<Ticket>,
    next: Ticket,
    /// How many in the queue have gone away.
    gone: usize,
}

#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    /// `None` when it has gone away.
    waker: Option<Waker>,
}

/// What a waiter that goes away leaves behind.
#[derive(Debug)]
pub(crate) enum Gone {
    /// It had been granted the entry, which must be handed to the next.
    WithGrant,
    /// It was in the queue. The waker must be dropped with nothing locked.
    FromQueue { _waker: Option<Waker> },
}

impl Waiters {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.granted.is_none()
    }

    pub(crate) fn join(&mut self, cx: &Context<'_>) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.queue.push_back(Waiter {
            ticket,
            waker: Some(cx.waker().clone()),
        });
        ticket
    }

    /// Renews the waker of a waiter. Returns the former one if it was another.
    pub(crate) fn renew(&mut self, ticket: Ticket, cx: &Context<'_>) -> Option<Waker> {
        let at = self.find(ticket)?;
        let waker = &mut self.queue[at].waker;
        if waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return None;
        }
        waker.replace(cx.waker().clone())
    }

    /// Grants the entry to the front waiter. Returns its waker, or `None` if nobody waits.
    pub(crate) fn grant(&mut self) -> Option<Waker> {
        while let Some(Waiter { ticket, waker }) = self.queue.pop_front() {
            match waker {
                Some(waker) => {
                    self.granted = Some(ticket);
                    return Some(waker);
                }
                // It went away while it waited.
                None => self.gone -= 1,
            }
        }
        None
    }

    /// Takes up a grant. Returns whether this ticket had it.
    pub(crate) fn accept(&mut self, ticket: Ticket) -> bool {
        self.granted.take_if(|granted| *granted == ticket).is_some()
    }

    /// Takes a waiter off.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Gone {
        if self.accept(ticket) {
            return Gone::WithGrant;
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
        Gone::FromQueue { _waker: waker }
    }

    /// Sends everybody away. Returns whom to wake.
    pub(crate) fn dismiss(&mut self) -> Vec<Waker> {
        self.granted = None;
        self.gone = 0;
        self.queue.drain(..).filter_map(|waiter| waiter.waker).collect()
    }

    fn find(&self, ticket: Ticket) -> Option<usize> {
        self.queue
            .binary_search_by_key(&ticket, |waiter| waiter.ticket)
            .ok()
    }
}
