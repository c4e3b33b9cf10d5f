//! `increment`, `decrement`, `toggle`.

use std::time::Duration;

use livestore::{Invalid, LiveValue};

use super::apply;

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Numbers {
    #[live(increment, decrement)]
    small: u8,
    #[live(increment, decrement)]
    signed: i32,
    #[live(increment = Grow, decrement = Shrink)]
    float: f64,
    #[live(increment, decrement)]
    time: Duration,
    #[live(toggle)]
    on: bool,
}

fn numbers() -> Numbers {
    Numbers {
        small: 250,
        signed: -3,
        float: 1.5,
        time: Duration::from_secs(1),
        on: false,
    }
}

#[test]
fn increment_adds_and_decrement_subtracts() {
    let mut numbers = numbers();
    for mutation in [
        NumbersMutation::IncrementSmall(5),
        NumbersMutation::DecrementSmall(1),
        NumbersMutation::DecrementSigned(-5),
        NumbersMutation::IncrementSigned(-1),
        NumbersMutation::Grow(2.5),
        NumbersMutation::Shrink(1.0),
        NumbersMutation::IncrementTime(Duration::from_secs(2)),
        NumbersMutation::DecrementTime(Duration::from_secs(1)),
    ] {
        apply(&mut numbers, mutation).unwrap();
    }
    let expected = Numbers {
        small: 254,
        signed: 1,
        float: 3.0,
        time: Duration::from_secs(2),
        on: false,
    };
    assert_eq!(numbers, expected);
}

#[test]
fn a_number_neither_wraps_nor_leaves_its_type() {
    let mut numbers = numbers();
    for (mutation, error) in [
        (
            NumbersMutation::IncrementSmall(6),
            NumbersError::Small(Invalid::Overflow),
        ),
        (
            NumbersMutation::DecrementSmall(251),
            NumbersError::Small(Invalid::Overflow),
        ),
        (
            NumbersMutation::DecrementSigned(i32::MAX),
            NumbersError::Signed(Invalid::Overflow),
        ),
        (
            NumbersMutation::DecrementTime(Duration::from_secs(2)),
            NumbersError::Time(Invalid::Overflow),
        ),
    ] {
        assert_eq!(apply(&mut numbers, mutation), Err(error));
    }
}

#[test]
fn a_float_stays_finite() {
    let mut numbers = numbers();
    for mutation in [
        NumbersMutation::Grow(f64::NAN),
        NumbersMutation::Grow(f64::INFINITY),
        NumbersMutation::Shrink(f64::NEG_INFINITY),
    ] {
        assert_eq!(
            apply(&mut numbers, mutation),
            Err(NumbersError::Float(Invalid::Overflow))
        );
    }
    apply(&mut numbers, NumbersMutation::Grow(f64::MAX)).unwrap();
    assert_eq!(
        apply(&mut numbers, NumbersMutation::Grow(f64::MAX)),
        Err(NumbersError::Float(Invalid::Overflow))
    );
}

#[test]
fn toggle_flips() {
    let mut numbers = numbers();
    apply(&mut numbers, NumbersMutation::ToggleOn).unwrap();
    assert!(numbers.on);
    apply(&mut numbers, NumbersMutation::ToggleOn).unwrap();
    assert!(!numbers.on);
}
