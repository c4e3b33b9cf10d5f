//! Counts how much memory a durable store takes at most while it is opened, and while its disk does not keep up, beside what
//! its entries take.

#![allow(clippy::unwrap_used, reason = "a benchmark that goes wrong stops")]
#![allow(clippy::print_stdout, reason = "a program's output")]

use std::env;
use std::path::Path;
use std::time::Duration;

use livestore::{Durability, LiveStore, LiveValue};
use livestore_benches::counting::{self, Counting};
use livestore_benches::keys::keys;
use livestore_benches::runtime::pair;
use serde::{Deserialize, Serialize};
use tempfile::tempdir;

#[global_allocator]
static COUNTING: Counting = Counting;

#[derive(Clone, Debug, LiveValue, Serialize, Deserialize)]
struct Kept {
    id: u32,
    count: u64,
}

#[derive(Clone, Debug, LiveValue, Serialize, Deserialize)]
struct Text {
    text: String,
}

fn main() {
    let smoke = env::args().nth(1).as_deref() == Some("smoke");
    let entries = if smoke { 2_000 } else { 1_000_000 };
    let folder = tempdir().unwrap();
    for twice in [false, true] {
        fill(folder.path(), entries);
        opening(folder.path(), entries, if twice { "twice" } else { "once" });
    }
    writing(if smoke { 1 << 20 } else { 200 << 20 });
}

/// Writes each entry once.
fn fill(folder: &Path, entries: usize) {
    pair().block_on(async {
        let store = LiveStore::new().open(folder).await.unwrap();
        for (key, count) in keys(entries).iter().zip(0..) {
            store.insert(key, Kept { id: 1, count }).await;
        }
        store.close().await.unwrap();
    });
}

fn opening(folder: &Path, entries: usize, written: &str) {
    let before = counting::bytes();
    counting::forget_peak();
    let store = pair().block_on(LiveStore::<Kept>::new().open(folder)).unwrap();
    assert_eq!(store.len(), entries);
    let (live, peak) = (counting::bytes() - before, counting::peak() - before);
    println!(
        "{entries} entries that were written {written}: {} B each when it is open, at most {:.3} times as much on the way",
        live / entries as u64,
        peak as f64 / live as f64
    );
    pair().block_on(store.close()).unwrap();
}

/// Has every value of many megabytes changed again and again, as fast as the disk allows.
fn writing(bytes: usize) {
    const VALUE: usize = 10_000;
    let folder = tempdir().unwrap();
    let keys = keys(bytes / VALUE);
    let before = counting::bytes();
    let text = |round: usize| Text {
        text: char::from(b'a' + (round % 26) as u8).to_string().repeat(VALUE),
    };
    pair().block_on(async {
        let store = LiveStore::new()
            .with_durability(Durability::Interval(Duration::ZERO))
            .open(folder.path())
            .await
            .unwrap();
        for key in &keys {
            store.insert(key, text(0)).await;
        }
        store.flush().await.unwrap();
        let live = counting::bytes() - before;
        counting::forget_peak();
        for round in 1..6 {
            for key in &keys {
                store.insert(key, text(round)).await;
            }
        }
        let peak = counting::peak() - before;
        println!(
            "{} MB of values of {VALUE} B that are changed all the time: at most {} MB more",
            live >> 20,
            (peak - live) >> 20
        );
        store.close().await.unwrap();
    });
}
