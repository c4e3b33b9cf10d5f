//! The hold of one entry: who has it, and whose turn is next.

use std::task::{Context, Waker};

use uuid::Uuid;

use crate::ground::clock::Stamp;
use crate::ground::stats::Count;
use crate::ground::waker::Placed;
use crate::slot::after::After;
use crate::slot::shared::Shared;
use crate::slot::slot::{HELD, State};
use crate::slot::waiters::{Gone, Ticket};
use crate::value::value::LiveValue;

/// What a waiter finds.
pub(crate) enum Turn {
    /// It holds the entry.
    Ours,
    /// It has a place in the queue, and will be woken.
    Waits,
    /// It has to wait, and needs a clone of its waker for that, made with nothing locked.
    NeedsClone,
}

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

    /// Takes the entry if it is free or was granted; else sees to it that the waiter is in the queue, with its waker.
    pub(crate) fn take_turn(
        &mut self,
        shared: &Shared<V>,
        ticket: &mut Option<Ticket>,
        cx: &Context<'_>,
        clone: &mut Option<Waker>,
        after: &mut After<V>,
    ) -> Turn {
        let Some(waiting) = *ticket else {
            if self.try_hold(shared) {
                return Turn::Ours;
            }
            let Some(waker) = clone.take() else {
                return Turn::NeedsClone;
            };
            shared.counters.add(Count::Waiters, 1);
            *ticket = Some(self.extra().waiters.join(waker));
            return Turn::Waits;
        };
        let waiters = &mut self.extra().waiters;
        if let Some(since) = waiters.accept(waiting) {
            *ticket = None;
            shared.counters.end_grant(since);
            self.note_use(shared);
            self.trim();
            return Turn::Ours;
        }
        match waiters.renew(waiting, cx, clone) {
            Placed::Done(former) => {
                after.leave_all(former);
                Turn::Waits
            }
            Placed::NeedsClone => Turn::NeedsClone,
        }
    }

    /// Takes a waiter off; if it had been granted the entry, the next one gets it.
    pub(crate) fn leave_waiters(
        &mut self,
        shared: &Shared<V>,
        key: &Uuid,
        ticket: Ticket,
        after: &mut After<V>,
    ) {
        if !self.is_alive() {
            // Its last commit sent everybody away.
            return;
        }
        match self.extra().waiters.leave(ticket) {
            Gone::WithGrant(since) => {
                shared.counters.end_grant(since);
                self.release(shared, key, after);
            }
            Gone::FromQueue(waker) => {
                shared.counters.subtract(Count::Waiters, 1);
                self.trim();
                after.leave_all(waker);
            }
        }
    }

    /// Ends the present hold: an entry for whose deadline a check has come meanwhile goes if it is still due; else the front
    /// waiter gets it, or it is free.
    pub(crate) fn release(&mut self, shared: &Shared<V>, key: &Uuid, after: &mut After<V>) {
        if !self.is_alive() || self.go_if_due(shared, key, after) {
            return;
        }
        let next = self
            .extra
            .as_mut()
            .and_then(|extra| extra.waiters.grant(|| shared.clock.now()));
        match next {
            Some((waker, since)) => {
                shared.counters.subtract(Count::Waiters, 1);
                shared.counters.begin_grant(since);
                after.wake(waker);
            }
            None => {
                shared.counters.subtract(Count::Held, 1);
                self.word &= !HELD;
                self.trim();
            }
        }
    }

    /// Sends all waiters away, to look their key up again, and ends the present hold, whoever has it.
    pub(in crate::slot) fn dismiss(&mut self, shared: &Shared<V>, after: &mut After<V>) {
        if self.is_held() {
            shared.counters.subtract(Count::Held, 1);
            self.word &= !HELD;
        }
        if let Some(extra) = &mut self.extra {
            let (waiting, granted): (_, Option<Stamp>) = extra.waiters.dismiss();
            shared.counters.subtract(Count::Waiters, waiting.len());
            waiting.into_iter().for_each(|waker| after.wake(waker));
            granted
                .into_iter()
                .for_each(|since| shared.counters.end_grant(since));
        }
    }
}
