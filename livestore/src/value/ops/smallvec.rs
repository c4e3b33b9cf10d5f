//! The operations on the list of `smallvec`, which keeps a few items without an allocation.

use smallvec::{Array, SmallVec};

use crate::value::ops::{Clear, Len, List, Push};

impl<A: Array> Push for SmallVec<A> {
    type Item = A::Item;

    fn push(&mut self, item: A::Item) {
        self.push(item);
    }

    fn keep_last(&mut self, n: usize) {
        let surplus = self.len().saturating_sub(n);
        self.drain(..surplus);
    }
}

impl<A: Array> List for SmallVec<A> {
    type Item = A::Item;

    fn items(&self) -> impl Iterator<Item = &A::Item> {
        self.iter()
    }

    fn at_mut(&mut self, place: usize) -> Option<&mut A::Item> {
        self.get_mut(place)
    }

    fn remove_at(&mut self, place: usize) {
        self.remove(place);
    }
}

impl<A: Array> Clear for SmallVec<A> {
    fn clear(&mut self) {
        self.clear();
    }
}

impl<A: Array> Len for SmallVec<A> {
    fn len(&self) -> usize {
        self.as_slice().len()
    }
}
