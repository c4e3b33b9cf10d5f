//! [`Field`]: what can be done to a field, and the rules it obeys.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{
    Attribute, DeriveInput, Expr, ExprLit, ExprPath, Fields, Generics, Index, Lit, LitStr, Meta, Type,
    TypeParamBound, WherePredicate,
};

use crate::attr::{Args, FieldAttrs, OpKind, Rule, TypeAttrs, parse_field, span_of};
use crate::errors::Errors;
use crate::names::camel_case;
use crate::paths::Paths;
use crate::shape::{Shape, Via, through};
use crate::tokens::{Limits, mentions_anywhere, replace_lifetimes, replace_self, with_lifetimes};

/// A field, what can be done to it, and the rules it obeys.
pub(crate) struct Field {
    /// `name`, or `0`.
    pub(crate) member: TokenStream,
    /// Where an error about the field as a whole points.
    pub(crate) span: Span,
    /// The name as written, without `r#`: `name`, or `0`.
    pub(crate) label: String,
    /// The name inside a variant's name: `Name`; empty for the field of a newtype.
    pub(crate) noun: String,
    /// As written: `Self` may occur.
    pub(crate) ty: Type,
    /// As an enum may hold it: `Self` replaced.
    pub(crate) payload: TokenStream,
    pub(crate) shape: Shape,
    /// Whether its type mentions the type itself, whose mutation may then hold itself.
    pub(crate) holds_itself: bool,
    /// The field by which the items of a list are found: `each(by = id)`.
    pub(crate) by: Option<Ident>,
    /// Documentation and deprecation, for the variants.
    pub(crate) docs: Vec<Attribute>,
    pub(crate) attrs: FieldAttrs,
    pub(crate) ops: Vec<Operation>,
    /// The variant of the generated error that tells of a broken rule.
    pub(crate) error: Ident,
}

/// One way to change a field, or to show a value for it.
pub(crate) struct Operation {
    pub(crate) kind: OpKind,
    pub(crate) variant: Ident,
    pub(crate) payload: Payload,
    /// `insert(new)`, `remove(present)`.
    pub(crate) is_strict: bool,
    /// Whether the inner mutation and the inner error are in a `Box`.
    pub(crate) is_boxed: bool,
    /// Whether what the variant holds is named by a trait of another type, which may not have it.
    pub(crate) is_of_other: bool,
    /// Where an error about it points: the word, or the field.
    pub(crate) span: Span,
}

impl Operation {
    /// What the arm of the mutation calls the key, the value and what is made of them. At the type, if it is named by a trait
    /// of another, which may not have it.
    pub(crate) fn bound(&self) -> [Ident; 3] {
        let span = match &self.payload {
            Payload::One(payload) | Payload::Two(_, payload) if self.is_of_other && !self.is_boxed => {
                span_of(payload)
            }
            _ => Span::call_site(),
        };
        ["__k", "__v", "__item"].map(|name| Ident::new(name, span))
    }
}

/// What a generated variant holds.
#[derive(Clone)]
pub(crate) enum Payload {
    None,
    One(TokenStream),
    Two(TokenStream, TokenStream),
}

impl Field {
    /// Whether a rule of the field itself can be broken.
    pub(crate) fn is_fallible(&self) -> bool {
        let by_operation = |op: &Operation| match op.kind {
            OpKind::Increment | OpKind::Decrement | OpKind::Each | OpKind::Add | OpKind::SetAt => true,
            OpKind::Nested => through(&self.ty).1.contains(&Via::Option),
            _ => op.is_strict,
        };
        self.has_rules() || self.ops.iter().any(by_operation)
    }

    /// Whether there are rules about the field's value.
    pub(crate) fn has_rules(&self) -> bool {
        self.len().is_some() || self.range().is_some() || self.validate().is_some()
    }

    /// `nested` and `each`, whose errors are those of other values.
    pub(crate) fn updates(&self) -> impl Iterator<Item = &Operation> {
        self.ops
            .iter()
            .filter(|op| matches!(op.kind, OpKind::Nested | OpKind::Each))
    }

    /// Whether it may be a shared pointer, of which one can tell that what it points to has not changed.
    pub(crate) fn may_be_shared(&self) -> bool {
        matches!(self.shape, Shape::Other) || outermost(&self.ty).is_some_and(|name| name == "Arc")
    }

    /// What else of the value its rules mention.
    pub(crate) fn limits(&self) -> Limits {
        let rules = [self.len(), self.range()].into_iter().flatten();
        rules
            .map(|rule| Limits::of(rule.value.clone()))
            .fold(Limits::None, Limits::and)
    }

    /// Whether a method of the value is asked for a limit. What that looks at is not known, so it is asked once the change
    /// is made.
    pub(crate) fn asks_the_value(&self) -> bool {
        self.limits() == Limits::All
    }

    pub(crate) fn len(&self) -> Option<&Rule> {
        self.attrs.len.get()
    }

    pub(crate) fn range(&self) -> Option<&Rule> {
        self.attrs.range.get()
    }

    pub(crate) fn validate(&self) -> Option<&ExprPath> {
        self.attrs.validate.get().map(|(_, path)| path)
    }

    pub(crate) fn keep(&self) -> Option<&Rule> {
        self.attrs.keep.get()
    }

    /// `keep` and `len`, where both are constant and can be compared before anything runs.
    pub(crate) fn kept_within(&self) -> Option<(&Rule, &Rule)> {
        let (keep, len) = (self.keep()?, self.len()?);
        (keep.constant && len.constant).then_some((keep, len))
    }

    /// The type of the values of a collection, for `each`.
    pub(crate) fn value(&self, paths: &Paths) -> TokenStream {
        let (ty, ops) = (self.ty.to_token_stream(), &paths.ops);
        match &self.shape {
            Shape::Map(_, value) | Shape::Array(value) => value.to_token_stream(),
            Shape::List(item) if self.by.is_some() => item.to_token_stream(),
            _ if self.by.is_some() => projection(&ty, &quote!(#ops::List), "Item"),
            _ => projection(&ty, &quote!(#ops::Keyed), "Value"),
        }
    }

    /// The type of the live values that `nested` or `each` reaches, and what stands round each of them.
    pub(crate) fn live_value(&self, kind: OpKind, paths: &Paths) -> (TokenStream, Vec<Via>) {
        let around = if kind == OpKind::Nested {
            Ok(self.ty.clone())
        } else {
            syn::parse2(self.value(paths))
        };
        match around {
            Ok(ty) => {
                let (inner, via) = through(&ty);
                (inner.to_token_stream(), via)
            }
            Err(_) => (self.value(paths), Vec::new()),
        }
    }

    /// How the values in the field are reached.
    pub(crate) fn way(&self, paths: &Paths) -> TokenStream {
        let private = &paths.private;
        match &self.shape {
            _ if self.by.is_some() => quote!(#private::ById),
            Shape::Array(_) => quote!(#private::ByPlace),
            _ => quote!(#private::ByKey),
        }
    }

    /// A call of a function that reaches them.
    pub(crate) fn reach(&self, paths: &Paths, function: &str, arguments: &TokenStream) -> TokenStream {
        let (private, ty, way) = (&paths.private, &self.ty, self.way(paths));
        let function = Ident::new(function, Span::call_site());
        quote!(<#way as #private::Reach<#ty>>::#function(#arguments))
    }

    /// How a sentence calls the field: "`name`", "field 0", "the value".
    pub(crate) fn prose(&self) -> String {
        match (
            self.noun.is_empty(),
            self.label.starts_with(|c: char| c.is_ascii_digit()),
        ) {
            (true, true) => "the value".into(),
            (_, true) => format!("field {}", self.label),
            _ => format!("`{}`", self.label),
        }
    }
}

/// The name before the type's arguments.
fn outermost(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Group(group) => outermost(&group.elem),
        Type::Paren(paren) => outermost(&paren.elem),
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

/// Reads all fields.
pub(crate) fn fields(
    input: &DeriveInput,
    fields: &Fields,
    attrs: &TypeAttrs,
    paths: &Paths,
    this: &TokenStream,
    errors: &mut Errors,
) -> Vec<Field> {
    let newtype = matches!(fields, Fields::Unnamed(_)) && fields.len() == 1;
    let borrows = input.generics.lifetimes().next().is_some();
    let mut all = Vec::new();
    for (position, field) in fields.iter().enumerate() {
        let (member, span, label, noun) = match &field.ident {
            Some(ident) => {
                let name = ident.unraw().to_string();
                let noun = camel_case(&name);
                (ident.to_token_stream(), ident.span(), name, noun)
            }
            None => {
                let noun = if newtype {
                    String::new()
                } else {
                    position.to_string()
                };
                let span = span_of(&field.ty);
                let index = Index {
                    index: u32::try_from(position).unwrap_or(u32::MAX),
                    span,
                };
                (index.to_token_stream(), span, position.to_string(), noun)
            }
        };
        let ty = if borrows {
            syn::parse2(replace_lifetimes(field.ty.to_token_stream())).unwrap_or_else(|_| field.ty.clone())
        } else {
            with_lifetimes(&field.ty).unwrap_or_else(|| field.ty.clone())
        };
        let is_doc = |attr: &&Attribute| attr.path().is_ident("doc") || attr.path().is_ident("deprecated");
        let error = if newtype && field.ident.is_none() {
            "Value".into()
        } else {
            standalone(&noun, position)
        };
        let mut field = Field {
            member,
            span,
            label,
            payload: replace_self(ty.to_token_stream(), this),
            shape: Shape::of(&ty),
            ty,
            docs: field
                .attrs
                .iter()
                .filter(is_doc)
                .map(|doc| about(doc, &input.ident))
                .collect(),
            attrs: parse_field(&field.attrs, errors),
            ops: Vec::new(),
            holds_itself: false,
            by: None,
            error: Ident::new(&error, span),
            noun,
        };
        let tokens = field.ty.to_token_stream();
        field.holds_itself =
            mentions_anywhere(tokens.clone(), "Self") || mentions_anywhere(tokens, &input.ident.to_string());
        field.by = field.attrs.ops.iter().find_map(|op| op.args.by.clone());
        field.ops = operations(&field, position, attrs, paths, this, &input.generics, errors);
        all.push(field);
    }
    all
}

/// A field's documentation where `Self` is the enum: links lead to the value all the same.
fn about(attr: &Attribute, ident: &Ident) -> Attribute {
    let mut attr = attr.clone();
    if let Meta::NameValue(pair) = &mut attr.meta
        && let Expr::Lit(ExprLit {
            lit: Lit::Str(text), ..
        }) = &mut pair.value
        && text.value().contains("Self")
    {
        let words = text.value().replace("Self::", &format!("{}::", ident.unraw()));
        let words = words
            .replace("`Self`", &format!("`{}`", ident.unraw()))
            .replace("(Self)", &format!("({})", ident.unraw()));
        *text = LitStr::new(&words, text.span());
    }
    attr
}

/// A field's name where it is the whole name of a variant.
fn standalone(noun: &str, position: usize) -> String {
    match noun {
        "" => format!("Field{position}"),
        "Self" => "SelfValue".into(),
        _ if noun.starts_with(|first: char| first.is_numeric()) => format!("Field{noun}"),
        _ => noun.to_owned(),
    }
}

fn operations(
    field: &Field,
    position: usize,
    attrs: &TypeAttrs,
    paths: &Paths,
    this: &TokenStream,
    generics: &Generics,
    errors: &mut Errors,
) -> Vec<Operation> {
    if field.attrs.fixed().is_some() {
        return Vec::new();
    }
    let operation = |kind: OpKind, span: Span, name: Option<&Ident>, args: Args, errors: &mut Errors| {
        let variant = name.cloned().unwrap_or_else(|| {
            let nameless = field.noun.is_empty() && field.label.starts_with('_');
            if nameless {
                let word = if kind == OpKind::Message { "message" } else { "set" };
                let message = "this field has no letters to name a variant after; choose a name";
                errors.at(
                    field.span,
                    format_args!("{message}: `#[live({word} = SomeName)]`"),
                );
            }
            match kind {
                OpKind::Message => Ident::new(&field.error.to_string(), field.span),
                _ if nameless => format_ident!("{}Field{position}", kind.verb(), span = field.span),
                _ => format_ident!("{}{}", kind.verb(), field.noun, span = field.span),
            }
        });
        let is_boxed = args.is_boxed || field.holds_itself && matches!(kind, OpKind::Nested | OpKind::Each);
        Operation {
            kind,
            variant,
            payload: payload(kind, field, is_boxed, paths, this),
            is_strict: args.is_strict,
            is_boxed,
            is_of_other: is_of_other(kind, field),
            span,
        }
    };
    if field.attrs.lists_nothing() {
        return match attrs.explicit.get() {
            Some(_) => Vec::new(),
            None => vec![operation(OpKind::Set, field.span, None, Args::default(), errors)],
        };
    }
    let mut operations = Vec::new();
    for op in &field.attrs.ops {
        let word = &op.word;
        if let Some(key) = field.shape.float_key()
            && matches!(
                op.kind,
                OpKind::Insert | OpKind::Remove | OpKind::Each | OpKind::Add | OpKind::SetAt
            )
        {
            let text = key.to_token_stream();
            errors.over(
                key,
                format_args!(
                    "`{text}` cannot be a key: it is neither `Eq` nor `Ord`; use an integer, or a type of your own that is"
                ),
            );
            continue;
        }
        if let Some(parameter) = unbounded_value(field, op.kind, generics) {
            errors.at(
                word.span(),
                format_args!("`{word}` needs `{parameter}` to be a live value; write the bound `{parameter}: LiveValue`"),
            );
            continue;
        }
        if let Some(values) = field.shape.dead_values(field.by.is_some())
            && op.kind == OpKind::Each
        {
            let name = field.prose();
            let message = if field.by.is_some() {
                format!(
                    "`each` does not fit {name}, whose items are {values}; it is for lists of live values"
                )
            } else {
                format!(
                    "`each` does not fit {name}, whose values are {values}; it is for maps whose values are live values; \
                     `insert` replaces a value",
                )
            };
            errors.at(word.span(), message);
            continue;
        }
        if let Some(reason) = field.shape.refuses(op.kind, field.by.is_some()) {
            let (name, shape) = (field.prose(), field.shape.describe());
            errors.at(
                word.span(),
                format_args!("`{word}` does not fit {name}, which is {shape}; {reason}"),
            );
            // Whatever it would have held would be a mistake of its own.
            if matches!(op.kind, OpKind::Nested | OpKind::Each) {
                continue;
            }
        }
        operations.push(operation(
            op.kind,
            word.span(),
            op.name.as_ref(),
            op.args.clone(),
            errors,
        ));
    }
    operations
}

/// The generic parameter of which `nested` or `each` asks to be a live value, if no bound can make it one.
fn unbounded_value<'g>(field: &Field, kind: OpKind, generics: &'g Generics) -> Option<&'g Ident> {
    let value = match (kind, &field.shape) {
        (OpKind::Nested, _) => &field.ty,
        (OpKind::Each, Shape::Map(_, value) | Shape::Array(value)) => value,
        _ => return None,
    };
    let value = through(value).0.to_token_stream().to_string();
    let parameter = generics
        .type_params()
        .find(|parameter| parameter.ident == value)?;
    let own = parameter.bounds.iter();
    let predicates = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let others = predicates.filter_map(|predicate| match predicate {
        WherePredicate::Type(about) if about.bounded_ty.to_token_stream().to_string() == value => {
            Some(&about.bounds)
        }
        _ => None,
    });
    let says_nothing = |bound: &TypeParamBound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| {
            let name = last.ident.to_string();
            SAY_NOTHING.contains(&name.as_str())
        }),
        _ => true,
    };
    own.chain(others.flatten())
        .all(says_nothing)
        .then_some(&parameter.ident)
}

/// Traits that no live value follows from.
const SAY_NOTHING: &[&str] = &[
    "Clone",
    "Copy",
    "Send",
    "Sync",
    "Sized",
    "Debug",
    "Display",
    "Default",
    "PartialEq",
    "Eq",
    "PartialOrd",
    "Ord",
    "Hash",
    "Serialize",
    "Deserialize",
    "DeserializeOwned",
];

/// `<Type as Trait>::Name`, all of it at the type, which is what does not fit if something does not; but for the trait,
/// which is not found only if the crate is not, and that is told once.
pub(crate) fn projection(ty: &TokenStream, of: &TokenStream, name: &str) -> TokenStream {
    let span = span_of(ty);
    let name = Ident::new(name, span);
    quote_spanned!(span=> <#ty as #of>::#name)
}

/// What the variant of an operation holds.
fn payload(kind: OpKind, field: &Field, is_boxed: bool, paths: &Paths, this: &TokenStream) -> Payload {
    let (ty, ops, root) = (&field.payload, &paths.ops, &paths.root);
    let own = |ty: &Type| replace_self(ty.to_token_stream(), this);
    if field.shape.refuses(kind, field.by.is_some()).is_some() {
        return match (kind, &field.shape) {
            (OpKind::Toggle | OpKind::Clear, _) => Payload::None,
            (_, Shape::List(item)) => Payload::One(own(item)),
            _ => Payload::One(ty.clone()),
        };
    }
    let of = |name: &str, item: &str| projection(ty, &quote_trait(ops, name), item);
    let id = || {
        let value = replace_self(field.value(paths), this);
        projection(&value, &quote!(#ops::Identified), "Id")
    };
    let inner = || {
        let (value, _) = field.live_value(kind, paths);
        let mutation = projection(&replace_self(value, this), &quote!(#root::LiveValue), "Mutation");
        let private = &paths.private;
        // Otherwise it could be of infinite size.
        if is_boxed {
            quote!(#private::Box<#mutation>)
        } else {
            mutation
        }
    };
    match (kind, &field.shape) {
        (OpKind::Toggle | OpKind::Clear, _) => Payload::None,
        (OpKind::Set | OpKind::Increment | OpKind::Decrement | OpKind::Message, _) => {
            Payload::One(ty.clone())
        }
        (OpKind::Remove, _) if field.by.is_some() => Payload::One(id()),
        (OpKind::Push, Shape::List(item)) | (OpKind::Insert | OpKind::Remove, Shape::Set(item)) => {
            Payload::One(own(item))
        }
        (OpKind::Insert | OpKind::Add | OpKind::SetAt, Shape::Map(key, value)) => {
            Payload::Two(own(key), own(value))
        }
        (OpKind::Remove, Shape::Map(key, _)) => Payload::One(own(key)),
        (OpKind::Push, _) => Payload::One(of("Push", "Item")),
        (OpKind::Insert, _) => Payload::One(of("Insert", "Item")),
        (OpKind::Remove, _) => Payload::One(of("Remove", "Key")),
        (OpKind::Add, _) => Payload::Two(of("Add", "Key"), of("Add", "Amount")),
        (OpKind::SetAt, Shape::Array(item)) => Payload::Two(quote!(::core::primitive::usize), own(item)),
        (OpKind::SetAt, _) => Payload::Two(of("Keyed", "Key"), of("Keyed", "Value")),
        (OpKind::Nested, _) => Payload::One(inner()),
        (OpKind::Each, _) if field.by.is_some() => Payload::Two(id(), inner()),
        (OpKind::Each, Shape::Map(key, _)) => Payload::Two(own(key), inner()),
        (OpKind::Each, Shape::Array(_)) => Payload::Two(quote!(::core::primitive::usize), inner()),
        (OpKind::Each, _) => Payload::Two(of("Keyed", "Key"), inner()),
    }
}

/// Whether [`payload`] is a projection.
fn is_of_other(kind: OpKind, field: &Field) -> bool {
    match kind {
        OpKind::Nested | OpKind::Each => true,
        OpKind::Remove if field.by.is_some() => true,
        OpKind::Push | OpKind::Insert | OpKind::Remove | OpKind::Add | OpKind::SetAt => {
            matches!(field.shape, Shape::Other | Shape::Hidden(_))
        }
        _ => false,
    }
}

fn quote_trait(ops: &TokenStream, name: &str) -> TokenStream {
    let name = Ident::new(name, Span::call_site());
    quote!(#ops::#name)
}
