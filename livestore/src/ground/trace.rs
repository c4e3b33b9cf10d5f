//! What the feature `tracing` tells a subscriber: never values, and never with anything locked, because a subscriber is
//! the user's code. If it panics over an event, that ends here: what the event is about goes on.

#[cfg(feature = "durable")]
use std::{io, path::Path};

#[cfg(feature = "tracing")]
use tracing::{Dispatch, Span, span::Id};
use uuid::Uuid;

#[cfg(feature = "tracing")]
use crate::ground::unwind::{caught, let_go};

/// Runs the wait for a held entry in a span. A panic of the subscriber takes nothing from what the wait comes to.
#[cfg(feature = "tracing")]
pub(crate) async fn waiting<F: Future>(key: &Uuid, wait: F) -> F::Output {
    use std::future::poll_fn;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::pin::pin;

    let span = Quiet(caught(|| tracing::debug_span!("wait", %key)).ok());
    let mut wait = pin!(wait);
    poll_fn(|cx| {
        span.tell(Dispatch::enter);
        let polled = catch_unwind(AssertUnwindSafe(|| wait.as_mut().poll(cx)));
        span.tell(Dispatch::exit);
        polled.unwrap_or_else(|panic| resume_unwind(panic))
    })
    .await
}

/// A span whose subscriber may panic.
#[cfg(feature = "tracing")]
struct Quiet(Option<Span>);

#[cfg(feature = "tracing")]
impl Quiet {
    fn tell(&self, what: fn(&Dispatch, &Id)) {
        let tell = |span: &Span| span.with_subscriber(|(id, subscriber)| what(subscriber, id));
        let _ = caught(|| self.0.as_ref().map(tell));
    }
}

#[cfg(feature = "tracing")]
impl Drop for Quiet {
    fn drop(&mut self) {
        let_go(self.0.take());
    }
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn waiting<F: Future>(_key: &Uuid, wait: F) -> F {
    wait
}

/// A watcher had fallen behind.
pub(crate) fn lagged(key: &Uuid, missed: u64) {
    #[cfg(feature = "tracing")]
    let _ = caught(|| tracing::debug!(%key, missed, "a watcher has lagged"));
    let _ = (key, missed);
}

/// A check has ended entries.
pub(crate) fn expired(entries: usize) {
    #[cfg(feature = "tracing")]
    let _ = caught(|| tracing::debug!(entries, "entries have expired"));
    let _ = entries;
}

/// Nothing more goes to disk.
#[cfg(feature = "durable")]
pub(crate) fn disk_failed(error: &dyn std::fmt::Display) {
    #[cfg(feature = "tracing")]
    let _ = caught(|| tracing::error!(%error, "the disk has failed"));
    let _ = error;
}

/// The log of a folder grows until this entry has a value that can be written.
#[cfg(feature = "durable")]
pub(crate) fn not_written_anew(key: &Uuid) {
    #[cfg(feature = "tracing")]
    let _ = caught(
        || tracing::warn!(%key, "the log cannot be written anew because of an entry that cannot be written"),
    );
    let _ = key;
}

/// The log of a folder grows on, because the system has refused what it takes to write it anew.
#[cfg(feature = "durable")]
pub(crate) fn anew_failed(folder: &Path, error: &io::Error) {
    #[cfg(feature = "tracing")]
    let _ = caught(
        || tracing::warn!(folder = %folder.display(), %error, "the log cannot be written anew now, and grows on"),
    );
    let _ = (folder, error);
}

/// An entry has expired that cannot be written, so the callback may not be given it if the process ends before.
#[cfg(feature = "durable")]
pub(crate) fn not_owed(key: &Uuid, why: &str) {
    #[cfg(feature = "tracing")]
    let _ = caught(
        || tracing::warn!(%key, why, "what the expiry callback is owed cannot be written, and is not kept over a restart"),
    );
    let _ = (key, why);
}

/// The callback has panicked over a batch.
pub(crate) fn callback_panicked(entries: usize) {
    #[cfg(feature = "tracing")]
    let _ = caught(|| tracing::error!(entries, "the expiry callback has panicked"));
    let _ = entries;
}

/// A mutation that was committed by a drop was not.
pub(crate) fn came_to_nothing(key: &Uuid, why: &str) {
    #[cfg(feature = "tracing")]
    let _ = caught(|| tracing::debug!(%key, why, "a mutation on drop has come to nothing"));
    let _ = (key, why);
}

/// What nobody waits for has panicked.
pub(crate) fn errand_panicked(key: &Uuid) {
    #[cfg(feature = "tracing")]
    let _ = caught(|| tracing::error!(%key, "a mutation on drop has panicked"));
    let _ = key;
}
