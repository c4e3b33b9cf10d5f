//! The field that identifies a value, and the lists that find their items by it.

use proc_macro2::TokenStream;
use quote::quote;

use crate::expand::lints;
use crate::model::{Model, projection};
use crate::tokens::{replace_self, respan};

pub(crate) fn id(model: &Model<'_>) -> TokenStream {
    let (identified, asserts) = (identified(model), asserts(model));
    quote!(#identified #asserts)
}

/// `Identified`, for a type with a field that is marked `id`.
pub(crate) fn identified(model: &Model<'_>) -> Option<TokenStream> {
    let field = model.fields.iter().find(|field| field.attrs.id.get().is_some())?;
    let (ops, this, lints) = (&model.paths.ops, &model.this, lints());
    let (parameters, _, clause) = model.generics.split_for_impl();
    let (ty, label, member) = (&field.ty, &field.label, &field.member);
    Some(quote! {
        #[automatically_derived]
        #lints
        impl #parameters #ops::Identified for #this #clause {
            type Id = #ty;
            const FIELD: &'static ::core::primitive::str = #label;

            #[inline]
            fn id(&self) -> &#ty {
                &self.#member
            }
        }
    })
}

/// That `by = ..` names that field. What is generic is not asked.
fn asserts(model: &Model<'_>) -> TokenStream {
    if !model.generics.params.is_empty() {
        return TokenStream::new();
    }
    let (ops, private) = (&model.paths.ops, &model.paths.private);
    let by = model
        .fields
        .iter()
        .filter_map(|field| Some((field, field.by.as_ref()?)));
    by.map(|(field, by)| {
        let (value, text) = (
            replace_self(field.value(&model.paths), &model.this),
            by.to_string(),
        );
        let field = projection(&value, &quote!(#ops::Identified), "FIELD");
        let assert = respan(
            quote! {
                ::core::assert!(
                    #private::is_id(#text, __FIELD),
                    "`by` names the field of the items that is marked `#[live(id)]`, and this is another one",
                )
            },
            by.span(),
        );
        quote! {
            const _: () = {
                const __FIELD: &::core::primitive::str = #field;
                #assert
            };
        }
    })
    .collect()
}
