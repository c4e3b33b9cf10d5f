//! What is wrong with a [`Model`] although every option by itself was understood.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Data, DataEnum, DeriveInput, Type, Variant};

use crate::attr::EnumAttrs;
use crate::attr::value::{Bounds, constant_text, literal};
use crate::errors::Errors;
use crate::model::{Field, Model, Operation};
use crate::shape::{number_in, text};
use crate::tokens::mention_of;

/// Adds every mistake to `errors`.
pub(crate) fn validate(input: &DeriveInput, model: &Model<'_>, errors: &mut Errors) {
    if let Data::Enum(data) = &input.data {
        enumeration(data, model, errors);
    }
    existing_types(model, errors);
    for field in &model.fields {
        conflicts(field, model, errors);
        fits(field, errors);
        written_as_the_type(field, errors);
        limited_by_itself(field, errors);
        named_without_self(field, model, errors);
        sendable(field, errors);
    }
    let mut ids = model.fields.iter().filter_map(|field| field.attrs.id.get());
    if let (Some(_), Some(second)) = (ids.next(), ids.next()) {
        errors.at(
            second.span(),
            "one field identifies a value; remove this `id`, or make a type of the two",
        );
    }
    names(model, errors);
}

/// An enum has only the mutations that it declares.
fn enumeration(data: &DataEnum, model: &Model<'_>, errors: &mut Errors) {
    let mutation = &model.attrs.mutation;
    // An empty list was told of where it stands.
    if mutation.variants.is_empty() && !mutation.words.iter().any(|word| word == "variants") {
        let ident = model.ident;
        errors.at(
            ident.span(),
            format_args!(
                "an enum has no fields to make mutations from; declare some: `#[live(mutation(variants(Start)))]` \
                 calls `{ident}::start(&mut self)`"
            ),
        );
    }
    let on_variants = data.variants.iter().flat_map(|variant| &variant.attrs);
    let on_fields = data
        .variants
        .iter()
        .flat_map(|variant| &variant.fields)
        .flat_map(|field| &field.attrs);
    let is_live = |attr: &&Attribute| attr.path().is_ident("live");
    for attr in on_variants.filter(is_live) {
        errors.over(attr, "variants of the value have no options; declare mutations on the type: `#[live(mutation(variants(..)))]`");
    }
    for attr in on_fields.filter(is_live) {
        errors.over(
            attr,
            "fields of an enum have no mutations of their own, because a value may be in another variant; declare \
             mutations on the type: `#[live(mutation(variants(..)))]`",
        );
    }
}

/// Nothing can be said about an enum that the user wrote.
fn existing_types(model: &Model<'_>, errors: &mut Errors) {
    let without_effect = |attrs: &EnumAttrs, option: &str, errors: &mut Errors| {
        for word in attrs.words.iter().filter(|word| *word != "variants") {
            errors.at(
                word.span(),
                format_args!("`{option} = ..` names a type of your own, so this is written there; remove `{word}(..)` here"),
            );
        }
    };
    if let Some(message) = model.attrs.message_type.get() {
        without_effect(&model.attrs.message, "message", errors);
        for variant in &model.events {
            errors.at(
                variant.ident.span(),
                "`message = ..` names an enum of your own, so its variants are declared there; remove `variants(..)` here",
            );
        }
        for (_, operation) in model.messages() {
            errors.at(
                operation.span,
                format_args!(
                    "the messages of `{}` are `{}` (`message = ..` on the type); declare this one there, or remove it here",
                    model.ident,
                    text(message),
                ),
            );
        }
    }
    if model.attrs.error_type.get().is_some() {
        without_effect(&model.attrs.error, "error", errors);
    }
}

/// Options of one field that contradict each other, or do nothing.
fn conflicts(field: &Field, model: &Model<'_>, errors: &mut Errors) {
    let attrs = &field.attrs;
    let rules = [
        attrs.len.get().map(|rule| &rule.word),
        attrs.range.get().map(|rule| &rule.word),
        attrs.validate.get().map(|(word, _)| word),
        attrs.keep.get().map(|rule| &rule.word),
    ];
    let without_effect = rules
        .into_iter()
        .flatten()
        .chain(attrs.pass.iter().map(|(word, _)| word));
    if let (Some(_), Some(id)) = (attrs.skip.get(), attrs.id.get()) {
        errors.at(id.span(), "an id has no mutations anyway; remove `skip`");
    }
    if let Some(fixed) = attrs.fixed() {
        for op in &attrs.ops {
            let word = &op.word;
            let what = if fixed == "id" {
                "an id never changes"
            } else {
                "a skipped field has no mutations"
            };
            errors.at(
                word.span(),
                format_args!("`{word}` and `{fixed}` contradict each other: {what}"),
            );
        }
        // Its rules hold: of the value as a whole, after a method, and where another field that they mention changes.
        for word in without_effect.filter(|word| *word == "attr" || *word == "keep") {
            errors.at(
                word.span(),
                format_args!(
                    "`{word}` has no effect on a skipped field; remove one of `{fixed}` and `{word}`"
                ),
            );
        }
        return;
    }
    if attrs.ops.is_empty() && model.attrs.explicit.get().is_some() {
        for word in without_effect {
            let one = if word == "keep" { "push" } else { "set" };
            let or_skip = if word == "attr" || word == "keep" {
                ""
            } else {
                ", or `skip`, if methods alone change it"
            };
            errors.at(
                word.span(),
                format_args!(
                    "`{word}` stands beside no operation, because with `explicit` on the type a field has only those \
                     it lists; add one, e.g. `{one}`{or_skip}"
                ),
            );
        }
        return;
    }
    if let Some(keep) = attrs.keep.get()
        && !attrs.ops.iter().any(|op| op.kind == crate::attr::OpKind::Push)
    {
        let message = match field.shape.refuses_keep() {
            Some(reason) => format!(
                "`keep` does not fit {}, which is {}; {reason}",
                field.prose(),
                field.shape.describe(),
            ),
            None => "`keep` bounds a list on `push`; add `push`: `#[live(push, keep = ..)]`".into(),
        };
        errors.at(keep.word.span(), message);
    }
    keep_against_len(field, errors);
}

/// `keep` leaves as many items as `len` asks for, and drops some before `len` refuses. Here where both are numbers as
/// written; where they are constants, by rustc.
fn keep_against_len(field: &Field, errors: &mut Errors) {
    let Some((keep, len)) = field.kept_within() else {
        return;
    };
    let bounds = Bounds::of(&len.value);
    let number = |tokens: &Option<TokenStream>| tokens.as_ref().and_then(literal);
    let Some(kept) = literal(&keep.value) else {
        return;
    };
    if number(&bounds.from).is_some_and(|least| kept < least) {
        errors.over(
            &keep.value,
            format_args!(
                "`keep = {kept}` leaves fewer items than `len = {}` asks for, so every `push` would be refused",
                constant_text(&len.value),
            ),
        );
    }
    let most = number(&bounds.to).map(|to| if bounds.is_inclusive { to } else { to - 1 });
    if most.is_some_and(|most| kept > most) {
        errors.over(
            &keep.value,
            format_args!(
                "`keep = {kept}` never drops anything, because `len = {}` refuses more items before; remove one of \
                 the two, or make `keep` smaller",
                constant_text(&len.value),
            ),
        );
    }
}

/// Rules that cannot hold for a type that is known by its name.
fn fits(field: &Field, errors: &mut Errors) {
    let rules = [
        field
            .len()
            .and_then(|rule| Some((&rule.word, field.shape.refuses_len()?))),
        field
            .range()
            .and_then(|rule| Some((&rule.word, field.shape.refuses_range()?))),
    ];
    for (word, reason) in rules.into_iter().flatten() {
        let (name, shape) = (field.prose(), field.shape.describe());
        errors.at(
            word.span(),
            format_args!("`{word}` does not fit {name}, which is {shape}; {reason}"),
        );
    }
}

/// Numbers in a rule that no value of the field's type compares with, where rustc would speak of traits.
fn written_as_the_type(field: &Field, errors: &mut Errors) {
    let number = |bound: &Option<TokenStream>| bound.as_ref().and_then(literal);
    let range = field.range().zip(number_in(&field.ty));
    let len = field.len().map(|rule| (rule, "usize".to_owned()));
    for (rule, ty) in range.into_iter().chain(len).filter(|(rule, _)| rule.constant) {
        let bounds = Bounds::of(&rule.value);
        let is_negative = |bound| number(bound).is_some_and(|bound| bound < 0);
        let (word, name) = (&rule.word, field.prose());
        if ty.starts_with('u') && (is_negative(&bounds.from) || is_negative(&bounds.to)) {
            errors.over(
                &rule.value,
                format_args!("`{word}` of {name} goes below 0, and a `{ty}` is never negative"),
            );
        }
        let is_integer = |bound: &Option<TokenStream>| {
            let text = bound.as_ref().map(constant_text).unwrap_or_default();
            !text.is_empty()
                && text
                    .trim_start_matches('-')
                    .bytes()
                    .all(|byte| byte.is_ascii_digit())
        };
        if ty.starts_with('f') && (is_integer(&bounds.from) || is_integer(&bounds.to)) {
            let float = |bound: &Option<TokenStream>| {
                let text = bound.as_ref().map(constant_text).unwrap_or_default();
                if is_integer(bound) {
                    format!("{text}.0")
                } else {
                    text
                }
            };
            let dots = if bounds.is_inclusive { "..=" } else { ".." };
            errors.over(
                &rule.value,
                format_args!(
                    "a range of `{ty}` is written in floats: `{word} = {}{dots}{}`",
                    float(&bounds.from),
                    float(&bounds.to),
                ),
            );
        }
    }
}

/// Another field in a rule is one of `self`. In groups there may be names of their own.
fn named_without_self(field: &Field, model: &Model<'_>, errors: &mut Errors) {
    for rule in [field.len(), field.range(), field.keep()].into_iter().flatten() {
        let tokens: Vec<TokenTree> = rule.value.clone().into_iter().collect();
        let is_punct = |at: Option<usize>, chars: &str| matches!(at.and_then(|at| tokens.get(at)), Some(TokenTree::Punct(punct)) if chars.contains(punct.as_char()));
        for (at, token) in tokens.iter().enumerate() {
            let TokenTree::Ident(name) = token else { continue };
            // The dots of a range may come before it, the dot of a field not.
            let of_another = is_punct(at.checked_sub(1), ".") && !is_punct(at.checked_sub(2), ".");
            let of_a_path = is_punct(at.checked_sub(1), ":") || is_punct(Some(at + 1), ":!");
            let is_called = matches!(tokens.get(at + 1), Some(TokenTree::Group(_)));
            let plain = name.unraw().to_string();
            let is_parameter = model
                .generics
                .const_params()
                .any(|parameter| parameter.ident == *name);
            if of_another
                || of_a_path
                || is_called
                || is_parameter
                || plain.starts_with(char::is_uppercase)
                || !model.fields.iter().any(|field| field.label == plain)
            {
                continue;
            }
            errors.at(
                name.span(),
                format_args!("`{name}` is a field of the value: write `self.{name}`"),
            );
        }
    }
}

/// A limit is of the value that a change would make, in which a field that is its own limit is always within it.
fn limited_by_itself(field: &Field, errors: &mut Errors) {
    for rule in [field.len(), field.range(), field.keep()].into_iter().flatten() {
        let Some(mention) = mention_of(rule.value.clone(), &field.label) else {
            continue;
        };
        let (word, name) = (&rule.word, field.prose());
        let way_out = if word == "keep" {
            "write a number, or name another field"
        } else {
            "ask a method of the value for it, which sees what the change has made (`..=self.limit()`), or compare with what \
             was: `validate = Self::check_change` on the type, a `fn(&self, was: &Self) -> Result<(), E>`"
        };
        errors.over(
            mention,
            format_args!("`{word}` limits {name}, so the limit cannot come from {name}; {way_out}"),
        );
    }
}

/// Types of the standard library that no other thread may have, with what serves instead.
const UNSENDABLE: &[(&str, &str)] = &[
    ("Rc", "an `Arc`, which can do the same"),
    (
        "RefCell",
        "the value itself, which mutations change through `&mut self`",
    ),
];

/// Whether a field is certainly of a type that no other thread may have.
pub(crate) fn is_unsendable(field: &Field) -> bool {
    let is_named = |(name, _): &(&str, &str)| generic(&field.ty.to_token_stream(), name).is_some();
    matches!(field.ty, Type::Ptr(_)) || UNSENDABLE.iter().any(is_named)
}

fn sendable(field: &Field, errors: &mut Errors) {
    if let Type::Ptr(pointer) = &field.ty {
        errors.over(
            pointer,
            "a pointer stays with one thread, and a live value owns its data and is seen by all; use an `Arc`",
        );
    }
    for (name, instead) in UNSENDABLE {
        if let Some(place) = generic(&field.ty.to_token_stream(), name) {
            errors.at(
                place.span(),
                format_args!(
                    "`{name}` stays with one thread, and a live value is seen by all; use {instead}"
                ),
            );
        }
    }
}

/// Where `name<..>` occurs in a type.
fn generic(tokens: &TokenStream, name: &str) -> Option<Ident> {
    let mut tokens = tokens.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_open = matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == '<');
        match token {
            TokenTree::Ident(ident) if ident == name && is_open => return Some(ident),
            TokenTree::Group(group) => {
                if let Some(found) = generic(&group.stream(), name) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}

/// A variant that needs a name of its own.
struct Named<'a> {
    name: &'a Ident,
    /// `None` for a variant of the user's own.
    field: Option<&'a Field>,
    /// The operation that makes it.
    word: &'static str,
}

impl<'a> Named<'a> {
    fn operation((field, op): (&'a Field, &'a Operation)) -> Named<'a> {
        Named {
            name: &op.variant,
            field: Some(field),
            word: op.kind.word(),
        }
    }

    fn own(variant: &'a Variant) -> Named<'a> {
        Named {
            name: &variant.ident,
            field: None,
            word: "",
        }
    }
}

/// No enum has two variants of one name.
fn names(model: &Model<'_>, errors: &mut Errors) {
    let custom = model.custom.iter().map(|custom| Named::own(&custom.variant));
    unique(
        "mutation",
        model.mutations().map(Named::operation).chain(custom),
        errors,
    );
    let events = model.events.iter().map(Named::own);
    unique(
        "message",
        model.messages().map(Named::operation).chain(events),
        errors,
    );
    if model.has_error() {
        error_names(model, errors);
    }

    let attrs = &model.attrs;
    let mut enums = vec![(&model.mutation, &attrs.mutation, "mutation")];
    enums.extend(
        model
            .has_messages()
            .then_some((&model.message, &attrs.message, "message")),
    );
    enums.extend(model.has_error().then_some((&model.error, &attrs.error, "error")));
    for (name, given, option) in &enums {
        if *name == model.ident {
            errors.at(
                given.name.get().map_or(model.ident.span(), Ident::span),
                format_args!(
                    "the {option} enum cannot be called `{name}`, as the value is; choose another name"
                ),
            );
        }
    }
    for (i, (name, given, option)) in enums.iter().enumerate() {
        if let Some((_, other_given, other)) = enums[..i].iter().find(|(earlier, ..)| earlier == name) {
            // The default names differ, so at least one of the two was given.
            let given = given.name.get().or(other_given.name.get());
            errors.at(
                given.map_or(model.ident.span(), Ident::span),
                format_args!(
                    "the {other} enum and the {option} enum are both called `{name}`; choose another name"
                ),
            );
        }
    }
}

fn unique<'a>(what: &str, variants: impl Iterator<Item = Named<'a>>, errors: &mut Errors) {
    let mut seen: Vec<Named<'_>> = Vec::new();
    for second in variants {
        let name = second.name;
        if let Some(first) = seen.iter().find(|first| first.name == name) {
            let message = match (first.field, second.field) {
                (Some(one), Some(other)) if std::ptr::eq(one, other) => format!(
                    "field {} makes two {what}s called `{name}`; name one of them: `#[live({} = SomeName)]`",
                    one.named(),
                    second.word,
                ),
                (Some(one), Some(other)) => format!(
                    "field {} and field {} both make a {what} called `{name}`; name one of them: \
                     `#[live({} = SomeName)]`",
                    one.named(),
                    other.named(),
                    second.word,
                ),
                (Some(one), None) => format!(
                    "field {} already makes a {what} called `{name}`; choose another name here, or name the field's: \
                     `#[live({} = SomeName)]`",
                    one.named(),
                    first.word,
                ),
                (None, _) => format!("there is a {what} called `{name}` already"),
            };
            errors.at(name.span(), message);
        }
        seen.push(second);
    }
}

/// A variant of the error: that of a field's rules is called as the field, that of a value in it as its mutation.
struct OfError<'a> {
    name: &'a Ident,
    field: &'a Field,
    /// `nested` or `each`; `None` of the field's own rules.
    update: Option<&'a Operation>,
}

impl OfError<'_> {
    /// What makes it.
    fn made_by(&self) -> String {
        let field = self.field.named();
        match self.update {
            Some(op) => format!(
                "`{}` of field {field} makes one for what a value in it refuses",
                op.kind.word()
            ),
            None => format!("field {field} one for what is refused of itself"),
        }
    }
}

/// The variants of the error follow from the names of fields and mutations.
fn error_names(model: &Model<'_>, errors: &mut Errors) {
    let own = "use an error type of your own: `#[live(error = MyError)]`";
    let mut seen: Vec<OfError<'_>> = Vec::new();
    for field in &model.fields {
        let updates = field.updates().map(|op| OfError {
            name: &op.variant,
            field,
            update: Some(op),
        });
        let rules = field.is_fallible().then_some(OfError {
            name: &field.error,
            field,
            update: None,
        });
        for second in updates.chain(rules) {
            let name = second.name;
            if name == "Rejected" && model.has_rejections() {
                let (at, way_out) = match second.update {
                    Some(op) => (op.variant.span(), renamed(op)),
                    None => (field.span, own.to_owned()),
                };
                errors.at(
                    at,
                    format_args!(
                        "the error variant `Rejected` is needed both by field {} and by the `validate` or the \
                         `variants(..)` of the type; {way_out}",
                        field.named(),
                    ),
                );
            }
            // Two updates of one name are two mutations of one name, which is reported with its own way out.
            let clash = |first: &&OfError<'_>| {
                first.name == name && !(first.update.is_some() && second.update.is_some())
            };
            if let Some(first) = seen.iter().find(clash) {
                let (at, message) = match (first.update, second.update) {
                    (None, None) => (
                        field.span,
                        format!(
                            "field {} and field {} both make an error called `{name}`; {own}",
                            first.field.named(),
                            field.named(),
                        ),
                    ),
                    (Some(op), _) => (op.variant.span(), two_of_error(name, first, &second, op)),
                    (None, Some(op)) => (op.variant.span(), two_of_error(name, &second, first, op)),
                };
                errors.at(at, message);
            }
            seen.push(second);
        }
    }
}

fn two_of_error(name: &Ident, update: &OfError<'_>, rules: &OfError<'_>, op: &Operation) -> String {
    format!(
        "two variants of the error are called `{name}`: {}, and {}; {}",
        update.made_by(),
        rules.made_by(),
        renamed(op),
    )
}

/// The way out where the name of a mutation is the name of its error.
fn renamed(op: &Operation) -> String {
    format!("name the mutation otherwise: `{} = SomeName`", op.kind.word())
}

impl Field {
    /// The field after the word "field".
    fn named(&self) -> String {
        format!("`{}`", self.label)
    }
}
