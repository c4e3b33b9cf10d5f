//! [`User`]: a value whose every `Clone` and `Drop`, and those of all that goes with it, is a *visit*: it calls the store, looks
//! whether a promise is broken at that very moment, and may panic.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Waker};
use std::thread;

use cooked_waker::{IntoWaker, Wake, WakeRef};
use livestore::{Entry, LiveStore, LiveValue, TryAcquireError, Uuid, WeakLiveStore};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The two keys that calls are about, and one that only visits use.
pub(crate) const KEY: Uuid = Uuid::from_u128(1);
pub(crate) const OTHER: Uuid = Uuid::from_u128(2);
const SPARE: Uuid = Uuid::from_u128(3);

/// What `check` refuses.
pub(crate) const BAD: u64 = 1 << 40;

/// In how many visits of one run those who watch are told something.
const MESSAGES: usize = 16;

/// Where user code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Site {
    CloneValue,
    DropValue,
    CloneMutation,
    DropMutation,
    CloneMessage,
    DropMessage,
    DropReason,
    Mutate,
    Check,
    /// A closure that a call was given.
    Closure,
    CloneWaker,
    Wake,
    WakeByRef,
    DropWaker,
}

use Site::{
    Check, CloneMessage, CloneMutation, CloneValue, CloneWaker, DropMessage, DropMutation, DropReason,
    DropValue, DropWaker, Mutate,
};

/// Somebody who waits to be told of a key, and was told of its version so far.
pub(crate) struct Listener {
    pub(crate) key: Uuid,
    pub(crate) version: u64,
    pub(crate) woken: Arc<Woken>,
}

/// A waker that notes that it was woken, and does nothing else.
#[derive(Default)]
pub(crate) struct Woken(AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

impl Woken {
    pub(crate) fn is_woken(&self) -> bool {
        self.0.load(SeqCst)
    }
}

/// What the user code of one run has in common.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) store: OnceLock<WeakLiveStore<User>>,
    /// Whether visits count: the call that is tested runs.
    pub(crate) on: AtomicBool,
    /// Whether visits change things as well: messages to those who watch, entries that come and go.
    pub(crate) loud: bool,
    /// Whether the task of a query runs, for which each change is one more reason to run.
    pub(crate) is_calm: AtomicBool,
    /// Whether mutations are applied in place, where that can be.
    pub(crate) plain: bool,
    /// Whether nobody but the tested call itself ever holds an entry, which then is free whenever something is dropped.
    pub(crate) is_free: AtomicBool,
    /// At which visits to panic, counted from 0.
    pub(crate) panics: Vec<usize>,
    pub(crate) visits: Mutex<Vec<Site>>,
    pub(crate) messages: AtomicUsize,
    pub(crate) listeners: Mutex<Vec<Listener>>,
    /// The number at each version that somebody has seen.
    pub(crate) seen: Mutex<HashMap<(Uuid, u64), u64>>,
    /// What was seen and must not be.
    pub(crate) broken: Mutex<Vec<String>>,
    /// How many values, mutations, messages, reasons and wakers there are.
    pub(crate) alive: AtomicIsize,
}

thread_local! {
    /// What a visit itself clones and drops is no visit.
    static VISITS: Cell<bool> = const { Cell::new(false) };
}

/// Until it is dropped, nothing on this thread is a visit.
pub(crate) struct Quiet(bool);

impl Quiet {
    pub(crate) fn begin() -> Quiet {
        Quiet(VISITS.replace(true))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        VISITS.set(self.0);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(crate) fn sites(&self) -> Vec<Site> {
        locked(&self.visits).clone()
    }

    pub(crate) fn note(&self, what: String) {
        locked(&self.broken).push(what);
    }

    pub(crate) fn broken(&self) -> Vec<String> {
        locked(&self.broken).clone()
    }

    /// Notes the entry at a version, which nobody may have seen otherwise.
    pub(crate) fn see(&self, key: Uuid, entry: &Entry<User>) {
        let number = *locked(&self.seen)
            .entry((key, entry.version()))
            .or_insert(entry.number);
        if number != entry.number {
            self.note(format!(
                "version {} of {key} is {number} and {}",
                entry.version(),
                entry.number
            ));
        }
    }

    pub(crate) fn visit(self: &Arc<Self>, site: Site) {
        if !self.on.load(SeqCst) || VISITS.get() {
            return;
        }
        let quiet = Quiet::begin();
        let at = {
            let mut visits = locked(&self.visits);
            visits.push(site);
            visits.len() - 1
        };
        if let Some(store) = self.store.get().and_then(WeakLiveStore::upgrade) {
            self.look(site, &store);
            self.meddle(&store);
        }
        drop(quiet);
        // Where a panic would be the second at once, and end any program.
        if self.panics.contains(&at) && !thread::panicking() {
            // Unlike a panic that starts, one that goes on prints nothing.
            resume_unwind(Box::new(site));
        }
    }

    /// Looks whether anything is as it must not be while this runs.
    fn look(&self, site: Site, store: &LiveStore<User>) {
        for key in [KEY, OTHER] {
            let entry = store.peek(&key);
            entry.iter().for_each(|entry| self.see(key, entry));
            let dropped = [DropValue, DropMutation, DropMessage, DropReason].contains(&site);
            // A waker is cloned while its task waits, and nobody waits while all is free.
            if (dropped || site == DropWaker)
                && self.is_free.load(SeqCst)
                && store
                    .try_acquire(&key)
                    .is_err_and(|error| error == TryAcquireError::Held)
            {
                self.note(format!("at {site:?} {key} is held"));
            }
            let version = entry.map(|entry| entry.version());
            let asleep = |listener: &&Listener| {
                listener.key == key && version != Some(listener.version) && !listener.woken.is_woken()
            };
            // A message to those who watch wakes them, too, and then this sees nothing.
            if dropped && locked(&self.listeners).iter().any(|listener| asleep(&listener)) {
                self.note(format!("at {site:?} somebody sleeps who is to be told of {key}"));
            }
        }
    }

    /// Calls the store, for the keys that the tested call is about and for others.
    fn meddle(self: &Arc<Self>, store: &LiveStore<User>) {
        for key in [KEY, OTHER] {
            drop(store.fetch(&key));
            drop(store.watch(&key));
            drop(store.watch_deltas(&key));
            drop(store.history(&key));
            drop(store.try_acquire(&key));
            polled_once(store.acquire(&key));
            polled_once(store.acquire_many(&[OTHER, KEY]));
        }
        let _ = (store.len(), store.keys().count(), store.stats());
        drop(store.watch_all());
        if !self.loud || self.is_calm.load(SeqCst) {
            return;
        }
        // Whoever skips messages would else skip for ever.
        if self.messages.fetch_add(1, SeqCst) < MESSAGES {
            for key in [KEY, OTHER] {
                drop(store.broadcast(&key, Message::new(self)));
            }
        }
        drop(store.create(&SPARE, User::new(self, 0)));
        polled_once(store.mutate(&SPARE, Change::add(self)));
        polled_once(store.insert(&SPARE, User::new(self, 7)));
        polled_once(store.transact(&[SPARE], |tx| {
            tx.remove(&SPARE);
            tx.create(&SPARE, User::new(self, 0)).map_err(drop)
        }));
        polled_once(store.remove(&SPARE));
        let key = store.init(User::new(self, 0));
        if let Ok(guard) = store.try_acquire(&key) {
            drop(guard.delete());
        }
    }

    fn born(self: &Arc<Self>) -> Arc<Self> {
        self.alive.fetch_add(1, SeqCst);
        Arc::clone(self)
    }

    fn clones(self: &Arc<Self>, site: Site) -> Arc<Self> {
        self.visit(site);
        self.born()
    }

    fn drops(self: &Arc<Self>, site: Site) {
        self.alive.fetch_sub(1, SeqCst);
        self.visit(site);
    }
}

fn polled_once<F: Future>(future: F) {
    let mut future = Box::pin(future);
    drop(future.as_mut().poll(&mut Context::from_waker(Waker::noop())));
}

/// A value that counts its mutations.
pub(crate) struct User {
    pub(crate) number: u64,
    /// `None` in one that was read from a file.
    world: Option<Arc<World>>,
}

/// Adds 1, or is refused.
pub(crate) struct Change {
    refused: bool,
    world: Arc<World>,
}

pub(crate) struct Message(Arc<World>);

/// Why something was refused.
pub(crate) struct Reason(Option<Arc<World>>);

impl User {
    pub(crate) fn new(world: &Arc<World>, number: u64) -> User {
        let world = Some(world.born());
        User { number, world }
    }

    fn with(&self, number: u64) -> User {
        let world = self.world.as_ref().map(World::born);
        User { number, world }
    }

    fn reason(&self) -> Reason {
        Reason(self.world.as_ref().map(World::born))
    }
}

impl Clone for User {
    fn clone(&self) -> User {
        let world = self.world.as_ref().map(|world| world.clones(CloneValue));
        User {
            number: self.number,
            world,
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.world.iter().for_each(|world| world.drops(DropValue));
    }
}

impl Change {
    pub(crate) fn add(world: &Arc<World>) -> Change {
        Change {
            refused: false,
            world: world.born(),
        }
    }

    pub(crate) fn refused(world: &Arc<World>) -> Change {
        Change {
            refused: true,
            world: world.born(),
        }
    }
}

impl Clone for Change {
    fn clone(&self) -> Change {
        Change {
            refused: self.refused,
            world: self.world.clones(CloneMutation),
        }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        self.world.drops(DropMutation);
    }
}

impl Message {
    pub(crate) fn new(world: &Arc<World>) -> Message {
        Message(world.born())
    }
}

impl Clone for Message {
    fn clone(&self) -> Message {
        Message(self.0.clones(CloneMessage))
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.0.drops(DropMessage);
    }
}

impl Drop for Reason {
    fn drop(&mut self) {
        self.0.iter().for_each(|world| world.drops(DropReason));
    }
}

impl LiveValue for User {
    type Message = Message;
    type Mutation = Change;
    type MutError = Reason;

    fn mutate(entry: &Entry<Self>, mutation: &Change) -> Result<Self, Reason> {
        mutation.world.visit(Mutate);
        if mutation.refused {
            return Err(entry.reason());
        }
        Ok(entry.with(entry.number + 1))
    }

    fn apply(&mut self, mutation: &Change) -> Result<(), Reason> {
        if mutation.refused {
            return Err(self.reason());
        }
        self.number += 1;
        Ok(())
    }

    fn check(&self, _: Option<&Self>) -> Result<(), Reason> {
        self.world.iter().for_each(|world| world.visit(Check));
        if self.number == BAD {
            return Err(self.reason());
        }
        Ok(())
    }

    fn __is_plain(mutation: &Change) -> bool {
        mutation.world.plain
    }
}

impl Serialize for User {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.world.iter().for_each(|world| world.visit(Site::Closure));
        self.number.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        Ok(User { number, world: None })
    }
}

/// A waker whose `clone` and `drop` are the user's as well.
pub(crate) struct UserWaker(Arc<World>);

impl UserWaker {
    pub(crate) fn make(world: &Arc<World>) -> Waker {
        Box::new(UserWaker(world.born())).into_waker()
    }
}

impl Clone for UserWaker {
    fn clone(&self) -> UserWaker {
        UserWaker(self.0.clones(CloneWaker))
    }
}

impl Drop for UserWaker {
    fn drop(&mut self) {
        self.0.drops(DropWaker);
    }
}

impl WakeRef for UserWaker {
    fn wake_by_ref(&self) {
        self.0.visit(Site::WakeByRef);
    }
}

impl Wake for UserWaker {
    fn wake(self) {
        self.0.visit(Site::Wake);
    }
}
