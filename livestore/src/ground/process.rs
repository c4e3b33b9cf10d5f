//! Whether this process was forked from one that has used the library: threads are not forked.
//!
//! The only thing that the library keeps for a whole process but for its clock: which process it is.

use std::process;
use std::sync::OnceLock;

/// The process in which this was first asked. A runtime of that one has nobody left in another who would run what blocks.
static FIRST: OnceLock<u32> = OnceLock::new();

/// Says that this process uses the library.
pub(crate) fn note() {
    FIRST.get_or_init(process::id);
}

/// Whether the process in which this was first asked or noted was another.
pub(crate) fn is_forked() -> bool {
    *FIRST.get_or_init(process::id) != process::id()
}
