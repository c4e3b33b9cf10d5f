//! [`Group`]: the entries of a live query that belong together, in order, and who is told of them.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::value::list_update::{ListChange, ListUpdate};
use crate::watch::query::ranked::{Item, Ranked};
use crate::watch::query::seat::{Seat, Told};

pub(super) struct Group<V, R> {
    list: Ranked<V, R>,
    /// How many of them are told of.
    limit: usize,
    seats: Vec<Arc<Seat<V>>>,
    /// What has changed since the seats were told, if there are any.
    changes: Vec<ListChange<V>>,
    /// So much has changed that the list is told anew.
    is_anew: bool,
}

/// How many changes are kept beyond what the list is long: each of them names an entry, as each place of the list does.
const KEPT: usize = 1024;
/// How many places all changes together may move, each of them up to all that there are; but a few changes are never too many.
const MOVES: usize = 1 << 22;
const FEW: usize = 64;

impl<V, R: Ord> Group<V, R> {
    pub(super) fn new(limit: usize) -> Group<V, R> {
        Group {
            list: Ranked::new(),
            limit,
            seats: Vec::new(),
            changes: Vec::new(),
            is_anew: false,
        }
    }

    /// Whether there is nothing in it, and nobody who is told of it.
    pub(super) fn is_idle(&self) -> bool {
        self.list.len() == 0 && self.seats.is_empty()
    }

    pub(super) fn sit(&mut self, seat: Arc<Seat<V>>) {
        self.seats.push(seat);
    }

    pub(super) fn leave(&mut self, seat: &Arc<Seat<V>>) {
        if let Some(at) = self.seats.iter().position(|other| Arc::ptr_eq(other, seat)) {
            self.seats.swap_remove(at);
        }
    }

    /// The list as it is told.
    pub(super) fn told(&self) -> Told<V> {
        let items = self.list.iter().take(self.limit);
        triomphe::Arc::new(ListUpdate::List(
            items.map(|item| (item.key, item.entry.clone())).collect(),
        ))
    }

    /// Whether there is something to be told.
    pub(super) fn has_news(&self) -> bool {
        self.is_anew || !self.changes.is_empty()
    }

    /// Tells what has changed.
    pub(super) fn tell(&mut self, cap: usize) {
        if !self.has_news() {
            return;
        }
        let changes = std::mem::take(&mut self.changes);
        let is_anew = std::mem::take(&mut self.is_anew);
        let told = match is_anew || changes.len() > self.list.len().min(self.limit) {
            true => self.told(),
            false => triomphe::Arc::new(ListUpdate::Changes(changes)),
        };
        self.seats.iter().for_each(|seat| seat.tell(&told, cap));
    }

    /// An entry comes in.
    pub(super) fn enter(&mut self, item: &Arc<Item<V, R>>) {
        let at = self.list.insert(Arc::clone(item));
        self.show(at, item);
    }

    /// An entry goes.
    pub(super) fn remove(&mut self, item: &Arc<Item<V, R>>) {
        if let Some(at) = self.list.remove(item) {
            self.hide(at, item);
        }
    }

    /// An entry that is in has changed.
    pub(super) fn update(&mut self, old: &Arc<Item<V, R>>, new: &Arc<Item<V, R>>) {
        if old.rank.cmp(&new.rank) == Ordering::Equal {
            if let Some(at) = self.list.replace(old, Arc::clone(new)) {
                self.shift(at, at, new);
            }
            return;
        }
        let Some(from) = self.list.remove(old) else {
            return;
        };
        let to = self.list.insert(Arc::clone(new));
        match (from < self.limit, to < self.limit) {
            (true, true) => self.shift(from, to, new),
            (true, false) => self.hide(from, old),
            (false, true) => self.show(to, new),
            (false, false) => {}
        }
    }

    fn shift(&mut self, from: usize, to: usize, item: &Item<V, R>) {
        if from < self.limit {
            self.note(|| ListChange::Update {
                from,
                to,
                key: item.key,
                entry: item.entry.clone(),
            });
        }
    }

    /// Has one seen that stands there now. Where there is no room, the last one goes.
    fn show(&mut self, at: usize, item: &Item<V, R>) {
        if at >= self.limit {
            return;
        }
        if let Some(last) = self.list.get(self.limit) {
            let (at, key) = (self.limit - 1, last.key);
            self.note(|| ListChange::Leave { at, key });
        }
        self.note(|| ListChange::Enter {
            at,
            key: item.key,
            entry: item.entry.clone(),
        });
    }

    /// Has one seen no more that stood there. Where others wait for room, the first of them comes.
    fn hide(&mut self, at: usize, item: &Item<V, R>) {
        if at >= self.limit {
            return;
        }
        self.note(|| ListChange::Leave { at, key: item.key });
        let last = self.limit - 1;
        if let Some(next) = self.list.get(last) {
            let (key, entry) = (next.key, next.entry.clone());
            self.note(|| ListChange::Enter { at: last, key, entry });
        }
    }

    fn note(&mut self, change: impl FnOnce() -> ListChange<V>) {
        // Nobody has to be told of what he is told with the list.
        if self.seats.is_empty() || self.is_anew {
            return;
        }
        self.changes.push(change());
        let shown = self.list.len().min(self.limit);
        if self.changes.len() > (shown + KEPT).min(FEW.max(MOVES / shown.max(1))) {
            self.is_anew = true;
            self.changes = Vec::new();
        }
    }
}
