//! The words of the grammar, and what to say to words of other libraries.

use crate::names::snake_case;

/// Options of `#[live(..)]` on a type.
pub(crate) const TYPE: &[&str] = &[
    "derive", "attr", "mutation", "message", "error", "validate", "explicit", "crate",
];

/// Options inside `mutation(..)` and `message(..)`.
pub(crate) const ENUM: &[&str] = &["derive", "attr", "name", "variants"];

/// Options inside `error(..)`, whose variants follow from the fields.
pub(crate) const ERROR: &[&str] = &["derive", "attr", "name"];

/// Options of `#[live(..)]` on a field.
pub(crate) const FIELD: &[&str] = &[
    "skip",
    "id",
    "set",
    "set_at",
    "add",
    "increment",
    "decrement",
    "toggle",
    "push",
    "insert",
    "remove",
    "clear",
    "nested",
    "each",
    "message",
    "len",
    "range",
    "validate",
    "keep",
    "attr",
];

/// Attributes of other derives, which are passed on with `attr(..)`.
const PASSED_ON: &[&str] = &[
    "serde",
    "serde_with",
    "ts",
    "schemars",
    "schema",
    "specta",
    "utoipa",
    "garde",
    "strum",
    "allow",
    "expect",
    "cfg",
    "cfg_attr",
    "doc",
    "deprecated",
    "must_use",
    "non_exhaustive",
    "repr",
];

/// Attributes and options of serde, which stand inside `attr(serde(..))`.
const OF_SERDE: &[&str] = &[
    "tag",
    "content",
    "untagged",
    "rename_all",
    "rename_all_fields",
    "deny_unknown_fields",
    "transparent",
    "flatten",
    "alias",
    "other",
    "skip_serializing",
    "skip_deserializing",
    "skip_serializing_if",
    "serialize_with",
    "deserialize_with",
];

/// What other libraries, or other languages, call an option of ours.
const SYNONYMS: &[(&str, &str)] = &[
    ("incr", "increment"),
    ("inc", "increment"),
    ("increase", "increment"),
    ("incrby", "increment"),
    ("hincrby", "add"),
    ("zincrby", "add"),
    ("add_to", "add"),
    ("set_index", "set_at"),
    ("lset", "set_at"),
    ("primary_key", "id"),
    ("decr", "decrement"),
    ("dec", "decrement"),
    ("decrease", "decrement"),
    ("sub", "decrement"),
    ("subtract", "decrement"),
    ("decrby", "decrement"),
    ("flip", "toggle"),
    ("switch", "toggle"),
    ("invert", "toggle"),
    ("append", "push"),
    ("rpush", "push"),
    ("push_back", "push"),
    ("put", "insert"),
    ("hset", "insert"),
    ("sadd", "insert"),
    ("upsert", "insert"),
    ("delete", "remove"),
    ("del", "remove"),
    ("unset", "clear"),
    ("hdel", "remove"),
    ("srem", "remove"),
    ("reset", "clear"),
    ("empty", "clear"),
    ("setter", "set"),
    ("assign", "set"),
    ("replace", "set"),
    ("write", "set"),
    ("read_only", "skip"),
    ("readonly", "skip"),
    ("private", "skip"),
    ("server", "skip"),
    ("server_only", "skip"),
    ("ignore", "skip"),
    ("internal", "skip"),
    ("none", "skip"),
    ("nest", "nested"),
    ("inner", "nested"),
    ("dive", "nested"),
    ("child", "nested"),
    ("for_each", "each"),
    ("values", "each"),
    ("entries", "each"),
    ("event", "message"),
    ("preview", "message"),
    ("broadcast", "message"),
    ("length", "len"),
    ("size", "len"),
    ("between", "range"),
    ("bounds", "range"),
    ("validator", "validate"),
    ("check", "validate"),
    ("custom", "validate"),
    ("verify", "validate"),
    ("capacity", "keep"),
    ("cap", "keep"),
    ("limit", "keep"),
    ("retain", "keep"),
    ("truncate", "keep"),
    ("ltrim", "keep"),
    ("attribute", "attr"),
    ("attributes", "attr"),
    ("attrs", "attr"),
    ("derives", "derive"),
    ("mutn", "mutation"),
    ("operations", "mutation"),
    ("ops", "mutation"),
    ("msg", "message"),
    ("events", "message"),
    ("err", "error"),
    ("strict", "explicit"),
    ("opt_in", "explicit"),
    ("path", "crate"),
    ("krate", "crate"),
    ("variant", "variants"),
    ("rename", "name"),
    ("ident", "name"),
];

/// Where an option was read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In `#[live(..)]` on the type.
    Type,
    /// In `#[live(..)]` on a field.
    Field,
    /// In `mutation(..)`, `message(..)`.
    Enum(&'static str),
    /// In `error(..)`.
    Error,
}

impl Place {
    pub(crate) fn words(self) -> &'static [&'static str] {
        match self {
            Place::Type => TYPE,
            Place::Field => FIELD,
            Place::Enum(_) => ENUM,
            Place::Error => ERROR,
        }
    }
}

/// What to say to an option that does not exist. `rest` is what follows the word, up to the comma.
pub(crate) fn unknown(word: &str, rest: &str, place: Place) -> String {
    let words = place.words();
    if let Some(plain) = word.strip_prefix("r#")
        && words.contains(&plain)
    {
        return format!("the option `{plain}` is written without `r#`");
    }
    match place {
        Place::Type if FIELD.contains(&word) => {
            return format!("`{word}` belongs on a field, not on the type");
        }
        Place::Field if TYPE.contains(&word) => {
            return format!("`{word}` belongs on the type, not on a field");
        }
        _ => {}
    }
    let unknown = match place {
        Place::Type | Place::Field => format!("unknown option `{word}`"),
        Place::Enum(name) => format!("unknown option of `{name}` `{word}`"),
        Place::Error => format!("unknown option of `error` `{word}`"),
    };
    match way_out(word, rest, place) {
        Some(WayOut::Instead(text)) => text,
        Some(WayOut::Beside(text)) => format!("{unknown}; {text}"),
        None => format!("{unknown}; expected one of {}", list(words)),
    }
}

enum WayOut {
    /// The whole message.
    Instead(String),
    /// What follows "unknown option".
    Beside(String),
}

fn way_out(word: &str, rest: &str, place: Place) -> Option<WayOut> {
    let beside = |text: String| Some(WayOut::Beside(text));
    if let Place::Enum(name) = place
        && word.starts_with(char::is_uppercase)
    {
        return Some(WayOut::Instead(format!(
            "variants go inside `variants(..)`: `{name}(variants({word}{rest}))`"
        )));
    }
    match (place, word) {
        (Place::Error, "variants") => {
            return Some(WayOut::Instead(
                "the variants of the error follow from the fields; for others use an error type of your own: \
                 `error = MyError`"
                    .into(),
            ));
        }
        (Place::Enum(_) | Place::Error, "vis" | "visibility") => {
            return beside("a generated enum is as visible as its type".into());
        }
        (Place::Type, "variants" | "variant") => {
            return beside("variants go inside `mutation(variants(..))` or `message(variants(..))`".into());
        }
        (Place::Type, "name" | "rename") => {
            return beside(
                "to rename an enum write `mutation(name = ..)`, `message(name = ..)` or `error(name = ..)`"
                    .into(),
            );
        }
        (Place::Type, "vis" | "visibility") => {
            return beside("a generated enum is as visible as its type".into());
        }
        (Place::Type, "bound" | "bounds") => {
            return beside("bounds are written on the type itself, with `where`".into());
        }
        (Place::Field, "name" | "rename" | "ident" | "variant") => {
            return beside("an operation names its variant: `set = SomeName`".into());
        }
        (Place::Field, "min" | "max" | "minimum" | "maximum" | "gte" | "lte" | "at_least" | "at_most") => {
            let (least, most) = (
                word.starts_with("min") || matches!(word, "gte" | "at_least"),
                value(rest),
            );
            let range = if least {
                format!("{most}..")
            } else {
                format!("..={most}")
            };
            return beside(format!("write a range: `range = {range}` or `len = {range}`"));
        }
        (Place::Field, "min_len" | "max_len" | "min_length" | "max_length") => {
            let bound = value(rest);
            let range = if word.starts_with("min") {
                format!("{bound}..")
            } else {
                format!("..={bound}")
            };
            return beside(format!("write a range: `len = {range}`"));
        }
        (Place::Field, "not_empty" | "non_empty" | "required") => {
            return beside("write a range: `len = 1..`".into());
        }
        (
            Place::Field,
            "email" | "url" | "regex" | "pattern" | "ascii" | "alphanumeric" | "contains" | "ip" | "step"
            | "multiple_of" | "even" | "finite" | "one_of",
        ) => {
            return beside("name a function that checks it: `validate = check_name`".into());
        }
        (
            Place::Field,
            "with" | "method" | "function" | "call" | "apply" | "pop" | "swap" | "move" | "sort" | "extend"
            | "shift" | "unshift" | "push_front" | "insert_at" | "remove_at" | "take",
        ) => {
            return beside(
                "for a function of your own declare a variant on the type: `mutation(variants(..))`".into(),
            );
        }
        (Place::Field, "get" | "getter" | "read" | "fetch") => {
            return beside(
                "a value is read as a whole, and an operation changes it; for no operation write `skip`"
                    .into(),
            );
        }
        (Place::Field, "update" | "edit" | "modify" | "change") => {
            return beside(
                "`set` replaces the field; where it holds a live value, `nested` changes that, and `each` one in a map"
                    .into(),
            );
        }
        (Place::Field, "hidden" | "hide" | "secret") => {
            return beside(
                "what clients do not see is a matter of the type: `Hidden<T>`; for a field without mutations write `skip`"
                    .into(),
            );
        }
        (Place::Field, "trim" | "lowercase" | "uppercase" | "sanitize" | "clamp" | "truncated") => {
            return beside(
                "a rule refuses and changes nothing; name a function that refuses: `validate = check_name`, or change the \
                 value in a method: `mutation(variants(..))` on the type"
                    .into(),
            );
        }
        (Place::Field, "unique" | "distinct" | "dedup") => {
            return beside(
                "a set holds nothing twice: `BTreeSet`, `HashSet`; for what else is unique name a function: \
                 `validate = check_name`"
                    .into(),
            );
        }
        (Place::Field, "default") => {
            return beside("a live value is made whole, so a field needs no default".into());
        }
        (Place::Field, "wrapping" | "saturating" | "overflow") => {
            return beside("`increment` and `decrement` refuse to overflow; for other arithmetic declare a variant on the type: `mutation(variants(..))`".into());
        }
        (Place::Field, "into" | "strip_option" | "some") => {
            return beside("a mutation is an enum value and holds the field's own type".into());
        }
        _ => {}
    }
    if OF_SERDE.contains(&word) {
        return beside(format!("that is serde's: `attr(serde({word}{rest}))`"));
    }
    if PASSED_ON.contains(&word) {
        let on = if place == Place::Field {
            "variants"
        } else {
            "enums"
        };
        let args = match rest.trim_start().chars().next() {
            Some('(') => "(..)",
            Some('=') => " = ..",
            _ => "",
        };
        return beside(format!(
            "to put an attribute on the generated {on} write `attr({word}{args})`"
        ));
    }
    let lower = snake_case(word);
    let words = place.words();
    let synonym = SYNONYMS
        .iter()
        .find(|(other, ours)| *other == lower && words.contains(ours))
        .map(|(_, ours)| *ours);
    let similar = || {
        let near = words.iter().map(|ours| (distance(ours, &lower), *ours)).min()?;
        (near.0 <= usize::max(1, near.1.len() / 3)).then_some(near.1)
    };
    synonym
        .or_else(similar)
        .and_then(|ours| beside(format!("did you mean `{ours}`?")))
}

/// The value in `= value`, for a hint.
fn value(rest: &str) -> &str {
    let value = rest.trim_start_matches([' ', '=', '(']).trim_end_matches(')');
    if value.is_empty() { "100" } else { value }
}

/// "`a`, `b`, `c`".
fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// How many letters must be changed, added, taken away, or swapped with the next (Damerau, Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let least = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least.min(rows[i - 2][j - 2] + 1)
                } else {
                    least
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::{FIELD, Place, SYNONYMS, TYPE, distance, unknown};

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("toggle", "togle"), 1);
        assert_eq!(distance("set", "set"), 0);
        assert_eq!(distance("push", ""), 4);
        assert_eq!(distance("insert", "remove"), 6);
        assert_eq!((distance("clear", "claer"), distance("each", "eahc")), (1, 1));
    }

    #[test]
    fn every_synonym_leads_to_a_word_and_is_none() {
        for (other, ours) in SYNONYMS {
            assert!(!TYPE.contains(other) && !FIELD.contains(other), "{other}");
            let places = [Place::Type, Place::Field, Place::Enum("mutation")];
            assert!(places.iter().any(|place| place.words().contains(ours)), "{ours}");
        }
    }

    #[test]
    fn a_word_that_is_like_none_gets_the_list() {
        assert!(
            unknown("banana", "", Place::Type)
                .starts_with("unknown option `banana`; expected one of `derive`")
        );
    }
}
