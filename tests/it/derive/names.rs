//! How variants and enums are called.

use livestore::{Invalid, LiveValue};

use super::apply;

#[derive(Clone, Debug, PartialEq, LiveValue)]
struct Names {
    player_1: u8,
    r#type: u8,
    _x: u8,
    self_: u8,
    #[live(set = Rename, len = ..=3)]
    name: String,
    #[live(set, message)]
    r#move: u8,
    #[live(message)]
    super_: u8,
}

#[test]
fn variants_are_verb_and_noun() {
    let mut names = Names {
        player_1: 0,
        r#type: 0,
        _x: 0,
        self_: 0,
        name: String::new(),
        r#move: 0,
        super_: 0,
    };
    for mutation in [
        NamesMutation::SetPlayer1(1),
        NamesMutation::SetType(2),
        NamesMutation::SetX(3),
        NamesMutation::SetSelf(4),
        NamesMutation::Rename("abc".into()),
        NamesMutation::SetMove(5),
    ] {
        names.apply(&mutation).unwrap();
    }
    assert_eq!(
        names,
        Names {
            player_1: 1,
            r#type: 2,
            _x: 3,
            self_: 4,
            name: "abc".into(),
            r#move: 5,
            super_: 0
        }
    );
    let _ = [NamesMessage::Move(1), NamesMessage::Super(2)];
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Keyword {
    #[live(range = ..9, message)]
    self_: u8,
    #[live(range = ..9)]
    r#type: u8,
}

#[test]
fn a_variant_that_would_be_a_keyword_gets_another_name() {
    let mut keyword = Keyword { self_: 0, r#type: 0 };
    let broken = Invalid::Range {
        allowed: "..9".into(),
    };
    let _ = KeywordMessage::SelfValue(1);
    assert_eq!(keyword.check(None), Ok(()));
    assert_eq!(
        apply(&mut keyword, KeywordMutation::SetType(9)),
        Err(KeywordError::Type(broken.clone()))
    );
    keyword.self_ = 9;
    let error = keyword.check(None).unwrap_err();
    assert_eq!(error, KeywordError::SelfValue(broken));
    assert_eq!(error.to_string(), "self_: the value is not within ..9");
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Counter(#[live(set, increment)] u8);

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Pair(u8, #[live(increment)] u8, #[live(toggle, message)] bool);

#[test]
fn tuple_structs_count_their_fields_and_newtypes_do_not() {
    let mut counter = Counter(1);
    apply(&mut counter, CounterMutation::Set(250)).unwrap();
    apply(&mut counter, CounterMutation::Increment(5)).unwrap();
    assert_eq!(counter, Counter(255));
    let error = apply(&mut counter, CounterMutation::Increment(1)).unwrap_err();
    assert_eq!(error, CounterError::Value(Invalid::Overflow));
    assert_eq!(error.to_string(), "the number does not fit its type");

    let mut pair = Pair(0, 255, false);
    apply(&mut pair, PairMutation::Set0(7)).unwrap();
    apply(&mut pair, PairMutation::Toggle2).unwrap();
    let error = apply(&mut pair, PairMutation::Increment1(1)).unwrap_err();
    assert_eq!(error, PairError::Field1(Invalid::Overflow));
    assert_eq!(error.to_string(), "field 1: the number does not fit its type");
    assert_eq!(pair, Pair(7, 255, true));
    let _ = PairMessage::Field2(true);
}

#[derive(Clone, Debug, LiveValue)]
#[live(
    mutation(name = RoomOp),
    message(name = RoomEvent, variants(Ping)),
    error(name = RoomProblem),
)]
struct Room {
    #[live(range = ..5)]
    seats: u8,
}

#[test]
fn the_enums_can_be_named() {
    let _ = RoomEvent::Ping;
    let mut room = Room { seats: 1 };
    let problem: RoomProblem = room.apply(&RoomOp::SetSeats(5)).unwrap_err();
    assert!(matches!(problem, RoomProblem::Seats(_)));
    assert_eq!(room.seats, 1);
}
