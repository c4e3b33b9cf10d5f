//! `Clone` of an enum that holds mutations of other values. Where one of these is no live value, a derived one would say
//! so once more; here it is said at the type, as everywhere, and so once.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};

use crate::expand::lints;
use crate::expand::rules::cloned;
use crate::expand::show::{Shown, Variant, at_payload};

/// What `#[derive(Clone)]` would write.
pub(crate) fn clone(name: &Ident, variants: &[Variant]) -> TokenStream {
    let lints = lints();
    let arms = variants.iter().map(|(cfgs, name, shown)| {
        let (pattern, bindings) = shown.pattern(name);
        let clones = bindings
            .iter()
            .zip(shown.types())
            .map(|(binding, ty)| cloned(ty, &binding.to_token_stream()));
        let made = match shown {
            Shown::Unit => quote!(Self::#name),
            Shown::Tuple(types) => at_payload(quote!(Self::#name), types.last(), &quote!(#(#clones),*)),
            Shown::Named(fields) => {
                let names = fields.iter().map(|(name, _)| name);
                quote!(Self::#name { #(#names: #clones),* })
            }
        };
        quote!(#(#cfgs)* #pattern => #made,)
    });
    quote! {
        #[automatically_derived]
        #lints
        impl ::core::clone::Clone for #name {
            #[inline]
            fn clone(&self) -> Self {
                match self { #(#arms)* }
            }
        }
    }
}
