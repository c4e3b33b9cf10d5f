//! The figures of one entry: who holds it, who waits for it, who watches it.

use std::time::Duration;

use crate::ground::clock::Stamp;
use crate::ground::stats::EntryStats;
use crate::slot::shared::Shared;
use crate::slot::slot::State;
use crate::value::value::LiveValue;

impl<V: LiveValue> State<V> {
    /// How the entry is used just now. Notes, if it is held, that it was by now: nobody counts since when before somebody asks.
    pub(crate) fn figures(&mut self, shared: &Shared<V>) -> EntryStats {
        let now = shared.clock.now();
        let mut figures = EntryStats {
            version: self.version(),
            held: self.is_held(),
            ..EntryStats::default()
        };
        if self.is_held() {
            figures.held_for = since(self.extra().waiters.note_hold(now), now);
        }
        if let Some(extra) = &self.extra {
            let (waiters, first) = extra.waiters.waiting();
            figures.granted = extra.waiters.is_granted();
            figures.waiters = waiters;
            figures.waited_for = first.map_or(Duration::ZERO, |first| since(first, now));
            figures.watchers = extra.ring.as_ref().map_or(0, |ring| ring.watchers());
            figures.delta_watchers = figures.watchers.saturating_sub(extra.full_watchers);
            figures.history = extra.history.as_ref().map_or(0, |history| history.len());
            figures.delta_history = extra.deltas.as_ref().map_or(0, |deltas| deltas.len());
        }
        figures
    }
}

fn since(then: Stamp, now: Stamp) -> Duration {
    Duration::from_millis(now.0.saturating_sub(then.0))
}
