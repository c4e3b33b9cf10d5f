//! When one entry expires, and which item of the deadline queue it counts on.
//!
//! Every entry that can expire counts on one item. It begins with one that is queued when it is created, and goes on with
//! that for as long as its deadline moves away: when the item comes up, it is queued again for the deadline as it is then. A
//! deadline of its own that comes earlier *arms* another item; what the entry counted on before is stale then.

use std::time::Duration;

use uuid::Uuid;

use crate::ground::clock::Stamp;
use crate::slot::after::After;
use crate::slot::commit::Change;
use crate::slot::shared::Shared;
use crate::slot::slot::{DUE, Own, State};
use crate::value::value::LiveValue;

/// Which of the items that were queued for an entry one is. 0 is the one that it begins with.
pub(crate) type Arming = u32;

/// What must be queued for a new deadline.
pub(crate) struct Arm {
    pub(crate) at: Stamp,
    pub(crate) arming: Arming,
    /// Another item became stale by it.
    pub(crate) replaces: bool,
}

/// What an expiry check finds.
pub(crate) enum Due {
    /// The entry is gone, or counts on another item.
    Stale,
    /// Not before this time, which may be never.
    At(Stamp),
    /// As soon as whoever holds it is done, who has been told.
    Held,
    Now,
}

impl<V: LiveValue> State<V> {
    /// When this entry expires as things stand.
    #[inline]
    pub(crate) fn deadline(&self, shared: &Shared<V>) -> Stamp {
        match self.own() {
            Some(own) => own.at,
            None => shared.deadline(self.times),
        }
    }

    /// What is told of when it expires.
    #[inline]
    pub(in crate::slot) fn expires(&self, shared: &Shared<V>) -> Stamp {
        // Most often, and little enough to stand in every fetch.
        if self.extra.is_none() && !shared.expires() {
            return Stamp::NEVER;
        }
        self.expires_at(shared)
    }

    #[inline(never)]
    fn expires_at(&self, shared: &Shared<V>) -> Stamp {
        match self.deadline(shared) {
            // It is in use, for as long as nobody can know.
            _ if self.is_idle_exempt(shared) => Stamp::NEVER,
            deadline => deadline,
        }
    }

    /// Whether somebody watches an entry that would expire by idleness.
    pub(in crate::slot) fn is_idle_exempt(&self, shared: &Shared<V>) -> bool {
        shared.idle_limit().is_some() && self.ring().is_some() && self.own().is_none()
    }

    pub(in crate::slot) fn own(&self) -> Option<&Own> {
        self.extra.as_ref()?.own.as_ref()
    }

    /// Gives the entry a deadline of its own. Returns what must be queued for it, if anything. The caller then
    /// [leaves](Self::leave_for_disk) it for the disk.
    pub(crate) fn set_deadline(&mut self, shared: &Shared<V>, at: Stamp) -> Option<Arm> {
        // Until now it counted on the item that it began with, which comes up when the mode says or before.
        let began_with = shared.deadline(self.times);
        let own = self.extra().own.get_or_insert(Own {
            at,
            armed: began_with,
            arming: 0,
        });
        own.at = at;
        if own.armed <= at {
            // The item that is there comes up in time, and goes on from there.
            return None;
        }
        let replaces = own.armed < Stamp::NEVER;
        own.armed = at;
        own.arming = own.arming.wrapping_add(1);
        Some(Arm {
            at,
            arming: own.arming,
            replaces,
        })
    }

    /// Notes that the item which the entry counts on comes up again at this time, or not any more.
    fn rearmed(&mut self, at: Stamp) {
        if let Some(own) = self.extra.as_mut().and_then(|extra| extra.own.as_mut()) {
            own.armed = at;
        }
    }

    /// Whether this item is the one that the entry counts on.
    pub(crate) fn counts_on(&self, arming: Arming) -> bool {
        self.is_alive() && self.own().map_or(0, |own| own.arming) == arming
    }

    /// Whether the entry counts on any item.
    pub(in crate::slot) fn is_armed(&self, shared: &Shared<V>) -> bool {
        let armed = match self.own() {
            Some(own) => own.armed,
            None => shared.deadline(self.times),
        };
        armed < Stamp::NEVER
    }

    /// What an item that has come up finds.
    pub(crate) fn due(&mut self, shared: &Shared<V>, arming: Arming, now: Stamp) -> Due {
        if !self.counts_on(arming) {
            return Due::Stale;
        }
        let due = self.due_now(shared, now);
        if self.is_idle_exempt(shared) {
            // It is in use now, and so the item comes up again when its idle time may be over.
            self.times.make_use(now);
        }
        match due {
            Due::At(at) => self.rearmed(at),
            // Whoever waits for it meanwhile comes after the deadline.
            Due::Held => self.word |= DUE,
            Due::Stale | Due::Now => {}
        }
        due
    }

    fn due_now(&self, shared: &Shared<V>, now: Stamp) -> Due {
        if self.is_idle_exempt(shared)
            && let Some(limit) = shared.idle_limit()
        {
            // It is in use now, so its idle time starts later than now.
            return Due::At(shared.clock.deadline(now, limit.max(Duration::from_millis(1))));
        }
        match self.deadline(shared) {
            deadline if deadline > now => Due::At(deadline),
            _ if self.is_held() => Due::Held,
            _ => Due::Now,
        }
    }

    /// Ends the entry at the end of a hold if its deadline is past, and either somebody waits for it or a check has come for it
    /// meanwhile. Returns whether it has ended. Without this, an entry that somebody always waits for would never go.
    pub(in crate::slot) fn go_if_due(
        &mut self,
        shared: &Shared<V>,
        key: &Uuid,
        after: &mut After<V>,
    ) -> bool {
        let is_wanted = self
            .extra
            .as_ref()
            .is_some_and(|extra| extra.waiters.is_awaited());
        if self.word & DUE == 0 && !is_wanted {
            return false;
        }
        self.word &= !DUE;
        if self.deadline(shared) == Stamp::NEVER
            || !matches!(self.due_now(shared, shared.clock.exact()), Due::Held)
        {
            return false;
        }
        // Its item is queued, or in the hands of a check, and is found stale there.
        self.commit(shared, key, Change::Expire, after);
        shared.overdue.push(*key, self.entry(shared));
        true
    }
}
