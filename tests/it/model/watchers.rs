//! Those who watch, and what they should be told.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::task::Poll;

use livestore::{Delta, DeltaWatch, Entry, Shared, Update, Uuid, Watch, WatchAll, WatchSet};
use tokio_test::task::{Spawn, spawn};

use super::counting::Counting;
use super::op::Key;
use super::reached;
use super::reference::{Kind, Model, Seen, Told};
use super::world::{KEYS, uuid};

pub(super) fn seen<V: Counting>(entry: &Entry<V>) -> Seen {
    Seen {
        count: entry.count(),
        version: entry.version(),
    }
}

fn told<V: Counting>(update: &Update<V>) -> Told {
    let (kind, old) = match update {
        Update::Create { .. } => (Kind::Create, None),
        Update::Mutate { old, .. } => (Kind::Mutate, Some(seen(old))),
        Update::Overwrite { old, .. } => (Kind::Overwrite, Some(seen(old))),
        Update::Rollback { old, .. } => (Kind::Rollback, Some(seen(old))),
        Update::Message { .. } => (Kind::Message, None),
        Update::Remove { .. } => (Kind::Remove, None),
        Update::Expire { .. } => (Kind::Expire, None),
        Update::Resync { missed, .. } => (Kind::Resync(*missed), None),
        other => panic!("{other:?}"),
    };
    let new = seen(update.entry());
    Told { kind, old, new }
}

/// What one who watches one life should be told.
struct Cursor {
    life: usize,
    replay: VecDeque<Told>,
    /// Updates from before it began, of which it can only be told how many.
    lost: Option<u64>,
    /// How much of the life's log it was told.
    at: usize,
    /// The version it was told last.
    seen: u64,
    ended: bool,
}

impl Cursor {
    fn begin(model: &mut Model, life: usize) -> Cursor {
        model.watched(life);
        let now = &model.lives[life];
        Cursor {
            life,
            replay: VecDeque::new(),
            lost: None,
            at: now.log.len(),
            seen: now.now.version,
            ended: false,
        }
    }

    fn begin_since(model: &mut Model, life: usize, version: u64) -> Cursor {
        let mut cursor = Cursor::begin(model, life);
        let now = model.lives[life].now.version;
        if model.history(life).iter().any(|kept| kept.version == version) {
            let missed = |told: &&Told| told.old.is_some_and(|old| old.version >= version);
            cursor.replay = model.lives[life].log.iter().filter(missed).copied().collect();
            cursor.seen = version;
        } else {
            cursor.lost = Some(now.saturating_sub(version));
            cursor.seen = 0;
        }
        cursor
    }

    /// What it should be told next: something, the end of everything, or nothing yet.
    fn next(&mut self, model: &Model, closed: bool) -> Poll<Option<Told>> {
        let life = &model.lives[self.life];
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(told) = self.replay.pop_front() {
            reached("a replay");
            return Poll::Ready(Some(told));
        }
        let behind = life.log.len() - self.at;
        if self.lost.is_some() || behind > model.settings.channel_cap {
            reached(match self.lost {
                Some(_) => "a resync instead of a replay",
                None => "a lag of a watch",
            });
            let missed = behind as u64 + self.lost.take().unwrap_or(0);
            self.at = life.log.len();
            let resync = Told {
                kind: Kind::Resync(missed),
                old: None,
                new: life.now,
            };
            return Poll::Ready(Some(resync));
        }
        if behind > 0 {
            self.at += 1;
            return Poll::Ready(Some(life.log[self.at - 1]));
        }
        if life.end.is_some() || closed {
            self.ended = true;
            return Poll::Ready(life.end);
        }
        Poll::Pending
    }

    /// Whether there is something to be told.
    fn has_news(&self, model: &Model) -> bool {
        let life = &model.lives[self.life];
        let earlier = !self.replay.is_empty() || self.lost.is_some();
        !self.ended && (earlier || self.at < life.log.len() || life.end.is_some())
    }

    /// Whether there is something that one hears of who has looked and found nothing.
    fn is_ready(&self, model: &Model, closed: bool) -> bool {
        let life = &model.lives[self.life];
        self.at < life.log.len() || life.end.is_some() || closed
    }
}

/// One watch of one life.
pub(super) struct Watching<V: Counting> {
    watch: Spawn<Watch<V>>,
    cursor: Cursor,
    /// The last look found nothing.
    asleep: bool,
}

impl<V: Counting> Watching<V> {
    pub(super) fn begin(model: &mut Model, life: usize, watch: Watch<V>) -> Watching<V> {
        Watching {
            watch: spawn(watch),
            cursor: Cursor::begin(model, life),
            asleep: false,
        }
    }

    pub(super) fn begin_since(model: &mut Model, life: usize, watch: Watch<V>, version: u64) -> Watching<V> {
        Watching {
            watch: spawn(watch),
            cursor: Cursor::begin_since(model, life, version),
            asleep: false,
        }
    }

    pub(super) fn life(&self) -> usize {
        self.cursor.life
    }

    /// Takes the next update. Returns whether there was one.
    pub(super) fn take(&mut self, model: &Model, closed: bool) -> bool {
        let taken = self.watch.poll_next().map(|update| update.as_ref().map(told));
        let expected = self.cursor.next(model, closed);
        assert_eq!(
            taken,
            expected,
            "what a watch of {} is told",
            model.lives[self.life()].key
        );
        self.asleep = taken.is_pending();
        if let Poll::Ready(Some(told)) = taken {
            self.cursor.seen = told.new.version;
        }
        matches!(taken, Poll::Ready(Some(_)))
    }

    /// The same without a wait, and without the difference between nothing yet and nothing more.
    pub(super) fn try_take(&mut self, model: &Model) {
        let taken = self.watch.try_next().as_ref().map(told);
        let expected = match self.cursor.next(model, model.closed) {
            Poll::Ready(told) => told,
            Poll::Pending => None,
        };
        assert_eq!(
            taken,
            expected,
            "what a watch of {} has",
            model.lives[self.life()].key
        );
        if let Some(told) = taken {
            self.asleep = false;
            self.cursor.seen = told.new.version;
        }
        assert_eq!(self.watch.is_over(), self.cursor.ended, "whether more may come");
    }

    pub(super) fn take_newest(&mut self, model: &Model) {
        let newest = self
            .watch
            .enter(|cx, mut watch| pin!(watch.newest()).poll(cx))
            .map(|entry| entry.as_ref().map(seen));
        let cursor = &mut self.cursor;
        let life = &model.lives[cursor.life];
        let expected = if cursor.ended || life.end.is_some() {
            cursor.ended = true;
            Poll::Ready(None)
        } else if life.now.version > cursor.seen {
            // If the store has ended, the last change may still be news.
            cursor.ended = model.closed;
            Poll::Ready(Some(life.now))
        } else if model.closed {
            cursor.ended = true;
            Poll::Ready(None)
        } else {
            Poll::Pending
        };
        assert_eq!(newest, expected, "the newest of {}", life.key);
        self.asleep = newest.is_pending();
        cursor.replay.clear();
        cursor.lost = None;
        cursor.at = life.log.len();
        if let Poll::Ready(Some(newest)) = newest {
            cursor.seen = newest.version;
        }
    }

    /// What a look without taking anything shows.
    pub(super) fn check(&self, model: &Model, closed: bool) {
        let life = &model.lives[self.life()];
        assert_eq!(seen(&self.watch.latest()), life.now, "the latest of {}", life.key);
        if self.asleep && self.cursor.is_ready(model, closed) {
            assert!(self.watch.is_woken(), "a watch of {} sleeps on", life.key);
        }
    }
}

/// One watcher of several keys.
pub(super) struct Gathering<V: Counting> {
    set: Spawn<WatchSet<V>>,
    members: BTreeMap<Key, Member>,
    asleep: bool,
}

struct Member {
    cursor: Cursor,
    /// How many others had their turn while this one had news.
    passed: usize,
}

impl<V: Counting> Gathering<V> {
    pub(super) fn begin(set: WatchSet<V>) -> Gathering<V> {
        Gathering {
            set: spawn(set),
            members: BTreeMap::new(),
            asleep: false,
        }
    }

    /// The lives of its members.
    pub(super) fn lives(&self) -> impl Iterator<Item = usize> {
        self.members.values().map(|member| member.cursor.life)
    }

    pub(super) fn add(&mut self, model: &mut Model, key: Key, since: Option<u64>) {
        let added = match since {
            None => self.set.add(&uuid(key)),
            Some(version) => self.set.add_since(&uuid(key), version),
        };
        assert_eq!(
            added.as_ref().map(seen),
            model.seen(key),
            "what is added to a set"
        );
        let Some(at) = model.at(key) else { return };
        let cursor = match since {
            None => Cursor::begin(model, at),
            Some(version) => Cursor::begin_since(model, at, version),
        };
        let member = Member { cursor, passed: 0 };
        if let Some(former) = self.members.insert(key, member) {
            model.unwatched(former.cursor.life);
        }
    }

    pub(super) fn remove(&mut self, model: &mut Model, key: Key) {
        let removed = self.set.remove(&uuid(key));
        let member = self.members.remove(&key);
        // With the store, those go that have nothing to be told, when it is found.
        assert!(removed == member.is_some() || model.closed);
        member
            .into_iter()
            .for_each(|member| model.unwatched(member.cursor.life));
    }

    pub(super) fn clear(&mut self, model: &mut Model) {
        self.set.clear();
        for member in std::mem::take(&mut self.members).into_values() {
            model.unwatched(member.cursor.life);
        }
    }

    /// It is dropped.
    pub(super) fn end(mut self, model: &mut Model) {
        let members = std::mem::take(&mut self.members);
        drop(self);
        for member in members.into_values() {
            model.unwatched(member.cursor.life);
        }
    }

    /// Takes the next update of any member. Returns whether there was one.
    pub(super) fn take(&mut self, model: &mut Model, how: Taking, closed: bool) -> bool {
        let shared = |(key, update): (Uuid, Shared<Update<V>>)| (key, told(&update));
        let owned = |(key, update): (Uuid, Update<V>)| (key, told(&update));
        let taken = match how {
            Taking::Next => self.set.poll_next().map(|taken| taken.map(owned)),
            Taking::NextShared => self.set.enter(|cx, mut set| {
                let next = pin!(set.next_shared());
                next.poll(cx).map(|taken| taken.map(shared))
            }),
            Taking::TryNext => none_yet(self.set.try_next().map(owned)),
            Taking::TryNextShared => none_yet(self.set.try_next_shared().map(shared)),
        };
        match taken {
            Poll::Ready(Some((key, update))) => {
                self.asleep = false;
                let key = key.as_bytes()[15];
                for member in self.members.values_mut() {
                    member.passed += usize::from(member.cursor.has_news(model));
                }
                let member = self.members.get_mut(&key).expect("what is told is of a member");
                let expected = member.cursor.next(model, closed);
                assert_eq!(expected, Poll::Ready(Some(update)), "what a set is told of {key}");
                // Its own turn is counted as well. Others may have left since.
                assert!(
                    member.passed <= usize::from(KEYS),
                    "{key} had news and others had {} turns",
                    member.passed - 1
                );
                member.passed = 0;
                reached("an update of a set");
                if member.cursor.ended {
                    let life = member.cursor.life;
                    self.members.remove(&key);
                    model.unwatched(life);
                }
                return true;
            }
            Poll::Ready(None) => {
                assert!(self.members.is_empty() || closed, "a set ends before its members");
                self.expect_nothing(model);
                self.asleep = false;
                for member in std::mem::take(&mut self.members).into_values() {
                    model.unwatched(member.cursor.life);
                }
            }
            Poll::Pending => {
                self.expect_nothing(model);
                let waits = matches!(how, Taking::Next | Taking::NextShared);
                assert!(!waits || !closed, "a set of a store that has ended waits on");
                self.asleep |= waits && !self.members.is_empty();
            }
        }
        false
    }

    fn expect_nothing(&self, model: &Model) {
        for (key, member) in &self.members {
            assert!(!member.cursor.has_news(model), "a set was not told of {key}");
        }
    }

    /// What a look without taking anything shows.
    pub(super) fn check(&self, model: &Model, closed: bool) {
        for (key, member) in &self.members {
            let life = &model.lives[member.cursor.life];
            let latest = self.set.latest(&uuid(*key));
            assert!(latest.is_some() || closed);
            if let Some(latest) = latest {
                assert_eq!(seen(&latest), life.now, "the latest of {key} in a set");
            }
            if self.asleep && member.cursor.is_ready(model, closed) {
                assert!(self.set.is_woken(), "a set with {key} sleeps on");
            }
        }
        let len = self.members.len();
        assert!(self.set.len() == len || (closed && self.set.len() < len));
    }

    pub(super) fn len(&self) -> usize {
        self.set.len()
    }
}

/// How an update is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Taking {
    Next,
    NextShared,
    TryNext,
    TryNextShared,
}

/// Nothing now may be nothing ever.
fn none_yet<T>(taken: Option<T>) -> Poll<Option<T>> {
    taken.map_or(Poll::Pending, |taken| Poll::Ready(Some(taken)))
}

/// One watch of one life without values.
pub(super) struct Copying<V: Counting> {
    deltas: Spawn<DeltaWatch<V>>,
    pub(super) life: usize,
    replay: VecDeque<Told>,
    /// Updates from before it began, of which it can only be told how many.
    lost: Option<u64>,
    /// How much of the life's log it was told.
    cursor: usize,
    ended: bool,
    asleep: bool,
}

/// The kind, the version, and the number where it is told.
type Changed = (Kind, u64, Option<i64>);

fn changed<V: Counting>(delta: &Delta<V>) -> Changed {
    let (kind, count) = match delta {
        Delta::Mutate { .. } => (Kind::Mutate, None),
        Delta::Message { .. } => (Kind::Message, None),
        Delta::Overwrite { new, .. } => (Kind::Overwrite, Some(new.count())),
        Delta::Rollback { new, .. } => (Kind::Rollback, Some(new.count())),
        Delta::Remove { val, .. } => (Kind::Remove, Some(val.count())),
        Delta::Expire { val, .. } => (Kind::Expire, Some(val.count())),
        Delta::Resync { now, missed, .. } => (Kind::Resync(*missed), Some(now.count())),
        other => panic!("{other:?}"),
    };
    (kind, delta.version(), count)
}

fn without_value(told: Told) -> Changed {
    let count = match told.kind {
        Kind::Mutate | Kind::Message => None,
        _ => Some(told.new.count),
    };
    (told.kind, told.new.version, count)
}

impl<V: Counting> Copying<V> {
    pub(super) fn begin(model: &mut Model, life: usize, deltas: DeltaWatch<V>) -> Copying<V> {
        model.watched(life);
        Copying {
            deltas: spawn(deltas),
            life,
            replay: VecDeque::new(),
            lost: None,
            cursor: model.lives[life].log.len(),
            ended: false,
            asleep: false,
        }
    }

    pub(super) fn begin_since(
        model: &mut Model,
        life: usize,
        deltas: DeltaWatch<V>,
        version: u64,
    ) -> Copying<V> {
        let mut copying = Copying::begin(model, life, deltas);
        let by_values = model.history(life).iter().any(|kept| kept.version == version);
        if by_values || model.deltas_go_back_to(life, version) {
            let missed = |told: &&Told| told.old.is_some_and(|old| old.version >= version);
            copying.replay = model.lives[life].log.iter().filter(missed).copied().collect();
        } else {
            if model.is_behind_a_replacement(life, version) {
                reached("a resync of deltas because of a replaced value");
            }
            copying.lost = Some(model.lives[life].now.version.saturating_sub(version));
        }
        copying
    }

    fn next(&mut self, model: &Model, closed: bool) -> Poll<Option<Changed>> {
        let life = &model.lives[self.life];
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(told) = self.replay.pop_front() {
            reached("a replay of deltas");
            return Poll::Ready(Some(without_value(told)));
        }
        let behind = life.log.len() - self.cursor;
        if self.lost.is_some() || behind > model.settings.channel_cap {
            reached(match self.lost {
                Some(_) => "a resync instead of a replay of deltas",
                None => "a lag of a watch of deltas",
            });
            self.cursor = life.log.len();
            let resync = Kind::Resync(behind as u64 + self.lost.take().unwrap_or(0));
            return Poll::Ready(Some((resync, life.now.version, Some(life.now.count))));
        }
        if behind > 0 {
            self.cursor += 1;
            return Poll::Ready(Some(without_value(life.log[self.cursor - 1])));
        }
        if life.end.is_some() || closed {
            self.ended = true;
            return Poll::Ready(life.end.map(without_value));
        }
        Poll::Pending
    }

    /// Takes the next delta. Returns whether there was one.
    pub(super) fn take(&mut self, model: &Model, closed: bool) -> bool {
        let taken = self.deltas.poll_next().map(|delta| delta.as_ref().map(changed));
        let expected = self.next(model, closed);
        let key = model.lives[self.life].key;
        assert_eq!(taken, expected, "what a watch of {key} without values is told");
        self.asleep = taken.is_pending();
        matches!(taken, Poll::Ready(Some(_)))
    }

    pub(super) fn check(&self, model: &Model, closed: bool) {
        let life = &model.lives[self.life];
        assert_eq!(
            seen(&self.deltas.latest()),
            life.now,
            "the latest of {}",
            life.key
        );
        if self.asleep && (self.cursor < life.log.len() || life.end.is_some() || closed) {
            assert!(
                self.deltas.is_woken(),
                "a watch of {} without values sleeps on",
                life.key
            );
        }
    }
}

/// One watch of everything, and what it knows of the store.
pub(super) struct Following<V: Counting> {
    all: Spawn<WatchAll<V>>,
    cursor: usize,
    known: BTreeMap<Key, Seen>,
    asleep: bool,
}

impl<V: Counting> Following<V> {
    pub(super) fn begin(model: &mut Model, all: WatchAll<V>) -> Following<V> {
        model.watch_alls += 1;
        let lives = model.current.iter();
        Following {
            all: spawn(all),
            cursor: model.told.len(),
            known: lives.map(|(key, life)| (*key, model.lives[*life].now)).collect(),
            asleep: false,
        }
    }

    /// Takes so many updates, or all if it has lagged. Returns whether there was anything.
    pub(super) fn take(&mut self, model: &Model, most: usize, closed: bool) -> bool {
        let behind = model.told.len() - self.cursor;
        if behind > 16 * model.settings.channel_cap {
            self.catch_up(model, behind, closed);
            return true;
        }
        let until = self.cursor + behind.min(most);
        for at in self.cursor..until {
            let Poll::Ready(Some((key, update))) = self.all.poll_next() else {
                panic!("{:?} was not told", model.told[at]);
            };
            let (key, told) = (key.as_bytes()[15], told(&update));
            assert_eq!((key, told), model.told[at], "what a watch of everything is told");
            self.learn(key, told);
        }
        self.cursor = until;
        self.asleep = false;
        if self.cursor == model.told.len() {
            self.expect_no_more(closed);
        }
        behind > 0
    }

    /// It has lagged: whatever it is told, it knows the store afterwards.
    fn catch_up(&mut self, model: &Model, behind: usize, closed: bool) {
        reached("a lag of everything");
        let mut resynced = Vec::new();
        let mut taken = 0;
        while let Poll::Ready(Some((key, update))) = self.all.poll_next() {
            let (key, told) = (key.as_bytes()[15], told(&update));
            if let Kind::Resync(missed) = told.kind {
                assert!(!resynced.contains(&key), "{key} twice");
                assert!(missed > 0, "a resync of {key} for nothing");
                resynced.push(key);
                taken += missed;
            } else {
                taken += 1;
            }
            self.learn(key, told);
        }
        self.cursor = model.told.len();
        if closed {
            // What it had missed by then stays unsaid.
            self.expect_no_more(closed);
            return;
        }
        // An end that follows a resync is told and counted as missed; what came and went is neither.
        assert!(
            taken <= (behind + resynced.len()) as u64,
            "more was told than happened"
        );
        let now: BTreeMap<_, _> = model
            .current
            .iter()
            .map(|(key, life)| (*key, model.lives[*life].now))
            .collect();
        assert_eq!(self.known, now, "what it knows after a lag");
        self.expect_no_more(closed);
    }

    fn learn(&mut self, key: Key, told: Told) {
        let known = self.known.get(&key).copied();
        match told.kind {
            Kind::Create => assert_eq!(known, None, "{told:?}"),
            Kind::Resync(_) => {}
            Kind::Message => assert_eq!(known, Some(told.new), "{told:?}"),
            Kind::Remove | Kind::Expire => {
                let known = known.unwrap_or_else(|| panic!("the end of an unknown entry: {told:?}"));
                // After a resync that showed the final entry already, it is the same.
                let next = known.version + 1 == told.new.version || known == told.new;
                assert!(next && known.count == told.new.count, "{known:?} {told:?}");
                self.known.remove(&key);
                return;
            }
            _ => assert_eq!(known, told.old, "{told:?}"),
        }
        self.known.insert(key, told.new);
    }

    fn expect_no_more(&mut self, closed: bool) {
        let more = self
            .all
            .poll_next()
            .map(|update| update.map(|(_, update)| told(&update)));
        let expected = if closed { Poll::Ready(None) } else { Poll::Pending };
        assert_eq!(more, expected, "after all that was told of everything");
        self.asleep = more.is_pending();
    }

    pub(super) fn check(&self, model: &Model, closed: bool) {
        if self.asleep && (self.cursor < model.told.len() || closed) {
            assert!(self.all.is_woken(), "a watch of everything sleeps on");
        }
    }
}
