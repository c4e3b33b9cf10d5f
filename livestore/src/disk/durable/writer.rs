//! The writer: the thread that takes batches from the queue to the disk.
//!
//! It holds no handle to the store, and nothing is locked while it encodes, writes, or drops what was written. A batch is
//! the whole queue, and goes to the engine as one: see [`Work`]. When the log has outgrown what it is about, the writer
//! writes everything [anew](crate::disk::durable::anew), between the batches.
//!
//! What fails before anybody relies on it is dropped. Any other failure is final: the queue ends, `flush` errs, the callback is called once, and the memory goes on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use crate::disk::durable::Source;
use crate::disk::durable::engine::Engine;
use crate::disk::durable::folder::Lock;
use crate::disk::durable::work::{Missing, Weight, Work};
use crate::ground::trace;
use crate::ground::unwind::{caught, let_go};
use crate::slot::record::stack::STACK;
use crate::slot::records::Records;
use crate::slot::shared::Shared;
use crate::slot::sink::Sink;
use crate::slot::sink::batch::{Next, Otherwise};
use crate::value::durability::{DurabilityError, FlushError};
use crate::value::value::LiveValue;

/// What is called when the disk has failed.
pub(crate) type OnDurabilityError = Box<dyn FnOnce(DurabilityError) + Send + Sync>;

/// What a writer is started with.
pub(crate) struct Writer<E, V: LiveValue> {
    pub(crate) engine: E,
    /// Given back when the engine is gone.
    pub(crate) lock: Option<Lock>,
    pub(crate) source: Source<V>,
    /// Of what was read.
    pub(crate) weight: Weight,
    pub(crate) folder: PathBuf,
    pub(crate) interval: Duration,
    pub(crate) on_error: Option<OnDurabilityError>,
    /// So that what the user's code spawns on the writer's thread has somewhere to run, and the clock is the store's.
    pub(crate) runtime: Option<Handle>,
}

impl<E, V> Writer<E, V>
where
    E: Engine + 'static,
    V: LiveValue + Serialize + DeserializeOwned,
{
    /// Starts the thread. It ends with the queue of the store, which must have one.
    pub(crate) fn start(self, shared: Arc<Shared<V>>) -> io::Result<()> {
        let thread = thread::Builder::new()
            .name("livestore-writer".to_owned())
            .stack_size(STACK);
        // Known before it runs, so that who drops the last handle waits for it.
        let expect = |is_expected| {
            if let Some(sink) = shared.sink() {
                sink.expect_writer(is_expected);
            }
        };
        expect(true);
        if let Some(sink) = shared.sink() {
            sink.note_sizes(self.engine.sizes());
        }
        let started = thread.spawn({
            let shared = Arc::clone(&shared);
            move || {
                if let Some(sink) = shared.sink() {
                    self.run(&shared, sink);
                }
            }
        });
        if started.is_err() {
            expect(false);
        }
        started.map(|_| ())
    }

    fn run(self, shared: &Shared<V>, sink: &Sink<V>) {
        let runtime = self.runtime.clone();
        let _context = runtime.as_ref().map(Handle::enter);
        sink.begin_writing();
        let Writer {
            engine,
            lock,
            source,
            weight,
            folder,
            interval,
            on_error,
            ..
        } = self;
        let mut work = Work {
            engine,
            lock,
            shared,
            sink,
            source,
            folder,
            weight,
            missing: Missing::default(),
            stuck: None,
            anew: None,
            bytes: Vec::new(),
        };
        let written = catch_unwind(AssertUnwindSafe(|| work.write_batches(interval)));
        let failure = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(DurabilityError::write(&work.folder, error)),
            Err(panic) => Some(DurabilityError::writer(&work.folder, panicked(&*panic).into())),
        };
        let why = match (&failure, work.missing.told(&work.folder)) {
            (Some(failure), _) => FlushError::Failed(failure.clone()),
            (None, Some(unwritten)) => FlushError::Unwritten(unwritten.error.clone()),
            (None, None) => FlushError::Closed,
        };
        let mut lost = sink.finish(why);
        // The disk that has failed may take its time; only who opens the folder again waits for it.
        if failure.is_some() && work.check().is_ok() {
            let _ = caught(|| work.engine.give_up());
        }
        let lock = work.lock.take();
        let_go(work);
        drop(lock);
        // From here on somebody else may open the folder.
        sink.release();
        lost.take().for_each(let_go);
        let Some(failure) = failure else { return };
        trace::disk_failed(&failure);
        if let Some(on_error) = on_error {
            let _ = caught(|| on_error(failure));
        }
    }
}

impl<E, V> Work<'_, E, V>
where
    E: Engine,
    V: LiveValue + Serialize + DeserializeOwned,
{
    fn write_batches(&mut self, interval: Duration) -> io::Result<()> {
        let mut empty = Records::default();
        loop {
            let otherwise = match self.anew {
                Some(_) => Otherwise::Work,
                None => Otherwise::Wait,
            };
            match self.sink.next(interval, &mut empty, otherwise) {
                Next::Write(mut batch) => {
                    let before = self.engine.sizes().log;
                    self.write(&mut batch)?;
                    let grown = self.engine.sizes().log.saturating_sub(before);
                    let up_to = batch.up_to;
                    empty = batch.records.reuse();
                    self.sink.written(up_to, self.missing.told(&self.folder));
                    self.sink.note_weight(self.weight.recent);
                    self.end_anew(up_to)?;
                    self.begin_anew()?;
                    self.keep_up(grown)?;
                    self.sink.note_sizes(self.engine.sizes());
                }
                Next::Work => {
                    self.write_anew()?;
                    if self.anew.is_none() {
                        self.sink.note_sizes(self.engine.sizes());
                    }
                }
                Next::End => break,
            }
        }
        self.check()?;
        // What is left is small, or what comes next will be.
        let is_wasteful = |work: &Self| work.engine.is_wasteful(work.needed());
        if self.may_walk() && is_wasteful(self) && self.is_open() {
            if self.anew.is_none() {
                self.begin_walk()?;
            }
            while self.anew.is_some() && self.is_open() {
                self.write_anew()?;
                self.end_anew(u64::MAX)?;
            }
        }
        self.engine.close(self.shared.clock.moment().clocks())
    }
}

/// What a panic says.
fn panicked(panic: &(dyn Any + Send)) -> String {
    let says = (panic.downcast_ref::<String>().map(String::as_str)).or(panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", says.unwrap_or("no message"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod tests {
    use std::collections::HashMap;
    use std::mem;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc as std_mpsc;

    use futures_util::FutureExt;
    use serde::Deserialize;
    use tokio::sync::mpsc;
    use uuid::Uuid;

    use super::*;
    use crate::ground::clock::{Clock, Clocks};
    use crate::ground::stats::DiskState;
    use crate::slot::record::Decoded;
    use crate::slot::records::ForDisk;
    use crate::slot::sink::Limits;
    use crate::store::store::LiveStore;
    use crate::table::table::Table;
    use crate::value::entry::Entry;
    use crate::value::options::StoreOptions;

    #[derive(Clone, Serialize, Deserialize)]
    struct Number(i64);

    impl LiveValue for Number {
        type Message = ();
        type Mutation = i64;
        type MutError = ();

        fn mutate(entry: &Entry<Self>, more: &i64) -> Result<Self, ()> {
            Ok(Number(entry.0 + more))
        }
    }

    #[derive(Default)]
    struct Written {
        /// In the order of the keys.
        records: Vec<(Uuid, Option<i64>)>,
        floor: u64,
    }

    fn number(record: &[u8]) -> i64 {
        let moment = Clock::start().moment();
        match Decoded::<Number>::decode(record, &moment, moment.wall_now()) {
            Ok(Decoded::Entry(record)) => record.value.0,
            _ => panic!("it is the record of an entry"),
        }
    }

    /// An engine that shows each batch and then does as it is told.
    struct Shown {
        staged: Written,
        batches: mpsc::UnboundedSender<Written>,
        verdicts: std_mpsc::Receiver<io::Result<()>>,
    }

    impl Engine for Shown {
        fn begin(&mut self, _: Clocks) {}

        fn put(&mut self, key: &Uuid, record: &[u8]) -> io::Result<()> {
            self.staged.records.push((*key, Some(number(record))));
            Ok(())
        }

        fn remove(&mut self, key: &Uuid) -> io::Result<()> {
            self.staged.records.push((*key, None));
            Ok(())
        }

        fn commit(&mut self, floor: u64) -> io::Result<()> {
            let mut written = mem::take(&mut self.staged);
            written.records.sort_unstable();
            written.floor = floor;
            self.batches.send(written).ok();
            // No verdict comes when the test has ended.
            self.verdicts.recv().unwrap_or(Ok(()))
        }
    }

    struct Setup {
        store: LiveStore<Number>,
        batches: mpsc::UnboundedReceiver<Written>,
        verdicts: std_mpsc::Sender<io::Result<()>>,
        failures: Arc<AtomicUsize>,
    }

    /// So many records may be pending, however large they are.
    fn records(records: usize) -> Limits {
        Limits {
            records,
            bytes: usize::MAX,
        }
    }

    fn table(sink: Sink<Number>) -> Arc<Table<Number>> {
        Arc::new(Table::durable(&StoreOptions::default(), sink))
    }

    fn durable(
        engine: impl Engine + 'static,
        interval: Duration,
        limit: usize,
    ) -> (LiveStore<Number>, Arc<AtomicUsize>) {
        let table = table(Sink::new(records(limit)));
        let failures = Arc::new(AtomicUsize::new(0));
        let heard = Arc::clone(&failures);
        let writer = Writer {
            engine,
            lock: None,
            source: Source::default(),
            weight: Weight::default(),
            folder: PathBuf::from("folder"),
            interval,
            on_error: Some(Box::new(move |_| {
                heard.fetch_add(1, Ordering::SeqCst);
            })),
            runtime: Some(Handle::current()),
        };
        writer.start(Arc::clone(table.shared())).unwrap();
        (LiveStore::from_table(table), failures)
    }

    /// A store that writes when it is asked to, or half full.
    fn setup(limit: usize) -> Setup {
        let (shown, batches) = mpsc::unbounded_channel();
        let (verdicts, told) = std_mpsc::channel();
        let engine = Shown {
            staged: Written::default(),
            batches: shown,
            verdicts: told,
        };
        let (store, failures) = durable(engine, Duration::MAX, limit);
        Setup {
            store,
            batches,
            verdicts,
            failures,
        }
    }

    fn key(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn sink(store: &LiveStore<Number>) -> &Sink<Number> {
        store.shared().sink().unwrap()
    }

    #[tokio::test]
    async fn a_flush_returns_when_its_batch_is_on_disk_and_not_before() {
        let mut setup = setup(100);
        let store = setup.store.clone();
        store.create(&key(1), Number(1)).ok();
        let mut flush = Box::pin(store.flush());
        assert!(flush.as_mut().now_or_never().is_none());
        let batch = setup.batches.recv().await.unwrap();
        assert_eq!(batch.records, [(key(1), Some(1))]);
        // Everything is written, and nothing synced yet.
        assert!(flush.as_mut().now_or_never().is_none());
        setup.verdicts.send(Ok(())).unwrap();
        flush.await.unwrap();
        // With nothing new, nothing is written.
        store.flush().await.unwrap();
        assert!(setup.batches.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_batch_is_the_latest_of_everything_and_the_floor() {
        let mut setup = setup(100);
        let store = setup.store.clone();
        for n in 1..=3 {
            store.create(&key(n), Number(0)).ok();
        }
        for _ in 0..5 {
            store.mutate(&key(1), 1).await.ok();
        }
        store.mutate(&key(2), 1).await.ok();
        let gone = store.remove(&key(2)).await.unwrap();
        setup.verdicts.send(Ok(())).unwrap();
        store.flush().await.unwrap();
        let batch = setup.batches.recv().await.unwrap();
        assert_eq!(
            batch.records,
            [(key(1), Some(5)), (key(2), None), (key(3), Some(0))]
        );
        assert_eq!((gone.version(), batch.floor), (3, 3));
    }

    #[tokio::test]
    async fn those_who_flush_while_a_batch_is_written_share_the_next() {
        let mut setup = setup(100);
        let store = setup.store.clone();
        let flushes: Vec<_> = (0..50)
            .map(|n| {
                store.create(&key(n), Number(0)).ok();
                let store = store.clone();
                tokio::spawn(async move { store.flush().await })
            })
            .collect();
        let mut records = setup.batches.recv().await.unwrap().records.len();
        // Now all of them wait for this batch or the next.
        for n in 50..60 {
            store.create(&key(n), Number(0)).ok();
        }
        let last = store.flush();
        setup.verdicts.send(Ok(())).unwrap();
        setup.verdicts.send(Ok(())).unwrap();
        last.await.unwrap();
        for flush in flushes {
            flush.await.unwrap().unwrap();
        }
        records += setup.batches.recv().await.unwrap().records.len();
        assert_eq!(records, 60);
        assert!(setup.batches.try_recv().is_err());
    }

    #[tokio::test]
    async fn the_first_error_is_final() {
        let mut setup = setup(2);
        let store = setup.store.clone();
        store.create(&key(1), Number(0)).ok();
        let error = io::Error::from(io::ErrorKind::StorageFull);
        setup.verdicts.send(Err(error)).unwrap();
        let failed = store.flush().await;
        assert!(
            matches!(&failed, Err(FlushError::Failed(error)) if error.is_disk_full()),
            "{failed:?}"
        );
        setup.batches.recv().await.unwrap();

        // Memory goes on, and nobody waits for a disk that is no more, however much there is to write.
        for n in 2..10 {
            store.create(&key(n), Number(0)).ok();
            store.mutate(&key(n), 1).now_or_never().unwrap().unwrap();
        }
        let stats = store.stats().disk.unwrap();
        assert_eq!((stats.pending, stats.committed, stats.durable), (0, 1, 0));
        assert_eq!(stats.state, DiskState::Failed);
        assert!(matches!(
            store.flush().now_or_never(),
            Some(Err(FlushError::Failed(_)))
        ));
        assert!(store.clone().close().await.is_err());
        while setup.failures.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        drop((setup.store, store));
        // The engine was not called again, and is gone.
        assert!(setup.batches.recv().await.is_none());
        assert_eq!(setup.failures.load(Ordering::SeqCst), 1);
    }

    /// An engine that keeps nothing, and fails in its own way.
    struct Fails<C, G> {
        commit: C,
        give_up: G,
    }

    impl<C, G> Engine for Fails<C, G>
    where
        C: FnMut() -> io::Result<()> + Send,
        G: FnMut() + Send,
    {
        fn begin(&mut self, _: Clocks) {}

        fn put(&mut self, _: &Uuid, _: &[u8]) -> io::Result<()> {
            Ok(())
        }

        fn remove(&mut self, _: &Uuid) -> io::Result<()> {
            Ok(())
        }

        fn commit(&mut self, _: u64) -> io::Result<()> {
            (self.commit)()
        }

        fn give_up(&mut self) {
            (self.give_up)();
        }
    }

    /// A disk that does not answer took its time for that as well, and meanwhile nobody knew.
    #[tokio::test]
    async fn everybody_is_told_before_room_is_given_back() {
        let (answer, answered) = std_mpsc::channel::<()>();
        let engine = Fails {
            commit: || Err(io::Error::from(io::ErrorKind::TimedOut)),
            give_up: move || {
                let _ = answered.recv();
            },
        };
        let (store, failures) = durable(engine, Duration::MAX, 2);
        store.create(&key(1), Number(0)).ok();
        let told = tokio::time::timeout(Duration::from_secs(5), store.flush()).await;
        assert!(matches!(told, Ok(Err(FlushError::Failed(_)))), "{told:?}");
        for n in 2..6 {
            store.insert(&key(n), Number(0)).now_or_never().unwrap();
        }
        // The folder is somebody else's only after that.
        let other = store.clone();
        let mut closed = Box::pin(other.close());
        assert!(closed.as_mut().now_or_never().is_none());
        assert_eq!(failures.load(Ordering::SeqCst), 0);
        drop(answer);
        assert!(closed.await.is_err());
    }

    #[tokio::test]
    async fn an_engine_that_panics_has_failed() {
        let engine = Fails {
            commit: || panic!("the engine is broken"),
            give_up: || {},
        };
        let (store, failures) = durable(engine, Duration::MAX, 10);
        store.init(Number(0));
        let failed = store.flush().await.map_err(|error| error.to_string());
        assert!(failed.is_err_and(|text| text.contains("the engine is broken")));
        assert!(store.clone().close().await.is_err());
        while failures.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// It waited for ever: threads are not forked.
    #[tokio::test]
    async fn a_process_that_was_forked_has_no_writer_and_says_so() {
        let sink = Sink::new(records(10)).forked();
        // There was one where it was forked from.
        sink.expect_writer(true);
        let store = LiveStore::from_table(table(sink));
        // Nobody takes anything out of the queue, and nobody waits until somebody does.
        for n in 0..30 {
            store.insert(&key(n), Number(0)).now_or_never().unwrap();
        }
        store.mutate(&key(1), 1).now_or_never().unwrap().unwrap();
        let flushed = store.flush().now_or_never();
        assert!(matches!(flushed, Some(Err(FlushError::Forked))), "{flushed:?}");
        let closed = store.clone().close().now_or_never();
        let why = closed.and_then(|closed| closed.err());
        assert!(why.is_some_and(|why| matches!(why.flush_error(), FlushError::Forked)));
        let began = crate::ground::clock::real_now();
        drop(store);
        assert!(
            began.elapsed() < Duration::from_millis(500),
            "its drop does not wait"
        );
    }

    /// The writer was not there yet when the last handle went, and the process ended with it.
    #[tokio::test]
    async fn the_drop_of_the_last_handle_waits_for_a_writer_that_has_not_begun() {
        for _ in 0..50 {
            let written = Arc::new(AtomicUsize::new(0));
            let told = Arc::clone(&written);
            let store = kept(Duration::ZERO, move |numbers| {
                told.store(numbers.len(), Ordering::SeqCst)
            });
            store.create(&key(1), Number(0)).ok();
            drop(store);
            assert_eq!(written.load(Ordering::SeqCst), 1);
        }
    }

    #[tokio::test]
    async fn no_batch_is_closed_while_a_transaction_is_under_way() {
        let mut setup = setup(100);
        let store = setup.store.clone();
        let first = store.shared().outlet.whole();
        store.create(&key(1), Number(0)).ok();
        let mut flush = Box::pin(store.flush());
        assert!(flush.as_mut().now_or_never().is_none());
        while !sink(&store).is_closing_batch() {
            tokio::task::yield_now().await;
        }
        // The next transaction waits for the batch, so that the batch does not wait for ever.
        let (told, begun) = std_mpsc::channel();
        let next = {
            let store = store.clone();
            thread::spawn(move || {
                let _second = store.shared().outlet.whole();
                told.send(()).unwrap();
                store.create(&key(3), Number(0)).ok();
            })
        };
        assert!(begun.recv_timeout(Duration::from_millis(50)).is_err());
        store.create(&key(2), Number(0)).ok();
        assert!(setup.batches.try_recv().is_err());
        drop(first);
        let batch = setup.batches.recv().await.unwrap();
        assert_eq!(batch.records, [(key(1), Some(0)), (key(2), Some(0))]);
        next.join().unwrap();
        setup.verdicts.send(Ok(())).unwrap();
        flush.await.unwrap();
    }

    /// An engine that keeps what it is given, and looks at all of it after each batch.
    struct Kept<F> {
        numbers: HashMap<Uuid, i64>,
        look: F,
    }

    impl<F: FnMut(&HashMap<Uuid, i64>) + Send> Engine for Kept<F> {
        fn begin(&mut self, _: Clocks) {}

        fn put(&mut self, key: &Uuid, record: &[u8]) -> io::Result<()> {
            self.numbers.insert(*key, number(record));
            Ok(())
        }

        fn remove(&mut self, key: &Uuid) -> io::Result<()> {
            self.numbers.remove(key);
            Ok(())
        }

        fn commit(&mut self, _: u64) -> io::Result<()> {
            (self.look)(&self.numbers);
            Ok(())
        }
    }

    fn kept(interval: Duration, look: impl FnMut(&HashMap<Uuid, i64>) + Send + 'static) -> LiveStore<Number> {
        let engine = Kept {
            numbers: HashMap::new(),
            look,
        };
        durable(engine, interval, 1 << 20).0
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn a_transaction_is_in_one_batch() {
        let store = kept(Duration::ZERO, |numbers| {
            // Each transfer moves something between two accounts.
            let total: i64 = numbers.values().sum();
            assert_eq!(total % 800, 0, "{numbers:?}");
        });
        let keys: Vec<Uuid> = (0..8).map(key).collect();
        store
            .transact(&[], |tx| {
                keys.iter().for_each(|key| drop(tx.create(key, Number(100))));
                Ok::<_, ()>(())
            })
            .await
            .unwrap();
        let transfers: Vec<_> = (0..3_usize)
            .map(|task| {
                let (store, keys) = (store.clone(), keys.clone());
                tokio::spawn(async move {
                    for round in 0..3000 {
                        let (from, to) = (keys[(task + round) % 8], keys[(task + round * 3 + 1) % 8]);
                        store
                            .transact(&[from, to], |tx| {
                                tx.mutate(&from, -1).ok();
                                tx.mutate(&to, 1).ok();
                                Ok::<_, ()>(())
                            })
                            .await
                            .unwrap();
                    }
                })
            })
            .collect();
        for task in transfers {
            task.await.unwrap();
        }
        store.close().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn what_was_seen_is_on_disk_before_what_was_done_about_it() {
        let store = kept(Duration::ZERO, |numbers| {
            let at = |n| numbers.get(&key(n)).copied().unwrap_or(0);
            // The second is what somebody fetched of the first, the third what somebody was told of it.
            assert!(at(2) <= at(1) && at(3) <= at(1), "{numbers:?}");
        });
        for n in 1..=3 {
            store.create(&key(n), Number(0)).ok();
        }
        let mut watch = store.watch(&key(1)).unwrap();
        let told = {
            let store = store.clone();
            tokio::spawn(async move {
                while let Some(update) = watch.next().await {
                    let seen = update.entry().0;
                    store.insert(&key(3), Number(seen)).await;
                    if seen == 20_000 {
                        break;
                    }
                }
            })
        };
        let seen = {
            let store = store.clone();
            tokio::spawn(async move {
                loop {
                    let seen = store.fetch(&key(1)).unwrap().0;
                    store.insert(&key(2), Number(seen)).await;
                    if seen == 20_000 {
                        break;
                    }
                }
            })
        };
        for _ in 0..20_000 {
            store.mutate(&key(1), 1).await.ok();
        }
        told.await.unwrap();
        seen.await.unwrap();
        store.close().await.unwrap();
    }

    /// Whoever is told may do something about it, which would be entered first.
    #[tokio::test]
    async fn nobody_is_told_of_a_change_before_it_is_entered() {
        let store = setup(100).store;
        let mut all = store.watch_all();
        store.create(&key(1), Number(0)).ok();
        assert!(all.next().await.is_some());
        let mut watch = store.watch(&key(1)).unwrap();
        let changes: [fn(&LiveStore<Number>); 3] = [
            |store| drop(store.mutate(&key(1), 1).now_or_never()),
            |store| drop(store.create(&key(2), Number(0))),
            |store| drop(store.remove(&key(1)).now_or_never()),
        ];
        for change in changes {
            let (told, is_done) = std_mpsc::channel();
            let busy = sink(&store).lock();
            let other = store.clone();
            let changing = thread::spawn(move || {
                change(&other);
                told.send(()).unwrap();
            });
            // It waits for the queue.
            assert!(is_done.recv_timeout(Duration::from_millis(50)).is_err());
            assert!(all.next().now_or_never().is_none());
            assert!(watch.next().now_or_never().is_none());
            drop(busy);
            changing.join().unwrap();
            assert!(all.next().now_or_never().is_some());
            watch.next().now_or_never();
        }
    }

    #[tokio::test]
    async fn a_commit_goes_to_disk_when_its_interval_is_over() {
        let (told, mut batches) = mpsc::unbounded_channel();
        let store = kept(Duration::from_millis(1), move |numbers| {
            told.send(numbers.len()).unwrap()
        });
        store.init(Number(0));
        assert_eq!(batches.recv().await, Some(1));
        store.init(Number(0));
        assert_eq!(batches.recv().await, Some(2));
    }

    /// A disk that does not answer for seconds, and large values: what waits for it is bounded by bytes, too.
    #[tokio::test]
    async fn a_queue_is_full_by_its_bytes_as_well() {
        let limits = Limits {
            records: 1 << 20,
            bytes: 1 << 20,
        };
        let sink = Sink::<Number>::new(limits);
        // Until the first was written each counts as much.
        let enter = |n| drop(sink.enter(&key(n), ForDisk::End));
        (0..15).for_each(enter);
        assert!(!sink.is_full());
        enter(15);
        assert!(sink.is_full());
        sink.note_weight(100);
        assert!(!sink.is_full(), "they are smaller than that");
        (16..10_485).for_each(enter);
        assert!(sink.is_full());
        // Half of it is written before its time, so that the other half has room meanwhile.
        let mut empty = Records::default();
        let Next::Write(batch) = sink.next(Duration::MAX, &mut empty, Otherwise::Wait) else {
            panic!("nothing is to be written");
        };
        assert_eq!(batch.records.len(), 10_485);
        assert!(!sink.is_full());
        sink.note_weight(1 << 19);
        enter(0);
        assert!(!sink.is_full());
        enter(1);
        assert!(sink.is_full());
        // As large as all of it: one at a time.
        sink.note_weight(1 << 30);
        assert!(sink.is_full());
    }

    /// It created entries as fast as it could, and the queue grew without a bound.
    #[tokio::test]
    async fn a_transaction_without_keys_waits_for_room_as_well() {
        // Nobody writes.
        let store = LiveStore::from_table(table(Sink::new(records(2))));
        let create = |n| {
            let made = store.transact(&[], |tx| tx.create(&key(n), Number(0)));
            made.now_or_never().map(|made| made.is_ok())
        };
        assert_eq!((create(1), create(2), create(3)), (Some(true), Some(true), None));
        assert_eq!(store.len(), 2);
    }

    #[tokio::test]
    async fn a_queue_that_is_half_full_goes_to_disk_before_its_time() {
        let mut setup = setup(10);
        for n in 0..5 {
            assert!(setup.batches.try_recv().is_err());
            setup.store.create(&key(n), Number(0)).ok();
        }
        assert_eq!(setup.batches.recv().await.unwrap().records.len(), 5);
    }
}
