//! [`Watching`] and [`Following`]: those who watch, and what they should be told.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::task::Poll;

use livestore::{Delta, DeltaWatch, Entry, Update, Watch, WatchAll};
use tokio_test::task::{Spawn, spawn};

use super::counting::Counting;
use super::op::Key;
use super::reached;
use super::reference::{Kind, Model, Seen, Told};

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

/// One watch of one life.
pub(super) struct Watching<V: Counting> {
    watch: Spawn<Watch<V>>,
    pub(super) life: usize,
    replay: VecDeque<Told>,
    /// Updates from before it began, of which it can only be told how many.
    lost: Option<u64>,
    /// How much of the life's log it was told.
    cursor: usize,
    /// The version it was told last.
    seen: u64,
    ended: bool,
    /// The last look found nothing.
    asleep: bool,
}

impl<V: Counting> Watching<V> {
    pub(super) fn begin(model: &mut Model, life: usize, watch: Watch<V>) -> Watching<V> {
        model.watched(life);
        let now = &model.lives[life];
        Watching {
            watch: spawn(watch),
            life,
            replay: VecDeque::new(),
            lost: None,
            cursor: now.log.len(),
            seen: now.now.version,
            ended: false,
            asleep: false,
        }
    }

    pub(super) fn begin_since(model: &mut Model, life: usize, watch: Watch<V>, version: u64) -> Watching<V> {
        let mut watching = Watching::begin(model, life, watch);
        let life = &model.lives[life];
        if model
            .history(watching.life)
            .iter()
            .any(|kept| kept.version == version)
        {
            let missed = |told: &&Told| told.old.is_some_and(|old| old.version >= version);
            watching.replay = life.log.iter().filter(missed).copied().collect();
            watching.seen = version;
        } else {
            watching.lost = Some(life.now.version.saturating_sub(version));
            watching.seen = 0;
        }
        watching
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
        let behind = life.log.len() - self.cursor;
        if self.lost.is_some() || behind > model.settings.channel_cap {
            reached(match self.lost {
                Some(_) => "a resync instead of a replay",
                None => "a lag of a watch",
            });
            let missed = behind as u64 + self.lost.take().unwrap_or(0);
            self.cursor = life.log.len();
            let resync = Told {
                kind: Kind::Resync(missed),
                old: None,
                new: life.now,
            };
            return Poll::Ready(Some(resync));
        }
        if behind > 0 {
            self.cursor += 1;
            return Poll::Ready(Some(life.log[self.cursor - 1]));
        }
        if life.end.is_some() || closed {
            self.ended = true;
            return Poll::Ready(life.end);
        }
        Poll::Pending
    }

    /// Whether there is something to be told.
    fn is_ready(&self, model: &Model, closed: bool) -> bool {
        let life = &model.lives[self.life];
        self.cursor < life.log.len() || life.end.is_some() || closed
    }

    /// Takes the next update. Returns whether there was one.
    pub(super) fn take(&mut self, model: &Model, closed: bool) -> bool {
        let taken = self.watch.poll_next().map(|update| update.as_ref().map(told));
        let expected = self.next(model, closed);
        assert_eq!(
            taken, expected,
            "what a watch of {} is told",
            model.lives[self.life].key
        );
        self.asleep = taken.is_pending();
        if let Poll::Ready(Some(told)) = taken {
            self.seen = told.new.version;
        }
        matches!(taken, Poll::Ready(Some(_)))
    }

    /// The same without a wait, and without the difference between nothing yet and nothing more.
    pub(super) fn try_take(&mut self, model: &Model) {
        let taken = self.watch.try_next().as_ref().map(told);
        let expected = match self.next(model, model.closed) {
            Poll::Ready(told) => told,
            Poll::Pending => None,
        };
        assert_eq!(
            taken, expected,
            "what a watch of {} has",
            model.lives[self.life].key
        );
        if let Some(told) = taken {
            self.asleep = false;
            self.seen = told.new.version;
        }
        assert_eq!(self.watch.is_over(), self.ended, "whether more may come");
    }

    pub(super) fn take_newest(&mut self, model: &Model) {
        let newest = self
            .watch
            .enter(|cx, mut watch| pin!(watch.newest()).poll(cx))
            .map(|entry| entry.as_ref().map(seen));
        let life = &model.lives[self.life];
        let expected = if self.ended || life.end.is_some() {
            self.ended = true;
            Poll::Ready(None)
        } else if life.now.version > self.seen {
            // If the store has ended, the last change may still be news.
            self.ended = model.closed;
            Poll::Ready(Some(life.now))
        } else if model.closed {
            self.ended = true;
            Poll::Ready(None)
        } else {
            Poll::Pending
        };
        assert_eq!(newest, expected, "the newest of {}", life.key);
        self.asleep = newest.is_pending();
        self.replay.clear();
        self.lost = None;
        self.cursor = life.log.len();
        if let Poll::Ready(Some(newest)) = newest {
            self.seen = newest.version;
        }
    }

    /// What a look without taking anything shows.
    pub(super) fn check(&self, model: &Model, closed: bool) {
        let life = &model.lives[self.life];
        assert_eq!(seen(&self.watch.latest()), life.now, "the latest of {}", life.key);
        if self.asleep && self.is_ready(model, closed) {
            assert!(self.watch.is_woken(), "a watch of {} sleeps on", life.key);
        }
    }
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
