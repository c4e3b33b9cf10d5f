//! Plain mutations: changed in place, in one step, and with the same promises.

use livestore::{Entry, LiveStore, LiveValue, MutateError, Shared, Update};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

/// What the derive makes of a struct of std types, reduced to what matters here: plain mutations.
#[derive(Debug, PartialEq)]
struct Text {
    text: String,
}

impl Clone for Text {
    fn clone(&self) -> Self {
        CLONES.with(|clones| clones.set(clones.get() + 1));
        Text {
            text: self.text.clone(),
        }
    }
}

thread_local! {
    static CLONES: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

fn clones() -> u32 {
    CLONES.with(std::cell::Cell::take)
}

impl LiveValue for Text {
    type Message = ();
    type Mutation = String;
    type MutError = &'static str;

    fn mutate(entry: &Entry<Self>, mutation: &String) -> Result<Self, &'static str> {
        let mut next = Text::clone(entry.value());
        next.apply(mutation)?;
        Ok(next)
    }

    fn apply(&mut self, mutation: &String) -> Result<(), &'static str> {
        if mutation.is_empty() {
            return Err("empty");
        }
        self.text.clone_from(mutation);
        Ok(())
    }

    fn __is_plain(_: &String) -> bool {
        true
    }
}

fn text(text: &str) -> Text {
    Text {
        text: text.to_owned(),
    }
}

#[tokio::test]
async fn a_value_that_nobody_else_has_is_changed_in_place() {
    let store = LiveStore::default();
    let key = store.init(text("a"));
    let address = Shared::as_ptr(store.fetch(&key).unwrap().value());
    let entry = store.mutate(&key, "b".to_owned()).await.unwrap();
    assert_eq!((entry.text.as_str(), entry.version()), ("b", 2));
    assert_eq!(Shared::as_ptr(entry.value()), address);
    drop(entry);

    let mut guard = store.acquire(&key).await.unwrap();
    for round in 0..3 {
        drop(guard.mutate(format!("{round}")).unwrap());
    }
    assert_eq!((guard.text.as_str(), guard.version()), ("2", 5));
    assert_eq!(Shared::as_ptr(guard.as_entry().value()), address);
    assert_eq!(clones(), 0);
}

#[tokio::test]
async fn an_entry_that_somebody_keeps_does_not_change() {
    let store = LiveStore::default();
    let key = store.init(text("a"));
    let kept = store.fetch(&key).unwrap();
    store.mutate(&key, "b".to_owned()).await.unwrap();
    assert_eq!((kept.text.as_str(), kept.version()), ("a", 1));
    assert_eq!(clones(), 1);
    let mut guard = store.acquire(&key).await.unwrap();
    let kept = guard.as_entry();
    guard.mutate("c".to_owned()).unwrap();
    assert_eq!((kept.text.as_str(), guard.text.as_str()), ("b", "c"));
    assert_eq!(clones(), 1);
}

#[tokio::test]
async fn a_watcher_has_the_value_before_and_after() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(text("a"));
    store.mutate(&key, "b".to_owned()).await.unwrap();
    let Some(Update::Mutate { mutn, new, old }) = watch.next().await else {
        panic!("not a mutation")
    };
    assert_eq!(
        (mutn.as_str(), old.text.as_str(), new.text.as_str()),
        ("b", "a", "b")
    );
    drop((new, old));
    drop(watch);
    clones();
    // Nobody watches any more: in place again.
    store.mutate(&key, "c".to_owned()).await.unwrap();
    assert_eq!(clones(), 0);
}

#[tokio::test]
async fn a_refusal_leaves_value_and_version() {
    let store = LiveStore::default();
    let key = store.init(text("a"));
    let refused = store.mutate(&key, String::new()).await.unwrap_err();
    assert_eq!(refused, MutateError::Rejected("empty"));
    let mut guard = store.acquire(&key).await.unwrap();
    assert_eq!(guard.mutate(String::new()).unwrap_err(), "empty");
    assert_eq!((guard.text.as_str(), guard.version()), ("a", 1));
}

#[test]
fn a_plain_mutation_waits_for_a_guard_like_any_other() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(text("a"));
    let key = *guard.key();
    let mut first = spawn(store.mutate(&key, "b".to_owned()));
    let mut second = spawn(store.mutate(&key, "c".to_owned()));
    assert_pending!(second.poll());
    assert_pending!(first.poll());
    drop(guard);
    assert_pending!(first.poll());
    assert_eq!(assert_ready!(second.poll()).unwrap().version(), 2);
    let entry = assert_ready!(first.poll()).unwrap();
    assert_eq!((entry.text.as_str(), entry.version()), ("b", 3));
}

#[test]
fn a_mutation_that_is_dropped_in_the_queue_passes_its_turn_on() {
    let store = LiveStore::default();
    let guard = store.init_and_acquire(text("a"));
    let key = *guard.key();
    let mut dropped = spawn(store.mutate(&key, "b".to_owned()));
    let mut next = spawn(store.mutate(&key, "c".to_owned()));
    assert_pending!(dropped.poll());
    assert_pending!(next.poll());
    drop(guard);
    assert!(dropped.is_woken() && !next.is_woken());
    drop(dropped);
    assert!(next.is_woken());
    let entry = assert_ready!(next.poll()).unwrap();
    assert_eq!((entry.text.as_str(), entry.version()), ("c", 2));
    assert!(store.try_acquire(&key).is_ok());
}

/// Small: what the store needs a copy of it copies field by field.
#[derive(Debug, LiveValue)]
#[live(error(derive(Debug, PartialEq)))]
struct Small {
    #[live(set, range = 0..=9)]
    number: u8,
    name: String,
}

impl Clone for Small {
    fn clone(&self) -> Self {
        panic!("this is the user's")
    }
}

fn small() -> Small {
    Small {
        number: 1,
        name: "a".to_owned(),
    }
}

#[test]
fn a_small_value_that_somebody_keeps_is_changed_in_one_step_as_well() {
    let store = LiveStore::default();
    let key = store.init(small());
    let kept = store.fetch(&key).unwrap();
    let entry = assert_ready!(spawn(store.mutate(&key, SmallMutation::SetNumber(2))).poll()).unwrap();
    assert_eq!((kept.number, kept.version()), (1, 1));
    assert_eq!((entry.number, entry.name.as_str(), entry.version()), (2, "a", 2));

    let mut guard = store.try_acquire(&key).unwrap();
    drop(guard.mutate(SmallMutation::SetNumber(3)).unwrap());
    assert_eq!((entry.number, guard.number, guard.version()), (2, 3, 3));
}

#[test]
fn a_small_value_that_is_watched_is_told_before_and_after() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(small());
    drop(assert_ready!(
        spawn(store.mutate(&key, SmallMutation::SetNumber(2))).poll()
    ));
    let Some(Update::Mutate { new, old, .. }) = assert_ready!(spawn(watch.next()).poll()) else {
        panic!("not a mutation")
    };
    assert_eq!(
        (old.number, old.version(), new.number, new.version()),
        (1, 1, 2, 2)
    );
}

#[test]
fn a_small_value_that_refuses_stays_as_it_is() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(small());
    let before = store.fetch(&key).unwrap();
    let refused = assert_ready!(spawn(store.mutate(&key, SmallMutation::SetNumber(10))).poll());
    assert!(matches!(refused, Err(MutateError::Rejected(_))));
    assert_eq!(store.stats().refused, 1);
    let entry = store.fetch(&key).unwrap();
    assert_eq!((entry.number, entry.version()), (1, 1));
    assert!(Shared::ptr_eq(entry.value(), before.value()));
    assert_pending!(spawn(watch.next()).poll());
}
