//! The lock of one entry: who holds it, and whose turn is next.

use std::task::{Context, Waker};

use crate::ground::stats::Count;
use crate::slot::shared::Shared;
use crate::slot::slot::{HELD, State};
use crate::slot::waiters::{Gone, Ticket};
use crate::value::value::LiveValue;

impl<V: LiveValue> State<V> {
    /// Takes the entry if it is free.
    pub(crate) fn try_hold(&mut self, shared: &Shared<V>) -> bool {
        if self.is_held() {
            return false;
        }
        self.word |= HELD;
        shared.counters.add(Count::Held, 1);
        self.note_use(shared);
        true
    }

    /// Queues up for an entry that is held.
    pub(crate) fn join_waiters(&mut self, shared: &Shared<V>, cx: &Context<'_>) -> Ticket {
        debug_assert!(self.is_held(), "a free entry is taken, not waited for");
        shared.counters.add(Count::Waiters, 1);
        self.extra().waiters.join(cx)
    }

    /// Takes up a grant, or renews the waiter's waker. Returns whether the entry is held for the caller now, and a
    /// waker to be dropped with nothing locked.
    pub(crate) fn accept_grant(
        &mut self,
        ticket: Ticket,
        cx: &Context<'_>,
        shared: &Shared<V>,
    ) -> (bool, Option<Waker>) {
        let waiters = &mut self.extra().waiters;
        if !waiters.accept(ticket) {
            return (false, waiters.renew(ticket, cx));
        }
        self.note_use(shared);
        self.trim();
        (true, None)
    }

    /// Takes a waiter off; if it had been granted the entry, the next one gets it.
    pub(crate) fn leave_waiters(
        &mut self,
        shared: &Shared<V>,
        ticket: Ticket,
    ) -> (Option<Waker>, Option<Gone>) {
        if !self.is_alive() {
            // Its last commit sent everybody away.
            return (None, None);
        }
        match self.extra().waiters.leave(ticket) {
            Gone::WithGrant => (self.release(shared), None),
            gone => {
                shared.counters.subtract(Count::Waiters, 1);
                self.trim();
                (None, Some(gone))
            }
        }
    }

    /// Ends the present hold: the front waiter gets the entry, or it is free. Returns whom to wake.
    pub(crate) fn release(&mut self, shared: &Shared<V>) -> Option<Waker> {
        if !self.is_alive() {
            return None;
        }
        let next = self.extra.as_mut().and_then(|extra| extra.waiters.grant());
        if next.is_some() {
            shared.counters.subtract(Count::Waiters, 1);
        } else {
            shared.counters.subtract(Count::Held, 1);
            self.word &= !HELD;
            self.trim();
        }
        next
    }
}
