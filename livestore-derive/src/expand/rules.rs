//! The rules of a field, and how what they say becomes the error of the value.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::spanned::Spanned;

use crate::attr::OpKind;
use crate::expand::enums::Enums;
use crate::model::{Field, Model, Operation};
use crate::tokens::respan;

/// Returns with the error of a nested value, if `result` is one.
pub(crate) fn inner_error(
    model: &Model<'_>,
    enums: &Enums<'_>,
    field: &Field,
    op: &Operation,
    result: &TokenStream,
) -> TokenStream {
    match model.attrs.error_type.get() {
        Some(error) => quote! {
            ::core::result::Result::map_err(#result, <#error as ::core::convert::From<_>>::from)?;
        },
        None => {
            let (error, variant, private) = (&enums.error_path, &op.variant, &model.paths.private);
            if field.holds_itself && op.kind == OpKind::Each {
                return quote! {
                    ::core::result::Result::map_err(#result, |__e| #error::#variant(#private::Box::new(__e)))?;
                };
            }
            quote!(::core::result::Result::map_err(#result, #error::#variant)?;)
        }
    }
}

/// Whether the rule `len` looks at the result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lengths {
    /// At the result.
    Exact,
    /// The length was foretold and checked before.
    Foretold,
}

/// The rules of one field.
pub(crate) struct Rules<'a> {
    pub(crate) model: &'a Model<'a>,
    pub(crate) enums: &'a Enums<'a>,
    pub(crate) field: &'a Field,
}

impl Rules<'_> {
    /// All rules about `value`, a reference to what the field would be. The cheapest first.
    pub(crate) fn all(&self, value: &TokenStream, lengths: Lengths) -> TokenStream {
        let (field, ops, private) = (self.field, &self.model.paths.ops, &self.model.paths.private);
        let ty = &field.ty;
        let len = field.len().filter(|_| lengths == Lengths::Exact).map(|len| {
            let range = &len.value;
            self.or_broken(&quote!(#private::check_len(<#ty as #ops::Len>::len_if_present(#value), #range)))
        });
        let range = field.range().map(|range| {
            let range = &range.value;
            self.or_broken(&quote!(#private::check_range::<#ty>(#value, #range)))
        });
        let validate = field.validate().map(|validate| {
            let call = respan(quote!((#value)), validate.span());
            let verdict = |error: &TokenStream| {
                let verdict = respan(quote!(#private::verdict::<#error, _>), validate.span());
                quote!(#verdict(#validate #call))
            };
            match self.model.attrs.error_type.get() {
                Some(error) => {
                    let verdict = verdict(&error.to_token_stream());
                    quote!(#verdict?)
                }
                None => self.or_broken(&verdict(&quote!(#private::Invalid))),
            }
        });
        [len, range, validate]
            .into_iter()
            .flatten()
            .map(|rule| quote!(#rule;))
            .collect()
    }

    /// Returns with the error that says which field it was, if `result` is one.
    pub(crate) fn or_broken(&self, result: &TokenStream) -> TokenStream {
        match self.model.attrs.error_type.get() {
            Some(error) => {
                let (private, label) = (&self.model.paths.private, &self.field.label);
                quote!(#private::rule::<#error, _>(#result, #label)?)
            }
            None => {
                let (error, variant) = (&self.enums.error_path, &self.field.error);
                quote!(::core::result::Result::map_err(#result, #error::#variant)?)
            }
        }
    }
}
