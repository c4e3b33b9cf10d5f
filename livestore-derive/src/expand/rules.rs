//! The rules of a field, and how what they say becomes the error of the value.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::spanned::Spanned;

use crate::attr::{OpKind, span_of};
use crate::expand::enums::Enums;
use crate::model::{Field, Model, Operation, projection};
use crate::shape::Shape;
use crate::tokens::respan;

/// Where the value of an inner value's error is.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// The field.
    Field,
    /// At a key of it: an expression, a reference.
    Key(&'a TokenStream),
}

impl Place<'_> {
    /// The place, inside `__at`.
    fn at(self, model: &Model<'_>, field: &Field) -> TokenStream {
        let (private, label) = (&model.paths.private, &field.label);
        match self {
            Place::Field => quote!(&#private::At::field(__at, #label)),
            Place::Key(key) => {
                quote!(&#private::At::key(__at, #label, &|| (&&&#private::Key(#key)).__text()))
            }
        }
    }
}

/// Calls of the values in a field, for `nested` and `each`.
pub(crate) struct Inner<'a> {
    pub(crate) model: &'a Model<'a>,
    pub(crate) enums: &'a Enums<'a>,
    pub(crate) field: &'a Field,
    pub(crate) op: &'a Operation,
}

impl Inner<'_> {
    /// The inner value's type.
    fn value(&self) -> TokenStream {
        match self.op.kind {
            OpKind::Each => self.field.value(&self.model.paths),
            _ => self.field.ty.to_token_stream(),
        }
    }

    /// Applies `__v` to `target`.
    pub(crate) fn apply(&self, target: &TokenStream, place: Place<'_>) -> TokenStream {
        match self.model.attrs.error_type.get() {
            Some(_) => {
                let (apply, at) = (self.of_value("__apply"), place.at(self.model, self.field));
                quote!(#apply(#target, __v, #at))
            }
            None => {
                let apply = self.of_value("apply");
                quote!(#apply(#target, __v))
            }
        }
    }

    /// An item of the trait, all of it at the type: if that is no live value, rustc says so there, and once.
    fn of_value(&self, name: &str) -> TokenStream {
        let (value, root) = (self.value(), &self.model.paths.root);
        projection(&value, &quote!(#root::LiveValue), name)
    }

    /// Checks `value`, a reference, against `was`, an `Option`; returns if it says no.
    fn check(
        &self,
        value: &TokenStream,
        was: &TokenStream,
        how: &TokenStream,
        place: Place<'_>,
    ) -> TokenStream {
        let (private, check) = (&self.model.paths.private, self.of_value("__check"));
        let at = match self.model.attrs.error_type.get() {
            Some(_) => place.at(self.model, self.field),
            None => quote!(&#private::At::ROOT),
        };
        self.or_inner(&quote!(#check(#value, #was, #how, #at)), place)
    }

    /// Checks everything of the kind in `next`, a reference to what the field would be, against `was`, an `Option` of a
    /// reference to what it was.
    pub(crate) fn check_all(&self, next: &TokenStream, was: &TokenStream, how: &TokenStream) -> TokenStream {
        if self.op.kind == OpKind::Nested {
            return self.check(next, was, how, Place::Field);
        }
        let (ops, ty) = (&self.model.paths.ops, &self.field.ty);
        let was = quote! {
            ::core::option::Option::and_then(#was, |__was| <#ty as #ops::Keyed>::get(__was, __key))
        };
        let check = self.check(&quote!(__value), &was, how, Place::Key(&quote!(__key)));
        quote! {
            for (__key, __value) in <#ty as #ops::Keyed>::iter(#next) {
                #check
            }
        }
    }

    /// Checks a value that is about to be put at a key of the field.
    pub(crate) fn check_at(&self, key: &TokenStream, value: &TokenStream) -> TokenStream {
        let (ops, private) = (&self.model.paths.ops, &self.model.paths.private);
        let (ty, member) = (&self.field.ty, &self.field.member);
        let was = quote!(<#ty as #ops::Keyed>::get(&self.#member, #key));
        self.check(value, &was, &quote!(#private::How::Whole), Place::Key(key))
    }

    /// Returns with the error of the inner value, if `result` is one.
    pub(crate) fn or_inner(&self, result: &TokenStream, place: Place<'_>) -> TokenStream {
        let private = &self.model.paths.private;
        let error = match self.model.attrs.error_type.get() {
            Some(error) => {
                let inner = self.of_value("MutError");
                let at = place.at(self.model, self.field);
                // All at the error type: it is what lacks something, and rustc says so once.
                let convert = respan(
                    quote!(<#private::Convert<#error, #inner>>::__convert),
                    span_of(error),
                );
                quote!(#convert(__e, #at))
            }
            None => {
                let (path, variant) = (&self.enums.error_path, &self.op.variant);
                let inner = if self.field.holds_itself && self.op.kind == OpKind::Each {
                    quote!(#private::Box::new(__e))
                } else {
                    quote!(__e)
                };
                match place {
                    Place::Field => quote!(#path::#variant(#inner)),
                    Place::Key(key) => quote!(#path::#variant((&&&#private::Key(#key)).__text(), #inner)),
                }
            }
        };
        quote! {
            if let ::core::result::Result::Err(__e) = #result {
                return ::core::result::Result::Err(#error);
            }
        }
    }
}

/// Whether the rule `len` looks at the result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lengths {
    /// At the result.
    Exact,
    /// The length was foretold and checked before.
    Foretold,
}

/// The rules of one field.
pub(crate) struct Rules<'a> {
    pub(crate) model: &'a Model<'a>,
    pub(crate) enums: &'a Enums<'a>,
    pub(crate) field: &'a Field,
}

impl Rules<'_> {
    /// All rules about `value`, a reference to what the field would be. The cheapest first.
    pub(crate) fn all(&self, value: &TokenStream, lengths: Lengths) -> TokenStream {
        let (field, ops, private) = (self.field, &self.model.paths.ops, &self.model.paths.private);
        let ty = &field.ty;
        let len = field.len().filter(|_| lengths == Lengths::Exact).map(|len| {
            let range = &len.value;
            self.or_broken(&quote!(#private::check_len(<#ty as #ops::Len>::len_if_present(#value), #range)))
        });
        let range = field.range().map(|range| {
            let range = &range.value;
            self.or_broken(&match &field.shape {
                // It looks inside, as `len` does.
                Shape::Option(inner) => quote! {
                    match ::core::option::Option::as_ref(#value) {
                        ::core::option::Option::Some(__inside) => #private::check_range::<#inner>(__inside, #range),
                        ::core::option::Option::None => ::core::result::Result::Ok(()),
                    }
                },
                _ => quote!(#private::check_range::<#ty>(#value, #range)),
            })
        });
        let validate = field.validate().map(|validate| {
            let call = respan(quote!((#value)), validate.span());
            let verdict = |error: &TokenStream| {
                let verdict = respan(quote!(#private::verdict::<#error, _>), validate.span());
                quote!(#verdict(#validate #call))
            };
            match self.model.attrs.error_type.get() {
                Some(error) => {
                    let verdict = verdict(&error.to_token_stream());
                    quote!(#verdict?)
                }
                None => self.or_broken(&verdict(&quote!(#private::Invalid))),
            }
        });
        [len, range, validate]
            .into_iter()
            .flatten()
            .map(|rule| quote!(#rule;))
            .collect()
    }

    /// Returns with the error that says which field it was, if `result` is one.
    pub(crate) fn or_broken(&self, result: &TokenStream) -> TokenStream {
        self.or_broken_at(Place::Field, result)
    }

    /// The same, if it was at a key of the field.
    pub(crate) fn or_broken_at(&self, place: Place<'_>, result: &TokenStream) -> TokenStream {
        match self.model.attrs.error_type.get() {
            Some(error) => {
                let (private, at) = (&self.model.paths.private, place.at(self.model, self.field));
                quote!(#private::rule::<#error, _>(#result, #at)?)
            }
            None => {
                let (error, variant) = (&self.enums.error_path, &self.field.error);
                quote!(::core::result::Result::map_err(#result, #error::#variant)?)
            }
        }
    }
}
