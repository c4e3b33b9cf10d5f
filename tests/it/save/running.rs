//! Saving while writers go on, compared with what they have really committed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use livestore::{LiveStore, LiveValue, Uuid};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::save::{Place, load};

/// Both numbers change by one commit: set in place, or stepped on a copy.
#[derive(Clone, Debug, LiveValue, Serialize, Deserialize)]
#[live(mutation(variants(Step(u64))))]
struct Pair {
    #[live(set = Set)]
    numbers: (u64, u64),
}

fn pair(left: u64) -> Pair {
    Pair {
        numbers: (left, mirror(left)),
    }
}

fn mirror(left: u64) -> u64 {
    !left.rotate_left(17)
}

impl Pair {
    fn step(&mut self, by: &u64) {
        *self = pair(self.numbers.0.wrapping_mul(31).wrapping_add(*by));
    }
}

type Commits = HashMap<(Uuid, u64), u64>;

fn rounds(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut random = seed;
    move |below| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    }
}

/// Changes, replaces, removes and creates until told to stop. Returns every commit that left an entry.
async fn write(
    store: LiveStore<Pair>,
    lasting: Arc<[Uuid]>,
    passing: Arc<[Uuid]>,
    seed: u64,
    stop: Arc<AtomicBool>,
) -> Commits {
    let mut below = rounds(seed);
    let mut commits = HashMap::new();
    let mut note = |key, entry: &livestore::Entry<Pair>| {
        assert_eq!(commits.insert((key, entry.version()), entry.numbers.0), None);
    };
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..50 {
            let pick = |keys: &[Uuid], at: u64| keys[usize::try_from(at).unwrap() % keys.len()];
            let (key, number) = (pick(&lasting, below(1 << 30)), below(1 << 30));
            match below(10) {
                0..3 => {
                    let set = PairMutation::Set(pair(number).numbers);
                    note(key, &store.mutate(&key, set).await.unwrap());
                }
                3..5 => note(
                    key,
                    &store.mutate(&key, PairMutation::Step(number)).await.unwrap(),
                ),
                5 => {
                    let mut guard = store.acquire(&key).await.unwrap();
                    guard.set(pair(number));
                    note(key, &guard.as_entry());
                }
                6..8 => {
                    let key = pick(&passing, below(1 << 30));
                    if let Ok(entry) = store.mutate(&key, PairMutation::Step(number)).await {
                        note(key, &entry);
                    }
                }
                8 => drop(store.remove(&pick(&passing, below(1 << 30))).await),
                _ => {
                    let key = pick(&passing, below(1 << 30));
                    if let Ok(entry) = store.create(&key, pair(number)) {
                        note(key, &entry);
                    }
                }
            }
        }
        tokio::task::yield_now().await;
    }
    commits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_entry_that_is_saved_is_a_commit_that_happened() {
    let place = Place::new();
    let store = LiveStore::default();
    let mut commits = Commits::new();
    let lasting: Arc<[Uuid]> = (0..500).map(|left| store.init(pair(left))).collect();
    let passing: Arc<[Uuid]> = (0..500).map(|left| store.init(pair(left))).collect();
    for (key, entry) in store.entries() {
        commits.insert((key, entry.version()), entry.numbers.0);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for seed in 1..4 {
        writers.spawn(write(
            store.clone(),
            Arc::clone(&lasting),
            Arc::clone(&passing),
            seed,
            Arc::clone(&stop),
        ));
    }
    let mut saves = Vec::new();
    for round in 0..20 {
        let path = place.folder().join(format!("{round}.save"));
        let versions = |store: &LiveStore<Pair>| -> HashMap<_, _> {
            lasting
                .iter()
                .map(|key| (*key, store.fetch(key).unwrap().version()))
                .collect()
        };
        let before = versions(&store);
        store.save(&path).await.unwrap();
        saves.push((path, before, versions(&store)));
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(done) = writers.join_next().await {
        for (commit, left) in done.unwrap() {
            assert_eq!(commits.insert(commit, left), None, "each commit is made once");
        }
    }
    assert!(commits.len() > 3000, "the writers did write: {}", commits.len());

    let mut moved = 0;
    let mut last: HashMap<Uuid, u64> = HashMap::new();
    for (path, before, after) in saves {
        let loaded = load::<Pair>(&path).await.unwrap();
        for key in &*lasting {
            let entry = loaded.fetch(key).expect("it was there throughout");
            assert!(
                (before[key]..=after[key]).contains(&entry.version()),
                "of that time"
            );
            moved += usize::from(before[key] < entry.version() && entry.version() < after[key]);
        }
        for (key, entry) in loaded.entries() {
            assert_eq!(
                commits.get(&(key, entry.version())),
                Some(&entry.numbers.0),
                "it happened"
            );
            assert_eq!(entry.numbers.1, mirror(entry.numbers.0), "as a whole");
            let version = last.insert(key, entry.version());
            assert!(version <= Some(entry.version()), "a later save is not older");
        }
    }
    assert!(moved > 100, "they were saved while they changed: {moved}");
}

/// What ends while a store is saved is not in the file, and its versions are not repeated either.
#[tokio::test]
async fn the_floor_in_the_file_is_above_all_that_is_not_in_it() {
    let place = Place::new();
    let store = LiveStore::default();
    let keys: Vec<_> = (0..5000).map(|left| store.init(pair(left))).collect();
    let (handle, removed) = (store.clone(), keys.clone());
    // It is told when about a thousand entries are written; then the rest goes, each at another version.
    let mut first = true;
    let save = store.save(place.path()).on_progress(move |_| {
        if std::mem::take(&mut first) {
            for (at, key) in removed.iter().enumerate() {
                let entry = handle.fetch(key).unwrap();
                for _ in 0..at % 3 {
                    let done =
                        futures_util::FutureExt::now_or_never(handle.mutate(key, PairMutation::Step(1)));
                    assert!(done.unwrap().is_ok());
                }
                let gone = futures_util::FutureExt::now_or_never(handle.remove(key)).unwrap();
                assert!(gone.unwrap().version() > entry.version());
            }
        }
    });
    save.await.unwrap();
    let loaded = load::<Pair>(&place.path()).await.unwrap();
    let missing: Vec<_> = keys.iter().filter(|key| !loaded.contains_key(key)).collect();
    assert!(
        missing.len() > 2000 && missing.len() < 4500,
        "{} are not in the file",
        missing.len()
    );
    for key in missing {
        assert!(loaded.create(key, pair(0)).unwrap().version() > 4);
    }
}
