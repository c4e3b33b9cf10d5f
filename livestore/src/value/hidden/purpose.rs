//! What a thread serializes for, which decides what serializers get of what is [`Hidden`].
//!
//! Serde hands a value a serializer and tells it nothing of what that is for. So whoever in this library serializes says so
//! beforehand, for the thread and for as long as that takes: [`revealed`] for files, [`left_out`] for clients. Everything
//! else is somebody else's and gets an error.
//!
//! It is the thread that knows, and not a serializer of our own that is recognised, because serde puts its own ones between
//! them (`tag`, `flatten`, and what buffers for them), which do not pass on what one would recognise ours by. What a
//! `Serialize` of the user's serializes on the way by other means, into a text that becomes a field, is then treated as the
//! whole is: it goes to the file with it, or is left out of it.

use std::cell::Cell;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::ground::sync::thread_local;
use crate::value::hidden::Hidden;

/// What this thread serializes for.
#[derive(Clone, Copy)]
enum For {
    /// Nobody has said.
    Others,
    /// The store's files.
    Files,
    /// Clients.
    #[cfg(feature = "ws")]
    Clients,
}

thread_local! {
    /// Has no destructor, so it can be read as long as the thread runs at all.
    static FOR: Cell<For> = const { Cell::new(For::Others) };
}

/// The name of what stands for a hidden value that is left out.
#[cfg(feature = "ws")]
pub(crate) const LEFT_OUT: &str = "$livestore::private::Hidden";

/// Serializes for the store's files: with what is hidden.
pub(crate) fn revealed<R>(serialize: impl FnOnce() -> R) -> R {
    while_for(For::Files, serialize)
}

/// Serializes for clients: a hidden value is written as a unit struct of the name [`LEFT_OUT`], and not even looked at.
#[cfg(feature = "ws")]
pub(crate) fn left_out<R>(serialize: impl FnOnce() -> R) -> R {
    while_for(For::Clients, serialize)
}

fn while_for<R>(whom: For, serialize: impl FnOnce() -> R) -> R {
    /// Also after a panic.
    struct Before(For);
    impl Drop for Before {
        fn drop(&mut self) {
            FOR.set(self.0);
        }
    }
    let _before = Before(FOR.replace(whom));
    serialize()
}

/// An error, but for the store's own files. It may be written on the way into a field of another kind; see
/// [`Hidden`].
impl<T: Serialize> Serialize for Hidden<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match FOR.get() {
            For::Files => self.0.serialize(serializer),
            #[cfg(feature = "ws")]
            For::Clients => serializer.serialize_unit_struct(LEFT_OUT),
            For::Others => Err(S::Error::custom(
                "a `Hidden` value leaves the server in no form; show clients a type that does not have it",
            )),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Hidden<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error may quote what it found.
        match T::deserialize(deserializer) {
            Ok(value) => Ok(Hidden(value)),
            Err(_) => Err(D::Error::custom("this is not what the hidden value is")),
        }
    }
}
