//! One socket in a hundred takes nothing: what the others notice of that, and the memory of the server.
//!
//! Before anything is measured, so much is written that whatever is kept for those who do not read is full.

use std::time::Duration;

use livestore_benches::rows::Unit;

use crate::crowd::{Crowd, Turn};
use crate::run::{Rounds, Run};
use crate::shape::{Content, Shape};

/// Both sides of a comparison, taken in the same round: the turn, and by how much the server's memory has grown meanwhile.
struct Pair {
    none: (Turn, f64),
    some: (Turn, f64),
}

pub(crate) fn run(run: &mut Run) {
    if !run
        .bench
        .wants(&["deaf-none", "deaf-some", "deaf-none-memory", "deaf-some-memory"])
    {
        return;
    }
    // Large, so that it is full soon. Nobody is cut off, for that takes ten seconds.
    let none = Shape::one(run.plan().many, Content::Small(8000));
    let some = Shape {
        deaf: (none.sockets / 100).max(1),
        ..none
    };
    let rate = run.capacity(none) / 2.0;
    let turn = run.plan().turn.max(Duration::from_millis(30));
    let core = run.core;
    let rounds = run.fresh_turns(run.plan().rounds.min(3), |who| {
        let measure = |shape| {
            let mut crowd = Crowd::gather(core, who, shape);
            crowd.rounds(turn * 2);
            let before = crowd.process.resident();
            let turn = crowd.pace(rate, turn * 3);
            (turn, crowd.process.resident() as f64 - before as f64)
        };
        Pair {
            none: measure(none),
            some: measure(some),
        }
    });
    let mut turns: [Rounds<Turn>; 2] = Default::default();
    let mut grown: [Rounds<f64>; 2] = Default::default();
    for (who, pairs) in rounds {
        let (none, some): (Vec<_>, Vec<_>) = pairs.into_iter().map(|pair| (pair.none, pair.some)).unzip();
        for (at, side) in [none, some].into_iter().enumerate() {
            let (of_turns, of_memory) = side.into_iter().unzip();
            turns[at].push((who, of_turns));
            grown[at].push((who, of_memory));
        }
    }
    let sides = [
        ("deaf-none", "all of 1000 sockets read, 8 KB", none),
        ("deaf-some", "10 more that never read", some),
    ];
    for ((id, what, shape), (turns, grown)) in sides.into_iter().zip(turns.into_iter().zip(grown)) {
        let turns = run.checked(id, shape, turns);
        run.add(id, &format!("{what}: p99"), Unit::Time, &turns, |turn| {
            turn.latencies.quantile(0.99)
        });
        let what = format!("{what}: memory that the server takes meanwhile");
        run.add(&format!("{id}-memory"), &what, Unit::Bytes, &grown, |grown| {
            *grown
        });
    }
}
