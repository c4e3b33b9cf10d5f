//! [`Hand`]: what was taken from a ring and not yet handed out.

use std::thread;

use crate::ground::unwind::let_go;
use crate::slot::ring::News;
use crate::value::delta::Delta;
use crate::value::update::Update;
use crate::value::value::LiveValue;

/// What was taken stays here if the user's `Clone` panics while it is handed out.
pub(crate) struct Hand<V: LiveValue>(Option<News<V>>);

impl<V: LiveValue> Hand<V> {
    pub(crate) fn empty() -> Hand<V> {
        Hand(None)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Takes up what there is. Nothing was there before.
    pub(crate) fn fill(&mut self, news: News<V>) {
        debug_assert!(self.0.is_none(), "what was taken is handed out first");
        self.0 = Some(news);
    }

    /// Gives back what there is, which is owed to nobody any more.
    pub(crate) fn clear(&mut self) -> Option<News<V>> {
        self.0.take()
    }

    /// What there is for somebody who is told values.
    pub(crate) fn as_update(&self) -> Option<&triomphe::Arc<Update<V>>> {
        match self.0.as_ref()? {
            News::Update(update) => Some(update),
            News::Delta(_) => unreachable!("while somebody is told values, updates are published with them"),
        }
    }

    /// Hands out the update: itself if nobody else needs it, else a clone.
    pub(crate) fn update(&mut self) -> Option<Update<V>> {
        let update = self.as_update()?;
        // Whoever has the only reference is the only one who could make another.
        if triomphe::Arc::strong_count(update) == 1 {
            return self.0.take().and_then(News::into_update);
        }
        let clone = Update::clone(update);
        // Meanwhile it may have become the last one. The clone is not lost by what it does when it is dropped.
        let_go(self.0.take());
        Some(clone)
    }

    /// Hands out the update as it is shared by all.
    pub(crate) fn shared_update(&mut self) -> Option<triomphe::Arc<Update<V>>> {
        match self.0.take()? {
            News::Update(update) => Some(update),
            News::Delta(_) => unreachable!("while somebody is told values, updates are published with them"),
        }
    }

    /// Hands out what there is without values.
    pub(crate) fn delta(&mut self) -> Option<Delta<V>> {
        let delta = match self.0.as_ref()? {
            News::Update(update) => Delta::of(update),
            // Whoever has the only reference is the only one who could make another.
            News::Delta(delta) if triomphe::Arc::strong_count(delta) == 1 => {
                return self.0.take().and_then(News::into_delta);
            }
            News::Delta(delta) => Delta::clone(delta),
        };
        // Meanwhile it may have become the last one. The delta is not lost by what it does when it is dropped.
        let_go(self.0.take());
        Some(delta)
    }

    /// Hands out what there is without values, as it is shared by all who are told none.
    pub(crate) fn shared_delta(&mut self) -> Option<triomphe::Arc<Delta<V>>> {
        match self.0.take()? {
            News::Delta(delta) => Some(delta),
            update => {
                self.0 = Some(update);
                self.delta().map(triomphe::Arc::new)
            }
        }
    }
}

// What was taken is never pinned: it is behind a pointer.
impl<V: LiveValue> Unpin for Hand<V> {}

/// Beside the watcher that has it: two panics at once would end the process.
impl<V: LiveValue> Drop for Hand<V> {
    fn drop(&mut self) {
        if thread::panicking() {
            let_go(self.0.take());
        }
    }
}
