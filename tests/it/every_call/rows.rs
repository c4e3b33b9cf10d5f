//! The table of calls.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use livestore::{Control, EntryHandle, LiveQuery, LiveStore, Shared, TransactError, Tx, Uuid};

use super::scene::{Needs, Scene, poll};
use super::user::{BAD, Change, KEY, Message, OTHER, Site, User, World};

/// A call, under the name of the method that it is about, with a word for what comes of it where there are several.
pub(crate) struct Row {
    pub(crate) method: &'static str,
    pub(crate) case: &'static str,
    pub(crate) needs: Needs,
    pub(crate) call: fn(&mut Scene),
}

/// A key without an entry.
const VACANT: Uuid = Uuid::from_u128(9);
const HOUR: Duration = Duration::from_secs(3600);

fn value(scene: &Scene) -> User {
    User::new(&scene.world, 50)
}

fn bad(scene: &Scene) -> User {
    User::new(&scene.world, BAD)
}

fn add(scene: &Scene) -> Change {
    Change::add(&scene.world)
}

fn refused(scene: &Scene) -> Change {
    Change::refused(&scene.world)
}

fn message(scene: &Scene) -> Message {
    Message::new(&scene.world)
}

fn handle(scene: &Scene) -> EntryHandle<User> {
    scene.store.handle(&KEY).unwrap()
}

/// A transaction on both entries.
fn transact<T, E>(
    scene: &mut Scene,
    stage: impl FnOnce(&mut Tx<User>) -> Result<T, E>,
) -> Result<T, TransactError<E>> {
    let store = scene.store.clone();
    // What is dropped while it is staged is dropped by the user's own code, while the entries are held.
    let world = Arc::clone(&scene.world);
    let free = world.is_free.load(SeqCst);
    scene.finish(store.transact(&[KEY, OTHER], |tx| {
        let held = Held::begin(&world);
        world.visit(Site::Closure);
        let result = stage(tx);
        held.end(free);
        result
    }))
}

/// While the user's code holds entries itself.
struct Held<'a>(&'a World);

impl<'a> Held<'a> {
    fn begin(world: &'a World) -> Held<'a> {
        world.is_free.store(false, SeqCst);
        Held(world)
    }

    fn end(self, free: bool) {
        self.0.is_free.store(free, SeqCst);
    }
}

macro_rules! rows {
    ($($type:ident::$method:ident $($case:literal)? $needs:ident: $call:expr;)*) => {
        vec![$(Row {
            method: concat!(stringify!($type), "::", stringify!($method)),
            case: concat!("", $($case)?),
            needs: Needs::$needs,
            call: $call,
        }),*]
    };
}

/// Every call that does something with an entry. What only tells a number is here as well, so that none is forgotten.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = store();
    rows.extend(waits());
    rows.extend(guards());
    rows.extend(transactions());
    rows.extend(watches());
    rows.extend(queries());
    rows
}

fn store() -> Vec<Row> {
    rows! {
        LiveStore::new Nothing: |_| drop(LiveStore::<User>::new().done());
        LiveStore::init Nothing: |s| { s.store.init(value(s)); };
        LiveStore::try_init Nothing: |s| drop(s.store.try_init(value(s)));
        LiveStore::try_init "refused" Nothing: |s| drop(s.store.try_init(bad(s)));
        LiveStore::init_and_watch Nothing: |s| drop(s.store.init_and_watch(value(s)));
        LiveStore::init_and_acquire Nothing: |s| drop(s.store.init_and_acquire(value(s)));
        LiveStore::create Nothing: |s| drop(s.store.create(&VACANT, value(s)));
        LiveStore::create "taken" Nothing: |s| drop(s.store.create(&KEY, value(s)));
        LiveStore::try_create Nothing: |s| drop(s.store.try_create(&VACANT, value(s)));
        LiveStore::try_create "taken" Nothing: |s| drop(s.store.try_create(&KEY, value(s)));
        LiveStore::try_create "refused" Nothing: |s| drop(s.store.try_create(&VACANT, bad(s)));
        LiveStore::create_and_watch Nothing: |s| drop(s.store.create_and_watch(&VACANT, value(s)));
        LiveStore::create_and_watch "taken" Nothing: |s| drop(s.store.create_and_watch(&KEY, value(s)));
        LiveStore::create_and_acquire Nothing: |s| drop(s.store.create_and_acquire(&VACANT, value(s)));
        LiveStore::create_and_acquire "taken" Nothing: |s| drop(s.store.create_and_acquire(&KEY, value(s)));
        LiveStore::fetch_or_create Nothing: |s| drop(s.store.fetch_or_create(&VACANT, || { s.world.visit(Site::Closure); value(s) }));
        LiveStore::fetch_or_create "taken" Nothing: |s| drop(s.store.fetch_or_create(&KEY, || value(s)));
        LiveStore::fetch Nothing: |s| drop(s.store.fetch(&KEY));
        LiveStore::peek Nothing: |s| drop(s.store.peek(&KEY));
        LiveStore::watch Nothing: |s| drop(s.store.watch(&KEY));
        LiveStore::fetch_and_watch Nothing: |s| drop(s.store.fetch_and_watch(&KEY));
        LiveStore::watch_deltas Nothing: |s| drop(s.store.watch_deltas(&KEY));
        LiveStore::fetch_and_watch_deltas Nothing: |s| drop(s.store.fetch_and_watch_deltas(&KEY));
        LiveStore::watch_deltas_since Nothing: |s| drop(s.store.watch_deltas_since(&KEY, s.past()).map(|mut watch| watch.try_next()));
        LiveStore::watch_durable Nothing: |s| drop(s.store.watch_durable(&KEY));
        LiveStore::watch_since Nothing: |s| drop(s.store.watch_since(&KEY, s.past()).map(|mut watch| watch.try_next()));
        LiveStore::history Nothing: |s| drop(s.store.history(&KEY));
        LiveStore::handle Nothing: |s| drop(s.store.handle(&KEY));
        EntryHandle::key Nothing: |s| assert_eq!(*handle(s).key(), KEY);
        EntryHandle::store Nothing: |s| drop(handle(s).store());
        EntryHandle::is_over Nothing: |s| assert!(!handle(s).is_over());
        EntryHandle::fetch Nothing: |s| drop(handle(s).fetch());
        EntryHandle::peek Nothing: |s| drop(handle(s).peek());
        EntryHandle::history Nothing: |s| drop(handle(s).history());
        EntryHandle::watch Nothing: |s| drop(handle(s).watch());
        EntryHandle::fetch_and_watch Nothing: |s| drop(handle(s).fetch_and_watch());
        EntryHandle::watch_since Nothing: |s| drop(handle(s).watch_since(s.past()).map(|mut watch| watch.try_next()));
        EntryHandle::watch_deltas Nothing: |s| drop(handle(s).watch_deltas());
        EntryHandle::fetch_and_watch_deltas Nothing: |s| drop(handle(s).fetch_and_watch_deltas());
        EntryHandle::watch_deltas_since Nothing: |s| drop(handle(s).watch_deltas_since(s.past()).map(|mut watch| watch.try_next()));
        EntryHandle::broadcast Nothing: |s| drop(handle(s).broadcast(message(s)));
        EntryHandle::try_acquire Nothing: |s| drop(handle(s).try_acquire());
        EntryHandle::touch Nothing: |s| assert!(handle(s).touch());
        EntryHandle::expire_after Nothing: |s| { let _ = handle(s).expire_after(HOUR); };
        EntryHandle::expire_at Nothing: |s| { let _ = handle(s).expire_at(soon()); };
        EntryHandle::persist Nothing: |s| assert!(handle(s).persist());
        EntryHandle::mutate_if "conflict" Nothing: |s| { let entry = handle(s); let m = add(s); drop(s.finish(entry.mutate_if(1, m))); };
        LiveStore::watch_set Nothing: |s| drop(s.store.watch_set());
        LiveStore::watch_all Nothing: |s| drop(s.store.watch_all());
        LiveStore::entries_and_watch_all Nothing: |s| drop(s.store.entries_and_watch_all());
        LiveStore::broadcast Nothing: |s| drop(s.store.broadcast(&KEY, message(s)));
        LiveStore::broadcast "missing" Nothing: |s| drop(s.store.broadcast(&VACANT, message(s)));
        LiveStore::contains_key Nothing: |s| assert!(s.store.contains_key(&KEY));
        LiveStore::len Nothing: |s| assert_eq!(s.store.len(), 2);
        LiveStore::is_empty Nothing: |s| assert!(!s.store.is_empty());
        LiveStore::shrink_to_fit Nothing: |s| s.store.shrink_to_fit();
        LiveStore::stats Nothing: |s| { s.store.stats(); };
        LiveStore::stats_of Nothing: |s| { s.store.stats_of(&KEY); };
        LiveStore::stats_of_each Nothing: |s| { s.store.stats_of_each().count(); };
        EntryHandle::stats Nothing: |s| { handle(s).stats(); };
        LiveStore::folder Nothing: |s| { let _ = s.store.folder(); };
        LiveStore::durability_error Nothing: |s| drop(s.store.durability_error());
        LiveStore::keys Nothing: |s| { s.store.keys().count(); };
        LiveStore::entries Nothing: |s| s.store.entries().for_each(drop);
        LiveStore::epoch Nothing: |s| { s.store.epoch(); };
        LiveStore::downgrade Nothing: |s| drop(s.store.downgrade().upgrade());
        LiveStore::touch Nothing: |s| assert!(s.store.touch(&KEY));
        LiveStore::expire_after Nothing: |s| { let _ = s.store.expire_after(&KEY, HOUR); };
        LiveStore::expire_at Nothing: |s| { let _ = s.store.expire_at(&KEY, soon()); };
        LiveStore::persist Nothing: |s| assert!(s.store.persist(&KEY));
        LiveStore::try_acquire Nothing: |s| drop(s.store.try_acquire(&KEY));
        LiveStore::open_report Nothing: |s| { let _ = s.store.open_report(); };
        LiveStore::load_report Nothing: |s| { let _ = s.store.load_report(); };
        LiveStore::save Nothing: |s| {
            let folder = tempfile::tempdir().unwrap();
            drop(s.runtime.block_on(s.store.save(folder.path().join("saved")).into_future()));
        };
        LiveStore::flush Nothing: |s| drop(s.runtime.block_on(s.store.flush()));
        LiveStore::flush_of Nothing: |s| drop(s.runtime.block_on(s.store.flush_of(&KEY)));
        EntryHandle::flush Nothing: |s| { let entry = handle(s); drop(s.runtime.block_on(entry.flush())); };
        LiveStore::is_closed Nothing: |s| assert!(!s.store.is_closed());
        LiveStore::close Nothing: |s| { let store = s.store.clone(); drop(s.finish(store.close())); };
        LiveStore::mutate_if "conflict" Nothing: |s| { let store = s.store.clone(); let m = add(s); drop(s.finish(store.mutate_if(&KEY, 1, m))); };
        LiveStore::mutate "missing" Nothing: |s| { let store = s.store.clone(); let m = add(s); drop(s.finish(store.mutate(&VACANT, m))); };
        LiveStore::assign "missing" Nothing: |s| { let store = s.store.clone(); let v = value(s); drop(s.finish(store.assign(&VACANT, v))); };
        LiveStore::insert "new" Nothing: |s| { let store = s.store.clone(); let v = value(s); drop(s.finish(store.insert(&VACANT, v))); };
        LiveStore::remove_with_msg "missing" Nothing: |s| { let store = s.store.clone(); let m = message(s); drop(s.finish(store.remove_with_msg(&VACANT, m))); };
        LiveStore::mutate_or_create "new" Nothing: |s| {
            let (store, world) = (s.store.clone(), s.world.clone());
            let m = add(s);
            drop(s.finish(store.mutate_or_create(&VACANT, || { world.visit(Site::Closure); User::new(&world, 50) }, m)));
        };
        LiveStore::mutate_or_create "new and refused" Nothing: |s| {
            let (store, world) = (s.store.clone(), s.world.clone());
            let m = refused(s);
            drop(s.finish(store.mutate_or_create(&VACANT, || User::new(&world, 50), m)));
        };
        LiveStore::acquire_timeout "too late" ToWait: |s| drop(s.runtime.block_on(s.store.acquire_timeout(&KEY, Duration::ZERO)));
        MutateOnDrop::key Nothing: |s| { let m = add(s); let leave = s.store.mutate_on_drop(&KEY, m); assert_eq!(*leave.key(), KEY); drop(leave.disarm()); };
        MutateOnDrop::disarm Nothing: |s| { let m = add(s); drop(s.store.mutate_on_drop(&KEY, m).disarm()); };
    }
}

fn soon() -> Instant {
    // A test that is told the time anyhow.
    #[allow(clippy::disallowed_methods, reason = "the deadline of a call is an instant")]
    let now = Instant::now();
    now + HOUR
}

/// Each once with a free entry, and once with one that has to be waited for.
fn waits() -> Vec<Row> {
    let rows = |needs| -> Vec<Row> {
        let mut rows = rows! {
            LiveStore::acquire Nothing: |s| { let store = s.store.clone(); drop(s.finish(store.acquire(&KEY))); };
            LiveStore::acquire_timeout Nothing: |s| { let store = s.store.clone(); drop(s.finish(store.acquire_timeout(&KEY, HOUR))); };
            LiveStore::acquire_many Nothing: |s| { let store = s.store.clone(); drop(s.finish(store.acquire_many(&[OTHER, KEY]))); };
            LiveStore::acquire_many "missing" Nothing: |s| { let store = s.store.clone(); drop(s.finish(store.acquire_many(&[KEY, VACANT]))); };
            LiveStore::mutate Nothing: |s| { let store = s.store.clone(); let m = add(s); drop(s.finish(store.mutate(&KEY, m))); };
            LiveStore::mutate "refused" Nothing: |s| { let store = s.store.clone(); let m = refused(s); drop(s.finish(store.mutate(&KEY, m))); };
            LiveStore::mutate_version Nothing: |s| { let store = s.store.clone(); let m = add(s); drop(s.finish(store.mutate_version(&KEY, m))); };
            LiveStore::mutate_version "refused" Nothing: |s| { let store = s.store.clone(); let m = refused(s); drop(s.finish(store.mutate_version(&KEY, m))); };
            EntryHandle::acquire Nothing: |s| { let entry = handle(s); drop(s.finish(entry.acquire())); };
            EntryHandle::acquire_timeout Nothing: |s| { let entry = handle(s); drop(s.finish(entry.acquire_timeout(HOUR))); };
            EntryHandle::mutate Nothing: |s| { let entry = handle(s); let m = add(s); drop(s.finish(entry.mutate(m))); };
            EntryHandle::mutate "refused" Nothing: |s| { let entry = handle(s); let m = refused(s); drop(s.finish(entry.mutate(m))); };
            EntryHandle::mutate_version Nothing: |s| { let entry = handle(s); let m = add(s); drop(s.finish(entry.mutate_version(m))); };
            EntryHandle::mutate_if Nothing: |s| { let entry = handle(s); let (m, v) = (add(s), s.present()); drop(s.finish(entry.mutate_if(v, m))); };
            EntryHandle::rollback Nothing: |s| { let entry = handle(s); let v = s.past(); drop(s.finish(entry.rollback(v))); };
            EntryHandle::remove Nothing: |s| { let entry = handle(s); drop(s.finish(entry.remove())); };
            EntryHandle::remove_with_msg Nothing: |s| { let entry = handle(s); let m = message(s); drop(s.finish(entry.remove_with_msg(m))); };
            LiveStore::mutate_if Nothing: |s| { let store = s.store.clone(); let (m, v) = (add(s), s.present()); drop(s.finish(store.mutate_if(&KEY, v, m))); };
            LiveStore::mutate_if "refused" Nothing: |s| { let store = s.store.clone(); let (m, v) = (refused(s), s.present()); drop(s.finish(store.mutate_if(&KEY, v, m))); };
            LiveStore::mutate_or_create Nothing: |s| {
                let (store, world) = (s.store.clone(), s.world.clone());
                let m = add(s);
                drop(s.finish(store.mutate_or_create(&KEY, || User::new(&world, 50), m)));
            };
            LiveStore::rollback Nothing: |s| { let store = s.store.clone(); let v = s.past(); drop(s.finish(store.rollback(&KEY, v))); };
            LiveStore::rollback "not kept" Nothing: |s| { let store = s.store.clone(); drop(s.finish(store.rollback(&KEY, 77))); };
            LiveStore::insert Nothing: |s| { let store = s.store.clone(); let v = value(s); drop(s.finish(store.insert(&KEY, v))); };
            LiveStore::insert_and_watch Nothing: |s| { let store = s.store.clone(); let v = value(s); drop(s.finish(store.insert_and_watch(&KEY, v))); };
            LiveStore::try_insert Nothing: |s| { let store = s.store.clone(); let v = value(s); drop(s.finish(store.try_insert(&KEY, v))); };
            LiveStore::try_insert "refused" Nothing: |s| { let store = s.store.clone(); let v = bad(s); drop(s.finish(store.try_insert(&KEY, v))); };
            LiveStore::assign Nothing: |s| { let store = s.store.clone(); let v = value(s); drop(s.finish(store.assign(&KEY, v))); };
            LiveStore::assign_and_watch Nothing: |s| { let store = s.store.clone(); let v = value(s); drop(s.finish(store.assign_and_watch(&KEY, v))); };
            LiveStore::assign_and_acquire Nothing: |s| { let store = s.store.clone(); let v = value(s); drop(s.finish(store.assign_and_acquire(&KEY, v))); };
            LiveStore::try_assign Nothing: |s| { let store = s.store.clone(); let v = value(s); drop(s.finish(store.try_assign(&KEY, v))); };
            LiveStore::try_assign "refused" Nothing: |s| { let store = s.store.clone(); let v = bad(s); drop(s.finish(store.try_assign(&KEY, v))); };
            LiveStore::remove Nothing: |s| { let store = s.store.clone(); drop(s.finish(store.remove(&KEY))); };
            LiveStore::remove_with_msg Nothing: |s| { let store = s.store.clone(); let m = message(s); drop(s.finish(store.remove_with_msg(&KEY, m))); };
            LiveStore::transact Nothing: |s| {
                let (a, b) = (add(s), add(s));
                drop(transact(s, |tx| { tx.mutate(&OTHER, a)?; tx.mutate(&KEY, b) }));
            };
            LiveStore::transact "aborted" Nothing: |s| {
                let (a, b, m, v) = (add(s), refused(s), message(s), value(s));
                drop(transact(s, |tx| {
                    tx.mutate(&OTHER, a)?;
                    drop(tx.set(&KEY, v));
                    drop(tx.broadcast(&KEY, m));
                    tx.mutate(&KEY, b)
                }));
            };
            EntryHandle::mutate_on_drop Nothing: |s| { let entry = handle(s); let m = add(s); drop(entry.mutate_on_drop(m)); s.unblock(); };
            EntryHandle::mutate_on_drop "refused" Nothing: |s| { let entry = handle(s); let m = refused(s); drop(entry.mutate_on_drop(m)); s.unblock(); };
            LiveStore::mutate_on_drop Nothing: |s| { let m = add(s); drop(s.store.mutate_on_drop(&KEY, m)); s.unblock(); };
            LiveStore::mutate_on_drop "refused" Nothing: |s| { let m = refused(s); drop(s.store.mutate_on_drop(&KEY, m)); s.unblock(); };
            MutateOnDrop::commit Nothing: |s| { let m = add(s); let leave = s.store.mutate_on_drop(&KEY, m); drop(s.finish(leave.commit())); };
            MutateOnDrop::commit "refused" Nothing: |s| { let m = refused(s); let leave = s.store.mutate_on_drop(&KEY, m); drop(s.finish(leave.commit())); };
        };
        rows.iter_mut().for_each(|row| row.needs = needs);
        rows
    };
    let mut both = rows(Needs::Nothing);
    both.extend(rows(Needs::ToWait));
    both
}

fn guards() -> Vec<Row> {
    rows! {
        EntryGuard::key Guard: |s| assert_eq!(*s.guard.as_ref().unwrap().key(), KEY);
        EntryGuard::value Guard: |s| assert_eq!(s.guard.as_ref().unwrap().value().number, 2);
        EntryGuard::as_entry Guard: |s| drop(s.guard.as_ref().unwrap().as_entry());
        EntryGuard::version Guard: |s| { s.guard.as_ref().unwrap().version(); };
        EntryGuard::mutate Guard: |s| { let m = add(s); drop(s.guard.as_mut().unwrap().mutate(m)); };
        EntryGuard::mutate "refused" Guard: |s| { let m = refused(s); drop(s.guard.as_mut().unwrap().mutate(m)); };
        EntryGuard::mutate_version Guard: |s| { let m = add(s); drop(s.guard.as_mut().unwrap().mutate_version(m)); };
        EntryGuard::mutate_version "refused" Guard: |s| { let m = refused(s); drop(s.guard.as_mut().unwrap().mutate_version(m)); };
        EntryGuard::set Guard: |s| { let v = value(s); drop(s.guard.as_mut().unwrap().set(v)); };
        EntryGuard::set_with_msg Guard: |s| { let (v, m) = (value(s), message(s)); drop(s.guard.as_mut().unwrap().set_with_msg(v, m)); };
        EntryGuard::try_set Guard: |s| { let v = value(s); drop(s.guard.as_mut().unwrap().try_set(v)); };
        EntryGuard::try_set "refused" Guard: |s| { let v = bad(s); drop(s.guard.as_mut().unwrap().try_set(v)); };
        EntryGuard::rollback Guard: |s| { let v = s.past(); drop(s.guard.as_mut().unwrap().rollback(v)); };
        EntryGuard::rollback "not kept" Guard: |s| drop(s.guard.as_mut().unwrap().rollback(77));
        EntryGuard::broadcast Guard: |s| { let m = message(s); s.guard.as_mut().unwrap().broadcast(m); };
        EntryGuard::watch Guard: |s| drop(s.guard.as_mut().unwrap().watch());
        EntryGuard::watch_deltas Guard: |s| drop(s.guard.as_mut().unwrap().watch_deltas());
        EntryGuard::touch Guard: |s| s.guard.as_mut().unwrap().touch();
        EntryGuard::expire_after Guard: |s| { let _ = s.guard.as_mut().unwrap().expire_after(HOUR); };
        EntryGuard::expire_at Guard: |s| { let _ = s.guard.as_mut().unwrap().expire_at(soon()); };
        EntryGuard::persist Guard: |s| s.guard.as_mut().unwrap().persist();
        EntryGuard::delete Guard: |s| drop(s.guard.take().unwrap().delete());
        EntryGuard::delete_with_msg Guard: |s| { let m = message(s); drop(s.guard.take().unwrap().delete_with_msg(m)); };
        EntryGuard::release Guard: |s| s.guard.take().unwrap().release();
        Guards::get Guards: |s| assert!(s.guards.as_ref().unwrap().get(&KEY).is_some());
        Guards::get_mut Guards: |s| { let m = add(s); drop(s.guards.as_mut().unwrap().get_mut(&KEY).unwrap().mutate(m)); };
        Guards::len Guards: |s| assert_eq!(s.guards.as_ref().unwrap().len(), 2);
        Guards::is_empty Guards: |s| assert!(!s.guards.as_ref().unwrap().is_empty());
        Guards::iter Guards: |s| assert_eq!(s.guards.as_ref().unwrap().iter().count(), 2);
        Guards::iter_mut Guards: |s| { let m = add(s); drop(s.guards.as_mut().unwrap().iter_mut().last().unwrap().mutate(m)); };
        Guards::drop Guards: |s| drop(s.guards.take());
        Guards::into_iter Guards: |s| s.guards.take().unwrap().into_iter().for_each(|guard| guard.release());
    }
}

fn transactions() -> Vec<Row> {
    rows! {
        Tx::get Nothing: |s| drop(transact(s, |tx| Ok::<_, ()>(tx.get(&KEY).cloned())));
        Tx::mutate Nothing: |s| { let (a, b) = (add(s), add(s)); drop(transact(s, |tx| { tx.mutate(&KEY, a)?; tx.mutate(&KEY, b) })); };
        Tx::set Nothing: |s| { let v = value(s); drop(transact(s, |tx| tx.set(&KEY, v))); };
        Tx::set "missing" Nothing: |s| { let v = value(s); drop(transact(s, |tx| tx.set(&VACANT, v))); };
        Tx::try_set Nothing: |s| { let v = value(s); drop(transact(s, |tx| tx.try_set(&KEY, v))); };
        Tx::try_set "refused" Nothing: |s| { let v = bad(s); drop(transact(s, |tx| tx.try_set(&KEY, v))); };
        Tx::create Nothing: |s| { let v = value(s); drop(transact(s, |tx| tx.create(&VACANT, v))); };
        Tx::create "after a removal" Nothing: |s| {
            let v = value(s);
            drop(transact(s, |tx| { drop(tx.remove(&KEY)); tx.create(&KEY, v) }));
        };
        Tx::create "and taken by somebody else" Nothing: |s| {
            let (v, a) = (value(s), add(s));
            let (store, w) = (s.store.clone(), value(s));
            drop(transact(s, |tx| {
                drop(tx.mutate(&KEY, a));
                drop(tx.create(&VACANT, v));
                store.create(&VACANT, w).map(drop)
            }));
        };
        Tx::try_create Nothing: |s| { let v = value(s); drop(transact(s, |tx| tx.try_create(&VACANT, v))); };
        Tx::try_create "refused" Nothing: |s| { let v = bad(s); drop(transact(s, |tx| tx.try_create(&VACANT, v))); };
        Tx::remove Nothing: |s| drop(transact(s, |tx| Ok::<_, ()>(tx.remove(&KEY))));
        Tx::remove_with_msg Nothing: |s| { let m = message(s); drop(transact(s, |tx| Ok::<_, ()>(tx.remove_with_msg(&KEY, m)))); };
        Tx::broadcast Nothing: |s| { let m = message(s); drop(transact(s, |tx| tx.broadcast(&KEY, m))); };
        Tx::expire_after Nothing: |s| { let _ = transact(s, |tx| tx.expire_after(&KEY, HOUR)); };
        Tx::expire_at Nothing: |s| { let _ = transact(s, |tx| tx.expire_at(&KEY, soon())); };
        Tx::persist Nothing: |s| { let _ = transact(s, |tx| Ok::<_, ()>(tx.persist(&KEY))); };
    }
}

fn watches() -> Vec<Row> {
    rows! {
        Watch::key Watches: |s| assert_eq!(*s.watch.as_ref().unwrap().key(), KEY);
        Watch::next Watches: |s| for _ in 0..3 {
            let waker = s.waker();
            let update = poll(s.watch.as_mut().unwrap().next(), &waker);
            if let Poll::Ready(Some(update)) = &update { s.told = update.version(); }
        };
        Watch::next "as a stream" Watches: |s| {
            let waker = s.waker();
            let update = poll(StreamExt::next(s.watch.as_mut().unwrap()), &waker);
            if let Poll::Ready(Some(update)) = &update { s.told = update.version(); }
        };
        Watch::newest Watches: |s| for _ in 0..2 {
            let waker = s.waker();
            let entry = poll(s.watch.as_mut().unwrap().newest(), &waker);
            if let Poll::Ready(Some(entry)) = &entry { s.told = entry.version(); }
        };
        Watch::next_shared Watches: |s| for _ in 0..3 {
            let waker = s.waker();
            let update = poll(s.watch.as_mut().unwrap().next_shared(), &waker);
            if let Poll::Ready(Some(update)) = &update { s.told = update.version(); }
        };
        Watch::try_next_shared Watches: |s| if let Some(update) = s.watch.as_mut().unwrap().try_next_shared() { s.told = update.version(); };
        Shared::clone Watches: |s| if let Some(update) = s.watch.as_mut().unwrap().try_next_shared() {
            s.told = update.version();
            assert!(Shared::ptr_eq(&update, &update.clone()));
        };
        Shared::unwrap_or_clone Watches: |s| if let Some(update) = s.watch.as_mut().unwrap().try_next_shared() {
            s.told = update.version();
            drop(Shared::unwrap_or_clone(update));
        };
        Watch::try_next Watches: |s| if let Some(update) = s.watch.as_mut().unwrap().try_next() { s.told = update.version(); };
        Watch::is_over Watches: |s| assert!(!s.watch.as_ref().unwrap().is_over());
        Watch::latest Watches: |s| drop(s.watch.as_ref().unwrap().latest());
        Watch::on_update Watches: |s| {
            let (waker, world, told) = (s.waker(), s.world.clone(), &mut s.told);
            let call = s.watch.as_mut().unwrap().on_update(|update| {
                *told = update.version();
                world.visit(Site::Closure);
                drop(update);
                async { Control::Continue }
            });
            assert!(poll(call, &waker).is_pending());
        };
        Watch::drop Watches: |s| drop(s.watch.take());
        DeltaWatch::key Watches: |s| assert_eq!(*s.deltas.as_ref().unwrap().key(), KEY);
        DeltaWatch::next Watches: |s| for _ in 0..5 {
            let waker = s.waker();
            drop(poll(s.deltas.as_mut().unwrap().next(), &waker));
        };
        DeltaWatch::next_shared Watches: |s| for _ in 0..5 {
            let waker = s.waker();
            drop(poll(s.deltas.as_mut().unwrap().next_shared(), &waker));
        };
        DeltaWatch::try_next_shared Watches: |s| drop(s.deltas.as_mut().unwrap().try_next_shared());
        DeltaWatch::try_next Watches: |s| drop(s.deltas.as_mut().unwrap().try_next());
        DeltaWatch::is_over Watches: |s| assert!(!s.deltas.as_ref().unwrap().is_over());
        DeltaWatch::latest Watches: |s| drop(s.deltas.as_ref().unwrap().latest());
        DeltaWatch::drop Watches: |s| drop(s.deltas.take());
        WatchAll::next Watches: |s| for _ in 0..6 {
            let waker = s.waker();
            drop(poll(s.all.as_mut().unwrap().next(), &waker));
        };
        WatchAll::next_shared Watches: |s| for _ in 0..6 {
            let waker = s.waker();
            drop(poll(s.all.as_mut().unwrap().next_shared(), &waker));
        };
        WatchAll::try_next_shared Watches: |s| drop(s.all.as_mut().unwrap().try_next_shared());
        WatchAll::try_next Watches: |s| drop(s.all.as_mut().unwrap().try_next());
        WatchAll::drop Watches: |s| drop(s.all.take());
        WatchSet::add Watches: |s| for _ in 0..2 { drop(s.set.as_mut().unwrap().add(&KEY)); };
        WatchSet::add_since Watches: |s| {
            let past = s.past();
            drop(s.set.as_mut().unwrap().add_since(&KEY, past));
            drop(s.set.as_mut().unwrap().try_next());
        };
        WatchSet::remove Watches: |s| assert!(s.set.as_mut().unwrap().remove(&KEY));
        WatchSet::clear Watches: |s| s.set.as_mut().unwrap().clear();
        WatchSet::contains Watches: |s| assert!(s.set.as_ref().unwrap().contains(&KEY));
        WatchSet::keys Watches: |s| assert_eq!(s.set.as_ref().unwrap().keys().count(), 2);
        WatchSet::len Watches: |s| assert_eq!(s.set.as_ref().unwrap().len(), 2);
        WatchSet::is_empty Watches: |s| assert!(!s.set.as_ref().unwrap().is_empty());
        WatchSet::latest Watches: |s| drop(s.set.as_ref().unwrap().latest(&KEY));
        WatchSet::next Watches: |s| for _ in 0..6 {
            let waker = s.waker();
            drop(poll(s.set.as_mut().unwrap().next(), &waker));
        };
        WatchSet::next_shared Watches: |s| for _ in 0..6 {
            let waker = s.waker();
            drop(poll(s.set.as_mut().unwrap().next_shared(), &waker));
        };
        WatchSet::try_next Watches: |s| drop(s.set.as_mut().unwrap().try_next());
        WatchSet::try_next_shared Watches: |s| drop(s.set.as_mut().unwrap().try_next_shared());
        WatchSet::drop Watches: |s| drop(s.set.take());
    }
}

fn queries() -> Vec<Row> {
    rows! {
        LiveStore::live Nothing: |s| drop(s.live());
        Query::limit Nothing: |s| drop(s.live().limit(1));
        Query::keyed Nothing: |s| drop(s.live().keyed(|user| user.number));
        Query::watch Nothing: |s| { let query = s.live(); begin(s, query.watch()); };
        Query::watch "and drop it" Nothing: |s| { drop(s.live().watch()); s.run(); };
        Groups::of Nothing: |s| {
            let world = Arc::clone(&s.world);
            let query = s.live().keyed(move |_| world.visit(Site::Closure));
            begin(s, query.of(&()));
        };
        LiveQuery::next Watches: |s| for _ in 0..4 {
            let waker = s.waker();
            let told = poll(s.query.as_mut().unwrap().next(), &waker);
            if let Poll::Ready(Some(update)) = told { s.receive(update); }
            s.run();
        };
        LiveQuery::next "as a stream" Watches: |s| for _ in 0..4 {
            let waker = s.waker();
            let told = poll(StreamExt::next(s.query.as_mut().unwrap()), &waker);
            if let Poll::Ready(Some(update)) = told { s.receive(update); }
            s.run();
        };
        LiveQuery::next_shared Watches: |s| for _ in 0..4 {
            let waker = s.waker();
            let told = poll(s.query.as_mut().unwrap().next_shared(), &waker);
            if let Poll::Ready(Some(update)) = told { s.receive(Shared::unwrap_or_clone(update)); }
            s.run();
        };
        LiveQuery::try_next Watches: |s| for _ in 0..4 {
            if let Some(update) = s.query.as_mut().unwrap().try_next() { s.receive(update); }
            s.run();
        };
        LiveQuery::try_next_shared Watches: |s| for _ in 0..4 {
            if let Some(update) = s.query.as_mut().unwrap().try_next_shared() { s.receive(Shared::unwrap_or_clone(update)); }
            s.run();
        };
        LiveQuery::drop Watches: |s| { drop(s.query.take()); s.run(); };
    }
}

/// Goes with a query through its list and a change.
fn begin(s: &mut Scene, query: LiveQuery<User>) {
    s.query = Some(query);
    s.run();
    let (store, change) = (s.store.clone(), add(s));
    drop(s.finish(store.mutate(&KEY, change)));
    s.run();
}
