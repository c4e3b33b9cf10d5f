//! [`Actor`]: one thread that does what it likes and notes what came of it, with a store that may have a [`Fault`].

use std::array;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use livestore::{
    EntryGuard, LiveStore, MutateError, MutateIfError, RollbackError, TransactError, TryAcquireError, Uuid,
};

use super::search::Call;
use super::traced::{Traced, below, dawdle};
use super::world::{Did, Seen, What, seen};
use super::{KEPT, KEYS};

/// How a store can be wrong, to see whether it is noticed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    None,
    /// A mutation is said to be committed, and is not.
    LostWrite,
    /// A mutation reads, computes and replaces without holding the entry.
    StaleSnapshot,
    /// A fetch returns what this thread has fetched before.
    StaleRead,
    /// A key that is created again begins at version 1.
    RepeatedVersion,
    /// A mutation that was cancelled is committed later.
    LateCommit,
    /// A mutation that is refused leaves a new version.
    VersionOfRefusal,
}

/// Runs a future on this thread; fails if nobody wakes it, as when a turn was lost.
fn wait<F: Future>(future: F) -> F::Output {
    struct Tell(Sender<()>);

    impl Wake for Tell {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }

    let (tell, woken) = mpsc::channel();
    let waker = Waker::from(Arc::new(Tell(tell)));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => woken
                .recv_timeout(Duration::from_secs(30))
                .expect("nobody woke it"),
        }
    }
}

/// Polls a future once and drops it.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// One thread of a round.
pub(super) struct Actor<'a, V: Traced> {
    pub(super) thread: usize,
    pub(super) store: &'a LiveStore<V>,
    pub(super) fault: Fault,
    pub(super) clock: &'a AtomicU64,
    pub(super) numbers: &'a AtomicU64,
    pub(super) calls: Vec<Call<Did>>,
    pub(super) guards: Vec<(usize, EntryGuard<V>)>,
    /// What was fetched last of each key.
    pub(super) fetched: [Option<Seen>; KEYS],
}

pub(super) fn name(key: usize) -> Uuid {
    Uuid::from_u128(key as u128 + 1)
}

impl<V: Traced> Actor<'_, V> {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn note(&mut self, invoked: u64, key: usize, what: What) {
        let call = Call {
            invoked,
            returned: self.tick(),
            did: Did {
                thread: self.thread,
                key,
                what,
            },
        };
        self.calls.push(call);
    }

    pub(super) fn act(&mut self) {
        dawdle();
        let key = usize::try_from(below(KEYS as u64)).unwrap_or(0);
        if let Some((key, mut guard)) = self.guards.pop() {
            // Who holds something does not wait for something else.
            let invoked = self.tick();
            match below(6) {
                0 | 1 => {
                    guard.release();
                    self.note(invoked, key, What::Released);
                }
                2 => {
                    let end = seen(&guard.delete());
                    self.note(invoked, key, What::DeletedByGuard(end));
                }
                3 => {
                    self.guards.push((key, guard));
                    self.fetch(invoked, key);
                }
                _ => {
                    let number = self.number();
                    let made = seen(&guard.mutate(V::change(number)).unwrap());
                    self.guards.push((key, guard));
                    self.note(invoked, key, What::MutatedByGuard(number, made));
                }
            }
            return;
        }
        let number = self.number();
        // Near what there is, so that it sometimes fits.
        let version = self.fetched[key].as_ref().map_or(1, |seen| seen.version) + below(2);
        let past = version.saturating_sub(below(KEPT as u64));
        let invoked = self.tick();
        let uuid = &name(key);
        let what = match below(16) {
            0 | 1 => return self.fetch(invoked, key),
            2 | 3 => match self.store.create(uuid, V::of(vec![number])) {
                Ok(entry) => {
                    let mut made = seen(&entry);
                    if self.fault == Fault::RepeatedVersion {
                        made.version = 1;
                    }
                    What::Created(number, made)
                }
                Err(occupied) => What::FoundOccupied(seen(&occupied.existing)),
            },
            4 => What::Inserted(
                number,
                wait(self.store.insert(uuid, V::of(vec![number])))
                    .as_ref()
                    .map(seen),
            ),
            5 => {
                let previous = wait(self.store.assign(uuid, V::of(vec![number])));
                What::Assigned(number, previous.ok().as_ref().map(seen))
            }
            6 => match wait(self.store.mutate_if(uuid, version, V::change(number))) {
                Ok(entry) => What::MutatedIf(number, version, seen(&entry)),
                Err(MutateIfError::Missing) => What::Mutated(number, None),
                Err(MutateIfError::Conflict(now)) => What::Conflicted(version, seen(&now)),
                Err(MutateIfError::Rejected(reason)) => panic!("{reason:?}"),
            },
            7 => match wait(self.store.mutate(uuid, V::no_change())) {
                Err(MutateError::Rejected(_)) => {
                    if self.fault == Fault::VersionOfRefusal {
                        let now = self.store.fetch(uuid).map(|entry| entry.trace());
                        drop(now.map(|now| wait(self.store.assign(uuid, V::of(now)))));
                    }
                    What::Refused
                }
                Err(MutateError::Missing) => What::Mutated(number, None),
                Ok(entry) => panic!("{:?} was not refused", seen(&entry)),
            },
            8 => match wait(self.store.rollback(uuid, past)) {
                Ok(entry) => What::RolledBack(past, seen(&entry)),
                Err(RollbackError::Missing) => What::Mutated(number, None),
                Err(RollbackError::NotKept { oldest }) => What::NotKept(past, oldest),
                Err(RollbackError::Rejected(reason)) => panic!("{reason:?}"),
            },
            9 => What::Removed(wait(self.store.remove(uuid)).as_ref().map(seen)),
            10 => {
                let guard = wait(self.store.acquire(uuid));
                let found = guard.as_ref().map(|guard| seen(&guard.as_entry()));
                self.guards.extend(guard.map(|guard| (key, guard)));
                What::Acquired(found)
            }
            11 => match self.store.try_acquire(uuid) {
                Ok(guard) => {
                    let found = seen(&guard.as_entry());
                    self.guards.push((key, guard));
                    What::Acquired(Some(found))
                }
                Err(TryAcquireError::Missing) => What::Acquired(None),
                Err(TryAcquireError::Held) => What::FoundHeld,
            },
            12 => return self.transact(invoked, number),
            13 => match at_once(self.store.mutate(uuid, V::change(number))) {
                Some(result) => What::Mutated(number, result.ok().as_ref().map(seen)),
                None => {
                    if self.fault == Fault::LateCommit {
                        drop(wait(self.store.mutate(uuid, V::change(number))));
                    }
                    What::Cancelled
                }
            },
            _ => self.mutate(uuid, number),
        };
        self.note(invoked, key, what);
    }

    fn number(&self) -> u32 {
        u32::try_from(self.numbers.fetch_add(1, Ordering::Relaxed)).unwrap_or(0)
    }

    fn fetch(&mut self, invoked: u64, key: usize) {
        let now = self.store.fetch(&name(key)).as_ref().map(seen);
        let before = std::mem::replace(&mut self.fetched[key], now.clone());
        let found = match self.fault {
            Fault::StaleRead if before.is_some() => before,
            _ => now,
        };
        self.note(invoked, key, What::Fetched(found));
    }

    fn mutate(&self, key: &Uuid, number: u32) -> What {
        match self.fault {
            Fault::LostWrite if below(4) == 0 => {
                let claimed = self.store.fetch(key).map(|entry| {
                    let mut claimed = seen(&entry);
                    claimed.trace.push(number);
                    claimed.version += 1;
                    claimed
                });
                What::Mutated(number, claimed)
            }
            Fault::StaleSnapshot => {
                let Some(entry) = self.store.fetch(key) else {
                    return What::Mutated(number, None);
                };
                let mut trace = entry.trace();
                trace.push(number);
                dawdle();
                let replaced = wait(self.store.assign(key, V::of(trace.clone())));
                What::Mutated(
                    number,
                    replaced.ok().map(|previous| Seen {
                        trace,
                        version: previous.version() + 1,
                    }),
                )
            }
            _ => match wait(self.store.mutate(key, V::change(number))) {
                Ok(entry) => What::Mutated(number, Some(seen(&entry))),
                Err(MutateError::Missing) => What::Mutated(number, None),
                Err(MutateError::Rejected(reason)) => panic!("{reason:?}"),
            },
        }
    }

    /// Changes both entries, or none. To readers these are two steps, so they are noted as two calls.
    fn transact(&mut self, invoked: u64, number: u32) {
        let keys: [Uuid; KEYS] = array::from_fn(name);
        let staged = wait(self.store.transact(&keys, |tx| {
            let found = keys.map(|key| tx.get(&key).map(seen));
            if let Some(missing) = found.iter().position(Option::is_none) {
                return Err(missing);
            }
            Ok(keys.map(|key| seen(&tx.mutate(&key, V::change(number)).unwrap())))
        }));
        match staged {
            Ok(made) => {
                for (key, made) in made.into_iter().enumerate() {
                    self.note(invoked, key, What::Mutated(number, Some(made)));
                }
            }
            Err(TransactError::Aborted(missing)) => self.note(invoked, missing, What::Fetched(None)),
            Err(error) => panic!("{error:?}"),
        }
    }
}
