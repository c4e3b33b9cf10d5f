//! [`Model`]: what is to be generated, with every name chosen and every payload known.

mod custom;
mod field;

pub(crate) use crate::model::custom::Custom;
pub(crate) use crate::model::field::{Field, Operation, Payload, projection};

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, ExprPath, GenericParam, Generics, Variant, Visibility};

use crate::attr::{Pass, TypeAttrs, parse_type, span_of};
use crate::errors::Errors;
use crate::model::custom::{custom, event};
use crate::model::field::fields;
use crate::paths::Paths;
use crate::shape::is_surely_shared;
use crate::tokens::{Limits, replace_lifetimes};

/// A type that becomes a live value.
pub(crate) struct Model<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) vis: &'a Visibility,
    pub(crate) generics: Generics,
    /// The type with its arguments: `Room<T>`.
    pub(crate) this: TokenStream,
    pub(crate) paths: Paths,
    pub(crate) attrs: TypeAttrs,
    /// Whether its fields cannot be borrowed.
    pub(crate) is_packed: bool,
    pub(crate) fields: Vec<Field>,
    /// `mutation(variants(..))`.
    pub(crate) custom: Vec<Custom>,
    /// `message(variants(..))`.
    pub(crate) events: Vec<Variant>,
    pub(crate) mutation: Ident,
    pub(crate) message: Ident,
    pub(crate) error: Ident,
}

impl<'a> Model<'a> {
    /// Reads `input`. What is wrong goes to `errors`, and the model is as if it were not there.
    pub(crate) fn new(input: &'a DeriveInput, errors: &mut Errors) -> Model<'a> {
        let attrs = parse_type(&input.attrs, errors);
        let generics = own(&input.generics, errors);
        let this = this(input, &generics);
        let paths = Paths::new(attrs.krate.get());

        let fields = match &input.data {
            Data::Struct(data) => fields(input, &data.fields, &attrs, &paths, &this, errors),
            Data::Enum(_) => Vec::new(),
            Data::Union(data) => {
                errors.at(
                    data.union_token.span,
                    "a union cannot be a live value; use a struct, or an enum",
                );
                Vec::new()
            }
        };
        let custom = attrs
            .mutation
            .variants
            .iter()
            .filter_map(|variant| custom(variant, &this, errors))
            .collect();
        let events = attrs
            .message
            .variants
            .iter()
            .map(|variant| event(variant, &this, errors))
            .collect();

        let ident = &input.ident;
        let plain = ident.unraw();
        let name = |given: Option<&Ident>, what: &str| {
            given
                .cloned()
                .unwrap_or_else(|| Ident::new(&format!("{plain}{what}"), Span::call_site()))
        };
        Model {
            ident,
            vis: &input.vis,
            paths,
            mutation: name(attrs.mutation.name.get(), "Mutation"),
            message: name(attrs.message.name.get(), "Message"),
            error: name(attrs.error.name.get(), "Error"),
            generics,
            this,
            attrs,
            is_packed: is_packed(&input.attrs),
            fields,
            custom,
            events,
        }
    }

    pub(crate) fn validate(&self) -> Option<&ExprPath> {
        self.attrs.validate.get()
    }

    /// Gives up the names that were chosen for the enums.
    pub(crate) fn use_default_names(&mut self) {
        self.mutation = default_name(self.ident, "Mutation");
        self.message = default_name(self.ident, "Message");
        self.error = default_name(self.ident, "Error");
    }

    /// Operations which are mutations, each with its field.
    pub(crate) fn mutations(&self) -> impl Iterator<Item = (&Field, &Operation)> {
        self.operations().filter(|(_, op)| !op.kind.is_message())
    }

    /// Operations which are messages, each with its field.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (&Field, &Operation)> {
        self.operations().filter(|(_, op)| op.kind.is_message())
    }

    fn operations(&self) -> impl Iterator<Item = (&Field, &Operation)> {
        self.fields
            .iter()
            .flat_map(|field| field.ops.iter().map(move |op| (field, op)))
    }

    /// Whether a method or the type's `validate` may say no.
    pub(crate) fn has_rejections(&self) -> bool {
        !self.custom.is_empty() || self.validate().is_some()
    }

    /// Whether some mutations can only be judged by what they make of a copy.
    pub(crate) fn has_steps(&self) -> bool {
        self.has_rejections() || self.fields.iter().any(|field| field.limits() != Limits::None)
    }

    /// Whether there is anything to check of a whole value besides its `validate`.
    pub(crate) fn has_rules(&self) -> bool {
        self.fields
            .iter()
            .any(|field| field.has_rules() || field.updates().next().is_some())
    }

    /// The fields whose rules mention `changed`, as `len = ..=self.changed` does; itself, if its own may.
    pub(crate) fn limited_by(&self, changed: &Field) -> impl Iterator<Item = &Field> {
        self.fields
            .iter()
            .filter(move |field| field.limits().mention(&changed.label))
    }

    /// Whether any mutation may fail.
    pub(crate) fn is_fallible(&self) -> bool {
        self.has_rejections()
            || self
                .fields
                .iter()
                .any(|field| field.is_fallible() || field.updates().next().is_some())
    }

    /// Whether an enum of messages is generated.
    pub(crate) fn has_messages(&self) -> bool {
        self.attrs.message_type.get().is_none()
            && (!self.events.is_empty() || self.messages().next().is_some())
    }

    /// Whether an enum of errors is generated.
    pub(crate) fn has_error(&self) -> bool {
        self.attrs.error_type.get().is_none() && self.is_fallible()
    }

    /// Where to tell what the mutations lack, of which rustc tells once more at the enum as a whole: at the type of the one
    /// payload that may lack something, if there is only one.
    pub(crate) fn doubtful_payload(&self) -> Option<Span> {
        let fields = self.fields.iter().filter_map(|field| {
            let mut held = field
                .ops
                .iter()
                .filter(|op| !op.kind.is_message() && !matches!(op.payload, Payload::None))
                .peekable();
            let is_in_doubt =
                held.peek().is_some() && (held.any(|op| op.is_of_other) || !is_surely_shared(&field.ty));
            is_in_doubt.then(|| self.value_of(field).unwrap_or_else(|| span_of(&field.ty)))
        });
        let own = self.custom.iter().flat_map(|custom| &custom.variant.fields);
        let own = own.map(|field| &field.ty).filter(|ty| !is_surely_shared(ty));
        only(fields.chain(own.map(span_of)))
    }

    /// The same of the errors.
    pub(crate) fn doubtful_error(&self) -> Option<Span> {
        only(self.fields.iter().filter_map(|field| self.value_of(field)))
    }

    /// Where the type of the live values in a field is written.
    fn value_of(&self, field: &Field) -> Option<Span> {
        let update = field.updates().next()?;
        Some(span_of(field.live_value(update.kind, &self.paths).0))
    }

    /// What stands before a generated enum, in the order written: for all enums first.
    pub(crate) fn pass<'m>(&'m self, own: &'m [Pass]) -> impl Iterator<Item = &'m Pass> {
        self.attrs.pass.iter().chain(own)
    }
}

/// The first one, if there is no second.
fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

/// Whether one of the attributes is `repr(packed)`, in any of its forms.
fn is_packed(attrs: &[Attribute]) -> bool {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("repr"))
        .filter_map(|attr| attr.meta.require_list().ok())
        .flat_map(|list| list.tokens.clone())
        .any(|token| token.to_string() == "packed")
}

/// `RoomMutation`. At the derive, because the user did not write it.
fn default_name(ident: &Ident, what: &str) -> Ident {
    Ident::new(&format!("{}{what}", ident.unraw()), Span::call_site())
}

/// The type's parameters. Lifetimes are mistakes, and left out.
fn own(generics: &Generics, errors: &mut Errors) -> Generics {
    let mut own = generics.clone();
    let lifetimes: Vec<_> = generics.lifetimes().collect();
    for parameter in &lifetimes {
        let lifetime = &parameter.lifetime;
        errors.at(
            lifetime.span(),
            format_args!(
                "a live value must own its data, because the store outlives every borrow; remove `{lifetime}` and use \
                 owned types (`String` for `&str`, `Arc<T>` for `&T`)"
            ),
        );
    }
    if !lifetimes.is_empty()
        && let Ok(mut without) = syn::parse2::<Generics>(replace_lifetimes(generics.to_token_stream()))
    {
        without.params = without
            .params
            .into_iter()
            .filter(|p| !matches!(p, GenericParam::Lifetime(_)))
            .collect();
        for parameter in without.type_params_mut() {
            parameter.bounds.push(syn::parse_quote!('static));
        }
        own = without;
    }
    own
}

/// The type with its arguments. Lifetimes are mistakes, beside which it is that of `'static`.
fn this(input: &DeriveInput, generics: &Generics) -> TokenStream {
    let ident = &input.ident;
    let lifetimes = input.generics.lifetimes().map(|_| quote!('static));
    let others = generics.params.iter().filter_map(|parameter| match parameter {
        GenericParam::Type(parameter) => Some(parameter.ident.to_token_stream()),
        GenericParam::Const(parameter) => Some(parameter.ident.to_token_stream()),
        GenericParam::Lifetime(_) => None,
    });
    if input.generics.params.is_empty() {
        ident.to_token_stream()
    } else {
        quote!(#ident<#(#lifetimes,)* #(#others),*>)
    }
}
