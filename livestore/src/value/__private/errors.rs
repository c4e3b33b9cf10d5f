//! Errors of values inside values: how a generated one is shown, and how it becomes one of the user's own.

use std::fmt::{self, Debug, Display};
use std::marker::PhantomData;

use crate::value::invalid::{At, FieldError, Invalid, Never};

/// An error that the derive generated.
#[doc(hidden)]
pub trait DerivedError: Debug + Display {
    /// What it consists of.
    fn __parts(&self) -> Parts<'_>;
}

impl<E: DerivedError> DerivedError for Box<E> {
    fn __parts(&self) -> Parts<'_> {
        E::__parts(self)
    }
}

/// What a generated error consists of.
pub struct Parts<'a> {
    variant: &'static str,
    /// The field; empty where the reason is about the value itself.
    field: &'static str,
    key: Option<&'a str>,
    reason: Reason<'a>,
}

impl<'a> Parts<'a> {
    /// A rule of a field, or a method.
    #[must_use]
    pub fn rule(variant: &'static str, field: &'static str, reason: &'a Invalid) -> Parts<'a> {
        Parts {
            variant,
            field,
            key: None,
            reason: Reason::Rule(reason),
        }
    }

    /// The value in a field, or at a key of it.
    #[must_use]
    pub fn inner(
        variant: &'static str,
        field: &'static str,
        key: Option<&'a str>,
        reason: Reason<'a>,
    ) -> Parts<'a> {
        Parts {
            variant,
            field,
            key,
            reason,
        }
    }
}

/// Why it said no.
pub enum Reason<'a> {
    Rule(&'a Invalid),
    Derived(&'a dyn DerivedError),
    Other(&'a dyn Words),
}

/// An error of which nothing more is known.
pub trait Words: Debug + Display {}

impl<E: Debug + Display> Words for E {}

/// Asks whether an error was generated.
#[derive(Debug)]
pub struct Told<E>(PhantomData<fn() -> E>);

impl<E: DerivedError> Told<E> {
    /// Found first, for a generated one.
    pub fn __reason(error: &E) -> Reason<'_> {
        Reason::Derived(error)
    }
}

/// The answer for all other types.
pub trait NotDerived {
    /// What is asked about.
    type Error;

    /// It is only known how to show it.
    fn __reason(error: &Self::Error) -> Reason<'_>
    where
        Self::Error: Debug + Display;
}

impl<E> NotDerived for Told<E> {
    type Error = E;

    fn __reason(error: &E) -> Reason<'_>
    where
        E: Debug + Display,
    {
        Reason::Other(error)
    }
}

/// `Debug` of a generated error: as derived, without asking anything of type parameters.
///
/// # Errors
///
/// The formatter's.
pub fn debug_error(error: &impl DerivedError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let parts = error.__parts();
    let mut tuple = f.debug_tuple(parts.variant);
    if let Some(key) = parts.key {
        tuple.field(&key);
    }
    match parts.reason {
        Reason::Rule(reason) => tuple.field(reason),
        Reason::Derived(reason) => tuple.field(&reason),
        Reason::Other(reason) => tuple.field(&reason),
    }
    .finish()
}

/// `Display` of a generated error: the place, then the reason.
///
/// # Errors
///
/// The formatter's.
pub fn display_error(error: &impl DerivedError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let parts = error.__parts();
    match (parts.field, parts.key) {
        ("", None) => Ok(()),
        (field, None) => write!(f, "{field}: "),
        (field, Some(key)) => write!(f, "{field}[{key}]: "),
    }?;
    match parts.reason {
        Reason::Rule(reason) => Display::fmt(reason, f),
        Reason::Derived(reason) => Display::fmt(reason, f),
        Reason::Other(reason) => Display::fmt(reason, f),
    }
}

/// The rule that a generated error is about, and where that is.
fn field_error(error: &dyn DerivedError, at: &At<'_>) -> FieldError {
    let parts = error.__parts();
    let text;
    let key;
    let place = match parts.key {
        None if parts.field.is_empty() => *at,
        None => at.field(parts.field),
        Some(of) => {
            text = of;
            key = || text.to_owned();
            at.key(parts.field, &key)
        }
    };
    match parts.reason {
        Reason::Rule(reason) => FieldError::at(&place, reason.clone()),
        Reason::Derived(reason) => field_error(reason, &place),
        Reason::Other(reason) => FieldError::at(&place, Invalid::from(reason.to_string())),
    }
}

/// Makes the error `I` of an inner value the error `E` of the user's own.
#[derive(Debug)]
pub struct Convert<E, I>(PhantomData<fn(I) -> E>);

impl<E: From<FieldError>, I: DerivedError> Convert<E, I> {
    /// Found first: a generated error says which rule was broken where.
    pub fn __convert(inner: I, at: &At<'_>) -> E {
        E::from(field_error(&inner, at))
    }
}

impl<E> Convert<E, Never> {
    /// There is nothing to make.
    pub fn __convert(never: Never, _: &At<'_>) -> E {
        match never {}
    }
}

/// The answer for all others.
pub trait ByFrom {
    /// The error of the user's own.
    type Outer;
    /// That of an inner value.
    type Inner;

    /// By `From`.
    fn __convert(inner: Self::Inner, at: &At<'_>) -> Self::Outer
    where
        Self::Outer: FromInner<Self::Inner>;
}

impl<E, I> ByFrom for Convert<E, I> {
    type Outer = E;
    type Inner = I;

    fn __convert(inner: I, _: &At<'_>) -> E
    where
        E: FromInner<I>,
    {
        E::from_inner(inner)
    }
}

/// An error type that can tell that an inner value said no.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot tell that a `nested` or `each` value refused",
    label = "needs `impl From<livestore::FieldError>` or `impl From<{I}>`",
    note = "a `livestore::FieldError` names the field and the reason, and takes what every derived inner value says; the \
            error of an inner value that is an error of your own needs `From` of that"
)]
pub trait FromInner<I>: Sized {
    /// Makes the error.
    fn from_inner(inner: I) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<I>, I> FromInner<I> for E {
    fn from_inner(inner: I) -> Self {
        E::from(inner)
    }
}
