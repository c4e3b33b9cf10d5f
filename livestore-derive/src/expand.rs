//! From a [`Model`] to code. Cannot fail: whatever is wrong was found before.

mod apply;
mod check;
mod clone;
pub(crate) mod enums;
mod id;
mod keep;
mod plain;
mod rules;
mod show;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Generics, Type};

use crate::attr::span_of;
use crate::expand::enums::Enums;
use crate::generics::bounded;
use crate::model::Model;
use crate::tokens::{at, respan};

/// Everything that is generated for one type.
pub(crate) fn expand(model: &Model<'_>) -> TokenStream {
    let enums = Enums::new(model);
    let items = enums.items();
    let body = Body {
        mutate: apply::mutate(model, &enums),
        apply: apply::apply(model, &enums),
        others: {
            let (check, plain, show) = (
                check::check(model, &enums),
                plain::plain(model, &enums),
                show::show(model, &enums),
            );
            quote!(#check #plain #show)
        },
    };
    let value = live_value(model, &enums, body);
    let (steps, keep) = (apply::steps(model, &enums), keep::items(model));
    let id = id::id(model);
    quote!(#items #value #steps #keep #id)
}

/// What is generated beside an error: all that user code may name, so that the error is the only one.
pub(crate) fn without_bodies(model: &Model<'_>) -> TokenStream {
    let enums = Enums::new(model);
    let items = enums.items_beside_errors();
    let unreachable = || quote!(::core::unreachable!());
    let value = live_value(
        model,
        &enums,
        Body {
            mutate: unreachable(),
            apply: {
                let (mutation, result) = (&enums.mutation, enums.result(&quote!(())));
                quote! {
                    #[inline]
                    fn apply(&mut self, _: &#mutation) -> #result {
                        ::core::unreachable!()
                    }
                }
            },
            others: TokenStream::new(),
        },
    );
    let id = id::identified(model);
    quote!(#items #value #id)
}

/// The contents of the methods of `LiveValue`.
struct Body {
    /// The body of `mutate`.
    mutate: TokenStream,
    /// The whole of `apply`.
    apply: TokenStream,
    /// Provided methods, if they are overridden.
    others: TokenStream,
}

fn live_value(model: &Model<'_>, enums: &Enums<'_>, body: Body) -> TokenStream {
    let root = &model.paths.root;
    let (this, generics) = (&model.this, bounded(model.generics.clone(), |_| true));
    let (parameters, _, clause) = generics.split_for_impl();
    let (mutation, message, error) = (&enums.mutation, &enums.message, &enums.error);
    let Body {
        mutate,
        apply,
        others,
    } = body;
    let lints = lints();
    // A type of the user's own is named at its word: it may be less visible than the value.
    let own = |given: Option<&Type>, item: TokenStream| match given {
        Some(ty) => respan(item, span_of(ty)),
        None => item,
    };
    let message_item = own(model.attrs.message_type.get(), quote!(type Message = #message;));
    let error_item = own(
        model.attrs.error_type.get(),
        enums.at_doubtful_error(quote!(type MutError = #error;)),
    );
    let mutation_item = match model.doubtful_payload() {
        Some(span) => at(quote!(type Mutation = #mutation;), span),
        None => quote!(type Mutation = #mutation;),
    };
    let result = enums.result(&quote!(Self));
    quote! {
        #[automatically_derived]
        #lints
        impl #parameters #root::LiveValue for #this #clause {
            #message_item
            #mutation_item
            #error_item

            #[inline]
            fn mutate(
                __entry: &#root::Entry<Self>,
                __mutation: &#mutation,
            ) -> #result {
                #mutate
            }

            #apply

            #others
        }
    }
}

/// Generated code is not the user's to tidy up.
fn lints() -> TokenStream {
    quote! {
        #[allow(
            deprecated,
            non_upper_case_globals,
            unreachable_code,
            unused_qualifications,
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::restriction,
            reason = "generated code"
        )]
    }
}

/// A generated type with the arguments it takes from the value's parameters.
fn with_arguments(name: impl ToTokens, generics: &Generics) -> TokenStream {
    let (_, arguments, _) = generics.split_for_impl();
    quote!(#name #arguments)
}
