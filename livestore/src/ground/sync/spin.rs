//! [`SpinMutex`]: a lock for what takes some tens of nanoseconds, whose unlock is a plain store.
//!
//! A slot is locked and unlocked with every call, and of a call on an entry that is in the cache the atomic steps are half.
//! A lock that lets its waiters sleep asks at the unlock whether there are any, in an atomic step; this one does not, so
//! nobody is told when it is free. Who finds it taken looks again: first after rests of about a microsecond, since whoever has
//! it is about to be done; then it lets other threads run, since whoever has it may be waiting for the processor; then it
//! sleeps between the looks, longer and longer up to a millisecond, so that it keeps the processor from nobody, whatever
//! the priorities. Nobody is promised a turn; that is what the queue of an entry is for. A transaction has its slots for
//! longer, and so has who tells very many watchers; who waits for these sleeps up to a millisecond more than they take.
//!
//! The only file with `unsafe` in it. What it has to keep to is one sentence, that nobody has the lock while somebody has
//! it. `check/spin.rs` checks that in every order of steps. What an order of steps does not show, that what was done under the
//! lock is seen by who has it next, miri sees in the test here:
//!
//! ```text
//! MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-many-seeds=0..16" cargo +nightly miri test -p livestore --lib sync::spin
//! ```

use parking_lot::lock_api::{GuardNoSend, RawMutex};

use crate::ground::sync::atomic::{AtomicBool, Ordering};

/// A value under such a lock.
#[cfg(not(all(test, livestore_check)))]
pub(crate) type SpinMutex<T> = parking_lot::lock_api::Mutex<Spin, T>;
/// Who has one has the value. It stays in its thread.
#[cfg(not(all(test, livestore_check)))]
pub(crate) type SpinGuard<'a, T> = parking_lot::lock_api::MutexGuard<'a, Spin, T>;

/// Whether it is taken. What was written while it was is seen by whoever takes it next.
pub(crate) struct Spin(AtomicBool);

// SAFETY: `try_lock` returns true only where it has changed `false` to `true` in one atomic step, `lock` returns only after
// such a `try_lock`, and only who has the lock may call `unlock`, which alone writes `false`. So between the return of the one
// and the call of the other nobody else gets the lock. The swap acquires what the store of the unlock before it has released.
#[expect(
    unsafe_code,
    reason = "without it the lock of every call takes one atomic step more, 5 of 14 ns"
)]
unsafe impl RawMutex for Spin {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "how the trait has a lock made"
    )]
    const INIT: Spin = Spin(AtomicBool::new(false));

    type GuardMarker = GuardNoSend;

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.wait();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Spin {
    /// Waits until the lock is taken for this thread.
    ///
    /// Whoever has it often comes again at once. Undisturbed, a thread makes many changes in the time in which two that
    /// fight for each make a few: one key, changed by two threads, took 120 to 280 ns a change without rests and 70
    /// with.
    #[cold]
    fn wait(&self) {
        let mut looks = 0;
        loop {
            wait::between(looks);
            // A look disturbs nobody, an attempt takes the cache line.
            if !self.0.load(Ordering::Relaxed) && self.try_lock() {
                return;
            }
            looks += 1;
        }
    }
}

#[cfg(not(all(test, livestore_check)))]
mod wait {
    use std::hint::spin_loop;
    use std::thread;
    use std::time::Duration;

    /// How often a lock that is taken is looked at before other threads are let run.
    const LOOKS: u32 = 4;
    /// And how often more before the thread sleeps between looks.
    const YIELDS: u32 = 8;
    /// How many pauses of the processor a rest is: about a microsecond.
    const REST: u32 = 64;
    /// What a thread sleeps first, and at most.
    const NAP: Duration = Duration::from_micros(50);
    const LONG: Duration = Duration::from_millis(1);

    /// Lets time pass before the next look, after so many.
    pub(crate) fn between(looks: u32) {
        if looks < LOOKS {
            (0..REST).for_each(|_| spin_loop());
        } else if looks < LOOKS + YIELDS {
            thread::yield_now();
        } else {
            let doubled = (looks - LOOKS - YIELDS).min(16);
            thread::sleep(LONG.min(NAP * (1 << doubled)));
        }
    }
}

/// The model checker knows no time: it goes on with another thread.
#[cfg(all(test, livestore_check))]
mod wait {
    pub(crate) fn between(_: u32) {
        shuttle::thread::yield_now();
    }
}

#[cfg(test)]
#[cfg(not(livestore_check))]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    /// Under miri, a lock that lets two in, or does not hand on what was written under it, is a data race.
    #[test]
    fn what_was_done_under_the_lock_is_seen_by_who_has_it_next() {
        let (threads, times) = if cfg!(miri) { (3, 30) } else { (4, 50_000) };
        let pair = Arc::new(SpinMutex::new((0_u64, 0_u64)));
        let all: Vec<_> = (0..threads)
            .map(|_| {
                let pair = Arc::clone(&pair);
                thread::spawn(move || {
                    for turn in 0..times {
                        let taken = (turn % 3 == 0).then(|| pair.try_lock()).flatten();
                        let mut pair = taken.unwrap_or_else(|| pair.lock());
                        assert_eq!(pair.0, pair.1);
                        pair.0 += 1;
                        pair.1 += 1;
                    }
                })
            })
            .collect();
        all.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*pair.lock(), (threads * times, threads * times));
    }

    /// Whoever has it may be stopped for as long as the system likes.
    #[test]
    fn who_waits_for_long_sleeps_and_gets_it() {
        let lock = Arc::new(SpinMutex::new(()));
        let taken = lock.lock();
        assert!(lock.try_lock().is_none());
        let waits = {
            let lock = Arc::clone(&lock);
            thread::spawn(move || drop(lock.lock()))
        };
        // Longer than all looks without sleep take.
        (0..1000).for_each(|_| thread::yield_now());
        assert!(!waits.is_finished());
        drop(taken);
        waits.join().unwrap();
    }
}
