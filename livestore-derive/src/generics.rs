//! The parameters of generated code: those of the type, or of an enum those that its payloads mention.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{GenericParam, Generics, Ident, WherePredicate};

use crate::tokens::mentions;

/// The parameters that `payloads` mention, with the bounds and predicates that mention only those.
pub(crate) fn mentioned(generics: &Generics, payloads: &[TokenStream]) -> Generics {
    let is_kept = |name: &Ident| payloads.iter().any(|payload| mentions(payload.clone(), name));
    let dropped: Vec<&Ident> = generics
        .params
        .iter()
        .filter_map(name)
        .filter(|name| !is_kept(name))
        .collect();
    let is_free = |tokens: &dyn ToTokens| {
        let tokens = tokens.to_token_stream();
        !dropped.iter().any(|name| mentions(tokens.clone(), name))
    };

    let mut kept = Generics::default();
    for param in &generics.params {
        if name(param).is_some_and(|name| dropped.contains(&name)) {
            continue;
        }
        let mut param = param.clone();
        match &mut param {
            GenericParam::Type(param) => {
                param.bounds = param
                    .bounds
                    .clone()
                    .into_iter()
                    .filter(|bound| is_free(bound))
                    .collect();
                param.colon_token = param.colon_token.filter(|_| !param.bounds.is_empty());
                param.default = param.default.take().filter(|(_, default)| is_free(default));
            }
            GenericParam::Const(param) => {
                param.default = param.default.take().filter(|(_, default)| is_free(default));
            }
            GenericParam::Lifetime(_) => {}
        }
        kept.params.push(param);
    }
    keep_defaults_last(&mut kept.params);
    if let Some(clause) = &generics.where_clause {
        let predicates: Vec<WherePredicate> = clause
            .predicates
            .iter()
            .filter(|predicate| is_free(predicate) && is_about(predicate, &kept))
            .cloned()
            .collect();
        if !predicates.is_empty() {
            kept.make_where_clause().predicates.extend(predicates);
        }
    }
    kept
}

/// The parameters with what the store asks of every value, for those of which `holds` is true.
pub(crate) fn bounded(mut generics: Generics, holds: impl Fn(&Ident) -> bool) -> Generics {
    let names: Vec<Ident> = generics
        .type_params()
        .map(|param| param.ident.clone())
        .filter(|name| holds(name))
        .collect();
    if !names.is_empty() {
        let clause = generics.make_where_clause();
        for name in names {
            clause.predicates.push(syn::parse_quote! {
                #name: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static
            });
        }
    }
    generics
}

fn name(param: &GenericParam) -> Option<&Ident> {
    match param {
        GenericParam::Type(param) => Some(&param.ident),
        GenericParam::Const(param) => Some(&param.ident),
        GenericParam::Lifetime(_) => None,
    }
}

/// A default that was dropped takes those before it along, because no parameter without one may follow them.
fn keep_defaults_last<P>(params: &mut Punctuated<GenericParam, P>) {
    let mut required = false;
    for param in params.iter_mut().rev() {
        match param {
            GenericParam::Type(param) if required => param.default = None,
            GenericParam::Type(param) => required = param.default.is_none(),
            GenericParam::Const(param) if required => param.default = None,
            GenericParam::Const(param) => required = param.default.is_none(),
            GenericParam::Lifetime(_) => {}
        }
    }
}

/// Whether the predicate is about any of the parameters.
fn is_about(predicate: &WherePredicate, generics: &Generics) -> bool {
    generics
        .params
        .iter()
        .filter_map(name)
        .any(|name| mentions(predicate.to_token_stream(), name))
}
