//! `#[derive(LiveValue)]`, re-exported and documented by the crate `livestore`.
//!
//! The steps: `attr` parses the attributes, `model` chooses every name and payload, `validate` looks for what does not
//! go together, `expand` writes the code. Mistakes are collected on the way and reported at once; `fallback` is what is
//! generated beside them.

mod attr;
mod errors;
mod expand;
mod fallback;
#[cfg(test)]
mod fuzz;
mod generics;
mod model;
mod names;
mod paths;
mod shape;
mod tokens;
mod validate;
mod words;

use proc_macro::TokenStream;
use syn::DeriveInput;

use crate::errors::Errors;
use crate::model::Model;

#[expect(
    missing_docs,
    reason = "documented where it is re-exported, with examples that can run there"
)]
#[proc_macro_derive(LiveValue, attributes(live))]
pub fn derive_live_value(input: TokenStream) -> TokenStream {
    derive(input.into()).into()
}

fn derive(input: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::default();
    let model = Model::new(&input, &mut errors);
    validate::validate(&input, &model, &mut errors);
    if errors.is_empty() {
        expand::expand(&model)
    } else {
        fallback::fallback(model, errors)
    }
}
