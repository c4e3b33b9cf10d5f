//! [`Sink`]: the durability queue, what commits leave for the disk until it is written.
//!
//! A commit enters a [`Record`] under the slot's lock, before anybody can see the change. One record per key: a later one
//! displaces an earlier one that was not taken yet. The writer takes the *whole* queue at one instant, as a batch. So
//! what is on disk after any batch is the store as it was at that instant: whoever commits because of something that
//! they saw enters after it, and a prefix of the entries is a prefix of the commits.
//!
//! A transaction enters its records one after another, and its watchers may see the first before the last is entered.
//! So no batch is closed while a transaction is under way; one that begins while a batch waits for others waits for the
//! batch. It does so with its slots locked, which is safe: a transaction that is under way has all its locks but those of
//! shards, and nobody who has a shard waits for anything here but the queue's own short lock.
//!
//! Once the queue has ended, because the store was closed or because the disk failed, nothing enters any more.
//!
//! Lock order: a leaf. Nothing of the user's runs under it: what is displaced is handed out.

use std::collections::HashMap;
use std::mem;
use std::sync::OnceLock;
use std::thread::{self, ThreadId};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::ground::clock;
use crate::ground::stats::{DiskState, DiskStats};
use crate::ground::sync::atomic::{AtomicBool, Ordering};
use crate::ground::sync::{Condvar, Mutex};
use crate::slot::record::Record;
use crate::value::durability::FlushError;
use crate::value::report::OpenReport;

/// A queue this large is kept for the next batch; a larger one goes back to the allocator.
const KEEP_CAPACITY: usize = 1 << 16;

/// What is to be on disk for each key, `None` if its entry has ended.
pub(crate) type Records<V> = HashMap<Uuid, Option<Record<V>>, RandomState>;

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
    progress: watch::Sender<Progress>,
    /// At how many pending records it is full; at half of them the writer begins early.
    limit: usize,
    /// How the folder was opened. Set once, before anybody has the store.
    report: OnceLock<OpenReport>,
}

struct State<V> {
    pending: Records<V>,
    /// How many records were ever entered: the sequence number of the last one.
    entered: u64,
    /// Somebody waits for what is pending.
    wanted: bool,
    /// How many transactions are under way.
    transactions: usize,
    /// A batch waits until there are none.
    closing_batch: bool,
    phase: Phase,
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

/// How far the disk has come.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// Everything up to this sequence number is on disk. Never decreases.
    pub(crate) durable: u64,
    /// Set once: nothing more will be on disk.
    pub(crate) ended: Option<FlushError>,
    /// Set once, after that: others may open the folder.
    released: bool,
}

/// Everything that was pending at one instant.
pub(crate) struct Batch<V> {
    pub(crate) records: Records<V>,
    /// The sequence number of the last record entered before that instant.
    pub(crate) up_to: u64,
}

/// A transaction under way; no batch is closed while it lives.
pub(crate) struct Whole<'a, V> {
    sink: &'a Sink<V>,
}

impl<V> Sink<V> {
    pub(crate) fn new(limit: usize) -> Sink<V> {
        Sink {
            state: Mutex::new(State {
                pending: Records::default(),
                entered: 0,
                wanted: false,
                transactions: 0,
                closing_batch: false,
                phase: Phase::Open,
                writer: None,
            }),
            work: Condvar::new(),
            between: Condvar::new(),
            released: Condvar::new(),
            full: AtomicBool::new(false),
            room: Notify::new(),
            progress: watch::Sender::new(Progress {
                durable: 0,
                ended: None,
                released: false,
            }),
            limit,
            report: OnceLock::new(),
        }
    }

    pub(crate) fn set_report(&self, report: OpenReport) {
        let _ = self.report.set(report);
    }

    pub(crate) fn report(&self) -> Option<OpenReport> {
        self.report.get().copied()
    }

    // For commits, under the slot's lock.

    /// Enters a record. Returns what is to be dropped with nothing locked: the one that it displaces, or itself.
    pub(crate) fn enter(&self, key: &Uuid, record: Option<Record<V>>) -> Option<Record<V>> {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return record;
        }
        state.entered += 1;
        if let Some(displaced) = state.pending.insert(*key, record) {
            return displaced;
        }
        let pending = state.pending.len();
        if pending >= self.limit {
            self.full.store(true, Ordering::Release);
        }
        let tell = pending == 1 || pending == self.early();
        drop(state);
        if tell {
            self.work.notify_one();
        }
        None
    }

    /// Begins a transaction. The caller has locked every slot that it will.
    pub(crate) fn transaction(&self) -> Whole<'_, V> {
        let mut state = self.state.lock();
        while state.closing_batch {
            self.between.wait(&mut state);
        }
        state.transactions += 1;
        Whole { sink: self }
    }

    // For those who wait, with nothing locked.

    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
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
        let mut progress = self.progress.subscribe();
        if let Some(ended) = &progress.borrow().ended {
            return Err(ended.clone());
        }
        let Some(target) = self.want() else {
            return Err(self.end().await);
        };
        #[cfg(feature = "test-util")]
        let _time = clock::stand_still();
        let seen = progress
            .wait_for(|now| now.durable >= target || now.ended.is_some())
            .await;
        match seen.as_deref() {
            Ok(now) if now.durable >= target => Ok(()),
            Ok(Progress { ended: Some(why), .. }) => Err(why.clone()),
            // It neither came so far nor ended, so the queue is gone, which whoever asks keeps.
            Ok(_) | Err(_) => Err(FlushError::Closed),
        }
    }

    /// Has the writer write what is pending now. Returns its sequence number, or `None` if nothing enters any more.
    fn want(&self) -> Option<u64> {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return None;
        }
        state.wanted = !state.pending.is_empty();
        let entered = state.entered;
        let tell = state.wanted;
        drop(state);
        if tell {
            self.work.notify_one();
        }
        Some(entered)
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

    /// Waits until the writer has ended and others may open the folder. Returns why it has.
    pub(crate) async fn end(&self) -> FlushError {
        #[cfg(feature = "test-util")]
        let _time = clock::stand_still();
        let mut progress = self.progress.subscribe();
        let seen = progress.wait_for(|now| now.released).await;
        match seen.as_deref() {
            Ok(Progress { ended: Some(why), .. }) => why.clone(),
            Ok(_) | Err(_) => FlushError::Closed,
        }
    }

    /// Blocks until others may open the folder, for at most `limit`. Does nothing on the writer's own thread, where the last
    /// handle may have stood in a value.
    pub(crate) fn await_release(&self, limit: Duration) {
        let mut state = self.state.lock();
        if state.writer.is_none_or(|writer| writer == thread::current().id()) {
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

    pub(crate) fn stats(&self) -> DiskStats {
        let Progress { durable, ended, .. } = self.progress.borrow().clone();
        let state = self.state.lock();
        DiskStats {
            pending: state.pending.len(),
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

    #[cfg(test)]
    pub(crate) fn is_closing_batch(&self) -> bool {
        self.state.lock().closing_batch
    }

    // For the writer.

    /// Notes that the writer is this thread.
    pub(crate) fn begin_writing(&self) {
        self.state.lock().writer = Some(thread::current().id());
    }

    /// Waits until something is pending and either `interval` has passed, or it is wanted, or much; then takes everything
    /// at one instant, and leaves `empty` in its place. `None` when nothing more is to come.
    pub(crate) fn close_batch(&self, interval: Duration, empty: Records<V>) -> Option<Batch<V>> {
        let mut state = self.state.lock();
        while state.pending.is_empty() {
            if state.phase != Phase::Open {
                return None;
            }
            self.work.wait(&mut state);
        }
        let until = clock::real_deadline(interval);
        while state.phase == Phase::Open && !state.wanted && state.pending.len() < self.early() {
            match until {
                Some(until) => {
                    if self.work.wait_until(&mut state, until).timed_out() {
                        break;
                    }
                }
                None => self.work.wait(&mut state),
            }
        }
        // No transaction half-way.
        state.closing_batch = true;
        while state.transactions > 0 {
            self.between.wait(&mut state);
        }
        state.closing_batch = false;
        state.wanted = false;
        let batch = Batch {
            records: mem::replace(&mut state.pending, empty),
            up_to: state.entered,
        };
        self.full.store(false, Ordering::Release);
        drop(state);
        self.between.notify_all();
        self.room.notify_waiters();
        Some(batch)
    }

    /// Says that everything up to this sequence number is on disk.
    pub(crate) fn written(&self, up_to: u64) {
        self.progress.send_modify(|progress| progress.durable = up_to);
    }

    /// Says that nothing more will be on disk. Returns what was pending, to be dropped with nothing locked.
    pub(crate) fn finish(&self, why: FlushError) -> Records<V> {
        let mut state = self.state.lock();
        state.phase = Phase::Ended;
        let lost = mem::take(&mut state.pending);
        self.full.store(false, Ordering::Release);
        drop(state);
        self.progress.send_modify(|progress| progress.ended = Some(why));
        self.room.notify_waiters();
        lost
    }

    /// Says that others may open the folder.
    pub(crate) fn release(&self) {
        self.state.lock().phase = Phase::Released;
        self.progress.send_modify(|progress| progress.released = true);
        self.released.notify_all();
    }

    /// At how many pending records a batch is closed before its time.
    fn early(&self) -> usize {
        self.limit.div_ceil(2)
    }
}

impl<V> Batch<V> {
    /// What is left of a batch whose records were taken out: room for the next.
    pub(crate) fn reuse(self) -> Records<V> {
        if self.records.is_empty() && self.records.capacity() <= KEEP_CAPACITY {
            self.records
        } else {
            Records::default()
        }
    }
}

impl<V> Drop for Whole<'_, V> {
    fn drop(&mut self) {
        let mut state = self.sink.state.lock();
        state.transactions -= 1;
        let tell = state.transactions == 0 && state.closing_batch;
        drop(state);
        if tell {
            self.sink.between.notify_all();
        }
    }
}
