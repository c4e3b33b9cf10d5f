//! User code runs under no lock, may call the store, and may panic.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use cooked_waker::{IntoWaker, WakeRef};
use livestore::{
    Entry, EntryGuard, ExpireMode, LiveStore, LiveValue, StoreOptions, TryAcquireError, Update, Uuid, Watch,
    WeakLiveStore,
};
use livestore_tests::{Change, Counter, Hook, counter, must_not_hang_async};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

#[test]
fn a_mutation_that_panics_leaves_the_entry_as_it_was_and_free() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = spawn(store.mutate(&key, Change::Panic)).poll();
    }));
    assert!(panicked.is_err());
    let mut guard = store.try_acquire(&key).unwrap();
    assert_eq!((guard.count, guard.version()), (1, 1));

    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = guard.mutate(Change::Panic);
    }));
    assert!(panicked.is_err());
    assert_eq!((guard.count, guard.version()), (1, 1));
    guard.mutate(Change::Add(1)).unwrap();
    drop(guard);
    assert!(
        matches!(assert_ready!(spawn(watch.next()).poll()), Some(Update::Mutate { new, .. }) if new.version() == 2)
    );
}

#[test]
fn a_mutation_that_panics_hands_the_entry_to_the_next_in_line() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(counter(1));
    let key = *guard.key();
    let mut first = spawn(store.mutate(&key, Change::Panic));
    let mut second = spawn(store.mutate(&key, Change::Add(1)));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    drop(guard);
    assert!(
        catch_unwind(AssertUnwindSafe(|| {
            let _ = first.poll();
        }))
        .is_err()
    );
    assert!(second.is_woken());
    assert_eq!(assert_ready!(second.poll()).unwrap().count, 2);
}

#[test]
fn a_mutation_may_call_the_store_also_for_its_own_key() {
    must_not_hang_async(|| async {
        let store = LiveStore::<Counter>::default();
        let (key, _watch) = store.init_and_watch(counter(1));
        let calls = {
            let store = store.clone();
            Hook::new(move || {
                assert_eq!(store.fetch(&key).unwrap().count, 1);
                assert_eq!(store.broadcast(&key, "from within").unwrap(), 1);
                // It is being changed, so nobody else may.
                assert_eq!(store.try_acquire(&key).unwrap_err(), TryAcquireError::Held);
                assert!(store.create(&key, counter(0)).is_err());
                for _ in 0..200 {
                    // Keys in every shard, also in that of the entry.
                    store.init(counter(0));
                }
                assert!(store.keys().count() > 200);
            })
        };
        assert_eq!(store.mutate(&key, Change::Run(calls)).await.unwrap().count, 2);
    });
}

/// A value whose `Clone` and `Drop`, and those of its mutation and message, call the store for its own key.
#[derive(Debug)]
struct Meddler(Arc<Meddling>);

#[derive(Default)]
struct Meddling {
    store: OnceLock<(WeakLiveStore<Meddler>, Uuid)>,
    calls: AtomicUsize,
    /// Guards against endless recursion: what meddling drops does not meddle.
    busy: AtomicBool,
}

impl std::fmt::Debug for Meddling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meddling")
    }
}

impl Meddling {
    fn meddle(self: &Arc<Self>) {
        if self.busy.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Some((store, key)) = self.store.get()
            && let Some(store) = store.upgrade()
        {
            self.calls.fetch_add(1, Ordering::SeqCst);
            let _ = store.fetch(key);
            let _ = store.watch(key);
            let _ = store.try_acquire(key);
            let _ = store.broadcast(key, MeddlerEvent(Arc::clone(self)));
            let _ = store.len();
            for _ in 0..64 {
                // Keys in every shard.
                let other = store.init(Meddler(Arc::clone(self)));
                if let Ok(guard) = store.try_acquire(&other) {
                    guard.delete();
                }
            }
        }
        self.busy.store(false, Ordering::SeqCst);
    }
}

struct MeddlerEvent(Arc<Meddling>);

macro_rules! meddles {
    ($($type:ty),*) => {$(
        impl Clone for $type {
            fn clone(&self) -> Self {
                self.0.meddle();
                Self(Arc::clone(&self.0))
            }
        }
        impl Drop for $type {
            fn drop(&mut self) {
                self.0.meddle();
            }
        }
    )*};
}

meddles!(Meddler, MeddlerEvent);

impl LiveValue for Meddler {
    type Message = MeddlerEvent;
    type Mutation = MeddlerEvent;
    type MutError = ();

    fn mutate(entry: &Entry<Self>, mutation: &MeddlerEvent) -> Result<Self, ()> {
        mutation.0.meddle();
        Ok(Meddler::clone(entry.value()))
    }
}

#[test]
fn clone_and_drop_of_values_mutations_and_messages_may_call_the_store() {
    must_not_hang_async(|| async {
        let store = LiveStore::<Meddler>::new()
            .with_options(StoreOptions {
                channel_cap: 2,
                shard_amt: Some(2),
                ..Default::default()
            })
            .done();
        let meddling = Arc::new(Meddling::default());
        let key = Uuid::new_v4();
        meddling.store.set((store.downgrade(), key)).unwrap();
        let value = || Meddler(Arc::clone(&meddling));
        let event = || MeddlerEvent(Arc::clone(&meddling));

        drop(store.create(&key, value()).unwrap());
        drop(store.create(&key, value()).unwrap_err());
        store.mutate(&key, event()).await.unwrap();
        store.broadcast(&key, event()).unwrap();
        store.insert(&key, value()).await;

        // Watched, with eviction and lag, by one who reads, one who does not, and one who leaves.
        let mut reads = store.watch(&key).unwrap();
        let lags = store.watch(&key).unwrap();
        let leaves = store.watch(&key).unwrap();
        for _ in 0..5 {
            store.mutate(&key, event()).await.unwrap();
            store.broadcast(&key, event()).unwrap();
            drop(reads.next().await);
        }
        drop(leaves);
        store.assign(&key, value()).await.unwrap();
        let mut guard = store.acquire(&key).await.unwrap();
        guard.mutate(event()).unwrap();
        guard.set_with_msg(value(), event());
        guard.broadcast(event());
        drop(guard);
        drop(reads.newest().await);
        store.remove_with_msg(&key, event()).await.unwrap();
        drop(reads.next().await);
        drop(reads);
        drop(lags);
        store.insert(&key, value()).await;
        let before = meddling.calls.load(Ordering::SeqCst);
        assert!(before > 20, "only {before} calls");
        drop(store);
    });
}

/// A value that comes as its own mutation, and whose `Drop` panics when it is told to.
#[derive(Clone)]
struct Fragile(Option<Arc<AtomicBool>>);

impl Drop for Fragile {
    fn drop(&mut self) {
        if let Some(armed) = &self.0
            && armed.swap(false, Ordering::SeqCst)
        {
            panic!("this value panics when it is dropped");
        }
    }
}

impl LiveValue for Fragile {
    type Message = ();
    type Mutation = Fragile;
    type MutError = ();

    fn mutate(_: &Entry<Self>, mutation: &Fragile) -> Result<Self, ()> {
        Ok(mutation.clone())
    }
}

#[test]
fn a_drop_that_panics_leaves_no_watcher_asleep_and_no_entry_locked() {
    let armed = Arc::new(AtomicBool::new(false));
    let store = LiveStore::<Fragile>::new()
        .with_options(StoreOptions {
            channel_cap: 1,
            ..Default::default()
        })
        .done();
    let (key, mut watch) = store.init_and_watch(Fragile(Some(Arc::clone(&armed))));
    // Update 1 holds the brittle value, and update 2 evicts it.
    drop(assert_ready!(spawn(store.mutate(&key, Fragile(None))).poll()).unwrap());
    let mut second = store.watch(&key).unwrap();
    let mut next = spawn(second.next());
    assert_pending!(next.poll());
    armed.store(true, Ordering::SeqCst);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = spawn(store.mutate(&key, Fragile(None))).poll();
    }));
    assert!(panicked.is_err());
    assert!(next.is_woken());
    assert_eq!(assert_ready!(next.poll()).unwrap().version(), 3);
    drop(next);
    assert!(matches!(
        assert_ready!(spawn(watch.next()).poll()),
        Some(Update::Resync { missed: 2, .. })
    ));
    store.try_acquire(&key).unwrap().release();
}

/// A message that notes, when it is dropped, whether somebody has been woken.
#[derive(Clone)]
struct Noticing {
    woken: Arc<Woken>,
    noticed: Arc<Mutex<Vec<bool>>>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Drop for Noticing {
    fn drop(&mut self) {
        let woken = self.woken.0.load(Ordering::SeqCst);
        self.noticed.lock().unwrap().push(woken);
    }
}

/// A value that says nothing but that.
#[derive(Clone)]
struct Silent;

impl LiveValue for Silent {
    type Message = Noticing;
    type Mutation = ();
    type MutError = ();

    fn mutate(_: &Entry<Self>, (): &()) -> Result<Self, ()> {
        Ok(Silent)
    }
}

/// A slow `Drop` of something that nobody needs any more keeps nobody waiting.
#[test]
fn who_waits_is_woken_before_anything_is_dropped() {
    let store = LiveStore::new()
        .with_options(StoreOptions {
            channel_cap: 1,
            ..Default::default()
        })
        .done();
    let (key, never_reads) = store.init_and_watch(Silent);
    let mut reads = store.watch(&key).unwrap();
    let message = Noticing {
        woken: Arc::default(),
        noticed: Arc::default(),
    };
    store.broadcast(&key, message.clone()).unwrap();
    drop(assert_ready!(spawn(reads.next()).poll()));
    let waker = Waker::from(Arc::clone(&message.woken));
    let mut next = pin!(reads.next());
    assert_pending!(next.as_mut().poll(&mut Context::from_waker(&waker)));
    message.noticed.lock().unwrap().clear();
    // Evicts the first one, which is dropped.
    store.broadcast(&key, message.clone()).unwrap();
    let noticed = message.noticed.lock().unwrap().clone();
    assert_eq!(noticed, [true]);
    drop(never_reads);
}

#[test]
fn a_removed_value_whose_drop_panics_frees_its_key() {
    let armed = Arc::new(AtomicBool::new(true));
    let store = LiveStore::<Fragile>::default();
    let key = store.init(Fragile(Some(armed)));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        drop(store.try_acquire(&key).unwrap().delete());
    }));
    assert!(panicked.is_err());
    assert!(store.is_empty());
    store.create(&key, Fragile(None)).unwrap();
}

/// An update whose `Clone` panics once.
#[derive(Clone)]
struct Plain;

struct Shy(Arc<AtomicBool>);

impl Clone for Shy {
    fn clone(&self) -> Self {
        assert!(
            !self.0.swap(false, Ordering::SeqCst),
            "this mutation panics when it is cloned"
        );
        Shy(Arc::clone(&self.0))
    }
}

impl LiveValue for Plain {
    type Message = ();
    type Mutation = Shy;
    type MutError = ();

    fn mutate(_: &Entry<Self>, _: &Shy) -> Result<Self, ()> {
        Ok(Plain)
    }
}

/// A watcher whose next update has panicked once while it was cloned, with the store and another watcher.
fn shied_away() -> (LiveStore<Plain>, Watch<Plain>, Watch<Plain>) {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(Plain);
    // Somebody else needs the update too, so it is cloned.
    let other = store.watch(&key).unwrap();
    let armed = Arc::new(AtomicBool::new(false));
    assert!(assert_ready!(spawn(store.mutate(&key, Shy(Arc::clone(&armed)))).poll()).is_ok());
    armed.store(true, Ordering::SeqCst);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = spawn(watch.next()).poll();
    }));
    assert!(panicked.is_err());
    (store, watch, other)
}

#[test]
fn an_update_whose_clone_panics_is_still_there() {
    let (_store, mut watch, _other) = shied_away();
    assert_eq!(assert_ready!(spawn(watch.next()).poll()).unwrap().version(), 2);
}

#[test]
fn a_version_whose_update_panicked_is_still_the_newest() {
    let (_store, mut watch, _other) = shied_away();
    assert_eq!(assert_ready!(spawn(watch.newest()).poll()).unwrap().version(), 2);
}

/// A watcher that has lagged, and what it lets go of when it comes back panics once.
fn lagging() -> (LiveStore<Fragile>, Watch<Fragile>) {
    let armed = Arc::new(AtomicBool::new(false));
    let options = StoreOptions {
        channel_cap: 2,
        ..Default::default()
    };
    let store = LiveStore::<Fragile>::new().with_options(options).done();
    let (key, watch) = store.init_and_watch(Fragile(None));
    for _ in 0..3 {
        drop(assert_ready!(spawn(store.mutate(&key, Fragile(Some(Arc::clone(&armed))))).poll()).unwrap());
    }
    drop(assert_ready!(spawn(store.mutate(&key, Fragile(None))).poll()).unwrap());
    armed.store(true, Ordering::SeqCst);
    (store, watch)
}

#[test]
fn a_resync_whose_drops_panic_is_not_lost() {
    let (_store, mut watch) = lagging();
    assert!(
        catch_unwind(AssertUnwindSafe(|| {
            let _ = spawn(watch.next()).poll();
        }))
        .is_err()
    );
    assert!(matches!(
        assert_ready!(spawn(watch.next()).poll()),
        Some(Update::Resync { missed: 4, .. })
    ));
}

#[test]
fn a_newest_whose_drops_panic_is_not_lost() {
    let (_store, mut watch) = lagging();
    // Of what is skipped nothing is owed to anybody, not even a panic.
    assert_eq!(assert_ready!(spawn(watch.newest()).poll()).unwrap().version(), 5);
}

/// Calls back when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn what_only_one_watcher_had_is_dropped_with_nothing_locked() {
    use std::sync::atomic::AtomicUsize;
    for way in ["leaves", "lags", "newest"] {
        must_not_hang_async(move || async move {
            let store = LiveStore::<Counter>::new()
                .with_options(StoreOptions {
                    channel_cap: 2,
                    ..Default::default()
                })
                .done();
            let (key, mut watch) = store.init_and_watch(counter(0));
            let drops = Arc::new(AtomicUsize::new(0));
            for _ in 0..3 {
                let (weak, drops) = (store.downgrade(), Arc::clone(&drops));
                let on_drop = OnDrop(move || {
                    drops.fetch_add(1, Ordering::SeqCst);
                    if let Some(store) = weak.upgrade() {
                        store.fetch(&key);
                        drop(store.watch(&key));
                        store.init(counter(0));
                    }
                });
                let hook = Hook::new(move || {
                    let _ = &on_drop;
                });
                store.mutate(&key, Change::Run(hook)).await.unwrap();
            }
            assert_eq!(drops.load(Ordering::SeqCst), 1, "the evicted one");
            match way {
                "leaves" => drop(watch),
                "lags" => drop(watch.next().await),
                _ => drop(watch.newest().await),
            }
            assert_eq!(drops.load(Ordering::SeqCst), 3, "{way}");
        });
    }
}

/// Calls back when it is woken.
struct OnWake(Box<dyn Fn() + Send + Sync>);

impl Wake for OnWake {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

#[test]
fn whoever_is_told_of_an_end_finds_the_key_free_and_nothing_locked() {
    for expires in [false, true] {
        must_not_hang_async(move || async move {
            let store = LiveStore::<Counter>::new()
                .with_options(StoreOptions {
                    expire_check_freq: Some(Duration::from_millis(5)),
                    expire_mode: ExpireMode::Timeout(Duration::from_millis(if expires {
                        1
                    } else {
                        1_000_000
                    })),
                    ..Default::default()
                })
                .done();
            let (key, mut watch) = store.init_and_watch(counter(0));
            let (told, mut was_told) = tokio::sync::mpsc::unbounded_channel();
            let weak = store.downgrade();
            let waker = Waker::from(Arc::new(OnWake(Box::new(move || {
                if let Some(store) = weak.upgrade() {
                    let _ = told.send((store.len(), store.contains_key(&key)));
                }
            }))));
            let mut next = Box::pin(watch.next());
            assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            if !expires {
                store.remove(&key).await.unwrap();
            }
            assert_eq!(was_told.recv().await, Some((0, false)));
        });
    }
}

/// What a thread keeps for itself goes when the thread ends, and may be anything of a store. Counting panicked there, which
/// ended the process, or was swallowed half-way through a change.
#[test]
fn destructors_of_thread_locals_may_use_the_store() {
    struct AtTheEnd(
        LiveStore<Counter>,
        Uuid,
        Option<Watch<Counter>>,
        Option<EntryGuard<Counter>>,
    );
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            drop(self.2.take());
            drop(self.3.take());
            let AtTheEnd(store, key, ..) = self;
            let entry = store.fetch(key).unwrap();
            assert_ready!(spawn(store.mutate(key, Change::Add(1))).poll()).unwrap();
            let (made, watch) = store.init_and_watch(counter(entry.count));
            assert_ready!(spawn(store.remove(&made)).poll()).unwrap();
            drop(watch);
        }
    }
    thread_local! {
        static FIRST: Cell<Option<AtTheEnd>> = const { Cell::new(None) };
        static LAST: Cell<Option<AtTheEnd>> = const { Cell::new(None) };
    }
    // From here on tokio's clock looks for the thread's runtime whenever it is asked, which panicked there, too.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    drop(runtime.enable_time().start_paused(true).build().unwrap());
    let store = LiveStore::default();
    let key = store.init(counter(0));
    for uses_it_before in [false, true] {
        let store = store.clone();
        let thread = thread::spawn(move || {
            FIRST.set(Some(AtTheEnd(store.clone(), key, None, None)));
            let watch = store.watch(&key);
            if uses_it_before {
                store.init(counter(0));
                assert_ready!(spawn(store.mutate(&key, Change::Add(1))).poll()).unwrap();
            }
            let guard = store.try_acquire(&key).ok();
            LAST.set(Some(AtTheEnd(store, key, watch, guard)));
        });
        // The thread is joined when its destructors have run.
        thread.join().unwrap();
    }
    assert_eq!(store.fetch(&key).unwrap().count, 5);
    let stats = store.stats();
    assert_eq!((stats.held, stats.watchers, stats.mutations), (0, 0, 5));
}

/// A waker that does something when it is cloned, and panics when the clone is dropped.
struct Careless {
    on_clone: Arc<Mutex<Option<EntryGuard<Counter>>>>,
    armed: Arc<AtomicBool>,
    is_clone: bool,
}

impl Careless {
    fn waker(on_clone: Option<EntryGuard<Counter>>, armed: &Arc<AtomicBool>) -> Waker {
        let careless = Careless {
            on_clone: Arc::new(Mutex::new(on_clone)),
            armed: Arc::clone(armed),
            is_clone: false,
        };
        Box::new(careless).into_waker()
    }
}

impl Clone for Careless {
    fn clone(&self) -> Self {
        drop(self.on_clone.lock().unwrap().take());
        Careless {
            on_clone: Arc::clone(&self.on_clone),
            armed: Arc::clone(&self.armed),
            is_clone: true,
        }
    }
}

impl Drop for Careless {
    fn drop(&mut self) {
        let panics = self.is_clone && self.armed.load(Ordering::SeqCst) && !thread::panicking();
        assert!(!panics, "this waker panics when it is dropped");
    }
}

impl WakeRef for Careless {
    fn wake_by_ref(&self) {}
}

impl cooked_waker::Wake for Careless {}

/// The entry was released while the waker was cloned, so the clone was of no use. What is on its way out of a function when
/// something panics as it is dropped is forgotten: that was the hold, and the entry was held for ever. The clone is ours, so its
/// panic ends with it.
#[test]
fn a_waker_that_panics_when_it_is_dropped_keeps_no_entry_held() {
    let store = LiveStore::default();
    let key = store.init(counter(1));
    let guard = store.try_acquire(&key).ok();
    let waker = Careless::waker(guard, &Arc::new(AtomicBool::new(true)));
    {
        let mut acquire = pin!(store.acquire(&key));
        let acquired = acquire.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(
            matches!(acquired, Poll::Ready(Some(_))),
            "what came of it is not lost"
        );
    }
    store.try_acquire(&key).unwrap().release();
    assert_eq!(store.stats().held, 0);
}

/// A timer keeps a waker as well, and lets go of it when the entry comes in time.
#[tokio::test(start_paused = true)]
async fn a_timer_whose_waker_panics_when_it_is_dropped_keeps_no_entry_held() {
    let store = LiveStore::default();
    let key = store.init(counter(1));
    let guard = store.try_acquire(&key).unwrap();
    let armed = Arc::new(AtomicBool::new(false));
    let waker = Careless::waker(None, &armed);
    let mut acquire = Box::pin(store.acquire_timeout(&key, Duration::from_secs(1)));
    assert_pending!(acquire.as_mut().poll(&mut Context::from_waker(&waker)));
    drop(guard);
    armed.store(true, Ordering::SeqCst);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        drop(acquire.as_mut().poll(&mut Context::from_waker(&waker)));
    }));
    assert!(panicked.is_err());
    drop(acquire);
    store.try_acquire(&key).unwrap().release();
    assert_eq!(store.stats().held, 0);
}
