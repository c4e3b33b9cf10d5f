//! The rules of a field, and how what they say becomes the error of the value.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use crate::attr::{OpKind, span_of};
use crate::expand::enums::Enums;
use crate::model::{Field, Model, Operation, projection};
use crate::shape::{Shape, Via, is_integer};
use crate::tokens::{at, located_at, respan};

/// A call of a function of a trait in `ops`, all of it at the field's type: what that lacks, rustc tells of there.
pub(crate) fn operation(
    ty: &Type,
    ops: &TokenStream,
    of: &str,
    function: &str,
    arguments: &TokenStream,
) -> TokenStream {
    let (of, span) = (Ident::new(of, Span::call_site()), span_of(ty));
    let function = Ident::new(function, span);
    quote_spanned!(span=> <#ty as #ops::#of>::#function(#arguments))
}

/// A clone of what a mutation holds, at its type likewise.
pub(crate) fn cloned(ty: &impl ToTokens, value: &TokenStream) -> TokenStream {
    quote_spanned!(span_of(ty)=> ::core::clone::Clone::clone(#value))
}

/// What is done with a range that the user wrote, under a name that stands where the range does. A range itself is to
/// rustc another place at each of its uses, and it would tell of a mistake in it at each of them.
///
/// `of` is what it is a range of, `None` if of lengths. Integers in a range of integers are no mistake.
pub(crate) fn with_range(
    range: &TokenStream,
    of: Option<&Type>,
    check: impl FnOnce(&TokenStream) -> TokenStream,
) -> TokenStream {
    if of.is_none_or(is_integer) && is_written_in_integers(range) {
        return check(range);
    }
    let mut tokens = range.clone().into_iter();
    let first = tokens.next().map_or_else(Span::call_site, |token| token.span());
    let last = tokens.last().map_or(first, |token| token.span());
    let name = Ident::new("__range", located_at(first));
    let checked = check(&quote_spanned!(located_at(last)=> #name.0));
    quote!(match (#range,) { #name => #checked })
}

/// Whether a range is written in integers alone.
fn is_written_in_integers(range: &TokenStream) -> bool {
    range.clone().into_iter().all(|token| match token {
        TokenTree::Punct(punct) => punct.as_char() != '-',
        TokenTree::Literal(literal) => literal.to_string().bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    })
}

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
        self.field.live_value(self.op.kind, &self.model.paths).0
    }

    fn via(&self) -> Vec<Via> {
        self.field.live_value(self.op.kind, &self.model.paths).1
    }

    /// Applies `__v` to `target`, a `&mut`, if there is always something: the result.
    pub(crate) fn apply_always(&self, target: &TokenStream, place: Place<'_>) -> Option<TokenStream> {
        let via = self.via();
        if !via.iter().all(|via| *via == Via::Box) {
            return None;
        }
        let target = via
            .iter()
            .fold(target.clone(), |target, _| quote!(&mut **#target));
        Some(self.applied(&target, place))
    }

    /// Applies `__v` to `target`, a `&mut`: an `Option` of the result, `None` where there is nothing.
    pub(crate) fn apply(&self, target: &TokenStream, place: Place<'_>) -> TokenStream {
        self.apply_via(&self.via(), target, place)
    }

    fn apply_via(&self, via: &[Via], target: &TokenStream, place: Place<'_>) -> TokenStream {
        let private = &self.model.paths.private;
        let inside = |via: &[Via], target: &TokenStream| self.apply_via(via, target, place);
        match via {
            [] => {
                let apply = self.applied(target, place);
                quote!(::core::option::Option::Some(#apply))
            }
            [Via::Option, via @ ..] => {
                let inside = inside(via, &quote!(__value));
                quote!(::core::option::Option::and_then(::core::option::Option::as_mut(#target), |__value| #inside))
            }
            [Via::Box, via @ ..] => inside(via, &quote!(&mut **#target)),
            [Via::Arc, via @ ..] => {
                let inside = inside(via, &quote!(__value));
                quote!(#private::in_arc(#target, |__value| #inside))
            }
        }
    }

    /// Applies `__v` to the value itself: the result.
    fn applied(&self, target: &TokenStream, place: Place<'_>) -> TokenStream {
        let private = &self.model.paths.private;
        let at = match self.model.attrs.error_type.get() {
            Some(_) => place.at(self.model, self.field),
            None => quote!(&#private::At::ROOT),
        };
        let [_, v, _] = self.op.bound();
        self.call("__apply", &quote!(#target, #v, #at))
    }

    /// An item of the trait, all of it at the type: if that is no live value, rustc says so there, and once.
    fn of_value(&self, name: &str) -> TokenStream {
        let (value, root) = (self.value(), &self.model.paths.root);
        projection(&value, &quote!(#root::LiveValue), name)
    }

    /// The same, called.
    fn call(&self, name: &str, arguments: &TokenStream) -> TokenStream {
        let mut list = Group::new(Delimiter::Parenthesis, arguments.clone());
        list.set_span(span_of(self.value()));
        let function = self.of_value(name);
        quote!(#function #list)
    }

    /// Checks `value`, a reference, against `was`, an `Option`; returns if it says no.
    fn check(
        &self,
        value: &TokenStream,
        was: &TokenStream,
        how: &TokenStream,
        place: Place<'_>,
    ) -> TokenStream {
        self.check_via(&self.via(), value, was, how, place)
    }

    fn check_via(
        &self,
        via: &[Via],
        value: &TokenStream,
        was: &TokenStream,
        how: &TokenStream,
        place: Place<'_>,
    ) -> TokenStream {
        let private = &self.model.paths.private;
        let inside = |via: &[Via], was: TokenStream| {
            let check = self.check_via(via, &quote!(__value), &quote!(__inner), how, place);
            quote!(let __inner = #was; #check)
        };
        match via {
            [] => self.check_value(value, was, how, place),
            [Via::Option, via @ ..] => {
                let inside = inside(
                    via,
                    quote!(::core::option::Option::and_then(#was, ::core::option::Option::as_ref)),
                );
                quote! {
                    if let ::core::option::Option::Some(__value) = ::core::option::Option::as_ref(#value) {
                        #inside
                    }
                }
            }
            [Via::Box, via @ ..] => {
                let inside = inside(via, quote!(::core::option::Option::map(#was, |__was| &**__was)));
                quote!({
                    let __value = &**#value;
                    #inside
                })
            }
            [Via::Arc, via @ ..] => {
                let inside = inside(
                    via,
                    quote!(::core::option::Option::map(__outer, |__was| &**__was)),
                );
                quote!({
                    let (__shared, __outer) = (#value, #was);
                    if !#private::is_same(__shared, __outer, #how) {
                        let __value = &**__shared;
                        #inside
                    }
                })
            }
        }
    }

    fn check_value(
        &self,
        value: &TokenStream,
        was: &TokenStream,
        how: &TokenStream,
        place: Place<'_>,
    ) -> TokenStream {
        let private = &self.model.paths.private;
        let at = match self.model.attrs.error_type.get() {
            Some(_) => place.at(self.model, self.field),
            None => quote!(&#private::At::ROOT),
        };
        self.or_inner(&self.call("__check", &quote!(#value, #was, #how, #at)), place)
    }

    /// Checks everything of the kind in `next`, a reference to what the field would be, against `was`, an `Option` of a
    /// reference to what it was.
    pub(crate) fn check_all(&self, next: &TokenStream, was: &TokenStream, how: &TokenStream) -> TokenStream {
        if self.op.kind == OpKind::Nested {
            return self.check(next, was, how, Place::Field);
        }
        let (field, paths) = (self.field, &self.model.paths);
        let before = field.reach(paths, "get", &quote!(__was, __key));
        let was = quote!(::core::option::Option::and_then(#was, |__was| #before));
        let all = field.reach(paths, "iter", next);
        let check = self.check(&quote!(__value), &was, how, Place::Key(&quote!(__key)));
        quote! {
            for (__key, __value) in #all {
                #check
            }
        }
    }

    /// Checks a value that is about to be put at a key of the field.
    pub(crate) fn check_at(&self, key: &TokenStream, value: &TokenStream) -> TokenStream {
        let (private, member) = (&self.model.paths.private, &self.field.member);
        let was = self
            .field
            .reach(&self.model.paths, "get", &quote!(&self.#member, #key));
        self.check(value, &was, &quote!(#private::How::Whole), Place::Key(key))
    }

    /// Returns with the error of the inner value, if `result` is one.
    pub(crate) fn or_inner(&self, result: &TokenStream, place: Place<'_>) -> TokenStream {
        let private = &self.model.paths.private;
        // All at the type: where that is no live value, rustc finds it out there, and says it once.
        let span = span_of(self.value());
        let e = Ident::new("__e", span);
        let error = match self.model.attrs.error_type.get() {
            Some(error) => {
                let inner = self.of_value("MutError");
                let at = place.at(self.model, self.field);
                // All at the error type: it is what lacks something, and rustc says so once.
                let convert = respan(
                    quote!(<#private::Convert<#error, #inner>>::__convert),
                    span_of(error),
                );
                quote!(#convert(#e, #at))
            }
            None => {
                let (path, variant) = (&self.enums.error_path, &self.op.variant);
                let inner = if self.op.is_boxed {
                    quote!(#private::Box::new(#e))
                } else {
                    e.to_token_stream()
                };
                let held = match place {
                    Place::Field => inner,
                    Place::Key(key) => quote!((&&&#private::Key(#key)).__text(), #inner),
                };
                let made = at(quote!(#path::#variant), span);
                quote_spanned!(span=> #made(#held))
            }
        };
        let map = at(quote!(#private::told), span);
        let bars = at(quote!(|#e|), span);
        let mut list = Group::new(Delimiter::Parenthesis, quote!(#result, #bars #error));
        list.set_span(span);
        quote!(#map #list?;)
    }
}

/// Whether the rule `len` looks at the result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lengths {
    /// At the result.
    Exact,
    /// The length was foretold and checked before.
    Foretold,
    /// At the result, which may be too long still: it is shorter than before.
    Shrunk,
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
        let len = field.len().filter(|_| lengths != Lengths::Foretold).map(|len| {
            let ends = match lengths {
                Lengths::Shrunk => quote!(Lower),
                _ => quote!(Both),
            };
            let measured = operation(ty, ops, "Len", "len_if_present", value);
            self.or_broken(&with_range(
                &len.value,
                None,
                |range| quote!(#private::check_len(#measured, #private::Ends::#ends, #range)),
            ))
        });
        let range = field.range().map(|range| {
            let range = &range.value;
            if let Shape::Map(..) = &field.shape {
                // Of the numbers in it. An operation on one of them asks about that one.
                if lengths == Lengths::Foretold {
                    return TokenStream::new();
                }
                let item = self.item_range(&quote!(__value), Place::Key(&quote!(__key)));
                let all = operation(ty, ops, "Keyed", "iter", value);
                return quote! {
                    for (__key, __value) in #all {
                        #item
                    }
                };
            }
            self.or_broken(&self.in_range(ty, value, range))
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
            .filter(|rule| !rule.is_empty())
            .map(|rule| quote!(#rule;))
            .chain(self.unique(value, lengths))
            .collect()
    }

    /// No two items of a list have one id, where they are found by it.
    pub(crate) fn unique(&self, value: &TokenStream, lengths: Lengths) -> Option<TokenStream> {
        if self.field.by.is_none() || lengths == Lengths::Foretold {
            return None;
        }
        let unique = self.field.reach(&self.model.paths, "unique", value);
        let unique = self.or_broken(&unique);
        Some(quote!(#unique;))
    }

    /// Whether `value`, a reference, is within a range. It looks inside, as `len` does.
    fn in_range(&self, ty: &Type, value: &TokenStream, range: &TokenStream) -> TokenStream {
        let private = &self.model.paths.private;
        match Shape::of(ty) {
            Shape::Hidden(inner) => {
                let revealed = quote!(<#ty as ::core::ops::Deref>::deref(#value));
                self.in_range(&inner, &revealed, range)
            }
            Shape::Option(inner) => {
                let inside = self.in_range(&inner, &quote!(__inside), range);
                quote! {
                    match ::core::option::Option::as_ref(#value) {
                        ::core::option::Option::Some(__inside) => #inside,
                        ::core::option::Option::None => ::core::result::Result::Ok(()),
                    }
                }
            }
            _ => with_range(
                range,
                Some(ty),
                |range| quote!(#private::check_range::<#ty>(#value, #range)),
            ),
        }
    }

    /// The rule `range` of a map, for one of its numbers.
    pub(crate) fn item_range(&self, value: &TokenStream, place: Place<'_>) -> Option<TokenStream> {
        let (Shape::Map(_, number), Some(range)) = (&self.field.shape, self.field.range()) else {
            return None;
        };
        let result = self.or_broken_at(place, &self.in_range(number, value, &range.value));
        Some(quote!(#result;))
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
