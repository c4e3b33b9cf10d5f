//! What calls of a store fail with: one small type per way of failing, which gives back what was taken.

use std::error::Error;
use std::fmt;

use uuid::Uuid;

#[cfg(feature = "durable")]
use crate::value::durability::FlushError;
use crate::value::entry::Entry;
#[cfg(not(feature = "durable"))]
use crate::value::invalid::Never;
use crate::value::value::LiveValue;

/// What is said of a key that has no entry to whoever may be in a transaction.
const MISSING: &str = "this key has no entry; create it first (a transaction sees only keys that it names)";

/// The key has no entry. Holds what the call was given and did not use.
///
/// Returned by [`LiveStore::assign`](crate::LiveStore::assign) and its siblings (the value) and by
/// [`LiveStore::broadcast`](crate::LiveStore::broadcast) (the message).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Missing<T>(pub T);

impl<T> fmt::Debug for Missing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Missing")
    }
}

impl<T> fmt::Display for Missing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MISSING)
    }
}

impl<T> Error for Missing<T> {}

/// The key has an entry already. Holds both values.
///
/// Returned by [`LiveStore::create`](crate::LiveStore::create) and its siblings, which never overwrite.
#[derive(Clone)]
pub struct Occupied<V> {
    /// The value that was not stored.
    pub value: V,
    /// The entry that the key has.
    pub existing: Entry<V>,
}

impl<V> fmt::Debug for Occupied<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Occupied")
            .field("version", &self.existing.version())
            .finish_non_exhaustive()
    }
}

impl<V> fmt::Display for Occupied<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this key has an entry already; `insert` would replace it")
    }
}

impl<V> Error for Occupied<V> {}

/// The value does not pass [`LiveValue::check`]. Holds it, and the reason.
///
/// Returned by [`LiveStore::try_init`](crate::LiveStore::try_init) and
/// [`LiveStore::try_insert`](crate::LiveStore::try_insert).
#[derive(Clone)]
pub struct Rejected<V: LiveValue> {
    /// The value that was not stored.
    pub value: V,
    /// What its check says.
    pub reason: V::MutError,
}

impl<V: LiveValue> fmt::Debug for Rejected<V>
where
    V::MutError: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_rejected(&self.reason, f)
    }
}

impl<V: LiveValue> fmt::Display for Rejected<V>
where
    V::MutError: fmt::Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rejected(&self.reason, f)
    }
}

/// The reason is in the text, so it is not a [`source`](Error::source) as well.
impl<V: LiveValue> Error for Rejected<V> where V::MutError: fmt::Debug + fmt::Display {}

/// Why [`LiveStore::try_create`](crate::LiveStore::try_create) created nothing.
#[derive(Clone)]
#[non_exhaustive]
pub enum TryCreateError<V: LiveValue> {
    /// The key has an entry already.
    Occupied(Occupied<V>),
    /// The value does not pass its own check.
    Rejected {
        /// The value that was not stored.
        value: V,
        /// What its check says.
        reason: V::MutError,
    },
}

impl<V: LiveValue> TryCreateError<V> {
    /// Returns the value that was not stored.
    pub fn into_value(self) -> V {
        match self {
            TryCreateError::Occupied(occupied) => occupied.value,
            TryCreateError::Rejected { value, .. } => value,
        }
    }
}

impl<V: LiveValue> From<Occupied<V>> for TryCreateError<V> {
    fn from(occupied: Occupied<V>) -> Self {
        TryCreateError::Occupied(occupied)
    }
}

impl<V: LiveValue> From<Rejected<V>> for TryCreateError<V> {
    fn from(rejected: Rejected<V>) -> Self {
        TryCreateError::Rejected {
            value: rejected.value,
            reason: rejected.reason,
        }
    }
}

impl<V: LiveValue> fmt::Debug for TryCreateError<V>
where
    V::MutError: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryCreateError::Occupied(occupied) => occupied.fmt(f),
            TryCreateError::Rejected { reason, .. } => debug_rejected(reason, f),
        }
    }
}

impl<V: LiveValue> fmt::Display for TryCreateError<V>
where
    V::MutError: fmt::Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryCreateError::Occupied(occupied) => occupied.fmt(f),
            TryCreateError::Rejected { reason, .. } => write_rejected(reason, f),
        }
    }
}

impl<V: LiveValue> Error for TryCreateError<V> where V::MutError: fmt::Debug + fmt::Display {}

/// Why [`LiveStore::try_assign`](crate::LiveStore::try_assign) replaced nothing.
#[derive(Clone)]
#[non_exhaustive]
pub enum TryAssignError<V: LiveValue> {
    /// The key has no entry. Here is the value.
    Missing(V),
    /// The value does not pass its own check.
    Rejected {
        /// The value that was not stored.
        value: V,
        /// What its check says.
        reason: V::MutError,
    },
}

impl<V: LiveValue> TryAssignError<V> {
    /// Returns the value that was not stored.
    pub fn into_value(self) -> V {
        match self {
            TryAssignError::Missing(value) => value,
            TryAssignError::Rejected { value, .. } => value,
        }
    }
}

impl<V: LiveValue> From<Missing<V>> for TryAssignError<V> {
    fn from(Missing(value): Missing<V>) -> Self {
        TryAssignError::Missing(value)
    }
}

impl<V: LiveValue> From<Rejected<V>> for TryAssignError<V> {
    fn from(rejected: Rejected<V>) -> Self {
        TryAssignError::Rejected {
            value: rejected.value,
            reason: rejected.reason,
        }
    }
}

impl<V: LiveValue> fmt::Debug for TryAssignError<V>
where
    V::MutError: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryAssignError::Missing(_) => f.write_str("Missing"),
            TryAssignError::Rejected { reason, .. } => debug_rejected(reason, f),
        }
    }
}

impl<V: LiveValue> fmt::Display for TryAssignError<V>
where
    V::MutError: fmt::Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryAssignError::Missing(_) => f.write_str(MISSING),
            TryAssignError::Rejected { reason, .. } => write_rejected(reason, f),
        }
    }
}

impl<V: LiveValue> Error for TryAssignError<V> where V::MutError: fmt::Debug + fmt::Display {}

/// Why [`LiveStore::mutate`](crate::LiveStore::mutate) changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MutateError<E> {
    /// The key has no entry.
    Missing,
    /// The value refused the mutation.
    Rejected(E),
}

impl<E: fmt::Display> fmt::Display for MutateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MutateError::Missing => f.write_str(MISSING),
            MutateError::Rejected(reason) => write!(f, "the value refused the mutation: {reason}"),
        }
    }
}

/// The reason is in the text, so it is not a [`source`](Error::source) as well.
impl<E: fmt::Debug + fmt::Display> Error for MutateError<E> {}

/// Why [`LiveStore::mutate_if`](crate::LiveStore::mutate_if) changed nothing.
#[derive(Clone)]
pub enum MutateIfError<V: LiveValue> {
    /// The key has no entry.
    Missing,
    /// The entry is at another version. Here it is.
    Conflict(Entry<V>),
    /// The value refused the mutation.
    Rejected(V::MutError),
}

impl<V: LiveValue> From<MutateError<V::MutError>> for MutateIfError<V> {
    fn from(error: MutateError<V::MutError>) -> Self {
        match error {
            MutateError::Missing => MutateIfError::Missing,
            MutateError::Rejected(reason) => MutateIfError::Rejected(reason),
        }
    }
}

impl<V: LiveValue> fmt::Debug for MutateIfError<V>
where
    V::MutError: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MutateIfError::Missing => f.write_str("Missing"),
            MutateIfError::Conflict(entry) => write!(f, "Conflict(version {})", entry.version()),
            MutateIfError::Rejected(reason) => f.debug_tuple("Rejected").field(reason).finish(),
        }
    }
}

impl<V: LiveValue> fmt::Display for MutateIfError<V>
where
    V::MutError: fmt::Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MutateIfError::Missing => f.write_str("this key has no entry; create it first"),
            MutateIfError::Conflict(entry) => {
                write!(
                    f,
                    "the entry is at version {} now; decide again and retry",
                    entry.version()
                )
            }
            MutateIfError::Rejected(reason) => write!(f, "the value refused the mutation: {reason}"),
        }
    }
}

impl<V: LiveValue> Error for MutateIfError<V> where V::MutError: fmt::Debug + fmt::Display {}

/// Why [`LiveStore::rollback`](crate::LiveStore::rollback) changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollbackError<E> {
    /// The key has no entry.
    Missing,
    /// The entry of that version is not kept.
    NotKept {
        /// The oldest version that is.
        oldest: u64,
    },
    /// The value of that version is not a valid successor of the present one.
    Rejected(E),
}

impl<E: fmt::Display> fmt::Display for RollbackError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RollbackError::Missing => f.write_str("this key has no entry; create it first"),
            RollbackError::NotKept { oldest } => {
                write!(
                    f,
                    "that version is not kept, only those from {oldest} on; `history` in the options says how many are, since \
                     the entry was created or the store opened"
                )
            }
            RollbackError::Rejected(reason) => write!(f, "the value refused to go back: {reason}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> Error for RollbackError<E> {}

/// One of several keys has no entry: this one.
///
/// Returned by [`LiveStore::acquire_many`](crate::LiveStore::acquire_many). The first in key order, of those that were not held
/// already when this was found: a store that is closed meanwhile has none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingKey(pub Uuid);

impl fmt::Display for MissingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the key {} has no entry, so none was acquired; create it first",
            self.0
        )
    }
}

impl Error for MissingKey {}

/// Why [`LiveStore::transact`](crate::LiveStore::transact) changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransactError<E> {
    /// The closure has returned this error.
    Aborted(E),
    /// Somebody else has an entry under this key, which the transaction was to create: made meanwhile, or before, where the
    /// transaction does not name the key. Name it, and retry: then [`Tx::create`](crate::Tx::create) says what is there.
    Occupied(Uuid),
    /// The transaction was to change something, and the store was [closed](crate::LiveStore::close) before it was committed.
    Closed,
}

impl<E: fmt::Display> fmt::Display for TransactError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransactError::Aborted(reason) => write!(f, "the transaction was aborted: {reason}"),
            TransactError::Occupied(key) => {
                write!(
                    f,
                    "somebody else has an entry under the key {key}; name the key, and retry"
                )
            }
            TransactError::Closed => {
                f.write_str("the store was closed; nothing can be created in it any more")
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> Error for TransactError<E> {}

/// Why [`LiveStore::try_acquire`](crate::LiveStore::try_acquire) gave no guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The key has no entry.
    Missing,
    /// Somebody else holds the entry, or waits for it.
    Held,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Missing => "this key has no entry; create it first",
            TryAcquireError::Held => "the entry is held by somebody else; try again, or wait with `acquire`",
        })
    }
}

impl Error for TryAcquireError {}

/// Why [`LiveStore::acquire_timeout`](crate::LiveStore::acquire_timeout) gave no guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireError {
    /// The key has no entry.
    Missing,
    /// The time was over before the entry was free.
    TimedOut,
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AcquireError::Missing => "this key has no entry; create it first",
            AcquireError::TimedOut => "the entry was held by others for the whole time allowed",
        })
    }
}

impl Error for AcquireError {}

/// Why an entry was given no deadline.
///
/// Returned by [`LiveStore::expire_after`](crate::LiveStore::expire_after) and
/// [`LiveStore::expire_at`](crate::LiveStore::expire_at).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadlineError {
    /// The key has no entry.
    Missing,
    /// The store was built without `expire_check_freq`, so nothing would ever look at the deadline.
    NoChecks,
    /// The runtime in which the store was checked for expiry has ended, and this was not called inside another one with timers,
    /// so nothing would ever look at the deadline.
    RuntimeEnded,
}

impl fmt::Display for DeadlineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeadlineError::Missing => MISSING,
            DeadlineError::NoChecks => {
                "this store checks nothing for expiry; set `expire_check_freq` in its options"
            }
            DeadlineError::RuntimeEnded => {
                "the runtime in which this store was checked for expiry has ended; call from inside a runtime with timers, \
                 where the checks then go on"
            }
        })
    }
}

impl Error for DeadlineError {}

/// Options that no store can be built with. The text says which, and what to write instead.
///
/// Returned by [`LiveStoreBuilder::try_done`](crate::LiveStoreBuilder::try_done).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// The program was built for `wasm32-unknown-unknown`, which has no clock and no threads, so no store can work there.
    NoClock,
    /// `channel_cap` is 0, so no watcher could ever be told anything.
    ChannelCap,
    /// `shard_amt` is not a power of two from 2 to 65,536.
    ShardAmount(usize),
    /// `expire_check_freq` is zero, so the check would never rest.
    CheckFrequency,
    /// `expire_check_freq` is set, but the store is built outside a tokio runtime, where no check can run.
    NoRuntime,
    /// `expire_check_freq` is set, and tokio's clock is paused or was moved, as tests do, but the store's clock would not
    /// follow it, so nothing would expire when the test waits for it.
    PausedClock,
    /// The limit of pending records is 0, so nothing could ever go to disk.
    #[cfg(feature = "durable")]
    PendingLimit,
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionsError::NoClock => f.write_str(
                "a store needs a clock, and this target has none; values, mutations and errors work here, a store runs on \
                 the server",
            ),
            OptionsError::ChannelCap => f.write_str("`channel_cap` must be at least 1; the default is 64"),
            OptionsError::ShardAmount(given) => {
                write!(
                    f,
                    "`shard_amt` must be a power of two from 2 to 65536, not {given}; `None` chooses one"
                )
            }
            OptionsError::CheckFrequency => {
                f.write_str("`expire_check_freq` must be longer than zero; `None` turns expiry off")
            }
            OptionsError::NoRuntime => f.write_str(
                "a store with `expire_check_freq` runs its checks as a tokio task; build it inside a tokio \
                 runtime, or set `expire_check_freq: None`",
            ),
            OptionsError::PausedClock => f.write_str(
                "tokio's clock is paused and the store's goes on, so nothing would expire in this test; enable the feature \
                 `test-util` of livestore in the dev-dependencies",
            ),
            #[cfg(feature = "durable")]
            OptionsError::PendingLimit => {
                f.write_str("the limit of pending records must be at least 1; the default is 65536")
            }
        }
    }
}

impl Error for OptionsError {}

/// What was committed last is not on disk.
///
/// Returned by [`LiveStore::close`](crate::LiveStore::close).
#[derive(Clone)]
pub struct CloseError(CloseReason);

#[cfg(feature = "durable")]
type CloseReason = FlushError;
/// A store in memory has nothing that could fail.
#[cfg(not(feature = "durable"))]
type CloseReason = Never;

#[cfg(feature = "durable")]
impl CloseError {
    /// Returns what the disk said, as [`LiveStore::flush`](crate::LiveStore::flush) would have.
    pub fn flush_error(&self) -> &FlushError {
        &self.0
    }
}

#[cfg(feature = "durable")]
impl From<FlushError> for CloseError {
    fn from(reason: FlushError) -> Self {
        CloseError(reason)
    }
}

impl fmt::Debug for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseError({})", self.0)
    }
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the store is closed, and what was committed last is not on disk: {}",
            self.0
        )
    }
}

/// The reason is in the text; this is the reason's own.
impl Error for CloseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

fn debug_rejected(reason: &impl fmt::Debug, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct("Rejected")
        .field("reason", reason)
        .finish_non_exhaustive()
}

fn write_rejected(reason: &impl fmt::Display, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "the value does not pass its own check: {reason}")
}

/// Why a [`LiveQuery`](crate::LiveQuery) has ended, other than with its store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryError {
    /// The function that ranks, the order of ranks, or another part of the query or of the values panicked; with what the panic
    /// said. Whoever watches the query from now on has it begin anew.
    Panicked(String),
    /// The tokio runtime in which the query was first watched has ended. Whoever watches it from now on, within another, has it
    /// begin anew.
    RuntimeEnded,
    /// It was watched outside a tokio runtime, which it needs for the task that keeps it.
    NoRuntime,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueryError::Panicked(message) => write!(f, "the query has panicked: {message}"),
            QueryError::RuntimeEnded => {
                f.write_str("the runtime in which this query was first watched has ended; watch it again")
            }
            QueryError::NoRuntime => {
                f.write_str("a query is kept by a task; watch it from within a tokio runtime")
            }
        }
    }
}

impl Error for QueryError {}
