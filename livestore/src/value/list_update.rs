//! [`ListUpdate`]: what a live query receives, and [`ListChange`], what it is made of.

use std::fmt;

use uuid::Uuid;

use crate::value::entry::Entry;
use crate::value::error::QueryError;

/// What a [`LiveQuery`](crate::LiveQuery) receives: the list, and then what changes in it.
///
/// Carried out one after another, by [`apply`](Self::apply) for example, they always lead to a list that there was: what one
/// commit or one transaction changed comes in one update, never in two.
#[non_exhaustive]
pub enum ListUpdate<V> {
    /// The list as it is now, in place of whatever was known of it: the first that is received, and the next one after updates
    /// were dropped because this receiver was too slow. It also comes where so much has changed at once that it is shorter, or
    /// sooner carried out: each change moves what is behind it.
    List(Vec<(Uuid, Entry<V>)>),
    /// What changed, to be carried out in this order.
    Changes(Vec<ListChange<V>>),
    /// The query has ended. The last that is received.
    Failed(QueryError),
}

/// One step from a list to the next.
#[non_exhaustive]
pub enum ListChange<V> {
    /// An entry has come in.
    Enter {
        /// Where it stands; what stood there, and what is behind it, is one place further now.
        at: usize,
        /// Its key.
        key: Uuid,
        /// The entry.
        entry: Entry<V>,
    },
    /// An entry that is in the list has changed.
    Update {
        /// Where it stood.
        from: usize,
        /// Where it stands, once it was taken out: often the same.
        to: usize,
        /// Its key.
        key: Uuid,
        /// The entry after the change.
        entry: Entry<V>,
    },
    /// An entry is in the list no more: its rank says so, it has ended, or others have come before it.
    Leave {
        /// Where it stood; what is behind it is one place nearer now.
        at: usize,
        /// Its key.
        key: Uuid,
    },
}

impl<V> ListUpdate<V> {
    /// Carries it out on a list: an empty one for the first update, then always the same.
    ///
    /// # Panics
    ///
    /// If this is not the list that all updates before it have led to.
    pub fn apply(self, list: &mut Vec<(Uuid, Entry<V>)>) {
        match self {
            ListUpdate::List(now) => *list = now,
            ListUpdate::Changes(changes) => changes.into_iter().for_each(|change| change.apply(list)),
            ListUpdate::Failed(_) => {}
        }
    }
}

impl<V> ListChange<V> {
    /// Carries it out on a list.
    ///
    /// # Panics
    ///
    /// If this is not the list that all changes before it have led to.
    pub fn apply(self, list: &mut Vec<(Uuid, Entry<V>)>) {
        match self {
            ListChange::Enter { at, key, entry } => list.insert(at, (key, entry)),
            ListChange::Update { from, to, key, entry } => {
                list.remove(from);
                list.insert(to, (key, entry));
            }
            ListChange::Leave { at, .. } => drop(list.remove(at)),
        }
    }

    /// Returns the key of the entry that it is about.
    pub fn key(&self) -> &Uuid {
        match self {
            ListChange::Enter { key, .. }
            | ListChange::Update { key, .. }
            | ListChange::Leave { key, .. } => key,
        }
    }
}

impl<V> Clone for ListUpdate<V> {
    fn clone(&self) -> Self {
        match self {
            ListUpdate::List(list) => ListUpdate::List(list.clone()),
            ListUpdate::Changes(changes) => ListUpdate::Changes(changes.clone()),
            ListUpdate::Failed(error) => ListUpdate::Failed(error.clone()),
        }
    }
}

impl<V> Clone for ListChange<V> {
    fn clone(&self) -> Self {
        match *self {
            ListChange::Enter { at, key, ref entry } => {
                let entry = entry.clone();
                ListChange::Enter { at, key, entry }
            }
            ListChange::Update {
                from,
                to,
                key,
                ref entry,
            } => {
                let entry = entry.clone();
                ListChange::Update { from, to, key, entry }
            }
            ListChange::Leave { at, key } => ListChange::Leave { at, key },
        }
    }
}

/// Shows keys and places, so that it needs nothing of the value's type.
impl<V> fmt::Debug for ListUpdate<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListUpdate::List(list) => {
                f.write_str("List ")?;
                f.debug_list().entries(list.iter().map(|(key, _)| key)).finish()
            }
            ListUpdate::Changes(changes) => {
                f.write_str("Changes ")?;
                f.debug_list().entries(changes).finish()
            }
            ListUpdate::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
        }
    }
}

impl<V> fmt::Debug for ListChange<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, places): (_, &[(&str, &usize)]) = match self {
            ListChange::Enter { at, .. } => ("Enter", &[("at", at)]),
            ListChange::Update { from, to, .. } => ("Update", &[("from", from), ("to", to)]),
            ListChange::Leave { at, .. } => ("Leave", &[("at", at)]),
        };
        let mut shown = f.debug_struct(kind);
        for (name, place) in places {
            shown.field(name, place);
        }
        shown.field("key", self.key()).finish_non_exhaustive()
    }
}
