//! Saving a store to a file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::disk::snapshot::error::{SaveError, SaveKind};
use crate::disk::snapshot::job;
use crate::disk::snapshot::save::{self, How};
use crate::ground::unwind::let_go;
use crate::store::store::LiveStore;
use crate::value::report::{Progress, SaveReport};
use crate::value::value::LiveValue;

impl<V: LiveValue + Serialize + DeserializeOwned> LiveStore<V> {
    /// Saves all entries to one file, which [`load`](crate::LiveStoreBuilder::load) reads. Await what it returns.
    ///
    /// The store goes on meanwhile: nobody waits for a save, guards included. Each entry is in the file as it was at one
    /// of its commits; an entry that is there throughout is in it, and the file is no single instant across entries. So two
    /// entries that a transaction changes while they are saved may be in it before and after.
    ///
    /// With an entry are saved its value, version and times, and its own deadline. Watchers, guards, messages and the
    /// [history](crate::StoreOptions::history) are not.
    ///
    /// The file is written beside the one at `path`, written to the disk, and takes its place in one step: who looks finds
    /// the old file or the new one, whole, also after a loss of power. Needs the disk space of both. A link is followed, also to
    /// where there is no file yet; the permissions of the old file are kept. If the process is killed meanwhile, the unfinished
    /// file stays beside it until the next save, under the same name with a dot before it, and a dot, eight digits and `.tmp`
    /// after it. Of several saves to one path at a time each writes its own, and the last to end is what is there.
    ///
    /// Takes memory for one entry's bytes and for the pointers of one shard, and runs on tokio's pool for blocking work,
    /// or on a thread of its own outside a runtime. `Serialize` of the value is called there with nothing locked, and
    /// `Deserialize`, because each value is read back. While an
    /// entry is being written, a mutation copies its value instead of changing it in place. The store stays open until the
    /// save has ended.
    ///
    /// # Errors
    ///
    /// [`SaveError`] if the disk says no, or a value cannot be written so that it can be read again: its `Serialize` or its
    /// `Deserialize` fails or panics, it is nested more than 256 levels deep or too deep for the stack, it has a `Some` of
    /// nothing, which would come back as `None`, or more than 4 GiB. All such entries are found and named, and
    /// [`on_unwritable`](Save::on_unwritable) would leave them out. What was at `path` before is still there, untouched, unless
    /// the text says that only the folder could not be written to the disk. A store that was
    /// [closed](LiveStore::close) has nothing to save, which is an error as well.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped, it stops at the next entry and removes what it has written; the old file is untouched. If it
    /// was about to finish, the new file may take the old one's place even so.
    ///
    /// # Examples
    ///
    /// A deploy:
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Clone, LiveValue, Serialize, Deserialize)]
    /// struct Room { topic: String }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("rooms.save");
    /// let rooms = LiveStore::default();
    /// let key = rooms.init(Room { topic: "cats".into() });
    ///
    /// let report = rooms.save(&path).await?;
    /// assert_eq!(report.entries, 1);
    ///
    /// // The next process.
    /// let rooms = LiveStore::<Room>::new().load(&path).await?;
    /// assert_eq!(rooms.fetch(&key).unwrap().topic, "cats");
    /// # Ok(())
    /// # }
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Save<V> {
        Save {
            store: self.clone(),
            path: path.as_ref().to_owned(),
            how: How::default(),
        }
    }
}

/// A save to be. From [`LiveStore::save`]; nothing happens before it is awaited.
#[must_use = "nothing is saved before it is awaited"]
pub struct Save<V: LiveValue> {
    store: LiveStore<V>,
    path: PathBuf,
    how: How,
}

impl<V: LiveValue> Save<V> {
    /// Sets what hears how far the save has come: about every thousand entries, and when all are written.
    ///
    /// Called on the thread that saves, which waits for it. If it panics, the save fails.
    ///
    /// # Examples
    ///
    /// ```
    /// # use livestore::{LiveStore, LiveValue};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, LiveValue, Serialize, Deserialize)]
    /// # struct Room { topic: String }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("rooms.save");
    /// # let rooms = LiveStore::<Room>::default();
    /// rooms
    ///     .save(&path)
    ///     .on_progress(|so_far| println!("{:.0} %", 100.0 * so_far.fraction))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_progress(mut self, callback: impl FnMut(Progress) + Send + 'static) -> Self {
        self.how.on_progress = Some(Box::new(callback));
        self
    }

    /// Sets what hears of entries that are left out because their values cannot be written so that they can be read again.
    /// Without this, the save fails, and says which they are.
    ///
    /// Called on the thread that saves with the key and the reason. If it panics, the save fails.
    pub fn on_unwritable(mut self, callback: impl FnMut(Uuid, &str) + Send + 'static) -> Self {
        self.how.on_unwritable = Some(Box::new(callback));
        self
    }
}

impl<V: LiveValue + Serialize + DeserializeOwned> IntoFuture for Save<V> {
    type Output = Result<SaveReport, SaveError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Save { store, path, how } = self;
        Box::pin(async move {
            let target = path.clone();
            let saved = job::run(move |wanted| {
                let saved = save::save(&store.table, &target, how, &wanted);
                // It may be the last handle, and a panic of what goes with it changes nothing about the file.
                let_go(store);
                saved
            })
            .await;
            saved
                .unwrap_or(Err(SaveKind::Interrupted))
                .map_err(|kind| kind.at(&path))
        })
    }
}

impl<V: LiveValue> fmt::Debug for Save<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Save")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
