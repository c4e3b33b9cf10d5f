//! Who is told of one entry: its watchers, and what of the past is kept for them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ground::stats::Count;
use crate::slot::after::{After, Leftover};
use crate::slot::ring::{Left, News, Ring, Seat, Sitter};
use crate::slot::shared::Shared;
use crate::slot::slot::State;
use crate::value::entry::Entry;
use crate::value::update::Update;
use crate::value::value::LiveValue;

impl<V: LiveValue> State<V> {
    /// The entries that are kept, oldest first; the last one is the present.
    pub(crate) fn history(&self, shared: &Shared<V>) -> Vec<Entry<V>> {
        let past = self
            .extra
            .as_ref()
            .and_then(|extra| extra.history.as_ref())
            .map(|history| history.past());
        past.into_iter()
            .flatten()
            .cloned()
            .chain([self.entry(shared)])
            .collect()
    }

    /// The updates that led from `version` to the present, if they are kept.
    pub(crate) fn updates_since(&self, version: u64) -> Option<VecDeque<triomphe::Arc<Update<V>>>> {
        if version == self.version() {
            return Some(VecDeque::new());
        }
        self.extra.as_ref()?.history.as_ref()?.since(version)
    }

    /// What led from `version` to the present, if it is kept as mutations without values, or as updates.
    pub(crate) fn deltas_since(&self, version: u64) -> Option<VecDeque<News<V>>> {
        let deltas = self.extra.as_ref().and_then(|extra| extra.deltas.as_ref());
        deltas.and_then(|deltas| deltas.since(version)).or_else(|| {
            let updates = self.updates_since(version)?;
            Some(updates.into_iter().map(News::Update).collect())
        })
    }

    // Watchers.

    /// Adds a watcher, who will be told of what happens from now on, with values or without.
    pub(crate) fn join_ring(
        &mut self,
        shared: &Arc<Shared<V>>,
        values: bool,
        sitter: Sitter,
    ) -> (Arc<Ring<V>>, Seat) {
        self.note_use(shared);
        let ended = !self.is_alive();
        let extra = self.extra();
        extra.full_watchers += usize::from(values);
        shared.counters.add(Count::Watchers, 1);
        if !values {
            shared.counters.add(Count::DeltaWatchers, 1);
        }
        if matches!(sitter, Sitter::Member(..)) {
            shared.counters.add(Count::SetWatchers, 1);
        }
        let ring = extra.ring.get_or_insert_with(|| {
            shared.counters.add(Count::WatchedEntries, 1);
            Arc::new(Ring::new(Arc::clone(shared)))
        });
        if ended {
            // With its store, while a guard holds it: nobody is told anything.
            ring.close(&mut Vec::new());
        }
        let seat = ring.join(values, sitter);
        (Arc::clone(ring), seat)
    }

    /// Takes a watcher off; with the last one goes the ring.
    pub(crate) fn leave_ring(&mut self, ring: &Ring<V>, seat: &mut Seat, after: &mut After<V>) {
        let shared = &ring.shared;
        let Left {
            watchers,
            sitter,
            released,
        } = ring.leave(seat);
        let is_member = matches!(sitter, Some(Sitter::Member(..)));
        after.leave_all(sitter.map(Leftover::Sitter));
        after.leave_all(released);
        shared.counters.subtract(Count::Watchers, 1);
        if !seat.values {
            shared.counters.subtract(Count::DeltaWatchers, 1);
        }
        if is_member {
            shared.counters.subtract(Count::SetWatchers, 1);
        }
        if let Some(extra) = &mut self.extra {
            extra.full_watchers -= usize::from(seat.values);
        }
        if watchers == 0 {
            shared.counters.subtract(Count::WatchedEntries, 1);
            if let Some(extra) = &mut self.extra {
                extra.ring = None;
            }
            self.trim();
            // Being watched was use, and ends now.
            self.note_use(shared);
        }
    }

    pub(in crate::slot) fn ring(&self) -> Option<&Arc<Ring<V>>> {
        self.extra.as_ref()?.ring.as_ref()
    }
}
