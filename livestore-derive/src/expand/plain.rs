//! `__is_plain`: which mutations run nothing of the user's.
//!
//! The tokens say that no function of his is named, the types that nothing of his hides behind an operator, a
//! `Clone`, a `Drop` or a `Hash`. The latter is asked by type (see `__private::Probe`), because names lie.

use proc_macro2::TokenStream;
use quote::quote;

use crate::attr::{OpKind, Rule};
use crate::expand::apply::cfgs;
use crate::expand::enums::Enums;
use crate::model::{Field, Model, Operation};

/// The method, unless no mutation can be plain.
pub(crate) fn is_plain(model: &Model<'_>, enums: &Enums<'_>) -> Option<TokenStream> {
    if model.validate().is_some() {
        return None;
    }
    let (private, name) = (&model.paths.private, &model.mutation);
    let arms: Vec<_> = model
        .mutations()
        .filter(|(field, op)| may_be_plain(model, field, op))
        .map(|(field, op)| {
            let (cfgs, variant, ty) = (cfgs(field), &op.variant, &field.ty);
            quote!(#(#cfgs)* #name::#variant { .. } => <#private::Probe<#ty>>::__PLAIN,)
        })
        .collect();
    if arms.is_empty() {
        return None;
    }
    let rest = (arms.len() < model.mutations().count() + model.custom.len()).then(|| quote!(_ => false,));
    let mutation = &enums.mutation;
    Some(quote! {
        fn __is_plain(__mutation: &#mutation) -> ::core::primitive::bool {
            use #private::NotPlain as _;
            match __mutation {
                #(#arms)*
                #rest
            }
        }
    })
}

/// Whether only the field's type is left to be asked.
fn may_be_plain(model: &Model<'_>, field: &Field, op: &Operation) -> bool {
    let is_constant = |rule: Option<&Rule>| rule.is_none_or(|rule| rule.constant);
    let rules = field.validate().is_none()
        && is_constant(field.len())
        && is_constant(field.range())
        && is_constant(field.keep());
    // An error type of the user's is made by his `From`.
    let errors = model.attrs.error_type.get().is_none() || !field.is_fallible();
    rules && errors && !matches!(op.kind, OpKind::Nested | OpKind::Each | OpKind::Message)
}
