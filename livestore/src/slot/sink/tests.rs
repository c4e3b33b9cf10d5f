//! What the queue holds while a record is taken out of it.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::ground::clock::Stamp;
use crate::slot::record::Record;
use crate::slot::records::ForDisk;
use crate::slot::records::Records;
use crate::slot::sink::{Commit, Limits, Next, Otherwise, Sink};

fn record(value: &Arc<u8>, version: u64) -> Record<u8> {
    Record {
        value: Arc::clone(value),
        version,
        created: Stamp(0),
        changed: Stamp(0),
        used: None,
        own: None,
    }
}

/// The next batch: keys and versions.
fn batch(sink: &Sink<u8>) -> Vec<(Uuid, Option<u64>)> {
    let Next::Write(mut batch) = sink.next(Duration::ZERO, &mut Records::default(), Otherwise::Wait) else {
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
    let value = Arc::new(7);
    sink.enter(&first, ForDisk::Record(record(&Arc::new(7), 1)));
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
    let value = Arc::new(7);
    sink.enter(&changed, ForDisk::Record(record(&value, 1)));
    sink.enter(&last, ForDisk::Record(record(&Arc::new(7), 1)));
    let taken_out = sink.take_out(&changed, &value).unwrap();
    assert_eq!(Arc::strong_count(&value), 1);
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
