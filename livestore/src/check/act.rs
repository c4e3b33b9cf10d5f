//! What checks do: start threads, wait, poll by hand.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use shuttle::future::block_on;
use shuttle::thread;
use uuid::Uuid;

use crate::check::count::Count;
use crate::store::store::LiveStore;
use crate::value::options::StoreOptions;

/// The key that most checks are about; the other two have one shard, which is another one.
pub(crate) const KEY: Uuid = Uuid::from_u128(1);
pub(crate) const SECOND: Uuid = Uuid::from_u128(2);
pub(crate) const THIRD: Uuid = Uuid::from_u128(4);

/// Something that a thread does.
pub(crate) type Act<R = ()> = Box<dyn FnOnce() -> R + Send>;

/// A store whose channels hold this many updates, with one entry under [`KEY`].
pub(crate) fn store_with_cap(channel_cap: usize) -> LiveStore<Count> {
    let options = StoreOptions {
        channel_cap,
        ..Default::default()
    };
    let store = LiveStore::new().with_options(options).done();
    assert!(store.create(&KEY, Count(0)).is_ok());
    store
}

/// A store with one entry under [`KEY`].
pub(crate) fn store() -> LiveStore<Count> {
    store_with_cap(64)
}

/// Runs each in a thread of its own, side by side, and waits for all. Returns what they returned, in order.
pub(crate) fn side_by_side<R: Send + 'static>(acts: impl IntoIterator<Item = Act<R>>) -> Vec<R> {
    let threads: Vec<_> = acts.into_iter().map(thread::spawn).collect();
    threads
        .into_iter()
        .map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
        .collect()
}

/// Boxes what a thread does.
pub(crate) fn act<R>(act: impl FnOnce() -> R + Send + 'static) -> Act<R> {
    Box::new(act)
}

/// Waits for a future.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    block_on(future)
}

/// Polls a future that nobody waits for.
pub(crate) fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Asserts that the entry can be held at once: nobody has left it locked.
pub(crate) fn assert_free(store: &LiveStore<Count>, key: &Uuid) {
    assert!(store.try_acquire(key).is_ok(), "the entry stays locked");
}

/// Asserts that this panics.
pub(crate) fn assert_panics<R>(run: impl FnOnce() -> R) {
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
}
