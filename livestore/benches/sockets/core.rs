//! The cores: the server has one to itself and the clients another. And how many files a process may have.

use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Who computes where.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Server,
    Clients,
}

/// Has this thread, and those that it starts, stay on its core. Says so if that cannot be done.
pub(crate) fn pin(side: Side) {
    let mut set = CpuSet::new();
    let last = thread::available_parallelism().map_or(1, usize::from) - 1;
    set.set(match side {
        Side::Server => 0,
        Side::Clients => last,
    });
    if let Err(error) = sched_setaffinity(None, &set) {
        eprintln!("{side:?} not pinned to a core of its own: {error}");
    }
}

/// Raises the limit as far as that may be. Returns what it is now.
pub(crate) fn raise_files(wanted: u64) -> u64 {
    let now = getrlimit(Resource::Nofile);
    let hard = now.maximum.unwrap_or(u64::MAX);
    let ask = |limit: u64, maximum: u64| {
        let limits = Rlimit {
            current: Some(limit),
            maximum: Some(maximum),
        };
        setrlimit(Resource::Nofile, limits).is_ok()
    };
    // Beyond the hard limit only for who may.
    if !(hard < wanted && ask(wanted, wanted)) {
        ask(wanted.min(hard), hard);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
