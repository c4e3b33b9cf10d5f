//! [`StoreOptions`]: how a store behaves.

use std::time::Duration;

use crate::value::error::OptionsError;

/// dashmap allocates its shards up front; more than this many cost memory and win nothing.
const MAX_SHARDS: usize = 1 << 16;

/// How a store behaves. Name what you change and take the rest from the default.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use livestore::{ExpireMode, StoreOptions};
///
/// let options = StoreOptions {
///     expire_check_freq: Some(Duration::from_secs(10)),
///     expire_mode: ExpireMode::Idle(Duration::from_secs(600)),
///     ..Default::default()
/// };
/// assert_eq!(options.channel_cap, 64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// How many updates of one entry are kept for a watcher that has not taken them yet; at least 1, 64 by
    /// default. A watcher that falls further behind gets an [`Update::Resync`](crate::Update::Resync).
    ///
    /// Memory is used as updates wait, not up front. An update is free again when the slowest watcher has taken it; the
    /// places they waited in, when the last watcher has left.
    pub channel_cap: usize,

    /// Into how many shards the map is split: a power of two from 2 to 65,536. `None`, the default, takes four
    /// per processor, rounded up to a power of two.
    pub shard_amt: Option<usize>,

    /// How often entries are checked for expiry; longer than zero. `None`, the default, never.
    ///
    /// A check costs nothing for entries that are not due. An entry goes at the first check at or after its
    /// deadline, so it is late by at most this long and one step of the clock. If a guard defers it, counted from the end of
    /// the guard.
    ///
    /// A step is as much as the time of a change may lag: on Linux two ticks of the kernel and 28 ms, which is 36 ms on most
    /// machines, elsewhere 2 ms. A deadline that an entry was given, and one of [`ExpireMode::Lifetime`], are counted exactly
    /// and early under no circumstances. With [`ExpireMode::Timeout`] and [`ExpireMode::Idle`] an entry goes early only if
    /// the kernel's clock stood still for more than a step when the entry was last changed or used, as it may while a virtual
    /// machine is stopped.
    ///
    /// With the feature `test-util` there is no step, and time is counted in whole milliseconds from when the store was built:
    /// what happens between two counts as at the first. A thread that is in no runtime has the machine's clock, whatever is
    /// paused elsewhere.
    pub expire_check_freq: Option<Duration>,

    /// Since when an entry is due. One hour of [`ExpireMode::Timeout`] by default, which has an effect only with
    /// an `expire_check_freq`.
    pub expire_mode: ExpireMode,

    /// How many updates of each entry are kept, for [`LiveStore::history`](crate::LiveStore::history),
    /// [`rollback`](crate::LiveStore::rollback) and [`watch_since`](crate::LiveStore::watch_since). 0 by default, which
    /// costs nothing.
    ///
    /// An entry with n updates kept holds n + 1 values, and no mutation happens in place.
    pub history: usize,

    /// How many mutations of each entry are kept without values, for
    /// [`LiveStore::watch_deltas_since`](crate::LiveStore::watch_deltas_since). 0 by default, which costs nothing.
    ///
    /// No value is kept, so a mutation can change a large value in place, as ever. Replacing or rolling back a value forgets
    /// what was kept: it is no mutation, and nothing follows from those before. A mutation is cloned for this if somebody is
    /// told the values as well, or if it runs code of yours.
    pub delta_history: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            channel_cap: 64,
            shard_amt: None,
            expire_check_freq: None,
            expire_mode: ExpireMode::Timeout(Duration::from_secs(60 * 60)),
            history: 0,
            delta_history: 0,
        }
    }
}

impl StoreOptions {
    /// Refuses what no store can be built with.
    pub(crate) fn validate(&self) -> Result<(), OptionsError> {
        if self.channel_cap == 0 {
            return Err(OptionsError::ChannelCap);
        }
        if let Some(amount) = self.shard_amt
            && !(amount.is_power_of_two() && (2..=MAX_SHARDS).contains(&amount))
        {
            return Err(OptionsError::ShardAmount(amount));
        }
        if self.expire_check_freq == Some(Duration::ZERO) {
            return Err(OptionsError::CheckFrequency);
        }
        Ok(())
    }
}

/// When an entry of a store expires, unless it was given a deadline of its own with
/// [`expire_after`](crate::LiveStore::expire_after), [`expire_at`](crate::LiveStore::expire_at) or
/// [`persist`](crate::LiveStore::persist). `Duration::MAX` is never. A [guard](crate::EntryGuard) that is held defers it until the guard ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpireMode {
    /// This long after the last commit: creation, mutation or replacement.
    Timeout(Duration),
    /// This long after the last use, and never while somebody watches.
    ///
    /// Every call that names the key of an entry is a use of it, whatever comes of it: a `fetch`, a mutation that is refused, a
    /// `mutate_if` that finds another version, a `create` on a key that is taken, a message, a deadline, a `touch`. A call that
    /// waits uses the entry when it comes and again when it is its turn; a guard uses it with each commit and message. The end
    /// of a watch is a use if it was the last one. A call that is over before it has come to the entry is none: a `try_create`
    /// whose value is refused, an `acquire_many` that finds a key before it missing, a `transact` that was to create it and did
    /// not name it.
    ///
    /// Calls that only look are none: `peek`, `contains_key` and `history`; nor is what is about all entries, such as `keys`,
    /// `entries`, `watch_all`, `stats` and `save`.
    Idle(Duration),
    /// This long after its creation.
    Lifetime(Duration),
}

/// What the time between saving and loading counts for.
///
/// Set with [`LiveStoreBuilder::downtime`](crate::LiveStoreBuilder::downtime).
#[cfg(feature = "serde")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Downtime {
    /// It counts like any other time: what became due meanwhile expires when it is loaded. Times come back as they were.
    #[default]
    Counts,
    /// As if it had not been: what had a minute left has a minute left again. So that nothing seems to have aged, the
    /// times at which entries were created and changed move by the downtime, too.
    Frozen,
}
