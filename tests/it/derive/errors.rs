//! Generated errors, and errors of one's own.

use std::error::Error;

use livestore::{FieldError, Invalid, LiveValue, Never};

use super::apply;

fn not_42(bar: &u32) -> Result<(), FooError> {
    if *bar == 42 {
        Err(FooError::BarWas42)
    } else {
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
enum FooError {
    BarWas42,
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error = FooError, message(variants(PrintBar)))]
struct Foo {
    #[live(validate = not_42)]
    bar: u32,
    baz: u64,
}

#[test]
fn an_error_of_ones_own_comes_out_of_validate_as_it_is() {
    let mut foo = Foo { bar: 0, baz: 0 };
    assert_eq!(apply(&mut foo, FooMutation::SetBar(42)), Err(FooError::BarWas42));
    apply(&mut foo, FooMutation::SetBar(43)).unwrap();
    apply(&mut foo, FooMutation::SetBaz(42)).unwrap();
    assert_eq!(foo, Foo { bar: 43, baz: 42 });
    assert_eq!(Foo { bar: 42, baz: 0 }.check(None), Err(FooError::BarWas42));
    let _ = FooMessage::PrintBar;
}

#[derive(Debug, PartialEq)]
enum RoomError {
    Field(FieldError),
    Said(String),
}

impl From<FieldError> for RoomError {
    fn from(error: FieldError) -> Self {
        RoomError::Field(error)
    }
}

impl From<String> for RoomError {
    fn from(text: String) -> Self {
        RoomError::Said(text)
    }
}

impl From<Never> for RoomError {
    fn from(never: Never) -> Self {
        match never {}
    }
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
struct Board {
    stone: u8,
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error = RoomError, mutation(variants(Close)), validate = Room::checked)]
struct Room {
    #[live(len = ..=3, validate = lower)]
    name: String,
    #[live(increment, range = ..5)]
    seats: u8,
    #[live(nested)]
    board: Board,
}

impl Room {
    fn close(&mut self) -> Result<(), String> {
        self.seats = 0;
        Err("never closed".to_owned())
    }

    fn checked(&self, was: &Self) -> Result<(), RoomError> {
        if self.seats < was.seats {
            Err(RoomError::Said("fewer".into()))
        } else {
            Ok(())
        }
    }
}

fn lower(name: &str) -> Result<(), String> {
    if name.chars().all(char::is_lowercase) {
        Ok(())
    } else {
        Err("lower case only".into())
    }
}

#[test]
fn rules_fail_with_a_field_error_which_the_own_type_takes() {
    let mut room = Room {
        name: "a".into(),
        seats: 3,
        board: Board { stone: 1 },
    };
    let broken = |field, reason| Err(RoomError::Field(FieldError::new(field, reason)));
    let said = |text: &str| Err(RoomError::Said(text.to_owned()));
    assert_eq!(
        apply(&mut room, RoomMutation::SetName("abcd".into())),
        broken(
            "name",
            Invalid::Length {
                len: 4,
                allowed: "..=3".into()
            }
        )
    );
    assert_eq!(
        apply(&mut room, RoomMutation::SetName("A".into())),
        said("lower case only")
    );
    assert_eq!(
        apply(&mut room, RoomMutation::IncrementSeats(255)),
        broken("seats", Invalid::Overflow)
    );
    assert_eq!(
        apply(&mut room, RoomMutation::IncrementSeats(2)),
        broken(
            "seats",
            Invalid::Range {
                allowed: "..5".into()
            }
        )
    );
    assert_eq!(apply(&mut room, RoomMutation::Close), said("never closed"));
    apply(&mut room, RoomMutation::UpdateBoard(BoardMutation::SetStone(2))).unwrap();
    assert_eq!(room.board.stone, 2);

    let was = Room {
        seats: 4,
        ..room.clone()
    };
    assert_eq!(room.check(Some(&was)), said("fewer"));
    assert_eq!(
        Room { seats: 9, ..room }.check(None),
        broken(
            "seats",
            Invalid::Range {
                allowed: "..5".into()
            }
        )
    );
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(Clone, PartialEq)))]
struct Profile {
    #[live(len = 1..=4)]
    nick: String,
    #[live(validate = even)]
    age: u8,
}

fn even(age: &u8) -> Result<(), &'static str> {
    if age.is_multiple_of(2) {
        Ok(())
    } else {
        Err("must be even")
    }
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Member {
    #[live(nested)]
    profile: Profile,
}

#[test]
fn a_generated_error_says_which_field_and_why() {
    let mut profile = Profile {
        nick: "a".into(),
        age: 2,
    };
    let error = apply(&mut profile, ProfileMutation::SetNick(String::new())).unwrap_err();
    assert_eq!(
        error,
        ProfileError::Nick(Invalid::Length {
            len: 0,
            allowed: "1..=4".into()
        })
    );
    assert_eq!(error.to_string(), "nick: length 0 is not within 1..=4");
    assert_eq!(
        format!("{error:?}"),
        r#"Nick(Length { len: 0, allowed: "1..=4" })"#
    );
    assert!(error.source().is_none(), "the cause is in the text already");

    let error = apply(&mut profile, ProfileMutation::SetAge(3)).unwrap_err();
    assert_eq!(error.to_string(), "age: must be even");

    let mut member = Member { profile };
    let error = apply(
        &mut member,
        MemberMutation::UpdateProfile(ProfileMutation::SetAge(3)),
    )
    .unwrap_err();
    assert_eq!(
        error,
        MemberError::UpdateProfile(ProfileError::Age(Invalid::from("must be even")))
    );
    assert_eq!(error.to_string(), "profile: age: must be even");
}

#[test]
fn the_texts_of_invalid_say_what_is_wrong() {
    assert_eq!(Invalid::Missing.to_string(), "there is no such key");
    assert_eq!(Invalid::from("no".to_owned()).to_string(), "no");
    assert_eq!(
        FieldError::new("age", Invalid::Overflow).to_string(),
        "age: the number does not fit its type"
    );
}
