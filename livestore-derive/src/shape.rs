//! [`Shape`]: what the spelling of a field's type says about it.
//!
//! It chooses the spelling of payloads (`Say(String)` instead of a projection) and refuses operations that cannot
//! fit with one sentence. What is done to a field always goes through the traits in `ops`, so that a wrong guess (a
//! user's own `Vec`) is an error of types and never a wrong mutation.

use quote::ToTokens;
use syn::{GenericArgument, Path, PathArguments, Type};

use crate::attr::OpKind;

/// What kind of type it is, by its name.
#[derive(Clone)]
pub(crate) enum Shape {
    Text,
    Number,
    Duration,
    Bool,
    Char,
    List(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Set(Box<Type>),
    Option(Box<Type>),
    Array(Box<Type>),
    Hidden(Box<Type>),
    /// An alias, a type of the user's, a generic parameter: nothing is known.
    Other,
}

/// What stands round a live value that `nested` and `each` look through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    Option,
    Box,
    Arc,
}

/// The type inside `Option`, `Box` and `Arc`, and what stands round it, outermost first.
pub(crate) fn through(ty: &Type) -> (Type, Vec<Via>) {
    let mut inner = ty.clone();
    let mut via = Vec::new();
    loop {
        let next = match &inner {
            Type::Group(group) => Some((None, Type::clone(&group.elem))),
            Type::Paren(paren) => Some((None, Type::clone(&paren.elem))),
            Type::Path(path) if path.qself.is_none() => outer(&path.path).map(|(via, ty)| (Some(via), ty)),
            _ => None,
        };
        let Some((around, ty)) = next else {
            return (inner, via);
        };
        via.extend(around);
        inner = ty;
    }
}

fn outer(path: &Path) -> Option<(Via, Type)> {
    let last = path.segments.last().filter(|_| is_std(path))?;
    let via = match last.ident.to_string().as_str() {
        "Option" => Via::Option,
        "Box" => Via::Box,
        "Arc" => Via::Arc,
        _ => return None,
    };
    let PathArguments::AngleBracketed(list) = &last.arguments else {
        return None;
    };
    match list.args.first() {
        Some(GenericArgument::Type(ty)) if list.args.len() == 1 => Some((via, ty.clone())),
        _ => None,
    }
}

const NUMBERS: &[&str] = &[
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64",
];

impl Shape {
    pub(crate) fn of(ty: &Type) -> Shape {
        match ty {
            // What a `$t:ty` of `macro_rules!` arrives in.
            Type::Group(group) => Shape::of(&group.elem),
            Type::Paren(paren) => Shape::of(&paren.elem),
            Type::Array(array) => Shape::Array(array.elem.clone()),
            Type::Path(path) if path.qself.is_none() => match hidden(&path.path) {
                Some(inner) => Shape::Hidden(Box::new(inner.clone())),
                None => Shape::of_path(&path.path),
            },
            _ => Shape::Other,
        }
    }

    /// The shape of what is in it, if it is hidden.
    fn revealed(ty: &Type) -> Shape {
        match Shape::of(ty) {
            Shape::Hidden(inner) => Shape::revealed(&inner),
            shape => shape,
        }
    }

    fn of_path(path: &Path) -> Shape {
        let Some(last) = path.segments.last().filter(|_| is_std(path) || is_known(path)) else {
            return Shape::Other;
        };
        let types: Vec<&Type> = match &last.arguments {
            PathArguments::None => Vec::new(),
            PathArguments::AngleBracketed(list) => list
                .args
                .iter()
                .filter_map(|arg| {
                    if let GenericArgument::Type(ty) = arg {
                        Some(ty)
                    } else {
                        None
                    }
                })
                .collect(),
            _ => return Shape::Other,
        };
        let name = last.ident.to_string();
        match (name.as_str(), types.as_slice()) {
            ("String" | "str", []) => Shape::Text,
            ("bool", []) => Shape::Bool,
            ("char", []) => Shape::Char,
            ("Duration", []) => Shape::Duration,
            (number, []) if NUMBERS.contains(&number) => Shape::Number,
            ("Vec" | "VecDeque" | "LinkedList", [item]) => Shape::List(Box::new((*item).clone())),
            ("HashMap", [key, value] | [key, value, _]) | ("BTreeMap", [key, value]) => {
                Shape::Map(Box::new((*key).clone()), Box::new((*value).clone()))
            }
            ("IndexMap", [key, value] | [key, value, _]) => {
                Shape::Map(Box::new((*key).clone()), Box::new((*value).clone()))
            }
            ("HashSet" | "IndexSet", [item] | [item, _]) | ("BTreeSet", [item]) => {
                Shape::Set(Box::new((*item).clone()))
            }
            ("SmallVec", [Type::Array(array)]) => Shape::List(array.elem.clone()),
            ("Option", [inner]) => Shape::Option(Box::new((*inner).clone())),
            // Copy-on-write: it can do what is inside can do.
            ("Arc", [inner]) => match Shape::of(inner) {
                collection @ (Shape::List(_) | Shape::Map(..) | Shape::Set(_) | Shape::Text) => collection,
                _ => Shape::Other,
            },
            _ => Shape::Other,
        }
    }

    /// How the type is called in a message.
    pub(crate) fn describe(&self) -> String {
        match self {
            Shape::Text => "a string".into(),
            Shape::Number => "a number".into(),
            Shape::Duration => "a `Duration`".into(),
            Shape::Bool => "a `bool`".into(),
            Shape::Char => "a `char`".into(),
            Shape::List(_) => "a list".into(),
            Shape::Map(..) => "a map".into(),
            Shape::Set(_) => "a set".into(),
            Shape::Option(inner) => match Shape::of(inner) {
                Shape::Other => "an `Option`".into(),
                inner => format!("an `Option` of {}", inner.describe()),
            },
            Shape::Array(_) => "an array".into(),
            Shape::Hidden(inner) => match Shape::of(inner) {
                Shape::Other => "`Hidden`".into(),
                inner => format!("`Hidden`, in it {}", inner.describe()),
            },
            Shape::Other => "of a type of its own".into(),
        }
    }

    /// Why the operation cannot be done to a type of this shape; `None` if it can, or if only rustc knows.
    ///
    /// `by_id`: whether the items of a list are found by an id of theirs.
    pub(crate) fn refuses(&self, op: OpKind, by_id: bool) -> Option<&'static str> {
        let positions = "positions in a list shift under concurrent edits: find the items by an id of theirs, \
                         `each(by = id)`, key them in a map, or declare a mutation of your own";
        match (op, self) {
            (OpKind::Set | OpKind::Message, _) | (_, Shape::Other) => None,
            (OpKind::Each | OpKind::SetAt, Shape::Hidden(_)) => {
                Some("hide what is in it: `HashMap<K, Hidden<V>>`, `Vec<Hidden<V>>`, `[Hidden<V>; N]`")
            }
            (OpKind::Remove, Shape::Hidden(_)) if by_id => Some("hide what is in it: `Vec<Hidden<V>>`"),
            (OpKind::Nested, Shape::Hidden(inner)) => match Shape::of(inner) {
                Shape::Other => None,
                Shape::Option(_) => Some("hide what is in it: `Option<Hidden<T>>`"),
                inner => inner.refuses(op, by_id),
            },
            (_, Shape::Hidden(inner)) => Shape::of(inner).refuses(op, by_id),
            (OpKind::Each | OpKind::Remove, Shape::List(_)) if by_id => None,
            (OpKind::Each, _) if by_id => Some("`by` finds items in a list"),
            (OpKind::Each | OpKind::SetAt, Shape::Array(_)) | (OpKind::SetAt, Shape::Map(..)) => None,
            (OpKind::SetAt | OpKind::Remove, Shape::List(_)) => Some(positions),
            (OpKind::SetAt, _) => Some("it is for arrays and maps"),
            (OpKind::Add, Shape::Map(_, value)) => match Shape::revealed(value) {
                Shape::Number | Shape::Duration | Shape::Other => None,
                _ => Some("it is for maps of numbers"),
            },
            (OpKind::Add, Shape::Number | Shape::Duration) => Some("use `increment`"),
            (OpKind::Add, Shape::Set(_)) => Some("use `insert`"),
            (OpKind::Add, Shape::List(_)) => Some("use `push`"),
            (OpKind::Add, _) => Some("it is for maps of numbers"),
            (OpKind::Increment | OpKind::Decrement, Shape::Number | Shape::Duration) => None,
            (OpKind::Increment | OpKind::Decrement, _) => Some("it is for numbers"),
            (OpKind::Toggle, Shape::Bool) => None,
            (OpKind::Toggle, _) => Some("it is for a `bool`"),
            (OpKind::Push, Shape::List(_)) => None,
            (OpKind::Push, Shape::Map(..) | Shape::Set(_)) => Some("use `insert`"),
            (OpKind::Push, _) => Some("it is for lists"),
            (OpKind::Insert | OpKind::Remove, Shape::Map(..) | Shape::Set(_)) => None,
            (OpKind::Insert, Shape::List(_)) => Some("use `push`"),
            (OpKind::Insert, Shape::Option(_)) => Some("use `set`"),
            (OpKind::Each, Shape::List(_)) => Some(positions),
            (OpKind::Remove, Shape::Option(_)) => Some("use `clear`"),
            (OpKind::Insert | OpKind::Remove, _) => Some("it is for maps and sets"),
            (
                OpKind::Clear,
                Shape::Text | Shape::List(_) | Shape::Map(..) | Shape::Set(_) | Shape::Option(_),
            ) => None,
            (OpKind::Clear, _) => Some("it is for collections, strings and `Option`s"),
            (OpKind::Nested, Shape::Map(..) | Shape::Array(_)) => {
                Some("to change one of its values use `each`")
            }
            (OpKind::Nested, Shape::Option(inner))
                if matches!(Shape::revealed(&through(inner).0), Shape::Other) =>
            {
                None
            }
            (OpKind::Nested, _) => Some("it is for a field whose type is a live value itself"),
            (OpKind::Each, Shape::Map(..)) => None,
            (OpKind::Each, _) => Some("it is for maps whose values are live values"),
        }
    }

    /// The key, if it is of a type that cannot be one.
    pub(crate) fn float_key(&self) -> Option<&Type> {
        let (Shape::Map(key, _) | Shape::Set(key)) = self else {
            return None;
        };
        let name = key.to_token_stream().to_string();
        matches!(name.as_str(), "f32" | "f64").then_some(key)
    }

    /// What the values of a map are, or the items of a list that are found by an id, if they are certainly no live values.
    pub(crate) fn dead_values(&self, by_id: bool) -> Option<String> {
        let value = match self {
            Shape::Map(_, value) | Shape::Array(value) if !by_id => value,
            Shape::List(item) if by_id => item,
            _ => return None,
        };
        match Shape::revealed(&through(value).0) {
            Shape::Other => None,
            Shape::Number => Some("numbers".into()),
            Shape::Text => Some("strings".into()),
            value => Some(format!("each {}", value.describe())),
        }
    }

    /// Why the rule `len` cannot hold for a type of this shape.
    pub(crate) fn refuses_len(&self) -> Option<&'static str> {
        match self {
            Shape::Number | Shape::Duration => {
                Some("it is for strings and collections; for numbers use `range`")
            }
            Shape::Char | Shape::Bool => Some("it is for strings and collections"),
            Shape::Option(inner) | Shape::Hidden(inner) => Shape::of(inner).refuses_len(),
            _ => None,
        }
    }

    /// Why the rule `range` cannot hold for a type of this shape.
    pub(crate) fn refuses_range(&self) -> Option<&'static str> {
        match self {
            // Of the numbers in it.
            Shape::Map(_, value) => match Shape::revealed(value) {
                Shape::Number | Shape::Duration | Shape::Char => None,
                // An alias, or a number of the user's own.
                Shape::Other if is_named(value) => None,
                _ => Some(
                    "it is for maps of numbers, each of which must be within it; for the length of the map use `len`, for \
                     what is in a value name a function: `validate = check_all`",
                ),
            },
            Shape::Text | Shape::List(_) | Shape::Set(_) => Some("for its length use `len`"),
            Shape::Bool => Some("it is for numbers"),
            Shape::Hidden(inner) if matches!(Shape::revealed(inner), Shape::Map(..)) => {
                Some("hide what is in it: `HashMap<K, Hidden<V>>`")
            }
            Shape::Option(inner) | Shape::Hidden(inner) => Shape::of(inner).refuses_range(),
            _ => None,
        }
    }

    /// Why `keep` cannot hold for a type of this shape, which `push` is not for either.
    pub(crate) fn refuses_keep(&self) -> Option<&'static str> {
        match self {
            Shape::List(_) | Shape::Other => None,
            Shape::Hidden(inner) => Shape::of(inner).refuses_keep(),
            Shape::Map(..) | Shape::Set(_) => Some(
                "it drops the oldest items of a list; to refuse more items use `len`, to drop some declare a mutation of \
                 your own",
            ),
            Shape::Text => Some("it is for lists; for the length of a string use `len`"),
            Shape::Number | Shape::Duration => Some("it is for lists; to bound a number use `range`"),
            Shape::Array(_) => Some("it is for lists, and an array keeps as many as it has"),
            Shape::Option(inner) if matches!(Shape::of(inner), Shape::List(_)) => {
                Some("it needs a list to `push` to, not one that may be missing")
            }
            Shape::Option(_) | Shape::Bool | Shape::Char => Some("it is for lists"),
        }
    }
}

/// What is in `Hidden<T>`, bare or by the name of the crate.
fn hidden(path: &Path) -> Option<&Type> {
    let last = path.segments.last().filter(|last| last.ident == "Hidden")?;
    let is_ours = is_bare(path)
        || path
            .segments
            .first()
            .is_some_and(|first| first.ident == "livestore");
    let PathArguments::AngleBracketed(list) = &last.arguments else {
        return None;
    };
    match list.args.first() {
        Some(GenericArgument::Type(ty)) if list.args.len() == 1 && is_ours => Some(ty),
        _ => None,
    }
}

/// Whether a type is called by a name that may stand for a number.
fn is_named(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_named(&group.elem),
        Type::Paren(paren) => is_named(&paren.elem),
        Type::Path(path) => path.qself.is_some() || outer(&path.path).is_none(),
        _ => false,
    }
}

fn is_bare(path: &Path) -> bool {
    path.segments.len() == 1 && path.leading_colon.is_none()
}

/// Whether the path is bare, or leads into the standard library.
fn is_std(path: &Path) -> bool {
    let first = path.segments.first().map(|segment| segment.ident.to_string());
    is_bare(path) || matches!(first.as_deref(), Some("std" | "core" | "alloc")) && path.segments.len() > 1
}

/// Whether the path leads into a crate whose collections are known here by their names.
fn is_known(path: &Path) -> bool {
    let first = path.segments.first().map(|segment| segment.ident.to_string());
    path.segments.len() > 1 && matches!(first.as_deref(), Some("indexmap" | "smallvec"))
}

/// Whether the type is called like an integer.
pub(crate) fn is_integer(ty: &Type) -> bool {
    NUMBERS.contains(&text(ty).as_str()) && !text(ty).starts_with('f')
}

/// What the number is called that a type is, or that is in it: `f32` in `Option<f32>`.
pub(crate) fn number_in(ty: &Type) -> Option<String> {
    match Shape::of(ty) {
        Shape::Number => text(ty).rsplit("::").next().map(str::to_owned),
        Shape::Option(inner) | Shape::Hidden(inner) | Shape::Map(_, inner) => number_in(&inner),
        _ => None,
    }
}

/// Whether every thread may have a value of the type, as far as its name can tell.
pub(crate) fn is_surely_shared(ty: &Type) -> bool {
    match ty {
        Type::Tuple(tuple) => tuple.elems.iter().all(is_surely_shared),
        Type::Reference(reference) => is_surely_shared(&reference.elem),
        _ => {
            let (inner, via) = through(ty);
            if !via.is_empty() {
                return is_surely_shared(&inner);
            }
            match Shape::of(ty) {
                Shape::Text | Shape::Number | Shape::Duration | Shape::Bool | Shape::Char => true,
                Shape::List(item) | Shape::Set(item) | Shape::Array(item) | Shape::Hidden(item) => {
                    is_surely_shared(&item)
                }
                Shape::Map(key, value) => is_surely_shared(&key) && is_surely_shared(&value),
                Shape::Option(_) | Shape::Other => false,
            }
        }
    }
}

/// The type as a text for documentation and messages.
pub(crate) fn text(ty: impl ToTokens) -> String {
    ty.to_token_stream()
        .to_string()
        .replace(" < ", "<")
        .replace(" >", ">")
        .replace(" :: ", "::")
        .replace(" ,", ",")
}
