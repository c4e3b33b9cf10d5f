//! What the tests of livestore share: values that can be made to misbehave, and a bound on waiting.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use livestore::{Entry, LiveStore, LiveValue, StoreOptions};

/// A value with one number, whose mutations can do what user code does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counter {
    /// The number.
    pub count: i64,
}

/// What can be done to a [`Counter`].
#[derive(Clone)]
pub enum Change {
    /// Adds.
    Add(i64),
    /// Is always refused.
    Refuse,
    /// Panics.
    Panic,
    /// Runs this, then adds 1.
    Run(Hook),
}

/// Something to be run.
#[derive(Clone)]
pub struct Hook(Arc<dyn Fn() + Send + Sync>);

impl Hook {
    /// Wraps what is to be run.
    pub fn new(run: impl Fn() + Send + Sync + 'static) -> Hook {
        Hook(Arc::new(run))
    }

    /// Runs it.
    pub fn run(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// The reason of [`Change::Refuse`], and of [`LiveValue::check`] for a negative count.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

/// Makes a counter.
pub fn counter(count: i64) -> Counter {
    Counter { count }
}

impl LiveValue for Counter {
    type Message = &'static str;
    type Mutation = Change;
    type MutError = Refused;

    fn mutate(entry: &Entry<Self>, mutation: &Change) -> Result<Self, Refused> {
        match mutation {
            Change::Add(more) => Ok(counter(entry.count + more)),
            Change::Refuse => Err(Refused),
            Change::Panic => panic!("this mutation panics"),
            Change::Run(hook) => {
                hook.run();
                Ok(counter(entry.count + 1))
            }
        }
    }

    fn check(&self, was: Option<&Self>) -> Result<(), Refused> {
        let shrinks = was.is_some_and(|was| self.count < was.count);
        if self.count < 0 || shrinks {
            Err(Refused)
        } else {
            Ok(())
        }
    }
}

/// A store of counters whose channels hold this many updates.
pub fn store_with_cap(channel_cap: usize) -> LiveStore<Counter> {
    let options = StoreOptions {
        channel_cap,
        ..Default::default()
    };
    LiveStore::new().with_options(options).done()
}

/// Runs `body` on a thread of its own; fails if it has not come back after 30 seconds, as code that deadlocks does.
///
/// # Panics
///
/// If `body` panics or does not come back.
pub fn must_not_hang(body: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        body();
        let _ = done.send(());
    });
    match is_done.recv_timeout(Duration::from_secs(30)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("deadlock: this should have ended long ago"),
        _ => thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

/// Runs an async `body` as [`must_not_hang`] does, on a runtime of its own.
pub fn must_not_hang_async<F>(body: impl FnOnce() -> F + Send + 'static)
where
    F: Future<Output = ()>,
{
    must_not_hang(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(body()),
            Err(error) => panic!("no runtime: {error}"),
        }
    });
}

/// A cheap source of different numbers.
pub struct Dice(u64);

impl Dice {
    /// Those that this seed leads to.
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// One of the numbers from 0 to below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap_or(0)
    }
}
