//! [`Shared`]: what is told to many and exists once.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// An update or a delta that all who are told it share: a pointer, which costs a reference count to clone.
///
/// From `next_shared` of every watch. It dereferences to what is shared, and may be kept, sent to other threads and passed on;
/// while somebody keeps an update, the values before and after it are kept, too, and an entry whose value is kept is not
/// changed in place.
///
/// # Examples
///
/// ```
/// use livestore::{LiveStore, LiveValue, Shared, Update};
///
/// #[derive(Clone, LiveValue)]
/// struct Score { points: u32 }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = LiveStore::default();
/// let (key, mut one) = store.init_and_watch(Score { points: 0 });
/// let mut other = store.watch(&key).unwrap();
/// store.mutate(&key, ScoreMutation::SetPoints(5)).await.ok();
///
/// let update: Shared<Update<Score>> = one.next_shared().await.unwrap();
/// assert_eq!(update.entry().points, 5);
/// assert!(Shared::ptr_eq(&update, &other.next_shared().await.unwrap()));
/// # }
/// ```
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    pub(crate) fn new(shared: Arc<T>) -> Shared<T> {
        Shared(shared)
    }

    /// Returns whether the two are one: told by one commit of one entry.
    ///
    /// Called as `Shared::ptr_eq(&a, &b)`, so that no method of what is shared is hidden.
    pub fn ptr_eq(this: &Shared<T>, other: &Shared<T>) -> bool {
        Arc::ptr_eq(&this.0, &other.0)
    }
}

impl<T: Clone> Shared<T> {
    /// Returns what is shared: itself if nobody else shares it any more, else a clone.
    ///
    /// Called as `Shared::unwrap_or_clone(update)`.
    pub fn unwrap_or_clone(this: Shared<T>) -> T {
        Arc::unwrap_or_clone(this.0)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> AsRef<T> for Shared<T> {
    fn as_ref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
