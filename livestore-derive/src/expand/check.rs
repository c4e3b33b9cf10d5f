//! `check` and `check_message`: every rule, on a whole value, and those about a message.

use proc_macro2::TokenStream;
use quote::quote;

use crate::expand::apply::{cfgs, use_answers};
use crate::expand::enums::Enums;
use crate::expand::rules::{Inner, Lengths, Rules};
use crate::model::Model;
use crate::tokens::Limits;

/// Both methods, unless everything is accepted.
pub(crate) fn check(model: &Model<'_>, enums: &Enums<'_>) -> TokenStream {
    let (whole, message) = (whole(model, enums), message(model, enums));
    quote!(#whole #message)
}

fn whole(model: &Model<'_>, enums: &Enums<'_>) -> Option<TokenStream> {
    let private = &model.paths.private;
    let (mut body, mut skips) = (TokenStream::new(), false);
    for field in &model.fields {
        let (member, ty) = (&field.member, &field.ty);
        let mut rules = Rules { model, enums, field }.all(&quote!(&self.#member), Lengths::Exact);
        for op in field.updates() {
            let inner = Inner {
                model,
                enums,
                field,
                op,
            };
            let was = quote!(::core::option::Option::map(__was, |__was| &__was.#member));
            let how = quote!(#private::How::inside(__how));
            rules.extend(inner.check_all(&quote!(&self.#member), &was, &how));
        }
        body.extend(
            if rules.is_empty() || !field.may_be_shared() || field.limits() != Limits::None {
                rules
            } else {
                skips = true;
                quote! {
                    if !::core::option::Option::is_some_and(
                        __before,
                        |__was| <#private::Probe<#ty>>::__same(&self.#member, &__was.#member),
                    ) {
                        #rules
                    }
                }
            },
        );
    }
    if model.validate().is_some() {
        body.extend(quote! {
            if let (::core::option::Option::Some(__was), #private::How::Asked | #private::How::Whole) = (__was, __how) {
                #private::Steps::__verdict(self, __was)?;
            }
        });
    }
    if body.is_empty() {
        return None;
    }
    let before = skips.then(|| {
        quote! {
            let __before =
                ::core::option::Option::filter(__was, |_| ::core::matches!(__how, #private::How::Again));
        }
    });
    let (result, answers) = (enums.result(&quote!(())), use_answers(model));
    Some(quote! {
        #[inline]
        fn __check(
            &self,
            __was: ::core::option::Option<&Self>,
            __how: #private::How,
            __at: &#private::At<'_>,
        ) -> #result {
            #answers
            #before
            #body
            ::core::result::Result::Ok(())
        }
    })
}

fn message(model: &Model<'_>, enums: &Enums<'_>) -> Option<TokenStream> {
    let private = &model.paths.private;
    let mut arms = TokenStream::new();
    for (field, op) in model.messages() {
        let mut rules = Rules { model, enums, field }.all(&quote!(__v), Lengths::Exact);
        let member = &field.member;
        for op in field.updates() {
            let was = quote!(::core::option::Option::Some(&self.#member));
            let how = quote!(#private::How::Whole);
            rules.extend(
                Inner {
                    model,
                    enums,
                    field,
                    op,
                }
                .check_all(&quote!(__v), &was, &how),
            );
        }
        if !rules.is_empty() {
            let (cfgs, name, variant) = (cfgs(field), &model.message, &op.variant);
            arms.extend(quote!(#(#cfgs)* #name::#variant(__v) => { #rules }));
        }
    }
    if arms.is_empty() || !model.has_messages() {
        return None;
    }
    let (result, answers, message) = (enums.result(&quote!(())), use_answers(model), &enums.message);
    Some(quote! {
        #[allow(unreachable_patterns)]
        #[inline]
        fn check_message(&self, __message: &#message) -> #result {
            #answers
            let __at = &#private::At::ROOT;
            match __message {
                #arms
                _ => {}
            }
            ::core::result::Result::Ok(())
        }
    })
}
