//! Updates at a steady rate: many of them for few sockets, and few for many.

use std::time::Duration;

use livestore_benches::rows::Unit;
use livestore_benches::sample::Plan;

use crate::run::Run;
use crate::shape::{Content, Shape};

pub(crate) fn run(run: &mut Run) {
    let Plan { turn, many, .. } = run.plan();
    let seldom = turn.max(Duration::from_millis(100)) * 3;
    for (name, what, shape, rate, turn) in [
        (
            "often",
            "1 key, 100 sockets, 4000 updates/s, 200 B",
            Shape::one(many / 10, Content::Small(200)),
            4000.0,
            turn,
        ),
        (
            "8000",
            "1 key, 8000 sockets, 10 updates/s, 200 B",
            Shape::one(many * 8, Content::Small(200)),
            10.0,
            seldom,
        ),
    ] {
        let id = format!("paced-{name}");
        let (update, p50, p99) = (format!("{id}-update"), format!("{id}-p50"), format!("{id}-p99"));
        if !run.bench.wants(&[&id, &update, &p50, &p99]) {
            continue;
        }
        let rounds = run.turns(shape, |crowd| crowd.pace(rate, turn));
        let rounds = run.checked(&id, shape, rounds);
        run.add(&id, what, Unit::Rate, &rounds, |turn| turn.rate());
        let of = |part: &str| format!("{what}: {part}");
        run.add(&update, &of("core per update"), Unit::Time, &rounds, |turn| {
            turn.server as f64 / turn.updates as f64
        });
        for (id, part, name) in [(p50, 0.5, "p50"), (p99, 0.99, "p99")] {
            run.add(&id, &of(name), Unit::Time, &rounds, |turn| {
                turn.latencies.quantile(part)
            });
        }
    }
}
