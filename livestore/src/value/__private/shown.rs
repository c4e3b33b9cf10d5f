//! What can be shown of values of which nothing is known.

use std::fmt::{self, Debug, Display};

use crate::value::__private::plain::Probe;

/// A key, to be named in an error.
#[derive(Debug)]
pub struct Key<'a, T: ?Sized>(pub &'a T);

/// Asked first: the text that a user would read.
pub trait ByDisplay {
    /// The key as a text.
    fn __text(&self) -> String;
}

impl<T: Display + ?Sized> ByDisplay for &&Key<'_, T> {
    fn __text(&self) -> String {
        self.0.to_string()
    }
}

/// Asked second.
pub trait ByDebug {
    /// The key as a text.
    fn __text(&self) -> String;
}

impl<T: Debug + ?Sized> ByDebug for &Key<'_, T> {
    fn __text(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// The answer for all other types.
pub trait Hidden {
    /// That there is one.
    fn __text(&self) -> String {
        "_".to_owned()
    }
}

impl<T: ?Sized> Hidden for Key<'_, T> {}

/// A payload of which nothing can be shown: `_`.
pub struct Shown;

impl Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

/// The name of a variant of which nothing else can be shown.
pub struct Name(pub &'static str);

impl Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<T: Debug> Probe<T> {
    /// Found first, for a type that can be shown.
    pub fn __show(value: &T) -> Option<&dyn Debug> {
        Some(value)
    }

    /// As above.
    pub fn __payload(value: &T) -> &dyn Debug {
        value
    }
}

/// The answers for all other types.
pub trait NotShown {
    /// What is asked about.
    type Value: ?Sized;

    /// It cannot be shown.
    fn __show(_: &Self::Value) -> Option<&dyn Debug> {
        None
    }

    /// It is there.
    fn __payload(_: &Self::Value) -> &dyn Debug {
        &Shown
    }
}

impl<T: ?Sized> NotShown for Probe<T> {
    type Value = T;
}

/// A variant with a tuple of payloads.
///
/// # Errors
///
/// The formatter's.
pub fn debug_tuple(f: &mut fmt::Formatter<'_>, name: &str, payloads: &[&dyn Debug]) -> fmt::Result {
    let mut tuple = f.debug_tuple(name);
    for payload in payloads {
        tuple.field(payload);
    }
    tuple.finish()
}

/// A variant with named payloads.
///
/// # Errors
///
/// The formatter's.
pub fn debug_struct(f: &mut fmt::Formatter<'_>, name: &str, payloads: &[(&str, &dyn Debug)]) -> fmt::Result {
    let mut fields = f.debug_struct(name);
    for (name, payload) in payloads {
        fields.field(name, payload);
    }
    fields.finish()
}
