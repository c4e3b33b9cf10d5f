#![doc = include_str!("../README.md")]

// The derive names this crate as its users do; so do this crate's own tests.
extern crate self as livestore;

mod clock;
mod entry;
mod error;
mod invalid;
mod sync;
mod value;

pub mod ops;

#[doc(hidden)]
pub mod __private;

pub use crate::entry::Entry;
pub use crate::error::{AcquireError, Missing, MutateError, Occupied, OptionsError, TryAcquireError};
pub use crate::invalid::{FieldError, Invalid, Never};
pub use crate::value::LiveValue;
#[cfg(feature = "derive")]
pub use livestore_derive::LiveValue;
pub use uuid::Uuid;
