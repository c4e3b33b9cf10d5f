//! [`Traced`]: values that tell exactly which changes led to them, because every change leaves its number.

use std::cell::Cell;
use std::fmt;
use std::thread;

use livestore::{Entry, LiveValue};

/// A value with a trace of its changes.
pub(super) trait Traced: LiveValue<MutError: fmt::Debug> {
    fn of(trace: Vec<u32>) -> Self;
    fn trace(&self) -> Vec<u32>;
    fn change(number: u32) -> Self::Mutation;
    /// A change that is refused.
    fn no_change() -> Self::Mutation;
}

/// Changed in place, under the slot's lock.
#[derive(Clone, LiveValue)]
pub(super) struct InPlace {
    #[live(push, len = ..64)]
    trace: Vec<u32>,
    #[live(set, range = 0..=0)]
    nothing: u8,
}

impl Traced for InPlace {
    fn of(trace: Vec<u32>) -> Self {
        InPlace { trace, nothing: 0 }
    }

    fn trace(&self) -> Vec<u32> {
        self.trace.clone()
    }

    fn change(number: u32) -> InPlaceMutation {
        InPlaceMutation::PushTrace(number)
    }

    fn no_change() -> InPlaceMutation {
        InPlaceMutation::SetNothing(1)
    }
}

/// Changed on a copy, by code of the user's that dawdles.
#[derive(Clone)]
pub(super) struct Copied {
    trace: Vec<u32>,
}

impl LiveValue for Copied {
    type Message = ();
    type Mutation = Option<u32>;
    type MutError = ();

    fn mutate(entry: &Entry<Self>, mutation: &Option<u32>) -> Result<Self, ()> {
        let mut trace = entry.trace.clone();
        dawdle();
        trace.push(mutation.ok_or(())?);
        dawdle();
        Ok(Copied { trace })
    }
}

impl Traced for Copied {
    fn of(trace: Vec<u32>) -> Self {
        Copied { trace }
    }

    fn trace(&self) -> Vec<u32> {
        self.trace.clone()
    }

    fn change(number: u32) -> Option<u32> {
        Some(number)
    }

    fn no_change() -> Option<u32> {
        None
    }
}

thread_local! {
    static DICE: Cell<u64> = const { Cell::new(1) };
}

/// A different number each time (xorshift; Marsaglia 2003).
pub(super) fn below(bound: u64) -> u64 {
    DICE.with(|dice| {
        let mut x = dice.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        dice.set(x);
        x % bound
    })
}

/// Begins the numbers of this thread anew.
pub(super) fn reseed(seed: u64) {
    DICE.set((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
}

/// Lets others come between, now and then.
pub(super) fn dawdle() {
    match below(8) {
        0 | 1 => thread::yield_now(),
        2 => (0..below(400)).for_each(|_| std::hint::spin_loop()),
        _ => {}
    }
}
