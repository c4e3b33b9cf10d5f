//! `#[live(..)]` on the type.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::ParseStream;
use syn::{Attribute, ExprPath, Path, Token, Type, Variant};

use crate::attr::item::{self, Items, comma_separated, or_at, or_message};
use crate::attr::{Once, each_item, value};
use crate::errors::Errors;
use crate::words::{Place, unknown};

/// What a type says about itself.
#[derive(Default)]
pub(crate) struct TypeAttrs {
    /// For every generated enum.
    pub(crate) pass: Vec<Pass>,
    pub(crate) mutation: EnumAttrs,
    pub(crate) message: EnumAttrs,
    /// `message = T`.
    pub(crate) message_type: Once<Type>,
    pub(crate) error: EnumAttrs,
    /// `error = T`.
    pub(crate) error_type: Once<Type>,
    pub(crate) validate: Once<ExprPath>,
    pub(crate) explicit: Once<Ident>,
    pub(crate) krate: Once<Path>,
}

/// What is said about a generated enum.
#[derive(Default)]
pub(crate) struct EnumAttrs {
    pub(crate) name: Once<Ident>,
    pub(crate) pass: Vec<Pass>,
    pub(crate) variants: Vec<Variant>,
    /// Every option's word, for errors: they have no effect on an enum that is not generated.
    pub(crate) words: Vec<Ident>,
}

/// Something to put before a generated enum. The order written is kept, because attribute macros depend on it.
#[derive(Clone)]
pub(crate) enum Pass {
    Derive(Path),
    Attr(TokenStream),
}

impl Pass {
    /// Whether it gives the enum a `Debug`, as far as one can see.
    pub(crate) fn shows(&self) -> bool {
        match self {
            Pass::Derive(path) => path.segments.last().is_some_and(|last| last.ident == "Debug"),
            Pass::Attr(attr) => crate::tokens::mentions_anywhere(attr.clone(), "Debug"),
        }
    }
}

/// Reads the `#[live(..)]` attributes of a type.
pub(crate) fn parse_type(attrs: &[Attribute], errors: &mut Errors) -> TypeAttrs {
    let mut ty = TypeAttrs::default();
    each_item(
        attrs,
        errors,
        "say something about the type, e.g. `#[live(explicit)]`",
        |word, items, errors| ty.read(word, items, errors),
    );
    ty
}

impl TypeAttrs {
    fn read(&mut self, word: &Ident, items: &mut Items<'_>, errors: &mut Errors) -> syn::Result<()> {
        match word.to_string().as_str() {
            "derive" | "attr" => pass_on(word, items, &mut self.pass, errors),
            "mutation" => {
                if items.has_value() {
                    items.rest();
                    let message = "the mutation enum is always generated; to rename it write `mutation(name = ..)`, \
                                   to add variants `mutation(variants(..))`; to use an enum of your own implement \
                                   `LiveValue` by hand";
                    return Err(syn::Error::new(word.span(), message));
                }
                let list = items.list(word, "mutation(variants(Start))", errors)?;
                self.mutation.read(list, Place::Enum("mutation"), errors);
                Ok(())
            }
            "message" => {
                if items.has_value() {
                    let ty = items.ty(word)?;
                    self.message_type.set(word, ty, errors);
                    return Ok(());
                }
                if items.is_alone() {
                    let message = "`message` needs options or a type: `message(variants(Ping))`, or `message = MyMessage`";
                    return Err(syn::Error::new(word.span(), message));
                }
                let list = items.list(word, "message(variants(Ping))", errors)?;
                self.message.read(list, Place::Enum("message"), errors);
                Ok(())
            }
            "error" => {
                if items.has_value() {
                    let ty = items.ty(word)?;
                    self.error_type.set(word, ty, errors);
                    return Ok(());
                }
                if items.is_alone() {
                    let message =
                        "`error` needs options or a type: `error(derive(PartialEq))`, or `error = MyError`";
                    return Err(syn::Error::new(word.span(), message));
                }
                let list = items.list(word, "error(derive(PartialEq))", errors)?;
                self.error.read(list, Place::Error, errors);
                Ok(())
            }
            "validate" => {
                let path = items.function(word, "Self::check")?;
                self.validate.set(word, path, errors);
                Ok(())
            }
            "explicit" => {
                items.nothing(word)?;
                self.explicit.set(word, word.clone(), errors);
                Ok(())
            }
            "crate" => {
                let path = krate(word, items)?;
                self.krate.set(word, path, errors);
                Ok(())
            }
            name => {
                let message = unknown(name, &items.peek_rest(), Place::Type);
                items.rest();
                Err(syn::Error::new(word.span(), message))
            }
        }
    }
}

impl EnumAttrs {
    fn read(&mut self, list: TokenStream, place: Place, errors: &mut Errors) {
        item::read(list, errors, |word, items, errors| {
            if place.words().contains(&word.to_string().as_str()) {
                self.words.push(word.clone());
            }
            match word.to_string().as_str() {
                "derive" | "attr" => pass_on(word, items, &mut self.pass, errors)?,
                "name" => {
                    let name = items.name(word, "SomeName", errors)?;
                    self.name.set(word, name, errors);
                }
                "variants" if place != Place::Error => {
                    let list = items.list(word, "variants(Start, Stop)", errors)?;
                    self.variants
                        .extend(comma_separated(list, errors, |input, _| variant(input)));
                }
                name => {
                    let message = unknown(name, &items.peek_rest(), place);
                    items.rest();
                    return Err(syn::Error::new(word.span(), message));
                }
            }
            Ok(())
        });
    }
}

fn variant(input: ParseStream<'_>) -> syn::Result<Variant> {
    let ahead = input.fork();
    if let Ok(method) = Attribute::parse_outer(&ahead).and_then(|_| ahead.parse::<Token![fn]>()) {
        Items(input).rest();
        let message = "a variant is written as in an enum: `Kick { who: Uuid }`; the method it calls is written on the type";
        return Err(syn::Error::new(method.span, message));
    }
    let ahead = input.fork();
    let is_named = Attribute::parse_outer(&ahead).is_ok() && ahead.peek(syn::Ident);
    if !is_named {
        let span = input.span();
        let at = or_at(Items(input).rest(), span);
        return Err(syn::Error::new_spanned(
            at,
            "expected a variant, as in an enum: `Kick { who: Uuid }`",
        ));
    }
    let ahead = input.fork();
    Attribute::parse_outer(&ahead)?;
    let name: Ident = ahead.parse()?;
    if let Some((at, message)) = variant_mistake(&name, &ahead) {
        Items(input).rest();
        return Err(syn::Error::new_spanned(at, message));
    }
    input.parse()
}

/// What is wrong with a variant after its name, where one can guess what was meant.
fn variant_mistake(name: &Ident, input: ParseStream<'_>) -> Option<(TokenStream, String)> {
    if input.peek(Token![<]) {
        let at = Items(&input.fork()).rest();
        let message =
            "a variant has no parameters of its own; give the type a parameter, or name a type here";
        return Some((at, message.into()));
    }
    if input.peek(Token![=>]) {
        let at = Items(&input.fork()).rest();
        let function = at.clone().into_iter().skip(2).collect();
        let message = format!(
            "the function of a variant is written `{name} = {}`",
            value::constant_text(&function)
        );
        return Some((at, message));
    }
    let ahead = input.fork();
    if ahead.peek(syn::token::Brace) && ahead.fork().parse::<syn::FieldsNamed>().is_err() {
        let group = ahead.parse::<proc_macro2::Group>().ok()?;
        let first = group.stream().into_iter().next();
        // A field whose type is wrong is told by the parser itself.
        if !matches!(first, Some(TokenTree::Ident(ident)) if ident != "self" && group.stream().to_string().contains(':'))
        {
            let message = format!(
                "what stands in braces is the payload, as in an enum: `{name} {{ who: Uuid }}`; what `{name}` does is \
                 written in the method it calls"
            );
            return Some((group.to_token_stream(), message));
        }
        return None;
    }
    if !ahead.peek(syn::token::Paren) {
        return None;
    }
    let group = ahead.parse::<proc_macro2::Group>().ok()?;
    let content: Vec<TokenTree> = group.stream().into_iter().collect();
    let is_named = matches!(
        content.as_slice(),
        [TokenTree::Ident(_), TokenTree::Punct(one), next, ..]
            if one.as_char() == ':' && !matches!(next, TokenTree::Punct(two) if two.as_char() == ':')
    );
    is_named.then(|| {
        let text = crate::shape::text(group.stream()).replace(" :", ":");
        (
            group.to_token_stream(),
            format!("a payload with names stands in braces: `{name} {{ {text} }}`"),
        )
    })
}

/// `derive(A, B)`, `attr(x, y)`.
fn pass_on(
    word: &Ident,
    items: &mut Items<'_>,
    pass: &mut Vec<Pass>,
    errors: &mut Errors,
) -> syn::Result<()> {
    if word == "attr" {
        let list = items.list(word, "attr(serde(default))", errors)?;
        pass.extend(attributes(list, errors).into_iter().map(Pass::Attr));
    } else {
        let list = items.list(word, "derive(Debug, PartialEq)", errors)?;
        let one = |input: ParseStream<'_>, _: &mut Errors| {
            or_message(
                input,
                "expected the path of a derive macro: `derive(Debug, PartialEq)`",
            )
        };
        pass.extend(comma_separated(list, errors, one).into_iter().map(Pass::Derive));
    }
    Ok(())
}

/// The attributes in `attr(x, y)`, each without `#[...]`.
pub(crate) fn attributes(list: TokenStream, errors: &mut Errors) -> Vec<TokenStream> {
    comma_separated(list, errors, |input, _| {
        if input.peek(Token![#]) {
            let attribute = Items(input).rest();
            let message = "write the attribute without `#[...]`, e.g. `attr(serde(default))`";
            return Err(syn::Error::new_spanned(attribute, message));
        }
        let ahead = input.fork();
        let is_attribute = Path::parse_mod_style(&ahead).is_ok() && {
            let arguments = Items(&ahead);
            if arguments.has_list() {
                ahead.parse::<TokenTree>()?;
            }
            arguments.has_value() || arguments.is_alone()
        };
        let span = input.span();
        let attribute = Items(input).rest();
        if is_attribute {
            return Ok(attribute);
        }
        Err(syn::Error::new_spanned(
            or_at(attribute, span),
            "expected an attribute: `attr(serde(default))`",
        ))
    })
}

/// `crate = ::path`.
fn krate(word: &Ident, items: &mut Items<'_>) -> syn::Result<Path> {
    let missing = "`crate` needs a path: `crate = ::livestore`";
    let value = items.value(word, missing)?;
    if let Some(TokenTree::Literal(literal)) = value.clone().into_iter().next()
        && let Some(text) = value::quoted(&literal)
    {
        let message = format!("write the path without quotes: `{text}`");
        return Err(syn::Error::new_spanned(value, message));
    }
    let parser = |input: ParseStream<'_>| input.call(Path::parse_mod_style);
    let Ok(path) = syn::parse::Parser::parse2(parser, value.clone()) else {
        return Err(syn::Error::new_spanned(
            value,
            "expected a path: `crate = ::livestore`",
        ));
    };
    let first = path
        .segments
        .first()
        .map(|segment| segment.ident.to_string())
        .unwrap_or_default();
    if path.leading_colon.is_none() && first != "crate" && first != "$crate" {
        let text = path.to_token_stream().to_string().replace(' ', "");
        let module = text.trim_start_matches("self::").trim_start_matches("super::");
        let message = format!(
            "the path must be absolute: `::{module}` for a crate, `crate::{module}` for a module of this crate"
        );
        return Err(syn::Error::new_spanned(path, message));
    }
    Ok(path)
}
