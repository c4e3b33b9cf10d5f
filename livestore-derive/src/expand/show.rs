//! `Debug` of mutations and messages: payloads that cannot be shown are `_`.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{Fields, Generics};

use crate::attr::{Pass, span_of};
use crate::expand::apply::use_answers;
use crate::expand::enums::Enums;
use crate::expand::lints;
use crate::model::{Model, Payload};
use crate::tokens::at;

/// `__show` and `__show_message`: how the store shows an update.
pub(crate) fn show(model: &Model<'_>, enums: &Enums<'_>) -> TokenStream {
    let (private, answers) = (&model.paths.private, use_answers(model));
    let show = |name: &str, ty: &TokenStream, names: Option<TokenStream>| {
        let name = format_ident!("{name}");
        let shown = quote!(<#private::Probe<#ty>>::__show(__shown));
        // Of a generic one it is not known here, but its variant has a name.
        let shown = match names {
            Some(names) => quote! {
                match #shown {
                    ::core::option::Option::None => ::core::option::Option::Some(match __shown { #names }),
                    __shown => __shown,
                }
            },
            None => shown,
        };
        quote! {
            #[inline]
            fn #name<'__a>(__shown: &'__a #ty) -> ::core::option::Option<&'__a dyn ::core::fmt::Debug> {
                #answers
                #shown
            }
        }
    };
    let is_generic = model.generics.type_params().next().is_some();
    let names = |name: &Ident, variants: &[Variant]| {
        let arms: TokenStream = variants
            .iter()
            .map(|(cfgs, variant, _)| {
                let text = variant.unraw().to_string();
                quote!(#(#cfgs)* #name::#variant { .. } => &#private::Name(#text),)
            })
            .collect();
        (is_generic && !variants.is_empty()).then_some(arms)
    };
    let mutation = show(
        "__show",
        &enums.mutation,
        names(&model.mutation, &enums.shown_mutations()),
    );
    let message = if model.attrs.message_type.get().is_some() {
        Some(show("__show_message", &enums.message, None))
    } else if model.has_messages() {
        Some(show(
            "__show_message",
            &enums.message,
            names(&model.message, &enums.shown_messages()),
        ))
    } else {
        None
    };
    quote!(#mutation #message)
}

/// A variant: its `#[cfg]`s, its name, and what it holds.
pub(crate) type Variant = (Vec<TokenStream>, Ident, Shown);

/// A variant, as far as it is shown.
pub(crate) enum Shown {
    Unit,
    Tuple(Vec<TokenStream>),
    Named(Vec<(Ident, TokenStream)>),
}

impl Shown {
    pub(crate) fn payload(payload: &Payload) -> Shown {
        match payload.types() {
            types if types.is_empty() => Shown::Unit,
            types => Shown::Tuple(types),
        }
    }

    pub(crate) fn fields(fields: &Fields) -> Shown {
        let ty = |field: &syn::Field| {
            let ty = &field.ty;
            quote!(#ty)
        };
        match fields {
            Fields::Unit => Shown::Unit,
            Fields::Unnamed(fields) => Shown::Tuple(fields.unnamed.iter().map(ty).collect()),
            Fields::Named(fields) => Shown::Named(
                fields
                    .named
                    .iter()
                    .filter_map(|field| Some((field.ident.clone()?, ty(field))))
                    .collect(),
            ),
        }
    }

    /// The types of what it holds.
    pub(crate) fn types(&self) -> Vec<&TokenStream> {
        match self {
            Shown::Unit => Vec::new(),
            Shown::Tuple(types) => types.iter().collect(),
            Shown::Named(fields) => fields.iter().map(|(_, ty)| ty).collect(),
        }
    }

    /// The pattern, with what it binds.
    pub(crate) fn pattern(&self, name: &Ident) -> (TokenStream, Vec<Ident>) {
        let place = |ty: &TokenStream| {
            if is_projection(ty) {
                span_of(ty)
            } else {
                Span::call_site()
            }
        };
        let bindings: Vec<_> = self
            .types()
            .into_iter()
            .enumerate()
            .map(|(i, ty)| format_ident!("__{i}", span = place(ty)))
            .collect();
        let pattern = match self {
            Shown::Unit => quote!(Self::#name),
            Shown::Tuple(types) => at_payload(quote!(Self::#name), types.last(), &quote!(#(#bindings),*)),
            Shown::Named(fields) => {
                let names = fields.iter().map(|(name, _)| name);
                quote!(Self::#name { #(#names: #bindings),* })
            }
        };
        (pattern, bindings)
    }

    fn arm(&self, name: &Ident, private: &TokenStream) -> TokenStream {
        let text = name.unraw().to_string();
        let payload = |binding: &Ident, ty: &TokenStream| {
            let span = span_of(ty);
            let (before, after) = (at(quote!(<), span), at(quote!(>>::__payload), span));
            // Its own place is that of the pattern.
            let mut list = Group::new(Delimiter::Parenthesis, quote!(#binding));
            list.set_span(span);
            quote!(#before #private::Probe<#ty #after #list)
        };
        let (pattern, bindings) = self.pattern(name);
        match self {
            Shown::Unit => quote!(#pattern => ::core::fmt::Formatter::write_str(__f, #text),),
            Shown::Tuple(types) => {
                let payloads = bindings
                    .iter()
                    .zip(types)
                    .map(|(binding, ty)| payload(binding, ty));
                quote! {
                    #pattern => #private::debug_tuple(__f, #text, &[#(#payloads),*]),
                }
            }
            Shown::Named(fields) => {
                let payloads = bindings.iter().zip(fields).map(|(binding, (name, ty))| {
                    let text = name.unraw().to_string();
                    let payload = payload(binding, ty);
                    quote!((#text, #payload))
                });
                quote! {
                    #pattern => #private::debug_struct(__f, #text, &[#(#payloads),*]),
                }
            }
        }
    }
}

/// `path(bindings)`; at the type of the last payload, if that is a projection, which may not exist.
pub(crate) fn at_payload(
    path: TokenStream,
    payload: Option<&TokenStream>,
    bindings: &TokenStream,
) -> TokenStream {
    let Some(payload) = payload.filter(|payload| is_projection(payload)) else {
        return quote!(#path(#bindings));
    };
    let span = span_of(payload);
    let mut list = Group::new(Delimiter::Parenthesis, bindings.clone());
    list.set_span(span);
    let path = at(path, span);
    quote!(#path #list)
}

/// Whether it is `<A as B>::C`.
fn is_projection(ty: &TokenStream) -> bool {
    let first = ty.clone().into_iter().next();
    matches!(first, Some(TokenTree::Punct(punct)) if punct.as_char() == '<')
}

/// `Debug` of an enum, unless somebody else is asked for it.
pub(crate) fn debug(
    model: &Model<'_>,
    name: &Ident,
    generics: &Generics,
    own: &[Pass],
    variants: &[Variant],
) -> Option<TokenStream> {
    if model.pass(own).any(Pass::shows) {
        return None;
    }
    let (private, answers, lints) = (&model.paths.private, use_answers(model), lints());
    let mut bounded = generics.clone();
    let parameters: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    for parameter in parameters {
        bounded
            .make_where_clause()
            .predicates
            .push(syn::parse_quote!(#parameter: ::core::fmt::Debug));
    }
    let (parameters, arguments, clause) = bounded.split_for_impl();
    let arms = variants.iter().map(|(cfgs, name, shown)| {
        let arm = shown.arm(name, private);
        quote!(#(#cfgs)* #arm)
    });
    let body = if variants.is_empty() {
        quote!(match *self {})
    } else {
        quote!(match self { #(#arms)* })
    };
    Some(quote! {
        #[automatically_derived]
        #lints
        impl #parameters ::core::fmt::Debug for #name #arguments #clause {
            #[inline]
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #answers
                #body
            }
        }
    })
}
