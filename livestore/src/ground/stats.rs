//! [`Stats`]: figures of a store at work, [`EntryStats`], those of one entry, and [`Counters`], where they are counted.

use std::time::Duration;

use crate::ground::clock::Stamp;
use crate::ground::stripes::Stripes;

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
    /// How many watches of single entries there are, those without values and the members of sets included.
    pub watchers: usize,
    /// How many of them are told no values.
    pub delta_watchers: usize,
    /// How many of them are the members of sets.
    pub set_watchers: usize,
    /// How many [sets](crate::WatchSet) there are.
    pub watch_sets: usize,
    /// How many watch every entry.
    pub watch_alls: usize,
    /// How many entries are held: by a guard, by a mutation that runs, or by a transaction.
    pub held: usize,
    /// How many calls wait for a held entry.
    pub waiters: usize,
    /// How many entries are held on behalf of a call that has waited and was not polled since its turn came. Mostly 0: a task
    /// that is woken takes its turn at once. A future that nobody polls, kept across a `select!` for example, keeps its entry
    /// held, and all other calls for that key wait.
    pub granted: usize,
    /// For how long they have been held so, all together: no less than the longest of them, and in whole milliseconds. Where
    /// this grows as fast as time, somebody has a future and does not poll it. Zero where turns change too fast to tell.
    pub granted_for: Duration,
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
    /// In how long the first of them comes up, in whole milliseconds; zero if it is due. Its entry may have been used or changed
    /// since, and then expires later. `None` if nothing is queued.
    pub next_deadline: Option<Duration>,
    /// How many batches of expired entries wait for the callback, with the one that it is at.
    pub callbacks: usize,
    /// Whether expiry is checked: the store was built with an `expire_check_freq`, and the runtime that it is checked in has not
    /// ended.
    pub expiry_runs: bool,
    /// How far the disk has come. `None` in a store that is in memory alone.
    #[cfg(feature = "durable")]
    pub disk: Option<DiskStats>,
}

/// Figures of one entry. From [`LiveStore::stats_of`](crate::LiveStore::stats_of).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryStats {
    /// The version that it was at.
    pub version: u64,
    /// How many watch it, those without values and the members of sets included.
    pub watchers: usize,
    /// How many of them are told no values.
    pub delta_watchers: usize,
    /// Whether it is held: by a guard, by a mutation that runs, or by a transaction.
    pub held: bool,
    /// For how long it has been held so, at least, in whole milliseconds: since this hold followed on another, since
    /// somebody had to wait for it, or since it was asked for the first time, whichever was first. A hold that nobody has
    /// asked about, or waited for, is counted by nobody.
    pub held_for: Duration,
    /// Whether it is held on behalf of a call that has waited and was not polled since its turn came.
    pub granted: bool,
    /// How many calls wait for it.
    pub waiters: usize,
    /// For how long the first of them does, in whole milliseconds.
    pub waited_for: Duration,
    /// How many updates are kept of it: see [`StoreOptions::history`](crate::StoreOptions::history).
    pub history: usize,
    /// How many mutations are kept of it: see [`StoreOptions::delta_history`](crate::StoreOptions::delta_history).
    pub delta_history: usize,
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
    /// How many bytes wait to be written, going by those that were written lately. 0 before there were any.
    pub pending_bytes: u64,
    /// How many entries have a value that cannot be written: [`flush`](crate::LiveStore::flush) names some of them.
    pub unwritten: u64,
    /// How many bytes of logs are to be read when the folder is opened.
    pub log_bytes: u64,
    /// How many bytes the snapshot has. 0 if there is none.
    pub snapshot_bytes: u64,
    /// How long ago a batch came to disk, by the machine's clock. `None` before the first.
    pub synced: Option<Duration>,
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
    DeltaWatchers,
    SetWatchers,
    Sets,
    Callbacks,
    /// Entries that were granted to a waiter and not taken up yet.
    Granted,
    /// The sum of the stamps at which that was.
    GrantedAt,
}

const COUNTS: usize = Count::GrantedAt as usize + 1;

/// What is counted of one store. Counting costs a commit about a nanosecond, however many threads commit.
pub(crate) struct Counters {
    stripes: Stripes<COUNTS>,
}

impl Counters {
    pub(crate) fn new() -> Counters {
        Counters {
            stripes: Stripes::new(),
        }
    }

    #[inline]
    pub(crate) fn add(&self, count: Count, amount: usize) {
        self.stripes.add(count as usize, amount as u64);
    }

    #[inline]
    pub(crate) fn subtract(&self, count: Count, amount: usize) {
        // One thread may see more go than come: only the sum counts.
        self.stripes.add(count as usize, (amount as u64).wrapping_neg());
    }

    /// Notes that an entry was granted to a waiter.
    pub(crate) fn begin_grant(&self, at: Stamp) {
        self.add(Count::Granted, 1);
        self.stripes.add(Count::GrantedAt as usize, at.0);
    }

    /// Notes that a grant was taken up, or is over.
    pub(crate) fn end_grant(&self, since: Stamp) {
        self.subtract(Count::Granted, 1);
        self.stripes
            .add(Count::GrantedAt as usize, since.0.wrapping_neg());
    }

    /// For how long entries have been granted that were not taken up, all together.
    pub(crate) fn granted_for(&self, now: Stamp) -> Duration {
        let read = || (self.sum(Count::Granted), self.sum(Count::GrantedAt));
        // The two belong together only if nothing came or went while they were read.
        let mut before = read();
        for _ in 0..16 {
            let (granted, since) = read();
            if (granted, since) == before {
                let millis = granted.wrapping_mul(now.0).wrapping_sub(since).cast_signed();
                return Duration::from_millis(u64::try_from(millis).unwrap_or(0));
            }
            before = (granted, since);
        }
        Duration::ZERO
    }

    pub(crate) fn sum(&self, count: Count) -> u64 {
        self.stripes.sum(count as usize)
    }

    /// The sum of what comes and goes, which is never below zero but while it is read.
    pub(crate) fn present(&self, count: Count) -> usize {
        usize::try_from(self.sum(count).cast_signed()).unwrap_or(0)
    }
}
