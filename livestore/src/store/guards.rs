//! [`Guards`]: several entries held at once.

use std::fmt;
use std::mem;
use std::ops::{Index, IndexMut};
use std::slice;
use std::vec;

use uuid::Uuid;

use crate::ground::unwind::{Panics, drop_each};
use crate::slot::after::After;
use crate::store::guard::EntryGuard;
use crate::value::value::LiveValue;

/// Guards of several entries, in key order. From [`LiveStore::acquire_many`](crate::LiveStore::acquire_many).
///
/// Found by key or by position, and iterable. Dropping it releases all.
#[must_use = "the entries are released when the guards are dropped"]
pub struct Guards<V: LiveValue> {
    /// Sorted by key, no key twice.
    guards: Vec<EntryGuard<V>>,
}

impl<V: LiveValue> Guards<V> {
    pub(crate) fn with_capacity(capacity: usize) -> Guards<V> {
        Guards {
            guards: Vec::with_capacity(capacity),
        }
    }

    /// Adds a guard. They come in key order.
    pub(crate) fn push(&mut self, guard: EntryGuard<V>) {
        self.guards.push(guard);
    }

    /// Returns the guard of a key, or `None` if it was not asked for.
    pub fn get(&self, key: &Uuid) -> Option<&EntryGuard<V>> {
        self.find(key).map(|at| &self.guards[at])
    }

    /// Returns the guard of a key for changes, or `None` if it was not asked for.
    pub fn get_mut(&mut self, key: &Uuid) -> Option<&mut EntryGuard<V>> {
        self.find(key).map(|at| &mut self.guards[at])
    }

    /// Returns how many entries are held: one per different key.
    pub fn len(&self) -> usize {
        self.guards.len()
    }

    /// Returns whether no entry is held.
    pub fn is_empty(&self) -> bool {
        self.guards.is_empty()
    }

    /// Returns the guards in key order.
    pub fn iter(&self) -> slice::Iter<'_, EntryGuard<V>> {
        self.guards.iter()
    }

    /// Returns the guards for changes, in key order.
    pub fn iter_mut(&mut self) -> slice::IterMut<'_, EntryGuard<V>> {
        self.guards.iter_mut()
    }

    fn find(&self, key: &Uuid) -> Option<usize> {
        self.guards.binary_search_by_key(key, |guard| *guard.key()).ok()
    }
}

/// All are released before anything else goes, so that what goes keeps nobody waiting.
impl<V: LiveValue> Drop for Guards<V> {
    fn drop(&mut self) {
        let mut after = After::default();
        self.guards
            .iter_mut()
            .for_each(|guard| guard.end_into(&mut after));
        let mut panics = Panics::default();
        panics.run(|| drop(after));
        panics.run(|| drop_each(self.guards.drain(..)));
    }
}

impl<V: LiveValue> Index<usize> for Guards<V> {
    type Output = EntryGuard<V>;

    fn index(&self, at: usize) -> &EntryGuard<V> {
        &self.guards[at]
    }
}

impl<V: LiveValue> IndexMut<usize> for Guards<V> {
    fn index_mut(&mut self, at: usize) -> &mut EntryGuard<V> {
        &mut self.guards[at]
    }
}

impl<V: LiveValue> IntoIterator for Guards<V> {
    type Item = EntryGuard<V>;
    type IntoIter = vec::IntoIter<EntryGuard<V>>;

    fn into_iter(mut self) -> Self::IntoIter {
        mem::take(&mut self.guards).into_iter()
    }
}

impl<'a, V: LiveValue> IntoIterator for &'a Guards<V> {
    type Item = &'a EntryGuard<V>;
    type IntoIter = slice::Iter<'a, EntryGuard<V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, V: LiveValue> IntoIterator for &'a mut Guards<V> {
    type Item = &'a mut EntryGuard<V>;
    type IntoIter = slice::IterMut<'a, EntryGuard<V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<V: LiveValue> fmt::Debug for Guards<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.guards).finish()
    }
}
