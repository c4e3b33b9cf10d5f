//! What a connection takes that follows a key of which nothing is told.

use std::thread;
use std::time::Duration;

use livestore_benches::rows::Unit;

use crate::crowd::Crowd;
use crate::run::Run;
use crate::shape::{Content, Shape};

pub(crate) fn run(run: &mut Run) {
    if !run.bench.wants(&["idle"]) {
        return;
    }
    let sockets = run.plan().many * 2;
    let shape = Shape::one(sockets, Content::Small(200));
    let core = run.core;
    let rounds = run.fresh_turns(run.plan().rounds.min(3), |who| {
        let mut crowd = Crowd::empty(core, who, shape);
        let before = crowd.process.resident();
        crowd.connect();
        thread::sleep(Duration::from_millis(100));
        (crowd.process.resident() - before) as f64 / sockets as f64
    });
    let what = "memory of the server's process per idle connection, of 2000";
    run.add("idle", what, Unit::Bytes, &rounds, |bytes| *bytes);
}
