//! Every kind of commit, through every call that makes it, before every audience: each is told what it must, in versions without a
//! gap, and once.

use std::pin::Pin;
use std::time::Duration;

use livestore::{
    Delta, DeltaWatch, Entry, ExpireMode, LiveStore, LiveValue, StoreOptions, Update, Uuid, Watch, WatchAll,
};
use tokio::time::sleep;
use tokio_test::assert_pending;
use tokio_test::task::{Spawn, spawn};

/// A value whose mutations happen in place, where that can be, or on a copy.
#[derive(Clone, Debug)]
struct Tally(u64);

#[derive(Clone, Debug)]
enum Step {
    InPlace,
    OnCopy,
    Refuse,
}

impl LiveValue for Tally {
    type Message = &'static str;
    type Mutation = Step;
    type MutError = ();

    fn mutate(entry: &Entry<Self>, step: &Step) -> Result<Self, ()> {
        let mut next = Tally(entry.0);
        next.apply(step).map(|()| next)
    }

    fn apply(&mut self, step: &Step) -> Result<(), ()> {
        if let Refuse = step {
            return Err(());
        }
        self.0 += 1;
        Ok(())
    }

    fn __is_plain(step: &Step) -> bool {
        !matches!(step, OnCopy)
    }

    fn __copy(&self) -> Option<Self> {
        Some(self.clone())
    }
}

use Step::{InPlace, OnCopy, Refuse};

const KEY: Uuid = Uuid::from_u128(1);
/// Has no entry at first.
const NEW: Uuid = Uuid::from_u128(2);
const SECOND: Duration = Duration::from_secs(1);

type Store = LiveStore<Tally>;
type Act = Pin<Box<dyn Future<Output = ()>>>;

/// What one is told: the kind with its message, the version and the number after it.
type Told = (&'static str, u64, u64);

struct Commit {
    name: &'static str,
    act: fn(Store) -> Act,
    /// Of the entry, which is at version 2 with 1 and was at version 1 with 0.
    told: &'static [Told],
    /// Of a new entry under another key.
    creates: Option<u64>,
}

fn commits() -> Vec<Commit> {
    macro_rules! commits {
        ($($name:literal |$store:ident| $act:expr => $told:expr;)*) => {
            vec![$(Commit { name: $name, act: |$store| Box::pin(async move { let _done = $act; }), told: &$told, creates: None }),*]
        };
    }
    let mut all = commits! {
        "mutate in place" |s| s.mutate(&KEY, InPlace).await.unwrap() => [("Mutate", 3, 2)];
        "mutate on a copy" |s| s.mutate(&KEY, OnCopy).await.unwrap() => [("Mutate", 3, 2)];
        "mutate while somebody keeps the entry" |s| { let kept = s.fetch(&KEY); s.mutate(&KEY, InPlace).await.unwrap(); assert_eq!(kept.unwrap().0, 1) } => [("Mutate", 3, 2)];
        "mutate_if" |s| s.mutate_if(&KEY, 2, OnCopy).await.unwrap() => [("Mutate", 3, 2)];
        "mutate_or_create" |s| s.mutate_or_create(&KEY, || Tally(9), InPlace).await.unwrap() => [("Mutate", 3, 2)];
        "mutate_on_drop" |s| drop(s.mutate_on_drop(&KEY, InPlace)) => [("Mutate", 3, 2)];
        "mutate_on_drop while it is held" |s| { let guard = s.try_acquire(&KEY).unwrap(); drop(s.mutate_on_drop(&KEY, OnCopy)); guard.release() } => [("Mutate", 3, 2)];
        "commit of mutate_on_drop" |s| s.mutate_on_drop(&KEY, OnCopy).commit().await.unwrap() => [("Mutate", 3, 2)];
        "mutate by a guard in place" |s| s.acquire(&KEY).await.unwrap().mutate(InPlace).unwrap() => [("Mutate", 3, 2)];
        "mutate by a guard on a copy" |s| s.acquire(&KEY).await.unwrap().mutate(OnCopy).unwrap() => [("Mutate", 3, 2)];
        "mutate in a transaction" |s| s.transact(&[KEY], |tx| { tx.mutate(&KEY, InPlace)?; tx.mutate(&KEY, OnCopy) }).await.unwrap() => [("Mutate", 3, 2), ("Mutate", 4, 3)];

        "refused" |s| s.mutate(&KEY, Refuse).await.unwrap_err() => [];
        "refused by a guard" |s| s.acquire(&KEY).await.unwrap().mutate(Refuse).unwrap_err() => [];
        "a transaction that is aborted" |s| s.transact(&[KEY], |tx| { tx.mutate(&KEY, InPlace)?; tx.mutate(&KEY, Refuse) }).await.unwrap_err() => [];
        "read and held" |s| { s.fetch(&KEY).unwrap(); s.history(&KEY).unwrap(); s.touch(&KEY); s.acquire(&KEY).await.unwrap().release() } => [];
        "a deadline" |s| { s.expire_after(&KEY, 9 * SECOND).unwrap(); s.persist(&KEY) } => [];

        "insert" |s| s.insert(&KEY, Tally(7)).await.unwrap() => [("Overwrite", 3, 7)];
        "insert_and_watch" |s| s.insert_and_watch(&KEY, Tally(7)).await.0.unwrap() => [("Overwrite", 3, 7)];
        "try_insert" |s| s.try_insert(&KEY, Tally(7)).await.unwrap() => [("Overwrite", 3, 7)];
        "assign" |s| s.assign(&KEY, Tally(7)).await.unwrap() => [("Overwrite", 3, 7)];
        "assign_and_watch" |s| s.assign_and_watch(&KEY, Tally(7)).await.unwrap() => [("Overwrite", 3, 7)];
        "assign_and_acquire" |s| s.assign_and_acquire(&KEY, Tally(7)).await.unwrap() => [("Overwrite", 3, 7)];
        "try_assign" |s| s.try_assign(&KEY, Tally(7)).await.unwrap() => [("Overwrite", 3, 7)];
        "set" |s| s.acquire(&KEY).await.unwrap().set(Tally(7)) => [("Overwrite", 3, 7)];
        "set_with_msg" |s| s.acquire(&KEY).await.unwrap().set_with_msg(Tally(7), "so") => [("Overwrite so", 3, 7)];
        "try_set" |s| s.acquire(&KEY).await.unwrap().try_set(Tally(7)).unwrap() => [("Overwrite", 3, 7)];
        "set in a transaction" |s| s.transact(&[KEY], |tx| tx.set(&KEY, Tally(7)).map(drop)).await.unwrap() => [("Overwrite", 3, 7)];
        "try_set in a transaction" |s| s.transact(&[KEY], |tx| tx.try_set(&KEY, Tally(7)).map(drop)).await.is_ok() => [("Overwrite", 3, 7)];

        "rollback to the present" |s| s.rollback(&KEY, 2).await.unwrap() => [("Rollback", 3, 1)];
        "rollback to the present by a guard" |s| s.acquire(&KEY).await.unwrap().rollback(2).unwrap() => [("Rollback", 3, 1)];
        "rollback to what was never kept" |s| s.rollback(&KEY, 77).await.unwrap_err() => [];

        "broadcast" |s| s.broadcast(&KEY, "so").unwrap() => [("Message so", 2, 1)];
        "broadcast by a guard" |s| s.acquire(&KEY).await.unwrap().broadcast("so") => [("Message so", 2, 1)];
        "broadcast in a transaction" |s| s.transact(&[KEY], |tx| tx.broadcast(&KEY, "so")).await.unwrap() => [("Message so", 2, 1)];

        "remove" |s| s.remove(&KEY).await.unwrap() => [("Remove", 3, 1)];
        "remove_with_msg" |s| s.remove_with_msg(&KEY, "so").await.unwrap() => [("Remove so", 3, 1)];
        "delete" |s| s.acquire(&KEY).await.unwrap().delete() => [("Remove", 3, 1)];
        "delete_with_msg" |s| s.acquire(&KEY).await.unwrap().delete_with_msg("so") => [("Remove so", 3, 1)];
        "remove in a transaction" |s| s.transact(&[KEY], |tx| tx.remove(&KEY).map(drop).ok_or(())).await.unwrap() => [("Remove", 3, 1)];
        "remove_with_msg in a transaction" |s| s.transact(&[KEY], |tx| tx.remove_with_msg(&KEY, "so").map(drop).ok_or(())).await.unwrap() => [("Remove so", 3, 1)];

        "expire by a check" |s| { s.expire_after(&KEY, SECOND).unwrap(); sleep(3 * SECOND).await } => [("Expire", 3, 1)];
        "expire at the end of a hold" |s| {
            let guard = s.acquire(&KEY).await.unwrap();
            s.expire_after(&KEY, SECOND).unwrap();
            sleep(3 * SECOND).await;
            assert!(s.contains_key(&KEY));
            guard.release();
        } => [("Expire", 3, 1)];
        "close" |s| s.close().await.unwrap() => [];

        "many in a transaction" |s| s.transact(&[KEY], |tx| {
            tx.mutate(&KEY, InPlace).map_err(drop)?;
            tx.broadcast(&KEY, "so").map_err(drop)?;
            tx.set(&KEY, Tally(7)).map(drop).map_err(drop)?;
            tx.remove_with_msg(&KEY, "gone").map(drop).ok_or(())?;
            tx.create(&KEY, Tally(9)).map_err(drop)?;
            tx.mutate(&KEY, OnCopy).map(drop).map_err(drop)
        }).await.unwrap() => [("Mutate", 3, 2), ("Message so", 3, 2), ("Overwrite", 4, 7), ("Remove gone", 5, 7), ("Create", 6, 9), ("Mutate", 7, 10)];
        "remove and create" |s| { s.remove(&KEY).await.unwrap(); s.create(&KEY, Tally(9)).unwrap() } => [("Remove", 3, 1), ("Create", 4, 9)];
    };
    let creations = commits! {
        "create" |s| s.create(&NEW, Tally(5)).unwrap() => [];
        "try_create" |s| s.try_create(&NEW, Tally(5)).unwrap() => [];
        "create_and_watch" |s| s.create_and_watch(&NEW, Tally(5)).unwrap() => [];
        "create_and_acquire" |s| s.create_and_acquire(&NEW, Tally(5)).unwrap() => [];
        "fetch_or_create" |s| s.fetch_or_create(&NEW, || Tally(5)) => [];
        "mutate_or_create a new one" |s| s.mutate_or_create(&NEW, || Tally(4), InPlace).await.unwrap() => [];
        "insert a new one" |s| s.insert(&NEW, Tally(5)).await.is_none() => [];
        "create in a transaction" |s| s.transact(&[], |tx| tx.create(&NEW, Tally(5))).await.unwrap() => [];
    };
    all.extend(creations.into_iter().map(|commit| Commit {
        creates: Some(5),
        ..commit
    }));
    all
}

/// Only where a history is kept.
fn back() -> Vec<Commit> {
    let [store, guard]: [fn(Store) -> Act; 2] = [
        |s| Box::pin(async move { drop(s.rollback(&KEY, 1).await.unwrap()) }),
        |s| Box::pin(async move { drop(s.acquire(&KEY).await.unwrap().rollback(1).unwrap()) }),
    ];
    [("rollback", store), ("rollback by a guard", guard)]
        .map(|(name, act)| Commit {
            name,
            act,
            told: &[("Rollback", 3, 0)],
            creates: None,
        })
        .into()
}

/// Messages that commits come with are among these.
fn with(kind: &str, msg: Option<&'static str>) -> String {
    msg.map_or(kind.to_owned(), |msg| format!("{kind} {msg}"))
}

fn of_update(update: &Update<Tally>) -> (String, u64, u64) {
    let kind = match update {
        Update::Create { .. } => with("Create", None),
        Update::Mutate { new, old, .. } => {
            assert_eq!((old.version() + 1, old.0 + 1), (new.version(), new.0));
            with("Mutate", None)
        }
        Update::Overwrite { msg, new, old } => {
            assert_eq!(old.version() + 1, new.version());
            with("Overwrite", *msg)
        }
        Update::Rollback { new, old } => {
            assert_eq!(old.version() + 1, new.version());
            with("Rollback", None)
        }
        Update::Message { msg, .. } => with("Message", Some(msg)),
        Update::Remove { msg, .. } => with("Remove", *msg),
        Update::Expire { .. } => with("Expire", None),
        Update::Resync { .. } => with("Resync", None),
        other => panic!("{other:?}"),
    };
    (kind, update.version(), update.entry().0)
}

/// Applies a delta to what is known so far, as somebody who keeps a copy does.
fn of_delta(delta: &Delta<Tally>, number: u64) -> (String, u64, u64) {
    let (kind, number) = match delta {
        Delta::Mutate { .. } => (with("Mutate", None), number + 1),
        Delta::Overwrite { msg, new, .. } => (with("Overwrite", *msg), new.0),
        Delta::Rollback { new, .. } => (with("Rollback", None), new.0),
        Delta::Message { msg, .. } => (with("Message", Some(msg)), number),
        Delta::Remove { msg, val, .. } => (with("Remove", *msg), val.0),
        Delta::Expire { val, .. } => (with("Expire", None), val.0),
        Delta::Resync { now, .. } => (with("Resync", None), now.0),
        other => panic!("{other:?}"),
    };
    (kind, delta.version(), number)
}

fn named(told: &[Told]) -> Vec<(String, u64, u64)> {
    told.iter()
        .map(|(kind, version, number)| ((*kind).to_owned(), *version, *number))
        .collect()
}

fn ends(kind: &str) -> bool {
    kind.starts_with("Remove") || kind.starts_with("Expire")
}

/// What the watchers of this life of the entry are told of it.
fn of_this_life(told: &[Told]) -> &[Told] {
    let end = told.iter().position(|(kind, ..)| ends(kind));
    &told[..end.map_or(told.len(), |at| at + 1)]
}

/// Who is told. Absent, whoever might be.
struct Audience {
    full: Option<Spawn<Watch<Tally>>>,
    delta: Option<Spawn<DeltaWatch<Tally>>>,
    all: Option<Spawn<WatchAll<Tally>>>,
}

impl Audience {
    fn join(store: &Store, which: [bool; 3]) -> Audience {
        let [full, delta, all] = which;
        let mut audience = Audience {
            full: full.then(|| spawn(store.watch(&KEY).unwrap())),
            delta: delta.then(|| spawn(store.watch_deltas(&KEY).unwrap())),
            all: all.then(|| spawn(store.watch_all())),
        };
        audience
            .full
            .iter_mut()
            .for_each(|watch| assert_pending!(watch.poll_next()));
        audience
            .delta
            .iter_mut()
            .for_each(|watch| assert_pending!(watch.poll_next()));
        audience
            .all
            .iter_mut()
            .for_each(|watch| assert_pending!(watch.poll_next()));
        audience
    }

    fn was_told(mut self, commit: &Commit, closed: bool) {
        let told = of_this_life(commit.told);
        let is_over = closed || told.last().is_some_and(|(kind, ..)| ends(kind));
        if let Some(watch) = &mut self.full {
            assert_eq!(watch.is_woken(), !told.is_empty() || closed);
            let heard: Vec<_> = std::iter::from_fn(|| watch.try_next())
                .map(|update| of_update(&update))
                .collect();
            assert_eq!(heard, named(told), "with values");
            assert_eq!(watch.is_over(), is_over);
        }
        if let Some(watch) = &mut self.delta {
            assert_eq!(watch.is_woken(), !told.is_empty() || closed);
            let mut number = 1;
            let mut heard = Vec::new();
            while let Some(delta) = watch.try_next() {
                let delta = of_delta(&delta, number);
                number = delta.2;
                heard.push(delta);
            }
            assert_eq!(heard, named(told), "without values");
            assert_eq!(watch.is_over(), is_over);
        }
        if let Some(all) = &mut self.all {
            let mut expected: Vec<_> = named(commit.told).into_iter().map(|told| (KEY, told)).collect();
            expected.extend(
                commit
                    .creates
                    .map(|number| (NEW, ("Create".to_owned(), 1, number))),
            );
            assert_eq!(all.is_woken(), !expected.is_empty() || closed);
            let heard: Vec<_> = std::iter::from_fn(|| all.try_next())
                .map(|(key, update)| (key, of_update(&update)))
                .collect();
            assert_eq!(heard, expected, "of everything");
        }
    }
}

/// Who asks afterwards is told what is kept, and else what there is now.
fn is_kept(store: &Store, commit: &Commit, history: usize) {
    let alive = commit
        .told
        .iter()
        .rev()
        .find(|(kind, ..)| !kind.starts_with("Message"));
    if store.is_closed() || alive.is_some_and(|(kind, ..)| ends(kind)) {
        assert!(
            store.fetch(&KEY).is_none()
                && store.history(&KEY).is_none()
                && store.watch_since(&KEY, 2).is_none()
        );
        return;
    }
    let changes: Vec<Told> = commit
        .told
        .iter()
        .filter(|(kind, ..)| !kind.starts_with("Message"))
        .copied()
        .collect();
    // Of this life.
    let born = changes.iter().position(|(kind, ..)| *kind == "Create");
    let mut versions = match born {
        Some(_) => Vec::new(),
        None => vec![(1, 0), (2, 1)],
    };
    versions.extend(
        changes[born.unwrap_or(0)..]
            .iter()
            .map(|(_, version, number)| (*version, *number)),
    );
    let kept = versions.len().min(history + 1);
    let found: Vec<_> = store
        .history(&KEY)
        .unwrap()
        .iter()
        .map(|entry| (entry.version(), entry.0))
        .collect();
    assert_eq!(found, versions[versions.len() - kept..], "what is kept");

    let mut since = store.watch_since(&KEY, 2).unwrap();
    let heard: Vec<_> = std::iter::from_fn(|| since.try_next())
        .map(|update| of_update(&update))
        .collect();
    let (version, number) = versions[versions.len() - 1];
    let expected = if born.is_some() || changes.len() > history {
        vec![("Resync".to_owned(), version, number)]
    } else {
        named(&changes)
    };
    assert_eq!(heard, expected, "what was missed");
}

async fn before_every_audience(commit: &Commit, history: usize) {
    for audience in 0..8 {
        // With a budget that has run out, whoever looks for updates is woken to look again.
        tokio::task::yield_now().await;
        let which = [1, 2, 4].map(|bit| audience & bit != 0);
        let store = LiveStore::new()
            .with_options(StoreOptions {
                history,
                expire_check_freq: Some(SECOND),
                expire_mode: ExpireMode::Timeout(3600 * SECOND),
                ..Default::default()
            })
            .done();
        store.create(&KEY, Tally(0)).unwrap();
        store.mutate(&KEY, InPlace).await.unwrap();
        let case = format!("{} with history {history} and {which:?}", commit.name);
        let told = Audience::join(&store, which);
        let before = store.peek(&KEY).unwrap().version();
        (commit.act)(store.clone()).await;
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            assert_eq!(before, 2);
            told.was_told(commit, store.is_closed());
            is_kept(&store, commit, history);
        }));
        assert!(result.is_ok(), "{case}");
        let stats = store.stats();
        assert_eq!(
            (stats.watchers, stats.watch_alls, stats.held, stats.waiters),
            (0, 0, 0, 0),
            "{case}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_commit_is_told_to_every_audience() {
    for history in [0, 1, 8] {
        for commit in commits() {
            before_every_audience(&commit, history).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_way_back_is_told_to_every_audience() {
    for history in [1, 8] {
        for commit in back() {
            before_every_audience(&commit, history).await;
        }
    }
}
