//! What a subscriber is told: waits, lag and expiry, with nothing locked and no values.

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::tracing::field::{Field, Visit};
use ::tracing::span::{Attributes, Id, Record};
use ::tracing::{Event, Metadata, Subscriber, subscriber};
use livestore::{Delta, ExpireMode, LiveStore, StoreOptions, Update, Uuid};
use livestore_tests::{Change, Counter, counter, store_with_cap};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

/// Writes down what it is told, and uses the store each time, as a subscriber that keeps its log there would.
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    store: LiveStore<Counter>,
    key: Uuid,
}

impl Log {
    fn note(&self, line: String) {
        self.store.fetch(&self.key);
        drop(self.store.watch(&self.key));
        self.store.init(counter(0));
        self.lines.lock().unwrap().push(line);
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("livestore")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(format!("span {}", span.metadata().name()));
        span.record(&mut fields);
        self.note(fields.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(event.metadata().level().to_string());
        event.record(&mut fields);
        self.note(fields.0);
    }

    fn enter(&self, _: &Id) {
        self.note("enter".to_owned());
    }

    fn exit(&self, _: &Id) {
        self.note("exit".to_owned());
    }
}

/// Has the current thread's events of `store` noted.
fn log(store: &LiveStore<Counter>, key: Uuid) -> (Arc<Mutex<Vec<String>>>, subscriber::DefaultGuard) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let guard = subscriber::set_default(Log {
        lines: Arc::clone(&lines),
        store: store.clone(),
        key,
    });
    (lines, guard)
}

fn taken(lines: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut lines.lock().unwrap())
}

#[tokio::test]
async fn a_wait_for_an_entry_is_a_span_and_a_free_entry_is_none() {
    let store = LiveStore::default();
    let key = store.init(counter(0));
    let (lines, _log) = log(&store, key);
    let guard = store.acquire(&key).await.unwrap();
    assert!(taken(&lines).is_empty());

    let mut waiting = spawn(store.mutate(&key, Change::Add(1)));
    assert_pending!(waiting.poll());
    assert_eq!(taken(&lines), [&format!("span wait key={key}"), "enter", "exit"]);
    drop(guard);
    assert_ready!(waiting.poll()).unwrap();
    assert_eq!(taken(&lines)[..2], ["enter", "exit"]);
}

#[tokio::test]
async fn lag_is_an_event() {
    let store = store_with_cap(2);
    let key = store.init(counter(0));
    let mut watch = store.watch(&key).unwrap();
    let (lines, _log) = log(&store, key);
    for _ in 0..5 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    drop(watch.next().await);
    let expected = format!("DEBUG message=a watcher has lagged key={key} missed=5");
    assert_eq!(taken(&lines), [expected]);
}

#[tokio::test(start_paused = true)]
async fn expiry_is_an_event_and_so_is_a_callback_that_panics() {
    let store = LiveStore::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            expire_mode: ExpireMode::Timeout(Duration::MAX),
            ..Default::default()
        })
        .on_expire(|_| async { panic!("a callback that panics") })
        .done();
    let stays = store.init(counter(0));
    for _ in 0..3 {
        let key = store.init(counter(7));
        store.expire_after(&key, Duration::from_secs(5)).unwrap();
    }
    let (lines, _log) = log(&store, stays);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(
        taken(&lines),
        [
            "DEBUG message=entries have expired entries=3",
            "ERROR message=the expiry callback has panicked entries=3",
        ]
    );
}

#[test]
fn a_mutation_on_drop_that_comes_to_nothing_is_an_event() {
    let (store, missing) = (LiveStore::default(), Uuid::nil());
    let key = store.init(counter(0));
    let come_to_nothing = || {
        drop(store.mutate_on_drop(&missing, Change::Add(1)));
        drop(store.mutate_on_drop(&key, Change::Refuse));
        drop(store.mutate_on_drop(&key, Change::Panic));
    };
    // Who meets an event first decides whether anybody is interested: here, and not another test's thread, which is not.
    come_to_nothing();
    let (lines, _log) = log(&store, key);
    drop(store.mutate_on_drop(&key, Change::Add(1)));
    assert!(taken(&lines).is_empty());
    come_to_nothing();
    let nothing = "DEBUG message=a mutation on drop has come to nothing";
    assert_eq!(
        taken(&lines),
        [
            format!("{nothing} key={missing} why=\"there is no entry\""),
            format!("{nothing} key={key} why=\"the value refused it\""),
            format!("ERROR message=a mutation on drop has panicked key={key}"),
        ]
    );
}

/// Panics over every event, and counts them.
struct Broken(Arc<Mutex<usize>>);

impl Subscriber for Broken {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target().starts_with("livestore") {
            *self.0.lock().unwrap() += 1;
            panic!("the log cannot be written");
        }
    }

    fn enter(&self, _: &Id) {
        panic!("nor that a span is entered");
    }

    fn exit(&self, _: &Id) {
        panic!("or left");
    }

    fn try_close(&self, _: Id) -> bool {
        panic!("or that it ends");
    }
}

/// What it was told about was lost: a resync and with it the promise of no gap, a batch, the checks, all later callbacks.
#[tokio::test(start_paused = true)]
async fn a_subscriber_that_panics_takes_nothing_from_anybody() {
    let events = Arc::default();
    let _guard = subscriber::set_default(Broken(Arc::clone(&events)));
    let called = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&called);
    let options = StoreOptions {
        channel_cap: 2,
        expire_check_freq: Some(Duration::from_secs(1)),
        expire_mode: ExpireMode::Timeout(Duration::from_secs(10)),
        ..Default::default()
    };
    let store = LiveStore::new()
        .with_options(options)
        .on_expire(move |expired| {
            let called = expired.len() + counts.fetch_add(expired.len(), Ordering::SeqCst);
            assert!(called > 1, "the first batch");
            async {}
        })
        .done();
    let key = store.init(counter(0));
    let (mut watch, mut deltas) = (store.watch(&key).unwrap(), store.watch_deltas(&key).unwrap());
    let (mut set, mut all) = (store.watch_set(), store.watch_all());
    set.add(&key).unwrap();
    for _ in 0..40 {
        store.mutate(&key, Change::Add(1)).await.unwrap();
    }
    assert!(matches!(
        watch.try_next(),
        Some(Update::Resync { missed: 40, .. })
    ));
    assert!(matches!(
        deltas.try_next(),
        Some(Delta::Resync { missed: 40, .. })
    ));
    assert!(matches!(
        set.try_next(),
        Some((_, Update::Resync { missed: 40, .. }))
    ));
    assert!(matches!(all.try_next(), Some((_, Update::Resync { .. }))));
    for expired in 1..=3 {
        tokio::time::sleep(Duration::from_secs(15)).await;
        assert_eq!(
            (store.stats().expired, called.load(Ordering::SeqCst)),
            (expired as u64, expired)
        );
        store.init(counter(0));
    }
    // Nobody is there to be mutated.
    drop(store.mutate_on_drop(&key, Change::Add(1)));
    // Waits, of which one is given up.
    let key = store.init(counter(0));
    let guard = store.try_acquire(&key).unwrap();
    let mut waits = spawn(store.acquire(&key));
    let mut gives_up = spawn(store.mutate(&key, Change::Add(1)));
    let mut mutates = spawn(store.mutate(&key, Change::Add(1)));
    assert_pending!(waits.poll());
    assert_pending!(gives_up.poll());
    assert_pending!(mutates.poll());
    drop(gives_up);
    guard.release();
    drop(assert_ready!(waits.poll()));
    assert_eq!(assert_ready!(mutates.poll()).unwrap().count, 1);
    assert_eq!((store.stats().held, store.stats().waiters), (0, 0));
    assert!(*events.lock().unwrap() > 0, "it was told nothing");
}
