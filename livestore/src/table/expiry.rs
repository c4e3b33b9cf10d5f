//! Expiry: the task that checks for entries past their deadline, and the one that calls back.
//!
//! The check takes the items whose time has come from the [deadline queue](crate::table::deadlines) and decides under each
//! slot's lock. What expired goes, batch by batch, to a task of its own, which calls the user back; so a slow
//! callback delays callbacks and not checks, and a batch that was sent is delivered also when the store ends.

use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinError;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::ground::clock::Stamp;
use crate::ground::stats::Count;
use crate::ground::sync::Mutex;
use crate::ground::trace;
use crate::ground::unwind::{drop_each, let_go};
use crate::slot::after::After;
use crate::slot::commit::Change;
use crate::slot::due::Due;
#[cfg(feature = "durable")]
use crate::slot::record::Owing;
use crate::slot::shared::Shared;
use crate::table::checks::{Checks, Run};
use crate::table::deadlines::Item;
use crate::table::table::Table;
use crate::value::entry::Entry;
use crate::value::value::LiveValue;

/// How many items a check looks at before it lets other tasks run; also the largest batch.
const AT_ONCE: usize = 1024;

/// Entries that expired in one go, with their keys.
pub(crate) type Expired<V> = Vec<(Uuid, Entry<V>)>;

/// What is called with each batch. The store is there for callbacks that asked for it.
pub(crate) type Callback<V> =
    dyn Fn(Option<Arc<Table<V>>>, Expired<V>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// What the user wants to be called with.
pub(crate) struct OnExpire<V: LiveValue> {
    pub(crate) callback: Arc<Callback<V>>,
    /// A batch then keeps the store open until it is delivered.
    pub(crate) wants_store: bool,
}

struct Batch<V: LiveValue> {
    table: Option<Arc<Table<V>>>,
    expired: Expired<V>,
    waiting: Waiting<V>,
}

/// Counts a batch until it is delivered, or lost with the runtime.
struct Waiting<V: LiveValue> {
    shared: Arc<Shared<V>>,
    /// The keys and last versions of what is in it, if that is owed as long as it was not delivered.
    owed: Vec<(Uuid, u64)>,
}

impl<V: LiveValue> Waiting<V> {
    fn new(shared: &Arc<Shared<V>>, expired: &Expired<V>) -> Waiting<V> {
        shared.counters.add(Count::Callbacks, 1);
        let owed = expired.iter().map(|(key, entry)| (*key, entry.version()));
        Waiting {
            shared: Arc::clone(shared),
            owed: match shared.outlet.owes() {
                true => owed.collect(),
                false => Vec::new(),
            },
        }
    }

    fn delivered(mut self) {
        for (key, version) in mem::take(&mut self.owed) {
            self.shared.outlet.delivered(key, version);
        }
    }
}

impl<V: LiveValue> Drop for Waiting<V> {
    fn drop(&mut self) {
        self.shared.counters.subtract(Count::Callbacks, 1);
    }
}

/// Starts the checks of a table; they end with it. What has expired before goes to the callback first.
#[track_caller]
pub(crate) fn start<V: LiveValue>(
    table: &Arc<Table<V>>,
    runtime: &Handle,
    period: Duration,
    on_expire: Option<OnExpire<V>>,
    already: Vec<Expired<V>>,
) {
    // Panics here and not in the task if the runtime has no timers.
    drop(sleep_until(Instant::now()));
    let wants_store = on_expire.as_ref().is_some_and(|wanted| wanted.wants_store);
    let callback = on_expire.map(|wanted| wanted.callback);
    let already = Mutex::new(already);
    let weak = Arc::downgrade(table);
    let begin = move |runtime: &Handle, run: Run| {
        let Some(table) = weak.upgrade().filter(|table| !table.is_closed()) else {
            return false;
        };
        let (batches, received) = mpsc::unbounded_channel();
        let already = mem::take(&mut *already.lock());
        for expired in already {
            hand_over(wants_store.then_some(&table), table.shared(), expired, &batches);
        }
        // The first period begins now, if the clock here is that of the runtime.
        let is_here = Handle::try_current().is_ok_and(|here| here.id() == runtime.id());
        let begun = is_here.then(Instant::now);
        let running = Running {
            table: Weak::clone(&weak),
            run,
        };
        let checks = check_forever(running, begun, period, batches, wants_store);
        let delivery = deliver(received, callback.clone());
        runtime.spawn(delivery);
        runtime.spawn(checks);
        true
    };
    if let Some(checks) = table.own_checks(Checks::new(Box::new(begin))) {
        checks.begin_in(runtime);
    }
}

/// Belongs to the task that checks. However that ends, it is known.
struct Running<V: LiveValue> {
    table: Weak<Table<V>>,
    run: Run,
}

impl<V: LiveValue> Drop for Running<V> {
    fn drop(&mut self) {
        if let Some(table) = self.table.upgrade() {
            table.checks_ended(self.run);
        }
    }
}

async fn check_forever<V: LiveValue>(
    running: Running<V>,
    begun: Option<Instant>,
    period: Duration,
    batches: mpsc::UnboundedSender<Batch<V>>,
    wants_store: bool,
) {
    let table = &running.table;
    let Some(shared) = table.upgrade().map(|table| Arc::clone(table.shared())) else {
        return;
    };
    let mut last = begun.unwrap_or_else(Instant::now);
    loop {
        let next = last.checked_add(period);
        if !time_has_come(next, &shared.overdue.told).await {
            let Some(table) = table.upgrade() else {
                return hand_over_last(&shared, &batches, wants_store);
            };
            for expired in see_to_overdue(&table) {
                hand_over(wants_store.then_some(&table), &shared, expired, &batches);
            }
            if table.is_closed() {
                return;
            }
            continue;
        }
        // Checks that were missed are not made up for.
        last = Instant::now().max(next.unwrap_or(last));
        let mut again = Again {
            table: Weak::clone(table),
            items: Vec::new(),
        };
        let mut now = None;
        loop {
            let Some(table) = table.upgrade() else {
                return hand_over_last(&shared, &batches, wants_store);
            };
            // One time for the whole check, so that an item put back for later is not taken again by the same check.
            let now = *now.get_or_insert_with(|| table.shared().clock.exact());
            let (expired, more) = check(&table, now, &mut again.items);
            if !expired.is_empty() {
                hand_over(wants_store.then_some(&table), table.shared(), expired, &batches);
            }
            if !more {
                break;
            }
            drop(table);
            tokio::task::yield_now().await;
        }
    }
}

/// What a check has taken up and found held: for the next check, in whatever runtime, however this one ends.
struct Again<V: LiveValue> {
    table: Weak<Table<V>>,
    items: Vec<Item<V>>,
}

impl<V: LiveValue> Drop for Again<V> {
    fn drop(&mut self) {
        if let Some(table) = self.table.upgrade()
            && let Some(deadlines) = table.deadlines()
        {
            table.put_back(deadlines, mem::take(&mut self.items), 0);
        }
    }
}

/// Waits until the time has come, or something has expired meanwhile. Returns whether it is the time. A time that no clock
/// can count never comes.
async fn time_has_come(at: Option<Instant>, told: &Notify) -> bool {
    let mut told = pin!(told.notified());
    let Some(at) = at else {
        told.await;
        return false;
    };
    let mut time = pin!(sleep_until(at));
    poll_fn(|cx| match time.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending => told.as_mut().poll(cx).map(|()| false),
    })
    .await
}

/// Frees the keys of what expired at the end of a hold. Returns it in batches.
fn see_to_overdue<V: LiveValue>(table: &Table<V>) -> Vec<Expired<V>> {
    let overdue = table.shared().overdue.take();
    overdue.iter().for_each(|(key, _)| table.unlink_dead(key));
    if let Some(deadlines) = table.deadlines() {
        // Each left the item by which the check had found it.
        deadlines.note_stale(overdue.len());
    }
    batches_of(overdue)
}

pub(crate) fn batches_of<V: LiveValue>(mut expired: Expired<V>) -> Vec<Expired<V>> {
    let mut batches = Vec::new();
    while !expired.is_empty() {
        let rest = expired.split_off(expired.len().min(AT_ONCE));
        batches.push(mem::replace(&mut expired, rest));
    }
    batches
}

/// Has a batch delivered, with the table if it is asked for.
fn hand_over<V: LiveValue>(
    table: Option<&Arc<Table<V>>>,
    shared: &Arc<Shared<V>>,
    expired: Expired<V>,
    batches: &mpsc::UnboundedSender<Batch<V>>,
) {
    trace::expired(expired.len());
    // The receiver ends only with its runtime.
    let _ = batches.send(Batch {
        table: table.map(Arc::clone),
        waiting: Waiting::new(shared, &expired),
        expired,
    });
}

/// Has delivered what expired when the store ended. Who asked for the store cannot have it any more, and is given nothing.
fn hand_over_last<V: LiveValue>(
    shared: &Arc<Shared<V>>,
    batches: &mpsc::UnboundedSender<Batch<V>>,
    wants_store: bool,
) {
    for expired in batches_of(shared.overdue.take()) {
        match wants_store {
            true => drop_each(expired),
            false => hand_over(None, shared, expired, batches),
        }
    }
}

/// What the callback was owed when the folder of a table was closed, in batches. Without a callback it stays owed.
#[cfg(feature = "durable")]
pub(crate) fn owed<V: LiveValue>(table: &Table<V>) -> Vec<Expired<V>> {
    let shared = table.shared();
    let owed = match shared.sink() {
        Some(sink) if sink.owed().has_callback() => sink.owed().all(),
        _ => Vec::new(),
    };
    let entry = |(_, owing): (Uuid, Arc<Owing<V>>)| (owing.key, owing.entry(shared));
    batches_of(owed.into_iter().map(entry).collect())
}

/// Checks a table that nobody else has yet. Returns what expired, in batches.
#[cfg(feature = "serde")]
pub(crate) fn expire_due<V: LiveValue>(table: &Table<V>) -> Vec<Expired<V>> {
    let now = table.shared().clock.exact();
    let mut batches = Vec::new();
    loop {
        let (expired, more) = check(table, now, &mut Vec::new());
        if !expired.is_empty() {
            batches.push(expired);
        }
        if !more {
            return batches;
        }
    }
}

/// Looks at some of the items whose time has come. Returns what expired, and whether there may be more. What is due
/// but held goes to `again`, for the next check.
pub(crate) fn check<V: LiveValue>(
    table: &Table<V>,
    now: Stamp,
    again: &mut Vec<Item<V>>,
) -> (Expired<V>, bool) {
    let shared = table.shared();
    let Some(deadlines) = table.deadlines() else {
        return (Vec::new(), false);
    };
    let items = deadlines.take_due(now, AT_ONCE);
    let more = items.len() == AT_ONCE;
    let mut expired = Vec::new();
    let mut later = Vec::new();
    let mut stale = 0;
    for mut item in items {
        let Some(slot) = item.slot.upgrade() else {
            stale += 1;
            continue;
        };
        let mut state = slot.lock();
        match state.due(shared, item.arming, now) {
            Due::At(Stamp::NEVER) => {}
            Due::Stale => stale += 1,
            Due::At(deadline) => {
                item.at = deadline;
                later.push(item);
            }
            Due::Held => again.push(item),
            Due::Now => {
                let mut after = After::default();
                state.commit(shared, slot.key(), Change::Expire, &mut after);
                expired.push((*slot.key(), state.entry(shared)));
                drop(state);
                table.unlink(&slot);
                let_go(after);
                let_go(slot);
                continue;
            }
        }
        drop(state);
        let_go(slot);
    }
    table.put_back(deadlines, later, stale);
    (expired, more)
}

async fn deliver<V: LiveValue>(
    mut batches: mpsc::UnboundedReceiver<Batch<V>>,
    callback: Option<Arc<Callback<V>>>,
) {
    while let Some(batch) = batches.recv().await {
        let Batch {
            table,
            expired,
            waiting,
        } = batch;
        let callback = callback.clone();
        let entries = expired.len();
        // In a task of its own, so that a panic, of the callback or of a value's `Drop`, ends this batch alone.
        let delivery = tokio::spawn(async move {
            match callback {
                Some(callback) => callback(table, expired).await,
                None => drop_each(expired),
            }
        });
        match delivery.await.map_err(JoinError::try_into_panic) {
            Ok(()) => waiting.delivered(),
            Err(Ok(panic)) => {
                mem::forget(panic);
                trace::callback_panicked(entries);
                waiting.delivered();
            }
            // The runtime has ended.
            Err(Err(_)) => drop(waiting),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::hold::Hold;
    use crate::slot::slot::Slot;
    use crate::store::transact::Tx;
    use crate::value::options::{ExpireMode, StoreOptions};
    use crate::value::value::tests::Value;

    fn table() -> Table<Value> {
        Table::new(&StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            expire_mode: ExpireMode::Timeout(Duration::from_secs(3600)),
            ..Default::default()
        })
    }

    fn create(table: &Table<Value>) -> Arc<Slot<Value>> {
        let slot = Slot::new(Uuid::new_v4(), triomphe::Arc::new(Value));
        assert!(table.link(&slot, |_, _| ()).is_ok());
        slot
    }

    fn items(table: &Table<Value>) -> usize {
        table.deadlines().map_or(0, |deadlines| deadlines.len())
    }

    /// An armed item per change had ten thousand of them for one entry.
    #[test]
    fn an_entry_has_one_item_however_often_it_changes() {
        let table = table();
        let slot = create(&table);
        for _ in 0..10_000 {
            let change = Change::Overwrite {
                msg: None,
                new: triomphe::Arc::new(Value),
            };
            let mut after = After::default();
            slot.lock().commit(table.shared(), slot.key(), change, &mut after);
        }
        assert_eq!(items(&table), 1);
    }

    #[test]
    fn deadlines_that_come_ever_earlier_do_not_pile_up() {
        let table = table();
        let slot = create(&table);
        for round in 0..10_000 {
            let at = table
                .shared()
                .deadline_after(Duration::from_secs(100_000 - round));
            assert!(table.set_deadline(&slot, at).is_ok());
        }
        assert!(items(&table) < 2 * 65, "{}", items(&table));
        // And those that move away take none at all.
        let before = items(&table);
        for round in 0..10_000 {
            let at = table
                .shared()
                .deadline_after(Duration::from_secs(200_000 + round));
            assert!(table.set_deadline(&slot, at).is_ok());
        }
        assert_eq!(items(&table), before);
    }

    #[test]
    fn items_of_removed_entries_do_not_pile_up() {
        let table = table();
        let kept: Vec<_> = (0..100).map(|_| create(&table)).collect();
        for _ in 0..10_000 {
            let key = Uuid::new_v4();
            let slot = Slot::new(key, triomphe::Arc::new(Value));
            assert!(table.link(&slot, |_, _| ()).is_ok());
            assert!(slot.lock().try_hold(table.shared()));
            drop(table.end(Hold::taken(&slot, table.shared()), None));
        }
        assert!(items(&table) < 2 * kept.len() + 2 * 65, "{}", items(&table));
    }

    #[test]
    fn a_check_with_nothing_due_takes_nothing_up() {
        let table = table();
        let _slots: Vec<_> = (0..1000).map(|_| create(&table)).collect();
        let now = table.shared().clock.now();
        assert!(
            table
                .deadlines()
                .is_some_and(|deadlines| deadlines.take_due(now, AT_ONCE).is_empty())
        );
        let mut again = Vec::new();
        let (expired, more) = check(&table, now, &mut again);
        assert!(expired.is_empty() && !more && again.is_empty());
        assert_eq!(items(&table), 1000);
    }

    #[test]
    fn what_never_expires_takes_no_item() {
        let table = Table::<Value>::new(&StoreOptions {
            expire_check_freq: Some(Duration::from_secs(1)),
            expire_mode: ExpireMode::Timeout(Duration::MAX),
            ..Default::default()
        });
        drop(create(&table));
        assert_eq!(items(&table), 0);
    }

    #[test]
    fn items_of_entries_that_transactions_removed_do_not_pile_up() {
        let table = Arc::new(table());
        for _ in 0..10_000 {
            let key = Uuid::new_v4();
            let slot = Slot::new(key, triomphe::Arc::new(Value));
            assert!(table.link(&slot, |_, _| ()).is_ok());
            assert!(slot.lock().try_hold(table.shared()));
            let mut tx = Tx::new(Arc::clone(&table));
            tx.take_up(key, Some(Hold::taken(&slot, table.shared())));
            assert!(tx.remove(&key).is_some());
            assert!(tx.commit().is_ok());
        }
        assert!(items(&table) < 2 * 65, "{}", items(&table));
    }
}
