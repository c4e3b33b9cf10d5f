//! Options that no store can be built with.

use std::panic::catch_unwind;
use std::time::Duration;

use livestore::{LiveStore, OptionsError, StoreOptions, Update};
use livestore_tests::{Change, Counter, counter};

fn build(options: StoreOptions) -> Result<LiveStore<Counter>, OptionsError> {
    LiveStore::new().with_options(options).try_done()
}

#[test]
fn a_channel_that_holds_nothing_is_refused() {
    let error = build(StoreOptions {
        channel_cap: 0,
        ..Default::default()
    })
    .unwrap_err();
    assert_eq!(error, OptionsError::ChannelCap);
    assert_eq!(
        error.to_string(),
        "`channel_cap` must be at least 1; the default is 64"
    );
}

#[tokio::test]
async fn a_channel_of_any_other_size_is_taken_as_it_is() {
    for channel_cap in [1, 3, 7, 1000, usize::MAX] {
        let store = build(StoreOptions {
            channel_cap,
            ..Default::default()
        })
        .unwrap();
        let (key, mut watch) = store.init_and_watch(counter(0));
        store.mutate(&key, Change::Add(1)).await.unwrap();
        assert!(matches!(watch.next().await, Some(Update::Mutate { .. })));
    }
}

#[test]
fn shards_come_in_powers_of_two() {
    for amount in [0, 1, 3, 6, 100, 1 << 17, usize::MAX] {
        let error = build(StoreOptions {
            shard_amt: Some(amount),
            ..Default::default()
        })
        .unwrap_err();
        assert_eq!(error, OptionsError::ShardAmount(amount));
    }
    assert_eq!(
        OptionsError::ShardAmount(3).to_string(),
        "`shard_amt` must be a power of two from 2 to 65536, not 3; `None` chooses one"
    );
    for amount in [2, 64, 1 << 16] {
        let store = build(StoreOptions {
            shard_amt: Some(amount),
            ..Default::default()
        })
        .unwrap();
        let key = store.init(counter(1));
        assert!(store.contains_key(&key));
    }
}

#[tokio::test]
async fn checks_that_never_rest_are_refused() {
    let options = StoreOptions {
        expire_check_freq: Some(Duration::ZERO),
        ..Default::default()
    };
    assert_eq!(build(options).unwrap_err(), OptionsError::CheckFrequency);
}

#[test]
fn expiry_needs_a_runtime_and_says_so() {
    let options = StoreOptions {
        expire_check_freq: Some(Duration::from_secs(1)),
        ..Default::default()
    };
    let error = build(options).unwrap_err();
    assert_eq!(error, OptionsError::NoRuntime);
    assert_eq!(
        error.to_string(),
        "a store with `expire_check_freq` runs its checks as a tokio task; build it inside a tokio runtime, \
         or set `expire_check_freq: None`"
    );
    let panic = catch_unwind(|| LiveStore::<Counter>::new().with_options(options).done()).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert_eq!(*message, format!("cannot build the store: {error}"));
}

#[test]
fn a_store_without_expiry_needs_no_runtime() {
    let store = LiveStore::default();
    let key = store.init(counter(1));
    assert_eq!(store.fetch(&key).unwrap().count, 1);
    let guard = store.try_acquire(&key).unwrap();
    guard.delete();
}
