//! The checker's locks and atomics, with the faces of those that they stand in for.
//!
//! Whoever has one is counted, so that what the checks have for user code can tell that it runs with nothing locked.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{PoisonError, TryLockError};
use std::thread;

use shuttle::current::{TaskId, me};
use shuttle::sync::{RwLockReadGuard, RwLockWriteGuard};

pub(crate) use shuttle::sync::atomic;

thread_local! {
    /// How many locks each of the checker's threads has.
    static LOCKED: RefCell<BTreeMap<TaskId, usize>> = const { RefCell::new(BTreeMap::new()) };
}

/// Asserts that the thread has no lock, unless it panics already.
pub(crate) fn assert_nothing_locked() {
    if thread::panicking() {
        return;
    }
    let locked = LOCKED.with_borrow(|locked| locked.get(&me()).copied());
    assert!(locked.is_none(), "user code runs under {locked:?} locks");
}

/// A guard, counted.
pub(crate) struct Counted<G>(G);

impl<G> Counted<G> {
    pub(crate) fn new(guard: G) -> Counted<G> {
        LOCKED.with_borrow_mut(|locked| *locked.entry(me()).or_default() += 1);
        Counted(guard)
    }
}

impl<G> Drop for Counted<G> {
    fn drop(&mut self) {
        LOCKED.with_borrow_mut(|locked| {
            let mine = locked.entry(me()).or_default();
            *mine -= 1;
            if *mine == 0 {
                locked.remove(&me());
            }
        });
    }
}

impl<G: Deref> Deref for Counted<G> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        &self.0
    }
}

impl<G: DerefMut> DerefMut for Counted<G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.0
    }
}

pub(crate) type MutexGuard<'a, T> = Counted<shuttle::sync::MutexGuard<'a, T>>;

/// Does not poison, as parking_lot's.
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        Mutex(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        Counted::new(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(Counted::new(guard)),
            Err(TryLockError::Poisoned(poisoned)) => Some(Counted::new(poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// A shard of the map.
pub(crate) struct RwLock<T>(shuttle::sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> RwLock<T> {
        RwLock(shuttle::sync::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> Counted<RwLockReadGuard<'_, T>> {
        Counted::new(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn write(&self) -> Counted<RwLockWriteGuard<'_, T>> {
        Counted::new(self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}
