//! How late updates come under a quarter, half and three quarters of the load that the careful server can take: the same load for all.

use std::time::Duration;

use livestore_benches::rows::Unit;

use crate::run::Run;
use crate::shape::{Content, Shape};

/// The parts, in hundredths.
pub(crate) const LOADS: [u32; 3] = [25, 50, 75];

pub(crate) fn run(run: &mut Run) {
    let ids: Vec<_> = LOADS.iter().map(|load| format!("load-{load}")).collect();
    if !ids.iter().any(|id| run.bench.wants(&[id])) {
        return;
    }
    let shape = Shape::one(run.plan().many, Content::Small(200));
    let capacity = run.capacity(shape);
    let turn = run.plan().turn.max(Duration::from_millis(30)) * 3;
    run.notes.push(format!(
        "`load-…` are parts of {capacity:.0} updates/s to 1000 sockets each."
    ));
    for (id, load) in ids.iter().zip(LOADS) {
        if !run.bench.wants(&[id]) {
            continue;
        }
        let rate = capacity * f64::from(load) / 100.0;
        let rounds = run.turns(shape, |crowd| crowd.pace(rate, turn));
        let rounds = run.checked(id, shape, rounds);
        for (name, part) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let what = format!("{load} % of the load: {name}");
            run.add(&format!("{id}-{name}"), &what, Unit::Time, &rounds, |turn| {
                turn.latencies.quantile(part)
            });
        }
    }
}
