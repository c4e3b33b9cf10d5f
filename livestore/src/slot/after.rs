//! [`After`]: what commits leave to be done when nothing is locked.

use std::mem;
use std::sync::Arc;
use std::task::Waker;

use smallvec::SmallVec;
use uuid::Uuid;

use crate::ground::unwind::{Panics, drop_before};
use crate::slot::deltas::Deltas;
use crate::slot::history::History;
#[cfg(feature = "durable")]
use crate::slot::records::ForDisk;
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
    /// How many items of the deadline queue nobody counts on any more.
    pub(crate) stale_deadlines: usize,
    /// Made with the first of it. Most often there is none, and then this costs next to nothing.
    left: Option<Left<V>>,
}

/// Whom to wake, and what to drop.
struct Left<V: LiveValue> {
    /// Who waits for updates.
    watchers: Vec<Waker>,
    /// Who was granted an entry, or may look for another. They are woken last: what is nobody's task does its work when it is
    /// woken.
    holders: SmallVec<[Waker; 1]>,
    leftovers: SmallVec<[Leftover<V>; 2]>,
    /// What those who watch everything are told as one, when all of it is done.
    gathered: Option<Gathered<V>>,
}

/// The updates of several commits that are one change, in order.
type Gathered<V> = Vec<(Uuid, triomphe::Arc<Update<V>>)>;

/// Something whose `Drop` may be the user's.
#[expect(dead_code, reason = "each is here to be dropped")]
pub(crate) enum Leftover<V: LiveValue> {
    Value(triomphe::Arc<V>),
    Mutation(V::Mutation),
    Message(V::Message),
    News(News<V>),
    History(Box<History<V>>),
    Deltas(Box<Deltas<V>>),
    Sitter(Sitter),
    Waker(Waker),
    Slot(Arc<Slot<V>>),
    #[cfg(feature = "durable")]
    ForDisk(ForDisk<V>),
}

impl<V: LiveValue> After<V> {
    /// Has something dropped.
    #[inline]
    pub(crate) fn leave(&mut self, leftover: impl Into<Leftover<V>>) {
        self.left().leftovers.push(leftover.into());
    }

    /// Has a mutation dropped, if that does anything.
    #[inline]
    pub(crate) fn leave_mutation(&mut self, mutn: V::Mutation) {
        if mem::needs_drop::<V::Mutation>() {
            self.leave(Leftover::Mutation(mutn));
        }
    }

    /// Has what is there dropped.
    #[inline]
    pub(crate) fn leave_all<L: Into<Leftover<V>>>(&mut self, leftovers: impl IntoIterator<Item = L>) {
        leftovers.into_iter().for_each(|leftover| self.leave(leftover));
    }

    /// Whom to wake because there are updates.
    #[inline]
    pub(crate) fn watchers(&mut self) -> &mut Vec<Waker> {
        &mut self.left().watchers
    }

    /// Has somebody woken who was granted an entry, or may look for another.
    #[inline]
    pub(crate) fn wake(&mut self, holder: Waker) {
        self.left().holders.push(holder);
    }

    /// Has what those who watch everything are told gathered from now on, to be told as one.
    pub(crate) fn gather(&mut self) {
        self.left().gathered = Some(Vec::new());
    }

    /// Where it is gathered, if that is so.
    pub(crate) fn gathering(&mut self) -> Option<&mut Gathered<V>> {
        self.left.as_mut()?.gathered.as_mut()
    }

    /// What was gathered. From now on everything is told at once again.
    pub(crate) fn gathered(&mut self) -> Gathered<V> {
        let gathered = self.left.as_mut().and_then(|left| left.gathered.take());
        gathered.unwrap_or_default()
    }

    #[inline]
    fn left(&mut self) -> &mut Left<V> {
        self.left.get_or_insert_with(Left::new)
    }

    /// Does what is left to be done, then returns this. Whoever returns something does it so: where a value that is dropped at
    /// the end of a function panics, the compiler forgets what the function returns, and never drops it.
    #[inline]
    pub(crate) fn then<T>(self, returned: T) -> T {
        match self.left {
            Some(left) => drop_before(left, returned),
            None => returned,
        }
    }
}

impl<V: LiveValue> Left<V> {
    fn new() -> Left<V> {
        Left {
            watchers: Vec::new(),
            holders: SmallVec::new(),
            leftovers: SmallVec::new(),
            gathered: None,
        }
    }
}

impl<V: LiveValue> Default for After<V> {
    #[inline]
    fn default() -> Self {
        After {
            stale_deadlines: 0,
            left: None,
        }
    }
}

impl<V: LiveValue> Drop for Left<V> {
    #[inline(never)]
    fn drop(&mut self) {
        let mut panics = Panics::default();
        let wakers = self.watchers.drain(..).chain(self.holders.drain(..));
        wakers.for_each(|waker| panics.run(|| waker.wake()));
        self.leftovers
            .drain(..)
            .for_each(|leftover| panics.run(|| drop(leftover)));
    }
}

impl<V: LiveValue> From<News<V>> for Leftover<V> {
    fn from(news: News<V>) -> Self {
        Leftover::News(news)
    }
}

impl<V: LiveValue> From<triomphe::Arc<Update<V>>> for Leftover<V> {
    fn from(update: triomphe::Arc<Update<V>>) -> Self {
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
impl<V: LiveValue> From<ForDisk<V>> for Leftover<V> {
    fn from(it: ForDisk<V>) -> Self {
        Leftover::ForDisk(it)
    }
}
