//! Types and expressions by their tokens: what they mention, what stands in them for something else, and where they
//! stand.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote};
use syn::ext::IdentExt;
use syn::{GenericArgument, PathArguments, Type};

/// Replaces `Self` by the type it stands for, because inside an enum it would be the enum.
pub(crate) fn replace_self(tokens: TokenStream, this: &TokenStream) -> TokenStream {
    let mut replaced = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "Self" => {
                // `Self::LEN` may stand in an expression, where `Room<T>::LEN` does not parse.
                match tokens.peek() {
                    Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => {
                        replaced.extend(quote!(<#this>))
                    }
                    _ => replaced.extend(this.clone()),
                }
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), replace_self(group.stream(), this));
                inner.set_span(group.span());
                replaced.append(inner);
            }
            other => replaced.append(other),
        }
    }
    replaced
}

/// Replaces every lifetime by `'static`. Used beside an error, so that the expansion causes no others.
pub(crate) fn replace_lifetimes(tokens: TokenStream) -> TokenStream {
    let mut replaced = TokenStream::new();
    let mut after_quote = false;
    for token in tokens {
        let quote = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
        replaced.append(match token {
            TokenTree::Ident(ident) if after_quote => TokenTree::Ident(Ident::new("static", ident.span())),
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), replace_lifetimes(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other,
        });
        after_quote = quote;
    }
    replaced
}

/// Writes out the lifetimes that a type leaves away, if it does. rustc tells of them at the field, and would again at an
/// enum.
pub(crate) fn with_lifetimes(ty: &Type) -> Option<Type> {
    if !elides(ty) {
        return None;
    }
    syn::parse2(referring_to_static(ty.to_token_stream())).ok()
}

/// Whether a reference in it has no lifetime, but for those of functions, which need none.
fn elides(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => reference.lifetime.is_none() || elides(&reference.elem),
        Type::Path(path) => path.path.segments.iter().any(|segment| match &segment.arguments {
            PathArguments::AngleBracketed(list) => list
                .args
                .iter()
                .any(|argument| matches!(argument, GenericArgument::Type(ty) if elides(ty))),
            _ => false,
        }),
        Type::Tuple(tuple) => tuple.elems.iter().any(elides),
        Type::Array(array) => elides(&array.elem),
        Type::Slice(slice) => elides(&slice.elem),
        Type::Group(group) => elides(&group.elem),
        Type::Paren(paren) => elides(&paren.elem),
        _ => false,
    }
}

fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

fn referring_to_static(tokens: TokenStream) -> TokenStream {
    let mut written = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let left_away = is_punct(Some(&token), '&') && !is_punct(tokens.peek(), '\'');
        let span = token.span();
        match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), referring_to_static(group.stream()));
                inner.set_span(group.span());
                written.append(inner);
            }
            other => written.append(other),
        }
        if left_away {
            written.append_all(at(quote!('static), span));
        }
    }
    written
}

/// Whether the generic parameter `name` is mentioned, not as a segment inside a path and not as the name of an
/// associated type (`Item = u8`).
pub(crate) fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let punct = |at: Option<usize>| match at.and_then(|at| tokens.get(at)) {
        Some(TokenTree::Punct(punct)) => Some(punct.as_char()),
        _ => None,
    };
    tokens.iter().enumerate().any(|(i, token)| match token {
        TokenTree::Ident(ident) => {
            ident == name
                && !(punct(i.checked_sub(1)) == Some(':') && punct(i.checked_sub(2)) == Some(':'))
                && punct(Some(i + 1)) != Some('=')
        }
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}

/// The fields of the value that an expression mentions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Limits {
    None,
    /// `self.max_players`, `self.0`.
    Fields(Vec<String>),
    /// The value as a whole, or a method of it: whatever changes may change the rule.
    All,
}

impl Limits {
    pub(crate) fn of(tokens: TokenStream) -> Limits {
        let mut limits = Limits::None;
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            limits = limits.and(match token {
                TokenTree::Group(group) => Limits::of(group.stream()),
                TokenTree::Ident(ident) if ident == "self" => {
                    let is_dot =
                        |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '.');
                    match (tokens.next_if(is_dot), tokens.next_if(|token| !is_dot(token)), tokens.peek()) {
                        // A call, perhaps `self.limit::<N>()`.
                        (Some(_), Some(TokenTree::Ident(_)), Some(next)) if is_call(next) => Limits::All,
                        (Some(_), Some(TokenTree::Ident(field)), _) => {
                            Limits::Fields(vec![field.unraw().to_string()])
                        }
                        // `0`, or the `0.1` of `self.0.1`.
                        (Some(_), Some(TokenTree::Literal(place)), _) => {
                            let place = place.to_string();
                            Limits::Fields(vec![place.split('.').next().unwrap_or(&place).to_owned()])
                        }
                        _ => Limits::All,
                    }
                }
                _ => Limits::None,
            });
        }
        limits
    }

    pub(crate) fn and(self, other: Limits) -> Limits {
        match (self, other) {
            (Limits::All, _) | (_, Limits::All) => Limits::All,
            (Limits::None, other) => other,
            (some, Limits::None) => some,
            (Limits::Fields(mut some), Limits::Fields(others)) => {
                some.extend(others);
                Limits::Fields(some)
            }
        }
    }

    pub(crate) fn mention(&self, field: &str) -> bool {
        match self {
            Limits::None => false,
            Limits::Fields(fields) => fields.iter().any(|mentioned| mentioned == field),
            Limits::All => true,
        }
    }
}

/// Where an expression mentions a field of the value by its name: `self.max` and what is asked of it.
pub(crate) fn mention_of(tokens: TokenStream, field: &str) -> Option<TokenStream> {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                if let Some(found) = mention_of(group.stream(), field) {
                    return Some(found);
                }
            }
            TokenTree::Ident(ident) if ident == "self" => {
                let Some(dot) = tokens.next_if(|next| is_punct(Some(next), '.')) else {
                    continue;
                };
                let Some(name) = tokens.next() else {
                    continue;
                };
                let mentioned = Limits::of(quote!(#ident #dot #name));
                if !tokens.peek().is_some_and(is_call) && mentioned.mention(field) {
                    return Some(quote!(#ident #dot #name));
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether what follows a name makes a call of it.
fn is_call(next: &TokenTree) -> bool {
    match next {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Parenthesis,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    }
}

/// Whether a word occurs, however deep.
pub(crate) fn mentions_anywhere(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => mentions_anywhere(group.stream(), word),
        _ => false,
    })
}

/// A token's own place, but resolved as generated code: for arguments, at which rustc then underlines what the user
/// wrote without taking the call for his.
pub(crate) fn located_at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// `tokens` as if they stood at `span`, see [`located_at`].
pub(crate) fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    at(tokens, located_at(span))
}

/// `tokens` with this span and no other, but for `$crate`: which crate that is stands in its span.
pub(crate) fn at(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            if matches!(&token, TokenTree::Ident(ident) if ident == "$crate") {
                return token;
            }
            if let TokenTree::Group(group) = &token {
                token = TokenTree::Group(Group::new(group.delimiter(), at(group.stream(), span)));
            }
            token.set_span(span);
            token
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn the_fields_that_a_rule_mentions_are_found() {
        let fields = |names: &[&str]| Limits::Fields(names.iter().map(|&name| name.to_owned()).collect());
        for (tokens, limits) in [
            ("..=32", Limits::None),
            ("..=Self::MAX", Limits::None),
            ("..=self.max", fields(&["max"])),
            ("self.min as usize..=self.r#max", fields(&["min", "max"])),
            ("..=(self.max + 1)", fields(&["max"])),
            ("..=self.0.1", fields(&["0"])),
            ("..=self.limits.len()", fields(&["limits"])),
            ("..=self.max()", Limits::All),
            ("..=limit(self)", Limits::All),
            ("self.0..5", fields(&["0"])),
        ] {
            let parsed = tokens.parse().expect("tokens");
            assert_eq!(Limits::of(parsed), limits, "{tokens}");
        }
    }
}
