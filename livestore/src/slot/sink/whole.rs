//! [`Whole`]: what keeps records together, which come to disk in one batch.
//!
//! A transaction enters its records one after another, and its watchers may see the first before the last is entered.
//! So no batch is closed while a transaction is under way; one that begins while a batch waits for others waits for the
//! batch. It does so with its slots locked, which is safe: a transaction that is under way has all its locks but those of
//! shards, and nobody who has a shard waits for anything here but the queue's own short lock.

use std::mem;

use uuid::Uuid;

use crate::ground::sync::MutexGuard;
use crate::slot::record::Record;
use crate::slot::sink::{Phase, Sink, State};

/// A transaction under way; no batch is closed while it lives.
pub(crate) struct Whole<'a, V> {
    sink: &'a Sink<V>,
}

/// The place of a record that was taken out for a moment. No batch is closed while it lives, so that one is
/// [put back](Self::put_back) before. If none is, the batch has nothing of the entry.
#[must_use]
pub(crate) struct TakenOut<'a, V> {
    whole: Whole<'a, V>,
    place: usize,
}

/// Whether a record that is put back is of another commit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commit {
    Same,
    Next,
}

impl<V> Sink<V> {
    /// Takes out what is pending of a key if it is of this very value, and nobody else has that. Lets go of it, so that
    /// the value is the caller's alone.
    pub(crate) fn take_out(&self, key: &Uuid, value: &triomphe::Arc<V>) -> Option<TakenOut<'_, V>> {
        let mut state = self.state.lock();
        if state.phase != Phase::Open || state.closing_batch {
            return None;
        }
        let place = state.pending.find(key)?;
        let is_of_it = |record: &Record<V>| {
            triomphe::Arc::ptr_eq(&record.value, value) && triomphe::Arc::strong_count(value) == 2
        };
        // Somebody else has the value, so it does not end here.
        drop(state.pending.take_out_if(place, is_of_it)?);
        state.transactions += 1;
        let whole = Whole { sink: self };
        Some(TakenOut { whole, place })
    }

    /// Begins a transaction. The caller has locked every slot that it will.
    pub(crate) fn transaction(&self) -> Whole<'_, V> {
        let mut state = self.state.lock();
        // In a process that was forked meanwhile nobody would say that it is closed.
        while state.closing_batch && self.is_its_process() {
            self.between.wait(&mut state);
        }
        state.transactions += 1;
        Whole { sink: self }
    }

    fn end_transaction(&self, mut state: MutexGuard<'_, State<V>>) {
        state.transactions -= 1;
        let tell = state.transactions == 0 && state.closing_batch;
        drop(state);
        if tell {
            self.between.notify_all();
        }
    }
}

impl<V> TakenOut<'_, V> {
    /// Puts a record where the other was.
    pub(crate) fn put_back(self, record: Record<V>, commit: Commit) {
        let sink = self.whole.sink;
        let mut state = sink.state.lock();
        state.pending.put_back(self.place, record);
        state.entered += u64::from(commit == Commit::Next);
        mem::forget(self.whole);
        sink.end_transaction(state);
    }
}

impl<V> Drop for Whole<'_, V> {
    fn drop(&mut self) {
        self.sink.end_transaction(self.sink.state.lock());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ground::clock::Stamp;
    use crate::slot::records::{ForDisk, Records};
    use crate::slot::sink::Limits;
    use crate::slot::sink::batch::{Next, Otherwise};

    fn record(value: &triomphe::Arc<u8>, version: u64) -> Record<u8> {
        Record {
            value: triomphe::Arc::clone(value),
            version,
            created: Stamp(0),
            changed: Stamp(0),
            used: None,
            own: None,
        }
    }

    /// The next batch: keys and versions.
    fn batch(sink: &Sink<u8>) -> Vec<(Uuid, Option<u64>)> {
        let Next::Write(mut batch) = sink.next(Duration::ZERO, &mut Records::default(), Otherwise::Wait)
        else {
            panic!("there is something to write")
        };
        let records = batch.records.take();
        records
            .map(|(key, left)| match left {
                ForDisk::Record(record) => (key, Some(record.version)),
                ForDisk::End | ForDisk::Owed(_) => (key, None),
            })
            .collect()
    }

    fn sink() -> Sink<u8> {
        Sink::new(Limits {
            records: 100,
            bytes: 1 << 20,
        })
    }

    /// A panic between must not end a living entry on disk.
    #[test]
    fn a_record_that_is_not_put_back_is_not_the_end_of_its_entry() {
        let sink = sink();
        let [first, changed, ended] = [1, 2, 3].map(Uuid::from_u128);
        let value = triomphe::Arc::new(7);
        sink.enter(&first, ForDisk::Record(record(&triomphe::Arc::new(7), 1)));
        sink.enter(&changed, ForDisk::Record(record(&value, 1)));
        sink.enter(&ended, ForDisk::End);
        drop(sink.take_out(&changed, &value).unwrap());
        assert!(sink.take_out(&changed, &value).is_none(), "it is out");
        assert_eq!(batch(&sink), [(first, Some(1)), (ended, None)]);

        // The next commit of it goes on as ever, also in the same batch.
        sink.enter(&changed, ForDisk::Record(record(&value, 2)));
        drop(sink.take_out(&changed, &value).unwrap());
        assert!(sink.enter(&changed, ForDisk::Record(record(&value, 3))).is_none());
        assert_eq!(batch(&sink), [(changed, Some(3))]);
    }

    #[test]
    fn a_record_is_put_back_in_its_place() {
        let sink = sink();
        let [changed, last] = [1, 2].map(Uuid::from_u128);
        let value = triomphe::Arc::new(7);
        sink.enter(&changed, ForDisk::Record(record(&value, 1)));
        sink.enter(&last, ForDisk::Record(record(&triomphe::Arc::new(7), 1)));
        let taken_out = sink.take_out(&changed, &value).unwrap();
        assert_eq!(triomphe::Arc::strong_count(&value), 1);
        taken_out.put_back(record(&value, 2), Commit::Next);
        assert_eq!(batch(&sink), [(changed, Some(2)), (last, Some(1))]);
    }

    /// The one that would say that the batch is closed is a thread of the other process.
    #[test]
    fn a_fork_while_a_batch_is_closed_lets_transactions_go_on() {
        let sink = sink();
        sink.state.lock().closing_batch = true;
        let sink = sink.forked();
        drop(sink.transaction());
    }
}
