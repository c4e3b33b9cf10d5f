//! [`Shared`]: what many have and exists once.

use std::fmt;
use std::ops::Deref;

use triomphe::Arc;

/// A value, an update or a delta that all who have it share: a pointer, which costs a reference count to clone.
///
/// From [`Entry::value`](crate::Entry::value), and from `next_shared` of every watch. It dereferences to what is shared, and may
/// be kept, sent to other threads and passed on; while somebody keeps an update, the values before and after it are kept, too,
/// and an entry whose value is kept is not changed in place.
///
/// It is like the standard library's `Arc` but for the count of weak references, which it does not have: that takes eight bytes
/// less for each entry, and a change finds out faster that nobody else has the value.
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

    pub(crate) fn into_inner(self) -> Arc<T> {
        self.0
    }

    /// Returns whether the two are one: of one commit of one entry.
    ///
    /// Called as `Shared::ptr_eq(&a, &b)`, so that no method of what is shared is hidden.
    pub fn ptr_eq(this: &Shared<T>, other: &Shared<T>) -> bool {
        Arc::ptr_eq(&this.0, &other.0)
    }

    /// Returns where it is, for as long as somebody has it.
    ///
    /// Called as `Shared::as_ptr(&a)`.
    pub fn as_ptr(this: &Shared<T>) -> *const T {
        std::ptr::from_ref(&*this.0)
    }

    /// Returns how many have it: this one, and whoever else does, the store included. Others may come and go meanwhile.
    ///
    /// Called as `Shared::count(&a)`.
    pub fn count(this: &Shared<T>) -> usize {
        Arc::count(&this.0)
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

// What is shared is never pinned: it is behind a pointer.
impl<T> Unpin for Shared<T> {}

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

/// As what is shared is.
impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Eq> Eq for Shared<T> {}

#[cfg(feature = "serde")]
impl<T: serde::Serialize> serde::Serialize for Shared<T> {
    /// As what is shared.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::serialize(self, serializer)
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
