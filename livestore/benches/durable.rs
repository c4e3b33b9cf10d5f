//! Measures what it costs to keep a store on disk, and what that gets, beside redb, SQLite, and Redis with its file.
//!
//! A program of its own, because with the feature `durable` every commit asks once more whether there is a disk; the other
//! tables are about the library without it. Everything is on the disk of the folder for temporary files.

#![allow(clippy::unwrap_used, reason = "a benchmark that goes wrong stops")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Barrier, Mutex};
use std::time::Duration;
use std::{env, fs, thread};

use livestore::{Durability, LiveStore, LiveValue, Uuid};
use livestore_benches::args::Args;
use livestore_benches::keys::{Round, keys, shuffled};
use livestore_benches::peers::redb::{self, Redb};
use livestore_benches::peers::redis::{self, Server};
use livestore_benches::peers::sqlite::{self, Sqlite};
use livestore_benches::raw::Raw;
use livestore_benches::results::write;
use livestore_benches::rows::{
    BARE_SYNC, Cell, LIVESTORE, LIVESTORE_DURABLE, RAW, REDB, REDIS_ALWAYS, REDIS_AOF, REDIS_AOF_PIPELINE,
    Row, SQLITE, Unit, Who, spread, table,
};
use livestore_benches::sample::{Bench, Contender, Plan};
use livestore_benches::targets::{
    self,
    Bound::AtMost,
    Number::{Of, Times},
    Target,
};
use livestore_benches::values::Small;
use livestore_benches::{awaited, clock, machine, runtime};
use serde::{Deserialize, Serialize};
use tempfile::{TempDir, tempdir};
use tokio::task::JoinSet;

/// As the value of the other benchmarks, and can be stored.
#[derive(Clone, Debug, LiveValue, Serialize, Deserialize)]
struct Kept {
    id: u32,
    count: u64,
}

fn kept(count: u64) -> Kept {
    Kept { id: 1, count }
}

const USAGE: &str = "\
usage: durable <quick | smoke> [--only ID[,ID..]] [--write]
       durable repeat <memory | hot | how many in a batch> <how often>

    quick   the table and the targets, in less than ten minutes
    smoke   everything once, in seconds; the numbers mean nothing
    repeat  one thing over and over, for `perf` and `valgrind`

    --only  only rows whose id contains one of these; ids are shown in brackets
    --write write the results into the folder `results` of this package as well";

const TARGETS: [Target; 7] = [
    (
        "`mutate`, hot, of a store that is kept on disk: ns",
        Of("durable-mutate-hot"),
        AtMost(130.0),
    ),
    (
        "a change to disk, 1000 a batch: ns",
        Of("durable-batch-1000"),
        AtMost(500.0),
    ),
    (
        "a change to disk, 10,000 a batch: ns",
        Of("durable-batch-10000"),
        AtMost(200.0),
    ),
    (
        "a change that is waited for, one writer: times a bare write and sync",
        Times("durable-flush-1", BARE_SYNC),
        AtMost(1.1),
    ),
    (
        "the same of 16 writers, each: times Redis",
        Times("durable-flush-16", REDIS_ALWAYS),
        AtMost(1.0),
    ),
    (
        "the same of 256 writers, each: times Redis",
        Times("durable-flush-256", REDIS_ALWAYS),
        AtMost(1.0),
    ),
    (
        "opening 1 M small entries: times decoding them into a map",
        Times("durable-restart", RAW),
        AtMost(1.25),
    ),
];

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "repeat") {
        repeat(&words[1..]);
        return ExitCode::SUCCESS;
    }
    let plan = |name: &str| match name {
        "smoke" => Some(Plan::SMOKE),
        "quick" => Some(Plan::QUICK),
        _ => None,
    };
    let args = match Args::parse(words.into_iter(), plan) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Some(load) = machine::load()
        && load > 0.5
    {
        eprintln!("The load of this machine is {load}: the numbers will be worth little.\n");
    }
    let tell = |row: &Row| {
        eprintln!("{} [{}]", row.what, row.id);
        for cell in &row.cells {
            eprintln!("    {:40} {}", cell.who, spread(cell, row.unit));
        }
    };
    let begun = clock::now();
    let mut bench = Bench::new(args.command, args.only, tell);
    calls(&mut bench);
    rate(&mut bench);
    for changes in [1000, 10_000] {
        batches(&mut bench, changes);
    }
    for writers in [1, 16, 256] {
        flushes(&mut bench, writers);
    }
    restart(&mut bench);
    eprintln!("\nThat took {} s.\n", begun.elapsed().as_secs());
    let report = format!(
        "On {}.\n\nMedians of {} rounds, or of {} where a round takes long, with the quartiles.\n\n{}\n{}",
        machine::describe(),
        bench.plan.rounds,
        bench.plan.slow().rounds,
        table(&bench.rows),
        targets::table(&TARGETS, &bench.rows)
    );
    println!("{report}");
    if args.write {
        write("durable.md", &report);
    }
    ExitCode::SUCCESS
}

/// Does one thing over and over and nothing else, for `perf` and `valgrind`: the difference between two counts of times is free
/// of what is prepared.
fn repeat(words: &[String]) {
    let times = words.get(1).and_then(|times| times.parse().ok());
    let (Some(what), Some(times)) = (words.first(), times) else {
        return eprintln!("repeat memory, hot, or how many in a batch; and how often");
    };
    let keys = keys(what.parse().unwrap_or(1));
    let (_folder, durable) = opened(Durability::Interval(Duration::MAX));
    let store = match what.as_str() {
        "memory" => LiveStore::default(),
        _ => durable,
    };
    fill(&store, &keys);
    let mut at = Round::over(&keys);
    runtime::single().block_on(async {
        for count in 0..times {
            let set = KeptMutation::SetCount(count);
            store.mutate(at.next(), set).await.unwrap();
            if keys.len() > 1 && (count + 1) % keys.len() as u64 == 0 {
                store.flush().await.unwrap();
            }
        }
    });
}

fn opened(durability: Durability) -> (TempDir, LiveStore<Kept>) {
    let folder = tempdir().unwrap();
    let store = runtime::pair()
        .block_on(LiveStore::new().with_durability(durability).open(folder.path()))
        .unwrap();
    (folder, store)
}

fn fill(store: &LiveStore<Kept>, keys: &[Uuid]) {
    for (key, count) in keys.iter().zip(0..) {
        assert!(store.create(key, kept(count)).is_ok(), "keys differ");
    }
}

/// What the caller of `mutate` pays, with the writer at work beside it.
fn calls(bench: &mut Bench) {
    if !bench.wants(&["durable-mutate-hot", "durable-mutate-cold"]) {
        return;
    }
    let keys = keys(bench.plan.many);
    let memory = LiveStore::default();
    fill(&memory, &keys);
    let (_folder, durable) = opened(Durability::default());
    fill(&durable, &keys);
    runtime::pair().block_on(durable.flush()).unwrap();
    let shuffled = shuffled(&keys);
    let change = |store: &LiveStore<Kept>, keys: &[Uuid], times| {
        let mut keys = Round::over(keys);
        let mut count = 0;
        awaited!(times, {
            count += 1;
            store
                .mutate(keys.next(), KeptMutation::SetCount(count))
                .await
                .unwrap()
        })
    };
    for (id, what, keys) in [
        ("durable-mutate-hot", "`mutate`, one key, unwatched", &keys[..1]),
        (
            "durable-mutate-cold",
            "`mutate`, random keys of 1 M, unwatched",
            &shuffled[..],
        ),
    ] {
        let contenders = vec![
            Contender::new(LIVESTORE, |times| change(&memory, keys, times)),
            Contender::new(LIVESTORE_DURABLE, |times| change(&durable, keys, times)),
        ];
        bench.row(id, what, contenders);
    }
    // Outside the rows: whatever is left to write.
    runtime::pair().block_on(durable.close()).unwrap();
}

/// How long a change takes until it is on disk, where many are made one after another and the last is waited for.
fn rate(bench: &mut Bench) {
    if !bench.wants(&["durable-rate"]) {
        return;
    }
    let server = server(redis::Durability::EverySecond);
    let keys = shuffled(&keys(bench.plan.many / 10));
    let (_folder, store) = opened(Durability::default());
    fill(&store, &keys);
    let place = tempdir().unwrap();
    let redb = Redb::filled(place.path(), &keys);
    let mut sqlite = Sqlite::filled(place.path(), &keys, sqlite::When::Later);
    let mut contenders = vec![
        Contender::new(LIVESTORE_DURABLE, |times| {
            let mut keys = Round::over(&keys);
            let start = clock::now();
            runtime::single().block_on(async {
                for count in 0..times {
                    store
                        .mutate(keys.next(), KeptMutation::SetCount(count))
                        .await
                        .unwrap();
                }
                store.flush().await.unwrap();
            });
            start.elapsed()
        })
        .times(bench.plan.many as u64),
    ];
    // Each change by itself; what is written is synced once, at the end.
    let (mut at_redb, mut at_sqlite) = (Round::over(&keys), Round::over(&keys));
    contenders.push(
        Contender::new(REDB, |times| {
            let start = clock::now();
            for count in 1..times {
                redb.set(&[*at_redb.next()], count, redb::When::Later);
            }
            redb.set(&[*at_redb.next()], times, redb::When::Now);
            start.elapsed()
        })
        .times(bench.plan.many as u64 / 50),
    );
    contenders.push(
        Contender::new(SQLITE, |times| {
            let start = clock::now();
            for count in 0..times {
                sqlite.set(&[*at_sqlite.next()], count);
            }
            sqlite.checkpoint();
            start.elapsed()
        })
        .times(bench.plan.many as u64 / 20),
    );
    if let Some(server) = &server {
        let value = Small::new(1);
        let mut filling = server.connect();
        redis::in_pipelines(&mut filling, keys.len() as u64, {
            let mut keys = Round::over(&keys);
            let value = &value;
            move |next| {
                let _ = next.add_command(redis::set(keys.next(), value));
            }
        });
        let (mut serial, mut pipelined) = (server.connect(), server.connect());
        let (mut one, mut many) = (Round::over(&keys), Round::over(&keys));
        contenders.push(
            Contender::new(REDIS_AOF, move |times| {
                runtime::repeated(times, || redis::change(one.next(), 2).exec(&mut serial).unwrap())
            })
            .times(bench.plan.many as u64 / 20),
        );
        contenders.push(
            Contender::new(REDIS_AOF_PIPELINE, move |times| {
                let start = clock::now();
                redis::in_pipelines(&mut pipelined, times, |next| {
                    let _ = next.add_command(redis::change(many.next(), 2));
                });
                start.elapsed()
            })
            .times(bench.plan.many as u64),
        );
    }
    bench.slow_row(
        "durable-rate",
        "a change that goes to disk within a second, one after another",
        contenders,
    );
}

/// How long a change takes until it is on disk, so many at a time; and in memory alone.
fn batches(bench: &mut Bench, changes: usize) {
    let id = format!("durable-batch-{changes}");
    if !bench.wants(&[&id]) {
        return;
    }
    let keys = keys(changes);
    let memory = LiveStore::default();
    fill(&memory, &keys);
    let (_folder, store) = opened(Durability::Interval(Duration::MAX));
    fill(&store, &keys);
    runtime::pair().block_on(store.flush()).unwrap();
    let change_all = async |store: &LiveStore<Kept>, count| {
        for key in &keys {
            store.mutate(key, KeptMutation::SetCount(count)).await.unwrap();
        }
    };
    let times = changes as u64 * 100;
    let rounds = |times: u64| times.div_ceil(changes as u64);
    let place = tempdir().unwrap();
    let redb = Redb::filled(place.path(), &keys);
    let mut sqlite = Sqlite::filled(place.path(), &keys, sqlite::When::Now);
    let contenders = vec![
        Contender::new(LIVESTORE, |times| {
            let start = clock::now();
            runtime::single().block_on(async {
                for count in 0..rounds(times) {
                    change_all(&memory, count).await;
                }
            });
            start.elapsed()
        })
        .times(times),
        Contender::new(LIVESTORE_DURABLE, |times| {
            let start = clock::now();
            runtime::single().block_on(async {
                for count in 0..rounds(times) {
                    change_all(&store, count).await;
                    store.flush().await.unwrap();
                }
            });
            start.elapsed()
        })
        .times(times),
        Contender::new(REDB, |times| {
            runtime::repeated(rounds(times), || redb.set(&keys, times, redb::When::Now))
        })
        .times(times / 10),
        Contender::new(SQLITE, |times| {
            runtime::repeated(rounds(times), || sqlite.set(&keys, times))
        })
        .times(times / 10),
    ];
    let what = format!("a change that goes to disk with {changes} others, which are waited for");
    bench.slow_row(&id, &what, contenders);
}

/// Writes a few bytes over zeros and syncs them, again and again.
fn bare_sync(times: u64) -> Duration {
    const BLOCK: u64 = 1 << 20;
    let folder = tempdir().unwrap();
    let mut file = fs::File::create(folder.path().join("file")).unwrap();
    file.write_all(&vec![0; 1 << 20]).unwrap();
    file.sync_all().unwrap();
    let start = clock::now();
    for n in 0..times {
        file.seek(SeekFrom::Start(n * 100 % (BLOCK - 100))).unwrap();
        file.write_all(&[7; 100]).unwrap();
        file.sync_data().unwrap();
    }
    start.elapsed()
}

/// How long a change takes that is on disk before its writer goes on, divided by the writers.
fn flushes(bench: &mut Bench, writers: u64) {
    let id = format!("durable-flush-{writers}");
    if !bench.wants(&[&id]) {
        return;
    }
    let server = server(redis::Durability::Always);
    let keys = keys(usize::try_from(writers).unwrap());
    let (_folder, store) = opened(Durability::Interval(Duration::MAX));
    fill(&store, &keys);
    let place = tempdir().unwrap();
    let redb = Redb::filled(place.path(), &keys);
    let sqlite = Mutex::new(Sqlite::filled(place.path(), &keys, sqlite::When::Now));
    let mut contenders = vec![Contender::new(LIVESTORE_DURABLE, |times| {
        let each = times.div_ceil(writers);
        let mut running = JoinSet::new();
        let start = clock::now();
        for key in keys.clone() {
            let store = store.clone();
            let write = async move {
                for count in 0..each {
                    store.mutate(&key, KeptMutation::SetCount(count)).await.unwrap();
                    store.flush().await.unwrap();
                }
            };
            running.spawn_on(write, runtime::pair().handle());
        }
        runtime::pair().block_on(running.join_all());
        start.elapsed().mul_f64(times as f64 / (each * writers) as f64)
    })];
    if writers == 1 {
        contenders.push(Contender::new(BARE_SYNC, bare_sync));
    }
    contenders.push(Contender::new(REDB, |times| {
        threads(&keys, times, |key| {
            let redb = &redb;
            move |count| redb.set(&[*key], count, redb::When::Now)
        })
    }));
    // One connection: SQLite has one writer at a time in any case.
    contenders.push(Contender::new(SQLITE, |times| {
        threads(&keys, times, |key| {
            let sqlite = &sqlite;
            move |count| sqlite.lock().unwrap().set(&[*key], count)
        })
    }));
    if let Some(server) = &server {
        contenders.push(Contender::new(REDIS_ALWAYS, |times| {
            threads(&keys, times, |key| {
                let mut connection = server.connect();
                move |count| redis::change(key, count).exec(&mut connection).unwrap()
            })
        }));
    }
    bench.slow_row(
        &id,
        &format!("a change that is on disk before its writer goes on, {writers} writers"),
        contenders,
    );
}

/// Has a thread for each key change it, all together so often. Returns how long that took.
fn threads<'a, F>(keys: &'a [Uuid], times: u64, writer: impl Fn(&'a Uuid) -> F) -> Duration
where
    F: FnMut(u64) + Send,
{
    let each = times.div_ceil(keys.len() as u64);
    let ready = Barrier::new(keys.len() + 1);
    let start = thread::scope(|scope| {
        for key in keys {
            let (mut write, ready) = (writer(key), &ready);
            scope.spawn(move || {
                ready.wait();
                (0..each).for_each(&mut write);
            });
        }
        ready.wait();
        clock::now()
    });
    start
        .elapsed()
        .mul_f64(times as f64 / (each * keys.len() as u64) as f64)
}

/// How long a start takes and how large the folder is, per entry.
fn restart(bench: &mut Bench) {
    if !bench.wants(&["durable-restart", "durable-bytes"]) {
        return;
    }
    let keys = keys(bench.plan.many);
    let (folder, store) = opened(Durability::default());
    fill(&store, &keys);
    // Not the ideal case of one batch: everything changes once more.
    let changed = shuffled(&keys);
    runtime::single().block_on(async {
        for (count, key) in changed.iter().enumerate() {
            store
                .mutate(key, KeptMutation::SetCount(count as u64))
                .await
                .unwrap();
        }
    });
    runtime::pair().block_on(store.close()).unwrap();
    let many = keys.len() as f64;
    let (mut rounds, mut decoding) = (Vec::new(), Vec::new());
    let values: Vec<_> = (0..)
        .zip(keys.iter().chain(&changed))
        .map(|(count, key)| (*key, rmp_serde::to_vec_named(&kept(count)).unwrap()))
        .collect();
    for _ in 0..bench.plan.slow().rounds {
        decoding.push(decoded(&values, keys.len()).as_nanos() as f64 / many);
        let opening = LiveStore::<Kept>::new().open(folder.path());
        let store = runtime::pair().block_on(opening).unwrap();
        let report = store.open_report().unwrap();
        assert_eq!(report.entries, keys.len() as u64);
        rounds.push(report.duration.as_nanos() as f64 / many);
        runtime::pair().block_on(store.close()).unwrap();
    }
    add(
        bench,
        "durable-restart",
        "a start with 1 M entries, per entry",
        Unit::Time,
        vec![(LIVESTORE_DURABLE, rounds), (RAW, decoding)],
    );
    let bytes = vec![blocks(folder.path()) as f64 / many];
    add(
        bench,
        "durable-bytes",
        "the folder of 1 M entries, per entry",
        Unit::Bytes,
        vec![(LIVESTORE_DURABLE, bytes)],
    );
}

/// How long it takes to decode as many values, which are in memory, and to put them into a map one after another.
fn decoded(values: &[(Uuid, Vec<u8>)], entries: usize) -> Duration {
    let start = clock::now();
    let map = Raw::<Kept>::new();
    for (key, value) in values {
        map.insert(*key, rmp_serde::from_slice(value).unwrap());
    }
    let took = start.elapsed();
    assert_eq!(map.map.len(), entries);
    took
}

fn add(bench: &mut Bench, id: &str, what: &str, unit: Unit, cells: Vec<(Who, Vec<f64>)>) {
    bench.add(Row {
        id: id.to_owned(),
        what: what.to_owned(),
        unit,
        cells: cells
            .into_iter()
            .map(|(who, rounds)| Cell { who, rounds })
            .collect(),
    });
}

/// How many bytes of the disk a folder takes. The journal is longer than what is written of it.
fn blocks(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files
        .map(|file| {
            let about = file.metadata().unwrap();
            if about.is_dir() {
                blocks(&file.path())
            } else {
                allocated(&about)
            }
        })
        .sum()
}

#[cfg(unix)]
fn allocated(about: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(about) * 512
}

#[cfg(not(unix))]
fn allocated(about: &fs::Metadata) -> u64 {
    about.len()
}

/// `None` where none can be started.
fn server(durability: redis::Durability) -> Option<Server> {
    Server::start(durability)
        .inspect_err(|problem| eprintln!("\n****  REDIS IS LEFT OUT: {problem}  ****\n"))
        .ok()
}
