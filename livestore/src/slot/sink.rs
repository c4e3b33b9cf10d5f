//! [`Sink`]: what commits leave for the disk until it is written.
//!
//! A commit enters a [record](crate::slot::record::Record) under the slot's lock, before anybody can see the change. One
//! record per key: a later one displaces an earlier one that was not taken yet. The writer takes the *whole* queue at one
//! instant, as a [batch]. So what is on disk after any batch is the store as it was at that instant: whoever commits because
//! of something that they saw enters after it, and a prefix of the entries is a prefix of the commits. What must not be torn
//! apart, as the records of a transaction, is [kept together](whole).
//!
//! Once the queue has ended, because the store was closed or because the disk failed, nothing enters any more.
//!
//! Lock order: only what is [owed](crate::slot::owed) is locked under it. Nothing of the user's runs under it: what is displaced
//! is handed out.

pub(crate) mod batch;
pub(crate) mod progress;
pub(crate) mod whole;

use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};
use std::{mem, process};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::ground::clock;
use crate::ground::random::random_key;
use crate::ground::stats::{DiskState, DiskStats};
use crate::ground::sync::atomic::{AtomicBool, Ordering};
use crate::ground::sync::{Condvar, Mutex, MutexGuard};
use crate::slot::owed::Owed;
use crate::slot::record::Owing;
use crate::slot::records::{ForDisk, Records};
use crate::slot::sink::progress::{Progress, Reached, Unwritten};
use crate::value::durability::{DurabilityError, FlushError};

/// Until it is known how many bytes a record has, it is taken for so many.
const LIKELY_BYTES: usize = 64 << 10;

/// How much may be pending before it is full. At half of it the writer begins early.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

impl Limits {
    /// How many records that is, of this many bytes each.
    fn records_of(self, bytes: usize) -> usize {
        self.records.min(self.bytes / bytes.max(1)).max(1)
    }
}

pub(crate) struct Sink<V> {
    state: Mutex<State<V>>,
    /// Wakes the writer.
    work: Condvar,
    /// Wakes the writer when the last transaction under way is done, and transactions when the batch is closed.
    between: Condvar,
    /// Wakes who blocks until the folder is released.
    released: Condvar,
    /// So many records are pending that those who can wait should. Written under the lock.
    full: AtomicBool,
    /// Wakes those who wait until it is not full.
    room: Notify,
    progress: Progress,
    /// What the callback of expired entries was not given yet.
    owed: Owed<V>,
    limits: Limits,
    /// A child that was forked has no writer.
    process: u32,
}

/// How large what is on disk is, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    pub(crate) log: u64,
    pub(crate) snapshot: u64,
}

struct State<V> {
    pending: Records<V>,
    /// When the writer first saw that something is pending.
    since: Option<Instant>,
    /// At how many pending records it is full.
    limit: usize,
    /// How many bytes a record has, on the whole. 0 before any was written.
    weight: usize,
    sizes: Sizes,
    /// How many records were ever entered: the sequence number of the last one.
    entered: u64,
    /// The sequence number of the last one that the writer has taken.
    taken: u64,
    /// Somebody waits for what is pending.
    wanted: bool,
    /// How many transactions are under way.
    transactions: usize,
    /// A batch waits until there are none.
    closing_batch: bool,
    phase: Phase,
    /// The disk has failed, and what is committed since has not entered.
    has_failed: bool,
    /// Whether there is a writer, or will be.
    has_writer: bool,
    /// The writer, once it runs.
    writer: Option<ThreadId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// What is pending is still written; nothing enters any more.
    Closing,
    /// Nothing more will be written.
    Ended,
    /// Others may open the folder.
    Released,
}

impl<V> Sink<V> {
    pub(crate) fn new(limits: Limits) -> Sink<V> {
        Sink {
            state: Mutex::new(State {
                pending: Records::default(),
                since: None,
                limit: limits.records_of(LIKELY_BYTES),
                weight: 0,
                sizes: Sizes::default(),
                entered: 0,
                taken: 0,
                wanted: false,
                transactions: 0,
                closing_batch: false,
                phase: Phase::Open,
                has_failed: false,
                has_writer: false,
                writer: None,
            }),
            work: Condvar::new(),
            between: Condvar::new(),
            released: Condvar::new(),
            full: AtomicBool::new(false),
            room: Notify::new(),
            progress: Progress::new(),
            owed: Owed::new(false),
            limits,
            process: process::id(),
        }
    }

    /// The same for a store with a callback of expired entries.
    pub(crate) fn with_callback(self) -> Sink<V> {
        let owed = Owed::new(true);
        Sink { owed, ..self }
    }

    pub(crate) fn owed(&self) -> &Owed<V> {
        &self.owed
    }

    // For commits, under the slot's lock.

    /// Enters a record, or an end. Returns what is to be dropped with nothing locked: what it displaces, or itself.
    pub(crate) fn enter(&self, key: &Uuid, record: ForDisk<V>) -> Option<ForDisk<V>> {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Some(record);
        }
        state.entered += 1;
        match state.pending.insert(key, record) {
            Some(displaced) => displaced,
            None => {
                self.tell_of(1, state);
                None
            }
        }
    }

    /// Enters that an entry has expired, and what is owed to the callback with it. Returns what is to be dropped with nothing
    /// locked.
    pub(crate) fn enter_owed(&self, owing: Owing<V>) -> Option<ForDisk<V>> {
        let owing = Arc::new(owing);
        let id = random_key();
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Some(ForDisk::Owed(owing));
        }
        self.owed.add(id, &owing);
        state.entered += 2;
        let displaced = state.pending.insert(&owing.key, ForDisk::End);
        let more = 1 + usize::from(displaced.is_none());
        // Nobody else has the id.
        let _ = state.pending.insert(&id, ForDisk::Owed(owing));
        self.tell_of(more, state);
        displaced.flatten()
    }

    /// Enters that what the callback was owed of an entry was delivered. Returns what is to be dropped with nothing locked.
    pub(crate) fn enter_delivered(&self, key: Uuid, version: u64) -> impl Sized + use<V> {
        let (id, owing) = self.owed.take(key, version)?;
        Some((self.enter(&id, ForDisk::End), owing))
    }

    /// Tells the writer, if it is to know that there are so many more records pending.
    fn tell_of(&self, more: usize, state: MutexGuard<'_, State<V>>) {
        let pending = state.pending.len();
        if pending >= state.limit {
            self.full.store(true, Ordering::Release);
        }
        let before = pending - more;
        let tell = before == 0 || (before < state.early() && state.early() <= pending);
        drop(state);
        if tell {
            self.work.notify_one();
        }
    }

    // For those who wait, with nothing locked.

    /// Not in a process that was forked, which has no writer that would make room.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire) && self.is_its_process()
    }

    /// Waits until it is not full.
    pub(crate) async fn room(&self) {
        #[cfg(feature = "test-util")]
        let _time = self.is_full().then(clock::stand_still);
        while self.is_full() {
            // It is told of room from here on, also while it does not wait yet.
            let room = self.room.notified();
            if self.is_full() {
                room.await;
            }
        }
    }

    /// Waits until everything entered so far is on disk.
    pub(crate) async fn flush(&self) -> Result<(), FlushError> {
        let now = self.written_up_to(State::want).await?;
        match now.unwritten {
            None => Ok(()),
            Some(unwritten) => Err(FlushError::Unwritten(unwritten.error.clone())),
        }
    }

    /// Waits until everything entered so far of one key is on disk.
    pub(crate) async fn flush_of(&self, key: &Uuid) -> Result<(), FlushError> {
        let now = self.written_up_to(|state| state.want_of(key)).await?;
        match now.unwritten.and_then(|unwritten| unwritten.of(key)) {
            None => Ok(()),
            Some(error) => Err(FlushError::Unwritten(error)),
        }
    }

    /// Has the writer write what is asked for now, and waits until it has. Returns how far it has come by then.
    async fn written_up_to(&self, want: impl FnOnce(&mut State<V>) -> u64) -> Result<Reached, FlushError> {
        if !self.is_its_process() {
            return Err(FlushError::Forked);
        }
        if let Some(ended) = self.progress.ended() {
            return Err(ended);
        }
        match self.want(want) {
            Some(target) => self.progress.until(target).await,
            None => Err(self.end().await),
        }
    }

    /// The sequence number at which everything of a key is on disk that was entered. Nobody is told of a commit before it was.
    /// `None` once the disk has failed: what was committed lately may not have been entered.
    pub(crate) fn entered_of(&self, key: &Uuid) -> Option<u64> {
        let state = self.state.lock();
        (!state.has_failed).then(|| state.entered_of(key))
    }

    /// Waits until everything up to this sequence number is on disk, and the latest value of this entry among it. Returns
    /// whether it is; otherwise it never will be.
    pub(crate) async fn until_on_disk(&self, target: u64, key: &Uuid) -> bool {
        self.is_its_process() && self.progress.until_with(target, key).await
    }

    /// Waits until the disk has failed, or nobody would hear of that here.
    pub(crate) async fn until_failed(&self) {
        if self.is_its_process() {
            self.progress.until_failed().await;
        }
    }

    /// Has the writer write what is wanted now. Returns its sequence number, or `None` if nothing enters any more.
    fn want(&self, want: impl FnOnce(&mut State<V>) -> u64) -> Option<u64> {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return None;
        }
        let target = want(&mut state);
        let tell = state.wanted;
        drop(state);
        if tell {
            self.work.notify_one();
        }
        Some(target)
    }

    /// Says that nothing more is to come. What is pending is still written.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
            self.full.store(false, Ordering::Release);
        }
        drop(state);
        self.work.notify_one();
        self.room.notify_waiters();
    }

    /// Whether this is the process that the store was opened in, and not one forked from it.
    fn is_its_process(&self) -> bool {
        self.process == process::id()
    }

    /// Waits until the writer has ended and others may open the folder. Returns why it has.
    pub(crate) async fn end(&self) -> FlushError {
        match self.is_its_process() {
            true => self.progress.until_released().await,
            false => FlushError::Forked,
        }
    }

    /// Blocks until others may open the folder, for at most `limit`. Does nothing on the writer's own thread, where the last
    /// handle may have stood in a value.
    pub(crate) fn await_release(&self, limit: Duration) {
        let mut state = self.state.lock();
        let is_writer = state
            .writer
            .is_some_and(|writer| writer == thread::current().id());
        if !state.has_writer || is_writer || !self.is_its_process() {
            return;
        }
        let until = clock::real_deadline(limit);
        while state.phase != Phase::Released {
            let timed_out = match until {
                Some(until) => self.released.wait_until(&mut state, until).timed_out(),
                None => return,
            };
            if timed_out {
                return;
            }
        }
    }

    /// Why the disk has failed, if it has.
    pub(crate) fn failure(&self) -> Option<DurabilityError> {
        match self.progress.ended() {
            Some(FlushError::Failed(failure)) => Some(failure),
            _ => None,
        }
    }

    pub(crate) fn stats(&self) -> DiskStats {
        let Reached {
            durable,
            unwritten,
            synced,
            ended,
            ..
        } = self.progress.reached();
        let state = self.state.lock();
        let pending = state.pending.len();
        DiskStats {
            pending,
            pending_bytes: (pending as u64).saturating_mul(state.weight as u64),
            unwritten: unwritten.map_or(0, |unwritten| unwritten.reasons.len() as u64),
            log_bytes: state.sizes.log,
            snapshot_bytes: state.sizes.snapshot,
            synced: synced.map(|at| clock::real_now().saturating_duration_since(at)),
            committed: state.entered,
            durable,
            state: match ended {
                Some(FlushError::Failed(_)) => DiskState::Failed,
                None if state.phase == Phase::Open => DiskState::Open,
                _ => DiskState::Closed,
            },
        }
    }

    /// Keeps everybody from entering for as long as what it returns lives.
    #[cfg(test)]
    pub(crate) fn lock(&self) -> impl Sized {
        self.state.lock()
    }

    /// As it is in a process that was forked from that of the store.
    #[cfg(test)]
    pub(crate) fn forked(self) -> Sink<V> {
        let process = self.process + 1;
        Sink { process, ..self }
    }

    #[cfg(test)]
    pub(crate) fn unwritten(&self) -> Option<Arc<Unwritten>> {
        self.progress.reached().unwritten
    }

    #[cfg(test)]
    pub(crate) fn is_closing_batch(&self) -> bool {
        self.state.lock().closing_batch
    }

    // For the writer.

    /// Notes whether there will be a writer.
    pub(crate) fn expect_writer(&self, is_expected: bool) {
        self.state.lock().has_writer = is_expected;
    }

    /// Notes that the writer is this thread.
    pub(crate) fn begin_writing(&self) {
        self.state.lock().writer = Some(thread::current().id());
    }

    /// The sequence number of what was entered last. What is pending is wanted.
    pub(crate) fn want_all(&self) -> u64 {
        let mut state = self.state.lock();
        state.wanted |= !state.pending.is_empty();
        state.entered
    }

    /// Says that everything up to this sequence number is on disk, but for the latest values of some entries.
    pub(crate) fn written(&self, up_to: u64, unwritten: Option<Arc<Unwritten>>) {
        self.progress.note_written(up_to, unwritten);
    }

    /// Says how large what is on disk is.
    pub(crate) fn note_sizes(&self, sizes: Sizes) {
        self.state.lock().sizes = sizes;
    }

    /// Says how many bytes a record has, on the whole.
    pub(crate) fn note_weight(&self, bytes: usize) {
        let limit = self.limits.records_of(bytes);
        let mut state = self.state.lock();
        state.limit = limit;
        state.weight = bytes;
        let is_full = state.phase == Phase::Open && state.pending.len() >= limit;
        self.full.store(is_full, Ordering::Release);
        drop(state);
        if !is_full {
            self.room.notify_waiters();
        }
    }

    /// Says that nothing more will be on disk. Returns what was pending, to be dropped with nothing locked.
    pub(crate) fn finish(&self, why: FlushError) -> Records<V> {
        let mut state = self.state.lock();
        state.phase = Phase::Ended;
        state.has_failed = matches!(why, FlushError::Failed(_));
        let lost = mem::take(&mut state.pending);
        self.full.store(false, Ordering::Release);
        drop(state);
        self.progress.note_end(why);
        self.room.notify_waiters();
        lost
    }

    /// Says that others may open the folder.
    pub(crate) fn release(&self) {
        self.state.lock().phase = Phase::Released;
        self.progress.note_release();
        self.released.notify_all();
    }
}

impl<V> State<V> {
    /// Everything is wanted. Returns its sequence number.
    fn want(&mut self) -> u64 {
        self.wanted = !self.pending.is_empty();
        self.entered
    }

    /// One key is wanted. Returns the sequence number at which everything of it is on disk that was entered.
    fn want_of(&mut self, key: &Uuid) -> u64 {
        self.wanted |= self.pending.find(key).is_some();
        self.entered_of(key)
    }

    fn entered_of(&self, key: &Uuid) -> u64 {
        match self.pending.find(key) {
            // It is in the next batch.
            Some(_) => self.taken + 1,
            // What there was of it is being written, or is on disk.
            None => self.taken,
        }
    }

    /// At how many pending records a batch is closed before its time.
    fn early(&self) -> usize {
        self.limit.div_ceil(2)
    }
}
