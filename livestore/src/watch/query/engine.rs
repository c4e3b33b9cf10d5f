//! [`Engine`]: keeps the groups of a live query in order, and tells the seats.
//!
//! It runs in a task of its own, with nothing locked, so what ranks, compares and tells groups apart may take its time. A panic
//! of it ends the query and nothing else.

use std::any::Any;
use std::collections::{HashMap, HashSet, VecDeque};
use std::future::poll_fn;
use std::hash::Hash;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::vec;

use tokio::task::yield_now;
use uuid::Uuid;

use crate::ground::unwind::{Panics, drop_each, let_go};
use crate::slot::feed::Queued;
use crate::table::table::Table;
use crate::value::entry::Entry;
use crate::value::error::QueryError;
use crate::value::update::Update;
use crate::value::value::LiveValue;
use crate::watch::query::desk::Open;
use crate::watch::query::group::Group;
use crate::watch::query::ranked::Item;
use crate::watch::query::seat::{Seat, Wishes};
use crate::watch::watch_all::{Batch, WatchAll};

/// After how many entries others have their turn.
const AT_ONCE: usize = 256;

/// Says whether an entry is in, in which group, and how it is ranked there.
pub(super) type Judge<V, R, K> = dyn Fn(&Uuid, &Entry<V>) -> Option<(K, R)> + Send + Sync;

struct Engine<V: LiveValue, R, K> {
    /// The entries that there were when it began, until they are ranked.
    entries: vec::IntoIter<(Uuid, Entry<V>)>,
    all: WatchAll<V>,
    /// What was taken and is not ranked yet.
    batch: Vec<(Uuid, triomphe::Arc<Update<V>>)>,
    /// Empty between batches.
    room: VecDeque<Queued<V>>,
    /// The keys of a batch that were come across. Empty between batches.
    seen: HashSet<Uuid>,
    judge: Arc<Judge<V, R, K>>,
    limit: usize,
    /// How many updates a seat may be behind.
    cap: usize,
    /// What is in, by its keys.
    items: HashMap<Uuid, Arc<Item<V, R>>>,
    /// `None` where there is none at this number.
    groups: Vec<Option<(K, Group<V, R>)>>,
    numbers: HashMap<K, usize>,
    vacant: Vec<usize>,
    /// Those whose seats are to be told.
    touched: Vec<usize>,
}

/// What there is to do.
enum Work {
    Wishes,
    Batch(Batch),
}

/// Tells those who have come in until nobody is left.
pub(super) async fn run<V, R, K>(
    table: Weak<Table<V>>,
    judge: Arc<Judge<V, R, K>>,
    limit: usize,
    mut open: Open<V, K>,
) where
    V: LiveValue,
    R: Ord + Send + Sync + 'static,
    K: Eq + Hash + Clone + Send + 'static,
{
    let begun = table.upgrade().map(|table| Engine::begin(&table, judge, limit));
    drop(table);
    let Some(mut engine) = begun else {
        open.why = None;
        return;
    };
    // It has nothing of its own that would go while a panic is under way.
    let mut told = Box::pin(engine.run(&open));
    let panic = poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| told.as_mut().poll(cx)));
        match polled {
            Ok(polled) => polled.map(|()| None),
            Err(panic) => Poll::Ready(Some(panic)),
        }
    });
    let panic = panic.await;
    let_go(told);
    let_go(engine);
    open.why = panic.map(|panic| QueryError::Panicked(message(panic)));
}

/// What a panic says.
fn message(panic: Box<dyn Any + Send>) -> String {
    let said = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
    let_go(panic);
    said.unwrap_or_else(|| "a panic without a message".to_owned())
}

impl<V, R, K> Engine<V, R, K>
where
    V: LiveValue,
    R: Ord,
    K: Eq + Hash + Clone,
{
    fn begin(table: &Arc<Table<V>>, judge: Arc<Judge<V, R, K>>, limit: usize) -> Engine<V, R, K> {
        let (entries, all) = WatchAll::begin_with_entries(table);
        Engine {
            entries: entries.into_iter(),
            all,
            batch: Vec::new(),
            room: VecDeque::new(),
            seen: HashSet::new(),
            judge,
            limit,
            cap: table.shared().channel_cap,
            items: HashMap::new(),
            groups: Vec::new(),
            numbers: HashMap::new(),
            vacant: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// Keeps the groups in order until nobody is told any more, or the store has ended.
    async fn run(&mut self, open: &Open<V, K>) {
        while let Some((key, entry)) = self.entries.next() {
            self.judge(key, Some(entry));
            if self.entries.len().is_multiple_of(AT_ONCE) {
                yield_now().await;
                if open.close_unused() {
                    return;
                }
            }
        }
        // They had the room of the whole store.
        self.entries = Vec::new().into_iter();
        // The entries were looked at one after another: a transaction may have changed one before that and another behind it.
        if !self.catch_up(open).await {
            return;
        }
        let mut wishes = Wishes::none();
        loop {
            // Those who come in are told the list before others are told what follows.
            for (group, seat) in open.joining() {
                self.seat(group, seat);
            }
            self.fulfil(mem::replace(&mut wishes, Wishes::none()));
            if open.close_unused() {
                return;
            }
            let work = poll_fn(|cx| {
                if let Poll::Ready(rung) = open.bell.poll(cx) {
                    wishes = rung;
                    return Poll::Ready(Work::Wishes);
                }
                let taken = self.all.poll_batch(cx, &mut self.room, &mut self.batch);
                taken.map(Work::Batch)
            });
            match work.await {
                Work::Wishes => {}
                Work::Batch(Batch::Whole) => {
                    let is_large = self.batch.len() > AT_ONCE;
                    self.take();
                    self.tell();
                    if is_large {
                        yield_now().await;
                    }
                }
                Work::Batch(Batch::Part) => {
                    self.take();
                    if !self.catch_up(open).await {
                        return;
                    }
                    self.tell();
                }
                Work::Batch(Batch::Closed) => return,
            }
        }
    }

    /// Takes all that has been committed by now, so that the groups are what there was at one instant; before that, nobody
    /// is to be told. `false` if that will never be, because the store has ended, or nobody is left.
    async fn catch_up(&mut self, open: &Open<V, K>) -> bool {
        loop {
            // It waits for nothing, so it is not for the budget to say when; and a task that has just yielded has one.
            let taken = poll_fn(|cx| {
                let taken = self.all.batch_now(cx, &mut self.room, &mut self.batch);
                Poll::Ready(taken)
            });
            match taken.await {
                Poll::Pending => return true,
                Poll::Ready(Batch::Whole) => {
                    self.take();
                    return true;
                }
                Poll::Ready(Batch::Part) => self.take(),
                Poll::Ready(Batch::Closed) => return false,
            }
            yield_now().await;
            if open.close_unused() {
                return false;
            }
        }
    }

    /// Takes what has been committed: of each entry the last of it.
    fn take(&mut self) {
        let is_alone = self.batch.len() == 1;
        while let Some((key, update)) = self.batch.pop() {
            let says_nothing = matches!(*update, Update::Message { .. });
            if !says_nothing && (is_alone || self.seen.insert(key)) {
                let entry = (!update.is_end()).then(|| update.entry().clone());
                // It is no use to keep the value before.
                let_go(update);
                self.judge(key, entry);
            }
        }
        self.seen.clear();
    }

    /// Puts an entry where it belongs now, if it is still there.
    fn judge(&mut self, key: Uuid, entry: Option<Entry<V>>) {
        let judged = entry.and_then(|entry| {
            let (group, rank) = (self.judge)(&key, &entry)?;
            Some((group, rank, entry))
        });
        let new = judged.map(|(group, rank, entry)| {
            let group = self.number(group);
            Arc::new(Item {
                key,
                rank,
                entry,
                group,
            })
        });
        let old = match &new {
            Some(new) => self.items.insert(key, Arc::clone(new)),
            None => self.items.remove(&key),
        };
        match (old, new) {
            (Some(old), Some(new)) if old.group == new.group => {
                self.change(new.group, |group| group.update(&old, &new));
            }
            (old, new) => {
                if let Some(old) = old {
                    self.change(old.group, |group| group.remove(&old));
                }
                if let Some(new) = new {
                    self.change(new.group, |group| group.enter(&new));
                }
            }
        }
    }

    /// Changes a group, and notes if its seats are to be told, or it is of no use any more.
    fn change(&mut self, number: usize, change: impl FnOnce(&mut Group<V, R>)) {
        if let Some(Some((_, group))) = self.groups.get_mut(number) {
            change(group);
            if group.has_news() || group.is_idle() {
                self.touched.push(number);
            }
        }
    }

    /// Tells what has changed.
    fn tell(&mut self) {
        for number in mem::take(&mut self.touched) {
            if let Some(Some((_, group))) = self.groups.get_mut(number) {
                group.tell(self.cap);
            }
            self.forget_idle(number);
        }
    }

    /// Gives a new seat its place, and tells it the list.
    fn seat(&mut self, group: K, seat: Arc<Seat<V>>) {
        let number = self.number(group);
        if let Some(Some((_, group))) = self.groups.get_mut(number)
            && seat.place(number)
        {
            seat.tell_list(group.told());
            group.sit(seat);
        }
        self.forget_idle(number);
    }

    fn fulfil(&mut self, wishes: Wishes<V>) {
        for seat in wishes.asking {
            if let Some(group) = self.group_of(&seat) {
                seat.tell_list(group.told());
            }
        }
        for seat in wishes.leaving {
            if let Some(group) = self.group_of(&seat) {
                group.leave(&seat);
            }
            seat.group()
                .into_iter()
                .for_each(|number| self.forget_idle(number));
        }
    }

    fn group_of(&mut self, seat: &Seat<V>) -> Option<&mut Group<V, R>> {
        let place = self.groups.get_mut(seat.group()?)?;
        place.as_mut().map(|(_, group)| group)
    }

    /// The number of a group, which is there from now on.
    fn number(&mut self, group: K) -> usize {
        if let Some(number) = self.numbers.get(&group) {
            return *number;
        }
        let place = Some((group.clone(), Group::new(self.limit)));
        let number = match self.vacant.pop() {
            Some(number) => {
                self.groups[number] = place;
                number
            }
            None => {
                self.groups.push(place);
                self.groups.len() - 1
            }
        };
        self.numbers.insert(group, number);
        number
    }

    fn forget_idle(&mut self, number: usize) {
        let Some(place) = self.groups.get_mut(number) else {
            return;
        };
        if let Some((key, _)) = place.take_if(|(_, group)| group.is_idle()) {
            self.numbers.remove(&key);
            self.vacant.push(number);
        }
    }
}

impl<V: LiveValue, R, K> Drop for Engine<V, R, K> {
    fn drop(&mut self) {
        // Several may panic.
        let mut panics = Panics::default();
        panics.run(|| drop_each(self.batch.drain(..)));
        panics.run(|| drop_each(self.room.drain(..).map(|queued| queued.update)));
    }
}
