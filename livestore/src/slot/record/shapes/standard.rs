//! What the standard library has.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CString, OsString};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZeroI128, NonZeroU8, NonZeroU64, Saturating, Wrapping};
use std::ops::Bound;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::slot::record::shapes::{Table, id, ip};

#[test]
fn what_the_standard_library_has() {
    let mut table = Table::default();
    macro_rules! ends {
        ($($int:ident)*) => {
            $(table.same($int::MIN); table.same($int::MAX);)*
        };
    }
    ends! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }
    table.same([0.0, -0.0, 0.1, f64::MAX, f64::MIN_POSITIVE, 1e-310]);
    table.same([0.0, -0.0, 0.1, f32::MAX, f32::MIN_POSITIVE, 1e-40]);
    for odd in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        table.better(odd);
    }
    table.better(f32::NAN);
    table.same([true, false]);
    table.same(['a', 'ß', '\0', '\u{10ffff}']);
    table.same("quote \" and \\ and \n and \0 and \u{1f600}".to_owned());
    table.same(String::new());
    table.same("x".repeat(70_000));
    table.same((NonZeroU8::MIN, NonZeroU64::MAX, NonZeroI128::MIN));
    table.same((Wrapping(7_u8), Saturating(-7_i64)));
    table.same(());
    table.same((
        1_u8,
        2_i8,
        'c',
        "s".to_owned(),
        0.5,
        true,
        (),
        [1_u16, 2],
        Some(1),
        None::<u8>,
    ));
    table.same(([0_u8; 0], [7_u8; 32], [[1_u8, 2], [3, 4]]));
    table.same((Vec::<u8>::new(), vec![1_u8, 192, 255], vec![vec![()]]));
    table.same(VecDeque::from([1, 2]));
    table.same(LinkedList::from([1, 2]));
    table.same(BTreeSet::from(["a".to_owned()]));
    table.same(HashSet::from([7_u8]));
    table.same(BinaryHeap::from([7_u8]));
    table.same(BTreeMap::from([("a".to_owned(), 1)]));
    table.same(HashMap::from([(String::new(), 1)]));
    table.same(BTreeMap::from([(i64::MIN, 1), (i64::MAX, 2)]));
    table.same(BTreeMap::from([(u128::MAX, 1)]));
    table.same(BTreeMap::from([(i128::MIN, 1)]));
    table.same(BTreeMap::from([('x', 1)]));
    table.same(BTreeMap::from([(true, 1)]));
    table.same(BTreeMap::from([(id(), 1)]));
    table.same(BTreeMap::from([(ip(), 1)]));
    table.better(BTreeMap::from([((), 1)]));
    table.better(BTreeMap::from([((1_u8, 'x'), 1)]));
    table.better(BTreeMap::from([(vec![1_u8], 1)]));
    table.same(BTreeMap::from([(Some(1_u8), 1)]));
    table.better(BTreeMap::from([(None::<u8>, 1)]));
    table.better(BTreeMap::from([(BTreeMap::from([(1, 2)]), 3)]));
    table.same(Box::<str>::from("x"));
    table.same(Box::<[u8]>::from([1_u8]));
    table.same((Rc::new(1), Arc::new(2), Arc::<str>::from("x"), Box::new(3)));
    table.same((Cow::<str>::Owned("x".into()), Cow::<[u8]>::Owned(vec![1])));
    table.same((Cell::new(1), RefCell::new(2)));
    table.same((PhantomData::<u8>, Reverse(1)));
    table.same((1..2, 1..=2, 1.., ..2));
    table.same([Bound::Included(1), Bound::Excluded(2), Bound::Unbounded]);
    table.same((Duration::MAX, Duration::new(1, 999_999_999)));
    table.same(SystemTime::UNIX_EPOCH + Duration::new(1, 1));
    table.refused(SystemTime::UNIX_EPOCH - Duration::new(1, 1));
    table.same([ip(), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    table.same(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80)));
    table.same(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 0)));
    table.same(PathBuf::from("/a/b"));
    table.same(OsString::from("x"));
    table.same(CString::new("x").unwrap());
    table.same([Ok(1), Err("no".to_owned())]);
    table.end(79);
}
