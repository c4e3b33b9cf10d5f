//! [`Custom`]: a mutation of the user's own. Messages of his own, which have no function.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Type, Variant, Visibility};

use crate::attr::value;
use crate::errors::Errors;
use crate::names::{is_keyword, snake_case};
use crate::tokens::{replace_self, respan};

/// A mutation of the user's own.
pub(crate) struct Custom {
    /// With `Self` replaced.
    pub(crate) variant: Variant,
    pub(crate) function: TokenStream,
}

/// A variant of the user's own, with the function that applies it.
pub(crate) fn custom(variant: &Variant, this: &TokenStream, errors: &mut Errors) -> Option<Custom> {
    let variant = own_variant(variant, this, errors);
    let name = &variant.ident;
    let function = match &variant.discriminant {
        Some((_, function)) => {
            let plain = snake_case(&name.unraw().to_string());
            let example = format!("{name} = Self::{plain}");
            match value::function(function.to_token_stream(), &example) {
                Ok(path) => path.to_token_stream(),
                Err(error) => {
                    let given = function.to_token_stream().to_string();
                    errors.push(if given.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
                        let message = format!(
                            "expected the path of the function that applies `{name}`, e.g. `{example}`"
                        );
                        syn::Error::new_spanned(function, message)
                    } else {
                        error
                    });
                    quote!(Self::#name)
                }
            }
        }
        None => {
            let method = snake_case(&name.unraw().to_string());
            if matches!(method.as_str(), "self" | "super" | "crate" | "_") {
                let message = format!(
                    "no method can be called `{method}`; name another: `{name} = Self::apply_{method}`"
                );
                errors.at(name.span(), message);
                return None;
            }
            let method = if is_keyword(&method) {
                Ident::new_raw(&method, name.span())
            } else {
                Ident::new(&method, name.span())
            };
            // All of it at the variant, where rustc then tells what does not fit.
            respan(quote!(Self::#method), name.span())
        }
    };
    Some(Custom {
        variant: Variant {
            discriminant: None,
            ..variant
        },
        function,
    })
}

/// A variant as the generated enum holds it.
fn own_variant(variant: &Variant, this: &TokenStream, errors: &mut Errors) -> Variant {
    for field in &variant.fields {
        if let Some((_, default)) = &field.default {
            errors.over(
                default,
                "a payload has no default; whoever sends the variant fills it",
            );
        }
        if !matches!(field.vis, Visibility::Inherited) {
            errors.over(
                &field.vis,
                "the payload of a variant is as visible as the enum; remove this",
            );
        }
        for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("cfg")) {
            errors.over(
                attr,
                "a payload cannot come and go by itself; put `#[cfg(..)]` on the variant",
            );
        }
    }
    let mut variant = variant.clone();
    for field in &mut variant.fields {
        field.default = None;
        field.vis = Visibility::Inherited;
        if let Some(message) = borrowed(&field.ty) {
            errors.over(&field.ty, message);
            field.ty = syn::parse_quote!(());
            continue;
        }
        if let Ok(ty) = syn::parse2(replace_self(field.ty.to_token_stream(), this)) {
            field.ty = ty;
        }
    }
    variant
}

/// What to say to the type of a payload that is none which an enum could own.
fn borrowed(ty: &Type) -> Option<&'static str> {
    match ty {
        Type::Reference(reference) if reference.lifetime.is_none() => Some(
            "a variant owns its payload, because it outlives the call; use an owned type (`String` for `&str`, `Vec<T>` for \
             `&[T]`), of which the function gets a reference",
        ),
        Type::Path(path) if path.path.is_ident("str") => {
            Some("a variant owns its payload; use `String`, which the function may take as `&str`")
        }
        Type::Slice(_) => {
            Some("a variant owns its payload; use `Vec<T>`, which the function may take as `&[T]`")
        }
        Type::ImplTrait(_) => Some("a payload is of one type: name it, or a parameter of the value"),
        _ => None,
    }
}

/// A message of the user's own.
pub(crate) fn event(variant: &Variant, this: &TokenStream, errors: &mut Errors) -> Variant {
    let variant = own_variant(variant, this, errors);
    if let Some((equals, function)) = &variant.discriminant {
        errors.over(
            quote!(#equals #function),
            "a message changes nothing, so it has no function; remove this",
        );
    }
    Variant {
        discriminant: None,
        ..variant
    }
}
