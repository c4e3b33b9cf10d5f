//! Calls that change nothing. None of them waits for a guard.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::ground::clock::Stamp;
use crate::ground::stats::{Count, EntryStats, Stats};
use crate::slot::after::After;
use crate::store::place::Place;
use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::error::Missing;
use crate::value::value::LiveValue;
use crate::watch::delta_watch::DeltaWatch;
use crate::watch::watch::Watch;
use crate::watch::watch_all::WatchAll;
use crate::watch::watch_set::WatchSet;

impl<V: LiveValue> LiveStore<V> {
    /// Returns the entry as it is now, also while somebody holds it. `None` if the key has none.
    ///
    /// Counts as a use for [`ExpireMode::Idle`](crate::ExpireMode::Idle); [`peek`](Self::peek) does not.
    ///
    /// An entry past its deadline is still there until the next check for expiry comes to it: for at most the
    /// [check period](crate::StoreOptions::expire_check_freq) and one step of the clock, and as long as a guard is held. Whoever must
    /// not see it looks at [`expires_at`](Entry::expires_at).
    pub fn fetch(&self, key: &Uuid) -> Option<Entry<V>> {
        self.at(key).fetch()
    }

    /// Returns the entry as [`fetch`](Self::fetch) does, without counting as a use.
    ///
    /// For whoever looks after entries and does not use them: a dashboard, a log, a backup. With
    /// [`ExpireMode::Idle`](crate::ExpireMode::Idle), what nobody but them looks at expires.
    pub fn peek(&self, key: &Uuid) -> Option<Entry<V>> {
        self.at(key).peek_entry()
    }

    /// Begins to watch the entry: what it receives first is committed after this call. `None` if the key has none.
    #[must_use = "a watch that is dropped receives nothing"]
    pub fn watch(&self, key: &Uuid) -> Option<Watch<V>> {
        self.at(key).watch()
    }

    /// Returns the entry and begins to watch it at one instant: the first update is the one that follows the entry
    /// returned. `None` if the key has none.
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
    /// let key = store.init(Score { points: 0 });
    ///
    /// let (entry, mut watch) = store.fetch_and_watch(&key).unwrap();
    /// store.mutate(&key, ScoreMutation::SetPoints(1)).await.unwrap();
    ///
    /// let update = watch.next().await.unwrap();
    /// assert_eq!(update.version(), entry.version() + 1);
    /// # }
    /// ```
    #[must_use = "a watch that is dropped receives nothing"]
    pub fn fetch_and_watch(&self, key: &Uuid) -> Option<(Entry<V>, Watch<V>)> {
        self.at(key).fetch_and_watch()
    }

    /// Begins to watch the entry without values: receives each mutation with the version that it led to. `None` if the
    /// key has none.
    ///
    /// Where all who watch an entry watch it in this way, and the store keeps no history, mutations change its value in
    /// place. For large values, and for clients that keep a replica.
    #[must_use = "a watch that is dropped receives nothing"]
    pub fn watch_deltas(&self, key: &Uuid) -> Option<DeltaWatch<V>> {
        self.at(key).watch_deltas()
    }

    /// Returns the entry and begins to watch it without values at one instant: the first delta is the one that follows the
    /// entry returned. `None` if the key has none.
    #[must_use = "a watch that is dropped receives nothing"]
    pub fn fetch_and_watch_deltas(&self, key: &Uuid) -> Option<(Entry<V>, DeltaWatch<V>)> {
        self.at(key).fetch_and_watch_deltas()
    }

    /// Returns the last entries of a key, oldest first; the last one is the present. `None` if the key has none.
    ///
    /// There is one more than updates are kept: see [`StoreOptions::history`](crate::StoreOptions::history). With a
    /// history of 0 that is the present entry alone. The history begins with the entry's creation.
    pub fn history(&self, key: &Uuid) -> Option<Vec<Entry<V>>> {
        self.at(key).history()
    }

    /// Watches the entry as if since `version`: receives exactly the updates that followed it, then those to come.
    /// `None` if the key has no entry.
    ///
    /// If the updates since are not all kept, or `version` is not one of this entry's, the first update is
    /// [`Update::Resync`](crate::Update::Resync) instead; its `missed` counts commits from `version` on, as far as can be
    /// told. Never a part of them, and never one twice. Messages are not replayed.
    ///
    /// For a client that comes back and knows what it saw last. Versions count within an [`epoch`](Self::epoch).
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::{LiveStore, LiveValue, StoreOptions};
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Score { points: u32 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let options = StoreOptions { history: 100, ..Default::default() };
    /// let store = LiveStore::new().with_options(options).done();
    /// let key = store.init(Score { points: 0 });
    ///
    /// let seen = store.fetch(&key).unwrap().version();
    /// // The connection is lost, and the score goes on.
    /// store.mutate(&key, ScoreMutation::SetPoints(1)).await.ok();
    /// store.mutate(&key, ScoreMutation::SetPoints(2)).await.ok();
    ///
    /// let mut watch = store.watch_since(&key, seen).unwrap();
    /// assert_eq!(watch.next().await.unwrap().entry().points, 1);
    /// assert_eq!(watch.next().await.unwrap().entry().points, 2);
    /// # }
    /// ```
    #[must_use = "a watch that is dropped receives nothing"]
    pub fn watch_since(&self, key: &Uuid, version: u64) -> Option<Watch<V>> {
        self.at(key).watch_since(version)
    }

    /// Watches the entry without values as if since `version`: receives exactly the mutations that followed it, then those
    /// to come. `None` if the key has no entry.
    ///
    /// For replicas of large values: nothing but mutations is kept, as many of each entry as
    /// [`StoreOptions::delta_history`](crate::StoreOptions::delta_history) says. Where those do not go back far enough, what
    /// [`StoreOptions::history`](crate::StoreOptions::history) keeps is told without its values. Where neither does, because a
    /// value was replaced or rolled back meanwhile, or `version` is not one of this entry's, the first delta is
    /// [`Delta::Resync`](crate::Delta::Resync), as with [`watch_since`](Self::watch_since).
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::{Delta, LiveStore, LiveValue, StoreOptions};
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Board {
    ///     #[live(push)]
    ///     lines: Vec<String>,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let options = StoreOptions { delta_history: 1000, ..Default::default() };
    /// let store = LiveStore::new().with_options(options).done();
    /// let key = store.init(Board { lines: vec![] });
    ///
    /// let (mut replica, seen) = {
    ///     let entry = store.fetch(&key).unwrap();
    ///     (Board::clone(&entry), entry.version())
    /// };
    /// // The connection is lost, and the board goes on.
    /// store.mutate(&key, BoardMutation::PushLines("one".into())).await.ok();
    /// store.mutate(&key, BoardMutation::PushLines("two".into())).await.ok();
    ///
    /// let mut deltas = store.watch_deltas_since(&key, seen).unwrap();
    /// while let Some(delta) = deltas.try_next() {
    ///     match delta {
    ///         Delta::Mutate { mutn, .. } => drop(replica.apply(&mutn)),
    ///         Delta::Resync { now, .. } => replica = Board::clone(&now),
    ///         _ => {}
    ///     }
    /// }
    /// assert_eq!(replica.lines, ["one", "two"]);
    /// # }
    /// ```
    #[must_use = "a watch that is dropped receives nothing"]
    pub fn watch_deltas_since(&self, key: &Uuid, version: u64) -> Option<DeltaWatch<V>> {
        self.at(key).watch_deltas_since(version)
    }

    /// Watches every entry, those to come included.
    pub fn watch_all(&self) -> WatchAll<V> {
        WatchAll::begin(&self.table, false)
    }

    /// Begins to watch many entries with one receiver: none yet, those that are [added](WatchSet::add) from now on.
    pub fn watch_set(&self) -> WatchSet<V> {
        WatchSet::begin(&self.table)
    }

    /// Returns the entries that there are and watches every entry, without a gap between: each entry is followed by
    /// exactly the updates that came after it.
    ///
    /// The entries are those of no single instant: each is as it was when it was read.
    pub fn entries_and_watch_all(&self) -> (Vec<(Uuid, Entry<V>)>, WatchAll<V>) {
        WatchAll::begin_with_entries(&self.table)
    }

    /// Sends a message to everybody who watches the entry and changes nothing. Returns how many watchers were told.
    ///
    /// Watchers receive [`Update::Message`](crate::Update::Message), in one order with the changes. Does not wait for
    /// a guard. Counts as a use for [`ExpireMode::Idle`](crate::ExpireMode::Idle).
    ///
    /// # Errors
    ///
    /// [`Missing`] with the message if the key has no entry.
    pub fn broadcast(&self, key: &Uuid, msg: V::Message) -> Result<usize, Missing<V::Message>> {
        self.at(key).broadcast(msg)
    }

    /// Returns whether the key has an entry.
    pub fn contains_key(&self, key: &Uuid) -> bool {
        self.at(key).is_there()
    }

    /// Returns how many entries there are. While others create and remove, the number was true for each shard of the
    /// map at some moment during the call.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns whether there are no entries, as [`len`](Self::len) counts them.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives memory that removed entries have left back to the allocator. What a store on disk keeps for its batches stays.
    ///
    /// A store keeps the places that its entries stood in, for those to come: in the map, in the queue of deadlines, in the
    /// queues of those who watch everything, and in a store on disk among what the callback for expired entries is still to
    /// get. Call this after a peak that will not come again soon. Each shard of the map, and each queue, is locked while its
    /// places move, one after another: for a million entries that were removed a few milliseconds, and a fifth of a second
    /// where they had deadlines.
    pub fn shrink_to_fit(&self) {
        self.table.shrink();
    }

    /// Returns figures of the store at work, for a dashboard or a health check. Costs about as much as
    /// [`len`](Self::len).
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
    /// let key = store.init(Score { points: 0 });
    /// let _watch = store.watch(&key);
    /// store.mutate(&key, ScoreMutation::SetPoints(1)).await.ok();
    ///
    /// let stats = store.stats();
    /// assert_eq!((stats.entries, stats.watchers, stats.mutations), (1, 1, 1));
    /// # }
    /// ```
    pub fn stats(&self) -> Stats {
        let shared = self.table.shared();
        let counters = &shared.counters;
        let deadlines = self.table.deadlines();
        let next = deadlines.and_then(|deadlines| deadlines.next());
        let until = |at: Stamp| Duration::from_millis(at.0.saturating_sub(shared.clock.exact().0));
        Stats {
            entries: self.len(),
            watched_entries: counters.present(Count::WatchedEntries),
            watchers: counters.present(Count::Watchers),
            delta_watchers: counters.present(Count::DeltaWatchers),
            set_watchers: counters.present(Count::SetWatchers),
            watch_sets: counters.present(Count::Sets),
            watch_alls: shared.feed.watchers(),
            held: counters.present(Count::Held),
            waiters: counters.present(Count::Waiters),
            granted: counters.present(Count::Granted),
            granted_for: counters.granted_for(shared.clock.now()),
            mutations: counters.sum(Count::Mutations),
            refused: counters.sum(Count::Refused),
            lagged: counters.sum(Count::Lagged),
            expired: counters.sum(Count::Expired),
            deadlines: deadlines.map_or(0, |deadlines| deadlines.len()),
            next_deadline: next.map(until),
            callbacks: counters.present(Count::Callbacks),
            expiry_runs: self.table.is_checked(),
            #[cfg(feature = "durable")]
            disk: shared.sink().map(|sink| sink.stats()),
        }
    }

    /// Returns figures of one entry at work: who holds it, who waits for it, who watches it. `None` if the key has none.
    ///
    /// For finding out why a call waits. Does not count as a use. Nobody counts how long an entry is held before somebody waits
    /// for it or asks here, so the first answer about a hold may be zero.
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
    /// let key = store.init(Score { points: 0 });
    /// let guard = store.acquire(&key).await.unwrap();
    ///
    /// let stats = store.stats_of(&key).unwrap();
    /// assert!(stats.held && stats.waiters == 0);
    /// # drop(guard);
    /// # }
    /// ```
    pub fn stats_of(&self, key: &Uuid) -> Option<EntryStats> {
        self.at(key).stats()
    }

    /// Returns the keys and the [figures](Self::stats_of) of their entries, each as it is when the iterator comes to it.
    ///
    /// Goes over all entries, as [`entries`](Self::entries) does: where there are many, find out by [`stats`](Self::stats)
    /// whether any is held at all before looking for it. Does not count as a use.
    pub fn stats_of_each(&self) -> impl Iterator<Item = (Uuid, EntryStats)> + use<V> {
        let shared = Arc::clone(self.table.shared());
        self.table.walk().visit(move |_, state| state.figures(&shared))
    }

    /// Returns the keys.
    ///
    /// Each is seen at most once; a key whose entry is there throughout is seen. Nothing is locked between items, and memory
    /// is used for one shard of the map at a time. The iterator keeps the store open.
    pub fn keys(&self) -> impl Iterator<Item = Uuid> + use<V> {
        self.table.walk().visit(|_, _| ()).map(|(key, ())| key)
    }

    /// Returns the keys and their entries, each as it is when the iterator comes to it.
    ///
    /// Each is seen at most once; an entry that is there throughout is seen. Nothing is locked between items, and memory
    /// is used for one shard of the map at a time. The iterator keeps the store open. Does not count as a use.
    pub fn entries(&self) -> impl Iterator<Item = (Uuid, Entry<V>)> + use<V> {
        let shared = Arc::clone(self.table.shared());
        self.table.walk().visit(move |_, state| state.entry(&shared))
    }
}

/// The same wherever the entry is found.
impl<V: LiveValue> Place<'_, V> {
    #[inline(always)]
    pub(in crate::store) fn fetch(self) -> Option<Entry<V>> {
        self.look(|_, state| state.entry(self.shared()))
    }

    #[inline(always)]
    pub(in crate::store) fn peek_entry(self) -> Option<Entry<V>> {
        self.peek(|_, state| state.entry(self.shared()))
    }

    pub(in crate::store) fn stats(self) -> Option<EntryStats> {
        self.peek(|_, state| state.figures(self.shared()))
    }

    pub(in crate::store) fn is_there(self) -> bool {
        self.peek(|_, _| ()).is_some()
    }

    pub(in crate::store) fn watch(self) -> Option<Watch<V>> {
        self.look(|slot, state| Watch::begin(slot, state, self.shared()))
    }

    pub(in crate::store) fn watch_since(self, version: u64) -> Option<Watch<V>> {
        self.look(|slot, state| Watch::begin_since(slot, state, self.shared(), version))
    }

    pub(in crate::store) fn fetch_and_watch(self) -> Option<(Entry<V>, Watch<V>)> {
        let shared = self.shared();
        self.look(|slot, state| (state.entry(shared), Watch::begin(slot, state, shared)))
    }

    pub(in crate::store) fn watch_deltas(self) -> Option<DeltaWatch<V>> {
        self.look(|slot, state| DeltaWatch::begin(slot, state, self.shared()))
    }

    pub(in crate::store) fn watch_deltas_since(self, version: u64) -> Option<DeltaWatch<V>> {
        self.look(|slot, state| DeltaWatch::begin_since(slot, state, self.shared(), version))
    }

    pub(in crate::store) fn fetch_and_watch_deltas(self) -> Option<(Entry<V>, DeltaWatch<V>)> {
        let shared = self.shared();
        self.look(|slot, state| (state.entry(shared), DeltaWatch::begin(slot, state, shared)))
    }

    pub(in crate::store) fn history(self) -> Option<Vec<Entry<V>>> {
        self.peek(|_, state| state.history(self.shared()))
    }

    pub(in crate::store) fn broadcast(self, msg: V::Message) -> Result<usize, Missing<V::Message>> {
        let mut msg = Some(msg);
        let mut after = After::default();
        let (key, shared) = (self.key(), self.shared());
        let told = self.look(|_, state| {
            msg.take()
                .map(|msg| state.broadcast(shared, key, msg, &mut after))
        });
        match (told.flatten(), msg) {
            (Some(watchers), _) => Ok(watchers),
            (None, Some(msg)) => Err(Missing(msg)),
            (None, None) => unreachable!("the message is either sent or still here"),
        }
    }
}
