//! Derived values in a store: plain mutations in place, all others with nothing locked and on a copy.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use livestore::{Entry, LiveStore, LiveValue, MutateError, Never, Shared, Uuid};
use tokio_test::{assert_ready, task::spawn};

/// Says no by a rule, so the derive makes the error type.
#[derive(Clone, Debug, PartialEq, LiveValue)]
struct Counter {
    #[live(increment, range = ..=9)]
    count: u32,
}

#[test]
fn a_plain_mutation_changes_the_value_in_place_and_another_its_copy() {
    #[derive(Clone, LiveValue)]
    #[live(mutation(variants(Reset)))]
    struct Both {
        #[live(increment)]
        count: u32,
    }

    impl Both {
        fn reset(&mut self) {
            self.count = 0;
        }
    }

    let store = LiveStore::default();
    let key = store.init(Both { count: 0 });
    let place = || store.fetch(&key).map(|entry| Shared::as_ptr(entry.value()));
    let before = place();
    assert_ready!(spawn(store.mutate(&key, BothMutation::IncrementCount(1))).poll()).expect("is accepted");
    assert_eq!(place(), before, "in place");
    assert_ready!(spawn(store.mutate(&key, BothMutation::Reset)).poll()).expect("is accepted");
    assert_ne!(place(), before, "a copy");
    assert_eq!(store.fetch(&key).map(|entry| entry.count), Some(0));
}

#[test]
fn a_refused_mutation_leaves_the_entry() {
    let store = LiveStore::default();
    let key = store.init(Counter { count: 5 });
    let refused = assert_ready!(spawn(store.mutate(&key, CounterMutation::IncrementCount(5))).poll());
    let Err(MutateError::Rejected(reason)) = refused else {
        panic!("accepted")
    };
    assert_eq!(reason.to_string(), "count: the value is not within ..=9");
    let entry = store.fetch(&key).expect("it is there");
    assert_eq!((entry.count, entry.version()), (5, 1));
}

/// One rule for all of them: a version counts accepted mutations, and whoever sent one sees it come.
#[tokio::test(start_paused = true)]
async fn what_is_accepted_is_a_commit_also_if_it_changes_nothing() {
    #[derive(Clone, LiveValue)]
    #[live(mutation(variants(Look)))]
    struct Room {
        name: String,
        #[live(add, insert, remove)]
        scores: BTreeMap<u8, u8>,
        #[live(insert, remove)]
        tags: BTreeSet<u8>,
        #[live(increment)]
        count: u8,
        #[live(clear)]
        topic: Option<u8>,
        #[live(nested)]
        inner: Counter,
    }

    impl Room {
        fn look(&mut self) {}
    }

    /// By hand, and always the same.
    #[derive(Clone)]
    struct Stone;

    impl LiveValue for Stone {
        type Message = ();
        type Mutation = ();
        type MutError = Never;

        fn mutate(_: &Entry<Stone>, (): &()) -> Result<Stone, Never> {
            Ok(Stone)
        }
    }

    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(Room {
        name: "a".into(),
        scores: BTreeMap::from([(1, 1)]),
        tags: BTreeSet::from([1]),
        count: 0,
        topic: None,
        inner: Counter { count: 0 },
    });
    let mutations = [
        RoomMutation::SetName("a".into()),
        RoomMutation::AddScores(1, 0),
        RoomMutation::InsertScores(1, 1),
        RoomMutation::RemoveScores(2),
        RoomMutation::InsertTags(1),
        RoomMutation::RemoveTags(2),
        RoomMutation::IncrementCount(0),
        RoomMutation::ClearTopic,
        RoomMutation::UpdateInner(CounterMutation::IncrementCount(0)),
        RoomMutation::Look,
    ];
    for (version, mutation) in (2..).zip(mutations) {
        let entry = store.mutate(&key, mutation).await.expect("is accepted");
        assert_eq!(entry.version(), version);
        let told = watch.next().await.expect("goes on");
        assert_eq!(told.version(), version);
    }
    let mut guard = store.acquire(&key).await.expect("it is there");
    assert_eq!(
        guard.mutate(RoomMutation::Look).expect("is accepted").version(),
        12
    );
    drop(guard);

    let stones = LiveStore::default();
    let key = stones.init(Stone);
    assert_eq!(stones.mutate(&key, ()).await.expect("is accepted").version(), 2);
}

#[test]
fn fields_that_are_called_as_what_an_entry_knows_are_not_hidden() {
    #[derive(Clone, LiveValue)]
    struct Document {
        #[live(increment)]
        version: u8,
        value: String,
    }

    let store = LiveStore::default();
    let (version, value) = (7, String::from("text"));
    let key = store.init(Document { version, value });
    let bump = store.mutate(&key, DocumentMutation::IncrementVersion(1));
    let entry = assert_ready!(spawn(bump).poll()).expect("is accepted");
    assert_eq!((entry.version, entry.version()), (8, 2));
    assert_eq!((&*entry.value, entry.value().version), ("text", 8));
}

static STORE: OnceLock<(LiveStore<Curious>, Uuid)> = OnceLock::new();

/// Looks at the store from wherever it can: would hang if a lock were held.
fn look() {
    let (store, key) = STORE.get().expect("it was made");
    store.fetch(key).expect("it is there");
}

#[derive(Debug)]
struct Looking(u32);

impl Clone for Looking {
    fn clone(&self) -> Self {
        look();
        Looking(self.0)
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        look();
    }
}

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Look)))]
struct Curious {
    #[live(push, set)]
    looking: Vec<Looking>,
    #[live(set, validate = looked)]
    checked: u32,
}

impl Curious {
    fn look(&mut self) {
        look();
        self.checked += 1;
        assert!(self.checked < 3, "enough");
    }
}

fn looked(_: &u32) -> Result<(), String> {
    look();
    Ok(())
}

#[test]
fn what_is_the_users_runs_with_nothing_locked_and_may_panic() {
    let store = LiveStore::default();
    let key = store.init(Curious {
        looking: Vec::new(),
        checked: 0,
    });
    assert!(STORE.set((store.clone(), key)).is_ok());
    for mutation in [
        CuriousMutation::PushLooking(Looking(1)),
        CuriousMutation::SetChecked(1),
        CuriousMutation::Look,
        CuriousMutation::SetLooking(vec![Looking(2), Looking(3)]),
    ] {
        assert_ready!(spawn(store.mutate(&key, mutation)).poll()).expect("is accepted");
    }

    let panics = || assert_ready!(spawn(store.mutate(&key, CuriousMutation::Look)).poll()).is_ok();
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    let entry = store.fetch(&key).expect("it is there");
    assert_eq!((entry.checked, entry.version()), (2, 5), "as before the panic");
    let held: Vec<u32> = entry.looking.iter().map(|looking| looking.0).collect();
    assert_eq!(held, [2, 3]);
    assert_ready!(spawn(store.mutate(&key, CuriousMutation::SetChecked(7))).poll()).expect("not locked");
}
