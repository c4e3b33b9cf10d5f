//! As fast as sockets take it: the next update is written when the last was read by all. So nothing is folded, and each frame is a
//! delivery.

use livestore_benches::rows::Unit;

use crate::run::Run;
use crate::shape::{Content, Shape};

pub(crate) fn run(run: &mut Run) {
    let many = run.plan().many;
    let sized = |content| Shape::one(many, content);
    let small = sized(Content::Small(200));
    for (name, what, shape) in [
        ("64", "1 key, 1000 sockets, 64 B", sized(Content::Small(64))),
        ("200", "1 key, 1000 sockets, 200 B", small),
        ("2k", "1 key, 1000 sockets, 2 KB", sized(Content::Small(2000))),
        (
            "room",
            "1 key, 1000 sockets, a field of 20 KB",
            sized(Content::Room(20_000)),
        ),
        (
            "roles",
            "1 key, 1000 sockets in 3 roles, 200 B",
            Shape { roles: 3, ..small },
        ),
        (
            "keys",
            "1000 keys, 10 sockets each, 200 B",
            Shape {
                keys: many,
                sockets: many * 10,
                ..small
            },
        ),
        (
            "one",
            "1 socket that follows 128 keys, 200 B",
            Shape {
                keys: 128,
                sockets: 1,
                each: 128,
                ..small
            },
        ),
    ] {
        let id = format!("serve-{name}");
        let bytes = format!("bytes-{name}");
        if !run.bench.wants(&[&id, &bytes]) {
            continue;
        }
        let turn = run.plan().turn;
        let rounds = run.turns(shape, |crowd| crowd.rounds(turn));
        let rounds = run.checked(&id, shape, rounds);
        for (who, turns) in &rounds {
            for turn in turns.iter().filter(|turn| turn.lost == 0) {
                let wanted = turn.updates * shape.per_key();
                assert_eq!(
                    turn.frames, wanted,
                    "{id}: {who}: a frame for each subscription and update"
                );
            }
        }
        run.add(&id, what, Unit::Rate, &rounds, |turn| turn.rate());
        run.add(&bytes, what, Unit::Bytes, &rounds, |turn| {
            turn.bytes as f64 / turn.frames as f64
        });
    }
}
