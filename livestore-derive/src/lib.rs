//! `#[derive(LiveValue)]`, re-exported and documented by the crate `livestore`.

use proc_macro::TokenStream;

/// Makes a type a live value.
#[proc_macro_derive(LiveValue, attributes(live))]
pub fn derive_live_value(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
