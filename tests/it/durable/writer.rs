//! Commits, waiting and the writer.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};

use futures_util::FutureExt;
use livestore::{DiskState, EntryGuard, FlushError, Uuid};
use tempfile::tempdir;
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

use super::*;

fn key(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// A value at which the writer waits until it is let on. Returns also what tells that it has come there.
fn barrier() -> (Hooked, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (come, has_come) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    let may_go = Mutex::new(may_go);
    let value = hooked(0, move || {
        come.send(()).ok();
        may_go.lock().unwrap().recv().ok();
    });
    (value, has_come, go)
}

async fn open_limited(folder: &Path, limit: usize) -> LiveStore<Hooked> {
    LiveStore::new()
        .with_durability(ON_REQUEST)
        .with_pending_limit(limit)
        .open(folder)
        .await
        .unwrap()
}

async fn open_when_free<V>(folder: &Path) -> LiveStore<V>
where
    V: LiveValue + Serialize + serde::de::DeserializeOwned,
{
    loop {
        match LiveStore::new().open(folder).await {
            Ok(store) => return store,
            Err(error) => assert!(error.is_locked(), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_flush_waits_for_what_was_committed_before_it_and_no_more() {
    let folder = tempdir().unwrap();
    let store = open_hooked(folder.path()).await;
    let (first, has_come, go) = barrier();
    store.create(&key(1), first).unwrap();
    let mut flush = spawn(store.flush());
    assert_pending!(flush.poll());
    has_come.recv().unwrap();
    // In the next batch, in which the writer would wait again.
    let (second, has_come_again, go_again) = barrier();
    store.create(&key(2), second).unwrap();
    let mut later = spawn(store.flush());
    assert_pending!(later.poll());
    go.send(()).unwrap();
    flush.await.unwrap();
    has_come_again.recv().unwrap();
    assert_pending!(later.poll());
    go_again.send(()).unwrap();
    later.await.unwrap();
}

#[tokio::test]
async fn who_waits_for_an_entry_waits_for_the_backlog_in_turn_and_nobody_else_does() {
    let folder = tempdir().unwrap();
    let store = open_limited(folder.path(), 4).await;
    let (busy, has_come, go) = barrier();
    for n in 2..=4 {
        store.create(&key(n), hooked(0, || ())).unwrap();
    }
    store.flush().await.unwrap();
    store.create(&key(1), busy).unwrap();
    let mut flush = spawn(store.flush());
    assert_pending!(flush.poll());
    has_come.recv().unwrap();

    // The writer is busy; the queue fills up. Calls that do not wait go on, beyond the limit too.
    for n in 5..=12 {
        store.create(&key(n), hooked(0, || ())).unwrap();
    }
    let mut guard = store.try_acquire(&key(2)).unwrap();
    guard.set(hooked(1, || ()));
    guard.release();
    assert!(store.fetch(&key(2)).is_some());

    let set = |n| HookedMutation::SetPair((n, n));
    let (two, three, four, new) = (key(2), key(3), [key(4)], key(20));
    let mut mutate = spawn(store.mutate(&two, set(2)));
    let mut second = spawn(store.mutate(&two, set(3)));
    let mut insert = spawn(store.insert(&new, hooked(0, || ())));
    let mut remove = spawn(store.remove(&three));
    let mut transact = spawn(store.transact(&four, |tx| {
        tx.remove(&key(4));
        Ok::<_, ()>(())
    }));
    assert_pending!(mutate.poll());
    assert_pending!(second.poll());
    assert_pending!(insert.poll());
    assert_pending!(remove.poll());
    assert_pending!(transact.poll());
    // Dropped while it waits, it has changed nothing, and holds nothing.
    drop(remove);
    assert!(store.try_acquire(&key(3)).is_ok());
    assert_eq!(store.fetch(&key(2)).unwrap().version(), 2);

    go.send(()).unwrap();
    flush.await.unwrap();
    // There is room as soon as the next batch is closed, before it is written.
    assert_eq!(mutate.await.unwrap().version(), 3);
    assert_eq!(second.await.unwrap().version(), 4);
    assert!(insert.await.is_none());
    transact.await.unwrap();
    assert!(!store.contains_key(&key(4)) && store.contains_key(&key(3)));
}

#[tokio::test]
async fn the_figures_tell_how_far_the_disk_has_come() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    let disk = |store: &LiveStore<Score>| {
        let disk = store.stats().disk.unwrap();
        (disk.pending, disk.committed, disk.durable, disk.state)
    };
    assert_eq!(disk(&store), (0, 0, 0, DiskState::Open));
    store.create(&key(1), score(1)).unwrap();
    store.mutate(&key(1), ScoreMutation::SetPoints(2)).await.unwrap();
    store.create(&key(2), score(1)).unwrap();
    assert_eq!(disk(&store), (2, 3, 0, DiskState::Open));
    store.flush().await.unwrap();
    assert_eq!(disk(&store), (0, 3, 3, DiskState::Open));
    store.clone().close().await.unwrap();
    store.create(&key(3), score(1)).unwrap();
    assert_eq!(disk(&store), (0, 3, 3, DiskState::Closed));
    assert!(LiveStore::<Score>::default().stats().disk.is_none());
}

#[tokio::test]
async fn a_store_that_is_closed_has_everything_on_disk_and_takes_no_more() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    let other = store.clone();
    store.create(&key(1), score(1)).unwrap();
    let mut guard = store.try_acquire(&key(1)).unwrap();
    store.close().await.unwrap();
    // The folder is free.
    let again = open(folder.path()).await;
    assert_eq!(again.fetch(&key(1)).unwrap().points, 1);

    other.create(&key(2), score(2)).unwrap();
    let set = ScoreMutation::SetPoints(5);
    assert!(other.mutate(&key(1), set.clone()).await.is_err());
    guard.mutate(set).unwrap();
    assert!(matches!(other.flush().await, Err(FlushError::Closed)));
    // Once more is no error.
    other.close().await.unwrap();
    again.close().await.unwrap();
    let again = open(folder.path()).await;
    assert_eq!((again.len(), again.fetch(&key(1)).unwrap().points), (1, 1));
}

/// Changes an entry by a guard when it is woken.
struct Changing(Mutex<Option<EntryGuard<Score>>>);

impl Wake for Changing {
    fn wake(self: Arc<Self>) {
        if let Some(mut guard) = self.0.lock().unwrap().take() {
            guard.mutate(ScoreMutation::SetPoints(5)).unwrap();
        }
    }
}

/// The store had been closed, but not its way to the disk, and what a guard did then was written as a removal.
#[tokio::test]
async fn a_guard_that_goes_on_while_the_store_is_closed_removes_nothing_from_the_disk() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    store.create(&key(1), score(1)).unwrap();
    store.flush().await.unwrap();
    let guard = store.try_acquire(&key(1)).unwrap();
    let mut watch = store.watch(&key(1)).unwrap();
    let changing = Arc::new(Changing(Mutex::new(Some(guard))));
    let waker = Waker::from(Arc::clone(&changing));
    let mut next = pin!(watch.next());
    assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    store.close().await.unwrap();
    assert!(changing.0.lock().unwrap().is_none(), "it was woken");
    let again = open(folder.path()).await;
    assert_eq!((again.len(), again.fetch(&key(1)).unwrap().points), (1, 5));
}

#[tokio::test]
async fn a_close_that_is_dropped_closes_none_the_less() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    let other = store.clone();
    store.create(&key(1), score(1)).unwrap();
    let mut close = spawn(store.close());
    assert_pending!(close.poll());
    drop(close);
    assert!(matches!(other.flush().await, Err(FlushError::Closed)));
    assert_eq!(open(folder.path()).await.len(), 1);
}

#[tokio::test]
async fn the_drop_of_the_last_handle_writes_what_is_pending_and_frees_the_folder() {
    let folder = tempdir().unwrap();
    for n in 0..20 {
        // On a busy machine the drop may not have waited long enough.
        let store = open_when_free(folder.path()).await;
        assert_eq!(store.len(), n);
        let (_, watch) = store.init_and_watch(score(1));
        drop(store);
        // A watch holds no handle.
        assert!(watch.latest().version() == 1);
    }
}

#[tokio::test]
async fn the_drop_of_the_last_handle_does_not_wait_for_long() {
    let folder = tempdir().unwrap();
    let store = open_hooked(folder.path()).await;
    let (busy, has_come, go) = barrier();
    store.create(&key(1), busy).unwrap();
    drop(spawn(store.flush()).poll());
    has_come.recv().unwrap();
    // The writer is stuck, and this comes back.
    drop(store);
    let refused = LiveStore::<Hooked>::new().open(folder.path()).await;
    assert!(refused.is_err_and(|error| error.is_locked()));
    go.send(()).unwrap();
    // It goes on in the background, and then the folder is free.
    let store = open_when_free::<Hooked>(folder.path()).await;
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn the_last_handle_may_go_on_the_writers_thread() {
    let folder = tempdir().unwrap();
    let store = open_hooked(folder.path()).await;
    let kept = Arc::new(Mutex::new(Some(store.clone())));
    let (gone, is_gone) = mpsc::channel();
    let last = move || {
        kept.lock().unwrap().take();
        gone.send(()).ok();
    };
    store.create(&key(1), hooked(0, last)).unwrap();
    drop(spawn(store.flush()).poll());
    drop(store);
    is_gone.recv().unwrap();
    let store = open_when_free::<Hooked>(folder.path()).await;
    assert_eq!(store.len(), 1);
}

/// Something whose end panics.
struct Armed(Arc<AtomicUsize>);

impl Drop for Armed {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("the drop of this value panics");
    }
}

#[tokio::test]
async fn a_value_that_only_the_writer_has_may_panic_when_it_goes() {
    let folder = tempdir().unwrap();
    let store = open_hooked(folder.path()).await;
    let gone = Arc::new(AtomicUsize::new(0));
    let armed = Armed(Arc::clone(&gone));
    let weak = store.downgrade();
    let replaces = move || {
        let _kept = &armed;
        let store = weak.upgrade().unwrap();
        store.insert(&key(1), hooked(2, || ())).now_or_never().unwrap();
    };
    store.create(&key(1), hooked(1, replaces)).ok();
    store.flush().await.unwrap();
    assert_eq!(gone.load(Ordering::SeqCst), 1);
    store.flush().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(
        open_hooked(folder.path()).await.fetch(&key(1)).unwrap().pair,
        (2, 2)
    );
}

#[tokio::test]
async fn serialize_may_use_the_store() {
    let folder = tempdir().unwrap();
    let store = open_hooked(folder.path()).await;
    let weak = store.downgrade();
    let once = AtomicBool::new(false);
    let uses = move || {
        if once.swap(true, Ordering::SeqCst) {
            return;
        }
        let store = weak.upgrade().unwrap();
        store.create(&key(2), hooked(2, || ())).unwrap();
        assert_eq!(store.len(), 2);
    };
    store.create(&key(1), hooked(1, uses)).unwrap();
    store.flush().await.unwrap();
    store.flush().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(open_hooked(folder.path()).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_flush_after_each_change_all_find_it_on_disk() {
    let folder = tempdir().unwrap();
    let store = open(folder.path()).await;
    let tasks: Vec<_> = (0..32)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..10 {
                    store.insert(&key(task), score(n)).await;
                    store.flush().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // As if it were killed here.
    let copy = tempdir().unwrap();
    back::copy_folder(folder.path(), copy.path());
    let copy = open(copy.path()).await;
    assert!((0..32).all(|task| copy.fetch(&key(task)).unwrap().points == 9));
}

#[tokio::test]
async fn a_flush_outside_a_runtime_works_as_well() {
    let folder = tempdir().unwrap();
    let path = folder.path().to_owned();
    std::thread::spawn(move || {
        let mut opening = spawn(async move { scores().open(path).await.unwrap() });
        let store = loop {
            match opening.poll() {
                std::task::Poll::Ready(store) => break store,
                std::task::Poll::Pending => std::thread::yield_now(),
            }
        };
        store.init(score(1));
        let mut flush = spawn(store.flush());
        while flush.poll().is_pending() {
            std::thread::yield_now();
        }
        assert_ready!(spawn(store.flush()).poll()).unwrap();
    })
    .join()
    .unwrap();
}
