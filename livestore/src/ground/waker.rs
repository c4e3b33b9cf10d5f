//! Where a waker waits under a lock, though `Waker::clone` and `Waker::drop` are the user's code.

use std::task::{Context, Waker};

use crate::ground::unwind::let_go;

/// What became of a place for a waker.
pub(crate) enum Placed {
    /// The waker of the context is there. The one that it replaces is dropped with nothing locked.
    Done(Option<Waker>),
    /// A clone is needed: make one with nothing locked, and look at everything again.
    NeedsClone,
}

/// Looks for something, under a lock that `look` takes and lets go of, until it is found or the waker has a place. `None` if
/// it has.
pub(crate) fn find_or_wait<T>(
    cx: &Context<'_>,
    mut look: impl FnMut(&mut Option<Waker>) -> Result<T, Placed>,
) -> Option<T> {
    let mut clone = None;
    loop {
        match look(&mut clone) {
            Ok(found) => {
                // Not needed after all. What was found is not lost by what it does when it is dropped.
                if clone.is_some() {
                    let_go(clone);
                }
                return Some(found);
            }
            Err(Placed::Done(former)) => {
                drop(former);
                return None;
            }
            Err(Placed::NeedsClone) => clone = Some(cx.waker().clone()),
        }
    }
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
