//! Disks and folders that say no, and saves that are called off.

use std::env;
use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use livestore::LiveStore;

use crate::save::{Place, Room, load, room, seen};

fn filled(entries: u64) -> LiveStore<Room> {
    let store = LiveStore::default();
    for visits in 0..entries {
        store.init(room("cats", visits));
    }
    store
}

/// Runs a test once more in a process of its own, after what the shell is told first. Returns where, in that process.
fn again_in_a_process(first: &str, test: &str, place: &Place) -> Option<PathBuf> {
    const PLACE: &str = "LIVESTORE_TEST_PLACE";
    if let Some(folder) = env::var_os(PLACE) {
        return Some(Path::new(&folder).join("rooms.save"));
    }
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("{first}; exec \"$0\" --exact \"$1\""))
        .arg(env::current_exe().unwrap())
        .arg(format!("save::disk::{test}"))
        .env(PLACE, place.folder())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    None
}

#[tokio::test]
async fn a_full_disk_leaves_the_old_file() {
    let place = Place::new();
    // No file may grow above 32 KiB; without the signal, which would end the process.
    let limit = "trap '' XFSZ; ulimit -f 64";
    let Some(path) = again_in_a_process(limit, "a_full_disk_leaves_the_old_file", &place) else {
        assert_eq!(place.files(), ["rooms.save"]);
        return;
    };
    let small = filled(10);
    small.save(&path).await.unwrap();
    let old = fs::read(&path).unwrap();
    let large = filled(5000);
    for _ in 0..3 {
        let error = large.save(&path).await.unwrap_err();
        assert_eq!(error.path(), path);
        let reason = error.io_error().unwrap();
        assert_eq!(reason.kind(), ErrorKind::FileTooLarge, "{reason}");
        assert!(error.source().is_some());
        assert!(error.to_string().contains("cannot write the new file"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), old);
    }
    assert_eq!(seen(&load::<Room>(&path).await.unwrap()), seen(&small));
}

#[tokio::test]
async fn a_wrong_length_takes_no_memory() {
    let place = Place::new();
    // With its sum right, so that only the missing bytes tell.
    let mut file = b"livesave".to_vec();
    file.extend_from_slice(&2_u32.to_le_bytes());
    let id = [7; 16];
    file.extend_from_slice(&id);
    file.extend_from_slice(&crc32fast::hash(&file).to_le_bytes());
    let mut head = id[..4].to_vec();
    head.extend_from_slice(&0_u32.to_le_bytes());
    head.extend_from_slice(&0xffff_fff0_u32.to_le_bytes());
    let sum = crc32fast::hash(&[&id[..], &head].concat());
    file.extend_from_slice(&head);
    file.extend_from_slice(&sum.to_le_bytes());
    file.extend_from_slice(&[0; 1000]);
    fs::write(place.path(), &file).unwrap();
    // 2 GB for everything; the length says 4.
    let limit = "ulimit -v 2000000";
    if let Some(path) = again_in_a_process(limit, "a_wrong_length_takes_no_memory", &place) {
        let error = load::<Room>(&path).await.unwrap_err();
        assert!(error.is_damaged(), "{error}");
        assert!(error.to_string().contains("it ends too early"), "{error}");
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_an_error_and_not_made() {
    let place = Place::new();
    let path = place.folder().join("nowhere").join("rooms.save");
    let error = filled(1).save(&path).await.unwrap_err();
    assert_eq!(error.io_error().unwrap().kind(), ErrorKind::NotFound);
    assert!(
        error
            .to_string()
            .contains("cannot create a new file beside it: No such file or directory"),
        "{error}"
    );
    assert!(place.files().is_empty());
}

#[tokio::test]
async fn a_folder_that_vanishes_meanwhile_is_an_error() {
    let place = Place::new();
    let folder = place.folder().join("rooms");
    fs::create_dir(&folder).unwrap();
    let gone = folder.clone();
    let error = filled(3000)
        .save(folder.join("rooms.save"))
        .on_progress(move |_| drop(fs::remove_dir_all(&gone)))
        .await
        .unwrap_err();
    assert_eq!(error.io_error().unwrap().kind(), ErrorKind::NotFound);
    assert!(place.files().is_empty());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_that_cannot_be_written_is_an_error() {
    // Not even root may create a file there.
    let path = Path::new("/proc/self/rooms.save");
    let error = filled(1).save(path).await.unwrap_err();
    assert!(error.io_error().is_some(), "{error}");
    assert!(
        error.to_string().contains("cannot create a new file beside it"),
        "{error}"
    );
}

/// It waited until somebody wrote to it.
#[tokio::test]
async fn what_is_no_file_is_not_loaded() {
    let place = Place::new();
    let made = Command::new("mkfifo").arg(place.path()).status().unwrap();
    assert!(made.success());
    let error = load::<Room>(&place.path()).await.unwrap_err();
    assert!(error.to_string().contains("it is no file"), "{error}");
    let error = load::<Room>(place.folder()).await.unwrap_err();
    assert_eq!(error.io_error().unwrap().kind(), ErrorKind::IsADirectory);
}

#[tokio::test]
async fn what_is_no_file_is_not_replaced() {
    let place = Place::new();
    let (folder, socket) = (place.path(), place.folder().join("socket"));
    fs::create_dir(&folder).unwrap();
    let _listener = UnixListener::bind(&socket).unwrap();
    for path in [&*folder, &*socket, Path::new("/"), Path::new("")] {
        let error = filled(1).save(path).await.unwrap_err();
        assert!(error.to_string().contains("not the path of a file"), "{error}");
        assert_eq!(error.path(), path);
    }
    assert!(folder.is_dir());
    assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
    assert_eq!(place.files().len(), 2);
}

#[tokio::test]
async fn links_are_followed_and_permissions_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let place = Place::new();
    let link = place.folder().join("link");
    let store = filled(3);
    store.save(place.path()).await.unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("rooms.save", &link).unwrap();
    store.init(room("dogs", 1));
    store.save(&link).await.unwrap();
    assert!(link.is_symlink());
    let mode = fs::metadata(place.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(seen(&load::<Room>(&place.path()).await.unwrap()), seen(&store));
    assert_eq!(place.files().len(), 2);
}

/// The link was replaced, and what it named was never there.
#[tokio::test]
async fn a_link_to_a_file_that_is_not_there_yet_is_followed() {
    use std::os::unix::fs::symlink;

    let place = Place::new();
    fs::create_dir(place.folder().join("volume")).unwrap();
    let (link, link_to_link) = (place.folder().join("link"), place.folder().join("again"));
    symlink("volume/rooms.save", &link).unwrap();
    symlink(&link, &link_to_link).unwrap();
    let store = filled(3);
    store.save(&link_to_link).await.unwrap();
    assert!(link.is_symlink() && link_to_link.is_symlink());
    let file = place.folder().join("volume/rooms.save");
    assert!(!file.is_symlink());
    assert_eq!(seen(&load::<Room>(&file).await.unwrap()), seen(&store));

    let circle = place.folder().join("circle");
    symlink(&circle, &circle).unwrap();
    let error = store.save(&circle).await.unwrap_err();
    assert!(error.to_string().contains("leads to itself"), "{error}");
    assert!(circle.is_symlink());
}

/// The new file's name was longer than the system allows.
#[tokio::test]
async fn a_name_may_be_as_long_as_the_system_allows() {
    let place = Place::new();
    let store = filled(3);
    for name in ["n".repeat(255), "ß".repeat(127), "n".repeat(240)] {
        let path = place.folder().join(name);
        store.save(&path).await.unwrap();
        store.save(&path).await.unwrap();
        assert_eq!(load::<Room>(&path).await.unwrap().len(), 3);
    }
    assert_eq!(place.files().len(), 3);
}

#[tokio::test]
async fn a_draft_of_a_save_that_was_killed_goes_with_the_next_and_one_that_is_written_does_not() {
    let place = Place::new();
    let orphan = place.folder().join(".rooms.save.0123abcd.tmp");
    let others = [
        "rooms.save.0123abcd.tmp",
        ".rooms.save.mine.tmp",
        ".other.save.0123abcd.tmp",
    ];
    for name in others
        .iter()
        .map(|name| place.folder().join(name))
        .chain([orphan.clone()])
    {
        fs::write(name, "half").unwrap();
    }
    let store = filled(5000);
    let (path, other) = (place.path(), filled(1));
    let (saved, is_saved) = mpsc::channel();
    // While one save is under way there is another.
    store
        .save(place.path())
        .on_progress(move |_| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let other = other.clone();
            let path = path.clone();
            let inner = std::thread::spawn(move || runtime.block_on(other.save(path).into_future()));
            saved.send(inner.join().unwrap().is_ok()).ok();
        })
        .await
        .unwrap();
    assert!(is_saved.iter().all(|done| done));
    assert!(!orphan.exists());
    assert!(others.iter().all(|name| place.folder().join(name).exists()));
    assert_eq!(place.files().len(), 4);
    assert_eq!(load::<Room>(&place.path()).await.unwrap().len(), 5000);
}

/// Each looks for orphans when it begins, and took the file that another had created and not locked yet for one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_saves_to_one_file_none_takes_the_draft_of_another() {
    let place = Place::new();
    let stores: Vec<_> = (1..=8).map(filled).collect();
    for _ in 0..60 {
        let saves: Vec<_> = stores
            .iter()
            .map(|store| tokio::spawn(store.save(place.path()).into_future()))
            .collect();
        for (save, entries) in saves.into_iter().zip(1..) {
            assert_eq!(save.await.unwrap().unwrap().entries, entries);
        }
    }
    assert_eq!(place.files(), ["rooms.save"]);
    assert!((1..=8).contains(&load::<Room>(&place.path()).await.unwrap().len()));
}

#[tokio::test]
async fn a_process_that_goes_elsewhere_meanwhile_saves_where_it_was_told_to() {
    let place = Place::new();
    let first = format!("cd {}", place.folder().display());
    let test = "a_process_that_goes_elsewhere_meanwhile_saves_where_it_was_told_to";
    let Some(path) = again_in_a_process(&first, test, &place) else {
        assert_eq!(place.files(), ["rooms.save"]);
        return;
    };
    assert!(!path.exists());
    let elsewhere = tempfile::tempdir().unwrap();
    let to = elsewhere.path().to_owned();
    filled(5000)
        .save("rooms.save")
        .on_progress(move |_| env::set_current_dir(&to).unwrap())
        .await
        .unwrap();
    assert_eq!(load::<Room>(&path).await.unwrap().len(), 5000);
}

#[tokio::test]
async fn a_save_that_is_called_off_leaves_the_old_file_and_no_other() {
    let place = Place::new();
    fs::write(place.path(), "old").unwrap();
    let store = filled(5000);
    let (came, has_come) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let save = store.save(place.path()).on_progress(move |progress| {
        let _ = came.send(progress.entries);
        // Until the sender is gone.
        let _ = may_go_on.recv();
    });
    let mut task = tokio_test::task::spawn(save.into_future());
    assert!(task.poll().is_pending());
    assert!(has_come.recv_timeout(Duration::from_secs(30)).unwrap() < 5000);
    assert_eq!(place.files().len(), 2, "it is being written");
    let weak = store.downgrade();
    drop(store);
    assert!(weak.upgrade().is_some(), "the save keeps the store open");
    drop(task);
    drop(go_on);
    // It ends at the next entry, without another word.
    assert_eq!(
        has_come.recv_timeout(Duration::from_secs(30)),
        Err(mpsc::RecvTimeoutError::Disconnected)
    );
    livestore_tests::must_not_hang({
        let weak = weak.clone();
        move || {
            while weak.upgrade().is_some() {
                std::thread::yield_now();
            }
        }
    });
    assert_eq!(place.files(), ["rooms.save"]);
    assert_eq!(fs::read(place.path()).unwrap(), b"old");
}

#[tokio::test]
async fn a_load_that_is_called_off_builds_nothing() {
    let place = Place::new();
    filled(5000).save(place.path()).await.unwrap();
    let (came, has_come) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let load = LiveStore::<Room>::new()
        .load(place.path())
        .on_progress(move |progress| {
            let _ = came.send(progress.entries);
            let _ = may_go_on.recv();
        });
    let mut task = tokio_test::task::spawn(load.into_future());
    assert!(task.poll().is_pending());
    assert!(has_come.recv_timeout(Duration::from_secs(30)).unwrap() < 5000);
    drop(task);
    drop(go_on);
    assert_eq!(
        has_come.recv_timeout(Duration::from_secs(30)),
        Err(mpsc::RecvTimeoutError::Disconnected)
    );
}

#[test]
fn a_runtime_that_ends_meanwhile_leaves_nothing_half_done() {
    let place = Place::new();
    let store = filled(3000);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let path = place.path();
    runtime.spawn({
        let store = store.clone();
        async move { store.save(path).await }
    });
    runtime.block_on(tokio::task::yield_now());
    // Dropping it drops the task, and waits for the work that blocks.
    drop(runtime);
    assert!(place.files().is_empty() || place.files() == ["rooms.save"]);
    // And where no work that blocks is begun any more, that is said.
    let ending = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let handle = ending.handle().clone();
    drop(ending);
    let _inside = handle.enter();
    let mut save = tokio_test::task::spawn(store.save(place.path()).into_future());
    let Poll::Ready(saved) = save.poll() else {
        panic!("nobody would ever wake it");
    };
    let error = saved.unwrap_err().to_string();
    assert!(error.contains("the runtime ended meanwhile"), "{error}");
}
