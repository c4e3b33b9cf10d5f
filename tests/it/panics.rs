//! Panics of the library: where they say that they are, and how often the program's panic hook hears of those that it catches.

use std::cell::RefCell;
use std::panic::{self, catch_unwind};
use std::sync::Once;
use std::time::Duration;

use livestore::{DeadlineError, ExpireMode, LiveStore, StoreOptions};
use livestore_tests::{Counter, counter};
use tokio::runtime::Builder;

thread_local! {
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// In which files this thread panics while this runs.
fn heard(act: impl FnOnce()) -> Vec<String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let file = panic.location().map(|at| at.file().to_owned());
            HEARD.with_borrow_mut(|heard| heard.extend(file));
            before(panic);
        }));
    });
    HEARD.take();
    act();
    HEARD.take()
}

fn expiring() -> StoreOptions {
    StoreOptions {
        expire_check_freq: Some(Duration::from_secs(1)),
        expire_mode: ExpireMode::Timeout(Duration::MAX),
        ..Default::default()
    }
}

/// The way to a mistake in the options led into the library.
#[test]
fn what_cannot_be_built_panics_where_it_was_to_be_built() {
    let impossible = StoreOptions {
        channel_cap: 0,
        ..Default::default()
    };
    let timeless = Builder::new_current_thread().build().unwrap();
    let panicked = heard(|| {
        let build = || drop(LiveStore::<Counter>::new().with_options(impossible).done());
        assert!(catch_unwind(build).is_err());
        let _inside = timeless.enter();
        let build = || drop(LiveStore::<Counter>::new().with_options(expiring()).done());
        assert!(catch_unwind(build).is_err());
        let build = || drop(LiveStore::<Counter>::new().with_options(expiring()).try_done());
        assert!(catch_unwind(build).is_err());
    });
    assert_eq!(panicked, [file!(); 3]);
}

/// Each `init` of a server without timers had its panic hook write a report.
#[test]
fn a_runtime_without_timers_is_found_out_once() {
    let first = Builder::new_current_thread().enable_time().build().unwrap();
    let store = first.block_on(async { LiveStore::new().with_options(expiring()).done() });
    drop(first);
    let mut runtimes: Vec<_> = (0..2)
        .map(|_| Builder::new_current_thread().build().unwrap())
        .collect();
    let panicked = heard(|| {
        for _ in 0..3 {
            for timeless in &runtimes {
                timeless.block_on(async {
                    let key = store.init(counter(0));
                    let refused = store.expire_after(&key, Duration::from_secs(1));
                    assert_eq!(refused, Err(DeadlineError::RuntimeEnded));
                });
            }
        }
    });
    assert_eq!(panicked.len(), 2, "{panicked:?}");

    // Nothing of the store stays in a runtime that goes on.
    let kept = runtimes.remove(0);
    drop(runtimes);
    let timed = Builder::new_current_thread().enable_time().build().unwrap();
    timed.block_on(async {
        let key = store.init(counter(0));
        assert_eq!(store.expire_after(&key, Duration::from_secs(1)), Ok(()));
    });
    assert_eq!(kept.metrics().num_alive_tasks(), 1);
    drop(store);
    kept.block_on(tokio::task::yield_now());
    assert_eq!(kept.metrics().num_alive_tasks(), 0);
}
