//! The two runtimes that everything asynchronous runs on.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::clock;

/// One thread, the caller's: what is awaited in a loop measures the operation and no hand-over between threads.
pub fn single() -> &'static Runtime {
    static SINGLE: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());
    &SINGLE
}

/// Two worker threads, for contention and for latency between tasks.
pub fn pair() -> &'static Runtime {
    static PAIR: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    });
    &PAIR
}

/// Does something `times` times and returns how long that took.
#[inline]
pub fn repeated(times: u64, mut work: impl FnMut()) -> Duration {
    let start = clock::now();
    for _ in 0..times {
        work();
    }
    start.elapsed()
}

/// Does something that awaits `$times` times within one `block_on` of the [`single`] runtime and returns how long that
/// took. A macro, so that what is measured stands in the loop itself and not in a future within it.
#[macro_export]
macro_rules! awaited {
    ($times:expr, $work:expr) => {{
        let times: u64 = $times;
        $crate::runtime::single().block_on(async {
            let start = $crate::clock::now();
            for _ in 0..times {
                $work;
            }
            start.elapsed()
        })
    }};
}
