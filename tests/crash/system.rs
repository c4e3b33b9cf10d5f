//! What the system can do to a process that has a store on disk: fork it, run out of room, of files, of the right to write.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{env, process};

use fork::{Fork, fork};
use livestore::{Durability, FlushError, LiveStore, LiveStoreBuilder, LiveValue, Uuid};
use serde::{Deserialize, Serialize};
use tempfile::tempdir;

use crate::{Process, say};

#[derive(Clone, Debug, PartialEq, LiveValue, Serialize, Deserialize)]
struct Text {
    #[live(set)]
    text: String,
}

fn text(text: &str) -> Text {
    Text {
        text: text.to_owned(),
    }
}

fn texts() -> LiveStoreBuilder<Text> {
    LiveStore::new().with_durability(Durability::Interval(Duration::MAX))
}

fn key(n: usize) -> Uuid {
    Uuid::from_u64_pair(0, n as u64)
}

fn state(store: &LiveStore<Text>) -> BTreeMap<Uuid, String> {
    let entries = store.entries();
    entries.map(|(key, entry)| (key, entry.text.clone())).collect()
}

/// All files of a folder but for the lock, in which nothing is.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files
        .map(|file| {
            (
                file.file_name().into_string().unwrap(),
                fs::read(file.path()).unwrap(),
            )
        })
        .filter(|(name, _)| name != "lock")
        .collect()
}

/// Is forked while it has a store open. What is left of a process then has one thread: no writer, and nobody who would run
/// what a runtime is given to block.
pub(crate) async fn forked(folder: &Path) {
    let store = texts().with_pending_limit(10).open(folder).await.unwrap();
    store.create(&key(0), text("before")).unwrap();
    store.flush().await.unwrap();
    store.create(&key(1), text("pending")).unwrap();
    match fork().unwrap() {
        Fork::Child => {
            // No more than words: a panic here would end up in the harness of the test.
            let told = |result: Result<(), FlushError>| match result {
                Err(FlushError::Forked) => "forked".to_owned(),
                other => format!("{other:?}"),
            };
            say(&format!("flush: {}", told(store.flush().await)));
            say(&format!("flush_of: {}", told(store.flush_of(&key(1)).await)));
            let saved = store.save(folder.join("elsewhere")).await;
            say(&format!("save: {:?}", saved.map(|report| report.entries)));
            // As many as would be waited for where there is a writer.
            for n in 0..50 {
                store.insert(&key(n), text("of the child")).await;
            }
            say("goes on in memory");
            let closed = store.clone().close().await;
            say(&format!(
                "close: {}",
                told(closed.map_err(|error| error.flush_error().clone()))
            ));
            let opened = texts().open(folder).await;
            say(&format!("open: {}", opened.is_err_and(|error| error.is_locked())));
            drop(store);
            say("dropped");
            process::exit(0);
        }
        Fork::Parent(child) => {
            fork::waitpid(child).unwrap();
            // Nothing of it was the child's to end.
            assert!(texts().open(folder).await.is_err_and(|error| error.is_locked()));
            store.flush().await.unwrap();
            store.close().await.unwrap();
            let store = texts().open(folder).await.unwrap();
            assert_eq!(store.len(), 2);
            say("the parent goes on");
        }
    }
}

/// It waited for ever: threads are not forked.
#[test]
fn a_fork_of_the_process_says_so_and_takes_nothing_from_the_other() {
    let folder = tempdir().unwrap();
    let process = Process::start(Process::this_program(), "forked", folder.path());
    process.expect("flush: forked");
    process.expect("flush_of: forked");
    process.expect("save: Ok(2)");
    process.expect("goes on in memory");
    process.expect("close: forked");
    process.expect("open: true");
    process.expect("dropped");
    process.expect("the parent goes on");
    process.succeed();
}

fn may_mount() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    // The right to administrate the system.
    bits.is_some_and(|bits| bits & (1 << 21) != 0)
}

/// This program where it may mount what it likes, for nobody else to see. `None` where that cannot be done.
fn among_its_own_mounts(test: &str) -> Option<Command> {
    let unshared = Command::new("unshare").args(["--mount", "true"]).status();
    if unshared.is_ok_and(|status| status.success()) {
        let mut command = Command::new("unshare");
        command.arg("--mount").arg(env::current_exe().unwrap());
        return Some(command);
    }
    assert!(
        !(may_mount() && env::var_os("CI").is_some()),
        "this process may mount, and cannot: is there an `unshare`?"
    );
    let mut errors = io::stderr();
    writeln!(
        errors,
        "\n****  NOT RUN: {test}: that needs the right to mount  ****\n"
    )
    .unwrap();
    None
}

fn mount(words: &[&str], on: &Path) {
    let mounted = Command::new("mount").args(words).arg(on).status();
    assert!(mounted.unwrap().success(), "mount {words:?} {}", on.display());
}

/// What takes all the room that there is, but for so many bytes.
fn leave_room(disk: &Path, bytes: u64) {
    let path = disk.join("ballast");
    let mut ballast = File::create(&path).unwrap();
    let block = [7; 4096];
    while ballast.write_all(&block).is_ok() {}
    let len = ballast.metadata().unwrap().len();
    ballast.set_len(len.saturating_sub(bytes)).unwrap();
}

fn clear(disk: &Path) {
    fs::remove_file(disk.join("ballast")).unwrap();
}

/// Is run on a disk of 6 MiB.
pub(crate) async fn full_disk(folder: &Path) {
    mount(&["-t", "tmpfs", "-o", "size=6m", "none"], folder);
    let place = folder.join("store");
    let store = texts().open(&place).await.unwrap();
    for n in 0..10 {
        store.create(&key(n), text("first")).unwrap();
    }
    store.flush().await.unwrap();
    let first = state(&store);
    store.create(&key(10), text(&"x".repeat(10 << 20))).unwrap();
    let failed = store.flush().await;
    assert!(
        matches!(&failed, Err(FlushError::Failed(error)) if error.is_disk_full()),
        "{failed:?}"
    );
    let said = failed.unwrap_err().to_string();
    assert!(said.contains("No space left on device"), "{said}");
    // The memory goes on.
    let change = TextMutation::SetText("second".to_owned());
    store.mutate(&key(0), change).await.unwrap();
    assert!(matches!(
        store.flush_of(&key(0)).await,
        Err(FlushError::Failed(_))
    ));
    assert!(store.close().await.is_err());
    say("a batch");

    // However much room there is, opening works or says what the system says, and has touched nothing.
    let (mut opened, mut refused) = (0, 0);
    for pages in 0..48 {
        let before = files(&place);
        leave_room(folder, pages * 4096);
        match texts().open(&place).await {
            Ok(store) => {
                opened += 1;
                assert_eq!(state(&store), first);
                store.close().await.ok();
            }
            Err(error) => {
                refused += 1;
                let said = error.to_string();
                assert!(said.contains("No space left on device"), "{said}");
                assert_eq!(error.io_error().unwrap().kind(), io::ErrorKind::StorageFull);
                assert_eq!(files(&place), before, "with {pages} pages");
            }
        }
        clear(folder);
    }
    // It takes room for two small files.
    assert!(opened > 40 && refused > 0, "{opened} {refused}");
    say("opening");

    // Where there is hardly any, something can be removed.
    for n in 1..4 {
        let store = texts().open(&place).await.unwrap();
        leave_room(folder, 6 * 4096);
        store.remove(&key(n)).await.unwrap();
        store.flush().await.unwrap();
        store.close().await.ok();
        clear(folder);
    }
    let store = texts().open(&place).await.unwrap();
    let first = state(&store);
    assert_eq!(first.len(), 7);
    // What a batch has taken that did not fit is given back, however little that was.
    leave_room(folder, 4 * 4096);
    store.create(&key(20), text(&"x".repeat(1 << 20))).unwrap();
    assert!(store.flush().await.is_err() && store.close().await.is_err());
    let longest = files(&place).into_values().map(|bytes| bytes.len()).max();
    assert_eq!(longest, Some(4 << 10));
    clear(folder);

    // However much, what was flushed is there afterwards, also where it was being written anew.
    let mut failures = 0;
    let mut known = first;
    for round in 0..60 {
        let store = texts().with_log_limit(1).open(&place).await.unwrap();
        assert_eq!(state(&store), known, "round {round}");
        leave_room(folder, round * 7 * 4096);
        let mut next = known.clone();
        for n in 0..40 {
            let now = format!("{round} {}", "y".repeat(n * 700));
            store.insert(&key(n), text(&now)).await;
            next.insert(key(n), now);
            match store.flush().await {
                Ok(()) => known = next.clone(),
                Err(FlushError::Failed(error)) => {
                    assert!(error.is_disk_full(), "{error}");
                    failures += 1;
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
        store.close().await.ok();
        clear(folder);
        // The batch that failed is there as a whole, or not at all.
        let store = texts().open(&place).await.unwrap();
        let found = state(&store);
        assert!(found == known || found == next, "round {round}");
        known = found;
        store.close().await.unwrap();
    }
    assert!(failures > 5, "{failures}");
    say("writing");

    // A file that is saved leaves the one before.
    let path = folder.join("saved");
    let memory = LiveStore::<Text>::default();
    memory.create(&key(0), text("small")).unwrap();
    memory.save(&path).await.unwrap();
    memory.create(&key(1), text(&"z".repeat(1 << 20))).unwrap();
    leave_room(folder, 100 << 10);
    let error = memory.save(&path).await.unwrap_err();
    assert_eq!(error.io_error().unwrap().kind(), io::ErrorKind::StorageFull);
    let names: Vec<_> = fs::read_dir(folder).unwrap().collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(LiveStore::<Text>::new().load(&path).await.unwrap().len(), 1);
    say("saving");

    // It opens where its own log has taken all that there was, as often as that happens.
    clear(folder);
    for round in 0..4 {
        let store = texts().open(&place).await.unwrap();
        assert_eq!(state(&store), known, "round {round}");
        for n in 0.. {
            let mut next = known.clone();
            let now = format!("{round} {n} {}", "y".repeat(round * 20_000));
            store.insert(&key(n % 30), text(&now)).await;
            next.insert(key(n % 30), now);
            if store.flush().await.is_err() {
                break;
            }
            known = next;
        }
        assert!(store.close().await.is_err());
    }
    assert_eq!(state(&texts().open(&place).await.unwrap()), known);
    say("filling");
}

#[test]
fn a_disk_that_is_full_is_told_in_the_systems_words_and_costs_nothing_that_was_flushed() {
    let Some(command) = among_its_own_mounts("a disk that is full") else {
        return;
    };
    let folder = tempdir().unwrap();
    let process = Process::start(command, "full-disk", folder.path());
    for done in ["a batch", "opening", "writing", "saving", "filling"] {
        process.expect(done);
    }
    process.succeed();
}

/// Is run where it may mount.
pub(crate) async fn read_only(folder: &Path) {
    let place = folder.join("store");
    let saved = folder.join("saved");
    let store = texts().open(&place).await.unwrap();
    store.create(&key(0), text("kept")).unwrap();
    store.save(&saved).await.unwrap();
    store.close().await.unwrap();
    let before = files(&place);
    mount(&["--bind", &folder.to_string_lossy()], folder);
    mount(&["-o", "remount,bind,ro"], folder);
    for path in [&place, &folder.join("new")] {
        let error = texts().open(path).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("Read-only file system"), "{error}");
        assert!(!error.is_damaged() && !error.is_locked());
        assert_eq!(
            error.io_error().unwrap().kind(),
            io::ErrorKind::ReadOnlyFilesystem
        );
    }
    assert_eq!(files(&place), before);
    let store = texts().load(&saved).await.unwrap();
    assert_eq!(store.fetch(&key(0)).unwrap().text, "kept");
    let error = store.save(&saved).await.unwrap_err();
    assert!(error.to_string().contains("Read-only file system"), "{error}");
    say("refused");
}

#[test]
fn a_disk_that_is_mounted_for_reading_alone_is_refused_and_a_save_on_it_is_loaded() {
    let Some(command) = among_its_own_mounts("a disk that is mounted for reading alone") else {
        return;
    };
    let folder = tempdir().unwrap();
    let process = Process::start(command, "read-only", folder.path());
    process.expect("refused");
    process.succeed();
}

/// Is run where no more than 64 files may be open.
pub(crate) async fn few_files(folder: &Path) {
    let (here, there) = (folder.join("here"), folder.join("there"));
    let write = async |path: &Path, limit| {
        let store = texts().with_log_limit(limit).open(path).await.unwrap();
        store.create(&key(0), text("kept")).ok();
        store.flush().await.unwrap();
        store
    };
    write(&there, 1 << 20).await.close().await.unwrap();
    let store = write(&here, 1 << 20).await;
    let before = files(&there);
    let mut taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    assert!(taken.len() > 10);
    // What is open needs no more.
    store.create(&key(1), text("more")).unwrap();
    store.flush().await.unwrap();
    let (mut opened, mut refused) = (0, 0);
    for free in 0..8 {
        match texts().open(&there).await {
            Ok(store) => {
                opened += 1;
                assert_eq!(store.len(), 1);
                store.close().await.unwrap();
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("Too many open files"), "{error}");
                assert!(error.io_error().is_some() && !error.is_damaged());
            }
        }
        let saved = store.save(folder.join("saved")).await;
        if let Err(error) = saved {
            assert!(error.to_string().contains("Too many open files"), "{error}");
        }
        if opened == 0 {
            drop((taken.pop(), taken.pop()));
            assert_eq!(files(&there), before, "with {free} files");
            taken.extend([File::open("/dev/null"), File::open("/dev/null")].map(Result::unwrap));
        }
        drop(taken.pop());
    }
    assert!(opened > 1 && refused > 1, "{opened} {refused}");
    store.close().await.unwrap();
    say("opened");

    // A log that has outgrown what it is about is written on,
    let store = write(&here, 2000).await;
    taken.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
    for n in 0..200 {
        store.insert(&key(2), text(&"x".repeat(n))).await;
        store.flush().await.unwrap();
    }
    drop(taken);
    let is_anew = || {
        let names = fs::read_dir(&here).unwrap();
        names
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .any(|name| name.starts_with("snapshot-") && !name.ends_with(".new"))
    };
    assert!(!is_anew());
    // and anew when there are files again.
    for n in 0.. {
        assert!(n < 10_000);
        store.insert(&key(2), text(&"y".repeat(n % 200))).await;
        store.flush().await.unwrap();
        if is_anew() {
            break;
        }
    }
    let last = state(&store);
    store.close().await.unwrap();
    assert_eq!(state(&texts().open(&here).await.unwrap()), last);
    say("written");
}

#[test]
fn too_many_open_files_are_told_in_the_systems_words() {
    let folder = tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""]);
    command.arg(env::current_exe().unwrap());
    let process = Process::start(command, "few-files", folder.path());
    process.expect("opened");
    process.expect("written");
    process.succeed();
}
