//! `check`: every rule, on a whole value.

use proc_macro2::TokenStream;
use quote::quote;

use crate::attr::OpKind;
use crate::expand::enums::Enums;
use crate::expand::rules::{Lengths, Rules, inner_error};
use crate::model::Model;

/// The method, unless every value is accepted.
pub(crate) fn check(model: &Model<'_>, enums: &Enums<'_>) -> Option<TokenStream> {
    let (root, ops, private) = (&model.paths.root, &model.paths.ops, &model.paths.private);
    let mut body = TokenStream::new();
    for field in &model.fields {
        let member = &field.member;
        body.extend(Rules { model, enums, field }.all(&quote!(&self.#member), Lengths::Exact));
        let ty = &field.ty;
        for op in field.updates() {
            body.extend(if op.kind == OpKind::Nested {
                let was = quote!(::core::option::Option::map(__was, |__was| &__was.#member));
                inner_error(model, enums, field, op, &quote!(<#ty as #root::LiveValue>::check(&self.#member, #was)))
            } else {
                let value = field.value(&model.paths);
                let was = quote! {
                    ::core::option::Option::and_then(__was, |__was| <#ty as #ops::Keyed>::get(&__was.#member, __key))
                };
                let checked = inner_error(model, enums, field, op, &quote!(<#value as #root::LiveValue>::check(__value, #was)));
                quote! {
                    for (__key, __value) in <#ty as #ops::Keyed>::iter(&self.#member) {
                        #checked
                    }
                }
            });
        }
    }
    if model.validate().is_some() {
        body.extend(quote! {
            if let ::core::option::Option::Some(__was) = __was {
                #private::Steps::__verdict(self, __was)?;
            }
        });
    }
    if body.is_empty() {
        return None;
    }
    let error = &enums.error;
    Some(quote! {
        fn check(&self, __was: ::core::option::Option<&Self>) -> ::core::result::Result<(), #error> {
            #body
            ::core::result::Result::Ok(())
        }
    })
}
