//! One socket in a hundred takes nothing: what the others notice of that, and the memory of the server.

use std::time::Duration;

use livestore_benches::rows::Unit;

use crate::crowd::{Crowd, Turn};
use crate::run::Run;
use crate::shape::{Content, Shape};

pub(crate) fn run(run: &mut Run) {
    if !run.bench.wants(&["deaf-none", "deaf-some", "deaf-memory"]) {
        return;
    }
    let all_read = Shape::one(run.plan().many, Content::Small(2000));
    let some_deaf = Shape {
        deaf: (all_read.sockets / 100).max(1),
        ..all_read
    };
    let rate = run.capacity(all_read) / 2.0;
    let turn = run.plan().turn.max(Duration::from_millis(30));
    for (id, what, shape) in [
        ("deaf-none", "all of 1000 sockets read, 2 KB: p99", all_read),
        (
            "deaf-some",
            "10 more that never read: p99 of the others",
            some_deaf,
        ),
    ] {
        let rounds = run.fresh_turns(run.plan().rounds.min(5), |who| -> (Turn, f64) {
            let mut crowd = Crowd::gather(who, shape);
            // Until what the system keeps for those who do not read is full.
            crowd.pace(rate, turn);
            let before = crowd.process.resident();
            let turn = crowd.pace(rate, turn * 3);
            (turn, crowd.process.resident() as f64 - before as f64)
        });
        let grown: Vec<_> = rounds
            .iter()
            .map(|(who, rounds)| (*who, rounds.iter().map(|(_, grown)| *grown).collect()))
            .collect();
        let turns = rounds
            .into_iter()
            .map(|(who, rounds)| (who, rounds.into_iter().map(|(turn, _)| turn).collect()))
            .collect();
        let turns = run.checked(id, shape, turns);
        run.add(id, what, Unit::Time, &turns, |turn| turn.latencies.quantile(0.99));
        if shape.deaf > 0 {
            let what = "10 more that never read: memory that the server takes meanwhile";
            run.add("deaf-memory", what, Unit::Bytes, &grown, |grown| *grown);
        }
    }
}
