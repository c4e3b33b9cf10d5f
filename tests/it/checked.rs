//! Values that must pass their own check before they are stored.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use livestore::{
    Entry, LiveStore, LiveValue, TransactError, TryAcquireError, TryAssignError, TryCreateError, Update, Uuid,
};
use livestore_tests::{Counter, Hook, Refused, counter, must_not_hang_async};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

/// A value whose check runs something, notes what it was checked against, and then refuses what is below 0.
#[derive(Clone, Debug)]
struct Looked {
    number: i64,
    looks: Arc<Mutex<Vec<Option<i64>>>>,
    hook: Hook,
}

impl Looked {
    fn new(number: i64, hook: impl Fn() + Send + Sync + 'static) -> Looked {
        Looked {
            number,
            looks: Arc::default(),
            hook: Hook::new(hook),
        }
    }

    fn plain(number: i64) -> Looked {
        Looked::new(number, || ())
    }

    /// What it was checked against, one check after another.
    fn looks(&self) -> Arc<Mutex<Vec<Option<i64>>>> {
        Arc::clone(&self.looks)
    }
}

impl LiveValue for Looked {
    type Message = ();
    type Mutation = ();
    type MutError = Refused;

    fn mutate(entry: &Entry<Self>, (): &()) -> Result<Self, Refused> {
        Ok(Looked::clone(entry.value()))
    }

    fn check(&self, was: Option<&Self>) -> Result<(), Refused> {
        self.looks.lock().unwrap().push(was.map(|was| was.number));
        self.hook.run();
        if self.number < 0 { Err(Refused) } else { Ok(()) }
    }
}

#[tokio::test]
async fn what_passes_is_stored_as_by_the_call_that_checks_nothing() {
    let store = LiveStore::default();
    let key = store.try_init(counter(1)).unwrap();
    assert_eq!(store.fetch(&key).unwrap().version(), 1);

    let mut watch = store.watch(&key).unwrap();
    let previous = store.try_insert(&key, counter(2)).await.unwrap();
    assert_eq!(previous.map(|entry| (entry.count, entry.version())), Some((1, 1)));
    let previous = store.try_assign(&key, counter(3)).await.unwrap();
    assert_eq!((previous.count, previous.version()), (2, 2));
    for (old, new) in [(1, 2), (2, 3)] {
        assert!(matches!(
            watch.next().await,
            Some(Update::Overwrite { msg: None, old: was, new: is }) if (was.count, is.count) == (old, new)
        ));
    }

    let other = Uuid::new_v4();
    assert_eq!(store.try_create(&other, counter(4)).unwrap().count, 4);
    assert!(store.remove(&other).await.is_some());
    assert!(store.try_insert(&other, counter(5)).await.unwrap().is_none());
    assert_eq!(store.fetch(&other).unwrap().count, 5);
}

#[tokio::test]
async fn what_is_refused_comes_back_with_the_reason_and_nothing_has_changed() {
    let store = LiveStore::<Counter>::default();
    let (key, mut watch) = store.init_and_watch(counter(7));
    let vacant = Uuid::new_v4();

    let rejected = store.try_init(counter(-1)).unwrap_err();
    assert_eq!((rejected.value.count, &rejected.reason), (-1, &Refused));
    let refused = "the value does not pass its own check: refused";
    assert_eq!(rejected.to_string(), refused);
    assert_eq!(format!("{rejected:?}"), "Rejected { reason: Refused, .. }");

    let error = store.try_create(&vacant, counter(-2)).unwrap_err();
    assert_eq!(error.to_string(), refused);
    assert!(matches!(&error, TryCreateError::Rejected { .. }));
    assert_eq!(error.into_value().count, -2);

    let rejected = store.try_insert(&vacant, counter(-3)).await.unwrap_err();
    assert_eq!(rejected.value.count, -3);
    // A counter never goes back.
    let rejected = store.try_insert(&key, counter(6)).await.unwrap_err();
    assert_eq!(rejected.value.count, 6);
    let error = store.try_assign(&key, counter(5)).await.unwrap_err();
    assert_eq!(error.to_string(), refused);
    assert!(matches!(&error, TryAssignError::Rejected { reason: Refused, .. }));
    assert_eq!(error.into_value().count, 5);

    assert_eq!(store.len(), 1);
    assert_eq!(store.fetch(&key).unwrap().version(), 1);
    store.try_acquire(&key).unwrap().release();
    assert_pending!(spawn(watch.next()).poll());
}

#[tokio::test]
async fn a_key_that_is_taken_or_missing_is_told_and_gives_the_value_back() {
    let store = LiveStore::default();
    let key = store.init(counter(1));
    let error = store.try_create(&key, counter(2)).unwrap_err();
    assert!(matches!(&error, TryCreateError::Occupied(occupied) if occupied.existing.count == 1));
    assert_eq!(
        error.to_string(),
        "this key has an entry already; `insert` would replace it"
    );
    assert_eq!(error.into_value().count, 2);
    // The check comes first.
    let error = store.try_create(&key, counter(-1)).unwrap_err();
    assert!(matches!(error, TryCreateError::Rejected { .. }));

    let error = store.try_assign(&Uuid::new_v4(), counter(3)).await.unwrap_err();
    assert!(matches!(error, TryAssignError::Missing(_)));
    assert!(
        error
            .to_string()
            .starts_with("this key has no entry; create it first")
    );
    assert_eq!(format!("{error:?}"), "Missing");
    assert_eq!(error.into_value().count, 3);
}

#[test]
fn what_was_checked_against_is_what_is_replaced() {
    let store = LiveStore::<Looked>::default();
    let key = store.init(Looked::plain(1));
    for assigns in [false, true] {
        let others = store.clone();
        let value = Looked::new(2, move || {
            // Nobody else changes it meanwhile.
            assert_eq!(others.try_acquire(&key).unwrap_err(), TryAcquireError::Held);
            assert_pending!(spawn(others.insert(&key, Looked::plain(9))).poll());
        });
        let previous = if assigns {
            assert_ready!(spawn(store.try_assign(&key, value.clone())).poll()).ok()
        } else {
            assert_ready!(spawn(store.try_insert(&key, value.clone())).poll())
                .ok()
                .flatten()
        };
        let checked = value.looks().lock().unwrap().clone();
        assert_eq!(checked, [previous.map(|entry| entry.number)]);
    }
    assert_eq!(store.fetch(&key).unwrap().version(), 3);
}

#[test]
fn the_next_in_line_has_the_entry_when_a_value_comes_back() {
    let store = LiveStore::<Looked>::default();
    let key = store.init(Looked::plain(1));
    let guard = store.try_acquire(&key).unwrap();
    let mut refused = spawn(store.try_assign(&key, Looked::plain(-1)));
    let mut waits = spawn(store.acquire(&key));
    assert_pending!(refused.poll());
    assert_pending!(waits.poll());
    drop(guard);
    assert!(assert_ready!(refused.poll()).is_err());
    assert!(waits.is_woken());
    assert!(assert_ready!(waits.poll()).is_some());
}

#[test]
fn an_entry_that_is_removed_or_created_meanwhile_is_checked_against_as_it_is() {
    let store = LiveStore::<Looked>::default();
    let guard = store.init_and_acquire(Looked::plain(1));
    let key = *guard.key();
    let others = store.clone();
    // Checked as a new value, it finds that somebody else creates an entry: once.
    let value = Looked::new(2, move || {
        let _ = others.create(&key, Looked::plain(7));
    });
    let looks = value.looks();
    let mut inserts = spawn(store.try_insert(&key, value));
    assert_pending!(inserts.poll());
    assert!(looks.lock().unwrap().is_empty());
    guard.delete();
    let previous = assert_ready!(inserts.poll()).ok().flatten();
    assert_eq!(previous.unwrap().number, 7);
    assert_eq!(*looks.lock().unwrap(), [None, Some(7)]);
    assert_eq!(store.fetch(&key).unwrap().number, 2);

    // What is removed is not there to be assigned to.
    let guard = store.try_acquire(&key).unwrap();
    let value = Looked::plain(3);
    let looks = value.looks();
    let mut assigns = spawn(store.try_assign(&key, value));
    assert_pending!(assigns.poll());
    guard.delete();
    assert!(matches!(
        assert_ready!(assigns.poll()),
        Err(TryAssignError::Missing(_))
    ));
    assert!(looks.lock().unwrap().is_empty());
}

#[test]
fn a_check_may_call_the_store_and_may_panic() {
    must_not_hang_async(|| async {
        let store = LiveStore::<Looked>::default();
        let key = store.init(Looked::plain(1));
        let others = store.clone();
        let calls = move || {
            assert_eq!(others.fetch(&key).unwrap().number, 1);
            assert!(others.broadcast(&key, ()).is_ok());
            for _ in 0..200 {
                // Keys in every shard.
                others.init(Looked::plain(0));
            }
        };
        assert!(store.try_init(Looked::new(2, calls.clone())).is_ok());
        assert!(
            store
                .try_create(&Uuid::new_v4(), Looked::new(2, calls.clone()))
                .is_ok()
        );
        assert!(
            store
                .try_insert(&Uuid::new_v4(), Looked::new(2, calls.clone()))
                .await
                .is_ok()
        );
        assert!(
            store
                .try_insert(&key, Looked::new(1, calls.clone()))
                .await
                .is_ok()
        );
        assert!(store.try_assign(&key, Looked::new(2, calls)).await.is_ok());

        let entry = store.fetch(&key).unwrap();
        for assigns in [false, true] {
            let value = Looked::new(3, || panic!("this check panics"));
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                if assigns {
                    drop(spawn(store.try_assign(&key, value)).poll());
                } else {
                    drop(spawn(store.try_insert(&key, value)).poll());
                }
            }));
            assert!(panicked.is_err());
            store.try_acquire(&key).unwrap().release();
            assert_eq!(store.fetch(&key).unwrap().version(), entry.version());
        }
    });
}

#[tokio::test]
async fn a_transaction_checks_what_it_is_asked_to_check() {
    let store = LiveStore::default();
    let (key, other) = (store.init(counter(1)), Uuid::new_v4());
    store
        .transact(&[key], |tx| {
            assert_eq!(tx.try_set(&key, counter(5)).unwrap().count, 1);
            // Checked against what is staged, not against what is stored.
            let error = tx.try_set(&key, counter(3)).unwrap_err();
            assert!(matches!(error, TryAssignError::Rejected { .. }));
            let error = tx.try_set(&other, counter(3)).unwrap_err();
            assert!(matches!(error, TryAssignError::Missing(Counter { count: 3 })));
            let error = tx.try_create(&other, counter(-1)).unwrap_err();
            assert!(matches!(error, TryCreateError::Rejected { .. }));
            let error = tx.try_create(&key, counter(9)).unwrap_err();
            assert!(matches!(error, TryCreateError::Occupied(_)));
            tx.try_create(&other, counter(2))
        })
        .await
        .unwrap();
    assert_eq!(
        (
            store.fetch(&key).unwrap().count,
            store.fetch(&key).unwrap().version()
        ),
        (5, 2)
    );
    assert_eq!(store.fetch(&other).unwrap().count, 2);

    let aborted = store
        .transact(&[key], |tx| tx.try_set(&key, counter(0)).map(|_| ()))
        .await;
    assert!(matches!(
        aborted,
        Err(TransactError::Aborted(TryAssignError::Rejected { .. }))
    ));
    assert_eq!(store.fetch(&key).unwrap().version(), 2);
}
