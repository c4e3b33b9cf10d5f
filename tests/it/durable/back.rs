//! What comes back when a folder is opened again.

use std::collections::BTreeMap;

use livestore::{Entry, ExpireMode, StoreOptions, Uuid};
use livestore_tests::Dice;
use tempfile::tempdir;
use tokio::time::sleep;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn all(store: &LiveStore<Score>) -> BTreeMap<Uuid, (i64, u64)> {
    let entries = store.entries();
    entries
        .map(|(key, entry)| (key, (entry.points, entry.version())))
        .collect()
}

#[tokio::test]
async fn what_was_flushed_comes_back() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    assert_eq!(store.open_report().unwrap().entries, 0);
    let keys: Vec<Uuid> = (0..100).map(|points| store.init(score(points))).collect();
    store
        .mutate(&keys[7], ScoreMutation::SetPoints(-1))
        .await
        .unwrap();
    store.remove(&keys[8]).await.unwrap();
    store.flush().await.unwrap();
    let (before, epoch) = (all(&store), store.epoch());
    store.close().await.unwrap();

    let store = open(folder.path()).await;
    assert_eq!(store.open_report().unwrap().entries, 99);
    assert_eq!((before[&keys[7]], before.get(&keys[8])), ((-1, 2), None));
    assert_eq!(all(&store), before);
    assert_ne!(store.epoch(), epoch);
}

/// One of everything that changes an entry, and a look at what the disk has of it each time.
#[tokio::test]
async fn every_kind_of_change_comes_back() {
    let folder = tempdir().unwrap();
    let history = || {
        let options = StoreOptions {
            history: 3,
            ..Default::default()
        };
        scores().with_options(options).open(folder.path())
    };
    let (key, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let mut store = history().await.unwrap();
    for change in 0..13 {
        match change {
            0 => drop(store.create(&key, score(1)).unwrap()),
            1 => drop(store.insert(&key, score(2)).await.unwrap()),
            2 => drop(store.assign(&key, score(3)).await.unwrap()),
            3 => drop(
                store
                    .mutate(&key, ScoreMutation::IncrementPoints(1))
                    .await
                    .unwrap(),
            ),
            4 => drop(store.acquire(&key).await.unwrap().set(score(5))),
            5 => {
                let mut guard = store.acquire(&key).await.unwrap();
                guard.mutate(ScoreMutation::SetPoints(6)).unwrap();
                guard.mutate(ScoreMutation::SetPoints(7)).unwrap();
                let before = guard.version() - 1;
                assert_eq!(guard.rollback(before).unwrap().points, 6);
            }
            6 => drop(store.fetch_or_create(&other, || score(8))),
            7 => {
                let add = ScoreMutation::IncrementPoints(1);
                store.mutate_or_create(&other, || score(0), add).await.unwrap();
            }
            8 => store
                .transact(&[key, other], |tx| {
                    // A life of two, a life of none, and one that ends.
                    tx.remove(&key);
                    tx.create(&key, score(10)).ok();
                    tx.mutate(&key, ScoreMutation::SetPoints(11)).ok();
                    tx.create(&Uuid::from_u128(3), score(0)).ok();
                    tx.remove(&Uuid::from_u128(3));
                    tx.remove(&other);
                    Ok::<_, ()>(())
                })
                .await
                .unwrap(),
            9 => drop(store.init_and_acquire(score(12)).delete()),
            10 => drop(store.init_and_watch(score(13))),
            11 => drop(store.remove(&key).await.unwrap()),
            _ => drop(store.create(&key, score(14)).unwrap()),
        }
        store.flush().await.unwrap();
        let before = all(&store);
        store.close().await.unwrap();
        store = history().await.unwrap();
        assert_eq!(all(&store), before, "change {change}");
        // What one change needs of the one before.
        if change == 4 {
            store.mutate(&key, ScoreMutation::SetPoints(5)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_store_that_is_opened_again_and_again_is_what_it_was() {
    let folder = tempdir().unwrap();
    let mut dice = Dice::new(7);
    let mut known: BTreeMap<Uuid, (i64, u64)> = BTreeMap::new();
    for round in 0..30 {
        let store = open(folder.path()).await;
        assert_eq!(all(&store), known, "round {round}");
        for _ in 0..dice.below(60) {
            let key = Uuid::from_u128(dice.below(20) as u128);
            match dice.below(5) {
                0 => drop(store.remove(&key).await),
                1 => drop(store.insert(&key, score(round)).await),
                2 => drop(store.create(&key, score(round))),
                3 => store.flush().await.unwrap(),
                _ => drop(store.mutate(&key, ScoreMutation::IncrementPoints(1)).await),
            }
        }
        known = all(&store);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn no_version_comes_twice_when_the_entry_was_gone_at_the_end() {
    let folder = tempdir().unwrap();
    let key = Uuid::from_u128(1);
    let mut last = 0;
    for _ in 0..4 {
        let store = open(folder.path()).await;
        let entry = store.create(&key, score(0)).unwrap();
        assert!(entry.version() > last, "{} after {last}", entry.version());
        for _ in 0..5 {
            store
                .mutate(&key, ScoreMutation::IncrementPoints(1))
                .await
                .unwrap();
        }
        last = store.remove(&key).await.unwrap().version();
        store.close().await.unwrap();
    }
}

/// A value was changed in place while the writer still had it.
#[tokio::test]
async fn a_value_that_waits_for_the_disk_is_not_changed_in_place() {
    let folder = tempdir().unwrap();
    let store = open_hooked(folder.path()).await;
    let key = Uuid::from_u128(1);
    let writer = store.clone();
    let in_between = move || {
        // The writer has read the first number and not the second.
        let set = HookedMutation::SetPair((2, 2));
        let done = futures_util::FutureExt::now_or_never(writer.mutate(&key, set));
        done.unwrap().unwrap();
    };
    store.create(&key, hooked(1, in_between)).unwrap();
    store.flush().await.unwrap();
    // What came meanwhile is in the next batch, and its hook would change it again.
    let now = store.fetch(&key).unwrap();
    assert_eq!((now.pair, now.version()), ((2, 2), 2));
    drop(now);
    // As if it were killed here: nobody flushes what came meanwhile.
    let copy = tempdir().unwrap();
    copy_folder(folder.path(), copy.path());
    let store = open_hooked(copy.path()).await;
    let then = store.fetch(&key).unwrap();
    assert_eq!((then.pair, then.version()), ((1, 1), 1));
}

/// What waits for the disk, and whom nobody else has, is changed in its place; it was copied for every change.
#[tokio::test]
async fn a_value_that_nobody_but_the_disk_waits_for_is_changed_in_place() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    let key = store.init(score(0));
    let place = || std::ptr::from_ref::<Score>(&store.peek(&key).unwrap()).addr();
    let add = || ScoreMutation::IncrementPoints(1);
    let first = place();
    for _ in 0..5 {
        store.mutate_version(&key, add()).await.unwrap();
        assert_eq!(place(), first);
    }
    assert_eq!(store.stats().disk.unwrap().committed, 6);
    // Whoever keeps an entry keeps it as it was.
    let kept = store.fetch(&key).unwrap();
    store.mutate_version(&key, add()).await.unwrap();
    assert_eq!((kept.points, kept.version()), (5, 6));
    assert_ne!(place(), first);
    store.flush().await.unwrap();
    let copy = tempdir().unwrap();
    copy_folder(folder.path(), copy.path());
    let now = open(copy.path()).await.fetch(&key).unwrap();
    assert_eq!((now.points, now.version()), (6, 7));
    // And once the disk has it.
    store.mutate_version(&key, add()).await.unwrap();
    store.mutate_version(&key, add()).await.unwrap();
    store.flush().await.unwrap();
    store.close().await.unwrap();
    let now = open(folder.path()).await.fetch(&key).unwrap();
    assert_eq!((now.points, now.version()), (8, 9));
}

/// All files of a folder.
pub(super) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files
        .filter_map(|file| {
            let name = file.file_name().into_string().unwrap();
            match std::fs::read(file.path()) {
                Ok(bytes) => Some((name, bytes)),
                // The writer has removed it since the folder was listed.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => panic!("{name}: {error}"),
            }
        })
        .collect()
}

/// What a power failure would have left of a folder that nothing is being written to.
pub(super) fn copy_folder(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let to = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_folder(&file.path(), &to);
        } else {
            // The journal is mostly zeros, which take no time and no room if they are not written.
            let mut bytes = std::fs::read(file.path()).unwrap();
            let len = bytes.len() as u64;
            bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1));
            std::fs::write(&to, bytes).unwrap();
            let file = std::fs::OpenOptions::new().write(true).open(&to).unwrap();
            file.set_len(len).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn times_and_deadlines_come_back() {
    let folder = tempdir().unwrap();
    let build = || {
        let options = StoreOptions {
            expire_check_freq: Some(SECOND),
            expire_mode: ExpireMode::Timeout(100 * SECOND),
            ..Default::default()
        };
        scores().with_options(options).open(folder.path())
    };
    let store = build().await.unwrap();
    let [plain, soon, never, changed] = [0, 1, 2, 3].map(|points| store.init(score(points)));
    // None of these is a commit.
    store.expire_after(&soon, 60 * SECOND).unwrap();
    assert!(store.persist(&never));
    store.flush().await.unwrap();
    store.expire_after(&changed, 60 * SECOND).unwrap();
    sleep(10 * SECOND).await;
    store
        .mutate(&plain, ScoreMutation::IncrementPoints(1))
        .await
        .unwrap();
    store.expire_after(&changed, 500 * SECOND).unwrap();
    let keys = [plain, soon, never, changed];
    let times = |entry: Entry<Score>| {
        let since = |at: std::time::Instant| tokio::time::Instant::now().duration_since(at.into());
        let left = entry
            .expires_at()
            .map(|at| at - tokio::time::Instant::now().into_std());
        (since(entry.create_time()), since(entry.last_change()), left)
    };
    let before = keys.map(|key| times(store.fetch(&key).unwrap()));
    store.close().await.unwrap();

    sleep(30 * SECOND).await;
    let store = build().await.unwrap();
    let downtime = 30 * SECOND;
    for (key, (created, changed, left)) in keys.into_iter().zip(before) {
        let now = times(store.fetch(&key).unwrap());
        let then = (
            created + downtime,
            changed + downtime,
            left.map(|left| left - downtime),
        );
        let apart = |a: Duration, b: Duration| a.abs_diff(b);
        // The clock counts milliseconds.
        let step = Duration::from_millis(2);
        assert!(
            apart(now.0, then.0) <= step && apart(now.1, then.1) <= step,
            "{now:?} {then:?}"
        );
        assert_eq!(now.2.is_some(), then.2.is_some());
        if let (Some(now), Some(then)) = (now.2, then.2) {
            assert!(apart(now, then) <= step, "{now:?} {then:?}");
        }
    }
    sleep(25 * SECOND).await;
    assert!(!store.contains_key(&soon) && store.contains_key(&plain));
    sleep(100 * SECOND).await;
    assert!(!store.contains_key(&plain) && store.contains_key(&never) && store.contains_key(&changed));
}

fn size(folder: &Path) -> usize {
    files(folder).values().map(Vec::len).sum()
}

#[tokio::test]
async fn a_folder_is_small_again_when_everything_was_removed() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    let keys: Vec<Uuid> = (0..20_000).map(|points| store.init(score(points))).collect();
    store.close().await.unwrap();
    assert!(size(folder.path()) > 1_000_000);
    let store = open(folder.path()).await;
    for key in &keys {
        store.remove(key).await.unwrap();
    }
    store.close().await.unwrap();
    assert!(size(folder.path()) < 10_000, "{}", size(folder.path()));
    let store = open(folder.path()).await;
    let report = store.open_report().unwrap();
    assert!(report.entries == 0 && report.bytes < 10_000, "{report:?}");
    assert!(
        store.create(&keys[0], score(0)).unwrap().version() > 2,
        "no version comes twice"
    );
}

/// Its log would grow for ever.
#[tokio::test]
async fn a_folder_that_is_written_anew_again_and_again_stays_small_and_is_what_it_was() {
    let folder = tempdir().unwrap();
    let build = || scores().with_log_limit(20_000).open(folder.path());
    let store = build().await.unwrap();
    let keys: Vec<Uuid> = (0..50).map(Uuid::from_u128).collect();
    let mut dice = Dice::new(11);
    let mut largest = 0;
    for round in 0..300 {
        for _ in 0..10 {
            let key = keys[dice.below(50)];
            match dice.below(6) {
                0 => drop(store.remove(&key).await),
                _ => drop(store.insert(&key, score(round)).await),
            }
        }
        store.flush().await.unwrap();
        // Not what a log has at its end.
        let logs = files(folder.path()).into_values();
        let written = logs.map(|bytes| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1));
        largest = largest.max(written.sum());
    }
    let before = all(&store);
    assert!((20_000..120_000).contains(&largest), "{largest}");
    store.close().await.unwrap();
    assert_eq!(all(&build().await.unwrap()), before);
}

/// Each time it left another log.
#[tokio::test]
async fn a_program_that_is_started_often_and_changes_little_leaves_few_files() {
    let folder = tempdir().unwrap();
    let key = Uuid::from_u128(1);
    for points in 0..100 {
        let store = open(folder.path()).await;
        assert_eq!(
            store.fetch(&key).map(|entry| entry.points),
            (points > 0).then(|| points - 1)
        );
        store.insert(&key, score(points)).await;
        store.close().await.unwrap();
        let files = files(folder.path());
        assert!(files.len() <= 20, "{points}: {:?}", files.keys());
    }
}

/// Until the writer began, it was nothing.
#[tokio::test]
async fn how_large_it_is_is_known_when_it_is_open() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    store.init(score(1));
    store.close().await.unwrap();
    for _ in 0..20 {
        let store = open(folder.path()).await;
        assert!(store.stats().disk.unwrap().log_bytes > 0);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn opening_tells_how_far_it_has_come() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    for points in 0..3000 {
        store.init(score(points));
        if points % 500 == 0 {
            store.flush().await.unwrap();
        }
    }
    store.close().await.unwrap();
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = std::sync::Arc::clone(&told);
    let store = scores()
        .on_open_progress(move |progress| heard.lock().unwrap().push(progress))
        .open(folder.path())
        .await
        .unwrap();
    let told = told.lock().unwrap().clone();
    let last = told.last().unwrap();
    assert!(told.len() > 2 && told[0].fraction < 1.0);
    assert!(
        told.iter()
            .zip(&told[1..])
            .all(|(a, b)| a.entries <= b.entries && a.bytes <= b.bytes)
    );
    assert_eq!((last.entries, last.fraction), (3000, 1.0));
    assert_eq!(last.bytes, store.open_report().unwrap().bytes);

    drop(store);
    let error = scores()
        .on_open_progress(|_| panic!("on_open_progress"))
        .open(folder.path())
        .await
        .map(drop)
        .unwrap_err();
    assert!(error.to_string().contains("a callback has panicked"), "{error}");
    assert_eq!(open(folder.path()).await.len(), 3000);
}
