//! What a process does with a durable store until it is killed, and what must be true of the folder afterwards.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use livestore::{DeadlineError, Durability, ExpireMode, LiveStore, LiveValue, OpenError, StoreOptions, Uuid};
use livestore_tests::Dice;
use serde::{Deserialize, Serialize};

/// A value with one number, and something to make it larger.
#[derive(Clone, Debug, LiveValue, Serialize, Deserialize)]
pub(crate) struct Cell {
    #[live(set, increment, decrement)]
    pub(crate) n: i64,
    pub(crate) load: Vec<u8>,
}

/// Step n of the chain sets the cell n modulo this to n, when step n - 1 is done.
const CHAIN: i64 = 5;
const ACCOUNTS: u64 = 8;
const MONEY: i64 = 800;

fn key(kind: u64, n: u64) -> Uuid {
    Uuid::from_u64_pair(kind, n)
}

fn chain(n: i64) -> Uuid {
    key(1, n.rem_euclid(CHAIN).unsigned_abs())
}

fn account(n: usize) -> Uuid {
    key(2, n as u64 % ACCOUNTS)
}

/// Counts the transfers, in the same transactions.
const TRANSFERS: Uuid = Uuid::from_u64_pair(3, 0);
/// What somebody fetched of the chain's first cell.
const FETCHED: Uuid = Uuid::from_u64_pair(4, 0);
/// What somebody was told of the chain's first cell.
const TOLD: Uuid = Uuid::from_u64_pair(4, 1);
/// Is created and removed in turn.
const TOGGLED: Uuid = Uuid::from_u64_pair(5, 0);
/// Has its number and the deadline that belongs to it set in one transaction.
const POSTPONED: Uuid = Uuid::from_u64_pair(7, 0);

/// Counts the auctions, in the transactions that begin them.
const AUCTIONS: Uuid = Uuid::from_u64_pair(8, 0);

fn auction(n: i64) -> Uuid {
    key(9, n.unsigned_abs())
}

/// Where the callback notes the auctions that it was given: beside the store's own files, which mind no other.
fn settled(folder: &Path) -> PathBuf {
    folder.join("settled")
}

/// The deadline that belongs to a number: in seventy years, and a quarter of an hour later for each, so that none is taken for
/// another.
fn deadline(n: i64) -> SystemTime {
    let later = n.rem_euclid(100_000).unsigned_abs() * 900;
    SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000 + later)
}

#[allow(clippy::disallowed_methods, reason = "a deadline is one of real time")]
fn both_clocks() -> (Instant, SystemTime) {
    (Instant::now(), SystemTime::now())
}

/// What was committed, or is known to be on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Known {
    pub(crate) step: i64,
    pub(crate) transfers: i64,
    /// The last version of the cell that is created and removed in turn.
    pub(crate) toggled: u64,
    /// The number of the cell whose deadline is put off.
    pub(crate) postponed: i64,
    /// The version of the cell that counts transfers, without them. Zero until it was seen on disk.
    first: u64,
}

impl Known {
    pub(crate) fn to_line(self) -> String {
        let Known {
            step,
            transfers,
            toggled,
            postponed,
            first,
        } = self;
        format!("{step} {transfers} {toggled} {postponed} {first}")
    }

    pub(crate) fn from_line(line: &str) -> Known {
        let mut words = line.split(' ').map(|word| word.parse::<i64>().unwrap());
        Known {
            step: words.next().unwrap(),
            transfers: words.next().unwrap(),
            toggled: words.next().unwrap().unsigned_abs(),
            postponed: words.next().unwrap(),
            first: words.next().unwrap().unsigned_abs(),
        }
    }

    pub(crate) fn max(self, other: Known) -> Known {
        Known {
            step: self.step.max(other.step),
            transfers: self.transfers.max(other.transfers),
            toggled: self.toggled.max(other.toggled),
            postponed: self.postponed.max(other.postponed),
            first: self.first.max(other.first),
        }
    }
}

fn cell(n: i64) -> Cell {
    Cell { n, load: Vec::new() }
}

fn at(store: &LiveStore<Cell>, key: &Uuid) -> i64 {
    store.fetch(key).map_or(0, |entry| entry.n)
}

pub(crate) async fn open(folder: &Path, dice: &mut Dice) -> Result<LiveStore<Cell>, OpenError> {
    let interval = [
        Duration::ZERO,
        Duration::from_millis(1),
        Duration::from_millis(20),
        Duration::MAX,
    ];
    let limit = [8, 64, 1 << 16];
    let settled = settled(folder);
    LiveStore::<Cell>::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::from_millis(50)),
            expire_mode: ExpireMode::Timeout(Duration::MAX),
            ..Default::default()
        })
        .with_durability(Durability::Interval(interval[dice.below(4)]))
        .with_pending_limit(limit[dice.below(3)])
        // At one it is written anew as often as there is time.
        .with_log_limit([1, 100_000, 1 << 26][dice.below(3)])
        .on_expire(move |expired| {
            let settled = settled.clone();
            async move {
                for (_, auction) in expired {
                    // What was begun before a kill may be half of a line, which is nobody's number.
                    let mut notes = OpenOptions::new()
                        .append(true)
                        .create(true)
                        .open(&settled)
                        .unwrap();
                    write!(notes, "\n{};", auction.n).unwrap();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        })
        .open(folder)
        .await
}

/// Asserts that the store is as it was at some instant, not before what is known to be on disk. Returns what it is at.
pub(crate) fn check(store: &LiveStore<Cell>, known: Known) -> Known {
    // The chain has one order, so its last steps tell how far it came.
    let steps: Vec<i64> = (0..CHAIN).map(|n| at(store, &chain(n))).collect();
    let step = steps.iter().copied().max().unwrap();
    for back in 0..CHAIN.min(step) {
        let expected = step - back;
        assert_eq!(
            at(store, &chain(expected)),
            expected,
            "a step is missing: {steps:?}"
        );
    }
    assert!(
        step >= known.step,
        "{step} of {known:?}: what was flushed is gone"
    );

    // Transfers are whole.
    let transfers = at(store, &TRANSFERS);
    let accounts: Vec<i64> = (0..8).map(|n| at(store, &account(n))).collect();
    let total = if store.contains_key(&TRANSFERS) { MONEY } else { 0 };
    assert_eq!(
        accounts.iter().sum::<i64>(),
        total,
        "{accounts:?} after {transfers}"
    );
    assert!(
        transfers >= known.transfers,
        "{transfers} of {known:?}: what was flushed is gone"
    );

    // Each is one change, so the versions count them.
    let mut first = known.first;
    if let Some(entry) = store.fetch(&TRANSFERS) {
        let now = entry.version() - transfers.unsigned_abs();
        assert!(
            first == 0 || now == first,
            "a version is missing, or there is one too many: {now} is not {first}"
        );
        first = now;
    }

    // A deadline came with the number that it belongs to.
    let postponed = at(store, &POSTPONED);
    if let Some(entry) = store.fetch(&POSTPONED) {
        let (now, wall_now) = both_clocks();
        let found = wall_now + (entry.expires_at().unwrap() - now);
        let apart = match found.duration_since(deadline(postponed)) {
            Ok(late) => late,
            Err(early) => early.duration(),
        };
        assert!(apart < Duration::from_secs(5), "{apart:?} apart at {postponed}");
    }
    assert!(
        postponed >= known.postponed,
        "{postponed} of {known:?}: what was flushed is gone"
    );

    // Nothing that was seen is missing.
    let seen = at(store, &chain(0));
    let (fetched, told) = (at(store, &FETCHED), at(store, &TOLD));
    assert!(
        fetched <= seen && told <= seen,
        "{fetched} and {told} were seen of {seen}"
    );

    // No version comes twice.
    let toggled = match store.fetch(&TOGGLED) {
        Some(entry) => entry.version(),
        None => store.create(&TOGGLED, cell(0)).unwrap().version() - 1,
    };
    assert!(
        toggled >= known.toggled,
        "{toggled} of {known:?}: a version repeats"
    );
    Known {
        step,
        transfers,
        toggled,
        postponed,
        first,
    }
}

/// Waits until every auction that was begun is there or was settled, by whichever process.
pub(crate) async fn settle(store: &LiveStore<Cell>, folder: &Path) -> i64 {
    let begun = at(store, &AUCTIONS);
    let mut waited = Duration::ZERO;
    loop {
        // Looked at before the notes, so that none is missed that goes from here to there.
        let open: HashSet<i64> = (1..=begun).filter(|n| store.contains_key(&auction(*n))).collect();
        let notes = match fs::read_to_string(settled(folder)) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            notes => notes.unwrap(),
        };
        let numbers = notes.lines().filter_map(|line| line.strip_suffix(';'));
        let settled: HashSet<i64> = numbers.map(|number| number.parse().unwrap()).collect();
        let lost: Vec<_> = (1..=begun)
            .filter(|n| !open.contains(n) && !settled.contains(n))
            .collect();
        if lost.is_empty() {
            return begun;
        }
        assert!(
            waited < Duration::from_secs(20),
            "nobody settles {lost:?} of {begun}"
        );
        waited += Duration::from_millis(5);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Does everything at once, and says what is on disk as soon as it is. Never returns.
pub(crate) async fn live(store: LiveStore<Cell>, begin: Known, seed: u64, say: impl Fn(Known)) {
    store
        .transact(&[TRANSFERS], |tx| {
            if tx.create(&TRANSFERS, cell(0)).is_ok() {
                for n in 0..8 {
                    tx.create(&account(n), cell(MONEY / 8)).ok();
                }
            }
            Ok::<_, ()>(())
        })
        .await
        .ok();
    let step = Arc::new(AtomicI64::new(begin.step));
    let transfers = Arc::new(AtomicI64::new(begin.transfers));
    let toggled = Arc::new(AtomicU64::new(begin.toggled));
    tokio::spawn(chain_on(store.clone(), Arc::clone(&step), Dice::new(seed + 1)));
    for task in 2..4 {
        tokio::spawn(transfer(
            store.clone(),
            Arc::clone(&transfers),
            Dice::new(seed + task),
        ));
    }
    tokio::spawn(fetch_and_tell(store.clone()));
    tokio::spawn(watch_and_tell(store.clone()));
    tokio::spawn(toggle(store.clone(), Arc::clone(&toggled)));
    let postponed = Arc::new(AtomicI64::new(begin.postponed));
    tokio::spawn(postpone(store.clone(), Arc::clone(&postponed)));
    tokio::spawn(auction_off(store.clone(), Dice::new(seed + 6)));
    tokio::spawn(come_and_go(store.clone(), Dice::new(seed + 5)));
    loop {
        let known = Known {
            step: step.load(Ordering::SeqCst),
            transfers: transfers.load(Ordering::SeqCst),
            toggled: toggled.load(Ordering::SeqCst),
            postponed: postponed.load(Ordering::SeqCst),
            first: begin.first,
        };
        store.flush().await.unwrap();
        say(known);
    }
}

async fn chain_on(store: LiveStore<Cell>, done: Arc<AtomicI64>, mut dice: Dice) {
    loop {
        let step = done.load(Ordering::SeqCst) + 1;
        let key = chain(step);
        let load = vec![7; dice.below(4) * dice.below(3000)];
        match dice.below(4) {
            0 => drop(store.insert(&key, Cell { n: step, load }).await),
            1 => match store.acquire(&key).await {
                Some(mut guard) => drop(guard.set(Cell { n: step, load })),
                None => drop(store.create(&key, cell(step))),
            },
            _ => {
                let set = CellMutation::SetN(step);
                store.mutate_or_create(&key, || cell(0), set).await.unwrap();
            }
        }
        done.store(step, Ordering::SeqCst);
    }
}

async fn transfer(store: LiveStore<Cell>, done: Arc<AtomicI64>, mut dice: Dice) {
    loop {
        let (from, to) = (account(dice.below(8)), account(dice.below(8)));
        let count = store
            .transact(&[TRANSFERS, from, to], |tx| {
                tx.mutate(&from, CellMutation::DecrementN(1)).unwrap();
                tx.mutate(&to, CellMutation::IncrementN(1)).unwrap();
                let count = tx.mutate(&TRANSFERS, CellMutation::IncrementN(1)).unwrap();
                Ok::<_, ()>(count.n)
            })
            .await;
        done.fetch_max(count.unwrap(), Ordering::SeqCst);
    }
}

async fn fetch_and_tell(store: LiveStore<Cell>) {
    loop {
        let seen = at(&store, &chain(0));
        store.insert(&FETCHED, cell(seen)).await;
    }
}

async fn watch_and_tell(store: LiveStore<Cell>) {
    store.create(&chain(0), cell(0)).ok();
    let mut watch = store.watch(&chain(0)).unwrap();
    while let Some(update) = watch.next().await {
        store.insert(&TOLD, cell(update.entry().n)).await;
    }
}

async fn toggle(store: LiveStore<Cell>, done: Arc<AtomicU64>) {
    loop {
        let version = match store.remove(&TOGGLED).await {
            Some(gone) => gone.version(),
            None => store.create(&TOGGLED, cell(0)).unwrap().version(),
        };
        done.store(version, Ordering::SeqCst);
    }
}

async fn postpone(store: LiveStore<Cell>, done: Arc<AtomicI64>) {
    loop {
        let n = done.load(Ordering::SeqCst) + 1;
        store
            .transact(&[POSTPONED], |tx| {
                tx.create(&POSTPONED, cell(0)).ok();
                tx.mutate(&POSTPONED, CellMutation::SetN(n)).unwrap();
                let (now, wall_now) = both_clocks();
                tx.expire_at(&POSTPONED, now + deadline(n).duration_since(wall_now).unwrap())
            })
            .await
            .unwrap();
        done.store(n, Ordering::SeqCst);
    }
}

/// Auctions that end by themselves, some before they are on disk. Not more than the callback can settle, which takes a millisecond
/// for each: otherwise the longer it goes on, the longer all wait for it.
async fn auction_off(store: LiveStore<Cell>, mut dice: Dice) {
    loop {
        tokio::time::sleep(Duration::from_millis(dice.below(40) as u64)).await;
        let begun = at(&store, &AUCTIONS);
        let numbers = begun + 1..=begun + 1 + dice.below(20) as i64;
        let keys: Vec<_> = numbers.clone().map(auction).chain([AUCTIONS]).collect();
        store
            .transact(&keys, |tx| {
                tx.create(&AUCTIONS, cell(0)).ok();
                for n in numbers {
                    tx.mutate(&AUCTIONS, CellMutation::SetN(n)).unwrap();
                    tx.create(&auction(n), cell(n)).unwrap();
                    let open_for = Duration::from_millis(dice.below(60) as u64);
                    tx.expire_after(&auction(n), open_for)?;
                }
                Ok::<_, DeadlineError>(())
            })
            .await
            .unwrap();
    }
}

/// Others that make the folder grow and shrink.
async fn come_and_go(store: LiveStore<Cell>, mut dice: Dice) {
    loop {
        let n = dice.below(2000) as u64;
        let load = vec![1; dice.below(200)];
        store.insert(&key(6, n), Cell { n: 0, load }).await;
        store.remove(&key(6, dice.below(2000) as u64)).await;
    }
}
