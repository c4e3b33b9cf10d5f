//! Shapes, generics, visibilities, attributes: under the strictest lints of rustc.
#![deny(warnings, missing_docs, unused_qualifications)]

use livestore::LiveValue;

/// Nothing.
#[derive(Clone, LiveValue)]
pub struct Unit;

/// Nothing in braces.
#[derive(Clone, LiveValue)]
pub struct Braces {}

/// Nothing in parentheses.
#[derive(Clone, LiveValue)]
pub struct Parentheses();

/// One value.
#[derive(Clone, LiveValue)]
pub struct Newtype(#[live(set, increment, message)] pub u32);

/// Several.
#[derive(Clone, LiveValue)]
pub struct Tuple(u8, #[live(toggle)] bool, #[live(skip)] String, pub(crate) Option<u8>);

/// Every kind of parameter.
#[derive(Clone, LiveValue)]
pub struct Generic<T, U: Default, const N: usize = 3, V = String>
where
    T: PartialOrd + std::fmt::Debug,
    V: Clone + Into<String>,
    Vec<U>: Sized,
{
    #[live(validate = any)]
    one: [T; N],
    #[live(push, set = Both)]
    two: Vec<(T, U)>,
    #[live(message)]
    three: V,
    #[live(skip)]
    four: std::marker::PhantomData<fn(V) -> U>,
}

fn any<T>(_: &T) -> Result<(), String> {
    Ok(())
}

/// Bounds that name another parameter, which the enum does not have.
#[derive(Clone, LiveValue)]
pub struct Bounds<A: PartialEq<B>, B = u8, C = B>
where
    B: PartialEq<A>,
{
    c: Vec<C>,
    #[live(skip)]
    ab: std::marker::PhantomData<(A, B)>,
}

/// A path and an associated type that are called like a parameter.
#[derive(Clone, LiveValue)]
pub struct Called<T> {
    path: module::T,
    iterator: std::sync::Arc<dyn Supplier<T = u8>>,
    #[live(skip)]
    t: T,
}

/// A trait with an associated type.
pub trait Supplier: Send + Sync {
    /// It is called like a parameter.
    type T;
}

/// A type in a module.
pub mod module {
    /// It is called like a parameter.
    #[derive(Clone)]
    pub struct T;
}

/// `Self` in types.
#[derive(Clone, LiveValue)]
#[live(mutation(variants(
    /// Adopts.
    Adopt(Vec<Self>),
)), message(variants(
    /// Tells.
    Born(Box<Self>),
)))]
pub struct Tree<T> {
    /// Its children.
    children: Vec<Box<Self>>,
    #[live(push)]
    more: Vec<Self>,
    leaf: Option<T>,
    size: [u8; size_of::<u8>()],
}

impl<T> Tree<T> {
    fn adopt(&mut self, _: &[Self]) {}
}

/// Raw identifiers everywhere.
#[derive(Clone, LiveValue)]
#[live(mutation(variants(
    /// A keyword.
    Match {
        /// Another.
        r#fn: u8,
    },
)))]
#[allow(non_camel_case_types)]
pub struct r#struct {
    #[live(len = 1..)]
    r#type: String,
    #[live(set, message)]
    r#async: u8,
}

/// A function may take what a reference becomes, or whatever a reference is.
#[derive(Clone, LiveValue)]
#[live(mutation(variants(
    /// As a slice of it.
    Slices(String, Vec<u8>),
    /// As what can be made of it.
    Made(String),
    /// As what can do something.
    Shown(u8, String),
    /// What is in it.
    Boxed(Box<u8>),
    /// A reference.
    Borrowed(&'static str),
    /// A keyword since the edition of 2024.
    Gen(T),
    /// More than are asked about.
    Many(u8, u8, u8, u8, u8, u8, u8),
)))]
pub struct Taken<T> {
    r#gen: T,
}

impl<T> Taken<T> {
    fn slices(&mut self, _: &str, _: &[u8]) {}

    fn made(&mut self, _: impl Into<String>) {}

    fn shown(&mut self, _: &impl std::fmt::Display, _: &str) {}

    fn boxed(&mut self, _: &u8) {}

    fn borrowed(&mut self, _: &str) {}

    fn r#gen(&self, _: &T) {}

    #[allow(clippy::too_many_arguments)]
    fn many(&mut self, _: &u8, _: &u8, _: &u8, _: &u8, _: &u8, _: &u8, _: &u8) {}
}

impl r#struct {
    fn r#match(&mut self, _: &u8) {}
}

/// Attributes on fields.
#[derive(Clone, LiveValue)]
pub struct Attributes {
    /// Gone by now.
    #[cfg(any())]
    #[live(bananas)]
    gone: Missing,
    #[cfg(all())]
    here: u8,
    /// Do not use it.
    #[deprecated(note = "use `here`")]
    #[live(set, increment, message)]
    old: u8,
    #[cfg_attr(all(), live(toggle, attr(cfg(all()))))]
    on: bool,
}

/// Attributes on enums and variants.
#[derive(Clone, LiveValue)]
#[live(
    derive(Debug, PartialEq, std::clone::Clone),
    attr(non_exhaustive, doc = " More."),
    mutation(derive(Eq, Hash), attr(must_use), variants(
        /// Here.
        #[cfg(all())]
        Here,
        /// Gone.
        #[cfg(any())]
        Gone(Missing),
        /// Old.
        #[deprecated]
        Old {
            /// Why.
            #[doc(alias = "reason")]
            why: String,
        } = Self::here_too,
    )),
    error(derive(Debug, Eq)),
)]
pub struct Passed {
    #[live(range = ..3)]
    field: u8,
}

impl Passed {
    fn here(&mut self) {}

    fn here_too(&mut self, _: &str) {}
}

/// Aliases of everything.
pub type Map = std::collections::HashMap<u8, Newtype>;
/// A number.
pub type Number = u16;

/// Operations behind aliases.
#[derive(Clone, LiveValue)]
pub struct Aliased {
    #[live(insert, remove, each, clear, len = ..3)]
    map: Map,
    #[live(increment, range = ..3)]
    number: Number,
    #[live(nested)]
    nested: Newtype,
}

mod private {
    use livestore::LiveValue;

    #[derive(Clone, LiveValue)]
    pub(super) struct Restricted {
        pub(in crate::private) field: u8,
    }

    #[derive(Clone, LiveValue)]
    #[live(message(variants(Unused)))]
    struct Private {
        #[live(len = 1..)]
        field: String,
    }

    pub(super) fn run() {
        let _ = (Restricted { field: 0 }.field, Private { field: String::new() }.field);
    }
}

/// Ranges that are no bare range.
#[derive(Clone, LiveValue)]
pub struct Ranges {
    most: u8,
    #[live(range = (0..=self.most))]
    parentheses: u8,
    #[live(range = {
        let most = self.most;
        0..=most
    })]
    block: u8,
}

/// A parameter that is not written as rustc would like.
#[allow(non_upper_case_globals)]
#[derive(Clone, LiveValue)]
pub struct Lower<const len: usize> {
    #[live(set_at)]
    places: [u8; len],
}

/// In a function.
pub fn in_a_function() {
    #[derive(Clone, LiveValue)]
    struct Local<T> {
        field: T,
    }
    let mut local = Local { field: 1 };
    let Ok(()) = local.apply(&LocalMutation::SetField(2));
    assert_eq!(local.field, 2);
}

/// Another name for the crate.
mod facade {
    pub(crate) use ::livestore as live;
}

/// Where the crate has another name.
#[derive(Clone, live::LiveValue)]
#[live(crate = crate::facade::live)]
pub struct Elsewhere {
    #[live(increment)]
    field: u8,
}

use ::livestore as live;

fn main() {
    private::run();
    in_a_function();
    let mut tree = Tree { children: Vec::new(), more: Vec::new(), leaf: None::<u8>, size: [0] };
    let child = tree.clone();
    assert!(tree.apply(&TreeMutation::PushMore(child.clone())).is_ok());
    assert!(tree.apply(&TreeMutation::SetChildren(vec![Box::new(child)])).is_ok());
    assert_eq!((tree.more.len(), tree.children.len()), (1, 1));

    let mut bounds = Bounds::<u8, u8, u16> { c: Vec::new(), ab: std::marker::PhantomData };
    let mutation: BoundsMutation<u16> = BoundsMutation::SetC(vec![1]);
    assert!(bounds.apply(&mutation).is_ok());
    assert_eq!(bounds.c, [1]);
}
