//! Of many who want to create one entry, one makes its value.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::Context;
use std::thread;

use cooked_waker::{IntoWaker, Wake, WakeRef};
use livestore::{LiveStore, Uuid};
use livestore_tests::{Change, Counter, Hook, Refused, counter, must_not_hang};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

const CALLERS: usize = 8;

/// Counts how many run at once, and how many ever did.
#[derive(Default)]
struct Runs {
    now: AtomicUsize,
    ever: AtomicUsize,
}

impl Runs {
    /// Gives everybody else the time to come in as well, if they may.
    fn run(&self) {
        assert_eq!(
            self.now.fetch_add(1, Ordering::SeqCst),
            0,
            "two make a value at once"
        );
        self.ever.fetch_add(1, Ordering::SeqCst);
        (0..200).for_each(|_| thread::yield_now());
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Starts a thread that makes a value of `key`, and returns when it is at it. It goes on when it is told to.
fn making<T: Send + 'static>(
    make: impl FnOnce(Box<dyn FnOnce() + Send>) -> T + Send + 'static,
) -> (mpsc::Sender<()>, thread::JoinHandle<T>) {
    let (is_at_it, at_it) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel();
    let thread = thread::spawn(move || {
        make(Box::new(move || {
            is_at_it.send(()).unwrap();
            // Also if the test has ended in a panic.
            let _ = goes_on.recv();
        }))
    });
    at_it.recv().unwrap();
    (go_on, thread)
}

/// Every caller ran its closure, and all but one of what they made was thrown away.
#[test]
fn of_many_who_find_no_entry_one_makes_a_value_and_the_others_get_its_entry() {
    must_not_hang(|| {
        for _ in 0..50 {
            let store = LiveStore::<Counter>::default();
            let (key, runs) = (Uuid::new_v4(), Runs::default());
            let start = Barrier::new(CALLERS);
            let seen: Vec<_> = thread::scope(|scope| {
                let callers: Vec<_> = (0..CALLERS)
                    .map(|me| {
                        let (store, start, runs) = (&store, &start, &runs);
                        scope.spawn(move || {
                            start.wait();
                            let entry = store.fetch_or_create(&key, || {
                                runs.run();
                                counter(i64::try_from(me).unwrap())
                            });
                            (entry.count, entry.version())
                        })
                    })
                    .collect();
                callers.into_iter().map(|caller| caller.join().unwrap()).collect()
            });
            assert_eq!(runs.ever.load(Ordering::SeqCst), 1);
            assert!(seen.iter().all(|seen| *seen == seen_by(&store, &key)), "{seen:?}");
        }
    });
}

fn seen_by(store: &LiveStore<Counter>, key: &Uuid) -> (i64, u64) {
    let entry = store.fetch(key).unwrap();
    (entry.count, entry.version())
}

#[test]
fn callers_for_different_keys_do_not_wait_for_each_other() {
    must_not_hang(|| {
        let store = LiveStore::<Counter>::default();
        let start = Barrier::new(CALLERS);
        thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    store.fetch_or_create(&Uuid::new_v4(), || {
                        // Comes back only when all are here.
                        start.wait();
                        counter(0)
                    })
                });
            }
        });
        assert_eq!(store.len(), CALLERS);
    });
}

/// There are fewer threads than tasks that want an entry, and some of the threads wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_may_wait_as_threads_do() {
    let store = LiveStore::<Counter>::default();
    let (key, runs) = (Uuid::new_v4(), Arc::new(Runs::default()));
    let start = Arc::new(tokio::sync::Barrier::new(CALLERS));
    let tasks: Vec<_> = (0..CALLERS)
        .map(|me| {
            let (store, runs, start) = (store.clone(), Arc::clone(&runs), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let make = || {
                    runs.run();
                    counter(0)
                };
                match me % 2 {
                    0 => drop(store.fetch_or_create(&key, make)),
                    _ => drop(store.mutate_or_create(&key, make, Change::Add(1)).await.unwrap()),
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(runs.ever.load(Ordering::SeqCst), 1);
    assert_eq!(
        store.fetch(&key).unwrap().count,
        i64::try_from(CALLERS / 2).unwrap()
    );
}

#[test]
fn if_a_closure_panics_one_of_those_who_wait_runs_its_own() {
    must_not_hang(|| {
        for _ in 0..20 {
            let store = LiveStore::<Counter>::default();
            let (key, runs) = (Uuid::new_v4(), Runs::default());
            let start = Barrier::new(CALLERS);
            let panicked = AtomicUsize::new(0);
            thread::scope(|scope| {
                for _ in 0..CALLERS {
                    scope.spawn(|| {
                        start.wait();
                        let entry = catch_unwind(AssertUnwindSafe(|| {
                            store.fetch_or_create(&key, || {
                                runs.run();
                                assert!(
                                    runs.ever.load(Ordering::SeqCst) >= 3,
                                    "the first two of these closures panic"
                                );
                                counter(3)
                            })
                        }));
                        match entry {
                            Ok(entry) => assert_eq!((entry.count, entry.version()), (3, 1)),
                            Err(_) => {
                                panicked.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    });
                }
            });
            assert_eq!(panicked.load(Ordering::SeqCst), 2);
            assert_eq!(runs.ever.load(Ordering::SeqCst), 3);
        }
    });
}

#[test]
fn a_closure_may_ask_for_its_own_key() {
    must_not_hang(|| {
        let store = LiveStore::<Counter>::default();
        let key = Uuid::new_v4();
        let entry = store.fetch_or_create(&key, || {
            let inner = store.fetch_or_create(&key, || counter(1));
            assert_eq!(inner.count, 1);
            let again =
                assert_ready!(spawn(store.mutate_or_create(&key, || unreachable!(), Change::Add(1))).poll());
            assert_eq!(again.unwrap().count, 2);
            counter(7)
        });
        // The first entry is the one that stays.
        assert_eq!((entry.count, entry.version()), (2, 2));

        let key = Uuid::new_v4();
        let within = store.clone();
        let asks = Hook::new(move || drop(within.fetch_or_create(&key, || counter(1))));
        let entry =
            assert_ready!(spawn(store.mutate_or_create(&key, || counter(7), Change::Run(asks))).poll());
        // Created within, it is mutated, as any that somebody else was faster with.
        assert_eq!((entry.unwrap().count, store.len()), (2, 2));
    });
}

/// Each would wait for the other for ever.
#[test]
fn two_closures_may_ask_for_each_others_keys_also_in_different_stores() {
    must_not_hang(|| {
        let (a, b) = (LiveStore::<Counter>::default(), LiveStore::<Counter>::default());
        for (a, b) in [(&a, &a), (&a, &b)] {
            let (left, right) = (Uuid::new_v4(), Uuid::new_v4());
            let both = Barrier::new(2);
            thread::scope(|scope| {
                for [(mine, my_key), (theirs, their_key)] in
                    [[(a, left), (b, right)], [(b, right), (a, left)]]
                {
                    let both = &both;
                    scope.spawn(move || {
                        mine.fetch_or_create(&my_key, || {
                            both.wait();
                            theirs.fetch_or_create(&their_key, || counter(2));
                            counter(1)
                        })
                    });
                }
            });
            assert!(a.contains_key(&left) && b.contains_key(&right));
        }
    });
}

#[test]
fn an_entry_that_comes_by_other_means_is_returned_and_may_be_used_meanwhile() {
    must_not_hang(|| {
        let store = LiveStore::<Counter>::default();
        let key = Uuid::new_v4();
        let makes = store.clone();
        let (go_on, maker) = making(move |pause| {
            makes.fetch_or_create(&key, || {
                pause();
                counter(1)
            })
        });
        // `create` waits for nobody.
        store.create(&key, counter(2)).unwrap();
        assert_eq!(store.fetch_or_create(&key, || unreachable!()).count, 2);
        go_on.send(()).unwrap();
        assert_eq!(maker.join().unwrap().count, 2);
    });
}

#[test]
fn a_task_that_waits_is_woken_and_one_that_is_dropped_has_changed_nothing() {
    must_not_hang(|| {
        let store = LiveStore::<Counter>::default();
        let key = Uuid::new_v4();
        let makes = store.clone();
        let (go_on, maker) = making(move |pause| {
            makes.fetch_or_create(&key, || {
                pause();
                counter(1)
            })
        });
        let called = AtomicBool::new(false);
        let make = || {
            called.store(true, Ordering::SeqCst);
            counter(5)
        };
        let mut waits = spawn(store.mutate_or_create(&key, make, Change::Add(10)));
        let mut dropped = spawn(store.mutate_or_create(&key, make, Change::Add(100)));
        assert_pending!(waits.poll());
        assert_pending!(dropped.poll());
        // Polled again, it waits once.
        assert_pending!(waits.poll());
        drop(dropped);
        assert!(!waits.is_woken() && !store.contains_key(&key));
        go_on.send(()).unwrap();
        assert_eq!(maker.join().unwrap().count, 1);
        assert!(waits.is_woken());
        assert_eq!(assert_ready!(waits.poll()).unwrap().count, 11);
        assert!(!called.load(Ordering::SeqCst));
    });
}

#[test]
fn if_a_mutation_is_refused_those_who_wait_go_on_with_their_own() {
    must_not_hang(|| {
        for (last_words, panics) in [(Change::Refuse, false), (Change::Panic, true)] {
            let store = LiveStore::<Counter>::default();
            let key = Uuid::new_v4();
            let makes = store.clone();
            let (go_on, maker) = making(move |pause| {
                let make = || {
                    pause();
                    counter(1)
                };
                let mut makes = spawn(makes.mutate_or_create(&key, make, last_words));
                let refused = assert_ready!(makes.poll());
                assert_eq!(refused.unwrap_err(), Refused);
            });
            let mut waits = spawn(store.mutate_or_create(&key, || counter(5), Change::Add(1)));
            assert_pending!(waits.poll());
            go_on.send(()).unwrap();
            assert_eq!(maker.join().is_err(), panics);
            assert!(waits.is_woken());
            assert_eq!(assert_ready!(waits.poll()).unwrap().count, 6);
        }
    });
}

/// What nobody needs any more is dropped when everybody has been woken.
#[test]
fn those_who_wait_are_woken_before_what_was_made_in_vain_is_dropped() {
    use livestore::{Entry, LiveValue};

    #[derive(Clone)]
    struct Vain(Option<(Arc<AtomicBool>, Arc<AtomicBool>)>);

    impl Drop for Vain {
        fn drop(&mut self) {
            if let Some((woken, noticed)) = self.0.take() {
                noticed.store(woken.load(Ordering::SeqCst), Ordering::SeqCst);
            }
        }
    }

    impl LiveValue for Vain {
        type Message = ();
        type Mutation = ();
        type MutError = ();

        fn mutate(_: &Entry<Self>, (): &()) -> Result<Self, ()> {
            Err(())
        }
    }

    struct Woken(Arc<AtomicBool>);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    for refused in [false, true] {
        must_not_hang(move || {
            let store = LiveStore::<Vain>::default();
            let key = Uuid::new_v4();
            let (woken, noticed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
            let (makes, value) = (
                store.clone(),
                Vain(Some((Arc::clone(&woken), Arc::clone(&noticed)))),
            );
            let (go_on, maker) = making(move |pause| {
                let make = || {
                    pause();
                    value
                };
                if refused {
                    drop(spawn(makes.mutate_or_create(&key, make, ())).poll());
                } else {
                    drop(makes.fetch_or_create(&key, make));
                }
            });
            let mut waits = Box::pin(store.mutate_or_create(&key, || Vain(None), ()));
            let waker = Arc::new(Woken(woken)).into();
            assert!(
                waits
                    .as_mut()
                    .poll(&mut std::task::Context::from_waker(&waker))
                    .is_pending()
            );
            if !refused {
                assert!(store.create(&key, Vain(None)).is_ok());
            }
            go_on.send(()).unwrap();
            maker.join().unwrap();
            assert!(noticed.load(Ordering::SeqCst));
        });
    }
}

/// A waker whose every drop panics, while that is wanted.
#[derive(Clone)]
struct Spiteful(Arc<AtomicBool>);

impl Drop for Spiteful {
    fn drop(&mut self) {
        assert!(!self.0.swap(false, Ordering::SeqCst), "dropped");
    }
}

impl WakeRef for Spiteful {
    fn wake_by_ref(&self) {}
}

impl Wake for Spiteful {}

/// The right to make it was never given back, and whoever wanted an entry of the key waited for ever.
#[test]
fn a_waker_that_panics_when_it_is_dropped_keeps_nobody_from_making_an_entry() {
    let store = LiveStore::<Counter>::default();
    let key = Uuid::nil();
    let spite = Arc::new(AtomicBool::new(true));
    let waker = Box::new(Spiteful(Arc::clone(&spite))).into_waker();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut call = Box::pin(store.mutate_or_create(&key, || counter(1), Change::Add(1)));
        call.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
    }));
    assert!(panicked.is_err());
    must_not_hang(move || assert_eq!(store.fetch_or_create(&key, || counter(7)).count, 7));
}
