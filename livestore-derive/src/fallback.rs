//! What is generated when there are mistakes: beside them, everything that other code may name, so that one typo does
//! not become twenty unknown names.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::errors::Errors;
use crate::expand::enums::Enums;
use crate::expand::without_bodies;
use crate::model::Model;
use crate::validate::is_unsendable;

/// The mistakes, and the enums and impls without contents.
pub(crate) fn fallback(mut model: Model<'_>, errors: Errors) -> TokenStream {
    each_name_once(&mut model);
    let (errors, items) = (errors.into_compile_errors(), without_bodies(&model));
    let sent = model.fields.iter().any(is_unsendable).then(|| sent(&model));
    quote!(#errors #items #sent)
}

/// What is said to a field that cannot be sent is enough: rustc would say it of the value and of each enum. It is never
/// compiled into anything, since the mistake stands beside it.
fn sent(model: &Model<'_>) -> TokenStream {
    let (this, generics) = (&model.this, &model.generics);
    let (parameters, _, clause) = generics.split_for_impl();
    let mutation = Enums::new(model).mutation;
    let message = model.has_messages().then(|| Enums::new(model).message);
    let types = [Some(this.clone()), Some(mutation), message]
        .into_iter()
        .flatten();
    let impls = types.map(|ty| {
        quote! {
            #[allow(unsafe_code)]
            unsafe impl #parameters ::core::marker::Send for #ty #clause {}
            #[allow(unsafe_code)]
            unsafe impl #parameters ::core::marker::Sync for #ty #clause {}
        }
    });
    quote!(#(#impls)*)
}

/// Takes out what would be defined twice, of which rustc would tell again.
fn each_name_once(model: &mut Model<'_>) {
    let (mut mutations, mut messages) = (Vec::new(), Vec::new());
    for field in &mut model.fields {
        field.ops.retain(|op| {
            first(
                &op.variant,
                if op.kind.is_message() {
                    &mut messages
                } else {
                    &mut mutations
                },
            )
        });
    }
    model
        .custom
        .retain(|custom| first(&custom.variant.ident, &mut mutations));
    model.events.retain(|event| first(&event.ident, &mut messages));
    let names = [&model.mutation, &model.message, &model.error];
    if names.contains(&model.ident)
        || model.mutation == model.message
        || model.mutation == model.error
        || model.message == model.error
    {
        model.use_default_names();
    }
}

fn first(name: &Ident, seen: &mut Vec<Ident>) -> bool {
    let is_first = !seen.contains(name);
    if is_first {
        seen.push(name.clone());
    }
    is_first
}
