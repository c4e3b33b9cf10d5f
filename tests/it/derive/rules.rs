//! `len`, `range`, `validate` and `keep`: about what the field would become, whichever operation causes it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use livestore::{Invalid, LiveValue};

use super::apply;

fn length<T>(len: usize, allowed: &str) -> Result<T, Invalid> {
    Err(Invalid::Length {
        len,
        allowed: allowed.into(),
    })
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Lengths {
    #[live(set, clear, len = 1..=4)]
    name: String,
    #[live(set, clear, len = 2..)]
    topic: Option<String>,
    #[live(push, clear, len = 1..3)]
    list: Vec<u8>,
    #[live(push, keep = 2, len = ..=2)]
    log: Vec<u8>,
    #[live(insert, remove, clear, set, len = 1..=2)]
    map: BTreeMap<u8, u8>,
    #[live(insert, remove, len = ..=1)]
    set: Arc<HashSet<u8>>,
    #[live(len = ..=2)]
    shared: Arc<str>,
}

fn lengths() -> Lengths {
    Lengths {
        name: "abc".into(),
        topic: None,
        list: vec![1],
        log: vec![1, 2],
        map: BTreeMap::from([(1, 1)]),
        set: Arc::new(HashSet::from([1])),
        shared: "ab".into(),
    }
}

/// Nothing changes its code or its id, and both have a rule.
#[derive(Clone, Debug, PartialEq, LiveValue)]
struct Ticket {
    #[live(id, len = 1..)]
    id: String,
    longest: usize,
    #[live(skip, len = ..=self.longest)]
    code: String,
}

#[derive(Clone, Debug, LiveValue)]
struct Tickets {
    #[live(push, each(by = id))]
    all: Vec<Ticket>,
}

#[test]
fn the_rules_of_a_field_without_operations_hold() {
    let ticket = |id: &str, longest: usize| Ticket {
        id: id.into(),
        longest,
        code: "abc".into(),
    };
    assert!(ticket("1", 3).check(None).is_ok());
    let error = ticket("1", 2).check(None).unwrap_err();
    assert_eq!(error.to_string(), "code: length 3 is not within ..=2");
    // Where the limit changes.
    let error = ticket("1", 3).apply(&TicketMutation::SetLongest(2)).unwrap_err();
    assert_eq!(error.to_string(), "code: length 3 is not within ..=2");
    // Where it is put into another value.
    let mut tickets = Tickets { all: Vec::new() };
    let error = tickets
        .apply(&TicketsMutation::PushAll(ticket("", 3)))
        .unwrap_err();
    assert_eq!(error.to_string(), "all[]: id: length 0 is not within 1..");
    tickets.apply(&TicketsMutation::PushAll(ticket("1", 3))).unwrap();
}

#[test]
fn the_length_of_a_string_is_counted_in_chars() {
    let mut lengths = lengths();
    apply(&mut lengths, LengthsMutation::SetName("äöüß".into())).unwrap();
    let error = apply(&mut lengths, LengthsMutation::SetName("äöüße".into()));
    assert_eq!(error, length(5, "1..=4").map_err(LengthsError::Name));
    assert_eq!(
        apply(&mut lengths, LengthsMutation::ClearName),
        length(0, "1..=4").map_err(LengthsError::Name)
    );
    let error = apply(&mut lengths, LengthsMutation::SetShared("abc".into()));
    assert_eq!(error, length(3, "..=2").map_err(LengthsError::Shared));
}

#[test]
fn the_length_of_an_option_is_that_of_what_is_inside() {
    let mut lengths = lengths();
    apply(&mut lengths, LengthsMutation::SetTopic(Some("ab".into()))).unwrap();
    let error = apply(&mut lengths, LengthsMutation::SetTopic(Some("a".into())));
    assert_eq!(error, length(1, "2..").map_err(LengthsError::Topic));
    // There is nothing to measure.
    apply(&mut lengths, LengthsMutation::ClearTopic).unwrap();
    apply(&mut lengths, LengthsMutation::SetTopic(None)).unwrap();
    assert_eq!(lengths.check(None), Ok(()));
}

#[test]
fn operations_foretell_the_length() {
    let mut lengths = lengths();
    apply(&mut lengths, LengthsMutation::PushList(2)).unwrap();
    let error = apply(&mut lengths, LengthsMutation::PushList(3));
    assert_eq!(error, length(3, "1..3").map_err(LengthsError::List));
    assert_eq!(
        apply(&mut lengths, LengthsMutation::ClearList),
        length(0, "1..3").map_err(LengthsError::List)
    );

    apply(&mut lengths, LengthsMutation::InsertMap(2, 2)).unwrap();
    let error = apply(&mut lengths, LengthsMutation::InsertMap(3, 3));
    assert_eq!(error, length(3, "1..=2").map_err(LengthsError::Map));
    // It replaces, so the length stays.
    apply(&mut lengths, LengthsMutation::InsertMap(2, 9)).unwrap();
    apply(&mut lengths, LengthsMutation::RemoveMap(2)).unwrap();
    let error = apply(&mut lengths, LengthsMutation::RemoveMap(1));
    assert_eq!(error, length(0, "1..=2").map_err(LengthsError::Map));
    // Nothing is removed, so nothing is broken.
    apply(&mut lengths, LengthsMutation::RemoveMap(9)).unwrap();

    let error = apply(&mut lengths, LengthsMutation::InsertSet(2));
    assert_eq!(error, length(2, "..=1").map_err(LengthsError::Set));
}

#[test]
fn keep_makes_room_before_len_looks() {
    let mut lengths = lengths();
    apply(&mut lengths, LengthsMutation::PushLog(3)).unwrap();
    assert_eq!(lengths.log, [2, 3]);
}

#[test]
fn what_only_shortens_is_held_to_the_lower_bound_only() {
    let mut lengths = lengths();
    lengths.map = (0..5).map(|n| (n, n)).collect();
    apply(&mut lengths, LengthsMutation::RemoveMap(4)).unwrap();
    assert_eq!(lengths.map.len(), 4, "still too long, but shorter than before");
    let error = apply(&mut lengths, LengthsMutation::InsertMap(3, 0));
    assert_eq!(error, length(4, "1..=2").map_err(LengthsError::Map));
}

#[test]
fn check_looks_at_every_field() {
    let lengths = lengths();
    assert_eq!(lengths.check(None), Ok(()));
    assert_eq!(lengths.check(Some(&lengths)), Ok(()));
    let long = Lengths {
        set: Arc::new(HashSet::from([1, 2])),
        ..lengths.clone()
    };
    assert_eq!(long.check(None), length(2, "..=1").map_err(LengthsError::Set));
    let long = Lengths {
        log: vec![1, 2, 3],
        ..lengths
    };
    assert_eq!(long.check(None), length(3, "..=2").map_err(LengthsError::Log));
}

const HIGHEST: f32 = 1.5;

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Ranges {
    #[live(set, increment, decrement, range = -5..=5)]
    number: i16,
    #[live(set, range = ..HIGHEST)]
    float: f32,
    #[live(set, range = 'a'..='z')]
    letter: char,
}

#[test]
fn a_range_holds_for_every_operation() {
    let mut ranges = Ranges {
        number: 0,
        float: 0.0,
        letter: 'a',
    };
    let broken = |allowed: &str| Invalid::Range {
        allowed: allowed.into(),
    };
    for mutation in [
        RangesMutation::SetNumber(6),
        RangesMutation::IncrementNumber(6),
        RangesMutation::DecrementNumber(6),
    ] {
        assert_eq!(
            apply(&mut ranges, mutation),
            Err(RangesError::Number(broken("-5..=5")))
        );
    }
    apply(&mut ranges, RangesMutation::IncrementNumber(5)).unwrap();
    apply(&mut ranges, RangesMutation::SetFloat(1.25)).unwrap();
    assert_eq!(
        apply(&mut ranges, RangesMutation::SetFloat(1.5)),
        Err(RangesError::Float(broken("..1.5")))
    );
    let error = apply(&mut ranges, RangesMutation::SetFloat(f32::NAN));
    assert_eq!(error, Err(RangesError::Float(broken("..1.5"))));
    assert_eq!(
        apply(&mut ranges, RangesMutation::SetLetter('A')),
        Err(RangesError::Letter(broken("'a'..='z'")))
    );
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Validated {
    #[live(set, push, keep = 3, validate = ascending)]
    list: Vec<u8>,
    #[live(insert, remove, clear, validate = has_one)]
    map: BTreeMap<u8, u8>,
    #[live(toggle, validate = Self::stays_on)]
    on: bool,
    #[live(increment, validate = even, range = ..10)]
    number: u8,
    #[live(len = ..=3, validate = lower)]
    text: Arc<str>,
}

fn ascending(list: &[u8]) -> Result<(), String> {
    if list.is_sorted() {
        Ok(())
    } else {
        Err(format!("{list:?} is not sorted"))
    }
}

fn has_one(map: &BTreeMap<u8, u8>) -> Result<(), &'static str> {
    if map.contains_key(&1) {
        Ok(())
    } else {
        Err("1 is missing")
    }
}

fn even(number: &u8) -> Result<(), Invalid> {
    if number.is_multiple_of(2) {
        Ok(())
    } else {
        Err(Invalid::from("odd"))
    }
}

fn lower(text: &str) -> Result<(), &'static str> {
    if text.chars().all(char::is_lowercase) {
        Ok(())
    } else {
        Err("lower case only")
    }
}

impl Validated {
    fn stays_on(on: &bool) -> Result<(), &'static str> {
        if *on { Ok(()) } else { Err("stays on") }
    }
}

fn validated() -> Validated {
    Validated {
        list: vec![1, 2],
        map: BTreeMap::from([(1, 1), (2, 2)]),
        on: true,
        number: 0,
        text: Arc::from("a"),
    }
}

#[test]
fn validate_sees_the_whole_field_as_it_would_become() {
    let mut validated = validated();
    apply(&mut validated, ValidatedMutation::PushList(3)).unwrap();
    let error = apply(&mut validated, ValidatedMutation::PushList(2)).unwrap_err();
    // After `keep`, which dropped the 1.
    assert_eq!(error.to_string(), "list: [2, 3, 2] is not sorted");

    apply(&mut validated, ValidatedMutation::InsertMap(3, 3)).unwrap();
    apply(&mut validated, ValidatedMutation::RemoveMap(2)).unwrap();
    for mutation in [ValidatedMutation::RemoveMap(1), ValidatedMutation::ClearMap] {
        assert_eq!(
            apply(&mut validated, mutation),
            Err(ValidatedError::Map(Invalid::from("1 is missing")))
        );
    }
    let error = apply(&mut validated, ValidatedMutation::ToggleOn);
    assert_eq!(error, Err(ValidatedError::On(Invalid::from("stays on"))));
    let error = apply(&mut validated, ValidatedMutation::SetText("A".into()));
    assert_eq!(error, Err(ValidatedError::Text(Invalid::from("lower case only"))));
    assert_eq!(validated.check(None), Ok(()));
    assert_eq!(
        Validated {
            on: false,
            ..validated
        }
        .check(None),
        Err(ValidatedError::On(Invalid::from("stays on")))
    );
}

#[test]
fn the_cheapest_rule_speaks_first() {
    let mut validated = validated();
    let error = apply(&mut validated, ValidatedMutation::IncrementNumber(11));
    assert_eq!(
        error,
        Err(ValidatedError::Number(Invalid::Range {
            allowed: "..10".into()
        }))
    );
    let error = apply(&mut validated, ValidatedMutation::IncrementNumber(9));
    assert_eq!(error, Err(ValidatedError::Number(Invalid::from("odd"))));
    let error = apply(&mut validated, ValidatedMutation::SetText("ABCD".into()));
    assert_eq!(error, length(4, "..=3").map_err(ValidatedError::Text));
}

#[test]
fn a_panic_in_a_rule_leaves_the_value() {
    #[derive(Clone, Debug, PartialEq, LiveValue)]
    struct Fragile {
        #[live(push, validate = panic)]
        list: Vec<u8>,
    }
    fn panic(list: &[u8]) -> Result<(), String> {
        if list.len() > 1 {
            panic!("too long")
        } else {
            Ok(())
        }
    }

    let mut fragile = Fragile { list: Vec::new() };
    fragile.apply(&FragileMutation::PushList(1)).unwrap();
    let panics = std::panic::AssertUnwindSafe(|| fragile.apply(&FragileMutation::PushList(2)));
    assert!(std::panic::catch_unwind(panics).is_err());
    assert_eq!(fragile.list, [1]);
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Seat {
    #[live(set, clear, range = 1..=30)]
    row: Option<u8>,
}

#[test]
fn the_range_of_an_option_is_that_of_what_is_inside() {
    let mut seat = Seat { row: None };
    apply(&mut seat, SeatMutation::SetRow(Some(30))).unwrap();
    assert!(matches!(
        apply(&mut seat, SeatMutation::SetRow(Some(31))),
        Err(SeatError::Row(Invalid::Range { .. }))
    ));
    apply(&mut seat, SeatMutation::ClearRow).unwrap();
    assert_eq!(seat.check(None), Ok(()));
}

/// Its limits are methods that look at the very fields that they limit.
#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Within {
    #[live(set, increment, decrement, message, range = ..=self.left())]
    spent: i32,
    #[live(set, insert, remove, clear, len = ..=self.largest())]
    tags: BTreeSet<usize>,
    #[live(add, insert, range = ..=self.share())]
    votes: BTreeMap<u8, u32>,
}

impl Within {
    fn left(&self) -> i32 {
        100 - self.spent
    }

    fn largest(&self) -> usize {
        self.tags.last().copied().unwrap_or(0)
    }

    fn share(&self) -> u32 {
        self.votes.values().sum::<u32>() / 2
    }
}

#[test]
fn a_limit_that_a_method_tells_is_that_of_the_value_after_the_change() {
    let tags = |tags: &[usize]| BTreeSet::from_iter(tags.iter().copied());
    let mut within = Within {
        spent: 10,
        tags: tags(&[2]),
        votes: BTreeMap::from([(1, 2), (2, 2)]),
    };
    // It used to be compared with what was left before, which made a value that was not valid.
    let error = apply(&mut within, WithinMutation::SetSpent(80)).unwrap_err();
    assert_eq!(error.to_string(), "spent: the value is not within ..=20");
    apply(&mut within, WithinMutation::SetSpent(50)).unwrap();
    assert!(apply(&mut within, WithinMutation::IncrementSpent(1)).is_err());
    apply(&mut within, WithinMutation::DecrementSpent(60)).unwrap();
    assert_eq!(within.spent, -10);

    // The first ones that they refused before the change.
    apply(&mut within, WithinMutation::InsertTags(3)).unwrap();
    apply(&mut within, WithinMutation::SetTags(tags(&[4, 5, 6]))).unwrap();
    let error = apply(&mut within, WithinMutation::SetTags(tags(&[0, 1]))).unwrap_err();
    assert_eq!(error.to_string(), "tags: length 2 is not within ..=1");
    apply(&mut within, WithinMutation::ClearTags).unwrap();
    assert!(apply(&mut within, WithinMutation::InsertTags(0)).is_err());

    // What another value gains makes room, what this one gains does not make enough.
    assert!(apply(&mut within, WithinMutation::AddVotes(1, 1)).is_err());
    apply(&mut within, WithinMutation::InsertVotes(3, 2)).unwrap();
    apply(&mut within, WithinMutation::AddVotes(1, 1)).unwrap();
    assert_eq!(within.check(None), Ok(()));

    // What is too long may become shorter.
    within.tags = tags(&[0, 1, 2]);
    apply(&mut within, WithinMutation::RemoveTags(2)).unwrap();
    assert_eq!(within.tags, tags(&[0, 1]));

    // A message changes nothing, so its limit is that of the value as it is.
    let spent = |spent| within.check_message(&WithinMessage::Spent(spent));
    assert!(spent(110).is_ok() && spent(111).is_err());
}
