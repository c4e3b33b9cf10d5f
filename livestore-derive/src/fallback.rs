//! What is generated when there are mistakes: beside them, everything that other code may name, so that one typo does
//! not become twenty unknown names.

use proc_macro2::TokenStream;
use quote::quote;

use crate::errors::Errors;
use crate::expand::without_bodies;
use crate::model::Model;

/// The mistakes, and the enums and impls without contents.
pub(crate) fn fallback(model: &Model<'_>, errors: Errors) -> TokenStream {
    let (errors, items) = (errors.into_compile_errors(), without_bodies(model));
    quote!(#errors #items)
}
