//! [`Audience`]: many tasks that watch one entry and sleep in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use livestore_benches::{clock, runtime};
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};

/// Counts deliveries, and tells the writer when all have been made.
#[derive(Default)]
pub(crate) struct Delivered {
    left: AtomicUsize,
    all: Notify,
}

impl Delivered {
    /// One watcher has taken the update.
    pub(crate) fn one(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.all.notify_one();
        }
    }
}

/// What is timed of an update.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// The writer's call.
    Call,
    /// From the call to the last watcher's having it.
    Delivery,
}

pub(crate) struct Audience {
    size: usize,
    delivered: Arc<Delivered>,
    /// End with this.
    _tasks: JoinSet<()>,
}

impl Audience {
    /// Starts tasks that count each update that they take.
    pub(crate) fn new<F>(size: usize, mut watcher: impl FnMut(Arc<Delivered>) -> F) -> Audience
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let delivered = Arc::new(Delivered::default());
        let mut tasks = JoinSet::new();
        for _ in 0..size {
            tasks.spawn_on(watcher(Arc::clone(&delivered)), runtime::single().handle());
        }
        Audience {
            size,
            delivered,
            _tasks: tasks,
        }
    }

    /// Makes updates, one after another, each when everybody has the one before and sleeps.
    pub(crate) fn hear(&self, times: u64, part: Part, mut commit: impl AsyncFnMut(u64)) -> Duration {
        runtime::single().block_on(async {
            let mut took = Duration::ZERO;
            for count in 0..times {
                self.delivered.left.store(self.size, Ordering::Relaxed);
                let start = clock::now();
                commit(count).await;
                match part {
                    Part::Call => {
                        took += start.elapsed();
                        self.delivered.all.notified().await;
                    }
                    Part::Delivery => {
                        self.delivered.all.notified().await;
                        took += start.elapsed();
                    }
                }
                // The last one, too, goes to sleep.
                yield_now().await;
            }
            took
        })
    }
}
