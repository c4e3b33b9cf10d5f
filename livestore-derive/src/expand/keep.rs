//! `keep` against `len` where they are constants: asked by rustc while it compiles.

use proc_macro2::TokenStream;
use quote::quote;

use crate::attr::span_of;
use crate::attr::value::{Bounds, literal};
use crate::model::{Field, Model};
use crate::tokens::{replace_self, respan};

/// Beside the type. Empty if the type is generic, whose constants are only known where it is used.
pub(crate) fn items(model: &Model<'_>) -> TokenStream {
    if !model.generics.params.is_empty() {
        return TokenStream::new();
    }
    model
        .fields
        .iter()
        .flat_map(asserts)
        .map(|assert| {
            let assert = replace_self(assert, &model.this);
            quote!(const _: () = #assert;)
        })
        .collect()
}

/// Inside `push` of a generic type.
pub(crate) fn inside(model: &Model<'_>, field: &Field) -> TokenStream {
    if model.generics.params.is_empty() {
        return TokenStream::new();
    }
    asserts(field).map(|assert| quote!(const { #assert };)).collect()
}

fn asserts(field: &Field) -> impl Iterator<Item = TokenStream> {
    let both = field.kept_within().map(|(keep, len)| {
        let (kept, bounds) = (&keep.value, Bounds::of(&len.value));
        // Two numbers were compared before.
        let is_open = |bound: &TokenStream| literal(bound).is_none() || literal(kept).is_none();
        let assert =
            |holds: TokenStream, text: &str| respan(quote!(::core::assert!(#holds, #text)), span_of(kept));
        let least = bounds.from.filter(is_open).map(|from| {
            assert(
                quote!(#from <= #kept),
                "`keep` leaves fewer items than `len` asks for, so every `push` would be refused",
            )
        });
        let most = bounds.to.filter(is_open).map(|to| {
            let holds = if bounds.is_inclusive {
                quote!(#kept <= #to)
            } else {
                quote!(#kept < #to)
            };
            assert(
                holds,
                "`keep` never drops anything, because `len` refuses more items before",
            )
        });
        [least, most]
    });
    both.into_iter().flatten().flatten()
}
