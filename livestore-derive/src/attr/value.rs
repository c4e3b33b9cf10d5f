//! The values of options: functions, ranges and numbers, as tokens for rustc, with what can be said of them here.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::{Expr, ExprPath, Lit, Token};

/// Reads the path of a function. `example` shows how one is given.
pub(crate) fn function(value: TokenStream, example: &str) -> syn::Result<ExprPath> {
    if let Ok(path) = syn::parse2::<ExprPath>(value.clone()) {
        return Ok(path);
    }
    let first = value.clone().into_iter().next();
    let message = match first {
        Some(TokenTree::Literal(literal)) if literal.to_string().starts_with('"') => {
            format!(
                "write the function without quotes: `{}`",
                literal.to_string().trim_matches('"')
            )
        }
        Some(TokenTree::Punct(punct)) if punct.as_char() == '|' => {
            format!(
                "expected the path of a function, found a closure; move it into a function and name that: `{example}`"
            )
        }
        Some(TokenTree::Ident(ident)) if ident == "move" => {
            format!(
                "expected the path of a function, found a closure; move it into a function and name that: `{example}`"
            )
        }
        _ if matches!(value.clone().into_iter().last(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis) =>
        {
            format!("name the function without calling it: `{example}`")
        }
        _ => format!("expected the path of a function: `{example}`"),
    };
    Err(syn::Error::new_spanned(value, message))
}

/// A range as written, with what can be said of it by its tokens.
pub(crate) fn range(value: TokenStream, word: &Ident) -> syn::Result<TokenStream> {
    let mut tokens = value.clone().into_iter();
    let (first, second) = (tokens.next(), tokens.next());
    if let (Some(TokenTree::Literal(literal)), None) = (&first, &second) {
        let text = literal.to_string();
        let message = if text.starts_with('"') {
            format!("write the range without quotes: `{}`", text.trim_matches('"'))
        } else {
            format!(
                "expected a range: `{word} = ..={text}` for at most {text}, `{word} = {text}..={text}` for exactly {text}"
            )
        };
        return Err(syn::Error::new_spanned(value, message));
    }
    if let Some((from, to)) = literal_bounds(value.clone())
        && from > to
    {
        return Err(syn::Error::new_spanned(
            value,
            "this range is empty, so every value would be refused",
        ));
    }
    Ok(value)
}

/// The first and the last number, if the bounds are plain integers.
fn literal_bounds(value: TokenStream) -> Option<(i128, i128)> {
    let parser = |input: ParseStream<'_>| {
        let from = integer(input)?;
        let inclusive = input.parse::<Option<Token![..=]>>()?.is_some();
        if !inclusive {
            input.parse::<Token![..]>()?;
        }
        Ok((from, integer(input)?.saturating_sub(i128::from(!inclusive))))
    };
    parser.parse2(value).ok()
}

fn integer(input: ParseStream<'_>) -> syn::Result<i128> {
    let sign = if input.parse::<Option<Token![-]>>()?.is_some() {
        -1
    } else {
        1
    };
    Ok(sign * input.parse::<syn::LitInt>()?.base10_parse::<i128>()?)
}

/// The bounds of a range that [`is_constant`]: each the expression as written.
pub(crate) struct Bounds {
    pub(crate) from: Option<TokenStream>,
    pub(crate) to: Option<TokenStream>,
    pub(crate) is_inclusive: bool,
}

impl Bounds {
    /// Takes a constant range apart.
    pub(crate) fn of(range: &TokenStream) -> Bounds {
        let (mut from, mut to) = (TokenStream::new(), TokenStream::new());
        let (mut dots, mut is_inclusive) = (0, false);
        for token in ungrouped(range.clone()) {
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == '.' => dots += 1,
                TokenTree::Punct(punct) if punct.as_char() == '=' && dots == 2 && to.is_empty() => {
                    is_inclusive = true;
                }
                _ if dots < 2 => from.extend([token]),
                _ => to.extend([token]),
            }
        }
        let some = |tokens: TokenStream| (!tokens.is_empty()).then_some(tokens);
        Bounds {
            from: some(from),
            to: some(to),
            is_inclusive,
        }
    }
}

/// A number that is written as one.
pub(crate) fn literal(value: &TokenStream) -> Option<i128> {
    integer.parse2(ungrouped(value.clone())).ok()
}

/// The tokens without the invisible groups that `macro_rules!` puts round them.
fn ungrouped(tokens: TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => ungrouped(group.stream()),
            other => other.into(),
        })
        .collect()
}

/// A constant as the user would write it.
pub(crate) fn constant_text(value: &TokenStream) -> String {
    value.to_string().replace(' ', "")
}

/// Whether evaluating the tokens runs nothing: a literal or a path, or a range of them. An operator or a call may be
/// the user's, and so may be a value that is not written as a range.
pub(crate) fn is_constant(value: &TokenStream, form: Form) -> bool {
    let operand = |input: ParseStream<'_>| -> syn::Result<()> {
        if input.peek(Token![-]) || input.peek(Lit) {
            input.parse::<Option<Token![-]>>()?;
            return input.parse::<Lit>().map(drop);
        }
        input.call(syn::Path::parse_mod_style).map(drop)
    };
    let parser = |input: ParseStream<'_>| {
        if form == Form::Number {
            return operand(input);
        }
        if !input.peek(Token![..]) && !input.peek(Token![..=]) {
            operand(input)?;
        }
        if input.peek(Token![..=]) {
            input.parse::<Token![..=]>()?;
        } else {
            input.parse::<Token![..]>()?;
        }
        if input.is_empty() { Ok(()) } else { operand(input) }
    };
    parser.parse2(value.clone()).is_ok()
}

/// What [`is_constant`] expects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Number,
    Range,
}

/// An expression, as far as it can be read without `full`: it only has to end at the comma.
pub(crate) fn expression(value: TokenStream) -> syn::Result<TokenStream> {
    syn::parse2::<Expr>(value.clone()).map(|_| value)
}
