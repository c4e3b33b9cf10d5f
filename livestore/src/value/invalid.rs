//! Why a value was not accepted, in the words of derived rules: [`Invalid`], [`FieldError`], [`Never`]; and where: [`At`].

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// Which rule a value broke.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Invalid {
    /// The length is not within the `len` of the field.
    Length {
        /// The length it would have: `char`s of a string, items of a collection.
        len: usize,
        /// The range allowed, as written in Rust: `1..=32`.
        allowed: String,
    },
    /// The value is not within the `range` of the field.
    Range {
        /// The range allowed, as written in Rust: `0..=100`.
        allowed: String,
    },
    /// The number cannot be represented: too large, too small, or not finite.
    Overflow,
    /// There is no such key in the collection, or nothing in the `Option`.
    Missing,
    /// The key, the item or the id is there already.
    Taken,
    /// A function of the type said no, in these words.
    Rejected(Cow<'static, str>),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Length { len, allowed } => write!(f, "length {len} is not within {allowed}"),
            Invalid::Range { allowed } => write!(f, "the value is not within {allowed}"),
            Invalid::Overflow => f.write_str("the number does not fit its type"),
            Invalid::Missing => f.write_str("there is no such key"),
            Invalid::Taken => f.write_str("there is one already"),
            Invalid::Rejected(reason) => f.write_str(reason),
        }
    }
}

impl Error for Invalid {}

impl From<&'static str> for Invalid {
    fn from(reason: &'static str) -> Self {
        Invalid::Rejected(Cow::Borrowed(reason))
    }
}

impl From<String> for Invalid {
    fn from(reason: String) -> Self {
        Invalid::Rejected(Cow::Owned(reason))
    }
}

impl From<Never> for Invalid {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// Which field broke which rule: what a rule fails with where the error type is the user's own.
///
/// Shown, it names the place as well: `players[ben]: nick: length 0 is not within 1..=16`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FieldError {
    /// The field's name as written.
    pub field: &'static str,
    /// The rule it broke.
    pub reason: Invalid,
    /// Where the field is, if there is more to say than its name.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    path: Option<Box<str>>,
}

impl FieldError {
    /// Says that `field` broke a rule for this `reason`.
    pub fn new(field: &'static str, reason: Invalid) -> FieldError {
        FieldError {
            field,
            reason,
            path: None,
        }
    }

    /// Says that what is at a place is not valid for this `reason`.
    pub(crate) fn at(place: &At<'_>, reason: Invalid) -> FieldError {
        let is_alone = place.key.is_none() && place.outer.is_none_or(At::is_root);
        FieldError {
            field: place.field,
            reason,
            path: (!is_alone).then(|| place.to_string().into()),
        }
    }

    /// Returns where the field is, seen from the value that the mutation was for: `nick`, `players[ben]: nick`.
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or(self.field)
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            // A value by itself, without a field.
            "" => self.reason.fmt(f),
            path => write!(f, "{path}: {}", self.reason),
        }
    }
}

impl Error for FieldError {}

/// Where inside a value something is: handed down from value to inner value, and read only when something is refused.
#[derive(Clone, Copy)]
pub struct At<'a> {
    outer: Option<&'a At<'a>>,
    field: &'static str,
    key: Option<&'a dyn Fn() -> String>,
}

impl<'a> At<'a> {
    /// The value itself.
    pub const ROOT: At<'static> = At {
        outer: None,
        field: "",
        key: None,
    };

    /// A field of what is here.
    #[must_use]
    pub fn field(&'a self, field: &'static str) -> At<'a> {
        At {
            outer: Some(self),
            field,
            key: None,
        }
    }

    /// What is at a key of a field.
    #[must_use]
    pub fn key(&'a self, field: &'static str, key: &'a dyn Fn() -> String) -> At<'a> {
        At {
            outer: Some(self),
            field,
            key: Some(key),
        }
    }

    fn is_root(&self) -> bool {
        self.outer.is_none()
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.outer
            && !outer.is_root()
        {
            write!(f, "{outer}: ")?;
        }
        f.write_str(self.field)?;
        match self.key {
            Some(key) => write!(f, "[{}]", key()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "At({self})")
    }
}

/// The error of values that accept every mutation: it has no value.
///
/// # Examples
///
/// ```
/// use livestore::Never;
///
/// fn accepted(result: Result<u32, Never>) -> u32 {
///     let Ok(number) = result;
///     number
/// }
///
/// assert_eq!(accepted(Ok(3)), 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Never {}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl Error for Never {}
