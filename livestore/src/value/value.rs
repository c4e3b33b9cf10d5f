//! [`LiveValue`]: the trait of everything that can live in a store.

use std::any::Any;
use std::fmt;

use crate::value::entry::Entry;
use crate::value::invalid::At;

/// What a value weighs at most that counts as small, in bytes: see [`LiveValue::__copy`].
pub(crate) const SMALL: usize = 1024;

/// A type whose values can live in a [`LiveStore`](crate::LiveStore).
///
/// Derive it; implementing it by hand is possible and takes the three types and [`mutate`](Self::mutate).
///
/// The store calls these methods with nothing locked, on a copy of the value. They may call the store. If they
/// panic, the entry stays as it was.
///
/// # Examples
///
/// By hand:
///
/// ```
/// use livestore::{Entry, LiveValue};
///
/// #[derive(Clone)]
/// struct Door { open: bool }
///
/// #[derive(Clone)]
/// enum DoorMutation { Open, Close }
///
/// impl LiveValue for Door {
///     type Message = ();
///     type Mutation = DoorMutation;
///     type MutError = &'static str;
///
///     fn mutate(entry: &Entry<Self>, mutation: &DoorMutation) -> Result<Self, &'static str> {
///         match (mutation, entry.open) {
///             (DoorMutation::Open, false) => Ok(Door { open: true }),
///             (DoorMutation::Close, true) => Ok(Door { open: false }),
///             _ => Err("the door is that way already"),
///         }
///     }
/// }
///
/// assert!(Door::mutate(&Entry::new(Door { open: true }), &DoorMutation::Open).is_err());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a live value",
    label = "does not implement `LiveValue`",
    note = "add `#[derive(Clone, LiveValue)]` to `{Self}`, or implement `LiveValue` by hand"
)]
pub trait LiveValue: Clone + Send + Sync + Any {
    /// An event that is sent to everybody who watches and changes nothing. `()` if unused.
    type Message: Clone + Send + Sync + 'static;

    /// A change, which [`mutate`](Self::mutate) applies or refuses. `()` if unused.
    type Mutation: Clone + Send + Sync + 'static;

    /// Why a mutation was refused. [`Never`](crate::Never) if none is.
    type MutError: Send + Sync + 'static;

    /// Returns what the value becomes by `mutation`.
    ///
    /// What is returned is committed, also if it is equal to what was: the store compares nothing. A mutation that should
    /// tell nobody when it changes nothing is refused instead.
    ///
    /// # Errors
    ///
    /// The reason why the value does not accept the mutation; the entry then stays as it is and nobody is told.
    fn mutate(entry: &Entry<Self>, mutation: &Self::Mutation) -> Result<Self, Self::MutError>;

    /// Applies `mutation` to a value that is in no store: a client's replica, a field, a test's value.
    ///
    /// Derived, it works in place.
    ///
    /// # Errors
    ///
    /// As [`mutate`](Self::mutate); the value is then unchanged.
    fn apply(&mut self, mutation: &Self::Mutation) -> Result<(), Self::MutError> {
        *self = Self::mutate(&Entry::new(self.clone()), mutation)?;
        Ok(())
    }

    /// Checks a whole value that did not come about by a mutation.
    ///
    /// `was` is the value that it replaces, `None` for a new entry. Derived, it runs the rules of every field, those of
    /// the values in it included, then, when there is a `was`, the `validate` of the type. By default every value is
    /// accepted.
    ///
    /// What a derived mutation makes of a value that passes `check(None)` passes it too.
    ///
    /// # Errors
    ///
    /// The reason why this is not a valid value, or not a valid successor of `was`.
    fn check(&self, was: Option<&Self>) -> Result<(), Self::MutError> {
        self.__check(was, How::Asked, &At::ROOT)
    }

    /// Checks what a message says about the value: derived, the rules of a field hold for its `message` too. By default
    /// every message is accepted.
    ///
    /// A broadcast is the server's own act and is not checked. Ask before passing on what a client sent.
    ///
    /// # Errors
    ///
    /// The reason why this is not a valid message.
    fn check_message(&self, message: &Self::Message) -> Result<(), Self::MutError> {
        let _ = message;
        Ok(())
    }

    /// `apply` to a value inside another one, for errors that name the place.
    ///
    /// Where the trait is implemented by hand, nobody knows whether `mutate` asks `check`, which the value around this one has
    /// said it would.
    #[doc(hidden)]
    fn __apply(&mut self, mutation: &Self::Mutation, at: &At<'_>) -> Result<(), Self::MutError> {
        let _ = at;
        if Self::__checks_itself() {
            return self.apply(mutation);
        }
        let mut next = self.clone();
        next.apply(mutation)?;
        next.check(None)?;
        *self = next;
        Ok(())
    }

    /// Whether `apply` leaves nothing that `check` would refuse. Only the derive may say so.
    #[doc(hidden)]
    fn __checks_itself() -> bool {
        false
    }

    /// `check` of a value inside another one, or after somebody has changed it at will. The derive writes this one, and
    /// whoever implements the trait by hand the other.
    #[doc(hidden)]
    fn __check(&self, was: Option<&Self>, how: How, at: &At<'_>) -> Result<(), Self::MutError> {
        let _ = at;
        match how {
            How::Asked => Ok(()),
            How::Whole => self.check(was),
            How::Again => self.check(None),
        }
    }

    /// Shows a mutation, if it can be shown.
    #[doc(hidden)]
    fn __show(mutation: &Self::Mutation) -> Option<&dyn fmt::Debug> {
        let _ = mutation;
        None
    }

    /// As `__show`.
    #[doc(hidden)]
    fn __show_message(message: &Self::Message) -> Option<&dyn fmt::Debug> {
        let _ = message;
        None
    }

    /// Tells whether `apply` of this mutation calls nothing of the user's, so that the store may run it under
    /// the entry's lock. Only the derive may say so.
    #[doc(hidden)]
    fn __is_plain(mutation: &Self::Mutation) -> bool {
        let _ = mutation;
        false
    }

    /// Copies a small value if that calls nothing of the user's, so that the store may do it under the entry's lock. Only
    /// the derive may do it.
    #[doc(hidden)]
    fn __copy(&self) -> Option<Self> {
        None
    }
}

/// What a value is checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// What `check` is for, asked by the `check` that nobody has written: there is nothing else to ask.
    Asked,
    /// Everything, the `validate` of its type included: it replaces what was.
    Whole,
    /// The rules of its fields: somebody may have changed it since. What is still shared with what was has not changed.
    Again,
}

impl How {
    /// How the values in the value are checked.
    #[must_use]
    pub fn inside(self) -> How {
        match self {
            How::Asked => How::Whole,
            how => how,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The least that can live in a store.
    #[derive(Clone, Debug)]
    pub(crate) struct Value;

    impl LiveValue for Value {
        type Message = ();
        type Mutation = ();
        type MutError = ();

        fn mutate(_: &Entry<Self>, (): &()) -> Result<Self, ()> {
            Ok(Value)
        }
    }
}
