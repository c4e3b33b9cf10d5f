//! `__is_plain` and `__copy`: which mutations run nothing of the user's, and copies that do not either.
//!
//! The tokens say that no function of his is named, the types that nothing of his hides behind an operator, a
//! `Clone`, a `Drop` or a `Hash`. The latter is asked by type (see `__private::Probe`), because names lie.

use proc_macro2::TokenStream;
use quote::quote;

use crate::attr::{OpKind, Rule};
use crate::expand::apply::{cfgs, use_answers};
use crate::expand::enums::Enums;
use crate::model::{Field, Model, Operation};

/// Both methods, unless no mutation can be plain.
pub(crate) fn plain(model: &Model<'_>, enums: &Enums<'_>) -> Option<TokenStream> {
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
    let (copy, answers) = (copy(model), use_answers(model));
    Some(quote! {
        #[inline]
        fn __is_plain(__mutation: &#mutation) -> ::core::primitive::bool {
            #answers
            match __mutation {
                #(#arms)*
                #rest
            }
        }

        #copy
    })
}

/// `__copy`: field by field, so that no `Clone` of the user's is called. Not where fields cannot be borrowed.
fn copy(model: &Model<'_>) -> Option<TokenStream> {
    if model.is_packed {
        return None;
    }
    let (private, answers) = (&model.paths.private, use_answers(model));
    let weights = model
        .fields
        .iter()
        .map(|Field { ty, member, .. }| quote!(<#private::Probe<#ty>>::__weight(&self.#member)));
    let copies = model
        .fields
        .iter()
        .map(|Field { ty, member, .. }| quote!(#member: <#private::Probe<#ty>>::__copy(&self.#member)));
    Some(quote! {
        #[inline]
        fn __copy(&self) -> ::core::option::Option<Self> {
            #answers
            if !<#private::Probe<Self>>::__DROPS && #private::is_small(&[#(#weights),*]) {
                ::core::option::Option::Some(Self { #(#copies),* })
            } else {
                ::core::option::Option::None
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
    // The rules of inner values are the user's, and so are those of fields that mention this one.
    let alone = field.updates().next().is_none() && model.limited_by(field).next().is_none();
    rules && errors && alone && op.kind != OpKind::Message
}
