//! Folders that are not opened, and stores that are not written.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use livestore::{FlushError, OpenError, StoreOptions, Uuid};
use livestore_tests::{Change, Counter, Dice, counter};
use tempfile::tempdir;

use super::*;

async fn refused(builder: LiveStoreBuilder<Score>, folder: &Path) -> OpenError {
    let error = builder.open(folder).await.map(drop).unwrap_err();
    assert_eq!(error.folder(), folder);
    error
}

#[tokio::test]
async fn a_folder_that_is_open_is_refused_until_it_is_closed() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    let error = refused(scores(), folder.path()).await;
    assert!(
        error.is_locked() && !error.is_foreign() && !error.is_damaged(),
        "{error}"
    );
    assert!(error.to_string().contains("close that first"), "{error}");
    store.close().await.unwrap();
    open(folder.path()).await;
}

#[tokio::test]
async fn a_folder_of_another_type_is_refused() {
    #[derive(Clone, LiveValue, Serialize, Deserialize)]
    struct Other {
        points: i64,
    }
    let folder = tempdir().unwrap();
    LiveStore::<Other>::new()
        .open(folder.path())
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    let error = refused(scores(), folder.path()).await;
    assert!(error.is_foreign(), "{error}");
    assert!(
        error.to_string().contains("`Other`") && error.to_string().contains("`Score`"),
        "{error}"
    );
    // If it is only another name.
    scores().schema("Other", 1).open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn a_folder_of_a_newer_version_is_refused_and_one_of_an_older_becomes_newer() {
    let folder = tempdir().unwrap();
    let key = Uuid::from_u128(1);
    let store = scores().schema("score", 1).open(folder.path()).await.unwrap();
    store.create(&key, score(1)).unwrap();
    store.close().await.unwrap();
    let store = scores().schema("score", 3).open(folder.path()).await.unwrap();
    assert_eq!(store.fetch(&key).unwrap().points, 1);
    store.close().await.unwrap();
    // Nothing was committed by the newer program, but it may have been.
    let error = refused(scores().schema("score", 2), folder.path()).await;
    assert!(error.is_foreign(), "{error}");
    assert!(error.to_string().contains("version 3"), "{error}");
    scores().schema("score", 3).open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_refused_and_left_alone() {
    #[derive(Clone, LiveValue, Serialize, Deserialize)]
    struct Words {
        points: String,
    }
    let folder = tempdir().unwrap();
    let store = LiveStore::new()
        .schema("score", 1)
        .open(folder.path())
        .await
        .unwrap();
    let key = store.init(Words {
        points: "many".into(),
    });
    store.close().await.unwrap();
    let error = refused(scores().schema("score", 1), folder.path()).await;
    assert_eq!(error.key(), Some(key), "{error}");
    assert!(!error.is_damaged() && !error.is_foreign());
    let store = LiveStore::<Words>::new()
        .schema("score", 1)
        .open(folder.path())
        .await
        .unwrap();
    assert_eq!(store.fetch(&key).unwrap().points, "many");
}

#[tokio::test]
async fn a_deadline_that_nobody_would_look_at_is_refused() {
    let folder = tempdir().unwrap();
    let options = StoreOptions {
        expire_check_freq: Some(Duration::from_secs(1)),
        ..Default::default()
    };
    let store = scores().with_options(options).open(folder.path()).await.unwrap();
    let key = store.init(score(1));
    store.expire_after(&key, Duration::from_secs(1000)).unwrap();
    store.close().await.unwrap();
    let error = refused(scores(), folder.path()).await;
    assert_eq!(error.key(), Some(key));
    assert!(error.to_string().contains("expire_check_freq"), "{error}");
}

#[tokio::test]
async fn impossible_options_are_refused_before_there_is_a_folder() {
    let parent = tempdir().unwrap();
    let folder = parent.path().join("folder");
    let options = StoreOptions {
        channel_cap: 0,
        ..Default::default()
    };
    let error = refused(scores().with_options(options), &folder).await;
    assert!(error.to_string().contains("channel_cap"), "{error}");
    let error = refused(scores().with_pending_limit(0), &folder).await;
    assert!(error.to_string().contains("at least 1"), "{error}");
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_path_that_cannot_be_a_folder_is_refused() {
    let parent = tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    for path in [&file, &file.join("below")] {
        let error = refused(scores(), path).await;
        assert!(error.io_error().is_some(), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a folder");
}

#[tokio::test]
async fn a_folder_whose_making_was_cut_short_is_made_again() {
    let folder = tempdir().unwrap();
    fs::create_dir_all(folder.path().join("data.new/keyspaces")).unwrap();
    fs::write(folder.path().join("data.new/0.jnl"), "half").unwrap();
    fs::write(folder.path().join("lock"), "").unwrap();
    let store = open(folder.path()).await;
    store.init(score(1));
    store.close().await.unwrap();
    assert_eq!(open(folder.path()).await.len(), 1);
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Changes one byte; returns what undoes it.
fn flip(file: &Path, at: u64) {
    let mut file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[byte[0] ^ 0x55]).unwrap();
}

/// The journal of a folder, and how much of it is written.
fn journal(folder: &Path) -> (PathBuf, u64) {
    let mut all = Vec::new();
    files(folder, &mut all);
    let journal = all
        .into_iter()
        .find(|path| path.extension().is_some_and(|kind| kind == "jnl"))
        .unwrap();
    let bytes = fs::read(&journal).unwrap();
    let written = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    (journal, written as u64)
}

const STEPS: i64 = 40;

fn step_key(n: i64) -> Uuid {
    Uuid::from_u128(n.rem_euclid(4).unsigned_abs().into())
}

/// A folder whose every step is one batch, and how much of the journal was written before the last.
async fn stepped(folder: &Path) -> u64 {
    let store = open(folder).await;
    let mut before = 0;
    for step in 1..=STEPS {
        before = journal(folder).1;
        store.insert(&step_key(step), score(step)).await;
        store.flush().await.unwrap();
    }
    store.close().await.unwrap();
    before
}

/// The last step of which there is a trace. Those before it must be there.
fn last_step(store: &LiveStore<Score>, case: &str) -> i64 {
    let points = |n| store.fetch(&step_key(n)).map_or(0, |entry| entry.points);
    let last = (0..4).map(points).max().unwrap();
    for back in 0..4.min(last) {
        assert_eq!(points(last - back), last - back, "{case}");
    }
    last
}

/// The engine believed a changed sequence number, and mixed old and new; and it left out everything from a damaged batch
/// on without a word.
#[tokio::test]
async fn damaged_files_are_refused_or_miss_the_last_batch_and_say_so() {
    let origin = tempdir().unwrap();
    stepped(origin.path()).await;
    let mut dice = Dice::new(3);
    let mut refused = 0;
    for _ in 0..150 {
        let folder = tempdir().unwrap();
        back::copy_folder(origin.path(), folder.path());
        let mut all = vec![journal(folder.path()).0; 10];
        files(folder.path(), &mut all);
        let file = &all[dice.below(all.len())];
        let len = fs::metadata(file).unwrap().len().min(journal(folder.path()).1);
        if len == 0 {
            continue;
        }
        let at = dice.below(usize::try_from(len).unwrap()) as u64;
        let case = format!("{} byte {at}", file.display());
        flip(file, at);
        match scores().open(folder.path()).await {
            Err(error) => {
                assert!(!error.is_locked() && !error.is_foreign(), "{case}: {error}");
                refused += 1;
            }
            Ok(store) => {
                let torn = store.open_report().unwrap().torn_bytes > 0;
                let last = last_step(&store, &case);
                assert_eq!(last, if torn { STEPS - 1 } else { STEPS }, "{case}");
            }
        }
    }
    assert!(refused > 50, "{refused}");
}

/// What a kill or a power failure leaves of a batch that was being written.
#[tokio::test]
async fn a_torn_batch_is_left_out_and_told() {
    let origin = tempdir().unwrap();
    let before = stepped(origin.path()).await;
    let after = journal(origin.path()).1;
    let middle = before + 20..after - 15;
    // From here on nothing was written; or these bytes were not, and those around them were.
    let cuts = (before + 1..after).step_by(11).map(|at| (at..after, true));
    let holes = [middle.clone(), before + 30..before + 31, after - 12..after - 4].map(|hole| (hole, false));
    for (lost, ends_there) in cuts.chain(holes) {
        let folder = tempdir().unwrap();
        back::copy_folder(origin.path(), folder.path());
        let mut file = OpenOptions::new()
            .write(true)
            .open(journal(folder.path()).0)
            .unwrap();
        file.seek(SeekFrom::Start(lost.start)).unwrap();
        let zeros = vec![0; usize::try_from(lost.end - lost.start).unwrap()];
        file.write_all(&zeros).unwrap();
        if ends_there && lost.start % 2 == 0 {
            file.set_len(lost.start).unwrap();
        }
        let store = open(folder.path()).await;
        let case = format!("{lost:?} of {before}..{after}");
        assert_eq!(last_step(&store, &case), STEPS - 1, "{case}");
        assert!(store.open_report().unwrap().torn_bytes > 0, "{case}");
        // And it goes on from there.
        store.insert(&step_key(STEPS), score(STEPS)).await;
        store.close().await.unwrap();
        let store = open(folder.path()).await;
        assert_eq!(
            (last_step(&store, &case), store.open_report().unwrap().torn_bytes),
            (STEPS, 0)
        );
    }
}

/// Opens a store that counts how often it is told of a failure.
async fn told(folder: &Path) -> (LiveStore<Hooked>, Arc<AtomicUsize>) {
    let failures = Arc::new(AtomicUsize::new(0));
    let heard = Arc::clone(&failures);
    let store = LiveStore::new()
        .with_durability(ON_REQUEST)
        .on_durability_error(move |error| {
            heard.fetch_add(1, Ordering::SeqCst);
            // Which must do no harm.
            panic!("{error}");
        })
        .open(folder)
        .await
        .unwrap();
    (store, failures)
}

#[tokio::test]
async fn a_serialize_that_panics_is_told_with_its_key_and_nothing_is_pretended() {
    let folder = tempdir().unwrap();
    let (store, failures) = told(folder.path()).await;
    let good = store.init(hooked(1, || ()));
    store.flush().await.unwrap();
    store
        .mutate(&good, HookedMutation::SetPair((2, 2)))
        .await
        .unwrap();
    let bad = store.init(hooked(3, || panic!("this value cannot be serialised")));
    let failed = store.flush().await;
    assert!(
        matches!(&failed, Err(FlushError::Failed(error)) if error.key() == Some(&bad)),
        "{failed:?}"
    );
    // Memory goes on.
    let set = HookedMutation::SetPair((4, 4));
    assert_eq!(store.mutate(&good, set).await.unwrap().version, 3);
    assert!(matches!(
        store.flush().now_or_never(),
        Some(Err(FlushError::Failed(_)))
    ));
    assert!(store.close().await.is_err());
    while failures.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(failures.load(Ordering::SeqCst), 1);

    // On disk is what was there before that batch.
    let store = open_hooked(folder.path()).await;
    assert_eq!(store.len(), 1);
    assert_eq!(store.fetch(&good).unwrap().pair, (1, 1));
}

#[tokio::test]
async fn a_store_in_memory_alone_says_so() {
    let store = LiveStore::<Counter>::default();
    let key = store.init(counter(1));
    store.mutate(&key, Change::Add(1)).await.unwrap();
    assert!(matches!(store.flush().await, Err(FlushError::NotDurable)));
    assert!(store.open_report().is_none());
    assert!(store.close().await.is_ok());
}
