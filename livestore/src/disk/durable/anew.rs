//! Everything written anew, between the batches, a piece at a time.
//!
//! The writer takes the pointers of one shard after another. What was written anew counts once all is on disk that had been
//! committed when the last entry was looked at. Batches come first; but for each byte that they add to the log, two are written
//! anew before the next, so that it ends before the log has grown by half of what is written. Nobody waits for it longer than
//! for one piece, or for twice what the batch before had.
//!
//! What was written before may have an entry as it was before a value that cannot be written. So the first such value ends
//! the walk, nothing of it counts, and there is no other until that entry can be written.
//!
//! So does the system when it refuses: a server may have all the files open that it may, and the log that is there can be
//! written on. There is another walk when that has grown by a quarter. And so does a batch for which the disk has no room
//! but that of the walk.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::disk::durable::engine::{AnewError, Engine};
use crate::disk::durable::work::{Anew, PIECE_BYTES, Work};
use crate::ground::trace;
use crate::ground::unwind::let_go;
use crate::slot::records::ForDisk;
use crate::value::value::LiveValue;

/// How many entries a piece is about at most: it is written and synced before the next batch is looked for.
const PIECE_ENTRIES: usize = 4096;

/// What a walk comes to.
enum Step<V> {
    Write(Uuid, ForDisk<V>),
    /// Nothing that is to be written.
    Nothing,
    End,
    /// The store has ended meanwhile.
    Gone,
}

impl<E, V> Work<'_, E, V>
where
    E: Engine,
    V: LiveValue + Serialize + DeserializeOwned,
{
    /// How many bytes all entries have, more or less.
    pub(crate) fn needed(&self) -> u64 {
        let Some(table) = self.source.get().and_then(std::sync::Weak::upgrade) else {
            return u64::MAX;
        };
        let needed = self.weight.of(table.stored());
        let_go(table);
        needed
    }

    pub(crate) fn is_open(&self) -> bool {
        self.source.get().is_some_and(|table| table.strong_count() > 0)
    }

    pub(crate) fn begin_anew(&mut self) -> io::Result<()> {
        if self.anew.is_none()
            && self.engine.is_outgrown(0)
            && self.may_walk()
            && self.engine.is_outgrown(self.needed())
        {
            self.begin_walk()?;
        }
        Ok(())
    }

    /// Whether all entries can be written, as far as is known.
    pub(crate) fn may_walk(&self) -> bool {
        self.missing.is_empty() && self.stuck.is_none()
    }

    pub(crate) fn begin_walk(&mut self) -> io::Result<()> {
        if let Err(error) = self.engine.begin_anew(self.shared.clock.moment().clocks()) {
            return self.drop_walk(error);
        }
        self.anew = Some(Anew {
            next_shard: 0,
            slots: Vec::new().into_iter(),
            owed: None,
            target: None,
            behind: 0,
        });
        Ok(())
    }

    /// Writes as much as is due after a batch that has added so many bytes to the log: where there is always another, nothing
    /// else would be.
    pub(crate) fn keep_up(&mut self, grown: u64) -> io::Result<()> {
        if let Some(anew) = &mut self.anew {
            anew.behind += 2 * grown;
        }
        let is_behind = |anew: &Anew<V>| anew.target.is_none() && anew.behind >= PIECE_BYTES as u64;
        while self.anew.as_ref().is_some_and(is_behind) {
            self.write_anew()?;
        }
        Ok(())
    }

    /// Writes a piece.
    pub(crate) fn write_anew(&mut self) -> io::Result<()> {
        let Some(mut anew) = self.anew.take() else {
            return Ok(());
        };
        if anew.target.is_some() {
            // Nothing was pending.
            self.anew = Some(anew);
            return self.end_anew(u64::MAX);
        }
        match self.write_piece(&mut anew) {
            Ok(true) => self.anew = Some(anew),
            Ok(false) => let_go(anew),
            Err(error) => {
                let_go(anew);
                return self.drop_walk(error);
            }
        }
        Ok(())
    }

    /// Ends a walk of which the engine has let go, because a batch needed the room.
    pub(crate) fn drop_displaced(&mut self) {
        if self.anew.is_some() && !self.engine.is_anew() {
            let_go(self.anew.take());
            trace::anew_failed(&self.folder, &io::ErrorKind::StorageFull.into());
        }
    }

    /// Ends a walk that has failed, and says whether anything may follow.
    fn drop_walk(&mut self, error: AnewError) -> io::Result<()> {
        match error {
            AnewError::Dropped(error) => {
                trace::anew_failed(&self.folder, &error);
                self.engine.drop_anew();
                Ok(())
            }
            AnewError::Final(error) => Err(error),
        }
    }

    /// Returns whether the walk goes on.
    fn write_piece(&mut self, anew: &mut Anew<V>) -> Result<bool, AnewError> {
        let times = self.shared.clock.moment();
        let mut written = 0;
        let mut looked_at = 0;
        while written < PIECE_BYTES && looked_at < PIECE_ENTRIES {
            looked_at += 1;
            let (key, left) = match self.step(anew) {
                Step::Write(key, left) => (key, left),
                Step::Nothing => continue,
                // What was before still counts.
                Step::Gone => return Ok(false),
                Step::End => {
                    for (key, record) in self.shared.kept.all() {
                        self.engine.put_anew(&key, &record)?;
                    }
                    anew.target = Some(self.sink.want_all());
                    break;
                }
            };
            let encoded = self.encode(&left, &times);
            let_go(left);
            if encoded.is_err() {
                // If it was never written, that was told, or will be with its batch.
                self.stuck = Some(key);
                trace::not_written_anew(&key);
                self.engine.drop_anew();
                return Ok(false);
            }
            self.engine.put_anew(&key, &self.bytes)?;
            written += self.bytes.len();
        }
        self.engine.sync_anew()?;
        anew.behind = anew.behind.saturating_sub(written as u64);
        Ok(true)
    }

    fn step(&self, anew: &mut Anew<V>) -> Step<V> {
        if let Some(owed) = &mut anew.owed {
            return match owed.next() {
                Some((id, owing)) => Step::Write(id, ForDisk::Owed(owing)),
                None => Step::End,
            };
        }
        if let Some(slot) = anew.slots.next() {
            // Whatever came of its key after it has died is in the log that was begun before the walk.
            let record = {
                let state = slot.lock();
                state.is_stored().then(|| state.record(self.shared))
            };
            let key = *slot.key();
            let_go(slot);
            return record.map_or(Step::Nothing, |record| Step::Write(key, ForDisk::Record(record)));
        }
        let Some(table) = self.source.get().and_then(std::sync::Weak::upgrade) else {
            return Step::Gone;
        };
        let shard = table.shard(anew.next_shard);
        let_go(table);
        match shard {
            Some(slots) => {
                anew.slots = slots.into_iter();
                anew.next_shard += 1;
            }
            // After the entries: what has expired since is in the log.
            None => anew.owed = Some(self.sink.owed().all().into_iter()),
        }
        Step::Nothing
    }

    /// Has what was written anew count if all is on disk that may be in it.
    pub(crate) fn end_anew(&mut self, durable: u64) -> io::Result<()> {
        let is_complete = |anew: &Anew<V>| anew.target.is_some_and(|target| target <= durable);
        if self.anew.as_ref().is_some_and(is_complete) {
            self.anew = None;
            self.check()?;
            // Whatever is not in it has ended at or below that.
            if let Err(error) = self.engine.end_anew(self.shared.floor()) {
                return self.drop_walk(error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use serde::{Deserialize, Serialize, Serializer, ser};
    use tempfile::tempdir;
    use uuid::Uuid;

    use crate::slot::sink::progress::Unwritten;
    use crate::store::builder::LiveStoreBuilder;
    use crate::store::store::LiveStore;
    use crate::value::durability::{Durability, FlushError};
    use crate::value::entry::Entry;
    use crate::value::value::LiveValue;

    /// Whether what begins with a question mark is refused as well.
    static REFUSES_QUESTIONS: AtomicBool = AtomicBool::new(false);

    /// Refuses to be written if it begins with an exclamation mark.
    #[derive(Clone, Deserialize)]
    struct Text(String);

    impl Serialize for Text {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let is_refused = match self.0.chars().next() {
                Some('!') => true,
                Some('?') => REFUSES_QUESTIONS.load(Ordering::SeqCst),
                _ => false,
            };
            match is_refused {
                true => Err(ser::Error::custom("it does not want to")),
                false => serializer.serialize_str(&self.0),
            }
        }
    }

    impl LiveValue for Text {
        type Message = ();
        type Mutation = ();
        type MutError = ();

        fn mutate(_: &Entry<Self>, _: &()) -> Result<Self, ()> {
            Err(())
        }
    }

    const BAD: Uuid = Uuid::from_u128(1);
    const BUSY: Uuid = Uuid::from_u128(2);

    fn texts() -> LiveStoreBuilder<Text> {
        LiveStore::new().with_durability(Durability::Interval(Duration::MAX))
    }

    async fn put(store: &LiveStore<Text>, key: Uuid, text: &str) -> Result<(), FlushError> {
        store.insert(&key, Text(text.to_owned())).await;
        store.flush().await
    }

    fn count(folder: &Path, begin: &str) -> usize {
        let files = fs::read_dir(folder).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(begin)).count()
    }

    /// What another process would find there now.
    async fn on_disk(folder: &Path, key: Uuid) -> Option<String> {
        let mut refused = None;
        for _ in 0..100 {
            let copy = tempdir().unwrap();
            // One after another: while all is written anew, they may not belong together, or be gone.
            for file in fs::read_dir(folder).unwrap() {
                let file = file.unwrap();
                let _ = fs::copy(file.path(), copy.path().join(file.file_name()));
            }
            match texts().open(copy.path()).await {
                Ok(store) => {
                    let found = store.fetch(&key).map(|entry| entry.0.clone());
                    store.close().await.unwrap();
                    return found;
                }
                Err(error) => refused = Some(error),
            }
        }
        panic!("it never opens: {refused:?}");
    }

    /// Has the log outgrown what it is about until everything was written anew.
    async fn until_anew(store: &LiveStore<Text>, folder: &Path) {
        for n in 0..10_000 {
            store.insert(&BUSY, Text(format!("again {n}"))).await;
            store.flush().await.unwrap();
            if count(folder, "snapshot-") > 0 {
                return;
            }
        }
        panic!("it was never written anew");
    }

    /// It was gone: the snapshot left it out, and the log that had it went.
    #[tokio::test]
    async fn what_an_entry_was_outlives_a_log_that_is_outgrown() {
        let folder = tempdir().unwrap();
        let folder = folder.path();
        let store = texts().with_log_limit(1).open(folder).await.unwrap();
        put(&store, BAD, "good").await.unwrap();
        for n in 0..100 {
            let text = format!("!{n}");
            assert!(matches!(
                put(&store, BAD, &text).await,
                Err(FlushError::Unwritten(_))
            ));
            put(&store, BUSY, &text[1..]).await.ok();
        }
        assert_eq!(on_disk(folder, BAD).await.as_deref(), Some("good"));
        assert_eq!(on_disk(folder, BUSY).await.as_deref(), Some("99"));
        assert!(count(folder, "log-") < 4, "no other log is begun meanwhile");

        // Once it has another value, all is as ever.
        put(&store, BAD, "better").await.unwrap();
        until_anew(&store, folder).await;
        assert_eq!(on_disk(folder, BAD).await.as_deref(), Some("better"));
        store.close().await.unwrap();
        assert_eq!(on_disk(folder, BAD).await.as_deref(), Some("better"));
    }

    #[tokio::test]
    async fn what_an_entry_was_outlives_the_close_of_a_store_with_a_long_log() {
        let folder = tempdir().unwrap();
        let folder = folder.path();
        let store = texts().open(folder).await.unwrap();
        put(&store, BAD, "good").await.unwrap();
        for _ in 0..40 {
            put(&store, BUSY, &"x".repeat(60_000)).await.unwrap();
        }
        assert!(put(&store, BAD, "!").await.is_err());
        let closed = store.close().await;
        assert!(closed.is_err_and(|error| matches!(error.flush_error(), FlushError::Unwritten(_))));
        assert_eq!(on_disk(folder, BAD).await.as_deref(), Some("good"));
        // The next close finds the log as long, and nothing in the way.
        texts().open(folder).await.unwrap().close().await.unwrap();
        assert_eq!(on_disk(folder, BAD).await.as_deref(), Some("good"));
    }

    /// All of a large folder was written again at each close, because nobody knew how large its entries are.
    #[tokio::test]
    async fn a_folder_that_is_opened_and_closed_is_not_written_anew() {
        let folder = tempdir().unwrap();
        let folder = folder.path();
        let store = texts().open(folder).await.unwrap();
        for n in 0..40 {
            put(&store, Uuid::from_u128(n), &"x".repeat(60_000))
                .await
                .unwrap();
        }
        store.close().await.unwrap();
        for _ in 0..3 {
            texts().open(folder).await.unwrap().close().await.unwrap();
            assert_eq!((count(folder, "snapshot-"), count(folder, "log-")), (0, 1));
        }
        // But what nobody needs any more is not kept.
        let store = texts().open(folder).await.unwrap();
        for n in 1..40 {
            store.remove(&Uuid::from_u128(n)).await.unwrap();
        }
        store.close().await.unwrap();
        assert_eq!(count(folder, "snapshot-"), 1);
    }

    /// Batches came first, so where there was always another, nothing was ever written anew, and the log grew until the disk was
    /// full.
    #[tokio::test]
    async fn a_folder_stays_small_though_the_writer_never_rests() {
        let folder = tempdir().unwrap();
        let folder = folder.path();
        let store = texts().with_log_limit(1).open(folder).await.unwrap();
        let bytes = || {
            let files = fs::read_dir(folder).unwrap();
            // Some go meanwhile.
            let sizes = files.filter_map(|file| file.unwrap().metadata().ok());
            sizes.map(|about| about.len()).sum::<u64>()
        };
        let text = "x".repeat(20_000);
        let mut most = 0;
        for _ in 0..60 {
            for key in 0..40 {
                store.insert(&Uuid::from_u128(key), Text(text.clone())).await;
            }
            store.flush().await.unwrap();
            most = most.max(bytes());
        }
        store.close().await.unwrap();
        assert!(most < 6 * 40 * 20_000, "{most}");
    }

    /// Nothing was refused when it was committed, or it was committed by a program that wrote it.
    #[tokio::test]
    async fn a_value_that_was_written_and_cannot_be_any_more_stays_as_it_is_on_disk() {
        let folder = tempdir().unwrap();
        let folder = folder.path();
        let store = texts().with_log_limit(1).open(folder).await.unwrap();
        put(&store, BAD, "?").await.unwrap();
        REFUSES_QUESTIONS.store(true, Ordering::SeqCst);
        for n in 0..100 {
            put(&store, BUSY, &n.to_string()).await.unwrap();
        }
        assert_eq!(on_disk(folder, BAD).await.as_deref(), Some("?"));
        assert!(count(folder, "log-") < 4 && count(folder, "snapshot-") == 0);
        put(&store, BAD, "good").await.unwrap();
        until_anew(&store, folder).await;
        assert_eq!(on_disk(folder, BAD).await.as_deref(), Some("good"));
        store.close().await.unwrap();
    }

    /// With many of them, all were gone through twice after each batch.
    #[tokio::test]
    async fn what_is_said_of_them_is_made_when_it_changes() {
        let folder = tempdir().unwrap();
        let store = texts().open(folder.path()).await.unwrap();
        let said = || store.shared().sink().and_then(|sink| sink.unwritten());
        let is_same = |one: Option<Arc<Unwritten>>, other: Option<Arc<Unwritten>>| match (one, other) {
            (Some(one), Some(other)) => Arc::ptr_eq(&one, &other),
            _ => false,
        };
        assert!(put(&store, BAD, "!").await.is_err());
        let first = said();
        for text in ["a", "b"] {
            put(&store, BUSY, text).await.ok();
            assert!(is_same(first.clone(), said()));
        }
        put(&store, BAD, "!!").await.ok();
        assert!(is_same(first.clone(), said()), "for the same reason");
        put(&store, BUSY, "!").await.ok();
        assert!(!is_same(first, said()));
        assert_eq!(said().map(|said| said.reasons.len()), Some(2));
        put(&store, BAD, "good").await.ok();
        assert_eq!(said().map(|said| said.reasons.len()), Some(1));
        store.remove(&BUSY).await.unwrap();
        store.flush().await.unwrap();
        assert!(said().is_none());
    }
}
