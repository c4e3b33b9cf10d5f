//! Running what is the user's so that a panic in it ends here, or waits until the rest is done.

use std::any::Any;
use std::mem;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

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

/// Drops several things of the user's, so that a panic of one takes nothing from the others.
pub(crate) fn drop_each<T>(them: impl IntoIterator<Item = T>) {
    let mut panics = Panics::default();
    them.into_iter().for_each(|it| panics.run(|| drop(it)));
}

/// Drops something of the user's, then returns this. Where what is dropped at the end of a function panics, the compiler
/// forgets what the function returns, and never drops it; so it is dropped before.
#[inline]
pub(crate) fn drop_before<T, R>(gone: T, returned: R) -> R {
    let returned = InHand::new(returned);
    drop(gone);
    returned.into_inner()
}

/// Runs several things of the user's, so that a panic of one takes nothing from the others. The first panic goes on when
/// this is dropped, unless the thread panics already.
#[derive(Default)]
pub(crate) struct Panics(Option<Box<dyn Any + Send>>);

impl Panics {
    pub(crate) fn run(&mut self, run: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            match self.0 {
                None => self.0 = Some(panic),
                // Its `Drop` may panic, too.
                Some(_) => mem::forget(panic),
            }
        }
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        let Some(panic) = self.0.take() else { return };
        if thread::panicking() {
            mem::forget(panic);
        } else {
            resume_unwind(panic);
        }
    }
}

/// Something of the user's that is in our hands while more of the user's code runs. If that panics, and the `Drop` of this
/// does so in turn, the second panic ends here and not the process.
pub(crate) struct InHand<T>(Option<T>);

impl<T> InHand<T> {
    pub(crate) fn new(it: T) -> InHand<T> {
        InHand(Some(it))
    }

    /// What is still there, as whoever calls knows.
    pub(crate) fn still(it: Option<T>) -> InHand<T> {
        debug_assert!(it.is_some());
        InHand(it)
    }

    pub(crate) fn into_inner(mut self) -> T {
        match self.0.take() {
            Some(it) => it,
            None => unreachable!("it is taken once, by value"),
        }
    }
}

impl<T> Deref for InHand<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Some(it) => it,
            None => unreachable!("it is taken by value alone"),
        }
    }
}

impl<T> Drop for InHand<T> {
    fn drop(&mut self) {
        if thread::panicking() {
            let_go(self.0.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn all_run_and_the_first_panic_goes_on() {
        let ran = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&ran);
        let panic = catch_unwind(AssertUnwindSafe(move || {
            let mut panics = Panics::default();
            for n in 0..4 {
                panics.run(|| {
                    seen.borrow_mut().push(n);
                    assert!(n % 2 == 0, "{n}");
                });
            }
        }));
        assert_eq!(*ran.borrow(), [0, 1, 2, 3]);
        assert_eq!(panic.unwrap_err().downcast_ref::<String>().unwrap(), "1");
    }

    /// Two panics at once end the process.
    #[test]
    fn what_is_in_hand_panics_alone() {
        struct Panicking;
        impl Drop for Panicking {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        let panic = catch_unwind(|| {
            let _in_hand = InHand::new(Panicking);
            panic!("first");
        });
        assert_eq!(*panic.unwrap_err().downcast_ref::<&str>().unwrap(), "first");
        let panic = catch_unwind(|| drop(InHand::new(Panicking)));
        assert_eq!(*panic.unwrap_err().downcast_ref::<&str>().unwrap(), "dropped");
    }
}
