//! [`Stats`]: figures of a store at work, and [`Counters`], where they are counted.
//!
//! Each thread counts in a cache line of its own, which nobody else writes; reading adds them up. So counting costs a
//! commit about a nanosecond, however many threads commit.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use thread_local::ThreadLocal;

/// Figures of a store at work. From [`LiveStore::stats`](crate::LiveStore::stats).
///
/// They are read one after another while the store goes on, so they need not fit each other exactly. Counts begin with
/// the store and never decrease; the rest is the present state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many entries there are, as [`LiveStore::len`](crate::LiveStore::len) counts them.
    pub entries: usize,
    /// How many entries are watched by at least one watch. One that has ended counts until its last watch is dropped.
    pub watched_entries: usize,
    /// How many watches of single entries there are, those without values included.
    pub watchers: usize,
    /// How many watch every entry.
    pub watch_alls: usize,
    /// How many entries are held: by a guard, by a mutation that runs, or by a transaction.
    pub held: usize,
    /// How many calls wait for a held entry.
    pub waiters: usize,
    /// How many mutations were committed.
    pub mutations: u64,
    /// How many mutations were refused by their value.
    pub refused: u64,
    /// How many times a watcher had fallen behind and got a resync.
    pub lagged: u64,
    /// How many entries have expired.
    pub expired: u64,
    /// How many items are queued for expiry: about one per entry that can expire.
    pub deadlines: usize,
    /// How many batches of expired entries wait for the callback, with the one that it is at.
    pub callbacks: usize,
    /// Whether expiry is checked: the store was built with an `expire_check_freq`, and the runtime it was built in has
    /// not ended.
    pub expiry_runs: bool,
    /// How far the disk has come. `None` in a store that is in memory alone.
    #[cfg(feature = "durable")]
    pub disk: Option<DiskStats>,
}

/// How far the disk has come, in a store that was built with [`open`](crate::LiveStoreBuilder::open).
#[cfg(feature = "durable")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskStats {
    /// How many keys have something that waits to be written. What is being written does not count.
    pub pending: usize,
    /// How many commits, and deadlines of single entries, were ever to go to disk.
    pub committed: u64,
    /// How many of them are there, or were overtaken by a later one that is.
    pub durable: u64,
    /// Whether anything goes there yet.
    pub state: DiskState,
}

/// Whether anything goes to disk yet.
#[cfg(feature = "durable")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskState {
    /// Commits go to disk.
    Open,
    /// The store was closed: what was committed before is on disk or about to be, and no more.
    Closed,
    /// The disk has failed; [`flush`](crate::LiveStore::flush) says why.
    Failed,
}

/// What is counted.
#[derive(Clone, Copy)]
pub(crate) enum Count {
    Mutations,
    Refused,
    Lagged,
    Expired,
    Held,
    Waiters,
    Watchers,
    WatchedEntries,
    Callbacks,
}

const COUNTS: usize = Count::Callbacks as usize + 1;

/// The counts of one thread. A line for itself, and the one that processors fetch along with it.
#[derive(Default)]
#[repr(align(128))]
struct Stripe([AtomicU64; COUNTS]);

#[derive(Default)]
pub(crate) struct Counters {
    stripes: ThreadLocal<Stripe>,
}

impl Counters {
    #[inline]
    pub(crate) fn add(&self, count: Count, amount: usize) {
        self.step(count, amount as u64);
    }

    #[inline]
    pub(crate) fn subtract(&self, count: Count, amount: usize) {
        // One thread may see more go than come: only the sum counts.
        self.step(count, (amount as u64).wrapping_neg());
    }

    #[inline]
    fn step(&self, count: Count, amount: u64) {
        let cell = &self.stripes.get_or_default().0[count as usize];
        // Only this thread writes it.
        cell.store(cell.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    pub(crate) fn sum(&self, count: Count) -> u64 {
        self.stripes
            .iter()
            .map(|stripe| stripe.0[count as usize].load(Relaxed))
            .fold(0, u64::wrapping_add)
    }

    /// The sum of what comes and goes, which is never below zero but while it is read.
    pub(crate) fn present(&self, count: Count) -> usize {
        usize::try_from(self.sum(count).cast_signed()).unwrap_or(0)
    }
}
