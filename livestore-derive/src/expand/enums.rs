//! The three enums: what can be done to a value, what can be told of it, why it said no.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::{Generics, Path, Variant};

use crate::attr::{OpKind, Pass, span_of};
use crate::expand::apply::{cfgs, use_answers};
use crate::expand::clone::clone;
use crate::expand::show::{self, Shown};
use crate::expand::with_arguments;
use crate::generics::{bounded, mentioned};
use crate::model::{Field, Model, Operation, Payload, projection};
use crate::tokens::{at, mentions, replace_self};

/// The associated types of the value, and the enums among them.
pub(crate) struct Enums<'m> {
    model: &'m Model<'m>,
    /// `RoomMutation<T>`.
    pub(crate) mutation: TokenStream,
    pub(crate) message: TokenStream,
    pub(crate) error: TokenStream,
    /// `RoomError::<T>`, before `::Variant`.
    pub(crate) error_path: TokenStream,
    /// Where the only payload of the error is written that may lack something.
    doubtful_error: Option<Span>,
    mutation_generics: Generics,
    message_generics: Generics,
    error_generics: Generics,
}

impl<'m> Enums<'m> {
    pub(crate) fn new(model: &'m Model<'m>) -> Enums<'m> {
        let of_operations = |operations: Vec<&Operation>, variants: Vec<&Variant>| {
            let mut payloads: Vec<TokenStream> =
                operations.into_iter().flat_map(|op| op.payload.types()).collect();
            payloads.extend(
                variants
                    .into_iter()
                    .flat_map(|v| &v.fields)
                    .map(|field| field.ty.to_token_stream()),
            );
            of_values(model, mentioned(&model.generics, &payloads))
        };
        let mutation_generics = of_operations(
            model.mutations().map(|(_, op)| op).collect(),
            model.custom.iter().map(|custom| &custom.variant).collect(),
        );
        let message_generics = of_operations(
            model.messages().map(|(_, op)| op).collect(),
            model.events.iter().collect(),
        );
        let payloads: Vec<TokenStream> = errors(model).into_iter().map(|error| error.payload).collect();
        let error_generics = of_values(model, mentioned(&model.generics, &payloads));

        let root = &model.paths.root;
        let message = match model.attrs.message_type.get() {
            Some(ty) => ty.to_token_stream(),
            None if model.has_messages() => with_arguments(&model.message, &message_generics),
            None => quote!(()),
        };
        let error = match model.attrs.error_type.get() {
            Some(ty) => ty.to_token_stream(),
            None if model.has_error() => with_arguments(&model.error, &error_generics),
            None => quote!(#root::Never),
        };
        let (_, arguments, _) = error_generics.split_for_impl();
        let (turbofish, name) = (arguments.as_turbofish(), &model.error);
        Enums {
            model,
            mutation: with_arguments(&model.mutation, &mutation_generics),
            message,
            error,
            error_path: quote!(#name #turbofish),
            doubtful_error: model.has_error().then(|| model.doubtful_error()).flatten(),
            mutation_generics,
            message_generics,
            error_generics,
        }
    }

    /// `Result<ok, RoomError>`, for a signature.
    pub(crate) fn result(&self, ok: &TokenStream) -> TokenStream {
        let error = &self.error;
        self.at_doubtful_error(quote!(::core::result::Result<#ok, #error>))
    }

    /// Tokens that mention the error as a whole, where what it lacks is told.
    pub(crate) fn at_doubtful_error(&self, tokens: TokenStream) -> TokenStream {
        match self.doubtful_error {
            Some(span) => at(tokens, span),
            None => tokens,
        }
    }

    /// The definitions.
    pub(crate) fn items(&self) -> TokenStream {
        self.items_with(&TokenStream::new())
    }

    /// The definitions where there are mistakes, of which a lint about a name would be a repetition.
    pub(crate) fn items_beside_errors(&self) -> TokenStream {
        self.items_with(&quote!(#[allow(non_camel_case_types)]))
    }

    fn items_with(&self, lints: &TokenStream) -> TokenStream {
        let mutation = self.mutation();
        let message = self.model.has_messages().then(|| {
            let message = self.message();
            quote!(#lints #message)
        });
        let error = self.model.has_error().then(|| {
            let error = self.error();
            quote!(#lints #error)
        });
        quote!(#lints #mutation #message #error)
    }

    fn mutation(&self) -> TokenStream {
        let model = self.model;
        let generated = model.mutations().map(|(field, op)| variant(field, op));
        let custom = model.custom.iter().map(|custom| custom.variant.to_token_stream());
        let summary = format!("What can be done to {}.", link(model));
        let clones = model.generics.params.is_empty() && model.mutations().any(|(_, op)| op.is_of_other);
        let always = if clones {
            Always::CloneByHand
        } else {
            Always::Clone
        };
        let definition = self.definition(
            &model.mutation,
            &summary,
            &self.mutation_generics,
            &model.attrs.mutation.pass,
            always,
            generated.chain(custom),
        );
        let clone = clones.then(|| clone(&model.mutation, &self.shown_mutations()));
        let debug = show::debug(
            model,
            &model.mutation,
            &self.mutation_generics,
            &model.attrs.mutation.pass,
            &self.shown_mutations(),
        );
        quote!(#definition #clone #debug)
    }

    fn message(&self) -> TokenStream {
        let model = self.model;
        let generated = model.messages().map(|(field, op)| variant(field, op));
        let events = model.events.iter().map(ToTokens::to_token_stream);
        let summary = format!("What can be told to the subscribers of {}.", link(model));
        let definition = self.definition(
            &model.message,
            &summary,
            &self.message_generics,
            &model.attrs.message.pass,
            Always::Clone,
            generated.chain(events),
        );
        let debug = show::debug(
            model,
            &model.message,
            &self.message_generics,
            &model.attrs.message.pass,
            &self.shown_messages(),
        );
        quote!(#definition #debug)
    }

    /// What `Debug` shows of the mutations.
    pub(crate) fn shown_mutations(&self) -> Vec<show::Variant> {
        let custom = self.model.custom.iter().map(|custom| &custom.variant);
        shown(self.model.mutations(), custom)
    }

    /// What `Debug` shows of the messages.
    pub(crate) fn shown_messages(&self) -> Vec<show::Variant> {
        shown(self.model.messages(), self.model.events.iter())
    }

    fn error(&self) -> TokenStream {
        let model = self.model;
        let errors = errors(model);
        let variants = errors.iter().map(
            |Error {
                 variant,
                 payload,
                 doc,
                 is_keyed,
                 ..
             }| {
                let key = is_keyed.then(|| quote!(::std::string::String,));
                quote!(#[doc = #doc] #variant(#key #payload))
            },
        );
        let summary = format!("Why a mutation of {} failed.", link(model));
        let definition = self.definition(
            &model.error,
            &summary,
            &self.error_generics,
            &model.attrs.error.pass,
            Always::Debug,
            variants,
        );

        let name = &model.error;
        let (parameters, arguments, _) = self.error_generics.split_for_impl();
        let clause = |bound: TokenStream| {
            let mut generics = self.error_generics.clone();
            // Only where it depends on a parameter, and not on what is being implemented: elsewhere it is known, and rustc says so at the field.
            for Error { payload, .. } in errors.iter().filter(|error| !error.is_itself) {
                if !mentioned(&model.generics, std::slice::from_ref(payload))
                    .params
                    .is_empty()
                {
                    generics
                        .make_where_clause()
                        .predicates
                        .push(syn::parse_quote!(#payload: #bound));
                }
            }
            generics.where_clause
        };
        let clause = clause(quote!(::core::fmt::Debug + ::core::fmt::Display));
        let (private, answers) = (&model.paths.private, use_answers(model));
        let parts = errors.iter().map(|error| {
            let Error { variant, payload, .. } = error;
            let e = format_ident!("__e", span = error.span);
            let (text, field) = (variant.unraw().to_string(), error.prefix.as_deref().unwrap_or(""));
            if error.is_rule {
                return quote!(Self::#variant(#e) => #private::Parts::rule(#text, #field, #e),);
            }
            let (bindings, key) = if error.is_keyed {
                (quote!(__k, #e), quote!(::core::option::Option::Some(__k)))
            } else {
                (e.to_token_stream(), quote!(::core::option::Option::None))
            };
            let pattern = show::at_payload(quote!(Self::#variant), Some(payload), &bindings);
            let reason = at(quote!(<#private::Told<#payload>>::__reason(#e)), error.span);
            quote!(#pattern => #private::Parts::inner(#text, #field, #key, #reason),)
        });
        let lints = super::lints();
        quote! {
            #definition

            #[automatically_derived]
            #lints
            impl #parameters #private::DerivedError for #name #arguments #clause {
                #[inline]
                fn __parts(&self) -> #private::Parts<'_> {
                    #answers
                    match self { #(#parts)* }
                }
            }

            #[automatically_derived]
            impl #parameters ::core::fmt::Debug for #name #arguments #clause {
                #[inline]
                fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    #private::debug_error(self, __f)
                }
            }

            #[automatically_derived]
            impl #parameters ::core::fmt::Display for #name #arguments #clause {
                #[inline]
                fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    #private::display_error(self, __f)
                }
            }

            #[automatically_derived]
            impl #parameters ::core::error::Error for #name #arguments #clause {}
        }
    }

    fn definition(
        &self,
        name: &Ident,
        summary: &str,
        generics: &Generics,
        own: &[Pass],
        always: Always,
        variants: impl Iterator<Item = TokenStream>,
    ) -> TokenStream {
        let vis = self.model.vis;
        let doc = format!("{summary}\n\nGenerated by `#[derive(LiveValue)]`.");
        let pass = pass_through(self.model.pass(own), always);
        let clause = &generics.where_clause;
        quote! {
            #[doc = #doc]
            #pass
            #[allow(
                dead_code,
                deprecated,
                non_upper_case_globals,
                unused_qualifications,
                clippy::enum_variant_names,
                clippy::exhaustive_enums,
                clippy::large_enum_variant,
                reason = "generated code"
            )]
            #vis enum #name #generics #clause {
                #(#variants,)*
            }
        }
    }
}

/// The parameters of an enum. Where a payload is that of another value, which has the parameter too, it must be what
/// the store asks of that value.
fn of_values(model: &Model<'_>, generics: Generics) -> Generics {
    let values: Vec<&TokenStream> = model
        .fields
        .iter()
        .filter(|field| field.updates().next().is_some())
        .map(|field| &field.payload)
        .collect();
    bounded(generics, |name| {
        values
            .iter()
            .any(|value| mentions(TokenStream::clone(value), name))
    })
}

/// What every generated enum of a kind implements, so that it need not be derived.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Always {
    /// Derived before all others.
    Clone,
    /// Written beside it.
    CloneByHand,
    /// Implemented by hand, because a derived one would ask it of every parameter.
    Debug,
}

/// The attributes before an enum, in the order written. Derives beside each other become one attribute.
fn pass_through<'a>(pass: impl Iterator<Item = &'a Pass>, always: Always) -> TokenStream {
    let mut derived: Vec<String> = vec![if always == Always::Debug { "Debug" } else { "Clone" }.into()];
    let mut derives = TokenStream::new();
    if always == Always::Clone {
        derives.extend(quote!(::core::clone::Clone,));
    }
    let mut tokens = TokenStream::new();
    for pass in pass {
        match pass {
            Pass::Derive(path) => {
                let name = std_name(path);
                if !derived.contains(&name) {
                    derives.extend(quote!(#path,));
                    derived.push(name);
                }
            }
            Pass::Attr(attr) => {
                if !derives.is_empty() {
                    tokens.extend(quote!(#[derive(#derives)]));
                    derives = TokenStream::new();
                }
                tokens.extend(quote!(#[#attr]));
            }
        }
    }
    if !derives.is_empty() {
        tokens.extend(quote!(#[derive(#derives)]));
    }
    tokens
}

/// A derive's name; the same for `Debug` and `std::fmt::Debug`.
fn std_name(path: &Path) -> String {
    let first = path
        .segments
        .first()
        .map(|segment| segment.ident.to_string())
        .unwrap_or_default();
    match path.segments.last() {
        Some(last) if matches!(first.as_str(), "std" | "core") => last.ident.to_string(),
        _ => path.to_token_stream().to_string(),
    }
}

/// A link to the value's type in the documentation of an enum.
fn link(model: &Model<'_>) -> String {
    let article = if model.ident.to_string().starts_with(['A', 'E', 'I', 'O', 'U']) {
        "an"
    } else {
        "a"
    };
    format!("{article} [`{}`]", model.ident)
}

impl Payload {
    pub(crate) fn types(&self) -> Vec<TokenStream> {
        match self {
            Payload::None => Vec::new(),
            Payload::One(one) => vec![one.clone()],
            Payload::Two(one, two) => vec![one.clone(), two.clone()],
        }
    }
}

/// What `Debug` shows: of operations, then of variants of the user's own.
fn shown<'v>(
    operations: impl Iterator<Item = (&'v Field, &'v Operation)>,
    variants: impl Iterator<Item = &'v Variant>,
) -> Vec<show::Variant> {
    let generated =
        operations.map(|(field, op)| (cfgs(field), op.variant.clone(), Shown::payload(&op.payload)));
    let own = variants.map(|variant| {
        let cfgs = variant.attrs.iter().filter(|attr| attr.path().is_ident("cfg"));
        (
            cfgs.map(ToTokens::to_token_stream).collect(),
            variant.ident.clone(),
            Shown::fields(&variant.fields),
        )
    });
    generated.chain(own).collect()
}

/// One generated variant.
fn variant(field: &Field, op: &Operation) -> TokenStream {
    let doc = summary(field, op);
    let docs = &field.docs;
    // An empty line between the generated sentence and the field's own words.
    let doc = if docs.iter().any(|attr| attr.path().is_ident("doc")) {
        format!("{doc}\n")
    } else {
        doc
    };
    let pass = field.attrs.pass.iter().flat_map(|(_, attrs)| attrs);
    let name = &op.variant;
    let payload = match &op.payload {
        Payload::None => TokenStream::new(),
        Payload::One(one) => quote!((#one)),
        Payload::Two(one, two) => quote!((#one, #two)),
    };
    quote!(#[doc = #doc] #(#docs)* #(#[#pass])* #name #payload)
}

/// What the operation does, in a sentence.
fn summary(field: &Field, op: &Operation) -> String {
    let name = field.prose();
    match op.kind {
        OpKind::Set => format!("Sets {name}."),
        OpKind::Increment => format!("Increases {name} by this much."),
        OpKind::Decrement => format!("Decreases {name} by this much."),
        OpKind::Toggle => format!("Flips {name}."),
        OpKind::Push => match field.keep() {
            Some(keep) => format!("Appends to {name}, which keeps the last {}.", keep.value),
            None => format!("Appends to {name}."),
        },
        OpKind::Insert if op.is_strict => format!("Inserts into {name}; refused if it is there."),
        OpKind::Insert => format!("Inserts into {name}, replacing what was there."),
        OpKind::Remove if op.is_strict => format!("Removes from {name}; refused if it is not there."),
        OpKind::Remove => format!("Removes from {name}; does nothing when it is not there."),
        OpKind::Add => {
            format!("Adds this much to what is at a key of {name}, which begins with its default.")
        }
        OpKind::SetAt => format!("Sets what is at a place of {name}."),
        OpKind::Clear => format!("Empties {name}."),
        OpKind::Nested => format!("Changes {name} by one of its own mutations."),
        OpKind::Each => format!("Changes one value of {name} by one of its own mutations."),
        OpKind::Message => format!("A value for {name} to be shown but not stored."),
    }
}

/// One variant of the generated error.
struct Error {
    variant: Ident,
    payload: TokenStream,
    doc: String,
    /// What stands before the reason in its text.
    prefix: Option<String>,
    /// Whether it holds an `Invalid`, and not the error of an inner value.
    is_rule: bool,
    /// Whether a key comes before the payload.
    is_keyed: bool,
    /// Whether the payload is the error itself again, in a box.
    is_itself: bool,
    /// The type of the value, at which it is told that the payload cannot be shown; or of the field.
    span: Span,
}

fn errors(model: &Model<'_>) -> Vec<Error> {
    let root = &model.paths.root;
    let mut errors = Vec::new();
    for field in &model.fields {
        let (name, label) = (field.prose(), &field.label);
        let prefix = if field.noun.is_empty() && !label.starts_with('_') {
            None
        } else if label.starts_with(|first: char| first.is_ascii_digit()) {
            Some(format!("field {label}"))
        } else {
            Some(label.clone())
        };
        for op in field.updates() {
            let (value, _) = field.live_value(op.kind, &model.paths);
            let value = replace_self(value, &model.this);
            let span = span_of(&value);
            let payload = projection(&value, &quote!(#root::LiveValue), "MutError");
            let payload = if op.is_boxed {
                let private = &model.paths.private;
                quote!(#private::Box<#payload>)
            } else {
                payload
            };
            errors.push(Error {
                variant: op.variant.clone(),
                payload,
                doc: if op.kind == OpKind::Each {
                    format!("The value of {name} at this key refused a mutation, or is not valid.")
                } else {
                    format!("The value of {name} refused a mutation, or is not valid.")
                },
                prefix: prefix.clone(),
                is_rule: false,
                is_keyed: op.kind == OpKind::Each,
                is_itself: op.is_boxed,
                span,
            });
        }
        if field.is_fallible() {
            errors.push(Error {
                variant: field.error.clone(),
                payload: quote!(#root::Invalid),
                doc: format!("A rule of {name} was broken."),
                prefix,
                is_rule: true,
                is_keyed: false,
                is_itself: false,
                span: span_of(&field.ty),
            });
        }
    }
    if model.has_rejections() {
        errors.push(Error {
            variant: Ident::new("Rejected", Span::call_site()),
            payload: quote!(#root::Invalid),
            doc: "A mutation method or the `validate` function of the type said no.".into(),
            prefix: None,
            is_rule: true,
            is_keyed: false,
            is_itself: false,
            span: Span::call_site(),
        });
    }
    // Two of one name are a mistake that was reported.
    let mut seen = Vec::new();
    errors.retain(|error: &Error| {
        let is_first = !seen.contains(&error.variant);
        seen.push(error.variant.clone());
        is_first
    });
    errors
}
