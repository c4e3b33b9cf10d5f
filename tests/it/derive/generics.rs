//! Parameters of the type: each enum has those that it mentions.

use std::collections::HashMap;
use std::fmt::Debug;
use std::marker::PhantomData;

use livestore::{LiveValue, ops::Increment};

use super::apply;

#[derive(Clone, Debug, PartialEq, LiveValue)]
struct Grid<T: Copy, K, const N: usize = 2, U = String>
where
    K: Eq + std::hash::Hash,
    U: From<K> + Into<String>,
{
    cells: [T; N],
    by_key: HashMap<K, T>,
    #[live(message)]
    hint: U,
    #[live(skip)]
    marker: PhantomData<U>,
}

#[test]
fn each_enum_has_the_parameters_its_payloads_mention() {
    let mut grid: Grid<u8, String> = Grid {
        cells: [0, 0],
        by_key: HashMap::new(),
        hint: String::new(),
        marker: PhantomData,
    };
    // `U` is not among them: it is in no payload of the mutation.
    let mutation: GridMutation<u8, String, 2> = GridMutation::SetCells([1, 2]);
    let Ok(()) = apply(&mut grid, mutation);
    let Ok(()) = apply(
        &mut grid,
        GridMutation::SetByKey(HashMap::from([("a".into(), 3)])),
    );
    let hint: GridMessage<String> = GridMessage::Hint("b".into());
    assert!(matches!(hint, GridMessage::Hint(text) if text == "b"));
    assert_eq!((grid.cells, grid.by_key["a"]), ([1, 2], 3));
}

#[test]
fn defaults_are_kept() {
    #[derive(Clone, Debug, PartialEq, LiveValue)]
    struct Defaults<T = u8, const N: usize = 3> {
        cells: [T; N],
    }
    let mutation: DefaultsMutation = DefaultsMutation::SetCells([1, 2, 3]);
    let mut value: Defaults = Defaults { cells: [0; 3] };
    let Ok(()) = apply(&mut value, mutation);
    assert_eq!(value.cells, [1, 2, 3]);
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Sum<T: Increment + PartialOrd + Debug> {
    #[live(increment, set, validate = positive::<T>)]
    value: T,
    #[live(push, len = ..=2)]
    all: Vec<T>,
}

fn positive<T: PartialOrd>(value: &T) -> Result<(), &'static str> {
    if value.partial_cmp(value).is_some() {
        Ok(())
    } else {
        Err("not a number")
    }
}

#[test]
fn rules_and_operations_work_on_a_parameter() {
    let mut sum = Sum {
        value: 1.0,
        all: Vec::new(),
    };
    apply(&mut sum, SumMutation::IncrementValue(2.0)).unwrap();
    // The error mentions no parameter, so it has none.
    let error: SumError = apply(&mut sum, SumMutation::IncrementValue(f64::MAX * 2.0)).unwrap_err();
    assert_eq!(error.to_string(), "value: the number does not fit its type");
    for _ in 0..2 {
        apply(&mut sum, SumMutation::PushAll(1.0)).unwrap();
    }
    assert!(apply(&mut sum, SumMutation::PushAll(1.0)).is_err());
    assert_eq!(
        sum,
        Sum {
            value: 3.0,
            all: vec![1.0, 1.0]
        }
    );
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
struct Pair<A, B>
where
    A: LiveValue,
    A::MutError: Debug + std::fmt::Display,
    B: LiveValue,
{
    #[live(nested)]
    a: A,
    b: B,
}

#[test]
fn a_parameter_can_be_nested() {
    let sum = Sum {
        value: 1,
        all: Vec::new(),
    };
    let mut pair = Pair {
        a: sum.clone(),
        b: sum,
    };
    let mutation: PairMutation<Sum<i32>, Sum<i32>> = PairMutation::UpdateA(SumMutation::IncrementValue(4));
    pair.apply(&mutation).unwrap();
    let error: PairError<Sum<i32>> = pair
        .apply(&PairMutation::UpdateA(SumMutation::IncrementValue(i32::MAX)))
        .unwrap_err();
    assert_eq!(error.to_string(), "a: value: the number does not fit its type");
    assert_eq!((pair.a.value, pair.b.value), (5, 1));
}
