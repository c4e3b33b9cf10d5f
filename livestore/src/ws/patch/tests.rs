//! What is diffed can be applied; and the pairs of documents that a client's own tests apply as well.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::sample::select;
use proptest::strategy::Strategy;
use serde_json::{Map, Value, json};

use crate::ws::patch::apply::{PatchError, apply};
use crate::ws::patch::{Difference, diff};

/// The patch between two documents, which has been found to lead from one to the other; `None` if the whole goes.
fn patch(old: &str, new: &str) -> Option<String> {
    let patch = match diff(old.as_bytes(), new.as_bytes()) {
        Difference::Nothing => {
            assert_eq!(parsed(old), parsed(new), "something is not told: {old} -> {new}");
            return Some("[]".to_owned());
        }
        Difference::Patch(patch) => String::from_utf8(patch).unwrap(),
        Difference::Whole => return None,
    };
    assert!(patch.len() < new.len(), "too long: {old} -> {new}: {patch}");
    let mut value = parsed(old);
    apply(&mut value, &parsed(&patch)).unwrap_or_else(|error| panic!("{error}: {old} -> {new}: {patch}"));
    assert_eq!(value, parsed(new), "{old} -> {new}: {patch}");
    Some(patch)
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// Where decisions come from. When there are no more, each is 0, which is the simplest.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn below(&mut self, bound: usize) -> usize {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(first) % bound
    }

    fn of<T: Copy>(&mut self, them: &[T]) -> T {
        them[self.below(them.len())]
    }
}

const KEYS: [&str; 12] = [
    "",
    "a",
    "b",
    "id",
    "name",
    "__proto__",
    "constructor",
    "ß\u{1F980}",
    "a\"b\\c\n\u{1}",
    "0",
    "1",
    "/~",
];

fn leaf(choices: &mut Choices<'_>) -> Value {
    match choices.below(8) {
        0 => Value::Null,
        1 => json!(choices.below(2) == 0),
        2 => json!(choices.below(256)),
        3 => json!(u64::MAX),
        4 => json!(choices.of(&[-0.0, 0.1, 1e300, -1.5e-7])),
        5 => json!(i64::MIN),
        6 => json!(choices.of(&KEYS)),
        _ => json!("a text of some length ".repeat(choices.below(4))),
    }
}

fn anything(choices: &mut Choices<'_>, depth: usize) -> Value {
    let wide = choices.below(7);
    match choices.below(if depth == 0 { 1 } else { 4 }) {
        0 => leaf(choices),
        1 => (0..wide).map(|_| anything(choices, depth - 1)).collect(),
        2 => (0..wide)
            .map(|_| (choices.of(&KEYS).to_owned(), anything(choices, depth - 1)))
            .collect::<Map<_, _>>()
            .into(),
        _ => (0..wide).map(|_| item(choices)).collect(),
    }
}

/// What lists are mostly made of.
fn item(choices: &mut Choices<'_>) -> Value {
    json!({ "id": choices.below(256), "text": leaf(choices), "at": choices.below(256), "tags": [leaf(choices)] })
}

/// Something like what people serve.
fn room(choices: &mut Choices<'_>) -> Value {
    let lines: Vec<_> = (0..choices.below(30)).map(|_| item(choices)).collect();
    let grid: Vec<_> = (0..3).map(|_| json!([0, 0, 0, 0, choices.below(3)])).collect();
    let players: Map<_, _> = (0..choices.below(6))
        .map(|n| (format!("player-{n}"), item(choices)))
        .collect();
    json!({ "lines": lines, "grid": grid, "players": players, "rest": anything(choices, 3) })
}

/// Changes something somewhere in a value.
fn edit(value: &mut Value, choices: &mut Choices<'_>) {
    let stay = choices.below(4) == 0;
    match value {
        Value::Array(items) if !stay && !items.is_empty() => {
            let at = choices.below(items.len());
            edit(&mut items[at], choices);
        }
        Value::Object(members) if !stay && !members.is_empty() => {
            let at = choices.below(members.len());
            let member = members.values_mut().nth(at).unwrap();
            edit(member, choices);
        }
        Value::Array(items) => edit_array(items, choices),
        Value::Object(members) => edit_object(members, choices),
        leaf => *leaf = anything(choices, 1),
    }
}

fn edit_array(items: &mut Vec<Value>, choices: &mut Choices<'_>) {
    let (at, some) = (choices.below(items.len() + 1), choices.below(4));
    match choices.below(9) {
        0 => items.insert(0, item(choices)),
        1 => drop(items.drain(..some.min(items.len()))),
        2 => (0..some).for_each(|_| items.push(item(choices))),
        3 => items.truncate(at),
        4 => items.insert(at, leaf(choices)),
        5 => drop(items.drain(at..(at + some).min(items.len()))),
        6 => items.reverse(),
        7 => {
            // As a game does at each tick, while one may have left.
            items.iter_mut().for_each(|item| {
                if let Some(at) = item.get_mut("at") {
                    *at = json!(choices.below(256));
                }
            });
            items.drain(at..(at + 1).min(items.len()));
        }
        _ => {
            // The oldest goes, a new one comes.
            items.drain(..1.min(items.len()));
            items.push(item(choices));
        }
    }
}

fn edit_object(members: &mut Map<String, Value>, choices: &mut Choices<'_>) {
    let key = members.keys().nth(choices.below(members.len().max(1))).cloned();
    match (choices.below(4), key) {
        (0, Some(key)) => drop(members.remove(&key)),
        (1, Some(key)) => {
            let renamed = members.remove(&key).unwrap();
            members.insert(choices.of(&KEYS).to_owned(), renamed);
        }
        (2, Some(key)) => drop(members.insert(key, leaf(choices))),
        _ => drop(members.insert(choices.of(&KEYS).to_owned(), anything(choices, 2))),
    }
}

/// A document and what a few changes make of it.
fn edited(choices: &[u8]) -> (String, String) {
    let mut choices = Choices(choices);
    let old = if choices.below(4) == 0 {
        anything(&mut choices, 4)
    } else {
        room(&mut choices)
    };
    let mut new = old.clone();
    for _ in 0..=choices.below(4) {
        edit(&mut new, &mut choices);
    }
    (old.to_string(), new.to_string())
}

/// Bytes that are JSON now and then, and more often almost.
fn almost_json() -> impl Strategy<Value = String> {
    let tokens = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\":",
        "\"\\u0061\":",
        "\"__proto__\":",
        "\"\"",
        "1",
        "-0",
        "1e3",
        "true",
        "nul",
        "null",
        " ",
        "\n",
        "\"\\",
        "\\\"",
        "\"",
        "[1,2]",
        "{\"a\":1,\"a\":2}",
        "{\"b\":[{\"id\":7},3]}",
        "\u{0}",
        "ß",
    ];
    let wrapped = |tokens: Vec<&str>| match tokens.len() % 3 {
        0 => tokens.concat(),
        1 => format!("[{}]", tokens.join(",")),
        _ => format!("{{\"a\":{},\"b\":[[[{}]]]}}", tokens[0], tokens[1..].join(",")),
    };
    vec(select(tokens.to_vec()), 0..12).prop_map(wrapped)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn changes_of_a_document_are_told(choices in vec(any::<u8>(), 0..600)) {
        let (old, new) = edited(&choices);
        patch(&old, &new);
        patch(&new, &old);
    }

    #[test]
    fn any_document_can_become_any_other(choices in vec(any::<u8>(), 0..400), others in vec(any::<u8>(), 0..400)) {
        let document = |choices| anything(&mut Choices(choices), 4).to_string();
        patch(&document(&choices), &document(&others));
    }

    /// What is no JSON may get any answer. What is JSON, however strange, gets one that holds.
    #[test]
    fn any_bytes_are_looked_at_without_a_panic(old in almost_json(), new in almost_json()) {
        let strange: Result<(Value, Value), _> =
            serde_json::from_str(&old).and_then(|was| Ok((was, serde_json::from_str(&new)?)));
        match strange {
            Ok(_) => drop(patch(&old, &new)),
            Err(_) => drop(diff(old.as_bytes(), new.as_bytes())),
        }
    }

    #[test]
    fn any_value_may_come_as_a_patch(choices in vec(any::<u8>(), 0..300), others in vec(any::<u8>(), 0..300)) {
        let mut value = anything(&mut Choices(&choices), 4);
        let _ = apply(&mut value, &anything(&mut Choices(&others), 4));
        // Nearly right ones.
        let mut choices = Choices(&others);
        let path: Vec<Value> = (0..choices.below(4)).map(|_| leaf(&mut choices)).collect();
        let (at, delete) = (leaf(&mut choices), leaf(&mut choices));
        for operation in [json!([path]), json!([path, 1]), json!([path, 1, 2]), json!([path, at, delete, []])] {
            let _ = apply(&mut value, &json!([operation]));
        }
    }

    #[test]
    fn raw_bytes_do_not_make_it_panic(old in vec(any::<u8>(), 0..40), new in vec(any::<u8>(), 0..40)) {
        diff(&old, &new);
        let in_array = [b"[", &old[..], b"]"].concat();
        diff(&in_array, b"[[]]");
    }
}

/// The figures that the patch form was chosen for.
#[test]
fn a_list_that_moves_on_is_two_splices() {
    let line = |n: usize| json!({ "who": "3f2a77b0-0000-4000-8000-000000000000", "text": "glazed with rain", "at": 1_700_000_000 + n });
    let lines =
        |from: usize| json!({ "lines": (from..from + 200).map(line).collect::<Vec<_>>() }).to_string();
    let patch = patch(&lines(0), &lines(1)).unwrap();
    assert!(patch.len() <= 132, "{}: {patch}", patch.len());
    assert!(
        patch.starts_with(r#"[[["lines"],0,1,[]],[["lines"],199,0,[{"#),
        "{patch}"
    );
    assert!(lines(0).len() > 130 * patch.len());
}

#[test]
fn hand_written_pairs_are_told_in_these_words() {
    for (name, old, new, expected) in BY_HAND {
        assert_eq!(patch(old, new).as_deref(), expected, "{name}");
    }
}

#[test]
fn what_is_too_large_is_not_looked_at() {
    let of = |length: usize| format!("[0,\"{}\"]", "x".repeat(length));
    let with_one = |json: &str| json.replacen('0', "1", 1);
    let long = of((256 << 10) - 6);
    assert_eq!(long.len(), 256 << 10);
    assert_eq!(patch(&long, &with_one(&long)).unwrap(), "[[[0],1]]");
    let longer = of((256 << 10) - 5);
    assert_eq!(patch(&longer, &with_one(&longer)), None);
    let nodes = |n: usize| format!("[{}0]", "2,".repeat(n - 2));
    assert_eq!(
        patch(&nodes(10_000), &with_one(&nodes(10_000))).unwrap(),
        "[[[9998],1]]"
    );
    assert_eq!(patch(&nodes(10_001), &with_one(&nodes(10_001))), None);
}

#[test]
fn what_is_nested_too_deeply_is_told_as_a_whole() {
    let nested = |levels: usize, inner: &str| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
    // The array around all is the first of 64 levels.
    let last = |inner: &str| nested(64, &format!("\"{}\",{inner}", "x".repeat(1000)));
    let path = ["0"; 63].join(",");
    assert_eq!(
        patch(&last("[1,7]"), &last("[2,7]")).unwrap(),
        format!("[[[{path},1],[2,7]]]")
    );
    assert_eq!(
        patch(&last("1"), &last("2")).unwrap(),
        format!("[[[{path},1],2]]")
    );
    // No recursion goes as deep as this.
    let deep = |inner| nested(100_000, inner);
    assert_eq!(
        diff(deep("1").as_bytes(), deep("2").as_bytes()),
        Difference::Whole
    );
}

#[test]
fn a_broken_document_goes_as_a_whole() {
    for broken in [
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{1:2}",
        "{\"a\" 1}",
        "[1}",
        "[1]]",
        "nul",
        "\"",
        "\"\\",
        "\"\\\"",
        "[\"a]",
        "1 2",
        "{,}",
        "[,]",
        "]",
    ] {
        assert_eq!(
            diff(broken.as_bytes(), b"[1,2,3,4,5,6,7]"),
            Difference::Whole,
            "{broken}"
        );
        assert_eq!(
            diff(b"[1,2,3,4,5,6,7]", broken.as_bytes()),
            Difference::Whole,
            "{broken}"
        );
    }
}

/// Name, old, new and the patch. No patch: the whole goes.
const BY_HAND: [(&str, &str, &str, Option<&str>); 33] = [
    ("nothing", r#"{"a":1}"#, r#"{"a":1}"#, Some("[]")),
    (
        "another order of keys",
        r#"{"a":1,"b":2}"#,
        r#"{"b":2,"a":1}"#,
        Some("[]"),
    ),
    (
        "a field",
        r#"{"players":{"3f2a":{"score":6,"name":"Ann"}}}"#,
        r#"{"players":{"3f2a":{"score":7,"name":"Ann"}}}"#,
        Some(r#"[[["players","3f2a","score"],7]]"#),
    ),
    (
        "a key that goes",
        r#"{"hand":[1,2,3],"players":[1,2,3]}"#,
        r#"{"players":[1,2,3]}"#,
        Some(r#"[[["hand"]]]"#),
    ),
    (
        "a key that comes",
        r#"{"players":[1,2,3,4,5]}"#,
        r#"{"players":[1,2,3,4,5],"a":null}"#,
        Some(r#"[[["a"],null]]"#),
    ),
    (
        "a key that becomes null",
        r#"{"a":1,"players":[1,2,3,4,5]}"#,
        r#"{"a":null,"players":[1,2,3,4,5]}"#,
        Some(r#"[[["a"],null]]"#),
    ),
    (
        "a key with another name",
        r#"{"a":"so much depends","b":[1,2,3,4]}"#,
        r#"{"c":"so much depends","b":[1,2,3,4]}"#,
        Some(r#"[[["a"]],[["c"],"so much depends"]]"#),
    ),
    (
        "a prototype",
        r#"{"__proto__":{"x":1},"y":"so much depends"}"#,
        r#"{"__proto__":{"x":2},"y":"so much depends"}"#,
        Some(r#"[[["__proto__","x"],2]]"#),
    ),
    (
        "a prototype that comes",
        r#"{"y":"so much depends upon"}"#,
        r#"{"y":"so much depends upon","__proto__":null}"#,
        Some(r#"[[["__proto__"],null]]"#),
    ),
    (
        "a prototype that goes",
        r#"{"__proto__":[],"constructor":1,"y":"so much depends"}"#,
        r#"{"y":"so much depends","toString":1}"#,
        None,
    ),
    (
        "an inherited name",
        r#"{"constructor":1,"y":"so much depends"}"#,
        r#"{"y":"so much depends"}"#,
        Some(r#"[[["constructor"]]]"#),
    ),
    (
        "an empty key",
        r#"{"":{"":1},"y":"so much depends"}"#,
        r#"{"":{"":2},"y":"so much depends"}"#,
        Some(r#"[[["",""],2]]"#),
    ),
    (
        "a key with quotation marks",
        r#"{"a\"b\\\n\u0001":1,"y":"so much depends"}"#,
        r#"{"a\"b\\\n\u0001":2,"y":"so much depends"}"#,
        Some(r#"[[["a\"b\\\n\u0001"],2]]"#),
    ),
    (
        "a key that is not latin",
        r#"{"漢字🦀":1,"y":"so much depends"}"#,
        r#"{"漢字🦀":2,"y":"so much depends"}"#,
        Some(r#"[[["漢字🦀"],2]]"#),
    ),
    (
        "a key that looks like an index",
        r#"{"a":{"0":1,"1":2},"y":"so much depends"}"#,
        r#"{"a":{"0":1,"1":3},"y":"so much depends"}"#,
        Some(r#"[[["a","1"],3]]"#),
    ),
    (
        "numbers as they are written",
        r#"{"a":1000.0,"b":0,"c":1,"d":1,"e":0.10000000149011612,"y":"so much depends upon a red wheel barrow"}"#,
        r#"{"a":1e3,"b":-0,"c":18446744073709551615,"d":-170141183460469231731687303715884105728,"e":0.1,"y":"so much depends upon a red wheel barrow"}"#,
        Some(
            r#"[[["a"],1e3],[["b"],-0],[["c"],18446744073709551615],[["d"],-170141183460469231731687303715884105728],[["e"],0.1]]"#,
        ),
    ),
    (
        "one in front and one behind",
        r#"{"lines":["so","much","depends","upon","a","red"]}"#,
        r#"{"lines":["much","depends","upon","a","red","wheel"]}"#,
        Some(r#"[[["lines"],0,1,[]],[["lines"],5,0,["wheel"]]]"#),
    ),
    (
        "a list of texts that moves on",
        r#"{"lines":["so much","depends","upon","a red wheel barrow","glazed with rain"]}"#,
        r#"{"lines":["depends","upon","a red wheel barrow","glazed with rain","water"]}"#,
        Some(r#"[[["lines"],0,1,[]],[["lines"],4,0,["water"]]]"#),
    ),
    (
        "the newest in front",
        r#"{"lines":["so much","depends","upon","a red wheel barrow","glazed with rain"]}"#,
        r#"{"lines":["water","so much","depends","upon","a red wheel barrow"]}"#,
        Some(r#"[[["lines"],0,0,["water"]],[["lines"],5,1,[]]]"#),
    ),
    (
        "several behind",
        r#"[1,2,3,4,5,6,7,8,9,10]"#,
        r#"[1,2,3,4,5,6,7,8,9,10,11,[12],{"a":13}]"#,
        Some(r#"[[[],10,0,[11,[12],{"a":13}]]]"#),
    ),
    (
        "several out of the middle",
        r#"[1,2,3,4,5,6,7,8,9,10,11,12,13,14]"#,
        r#"[1,2,3,8,9,10,11,12,13,14]"#,
        Some(r#"[[[],3,4,[]]]"#),
    ),
    (
        "a cell of a grid",
        "[[0,0,0,0,0],[0,1,0,0,0],[0,0,0,0,0]]",
        "[[0,0,0,0,0],[0,0,1,0,0],[0,0,0,0,0]]",
        Some("[[[1],1,2,[0,1]]]"),
    ),
    (
        "an item of a list",
        r#"[{"id":1,"done":false},{"id":2,"done":false},{"id":3,"done":false}]"#,
        r#"[{"id":1,"done":false},{"id":2,"done":true},{"id":3,"done":false}]"#,
        Some(r#"[[[1,"done"],true]]"#),
    ),
    (
        "everybody moves and one leaves",
        r#"[{"id":"ann","at":1,"name":"Ann of the Hill"},{"id":"ben","at":2,"name":"Ben of the Mill"},{"id":"cat","at":3,"name":"Cat of the Well"}]"#,
        r#"[{"id":"ann","at":4,"name":"Ann of the Hill"},{"id":"cat","at":5,"name":"Cat of the Well"}]"#,
        Some(r#"[[[0,"at"],4],[[],1,1,[]],[[1,"at"],5]]"#),
    ),
    (
        "another kind",
        r#"{"a":{"b":1},"y":"so much depends"}"#,
        r#"{"a":[1],"y":"so much depends"}"#,
        Some(r#"[[["a"],[1]]]"#),
    ),
    (
        "emptied",
        r#"{"a":[1,2,3],"b":{"c":1},"y":"so much depends upon"}"#,
        r#"{"a":[],"b":{},"y":"so much depends upon"}"#,
        Some(r#"[[["a"],[]],[["b"],{}]]"#),
    ),
    ("another root", "[1,2,3]", r#"{"a":1}"#, None),
    ("a root that is no container", "1", "2", None),
    (
        "more changes than there is",
        r#"{"a":1,"b":2,"c":3}"#,
        r#"{"a":4,"b":5,"c":6}"#,
        None,
    ),
    (
        "a part with more changes than there is",
        r#"{"p":{"a":1,"b":2,"c":3},"y":"so much depends upon a red"}"#,
        r#"{"p":{"a":4,"b":5,"c":6},"y":"so much depends upon a red"}"#,
        Some(r#"[[["p"],{"a":4,"b":5,"c":6}]]"#),
    ),
    (
        "a key that is there twice",
        r#"{"p":{"a":1,"b":2,"a":3},"y":"so much depends upon a red"}"#,
        r#"{"p":{"a":1,"b":4,"a":3},"y":"so much depends upon a red"}"#,
        Some(r#"[[["p"],{"a":1,"b":4,"a":3}]]"#),
    ),
    (
        "a key that is written in two ways",
        r#"{"p":{"\u0061":1,"a":2},"y":"so much depends"}"#,
        r#"{"p":{"\u0061":1},"y":"so much depends"}"#,
        Some(r#"[[["p"],{"\u0061":1}]]"#),
    ),
    (
        "space",
        "{ \"a\" : [ 1 , 2 ] ,\n\t\"y\": \"so much depends\" }",
        "{ \"a\" : [ 1 , 3 ] ,\n\t\"y\": \"so much depends\" }",
        Some(r#"[[["a",1],3]]"#),
    ),
];

/// Name, document and a patch. The result follows, or that it is refused.
const PATCHES: [(&str, &str, &str, Result<&str, PatchError>); 26] = [
    ("no operation", "1", "[]", Ok("1")),
    ("the root is set", r#"{"a":1}"#, r#"[[[],[1]]]"#, Ok("[1]")),
    (
        "one after another",
        "[1,2]",
        r#"[[[],{"a":[]}],[["a"],0,0,[1,2]],[["a",1],3]]"#,
        Ok(r#"{"a":[1,3]}"#),
    ),
    ("all is replaced", "[1,2]", "[[[],0,2,[3]]]", Ok("[3]")),
    (
        "an empty splice at the end",
        "[1,2]",
        "[[[],2,0,[]]]",
        Ok("[1,2]"),
    ),
    (
        "a prototype is a key",
        r#"{"a":{}}"#,
        r#"[[["a","__proto__"],{"x":1}]]"#,
        Ok(r#"{"a":{"__proto__":{"x":1}}}"#),
    ),
    (
        "through a prototype that is not there",
        "{}",
        r#"[[["__proto__","x"],1]]"#,
        Err(PatchError::NoSuchPlace),
    ),
    (
        "through an inherited name",
        "{}",
        r#"[[["constructor","x"],1]]"#,
        Err(PatchError::NoSuchPlace),
    ),
    (
        "an inherited name does not go",
        "{}",
        r#"[[["constructor"]]]"#,
        Err(PatchError::NoSuchPlace),
    ),
    (
        "a length is no item",
        "[1,2]",
        r#"[[["length"],0]]"#,
        Err(PatchError::NoSuchPlace),
    ),
    ("no array", "[1]", r#"{"a":1}"#, Err(PatchError::Malformed)),
    ("no operation in it", "[1]", "[1]", Err(PatchError::Malformed)),
    (
        "an operation without a path",
        "[1]",
        "[[]]",
        Err(PatchError::Malformed),
    ),
    (
        "a path that is none",
        "[1]",
        r#"[["0",2]]"#,
        Err(PatchError::Malformed),
    ),
    (
        "a path through null",
        "[1]",
        "[[[null],2]]",
        Err(PatchError::Malformed),
    ),
    ("three parts", "[1]", "[[[],0,1]]", Err(PatchError::Malformed)),
    ("five parts", "[1]", "[[[],0,1,[],1]]", Err(PatchError::Malformed)),
    (
        "items that are none",
        "[1]",
        "[[[],0,1,1]]",
        Err(PatchError::Malformed),
    ),
    (
        "a negative index",
        "[1]",
        "[[[-1],1]]",
        Err(PatchError::Malformed),
    ),
    (
        "an index with a fraction",
        "[1]",
        "[[[],0.5,0,[]]]",
        Err(PatchError::Malformed),
    ),
    (
        "the root does not go",
        "[1]",
        "[[[]]]",
        Err(PatchError::Malformed),
    ),
    (
        "an item goes by a splice alone",
        "[1]",
        "[[[0]]]",
        Err(PatchError::Malformed),
    ),
    (
        "a key that is not there does not go",
        "{}",
        r#"[[["a"]]]"#,
        Err(PatchError::NoSuchPlace),
    ),
    (
        "behind the last",
        "[1]",
        "[[[1],2]]",
        Err(PatchError::NoSuchPlace),
    ),
    (
        "more than there is",
        "[1]",
        "[[[],0,2,[]]]",
        Err(PatchError::NoSuchPlace),
    ),
    (
        "a splice of an object",
        "{}",
        "[[[],0,0,[]]]",
        Err(PatchError::NoSuchPlace),
    ),
];

#[test]
fn patches_do_this_and_nothing_else() {
    for (name, old, patch, expected) in PATCHES {
        let mut value = parsed(old);
        let done = apply(&mut value, &parsed(patch)).map(|()| value);
        assert_eq!(done, expected.map(parsed), "{name}");
    }
    let mut value = parsed("[1]");
    let far = apply(&mut value, &json!([[[], u64::MAX, u64::MAX, []]]));
    assert_eq!(far, Err(PatchError::NoSuchPlace));
}

/// The pairs and patches that are tested in other languages, too, are those that this version makes.
///
/// Each is an object with `name`, `old`, `patch`, and `new`, or `refused: true`. `UPDATE_PATCHES=1` writes the file anew.
#[test]
fn the_file_of_patches_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ws/patches.json");
    let generated = patches();
    if env::var_os("UPDATE_PATCHES").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(
        there == generated,
        "{} is not up to date: see above this test",
        path.display()
    );
    for case in parsed(&there).as_array().unwrap() {
        let mut value = case["old"].clone();
        let done = apply(&mut value, &case["patch"]);
        match case.get("new") {
            Some(new) => assert_eq!((done, &value), (Ok(()), new), "{}", case["name"]),
            None => assert!(done.is_err() && case["refused"] == true, "{}", case["name"]),
        }
    }
}

fn patches() -> String {
    let mut cases = Vec::new();
    for (name, old, new, patch) in BY_HAND {
        if let Some(patch) = patch {
            cases.push((
                name.to_owned(),
                old.to_owned(),
                patch.to_owned(),
                Some(new.to_owned()),
            ));
        }
    }
    for (name, old, patch, done) in PATCHES {
        cases.push((
            name.to_owned(),
            old.to_owned(),
            patch.to_owned(),
            done.ok().map(str::to_owned),
        ));
    }
    let mut told = 0;
    for seed in 1..=600_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let choices: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .take(600)
        .collect();
        let (old, new) = edited(&choices);
        if let Some(patch) = patch(&old, &new).filter(|patch| patch != "[]" && old.len() < 400) {
            told += 1;
            cases.push((format!("seed {seed}"), old, patch, Some(new)));
        }
    }
    assert!(told > 50, "{told}");
    let mut text = String::new();
    for (name, old, patch, new) in cases {
        let result = new.map_or_else(|| "\"refused\":true".to_owned(), |new| format!("\"new\":{new}"));
        let before = if text.is_empty() { "[" } else { "," };
        write!(
            text,
            "{before}\n{{\"name\":{},\"old\":{old},\"patch\":{patch},{result}}}",
            json!(name)
        )
        .unwrap();
    }
    text + "\n]\n"
}
