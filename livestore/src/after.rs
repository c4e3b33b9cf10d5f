//! [`After`]: what a commit leaves to be done when nothing is locked.

use std::mem;
use std::sync::Arc;
use std::task::Waker;

use crate::history::History;
use crate::update::Update;
use crate::value::LiveValue;

/// What a commit leaves to be done when nothing is locked: it wakes, then drops what was displaced.
#[must_use = "wakes and drops what it holds; let it go when nothing is locked"]
pub(crate) struct After<V: LiveValue> {
    /// Dropped first, so that nobody waits for what the rest does when it is dropped.
    pub(crate) wakers: Wakers,
    pub(crate) displaced: Displaced<V>,
}

/// Wakes them when it is dropped.
#[derive(Default)]
pub(crate) struct Wakers {
    /// Who was granted the entry.
    pub(crate) next_holder: Option<Waker>,
    pub(crate) others: Vec<Waker>,
}

/// Things of the user's that a commit had no more use for.
pub(crate) struct Displaced<V: LiveValue> {
    pub(crate) value: Option<Arc<V>>,
    pub(crate) mutn: Option<V::Mutation>,
    pub(crate) msg: Option<V::Message>,
    pub(crate) evicted: Option<Arc<Update<V>>>,
    pub(crate) forgotten: Option<Arc<Update<V>>>,
    /// The update itself: everybody may have taken it by now.
    pub(crate) update: Option<Arc<Update<V>>>,
    pub(crate) folded: Vec<Arc<Update<V>>>,
    pub(crate) history: Option<Box<History<V>>>,
}

impl<V: LiveValue> After<V> {
    /// For a mutation that was refused.
    pub(crate) fn dropping(mutn: V::Mutation) -> After<V> {
        let mut after = After::default();
        after.displaced.mutn = Some(mutn);
        after
    }

    /// Wakes the next holder as well.
    pub(crate) fn then_wake(&mut self, next_holder: Option<Waker>) {
        self.wakers.next_holder = next_holder;
    }
}

impl<V: LiveValue> Default for After<V> {
    fn default() -> Self {
        let displaced = Displaced {
            value: None,
            mutn: None,
            msg: None,
            evicted: None,
            forgotten: None,
            update: None,
            folded: Vec::new(),
            history: None,
        };
        After {
            wakers: Wakers::default(),
            displaced,
        }
    }
}

impl Drop for Wakers {
    fn drop(&mut self) {
        if let Some(waker) = self.next_holder.take() {
            waker.wake();
        }
        mem::take(&mut self.others).into_iter().for_each(Waker::wake);
    }
}
