//! [`Counting`]: values with one number, which the store changes in one of two ways.

use std::fmt;

use livestore::{Entry, LiveValue};
use livestore_tests::{Change, Counter, Refused, counter};

pub(super) trait Counting: fmt::Debug + LiveValue<Message = &'static str, MutError = Refused> {
    fn of(count: i64) -> Self;
    fn count(&self) -> i64;
    fn add(more: i64) -> Self::Mutation;
    fn refuse() -> Self::Mutation;
    /// What a mutation adds; `None` if it is refused.
    fn adds(mutn: &Self::Mutation) -> Option<i64>;
}

/// Changed on a copy.
impl Counting for Counter {
    fn of(count: i64) -> Self {
        counter(count)
    }

    fn count(&self) -> i64 {
        self.count
    }

    fn add(more: i64) -> Change {
        Change::Add(more)
    }

    fn refuse() -> Change {
        Change::Refuse
    }

    fn adds(mutn: &Change) -> Option<i64> {
        match mutn {
            Change::Add(more) => Some(*more),
            _ => None,
        }
    }
}

/// Changed in place, as a derived value may be.
#[derive(Clone, Debug)]
pub(super) struct Plain(i64);

impl LiveValue for Plain {
    type Message = &'static str;
    type Mutation = Option<i64>;
    type MutError = Refused;

    fn mutate(entry: &Entry<Self>, mutation: &Option<i64>) -> Result<Self, Refused> {
        let mut next = Plain::clone(entry.value());
        next.apply(mutation)?;
        Ok(next)
    }

    fn apply(&mut self, mutation: &Option<i64>) -> Result<(), Refused> {
        self.0 += mutation.ok_or(Refused)?;
        Ok(())
    }

    fn check(&self, was: Option<&Self>) -> Result<(), Refused> {
        let shrinks = was.is_some_and(|was| self.0 < was.0);
        if self.0 < 0 || shrinks {
            Err(Refused)
        } else {
            Ok(())
        }
    }

    fn __is_plain(_: &Option<i64>) -> bool {
        true
    }

    /// Sometimes, so that both ways are gone.
    fn __copy(&self) -> Option<Self> {
        (self.0 % 3 != 0).then_some(Plain(self.0))
    }
}

impl Counting for Plain {
    fn of(count: i64) -> Self {
        Plain(count)
    }

    fn count(&self) -> i64 {
        self.0
    }

    fn add(more: i64) -> Option<i64> {
        Some(more)
    }

    fn refuse() -> Option<i64> {
        None
    }

    fn adds(mutn: &Option<i64>) -> Option<i64> {
        *mutn
    }
}
