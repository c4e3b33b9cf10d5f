//! Folders whose files are not what was written.
//!
//! Whatever happens to one file, opening says so, or the store is one that once was; and an older one never comes up
//! without a word because of a byte that changed or a file that is missing.

use std::collections::BTreeMap;
use std::fs;

use livestore::Uuid;
use tempfile::{TempDir, tempdir};

use super::*;

type State = BTreeMap<Uuid, (i64, u64)>;
pub(super) type Image = BTreeMap<String, Vec<u8>>;

fn state(store: &LiveStore<Score>) -> State {
    let entries = store.entries();
    entries
        .map(|(key, entry)| (key, (entry.points, entry.version())))
        .collect()
}

/// All files of a folder, but for the lock, in which nothing is: as they were at one instant, which may be one of a folder
/// that is being written anew.
pub(super) fn image(folder: &Path) -> Image {
    let look = || {
        let mut image = Image::new();
        for file in fs::read_dir(folder).ok()? {
            let file = file.ok()?;
            let name = file.file_name().into_string().unwrap();
            if name != "lock" {
                image.insert(name, fs::read(file.path()).ok()?);
            }
        }
        Some(image)
    };
    loop {
        if let Some(image) = look()
            && look().as_ref() == Some(&image)
        {
            return image;
        }
    }
}

pub(super) fn put(image: &Image, folder: &Path) {
    for (name, bytes) in image {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

/// How much of a file is not zeros at its end.
fn written(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1)
}

/// What a folder has been, at every instant at which it was something.
struct History {
    /// What was committed, step by step.
    states: Vec<State>,
    /// The files after each step.
    images: Vec<Image>,
}

/// A history whose last image has every kind of file. How far the writer has come with writing the folder anew is its own
/// affair, so it may take more than one.
async fn history(closed: bool) -> History {
    for _ in 0..20 {
        let history = one_history(closed).await;
        if history.images.last().unwrap().len() >= 4 {
            return whole(history);
        }
    }
    whole(one_history(closed).await)
}

fn whole(history: History) -> History {
    let last = history.images.last().unwrap();
    assert!(last.len() >= 4, "{:?}", last.keys());
    assert!(last.keys().any(|name| name.starts_with("snapshot-")));
    history
}

/// Does all that there is to be done to a folder: batches, removals, several openings, and being written anew.
async fn one_history(closed: bool) -> History {
    let folder = tempdir().unwrap();
    let mut states = vec![State::new()];
    let mut images = vec![];
    for opening in 0..3 {
        let store = scores()
            .with_log_limit(if opening == 1 { 1 } else { 1 << 20 })
            .open(folder.path())
            .await
            .unwrap();
        for step in 0..12_i64 {
            let key = Uuid::from_u128(step.rem_euclid(4).unsigned_abs().into());
            match step % 5 {
                4 => drop(store.remove(&key).await),
                _ => drop(store.insert(&key, score(100 * opening + step)).await),
            }
            store.flush().await.unwrap();
            states.push(state(&store));
            images.push(image(folder.path()));
        }
        if opening < 2 || closed {
            store.close().await.unwrap();
            states.push(states.last().unwrap().clone());
            images.push(image(folder.path()));
        }
    }
    History { states, images }
}

/// What opening makes of such files. `None` if it says that they are damaged; otherwise the state, and whether it told that
/// something was left out.
async fn opened(image: &Image, case: &str) -> Option<(State, bool)> {
    let folder = TempDir::new().unwrap();
    put(image, folder.path());
    match scores().open(folder.path()).await {
        Ok(store) => {
            let torn = store.open_report().unwrap().torn_bytes > 0;
            Some((state(&store), torn))
        }
        Err(error) => {
            assert!(error.is_damaged() || error.is_foreign(), "{case}: {error}");
            assert!(error.file().is_some(), "{case}: {error}");
            assert_eq!(&self::image(folder.path()), image, "{case}: it was touched");
            None
        }
    }
}

impl History {
    fn last(&self) -> (&State, &Image) {
        (self.states.last().unwrap(), self.images.last().unwrap())
    }

    /// The store is what it was at the end, or it was said that it is not.
    async fn is_not_older(&self, changed: &Image, case: &str) -> bool {
        match opened(changed, case).await {
            None => true,
            Some((found, torn)) => {
                let (last, _) = self.last();
                assert!(torn || found == *last, "{case}: {found:?}");
                assert!(self.states.contains(&found), "{case}: {found:?} never was");
                torn
            }
        }
    }
}

async fn flip_every_byte(closed: bool) {
    let history = history(closed).await;
    let (_, image) = history.last();
    let (mut all, mut told) = (0, 0);
    for (name, bytes) in image {
        // Of the zeros behind, a few.
        let end = (written(bytes) + 40).min(bytes.len());
        for at in (0..end).chain((end..bytes.len()).step_by(10_007)) {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = image.clone();
                changed.get_mut(name).unwrap()[at] ^= flip;
                let case = format!("{name}, byte {at} of {} ^ {flip}", bytes.len());
                all += 1;
                told += usize::from(history.is_not_older(&changed, &case).await);
            }
        }
    }
    assert!(told > all * 9 / 10, "{told} of {all}");
}

#[tokio::test]
async fn every_byte_that_is_flipped_is_found_or_harmless() {
    flip_every_byte(true).await;
}

#[tokio::test]
async fn every_byte_that_is_flipped_after_a_crash_is_found_or_harmless() {
    flip_every_byte(false).await;
}

#[tokio::test]
async fn every_cut_is_found() {
    for closed in [true, false] {
        let history = history(closed).await;
        let (last, image) = history.last();
        for (name, bytes) in image {
            let written = written(bytes);
            let cuts = (0..written.min(bytes.len())).chain((written..bytes.len()).step_by(5003));
            for cut in cuts {
                let mut changed = image.clone();
                changed.get_mut(name).unwrap().truncate(cut);
                let case = format!("{name}, cut to {cut} of {}", bytes.len());
                match opened(&changed, &case).await {
                    None => {}
                    // It took zeros away that stood behind all that was written.
                    found => assert!(
                        cut > written && found == Some((last.clone(), false)),
                        "{case}: {found:?}"
                    ),
                }
            }
        }
        assert_eq!(opened(image, "whole").await, Some((last.clone(), false)));
    }
}

/// What stood behind a log that had ended was never removed, and a byte behind another was taken for a cut.
#[tokio::test]
async fn what_stands_behind_a_log_is_in_nobodys_way() {
    for closed in [true, false] {
        let (now, image) = {
            let folder = tempdir().unwrap();
            let store = open(folder.path()).await;
            store.create(&Uuid::from_u128(1), score(1)).unwrap();
            store.flush().await.unwrap();
            let now = state(&store);
            let before = image(folder.path());
            store.close().await.unwrap();
            (now, if closed { image(folder.path()) } else { before })
        };
        for more in [&b"x"[..], &[0; 1], &[0; 5000], &[7; 4096], &[7; 100_001]] {
            let folder = tempdir().unwrap();
            let mut longer = image.clone();
            longer.get_mut("log-1").unwrap().extend_from_slice(more);
            put(&longer, folder.path());
            let store = open(folder.path()).await;
            assert_eq!(state(&store), now);
            let torn = store.open_report().unwrap().torn_bytes;
            assert_eq!(torn > 0, !closed && more[0] != 0, "{closed}, {}", more.len());
            let len = fs::metadata(folder.path().join("log-1")).unwrap().len();
            assert!(len < 4096, "{closed}: {len}");
            store.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_file_that_is_missing_is_found() {
    for closed in [true, false] {
        let history = history(closed).await;
        let mut found = 0;
        for (image, now) in history.images.iter().zip(&history.states[1..]) {
            for name in image.keys() {
                let mut changed = image.clone();
                changed.remove(name);
                match opened(&changed, name).await {
                    None => found += 1,
                    // It did not count yet, or not any more.
                    Some(same) => assert_eq!(same, (now.clone(), false), "{name} of {:?}", image.keys()),
                }
            }
        }
        assert!(found > 2 * history.images.len(), "{found}");
        let (_, image) = history.last();
        for name in image.keys() {
            let mut changed = image.clone();
            changed.remove(name);
            assert_eq!(opened(&changed, name).await, None, "{name} of {:?}", image.keys());
        }
    }
}

#[tokio::test]
async fn every_file_that_was_zeroed_or_emptied_is_found() {
    let history = history(false).await;
    let (_, image) = history.last();
    for (name, bytes) in image {
        for other in [vec![0; bytes.len()], Vec::new()] {
            let mut changed = image.clone();
            changed.insert(name.clone(), other);
            assert_eq!(opened(&changed, name).await, None, "{name}");
        }
    }
}

/// Of the same name, or of another file of the folder.
#[tokio::test]
async fn an_older_file_among_newer_ones_is_found_or_gives_what_once_was() {
    let history = history(false).await;
    let (mut found, mut older) = (0, 0);
    for (now, image) in history.images.iter().enumerate().step_by(3) {
        for before in &history.images[..now] {
            for name in image.keys() {
                // The same file as it was, and any other in its place.
                for (other, bytes) in before {
                    if image[name] == *bytes || (other != name && now % 2 == 0) {
                        continue;
                    }
                    let mut changed = image.clone();
                    changed.insert(name.clone(), bytes.clone());
                    let case = format!("step {now}, {name} replaced by an older {other}");
                    match opened(&changed, &case).await {
                        None => found += 1,
                        Some((state, _)) => {
                            older += 1;
                            let once = history.states[..=now + 1].contains(&state);
                            assert!(once, "{case}: {state:?} never was");
                        }
                    }
                }
            }
        }
    }
    assert!(found > 100 && older > 10, "{found} {older}");
}

/// What a kill or a loss of power leaves of a batch that was being written.
#[tokio::test]
async fn a_torn_batch_is_left_out_and_told() {
    let history = history(false).await;
    let steps = history.images.len();
    let (image, before) = (&history.images[steps - 1], &history.images[steps - 2]);
    let name = image
        .keys()
        .filter(|name| name.starts_with("log-"))
        .max()
        .unwrap();
    let (from, to) = (written(&before[name]), written(&image[name]));
    // From here on nothing was written; or these bytes were not, and those around them were.
    let cuts = (from + 1..to).map(|at| at..to);
    let holes = (from..to - 8).step_by(3).map(|at| at..at + 8);
    for lost in cuts.chain(holes) {
        let mut changed = image.clone();
        let log = changed.get_mut(name).unwrap();
        if log[lost.clone()].iter().all(|byte| *byte == 0) {
            continue;
        }
        log[lost.clone()].fill(0);
        // A head begins with its sum, and that with a zero once in 256 times: then nothing is left of a batch cut there.
        let left = written(log) > from;
        let case = format!("{lost:?} of {from}..{to}");
        let folder = tempdir().unwrap();
        put(&changed, folder.path());
        let store = open(folder.path()).await;
        assert_eq!(state(&store), history.states[steps - 1], "{case}");
        let torn = store.open_report().unwrap().torn_bytes;
        assert_eq!(torn > 0, left, "{case}: {torn}");
        assert!(torn <= (to - from) as u64, "{case}: {torn}");
        // And it goes on from there.
        store.insert(&Uuid::from_u128(9), score(9)).await;
        let then = state(&store);
        store.close().await.unwrap();
        let store = open(folder.path()).await;
        assert_eq!(
            (state(&store), store.open_report().unwrap().torn_bytes),
            (then, 0)
        );
    }
}

/// A value can be what a client sends: also the bytes of a batch. When those were torn, the engine of before took them for
/// one, or searched them again and again.
#[tokio::test]
async fn the_bytes_of_a_log_in_a_torn_batch_are_not_taken_for_batches() {
    #[derive(Clone, LiveValue, Serialize, Deserialize)]
    struct Blob {
        bytes: Vec<u8>,
    }
    let history = history(false).await;
    let (_, image) = history.last();
    let log = image.iter().rfind(|(name, _)| name.starts_with("log-")).unwrap();
    let mut bytes = log.1.clone();
    bytes.truncate(written(log.1));
    bytes.resize(bytes.len() * 200, 0x6c);

    let folder = tempdir().unwrap();
    let store = LiveStore::<Blob>::new()
        .with_durability(ON_REQUEST)
        .open(folder.path())
        .await
        .unwrap();
    store.init(Blob { bytes: vec![1] });
    store.flush().await.unwrap();
    let before = self::image(folder.path());
    store.init(Blob { bytes });
    store.flush().await.unwrap();
    let mut torn = self::image(folder.path());
    let name = before.keys().find(|name| name.starts_with("log-")).unwrap();
    let from = written(&before[name]);
    torn.get_mut(name).unwrap()[from..from + 30].fill(0);
    let copy = tempdir().unwrap();
    put(&torn, copy.path());
    let store = LiveStore::<Blob>::new().open(copy.path()).await.unwrap();
    assert_eq!(store.len(), 1);
    assert!(store.open_report().unwrap().torn_bytes > 10_000);
}

#[tokio::test]
async fn a_folder_whose_making_was_cut_short_is_made_again() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    let begun = image(folder.path());
    drop(store);
    for names in [&[][..], &["log-1"]] {
        let folder = tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), &begun[*name]).unwrap();
        }
        for draft in ["contents.new", "log-1.new", "log-2.new", "snapshot-4.new"] {
            fs::write(folder.path().join(draft), "half").unwrap();
        }
        let store = open(folder.path()).await;
        store.init(score(1));
        store.close().await.unwrap();
        assert_eq!(open(folder.path()).await.len(), 1);
        assert!(image(folder.path()).keys().all(|name| !name.ends_with(".new")));
    }
}
