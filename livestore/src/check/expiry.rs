//! Expiry against holders, waiters and new deadlines: once, with everybody told, and never under somebody's feet.

use std::sync::Arc;
use std::time::{Duration, Instant};

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
        let (table, store) = table(ExpireMode::Lifetime(HOUR / 2));
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
                    assert_eq!(s1.fetch(&KEY).map(|entry| entry.version()), Some(before));
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
                assert_eq!(s1.create(&KEY, Count(5)).unwrap().version(), 3);
                usize::from(removed)
            }),
        ]);
        assert_eq!(check(&table, 3), 0);
        assert_eq!(store.fetch(&KEY).unwrap().version(), 3);
        done
    });
    outcomes.are([vec![1, 0], vec![0, 1]]);
}

/// The time, by the clock itself.
#[allow(clippy::disallowed_methods, reason = "a deadline is an instant")]
fn now() -> Instant {
    Instant::now()
}

/// Long past.
fn past() -> Instant {
    now().checked_sub(HOUR).unwrap_or_else(now)
}

/// A release handed the entry straight to the next who waited, so a check always found it held, and it lived for as long as
/// anybody wanted it.
#[test]
fn a_due_entry_that_a_check_has_found_held_goes_before_whoever_waits_gets_it() {
    let outcomes = explore(1, || {
        let (table, store) = table(ExpireMode::Timeout(Duration::MAX));
        let mut watch = store.watch(&KEY).unwrap();
        let guard = store.try_acquire(&KEY).unwrap();
        store.expire_at(&KEY, past()).unwrap();
        assert_eq!(check(&table, 0), 0);
        let (s1, s2, t1) = (store.clone(), store.clone(), Arc::clone(&table));
        let done = side_by_side([
            act(move || {
                drop(guard);
                0
            }),
            act(move || usize::from(wait(s1.acquire(&KEY)).is_some())),
            act(move || usize::from(wait(s2.mutate(&KEY, Add::Slowly(Alone::default()))).is_ok())),
            act(move || check(&t1, 0)),
        ]);
        assert_eq!((done[1], done[2], done[3]), (0, 0, 0));
        let overdue = table.shared().overdue.take();
        assert_eq!(overdue.len(), 1);
        assert_eq!(check(&table, 1), 0);
        drop((store, table));
        assert!(matches!(wait(watch.next()), Some(Update::Expire { val, .. }) if val.version() == 2));
        assert!(wait(watch.next()).is_none());
        done
    });
    outcomes.are([vec![0; 4]]);
}

#[test]
fn an_entry_that_becomes_due_among_its_holders_expires_once() {
    let outcomes = explore(2, || {
        let (table, store) = table(ExpireMode::Timeout(Duration::MAX));
        let guard = store.try_acquire(&KEY).unwrap();
        store.expire_at(&KEY, past()).unwrap();
        let (s1, t1) = (store.clone(), Arc::clone(&table));
        let mut done = side_by_side([
            act(move || {
                drop(guard);
                0
            }),
            act(move || usize::from(wait(s1.acquire(&KEY)).is_some())),
            act(move || check(&t1, 0)),
        ]);
        done.push(table.shared().overdue.take().len());
        done.push(check(&table, 0));
        assert_eq!(done[2] + done[3] + done[4], 1, "it expires once: {done:?}");
        assert!(store.fetch(&KEY).is_none());
        done
    });
    // The check found it free, before or after the second had it, or held by the first or by the second.
    outcomes.are([
        vec![0, 0, 1, 0, 0],
        vec![0, 1, 1, 0, 0],
        vec![0, 0, 0, 1, 0],
        vec![0, 1, 0, 1, 0],
    ]);
}

/// The queue is rebuilt when what nobody counts on outnumbers the rest, while others arm and go.
#[test]
fn a_deadline_that_is_set_while_the_queue_is_rebuilt_is_not_lost() {
    explore(2, || {
        let (table, store) = table(ExpireMode::Timeout(HOUR * 9));
        // The same for both: which of two is earlier would depend on the clock.
        let at = now() + HOUR;
        let (s1, s2) = (store.clone(), store.clone());
        let (t1, t2) = (Arc::clone(&table), Arc::clone(&table));
        side_by_side([
            act(move || t1.deadlines().unwrap().shrink()),
            act(move || {
                let _ = s1.expire_at(&KEY, at);
            }),
            act(move || {
                assert!(wait(s2.remove(&KEY)).is_none_or(|end| end.version() == 2));
                drop(s2.create(&KEY, Count(5)));
                s2.expire_at(&KEY, at).unwrap();
                t2.deadlines().unwrap().shrink();
            }),
        ]);
        table.deadlines().unwrap().shrink();
        assert_eq!(table.deadlines().unwrap().len(), 1, "one item that it counts on");
        assert_eq!(check(&table, 3), 1);
        assert!(store.fetch(&KEY).is_none());
    });
}
