//! [`Run`]: has all servers take turns, and collects what came of them.

use std::time::Duration;

use livestore_benches::machine;
use livestore_benches::rows::{CAREFUL, Cell, LIVESTORE, NAIVE, Row, SOCKETIOXIDE, Unit, Who, tell};
use livestore_benches::sample::{Bench, Plan};

use crate::FILES;
use crate::core::{Cores, pin, raise_files};
use crate::crowd::{Crowd, Turn};
use crate::node::{self, IN_NODE};
use crate::shape::Shape;

/// Everybody who serves.
const CONTENDERS: [Who; 4] = [LIVESTORE, NAIVE, CAREFUL, SOCKETIOXIDE];

pub(crate) struct Run {
    pub(crate) bench: Bench,
    /// How busy the cores were.
    pub(crate) busy: Vec<Busy>,
    /// What is to be said besides.
    pub(crate) notes: Vec<String>,
    contenders: Vec<Who>,
    /// Those in Node, who have a part in what takes little time, and not where updates are paced: timers are coarse there.
    node: Vec<Who>,
    /// Where the servers compute.
    pub(crate) core: usize,
    /// How many files a process may have.
    files: u64,
    /// On what this runs.
    pub(crate) machine: String,
}

/// How busy the cores were in the turns of one contender in one row, and what became of the updates: medians, as parts of 1.
pub(crate) struct Busy {
    pub(crate) id: String,
    pub(crate) who: Who,
    pub(crate) server: f64,
    pub(crate) clients: f64,
    /// Updates that were told together with a later one.
    pub(crate) folded: f64,
}

/// What each contender's rounds came to.
pub(crate) type Rounds<T> = Vec<(Who, Vec<T>)>;

impl Run {
    /// Binds this thread to the core of the clients.
    pub(crate) fn new(plan: Plan, only: Option<String>) -> Run {
        let machine = machine::describe();
        let cores = Cores::find();
        pin(cores.clients);
        let mut notes = Vec::new();
        let node = match node::folder() {
            Some(_) => IN_NODE.to_vec(),
            None => {
                notes.push("Without the servers in Node, which were not there.".to_owned());
                Vec::new()
            }
        };
        Run {
            bench: Bench::new(plan, only, tell),
            busy: Vec::new(),
            notes,
            contenders: CONTENDERS.to_vec(),
            node,
            core: cores.server,
            files: raise_files(FILES),
            machine,
        }
    }

    pub(crate) fn plan(&self) -> Plan {
        self.bench.plan
    }

    /// Does something with those in Node as well, if they are there.
    pub(crate) fn with_node<T>(&mut self, work: impl FnOnce(&mut Run) -> T) -> T {
        let node = self.node.clone();
        self.contenders.extend(&node);
        let done = work(self);
        self.contenders.truncate(CONTENDERS.len());
        done
    }

    /// Has everybody take a turn in each round, with who begins changing. They are all there from the beginning, with their
    /// clients, if there may be so many files; else each comes for its turn.
    pub(crate) fn turns<T>(&self, shape: Shape, mut turn: impl FnMut(&mut Crowd) -> T) -> Rounds<T> {
        let count = self.contenders.len();
        let all = (shape.sockets + shape.deaf) * count + 200;
        let stay = all as u64 <= self.files;
        let gather = |who: Who| {
            let mut crowd = Crowd::gather(self.core, who, shape);
            crowd.rounds(self.plan().turn / 6);
            crowd
        };
        let mut crowds: Vec<Option<Crowd>> = self
            .contenders
            .iter()
            .map(|who| stay.then(|| gather(who)))
            .collect();
        let mut rounds: Rounds<T> = self.contenders.iter().map(|who| (*who, Vec::new())).collect();
        for round in 0..self.plan().rounds {
            for at in 0..count {
                let at = (round + at) % count;
                let crowd = crowds[at].get_or_insert_with(|| gather(self.contenders[at]));
                rounds[at].1.push(turn(crowd));
                if !stay {
                    crowds[at] = None;
                }
            }
        }
        rounds
    }

    /// The same, each time with a server that was started for this.
    pub(crate) fn fresh_turns<T>(&self, rounds: usize, mut turn: impl FnMut(Who) -> T) -> Rounds<T> {
        let mut all: Rounds<T> = self.contenders.iter().map(|who| (*who, Vec::new())).collect();
        let count = all.len();
        for round in 0..rounds {
            for at in 0..count {
                let (who, turns) = &mut all[(round + at) % count];
                turns.push(turn(who));
            }
        }
        all
    }

    /// Leaves turns out in which the clients were what could not do more, and keeps how busy everybody was.
    pub(crate) fn checked(&mut self, id: &str, shape: Shape, rounds: Rounds<Turn>) -> Rounds<Turn> {
        let mut checked = Vec::new();
        for (who, turns) in rounds {
            let all = turns.len();
            let turns: Vec<_> = turns
                .into_iter()
                .filter(|turn| !turn.is_of_the_clients())
                .collect();
            if turns.len() < all {
                let left_out = all - turns.len();
                self.notes.push(format!(
                    "`{id}`, {who}: {left_out} of {all} rounds LEFT OUT: the clients were at their end, not the server."
                ));
            }
            let lost: u64 = turns.iter().map(|turn| turn.lost).sum();
            if lost > 0 {
                self.notes.push(format!(
                    "`{id}`, {who}: {lost} times A SOCKET WAS NOT TOLD of the last update."
                ));
            }
            let median = |number: fn(&Turn) -> f64| {
                let rounds = turns.iter().map(number).collect();
                Cell { who, rounds }.median()
            };
            let folded = turns
                .iter()
                .map(|turn| 1.0 - turn.frames as f64 / (turn.updates * shape.per_key()) as f64);
            self.busy.push(Busy {
                id: id.to_owned(),
                who,
                server: median(|turn| turn.busy().0),
                clients: median(|turn| turn.busy().1),
                folded: Cell {
                    who,
                    rounds: folded.collect(),
                }
                .median(),
            });
            checked.push((who, turns));
        }
        checked
    }

    /// Adds a row of what was measured of each turn.
    pub(crate) fn add<T>(
        &mut self,
        id: &str,
        what: &str,
        unit: Unit,
        rounds: &Rounds<T>,
        number: impl Fn(&T) -> f64,
    ) {
        let cells = rounds.iter().filter(|(_, turns)| !turns.is_empty());
        let row = Row {
            id: id.to_owned(),
            what: what.to_owned(),
            unit,
            cells: cells
                .map(|(who, turns)| Cell {
                    who,
                    rounds: turns.iter().map(&number).collect(),
                })
                .collect(),
        };
        self.bench.add(row);
    }

    /// How many updates in a second the careful server can send to all of this shape: what loads are parts of.
    pub(crate) fn capacity(&self, shape: Shape) -> f64 {
        let mut crowd = Crowd::gather(self.core, CAREFUL, shape);
        crowd.rounds(self.plan().turn / 6);
        let turn = crowd.rounds(self.plan().turn.max(Duration::from_millis(100)));
        turn.updates as f64 * 1e9 / turn.took as f64
    }
}
