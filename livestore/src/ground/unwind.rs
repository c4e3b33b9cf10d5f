//! Running what is the user's so that a panic in it ends here.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// It has panicked. What it carried is forgotten, because its `Drop` may panic, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Runs something of the user's that may panic.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        mem::forget(panic);
        Panicked
    })
}

/// Drops something of the user's, whose `Drop` may panic: this may have become its last owner, and we go on.
pub(crate) fn let_go<T>(last_owned: T) {
    let _ = caught(|| drop(last_owned));
}
