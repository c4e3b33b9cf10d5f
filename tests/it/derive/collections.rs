//! `push`, `insert`, `remove`, `clear`, on the standard collections, behind an `Arc` and behind an alias.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use livestore::{LiveValue, Never, ops};

use super::apply;

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
struct Lists {
    #[live(push, clear)]
    list: Vec<u8>,
    #[live(push = Say, clear = Forget, keep = 3)]
    chat: VecDeque<String>,
    #[live(push, keep = 2)]
    shared: Arc<Vec<u8>>,
    #[live(clear, set)]
    text: String,
    #[live(clear, set)]
    topic: Option<String>,
}

#[test]
fn push_appends_and_clear_empties() {
    let mut lists = Lists::default();
    let Ok(()) = apply(&mut lists, ListsMutation::PushList(1));
    let Ok(()) = apply(&mut lists, ListsMutation::PushList(2));
    assert_eq!(lists.list, [1, 2]);
    let Ok(()) = apply(&mut lists, ListsMutation::ClearList);
    assert!(lists.list.is_empty());

    let Ok(()) = apply(&mut lists, ListsMutation::SetText("a".into()));
    let Ok(()) = apply(&mut lists, ListsMutation::SetTopic(Some("a".into())));
    let Ok(()) = apply(&mut lists, ListsMutation::ClearText);
    let Ok(()) = apply(&mut lists, ListsMutation::ClearTopic);
    assert_eq!(lists, Lists::default());
}

#[test]
fn keep_drops_the_oldest() {
    let mut lists = Lists::default();
    for line in ["a", "b", "c", "d"] {
        let Ok(()) = apply(&mut lists, ListsMutation::Say(line.into()));
    }
    assert_eq!(lists.chat, ["b", "c", "d"]);
    for number in 0..5 {
        let Ok(()) = apply(&mut lists, ListsMutation::PushShared(number));
    }
    assert_eq!(*lists.shared, [3, 4]);
    let Ok(()) = apply(&mut lists, ListsMutation::Forget);
    assert!(lists.chat.is_empty());
}

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
struct Keyed {
    #[live(insert = Join, remove = Leave, clear)]
    hash_map: HashMap<u8, String>,
    #[live(insert, remove, clear)]
    tree_map: BTreeMap<u8, String>,
    #[live(insert, remove, clear)]
    hash_set: HashSet<u8>,
    #[live(insert, remove, clear)]
    tree_set: BTreeSet<u8>,
}

#[test]
fn insert_replaces_and_remove_of_nothing_is_fine() {
    let mut keyed = Keyed::default();
    for mutation in [
        KeyedMutation::Join(1, "a".into()),
        KeyedMutation::Join(1, "b".into()),
        KeyedMutation::Join(2, "c".into()),
        KeyedMutation::Leave(2),
        KeyedMutation::Leave(2),
        KeyedMutation::InsertTreeMap(1, "a".into()),
        KeyedMutation::InsertTreeMap(1, "b".into()),
        KeyedMutation::RemoveTreeMap(9),
        KeyedMutation::InsertHashSet(1),
        KeyedMutation::InsertHashSet(1),
        KeyedMutation::InsertHashSet(2),
        KeyedMutation::RemoveHashSet(1),
        KeyedMutation::InsertTreeSet(1),
        KeyedMutation::RemoveTreeSet(2),
    ] {
        let Ok(()) = apply(&mut keyed, mutation);
    }
    let expected = Keyed {
        hash_map: HashMap::from([(1, "b".into())]),
        tree_map: BTreeMap::from([(1, "b".into())]),
        hash_set: HashSet::from([2]),
        tree_set: BTreeSet::from([1]),
    };
    assert_eq!(keyed, expected);
    for mutation in [
        KeyedMutation::ClearHashMap,
        KeyedMutation::ClearTreeMap,
        KeyedMutation::ClearHashSet,
        KeyedMutation::ClearTreeSet,
    ] {
        let Ok(()) = apply(&mut keyed, mutation);
    }
    assert_eq!(keyed, Keyed::default());
}

/// What an alias hides, the traits find.
type Names = HashMap<u8, String>;
type Log = Vec<String>;

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
struct Aliased {
    #[live(insert, remove)]
    names: Names,
    #[live(push)]
    log: Log,
}

#[test]
fn behind_an_alias_a_map_takes_a_pair() {
    let mut aliased = Aliased::default();
    let Ok(()) = apply(&mut aliased, AliasedMutation::InsertNames((1, "a".into())));
    let Ok(()) = apply(&mut aliased, AliasedMutation::InsertNames((2, "b".into())));
    let Ok(()) = apply(&mut aliased, AliasedMutation::RemoveNames(1));
    let Ok(()) = apply(&mut aliased, AliasedMutation::PushLog("c".into()));
    assert_eq!(
        aliased,
        Aliased {
            names: HashMap::from([(2, "b".into())]),
            log: vec!["c".into()]
        }
    );
}

#[derive(Clone, LiveValue)]
struct Shared {
    #[live(push)]
    list: Arc<Vec<u8>>,
    #[live(insert, remove, clear)]
    map: Arc<BTreeMap<u8, u8>>,
    other: u8,
}

#[test]
fn an_arc_is_copied_only_while_it_is_shared() {
    let mut shared = Shared {
        list: Arc::default(),
        map: Arc::new(BTreeMap::from([(1, 1)])),
        other: 0,
    };

    let alone = Arc::as_ptr(&shared.list);
    let Ok(()) = shared.apply(&SharedMutation::PushList(1));
    assert_eq!(Arc::as_ptr(&shared.list), alone, "changed in place");

    let reader = shared.clone();
    let Ok(()) = shared.apply(&SharedMutation::SetOther(1));
    assert!(
        Arc::ptr_eq(&reader.list, &shared.list),
        "another field is no reason to copy"
    );
    let Ok(()) = shared.apply(&SharedMutation::PushList(2));
    let Ok(()) = shared.apply(&SharedMutation::InsertMap(2, 2));
    assert_eq!(
        (reader.list.as_slice(), shared.list.as_slice()),
        (&[1][..], &[1, 2][..])
    );
    assert_eq!((reader.map.len(), shared.map.len()), (1, 2));

    let reader = shared.clone();
    let Ok(()) = shared.apply(&SharedMutation::RemoveMap(9));
    assert!(
        Arc::ptr_eq(&reader.map, &shared.map),
        "nothing was removed, so nothing was copied"
    );
    let Ok(()) = shared.apply(&SharedMutation::ClearMap);
    assert_eq!((reader.map.len(), shared.map.len()), (2, 0));
}

#[test]
fn removing_nothing_from_an_arc_copies_nothing() {
    let mut map = Arc::new(BTreeMap::from([(1, 1)]));
    let reader = Arc::clone(&map);
    ops::Remove::remove(&mut map, &9);
    assert!(Arc::ptr_eq(&reader, &map));
    ops::Remove::remove(&mut map, &1);
    assert_eq!((reader.len(), map.len()), (1, 0));
}

/// Keeps what is pushed sorted, and each only once.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sorted(Vec<u8>);

impl ops::Push for Sorted {
    type Item = u8;

    fn push(&mut self, item: u8) {
        if let Err(place) = self.0.binary_search(&item) {
            self.0.insert(place, item);
        }
    }

    fn keep_last(&mut self, n: usize) {
        let surplus = self.0.len().saturating_sub(n);
        self.0.drain(..surplus);
    }

    fn growth(&self, item: &u8) -> usize {
        usize::from(self.0.binary_search(item).is_err())
    }
}

impl ops::Len for Sorted {
    fn len(&self) -> usize {
        self.0.len()
    }
}

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Own {
    #[live(push, len = ..=2)]
    bounded: Sorted,
    #[live(push, keep = 2)]
    kept: Arc<Sorted>,
    #[live(push, len = ..=1)]
    shared: Arc<Sorted>,
}

#[test]
fn a_collection_of_ones_own_works_like_those_of_std() {
    let mut own = Own::default();
    for number in [2, 1, 2, 1] {
        apply(&mut own, OwnMutation::PushBounded(number)).unwrap();
        apply(&mut own, OwnMutation::PushKept(number + 1)).unwrap();
    }
    assert_eq!(own.bounded, Sorted(vec![1, 2]));
    apply(&mut own, OwnMutation::PushShared(1)).unwrap();
    apply(&mut own, OwnMutation::PushShared(1)).unwrap();
    assert!(apply(&mut own, OwnMutation::PushShared(2)).is_err());
    let error = apply(&mut own, OwnMutation::PushBounded(3)).unwrap_err();
    assert_eq!(error.to_string(), "bounded: length 3 is not within ..=2");
    apply(&mut own, OwnMutation::PushKept(1)).unwrap();
    assert_eq!(*own.kept, Sorted(vec![2, 3]));
}

#[test]
fn without_rules_collections_cannot_fail() {
    fn cannot_fail<V: LiveValue<MutError = Never>>() {}
    cannot_fail::<Lists>();
    cannot_fail::<Keyed>();
}
