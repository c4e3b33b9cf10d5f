//! Building a store from a file.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::disk::snapshot::error::{LoadError, LoadKind};
use crate::disk::snapshot::job;
use crate::disk::snapshot::load::{self, How};
use crate::ground::unwind::let_go;
use crate::store::builder::LiveStoreBuilder;
use crate::store::store::LiveStore;
use crate::value::options::Downtime;
use crate::value::report::{LoadReport, OnUnreadable, Progress, UnreadableEntry};
use crate::value::schema::Schema;
use crate::value::value::LiveValue;

/// What is stored.
impl<V: LiveValue> LiveStoreBuilder<V> {
    /// Sets the name and version under which values are saved. By default the name of the type without the path to it, and
    /// version 1.
    ///
    /// A file of another name is not loaded, nor one of a higher version than the program's. An older one is, as serde
    /// reads it: fields go by name, so `#[serde(default)]` is for a field that was added, `rename` and `alias` for one that
    /// has another name. Count the version up when an older program could not read, or would forget, what you add.
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue};
    /// use serde::{Deserialize, Serialize};
    ///
    /// /// As it was in the first release.
    /// #[derive(Clone, LiveValue, Serialize, Deserialize)]
    /// struct FirstRoom { title: String }
    ///
    /// #[derive(Clone, LiveValue, Serialize, Deserialize)]
    /// struct Room {
    ///     #[serde(alias = "title")]
    ///     topic: String,
    ///     #[serde(default)]
    ///     locked: bool,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("rooms.save");
    /// let old = LiveStore::new().schema("room", 1).done();
    /// let key = old.init(FirstRoom { title: "cats".into() });
    /// old.save(&path).await?;
    ///
    /// let rooms = LiveStore::<Room>::new().schema("room", 2).load(&path).await?;
    /// let room = rooms.fetch(&key).unwrap();
    /// assert_eq!((room.topic.as_str(), room.locked), ("cats", false));
    ///
    /// // And the way back is refused.
    /// rooms.save(&path).await?;
    /// let error = LiveStore::<FirstRoom>::new().schema("room", 1).load(&path).await.unwrap_err();
    /// assert!(error.is_foreign());
    /// # Ok(())
    /// # }
    /// ```
    pub fn schema(mut self, name: impl Into<Cow<'static, str>>, version: u32) -> Self {
        let name = name.into();
        self.schema = Some(Schema { name, version });
        self
    }

    /// Sets what the time between saving and loading counts for. By default it counts: [`Downtime::Counts`].
    pub fn downtime(mut self, downtime: Downtime) -> Self {
        self.downtime = downtime;
        self
    }

    /// Sets what decides about entries that cannot be read, when the store is loaded or opened: each is kept aside as it is, or
    /// dropped. Without this, nothing is loaded or opened, and the error says which they are.
    ///
    /// Called on the thread that reads. What was kept is written on whenever the store is saved or its folder written
    /// anew, so a program that can read it finds it again. If loading fails later, it was called even so. If it panics,
    /// loading fails.
    pub fn on_unreadable(
        mut self,
        decide: impl FnMut(UnreadableEntry<'_>) -> OnUnreadable + Send + Sync + 'static,
    ) -> Self {
        self.on_unreadable = Some(Box::new(decide));
        self
    }
}

impl<V: LiveValue + DeserializeOwned> LiveStoreBuilder<V> {
    /// Builds the store with the entries of a file that [`LiveStore::save`] has written. Await what it returns.
    ///
    /// Keys, values, versions, times and the deadlines of single entries come back, and the number above which the versions
    /// of new entries start, so that no key repeats one. The [epoch](LiveStore::epoch) is a new one. Times go by the wall
    /// clock; if that was set back, nothing is younger than now.
    ///
    /// What is due already expires at once: it is not in the store, and goes to the callback of expired entries.
    /// [`downtime`](Self::downtime) says whether the time since the save counts.
    ///
    /// Every value is [checked](LiveValue::check) as a new one. If one is refused, nothing is loaded, unless
    /// [`on_refused`](Load::on_refused) takes it.
    ///
    /// Entries are read one after another. This runs on tokio's pool for blocking work, or on a thread of its own outside
    /// a runtime.
    ///
    /// # Errors
    ///
    /// [`LoadError`], whose questions tell what to do: the file is not there ([`is_missing`](LoadError::is_missing)), is
    /// not what was saved ([`is_damaged`](LoadError::is_damaged)), or not for this program
    /// ([`is_foreign`](LoadError::is_foreign)); a value does not fit its type or is
    /// [refused](LoadError::is_refused); or the options are impossible, as for [`try_done`](Self::try_done). A file is
    /// loaded as a whole or not at all.
    ///
    /// # Panics
    ///
    /// As [`try_done`](Self::try_done).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped, it stops at the next entry, and nothing was built.
    ///
    /// # Examples
    ///
    /// The first start finds no file:
    ///
    /// ```
    /// use std::time::Duration;
    /// use livestore::{LiveStore, LiveValue, StoreOptions};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Clone, LiveValue, Serialize, Deserialize)]
    /// struct Session { user: String }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("sessions.save");
    /// let sessions = LiveStore::<Session>::new()
    ///     .with_options(StoreOptions {
    ///         expire_check_freq: Some(Duration::from_secs(10)),
    ///         ..Default::default()
    ///     })
    ///     .on_expire(|expired| async move {
    ///         println!("{} sessions have ended, some perhaps while we were away", expired.len());
    ///     })
    ///     .load(&path)
    ///     .or_empty()
    ///     .await?;
    ///
    /// match sessions.load_report() {
    ///     Some(report) => println!("{} sessions in {:?}", report.entries, report.duration),
    ///     None => println!("a fresh start"),
    /// }
    /// # assert!(sessions.load_report().is_none() && sessions.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn load(mut self, path: impl AsRef<Path>) -> Load<V> {
        let how = How {
            downtime: self.downtime,
            on_refused: None,
            on_unreadable: self.on_unreadable.take(),
            on_progress: None,
            or_empty: false,
        };
        Load {
            builder: self,
            path: path.as_ref().to_owned(),
            how,
        }
    }
}

impl<V: LiveValue> LiveStore<V> {
    /// Returns what this store was loaded from. `None` if it began empty.
    pub fn load_report(&self) -> Option<LoadReport> {
        self.table.load_report()
    }
}

/// A store to be loaded. From [`LiveStoreBuilder::load`]; nothing happens before it is awaited.
#[must_use = "nothing is loaded before it is awaited"]
pub struct Load<V: LiveValue> {
    builder: LiveStoreBuilder<V>,
    path: PathBuf,
    how: How<V>,
}

impl<V: LiveValue> Load<V> {
    /// Begins with an empty store if there is no file.
    pub fn or_empty(mut self) -> Self {
        self.how.or_empty = true;
        self
    }

    /// Sets what takes the values that [`LiveValue::check`] refuses. They are left out of the store; without this,
    /// loading fails at the first.
    ///
    /// Called on the thread that loads with the key, the value and the reason. If loading fails later, it was called
    /// even so. If it panics, loading fails.
    pub fn on_refused(mut self, callback: impl FnMut(Uuid, V, V::MutError) + Send + 'static) -> Self {
        self.how.on_refused = Some(Box::new(callback));
        self
    }

    /// Sets what hears how far loading has come: about every thousand entries, and at the end.
    ///
    /// Called on the thread that loads, which waits for it. If it panics, loading fails.
    pub fn on_progress(mut self, callback: impl FnMut(Progress) + Send + 'static) -> Self {
        self.how.on_progress = Some(Box::new(callback));
        self
    }
}

impl<V> IntoFuture for Load<V>
where
    V: LiveValue + DeserializeOwned,
    V::MutError: fmt::Display,
{
    type Output = Result<LiveStore<V>, LoadError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Load { builder, path, how } = self;
        Box::pin(async move {
            let plan = builder
                .plan()
                .map_err(|error| LoadKind::Options(error).at(&path))?;
            let mut table = plan.table();
            let file = path.clone();
            let loaded = job::run(move |wanted| match load::load(&table, &file, how, &wanted) {
                Ok(Some((report, expired))) => {
                    table.set_load_report(report);
                    Ok((table, expired))
                }
                Ok(None) => Ok((table, Vec::new())),
                Err(kind) => {
                    let_go(table);
                    Err(kind)
                }
            });
            match loaded.await.unwrap_or(Err(LoadKind::Interrupted)) {
                Ok((table, expired)) => Ok(plan.start(table, expired)),
                Err(kind) => Err(kind.at(&path)),
            }
        })
    }
}

impl<V: LiveValue> fmt::Debug for Load<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
