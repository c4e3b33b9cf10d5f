//! [`After`]: what a commit leaves to be done when nothing is locked.

use std::mem;
use std::sync::Arc;
use std::task::Waker;

use crate::slot::history::History;
#[cfg(feature = "durable")]
use crate::slot::record::Record;
use crate::slot::ring::News;
use crate::value::update::Update;
use crate::value::value::LiveValue;

/// What a commit leaves to be done when nothing is locked: it wakes, then drops what was displaced.
///
/// Whoever commits makes one before it locks the slot, and so drops it when the slot is unlocked again.
#[must_use = "wakes and drops what it holds; let it go when nothing is locked"]
pub(crate) struct After<V: LiveValue> {
    /// Dropped first, so that nobody waits for what the rest does when it is dropped.
    pub(crate) wakers: Wakers,
    pub(crate) value: Option<Arc<V>>,
    pub(crate) mutn: Option<V::Mutation>,
    pub(crate) msg: Option<V::Message>,
    /// The update itself: everybody may have taken it by now.
    pub(crate) update: Option<Arc<Update<V>>>,
    pub(crate) evicted: Option<News<V>>,
    pub(crate) forgotten: Option<Arc<Update<V>>>,
    pub(crate) folded: Vec<Arc<Update<V>>>,
    pub(crate) history: Option<Box<History<V>>>,
    #[cfg(feature = "durable")]
    pub(crate) record: Option<Record<V>>,
}

/// Wakes them when it is dropped.
#[derive(Default)]
pub(crate) struct Wakers {
    /// Who was granted the entry.
    pub(crate) next_holder: Option<Waker>,
    pub(crate) others: Vec<Waker>,
}

impl<V: LiveValue> Default for After<V> {
    #[inline]
    fn default() -> Self {
        After {
            wakers: Wakers::default(),
            value: None,
            mutn: None,
            msg: None,
            update: None,
            evicted: None,
            forgotten: None,
            folded: Vec::new(),
            history: None,
            #[cfg(feature = "durable")]
            record: None,
        }
    }
}

impl Drop for Wakers {
    #[inline]
    fn drop(&mut self) {
        if let Some(waker) = self.next_holder.take() {
            waker.wake();
        }
        if !self.others.is_empty() {
            mem::take(&mut self.others).into_iter().for_each(Waker::wake);
        }
    }
}
