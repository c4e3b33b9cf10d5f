//! [`Model`]: what a map, a queue for each entry and a list of everything that was told would do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::op::{Deadline, Key, Mode, Settings};
use super::reached;
use super::tasks::Waiting;

/// An entry as somebody saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    pub(super) count: i64,
    pub(super) version: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Create,
    Mutate,
    Overwrite,
    Rollback,
    Message,
    Remove,
    Expire,
    /// So many updates were missed.
    Resync(u64),
}

/// What a watcher is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) kind: Kind,
    /// Before it, where it says so.
    pub(super) old: Option<Seen>,
    pub(super) new: Seen,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Holder {
    Nobody,
    /// Somebody who has it.
    Somebody,
    /// On behalf of this task, which has not looked yet.
    Granted(usize),
}

/// One life of one key.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) key: Key,
    pub(super) now: Seen,
    /// Oldest first, as many as are kept.
    pub(super) past: VecDeque<Seen>,
    /// The versions that mutations alone led from to the present, as far as those are kept.
    pub(super) mutated_from: VecDeque<u64>,
    /// Everything that was told of it, without creation and end.
    pub(super) log: Vec<Told>,
    pub(super) end: Option<Told>,
    /// It ended with the store: nobody is told, and who holds it goes on alone.
    pub(super) closed: bool,
    pub(super) holder: Holder,
    pub(super) queue: VecDeque<usize>,
    pub(super) created: u64,
    pub(super) changed: u64,
    used: u64,
    /// A deadline of its own, which may be never.
    own: Option<Option<u64>>,
    /// When it last came closer to its end: by a deadline, or because somebody let it go.
    loosened: u64,
    pub(super) watchers: usize,
}

impl Life {
    /// It ended, or the store did.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some() || self.closed
    }
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) settings: Settings,
    /// Milliseconds since the beginning.
    pub(super) now: u64,
    pub(super) lives: Vec<Life>,
    pub(super) current: BTreeMap<Key, usize>,
    pub(super) floor: u64,
    /// Everything that was told of anything.
    pub(super) told: Vec<(Key, Told)>,
    pub(super) watch_alls: usize,
    pub(super) expired: Vec<(Key, Seen)>,
    /// The lives that are over in the store after the call that is gone through.
    pub(super) gone: BTreeSet<usize>,
    /// How many entries have expired in the store by then.
    pub(super) expired_by_then: u64,
    pub(super) tasks: BTreeMap<usize, Waiting>,
    /// Those of them that are polled whenever they are woken.
    pub(super) errands: BTreeSet<usize>,
    /// Errands that are to be polled when the present call has come to an end.
    pub(super) woken: Vec<usize>,
    pub(super) closed: bool,
}

impl Model {
    pub(super) fn new(settings: Settings) -> Model {
        Model {
            settings,
            now: 0,
            lives: Vec::new(),
            current: BTreeMap::new(),
            floor: 0,
            told: Vec::new(),
            watch_alls: 0,
            expired: Vec::new(),
            gone: BTreeSet::new(),
            expired_by_then: 0,
            tasks: BTreeMap::new(),
            errands: BTreeSet::new(),
            woken: Vec::new(),
            closed: false,
        }
    }

    pub(super) fn at(&self, key: Key) -> Option<usize> {
        self.current.get(&key).copied()
    }

    pub(super) fn life(&self, key: Key) -> Option<&Life> {
        self.at(key).map(|life| &self.lives[life])
    }

    /// The life that a call is about: the one it keeps, or the one that the key has.
    pub(super) fn found(&self, key: Key, life: Option<usize>) -> Option<usize> {
        match life {
            Some(at) => (!self.lives[at].is_over()).then_some(at),
            None => self.at(key),
        }
    }

    pub(super) fn seen(&self, key: Key) -> Option<Seen> {
        self.life(key).map(|life| life.now)
    }

    /// The version of so many ago, or one that is to come.
    pub(super) fn version_back(&self, key: Key, back: u64) -> u64 {
        let version = self.seen(key).map_or(self.floor, |seen| seen.version);
        match back {
            u64::MAX => version + 1,
            back => version.saturating_sub(back),
        }
    }

    pub(super) fn create(&mut self, key: Key, count: i64) -> Seen {
        let now = Seen {
            count,
            version: self.floor + 1,
        };
        if self.closed {
            // It is over at once, and nobody can find it.
            return now;
        }
        self.current.insert(key, self.lives.len());
        self.lives.push(Life {
            key,
            now,
            past: VecDeque::new(),
            mutated_from: VecDeque::new(),
            log: Vec::new(),
            end: None,
            closed: false,
            holder: Holder::Nobody,
            queue: VecDeque::new(),
            created: self.now,
            changed: self.now,
            used: self.now,
            own: None,
            loosened: self.now,
            watchers: 0,
        });
        let kind = Kind::Create;
        self.told.push((
            key,
            Told {
                kind,
                old: None,
                new: now,
            },
        ));
        now
    }

    /// Changes the value. Returns the entry after it.
    pub(super) fn commit(&mut self, at: usize, kind: Kind, count: i64) -> Seen {
        let life = &mut self.lives[at];
        let old = life.now;
        life.now = Seen {
            count,
            version: old.version + 1,
        };
        life.past.push_back(old);
        if life.past.len() > self.settings.history {
            life.past.pop_front();
        }
        if kind == Kind::Mutate {
            life.mutated_from.push_back(old.version);
            if life.mutated_from.len() > self.settings.delta_history {
                life.mutated_from.pop_front();
            }
        } else {
            life.mutated_from.clear();
        }
        life.changed = self.now;
        life.used = self.now;
        let told = Told {
            kind,
            old: Some(old),
            new: life.now,
        };
        if !life.closed {
            life.log.push(told);
            self.told.push((life.key, told));
        }
        life.now
    }

    /// Ends a life. Its waiters look their key up again.
    pub(super) fn end(&mut self, at: usize, kind: Kind) -> Seen {
        let life = &mut self.lives[at];
        life.now.version += 1;
        let new = life.now;
        self.floor = self.floor.max(new.version);
        if life.closed {
            return new;
        }
        let told = Told { kind, old: None, new };
        life.end = Some(told);
        life.holder = Holder::Nobody;
        let waiting = std::mem::take(&mut life.queue);
        self.current.remove(&life.key);
        self.told.push((life.key, told));
        if kind == Kind::Expire {
            self.expired.push((life.key, new));
        }
        self.wake(waiting);
        new
    }

    /// Ends the store: nothing is removed, and all who wait look their key up again.
    pub(super) fn close(&mut self) {
        self.closed = true;
        for at in std::mem::take(&mut self.current).into_values() {
            let life = &mut self.lives[at];
            life.closed = true;
            life.holder = Holder::Nobody;
            let waiting = std::mem::take(&mut life.queue);
            self.wake(waiting);
        }
        self.settle();
    }

    fn wake(&mut self, tasks: impl IntoIterator<Item = usize>) {
        let errands = tasks.into_iter().filter(|id| self.errands.contains(id));
        self.woken.extend(errands);
    }

    /// Returns how many watchers are told.
    pub(super) fn broadcast(&mut self, at: usize) -> usize {
        self.used(at);
        let life = &mut self.lives[at];
        if life.closed {
            return 0;
        }
        let told = Told {
            kind: Kind::Message,
            old: None,
            new: life.now,
        };
        life.log.push(told);
        self.told.push((life.key, told));
        life.watchers + self.watch_alls
    }

    /// The entries that can be gone back to, with the present one.
    pub(super) fn history(&self, at: usize) -> Vec<Seen> {
        let life = &self.lives[at];
        life.past.iter().chain([&life.now]).copied().collect()
    }

    /// Whether what mutations led from this version to the present is kept.
    pub(super) fn deltas_go_back_to(&self, at: usize, version: u64) -> bool {
        self.lives[at].mutated_from.contains(&version)
    }

    /// Whether the value was replaced since this version, after mutations that would be kept else.
    pub(super) fn is_behind_a_replacement(&self, at: usize, version: u64) -> bool {
        let behind = self.lives[at].now.version.saturating_sub(version);
        let later = |told: &&Told| told.old.is_some_and(|old| old.version >= version);
        let changes: Vec<_> = self.lives[at].log.iter().filter(later).collect();
        let mutations = changes.iter().filter(|told| told.kind == Kind::Mutate).count();
        changes.len() as u64 == behind
            && (1..changes.len()).contains(&mutations)
            && mutations <= self.settings.delta_history
            && changes[0].kind == Kind::Mutate
    }

    // The lock.

    pub(super) fn hold(&mut self, at: usize) {
        self.lives[at].holder = Holder::Somebody;
        self.used(at);
    }

    /// Whoever holds it is done: an entry that a check has found due meanwhile goes; else the next in line gets it.
    pub(super) fn release(&mut self, at: usize) {
        if self.lives[at].is_over() {
            return;
        }
        let key = self.lives[at].key;
        let has_expired = self.gone.contains(&at) && (self.expired.len() as u64) < self.expired_by_then;
        if self.is_due(at) && has_expired {
            reached(match self.lives[at].queue.is_empty() {
                true => "an expiry that a guard deferred",
                false => "an expiry before the next in line",
            });
            self.end(at, Kind::Expire);
            return;
        }
        assert!(
            !self.was_checked(at),
            "{key} should have gone when its hold ended, at {}",
            self.now
        );
        let now = self.now;
        let life = &mut self.lives[at];
        life.loosened = now;
        let next = life.queue.pop_front();
        life.holder = next.map_or(Holder::Nobody, Holder::Granted);
        self.wake(next);
    }

    // Time.

    pub(super) fn used(&mut self, at: usize) {
        self.lives[at].used = self.now;
    }

    pub(super) fn set_deadline(&mut self, at: usize, deadline: Deadline) {
        let life = &mut self.lives[at];
        life.loosened = self.now;
        life.own = Some(match deadline {
            Deadline::After(time) => Some(self.now + time),
            // Nothing was before the beginning.
            Deadline::Past(time) => Some(self.now.saturating_sub(time)),
            Deadline::Never => None,
        });
    }

    pub(super) fn watched(&mut self, at: usize) {
        self.lives[at].watchers += 1;
        self.used(at);
    }

    pub(super) fn unwatched(&mut self, at: usize) {
        self.lives[at].watchers -= 1;
        if self.lives[at].watchers == 0 {
            self.used(at);
        }
    }

    /// When it is due as things stand. `None` is never.
    pub(super) fn due(&self, at: usize) -> Option<u64> {
        let life = &self.lives[at];
        let (_, mode) = self.settings.expiry?;
        if let Some(own) = life.own {
            return own;
        }
        match mode {
            Mode::Timeout(limit) => Some(life.changed + limit),
            Mode::Lifetime(limit) => Some(life.created + limit),
            Mode::Idle(_) if life.watchers > 0 => None,
            Mode::Idle(limit) => Some(life.used + limit),
        }
    }

    fn is_due(&self, at: usize) -> bool {
        self.due(at).is_some_and(|due| due <= self.now)
    }

    /// Whether a check has come since the entry was due: one is late by a period and a step of the timer at most.
    fn was_checked(&self, at: usize) -> bool {
        let period = self.settings.expiry.map_or(0, |(period, _)| period);
        let late = |due: u64| due.max(self.lives[at].loosened) + period + 1 < self.now;
        self.due(at).is_some_and(late)
    }

    /// Whether the entry may go now.
    pub(super) fn may_expire(&self, at: usize) -> bool {
        self.lives[at].holder == Holder::Nobody && self.is_due(at)
    }

    /// Whether the entry should have gone by now.
    pub(super) fn must_have_expired(&self, at: usize) -> bool {
        self.lives[at].holder == Holder::Nobody && self.was_checked(at)
    }
}
