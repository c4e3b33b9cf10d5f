//! [`Delta`]: what a delta watcher receives.

use std::fmt;

use crate::value::entry::Entry;
use crate::value::update::{Update, show};
use crate::value::value::LiveValue;

/// What a [`DeltaWatch`](crate::DeltaWatch) receives: the mutation itself and the version that it led to, not the
/// values before and after.
///
/// For a replica: [`LiveValue::apply`] of each mutation to a copy of the value gives each value in turn. Versions of
/// commits are contiguous; a message has the version of the entry that it was sent to.
#[derive(Clone)]
#[non_exhaustive]
pub enum Delta<V: LiveValue> {
    /// A mutation was accepted.
    Mutate {
        /// The mutation.
        mutn: V::Mutation,
        /// The version that it led to.
        version: u64,
    },
    /// The value was replaced.
    Overwrite {
        /// What was said with it, if anything.
        msg: Option<V::Message>,
        /// The entry after it.
        new: Entry<V>,
    },
    /// A message was sent. Nothing changed.
    Message {
        /// The message.
        msg: V::Message,
        /// The version of the entry at that moment.
        version: u64,
    },
    /// An earlier value became the newest. Only in a store with a [`history`](crate::StoreOptions::history).
    Rollback {
        /// The entry after it: the earlier value, at a new version.
        new: Entry<V>,
    },
    /// The entry was removed. The last delta.
    Remove {
        /// What was said with it, if anything.
        msg: Option<V::Message>,
        /// The final entry.
        val: Entry<V>,
    },
    /// The entry expired. The last delta.
    Expire {
        /// The final entry.
        val: Entry<V>,
    },
    /// This watcher was too slow, and deltas were dropped before it took them. What follows was committed after `now`,
    /// so whoever goes on from `now` is correct again.
    Resync {
        /// The entry as it is now, or its final state if it has ended.
        now: Entry<V>,
        /// How many deltas this watcher did not get, messages included.
        missed: u64,
    },
}

impl<V: LiveValue> Delta<V> {
    /// What remains of an update without the values, where a mutation leads from one to the other.
    pub(crate) fn of(update: &Update<V>) -> Delta<V> {
        match update {
            Update::Mutate { mutn, new, .. } => Delta::Mutate {
                mutn: mutn.clone(),
                version: new.version(),
            },
            Update::Overwrite { msg, new, .. } => Delta::Overwrite {
                msg: msg.clone(),
                new: new.clone(),
            },
            Update::Message { msg, val } => Delta::Message {
                msg: msg.clone(),
                version: val.version(),
            },
            Update::Rollback { new, .. } => Delta::Rollback { new: new.clone() },
            Update::Remove { msg, val, .. } => Delta::Remove {
                msg: msg.clone(),
                val: val.clone(),
            },
            Update::Expire { val, .. } => Delta::Expire { val: val.clone() },
            Update::Resync { now, missed } => Delta::Resync {
                now: now.clone(),
                missed: *missed,
            },
            Update::Create { .. } => unreachable!("who watches one entry is not told of its creation"),
        }
    }

    /// Returns the version of the entry after this delta.
    pub fn version(&self) -> u64 {
        match self {
            Delta::Mutate { version, .. } | Delta::Message { version, .. } => *version,
            Delta::Overwrite { new, .. } | Delta::Rollback { new } => new.version(),
            Delta::Remove { val, .. } | Delta::Expire { val } => val.version(),
            Delta::Resync { now, .. } => now.version(),
        }
    }

    /// Returns whether this is the last delta of the entry: a removal or an expiry.
    pub fn is_end(&self) -> bool {
        matches!(self, Delta::Remove { .. } | Delta::Expire { .. })
    }
}

/// Shows the kind, the mutation or message if it is known how, and the version, so that it needs nothing of the value's
/// types.
impl<V: LiveValue> fmt::Debug for Delta<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Delta::Mutate { .. } => "Mutate",
            Delta::Overwrite { .. } => "Overwrite",
            Delta::Message { .. } => "Message",
            Delta::Rollback { .. } => "Rollback",
            Delta::Remove { .. } => "Remove",
            Delta::Expire { .. } => "Expire",
            Delta::Resync { .. } => "Resync",
        };
        let mut shown = f.debug_struct(kind);
        match self {
            Delta::Mutate { mutn, .. } => show(&mut shown, "mutn", V::__show(mutn)),
            Delta::Message { msg, .. } => show(&mut shown, "msg", V::__show_message(msg)),
            Delta::Overwrite { msg: Some(msg), .. } | Delta::Remove { msg: Some(msg), .. } => {
                show(&mut shown, "msg", V::__show_message(msg));
            }
            _ => {}
        }
        shown.field("version", &self.version()).finish_non_exhaustive()
    }
}
