//! [`WatchSet`]: one watcher of many entries.

use std::fmt;
use std::future::poll_fn;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker, ready};

use foldhash::fast::RandomState;
use futures_core::Stream;
use hashbrown::HashTable;
use tokio::task::coop;
use uuid::Uuid;

use crate::ground::stats::Count;
use crate::ground::unwind::{Panics, caught, drop_each};
use crate::slot::hand::Hand;
use crate::slot::reader::Reader;
use crate::slot::ready::Ready;
use crate::slot::ring::{Sitter, Wait};
use crate::slot::shared;
use crate::slot::slot::State;
use crate::table::table::Table;
use crate::value::entry::Entry;
use crate::value::shared::Shared;
use crate::value::update::Update;
use crate::value::value::LiveValue;

/// Receives every update of the entries that were added to it, with their keys.
///
/// From [`LiveStore::watch_set`](crate::LiveStore::watch_set). For a task that follows many entries, such as one that serves
/// a socket: one receiver and one waker, however many entries there are, and a wake costs as much as the entries that have
/// news. Entries are added and removed while it runs.
///
/// Each entry is watched as by a [`Watch`](crate::Watch) of its own: without a gap from the moment at which it was added, lag
/// as an [`Update::Resync`], and its end, [`Update::Remove`] or [`Update::Expire`], as the last of it. With that it is no
/// longer in the set; an entry created later under the same key is another one, which can be added. Between entries there
/// is no order: each that has news has its turn, and gives one update, so one that changes all the time keeps nobody waiting.
///
/// When the store ends, it receives what was still under way. It does not keep the store open.
///
/// It cooperates with tokio's task budget as a [`Watch`](crate::Watch) does, and is pending while that is used up;
/// [`try_next`](Self::try_next) is not.
///
/// # Cost
///
/// Measured in sets of 1000 to 115,000 entries (`livestore/benches`): 118 to 123 bytes an entry that another set follows as
/// well, and 366 to 371 bytes an entry that nobody else watches, with its channel. A set that becomes empty gives its memory
/// back; else it keeps the room that it has had. Adding and removing take about as long as
/// [`watch`](crate::LiveStore::watch). Whoever
/// changes an entry pays for the sets that wait for it as for other watchers; a set that has yet to take an update of the entry
/// costs nothing more.
///
/// # Examples
///
/// ```
/// use livestore::{LiveStore, LiveValue};
///
/// #[derive(Clone, LiveValue)]
/// struct Score { points: u32 }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = LiveStore::default();
/// let (ann, ben) = (store.init(Score { points: 0 }), store.init(Score { points: 0 }));
///
/// let mut set = store.watch_set();
/// for key in [ann, ben] {
///     set.add(&key).unwrap();
/// }
/// store.mutate(&ben, ScoreMutation::SetPoints(7)).await.ok();
/// store.remove(&ann).await;
///
/// let (key, update) = set.next().await.unwrap();
/// assert_eq!((key, update.entry().points), (ben, 7));
/// let (key, update) = set.next().await.unwrap();
/// assert!(key == ann && update.is_end());
/// assert_eq!(set.len(), 1);
/// # }
/// ```
#[must_use = "a watch that is dropped receives nothing"]
pub struct WatchSet<V: LiveValue> {
    /// Does not keep the store open.
    table: Weak<Table<V>>,
    /// Where it is counted.
    shared: Arc<shared::Shared<V>>,
    /// A member has the same place as long as it is one. Dropped before `ready`, at whose end the task's waker goes.
    members: Vec<Option<Reader<V>>>,
    /// Places that no member has, and that `ready` does not name any more.
    vacant: Vec<u32>,
    /// How many places no member has that `ready` still names.
    left: usize,
    /// The places of members, by their keys.
    places: HashTable<u32>,
    hasher: RandomState,
    /// Which members may have news. A member that has some is in it, or the ring of its entry has it put there when it gets
    /// some. Some may be there that have none, or have left.
    ready: Arc<Ready>,
    /// The member whose turn it is: it is asked for an update, or has one that is still to be handed out. Stays if the user's
    /// code panics meanwhile.
    turn: Option<u32>,
    /// The update of the member whose turn it is.
    hand: Hand<V>,
}

impl<V: LiveValue> WatchSet<V> {
    pub(crate) fn begin(table: &Arc<Table<V>>) -> WatchSet<V> {
        let shared = Arc::clone(table.shared());
        shared.counters.add(Count::Sets, 1);
        WatchSet {
            table: Arc::downgrade(table),
            shared,
            members: Vec::new(),
            vacant: Vec::new(),
            left: 0,
            places: HashTable::new(),
            hasher: RandomState::default(),
            ready: Arc::new(Ready::new()),
            turn: None,
            hand: Hand::empty(),
        }
    }

    /// Adds an entry, and returns it as it is at this instant: the first update received of it is the one that follows. `None`
    /// if the key has no entry, or the store has ended.
    ///
    /// If the set watches the key already, it begins anew: what was still to be received of it is in the entry returned,
    /// messages excepted, and is dropped. If the key has no entry any more, and that is still to be received, it remains so.
    pub fn add(&mut self, key: &Uuid) -> Option<Entry<V>> {
        self.join(key, |_, _| ())
    }

    /// Adds an entry as if it had been there since `version`: receives exactly the updates that followed it, then those to
    /// come. Returns the entry as it is at this instant, to which those that followed lead. `None` if the key has no entry,
    /// or the store has ended.
    ///
    /// If the updates since are not all kept, the first is an [`Update::Resync`], as with
    /// [`watch_since`](crate::LiveStore::watch_since). If the set watches the key already, it begins anew, as with
    /// [`add`](Self::add).
    pub fn add_since(&mut self, key: &Uuid, version: u64) -> Option<Entry<V>> {
        self.join(key, |reader, state| {
            reader.resume(state, version);
        })
    }

    /// Takes an entry off. What was still to be received of it is dropped. Returns whether it was in the set.
    pub fn remove(&mut self, key: &Uuid) -> bool {
        let Some(at) = self.forget(key) else {
            return false;
        };
        self.vacate(at);
        true
    }

    /// Takes all entries off.
    pub fn clear(&mut self) {
        let places: Vec<_> = self.places.drain().collect();
        let mut panics = Panics::default();
        for at in places {
            panics.run(|| self.leave(at));
        }
        self.sweep();
    }

    /// Returns whether the key is in the set: it was added, and its end was not yet received.
    pub fn contains(&self, key: &Uuid) -> bool {
        self.member(key).is_some()
    }

    /// Returns the keys that are in the set, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &Uuid> {
        self.members.iter().flatten().map(Reader::key)
    }

    /// Returns how many entries are in the set.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns whether no entry is in the set.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Returns an entry of the set as it is now, or its final state if it has ended and that is still to be received. Looks up
    /// nothing in the store, and consumes nothing. `None` if the key is not in the set.
    pub fn latest(&self, key: &Uuid) -> Option<Entry<V>> {
        self.member(key).map(Reader::latest)
    }

    /// Waits for the next update of any entry in the set. `None` when no entry is in it: none was added, or all have ended, or
    /// the store has.
    ///
    /// After `None`, entries can be added as before. In a `select!` that does other things meanwhile, the pattern
    /// `Some((key, update)) = set.next()` does what is wanted.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an update is either returned or still there.
    #[expect(
        clippy::should_implement_trait,
        reason = "named as everywhere where one waits for the next"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<(Uuid, Update<V>)>> + Send {
        poll_fn(|cx| self.poll_update(cx))
    }

    /// Waits for the next update of any entry, as [`next`](Self::next) does, and returns it as it is shared by all watchers,
    /// without a copy.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an update is either returned or still there.
    pub fn next_shared(&mut self) -> impl Future<Output = Option<(Uuid, Shared<Update<V>>)>> + Send {
        poll_fn(|cx| {
            ready!(self.poll_take(cx));
            Poll::Ready(self.hand_out(|hand| hand.shared_update().map(Shared::new)))
        })
    }

    /// Returns the next update if there is one now. Does not wait, and asks for none of the task's budget. As
    /// [`Watch::try_next`](crate::Watch::try_next).
    pub fn try_next(&mut self) -> Option<(Uuid, Update<V>)> {
        self.try_take();
        self.hand_out(Hand::update)
    }

    /// Returns the next update if there is one now, shared as by [`next_shared`](Self::next_shared).
    pub fn try_next_shared(&mut self) -> Option<(Uuid, Shared<Update<V>>)> {
        self.try_take();
        self.hand_out(|hand| hand.shared_update().map(Shared::new))
    }

    /// Makes the entry of a key a member, in the place of one that the key had before.
    fn join(&mut self, key: &Uuid, begin: impl FnOnce(&mut Reader<V>, &mut State<V>)) -> Option<Entry<V>> {
        let table = self.table.upgrade()?;
        let at = self.make_room();
        let shared = table.shared();
        let ready = &self.ready;
        let joined = table.look(key, |slot, state| {
            let sitter = Sitter::Member(Arc::clone(ready), at);
            let mut reader = Reader::begin(slot, state, shared, true, sitter);
            begin(&mut reader, state);
            (state.entry(shared), reader)
        });
        let Some((entry, reader)) = joined else {
            self.vacant.push(at);
            return None;
        };
        let is_behind = reader.is_behind();
        let former = self.forget(key);
        self.members[at as usize] = Some(reader);
        let hasher = |at: &u32| hash(&self.hasher, &self.members, *at);
        self.places.insert_unique(self.hasher.hash_one(key), at, hasher);
        if is_behind {
            self.mark(at);
        }
        former.into_iter().for_each(|former| self.vacate(former));
        Some(entry)
    }

    fn member(&self, key: &Uuid) -> Option<&Reader<V>> {
        let is_of_key = |at: &u32| key_at(&self.members, *at) == Some(key);
        let at = self.places.find(self.hasher.hash_one(key), is_of_key)?;
        self.members[*at as usize].as_ref()
    }

    /// Forgets the key of a member, which is to be let go.
    fn forget(&mut self, key: &Uuid) -> Option<u32> {
        let is_of_key = |at: &u32| key_at(&self.members, *at) == Some(key);
        let place = self.places.find_entry(self.hasher.hash_one(key), is_of_key);
        place.ok().map(|place| place.remove().0)
    }

    /// A place that no member has.
    fn make_room(&mut self) -> u32 {
        if let Some(at) = self.vacant.pop() {
            return at;
        }
        let len = self.members.len();
        if len == self.members.capacity() {
            // By an eighth, not to twice as many: the room for members is most of what a large set takes.
            self.members.reserve_exact(len / 8 + 4);
        }
        self.members.push(None);
        // The memory for as many ends before the count.
        let at = u32::try_from(len).unwrap_or(u32::MAX);
        self.ready.make_room(at);
        at
    }

    /// Lets a member go, whose key is not its any more.
    fn vacate(&mut self, at: u32) {
        let mut panics = Panics::default();
        panics.run(|| self.leave(at));
        let is_empty = self.places.is_empty() && self.left > 0;
        if is_empty || self.left > self.places.len() + KEPT {
            self.sweep();
        }
    }

    fn leave(&mut self, at: u32) {
        let mut panics = Panics::default();
        if self.turn == Some(at) {
            self.turn = None;
            panics.run(|| drop(self.hand.clear()));
        }
        panics.run(|| drop(self.members[at as usize].take()));
        // Nobody marks it any more. If it is marked, others get the place when it is found so.
        if self.ready.is_marked(at) {
            self.left += 1;
        } else {
            self.give_back(at);
        }
    }

    /// Finds the places that were left while they were marked. Those that have news go on waiting in the same order.
    fn sweep(&mut self) {
        let mut marked = Vec::new();
        while let Poll::Ready(at) = self.ready.poll_take(None) {
            marked.push(at);
        }
        for at in marked {
            if self.members[at as usize].is_some() {
                self.mark(at);
            } else {
                self.left -= 1;
                self.give_back(at);
            }
        }
    }

    /// Has a place that is neither a member's nor marked given to others.
    fn give_back(&mut self, at: u32) {
        self.vacant.push(at);
        if self.vacant.len() == self.members.len() && self.members.len() > KEPT {
            self.members = Vec::new();
            self.vacant = Vec::new();
            self.places = HashTable::new();
            self.ready.clear();
        }
    }

    /// Says that a member may have news. Whoever polls the set and has done so before hears of it.
    fn mark(&self, at: u32) {
        let waker = self.ready.mark(at);
        let _ = caught(|| waker.map(Waker::wake));
    }

    fn poll_update(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Uuid, Update<V>)>> {
        ready!(self.poll_take(cx));
        Poll::Ready(self.hand_out(Hand::update))
    }

    /// Has an update taken by some member, unless one is. Afterwards there is one, or there is no member.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.places.is_empty() {
            // A loop over a set that nobody adds to must not keep others from running, either.
            ready!(coop::poll_proceed(cx)).made_progress();
        }
        while !self.is_taken() {
            if self.turn.is_none() {
                // Each member that is asked is progress, be there something or not: very many may have been marked.
                let coop = ready!(coop::poll_proceed(cx));
                self.turn = Some(ready!(self.ready.poll_take(Some(cx))));
                coop.made_progress();
            }
            self.ask();
        }
        Poll::Ready(())
    }

    fn try_take(&mut self) {
        while !self.is_taken() {
            if self.turn.is_none() {
                let Poll::Ready(at) = self.ready.poll_take(None) else {
                    return;
                };
                self.turn = Some(at);
            }
            self.ask();
        }
    }

    /// Whether an update is there to be handed out, or none will ever be.
    fn is_taken(&self) -> bool {
        self.places.is_empty() || !self.hand.is_empty()
    }

    /// Asks the member whose turn it is for an update. If it has none, its turn is over.
    fn ask(&mut self) {
        let Some(at) = self.turn else { return };
        let Some(member) = &mut self.members[at as usize] else {
            // It has left.
            self.turn = None;
            self.left -= 1;
            self.give_back(at);
            return;
        };
        if !member.take(&mut self.hand, Wait::Member) {
            // From now on the ring has it marked.
            self.turn = None;
        } else if self.hand.is_empty() && member.has_ended() {
            // With the store. There is nothing to be told.
            let key = *member.key();
            self.forget(&key);
            self.vacate(at);
        }
    }

    /// Hands out what was taken. If the user's `Clone` panics there, it stays.
    fn hand_out<T>(&mut self, give: impl FnOnce(&mut Hand<V>) -> Option<T>) -> Option<(Uuid, T)> {
        let at = self.turn?;
        let update = give(&mut self.hand)?;
        self.turn = None;
        let member = self.members[at as usize].as_ref()?;
        let key = *member.key();
        if member.has_ended() {
            self.forget(&key);
            // What the user's `Drop` does there takes nothing from what is handed out.
            let _ = caught(|| self.vacate(at));
        } else if !member.waits() {
            // There is more, for which it waits behind the others.
            self.mark(at);
        }
        Some((key, update))
    }
}

/// So many places a set keeps that has become empty: it may be filled again soon.
const KEPT: usize = 64;

fn key_at<V: LiveValue>(members: &[Option<Reader<V>>], at: u32) -> Option<&Uuid> {
    members.get(at as usize)?.as_ref().map(Reader::key)
}

/// The hash under which a place is found.
fn hash<V: LiveValue>(hasher: &RandomState, members: &[Option<Reader<V>>], at: u32) -> u64 {
    // Places without a member are not in the table.
    key_at(members, at).map_or(0, |key| hasher.hash_one(key))
}

impl<V: LiveValue> Stream for WatchSet<V> {
    type Item = (Uuid, Update<V>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_update(cx)
    }
}

impl<V: LiveValue> Drop for WatchSet<V> {
    fn drop(&mut self) {
        self.shared.counters.subtract(Count::Sets, 1);
        drop_each(self.members.drain(..));
    }
}

impl<V: LiveValue> fmt::Debug for WatchSet<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchSet")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(not(livestore_check))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::slot::slot::Slot;
    use crate::value::options::StoreOptions;
    use crate::value::value::tests::Value;

    /// Places that were left while they had news were found only by who polled the set.
    #[test]
    fn places_that_nobody_has_do_not_pile_up_though_nobody_polls() {
        let table = Arc::new(Table::<Value>::new(&StoreOptions::default()));
        let slots: Vec<_> = (0..500)
            .map(|key| Slot::new(Uuid::from_u128(key), triomphe::Arc::new(Value)))
            .collect();
        for slot in &slots {
            assert!(table.link(slot, |_, _| ()).is_ok());
        }
        let mut set = WatchSet::begin(&table);
        let tell = |slot: &Arc<Slot<Value>>| {
            let mut after = crate::slot::after::After::default();
            slot.lock().broadcast(table.shared(), slot.key(), (), &mut after);
        };
        assert!(set.add(slots[0].key()).is_some());
        tell(&slots[0]);
        for _ in 0..10_000 {
            assert!(set.add(slots[1].key()).is_some());
            tell(&slots[1]);
            assert!(set.remove(slots[1].key()));
        }
        assert!(set.members.len() < 2 * KEPT, "{}", set.members.len());
        // What was there has been kept, and nothing else.
        assert_eq!(set.try_next().map(|(key, _)| key), Some(*slots[0].key()));
        assert!(set.try_next().is_none());
        for slot in &slots {
            assert!(set.add(slot.key()).is_some());
            tell(slot);
        }
        set.clear();
        assert!(set.members.is_empty() && set.vacant.is_empty());
    }
}
