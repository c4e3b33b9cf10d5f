//! Whether the function of a mutation takes a payload by value, and not by the reference that it is handed.
//!
//! rustc knows the types of its parameters, so derived code asks for them, and hands out each payload by what the parameter is.
//! What is taken by value could be cloned; it is refused instead, with a sentence that rustc has none for.

use std::fmt;
use std::marker::PhantomData;

/// A function, asked whether it takes the arguments `A`, some of which may not be known yet.
pub struct Takes<F, A>(PhantomData<F>, PhantomData<A>);

/// Asks `function`.
#[inline]
pub fn takes<A, F>(_: &F) -> Takes<F, A> {
    Takes(PhantomData, PhantomData)
}

/// A parameter of it.
pub struct Parameter<P>(PhantomData<fn(P)>);

impl<P> Parameter<P> {
    const ASKED: Self = Parameter(PhantomData);

    /// A payload for it.
    #[inline]
    pub fn __of<A: ?Sized>(&self) -> Payload<P, A> {
        Payload(PhantomData, PhantomData)
    }
}

/// The answer of a function that takes something else: nothing is known of its parameters, and rustc says what is wrong.
pub trait TakesOther {
    /// The parameters.
    type Parameters;

    /// Returns them.
    fn __parameters(&self) -> Self::Parameters;
}

macro_rules! functions {
    ($($($parameter:ident)*;)*) => {$(
        impl<F, R, V, $($parameter),*> Takes<F, (V, $($parameter,)*)>
        where
            F: FnOnce(V, $($parameter),*) -> R,
        {
            /// The parameters after the first, which is the value.
            #[inline]
            pub fn __parameters(&self) -> ($(Parameter<$parameter>,)*) {
                ($(Parameter::<$parameter>::ASKED,)*)
            }
        }

        impl<F, V> TakesOther for Takes<F, (V, $(unknown!($parameter),)*)> {
            type Parameters = ($(Parameter<unknown!($parameter)>,)*);

            #[inline]
            fn __parameters(&self) -> Self::Parameters {
                ($(Parameter::<unknown!($parameter)>::ASKED,)*)
            }
        }
    )*};
}

macro_rules! unknown {
    ($parameter:ident) => {
        Unknown
    };
}

functions! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E G;
}

/// A parameter of which nothing is known.
#[derive(Debug)]
pub struct Unknown;

/// A payload `A` for a parameter `P`.
pub struct Payload<P, A: ?Sized>(PhantomData<P>, PhantomData<A>);

impl<A: ?Sized> Payload<&A, A> {
    /// Hands it out as it is.
    #[inline]
    pub fn __hand<'a>(&self, payload: &'a A) -> &'a A {
        payload
    }
}

/// The answer of a parameter that takes the payload itself.
pub trait ByValue {
    /// The payload.
    type Payload;

    /// Hands out a copy.
    fn __hand(&self, payload: &Self::Payload) -> Self::Payload
    where
        Self::Payload: ByItself;
}

impl<A> ByValue for Payload<A, A> {
    type Payload = A;

    #[inline]
    fn __hand(&self, payload: &A) -> A
    where
        A: ByItself,
    {
        payload.clone()
    }
}

/// The answer of all others, which may take what a reference becomes, as a `&str` that of a `String`.
pub trait ByReference {
    /// The payload.
    type Payload: ?Sized;

    /// Hands it out as it is.
    fn __hand<'a>(&self, payload: &'a Self::Payload) -> &'a Self::Payload;
}

impl<P, A: ?Sized> ByReference for &Payload<P, A> {
    type Payload = A;

    #[inline]
    fn __hand<'a>(&self, payload: &'a A) -> &'a A {
        payload
    }
}

/// A payload that may be taken by value, which only one that is a reference is.
#[diagnostic::on_unimplemented(
    message = "the function of a mutation gets a reference to each payload, but this one takes a `{Self}` by value",
    label = "taken by value; write `&{Self}` in the function",
    note = "the payload stays with the mutation, of which watchers are told; what the function keeps of it, it clones"
)]
pub trait ByItself: Clone {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized> ByItself for &T {}

impl<F, A> fmt::Debug for Takes<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Takes")
    }
}

impl<P> fmt::Debug for Parameter<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parameter")
    }
}

impl<P, A: ?Sized> fmt::Debug for Payload<P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payload")
    }
}
