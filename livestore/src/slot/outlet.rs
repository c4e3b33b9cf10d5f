//! [`Outlet`]: the way of commits to disk.
//!
//! A store in memory has one that leads nowhere. Without the feature `durable` there is no other: then it is an empty type,
//! and nothing is left of what it does.

#[cfg(not(feature = "durable"))]
use std::future::{self, Ready};
#[cfg(not(feature = "durable"))]
use std::marker::PhantomData;
#[cfg(feature = "durable")]
use std::time::Duration;

use uuid::Uuid;

#[cfg(feature = "durable")]
use crate::ground::unwind::let_go;
#[cfg(feature = "durable")]
use crate::slot::sink::Sink;
#[cfg(feature = "durable")]
use crate::slot::sink::whole::Whole;
#[cfg(feature = "durable")]
use crate::value::durability::FlushError;
use crate::value::error::CloseError;
#[cfg(not(feature = "durable"))]
use crate::value::value::LiveValue;

/// For how long the drop of the last handle waits for the disk: most often long enough for what is pending, and not so long
/// that it is taken for a hang.
#[cfg(feature = "durable")]
const DROP_WAITS: Duration = Duration::from_secs(1);

/// `None` in a store in memory.
#[cfg(feature = "durable")]
pub(crate) struct Outlet<V>(Option<Sink<V>>);

/// Says that so much waits for the disk that who can wait should.
#[cfg(feature = "durable")]
pub(crate) struct Backlog;

#[cfg(feature = "durable")]
impl<V> Outlet<V> {
    pub(crate) fn none() -> Outlet<V> {
        Outlet(None)
    }

    pub(crate) fn to(sink: Sink<V>) -> Outlet<V> {
        Outlet(Some(sink))
    }

    #[inline]
    pub(crate) fn sink(&self) -> Option<&Sink<V>> {
        self.0.as_ref()
    }

    /// Whether so much waits for the disk that who can wait should.
    #[inline]
    pub(crate) fn backlog(&self) -> Option<Backlog> {
        self.sink().is_some_and(|sink| sink.is_full()).then_some(Backlog)
    }

    /// Keeps what is committed while it lives together on disk.
    pub(crate) fn whole(&self) -> Option<Whole<'_, V>> {
        self.sink().map(|sink| sink.transaction())
    }

    /// Whether the callback is owed again, by whoever opens the folder next, what it is not known to be given.
    pub(crate) fn owes(&self) -> bool {
        self.sink().is_some_and(|sink| sink.owed().has_callback())
    }

    /// Gives back the places of what is not owed any more.
    pub(crate) fn shrink(&self) {
        if let Some(sink) = self.sink() {
            sink.owed().shrink();
        }
    }

    /// Notes that the callback was given an entry that has expired.
    pub(crate) fn delivered(&self, key: Uuid, version: u64) {
        if let Some(sink) = self.sink() {
            let_go(sink.enter_delivered(key, version));
        }
    }

    /// Has what was committed written, and the folder released.
    pub(crate) async fn end(&self) -> Result<(), CloseError> {
        let Some(sink) = self.sink() else { return Ok(()) };
        sink.close();
        match sink.end().await {
            FlushError::Closed => Ok(()),
            failed => Err(CloseError::from(failed)),
        }
    }

    /// The same for who cannot wait long.
    pub(crate) fn end_soon(&self) {
        if let Some(sink) = self.sink() {
            sink.close();
            sink.await_release(DROP_WAITS);
        }
    }
}

#[cfg(not(feature = "durable"))]
pub(crate) struct Outlet<V>(PhantomData<V>);

/// There never is any.
#[cfg(not(feature = "durable"))]
pub(crate) enum Backlog {}

#[cfg(not(feature = "durable"))]
impl<V: LiveValue> Outlet<V> {
    pub(crate) fn none() -> Outlet<V> {
        Outlet(PhantomData)
    }

    #[inline]
    pub(crate) fn backlog(&self) -> Option<Backlog> {
        None
    }

    pub(crate) fn whole(&self) -> Option<Backlog> {
        None
    }

    pub(crate) fn owes(&self) -> bool {
        false
    }

    pub(crate) fn shrink(&self) {}

    pub(crate) fn delivered(&self, _: Uuid, _: u64) {}

    pub(crate) fn end(&self) -> Ready<Result<(), CloseError>> {
        future::ready(Ok(()))
    }

    pub(crate) fn end_soon(&self) {}
}
