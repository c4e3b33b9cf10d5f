//! Files that this version has written, kept as data: later versions read them, or say that they cannot.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use livestore::Uuid;
use tempfile::tempdir;

use super::*;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("it/durable/data")
        .join(name)
}

#[derive(Clone, Debug, PartialEq, LiveValue, Serialize, Deserialize)]
struct Player {
    name: String,
    #[live(set)]
    score: i64,
    from: Option<std::net::IpAddr>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Kind {
    Guest,
    Member { since: u32, friends: Vec<Uuid> },
}

fn player(n: u128) -> Player {
    Player {
        name: format!("player {n}"),
        score: -5,
        from: n.is_multiple_of(2).then(|| "10.0.0.1".parse().unwrap()),
        kind: match n % 3 {
            0 => Kind::Guest,
            _ => Kind::Member {
                since: 2026,
                friends: vec![Uuid::from_u128(n + 1)],
            },
        },
    }
}

/// What is in them: the players 0 to 9, changed as often as their number says, without 4 and 5.
fn expected() -> BTreeMap<Uuid, (Player, u64)> {
    let players = (0..10).filter(|n| ![4, 5].contains(n));
    players
        .map(|n: u128| {
            let score = if n == 0 { -5 } else { i64::try_from(n).unwrap() };
            let version = 1 + u64::try_from(n).unwrap();
            (Uuid::from_u128(n), (Player { score, ..player(n) }, version))
        })
        .collect()
}

fn found(store: &LiveStore<Player>) -> BTreeMap<Uuid, (Player, u64)> {
    let entries = store.entries();
    entries
        .map(|(key, entry)| (key, (Player::clone(&entry), entry.version())))
        .collect()
}

fn players() -> LiveStoreBuilder<Player> {
    LiveStore::new().with_durability(ON_REQUEST)
}

/// Run by hand when the format has a new number; then under a name of its own.
#[tokio::test]
#[ignore = "writes into the folder of the tests"]
async fn write_the_files_of_this_version() {
    let (folder, file) = (data("format-2"), data("format-2.save"));
    for opening in 0..3 {
        let limit = if opening == 1 { 1 } else { 1 << 20 };
        let store = players().with_log_limit(limit).open(&folder).await.unwrap();
        for n in (0..10_u128).filter(|n| opening == 0 || n % 2 == opening - 1) {
            let key = Uuid::from_u128(n);
            if opening == 0 {
                store.create(&key, player(n)).unwrap();
                continue;
            }
            for score in 1..=n {
                let set = PlayerMutation::SetScore(i64::try_from(score).unwrap());
                store.mutate(&key, set).await.unwrap();
                store.flush().await.unwrap();
            }
        }
        if opening == 2 {
            store.remove(&Uuid::from_u128(4)).await.unwrap();
            store.remove(&Uuid::from_u128(5)).await.unwrap();
        }
        store.flush().await.unwrap();
        store.save(&file).await.unwrap();
        store.close().await.unwrap();
    }
    fs::remove_file(folder.join("lock")).unwrap();
}

#[tokio::test]
async fn a_folder_of_this_version_is_read() {
    let folder = tempdir().unwrap();
    let names: Vec<_> = back::files(&data("format-2")).into_keys().collect();
    assert!(
        names.iter().any(|name| name.starts_with("snapshot-")),
        "{names:?}"
    );
    back::copy_folder(&data("format-2"), folder.path());
    let store = players().open(folder.path()).await.unwrap();
    assert_eq!(found(&store), expected());
    let report = store.open_report().unwrap();
    assert_eq!((report.entries, report.torn_bytes), (8, 0));
    // No version comes twice.
    let again = store.create(&Uuid::from_u128(5), player(5)).unwrap();
    assert_eq!(again.version(), 8);
}

#[tokio::test]
async fn a_save_of_this_version_is_read() {
    let store = players().load(data("format-2.save")).await.unwrap();
    assert_eq!(found(&store), expected());
    assert_eq!(store.load_report().unwrap().entries, 8);
    assert_eq!(store.create(&Uuid::from_u128(4), player(4)).unwrap().version(), 8);
}

/// The first format, which had no sum before its first frame.
#[tokio::test]
async fn a_save_of_the_first_format_is_foreign() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("old.save");
    fs::write(&path, b"livesave\x01\0\0\0\x10\0\0\0 and so on").unwrap();
    let error = players().load(&path).await.unwrap_err();
    assert!(
        error.is_foreign() && error.to_string().contains("in format 1"),
        "{error}"
    );
}
