//! Several tasks that do the same at the same time, on two threads.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::{clock, runtime};

/// Splits the work among tasks and returns how long they took together, from the start of the first to the end of the
/// last.
pub fn together<F>(tasks: u64, times: u64, mut work: impl FnMut(u64) -> F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    let each = times.div_ceil(tasks);
    let mut running = JoinSet::new();
    let start = clock::now();
    for _ in 0..tasks {
        running.spawn_on(work(each), runtime::pair().handle());
    }
    runtime::pair().block_on(running.join_all());
    // The last task may have had fewer to do than it did.
    start.elapsed().mul_f64(times as f64 / (each * tasks) as f64)
}
