//! Whether this process was forked from one that has used the library: threads are not forked.

use std::process;
use std::sync::OnceLock;

/// The process in which this was first asked. A runtime of that one has nobody left in another who would run what blocks.
static FIRST: OnceLock<u32> = OnceLock::new();

/// Whether the process in which this was first asked was another.
pub(crate) fn is_forked() -> bool {
    *FIRST.get_or_init(process::id) != process::id()
}
