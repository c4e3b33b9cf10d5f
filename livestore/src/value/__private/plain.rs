//! Which types are plain: to clone, compare, hash, change and drop them runs nothing of the user's.
//!
//! The derive asks by type and not by name, because a user may have a `String` of his own. `<Probe<T>>::__PLAIN` is
//! the inherent constant, `true`, where `T: Plain` is known to hold, and else that of the trait [`NotPlain`],
//! `false`. For a generic parameter nothing is known, so it is not plain, whatever it is filled with.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::hash::RandomState;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZero, Saturating, Wrapping};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::value::hidden::Hidden;

/// Asks whether a type is plain.
#[derive(Debug)]
pub struct Probe<T: ?Sized>(PhantomData<T>);

impl<T: Plain + ?Sized> Probe<T> {
    /// Found first, where it holds.
    pub const __PLAIN: bool = true;
}

/// The answer for all other types.
pub trait NotPlain {
    /// Found where there is no inherent constant.
    const __PLAIN: bool = false;
}

impl<T: ?Sized> NotPlain for Probe<T> {}

/// A plain type. Nobody can name it outside this crate, so nobody can say it of a type of his own.
pub trait Plain {}

macro_rules! plain {
    ($([$($generics:tt)*] $plain:ty;)*) => {$( impl<$($generics)*> Plain for $plain {} )*};
}

plain! {
    [] u8; [] u16; [] u32; [] u64; [] u128; [] usize; [] i8; [] i16; [] i32; [] i64; [] i128; [] isize;
    [] f32; [] f64; [] bool; [] char; [] ();
    [] String; [] &'static str; [] str; [] PathBuf;
    [] Duration; [] Instant; [] SystemTime; [] Ordering; [] uuid::Uuid;
    [] IpAddr; [] Ipv4Addr; [] Ipv6Addr; [] SocketAddr; [] SocketAddrV4; [] SocketAddrV6;
    [] NonZero<u8>; [] NonZero<u16>; [] NonZero<u32>; [] NonZero<u64>; [] NonZero<u128>; [] NonZero<usize>;
    [] NonZero<i8>; [] NonZero<i16>; [] NonZero<i32>; [] NonZero<i64>; [] NonZero<i128>; [] NonZero<isize>;
    [T: Plain] Wrapping<T>; [T: Plain] Saturating<T>; [T: Plain] Reverse<T>;
    [T: Plain] Option<T>; [T: Plain, E: Plain] Result<T, E>;
    [T: Plain + ?Sized] Box<T>; [T: Plain + ?Sized] Arc<T>; [T: Plain] Hidden<T>;
    [T: Plain] [T]; [T: Plain, const N: usize] [T; N];
    [T: Plain] Vec<T>; [T: Plain] VecDeque<T>; [T: Plain] LinkedList<T>; [T: Plain] BinaryHeap<T>;
    [T: Plain] BTreeSet<T>; [K: Plain, V: Plain] BTreeMap<K, V>;
    // With the default hasher only: another one's state is cloned, dropped and run with the map.
    [T: Plain] HashSet<T, RandomState>; [K: Plain, V: Plain] HashMap<K, V, RandomState>;
    [A: Plain] (A,); [A: Plain, B: Plain] (A, B); [A: Plain, B: Plain, C: Plain] (A, B, C);
    [A: Plain, B: Plain, C: Plain, D: Plain] (A, B, C, D);
}
