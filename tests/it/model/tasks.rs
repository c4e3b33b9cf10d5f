//! [`Waiting`]: calls that may have to wait, as the model has them: each key in turn, first come, first served.

use std::collections::BTreeMap;

use super::op::{Deadline, How, Key, Step, Task, Verdict};
use super::reached;
use super::reference::{Holder, Kind, Model, Seen};

/// How a call came out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Missing,
    MissingKey(Key),
    Done,
    Entry(Seen),
    Version(u64),
    /// Guards of these.
    Held(Vec<Seen>),
    TimedOut,
    Refused,
    Conflict(Seen),
    /// The oldest version that is kept.
    NotKept(u64),
    NoChecks,
    /// The checks have ended with the store.
    NoMoreChecks,
    Closed,
    Occupied(Key),
    OccupiedBy(Seen),
    Committed(Vec<Said>),
    Aborted(Vec<Said>),
}

#[derive(Debug)]
pub(super) struct Waiting {
    task: Task,
    keys: Vec<Key>,
    /// The only life of its key that counts, if it goes by a handle.
    life: Option<usize>,
    /// What it has, with the life of each key that has one.
    got: Vec<(Key, Option<usize>)>,
    /// In the queue of this life.
    waits_for: Option<usize>,
    /// When it gives up.
    until: Option<u64>,
    /// The version that its task is about.
    version: u64,
}

/// Whether the check accepts a number as the successor of an entry's.
fn may_follow(count: i64, old: Seen) -> bool {
    count >= 0 && count >= old.count
}

/// One key within a transaction.
#[derive(Default)]
struct Staged {
    held: Option<usize>,
    now: Option<Seen>,
    /// What is done to the entry that there is.
    steps: Vec<Staging>,
    /// The entry that is created, and what is done to that.
    born: Option<(i64, Vec<Staging>)>,
}

enum Staging {
    Change(Kind, i64),
    Remove,
    Broadcast,
    Deadline(Deadline),
}

impl Staged {
    fn push(&mut self, step: Staging) {
        match &mut self.born {
            Some((_, steps)) => steps.push(step),
            None => self.steps.push(step),
        }
    }

    fn change(&mut self, kind: Kind, now: Seen, count: i64) -> Seen {
        self.push(Staging::Change(kind, count));
        *self.now.insert(Seen {
            count,
            version: now.version + 1,
        })
    }
}

impl Model {
    pub(super) fn start(&mut self, id: usize, life: Option<usize>, task: Task) {
        let mut keys = match &task {
            Task::AcquireMany(keys) | Task::Transact(keys, ..) => keys.clone(),
            Task::Acquire(key) | Task::AcquireTimeout(key, _) | Task::Remove(key) => vec![*key],
            Task::MutateVersion(key, _) => vec![*key],
            Task::Mutate(key, _) | Task::MutateIf(key, ..) | Task::MutateOrCreate(key, ..) => vec![*key],
            Task::CommitOnDrop(key, _) | Task::Rollback(key, _) => vec![*key],
            Task::Insert(key, _) | Task::TryInsert(key, _) => vec![*key],
            Task::Assign(key, _) | Task::TryAssign(key, _) => vec![*key],
        };
        keys.sort_unstable();
        keys.dedup();
        let until = match task {
            Task::AcquireTimeout(_, limit) => Some(self.now + limit),
            _ => None,
        };
        let version = match task {
            Task::MutateIf(key, back, _) | Task::Rollback(key, back) => self.version_back(key, back),
            _ => 0,
        };
        let waiting = Waiting {
            task,
            keys,
            life,
            got: Vec::new(),
            waits_for: None,
            until,
            version,
        };
        self.tasks.insert(id, waiting);
    }

    /// Takes a task as far as it comes. `None` if it waits.
    pub(super) fn poll(&mut self, id: usize) -> Option<Said> {
        let mut waiting = self.tasks.remove(&id)?;
        let said = self.go_on(id, &mut waiting);
        if said.is_none() {
            self.tasks.insert(id, waiting);
        }
        self.settle();
        said
    }

    /// Drops a task.
    pub(super) fn cancel(&mut self, id: usize) {
        let Some(waiting) = self.tasks.remove(&id) else {
            return;
        };
        self.leave(id, &waiting);
        self.settle();
        self.let_go(&waiting.got);
        if let Task::CommitOnDrop(key, how) = waiting.task {
            reached("a mutation on drop that was to be committed before");
            self.mutate_on_drop(key, how);
        }
    }

    /// Mutates now or when it is its turn. Nobody waits for it.
    pub(super) fn mutate_on_drop(&mut self, key: Key, how: How) {
        // Far from the numbers of tasks.
        let id = usize::MAX - self.errands.len();
        self.errands.insert(id);
        self.start(id, None, Task::Mutate(key, how));
        match self.poll(id) {
            None => reached("a mutation on drop that waits"),
            Some(Said::Missing) => reached("a mutation on drop that finds no entry"),
            Some(_) => {}
        }
    }

    /// Does what those do whom the last call has woken and nobody polls. What one wakes comes before the next.
    pub(super) fn settle(&mut self) {
        for id in std::mem::take(&mut self.woken) {
            self.poll(id);
        }
    }

    /// Whether a task has been told to look again.
    pub(super) fn is_awake(&self, id: usize) -> bool {
        let waiting = &self.tasks[&id];
        let turn = waiting.waits_for.is_some_and(|life| {
            let life = &self.lives[life];
            life.is_over() || life.holder == Holder::Granted(id)
        });
        turn || waiting.until.is_some_and(|until| until <= self.now)
    }

    fn leave(&mut self, id: usize, waiting: &Waiting) {
        let Some(at) = waiting.waits_for else { return };
        if self.lives[at].holder == Holder::Granted(id) {
            self.release(at);
        }
        self.lives[at].queue.retain(|other| *other != id);
    }

    fn let_go(&mut self, got: &[(Key, Option<usize>)]) {
        for (_, life) in got {
            if let Some(life) = *life {
                self.release(life);
            }
        }
        self.settle();
    }

    fn go_on(&mut self, id: usize, waiting: &mut Waiting) -> Option<Said> {
        loop {
            if let Some(at) = waiting.waits_for {
                let life = &self.lives[at];
                if !life.is_over() && life.holder != Holder::Granted(id) {
                    if waiting.until.is_none_or(|until| until > self.now) {
                        return None;
                    }
                    self.leave(id, waiting);
                    reached("a wait that timed out");
                    return Some(Said::TimedOut);
                }
                if life.is_over() {
                    reached(match life.closed {
                        true => "a wait that the end of the store ended",
                        false => "a wait for an entry that ended",
                    });
                } else {
                    reached(match waiting.task {
                        Task::Transact(..) => "a transaction that waited",
                        _ => "a turn after a wait",
                    });
                    self.hold(at);
                    waiting.got.push((self.lives[at].key, Some(at)));
                }
                // It has its turn, or looks its key up again.
                waiting.waits_for = None;
            } else if let Some(&key) = waiting.keys.get(waiting.got.len()) {
                let Some(at) = self.found(key, waiting.life) else {
                    if let Some(said) = self.missing(key, waiting) {
                        return Some(said);
                    }
                    continue;
                };
                self.used(at);
                if self.lives[at].holder == Holder::Nobody {
                    if let Task::MutateIf(..) = waiting.task
                        && self.lives[at].now.version != waiting.version
                    {
                        return Some(Said::Conflict(self.lives[at].now));
                    }
                    self.hold(at);
                    waiting.got.push((key, Some(at)));
                    continue;
                }
                if waiting.until.is_some_and(|until| until <= self.now) {
                    return Some(Said::TimedOut);
                }
                self.lives[at].queue.push_back(id);
                waiting.waits_for = Some(at);
                return None;
            } else if let Task::Transact(..) = waiting.task
                && waiting
                    .got
                    .iter()
                    .any(|(key, life)| life.is_none() && self.at(*key).is_some())
            {
                // A key has got an entry meanwhile: from the beginning.
                let got = std::mem::take(&mut waiting.got);
                self.let_go(&got);
            } else {
                return Some(self.finish(waiting));
            }
        }
    }

    /// A key has no entry. `None` if the task goes on all the same.
    fn missing(&mut self, key: Key, waiting: &mut Waiting) -> Option<Said> {
        Some(match waiting.task {
            Task::Transact(..) => {
                waiting.got.push((key, None));
                return None;
            }
            Task::AcquireMany(_) => {
                self.let_go(&waiting.got);
                Said::MissingKey(key)
            }
            Task::Insert(key, count) => {
                self.create(key, count);
                Said::Missing
            }
            Task::TryInsert(_, count) if count < 0 => Said::Refused,
            Task::TryInsert(key, count) => {
                self.create(key, count);
                Said::Missing
            }
            Task::MutateOrCreate(_, _, How::Refuse) => Said::Refused,
            Task::MutateOrCreate(key, count, How::Add(more)) => Said::Entry(self.create(key, count + more)),
            _ => Said::Missing,
        })
    }

    /// It holds what it wanted.
    fn finish(&mut self, waiting: &Waiting) -> Said {
        if let Task::Transact(_, steps, verdict) = &waiting.task {
            return self.transact(&waiting.got, steps, *verdict);
        }
        let lives: Vec<_> = waiting.got.iter().filter_map(|(_, life)| *life).collect();
        let held = lives.iter().map(|at| self.lives[*at].now).collect();
        let Some(&at) = lives.first() else {
            return Said::Held(held);
        };
        let old = self.lives[at].now;
        let said = match &waiting.task {
            Task::Acquire(_) | Task::AcquireTimeout(..) | Task::AcquireMany(_) => return Said::Held(held),
            Task::MutateIf(..) if old.version != waiting.version => Said::Conflict(old),
            Task::Mutate(_, how)
            | Task::MutateIf(_, _, how)
            | Task::MutateOrCreate(_, _, how)
            | Task::CommitOnDrop(_, how) => self.mutate(at, *how),
            Task::MutateVersion(_, how) => match self.mutate(at, *how) {
                Said::Entry(seen) => Said::Version(seen.version),
                refused => refused,
            },
            Task::TryInsert(_, count) | Task::TryAssign(_, count) if !may_follow(*count, old) => {
                Said::Refused
            }
            Task::Insert(_, count)
            | Task::Assign(_, count)
            | Task::TryInsert(_, count)
            | Task::TryAssign(_, count) => {
                self.commit(at, Kind::Overwrite, *count);
                Said::Entry(old)
            }
            Task::Remove(_) => Said::Entry(self.end(at, Kind::Remove)),
            Task::Rollback(..) => self.rollback(at, waiting.version),
            Task::Transact(..) => unreachable!("it is dealt with above"),
        };
        self.release(at);
        said
    }

    pub(super) fn mutate(&mut self, at: usize, how: How) -> Said {
        match how {
            How::Add(more) => Said::Entry(self.commit(at, Kind::Mutate, self.lives[at].now.count + more)),
            How::Refuse => Said::Refused,
        }
    }

    pub(super) fn rollback(&mut self, at: usize, version: u64) -> Said {
        let history = self.history(at);
        let Some(past) = history.iter().find(|past| past.version == version) else {
            return Said::NotKept(history[0].version);
        };
        if past.count < self.lives[at].now.count {
            return Said::Refused;
        }
        Said::Entry(self.commit(at, Kind::Rollback, past.count))
    }

    fn transact(&mut self, got: &[(Key, Option<usize>)], steps: &[Step], verdict: Verdict) -> Said {
        let mut staged: BTreeMap<Key, Staged> = BTreeMap::new();
        for (key, held) in got {
            let now = held.map(|held| self.lives[held].now);
            let begin = Staged {
                held: *held,
                now,
                ..Staged::default()
            };
            staged.insert(*key, begin);
        }
        let said = steps.iter().map(|step| self.stage(&mut staged, *step)).collect();
        if verdict == Verdict::Abort {
            self.let_go(got);
            return Said::Aborted(said);
        }
        let does_something = |staged: &Staged| {
            let is_born = staged.born.is_some() && staged.now.is_some();
            is_born || (staged.held.is_some() && !staged.steps.is_empty())
        };
        if self.closed && staged.values().any(does_something) {
            reached("a transaction that the end of the store refused");
            self.let_go(got);
            return Said::Closed;
        }
        for (key, staged) in &staged {
            if staged.held.is_none() && staged.now.is_some() && self.at(*key).is_some() {
                reached("a transaction that found a key occupied");
                self.let_go(got);
                return Said::Occupied(*key);
            }
        }
        for (key, staged) in staged {
            if let Some(at) = staged.held {
                self.carry_out(at, staged.steps);
                self.release(at);
            }
            if let (Some((count, steps)), Some(_)) = (staged.born, staged.now) {
                self.create(key, count);
                self.carry_out(self.current[&key], steps);
            }
        }
        Said::Committed(said)
    }

    fn stage(&self, all: &mut BTreeMap<Key, Staged>, step: Step) -> Said {
        let (Step::Create(key, _)
        | Step::Mutate(key, _)
        | Step::Set(key, _)
        | Step::TrySet(key, _)
        | Step::TryCreate(key, _)
        | Step::Remove(key)
        | Step::Broadcast(key)
        | Step::Deadline(key, _)) = step;
        let staged = all.entry(key).or_default();
        let Some(now) = staged.now else {
            let (Step::Create(_, count) | Step::TryCreate(_, count)) = step else {
                return Said::Missing;
            };
            if let Step::TryCreate(_, ..0) = step {
                return Said::Refused;
            }
            staged.now = Some(Seen { count, version: 0 });
            staged.born = Some((count, Vec::new()));
            return Said::Done;
        };
        match step {
            Step::TryCreate(_, ..0) => Said::Refused,
            Step::Create(..) | Step::TryCreate(..) => Said::OccupiedBy(now),
            Step::TrySet(_, count) if !may_follow(count, now) => Said::Refused,
            Step::Mutate(_, How::Add(more)) => {
                Said::Entry(staged.change(Kind::Mutate, now, now.count + more))
            }
            Step::Mutate(_, How::Refuse) => Said::Refused,
            Step::Set(_, count) | Step::TrySet(_, count) => {
                staged.change(Kind::Overwrite, now, count);
                Said::Entry(now)
            }
            Step::Remove(_) => {
                staged.push(Staging::Remove);
                staged.now = None;
                Said::Entry(now)
            }
            Step::Broadcast(_) => {
                staged.push(Staging::Broadcast);
                Said::Done
            }
            Step::Deadline(_, Deadline::After(_) | Deadline::Past(_))
                if self.closed && self.settings.expiry.is_some() =>
            {
                Said::NoMoreChecks
            }
            Step::Deadline(_, deadline) if self.settings.expiry.is_some() => {
                staged.push(Staging::Deadline(deadline));
                Said::Done
            }
            Step::Deadline(_, Deadline::Never) => Said::Done,
            Step::Deadline(..) => Said::NoChecks,
        }
    }

    fn carry_out(&mut self, at: usize, steps: Vec<Staging>) {
        for step in steps {
            match step {
                Staging::Change(kind, count) => drop(self.commit(at, kind, count)),
                Staging::Remove => drop(self.end(at, Kind::Remove)),
                Staging::Broadcast => drop(self.broadcast(at)),
                Staging::Deadline(deadline) => self.set_deadline(at, deadline),
            }
        }
    }
}
