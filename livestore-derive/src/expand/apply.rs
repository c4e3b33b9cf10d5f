//! `mutate` and `apply`: one arm per mutation.
//!
//! Every arm first asks everything that can say no, and then does one thing that cannot. So the value is unchanged
//! on an error, without a copy of it. A copy of the field is made only where a rule must see what the field would
//! become and no length foretells it; a copy of the value only for the type's `validate` and for methods that fail.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Fields};

use crate::attr::OpKind;
use crate::expand::enums::Enums;
use crate::expand::lints;
use crate::expand::rules::{Lengths, Rules, inner_error};
use crate::generics::bounded;
use crate::model::{Custom, Field, Model, Operation, Payload};
use crate::tokens::{located_at, respan};

/// The body of `mutate`.
pub(crate) fn mutate(model: &Model<'_>, _: &Enums<'_>) -> TokenStream {
    let private = &model.paths.private;
    let function = if model.has_rejections() {
        quote!(mutate_steps)
    } else {
        quote!(mutate)
    };
    quote!(#private::#function(__entry, __mutation))
}

/// The body of `apply`.
pub(crate) fn apply(model: &Model<'_>, enums: &Enums<'_>) -> TokenStream {
    let private = &model.paths.private;
    if model.validate().is_some() {
        quote!(#private::apply_steps(self, __mutation))
    } else if model.has_rejections() {
        quote!(#private::Steps::__step(self, __mutation, #private::On::Value))
    } else {
        arms(model, enums)
    }
}

/// The steps of a type that has methods or a `validate`.
pub(crate) fn steps(model: &Model<'_>, enums: &Enums<'_>) -> TokenStream {
    if !model.has_rejections() {
        return TokenStream::new();
    }
    let private = &model.paths.private;
    let (this, generics) = (&model.this, bounded(model.generics.clone(), |_| true));
    let (parameters, _, clause) = generics.split_for_impl();
    let (mutation, error) = (&enums.mutation, &enums.error);
    let (arms, lints) = (arms(model, enums), lints());
    let verdict = model.validate().map(|validate| {
        // All at the function: rustc then explains the function and not the derive.
        let at_function =
            |error: &TokenStream| respan(quote!(#private::check_value::<#error, Self, _>), validate.span());
        let verdict = match model.attrs.error_type.get() {
            Some(error) => {
                let check_value = at_function(&error.to_token_stream());
                quote!(#check_value(self, __was, #validate))
            }
            None => {
                let (error, check_value) = (&enums.error_path, at_function(&quote!(#private::Invalid)));
                quote! {
                    ::core::result::Result::map_err(#check_value(self, __was, #validate), #error::Rejected)
                }
            }
        };
        quote! {
            fn __verdict(&self, __was: &Self) -> ::core::result::Result<(), #error> {
                #verdict
            }
        }
    });
    quote! {
        #[automatically_derived]
        #lints
        impl #parameters #private::Steps<#mutation, #error> for #this #clause {
            fn __step(
                &mut self,
                __mutation: &#mutation,
                __on: #private::On,
            ) -> ::core::result::Result<(), #error> {
                #arms
            }

            #verdict
        }
    }
}

/// `match` over all mutations.
fn arms(model: &Model<'_>, enums: &Enums<'_>) -> TokenStream {
    let name = &model.mutation;
    if model.mutations().next().is_none() && model.custom.is_empty() {
        return quote!(match *__mutation {});
    }
    let generated = model.mutations().map(|(field, op)| {
        let cfgs = cfgs(field);
        let (pattern, body) = (pattern(op), Arm { model, enums, field }.body(op));
        quote!(#(#cfgs)* #name::#pattern => { #body })
    });
    let custom = model.custom.iter().map(|custom| custom_arm(model, enums, custom));
    quote! {
        match __mutation {
            #(#generated)*
            #(#custom)*
        }
        ::core::result::Result::Ok(())
    }
}

/// `#[cfg]`s passed on to the variants of a field, which their arms must follow.
pub(crate) fn cfgs(field: &Field) -> Vec<TokenStream> {
    let pass = field.attrs.pass.iter().flat_map(|(_, attrs)| attrs);
    let is_cfg = |attr: &&TokenStream| {
        let first = TokenStream::clone(attr).into_iter().next();
        first.is_some_and(|token| token.to_string() == "cfg")
    };
    pass.filter(is_cfg).map(|attr| quote!(#[#attr])).collect()
}

fn pattern(op: &Operation) -> TokenStream {
    let variant = &op.variant;
    match op.payload {
        Payload::None => quote!(#variant),
        Payload::One(_) => quote!(#variant(__v)),
        Payload::Two(..) => quote!(#variant(__k, __v)),
    }
}

/// The arm of one mutation of a field.
struct Arm<'a> {
    model: &'a Model<'a>,
    enums: &'a Enums<'a>,
    field: &'a Field,
}

impl Arm<'_> {
    fn body(&self, op: &Operation) -> TokenStream {
        let (field, ops, private) = (self.field, &self.model.paths.ops, &self.model.paths.private);
        let (ty, member) = (&field.ty, &field.member);
        let clone = quote!(::core::clone::Clone::clone);
        let this = quote!(self.#member);
        match op.kind {
            OpKind::Set => {
                let rules = self.rules(&quote!(__v), Lengths::Exact);
                quote!(#rules #this = <#ty as ::core::clone::Clone>::clone(__v);)
            }
            OpKind::Increment | OpKind::Decrement => {
                let method = if op.kind == OpKind::Increment {
                    quote!(checked_increment)
                } else {
                    quote!(checked_decrement)
                };
                let next = self.or_broken(&quote! {
                    ::core::option::Option::ok_or(
                        <#ty as #ops::Increment>::#method(&#this, __v),
                        #private::Invalid::Overflow,
                    )
                });
                let rules = self.rules(&quote!(&__next), Lengths::Exact);
                quote!(let __next = #next; #rules #this = __next;)
            }
            OpKind::Toggle => self.change(
                Lengths::Exact,
                |target| quote!(<#ty as #ops::Toggle>::toggle(#target);),
            ),
            OpKind::Push => {
                let keep = field.keep().map(|keep| {
                    let n = &keep.value;
                    quote!(let __keep = #private::keep(#n);)
                });
                let len = self.len_rule(|| {
                    let grown = quote! {
                        ::core::primitive::usize::saturating_add(
                            <#ty as #ops::Len>::len(&#this),
                            <#ty as #ops::Push>::growth(&#this, __v),
                        )
                    };
                    match field.keep() {
                        Some(_) => quote!(::core::cmp::Ord::min(#grown, __keep)),
                        None => grown,
                    }
                });
                let keep_last = field.keep().map(|_| quote!(__keep));
                let change = self.change(Lengths::Foretold, |target| {
                    let keep_last = keep_last
                        .as_ref()
                        .map(|n| quote!(<#ty as #ops::Push>::keep_last(#target, #n);));
                    quote!(<#ty as #ops::Push>::push(#target, #clone(__v)); #keep_last)
                });
                quote!(#keep #len #change)
            }
            OpKind::Insert => {
                let item = match op.payload {
                    Payload::Two(..) => quote!((#clone(__k), #clone(__v))),
                    _ => quote!(#clone(__v)),
                };
                let len = self.len_rule(|| {
                    quote! {
                        #private::inserted(
                            <#ty as #ops::Len>::len(&#this),
                            <#ty as #ops::Insert>::replaces(&#this, &__item),
                        )
                    }
                });
                let change = self.change(
                    Lengths::Foretold,
                    |target| quote!(<#ty as #ops::Insert>::insert(#target, __item);),
                );
                quote!(let __item = #item; #len #change)
            }
            OpKind::Remove => {
                let len = self.shrunk_rule(&quote! {
                    ::core::option::Option::Some(::core::primitive::usize::saturating_sub(<#ty as #ops::Len>::len(&#this), 1))
                });
                let change = self.change(
                    Lengths::Foretold,
                    |target| quote!(<#ty as #ops::Remove>::remove(#target, __v);),
                );
                quote! {
                    if <#ty as #ops::Remove>::contains(&#this, __v) {
                        #len
                        #change
                    }
                }
            }
            OpKind::Clear => {
                let len = self.shrunk_rule(&quote!(<#ty as #ops::Clear>::len_cleared(&#this)));
                let change = self.change(
                    Lengths::Foretold,
                    |target| quote!(<#ty as #ops::Clear>::clear(#target);),
                );
                quote!(#len #change)
            }
            OpKind::Nested => {
                let root = &self.model.paths.root;
                self.change(Lengths::Exact, |target| {
                    self.or_inner(op, &quote!(<#ty as #root::LiveValue>::apply(#target, __v)))
                })
            }
            OpKind::Each => {
                let root = &self.model.paths.root;
                let value = field.value(&self.model.paths);
                // The length stays as it is.
                self.change(Lengths::Foretold, |target| {
                    let found = self.or_broken(&quote! {
                        ::core::option::Option::ok_or(
                            <#ty as #ops::Keyed>::get_mut(#target, __k),
                            #private::Invalid::Missing,
                        )
                    });
                    let applied =
                        self.or_inner(op, &quote!(<#value as #root::LiveValue>::apply(__value, __v)));
                    quote!(let __value = #found; #applied)
                })
            }
            OpKind::Message => TokenStream::new(),
        }
    }

    /// Changes the field in place; or if a rule must see the result, a copy of it, which then replaces it.
    fn change(&self, lengths: Lengths, change: impl Fn(TokenStream) -> TokenStream) -> TokenStream {
        let (ty, member) = (&self.field.ty, &self.field.member);
        let rules = self.rules(&quote!(&__next), lengths);
        if rules.is_empty() {
            return change(quote!(&mut self.#member));
        }
        let change = change(quote!(&mut __next));
        quote! {
            let mut __next = <#ty as ::core::clone::Clone>::clone(&self.#member);
            #change
            #rules
            self.#member = __next;
        }
    }

    /// The rules about what the field would become: `value`, a reference.
    fn rules(&self, value: &TokenStream, lengths: Lengths) -> TokenStream {
        let rules = Rules {
            model: self.model,
            enums: self.enums,
            field: self.field,
        };
        rules.all(value, lengths)
    }

    /// The rule `len` for a length that is known before.
    fn len_rule(&self, len: impl FnOnce() -> TokenStream) -> Option<TokenStream> {
        let private = &self.model.paths.private;
        let range = &self.field.len()?.value;
        let len = len();
        let result = quote!(#private::check_len(::core::option::Option::Some(#len), #range));
        let result = self.or_broken(&result);
        Some(quote!(#result;))
    }

    /// The rule `len` for an operation that shortens: only the lower bound.
    fn shrunk_rule(&self, len: &TokenStream) -> Option<TokenStream> {
        let private = &self.model.paths.private;
        let range = &self.field.len()?.value;
        let result = self.or_broken(&quote!(#private::check_shrunk(#len, #range)));
        Some(quote!(#result;))
    }

    fn or_broken(&self, result: &TokenStream) -> TokenStream {
        Rules {
            model: self.model,
            enums: self.enums,
            field: self.field,
        }
        .or_broken(result)
    }

    /// Returns with the error of a nested value, if `result` is one.
    fn or_inner(&self, op: &Operation, result: &TokenStream) -> TokenStream {
        inner_error(self.model, self.enums, self.field, op, result)
    }
}

/// The arm of a mutation of the user's own: a call of his function, with a reference to each payload.
fn custom_arm(model: &Model<'_>, enums: &Enums<'_>, custom: &Custom) -> TokenStream {
    let private = &model.paths.private;
    let Custom { variant, function } = custom;
    let (mutation, name) = (&model.mutation, &variant.ident);
    let cfgs = variant
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cfg"))
        .map(Attribute::to_token_stream);
    let arguments: Vec<_> = variant
        .fields
        .iter()
        .enumerate()
        .map(|(i, field)| format_ident!("__a{i}", span = located_at(field.ty.span())))
        .collect();
    let pattern = match &variant.fields {
        Fields::Unit => TokenStream::new(),
        Fields::Unnamed(_) => quote!((#(#arguments),*)),
        Fields::Named(fields) => {
            let names = fields.named.iter().map(|field| &field.ident);
            quote!({ #(#names: #arguments),* })
        }
    };
    let inputs = {
        let value = format_ident!("__value", span = located_at(name.span()));
        quote_spanned!(located_at(name.span())=> (#value, #(#arguments),*))
    };
    let call = quote!(|__value| #function #inputs);
    let run = |error: &TokenStream| respan(quote!(#private::custom::<_, #error, _>), name.span());
    let result = match model.attrs.error_type.get() {
        Some(error) => {
            let run = run(&error.to_token_stream());
            quote!(#run(self, __on, #call)?)
        }
        None => {
            let (error, run) = (&enums.error_path, run(&quote!(#private::Invalid)));
            quote!(::core::result::Result::map_err(#run(self, __on, #call), #error::Rejected)?)
        }
    };
    quote!(#(#cfgs)* #mutation::#name #pattern => { #result; })
}
