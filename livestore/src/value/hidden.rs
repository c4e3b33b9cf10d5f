//! [`Hidden`]: a value that does not leave the server.
//!
//! It is shown to nobody. [`purpose`] says which serializers get it.

#[cfg(feature = "serde")]
pub(crate) mod purpose;

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::value::entry::Entry;
use crate::value::invalid::At;
use crate::value::ops::{Add, Clear, Identified, Increment, Insert, Len, Push, Remove, Toggle};
use crate::value::value::{How, LiveValue};

/// A value that is written to the store's files and never leaves the server: a hand of cards, a password's hash, a token.
///
/// It is used as what is in it, by `Deref`. It is not shown: `Debug` says `Hidden(..)`, and there is no `Display`. To serialize
/// it is an error, so an answer of `Json(entry)` fails and does not leak; only the store's own files
/// (`save`, `open`) have it. A `Serialize` of your own that encodes it into a text of its own, while a file is written, puts it
/// into that text, in that file. To deserialize it is fine, and whatever goes wrong there is told without the value.
///
/// In a derived value, a field of type `Hidden<T>` takes the operations and rules that one of type `T` takes. What the mutations
/// say is hidden as well, because those who watch are told of them: `SetToken(Hidden<String>)`, `PushHand(Hidden<Card>)`,
/// `InsertSeen(Hidden<(K, V)>)`, and with `nested` `UpdatePlan(Hidden<PlanMutation>)`. Only `each` and `set_at` need
/// what is in a collection to be hidden, and not the collection: `HashMap<K, Hidden<V>>`, `Vec<Hidden<V>>`. So does `nested`
/// with an `Option` or a pointer, `Option<Hidden<T>>`, and a `range` of the numbers in a map.
///
/// Whether there is something is hidden by `Hidden<Option<T>>`, and not by `Option<Hidden<T>>`. What is hidden is still
/// compared, hashed and ordered as usual, so how long that takes depends on it. What a rule says of it (its length, that
/// it is out of range, a limit that is taken from it) is an error like any other.
///
/// # Examples
///
/// ```
/// use livestore::{Hidden, LiveValue};
///
/// #[derive(Clone, Debug, LiveValue)]
/// struct Player {
///     name: String,
///     #[live(push = Draw, clear = Discard, len = ..=5)]
///     hand: Hidden<Vec<u8>>,
/// }
///
/// let mut player = Player { name: "ann".into(), hand: Hidden::default() };
/// let draw = PlayerMutation::Draw(7.into());
/// player.apply(&draw).unwrap();
/// assert_eq!(player.hand.first(), Some(&7));
/// assert_eq!(format!("{draw:?}"), "Draw(Hidden(..))");
/// assert_eq!(format!("{player:?}"), r#"Player { name: "ann", hand: Hidden(..) }"#);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hidden<T>(T);

impl<T> Hidden<T> {
    /// Returns what was hidden.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Hidden<T> {
    fn from(value: T) -> Self {
        Hidden(value)
    }
}

impl<T> Deref for Hidden<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Hidden<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// That there is one.
impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

impl<T: Increment> Increment for Hidden<T> {
    fn checked_increment(&self, by: &Self) -> Option<Self> {
        self.0.checked_increment(&by.0).map(Hidden)
    }

    fn checked_decrement(&self, by: &Self) -> Option<Self> {
        self.0.checked_decrement(&by.0).map(Hidden)
    }
}

impl<T: Toggle> Toggle for Hidden<T> {
    fn toggle(&mut self) {
        self.0.toggle();
    }
}

impl<C: Push> Push for Hidden<C> {
    type Item = Hidden<C::Item>;

    fn push(&mut self, item: Hidden<C::Item>) {
        self.0.push(item.0);
    }

    fn keep_last(&mut self, n: usize) {
        self.0.keep_last(n);
    }

    fn growth(&self, item: &Hidden<C::Item>) -> usize {
        self.0.growth(&item.0)
    }
}

impl<C: Insert> Insert for Hidden<C> {
    type Item = Hidden<C::Item>;

    fn insert(&mut self, item: Hidden<C::Item>) {
        self.0.insert(item.0);
    }

    fn replaces(&self, item: &Hidden<C::Item>) -> bool {
        self.0.replaces(&item.0)
    }
}

impl<C: Remove> Remove for Hidden<C> {
    type Key = Hidden<C::Key>;

    fn contains(&self, key: &Hidden<C::Key>) -> bool {
        self.0.contains(&key.0)
    }

    fn remove(&mut self, key: &Hidden<C::Key>) {
        self.0.remove(&key.0);
    }
}

impl<C: Add> Add for Hidden<C> {
    type Key = Hidden<C::Key>;
    type Amount = Hidden<C::Amount>;

    fn sum(&self, key: &Hidden<C::Key>, amount: &Hidden<C::Amount>) -> Option<Hidden<C::Amount>> {
        self.0.sum(&key.0, &amount.0).map(Hidden)
    }

    fn has(&self, key: &Hidden<C::Key>) -> bool {
        self.0.has(&key.0)
    }

    fn put(&mut self, key: Hidden<C::Key>, sum: Hidden<C::Amount>) {
        self.0.put(key.0, sum.0);
    }
}

impl<C: Clear> Clear for Hidden<C> {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn len_cleared(&self) -> Option<usize> {
        self.0.len_cleared()
    }
}

impl<T: Len> Len for Hidden<T> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn len_if_present(&self) -> Option<usize> {
        self.0.len_if_present()
    }
}

/// The id is not hidden: it is what the item is found by.
impl<T: Identified> Identified for Hidden<T> {
    type Id = T::Id;
    const FIELD: &'static str = T::FIELD;

    fn id(&self) -> &T::Id {
        self.0.id()
    }
}

/// With `nested` and `each`: what is done to it is hidden as well.
impl<T: LiveValue> LiveValue for Hidden<T> {
    type Message = Hidden<T::Message>;
    type Mutation = Hidden<T::Mutation>;
    type MutError = T::MutError;

    fn mutate(entry: &Entry<Self>, mutation: &Self::Mutation) -> Result<Self, T::MutError> {
        let inner = entry.map(|hidden| hidden.0.clone());
        T::mutate(&inner, &mutation.0).map(Hidden)
    }

    fn apply(&mut self, mutation: &Self::Mutation) -> Result<(), T::MutError> {
        self.0.apply(&mutation.0)
    }

    fn check(&self, was: Option<&Self>) -> Result<(), T::MutError> {
        self.0.check(was.map(|was| &was.0))
    }

    fn check_message(&self, message: &Self::Message) -> Result<(), T::MutError> {
        self.0.check_message(&message.0)
    }

    fn __apply(&mut self, mutation: &Self::Mutation, at: &At<'_>) -> Result<(), T::MutError> {
        self.0.__apply(&mutation.0, at)
    }

    fn __check(&self, was: Option<&Self>, how: How, at: &At<'_>) -> Result<(), T::MutError> {
        self.0.__check(was.map(|was| &was.0), how, at)
    }

    fn __show(mutation: &Self::Mutation) -> Option<&dyn fmt::Debug> {
        Some(mutation)
    }

    fn __show_message(message: &Self::Message) -> Option<&dyn fmt::Debug> {
        Some(message)
    }

    fn __is_plain(mutation: &Self::Mutation) -> bool {
        T::__is_plain(&mutation.0)
    }

    fn __copy(&self) -> Option<Self> {
        self.0.__copy().map(Hidden)
    }
}
