//! Folders that are not opened, and stores that are not written.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use livestore::{FlushError, OnUnreadable, OpenError, StoreOptions, UnreadableEntry, Uuid};
use livestore_tests::{Change, Counter, counter};
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

/// It came up empty.
#[tokio::test]
async fn a_folder_that_an_engine_has_kept_is_refused_by_its_name() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("lock"), "").unwrap();
    fs::create_dir_all(folder.path().join("data/keyspaces/1")).unwrap();
    fs::write(folder.path().join("data/version"), b"FJL\x03").unwrap();
    fs::write(folder.path().join("data/0.jnl"), "a journal").unwrap();
    let error = refused(scores(), folder.path()).await;
    assert!(error.is_foreign() && !error.is_damaged(), "{error}");
    let said = error.to_string();
    assert!(
        said.contains("fjall") && said.contains("`data`") && said.contains("open another folder"),
        "{said}"
    );
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["data", "lock"], "it was touched");
    // What is only called the same is somebody else's.
    fs::write(folder.path().join("data/version"), "1.0").unwrap();
    open(folder.path()).await;
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

/// One such value used to be the end of the whole store's writing.
#[tokio::test]
async fn a_value_that_cannot_be_written_is_told_with_its_key_and_costs_nobody_else_anything() {
    let folder = tempdir().unwrap();
    let failures = Arc::new(AtomicUsize::new(0));
    let heard = Arc::clone(&failures);
    let store = LiveStore::<Hooked>::new()
        .with_durability(ON_REQUEST)
        // Everything would be written anew, and the old files go, with each batch.
        .with_log_limit(1)
        .on_durability_error(move |_| {
            heard.fetch_add(1, Ordering::SeqCst);
        })
        .open(folder.path())
        .await
        .unwrap();
    let good = store.init(hooked(1, || ()));
    let bad = store.init(hooked(1, || ()));
    store.flush().await.unwrap();
    let set = |n| HookedMutation::SetPair((n, n));
    store.mutate(&good, set(2)).await.unwrap();
    store
        .insert(&bad, hooked(3, || panic!("this value cannot be serialised")))
        .await;
    for _ in 0..2 {
        // The second time nothing is written, and it is not on disk any more than it was.
        let failed = store.flush().await;
        assert!(
            matches!(&failed, Err(FlushError::Unwritten(error)) if error.keys().eq([bad])),
            "{failed:?}"
        );
        assert!(failed.unwrap_err().to_string().contains("panicked"));
    }
    // What comes later is written as ever.
    store.mutate(&good, set(4)).await.unwrap();
    assert!(matches!(store.flush().await, Err(FlushError::Unwritten(_))));
    let copy = tempdir().unwrap();
    back::copy_folder(folder.path(), copy.path());
    let now = open_hooked(copy.path()).await;
    assert_eq!(now.fetch(&good).unwrap().pair, (4, 4));
    // On disk is what the entry was before.
    assert_eq!(now.fetch(&bad).unwrap().pair, (1, 1));

    // Another value, and all is well.
    store.insert(&bad, hooked(5, || ())).await;
    store.flush().await.unwrap();
    let worse = store.init(hooked(6, || panic!("this one neither")));
    assert!(matches!(store.flush().await, Err(FlushError::Unwritten(error)) if error.keys().eq([worse])));
    store.remove(&worse).await.unwrap();
    store.close().await.unwrap();
    let store = open_hooked(folder.path()).await;
    assert_eq!(store.len(), 2);
    assert_eq!(store.fetch(&bad).unwrap().pair, (5, 5));
    assert_eq!(failures.load(Ordering::SeqCst), 0, "the disk has not failed");
}

#[tokio::test]
async fn a_value_that_was_not_written_at_the_end_is_told_by_close() {
    let folder = tempdir().unwrap();
    let store = open_hooked(folder.path()).await;
    let bad = store.init(hooked(3, || panic!("this value cannot be serialised")));
    let closed = store.close().await;
    assert!(
        matches!(closed.as_ref().map_err(|error| error.flush_error()), Err(FlushError::Unwritten(error)) if error.keys().eq([bad])),
        "{closed:?}"
    );
    assert!(open_hooked(folder.path()).await.is_empty());
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

/// The system keeps the file for whoever has it open, so that writing there is no error.
#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_is_removed_meanwhile_is_told_by_flush() {
    let parent = tempdir().unwrap();
    let folder = parent.path().join("folder");
    let store = open(&folder).await;
    store.init(score(1));
    store.flush().await.unwrap();
    fs::remove_dir_all(&folder).unwrap();
    store.init(score(2));
    let failed = store.flush().await;
    assert!(
        matches!(&failed, Err(FlushError::Failed(error)) if error.to_string().contains("was removed")),
        "{failed:?}"
    );
    assert!(store.close().await.is_err());
}

/// What it had flushed was lost: whoever opens the folder does so without it.
#[cfg(unix)]
#[tokio::test]
async fn a_store_whose_lock_is_taken_away_flushes_nothing_and_leaves_the_folder_to_the_next() {
    let folder = tempdir().unwrap();
    let first = open(folder.path()).await;
    first.init(score(1));
    first.flush().await.unwrap();
    // Somebody believes that a process that was killed has left it there.
    fs::remove_file(folder.path().join("lock")).unwrap();
    let second = open(folder.path()).await;
    let key = second.init(score(2));
    second.flush().await.unwrap();
    first.init(score(3));
    let failed = first.flush().await;
    assert!(
        matches!(&failed, Err(FlushError::Failed(error)) if error.to_string().contains("`lock`")),
        "{failed:?}"
    );
    assert!(first.close().await.is_err());
    second.init(score(4));
    second.close().await.unwrap();
    let third = open(folder.path()).await;
    assert!(third.contains_key(&key) && third.len() == 3);
}

/// It went on in the new one, under names that are the same.
#[cfg(unix)]
#[tokio::test]
async fn a_store_whose_folder_was_moved_leaves_the_one_in_its_place_alone() {
    let parent = tempdir().unwrap();
    let (folder, moved) = (parent.path().join("folder"), parent.path().join("moved"));
    let first = open(&folder).await;
    let key = first.init(score(1));
    first.flush().await.unwrap();
    fs::rename(&folder, &moved).unwrap();
    let second = open(&folder).await;
    second.init(score(2));
    second.flush().await.unwrap();
    let before = files(&folder);
    assert!(first.close().await.is_err());
    assert_eq!(files(&folder), before);
    second.close().await.unwrap();
    assert!(open(&moved).await.contains_key(&key));
}

fn files(folder: &Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|file| file.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// Opening waited for somebody to write to it.
#[cfg(unix)]
#[tokio::test]
async fn a_lock_that_is_no_file_is_refused() {
    let folder = tempdir().unwrap();
    open(folder.path()).await.close().await.unwrap();
    let lock = folder.path().join("lock");
    fs::remove_file(&lock).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&lock).status().unwrap();
    assert!(made.success());
    let error = refused(scores(), folder.path()).await;
    assert!(
        error.io_error().is_some() && error.to_string().contains("`lock`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_folder_may_be_where_there_are_none_yet() {
    let parent = tempdir().unwrap();
    let folder = parent.path().join("a/b/c");
    let store = open(&folder).await;
    store.init(score(1));
    store.close().await.unwrap();
    assert_eq!(open(&folder).await.len(), 1);
    let error = refused(scores(), Path::new("")).await;
    assert!(error.io_error().is_some(), "{error}");
}

/// Another program has to be able to read what this one cannot.
#[tokio::test]
async fn entries_that_cannot_be_read_are_named_or_kept_or_dropped() {
    #[derive(Clone, Debug, LiveValue, Serialize, Deserialize)]
    struct Words {
        points: String,
    }
    let folder = tempdir().unwrap();
    let words = || {
        LiveStore::<Words>::new()
            .schema("score", 1)
            .with_durability(ON_REQUEST)
    };
    let numbers = || scores().schema("score", 1);
    let (kept, dropped, replaced, number) = (
        Uuid::from_u128(1),
        Uuid::from_u128(2),
        Uuid::from_u128(3),
        Uuid::from_u128(4),
    );
    let store = words().open(folder.path()).await.unwrap();
    for key in [kept, dropped, replaced, number] {
        for points in ["few", "many"] {
            store
                .insert(
                    &key,
                    Words {
                        points: points.into(),
                    },
                )
                .await;
            store.flush().await.unwrap();
        }
    }
    store.close().await.unwrap();

    let before = back::files(folder.path());
    let error = refused(numbers(), folder.path()).await;
    assert_eq!(error.unreadable().count(), 4);
    assert!(error.to_string().contains("`on_unreadable`"), "{error}");
    assert_eq!(back::files(folder.path()), before);

    let decide = move |entry: UnreadableEntry<'_>| {
        assert!(entry.version == 2 && entry.reason.contains("marker"), "{entry:?}");
        assert!(entry.value.windows(4).any(|word| word == b"many"));
        match entry.key == dropped {
            true => OnUnreadable::Drop,
            false => OnUnreadable::Keep,
        }
    };
    let store = numbers()
        .on_unreadable(decide)
        .with_log_limit(1)
        .open(folder.path())
        .await
        .unwrap();
    let report = store.open_report().unwrap();
    assert_eq!(
        (store.len(), report.entries, report.kept, report.dropped),
        (0, 4, 3, 1)
    );
    // The folder is written anew now, and what is kept is in it.
    assert_eq!(store.create(&replaced, score(5)).unwrap().version(), 3);
    store.create(&number, score(6)).unwrap();
    for points in 0..50 {
        store.insert(&number, score(points)).await;
        store.flush().await.unwrap();
    }
    store.close().await.unwrap();
    assert!(
        back::files(folder.path())
            .keys()
            .any(|name| name.starts_with("snapshot-"))
    );

    // The program that can read them finds what was kept as it was.
    let store = words()
        .on_unreadable(|_| OnUnreadable::Keep)
        .open(folder.path())
        .await
        .unwrap();
    assert_eq!(store.keys().collect::<Vec<_>>(), [kept]);
    let entry = store.fetch(&kept).unwrap();
    assert_eq!((entry.points.as_str(), entry.version()), ("many", 2));
    store.close().await.unwrap();
    let store = numbers()
        .on_unreadable(|_| OnUnreadable::Keep)
        .open(folder.path())
        .await
        .unwrap();
    assert_eq!(store.len(), 2);
}

/// It was taken for a file that had served its time, and was gone.
#[tokio::test]
async fn what_somebody_else_has_put_there_under_a_name_like_ours_stays() {
    let folder = tempdir().unwrap();
    for n in 0..3 {
        let store = open(folder.path()).await;
        store.insert(&Uuid::from_u128(1), score(n)).await;
        store.close().await.unwrap();
    }
    let theirs = ["log-0", "snapshot-0", "snapshot-1"].map(|name| folder.path().join(name));
    for path in &theirs {
        fs::write(path, "a list of what to buy").unwrap();
    }
    for _ in 0..2 {
        let store = open(folder.path()).await;
        store.insert(&Uuid::from_u128(1), score(1)).await;
        store.close().await.unwrap();
    }
    for path in &theirs {
        assert_eq!(fs::read(path).unwrap(), b"a list of what to buy", "{path:?}");
    }
}
