//! Where a waker waits under a lock, though `Waker::clone` and `Waker::drop` are the user's code.

use std::task::{Context, Waker};

/// What became of a place for a waker.
pub(crate) enum Placed {
    /// The waker of the context is there. The one that it replaces is dropped with nothing locked.
    Done(Option<Waker>),
    /// A clone is needed: make one with nothing locked, and look at everything again.
    NeedsClone,
}

/// Sees to it, under a lock, that the waker of `cx` is in `place`. `clone` is one that was made before the lock was taken;
/// it is taken if it is needed.
pub(crate) fn settle(place: &mut Option<Waker>, cx: &Context<'_>, clone: &mut Option<Waker>) -> Placed {
    if place.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        return Placed::Done(None);
    }
    match clone.take() {
        Some(waker) => Placed::Done(place.replace(waker)),
        None => Placed::NeedsClone,
    }
}
