//! Disks and folders that refuse.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use livestore::{Durability, FlushError, LiveStore, LiveValue, Uuid};
use livestore_tests::Dice;
use serde::{Deserialize, Serialize};
use tempfile::tempdir;

use crate::world::Known;
use crate::{Process, say};

/// Something large.
#[derive(Clone, LiveValue, Serialize, Deserialize)]
struct Blob {
    #[live(set)]
    bytes: String,
}

fn blob(len: usize, dice: &mut Dice) -> Blob {
    // Nothing that could be compressed to much less.
    let bytes = (0..len).map(|_| char::from(b' ' + u8::try_from(dice.below(90)).unwrap()));
    Blob {
        bytes: bytes.collect(),
    }
}

async fn open(folder: &Path) -> Result<LiveStore<Blob>, livestore::OpenError> {
    LiveStore::new()
        .with_durability(Durability::Interval(Duration::MAX))
        .open(folder)
        .await
}

fn key(n: u64) -> Uuid {
    Uuid::from_u64_pair(0, n)
}

const BLOBS: u64 = 100;

/// Is run where no file may grow beyond 70 MiB, and writes a batch of 100.
pub(crate) async fn full(folder: &Path) {
    let mut dice = Dice::new(1);
    let (told, failures) = mpsc::channel();
    let store = LiveStore::<Blob>::new()
        .with_durability(Durability::Interval(Duration::MAX))
        .with_pending_limit(1000)
        .on_durability_error(move |error| told.send(error).unwrap())
        .open(folder)
        .await
        .unwrap();
    store.create(&key(0), blob(10, &mut dice)).ok();
    store.flush().await.unwrap();
    say("flushed");
    for n in 1..=BLOBS {
        store.create(&key(n), blob(1 << 20, &mut dice)).ok();
    }
    let failed = store.flush().await;
    assert!(
        matches!(&failed, Err(FlushError::Failed(error)) if error.is_disk_full()),
        "{failed:?}"
    );
    say("failed");
    let error = failures.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(error.is_disk_full() && error.folder() == folder, "{error:?}");
    // Memory keeps serving.
    for n in 1..=BLOBS {
        let change = BlobMutation::SetBytes("small".into());
        assert_eq!(store.mutate(&key(n), change).await.unwrap().version(), 2);
    }
    assert!(matches!(store.flush().await, Err(FlushError::Failed(_))));
    assert!(store.close().await.is_err());
    assert!(failures.try_recv().is_err(), "it is told once");
    say("served");
}

#[test]
fn a_full_disk_is_told_once_and_memory_goes_on() {
    let folder = tempdir().unwrap();
    // Of 512 bytes each. The signal that comes with the limit would end the process; ignored, it is an error.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 143360; exec \"$0\" \"$@\""]);
    command.arg(std::env::current_exe().unwrap());
    let process = Process::start(command, "full", folder.path());
    process.expect("flushed");
    process.expect("failed");
    process.expect("served");
    process.succeed();

    // What was flushed is there, and nothing of the batch that did not fit.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = open(folder.path()).await.unwrap();
        assert_eq!(store.keys().collect::<Vec<_>>(), [key(0)]);
        store.create(&key(1), blob(10, &mut Dice::new(2))).ok();
        store.flush().await.unwrap();
        store.close().await.unwrap();
        let store = open(folder.path()).await.unwrap();
        assert_eq!(store.len(), 2);
    });
}

/// Is run as somebody who may read and not write.
pub(crate) async fn stranger(folder: &Path) {
    let refused = open(folder).await.map(drop).unwrap_err();
    assert!(!refused.is_locked() && !refused.is_damaged(), "{refused}");
    say(&refused.to_string());
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let parent = tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let written = parent.path().join("written");
    runtime.block_on(async { open(&written).await.unwrap().close().await.unwrap() });
    fs::set_permissions(parent.path(), Permissions::from_mode(0o555)).unwrap();
    for folder in [&written, &parent.path().join("new")] {
        let mut command = Process::this_program();
        // Whoever may do everything may write here, too.
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.uid(65534).gid(65534);
        }
        let process = Process::start(command, "stranger", folder);
        let refused = process.hear().unwrap();
        assert!(refused.contains("ermission denied"), "{refused}");
        assert!(refused.contains(&*folder.to_string_lossy()), "{refused}");
        process.succeed();
    }
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_folder_that_another_process_has_open_is_refused_until_it_ends() {
    let folder = tempdir().unwrap();
    let mut command = Process::this_program();
    command
        .env(crate::SEED, "1")
        .env(crate::KNOWN, Known::default().to_line());
    let process = Process::start(command, "live", folder.path());
    assert!(process.hear().unwrap().starts_with("open "));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut dice = Dice::new(1);
        let refused = crate::world::open(folder.path(), &mut dice).await.unwrap_err();
        assert!(refused.is_locked(), "{refused}");
        process.kill();
        crate::world::open(folder.path(), &mut dice).await.unwrap();
    });
}
