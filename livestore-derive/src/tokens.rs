//! Types and expressions by their tokens: what they mention, what stands in them for something else, and where they
//! stand.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{TokenStreamExt, quote};

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

/// A token's own place, but resolved as generated code: for arguments, at which rustc then underlines what the user
/// wrote without taking the call for his.
pub(crate) fn located_at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// `tokens` as if they stood at `span`, see [`located_at`].
pub(crate) fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    let span = located_at(span);
    tokens
        .into_iter()
        .map(|mut token| {
            if let TokenTree::Group(group) = &token {
                token = TokenTree::Group(Group::new(group.delimiter(), respan(group.stream(), span)));
            }
            token.set_span(span);
            token
        })
        .collect()
}
