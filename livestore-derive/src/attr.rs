//! Parses `#[live(..)]`: from tokens to options. Whether the options make sense is asked later.
//!
//! A mistake does not end the parsing: it is recorded, the item is skipped up to its comma, and the rest is read.

mod field;
mod item;
mod ty;
pub(crate) mod value;

pub(crate) use crate::attr::field::{Args, FieldAttrs, OpKind, Rule, parse_field};
pub(crate) use crate::attr::ty::{EnumAttrs, Pass, TypeAttrs, parse_type};

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, Meta};

use crate::attr::item::Items;
use crate::errors::Errors;

/// Reads every `#[live(..)]` among `attrs` by `item`, which gets each option's name. `empty` says what could stand in
/// an empty one.
fn each_item(
    attrs: &[Attribute],
    errors: &mut Errors,
    empty: &str,
    mut item: impl FnMut(&Ident, &mut Items<'_>, &mut Errors) -> syn::Result<()>,
) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("live")) {
        let list = match &attr.meta {
            Meta::Path(path) => {
                errors.over(
                    path,
                    "`live` needs options: `#[live(...)]`, e.g. `#[live(skip)]` or `#[live(increment)]`",
                );
                continue;
            }
            Meta::NameValue(pair) => {
                errors.over(
                    &pair.value,
                    "`live` takes its options in parentheses: `#[live(...)]`",
                );
                continue;
            }
            Meta::List(list) => list,
        };
        if list.tokens.is_empty() {
            errors.over(
                attr,
                format_args!("`#[live()]` is empty; {empty}, or remove the attribute"),
            );
            continue;
        }
        if !matches!(list.delimiter, syn::MacroDelimiter::Paren(_)) {
            errors.at(
                list.tokens.span(),
                "`live` takes its options in parentheses: `#[live(...)]`",
            );
        }
        item::read(list.tokens.clone(), errors, &mut item);
    }
}

/// A value that may be given once.
pub(crate) struct Once<T>(pub(crate) Option<T>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Once(None)
    }
}

impl<T> Once<T> {
    /// Keeps the first value; a second one is a mistake at its `word`.
    fn set(&mut self, word: &Ident, value: T, errors: &mut Errors) {
        if self.0.is_some() {
            errors.at(word.span(), format_args!("`{word}` is given twice"));
        } else {
            self.0 = Some(value);
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

/// The span from the first to the last of `tokens`, which are all of one place.
pub(crate) fn span_of(tokens: impl ToTokens) -> Span {
    tokens.to_token_stream().span()
}
