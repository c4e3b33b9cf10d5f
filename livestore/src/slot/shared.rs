//! [`Shared`]: what all entries of one store have in common, without the entries.
//!
//! A watch keeps it alive, so it holds neither the map nor anything that would keep the store open.

#[cfg(feature = "durable")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "durable")]
use uuid::Uuid;

use crate::ground::clock::{Clock, Stamp};
use crate::ground::stats::Counters;
use crate::ground::sync::atomic::{AtomicU64, Ordering};
use crate::ground::times::Times;
#[cfg(feature = "durable")]
use crate::ground::unwind::let_go;
use crate::slot::feed::Feed;
use crate::slot::kept::Kept;
use crate::slot::outlet::Outlet;
use crate::slot::overdue::Overdue;
#[cfg(feature = "durable")]
use crate::slot::record::Owing;
#[cfg(feature = "durable")]
use crate::slot::sink::Sink;
use crate::value::options::{ExpireMode, StoreOptions};
use crate::value::value::LiveValue;

pub(crate) struct Shared<V: LiveValue> {
    pub(crate) clock: Clock,
    pub(crate) channel_cap: usize,
    /// How many updates of an entry are kept.
    pub(crate) history: usize,
    /// How many mutations of an entry are kept without values.
    pub(crate) delta_history: usize,
    pub(crate) counters: Counters,
    /// To those who watch everything.
    pub(crate) feed: Feed<V>,
    /// What this program could not read, to be written on.
    pub(crate) kept: Kept,
    /// Where every commit goes in a store that is kept on disk.
    pub(crate) outlet: Outlet<V>,
    /// What expired at the end of a hold.
    pub(crate) overdue: Overdue<V>,
    /// `None` when nothing ever expires.
    expire: Option<ExpireMode>,
    /// The highest version at which an entry ended. A new entry starts above it, so that no key repeats a version.
    /// Raised under the slot's lock before the slot is marked dead; read by a creator after it saw the slot dead or
    /// the key vacant.
    floor: AtomicU64,
}

impl<V: LiveValue> Shared<V> {
    pub(crate) fn new(options: &StoreOptions) -> Shared<V> {
        Shared {
            clock: Clock::start(),
            channel_cap: options.channel_cap,
            history: options.history,
            delta_history: options.delta_history,
            counters: Counters::new(),
            feed: Feed::new(),
            kept: Kept::default(),
            outlet: Outlet::none(),
            overdue: Overdue::new(),
            expire: options.expire_check_freq.map(|_| options.expire_mode),
            floor: AtomicU64::new(0),
        }
    }

    /// Whether so much waits for the disk that who can wait should.
    #[inline]
    pub(crate) fn is_backlogged(&self) -> bool {
        self.outlet.backlog().is_some()
    }

    /// How many updates one who watches everything may be behind.
    pub(crate) fn feed_cap(&self) -> usize {
        self.channel_cap.saturating_mul(16)
    }

    /// The version of an entry that is created now.
    pub(crate) fn first_version(&self) -> u64 {
        self.floor.load(Ordering::Acquire) + 1
    }

    pub(crate) fn raise_floor(&self, ended_at: u64) {
        self.floor.fetch_max(ended_at, Ordering::AcqRel);
    }

    /// Whether entries expire that have no deadline of their own.
    #[inline]
    pub(crate) fn expires(&self) -> bool {
        self.expire.is_some()
    }

    /// After how long without use an entry expires, in a store where use counts.
    #[inline]
    pub(crate) fn idle_limit(&self) -> Option<Duration> {
        match self.expire {
            Some(ExpireMode::Idle(limit)) => Some(limit),
            _ => None,
        }
    }

    /// The time of an entry that is created now.
    pub(crate) fn birth(&self) -> Stamp {
        match self.expire {
            // It happens once in a life, and then nothing else moves the deadline.
            Some(ExpireMode::Lifetime(_)) => self.clock.exact(),
            _ => self.clock.now(),
        }
    }

    /// The deadline this long from now.
    pub(crate) fn deadline_after(&self, after: Duration) -> Stamp {
        self.clock.deadline_after(after)
    }

    /// When an entry expires that has these times.
    #[inline]
    pub(crate) fn deadline(&self, times: Times) -> Stamp {
        let (from, limit) = match self.expire {
            None => return Stamp::NEVER,
            Some(ExpireMode::Timeout(limit)) => (times.changed(), limit),
            Some(ExpireMode::Idle(limit)) => (times.used(), limit),
            Some(ExpireMode::Lifetime(limit)) => (times.created(), limit),
        };
        self.clock.deadline(from, limit)
    }
}

#[cfg(feature = "durable")]
impl<V: LiveValue> Shared<V> {
    pub(crate) fn with_sink(self, sink: Sink<V>) -> Shared<V> {
        let outlet = Outlet::to(sink);
        Shared { outlet, ..self }
    }

    #[inline]
    pub(crate) fn sink(&self) -> Option<&Sink<V>> {
        self.outlet.sink()
    }

    /// Notes what the callback is owed under an id, as was found on disk.
    pub(crate) fn owe(&self, id: Uuid, owing: Owing<V>) {
        if let Some(sink) = self.sink() {
            sink.owed().add(id, &Arc::new(owing));
        }
    }

    /// Notes that it was found to be delivered.
    pub(crate) fn owe_no_more(&self, key: Uuid, version: u64) {
        if let Some(sink) = self.sink() {
            let_go(sink.owed().take(key, version));
        }
    }

    /// Waits until it is not backlogged.
    pub(crate) async fn room(&self) {
        if let Some(sink) = self.sink() {
            sink.room().await;
        }
    }

    pub(crate) fn floor(&self) -> u64 {
        self.floor.load(Ordering::Acquire)
    }
}
