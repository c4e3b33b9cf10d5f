//! [`Update`]: what a watcher receives, and [`Control`], what it may answer.

use std::fmt;

use uuid::Uuid;

use crate::value::entry::Entry;
use crate::value::value::LiveValue;

/// What a [`Watch`](crate::Watch) receives.
///
/// Updates of one entry arrive in one order, the same for all its watchers. Versions of commits are contiguous;
/// a message has the version of the entry that it was sent to.
#[derive(Clone)]
#[non_exhaustive]
pub enum Update<V: LiveValue> {
    /// The entry was created. Only [`WatchAll`](crate::WatchAll) receives it.
    Create {
        /// The entry.
        new: Entry<V>,
    },
    /// A mutation was accepted.
    Mutate {
        /// The mutation.
        mutn: V::Mutation,
        /// The entry after it.
        new: Entry<V>,
        /// The entry before it.
        old: Entry<V>,
    },
    /// The value was replaced.
    Overwrite {
        /// What was said with it, if anything.
        msg: Option<V::Message>,
        /// The entry after it.
        new: Entry<V>,
        /// The entry before it.
        old: Entry<V>,
    },
    /// A message was sent. Nothing changed.
    Message {
        /// The message.
        msg: V::Message,
        /// The entry at that moment.
        val: Entry<V>,
    },
    /// The entry was removed. The last update.
    Remove {
        /// What was said with it, if anything.
        msg: Option<V::Message>,
        /// The final entry. The removal was a commit too, so its version is one more than that of the change before;
        /// after a resync that showed the final entry already, it is the same.
        val: Entry<V>,
        /// The key that it had.
        key: Uuid,
    },
    /// The entry expired. The last update.
    Expire {
        /// The final entry. The expiry was a commit too, so its version is one more than that of the change before;
        /// after a resync that showed the final entry already, it is the same.
        val: Entry<V>,
        /// The key that it had.
        key: Uuid,
    },
    /// An earlier value became the newest. Only in a store with a [`history`](crate::StoreOptions::history).
    Rollback {
        /// The entry after it: the earlier value, at a new version.
        new: Entry<V>,
        /// The entry before it.
        old: Entry<V>,
    },
    /// This watcher was too slow, and updates were dropped before it took them. What follows was committed after
    /// `now`, so whoever goes on from `now` is correct again.
    Resync {
        /// The entry as it is now, or its final state if it has ended.
        now: Entry<V>,
        /// How many updates this watcher did not get, messages included.
        missed: u64,
    },
}

impl<V: LiveValue> Update<V> {
    /// Returns the entry after this update: `new`, `val` or `now`.
    pub fn entry(&self) -> &Entry<V> {
        match self {
            Update::Create { new } | Update::Mutate { new, .. } => new,
            Update::Overwrite { new, .. } | Update::Rollback { new, .. } => new,
            Update::Message { val, .. } | Update::Remove { val, .. } | Update::Expire { val, .. } => val,
            Update::Resync { now, .. } => now,
        }
    }

    /// The entry before this update, if it changed the value.
    pub(crate) fn before(&self) -> Option<&Entry<V>> {
        match self {
            Update::Mutate { old, .. } | Update::Overwrite { old, .. } | Update::Rollback { old, .. } => {
                Some(old)
            }
            _ => None,
        }
    }

    /// Returns the version of the entry after this update.
    pub fn version(&self) -> u64 {
        self.entry().version()
    }

    /// Returns whether this is the last update of the entry: a removal or an expiry.
    pub fn is_end(&self) -> bool {
        matches!(self, Update::Remove { .. } | Update::Expire { .. })
    }
}

/// Shows the kind, the mutation or message if it is known how, and the version, so that it needs nothing of the value's
/// types.
impl<V: LiveValue> fmt::Debug for Update<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Update::Create { .. } => "Create",
            Update::Mutate { .. } => "Mutate",
            Update::Overwrite { .. } => "Overwrite",
            Update::Message { .. } => "Message",
            Update::Remove { .. } => "Remove",
            Update::Expire { .. } => "Expire",
            Update::Rollback { .. } => "Rollback",
            Update::Resync { .. } => "Resync",
        };
        let mut shown = f.debug_struct(kind);
        match self {
            Update::Mutate { mutn, .. } => show(&mut shown, "mutn", V::__show(mutn)),
            Update::Message { msg, .. } => show(&mut shown, "msg", V::__show_message(msg)),
            Update::Overwrite { msg: Some(msg), .. } | Update::Remove { msg: Some(msg), .. } => {
                show(&mut shown, "msg", V::__show_message(msg));
            }
            _ => {}
        }
        shown.field("version", &self.version()).finish_non_exhaustive()
    }
}

/// Adds what can be shown.
pub(crate) fn show(shown: &mut fmt::DebugStruct<'_, '_>, name: &str, value: Option<&dyn fmt::Debug>) {
    if let Some(value) = value {
        shown.field(name, value);
    }
}

/// Whether [`Watch::on_update`](crate::Watch::on_update) goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Stop; the watch can be used further.
    Break,
    /// Wait for the next update.
    Continue,
}
