//! `mutate` and `apply`: one arm per mutation.
//!
//! Every arm first asks everything that can say no, and then does one thing that cannot. So the value is unchanged
//! on an error, without a copy of it. A copy of the field is made only where a rule must see what the field would
//! become and no length foretells it; a copy of the value only where the value itself must be seen: by the type's
//! `validate`, after methods that fail or whose result has rules, and where a rule mentions the field that changes.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Fields, Index};

use crate::attr::{OpKind, Rule};
use crate::expand::enums::Enums;
use crate::expand::keep;
use crate::expand::lints;
use crate::expand::rules::{Inner, Lengths, Place, Rules, cloned, operation, with_range};
use crate::expand::show::at_payload;
use crate::generics::bounded;
use crate::model::{Custom, Field, Model, Operation, Payload};
use crate::shape::{Shape, Via, through};
use crate::tokens::{located_at, respan};

/// The body of `mutate`.
pub(crate) fn mutate(model: &Model<'_>, _: &Enums<'_>) -> TokenStream {
    let private = &model.paths.private;
    let function = if model.has_steps() {
        quote!(mutate_steps)
    } else {
        quote!(mutate)
    };
    quote!(#private::#function(__entry, __mutation))
}

/// `apply`, and `__apply`, which tells errors the place that they are at if they can be told.
pub(crate) fn apply(model: &Model<'_>, enums: &Enums<'_>) -> TokenStream {
    let private = &model.paths.private;
    let has_place = model.attrs.error_type.get().is_some();
    let at = if has_place {
        quote!(__at)
    } else {
        quote!(&#private::At::ROOT)
    };
    let body = if model.validate().is_some() {
        quote!(#private::apply_steps(self, __mutation, #at))
    } else if model.has_steps() {
        quote!(#private::Steps::__step(self, __mutation, #private::On::Value, #at))
    } else {
        arms(model, enums)
    };
    let (mutation, result) = (&enums.mutation, enums.result(&quote!(())));
    if !has_place {
        return quote! {
            #[inline]
            fn apply(&mut self, __mutation: &#mutation) -> #result {
                #body
            }

            #[inline]
            fn __checks_itself() -> ::core::primitive::bool {
                true
            }
        };
    }
    quote! {
        #[inline]
        fn apply(&mut self, __mutation: &#mutation) -> #result {
            Self::__apply(self, __mutation, &#private::At::ROOT)
        }

        #[inline]
        fn __apply(&mut self, __mutation: &#mutation, __at: &#private::At<'_>) -> #result {
            #body
        }
    }
}

/// The steps of a type that has any.
pub(crate) fn steps(model: &Model<'_>, enums: &Enums<'_>) -> TokenStream {
    if !model.has_steps() {
        return TokenStream::new();
    }
    let private = &model.paths.private;
    let (this, generics) = (&model.this, bounded(model.generics.clone(), |_| true));
    let (parameters, _, clause) = generics.split_for_impl();
    let (mutation, error) = (&enums.mutation, &enums.error);
    let (arms, lints) = (arms(model, enums), lints());
    let result = enums.result(&quote!(()));
    let verdict = model.validate().map(|validate| {
        // The trait has a `check` too, which is what is found if the type has none.
        let named_check = validate
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "check");
        let function = if named_check {
            let call = respan(
                quote!((&&#private::NamedCheck(#validate)).__call(__next, __was)),
                validate.span(),
            );
            quote!(|__next: &Self, __was: &Self| #call)
        } else {
            validate.to_token_stream()
        };
        // All at the function: rustc then explains the function and not the derive.
        let at_function =
            |error: &TokenStream| respan(quote!(#private::check_value::<#error, Self, _>), validate.span());
        let verdict = match model.attrs.error_type.get() {
            Some(error) => {
                let check_value = at_function(&error.to_token_stream());
                quote!(#check_value(self, __was, #function))
            }
            None => {
                let (error, check_value) = (&enums.error_path, at_function(&quote!(#private::Invalid)));
                quote! {
                    ::core::result::Result::map_err(#check_value(self, __was, #function), #error::Rejected)
                }
            }
        };
        let answers = use_answers(model);
        quote! {
            #[inline]
            fn __verdict(&self, __was: &Self) -> #result {
                #answers
                #verdict
            }
        }
    });
    quote! {
        #[automatically_derived]
        #lints
        impl #parameters #private::Steps<#mutation, #error> for #this #clause {
            #[inline]
            fn __step(
                &mut self,
                __mutation: &#mutation,
                __on: #private::On<'_, Self>,
                __at: &#private::At<'_>,
            ) -> #result {
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
        let (pattern, body) = (pattern(name, op), Arm { model, enums, field }.whole(op));
        quote!(#(#cfgs)* #pattern => { #body })
    });
    let custom = model.custom.iter().map(|custom| custom_arm(model, enums, custom));
    let answers = use_answers(model);
    quote! {
        #answers
        match __mutation {
            #(#generated)*
            #(#custom)*
        }
        ::core::result::Result::Ok(())
    }
}

/// Brings the answers of types that have no better one into scope.
pub(crate) fn use_answers(model: &Model<'_>) -> TokenStream {
    let private = &model.paths.private;
    quote! {
        #[allow(unused_imports)]
        use #private::ask::*;
    }
}

/// Goes on with a copy, if this is the value itself.
fn on_copy(model: &Model<'_>) -> TokenStream {
    let private = &model.paths.private;
    quote! {
        if let #private::On::Value = __on {
            return #private::step_on_copy(self, __mutation, __at);
        }
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

fn pattern(enumeration: &Ident, op: &Operation) -> TokenStream {
    let variant = &op.variant;
    let path = quote!(#enumeration::#variant);
    let [k, v, _] = op.bound();
    match &op.payload {
        Payload::None => path,
        Payload::One(one) => at_payload(path, Some(one), &v.to_token_stream()),
        Payload::Two(_, two) => at_payload(path, Some(two), &quote!(#k, #v)),
    }
}

/// The arm of one mutation of a field.
struct Arm<'a> {
    model: &'a Model<'a>,
    enums: &'a Enums<'a>,
    field: &'a Field,
}

impl Arm<'_> {
    /// The change, then the rules of other fields that mention this one.
    fn whole(&self, op: &Operation) -> TokenStream {
        let body = self.body(op);
        let limited: TokenStream = self
            .model
            .limited_by(self.field)
            .map(|field| {
                let (rules, member) = (
                    Rules {
                        field,
                        ..self.as_rules()
                    },
                    &field.member,
                );
                let lengths = match op.kind {
                    OpKind::Remove | OpKind::Clear if field.label == self.field.label => Lengths::Shrunk,
                    _ => Lengths::Exact,
                };
                rules.all(&quote!(&self.#member), lengths)
            })
            .collect();
        if limited.is_empty() {
            return body;
        }
        let on_copy = on_copy(self.model);
        quote!(#on_copy #body #limited)
    }

    fn body(&self, op: &Operation) -> TokenStream {
        let (field, ops, private) = (self.field, &self.model.paths.ops, &self.model.paths.private);
        let (ty, member) = (&field.ty, &field.member);
        let clone = |value: TokenStream| cloned(ty, &value);
        let this = quote!(self.#member);
        let [k, v, item] = &op.bound();
        let of = |name: &str, function: &str, arguments: TokenStream| {
            operation(ty, ops, name, function, &arguments)
        };
        match op.kind {
            OpKind::Set => {
                let rules = self.rules(&quote!(#v), Lengths::Exact);
                let inner = self.inner(op, &quote!(#v));
                quote!(#rules #inner #this = <#ty as ::core::clone::Clone>::clone(#v);)
            }
            OpKind::Increment | OpKind::Decrement => {
                let method = if op.kind == OpKind::Increment {
                    "checked_increment"
                } else {
                    "checked_decrement"
                };
                let sum = of("Increment", method, quote!(&#this, #v));
                let next = self.or_broken(&quote! {
                    ::core::option::Option::ok_or(#sum, #private::Invalid::Overflow)
                });
                let rules = self.rules(&quote!(&__next), Lengths::Exact);
                let inner = self.inner(op, &quote!(&__next));
                quote!(let __next = #next; #rules #inner #this = __next;)
            }
            OpKind::Toggle => self.change(op, Lengths::Exact, |target| {
                let toggle = of("Toggle", "toggle", target);
                quote!(#toggle;)
            }),
            OpKind::Push => {
                let keep = field.keep().map(|keep| {
                    let n = &keep.value;
                    quote!(let __keep = #private::keep(#n);)
                });
                let len_now = of("Len", "len", quote!(&#this));
                let len = self.len_rule(|| {
                    let growth = of("Push", "growth", quote!(&#this, #v));
                    let grown = quote!(::core::primitive::usize::saturating_add(#len_now, #growth));
                    match field.keep() {
                        Some(_) => quote!(::core::cmp::Ord::min(#grown, __keep)),
                        None => grown,
                    }
                });
                let keep_last = field.keep().map(|_| quote!(__keep));
                let push = |target: TokenStream| {
                    let keep_last = keep_last.as_ref().map(|n| {
                        let keep_last = of("Push", "keep_last", quote!(#target, #n));
                        quote!(#keep_last;)
                    });
                    let pushed = clone(quote!(#v));
                    let push = of("Push", "push", quote!(#target, #pushed));
                    quote!(#push; #keep_last)
                };
                let by_id = field.updates().find(|_| field.by.is_some());
                let (first, change) = match by_id {
                    None => (TokenStream::new(), self.change(op, Lengths::Foretold, push)),
                    Some(each) => {
                        let key = quote!(__key);
                        let value = field.value(&self.model.paths);
                        // What is pushed out has its id no more.
                        let leaving = match field.keep() {
                            Some(_) => quote!(::core::primitive::usize::saturating_sub(
                                ::core::primitive::usize::saturating_add(#len_now, 1),
                                __keep,
                            )),
                            None => quote!(0),
                        };
                        let taken = self.refuse(
                            &field.reach(&self.model.paths, "has_after", &quote!(&#this, __key, #leaving)),
                            "Taken",
                            Place::Key(&key),
                        );
                        let inner = self.of(each).check_at(&key, &quote!(#v));
                        let first = quote! {
                            let __key = <#value as #ops::Identified>::id(#v);
                            #taken
                            #inner
                        };
                        (first, self.change_but(OpKind::Each, op, Lengths::Foretold, push))
                    }
                };
                let asserts = keep::inside(self.model, field);
                quote!(#asserts #keep #first #len #change)
            }
            OpKind::Insert => {
                let (made, key) = match op.payload {
                    Payload::Two(..) => {
                        let (key, value) = (clone(quote!(#k)), clone(quote!(#v)));
                        (quote!((#key, #value)), Some(quote!(#k)))
                    }
                    _ => (
                        clone(quote!(#v)),
                        matches!(field.shape, Shape::Set(_)).then(|| quote!(#v)),
                    ),
                };
                let place = key.as_ref().map_or(Place::Field, Place::Key);
                let replaces = of("Insert", "replaces", quote!(&#this, &#item));
                let taken = op.is_strict.then(|| self.refuse(&replaces, "Taken", place));
                let range = match op.payload {
                    Payload::Two(..) => self.item_range(&quote!(#v), place),
                    _ => None,
                };
                let len = self.len_rule(|| {
                    let len = of("Len", "len", quote!(&#this));
                    quote!(#private::inserted(#len, #replaces))
                });
                let insert = |target: TokenStream| {
                    let insert = of("Insert", "insert", quote!(#target, #item));
                    quote!(#insert;)
                };
                let each = self.field.updates().find(|op| op.kind == OpKind::Each);
                let change = match (each, &op.payload) {
                    (None, _) => self.change(op, Lengths::Foretold, insert),
                    (Some(each), Payload::Two(..)) => {
                        let inner = self.of(each).check_at(&quote!(#k), &quote!(#v));
                        let change = self.change_but(OpKind::Each, op, Lengths::Foretold, insert);
                        quote!(#inner #change)
                    }
                    (Some(each), _) => {
                        let inner = self.of(each).check_at(&quote!(__key), &quote!(__value));
                        let known = self.change_but(OpKind::Each, op, Lengths::Foretold, insert);
                        let unknown = self.change(op, Lengths::Foretold, insert);
                        quote! {
                            if let ::core::option::Option::Some((__key, __value)) =
                                <#private::Probe<#ty>>::__pair(&#item)
                            {
                                #inner
                                #known
                            } else {
                                #unknown
                            }
                        }
                    }
                };
                quote!(let #item = #made; #taken #range #len #change)
            }
            OpKind::Remove => {
                let len = of("Len", "len", quote!(&#this));
                let len = self.shrunk_rule(&quote! {
                    ::core::option::Option::Some(::core::primitive::usize::saturating_sub(#len, 1))
                });
                let by_id = field.by.is_some();
                let remove = |target: TokenStream| {
                    if by_id {
                        quote!(#private::remove_by_id::<#ty>(#target, #v);)
                    } else {
                        let remove = of("Remove", "remove", quote!(#target, #v));
                        quote!(#remove;)
                    }
                };
                let change = self.change(op, Lengths::Foretold, remove);
                let is_there = if by_id {
                    let found = field.reach(&self.model.paths, "get", &quote!(&#this, #v));
                    quote!(#found.is_some())
                } else {
                    of("Remove", "contains", quote!(&#this, #v))
                };
                if op.is_strict {
                    let missing = self.refuse(&quote!(!#is_there), "Missing", Place::Key(&quote!(#v)));
                    return quote!(#missing #len #change);
                }
                quote! {
                    if #is_there {
                        #len
                        #change
                    }
                }
            }
            OpKind::Add => {
                let key = quote!(#k);
                let place = Place::Key(&key);
                let sum = of("Add", "sum", quote!(&#this, #k, #v));
                let sum = self.or_broken_at(
                    place,
                    &quote!(::core::option::Option::ok_or(#sum, #private::Invalid::Overflow)),
                );
                let range = self.item_range(&quote!(&__sum), place);
                let len = self.len_rule(|| {
                    let (len, has) = (
                        of("Len", "len", quote!(&#this)),
                        of("Add", "has", quote!(&#this, #k)),
                    );
                    quote!(#private::inserted(#len, #has))
                });
                let change = self.change(op, Lengths::Foretold, |target| {
                    let key = clone(quote!(#k));
                    let put = of("Add", "put", quote!(#target, #key, __sum));
                    quote!(#put;)
                });
                quote!(let __sum = #sum; #range #len #change)
            }
            OpKind::SetAt => {
                let key = quote!(#k);
                let found = field.reach(&self.model.paths, "get", &quote!(&#this, #k));
                let missing = self.refuse(&quote!(#found.is_none()), "Missing", Place::Key(&key));
                let set = |target| {
                    let value = clone(quote!(#v));
                    let place = field.reach(&self.model.paths, "get_mut", &quote!(#target, #k));
                    quote! {
                        if let ::core::option::Option::Some(__place) = #place {
                            *__place = #value;
                        }
                    }
                };
                let each = self.field.updates().find(|op| op.kind == OpKind::Each);
                let inner = each.map(|each| self.of(each).check_at(&key, &quote!(#v)));
                let range = self.item_range(&quote!(#v), Place::Key(&key));
                let change = self.change_but(OpKind::Each, op, Lengths::Foretold, set);
                quote!(#missing #range #inner #change)
            }
            OpKind::Clear => {
                let len = self.shrunk_rule(&of("Clear", "len_cleared", quote!(&#this)));
                let change = self.change(op, Lengths::Foretold, |target| {
                    let clear = of("Clear", "clear", target);
                    quote!(#clear;)
                });
                quote!(#len #change)
            }
            OpKind::Nested => self.change(op, Lengths::Exact, |target| {
                let inner = self.of(op);
                if let Some(applied) = inner.apply_always(&target, Place::Field) {
                    return inner.or_inner(&applied, Place::Field);
                }
                let applied = inner.apply(&target, Place::Field);
                if through(&field.ty).1.contains(&Via::Option) {
                    let found = self.or_broken(&quote! {
                        ::core::option::Option::ok_or(#applied, #private::Invalid::Missing)
                    });
                    let told = inner.or_inner(&quote!(__applied), Place::Field);
                    quote!(let __applied = #found; #told)
                } else {
                    let told = inner.or_inner(&quote!(__applied), Place::Field);
                    quote!(if let ::core::option::Option::Some(__applied) = #applied { #told })
                }
            }),
            // The length stays as it is.
            OpKind::Each => self.change(op, Lengths::Foretold, |target| {
                let (inner, key) = (self.of(op), quote!(#k));
                let apply = inner.apply(&quote!(__value), Place::Key(&key));
                let way = field.way(&self.model.paths);
                let found = self.or_broken_at(
                    Place::Key(&key),
                    &quote!(#private::each::<#way, #ty, _>(#target, #k, __is_shared, |__value| #apply)),
                );
                let applied = inner.or_inner(&quote!(__applied), Place::Key(&key));
                quote! {
                    let __is_shared = <#private::Probe<#ty>>::__is_shared(&#this);
                    let __applied = #found;
                    #applied
                }
            }),
            OpKind::Message => TokenStream::new(),
        }
    }

    /// Returns with a broken rule, if `condition` holds.
    fn refuse(&self, condition: &TokenStream, reason: &str, place: Place<'_>) -> TokenStream {
        let (private, reason) = (&self.model.paths.private, format_ident!("{reason}"));
        let broken = self.or_broken_at(
            place,
            &quote!(::core::result::Result::Err::<(), _>(#private::Invalid::#reason)),
        );
        quote!(if #condition { #broken; })
    }

    /// Changes the field in place; or if a rule must see the result, a copy of it, which then replaces it.
    fn change(
        &self,
        op: &Operation,
        lengths: Lengths,
        change: impl Fn(TokenStream) -> TokenStream,
    ) -> TokenStream {
        self.change_unless(lengths, change, self.inner(op, &quote!(&__next)))
    }

    /// The same, where the rules of inner values of one kind have been seen to.
    fn change_but(
        &self,
        kind: OpKind,
        op: &Operation,
        lengths: Lengths,
        change: impl Fn(TokenStream) -> TokenStream,
    ) -> TokenStream {
        let inner = self.inner_but(kind, op, &quote!(&__next));
        self.change_unless(lengths, change, inner)
    }

    fn change_unless(
        &self,
        lengths: Lengths,
        change: impl Fn(TokenStream) -> TokenStream,
        inner: TokenStream,
    ) -> TokenStream {
        let (ty, member) = (&self.field.ty, &self.field.member);
        let rules = self.rules(&quote!(&__next), lengths);
        if rules.is_empty() && inner.is_empty() {
            return change(quote!(&mut self.#member));
        }
        let change = change(quote!(&mut __next));
        quote! {
            let mut __next = <#ty as ::core::clone::Clone>::clone(&self.#member);
            #change
            #rules
            #inner
            self.#member = __next;
        }
    }

    /// The rules of inner values, for an operation that does not itself go through them. `value` is a reference to what
    /// the field would become.
    fn inner(&self, op: &Operation, value: &TokenStream) -> TokenStream {
        self.inner_but(op.kind, op, value)
    }

    fn inner_but(&self, kind: OpKind, op: &Operation, value: &TokenStream) -> TokenStream {
        let (private, member) = (&self.model.paths.private, &self.field.member);
        let was = quote!(::core::option::Option::Some(&self.#member));
        self.field
            .updates()
            .filter(|inner| inner.kind != kind && inner.kind != op.kind)
            // What is left was valid before.
            .filter(|inner| {
                inner.kind == OpKind::Nested || !matches!(op.kind, OpKind::Remove | OpKind::Clear)
            })
            .map(|inner| {
                // The value in the field is replaced by another one; those in a collection may have been there before.
                let replaced =
                    op.kind == OpKind::Set || inner.kind == OpKind::Nested && op.kind != OpKind::Each;
                let how = if replaced {
                    quote!(#private::How::Whole)
                } else {
                    quote!(#private::How::Again)
                };
                self.of(inner).check_all(value, &was, &how)
            })
            .collect()
    }

    fn of<'b>(&'b self, op: &'b Operation) -> Inner<'b> {
        Inner {
            model: self.model,
            enums: self.enums,
            field: self.field,
            op,
        }
    }

    /// The rules about what the field would become: `value`, a reference. Those that ask the value for a limit come after
    /// the change.
    fn rules(&self, value: &TokenStream, lengths: Lengths) -> TokenStream {
        if self.field.asks_the_value() {
            return self.as_rules().unique(value, lengths).into_iter().collect();
        }
        self.as_rules().all(value, lengths)
    }

    /// The rule `range` of a map, for the one of its numbers that changes.
    fn item_range(&self, value: &TokenStream, place: Place<'_>) -> Option<TokenStream> {
        if self.field.asks_the_value() {
            return None;
        }
        self.as_rules().item_range(value, place)
    }

    fn as_rules(&self) -> Rules<'_> {
        Rules {
            model: self.model,
            enums: self.enums,
            field: self.field,
        }
    }

    /// The rule `len`, if it can be asked before the change.
    fn foretold(&self) -> Option<&Rule> {
        self.field.len().filter(|_| !self.field.asks_the_value())
    }

    /// The rule `len` for a length that is known before.
    fn len_rule(&self, len: impl FnOnce() -> TokenStream) -> Option<TokenStream> {
        let private = &self.model.paths.private;
        let range = &self.foretold()?.value;
        let len = len();
        let result = self.or_broken(&with_range(range, None, |range| {
            quote!(#private::check_len(::core::option::Option::Some(#len), #private::Ends::Both, #range))
        }));
        Some(quote!(#result;))
    }

    /// The rule `len` for an operation that shortens: only the lower bound.
    fn shrunk_rule(&self, len: &TokenStream) -> Option<TokenStream> {
        let private = &self.model.paths.private;
        let range = &self.foretold()?.value;
        let result = self.or_broken(&with_range(
            range,
            None,
            |range| quote!(#private::check_len(#len, #private::Ends::Lower, #range)),
        ));
        Some(quote!(#result;))
    }

    fn or_broken(&self, result: &TokenStream) -> TokenStream {
        self.as_rules().or_broken(result)
    }

    fn or_broken_at(&self, place: Place<'_>, result: &TokenStream) -> TokenStream {
        self.as_rules().or_broken_at(place, result)
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
    let at_name = located_at(name.span());
    let value = Ident::new("__value", at_name);
    let asked = !arguments.is_empty() && arguments.len() <= MOST_ASKED;
    let (called, handed, parameters) = if asked {
        // A reference, unless the function takes the payload itself, which is then told of. What fits neither way may be
        // taken still, a `&String` as a `&str`; or rustc says why not.
        let handed: Vec<_> = (variant.fields.iter().zip(&arguments).enumerate())
            .map(|(i, (field, argument))| {
                let (place, ty) = (Index::from(i), &field.ty);
                quote_spanned!(argument.span()=> (&__parameters.#place.__of::<#ty>()).__hand(#argument))
            })
            .collect();
        let called = Ident::new("__function", at_name);
        let unknown = arguments.iter().map(|_| quote!(_));
        let parameters = quote! {
            let #called = #function;
            let __parameters = #private::takes::<(&mut Self, #(#unknown),*), _>(&__function).__parameters();
        };
        (called.to_token_stream(), handed, Some(parameters))
    } else {
        let handed = arguments.iter().map(ToTokens::to_token_stream).collect();
        (function.clone(), handed, None)
    };
    let inputs = quote_spanned!(at_name=> (#value, #(#handed),*));
    let call = quote!(|__value| #called #inputs);
    let run = |error: &TokenStream| respan(quote!(#private::custom::<_, #error, _>), name.span());
    let result = match model.attrs.error_type.get() {
        Some(error) => {
            let run = run(&error.to_token_stream());
            quote!(#run(self, &__on, #call)?)
        }
        None => {
            let (error, run) = (&enums.error_path, run(&quote!(#private::Invalid)));
            quote!(::core::result::Result::map_err(#run(self, &__on, #call), #error::Rejected)?)
        }
    };
    let (before, after) = if model.has_rules() {
        (on_copy(model), quote!(#private::check_again(self, &__on, __at)?;))
    } else {
        (TokenStream::new(), TokenStream::new())
    };
    quote!(#(#cfgs)* #mutation::#name #pattern => { #before #parameters #result; #after })
}

/// The most payloads of a function that is asked how it takes them: those of which the library knows.
const MOST_ASKED: usize = 6;
