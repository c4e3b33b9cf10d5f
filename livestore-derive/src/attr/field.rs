//! `#[live(..)]` on a field.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, ExprPath, Token};

use crate::attr::item::Items;
use crate::attr::ty::attributes;
use crate::attr::value::{self, Form};
use crate::attr::{Once, each_item};
use crate::errors::Errors;
use crate::names::is_camel_case;
use crate::words::{Place, unknown};

/// What a field says about itself.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub(crate) skip: Once<Ident>,
    pub(crate) id: Once<Ident>,
    /// The operations, in the order written.
    pub(crate) ops: Vec<Op>,
    pub(crate) len: Once<Rule>,
    pub(crate) range: Once<Rule>,
    pub(crate) validate: Once<(Ident, ExprPath)>,
    pub(crate) keep: Once<Rule>,
    /// The word `attr`, and attributes for the generated variants.
    pub(crate) pass: Vec<(Ident, Vec<TokenStream>)>,
}

/// An operation as written: `push`, `push = Say`.
pub(crate) struct Op {
    pub(crate) kind: OpKind,
    pub(crate) word: Ident,
    pub(crate) name: Option<Ident>,
    pub(crate) args: Args,
}

/// What stands in parentheses after an operation: `insert(new)`, `each(by = id, boxed)`.
#[derive(Clone, Default)]
pub(crate) struct Args {
    /// `new`, `present`: what would change nothing is refused.
    pub(crate) is_strict: bool,
    /// `by = field`.
    pub(crate) by: Option<Ident>,
    /// `boxed`: the inner mutation and error are in a `Box`.
    pub(crate) is_boxed: bool,
}

impl Args {
    /// Reads them; `None` if they are something else.
    fn parse(kind: OpKind, list: TokenStream, errors: &mut Errors) -> Option<Args> {
        let mut repeated = Vec::new();
        let parser = |input: ParseStream<'_>| {
            let mut args = Args::default();
            loop {
                let word: Ident = input.parse()?;
                let is_there = match (kind, word.to_string().as_str()) {
                    (OpKind::Insert, "new") | (OpKind::Remove, "present") => {
                        std::mem::replace(&mut args.is_strict, true)
                    }
                    (OpKind::Each, "by") => {
                        input.parse::<Token![=]>()?;
                        args.by.replace(input.parse()?).is_some()
                    }
                    (OpKind::Each | OpKind::Nested, "boxed") => std::mem::replace(&mut args.is_boxed, true),
                    _ => return Err(input.error("another argument")),
                };
                if is_there {
                    repeated.push(word);
                }
                if input.is_empty() {
                    return Ok(args);
                }
                input.parse::<Token![,]>()?;
            }
        };
        let args = parser.parse2(list).ok()?;
        for word in repeated {
            errors.at(word.span(), format_args!("`{word}` is given twice"));
        }
        Some(args)
    }

    /// What is meant by something else: `each(id)` and `each(by = "id")` by `by = id`.
    fn meant(kind: OpKind, list: &TokenStream) -> Option<Ident> {
        if kind != OpKind::Each {
            return None;
        }
        let name = match list.clone().into_iter().collect::<Vec<_>>().as_slice() {
            [TokenTree::Ident(by)] if by == "by" => Ident::new("id", by.span()),
            [TokenTree::Ident(id)] if id == "id" => id.clone(),
            [TokenTree::Ident(_), TokenTree::Punct(equals), field] if equals.as_char() == '=' => {
                match field {
                    TokenTree::Ident(field) => field.clone(),
                    TokenTree::Literal(text) => syn::parse_str::<Ident>(&value::quoted(text)?).ok()?,
                    _ => return None,
                }
            }
            _ => return None,
        };
        (!is_camel_case(&name.to_string())).then_some(name)
    }
}

/// What can be done to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpKind {
    Set,
    Increment,
    Decrement,
    Toggle,
    Push,
    Insert,
    Remove,
    Clear,
    Nested,
    Each,
    Add,
    SetAt,
    Message,
}

impl OpKind {
    const ALL: [OpKind; 13] = [
        OpKind::Set,
        OpKind::Add,
        OpKind::SetAt,
        OpKind::Increment,
        OpKind::Decrement,
        OpKind::Toggle,
        OpKind::Push,
        OpKind::Insert,
        OpKind::Remove,
        OpKind::Clear,
        OpKind::Nested,
        OpKind::Each,
        OpKind::Message,
    ];

    fn of(word: &str) -> Option<OpKind> {
        OpKind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// How the operation is written.
    pub(crate) fn word(self) -> &'static str {
        match self {
            OpKind::Set => "set",
            OpKind::Increment => "increment",
            OpKind::Decrement => "decrement",
            OpKind::Toggle => "toggle",
            OpKind::Push => "push",
            OpKind::Insert => "insert",
            OpKind::Remove => "remove",
            OpKind::Clear => "clear",
            OpKind::Nested => "nested",
            OpKind::Each => "each",
            OpKind::Add => "add",
            OpKind::SetAt => "set_at",
            OpKind::Message => "message",
        }
    }

    /// Whether it tells something and changes nothing.
    pub(crate) fn is_message(self) -> bool {
        self == OpKind::Message
    }

    /// What comes before the field's name in the variant's.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            OpKind::Set => "Set",
            OpKind::Increment => "Increment",
            OpKind::Decrement => "Decrement",
            OpKind::Toggle => "Toggle",
            OpKind::Push => "Push",
            OpKind::Insert => "Insert",
            OpKind::Remove => "Remove",
            OpKind::Clear => "Clear",
            OpKind::Nested | OpKind::Each => "Update",
            OpKind::Add => "Add",
            OpKind::SetAt => "SetAt",
            OpKind::Message => "",
        }
    }
}

/// A range, or a number, as written.
pub(crate) struct Rule {
    pub(crate) word: Ident,
    pub(crate) value: TokenStream,
    /// Whether evaluating it runs nothing.
    pub(crate) constant: bool,
}

/// Reads the `#[live(..)]` attributes of a field.
pub(crate) fn parse_field(attrs: &[Attribute], errors: &mut Errors) -> FieldAttrs {
    let mut field = FieldAttrs::default();
    let empty = "say what the field can do, e.g. `#[live(set)]`";
    each_item(attrs, errors, empty, |word, items, errors| {
        field.read(word, items, errors)
    });
    field
}

impl FieldAttrs {
    fn read(&mut self, word: &Ident, items: &mut Items<'_>, errors: &mut Errors) -> syn::Result<()> {
        let name = word.to_string();
        if let Some(kind) = OpKind::of(&name) {
            let op = operation(kind, word, items, errors)?;
            if self.ops.iter().any(|other| other.kind == kind) {
                errors.at(word.span(), format_args!("`{word}` is given twice"));
            } else {
                self.ops.push(op);
            }
            return Ok(());
        }
        match name.as_str() {
            "skip" => {
                items.nothing(word)?;
                self.skip.set(word, word.clone(), errors);
            }
            "id" => {
                items.nothing(word)?;
                self.id.set(word, word.clone(), errors);
            }
            "len" => self.len.set(word, range(word, "1..=32", items)?, errors),
            "range" => self.range.set(word, range(word, "1..=32", items)?, errors),
            "keep" => self.keep.set(word, number(word, items)?, errors),
            "validate" => {
                let path = items.function(word, "check_name")?;
                self.validate.set(word, (word.clone(), path), errors);
            }
            "attr" => {
                let list = items.list(word, "attr(serde(default))", errors)?;
                self.pass.push((word.clone(), attributes(list, errors)));
            }
            _ => {
                let message = unknown(&name, &items.peek_rest(), Place::Field);
                items.rest();
                errors.at(word.span(), message);
            }
        }
        Ok(())
    }

    /// Whether an operation may be given to a field that lists none, because nothing was said about it.
    pub(crate) fn lists_nothing(&self) -> bool {
        self.ops.is_empty() && self.fixed().is_none()
    }

    /// The word that says that nothing changes the field.
    pub(crate) fn fixed(&self) -> Option<&Ident> {
        self.skip.get().or(self.id.get())
    }
}

fn operation(kind: OpKind, word: &Ident, items: &mut Items<'_>, errors: &mut Errors) -> syn::Result<Op> {
    let mut op = Op {
        kind,
        word: word.clone(),
        name: None,
        args: Args::default(),
    };
    let list = items.peek_list();
    if let Some(args) = list.clone().and_then(|list| Args::parse(kind, list, errors)) {
        items.skip_list();
        op.args = args;
    } else if let Some(field) = list.and_then(|list| Args::meant(kind, &list)) {
        let list = items.0.parse::<Group>()?;
        errors.over(
            list,
            format_args!(
                "`{word}` takes no arguments but `by = field` and `boxed`; to find the items of a list by a field of \
                 theirs write `{word}(by = {field})`"
            ),
        );
        op.args.by = Some(field);
    }
    if items.has_value() {
        op.name = match items.name(word, "SomeName", errors) {
            Ok(name) => Some(name),
            Err(error) => {
                errors.push(error);
                None
            }
        };
    } else if !items.is_alone() && !items.is_before_word() && !items.is_before_semicolon() {
        // The operation itself is understood, so the field keeps it beside the error.
        let rest = items.rest();
        let message = argument_message(kind, word, &rest);
        errors.over(rest, message);
    }
    Ok(op)
}

/// What to say to something that follows the word of an operation.
fn argument_message(kind: OpKind, word: &Ident, rest: &TokenStream) -> String {
    let inside = match rest.clone().into_iter().next() {
        Some(TokenTree::Group(group)) => group.stream(),
        _ => rest.clone(),
    };
    if let Ok(name) = syn::parse2::<Ident>(inside.clone())
        && is_camel_case(&name.to_string())
    {
        return format!("to name the variant write `{word} = {name}`");
    }
    if let (OpKind::Increment | OpKind::Decrement, Ok(way)) = (kind, syn::parse2::<Ident>(inside)) {
        let way = way.to_string();
        if let Some(ty) = way_of_overflow(&way) {
            return format!(
                "`{word}` refuses to overflow; what does otherwise is a type: `std::num::{ty}<T>`"
            );
        }
        if way == "clamp" {
            return format!(
                "`{word}` refuses what is out of its range; to stop at the end of it, change the value in a method: \
                 `mutation(variants(..))` on the type"
            );
        }
    }
    let beside = match kind {
        OpKind::Increment | OpKind::Decrement => ", range = 0..=100",
        OpKind::Push => ", keep = 200",
        OpKind::Set | OpKind::Insert | OpKind::Remove | OpKind::Clear | OpKind::Message => ", len = 1..=32",
        OpKind::Add => ", range = 0..",
        OpKind::Toggle | OpKind::Nested | OpKind::Each | OpKind::SetAt => ", validate = check_name",
    };
    let known = match kind {
        OpKind::Insert => "no arguments but `new`",
        OpKind::Remove => "no arguments but `present`",
        OpKind::Each => "no arguments but `by = field` and `boxed`",
        OpKind::Nested => "no arguments but `boxed`",
        _ => "no arguments",
    };
    format!(
        "`{word}` takes {known}; to name its variant write `{word} = SomeName`; rules such as `len`, `range`, \
         `keep` go beside it: `#[live({word}{beside})]`"
    )
}

/// The type of the standard library that adds and subtracts in another way.
fn way_of_overflow(word: &str) -> Option<&'static str> {
    match word {
        "wrapping" | "wrap" => Some("Wrapping"),
        "saturating" | "saturate" => Some("Saturating"),
        _ => None,
    }
}

fn range(word: &Ident, example: &str, items: &mut Items<'_>) -> syn::Result<Rule> {
    let value = items.value(word, &format!("`{word}` needs a range: `{word} = {example}`"))?;
    if let Some(first) = value::single(&value)
        && let Some(last) = items.number_after_comma()
    {
        let last = last.to_token_stream();
        let message = format!("a range is written with dots: `{word} = {first}..={last}`");
        return Err(syn::Error::new_spanned(quote!(#value #last), message));
    }
    let value = value::range(value, word)?;
    let constant = value::is_constant(&value, Form::Range);
    Ok(Rule {
        word: word.clone(),
        value,
        constant,
    })
}

fn number(word: &Ident, items: &mut Items<'_>) -> syn::Result<Rule> {
    let value = items.value(word, "`keep` needs a number: `keep = 200`")?;
    if value.to_token_stream().to_string() == "0" {
        return Err(syn::Error::new_spanned(value, "`keep = 0` would keep nothing"));
    }
    if let Some(less) = value::literal(&value).filter(|number| *number < 0) {
        let message = format!("`keep = {less}` would keep nothing");
        return Err(syn::Error::new_spanned(value, message));
    }
    if let Some(text) = value::single(&value).as_ref().and_then(value::quoted) {
        let message = format!("write the number without quotes: `keep = {text}`");
        return Err(syn::Error::new_spanned(value, message));
    }
    let value = value::expression(value.clone())
        .map_err(|_| syn::Error::new_spanned(value, "expected a number: `keep = 200`"))?;
    let constant = value::is_constant(&value, Form::Number);
    Ok(Rule {
        word: word.clone(),
        value,
        constant,
    })
}
