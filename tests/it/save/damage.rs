//! Files that are not what was saved.

use std::fs;

use livestore::{LiveStore, Uuid};

use crate::save::{Place, Room, load, room, seen};

/// A small file, and what is in it.
async fn saved(place: &Place) -> (Vec<u8>, Vec<(Uuid, Room, u64)>) {
    let store = LiveStore::default();
    for visits in 0..3 {
        store.init(room("cats", visits));
    }
    store.save(place.path()).await.unwrap();
    (fs::read(place.path()).unwrap(), seen(&store))
}

/// Where the first frame begins.
const PREAMBLE: usize = 32;

/// The frames behind the preamble: where each begins and ends.
fn frames(file: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut frames = Vec::new();
    let mut at = PREAMBLE;
    while at < file.len() {
        let length = u32::from_le_bytes(file[at + 8..at + 12].try_into().unwrap());
        let end = at + 20 + usize::try_from(length).unwrap();
        frames.push(at..end);
        at = end;
    }
    assert_eq!(at, file.len());
    frames
}

#[tokio::test]
async fn every_flip_of_a_byte_is_found() {
    let place = Place::new();
    let (whole, _) = saved(&place).await;
    for at in 0..whole.len() {
        for flip in [1, 0x10, 0x80, 0xff] {
            let mut file = whole.clone();
            file[at] ^= flip;
            fs::write(place.path(), &file).unwrap();
            let error = load::<Room>(&place.path()).await.unwrap_err();
            assert!(error.is_damaged(), "byte {at}: {error}");
        }
    }
}

#[tokio::test]
async fn every_cut_is_found() {
    let place = Place::new();
    let (whole, entries) = saved(&place).await;
    for end in 0..whole.len() {
        fs::write(place.path(), &whole[..end]).unwrap();
        let error = load::<Room>(&place.path()).await.unwrap_err();
        assert!(error.is_damaged(), "{end} bytes: {error}");
    }
    fs::write(place.path(), &whole).unwrap();
    assert_eq!(seen(&load::<Room>(&place.path()).await.unwrap()), entries);
}

#[tokio::test]
async fn whatever_is_appended_is_found() {
    let place = Place::new();
    let (whole, _) = saved(&place).await;
    for tail in [&[0][..], &[0; 4096], &whole] {
        fs::write(place.path(), [&whole, tail].concat()).unwrap();
        assert!(load::<Room>(&place.path()).await.unwrap_err().is_damaged());
    }
}

/// Each frame is whole, so its own sum alone would not tell.
#[tokio::test]
async fn frames_that_were_left_out_doubled_or_moved_are_found() {
    let place = Place::new();
    // Each of them fills a frame.
    let store = LiveStore::default();
    for visits in 0..3 {
        store.init(room(&"cats".repeat(10_000), visits));
    }
    store.save(place.path()).await.unwrap();
    let whole = fs::read(place.path()).unwrap();
    let frames = frames(&whole);
    assert_eq!(frames.len(), 5, "header, three entries, end");
    let in_order = |order: &[usize]| {
        let mut file = whole[..PREAMBLE].to_vec();
        for frame in order {
            file.extend_from_slice(&whole[frames[*frame].clone()]);
        }
        file
    };
    assert_eq!(in_order(&[0, 1, 2, 3, 4]), whole);
    for order in [
        &[0, 1, 2, 4][..],
        &[0, 4],
        &[0, 1, 2, 2, 3, 4],
        &[0, 2, 1, 3, 4],
        &[1, 2, 3, 4],
        &[0, 1, 2, 3, 4, 4],
        &[4],
        &[],
    ] {
        fs::write(place.path(), in_order(order)).unwrap();
        let error = load::<Room>(&place.path()).await.unwrap_err();
        assert!(error.is_damaged(), "{order:?}: {error}");
    }
}

#[tokio::test]
async fn a_block_of_an_older_save_is_found() {
    let place = Place::new();
    let store = LiveStore::default();
    let key = store.init(room(&"cats".repeat(10_000), 1));
    store.init(room(&"dogs".repeat(10_000), 2));
    store.save(place.path()).await.unwrap();
    let old = fs::read(place.path()).unwrap();
    store.insert(&key, room(&"bats".repeat(10_000), 3)).await.unwrap();
    store.save(place.path()).await.unwrap();
    let new = fs::read(place.path()).unwrap();
    assert_eq!(old.len(), new.len());
    for (at, frame) in frames(&new).into_iter().enumerate() {
        let mut file = new.clone();
        file[frame.clone()].copy_from_slice(&old[frame]);
        fs::write(place.path(), &file).unwrap();
        // Whichever comes first in the file: what follows the first difference is found.
        assert!(load::<Room>(&place.path()).await.is_err(), "frame {at}");
    }
}

#[tokio::test]
async fn what_is_no_save_is_called_so() {
    let place = Place::new();
    for other in ["", "live", "{\"rooms\": []}", "livesavE and more"] {
        fs::write(place.path(), other).unwrap();
        let error = load::<Room>(&place.path()).await.unwrap_err();
        assert!(error.is_damaged() && !error.is_missing(), "{error}");
        assert!(
            error
                .to_string()
                .ends_with("this is not a file that a store was saved to"),
            "{error}"
        );
    }
    let error = load::<Room>(place.folder()).await.unwrap_err();
    assert!(error.io_error().is_some() && !error.is_missing(), "{error}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_missing_or_a_fresh_start() {
    let place = Place::new();
    let error = load::<Room>(&place.path()).await.unwrap_err();
    assert!(error.is_missing() && !error.is_damaged());
    assert_eq!(error.path(), place.path());
    let fresh = LiveStore::<Room>::new()
        .load(place.path())
        .or_empty()
        .await
        .unwrap();
    assert!(fresh.is_empty() && fresh.load_report().is_none());
    // Only a missing file is one.
    fs::write(place.path(), "x").unwrap();
    let error = LiveStore::<Room>::new().load(place.path()).or_empty().await;
    assert!(error.unwrap_err().is_damaged());
}
