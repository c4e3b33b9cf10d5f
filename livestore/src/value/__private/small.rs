//! Which values are small: to copy one takes no longer than a few allocations, and runs nothing of the user's.
//!
//! The store copies a small value under the entry's lock when somebody keeps the former one. A larger one, or one that
//! has a type of the user's in it, is copied with nothing locked, by its `Clone`.

use std::cmp::{Ordering, Reverse};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZero, Saturating, Wrapping};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::value::__private::plain::{Plain, Probe};
use crate::value::hidden::Hidden;
use crate::value::value::SMALL;

/// What an allocation weighs besides its bytes.
const ALLOCATION: usize = 64;

/// Whether a value is small whose fields weigh this much.
#[inline]
#[must_use]
pub fn is_small(weights: &[usize]) -> bool {
    weights
        .iter()
        .fold(0, |sum: usize, weight| sum.saturating_add(*weight))
        <= SMALL
}

/// A plain type whose values can be weighed at once.
pub trait Small: Plain + Clone {
    /// In bytes, what is on the heap included.
    fn weight(&self) -> usize {
        size_of::<Self>()
    }
}

/// A small type without anything on the heap.
pub trait Flat: Small + Copy {}

impl<T: Small> Probe<T> {
    /// Found first, for a small type.
    #[inline]
    pub fn __weight(value: &T) -> usize {
        value.weight()
    }

    /// As above.
    #[inline]
    pub fn __copy(value: &T) -> T {
        value.clone()
    }
}

/// The answers for all other types.
pub trait NotSmall {
    /// What is asked about.
    type Value;

    /// More than any small value weighs.
    #[inline]
    fn __weight(_: &Self::Value) -> usize {
        usize::MAX
    }

    /// Not called: it weighs too much.
    fn __copy(_: &Self::Value) -> Self::Value {
        unreachable!("only what is small is copied here")
    }
}

impl<T> NotSmall for Probe<T> {
    type Value = T;
}

/// Asks whether a type has a `Drop` of its own, which then expects to be called once per `Clone`.
#[allow(drop_bounds, reason = "this is the question")]
impl<T: Drop> Probe<T> {
    /// Found first, for such a type.
    pub const __DROPS: bool = true;
}

/// The answer for all other types.
pub trait NotDrop {
    /// Found where there is no inherent constant.
    const __DROPS: bool = false;
}

impl<T> NotDrop for Probe<T> {}

macro_rules! flat {
    ($([$($generics:tt)*] $flat:ty;)*) => {$(
        impl<$($generics)*> Small for $flat {}
        impl<$($generics)*> Flat for $flat {}
    )*};
}

flat! {
    [] u8; [] u16; [] u32; [] u64; [] u128; [] usize; [] i8; [] i16; [] i32; [] i64; [] i128; [] isize;
    [] f32; [] f64; [] bool; [] char; []();
    [] &'static str; [] Duration; [] Instant; [] SystemTime; [] Ordering; [] uuid::Uuid;
    [] IpAddr; [] Ipv4Addr; [] Ipv6Addr; [] SocketAddr; [] SocketAddrV4; [] SocketAddrV6;
    [] NonZero<u8>; [] NonZero<u16>; [] NonZero<u32>; [] NonZero<u64>; [] NonZero<u128>; [] NonZero<usize>;
    [] NonZero<i8>; [] NonZero<i16>; [] NonZero<i32>; [] NonZero<i64>; [] NonZero<i128>; [] NonZero<isize>;
    [T: Flat] Wrapping<T>; [T: Flat] Saturating<T>; [T: Flat] Reverse<T>; [T: Flat, const N: usize] [T; N];
}

impl Small for String {
    #[inline]
    fn weight(&self) -> usize {
        size_of::<Self>() + ALLOCATION + self.len()
    }
}

impl<T: Flat> Small for Vec<T> {
    #[inline]
    fn weight(&self) -> usize {
        size_of::<Self>() + ALLOCATION + size_of_val(self.as_slice())
    }
}

/// Nothing changes it, so it is shared with the copy.
impl Small for Arc<str> {}

/// As above.
impl<T: Plain> Small for Arc<[T]> {}

/// What is in it is copied when the copy is changed.
impl<T: Small> Small for Arc<T> {
    #[inline]
    fn weight(&self) -> usize {
        size_of::<Self>() + ALLOCATION + T::weight(self)
    }
}

impl<T: Small> Small for Option<T> {
    #[inline]
    fn weight(&self) -> usize {
        size_of::<Self>() + self.as_ref().map_or(0, T::weight)
    }
}

impl<T: Small> Small for Hidden<T> {
    #[inline]
    fn weight(&self) -> usize {
        T::weight(self)
    }
}

impl<T: Small> Small for Box<T> {
    #[inline]
    fn weight(&self) -> usize {
        size_of::<Self>() + ALLOCATION + T::weight(self)
    }
}

impl<A: Small, B: Small> Small for (A, B) {
    #[inline]
    fn weight(&self) -> usize {
        self.0.weight().saturating_add(self.1.weight())
    }
}

impl<A: Small, B: Small, C: Small> Small for (A, B, C) {
    #[inline]
    fn weight(&self) -> usize {
        self.0
            .weight()
            .saturating_add(self.1.weight())
            .saturating_add(self.2.weight())
    }
}
