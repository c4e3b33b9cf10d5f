//! What the types promise to the compiler. Each promise stands here, so that none is broken unnoticed.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};
use std::time::Duration;

use livestore::{
    AcquireError, CloseError, Control, DeadlineError, Delta, DeltaWatch, DiskState, DiskStats, Downtime,
    Durability, DurabilityError, DurableWatch, Entry, EntryGuard, EntryHandle, EntryStats, ExpireMode,
    FieldError, FlushError, Groups, Guards, Hidden, Invalid, ListChange, ListUpdate, LiveQuery, LiveStore,
    LiveStoreBuilder, LiveValue, Load, LoadError, LoadReport, Missing, MissingKey, MutateError,
    MutateIfError, MutateOnDrop, Never, Occupied, OnUnreadable, OpenError, OpenReport, OptionsError,
    Progress, Query, QueryError, Rejected, RollbackError, Save, SaveError, SaveReport, Shared, Stats,
    Storages, StoragesBuilder, StoreOptions, TransactError, TryAcquireError, TryAssignError, TryCreateError,
    Tx, UnreadableEntry, UnwrittenError, Update, Watch, WatchAll, WatchSet, WeakLiveStore, ws,
};
use livestore_tests::{Change, Counter, counter};
use serde::{Deserialize, Serialize};

/// Has every trait that matters here, and so has what belongs to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rich;

impl LiveValue for Rich {
    type Message = ();
    type Mutation = ();
    type MutError = ();

    fn mutate(_: &Entry<Self>, (): &()) -> Result<Self, ()> {
        Ok(Rich)
    }
}

/// Has no more than a value must have.
#[derive(Clone)]
struct Poor(Nothing);

/// Neither `Debug` nor safe to look at after a panic.
struct Nothing(PhantomData<Box<dyn Send + Sync>>);

impl Clone for Nothing {
    fn clone(&self) -> Self {
        Nothing(PhantomData)
    }
}

impl LiveValue for Poor {
    type Message = Nothing;
    type Mutation = Nothing;
    type MutError = Nothing;

    fn mutate(_: &Entry<Self>, _: &Nothing) -> Result<Self, Nothing> {
        Ok(Poor(Nothing(PhantomData)))
    }
}

trait Otherwise {
    const HAS: bool = false;
}

/// Whether a type has a trait: of two constants of one name, the inherent one comes first, and exists where the bound holds.
macro_rules! has {
    ($type:ty, $trait:ident) => {{
        struct Asked<T>(PhantomData<T>);
        impl<T> Otherwise for Asked<T> {}
        #[allow(dead_code, reason = "where the bound does not hold")]
        impl<T: $trait> Asked<T> {
            const HAS: bool = true;
        }
        (<Asked<$type>>::HAS, stringify!($trait))
    }};
}

/// The traits that a type has, of those that matter here.
macro_rules! traits {
    ($type:ty) => {{
        let all = [
            has!($type, Debug),
            has!($type, Clone),
            has!($type, Send),
            has!($type, Sync),
            has!($type, Unpin),
            has!($type, UnwindSafe),
            has!($type, RefUnwindSafe),
        ];
        let held: Vec<_> = all
            .into_iter()
            .filter_map(|(has, name)| has.then_some(name))
            .collect();
        held.join(" ")
    }};
}

const FULL: &str = "Debug Clone Send Sync Unpin UnwindSafe RefUnwindSafe";
/// Is one alone.
const UNCLONED: &str = "Debug Send Sync Unpin UnwindSafe RefUnwindSafe";
/// Shows the value, which must let it.
const BARE: &str = "Clone Send Sync Unpin";
const HANDLE: &str = "Debug Clone Send Sync Unpin";
const OWNED: &str = "Debug Send Sync Unpin";
/// To be awaited, by one task.
const TO_BE: &str = "Debug Send Unpin";

/// Every public type with what it has where the value is [`Rich`], and where it is [`Poor`].
///
/// Whether it is `UnwindSafe` and `RefUnwindSafe` follows from its fields, not from a decision: the store survives panics
/// in any case. A type that has them loses them only by a breaking change, all the same.
fn table() -> Vec<(&'static str, [String; 2], [&'static str; 2])> {
    macro_rules! rows {
        ($($name:literal $rich:ty, $poor:ty => $for_rich:expr, $for_poor:expr;)*) => {
            vec![$(($name, [traits!($rich), traits!($poor)], [$for_rich, $for_poor])),*]
        };
    }
    rows! {
        "AcquireError" AcquireError, AcquireError => FULL, FULL;
        "CloseError" CloseError, CloseError => HANDLE, HANDLE;
        "Control" Control, Control => FULL, FULL;
        "Cx" ws::Cx<Rich>, ws::Cx<Poor> => FULL, HANDLE;
        "DeadlineError" DeadlineError, DeadlineError => FULL, FULL;
        "Delta" Delta<Rich>, Delta<Poor> => FULL, HANDLE;
        "DeltaWatch" DeltaWatch<Rich>, DeltaWatch<Poor> => OWNED, OWNED;
        "Deny" ws::Deny, ws::Deny => FULL, FULL;
        "DiskState" DiskState, DiskState => FULL, FULL;
        "DiskStats" DiskStats, DiskStats => FULL, FULL;
        "Downtime" Downtime, Downtime => FULL, FULL;
        "Durability" Durability, Durability => FULL, FULL;
        "DurabilityError" DurabilityError, DurabilityError => HANDLE, HANDLE;
        "DurableWatch" DurableWatch<Rich>, DurableWatch<Poor> => OWNED, OWNED;
        "EntryStats" EntryStats, EntryStats => FULL, FULL;
        "Entry" Entry<Rich>, Entry<Poor> => FULL, BARE;
        "EntryGuard" EntryGuard<Rich>, EntryGuard<Poor> => OWNED, OWNED;
        "EntryHandle" EntryHandle<Rich>, EntryHandle<Poor> => HANDLE, HANDLE;
        "ExpireMode" ExpireMode, ExpireMode => FULL, FULL;
        "FieldError" FieldError, FieldError => FULL, FULL;
        "FlushError" FlushError, FlushError => HANDLE, HANDLE;
        "Groups" Groups<Rich, u8, u8>, Groups<Poor, u8, u8> => HANDLE, HANDLE;
        "Guards" Guards<Rich>, Guards<Poor> => OWNED, OWNED;
        "Hidden" Hidden<Rich>, Hidden<Poor> => FULL, HANDLE;
        "Invalid" Invalid, Invalid => FULL, FULL;
        "Inspector" ws::Inspector, ws::Inspector => HANDLE, HANDLE;
        "Json" ws::Json, ws::Json => FULL, FULL;
        "Limits" ws::Limits, ws::Limits => FULL, FULL;
        "List" ws::List<Rich>, ws::List<Poor> => FULL, HANDLE;
        "ListChange" ListChange<Rich>, ListChange<Poor> => FULL, HANDLE;
        "ListUpdate" ListUpdate<Rich>, ListUpdate<Poor> => FULL, HANDLE;
        "Live" ws::Live<Rich>, ws::Live<Poor> => HANDLE, HANDLE;
        "LiveQuery" LiveQuery<Rich>, LiveQuery<Poor> => OWNED, OWNED;
        "LiveUpgrade" ws::LiveUpgrade, ws::LiveUpgrade => UNCLONED, UNCLONED;
        "Local" ws::Local<Rich>, ws::Local<Poor> => TO_BE, TO_BE;
        "Route" ws::Route<Rich, Rich, u8>, ws::Route<Poor, Poor, u8> => OWNED, OWNED;
        "Unseen" ws::Unseen, ws::Unseen => UNCLONED, UNCLONED;
        "LiveStore" LiveStore<Rich>, LiveStore<Poor> => HANDLE, HANDLE;
        "LiveStoreBuilder" LiveStoreBuilder<Rich>, LiveStoreBuilder<Poor> => OWNED, OWNED;
        "Load" Load<Rich>, Load<Poor> => TO_BE, TO_BE;
        "LoadError" LoadError, LoadError => OWNED, OWNED;
        "LoadReport" LoadReport, LoadReport => FULL, FULL;
        "Missing" Missing<Rich>, Missing<Poor> => FULL, HANDLE;
        "MissingKey" MissingKey, MissingKey => FULL, FULL;
        "MutateError" MutateError<()>, MutateError<Nothing> => FULL, BARE;
        "MutateIfError" MutateIfError<Rich>, MutateIfError<Poor> => FULL, BARE;
        "MutateOnDrop" MutateOnDrop<Rich>, MutateOnDrop<Poor> => OWNED, OWNED;
        "Never" Never, Never => FULL, FULL;
        "Occupied" Occupied<Rich>, Occupied<Poor> => FULL, HANDLE;
        "OnUnreadable" OnUnreadable, OnUnreadable => FULL, FULL;
        "OpenError" OpenError, OpenError => OWNED, OWNED;
        "OpenReport" OpenReport, OpenReport => FULL, FULL;
        "OptionsError" OptionsError, OptionsError => FULL, FULL;
        "Progress" Progress, Progress => FULL, FULL;
        "Query" Query<Rich, u8>, Query<Poor, u8> => HANDLE, HANDLE;
        "QueryError" QueryError, QueryError => FULL, FULL;
        "Rejected" Rejected<Rich>, Rejected<Poor> => FULL, BARE;
        "RollbackError" RollbackError<()>, RollbackError<Nothing> => FULL, BARE;
        "Save" Save<Rich>, Save<Poor> => TO_BE, TO_BE;
        "SaveError" SaveError, SaveError => OWNED, OWNED;
        "SaveReport" SaveReport, SaveReport => FULL, FULL;
        "Stats" Stats, Stats => FULL, FULL;
        "Storages" Storages, Storages => HANDLE, HANDLE;
        "StoragesBuilder" StoragesBuilder, StoragesBuilder => OWNED, OWNED;
        "Shared" Shared<Update<Rich>>, Shared<Update<Poor>> => FULL, HANDLE;
        "StoreOptions" StoreOptions, StoreOptions => FULL, FULL;
        "TransactError" TransactError<()>, TransactError<Nothing> => FULL, BARE;
        "TryAcquireError" TryAcquireError, TryAcquireError => FULL, FULL;
        "TryAssignError" TryAssignError<Rich>, TryAssignError<Poor> => FULL, BARE;
        "TryCreateError" TryCreateError<Rich>, TryCreateError<Poor> => FULL, BARE;
        "Tx" Tx<Rich>, Tx<Poor> => OWNED, OWNED;
        "UnreadableEntry" UnreadableEntry<'static>, UnreadableEntry<'static> => FULL, FULL;
        "UnwrittenError" UnwrittenError, UnwrittenError => FULL, FULL;
        "Update" Update<Rich>, Update<Poor> => FULL, HANDLE;
        "Watch" Watch<Rich>, Watch<Poor> => OWNED, OWNED;
        "WatchAll" WatchAll<Rich>, WatchAll<Poor> => OWNED, OWNED;
        "WatchSet" WatchSet<Rich>, WatchSet<Poor> => OWNED, OWNED;
        "WeakLiveStore" WeakLiveStore<Rich>, WeakLiveStore<Poor> => HANDLE, HANDLE;
    }
}

#[test]
fn every_public_type_has_the_traits_that_it_had() {
    for (name, [rich, poor], [for_rich, for_poor]) in table() {
        assert_eq!(rich, for_rich, "{name} of a rich value");
        assert_eq!(poor, for_poor, "{name} of a poor value");
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../livestore/src")
}

/// The names after `pub use crate::` in the crate's root.
fn exported(lib: &str) -> BTreeSet<String> {
    lib.split("pub use crate::")
        .skip(1)
        .filter_map(|rest| rest.split(';').next())
        .flat_map(|path| {
            let (_, names) = path.rsplit_once("::").unwrap_or(("", path));
            names.split(|c: char| !c.is_alphanumeric() && c != '_')
        })
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn no_public_type_is_forgotten() {
    let text = "pub use crate::a::B;\n#[cfg(x)]\npub use crate::c::{\n    D, E,\n};\npub use other::F;\nuse crate::g::H;\n";
    assert_eq!(exported(text).into_iter().collect::<Vec<_>>(), ["B", "D", "E"]);

    let mut names = exported(&fs::read_to_string(source().join("lib.rs")).unwrap());
    // A trait, and modules.
    assert!(names.remove("LiveValue"));
    assert!(names.remove("ops") && names.remove("__private"));
    // Functions.
    assert!(names.remove("json") && names.remove("client_js"));
    let listed: BTreeSet<_> = table().into_iter().map(|(name, ..)| name.to_owned()).collect();
    assert_eq!(names, listed);
}

/// Public functions that return futures, each with its type.
fn async_functions(text: &str) -> BTreeSet<String> {
    let mut of = "";
    // A function that has yet to say, after its arguments, what it returns.
    let mut begun = "";
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("impl") {
            // `impl<V: LiveValue> Watch<V> {`, and with a trait it is what stands after `for`.
            let (_, rest) = rest.split_once(" for ").unwrap_or(("", rest));
            let mut depth = 0;
            let name = rest.trim_start_matches(|c| {
                depth += i32::from(c == '<') - i32::from(c == '>');
                depth > 0 || c == '>' || c == ' '
            });
            of = name.split(['<', ' ']).next().unwrap_or_default();
        }
        let line = line.trim_start();
        let plain = line.strip_prefix("pub fn ");
        let asynchronous = line.strip_prefix("pub async fn ");
        if line.contains("fn ") && !line.starts_with("//") {
            let rest = asynchronous.or(plain).unwrap_or_default();
            begun = rest.split(['(', '<']).next().unwrap_or_default();
        }
        let returns_future = asynchronous.is_some() || line.contains(") -> impl Future<");
        if returns_future && !begun.is_empty() {
            found.insert(format!("{of}::{begun}"));
        }
    }
    found
}

fn async_functions_of(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.append(&mut async_functions_of(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.append(&mut async_functions(&fs::read_to_string(path).unwrap()));
        }
    }
    found
}

/// Compiles only if the futures can be sent, so that they can run on any runtime.
#[tokio::test]
async fn every_public_future_can_be_sent() {
    fn sent<T: Send>(future: T) -> T {
        future
    }
    let mut checked = BTreeSet::new();
    macro_rules! send {
        ($type:ident, $on:ident.$name:ident($($argument:expr),*)) => {{
            drop(sent($on.$name($($argument),*)));
            checked.insert(concat!(stringify!($type), "::", stringify!($name)).to_owned());
        }};
    }
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(counter(1));
    let mut all = store.watch_all();
    send!(Watch, watch.next());
    send!(Watch, watch.next_shared());
    send!(Watch, watch.newest());
    send!(Watch, watch.on_update(|_| async { Control::Break }));
    let builder = LiveStore::<Rich>::new();
    send!(LiveStoreBuilder, builder.open("nowhere"));
    let folder = tempfile::tempdir().unwrap();
    let kept = LiveStore::<Rich>::new().open(folder.path()).await.unwrap();
    let mut told = kept.watch_durable(&kept.init(Rich)).unwrap();
    send!(DurableWatch, told.next());
    let mut deltas = store.watch_deltas(&key).unwrap();
    send!(DeltaWatch, deltas.next());
    send!(DeltaWatch, deltas.next_shared());
    send!(WatchAll, all.next());
    send!(WatchAll, all.next_shared());
    let mut query = store.live(|key, _| Some(*key)).watch();
    send!(LiveQuery, query.next());
    send!(LiveQuery, query.next_shared());
    let live = ws::Live::<Rich>::new();
    send!(Live, live.revoke("room", &key, &"ann"));
    send!(Live, live.shutdown_on(std::future::ready(())));
    let mut local = live.local(Rich);
    send!(Local, local.next());
    send!(Local, local.hello());
    send!(Local, local.pending());
    send!(Local, local.request(serde_json::json!({})));
    send!(Local, local.subscribe(None, &key));
    let mut set = store.watch_set();
    send!(WatchSet, set.next());
    send!(WatchSet, set.next_shared());
    send!(LiveStore, store.acquire(&key));
    send!(LiveStore, store.acquire_timeout(&key, Duration::ZERO));
    send!(LiveStore, store.acquire_many(&[key]));
    send!(LiveStore, store.assign(&key, counter(1)));
    send!(LiveStore, store.assign_and_acquire(&key, counter(1)));
    send!(LiveStore, store.assign_and_watch(&key, counter(1)));
    let other = store.clone();
    send!(LiveStore, other.close());
    send!(LiveStore, store.flush());
    send!(LiveStore, store.flush_of(&key));
    send!(LiveStore, store.insert(&key, counter(1)));
    send!(LiveStore, store.insert_and_watch(&key, counter(1)));
    send!(LiveStore, store.mutate(&key, Change::Add(1)));
    send!(LiveStore, store.mutate_if(&key, 1, Change::Add(1)));
    send!(
        LiveStore,
        store.mutate_or_create(&key, || counter(1), Change::Add(1))
    );
    send!(LiveStore, store.mutate_version(&key, Change::Add(1)));
    let handle = store.handle(&key).unwrap();
    send!(EntryHandle, handle.acquire());
    send!(EntryHandle, handle.acquire_timeout(Duration::ZERO));
    send!(EntryHandle, handle.flush());
    send!(EntryHandle, handle.mutate(Change::Add(1)));
    send!(EntryHandle, handle.mutate_if(1, Change::Add(1)));
    send!(EntryHandle, handle.mutate_version(Change::Add(1)));
    send!(EntryHandle, handle.remove());
    send!(EntryHandle, handle.remove_with_msg("bye"));
    send!(EntryHandle, handle.rollback(1));
    send!(LiveStore, store.remove(&key));
    send!(LiveStore, store.remove_with_msg(&key, "bye"));
    send!(LiveStore, store.rollback(&key, 1));
    send!(
        LiveStore,
        store.transact(&[key], |tx: &mut Tx<Counter>| tx.mutate(&key, Change::Add(1)))
    );
    let leave = store.mutate_on_drop(&key, Change::Add(1));
    send!(MutateOnDrop, leave.commit());
    send!(LiveStore, store.try_assign(&key, counter(1)));
    send!(LiveStore, store.try_insert(&key, counter(1)));

    let text = "impl<V: A> B<V> {\n    pub async fn c<T>(\n}\nimpl D {\n    pub async fn e(\n    async fn f(\n}\nimpl<V> G for H<V> {\n    pub async fn i(\n    pub fn j() -> impl Future<Output = ()> {\n    pub fn k() {\n    pub fn l(\n        m: N,\n    ) -> impl Future<Output = ()> {\n    pub fn o(\n    ) {\n    fn p(\n    ) -> impl Future<Output = ()> {";
    assert_eq!(
        async_functions(text).into_iter().collect::<Vec<_>>(),
        ["B::c", "D::e", "H::i", "H::j", "H::l"]
    );
    assert_eq!(async_functions_of(&source()), checked);
}
