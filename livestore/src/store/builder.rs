//! [`LiveStoreBuilder`]: options and callbacks of a store to be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use uuid::Uuid;

#[cfg(feature = "durable")]
use crate::disk::durable::Disk;
use crate::ground::clock;
#[cfg(feature = "durable")]
use crate::slot::sink::Sink;
use crate::store::store::LiveStore;
use crate::table::expiry::{self, Expired, OnExpire};
use crate::table::table::Table;
use crate::value::entry::Entry;
use crate::value::error::OptionsError;
#[cfg(feature = "serde")]
use crate::value::options::Downtime;
use crate::value::options::StoreOptions;
#[cfg(feature = "serde")]
use crate::value::report::UnreadableFn;
#[cfg(feature = "serde")]
use crate::value::schema::Schema;
use crate::value::value::LiveValue;

/// Builds a [`LiveStore`]. From [`LiveStore::new`].
///
/// # Examples
///
/// Entries that nobody uses for ten minutes go, and the program hears of it:
///
/// ```
/// use std::time::Duration;
/// use livestore::{ExpireMode, LiveStore, LiveValue, StoreOptions};
///
/// #[derive(Clone, LiveValue)]
/// struct Session { user: String }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = LiveStore::<Session>::new()
///     .with_options(StoreOptions {
///         expire_check_freq: Some(Duration::from_secs(10)),
///         expire_mode: ExpireMode::Idle(Duration::from_secs(600)),
///         ..Default::default()
///     })
///     .on_expire(|expired| async move {
///         for (key, session) in expired {
///             println!("{key} of {} has ended", session.user);
///         }
///     })
///     .done();
/// # assert!(store.is_empty());
/// # }
/// ```
#[must_use = "nothing is built before `done`"]
pub struct LiveStoreBuilder<V: LiveValue> {
    options: StoreOptions,
    on_expire: Option<OnExpire<V>>,
    /// `None` for that of the type.
    #[cfg(feature = "serde")]
    pub(crate) schema: Option<Schema>,
    #[cfg(feature = "serde")]
    pub(crate) downtime: Downtime,
    #[cfg(feature = "serde")]
    pub(crate) on_unreadable: Option<UnreadableFn>,
    /// How it is kept on disk, if it is.
    #[cfg(feature = "durable")]
    pub(crate) disk: Disk,
}

/// What is to be built, and can be.
pub(crate) struct Plan<V: LiveValue> {
    options: StoreOptions,
    on_expire: Option<OnExpire<V>>,
    /// How often is checked for expiry, and where.
    checks: Option<(Duration, Handle)>,
    #[cfg(feature = "serde")]
    schema: Option<Schema>,
}

impl<V: LiveValue> LiveStore<V> {
    /// Begins to build a store: returns a builder, from which [`done`](LiveStoreBuilder::done) makes the store.
    /// [`LiveStore::default`] is a store at once, with the default options.
    ///
    /// Name the value type, `LiveStore::<Room>::new()`, where a closure of the builder needs to know it.
    #[allow(clippy::new_ret_no_self, reason = "the name is part of the 0.1.0 interface")]
    pub fn new() -> LiveStoreBuilder<V> {
        LiveStoreBuilder::default()
    }
}

impl<V: LiveValue> LiveStoreBuilder<V> {
    /// Sets the options.
    pub fn with_options(mut self, options: StoreOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets what is called with entries that have expired.
    ///
    /// Each expired entry is passed once in the life of a process, in batches of at most 1,024, after its watchers were told and its key was
    /// freed. Batches are delivered one after another in a task of their own: a slow callback delays later callbacks,
    /// not the checks, and the batches that wait for it are kept. If the callback panics, its batch is consumed and the
    /// next one is delivered. Batches that are under way when the store ends are still delivered, as long as the runtime
    /// lives; with a runtime that ends, they are lost.
    ///
    /// In a store that is kept on disk they are not: what the callback has neither returned from nor panicked at, however the
    /// process ended, is passed again when the folder is opened next, before anything else is, in the order in which it
    /// expired. So there an entry is passed at least once, and what the callback does should bear being done twice, as the
    /// settling of an auction under the auction's key does. A store that is opened without a callback or without an
    /// `expire_check_freq` leaves it for one that has both; but what becomes due where there are checks and no callback goes,
    /// and is passed to nobody. Only an entry whose value cannot be written (see `flush`) is not passed again.
    ///
    /// Has an effect only with an [`expire_check_freq`](StoreOptions::expire_check_freq). A callback that captures a
    /// handle keeps the store open for ever: use [`on_expire_with`](Self::on_expire_with), or capture a
    /// [`WeakLiveStore`](crate::WeakLiveStore).
    ///
    /// The last callback set is the one that is called.
    pub fn on_expire<F, Fut>(mut self, callback: F) -> Self
    where
        F: Fn(Vec<(Uuid, Entry<V>)>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let callback = Arc::new(callback);
        self.on_expire = Some(OnExpire {
            callback: Arc::new(move |_, expired| {
                let callback = Arc::clone(&callback);
                Box::pin(async move { callback(expired).await })
            }),
            wants_store: false,
        });
        self
    }

    /// Sets what is called with entries that have expired, and with the store that they were in.
    ///
    /// As [`on_expire`](Self::on_expire); a batch that waits to be delivered keeps the store open. What expires in the moment in
    /// which the last guard is dropped, and the store with it, is not passed: there is no store to pass it with.
    pub fn on_expire_with<F, Fut>(mut self, callback: F) -> Self
    where
        F: Fn(LiveStore<V>, Vec<(Uuid, Entry<V>)>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let callback = Arc::new(callback);
        self.on_expire = Some(OnExpire {
            callback: Arc::new(move |table, expired| {
                let callback = Arc::clone(&callback);
                Box::pin(async move {
                    if let Some(table) = table {
                        callback(LiveStore::from_table(table), expired).await;
                    }
                })
            }),
            wants_store: true,
        });
        self
    }

    /// Builds the store.
    ///
    /// # Panics
    ///
    /// If the options are impossible, or if they ask for expiry and this is not called inside a tokio runtime; the
    /// message is that of the [`OptionsError`] which [`try_done`](Self::try_done) would return. Also, as every timer
    /// of tokio, if the runtime was built without its time driver.
    ///
    /// The checks for expiry run on the runtime that this is called in. When that has ended, they go on in another in which
    /// somebody has created an entry or set a deadline, or else in that of whoever does so next: a store in a `static` expires
    /// in every test that shares it. A runtime that is kept and not driven, as one for the current thread between two
    /// `block_on`s, checks nothing meanwhile, and looks as any other that is busy.
    #[track_caller]
    pub fn done(self) -> LiveStore<V> {
        match self.try_done() {
            Ok(store) => store,
            Err(error) => panic!("cannot build the store: {error}"),
        }
    }

    /// Builds the store, unless the options are impossible.
    ///
    /// The checks for expiry run on the runtime that this is called in. When that has ended, they go on in another in which
    /// somebody has created an entry or set a deadline, or else in that of whoever does so next: a store in a `static` expires
    /// in every test that shares it. A runtime that is kept and not driven, as one for the current thread between two
    /// `block_on`s, checks nothing meanwhile, and looks as any other that is busy.
    ///
    /// # Panics
    ///
    /// If there is an `expire_check_freq` and the runtime was built without its time driver.
    ///
    /// # Errors
    ///
    /// [`OptionsError::ChannelCap`] if `channel_cap` is 0, [`OptionsError::ShardAmount`] if `shard_amt` is not a power
    /// of two from 2 to 65,536, [`OptionsError::CheckFrequency`] if `expire_check_freq` is zero, and
    /// [`OptionsError::NoRuntime`] if it is set and this is not called inside a tokio runtime, [`OptionsError::PausedClock`] if
    /// the clock of that runtime is paused and the feature `test-util` is not on. [`OptionsError::NoClock`] on
    /// `wasm32-unknown-unknown`.
    #[track_caller]
    pub fn try_done(self) -> Result<LiveStore<V>, OptionsError> {
        let plan = self.plan()?;
        let table = plan.table();
        Ok(plan.start(table, Vec::new()))
    }

    pub(crate) fn plan(self) -> Result<Plan<V>, OptionsError> {
        if !clock::IS_THERE {
            return Err(OptionsError::NoClock);
        }
        self.options.validate()?;
        let checks = match self.options.expire_check_freq {
            Some(_) if clock::is_left_behind() => return Err(OptionsError::PausedClock),
            Some(period) => Some((
                period,
                Handle::try_current().map_err(|_| OptionsError::NoRuntime)?,
            )),
            None => None,
        };
        Ok(Plan {
            options: self.options,
            on_expire: self.on_expire,
            checks,
            #[cfg(feature = "serde")]
            schema: self.schema,
        })
    }
}

impl<V: LiveValue> Plan<V> {
    /// Makes a table for the entries that the store begins with.
    pub(crate) fn table(&self) -> Table<V> {
        self.with_schema(Table::new(&self.options))
    }

    /// Makes a table for the entries of a folder, whose commits enter this queue.
    #[cfg(feature = "durable")]
    pub(crate) fn durable_table(&self, sink: Sink<V>) -> Table<V> {
        let sink = match self.checks.is_some() && self.on_expire.is_some() {
            true => sink.with_callback(),
            false => sink,
        };
        self.with_schema(Table::durable(&self.options, sink))
    }

    #[cfg_attr(
        not(feature = "serde"),
        expect(unused_mut, clippy::unused_self, reason = "only what is stored has a schema")
    )]
    fn with_schema(&self, mut table: Table<V>) -> Table<V> {
        #[cfg(feature = "serde")]
        if let Some(schema) = &self.schema {
            table.set_schema(schema.clone());
        }
        table
    }

    /// Makes a store of the table. What has `expired` before goes to the callback.
    #[track_caller]
    pub(crate) fn start(self, table: Table<V>, expired: Vec<Expired<V>>) -> LiveStore<V> {
        let table = Arc::new(table);
        if let Some((period, runtime)) = self.checks {
            expiry::start(&table, &runtime, period, self.on_expire, expired);
        }
        LiveStore::from_table(table)
    }
}

impl<V: LiveValue> Default for LiveStoreBuilder<V> {
    fn default() -> Self {
        LiveStoreBuilder {
            options: StoreOptions::default(),
            on_expire: None,
            #[cfg(feature = "serde")]
            schema: None,
            #[cfg(feature = "serde")]
            downtime: Downtime::default(),
            #[cfg(feature = "serde")]
            on_unreadable: None,
            #[cfg(feature = "durable")]
            disk: Disk::default(),
        }
    }
}

impl<V: LiveValue> fmt::Debug for LiveStoreBuilder<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveStoreBuilder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::value::tests::Value;

    fn expiring() -> Result<LiveStore<Value>, OptionsError> {
        let options = StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            ..Default::default()
        };
        LiveStore::new().with_options(options).try_done()
    }

    /// Its tests waited for what never expired, and nobody said why.
    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_that_the_store_does_not_follow_is_an_error() {
        let built = expiring().map(drop);
        if cfg!(feature = "test-util") {
            assert_eq!(built, Ok(()));
        } else {
            assert_eq!(built, Err(OptionsError::PausedClock));
        }
        // What does not expire does not mind.
        assert!(LiveStore::<Value>::new().try_done().is_ok());
    }

    #[tokio::test]
    async fn a_clock_that_goes_is_no_error() {
        for _ in 0..1000 {
            assert!(expiring().is_ok());
        }
    }
}
