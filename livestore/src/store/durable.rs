//! Calls of a store that is kept on disk.

use std::mem;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::task::coop::consume_budget;
use uuid::Uuid;

use crate::disk::durable;
use crate::disk::durable::error::{OpenError, OpenKind};
use crate::disk::snapshot::job;
use crate::ground::unwind::let_go;
use crate::slot::sink::Sink;
use crate::store::builder::LiveStoreBuilder;
use crate::store::handle::EntryHandle;
use crate::store::place::Place;
use crate::store::store::LiveStore;
use crate::value::durability::{Durability, DurabilityError, FlushError};
use crate::value::error::OptionsError;
use crate::value::report::{OpenReport, Progress};
use crate::value::value::LiveValue;
use crate::watch::durable_watch::DurableWatch;

impl<V: LiveValue> LiveStoreBuilder<V> {
    /// Sets when commits go to disk, in a store that is built with [`open`](Self::open). At most a second after they were
    /// made by default.
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.disk.durability = durability;
        self
    }

    /// Sets how many records may wait for the disk before calls that wait for an entry wait for the disk too; at least 1,
    /// 65,536 by default.
    ///
    /// One record per key is pending, however often it changed. When half the limit is reached, the writer begins before
    /// its time. While it writes one batch, as many records may be pending for the next. Calls that do not wait, such as
    /// `init`, `create` and those of a guard, exceed the limit, by at most one record per key.
    pub fn with_pending_limit(mut self, records: usize) -> Self {
        self.disk.limits.records = records;
        self
    }

    /// Sets how many bytes may wait for the disk before calls that wait for an entry wait for the disk too; at least 1,
    /// 64 MiB by default.
    ///
    /// As [`with_pending_limit`](Self::with_pending_limit), whichever comes first. How many bytes a value has is not known
    /// before it is written, so this goes by those that were written lately; before there were any, by 64 KiB for each.
    /// Beyond the entries themselves a store then takes about twice as much for the disk, and a few megabytes: for the
    /// values of one batch that is written, and of the next.
    pub fn with_pending_bytes(mut self, bytes: usize) -> Self {
        self.disk.limits.bytes = bytes;
        self
    }

    /// Sets how large the log in the folder may become before everything is written anew; 64 MiB by default.
    ///
    /// Whatever is set, the log may become as large as the entries are together. So the folder has at most about three times
    /// the bytes that they need, and this many, or as many again, whichever is more; and a few megabytes, for files grow by
    /// pieces. When it is closed, it gives back what it needs not.
    ///
    /// While an entry has a value that cannot be written ([`FlushError::Unwritten`]), only the files that there are have what
    /// it was before. So nothing is written anew then, and the log grows with what is committed, also beyond that. So it does
    /// while the system refuses what writing anew takes, as more open files: there is another attempt whenever the log has
    /// grown by a quarter.
    pub fn with_log_limit(mut self, bytes: u64) -> Self {
        self.disk.log_bytes = bytes;
        self
    }

    /// Sets what hears how far [`open`](Self::open) has come: about every thousand records, and at the end.
    ///
    /// Called on the thread that reads, which waits for it. If it panics, the store is not opened.
    pub fn on_open_progress(mut self, callback: impl FnMut(Progress) + Send + Sync + 'static) -> Self {
        self.disk.on_progress = Some(Box::new(callback));
        self
    }

    /// Sets what is called if the disk fails: once, on the writer's thread, with nothing locked.
    ///
    /// It may block, and may panic; nobody waits for it. The store goes on in memory.
    pub fn on_durability_error(
        mut self,
        callback: impl FnOnce(DurabilityError) + Send + Sync + 'static,
    ) -> Self {
        self.disk.on_error = Some(Box::new(callback));
        self
    }

    /// Opens a store that is kept in a folder, which is made if there is none.
    ///
    /// It comes up as it was left, whether by [`close`](LiveStore::close) or by a crash: entries with their versions,
    /// times and own deadlines. What was due meanwhile has expired when this returns, and is passed to
    /// [`on_expire`](Self::on_expire). [`LiveStore::open_report`] tells how many entries were read and how long it took;
    /// [`LiveStore::epoch`] is a new one.
    ///
    /// Everything is read into memory, where the store lives; the disk is only written from then on. Commits do not wait
    /// for it: they are queued, and a thread of the store's own writes them in batches.
    ///
    /// # What is promised when
    ///
    /// | when | what survives the end of the process | what survives a power failure |
    /// |---|---|---|
    /// | a commit has returned | nothing is certain yet | the same |
    /// | [`flush`](LiveStore::flush) has returned `Ok` | everything committed before the call | the same |
    /// | one [interval](Durability::Interval) after a commit, and the time it takes to write a batch or two | the commit | the same |
    /// | [`close`](LiveStore::close) has returned `Ok` | everything committed before the call | the same |
    /// | the last handle was dropped | everything, if the process lives on until the writer is done; the drop waits up to a second for it | the same |
    /// | the disk has failed | what was on disk before; `flush` returns the error, and memory goes on | the same |
    ///
    /// Whatever is lost, it is the newest: the store comes up as it was at one instant, with everything committed before
    /// it and nothing after. Each [`transact`](LiveStore::transact) is there as a whole or not at all, but for entries of it
    /// whose values [cannot be written](FlushError::Unwritten). No key repeats a version that is on disk.
    ///
    /// Messages are not stored; nor is the [history](LiveStore::history), which begins anew; nor is the time of a use that is no commit, so with
    /// [`ExpireMode::Idle`](crate::ExpireMode::Idle) entries count as used when the folder is opened. The other modes, and
    /// deadlines, count the time in which the store was not open. Values are not [checked](LiveValue::check): they come
    /// back as they were committed.
    ///
    /// # User code on the writer's thread
    ///
    /// `Serialize` of the values runs there, with nothing locked, and `Deserialize`, because each value is read back before it
    /// counts as written; and so may their `Drop`. A value that cannot be written so that it can be read again is left
    /// out: [`flush`](LiveStore::flush) says so until its entry has another, and on disk is what the entry was before. They
    /// must not wait for a `flush`.
    ///
    /// # The folder
    ///
    /// Holds a log of what was committed and, once that has become larger than everything in the store and than
    /// [64 MiB](Self::with_log_limit), a snapshot and the log since. All that is in them is checked when it is read: what is not
    /// what was written, is missing, or is older than the rest, is an [error](OpenError::is_damaged) that says where, and
    /// nothing is changed. Only a batch that was being written when the process or the machine stopped is left out, and
    /// [reported](OpenReport::torn_bytes). Who moves the folder of an open store, or takes the file `lock` in it away, ends what
    /// is written there: the next [`flush`](LiveStore::flush) is an error. A backup is a copy of the folder while no store has it open, or what
    /// [`save`](LiveStore::save) writes at any time.
    ///
    /// # Errors
    ///
    /// [`OpenError`] tells by its methods what it is, and by its text what to do. The folder is left as it was if somebody
    /// else has it open, if it holds values of another type, if it was written by a program that knows a newer version of
    /// the type, if it cannot be read or written, or if a value in it cannot be read and
    /// [`on_unreadable`](Self::on_unreadable) does not say what becomes of it; and the options may be impossible, as for
    /// [`try_done`](Self::try_done), or without the `expire_check_freq` that a deadline of an entry's own needs.
    ///
    /// # Panics
    ///
    /// If there is an `expire_check_freq` and the runtime was built without its time driver. Outside of a runtime such options are
    /// an error; without them, any executor will do.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped, it opens and closes the folder in the background.
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Clone, LiveValue, Serialize, Deserialize)]
    /// struct Visits {
    ///     #[live(increment)]
    ///     count: u64,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let store = LiveStore::new().open(folder).await?;
    /// let key = store.init(Visits { count: 0 });
    /// store.mutate(&key, VisitsMutation::IncrementCount(1)).await?;
    /// store.flush().await?;
    /// // Whatever happens from here on, the visit counts.
    /// # store.close().await?;
    ///
    /// let store = LiveStore::<Visits>::new().open(folder).await?;
    /// assert_eq!(store.fetch(&key).unwrap().count, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(mut self, folder: impl AsRef<Path>) -> Result<LiveStore<V>, OpenError>
    where
        V: Serialize + DeserializeOwned,
    {
        let path = folder.as_ref().to_owned();
        let disk = mem::take(&mut self.disk);
        let on_unreadable = self.on_unreadable.take();
        let plan = self.plan().map_err(|error| OpenKind::Options(error).at(&path))?;
        if disk.limits.records == 0 || disk.limits.bytes == 0 {
            return Err(OpenKind::Options(OptionsError::PendingLimit).at(&path));
        }
        let mut table = plan.durable_table(Sink::new(disk.limits));
        let runtime = Handle::try_current().ok();
        let folder = path.clone();
        let opened = job::run(move |wanted| {
            match durable::open(&mut table, &folder, disk, on_unreadable, runtime, &wanted) {
                Ok(opened) => {
                    table.set_opened(opened.folder, opened.report);
                    Ok((table, opened.expired, opened.source))
                }
                Err(kind) => {
                    let_go(table);
                    Err(kind)
                }
            }
        });
        match opened.await.unwrap_or(Err(OpenKind::Interrupted)) {
            Ok((table, expired, source)) => {
                let store = plan.start(table, expired);
                // Nobody else sets it.
                let _ = source.set(Arc::downgrade(&store.table));
                Ok(store)
            }
            Err(kind) => Err(kind.at(&path)),
        }
    }
}

impl<V: LiveValue> LiveStore<V> {
    /// Waits until everything that was committed before this call is on disk.
    ///
    /// The writer then begins at once and not when its [interval](Durability::Interval) is over. Those who wait at the same
    /// time share a batch, so a `flush` after each of many concurrent changes costs far less than one sync each.
    ///
    /// # Errors
    ///
    /// [`FlushError::Failed`] if the disk failed, now or before; [`FlushError::Closed`] if the store was closed;
    /// [`FlushError::Forked`] in a process that was forked from the one that opened it; [`FlushError::NotDurable`] if it was
    /// not built with [`open`](LiveStoreBuilder::open). Nothing is known then about what was committed since the last
    /// `flush` that returned `Ok`. [`FlushError::Unwritten`] if the present values of some entries cannot be written so that
    /// they can be read again; everything else that was committed before this call is on disk then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped, it has at most caused a batch to be written early.
    pub async fn flush(&self) -> Result<(), FlushError> {
        consume_budget().await;
        match self.table.shared().sink() {
            Some(sink) => sink.flush().await,
            None => Err(FlushError::NotDurable),
        }
    }

    /// Waits until what was committed of this key before the call is on disk: its entry as it is now, or that it has ended.
    ///
    /// As [`flush`](Self::flush), but about this one entry. It returns at once if nothing of it waits for the disk, whatever
    /// else does; and that others cannot be written is no error here. What is written is the whole queue as ever, so that the
    /// disk always has the store as it was at one instant.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush); [`FlushError::Unwritten`] only if it is the present value of this entry that cannot be
    /// written so that it can be read again.
    ///
    /// # Cancel safety
    ///
    /// As [`flush`](Self::flush).
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Clone, LiveValue, Serialize, Deserialize)]
    /// struct Auction {
    ///     #[live(set)]
    ///     bid: u64,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let store = LiveStore::new().open(folder).await?;
    /// let key = store.init(Auction { bid: 0 });
    ///
    /// let version = store.mutate_version(&key, AuctionMutation::SetBid(7)).await?;
    /// store.flush_of(&key).await?;
    /// // Now the bidder can be told that it counts.
    /// assert_eq!(version, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn flush_of(&self, key: &Uuid) -> Result<(), FlushError> {
        self.at(key).flush().await
    }

    /// Begins to watch the entry as [`watch`](Self::watch) does, but is told of each update when it is on disk. `None` if the
    /// key has no entry, or if the store was not built with [`open`](LiveStoreBuilder::open).
    ///
    /// For whoever shows others what must not be taken back by a crash.
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue, Update};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Clone, LiveValue, Serialize, Deserialize)]
    /// struct Auction {
    ///     #[live(set)]
    ///     bid: u64,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let store = LiveStore::new().open(folder).await?;
    /// let key = store.init(Auction { bid: 0 });
    /// let mut watch = store.watch_durable(&key).unwrap();
    /// store.mutate(&key, AuctionMutation::SetBid(7)).await?;
    /// store.flush().await?;
    ///
    /// // Whoever sees this bid can rely on it.
    /// assert!(matches!(watch.next().await, Some(Update::Mutate { new, .. }) if new.bid == 7));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "a watch that is dropped receives nothing"]
    pub fn watch_durable(&self, key: &Uuid) -> Option<DurableWatch<V>> {
        let shared = self.table.shared();
        shared.sink()?;
        Some(DurableWatch::new(self.watch(key)?, shared))
    }

    /// Returns what was found when the folder was opened. `None` in a store that is in memory alone.
    pub fn open_report(&self) -> Option<OpenReport> {
        self.table.opened().map(|(_, report)| report)
    }

    /// Returns the folder that the store was opened on. `None` in a store that is in memory alone.
    pub fn folder(&self) -> Option<&Path> {
        self.table.opened().map(|(folder, _)| folder)
    }

    /// Returns why nothing goes to disk any more, if the disk has failed.
    pub fn durability_error(&self) -> Option<DurabilityError> {
        self.table.shared().sink()?.failure()
    }
}

impl<V: LiveValue> EntryHandle<V> {
    /// Waits until what was committed of the entry before the call is on disk, as [`LiveStore::flush_of`].
    ///
    /// # Errors
    ///
    /// As [`LiveStore::flush_of`].
    ///
    /// # Cancel safety
    ///
    /// As [`LiveStore::flush`].
    pub async fn flush(&self) -> Result<(), FlushError> {
        self.place().flush().await
    }
}

impl<V: LiveValue> Place<'_, V> {
    async fn flush(self) -> Result<(), FlushError> {
        consume_budget().await;
        match self.shared().sink() {
            Some(sink) => sink.flush_of(self.key()).await,
            None => Err(FlushError::NotDurable),
        }
    }
}
