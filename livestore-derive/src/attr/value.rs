//! The values of options: functions, ranges and numbers, as tokens for rustc, with what can be said of them here.

use proc_macro2::{Delimiter, Group, Ident, Literal, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::{Expr, ExprPath, Lit, Token};

/// Reads the path of a function. `example` shows how one is given.
pub(crate) fn function(value: TokenStream, example: &str) -> syn::Result<ExprPath> {
    if let Ok(path) = syn::parse2::<ExprPath>(value.clone()) {
        return Ok(path);
    }
    let first = value.clone().into_iter().next();
    let message = match first {
        Some(TokenTree::Literal(literal)) if quoted(&literal).is_some() => {
            let text = quoted(&literal).unwrap_or_default();
            format!("write the function without quotes: `{text}`")
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

/// What stands between the quotes of a string, of whatever kind.
pub(crate) fn quoted(literal: &Literal) -> Option<String> {
    match Lit::new(literal.clone()) {
        Lit::Str(text) => Some(text.value()),
        Lit::ByteStr(bytes) => Some(String::from_utf8_lossy(&bytes.value()).into_owned()),
        Lit::CStr(text) => Some(text.value().to_string_lossy().into_owned()),
        _ => None,
    }
}

/// A range as written, with what can be said of it by its tokens.
pub(crate) fn range(value: TokenStream, word: &Ident) -> syn::Result<TokenStream> {
    let tokens: Vec<TokenTree> = value.clone().into_iter().collect();
    let wrong = |message: String| Err(syn::Error::new_spanned(&value, message));
    if let [TokenTree::Literal(literal)] = tokens.as_slice() {
        return wrong(match quoted(literal) {
            Some(text) => format!("write the range without quotes: `{text}`"),
            None => format!(
                "expected a range: `{word} = ..={literal}` for at most {literal}, `{word} = {literal}..={literal}` for \
                 exactly {literal}"
            ),
        });
    }
    // What `macro_rules!` hands over may be anything.
    let is_opaque =
        |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::None);
    if tokens.iter().any(is_opaque) {
        return Ok(value);
    }
    if let Some(range) = compared(&tokens) {
        return wrong(format!("a range is written with dots: `{word} = {range}`"));
    }
    let text = |tokens: &[TokenTree]| constant_text(&tokens.iter().cloned().collect());
    let is_dot = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '.');
    let is_end = |at: &usize| is_dot(&tokens[*at]) && tokens.get(at + 1).is_some_and(is_dot);
    let Some(dots) = (0..tokens.len()).find(is_end) else {
        return match tokens.as_slice() {
            [from, TokenTree::Ident(to), rest @ ..]
                if matches!(
                    to.to_string().as_str(),
                    "to" | "until" | "through" | "till" | "and" | "upto"
                ) && !rest.is_empty() =>
            {
                wrong(format!(
                    "a range is written with dots: `{word} = {from}..={}`",
                    text(rest)
                ))
            }
            [TokenTree::Group(group)] if is_range_in(group, word) => Ok(value),
            [TokenTree::Literal(_), ..] | [TokenTree::Group(_)] => wrong(format!(
                "expected a range: `{word} = 1..=32`, `{word} = 1..`, `{word} = ..=32`"
            )),
            // A constant that is a range, or something that rustc knows.
            _ => Ok(value),
        };
    };
    let (from, mut to) = (&tokens[..dots], &tokens[dots + 2..]);
    let first = |tokens: &[TokenTree]| match tokens.first() {
        Some(TokenTree::Punct(punct)) => Some(punct.as_char()),
        _ => None,
    };
    match first(to) {
        Some('.') => {
            let (from, to) = (text(from), text(&to[1..]));
            return wrong(format!(
                "a range has two dots: `{word} = {from}..={to}` with {to} in it, `{word} = {from}..{to}` without"
            ));
        }
        Some('<') => {
            return wrong(format!(
                "a range without its end is written `{word} = {}..{}`",
                text(from),
                text(&to[1..])
            ));
        }
        Some('=') if to.len() == 1 => {
            let from = text(from);
            return wrong(format!(
                "after `..=` comes the last value: `{word} = {from}..=32`; without a last one write `{word} = {}`",
                if from.is_empty() {
                    "0..".into()
                } else {
                    format!("{from}..")
                },
            ));
        }
        Some('=') => to = &to[1..],
        _ => {}
    }
    if let Some(second) = (0..to.len().saturating_sub(1)).find(|at| is_dot(&to[*at]) && is_dot(&to[at + 1])) {
        let rest: TokenStream = to[second..].iter().cloned().collect();
        let message = format!("a range has one `..`: `{word} = 1..=32`");
        return Err(syn::Error::new_spanned(rest, message));
    }
    if let Some(rest) = after_expression(to)
        && let Some(message) = rest.first().and_then(after_range)
    {
        let at: TokenStream = rest.iter().cloned().collect();
        return Err(syn::Error::new_spanned(at, message));
    }
    if let Some((from, to)) = literal_bounds(value.clone())
        && from > to
    {
        return wrong("this range is empty, so every value would be refused".into());
    }
    Ok(value)
}

/// Whether a range may be what comes of the group: of a block, or of what stands in parentheses, if that is one.
fn is_range_in(group: &Group, word: &Ident) -> bool {
    match group.delimiter() {
        Delimiter::Brace => true,
        Delimiter::Parenthesis => !group.stream().is_empty() && range(group.stream(), word).is_ok(),
        _ => false,
    }
}

/// What is wrong with a range that is followed by this. `None` if it may be a part of it that cannot be read here.
fn after_range(next: &TokenTree) -> Option<String> {
    match next {
        TokenTree::Ident(word) => Some(format!("expected `,` before `{word}`")),
        TokenTree::Literal(_) => Some("expected `,` after the range".into()),
        TokenTree::Punct(punct) if punct.as_char() == ';' => Some("expected `,`, not `;`".into()),
        _ => None,
    }
}

/// The range that is meant by a comparison: `>= 1`.
fn compared(tokens: &[TokenTree]) -> Option<String> {
    let is_sign =
        |token: &&TokenTree| matches!(token, TokenTree::Punct(punct) if "<>=".contains(punct.as_char()));
    let signs: String = tokens
        .iter()
        .take_while(is_sign)
        .map(ToString::to_string)
        .collect();
    let bound = constant_text(&tokens[signs.len()..].iter().cloned().collect());
    match signs.as_str() {
        "" => None,
        ">=" | "=>" => Some(format!("{bound}..")),
        ">" => Some(match bound.parse::<i64>() {
            Ok(number) => format!("{}..", number.saturating_add(1)),
            Err(_) => format!("{bound} + 1.."),
        }),
        "<" => Some(format!("..{bound}")),
        "==" | "=" => Some(format!("{bound}..={bound}")),
        _ => Some(format!("..={bound}")),
    }
}

/// What follows the expression that the tokens begin with; `None` if that cannot be read here.
fn after_expression(tokens: &[TokenTree]) -> Option<Vec<TokenTree>> {
    let parser = |input: ParseStream<'_>| {
        if !input.is_empty() {
            input.parse::<Expr>()?;
        }
        let rest: TokenStream = input.parse()?;
        Ok(rest.into_iter().collect())
    };
    parser.parse2(tokens.iter().cloned().collect()).ok()
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

/// The literal that is the whole value.
pub(crate) fn single(value: &TokenStream) -> Option<Literal> {
    syn::parse2::<Literal>(value.clone()).ok()
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
