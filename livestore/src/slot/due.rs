//! When one entry expires.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ground::clock::Stamp;
use crate::ground::sync::Flag;
use crate::ground::sync::atomic::AtomicBool;
use crate::ground::sync::atomic::Ordering::Relaxed;
use crate::slot::shared::Shared;
use crate::slot::slot::{Own, State};
use crate::value::value::LiveValue;

/// What must be queued for a new deadline.
pub(crate) struct Arm {
    pub(crate) at: Stamp,
    pub(crate) flag: Flag,
    /// Another item became stale by it.
    pub(crate) replaces: bool,
}

/// What an expiry check finds.
pub(crate) enum Due {
    /// The entry is gone, or counts on another item.
    Stale,
    /// Not before this time, which may be never.
    At(Stamp),
    /// As soon as whoever holds it is done.
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

    #[inline]
    pub(in crate::slot) fn expires(&self, shared: &Shared<V>) -> Option<Instant> {
        match self.deadline(shared) {
            Stamp::NEVER => None,
            // It is in use, for as long as nobody can know.
            _ if self.is_idle_exempt(shared) => None,
            deadline => Some(shared.clock.instant(deadline)),
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
    pub(crate) fn set_deadline(&mut self, at: Stamp) -> Option<Arm> {
        let own = self.extra().own.get_or_insert_with(|| Own {
            at,
            armed: Stamp::NEVER,
            flag: Flag::default(),
        });
        own.at = at;
        if own.armed <= at {
            // The item that is there comes up in time, and goes on from there.
            return None;
        }
        own.flag.store(false, Relaxed);
        let replaces = own.armed < Stamp::NEVER;
        own.armed = at;
        own.flag = Arc::new(AtomicBool::new(true));
        Some(Arm {
            at,
            flag: Arc::clone(&own.flag),
            replaces,
        })
    }

    /// Notes that the item which the entry counts on comes up again at this time, or not any more.
    fn rearmed(&mut self, at: Stamp) {
        if let Some(own) = self.extra.as_mut().and_then(|extra| extra.own.as_mut()) {
            own.armed = at;
        }
    }

    /// What an item that has come up finds. `flag` is the item's.
    pub(crate) fn due(&mut self, shared: &Shared<V>, flag: Option<&Flag>, now: Stamp) -> Due {
        if !self.is_alive()
            || self
                .own()
                .is_some_and(|own| flag.is_none_or(|flag| !Arc::ptr_eq(flag, &own.flag)))
        {
            return Due::Stale;
        }
        let due = self.due_now(shared, now);
        if let Due::At(at) = due {
            self.rearmed(at);
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
}
