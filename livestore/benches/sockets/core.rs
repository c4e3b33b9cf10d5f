//! The cores: the server has one to itself and the clients another. And how many files a process may have.

use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Who computes where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) clients: usize,
}

impl Cores {
    /// The first and the last of those that this process may use. To be asked before it is bound to one.
    pub(crate) fn find() -> Cores {
        let all = match sched_getaffinity(None) {
            Ok(set) => (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect(),
            Err(_) => (0..thread::available_parallelism().map_or(1, usize::from)).collect::<Vec<_>>(),
        };
        Cores {
            server: all.first().copied().unwrap_or(0),
            clients: all.last().copied().unwrap_or(0),
        }
    }
}

/// Has this thread, and those that it starts, stay on a core. Says so if that cannot be done.
pub(crate) fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    if let Err(error) = sched_setaffinity(None, &set) {
        eprintln!("NOT BOUND TO A CORE, so the numbers are worth little: {error}");
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
