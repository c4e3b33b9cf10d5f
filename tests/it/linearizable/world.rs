//! [`World`]: the sequential model of a store with a few keys, and [`Did`], what a call did to it.

use livestore::Entry;

use super::KEYS;
use super::search::Model;
use super::traced::Traced;

/// An entry as somebody saw it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    pub(super) trace: Vec<u32>,
    pub(super) version: u64,
}

pub(super) fn seen<V: Traced>(entry: &Entry<V>) -> Seen {
    Seen {
        trace: entry.trace(),
        version: entry.version(),
    }
}

/// What a call did and returned. `None` is a key without an entry.
#[derive(Clone, Debug)]
pub(super) enum What {
    Fetched(Option<Seen>),
    Created(u32, Seen),
    FoundOccupied(Seen),
    /// Returned the entry before.
    Inserted(u32, Option<Seen>),
    Assigned(u32, Option<Seen>),
    /// Returned the entry after.
    Mutated(u32, Option<Seen>),
    /// At this version.
    MutatedIf(u32, u64, Seen),
    Conflicted(u64, Seen),
    Refused,
    RolledBack(u64, Seen),
    /// This is not kept; the oldest that is.
    NotKept(u64, u64),
    Removed(Option<Seen>),
    Acquired(Option<Seen>),
    FoundHeld,
    MutatedByGuard(u32, Seen),
    DeletedByGuard(Seen),
    Released,
    /// Waited, and went away.
    Cancelled,
}

#[derive(Clone, Debug)]
pub(super) struct Did {
    pub(super) thread: usize,
    pub(super) key: usize,
    pub(super) what: What,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct World {
    /// How many updates are kept.
    kept: usize,
    floor: u64,
    lives: [Option<Life>; KEYS],
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Life {
    now: Seen,
    past: Vec<Seen>,
    holder: Option<usize>,
}

impl Life {
    fn commit(&mut self, trace: Vec<u32>, kept: usize) {
        let version = self.now.version + 1;
        self.past
            .push(std::mem::replace(&mut self.now, Seen { trace, version }));
        let forgotten = self.past.len().saturating_sub(kept);
        self.past.drain(..forgotten);
    }

    fn add(&mut self, number: u32, kept: usize) {
        let mut trace = self.now.trace.clone();
        trace.push(number);
        self.commit(trace, kept);
    }
}

impl World {
    /// An empty store that keeps so many updates of each entry.
    pub(super) fn keeping(kept: usize) -> World {
        World {
            kept,
            ..World::default()
        }
    }

    fn create(&mut self, key: usize, number: u32) -> &Seen {
        let life = Life {
            now: Seen {
                trace: vec![number],
                version: self.floor + 1,
            },
            past: Vec::new(),
            holder: None,
        };
        &self.lives[key].insert(life).now
    }

    fn end(&mut self, key: usize) -> Option<Seen> {
        let mut end = self.lives[key].take()?.now;
        end.version += 1;
        self.floor = self.floor.max(end.version);
        Some(end)
    }
}

impl Model for World {
    type Did = Did;

    fn after(&self, did: &Did) -> Option<Self> {
        let mut world = self.clone();
        let (kept, key) = (self.kept, did.key);
        let life = &mut world.lives[key];
        let free = life.as_ref().is_none_or(|life| life.holder.is_none());
        let mine = life.as_ref().is_some_and(|life| life.holder == Some(did.thread));
        let now = life.as_ref().map(|life| life.now.clone());
        let fits = match &did.what {
            What::Cancelled => true,
            // Whoever holds it, be it for the time of a mutation, is not noted apart from the guards.
            What::FoundHeld => life.is_some(),
            What::Fetched(found) => now == *found,
            What::FoundOccupied(found) => now.as_ref() == Some(found),
            What::Created(number, made) => life.is_none() && world.create(key, *number) == made,
            What::Inserted(number, None) => {
                life.is_none() && {
                    world.create(key, *number);
                    true
                }
            }
            What::Assigned(_, None) | What::Mutated(_, None) => life.is_none(),
            What::Removed(None) | What::Acquired(None) => life.is_none(),
            // The rest is done to an entry that there is.
            what => match (what, life) {
                (_, None) => false,
                (What::Inserted(number, previous) | What::Assigned(number, previous), Some(life)) => {
                    life.commit(vec![*number], kept);
                    free && now == *previous
                }
                (What::Mutated(number, Some(made)), Some(life)) => {
                    life.add(*number, kept);
                    free && life.now == *made
                }
                (What::MutatedIf(number, version, made), Some(life)) => {
                    life.add(*number, kept);
                    free && *version + 1 == made.version && life.now == *made
                }
                (What::Conflicted(version, found), _) => {
                    free && found.version != *version && now.as_ref() == Some(found)
                }
                (What::Refused, _) => free,
                (What::RolledBack(version, made), Some(life)) => {
                    let past = life.past.iter().chain([&life.now]);
                    let past = past
                        .filter(|past| past.version == *version)
                        .map(|past| past.trace.clone())
                        .next();
                    past.is_some_and(|past| {
                        life.commit(past, kept);
                        free && life.now == *made
                    })
                }
                (What::NotKept(version, oldest), Some(life)) => {
                    let first = life.past.first().unwrap_or(&life.now).version;
                    free && first == *oldest && !(first..=life.now.version).contains(version)
                }
                (What::Acquired(found), Some(life)) => {
                    life.holder = Some(did.thread);
                    free && now == *found
                }
                (What::MutatedByGuard(number, made), Some(life)) => {
                    life.add(*number, kept);
                    mine && life.now == *made
                }
                (What::Released, Some(life)) => {
                    life.holder = None;
                    mine
                }
                (What::Removed(end), _) => free && world.end(key) == *end,
                (What::DeletedByGuard(end), _) => mine && world.end(key).as_ref() == Some(end),
                (other, _) => unreachable!("{other:?} is dealt with above"),
            },
        };
        fits.then_some(world)
    }
}
