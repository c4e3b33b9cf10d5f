//! Structs made by `macro_rules!`, whose fragments arrive in invisible groups.
#![deny(warnings, missing_docs, unused_qualifications)]

use std::collections::HashMap;

use livestore::LiveValue;

macro_rules! list {
    ($vis:vis $name:ident, $field:ident: $ty:ty, $len:expr, $keep:expr, $check:path, $say:ident) => {
        /// Made by a macro.
        #[derive(Clone, LiveValue)]
        $vis struct $name {
            #[live(push = $say, clear, len = $len, keep = $keep, validate = $check)]
            $field: $ty,
            #[live(message)]
            other: Option<$ty>,
        }
    };
}

fn any<T>(_: &T) -> Result<(), String> {
    Ok(())
}

list!(pub List, log: Vec<String>, ..=3, 2, any, Say);

macro_rules! map {
    ($key:ty, $value:ty, $($op:ident),*) => {
        #[derive(Clone, LiveValue)]
        struct Keyed {
            #[live($($op),*)]
            map: HashMap<$key, $value>,
        }
    };
}

map!(u8, List, insert, remove, each);

macro_rules! generic {
    ($(#[$meta:meta])* $name:ident<$param:ident: $bound:path> { $($field:ident: $ty:ty),* }) => {
        $(#[$meta])*
        #[derive(Clone, LiveValue)]
        #[live(crate = ::livestore, error = $crate::Problem)]
        struct $name<$param: $bound> {
            $($field: $ty),*
        }
    };
}

/// Why not.
pub struct Problem;

generic! {
    /// Documented.
    Generic<T: Default> { one: T, two: Vec<T> }
}

/// The type's own attributes may come from a macro, too.
macro_rules! own {
    ($variant:ident, $function:path) => {
        #[derive(Clone, LiveValue)]
        #[live(mutation(variants($variant(u8) = $function)))]
        struct Own {
            count: u8,
        }
    };
}

own!(Add, add);

fn add(own: &mut Own, n: &u8) {
    own.count += n;
}

/// Types that the caller names, and operations at which they are taken apart.
macro_rules! taken {
    ($($(#[$meta:meta])* $field:ident: $ty:ty),*) => {
        /// Made by a macro.
        #[derive(Clone, LiveValue)]
        pub struct Taken {
            $($(#[$meta])* $field: $ty),*
        }
    };
}

/// In it nothing changes.
#[derive(Clone, LiveValue)]
pub struct Fixed {
    #[live(id)]
    id: u8,
}

/// A list of another name.
pub type Lines = Vec<String>;

taken! {
    #[live(nested, set)]
    one: Option<Fixed>,
    #[live(insert, remove, each, len = ..=9)]
    map: HashMap<u8, Fixed>,
    #[live(push, each(by = id), remove)]
    list: Vec<Fixed>,
    #[live(set_at, each)]
    places: [Fixed; 2],
    #[live(push, keep = 3, len = 1..)]
    lines: Lines,
    #[live(nested)]
    list_too: List
}

fn main() {
    let mut list = List { log: Vec::new(), other: None };
    for line in ["a", "b", "c"] {
        assert!(list.apply(&ListMutation::Say(line.to_owned())).is_ok());
    }
    assert_eq!((list.log.as_slice(), list.other.is_none()), (&["b".to_owned(), "c".to_owned()][..], true));

    let mut keyed = Keyed { map: HashMap::new() };
    assert!(keyed.apply(&KeyedMutation::InsertMap(1, list)).is_ok());
    assert!(keyed.apply(&KeyedMutation::UpdateMap(1, ListMutation::ClearLog)).is_ok());
    assert!(keyed.map[&1].log.is_empty());

    let mut generic = Generic { one: 1_u8, two: Vec::new() };
    assert!(generic.apply(&GenericMutation::SetOne(2)).is_ok());
    assert!(generic.apply(&GenericMutation::SetTwo(vec![3])).is_ok());
    assert_eq!((generic.one, generic.two), (2, vec![3]));

    let mut own = Own { count: 1 };
    assert!(own.apply(&OwnMutation::Add(2)).is_ok());
    assert_eq!(own.count, 3);
}
