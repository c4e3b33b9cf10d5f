//! [`Paths`]: how generated code names the facade.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Path;

/// Absolute paths into the facade.
pub(crate) struct Paths {
    /// `::livestore`
    pub(crate) root: TokenStream,
    /// `::livestore::ops`
    pub(crate) ops: TokenStream,
    /// `::livestore::__private`
    pub(crate) private: TokenStream,
}

impl Paths {
    pub(crate) fn new(krate: Option<&Path>) -> Paths {
        let root = krate.map_or_else(|| quote!(::livestore), ToTokens::to_token_stream);
        Paths {
            ops: quote!(#root::ops),
            private: quote!(#root::__private),
            root,
        }
    }
}
