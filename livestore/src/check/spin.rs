//! The lock of a slot itself, which everything else here has a stand-in for.
//!
//! Its waiters go round in circles, which the checker cannot explore; they do so by `try_lock` alone, so that is what is
//! checked here, and the waiting by the test in its own file.

use std::sync::Arc;

use parking_lot::lock_api::Mutex;
use shuttle::thread::yield_now;

use crate::check::act::{act, side_by_side};
use crate::check::explore::explore;
use crate::ground::sync::spin::Spin;

/// Adds 1 in two steps each time it gets the lock, of two. Returns how often.
fn add(count: &Mutex<Spin, usize>) -> usize {
    let mut added = 0;
    for _ in 0..2 {
        if let Some(mut count) = count.try_lock() {
            let was = *count;
            yield_now();
            *count = was + 1;
            added += 1;
        }
    }
    added
}

#[test]
fn nobody_has_the_lock_while_somebody_has_it() {
    let added = explore(3, || {
        let count = Arc::new(Mutex::<Spin, usize>::new(0));
        let added = side_by_side([(); 3].map(|()| {
            let count = Arc::clone(&count);
            act(move || add(&count))
        }));
        let count = *count.lock();
        assert_eq!(count, added.into_iter().sum());
        count
    });
    // Nobody ever finds it taken; whoever has it for long is the only one who gets it.
    added.have(|count| *count == 6);
    added.have(|count| *count == 2);
}
