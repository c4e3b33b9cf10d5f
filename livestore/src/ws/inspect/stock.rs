//! [`Inspected`]: a store that is shown, whatever its values are.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::task::yield_now;
use uuid::Uuid;

use crate::ground::stats::{EntryStats, Stats};
use crate::ground::unwind::caught;
use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::value::LiveValue;
use crate::ws::deny::{Code, Deny};
#[cfg(feature = "durable")]
use crate::ws::inspect::figures::OfDisk;
use crate::ws::inspect::figures::{Hold, OfEntry, OfStore, OfValue, Page, millis};
use crate::ws::inspect::survey::{Since, Walk};
use crate::ws::json::{Json, json};

/// How many keys are shown at once.
const PAGE: usize = 50;
/// Others come to their turn each time that so many keys were gone over.
const TURN: usize = 4096;
/// How many held entries are shown, how many are known, and how many entries are gone over in one look to find them.
const SHOWN: usize = 50;
const KNOWN: usize = 1000;
const GONE_OVER: usize = 20_000;

pub(super) trait Inspected: Send + Sync {
    fn name(&self) -> &str;

    /// Begins to look at it again and again.
    fn survey(&self) -> Box<dyn StoreSurvey>;

    /// The first keys after `after`, in their order, that begin like this.
    fn keys(&self, prefix: &str, after: Option<Uuid>) -> Finding;

    fn entry(&self, key: &Uuid) -> Result<OfEntry, Deny>;

    fn value(&self, key: &Uuid) -> Result<OfValue, Deny>;
}

pub(super) type Finding = Pin<Box<dyn Future<Output = Result<Page, Deny>> + Send>>;

/// What is known of a store from one look to the next.
pub(super) trait StoreSurvey: Send {
    fn look(&mut self, since: Since, walk: Walk) -> OfStore;
}

pub(super) type View<V> = Box<dyn Fn(&Entry<V>) -> Json + Send + Sync>;

/// A store, and what is shown of its values.
pub(super) struct Stock<V: LiveValue> {
    name: Arc<str>,
    store: LiveStore<V>,
    view: Option<View<V>>,
}

impl<V: LiveValue> Stock<V> {
    pub(super) fn new(name: &str, store: LiveStore<V>, view: Option<View<V>>) -> Stock<V> {
        let name = Arc::from(name);
        Stock { name, store, view }
    }
}

impl<V: LiveValue> Inspected for Stock<V> {
    fn name(&self) -> &str {
        &self.name
    }

    fn survey(&self) -> Box<dyn StoreSurvey> {
        Box::new(StockSurvey {
            name: Arc::clone(&self.name),
            has_view: self.view.is_some(),
            before: self.store.stats(),
            store: self.store.clone(),
            held: BTreeSet::new(),
            walk: None,
        })
    }

    fn keys(&self, prefix: &str, after: Option<Uuid>) -> Finding {
        let (store, prefix) = (self.store.clone(), Prefix::read(prefix));
        Box::pin(async move {
            let prefix = prefix.ok_or(Deny::rejected("a key begins with hexadecimal digits"))?;
            // The last comes first, so that it goes when there are too many.
            let mut found = BinaryHeap::new();
            for (at, key) in store.keys().enumerate() {
                if at % TURN == TURN - 1 {
                    yield_now().await;
                }
                if prefix.is_of(&key) && after.is_none_or(|after| key > after) {
                    found.push(key);
                    if found.len() > PAGE + 1 {
                        found.pop();
                    }
                }
            }
            let mut keys = found.into_sorted_vec();
            let has_more = keys.len() > PAGE;
            keys.truncate(PAGE);
            let after = keys.last().copied().filter(|_| has_more);
            let entries = keys.iter().filter_map(|key| of_entry(&store, key)).collect();
            Ok(Page { entries, after })
        })
    }

    fn entry(&self, key: &Uuid) -> Result<OfEntry, Deny> {
        of_entry(&self.store, key).ok_or(Deny::not_found())
    }

    fn value(&self, key: &Uuid) -> Result<OfValue, Deny> {
        let view = self.view.as_ref().ok_or(Deny::forbidden())?;
        let entry = self.store.peek(key).ok_or(Deny::not_found())?;
        let shown = caught(|| view(&entry)).ok();
        let text = shown.as_ref().and_then(Json::text);
        let value = text.and_then(|text| RawValue::from_string(text.to_string()).ok());
        let value = value.ok_or(Deny {
            reason: Some(json("its view cannot show it")),
            ..Deny::new(Code::Internal)
        })?;
        Ok(OfValue {
            version: entry.version(),
            value,
        })
    }
}

fn of_entry<V: LiveValue>(store: &LiveStore<V>, key: &Uuid) -> Option<OfEntry> {
    let (stats, entry) = (store.stats_of(key)?, store.peek(key)?);
    Some(OfEntry::new(*key, &entry, &stats))
}

/// The first digits of a key.
struct Prefix {
    bits: u128,
    mask: u128,
}

impl Prefix {
    /// Reads digits, between which hyphens may stand. `None` if they are none.
    fn read(text: &str) -> Option<Prefix> {
        let (mut bits, mut digits) = (0, 0);
        for digit in text.trim().chars().filter(|c| *c != '-') {
            digits += 1;
            bits |= u128::from(digit.to_digit(16)?) << 128_u32.checked_sub(4 * digits)?;
        }
        let mask = u128::MAX.checked_shl(128 - 4 * digits).unwrap_or(0);
        Some(Prefix { bits, mask })
    }

    fn is_of(&self, key: &Uuid) -> bool {
        key.as_u128() & self.mask == self.bits
    }
}

struct StockSurvey<V: LiveValue> {
    name: Arc<str>,
    has_view: bool,
    store: LiveStore<V>,
    before: Stats,
    /// Entries that were held when they were looked at.
    held: BTreeSet<Uuid>,
    /// Goes over the entries, a few of them in each look, until all that are held are known.
    walk: Option<Box<dyn Iterator<Item = (Uuid, EntryStats)> + Send>>,
}

impl<V: LiveValue> StoreSurvey for StockSurvey<V> {
    fn look(&mut self, since: Since, walk: Walk) -> OfStore {
        let (stats, closed) = (self.store.stats(), self.store.is_closed());
        let (holds, has_more_holds) = self.holds(&stats, walk);
        let before = std::mem::replace(&mut self.before, stats);
        OfStore {
            name: self.name.to_string(),
            is_closed: closed,
            entries: stats.entries,
            watched_entries: stats.watched_entries,
            watchers: stats.watchers,
            delta_watchers: stats.delta_watchers,
            set_watchers: stats.set_watchers,
            watch_sets: stats.watch_sets,
            watch_alls: stats.watch_alls,
            held: stats.held,
            waiters: stats.waiters,
            granted: stats.granted,
            holds,
            has_more_holds,
            mutations: since.rate(stats.mutations, before.mutations),
            refused: since.rate(stats.refused, before.refused),
            lagged: since.rate(stats.lagged, before.lagged),
            expired: since.rate(stats.expired, before.expired),
            all_mutations: stats.mutations,
            all_refused: stats.refused,
            all_lagged: stats.lagged,
            all_expired: stats.expired,
            deadlines: stats.deadlines,
            next_deadline: stats.next_deadline.map(millis),
            expiry_runs: stats.expiry_runs,
            callbacks: stats.callbacks,
            has_view: self.has_view,
            #[cfg(feature = "durable")]
            disk: self.disk(&stats, &before, since),
            #[cfg(not(feature = "durable"))]
            disk: None,
        }
    }
}

impl<V: LiveValue> StockSurvey<V> {
    /// The entries that are held, and whether there may be more of them.
    fn holds(&mut self, stats: &Stats, walk: Walk) -> (Vec<Hold>, bool) {
        let mut known = Vec::new();
        for key in &self.held {
            let stats = self.store.stats_of(key).filter(|stats| stats.held);
            known.extend(stats.map(|stats| (*key, stats)));
        }
        if walk == Walk::Yes {
            self.find(stats.held, &mut known);
        }
        self.held = known.iter().map(|(key, _)| *key).collect();
        let mut holds: Vec<_> = known
            .iter()
            .filter(|(_, stats)| stats.waiters > 0 || millis(stats.held_for) > 0)
            .map(|(key, stats)| Hold::new(*key, stats))
            .collect();
        holds.sort_unstable_by_key(|hold| (Reverse((hold.waited_for, hold.held_for)), hold.key));
        let has_more = holds.len() > SHOWN || self.walk.is_some();
        holds.truncate(SHOWN);
        (holds, has_more)
    }

    /// Looks for entries that are held, until there are so many.
    fn find(&mut self, wanted: usize, known: &mut Vec<(Uuid, EntryStats)>) {
        let wanted = wanted.min(KNOWN);
        if known.len() >= wanted {
            self.walk = None;
            return;
        }
        let walk = self
            .walk
            .get_or_insert_with(|| Box::new(self.store.stats_of_each()));
        for _ in 0..GONE_OVER {
            let Some((key, stats)) = walk.next() else {
                self.walk = None;
                return;
            };
            if stats.held && !self.held.contains(&key) {
                known.push((key, stats));
            }
            if known.len() >= wanted {
                self.walk = None;
                return;
            }
        }
    }

    #[cfg(feature = "durable")]
    fn disk(&self, stats: &Stats, before: &Stats, since: Since) -> Option<OfDisk> {
        use crate::ground::stats::DiskState;
        let disk = stats.disk?;
        let folder = self.store.folder().map(|folder| folder.display().to_string());
        // What a panic has said may be about a value.
        let error = self.store.durability_error().map(|error| match error.io_error() {
            Some(error) => error.to_string(),
            None => "the thread that writes has ended".to_owned(),
        });
        let written = before.disk.map_or(0, |before| before.durable);
        Some(OfDisk {
            folder: folder.unwrap_or_default(),
            state: match disk.state {
                DiskState::Open => "open",
                DiskState::Closed => "closed",
                DiskState::Failed => "failed",
            },
            error,
            pending: disk.pending,
            pending_bytes: disk.pending_bytes,
            unwritten: disk.unwritten,
            committed: disk.committed,
            durable: disk.durable,
            written: since.rate(disk.durable, written),
            log_bytes: disk.log_bytes,
            snapshot_bytes: disk.snapshot_bytes,
            synced: disk.synced.map(millis),
            torn_bytes: self.store.open_report().map_or(0, |report| report.torn_bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_of_the_keys_that_begin_like_it() {
        let key = Uuid::from_u128(0x3f2a_0000_1111_2222_3333_0000_0000_002a);
        for text in [
            "",
            " ",
            "3",
            "3F",
            "3f2a",
            "3f2a0000-1",
            "3f2a0000-",
            &key.to_string(),
        ] {
            assert!(
                Prefix::read(text).is_some_and(|prefix| prefix.is_of(&key)),
                "{text:?}"
            );
        }
        for text in ["4", "3f2b", "3f2a0000-2"] {
            assert!(
                Prefix::read(text).is_some_and(|prefix| !prefix.is_of(&key)),
                "{text:?}"
            );
        }
        for text in ["g", "3f 2a", "{3f2a", &format!("{key}0")] {
            assert!(Prefix::read(text).is_none(), "{text:?}");
        }
    }
}
