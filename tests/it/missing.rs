//! A key that has no entry, in every call.

use std::time::Duration;

use livestore::{
    AcquireError, DeadlineError, LiveStore, Missing, MutateError, MutateIfError, RollbackError,
    TryAcquireError, Uuid,
};
use livestore_tests::{Change, Counter, counter};

#[tokio::test]
async fn every_call_says_that_the_key_has_no_entry() {
    let store = LiveStore::<Counter>::default();
    let never = Uuid::new_v4();
    let removed = store.init(counter(1));
    store.remove(&removed).await.unwrap();

    for key in [&never, &removed] {
        assert!(store.fetch(key).is_none());
        assert!(store.watch(key).is_none());
        assert!(store.fetch_and_watch(key).is_none());
        assert!(!store.contains_key(key));
        assert!(!store.touch(key));
        assert!(!store.persist(key));
        assert_eq!(
            store.expire_after(key, Duration::from_secs(1)).unwrap_err(),
            DeadlineError::Missing
        );
        assert!(store.history(key).is_none());
        assert!(store.watch_since(key, 1).is_none());
        assert!(matches!(
            store.mutate_if(key, 1, Change::Add(1)).await,
            Err(MutateIfError::Missing)
        ));
        assert_eq!(store.rollback(key, 1).await.unwrap_err(), RollbackError::Missing);
        assert_eq!(store.broadcast(key, "hello"), Err(Missing("hello")));
        assert_eq!(
            store.mutate(key, Change::Add(1)).await.unwrap_err(),
            MutateError::Missing
        );
        assert_eq!(store.assign(key, counter(7)).await.unwrap_err().0, counter(7));
        assert_eq!(
            store.assign_and_watch(key, counter(8)).await.unwrap_err().0,
            counter(8)
        );
        assert_eq!(
            store.assign_and_acquire(key, counter(9)).await.unwrap_err().0,
            counter(9)
        );
        assert!(store.remove(key).await.is_none());
        assert!(store.remove_with_msg(key, "bye").await.is_none());
        assert!(store.acquire(key).await.is_none());
        assert_eq!(store.try_acquire(key).unwrap_err(), TryAcquireError::Missing);
        let waited = store.acquire_timeout(key, Duration::from_secs(1)).await;
        assert_eq!(waited.unwrap_err(), AcquireError::Missing);
    }
    assert!(store.is_empty());
    assert_eq!(store.keys().count(), 0);
    assert_eq!(store.entries().count(), 0);
}

#[test]
fn errors_say_what_to_do() {
    assert_eq!(
        Missing(3).to_string(),
        "this key has no entry; create it first (a transaction sees only keys that it names)"
    );
    assert_eq!(
        MutateError::Rejected("too hot").to_string(),
        "the value refused the mutation: too hot"
    );
    assert_eq!(
        TryAcquireError::Held.to_string(),
        "the entry is held by somebody else; try again, or wait with `acquire`"
    );
    assert_eq!(
        AcquireError::TimedOut.to_string(),
        "the entry was held by others for the whole time allowed"
    );
}
