//! What the page is shown: figures, in JSON.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::ground::clock;
use crate::ground::stats::EntryStats;
use crate::value::entry::Entry;
use crate::value::invalid::Never;
use crate::value::value::LiveValue;
use crate::ws::json::Json;

/// All of them as they were last, encoded.
#[derive(Clone)]
pub(crate) struct Figures(pub(crate) Json);

impl LiveValue for Figures {
    type Message = Never;
    type Mutation = Never;
    type MutError = Never;

    fn mutate(_: &Entry<Self>, mutation: &Never) -> Result<Self, Never> {
        match *mutation {}
    }
}

#[derive(Serialize)]
pub(super) struct All {
    /// Counts from when somebody began to look.
    pub(super) sample: u64,
    pub(super) stores: Vec<OfStore>,
    pub(super) lives: Vec<OfLive>,
}

#[derive(Serialize)]
pub(super) struct OfStore {
    pub(super) name: String,
    pub(super) is_closed: bool,
    pub(super) entries: usize,
    pub(super) watched_entries: usize,
    pub(super) watchers: usize,
    pub(super) delta_watchers: usize,
    pub(super) set_watchers: usize,
    pub(super) watch_sets: usize,
    pub(super) watch_alls: usize,
    pub(super) held: usize,
    pub(super) waiters: usize,
    pub(super) granted: usize,
    /// The entries that were held twice when they were looked at, or that somebody waits for. Those that somebody has waited for
    /// longest come first.
    pub(super) holds: Vec<Hold>,
    /// There may be more of them.
    pub(super) has_more_holds: bool,
    /// In a second.
    pub(super) mutations: Option<f64>,
    pub(super) refused: Option<f64>,
    pub(super) lagged: Option<f64>,
    pub(super) expired: Option<f64>,
    /// Since the store began.
    pub(super) all_mutations: u64,
    pub(super) all_refused: u64,
    pub(super) all_lagged: u64,
    pub(super) all_expired: u64,
    pub(super) deadlines: usize,
    pub(super) next_deadline: Option<u64>,
    pub(super) expiry_runs: bool,
    pub(super) callbacks: usize,
    /// Whether values are shown to who asks for them.
    pub(super) has_view: bool,
    pub(super) disk: Option<OfDisk>,
}

/// An entry that is held. Times are in milliseconds, as all here.
#[derive(Serialize)]
pub(super) struct Hold {
    pub(super) key: Uuid,
    pub(super) held_for: u64,
    pub(super) granted: bool,
    pub(super) waiters: usize,
    pub(super) waited_for: u64,
}

#[derive(Serialize)]
pub(super) struct OfDisk {
    pub(super) folder: String,
    pub(super) state: &'static str,
    pub(super) error: Option<String>,
    pub(super) pending: usize,
    pub(super) pending_bytes: u64,
    pub(super) unwritten: u64,
    pub(super) committed: u64,
    pub(super) durable: u64,
    /// How many commits came to disk, in a second.
    pub(super) written: Option<f64>,
    pub(super) log_bytes: u64,
    pub(super) snapshot_bytes: u64,
    pub(super) synced: Option<u64>,
    pub(super) torn_bytes: u64,
}

#[derive(Serialize)]
pub(super) struct OfLive {
    pub(super) name: String,
    pub(super) connections: usize,
    pub(super) users: usize,
    pub(super) subscriptions: Vec<Subscriptions>,
    /// In a second.
    pub(super) frames: Option<f64>,
    pub(super) bytes: Option<f64>,
    pub(super) folded: Option<f64>,
    pub(super) lagged: Option<f64>,
    pub(super) accepted: Option<f64>,
    pub(super) refused: Option<f64>,
    pub(super) limited: Option<f64>,
    /// Since the server began.
    pub(super) all_frames: u64,
    pub(super) all_bytes: u64,
    pub(super) all_folded: u64,
    pub(super) all_lagged: u64,
    pub(super) all_accepted: u64,
    pub(super) all_refused: u64,
    pub(super) all_limited: u64,
}

/// Subscriptions to one store.
#[derive(Serialize)]
pub(super) struct Subscriptions {
    pub(super) store: String,
    pub(super) count: usize,
    /// At how many keys.
    pub(super) keys: usize,
    /// There are more subscriptions than these.
    pub(super) is_partial: bool,
    /// The roles that most have, by the names that clients are told, with how many have each.
    pub(super) roles: Vec<(String, usize)>,
    /// How many roles there are.
    pub(super) all_roles: usize,
}

/// What is shown of one entry, without its value.
#[derive(Serialize)]
pub(super) struct OfEntry {
    key: Uuid,
    version: u64,
    watchers: usize,
    delta_watchers: usize,
    held: bool,
    held_for: u64,
    granted: bool,
    waiters: usize,
    waited_for: u64,
    history: usize,
    delta_history: usize,
    created: u64,
    changed: u64,
    /// In how long it expires.
    expires: Option<u64>,
}

/// The value of an entry, as its view shows it.
#[derive(Serialize)]
pub(super) struct OfValue {
    pub(super) version: u64,
    pub(super) value: Box<RawValue>,
}

/// Some of the keys of a store.
#[derive(Serialize)]
pub(super) struct Page {
    pub(super) entries: Vec<OfEntry>,
    /// If there are more keys: the last that was found, after which to go on, though its entry may be gone.
    pub(super) after: Option<Uuid>,
}

impl OfEntry {
    pub(super) fn new<V: LiveValue>(key: Uuid, entry: &Entry<V>, stats: &EntryStats) -> OfEntry {
        let now = clock::now();
        let ago = |then: Instant| millis(now.saturating_duration_since(then));
        OfEntry {
            key,
            version: stats.version,
            watchers: stats.watchers,
            delta_watchers: stats.delta_watchers,
            held: stats.held,
            held_for: millis(stats.held_for),
            granted: stats.granted,
            waiters: stats.waiters,
            waited_for: millis(stats.waited_for),
            history: stats.history,
            delta_history: stats.delta_history,
            created: ago(entry.create_time()),
            changed: ago(entry.last_change()),
            expires: entry
                .expires_at()
                .map(|at| millis(at.saturating_duration_since(now))),
        }
    }
}

impl Hold {
    pub(super) fn new(key: Uuid, stats: &EntryStats) -> Hold {
        Hold {
            key,
            held_for: millis(stats.held_for),
            granted: stats.granted,
            waiters: stats.waiters,
            waited_for: millis(stats.waited_for),
        }
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
