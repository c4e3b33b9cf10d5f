//! Poll by poll: cancellation, waking, streams, what is shared.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::StreamExt;
use livestore::{ListUpdate, Shared};
use tokio::task::coop::unconstrained;
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

use super::{Follower, key, players, score, settle, shown, with_cap};

#[tokio::test]
async fn a_dropped_wait_has_taken_nothing() {
    let store = players(&[1, 2]);
    let query = store.live(|_, player| Some(player.score));
    let mut watch = query.watch();
    // Before there is a list, and between updates.
    let mut next = spawn(watch.next());
    assert_pending!(next.poll());
    settle().await;
    assert!(next.is_woken());
    drop(next);
    assert_eq!(shown(&watch.next().await.unwrap()), "list 1 2");
    let mut next = spawn(watch.next());
    assert_pending!(next.poll());
    score(&store, 1, 3).await;
    settle().await;
    assert!(next.is_woken());
    drop(next);
    let mut next = spawn(watch.next_shared());
    assert_eq!(shown(&assert_ready!(next.poll()).unwrap()), "1@0>1");
    drop(next);
    let mut next = spawn(watch.next_shared());
    assert_pending!(next.poll());
    drop(next);
    assert_pending!(spawn(watch.next()).poll());
}

/// A wait that was dropped had asked for the list, and no other did so again.
#[tokio::test]
async fn a_wait_for_the_list_after_a_lag_may_be_dropped_at_any_point() {
    let store = with_cap(1, &[1, 2]);
    let query = store.live(|_, player| Some(player.score));
    let mut watch = query.watch();
    assert_eq!(shown(&watch.next().await.unwrap()), "list 1 2");
    for dropped in 0..4 {
        for points in [4, 5] {
            score(&store, 1, points).await;
            settle().await;
        }
        for at in 0..dropped {
            let mut next = spawn(watch.next());
            assert_pending!(next.poll());
            if at % 2 == 1 {
                settle().await;
                assert!(next.is_woken());
                break;
            }
        }
        assert_eq!(shown(&watch.next().await.unwrap()), "list 2 1");
        assert_pending!(spawn(watch.next()).poll());
    }
}

#[tokio::test]
async fn without_waiting_there_is_what_has_been_told() {
    let store = players(&[1]);
    let query = store.live(|_, player| Some(player.score));
    let mut watch = query.watch();
    assert!(watch.try_next().is_none());
    assert!(watch.try_next_shared().is_none());
    settle().await;
    assert_eq!(shown(&watch.try_next_shared().unwrap()), "list 1");
    assert!(watch.try_next().is_none());
    score(&store, 1, 2).await;
    assert!(watch.try_next().is_none());
    settle().await;
    assert_eq!(shown(&watch.try_next().unwrap()), "1@0>0");
}

#[tokio::test]
async fn it_is_a_stream_that_ends_with_the_store() {
    let store = players(&[1, 2]);
    let query = store.live(|_, player| Some(player.score));
    let mut watch = query.watch();
    assert_eq!(shown(&StreamExt::next(&mut watch).await.unwrap()), "list 1 2");
    score(&store, 2, 0).await;
    drop(store);
    let rest: Vec<_> = watch.map(|update| shown(&update)).collect().await;
    assert_eq!(rest, ["2@1>0"]);
}

#[tokio::test]
async fn what_is_shared_is_not_copied() {
    let store = players(&[1, 2]);
    let query = store.live(|_, player| Some(player.score));
    let [mut one, mut other] = [(); 2].map(|()| query.watch());
    settle().await;
    drop((one.next().await, other.next().await));
    score(&store, 1, 3).await;
    let (a, b) = (
        one.next_shared().await.unwrap(),
        other.next_shared().await.unwrap(),
    );
    assert!(Shared::ptr_eq(&a, &b) && Shared::ptr_eq(&a, &a.clone()));
    score(&store, 1, 4).await;
    settle().await;
    let (a, b) = (one.try_next_shared().unwrap(), other.try_next_shared().unwrap());
    assert!(Shared::ptr_eq(&a, &b));
    // And of the entries there is one value.
    let ListUpdate::Changes(copy) = Shared::unwrap_or_clone(a) else {
        panic!("{b:?}")
    };
    let mut list = vec![(key(1), store.fetch(&key(1)).unwrap()); 2];
    copy.into_iter().for_each(|change| change.apply(&mut list));
    assert!(Shared::ptr_eq(
        list[1].1.value(),
        store.fetch(&key(1)).unwrap().value()
    ));
}

#[tokio::test]
async fn a_wait_lets_others_run_when_the_budget_of_the_task_is_used_up() {
    let store = with_cap(1000, &[1]);
    let query = store.live(|_, player| Some(player.score));
    let mut watch = query.watch();
    for points in 0..400 {
        score(&store, 1, points).await;
        settle().await;
    }
    let mut taken = 0;
    tokio::task::yield_now().await;
    while spawn(watch.next()).poll().is_ready() {
        taken += 1;
    }
    assert!((1..400).contains(&taken), "{taken}");
    // Not so without waiting, and what has no budget.
    assert!(watch.try_next().is_some());
    while spawn(unconstrained(watch.next())).poll().is_ready() {
        taken += 1;
    }
    assert_eq!(taken + 1, 400);
}

/// Panics as it is woken.
struct Panicking(AtomicUsize);

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("a waker that panics");
    }
}

#[tokio::test]
async fn a_waker_that_panics_takes_nothing_from_others() {
    let store = players(&[1]);
    let query = store.live(|_, player| Some(player.score));
    let mut watches = [(); 3].map(|()| query.watch());
    let mut last = Follower::new(query.watch());
    let panicking = Arc::new(Panicking(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&panicking));
    let mut cx = Context::from_waker(&waker);
    // With the list, with a change, and with the end.
    for round in 1..=2 {
        for watch in &mut watches {
            assert!(pin!(watch.next()).poll(&mut cx).is_pending());
        }
        score(&store, 1, round).await;
        assert!(!last.told().await.is_empty());
        assert_eq!(panicking.0.load(Ordering::Relaxed), 3 * round as usize);
        for watch in &mut watches {
            while watch.try_next().is_some() {}
        }
    }
    for watch in &mut watches {
        assert!(pin!(watch.next()).poll(&mut cx).is_pending());
    }
    let mut end = spawn(last.query.next());
    assert_pending!(end.poll());
    drop(store);
    settle().await;
    assert!(end.is_woken());
    assert!(matches!(end.poll(), Poll::Ready(None)));
    assert_eq!(panicking.0.load(Ordering::Relaxed), 9);
}

/// A waker whose clones can be made to panic.
struct Cloned(Arc<AtomicUsize>);

impl Clone for Cloned {
    fn clone(&self) -> Self {
        let left = self.0.fetch_sub(1, Ordering::Relaxed);
        assert!(left != 1, "a waker that panics as it is cloned");
        Cloned(Arc::clone(&self.0))
    }
}

impl cooked_waker::WakeRef for Cloned {
    fn wake_by_ref(&self) {}
}

impl cooked_waker::Wake for Cloned {
    fn wake(self) {}
}

/// The panic came between noting that the list was asked for, and asking.
#[tokio::test]
async fn a_waker_that_panics_as_it_is_cloned_leaves_who_lags_able_to_go_on() {
    use cooked_waker::IntoWaker;

    let store = with_cap(1, &[1]);
    let query = store.live(|_, player| Some(player.score));
    let mut watch = query.watch();
    drop(watch.next().await);
    for points in [4, 5] {
        score(&store, 1, points).await;
        settle().await;
    }
    let waker = Box::new(Cloned(Arc::new(AtomicUsize::new(1)))).into_waker();
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(pin!(watch.next()).poll(&mut Context::from_waker(&waker)));
    }));
    assert!(panics.is_err());
    settle().await;
    let told = tokio::time::timeout(std::time::Duration::from_secs(10), watch.next());
    assert_eq!(shown(&told.await.unwrap().unwrap()), "list 1");
}
