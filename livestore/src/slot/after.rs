//! [`After`]: what commits leave to be done when nothing is locked.

use std::sync::Arc;
use std::task::Waker;

use smallvec::SmallVec;

use crate::ground::unwind::Panics;
use crate::slot::deltas::Deltas;
use crate::slot::history::History;
#[cfg(feature = "durable")]
use crate::slot::records::Left;
use crate::slot::ring::{News, Sitter};
use crate::slot::slot::Slot;
use crate::value::update::Update;
use crate::value::value::LiveValue;

/// What commits leave to be done when nothing is locked. It wakes everybody, then drops what was displaced; a panic of one
/// of them takes nothing from the others, and goes on when all is done.
///
/// Whoever commits makes one before it locks the slot, and so drops it when the slot is unlocked again.
#[must_use = "wakes and drops what it holds; let it go when nothing is locked"]
pub(crate) struct After<V: LiveValue> {
    /// Who was granted an entry, or may look for another. They are woken last: what is nobody's task does its work when it is
    /// woken.
    pub(crate) holders: SmallVec<[Waker; 1]>,
    /// Who waits for updates.
    pub(crate) watchers: Vec<Waker>,
    /// How many items of the deadline queue nobody counts on any more.
    pub(crate) stale_deadlines: usize,
    leftovers: SmallVec<[Leftover<V>; 2]>,
}

/// Something whose `Drop` may be the user's.
#[expect(dead_code, reason = "each is here to be dropped")]
pub(crate) enum Leftover<V: LiveValue> {
    Value(Arc<V>),
    Mutation(V::Mutation),
    Message(V::Message),
    News(News<V>),
    History(Box<History<V>>),
    Deltas(Box<Deltas<V>>),
    Sitter(Sitter),
    Waker(Waker),
    Slot(Arc<Slot<V>>),
    #[cfg(feature = "durable")]
    ForDisk(Left<V>),
}

impl<V: LiveValue> After<V> {
    /// Has something dropped.
    #[inline]
    pub(crate) fn leave(&mut self, leftover: impl Into<Leftover<V>>) {
        self.leftovers.push(leftover.into());
    }

    /// Has what is there dropped.
    #[inline]
    pub(crate) fn leave_all<L: Into<Leftover<V>>>(&mut self, leftovers: impl IntoIterator<Item = L>) {
        self.leftovers.extend(leftovers.into_iter().map(Into::into));
    }

    /// Does what is left to be done, then returns this. Whoever returns something does it so: where a value that is dropped at
    /// the end of a function panics, the compiler forgets what the function returns, and never drops it.
    #[inline]
    pub(crate) fn then<T>(self, returned: T) -> T {
        drop(self);
        returned
    }

    #[inline(never)]
    fn settle(&mut self) {
        let mut panics = Panics::default();
        let wakers = self.watchers.drain(..).chain(self.holders.drain(..));
        wakers.for_each(|waker| panics.run(|| waker.wake()));
        self.leftovers
            .drain(..)
            .for_each(|leftover| panics.run(|| drop(leftover)));
    }
}

impl<V: LiveValue> Default for After<V> {
    #[inline]
    fn default() -> Self {
        After {
            holders: SmallVec::new(),
            watchers: Vec::new(),
            stale_deadlines: 0,
            leftovers: SmallVec::new(),
        }
    }
}

impl<V: LiveValue> Drop for After<V> {
    #[inline]
    fn drop(&mut self) {
        if !self.holders.is_empty() || !self.watchers.is_empty() || !self.leftovers.is_empty() {
            self.settle();
        }
    }
}

impl<V: LiveValue> From<News<V>> for Leftover<V> {
    fn from(news: News<V>) -> Self {
        Leftover::News(news)
    }
}

impl<V: LiveValue> From<Arc<Update<V>>> for Leftover<V> {
    fn from(update: Arc<Update<V>>) -> Self {
        Leftover::News(News::Update(update))
    }
}

impl<V: LiveValue> From<Box<History<V>>> for Leftover<V> {
    fn from(history: Box<History<V>>) -> Self {
        Leftover::History(history)
    }
}

impl<V: LiveValue> From<Waker> for Leftover<V> {
    fn from(waker: Waker) -> Self {
        Leftover::Waker(waker)
    }
}

#[cfg(feature = "durable")]
impl<V: LiveValue> From<Left<V>> for Leftover<V> {
    fn from(left: Left<V>) -> Self {
        Leftover::ForDisk(left)
    }
}
