//! [`Scene`]: a store with entries and those who wait, in which one call is made, and what must hold afterwards.

use std::pin::{Pin, pin};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use livestore::{
    DeltaWatch, Entry, EntryGuard, ExpireMode, Guards, ListUpdate, LiveQuery, LiveStore, MutateOnDrop, Query,
    StoreOptions, TryAcquireError, Update, Uuid, Watch, WatchAll, WatchSet,
};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::yield_now;

use super::user::{Change, KEY, Listener, Message, OTHER, Quiet, Site, User, UserWaker, Woken, World};

/// In what a call is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Whether mutations are applied in place, where that can be.
    pub(crate) plain: bool,
    /// Who is told.
    pub(crate) audience: Audience,
    pub(crate) history: usize,
    pub(crate) channel_cap: usize,
    /// Whether visits change things as well.
    pub(crate) loud: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Audience {
    Nobody,
    Deltas,
    Everybody,
}

/// What the tested call needs to be there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Needs {
    /// Nothing: all entries are free.
    Nothing,
    /// The entry is held by somebody, who ends while the call waits.
    ToWait,
    /// A guard of the entry, behind which others wait.
    Guard,
    /// Guards of both entries.
    Guards,
    /// Watches that have something to take.
    Watches,
}

/// Somebody who is told of an entry, and has not been woken yet.
struct Told {
    key: Uuid,
    /// The version that it was told.
    version: u64,
    watch: Watch<User>,
}

type Waiting = Pin<Box<dyn Future<Output = Option<EntryGuard<User>>>>>;

pub(crate) struct Scene {
    pub(crate) world: Arc<World>,
    pub(crate) store: LiveStore<User>,
    pub(crate) runtime: Arc<Runtime>,
    needs: Needs,
    history: usize,
    blocker: Option<EntryGuard<User>>,
    pub(crate) guard: Option<EntryGuard<User>>,
    pub(crate) guards: Option<Guards<User>>,
    pub(crate) watch: Option<Watch<User>>,
    pub(crate) deltas: Option<DeltaWatch<User>>,
    pub(crate) all: Option<WatchAll<User>>,
    pub(crate) set: Option<WatchSet<User>>,
    pub(crate) query: Option<LiveQuery<User>>,
    /// What the query has told, until it failed.
    list: Option<Vec<(Uuid, Entry<User>)>>,
    pub(crate) on_drop: Option<MutateOnDrop<User>>,
    /// The version that the tested watch was told last.
    pub(crate) told: u64,
    audience: Vec<Told>,
    deltas_told: Vec<DeltaWatch<User>>,
    all_told: Option<WatchAll<User>>,
    waiting: Vec<(Arc<Woken>, Waiting)>,
    wakers: Vec<Arc<Waker>>,
}

/// The entries, as far as it matters whether a call has changed them. Keys that were made up come last.
pub(crate) type Entries = Vec<(Uuid, u64, u64)>;

impl Scene {
    pub(crate) fn new(runtime: &Arc<Runtime>, setting: Setting, needs: Needs, panics: Vec<usize>) -> Scene {
        let world = Arc::new(World {
            loud: setting.loud,
            plain: setting.plain,
            panics,
            ..World::default()
        });
        let options = StoreOptions {
            channel_cap: setting.channel_cap,
            shard_amt: Some(2),
            history: setting.history,
            expire_check_freq: Some(Duration::from_secs(3600)),
            expire_mode: ExpireMode::Idle(Duration::from_secs(7200)),
            ..Default::default()
        };
        let store = LiveStore::new().with_options(options).done();
        let _ = world.store.set(store.downgrade());
        drop(store.create(&KEY, User::new(&world, 0)));
        drop(store.create(&OTHER, User::new(&world, 100)));
        let mut scene = Scene {
            needs,
            history: setting.history,
            blocker: None,
            guard: None,
            guards: None,
            watch: None,
            deltas: None,
            all: None,
            set: None,
            query: None,
            list: Some(Vec::new()),
            on_drop: None,
            told: 1,
            audience: Vec::new(),
            deltas_told: Vec::new(),
            all_told: None,
            waiting: Vec::new(),
            wakers: Vec::new(),
            runtime: Arc::clone(runtime),
            world,
            store,
        };
        if needs == Needs::Watches {
            scene.watch = scene.store.watch(&KEY);
            scene.deltas = scene.store.watch_deltas(&KEY);
            scene.all = Some(scene.store.watch_all());
            let mut set = scene.store.watch_set();
            for key in [KEY, OTHER] {
                drop(set.add(&key));
            }
            scene.set = Some(set);
            scene.query = Some(scene.live().watch());
            scene.run();
        }
        // Something to take, to go back to, and to be displaced.
        scene.change(KEY);
        scene.change(KEY);
        drop(scene.store.broadcast(&KEY, Message::new(&scene.world)));
        scene.change(OTHER);
        if needs == Needs::Watches {
            // The query has told one of them alone.
            scene.run();
            scene.change(OTHER);
            scene.run();
        }
        if setting.audience == Audience::Everybody {
            for key in [KEY, KEY, OTHER] {
                scene.audience.push(Told {
                    key,
                    version: scene.version(&key),
                    watch: scene.store.watch(&key).unwrap(),
                });
            }
            scene.all_told = Some(scene.store.watch_all());
        }
        if setting.audience != Audience::Nobody {
            scene.deltas_told.extend(scene.store.watch_deltas(&KEY));
        }
        scene.wait_to_be_told();
        match needs {
            Needs::ToWait => scene.blocker = scene.store.try_acquire(&KEY).ok(),
            Needs::Guard => {
                scene.guard = scene.store.try_acquire(&KEY).ok();
                for waker in [UserWaker::make(&scene.world), Waker::noop().clone()] {
                    scene.line_up(waker);
                }
            }
            Needs::Guards => scene.guards = ready(scene.store.acquire_many(&[KEY, OTHER])).ok(),
            Needs::Nothing | Needs::Watches => scene.world.is_free.store(true, SeqCst),
        }
        scene
    }

    fn version(&self, key: &Uuid) -> u64 {
        self.store.peek(key).map_or(0, |entry| entry.version())
    }

    fn change(&self, key: Uuid) {
        assert!(ready(self.store.mutate(&key, Change::add(&self.world))).is_ok());
    }

    /// Has all who are told wait, one of them with a waker of the user's.
    fn wait_to_be_told(&mut self) {
        let mut listeners = self
            .world
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut listen = |key: Uuid, version: u64| {
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            listeners.push(Listener { key, version, woken });
            waker
        };
        let users = UserWaker::make(&self.world);
        for (at, told) in self.audience.iter_mut().enumerate() {
            let waker = if at == 0 {
                users.clone()
            } else {
                listen(told.key, told.version)
            };
            assert!(poll(told.watch.next(), &waker).is_pending());
        }
        let version = self.store.peek(&KEY).map_or(0, |entry| entry.version());
        for deltas in &mut self.deltas_told {
            assert!(poll(deltas.next(), &listen(KEY, version)).is_pending());
        }
        if let Some(all) = &mut self.all_told {
            assert!(poll(all.next(), &listen(KEY, version)).is_pending());
        }
    }

    /// One more waits for the entry.
    fn line_up(&mut self, waker: Waker) {
        let woken = Arc::new(Woken::default());
        let store = self.store.clone();
        let mut waiting: Waiting = Box::pin(async move { store.acquire(&KEY).await });
        // The first has the user's waker, and the second one that tells.
        let waker = match self.waiting.is_empty() {
            true => waker,
            false => Waker::from(Arc::clone(&woken)),
        };
        assert!(
            waiting
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        self.waiting.push((woken, waiting));
    }

    /// A version to go back to.
    pub(crate) fn past(&self) -> u64 {
        let _quiet = Quiet::begin();
        self.version(&KEY) - u64::from(self.history > 0)
    }

    /// A version that the entry is at.
    pub(crate) fn present(&self) -> u64 {
        let _quiet = Quiet::begin();
        self.version(&KEY)
    }

    /// Goes through a call that may have to wait until the entry is let go of.
    pub(crate) fn finish<F: Future>(&mut self, call: F) -> F::Output {
        let mut call = pin!(call);
        let waker = self.waker();
        for _ in 0..3 {
            if let Poll::Ready(output) = call.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            drop(self.blocker.take());
        }
        panic!("{:?}: this waits for nobody", self.needs)
    }

    /// A waker for the task that makes the call. It goes after all else: dropped as a function returns, and panicking, it has the
    /// compiler forget what is returned, a guard for example.
    pub(crate) fn waker(&mut self) -> Arc<Waker> {
        let _quiet = Quiet::begin();
        let waker = UserWaker::make(&self.world);
        let waker = Arc::new(waker);
        self.wakers.push(Arc::clone(&waker));
        waker
    }

    /// Has whoever holds the entry let go of it.
    pub(crate) fn unblock(&mut self) {
        drop(self.blocker.take());
    }

    /// A query in which all entries are.
    pub(crate) fn live(&self) -> Query<User, u64> {
        let world = Arc::clone(&self.world);
        self.store.live(move |_, user| {
            world.visit(Site::Closure);
            Some(user.number)
        })
    }

    /// Lets the tasks of queries run until they have nothing to do.
    pub(crate) fn run(&self) {
        self.world.is_calm.store(true, SeqCst);
        self.runtime.block_on(async {
            for _ in 0..16 {
                yield_now().await;
            }
        });
        self.world.is_calm.store(false, SeqCst);
    }

    /// Carries out what the query has told.
    pub(crate) fn receive(&mut self, update: ListUpdate<User>) {
        let _quiet = Quiet::begin();
        match &mut self.list {
            Some(list) if !matches!(update, ListUpdate::Failed(_)) => update.apply(list),
            _ => self.list = None,
        }
    }

    pub(crate) fn entries(&self) -> Entries {
        let _quiet = Quiet::begin();
        let entries = self.store.entries().map(|(key, entry)| match key {
            // The floor rises with what comes and goes meanwhile.
            KEY | OTHER if !self.world.loud => (key, entry.version(), entry.number),
            KEY | OTHER => (key, 0, entry.number),
            _ => (Uuid::max(), 0, entry.number),
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable();
        entries
    }

    /// Looks at everything once the call is over.
    pub(crate) fn look_after(&mut self, before: &Entries, expected: &Entries) {
        let _quiet = Quiet::begin();
        let world = Arc::clone(&self.world);
        world.on.store(false, SeqCst);
        let now = self.entries();
        if now != *before && now != *expected {
            world.note(format!("{now:?} is neither {before:?} nor {expected:?}"));
        }
        self.look_at_guards();
        drop((
            self.blocker.take(),
            self.guard.take(),
            self.guards.take(),
            self.on_drop.take(),
        ));
        self.look_at_who_waits();
        for key in [KEY, OTHER] {
            match self.store.try_acquire(&key).map(drop) {
                Err(TryAcquireError::Held) => world.note(format!("{key} is left held")),
                Ok(()) | Err(TryAcquireError::Missing) => {}
            }
        }
        self.look_at_who_is_told();
        self.look_at_the_watches();
        self.look_at_the_query();
        let store = self.store.clone();
        drop((
            self.watch.take(),
            self.deltas.take(),
            self.all.take(),
            self.set.take(),
            self.query.take(),
        ));
        self.run();
        self.wakers.clear();
        self.audience.clear();
        self.deltas_told.clear();
        self.all_told = None;
        let stats = store.stats();
        let left = (
            stats.held,
            stats.waiters,
            stats.granted,
            stats.watchers,
            stats.watched_entries,
        );
        if left != (0, 0, 0, 0, 0) || stats.watch_alls != 0 {
            world.note(format!("left: {stats:?}"));
        }
    }

    /// A guard is as old as its entry, and still good for a change.
    fn look_at_guards(&mut self) {
        let many = self.guards.iter_mut().flat_map(|guards| guards.iter_mut());
        for guard in self.guard.iter_mut().chain(many) {
            let now = self.store.peek(guard.key());
            let now = now.map(|entry| (entry.version(), entry.number));
            if !self.store.is_closed() && now != Some((guard.version(), guard.number)) {
                self.world.note(format!(
                    "a guard shows version {} with {} of {now:?}",
                    guard.version(),
                    guard.number
                ));
            }
            let number = guard.number;
            let mutated = guard.mutate(Change::add(&self.world));
            if mutated.map(|entry| entry.number).ok() != Some(number + 1) {
                self.world.note("a guard mutates something else".to_owned());
            }
        }
    }

    /// Those who waited for the entry get it, one after another.
    fn look_at_who_waits(&mut self) {
        for (at, (woken, mut waiting)) in self.waiting.drain(..).enumerate() {
            if at > 0 && !woken.is_woken() {
                self.world
                    .note("who waits for the entry was not woken".to_owned());
            }
            match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(guard) => drop(guard),
                Poll::Pending => self.world.note("who waits for the entry waits still".to_owned()),
            }
        }
    }

    /// Those who are told of an entry hear of each change once, in order.
    fn look_at_who_is_told(&mut self) {
        for listener in self
            .world
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            if self.version(&listener.key) != listener.version && !listener.woken.is_woken() {
                self.world
                    .note(format!("somebody was not woken for {}", listener.key));
            }
        }
        let (world, store) = (Arc::clone(&self.world), self.store.clone());
        for told in &mut self.audience {
            follow(&world, &store, told.key, &mut told.watch, told.version);
        }
        for deltas in &mut self.deltas_told {
            let mut last = None;
            while let Some(delta) = deltas.try_next() {
                last = Some((delta.version(), delta.is_end()));
            }
            let now = store.peek(&KEY).map(|entry| entry.version());
            let whole = match (now, last) {
                (Some(now), Some((last, is_end))) => (last == now) != is_end,
                (None, Some((_, is_end))) => is_end || store.is_closed(),
                (Some(now), None) => now == self.told.max(3),
                (None, None) => store.is_closed(),
            };
            if !whole {
                world.note(format!("deltas end with {last:?}, the entry is at {now:?}"));
            }
        }
    }

    /// What the tested query was not given, it is given now, and then its list is the store. Or it has failed.
    fn look_at_the_query(&mut self) {
        let Some(mut query) = self.query.take() else {
            return;
        };
        for _ in 0..3 {
            self.run();
            while let Some(update) = query.try_next() {
                self.receive(update);
            }
        }
        let Some(list) = &self.list else {
            return;
        };
        let told: Vec<_> = list.iter().map(|(key, user)| (user.number, *key)).collect();
        let mut now: Vec<_> = self
            .store
            .entries()
            .map(|(key, user)| (user.number, key))
            .collect();
        now.sort_unstable();
        if told != now && !self.store.is_closed() {
            self.world
                .note(format!("a list is {told:?}, and the store {now:?}"));
        }
    }

    /// What the tested watch was not given, it is given now.
    fn look_at_the_watches(&mut self) {
        let (world, store) = (Arc::clone(&self.world), self.store.clone());
        if let Some(mut watch) = self.watch.take() {
            follow(&world, &store, KEY, &mut watch, self.told);
        }
    }
}

/// Takes everything, and asserts that it is contiguous and leads to the present.
fn follow(world: &Arc<World>, store: &LiveStore<User>, key: Uuid, watch: &mut Watch<User>, mut seen: u64) {
    let mut is_over = false;
    let mut resynced = false;
    while let Some(update) = watch.try_next() {
        let version = update.version();
        world.see(key, update.entry());
        let follows = !is_over
            && match &update {
                Update::Message { .. } => version == seen,
                Update::Resync { .. } => version >= seen,
                update if update.is_end() => version == seen + 1 || (resynced && version == seen),
                _ => version == seen + 1,
            };
        resynced |= matches!(update, Update::Resync { .. });
        if !follows {
            world.note(format!("{key}: {update:?} follows version {seen}"));
        }
        is_over |= update.is_end();
        seen = version;
    }
    let now = store.peek(&key).map(|entry| entry.version());
    if !is_over && !store.is_closed() && now != Some(seen) {
        world.note(format!("{key} is at {now:?}, and was told up to {seen}"));
    }
}

pub(crate) fn poll<F: Future>(future: F, waker: &Waker) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

/// What need not be waited for.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    match poll(future, Waker::noop()) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("this must not wait"),
    }
}
