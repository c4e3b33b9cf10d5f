//! Which values the store may copy under the entry's lock: small ones, in which nothing is the user's.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use livestore::{LiveValue, Uuid};

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
struct Player {
    name: String,
    at: [f32; 3],
    title: Option<Box<str>>,
    scores: Vec<u16>,
    id: Uuid,
    #[live(skip)]
    shared: Arc<BTreeMap<String, String>>,
    #[live(skip)]
    rest: (Option<NonZero<u8>>, Duration),
}

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
struct Titled {
    name: String,
    at: [f32; 3],
    scores: Vec<u16>,
    title: Option<Box<u64>>,
    note: Option<String>,
    shared: (Arc<str>, Arc<[String]>),
    kept: Arc<Vec<u16>>,
    rest: (Option<NonZero<u8>>, Duration, ()),
}

#[test]
fn a_small_value_is_copied_with_all_its_fields() {
    let value = Titled {
        name: "Ann".to_owned(),
        at: [1.0, 2.0, 3.0],
        scores: vec![3, 5],
        title: Some(Box::new(7)),
        note: Some("n".to_owned()),
        shared: ("s".into(), ["a".to_owned()].into()),
        kept: Arc::new(vec![1, 2]),
        rest: (NonZero::new(7), Duration::from_secs(1), ()),
    };
    assert_eq!(value.__copy(), Some(value));
}

#[test]
fn what_is_heavy_is_left_to_its_clone() {
    let of = |name: usize, scores: usize, note: usize| Titled {
        name: "x".repeat(name),
        scores: vec![0; scores],
        note: Some("x".repeat(note)),
        ..Titled::default()
    };
    assert!(of(100, 50, 100).__copy().is_some());
    assert!(of(2000, 0, 0).__copy().is_none());
    assert!(of(0, 1000, 0).__copy().is_none());
    assert!(of(0, 0, 2000).__copy().is_none());
    // Each is light, and all together are not.
    assert!(of(400, 200, 400).__copy().is_none());
}

/// A change of the copy copies what is in its `Arc`.
#[test]
fn what_is_in_an_arc_weighs_as_well_unless_nothing_changes_it() {
    let kept = Titled {
        kept: Arc::new(vec![0; 1000]),
        ..Titled::default()
    };
    assert!(kept.__copy().is_none());
    let shared = Titled {
        shared: ("x".repeat(2000).into(), vec!["x".repeat(2000)].into()),
        ..Titled::default()
    };
    let copy = shared.__copy().unwrap();
    assert!(Arc::ptr_eq(&copy.shared.0, &shared.shared.0));
    assert!(Arc::ptr_eq(&copy.shared.1, &shared.shared.1));
}

/// Its fields cannot be borrowed.
#[derive(Clone, Copy, LiveValue)]
#[repr(C, packed)]
struct Packed {
    kind: u8,
    at: u64,
}

#[test]
fn a_packed_type_is_left_to_its_clone() {
    let value = Packed { kind: 1, at: 2 };
    assert!(value.__copy().is_none());
    let mut changed = value;
    assert!(changed.apply(&PackedMutation::SetAt(3)).is_ok());
    assert_eq!(({ changed.kind }, { changed.at }), (1, 3));
}

/// A `Box<str>` cannot be weighed by its type's rule, so nothing is said of it.
#[test]
fn a_type_that_is_not_listed_is_left_to_its_clone() {
    assert!(Player::default().__copy().is_none());
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
struct Wide {
    bytes: [u8; 2000],
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
struct Tuple(u8, String);

#[test]
fn fields_without_names_and_wide_ones() {
    let tuple = Tuple(1, "a".to_owned());
    assert_eq!(tuple.__copy(), Some(tuple));
    assert!(Wide { bytes: [0; 2000] }.__copy().is_none());
}

static CLONES: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug, PartialEq)]
struct Mine;

impl Clone for Mine {
    fn clone(&self) -> Self {
        CLONES.fetch_add(1, Ordering::Relaxed);
        Mine
    }
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
struct Mixed {
    number: u8,
    #[live(skip)]
    mine: Mine,
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
struct Generic<T: Clone + Send + Sync + 'static> {
    number: u8,
    #[live(skip)]
    any: T,
}

#[test]
fn a_field_of_ones_own_type_is_never_copied_unasked() {
    assert!(
        Mixed {
            number: 1,
            mine: Mine
        }
        .__copy()
        .is_none()
    );
    assert_eq!(CLONES.load(Ordering::Relaxed), 0);
    // Nothing is known of a parameter, whatever it is filled with.
    assert!(Generic { number: 1, any: 2_u8 }.__copy().is_none());
}

/// Counts how many there are by `Clone` and `Drop`.
#[derive(Debug, LiveValue)]
struct Counted {
    number: u8,
}

static ALIVE: AtomicUsize = AtomicUsize::new(1);

impl Clone for Counted {
    fn clone(&self) -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Counted { number: self.number }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn a_type_with_a_drop_of_its_own_is_cloned() {
    let value = Counted { number: 1 };
    assert!(value.__copy().is_none());
    drop(value);
    assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
}
