//! `#[derive(LiveValue)]`: what the generated code does. What it says to mistakes is in `ui`.

mod always;
mod collections;
mod errors;
mod foreign;
mod generics;
mod hidden;
mod lints;
mod methods;
mod names;
mod nested;
mod numbers;
mod plain;
mod rules;
mod serde;
mod servers;
mod set;
mod shown;
mod small;
mod store;
mod words;

use livestore::{Entry, LiveValue};

/// Applies the mutation both ways, which must agree, and returns what came out.
///
/// On an error the value must be as before.
fn apply<V>(value: &mut V, mutation: V::Mutation) -> Result<(), V::MutError>
where
    V: LiveValue + PartialEq + std::fmt::Debug,
    V::MutError: PartialEq + std::fmt::Debug,
{
    let before = value.clone();
    let copied = V::mutate(&Entry::new(before.clone()), &mutation);
    let applied = value.apply(&mutation);
    match (&copied, &applied) {
        (Ok(copied), Ok(())) => assert_eq!(copied, value, "`mutate` and `apply` differ"),
        (Err(copied), Err(applied)) => {
            assert_eq!(copied, applied, "`mutate` and `apply` differ");
            assert_eq!(*value, before, "changed in spite of an error");
        }
        _ => panic!("`mutate` and `apply` differ: {copied:?}, {applied:?}"),
    }
    applied
}
