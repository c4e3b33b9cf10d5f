//! The items of a list of options.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{ExprPath, Lit, Token, Type};

use crate::attr::value;
use crate::errors::Errors;
use crate::names::is_camel_case;
use crate::words::FIELD;

/// What is left of a list of options.
pub(crate) struct Items<'a>(pub(crate) ParseStream<'a>);

/// Reads `tokens` as a list of options, each by `item`. Goes on after a mistake.
pub(crate) fn read(
    tokens: TokenStream,
    errors: &mut Errors,
    mut item: impl FnMut(&Ident, &mut Items<'_>, &mut Errors) -> syn::Result<()>,
) {
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let mut items = Items(input);
            let result = items
                .word()
                .and_then(|word| item(&word, &mut items, errors))
                .and_then(|()| items.end());
            match result {
                Ok(End::Comma) => {}
                Ok(End::Word(word)) => {
                    errors.at(word.span(), format_args!("expected `,` before `{word}`"));
                    continue;
                }
                Err(error) => {
                    errors.push(error);
                    items.rest();
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        errors.push(error);
    }
}

/// What follows an item.
enum End {
    Comma,
    Word(Ident),
}

impl Items<'_> {
    /// The name of the next option. Keywords are names too (`crate`).
    fn word(&mut self) -> syn::Result<Ident> {
        if self.0.peek(Ident::peek_any) {
            return self.0.call(Ident::parse_any);
        }
        let at = self.0.fork();
        let message = match quoted(&at) {
            Some((_, text)) => format!("an option is written without quotes: `{text}`"),
            None => "expected the name of an option".to_owned(),
        };
        let rest = self.rest();
        Err(syn::Error::new_spanned(or_at(rest, self.0.span()), message))
    }

    /// After an item comes a comma or nothing. Where a word comes, the comma alone is missing.
    fn end(&mut self) -> syn::Result<End> {
        if self.0.is_empty() || self.0.peek(Token![,]) {
            return Ok(End::Comma);
        }
        if self.0.peek(syn::Ident) {
            return Ok(End::Word(self.0.fork().parse()?));
        }
        let span = self.0.span();
        self.rest();
        Err(syn::Error::new(span, "expected `,`"))
    }

    /// Everything up to the comma that ends the item. A comma between the angle brackets of a path does not.
    pub(crate) fn rest(&mut self) -> TokenStream {
        let mut rest = TokenStream::new();
        let (mut depth, mut colons) = (0_usize, 0_usize);
        while !self.0.is_empty() && (depth > 0 || !self.0.peek(Token![,])) {
            let Ok(token) = self.0.parse::<TokenTree>() else {
                break;
            };
            if let TokenTree::Punct(punct) = &token {
                match punct.as_char() {
                    ':' => colons += 1,
                    '<' if colons >= 2 => (depth, colons) = (depth + 1, 0),
                    '>' => depth = depth.saturating_sub(1),
                    _ => colons = 0,
                }
            } else {
                colons = 0;
            }
            rest.append(token);
        }
        rest
    }

    /// The text of the rest, without taking it.
    pub(crate) fn peek_rest(&self) -> String {
        let rest = Items(&self.0.fork()).rest().to_string();
        if rest.starts_with('=') {
            format!(" {rest}")
        } else {
            rest
        }
    }

    /// Whether the option stands alone.
    pub(crate) fn is_alone(&self) -> bool {
        self.0.is_empty() || self.0.peek(Token![,])
    }

    /// Whether the next option follows without a comma.
    pub(crate) fn is_before_word(&self) -> bool {
        let next = self.0.fork().call(Ident::parse_any);
        next.is_ok_and(|word| FIELD.contains(&word.to_string().as_str()))
    }

    pub(crate) fn has_list(&self) -> bool {
        self.0.peek(syn::token::Paren) || self.0.peek(syn::token::Bracket) || self.0.peek(syn::token::Brace)
    }

    /// Whether a semicolon stands where a comma should.
    pub(crate) fn is_before_semicolon(&self) -> bool {
        self.0.peek(Token![;])
    }

    /// Takes the number after a comma, if that is what comes next: `1, 5`.
    pub(crate) fn number_after_comma(&mut self) -> Option<Lit> {
        let ahead = self.0.fork();
        ahead.parse::<Token![,]>().ok()?;
        let number = ahead.parse::<Lit>().ok()?;
        self.0.advance_to(&ahead);
        Some(number)
    }

    /// What is in the parentheses that come next, without taking it.
    pub(crate) fn peek_list(&self) -> Option<TokenStream> {
        if !self.0.peek(syn::token::Paren) {
            return None;
        }
        Some(self.0.fork().parse::<Group>().ok()?.stream())
    }

    /// Takes what is in the parentheses that come next.
    pub(crate) fn skip_list(&mut self) {
        drop(self.0.parse::<Group>());
    }

    pub(crate) fn has_value(&self) -> bool {
        self.0.peek(Token![=])
    }

    /// An option without a value.
    pub(crate) fn nothing(&mut self, word: &Ident) -> syn::Result<()> {
        if !self.has_value() && !self.has_list() {
            return Ok(());
        }
        Err(syn::Error::new_spanned(
            self.rest(),
            format_args!("`{word}` takes no value"),
        ))
    }

    /// The contents of `word(..)`. `example` shows one.
    pub(crate) fn list(
        &mut self,
        word: &Ident,
        example: &str,
        errors: &mut Errors,
    ) -> syn::Result<TokenStream> {
        if !self.has_list() {
            let message = format!("`{word}` takes a list in parentheses: `{example}`");
            let rest = self.rest();
            let rest = if rest.is_empty() {
                word.to_token_stream()
            } else {
                rest
            };
            return Err(syn::Error::new_spanned(rest, message));
        }
        let group = self.0.parse::<Group>()?;
        if group.delimiter() != Delimiter::Parenthesis {
            errors.at(
                group.span_open(),
                format_args!("`{word}` takes its list in parentheses: `{example}`"),
            );
        }
        if group.stream().is_empty() {
            let list = quote::quote!(#word #group);
            return Err(syn::Error::new_spanned(
                list,
                format_args!("`{word}()` is empty; write `{example}`"),
            ));
        }
        Ok(group.stream())
    }

    /// The tokens of `= value`, at least one. `missing` is the message if there is none.
    pub(crate) fn value(&mut self, word: &Ident, missing: &str) -> syn::Result<TokenStream> {
        if self.is_alone() {
            return Err(syn::Error::new(word.span(), missing));
        }
        if !self.has_value() {
            let rest = self.rest();
            let message = match least_and_most(&rest).or_else(|| without_equals(&rest)) {
                Some(value) => format!("write `{word} = {value}`"),
                None => missing.to_owned(),
            };
            return Err(syn::Error::new_spanned(rest, message));
        }
        let equals = self.0.parse::<Token![=]>()?;
        let closure = self.0.peek(Token![|]) || self.0.peek(Token![||]) || self.0.peek(Token![move]);
        let mut value = self.rest();
        // The commas between the bars of a closure end no item.
        while closure && bars(&value) == 1 && self.0.peek(Token![,]) {
            value.append(self.0.parse::<TokenTree>()?);
            value.extend(self.rest());
        }
        if value.is_empty() {
            return Err(syn::Error::new_spanned(quote::quote!(#word #equals), missing));
        }
        Ok(value)
    }

    /// `= Type`.
    pub(crate) fn ty(&mut self, word: &Ident) -> syn::Result<Type> {
        self.0.parse::<Token![=]>()?;
        if let Some((literal, text)) = quoted(&self.0.fork()) {
            self.rest();
            return Err(syn::Error::new(
                literal.span(),
                format_args!("write the type without quotes: `{text}`"),
            ));
        }
        if self.is_alone() {
            return Err(syn::Error::new(
                word.span(),
                format_args!("`{word} =` needs a type: `{word} = MyType`"),
            ));
        }
        self.0.parse()
    }

    /// `= Ident`, the name of a variant or of an enum.
    pub(crate) fn name(&mut self, word: &Ident, example: &str, errors: &mut Errors) -> syn::Result<Ident> {
        let value = match self.name_before_word() {
            Some(name) => name.to_token_stream(),
            None => self.value(word, &format!("`{word}` needs a name: `{word} = {example}`"))?,
        };
        if let Ok(name) = syn::parse2::<Ident>(value.clone()) {
            let plain = name.unraw();
            if !is_camel_case(&plain.to_string()) {
                let camel = crate::names::camel_case(&plain.to_string());
                let what = if word == "name" {
                    "an enum's"
                } else {
                    "a variant's"
                };
                let message =
                    format_args!("{what} name is written in CamelCase: `{word} = {camel}`").to_string();
                errors.at(name.span(), message);
            }
            return Ok(name);
        }
        if let Some((literal, text)) =
            Parser::parse2(|input: ParseStream<'_>| Ok(quoted(input)), value.clone())
                .ok()
                .flatten()
        {
            return Err(syn::Error::new(
                literal.span(),
                format_args!("write the name without quotes: `{text}`"),
            ));
        }
        let message = if word == "name" {
            format!("expected a name: `{word} = {example}`")
        } else {
            format!(
                "expected the name of a variant: `{word} = {example}`; for a function of your own declare a variant \
                 on the type: `mutation(variants(..))`"
            )
        };
        Err(syn::Error::new_spanned(value, message))
    }

    /// `= Name`, if a word follows of which a comma is missing.
    fn name_before_word(&mut self) -> Option<Ident> {
        let ahead = self.0.fork();
        ahead.parse::<Token![=]>().ok()?;
        let name = ahead.parse::<Ident>().ok()?;
        if !ahead.peek(syn::Ident) {
            return None;
        }
        self.0.advance_to(&ahead);
        Some(name)
    }

    /// `= path::to::function`. `example` shows one.
    pub(crate) fn function(&mut self, word: &Ident, example: &str) -> syn::Result<ExprPath> {
        let value = self.value(word, &format!("`{word}` needs a function: `{word} = {example}`"))?;
        value::function(value, &format!("{word} = {example}"))
    }
}

/// The value that was given some other way than after `=`: `(1..=3)`, `: 1..=3`, `1..=3`.
fn without_equals(rest: &TokenStream) -> Option<String> {
    let tokens: Vec<TokenTree> = rest.clone().into_iter().collect();
    let value = match tokens.as_slice() {
        [TokenTree::Group(group)] => group.stream(),
        [TokenTree::Punct(colon), value @ ..] if colon.as_char() == ':' => value.iter().cloned().collect(),
        [TokenTree::Literal(_), ..] => rest.clone(),
        _ => return None,
    };
    match value.clone().into_iter().next()? {
        TokenTree::Literal(literal) if value::quoted(&literal).is_some() => value::quoted(&literal),
        _ => Some(value::constant_text(&value)),
    }
}

/// The range that other libraries write `(min = 1, max = 3)`.
fn least_and_most(rest: &TokenStream) -> Option<String> {
    let tokens: Vec<TokenTree> = rest.clone().into_iter().collect();
    let [TokenTree::Group(group)] = tokens.as_slice() else {
        return None;
    };
    let (mut least, mut most) = (String::new(), String::new());
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    for bound in tokens.split(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',')) {
        let [TokenTree::Ident(word), TokenTree::Punct(equals), value @ ..] = bound else {
            return None;
        };
        let value = value::constant_text(&value.iter().cloned().collect());
        match word.to_string().as_str() {
            _ if equals.as_char() != '=' => return None,
            "min" | "minimum" | "from" => least = value,
            "max" | "maximum" | "to" => most = format!("={value}"),
            "equal" | "eq" => (least, most) = (value.clone(), format!("={value}")),
            _ => return None,
        }
    }
    Some(format!("{least}..{most}"))
}

/// The string literal that comes next, with its text.
fn quoted(input: ParseStream<'_>) -> Option<(proc_macro2::Literal, String)> {
    let literal = input.parse::<proc_macro2::Literal>().ok()?;
    let text = value::quoted(&literal)?;
    Some((literal, text))
}

/// How many bars of a closure's head have been read; 2 is both.
fn bars(tokens: &TokenStream) -> usize {
    tokens
        .clone()
        .into_iter()
        .filter(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '|'))
        .count()
}

/// `tokens`, or if there are none, something at `span` for an error to point to.
pub(crate) fn or_at(tokens: TokenStream, span: Span) -> TokenStream {
    if tokens.is_empty() {
        TokenStream::from(TokenTree::Ident(Ident::new("_", span)))
    } else {
        tokens
    }
}

/// Reads a list separated by commas, going on after a mistake.
pub(crate) fn comma_separated<T>(
    tokens: TokenStream,
    errors: &mut Errors,
    mut one: impl FnMut(ParseStream<'_>, &mut Errors) -> syn::Result<T>,
) -> Vec<T> {
    let mut all = Vec::new();
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let mut items = Items(input);
            match one(input, errors).and_then(|one| Ok((one, items.end()?))) {
                Ok((one, End::Comma)) => all.push(one),
                Ok((one, End::Word(word))) => {
                    all.push(one);
                    errors.at(word.span(), format_args!("expected `,` before `{word}`"));
                    continue;
                }
                Err(error) => {
                    errors.push(error);
                    items.rest();
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        errors.push(error);
    }
    all
}

/// Parses, or fails with `message` at everything up to the comma.
pub(crate) fn or_message<T: Parse>(input: ParseStream<'_>, message: &str) -> syn::Result<T> {
    let ahead = input.fork();
    match ahead.parse::<T>() {
        Ok(parsed) => {
            input.advance_to(&ahead);
            Ok(parsed)
        }
        Err(_) => {
            let span = input.span();
            let rest = Items(input).rest();
            Err(syn::Error::new_spanned(or_at(rest, span), message))
        }
    }
}
