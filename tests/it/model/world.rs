//! [`World`]: a store and its model side by side, to which everything is done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use livestore::{
    AcquireError, DeadlineError, Entry, EntryGuard, EntryHandle, ExpireMode, LiveStore, MutateError,
    MutateIfError, MutateOnDrop, RollbackError, StoreOptions, TransactError, TryAcquireError, TryAssignError,
    TryCreateError, Tx, Uuid,
};
use livestore_tests::Refused;
use tokio::time::Instant;
use tokio_test::task::{Spawn, spawn};

use super::counting::Counting;
use super::op::{ByGuard, ByHandle, Deadline, How, Key, Mode, OfSet, Op, Settings, Step, Task, Verdict};
use super::reference::{Holder, Kind, Model, Seen};
use super::tasks::Said;
use super::watchers::{Copying, Following, Gathering, Taking, Watching, seen};

pub(super) const KEYS: Key = 3;

/// What a call said, and what it left.
type Outcome<V> = (Said, Vec<EntryGuard<V>>);

/// A call under way.
type Call<V> = Spawn<Pin<Box<dyn Future<Output = Outcome<V>>>>>;

pub(super) struct World<V: Counting> {
    store: LiveStore<V>,
    model: Model,
    start: Instant,
    expired: Arc<Mutex<Vec<(Key, Seen)>>>,
    guards: Vec<(usize, EntryGuard<V>)>,
    tasks: BTreeMap<usize, Call<V>>,
    next_task: usize,
    watches: Vec<Watching<V>>,
    copies: Vec<Copying<V>>,
    follows: Vec<Following<V>>,
    sets: Vec<Gathering<V>>,
    /// One of each life that was there when a step had been done, by its number.
    handles: Vec<Option<EntryHandle<V>>>,
    armed: Vec<(Key, How, MutateOnDrop<V>)>,
}

pub(super) fn uuid(key: Key) -> Uuid {
    Uuid::from_u128(u128::from(key))
}

fn change<V: Counting>(how: How) -> V::Mutation {
    match how {
        How::Add(more) => V::add(more),
        How::Refuse => V::refuse(),
    }
}

/// The one that a number picks; it wraps around.
fn pick(at: u8, of: usize) -> Option<usize> {
    usize::from(at).checked_rem(of)
}

impl<V: Counting> World<V> {
    pub(super) fn new(settings: Settings) -> World<V> {
        let expired = Arc::new(Mutex::new(Vec::new()));
        let millis = Duration::from_millis;
        let mut options = StoreOptions {
            channel_cap: settings.channel_cap,
            history: settings.history,
            delta_history: settings.delta_history,
            ..Default::default()
        };
        if let Some((period, mode)) = settings.expiry {
            options.expire_check_freq = Some(millis(period));
            options.expire_mode = match mode {
                Mode::Timeout(limit) => ExpireMode::Timeout(millis(limit)),
                Mode::Idle(limit) => ExpireMode::Idle(millis(limit)),
                Mode::Lifetime(limit) => ExpireMode::Lifetime(millis(limit)),
            };
        }
        let told = Arc::clone(&expired);
        let store = LiveStore::new()
            .with_options(options)
            .on_expire(move |batch| {
                let entries = batch.into_iter();
                let entries = entries.map(|(key, entry)| (key.as_bytes()[15], seen(&entry)));
                told.lock().unwrap().extend(entries);
                async {}
            })
            .done();
        World {
            store,
            model: Model::new(settings),
            start: Instant::now(),
            expired,
            guards: Vec::new(),
            tasks: BTreeMap::new(),
            next_task: 0,
            watches: Vec::new(),
            copies: Vec::new(),
            follows: Vec::new(),
            sets: Vec::new(),
            handles: Vec::new(),
            armed: Vec::new(),
        }
    }

    pub(super) async fn apply(&mut self, op: Op) {
        match op {
            Op::Create(key, count) => self.create(key, count),
            Op::TryCreate(key, count) => self.try_create(key, count),
            Op::TryInit(count) => self.try_init(count),
            Op::FetchOrCreate(key, count) => {
                let entry = self.store.fetch_or_create(&uuid(key), || V::of(count));
                let expected = match self.model.at(key) {
                    Some(at) => {
                        self.model.used(at);
                        self.model.lives[at].now
                    }
                    None => self.model.create(key, count),
                };
                assert_eq!(seen(&entry), expected);
            }
            Op::Fetch(key) => self.fetch(key),
            Op::TryAcquire(key) => self.try_acquire(key),
            Op::Broadcast(key, times) => {
                for _ in 0..times {
                    let told = self.store.broadcast(&uuid(key), "hello").ok();
                    assert_eq!(told, self.model.at(key).map(|at| self.model.broadcast(at)));
                }
            }
            Op::Touch(key) => {
                let at = self.model.at(key);
                assert_eq!(self.store.touch(&uuid(key)), at.is_some());
                at.into_iter().for_each(|at| self.model.used(at));
            }
            Op::Deadline(key, deadline) => self.deadline(key, deadline),
            Op::Start(task) => self.start(None, task),
            Op::StartByHandle(at, task) => {
                if let Some(life) = self.pick_life(at) {
                    let task = of_key(task, self.model.lives[life].key);
                    self.start(Some(life), task);
                }
            }
            Op::ByHandle(at, by) => {
                if let Some(life) = self.pick_life(at) {
                    self.by_handle(life, by);
                }
            }
            Op::Poll(at) => {
                if let Some(at) = pick(at, self.tasks.len()) {
                    let id = *self.tasks.keys().nth(at).unwrap();
                    self.poll(id);
                }
            }
            Op::Cancel(at) => {
                if let Some(at) = pick(at, self.tasks.len()) {
                    let id = *self.tasks.keys().nth(at).unwrap();
                    drop(self.tasks.remove(&id));
                    self.look_who_is_gone();
                    self.model.cancel(id);
                }
            }
            Op::Guard(at, by) => {
                if let Some(at) = pick(at, self.guards.len()) {
                    let (life, guard) = self.guards.remove(at);
                    self.by_guard(life, guard, by);
                }
            }
            Op::Watch(key) => {
                let watch = self.store.watch(&uuid(key));
                assert_eq!(watch.is_some(), self.model.at(key).is_some());
                if let (Some(watch), Some(at)) = (watch, self.model.at(key)) {
                    self.watches.push(Watching::begin(&mut self.model, at, watch));
                }
            }
            Op::FetchAndWatch(key) => {
                let found = self.store.fetch_and_watch(&uuid(key));
                assert_eq!(found.as_ref().map(|(entry, _)| seen(entry)), self.model.seen(key));
                if let (Some((_, watch)), Some(at)) = (found, self.model.at(key)) {
                    self.watches.push(Watching::begin(&mut self.model, at, watch));
                }
            }
            Op::WatchSince(key, back) => {
                let version = self.model.version_back(key, back);
                let watch = self.store.watch_since(&uuid(key), version);
                assert_eq!(watch.is_some(), self.model.at(key).is_some());
                if let (Some(watch), Some(at)) = (watch, self.model.at(key)) {
                    let watching = Watching::begin_since(&mut self.model, at, watch, version);
                    self.watches.push(watching);
                }
            }
            Op::Next(at) => {
                if let Some(at) = pick(at, self.watches.len()) {
                    self.watches[at].take(&self.model, self.model.closed);
                }
            }
            Op::TryNext(at) => {
                if let Some(at) = pick(at, self.watches.len()) {
                    self.watches[at].try_take(&self.model);
                }
            }
            Op::WatchDeltas(key) => {
                let deltas = self.store.watch_deltas(&uuid(key));
                assert_eq!(deltas.is_some(), self.model.at(key).is_some());
                if let (Some(deltas), Some(at)) = (deltas, self.model.at(key)) {
                    self.copies.push(Copying::begin(&mut self.model, at, deltas));
                }
            }
            Op::WatchDeltasSince(key, back) => {
                let version = self.model.version_back(key, back);
                let deltas = self.store.watch_deltas_since(&uuid(key), version);
                assert_eq!(deltas.is_some(), self.model.at(key).is_some());
                if let (Some(deltas), Some(at)) = (deltas, self.model.at(key)) {
                    let copying = Copying::begin_since(&mut self.model, at, deltas, version);
                    self.copies.push(copying);
                }
            }
            Op::NextDelta(at) => {
                if let Some(at) = pick(at, self.copies.len()) {
                    self.copies[at].take(&self.model, self.model.closed);
                }
            }
            Op::UnwatchDeltas(at) => {
                if let Some(at) = pick(at, self.copies.len()) {
                    let copying = self.copies.swap_remove(at);
                    self.model.unwatched(copying.life);
                }
            }
            Op::Newest(at) => {
                if let Some(at) = pick(at, self.watches.len()) {
                    self.watches[at].take_newest(&self.model);
                }
            }
            Op::Unwatch(at) => {
                if let Some(at) = pick(at, self.watches.len()) {
                    let watching = self.watches.swap_remove(at);
                    self.model.unwatched(watching.life());
                }
            }
            Op::WatchAll => {
                let all = self.store.watch_all();
                self.follows.push(Following::begin(&mut self.model, all));
            }
            Op::EntriesAndWatchAll => {
                let (entries, all) = self.store.entries_and_watch_all();
                self.check_entries(entries);
                self.follows.push(Following::begin(&mut self.model, all));
            }
            Op::NextOfAll(at, most) => {
                if let Some(at) = pick(at, self.follows.len()) {
                    self.follows[at].take(&self.model, most, self.model.closed);
                }
            }
            Op::UnwatchAll(at) => {
                if let Some(at) = pick(at, self.follows.len()) {
                    self.model.watch_alls -= 1;
                    drop(self.follows.swap_remove(at));
                }
            }
            Op::WatchSet => self.sets.push(Gathering::begin(self.store.watch_set())),
            Op::OfSet(at, of) => {
                if let Some(at) = pick(at, self.sets.len()) {
                    self.of_set(at, of);
                }
            }
            Op::Arm(key, how) => {
                let armed = self.store.mutate_on_drop(&uuid(key), change::<V>(how));
                self.armed.push((key, how, armed));
            }
            Op::DropArmed(at) => {
                if let Some(at) = pick(at, self.armed.len()) {
                    self.drop_armed(at);
                }
            }
            Op::Disarm(at) => {
                if let Some(at) = pick(at, self.armed.len()) {
                    let (_, how, armed) = self.armed.remove(at);
                    let adds = match how {
                        How::Add(more) => Some(more),
                        How::Refuse => None,
                    };
                    assert_eq!(V::adds(&armed.disarm()), adds);
                }
            }
            Op::Shrink => self.store.shrink_to_fit(),
            Op::Close => {
                assert!(self.store.close().await.is_ok());
                assert!(self.store.is_closed());
                self.model.close();
            }
            Op::Advance(time) => {
                for _ in 0..time {
                    self.advance().await;
                }
            }
        }
        // What expired at the end of a hold is called back with.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        self.take_handles();
        self.check();
    }

    /// One of each life that has come. That is a use of what was created just now.
    fn take_handles(&mut self) {
        for at in self.handles.len()..self.model.lives.len() {
            let life = &self.model.lives[at];
            let handle = if life.is_over() {
                None
            } else {
                self.store.handle(&uuid(life.key))
            };
            assert_eq!(handle.is_some(), !life.is_over());
            if handle.is_some() {
                self.model.used(at);
            }
            self.handles.push(handle);
        }
    }

    /// One of the last lives of which there is a handle.
    fn pick_life(&self, at: u8) -> Option<usize> {
        let last = self.handles.len().saturating_sub(5);
        let known: Vec<_> = (last..self.handles.len())
            .filter(|life| self.handles[*life].is_some())
            .collect();
        pick(at, known.len()).map(|at| known[at])
    }

    /// Whether an entry goes when a hold of it ends depends on when the last check was, which the model does not know.
    fn look_who_is_gone(&mut self) {
        let handles = self.handles.iter().enumerate();
        let gone = handles.filter(|(_, handle)| handle.as_ref().is_some_and(EntryHandle::is_over));
        self.model.gone = gone.map(|(life, _)| life).collect();
        self.model.expired_by_then = self.store.stats().expired;
    }

    fn create(&mut self, key: Key, count: i64) {
        match (self.store.create(&uuid(key), V::of(count)), self.model.at(key)) {
            (Ok(entry), None) => assert_eq!(seen(&entry), self.model.create(key, count)),
            (Err(occupied), Some(at)) => {
                assert_eq!(seen(&occupied.existing), self.model.lives[at].now);
                assert_eq!(occupied.value.count(), count);
                self.model.used(at);
            }
            (result, _) => panic!("{result:?}"),
        }
    }

    fn try_create(&mut self, key: Key, count: i64) {
        match (
            self.store.try_create(&uuid(key), V::of(count)),
            self.model.at(key),
        ) {
            (Err(TryCreateError::Rejected { value, .. }), _) => {
                assert_eq!(value.count(), count);
                assert!(count < 0);
            }
            (Ok(entry), None) if count >= 0 => assert_eq!(seen(&entry), self.model.create(key, count)),
            (Err(TryCreateError::Occupied(occupied)), Some(at)) if count >= 0 => {
                assert_eq!(seen(&occupied.existing), self.model.lives[at].now);
                assert_eq!(occupied.value.count(), count);
                self.model.used(at);
            }
            (result, _) => panic!("{result:?}"),
        }
    }

    /// What it makes goes at once: nobody knows its key. So this does nothing while somebody watches everything.
    fn try_init(&mut self, count: i64) {
        if !self.follows.is_empty() {
            return;
        }
        match self.store.try_init(V::of(count)) {
            Ok(key) => {
                assert!(count >= 0);
                let end = self.store.remove(&key).now_or_never().unwrap();
                assert_eq!(end.is_none(), self.model.closed);
                if let Some(end) = end {
                    self.model.floor += 2;
                    assert_eq!(end.version(), self.model.floor);
                }
            }
            Err(rejected) => assert!(count < 0 && rejected.value.count() == count),
        }
    }

    fn drop_armed(&mut self, at: usize) {
        let (key, how, armed) = self.armed.remove(at);
        drop(armed);
        self.look_who_is_gone();
        self.model.mutate_on_drop(key, how);
    }

    fn fetch(&mut self, key: Key) {
        let entry = self.store.fetch(&uuid(key));
        assert_eq!(entry.as_ref().map(seen), self.model.seen(key));
        if let (Some(entry), Some(at)) = (entry, self.model.at(key)) {
            self.model.used(at);
            let since = |instant: std::time::Instant| {
                let since = instant.duration_since(self.start.into_std());
                u64::try_from(since.as_millis()).unwrap()
            };
            let life = &self.model.lives[at];
            assert_eq!(
                (since(entry.create_time()), since(entry.last_change())),
                (life.created, life.changed)
            );
            assert_eq!(
                entry.expires_at().map(since),
                self.model.due(at),
                "when it expires"
            );
        }
    }

    fn try_acquire(&mut self, key: Key) {
        let result = self.store.try_acquire(&uuid(key));
        self.tried(result, self.model.at(key));
    }

    fn tried(&mut self, result: Result<EntryGuard<V>, TryAcquireError>, at: Option<usize>) {
        let Some(at) = at else {
            assert_eq!(result.unwrap_err(), TryAcquireError::Missing);
            return;
        };
        if self.model.lives[at].holder == Holder::Nobody {
            let guard = result.unwrap();
            self.model.hold(at);
            self.guards.push((at, guard));
        } else {
            assert_eq!(result.unwrap_err(), TryAcquireError::Held);
            // Whoever asks for an entry uses it, whatever comes of it.
            self.model.used(at);
        }
    }

    fn deadline(&mut self, key: Key, deadline: Deadline) {
        let uuid = &uuid(key);
        let result = match deadline {
            Deadline::After(time) => self.store.expire_after(uuid, Duration::from_millis(time)),
            Deadline::Past(time) => self.store.expire_at(uuid, past(time)),
            Deadline::Never if self.store.persist(uuid) => Ok(()),
            Deadline::Never => Err(DeadlineError::Missing),
        };
        let expected = match self.model.at(key) {
            None => Err(DeadlineError::Missing),
            Some(at) => {
                self.model.used(at);
                self.expect_deadline(at, deadline)
            }
        };
        assert_eq!(result, expected);
    }

    fn expect_deadline(&mut self, at: usize, deadline: Deadline) -> Result<(), DeadlineError> {
        if self.model.settings.expiry.is_some() && !self.model.closed {
            self.model.set_deadline(at, deadline);
            Ok(())
        } else if let (Some(_), Deadline::After(_) | Deadline::Past(_)) =
            (self.model.settings.expiry, deadline)
        {
            // The entry has ended with the store; a guard goes on.
            Err(DeadlineError::Missing)
        } else if let Deadline::Never = deadline {
            Ok(())
        } else {
            Err(DeadlineError::NoChecks)
        }
    }

    fn by_handle(&mut self, life: usize, by: ByHandle) {
        let handle = self.handles[life].clone().expect("it was picked");
        let at = self.model.found(self.model.lives[life].key, Some(life));
        match by {
            ByHandle::Fetch => {
                let now = at.map(|at| self.model.lives[at].now);
                assert_eq!(handle.fetch().as_ref().map(seen), now);
                at.into_iter().for_each(|at| self.model.used(at));
            }
            ByHandle::TryAcquire => self.tried(handle.try_acquire(), at),
            ByHandle::Broadcast => {
                let told = handle.broadcast("hello").ok();
                assert_eq!(told, at.map(|at| self.model.broadcast(at)));
            }
            ByHandle::Touch => {
                assert_eq!(handle.touch(), at.is_some());
                at.into_iter().for_each(|at| self.model.used(at));
            }
            ByHandle::Watch => {
                let watch = handle.watch();
                assert_eq!(watch.is_some(), at.is_some());
                if let (Some(watch), Some(at)) = (watch, at) {
                    self.watches.push(Watching::begin(&mut self.model, at, watch));
                }
            }
        }
    }

    fn of_set(&mut self, at: usize, of: OfSet) {
        let (model, set) = (&mut self.model, &mut self.sets[at]);
        let closed = model.closed;
        match of {
            OfSet::Add(key) => set.add(model, key, None),
            OfSet::AddSince(key, back) => {
                let version = model.version_back(key, back);
                set.add(model, key, Some(version));
            }
            OfSet::Remove(key) => set.remove(model, key),
            OfSet::Clear => set.clear(model),
            OfSet::Next => drop(set.take(model, Taking::Next, closed)),
            OfSet::NextShared => drop(set.take(model, Taking::NextShared, closed)),
            OfSet::TryNext => drop(set.take(model, Taking::TryNext, closed)),
            OfSet::TryNextShared => drop(set.take(model, Taking::TryNextShared, closed)),
            OfSet::Drop => self.sets.swap_remove(at).end(model),
        }
    }

    // Calls that may wait.

    fn start(&mut self, life: Option<usize>, task: Task) {
        let id = self.next_task;
        self.next_task += 1;
        let version = match task {
            Task::MutateIf(key, back, _) | Task::Rollback(key, back) => self.model.version_back(key, back),
            _ => 0,
        };
        let future: Pin<Box<dyn Future<Output = _>>> = match life.and_then(|life| self.handles[life].clone())
        {
            None => Box::pin(call(self.store.clone(), task.clone(), version)),
            Some(handle) => Box::pin(call_by_handle(handle, task.clone(), version)),
        };
        self.tasks.insert(id, spawn(future));
        self.model.start(id, life, task);
        self.poll(id);
    }

    fn poll(&mut self, id: usize) {
        let task = self.tasks.get_mut(&id).unwrap();
        let (said, guards) = match task.poll() {
            Poll::Ready((said, guards)) => (Some(said), guards),
            Poll::Pending => (None, Vec::new()),
        };
        self.look_who_is_gone();
        assert_eq!(said, self.model.poll(id), "what a call says");
        if said.is_some() {
            drop(self.tasks.remove(&id));
        }
        for guard in guards {
            let key = guard.key().as_bytes()[15];
            self.guards.push((self.model.current[&key], guard));
        }
    }

    fn by_guard(&mut self, at: usize, mut guard: EntryGuard<V>, by: ByGuard) {
        let model = &mut self.model;
        let key = model.lives[at].key;
        match by {
            ByGuard::Mutate(how) => {
                let said = guard
                    .mutate(change::<V>(how))
                    .map_or(Said::Refused, |entry| Said::Entry(seen(&entry)));
                assert_eq!(said, model.mutate(at, how));
            }
            ByGuard::Set(count) => {
                let old = model.lives[at].now;
                assert_eq!(seen(&guard.set(V::of(count))), old);
                model.commit(at, Kind::Overwrite, count);
            }
            ByGuard::TrySet(count) => {
                let old = model.lives[at].now;
                let result = guard.try_set(V::of(count));
                if count < old.count {
                    assert_eq!(result.unwrap_err(), Refused);
                } else {
                    assert_eq!(seen(&result.unwrap()), old);
                    model.commit(at, Kind::Overwrite, count);
                }
            }
            ByGuard::Rollback(back) => {
                let version = model.version_back(key, back);
                let said = rolled_back(guard.rollback(version));
                assert_eq!(said, model.rollback(at, version));
            }
            ByGuard::Broadcast => assert_eq!(guard.broadcast("hello"), model.broadcast(at)),
            ByGuard::Touch => {
                guard.touch();
                model.used(at);
            }
            ByGuard::Deadline(deadline) => {
                let result = match deadline {
                    Deadline::After(time) => guard.expire_after(Duration::from_millis(time)),
                    Deadline::Past(time) => guard.expire_at(past(time)),
                    Deadline::Never => {
                        guard.persist();
                        Ok(())
                    }
                };
                assert_eq!(result, self.expect_deadline(at, deadline));
            }
            ByGuard::Watch => {
                let watching = Watching::begin(model, at, guard.watch());
                self.watches.push(watching);
            }
            ByGuard::Delete => {
                assert_eq!(seen(&guard.delete()), model.end(at, Kind::Remove));
                model.settle();
                return;
            }
            ByGuard::Release => {
                guard.release();
                self.look_who_is_gone();
                self.model.release(at);
                self.model.settle();
                return;
            }
        }
        self.guards.push((at, guard));
    }

    // Time.

    /// Lets a millisecond pass, and whatever is due then.
    async fn advance(&mut self) {
        tokio::time::advance(Duration::from_millis(1)).await;
        self.model.now += 1;
        // A check, a batch and a callback are a few tasks.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        // In the order in which they went, which is free within a check.
        let known = self.model.expired.len();
        let news = self.expired.lock().unwrap()[known..].to_vec();
        for (key, end) in news {
            let now = self.model.now;
            let at = self
                .model
                .at(key)
                .unwrap_or_else(|| panic!("there was no {key} to expire at {now}"));
            assert!(self.model.may_expire(at), "{key} has expired too early, at {now}");
            assert_eq!(self.model.end(at, Kind::Expire), end);
        }
        for (key, at) in &self.model.current {
            let late = self.model.must_have_expired(*at);
            assert!(!late, "{key} should have expired by {}", self.model.now);
        }
    }

    // What must be true after every step.

    fn check(&self) {
        for (id, task) in &self.tasks {
            if self.model.is_awake(*id) {
                assert!(task.is_woken(), "nobody has woken task {id}");
            }
        }
        for (at, guard) in &self.guards {
            assert_eq!(
                seen(&guard.as_entry()),
                self.model.lives[*at].now,
                "what a guard shows"
            );
        }
        for watching in &self.watches {
            watching.check(&self.model, self.model.closed);
        }
        for copying in &self.copies {
            copying.check(&self.model, self.model.closed);
        }
        for following in &self.follows {
            following.check(&self.model, self.model.closed);
        }
        for set in &self.sets {
            set.check(&self.model, self.model.closed);
        }
        for (handle, life) in self.handles.iter().zip(&self.model.lives) {
            if let Some(handle) = handle {
                assert_eq!(handle.is_over(), life.is_over(), "whether a life is over");
                let now = (!life.is_over()).then_some(life.now);
                assert_eq!(handle.peek().as_ref().map(seen), now, "what a handle shows");
            }
        }
        self.check_stats();
        for key in 0..KEYS {
            // No use of the entry, so that it expires as if this had not looked.
            let peeked = self.store.peek(&uuid(key));
            assert_eq!(peeked.as_ref().map(seen), self.model.seen(key));
            let history = self.store.history(&uuid(key));
            let history = history.map(|history| history.iter().map(seen).collect::<Vec<_>>());
            assert_eq!(history, self.model.at(key).map(|at| self.model.history(at)));
        }
        self.check_entries(self.store.entries());
        assert_eq!(self.store.len(), self.model.current.len());
        assert_eq!(
            *self.expired.lock().unwrap(),
            self.model.expired,
            "what was called back with"
        );
    }

    fn check_stats(&self) {
        let stats = self.store.stats();
        let lives = || self.model.current.values().map(|at| &self.model.lives[*at]);
        let held = lives().filter(|life| life.holder != Holder::Nobody);
        let granted = lives().filter(|life| matches!(life.holder, Holder::Granted(_)));
        let watched = self.watches.iter().map(Watching::life);
        let watched: Vec<_> = watched
            .chain(self.copies.iter().map(|copying| copying.life))
            .collect();
        let in_sets: usize = self.sets.iter().map(Gathering::len).sum();
        let in_any = self.sets.iter().flat_map(Gathering::lives);
        let watched_entries = BTreeSet::from_iter(watched.iter().copied().chain(in_any));
        assert_eq!(stats.entries, self.model.current.len());
        assert_eq!(
            (stats.held, stats.granted),
            (held.count(), granted.count()),
            "held, granted"
        );
        assert_eq!(stats.waiters, lives().map(|life| life.queue.len()).sum::<usize>());
        assert_eq!(
            (stats.watchers, stats.watch_alls),
            (watched.len() + in_sets, self.follows.len())
        );
        // When the store has ended, a set lets its members go one by one.
        assert!(stats.watched_entries == watched_entries.len() || self.model.closed);
        assert_eq!(stats.expired, self.model.expired.len() as u64);
    }

    fn check_entries(&self, entries: impl IntoIterator<Item = (Uuid, Entry<V>)>) {
        let entries = entries.into_iter();
        let entries: BTreeMap<_, _> = entries
            .map(|(key, entry)| (key.as_bytes()[15], seen(&entry)))
            .collect();
        let lives = self.model.current.iter();
        let expected: BTreeMap<_, _> = lives.map(|(key, at)| (*key, self.model.lives[*at].now)).collect();
        assert_eq!(entries, expected, "all entries");
    }

    /// Everybody leaves, and the store ends.
    pub(super) fn end(mut self) {
        while !self.armed.is_empty() {
            self.drop_armed(0);
        }
        while let Some((id, task)) = self.tasks.pop_first() {
            drop(task);
            self.look_who_is_gone();
            self.model.cancel(id);
        }
        for (at, guard) in std::mem::take(&mut self.guards) {
            drop(guard);
            self.look_who_is_gone();
            self.model.release(at);
            self.model.settle();
        }
        for key in 0..KEYS {
            let free = self.store.try_acquire(&uuid(key));
            assert_eq!(
                free.err(),
                self.model.at(key).is_none().then_some(TryAcquireError::Missing)
            );
        }
        drop(self.handles);
        drop(self.store);
        for mut watching in self.watches {
            watching.check(&self.model, true);
            while watching.take(&self.model, true) {}
        }
        for mut copying in self.copies {
            copying.check(&self.model, true);
            while copying.take(&self.model, true) {}
        }
        for mut following in self.follows {
            following.check(&self.model, true);
            while following.take(&self.model, usize::MAX, true) {}
        }
        for mut set in self.sets {
            set.check(&self.model, true);
            while set.take(&mut self.model, Taking::Next, true) {}
            assert_eq!(set.len(), 0);
        }
    }
}

/// The task with another key.
fn of_key(task: Task, key: Key) -> Task {
    match task {
        Task::Acquire(_) => Task::Acquire(key),
        Task::AcquireTimeout(_, limit) => Task::AcquireTimeout(key, limit),
        Task::Mutate(_, how) => Task::Mutate(key, how),
        Task::MutateVersion(_, how) => Task::MutateVersion(key, how),
        Task::MutateIf(_, back, how) => Task::MutateIf(key, back, how),
        Task::Remove(_) => Task::Remove(key),
        Task::Rollback(_, back) => Task::Rollback(key, back),
        other => panic!("{other:?} does not go by a handle"),
    }
}

fn past(time: u64) -> std::time::Instant {
    let now = Instant::now().into_std();
    now.checked_sub(Duration::from_millis(time)).unwrap_or(now)
}

fn rolled_back<V: Counting>(result: Result<Entry<V>, RollbackError<Refused>>) -> Said {
    match result {
        Ok(entry) => Said::Entry(seen(&entry)),
        Err(RollbackError::Missing) => Said::Missing,
        Err(RollbackError::NotKept { oldest }) => Said::NotKept(oldest),
        Err(RollbackError::Rejected(Refused)) => Said::Refused,
    }
}

fn mutated<V: Counting>(result: Result<Entry<V>, MutateError<Refused>>) -> Said {
    match result {
        Ok(entry) => Said::Entry(seen(&entry)),
        Err(MutateError::Missing) => Said::Missing,
        Err(MutateError::Rejected(Refused)) => Said::Refused,
    }
}

fn held<V: Counting>(guards: Vec<EntryGuard<V>>) -> Outcome<V> {
    (
        Said::Held(guards.iter().map(|guard| seen(&guard.as_entry())).collect()),
        guards,
    )
}

fn changed<V: Counting>(result: Result<u64, MutateError<Refused>>) -> Said {
    match result {
        Ok(version) => Said::Version(version),
        Err(MutateError::Missing) => Said::Missing,
        Err(MutateError::Rejected(Refused)) => Said::Refused,
    }
}

fn mutated_if<V: Counting>(result: Result<Entry<V>, MutateIfError<V>>) -> Said {
    match result {
        Ok(entry) => Said::Entry(seen(&entry)),
        Err(MutateIfError::Missing) => Said::Missing,
        Err(MutateIfError::Conflict(now)) => Said::Conflict(seen(&now)),
        Err(MutateIfError::Rejected(Refused)) => Said::Refused,
    }
}

/// Does a task with a handle.
async fn call_by_handle<V: Counting>(handle: EntryHandle<V>, task: Task, version: u64) -> Outcome<V> {
    let said = match task {
        Task::Acquire(_) => match handle.acquire().await {
            Some(guard) => return held(vec![guard]),
            None => Said::Missing,
        },
        Task::AcquireTimeout(_, limit) => match handle.acquire_timeout(Duration::from_millis(limit)).await {
            Ok(guard) => return held(vec![guard]),
            Err(AcquireError::Missing) => Said::Missing,
            Err(AcquireError::TimedOut) => Said::TimedOut,
        },
        Task::Mutate(_, how) => mutated(handle.mutate(change::<V>(how)).await),
        Task::MutateVersion(_, how) => changed::<V>(handle.mutate_version(change::<V>(how)).await),
        Task::MutateIf(_, _, how) => mutated_if(handle.mutate_if(version, change::<V>(how)).await),
        Task::Remove(_) => match handle.remove().await {
            Some(end) => Said::Entry(seen(&end)),
            None => Said::Missing,
        },
        Task::Rollback(..) => rolled_back(handle.rollback(version).await),
        other => panic!("{other:?} does not go by a handle"),
    };
    (said, Vec::new())
}

/// Does a task with the store.
async fn call<V: Counting>(store: LiveStore<V>, task: Task, version: u64) -> Outcome<V> {
    let said = match task {
        Task::Acquire(key) => match store.acquire(&uuid(key)).await {
            Some(guard) => return held(vec![guard]),
            None => Said::Missing,
        },
        Task::AcquireTimeout(key, limit) => {
            match store
                .acquire_timeout(&uuid(key), Duration::from_millis(limit))
                .await
            {
                Ok(guard) => return held(vec![guard]),
                Err(AcquireError::Missing) => Said::Missing,
                Err(AcquireError::TimedOut) => Said::TimedOut,
            }
        }
        Task::AcquireMany(keys) => {
            let keys: Vec<_> = keys.into_iter().map(uuid).collect();
            match store.acquire_many(&keys).await {
                Ok(guards) => return held(guards.into_iter().collect()),
                Err(missing) => Said::MissingKey(missing.0.as_bytes()[15]),
            }
        }
        Task::Mutate(key, how) => mutated(store.mutate(&uuid(key), change::<V>(how)).await),
        Task::MutateVersion(key, how) => {
            changed::<V>(store.mutate_version(&uuid(key), change::<V>(how)).await)
        }
        Task::MutateIf(key, _, how) => {
            mutated_if(store.mutate_if(&uuid(key), version, change::<V>(how)).await)
        }
        Task::MutateOrCreate(key, count, how) => {
            let result = store
                .mutate_or_create(&uuid(key), || V::of(count), change::<V>(how))
                .await;
            result.map_or(Said::Refused, |entry| Said::Entry(seen(&entry)))
        }
        Task::CommitOnDrop(key, how) => {
            let armed = store.mutate_on_drop(&uuid(key), change::<V>(how));
            mutated(armed.commit().await)
        }
        Task::TryInsert(key, count) => match store.try_insert(&uuid(key), V::of(count)).await {
            Ok(Some(previous)) => Said::Entry(seen(&previous)),
            Ok(None) => Said::Missing,
            Err(rejected) => {
                assert_eq!(rejected.value.count(), count);
                Said::Refused
            }
        },
        Task::TryAssign(key, count) => match store.try_assign(&uuid(key), V::of(count)).await {
            Ok(previous) => Said::Entry(seen(&previous)),
            Err(TryAssignError::Missing(unused)) => {
                assert_eq!(unused.count(), count);
                Said::Missing
            }
            Err(TryAssignError::Rejected { value, .. }) => {
                assert_eq!(value.count(), count);
                Said::Refused
            }
            Err(error) => panic!("{error:?}"),
        },
        Task::Insert(key, count) => match store.insert(&uuid(key), V::of(count)).await {
            Some(previous) => Said::Entry(seen(&previous)),
            None => Said::Missing,
        },
        Task::Assign(key, count) => match store.assign(&uuid(key), V::of(count)).await {
            Ok(previous) => Said::Entry(seen(&previous)),
            Err(unused) => {
                assert_eq!(unused.0.count(), count);
                Said::Missing
            }
        },
        Task::Remove(key) => match store.remove(&uuid(key)).await {
            Some(end) => Said::Entry(seen(&end)),
            None => Said::Missing,
        },
        Task::Rollback(key, _) => rolled_back(store.rollback(&uuid(key), version).await),
        Task::Transact(keys, steps, verdict) => {
            let keys: Vec<_> = keys.into_iter().map(uuid).collect();
            let stage = |tx: &mut Tx<V>| {
                let said: Vec<_> = steps.into_iter().map(|step| staged(tx, step)).collect();
                match verdict {
                    Verdict::Commit => Ok(said),
                    Verdict::Abort => Err(said),
                }
            };
            match store.transact(&keys, stage).await {
                Ok(said) => Said::Committed(said),
                Err(TransactError::Aborted(said)) => Said::Aborted(said),
                Err(TransactError::Occupied(key)) => Said::Occupied(key.as_bytes()[15]),
                Err(TransactError::Closed) => Said::Closed,
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    (said, Vec::new())
}

fn staged<V: Counting>(tx: &mut Tx<V>, step: Step) -> Said {
    match step {
        Step::Mutate(key, how) => mutated(tx.mutate(&uuid(key), change::<V>(how))),
        Step::Set(key, count) => match tx.set(&uuid(key), V::of(count)) {
            Ok(previous) => Said::Entry(seen(&previous)),
            Err(_) => Said::Missing,
        },
        Step::TrySet(key, count) => match tx.try_set(&uuid(key), V::of(count)) {
            Ok(previous) => Said::Entry(seen(&previous)),
            Err(TryAssignError::Missing(_)) => Said::Missing,
            Err(TryAssignError::Rejected { .. }) => Said::Refused,
            Err(error) => panic!("{error:?}"),
        },
        Step::TryCreate(key, count) => match tx.try_create(&uuid(key), V::of(count)) {
            Ok(()) => Said::Done,
            Err(TryCreateError::Occupied(occupied)) => Said::OccupiedBy(seen(&occupied.existing)),
            Err(TryCreateError::Rejected { .. }) => Said::Refused,
            Err(error) => panic!("{error:?}"),
        },
        Step::Create(key, count) => match tx.create(&uuid(key), V::of(count)) {
            Ok(()) => Said::Done,
            Err(occupied) => Said::OccupiedBy(seen(&occupied.existing)),
        },
        Step::Remove(key) => match tx.remove(&uuid(key)) {
            Some(entry) => Said::Entry(seen(&entry)),
            None => Said::Missing,
        },
        Step::Broadcast(key) => tx
            .broadcast(&uuid(key), "hello")
            .map_or(Said::Missing, |()| Said::Done),
        Step::Deadline(key, deadline) => {
            let key = &uuid(key);
            let result = match deadline {
                Deadline::After(time) => tx.expire_after(key, Duration::from_millis(time)),
                Deadline::Past(time) => tx.expire_at(key, past(time)),
                Deadline::Never if tx.persist(key) => Ok(()),
                Deadline::Never => Err(DeadlineError::Missing),
            };
            match result {
                Ok(()) => Said::Done,
                Err(DeadlineError::Missing) => Said::Missing,
                Err(DeadlineError::NoChecks) => Said::NoChecks,
                Err(DeadlineError::RuntimeEnded) => Said::NoMoreChecks,
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}
