//! Expiry against holders, waiters and new deadlines: once, with everybody told, and never under somebody's feet.

use std::sync::Arc;
use std::time::Duration;

use crate::check::act::{KEY, act, side_by_side, wait};
use crate::check::count::{Add, Alone, Count};
use crate::check::explore::explore;
use crate::store::store::LiveStore;
use crate::table::expiry;
use crate::table::table::Table;
use crate::value::options::{ExpireMode, StoreOptions};
use crate::value::update::Update;

/// A table whose entries are due at once, or never, with one entry; and a handle to it. Its checks are made by hand.
fn table(expire_mode: ExpireMode) -> (Arc<Table<Count>>, LiveStore<Count>) {
    let table = Arc::new(Table::new(&StoreOptions {
        expire_check_freq: Some(Duration::from_secs(1)),
        expire_mode,
        ..Default::default()
    }));
    let store = LiveStore::from_table(Arc::clone(&table));
    assert!(store.create(&KEY, Count(0)).is_ok());
    (table, store)
}

const HOUR: Duration = Duration::from_secs(3600);

/// Makes a check in so many hours. Returns how many entries expired.
fn check(table: &Table<Count>, hours: u32) -> usize {
    let clock = &table.shared().clock;
    let now = clock.deadline(clock.now(), HOUR * hours);
    let mut again = Vec::new();
    let (expired, _) = expiry::check(table, now, &mut again);
    table.deadlines().unwrap().put_back(again, 0);
    expired.len()
}

#[test]
fn an_entry_that_is_held_expires_later_and_who_waits_finds_it_gone() {
    let outcomes = explore(2, || {
        let (table, store) = table(ExpireMode::Lifetime(Duration::ZERO));
        let mut watch = store.watch(&KEY).unwrap();
        let alone = Alone::default();
        let (a1, a2) = (alone.clone(), alone);
        let (s1, s2) = (store.clone(), store.clone());
        let t1 = Arc::clone(&table);
        let mut done = side_by_side([
            act(move || check(&t1, 1)),
            act(move || match wait(s1.acquire(&KEY)) {
                Some(guard) => {
                    let _inside = a1.enter();
                    // Nobody ends it meanwhile.
                    let before = guard.version();
                    assert_eq!(s1.fetch(&KEY).map(|entry| entry.version), Some(before));
                    1
                }
                None => 0,
            }),
            act(move || usize::from(wait(s2.mutate(&KEY, Add::Slowly(a2))).is_ok())),
        ]);
        let late = check(&table, 3);
        assert_eq!(done[0] + late, 1, "it expires once");
        assert!(store.fetch(&KEY).is_none() && store.is_empty());
        let mut last = None;
        drop((store, table));
        while let Some(update) = wait(watch.next()) {
            assert!(last.is_none(), "something follows the end");
            last = matches!(update, Update::Expire { .. }).then_some(update.version());
        }
        assert_eq!(last, Some(2 + done[2] as u64));
        done.push(late);
        done
    });
    // It expired first; or after both; or between them, one after the other.
    outcomes.are([
        vec![1, 0, 0, 0],
        vec![0, 1, 1, 1],
        vec![1, 1, 1, 0],
        vec![1, 1, 0, 0],
        vec![1, 0, 1, 0],
    ]);
}

#[test]
fn a_deadline_that_was_set_is_neither_lost_nor_too_early() {
    let outcomes = explore(2, || {
        let (table, store) = table(ExpireMode::Timeout(Duration::MAX));
        store.expire_after(&KEY, Duration::ZERO).unwrap();
        let (s1, s2, t1) = (store.clone(), store.clone(), Arc::clone(&table));
        let done = side_by_side([
            act(move || check(&t1, 1)),
            act(move || usize::from(s1.persist(&KEY))),
            act(move || usize::from(s2.expire_after(&KEY, HOUR * 2).is_ok())),
        ]);
        // Whichever came last counts.
        let deadline = store.fetch(&KEY).map(|entry| entry.expires_at().is_some());
        let late = check(&table, 3);
        match deadline {
            None => assert_eq!((done[0], late), (1, 0)),
            Some(is_set) => {
                assert_eq!((done[0], done[1], done[2]), (0, 1, 1));
                assert_eq!(late, usize::from(is_set));
            }
        }
        (done[0], deadline)
    });
    outcomes.are([(1, None), (0, Some(true)), (0, Some(false))]);
}

#[test]
fn a_new_entry_of_the_key_does_not_expire_by_the_deadline_of_the_former() {
    let outcomes = explore(2, || {
        let (table, store) = table(ExpireMode::Timeout(Duration::MAX));
        store.expire_after(&KEY, Duration::ZERO).unwrap();
        let (s1, t1) = (store.clone(), Arc::clone(&table));
        let done = side_by_side([
            act(move || check(&t1, 1)),
            act(move || {
                let removed = wait(s1.remove(&KEY)).is_some();
                // The former's end is version 2, whoever ended it.
                assert_eq!(s1.create(&KEY, Count(5)).unwrap().version, 3);
                usize::from(removed)
            }),
        ]);
        assert_eq!(check(&table, 3), 0);
        assert_eq!(store.fetch(&KEY).unwrap().version, 3);
        done
    });
    outcomes.are([vec![1, 0], vec![0, 1]]);
}
