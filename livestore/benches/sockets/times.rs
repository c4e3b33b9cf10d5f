//! The clocks that processes share, and what a process has used of its core.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the system's monotonic clock, which is the same in all processes.
pub(crate) fn monotonic() -> u64 {
    nanos(ClockId::Monotonic)
}

/// Nanoseconds for which this thread has computed.
pub(crate) fn own_thread() -> u64 {
    nanos(ClockId::ThreadCPUTime)
}

fn nanos(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Nanoseconds for which the threads of a process have computed, in the kernel as well. Threads that have ended are left out,
/// so it is for processes that keep theirs.
pub(crate) fn of_process(id: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten()
        .flatten();
    threads
        .filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        })
        .sum()
}

/// Bytes of memory that a process has in its hands.
pub(crate) fn resident(id: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let kib = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = kib.and_then(|kib| kib.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
