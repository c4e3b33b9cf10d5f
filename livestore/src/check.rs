//! The model checker: what several threads do to one store, in every order that matters.
//!
//! Under `--cfg livestore_check` the locks, the atomics and the map of the library's own tests are stand-ins of
//! [`sync`](crate::ground::sync). Each lock, unlock, try and atomic is a *step*: there the checker decides which thread goes on.
//! A check is a small program of two to four threads; [`explore`] runs it once for each order of its steps that takes the
//! turn away from a thread at most so many times (a *preemption*; that a thread waits or ends costs none). Few preemptions
//! are enough for nearly every bug, and the number of orders stays finite. A thread that is not woken is a deadlock, which
//! fails the check; so is a broken promise.
//!
//! Each execution returns an outcome, and a check says which outcomes there must be: so a check that never comes to the
//! case that it was written for fails as well. `broken` has locks with a known fault each, which the checker must find.
//!
//! What it does not see: effects of an atomic's ordering, all are sequentially consistent here. The library's few
//! atomics lean on locks for their order, as their comments say.
//!
//! ```text
//! RUSTFLAGS="--cfg livestore_check" CARGO_PROFILE_TEST_OPT_LEVEL=2 \
//!     cargo test -p livestore --lib --target-dir target/check check::
//! ```
//!
//! `CHECK_DEEPER=n` allows n preemptions more, or fewer; `CHECK_SECONDS=n` adds random orders, which are not bounded, for
//! n seconds to each check. The library's other tests are not made for the stand-ins, hence the filter. A failing check
//! prints its schedule, which `shuttle::replay` takes.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod act;
mod broken;
mod close;
mod count;
mod expiry;
mod explore;
mod linear;
mod lock;
mod on_drop;
mod once;
mod spin;
mod transact;
mod wakers;
mod watch;
mod watch_all;
mod watch_set;
