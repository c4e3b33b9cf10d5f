//! Work that blocks, and the future that waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::ground::process::is_forked;
use crate::ground::unwind::caught;
use crate::slot::record::stack::STACK;

/// Whether anybody still waits for a job.
pub(crate) struct Wanted(Arc<AtomicBool>);

impl Wanted {
    /// Asked between entries; when it says no, the job ends and leaves nothing behind.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Runs `work` where it may block and has a large stack, and waits for it. `None` if it never got to run, because the
/// runtime ends or there are too many threads.
///
/// Dropped while it waits, it calls the job off.
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce(Wanted) -> T + Send + 'static) -> Option<T> {
    let waiting = Waiting(Arc::new(AtomicBool::new(true)));
    let wanted = Wanted(Arc::clone(&waiting.0));
    let (done, result) = oneshot::channel();
    let work = move || {
        // Nobody may be there any more.
        let _ = done.send(work(wanted));
    };
    match Handle::try_current() {
        // Its threads are not here, and it does not know.
        Ok(runtime) if is_forked() => {
            let work = move || {
                let _context = runtime.enter();
                work();
            };
            drop(thread::Builder::new().stack_size(STACK).spawn(work));
        }
        // Not awaited: it would tell of a panic, and `result` does. The thread that waits there tells the runtime that
        // there is work.
        Ok(runtime) => {
            let handle = runtime.clone();
            // It panics where there is no thread for it.
            let _ = caught(|| {
                drop(runtime.spawn_blocking(move || {
                    thread::scope(|scope| {
                        let inside = move || {
                            let _context = handle.enter();
                            work();
                        };
                        let thread = thread::Builder::new().stack_size(STACK);
                        // A panic is told by the result, which does not come.
                        if let Ok(thread) = thread.spawn_scoped(scope, inside) {
                            let _ = thread.join();
                        }
                    });
                }))
            });
        }
        Err(_) => drop(thread::Builder::new().stack_size(STACK).spawn(work)),
    }
    let result = result.await.ok();
    drop(waiting);
    result
}
