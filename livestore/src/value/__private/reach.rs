//! How the values of a collection are reached: by their keys, or by their ids.

use std::collections::HashSet;
use std::marker::PhantomData;

use crate::value::invalid::Invalid;
use crate::value::ops::{Identified, Keyed, List};

/// A way to reach the values of `C`.
pub trait Reach<C: ?Sized> {
    /// What a value is found by.
    type Key;
    /// What is found.
    type Value;

    /// Returns the value at `key`.
    fn get<'c>(collection: &'c C, key: &Self::Key) -> Option<&'c Self::Value>;

    /// Whether there is a value at `key` that is not one of the first so many.
    fn has_after(collection: &C, key: &Self::Key, first: usize) -> bool {
        let _ = first;
        Self::get(collection, key).is_some()
    }

    /// Returns the value at `key` to change it.
    fn get_mut<'c>(collection: &'c mut C, key: &Self::Key) -> Option<&'c mut Self::Value>;

    /// Visits all values.
    fn iter<'c>(collection: &'c C) -> impl Iterator<Item = (&'c Self::Key, &'c Self::Value)>
    where
        Self::Key: 'c,
        Self::Value: 'c;

    /// Whether no change of a value moves it.
    const STAY: bool;

    /// Whether a value that was changed is still at its key.
    fn stays(key: &Self::Key, value: &Self::Value) -> bool;

    /// The first key that two values have.
    fn twice(collection: &C) -> Option<&Self::Key>;

    /// That no two values have one key.
    ///
    /// # Errors
    ///
    /// [`Invalid::Taken`].
    fn unique(collection: &C) -> Result<(), Invalid> {
        match Self::twice(collection) {
            Some(_) => Err(Invalid::Taken),
            None => Ok(()),
        }
    }
}

/// By keys.
#[derive(Debug)]
pub struct ByKey;

impl<C: Keyed> Reach<C> for ByKey {
    type Key = C::Key;
    type Value = C::Value;

    const STAY: bool = true;

    fn get<'c>(collection: &'c C, key: &C::Key) -> Option<&'c C::Value> {
        collection.get(key)
    }

    fn get_mut<'c>(collection: &'c mut C, key: &C::Key) -> Option<&'c mut C::Value> {
        collection.get_mut(key)
    }

    fn iter<'c>(collection: &'c C) -> impl Iterator<Item = (&'c C::Key, &'c C::Value)>
    where
        C::Key: 'c,
        C::Value: 'c,
    {
        collection.iter()
    }

    fn stays(_: &C::Key, _: &C::Value) -> bool {
        true
    }

    fn twice(_: &C) -> Option<&C::Key> {
        None
    }
}

/// By ids.
#[derive(Debug)]
pub struct ById(PhantomData<()>);

impl<C: List<Item: Identified>> Reach<C> for ById {
    type Key = <C::Item as Identified>::Id;
    type Value = C::Item;

    const STAY: bool = false;

    fn get<'c>(collection: &'c C, id: &Self::Key) -> Option<&'c C::Item> {
        collection.items().find(|item| item.id() == id)
    }

    fn has_after(collection: &C, id: &Self::Key, first: usize) -> bool {
        collection.items().skip(first).any(|item| item.id() == id)
    }

    fn get_mut<'c>(collection: &'c mut C, id: &Self::Key) -> Option<&'c mut C::Item> {
        let place = place(collection, id)?;
        collection.at_mut(place)
    }

    fn iter<'c>(collection: &'c C) -> impl Iterator<Item = (&'c Self::Key, &'c C::Item)>
    where
        Self::Key: 'c,
        C::Item: 'c,
    {
        collection.items().map(|item| (item.id(), item))
    }

    fn stays(id: &Self::Key, item: &C::Item) -> bool {
        item.id() == id
    }

    fn twice(collection: &C) -> Option<&Self::Key> {
        let mut seen = HashSet::new();
        collection
            .items()
            .map(Identified::id)
            .find(|id| !seen.insert(*id))
    }
}

/// By place in an array, which does not shift. Not by `Keyed`, because whoever imports that would then call its `iter` on
/// arrays.
#[derive(Debug)]
pub struct ByPlace(PhantomData<()>);

/// The places of an array.
struct Places<const N: usize>;

impl<const N: usize> Places<N> {
    const ALL: [usize; N] = {
        let mut all = [0; N];
        let mut place = 0;
        while place < N {
            all[place] = place;
            place += 1;
        }
        all
    };
}

impl<T, const N: usize> Reach<[T; N]> for ByPlace {
    type Key = usize;
    type Value = T;

    const STAY: bool = true;

    fn get<'c>(array: &'c [T; N], place: &usize) -> Option<&'c T> {
        array.as_slice().get(*place)
    }

    fn get_mut<'c>(array: &'c mut [T; N], place: &usize) -> Option<&'c mut T> {
        array.as_mut_slice().get_mut(*place)
    }

    fn iter<'c>(array: &'c [T; N]) -> impl Iterator<Item = (&'c usize, &'c T)>
    where
        T: 'c,
    {
        const { &Places::<N>::ALL }
            .as_slice()
            .iter()
            .zip(array.as_slice())
    }

    fn stays(_: &usize, _: &T) -> bool {
        true
    }

    fn twice(_: &[T; N]) -> Option<&usize> {
        None
    }
}

/// Takes the item with an id out of a list.
pub fn remove_by_id<C: List<Item: Identified>>(list: &mut C, id: &<C::Item as Identified>::Id) {
    if let Some(place) = place(list, id) {
        list.remove_at(place);
    }
}

fn place<C: List<Item: Identified>>(list: &C, id: &<C::Item as Identified>::Id) -> Option<usize> {
    list.items().position(|item| item.id() == id)
}

/// Whether `by = name` names the field that identifies.
#[must_use]
pub const fn is_id(name: &str, field: &str) -> bool {
    let (name, field) = (name.as_bytes(), field.as_bytes());
    let mut at = 0;
    while at < name.len() && at < field.len() && name[at] == field[at] {
        at += 1;
    }
    at == name.len() && at == field.len()
}
