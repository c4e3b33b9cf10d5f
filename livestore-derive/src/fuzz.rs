//! Attributes that nobody would write: whatever the tokens are, the macro answers, and the same each time.

use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::derive;
use crate::words::{ENUM, FIELD, TYPE};

/// xorshift64*; a fixed seed makes a failure repeatable.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).expect("31 bits") % n
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

const IDENTS: &[&str] = &[
    "Self", "self", "crate", "super", "move", "fn", "pub", "as", "dyn", "impl", "where", "Kick", "Set",
    "who", "u32", "String", "Vec", "HashMap", "r#type", "r#set", "_x", "__", "banana", "serde", "togle",
    "rename", "max", "ident",
];

const LITERALS: &[&str] = &[
    "0",
    "32",
    "-1",
    "1.5",
    "\"text\"",
    "'c'",
    "b\"bytes\"",
    "1u128",
    "r#\"raw\"#",
    "c\"c\"",
    "0x1F",
];

const PUNCTS: &[char] = &[
    '=', ',', '.', ':', '<', '>', '#', '-', '|', '&', '\'', '!', '?', ';', '$', '+', '*', '@', '~',
];

fn soup(random: &mut Random, depth: usize) -> TokenStream {
    (0..random.below(6)).flat_map(|_| tokens(random, depth)).collect()
}

/// A token, or a few that belong together.
fn tokens(random: &mut Random, depth: usize) -> TokenStream {
    let word = |word: &str| match word.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, Span::call_site()),
        None => Ident::new(word, Span::call_site()),
    };
    match random.below(12) {
        0..=2 => TokenTree::from(word(random.one(FIELD))).into(),
        3 => TokenTree::from(word(random.one(TYPE))).into(),
        4 => TokenTree::from(word(random.one(ENUM))).into(),
        5 => TokenTree::from(word(random.one(IDENTS))).into(),
        6 => random.one(LITERALS).parse().expect("a literal"),
        7 => {
            let spacing = if random.below(2) == 0 {
                Spacing::Joint
            } else {
                Spacing::Alone
            };
            // A lone quote is no token: a lifetime is.
            match random.one(PUNCTS) {
                '\'' => "'a".parse().expect("a lifetime"),
                punct => TokenTree::from(Punct::new(punct, spacing)).into(),
            }
        }
        8 => ", ".parse().expect("a comma"),
        9 => random
            .one(&[
                "= 1..=3",
                "= Self::f",
                "= |a, b| a",
                "= ::livestore",
                "= Name",
                "= ..",
                "= Vec::<u8, u8>::new",
            ])
            .parse()
            .expect("a value"),
        _ if depth == 0 => TokenStream::new(),
        _ => {
            let delimiter = random.one(&[
                Delimiter::Parenthesis,
                Delimiter::Bracket,
                Delimiter::Brace,
                Delimiter::None,
            ]);
            TokenTree::from(Group::new(delimiter, soup(random, depth - 1))).into()
        }
    }
}

/// Attributes that are right, to be damaged.
const RIGHT: &[&str] = &[
    "derive(Debug, PartialEq), attr(serde(tag = \"op\")), explicit",
    "mutation(name = Op, derive(Eq), variants(/** doc */ Kick { who: u32, why: String }, Undo(u32) = history::undo))",
    "message(variants(Countdown(u8), Typing { who: Vec<Self> })), error(derive(PartialEq))",
    "validate = Self::check, error = Problem<u8, u16>, crate = ::livestore",
    "set = Rename, len = 1..=32, validate = check",
    "insert = Join, remove = Leave, each, len = ..=8, attr(serde(skip), cfg(all()))",
    "push = Say, clear, keep = 200",
    "increment, decrement, range = -5..=MAX, message",
    "nested, toggle",
    "skip",
];

/// Takes out, doubles, swaps or replaces a token somewhere.
fn damaged(random: &mut Random, stream: TokenStream) -> TokenStream {
    let mut all: Vec<TokenTree> = stream.into_iter().collect();
    if all.is_empty() {
        return soup(random, 1);
    }
    let at = random.below(all.len());
    match (&all[at], random.below(6)) {
        (TokenTree::Group(group), 0..=3) => {
            let (delimiter, inner) = (group.delimiter(), group.stream());
            all[at] = Group::new(delimiter, damaged(random, inner)).into();
        }
        (_, 0) => drop(all.remove(at)),
        (token, 1) => all.insert(at, token.clone()),
        (_, 2) => {
            let other = random.below(all.len());
            all.swap(at, other);
        }
        _ => {
            let rest = all.split_off(at + 1);
            all.pop();
            all.extend(tokens(random, 2));
            all.extend(rest);
        }
    }
    all.into_iter().collect()
}

fn attribute(random: &mut Random) -> TokenStream {
    let inner = if random.below(2) == 0 {
        soup(random, 3)
    } else {
        let right = random.one(RIGHT).parse().expect("tokens");
        (0..random.below(4)).fold(right, |tokens, _| damaged(random, tokens))
    };
    let delimiter = random.one(&[Delimiter::Parenthesis, Delimiter::Parenthesis, Delimiter::Bracket]);
    let list = Group::new(delimiter, inner);
    quote::quote!(#[live #list])
}

const TYPES: &[&str] = &[
    "u32",
    "String",
    "Vec<T>",
    "HashMap<u8, Vec<Self>>",
    "Option<Box<str>>",
    "Arc<BTreeSet<u8>>",
    "[T; N]",
    "(u8, T)",
    "Own",
    "&'a str",
    "impl Fn()",
    "dyn Any + 'a",
    "m!()",
    "fn(&Self) -> T",
    "<T as X>::Y",
    "*const u8",
    "!",
];

const NAMES: &[&str] = &[
    "a", "b_c", "bC", "r#type", "__", "_1", "self_", "ärger", "rejected", "漢字",
];

fn input(random: &mut Random) -> TokenStream {
    let on_type: Vec<_> = (0..random.below(3)).map(|_| attribute(random)).collect();
    let fields: Vec<_> = (0..random.below(4))
        .map(|_| {
            let attributes: Vec<_> = (0..random.below(3)).map(|_| attribute(random)).collect();
            let ty: TokenStream = random.one(TYPES).parse().expect("a type");
            let name: TokenStream = random.one(NAMES).parse().expect("a name");
            (quote::quote!(#(#attributes)*), name, ty)
        })
        .collect();
    let generics: TokenStream = random
        .one(&["", "<T>", "<'a, T: 'a, const N: usize = 3>", "<T: X<U>, U = u8>"])
        .parse()
        .expect("generics");
    let named = fields
        .iter()
        .map(|(attributes, name, ty)| quote::quote!(#attributes #name: #ty));
    let unnamed = fields
        .iter()
        .map(|(attributes, _, ty)| quote::quote!(#attributes #ty));
    match random.below(6) {
        0 => {
            quote::quote!(#(#on_type)* enum Room #generics { One { #(#named,)* }, Two(#(#unnamed,)*), Three })
        }
        1 => quote::quote!(#(#on_type)* union Room #generics { #(#named,)* }),
        2 => quote::quote!(#(#on_type)* pub(crate) struct Room #generics (#(#unnamed,)*) where T: Clone;),
        _ => quote::quote!(#(#on_type)* struct Room #generics where u8: Copy { #(#named,)* }),
    }
}

#[test]
fn whatever_the_attributes_say_there_is_an_answer() {
    let (mut accepted, mut refused) = (0, 0);
    for seed in 1..=4_000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let input = input(&mut random);
        let answer = derive(input.clone()).to_string();
        assert_eq!(
            answer,
            derive(input.clone()).to_string(),
            "not the same twice: {input}"
        );
        let (is_error, is_impl) = (
            answer.contains("compile_error"),
            answer.contains("LiveValue for Room"),
        );
        assert!(is_error || is_impl, "no answer to: {input}\n{answer}");
        // Beside a mistake there is an expansion, unless the type itself could not be read.
        assert!(
            is_impl || syn::parse2::<syn::DeriveInput>(input.clone()).is_err(),
            "no expansion of: {input}"
        );
        if is_error { refused += 1 } else { accepted += 1 }
    }
    assert!(
        accepted > 200 && refused > 1_000,
        "the inputs are too alike: {accepted} accepted, {refused} refused"
    );
}

#[test]
fn an_expansion_has_the_order_of_the_source() {
    let input = quote::quote! {
        struct Room {
            zebra: u8,
            #[live(decrement, set, increment, message)]
            apple: u8,
            #[live(message)]
            mango: u8,
        }
    };
    let text = derive(input).to_string();
    let places: Vec<_> = [
        "SetZebra (u8)",
        "DecrementApple (u8)",
        "SetApple (u8)",
        "IncrementApple (u8)",
        "Mango (u8)",
    ]
    .iter()
    .map(|variant| {
        text.find(variant)
            .unwrap_or_else(|| panic!("no {variant} in {text}"))
    })
    .collect();
    assert!(places.is_sorted(), "{places:?}");
}
