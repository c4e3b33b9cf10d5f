//! `add`, `insert(new)`, `remove(present)`, `each(by = ..)`, `set_at`; and `nested` and `each` through pointers.

use std::collections::{BTreeMap, BTreeSet, HashMap, LinkedList, VecDeque};
use std::num::{NonZero, Saturating, Wrapping};
use std::sync::Arc;

use livestore::{FieldError, Invalid, LiveValue};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::apply;

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Scores {
    #[live(add, insert, set, remove, len = ..=2, range = 0..=10)]
    points: BTreeMap<String, i8>,
    #[live(add = Give, validate = few)]
    gold: Arc<HashMap<u8, u64>>,
    #[live(add)]
    weights: HashMap<u8, f64>,
}

fn few(gold: &HashMap<u8, u64>) -> Result<(), &'static str> {
    if gold.values().sum::<u64>() > 9 {
        Err("too much gold")
    } else {
        Ok(())
    }
}

#[test]
fn add_begins_with_the_default_and_is_held_to_the_rules() {
    let mut scores = Scores::default();
    let out = || {
        Err(ScoresError::Points(Invalid::Range {
            allowed: "0..=10".into(),
        }))
    };
    let add = |who: &str, n| ScoresMutation::AddPoints(who.into(), n);
    apply(&mut scores, add("a", 3)).unwrap();
    apply(&mut scores, add("a", -2)).unwrap();
    assert_eq!(scores.points["a"], 1);
    assert_eq!(apply(&mut scores, add("a", -2)), out());
    assert_eq!(apply(&mut scores, add("b", 11)), out());
    assert_eq!(
        apply(&mut scores, add("a", 127)),
        Err(ScoresError::Points(Invalid::Overflow))
    );
    apply(&mut scores, add("b", 10)).unwrap();
    assert!(matches!(
        apply(&mut scores, add("c", 1)),
        Err(ScoresError::Points(Invalid::Length { len: 3, .. }))
    ));
    // The same rule, whatever puts a number there.
    assert_eq!(
        apply(&mut scores, ScoresMutation::InsertPoints("b".into(), -1)),
        out()
    );
    assert_eq!(
        apply(&mut scores, ScoresMutation::SetPoints([("z".into(), 11)].into())),
        out()
    );
    apply(&mut scores, ScoresMutation::RemovePoints("b".into())).unwrap();
    assert_eq!(scores.check(None), Ok(()));
    scores.points.insert("a".into(), 99);
    assert_eq!(scores.check(None), out());

    let mut scores = Scores::default();
    let shared = Arc::clone(&scores.gold);
    apply(&mut scores, ScoresMutation::Give(1, 9)).unwrap();
    assert!(shared.is_empty());
    assert_eq!(
        apply(&mut scores, ScoresMutation::Give(2, 1)),
        Err(ScoresError::Gold("too much gold".into()))
    );
    let infinite = apply(&mut scores, ScoresMutation::AddWeights(1, f64::INFINITY));
    assert_eq!(infinite, Err(ScoresError::Weights(Invalid::Overflow)));
}

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Strict {
    #[live(insert(new) = Join, remove(present) = Leave)]
    players: BTreeMap<u8, String>,
    #[live(insert(new), remove(present))]
    tags: Arc<BTreeSet<String>>,
}

#[test]
fn new_and_present_refuse_what_would_change_nothing_new() {
    let mut strict = Strict::default();
    apply(&mut strict, StrictMutation::Join(1, "a".into())).unwrap();
    let taken = apply(&mut strict, StrictMutation::Join(1, "b".into()));
    assert_eq!(taken, Err(StrictError::Players(Invalid::Taken)));
    assert_eq!(strict.players[&1], "a");
    apply(&mut strict, StrictMutation::Leave(1)).unwrap();
    let missing = apply(&mut strict, StrictMutation::Leave(1));
    assert_eq!(missing, Err(StrictError::Players(Invalid::Missing)));

    let before = Arc::clone(&strict.tags);
    let missing = apply(&mut strict, StrictMutation::RemoveTags("x".into()));
    assert_eq!(missing, Err(StrictError::Tags(Invalid::Missing)));
    assert!(Arc::ptr_eq(&before, &strict.tags));
    apply(&mut strict, StrictMutation::InsertTags("x".into())).unwrap();
    let taken = apply(&mut strict, StrictMutation::InsertTags("x".into()));
    assert_eq!(taken, Err(StrictError::Tags(Invalid::Taken)));
}

#[derive(Debug, PartialEq)]
struct Refusal(String);

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        Refusal(error.to_string())
    }
}

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
#[live(error = Refusal)]
struct Told {
    #[live(insert(new), remove(present))]
    players: BTreeMap<String, u8>,
    #[live(insert(new))]
    tags: BTreeSet<u8>,
    #[live(add)]
    points: BTreeMap<String, u8>,
}

#[test]
fn a_refusal_says_which_key_it_was() {
    let mut told = Told {
        players: [("ann".into(), 1)].into(),
        tags: [7].into(),
        ..Told::default()
    };
    for (mutation, text) in [
        (
            ToldMutation::InsertPlayers("ann".into(), 2),
            "players[ann]: there is one already",
        ),
        (
            ToldMutation::RemovePlayers("ben".into()),
            "players[ben]: there is no such key",
        ),
        (ToldMutation::InsertTags(7), "tags[7]: there is one already"),
    ] {
        assert_eq!(apply(&mut told, mutation), Err(Refusal(text.into())));
    }
    apply(&mut told, ToldMutation::AddPoints("ann".into(), 200)).unwrap();
    let overflow = apply(&mut told, ToldMutation::AddPoints("ann".into(), 100));
    assert_eq!(
        overflow,
        Err(Refusal("points[ann]: the number does not fit its type".into()))
    );
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)), mutation(variants(Renumber(u32))))]
struct Card {
    #[live(id)]
    number: u32,
    #[live(len = 1..)]
    text: String,
}

impl Card {
    fn renumber(&mut self, number: &u32) {
        self.number = *number;
    }
}

fn card(number: u32, text: &str) -> Card {
    Card {
        number,
        text: text.into(),
    }
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)), mutation(variants(Double)))]
struct Board {
    #[live(push = Pin, each(by = number) = Edit, remove = Unpin, set, len = ..=3)]
    cards: Vec<Card>,
    #[live(push, each(by = number), remove(present), keep = 2)]
    queue: Arc<VecDeque<Card>>,
}

impl Board {
    fn double(&mut self) {
        self.cards.extend(self.cards.clone());
    }
}

fn board() -> Board {
    Board {
        cards: vec![card(7, "a"), card(9, "b")],
        queue: Arc::default(),
    }
}

#[test]
fn the_items_of_a_list_are_found_by_their_id() {
    let mut board = board();
    apply(
        &mut board,
        BoardMutation::Edit(9, CardMutation::SetText("c".into())),
    )
    .unwrap();
    assert_eq!(board.cards, [card(7, "a"), card(9, "c")]);
    let missing = apply(
        &mut board,
        BoardMutation::Edit(8, CardMutation::SetText("c".into())),
    );
    assert_eq!(missing, Err(BoardError::Cards(Invalid::Missing)));
    let refused = apply(
        &mut board,
        BoardMutation::Edit(9, CardMutation::SetText(String::new())),
    )
    .unwrap_err();
    assert_eq!(refused.to_string(), "cards[9]: text: length 0 is not within 1..");

    assert_eq!(
        apply(&mut board, BoardMutation::Pin(card(7, "x"))),
        Err(BoardError::Cards(Invalid::Taken))
    );
    let refused = apply(&mut board, BoardMutation::Pin(card(1, ""))).unwrap_err();
    assert_eq!(refused.to_string(), "cards[1]: text: length 0 is not within 1..");
    apply(&mut board, BoardMutation::Pin(card(1, "x"))).unwrap();
    apply(&mut board, BoardMutation::Unpin(7)).unwrap();
    apply(&mut board, BoardMutation::Unpin(7)).unwrap();
    assert_eq!(board.cards, [card(9, "c"), card(1, "x")], "in order");
    let missing = apply(&mut board, BoardMutation::RemoveQueue(7));
    assert_eq!(missing, Err(BoardError::Queue(Invalid::Missing)));
    for number in 0..3 {
        apply(&mut board, BoardMutation::PushQueue(card(number, "q"))).unwrap();
    }
    apply(
        &mut board,
        BoardMutation::UpdateQueue(2, CardMutation::SetText("r".into())),
    )
    .unwrap();
    assert_eq!(*board.queue, [card(1, "q"), card(2, "r")]);
    // Whoever is pushed out has his id no more, and whoever stays has.
    apply(&mut board, BoardMutation::PushQueue(card(1, "s"))).unwrap();
    assert_eq!(*board.queue, [card(2, "r"), card(1, "s")]);
    let taken = apply(&mut board, BoardMutation::PushQueue(card(1, "t")));
    assert_eq!(taken, Err(BoardError::Queue(Invalid::Taken)));
}

#[test]
fn two_items_of_one_id_are_refused_whatever_makes_them() {
    let taken = || Err(BoardError::Cards(Invalid::Taken));
    assert_eq!(
        apply(
            &mut board(),
            BoardMutation::SetCards(vec![card(1, "a"), card(1, "b")])
        ),
        taken()
    );
    assert_eq!(
        apply(&mut board(), BoardMutation::Double),
        Err(BoardError::Cards(Invalid::Length {
            len: 4,
            allowed: "..=3".into()
        }))
    );
    let mut one = Board {
        cards: vec![card(1, "a")],
        ..board()
    };
    assert_eq!(apply(&mut one, BoardMutation::Double), taken());
    let twice = Board {
        cards: vec![card(1, "a"), card(1, "b")],
        ..board()
    };
    assert_eq!(twice.check(None), taken());
    // An update does not move an item.
    let moved = apply(&mut board(), BoardMutation::Edit(9, CardMutation::Renumber(7)));
    assert_eq!(moved, Err(BoardError::Cards("its id must stay as it is".into())));
}

type Stock = HashMap<u8, u32>;

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Shop {
    #[live(set_at = Price, range = 1..=9, len = ..=1)]
    prices: BTreeMap<u8, u32>,
    #[live(set_at)]
    stock: Stock,
    #[live(set_at, each, validate = named)]
    cards: Arc<BTreeMap<u8, Card>>,
}

fn named(cards: &BTreeMap<u8, Card>) -> Result<(), &'static str> {
    if cards.values().all(|card| card.text != "nameless") {
        Ok(())
    } else {
        Err("nameless")
    }
}

#[test]
fn set_at_replaces_what_is_at_a_key_of_any_map_and_makes_none() {
    let mut shop = Shop {
        prices: BTreeMap::from([(1, 5)]),
        stock: Stock::from([(1, 5)]),
        cards: Arc::new(BTreeMap::from([(1, card(1, "a"))])),
    };
    apply(&mut shop, ShopMutation::Price(1, 9)).unwrap();
    let error = apply(&mut shop, ShopMutation::Price(1, 10)).unwrap_err();
    assert_eq!(error.to_string(), "prices: the value is not within 1..=9");
    assert_eq!(
        apply(&mut shop, ShopMutation::Price(2, 1)),
        Err(ShopError::Prices(Invalid::Missing))
    );
    // A map by another name is no other map.
    apply(&mut shop, ShopMutation::SetAtStock(1, 0)).unwrap();
    assert_eq!(
        apply(&mut shop, ShopMutation::SetAtStock(2, 1)),
        Err(ShopError::Stock(Invalid::Missing))
    );
    apply(&mut shop, ShopMutation::SetAtCards(1, card(1, "b"))).unwrap();
    assert!(apply(&mut shop, ShopMutation::SetAtCards(1, card(1, "nameless"))).is_err());
    assert!(apply(&mut shop, ShopMutation::SetAtCards(1, card(1, ""))).is_err());
    assert_eq!(
        (shop.prices[&1], shop.stock[&1], shop.cards[&1].text.as_str()),
        (9, 0, "b")
    );
}

type Score = u32;

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Points(u32);

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Ranks {
    #[live(insert, add, range = ..=9)]
    scores: BTreeMap<u8, Score>,
    #[live(insert, range = Points(1)..)]
    points: BTreeMap<u8, Points>,
}

#[test]
fn numbers_in_a_map_may_have_a_name_of_their_own() {
    let mut ranks = Ranks {
        scores: BTreeMap::new(),
        points: BTreeMap::new(),
    };
    apply(&mut ranks, RanksMutation::AddScores(1, 9)).unwrap();
    assert!(apply(&mut ranks, RanksMutation::AddScores(1, 1)).is_err());
    apply(&mut ranks, RanksMutation::InsertPoints(1, Points(1))).unwrap();
    let error = apply(&mut ranks, RanksMutation::InsertPoints(1, Points(0))).unwrap_err();
    assert_eq!(error.to_string(), "points: the value is not within Points(1)..");
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Table {
    #[live(each, set_at, set)]
    seats: [Option<Card>; 3],
    #[live(each, set_at = Put)]
    decks: [Card; 2],
    #[live(set_at, validate = sorted)]
    marks: [u8; 3],
    #[live(nested, set, clear)]
    top: Option<Card>,
    #[live(nested)]
    boxed: Box<Card>,
    #[live(nested, set)]
    shared: Arc<Card>,
    #[live(each, insert)]
    hands: BTreeMap<u8, Arc<Card>>,
    #[live(each)]
    places: HashMap<u8, Option<Card>>,
}

fn sorted(marks: &[u8; 3]) -> Result<(), &'static str> {
    if marks.is_sorted() {
        Ok(())
    } else {
        Err("not sorted")
    }
}

fn table() -> Table {
    Table {
        seats: [Some(card(1, "a")), None, None],
        decks: [card(2, "b"), card(3, "c")],
        marks: [1, 2, 3],
        top: None,
        boxed: Box::new(card(4, "d")),
        shared: Arc::new(card(5, "e")),
        hands: BTreeMap::from([(1, Arc::new(card(6, "f")))]),
        places: HashMap::from([(1, None)]),
    }
}

fn text(text: &str) -> CardMutation {
    CardMutation::SetText(text.into())
}

#[test]
fn the_places_of_an_array_do_not_shift() {
    let mut table = table();
    apply(&mut table, TableMutation::UpdateSeats(0, text("z"))).unwrap();
    apply(&mut table, TableMutation::SetAtSeats(2, Some(card(9, "y")))).unwrap();
    assert_eq!(table.seats, [Some(card(1, "z")), None, Some(card(9, "y"))]);
    for nobody in [1, 3] {
        let missing = apply(&mut table, TableMutation::UpdateSeats(nobody, text("z")));
        assert_eq!(missing, Err(TableError::Seats(Invalid::Missing)));
    }
    let missing = apply(&mut table, TableMutation::SetAtSeats(3, None));
    assert_eq!(missing, Err(TableError::Seats(Invalid::Missing)));
    let refused = apply(&mut table, TableMutation::SetAtSeats(1, Some(card(1, "")))).unwrap_err();
    assert_eq!(refused.to_string(), "seats[1]: text: length 0 is not within 1..");
    let refused = apply(&mut table, TableMutation::Put(1, card(1, ""))).unwrap_err();
    assert_eq!(refused.to_string(), "decks[1]: text: length 0 is not within 1..");
    apply(&mut table, TableMutation::UpdateDecks(1, text("w"))).unwrap();
    assert_eq!(table.decks[1], card(3, "w"));
    apply(&mut table, TableMutation::SetAtMarks(1, 3)).unwrap();
    assert_eq!(
        apply(&mut table, TableMutation::SetAtMarks(1, 4)),
        Err(TableError::Marks("not sorted".into()))
    );
    table.seats[0] = Some(card(1, ""));
    assert!(table.check(None).is_err());
}

#[test]
fn nested_and_each_go_through_options_and_pointers() {
    let mut table = table();
    assert_eq!(
        apply(&mut table, TableMutation::UpdateTop(text("z"))),
        Err(TableError::Top(Invalid::Missing))
    );
    assert!(apply(&mut table, TableMutation::SetTop(Some(card(1, "")))).is_err());
    apply(&mut table, TableMutation::SetTop(Some(card(1, "a")))).unwrap();
    apply(&mut table, TableMutation::UpdateTop(text("z"))).unwrap();
    assert_eq!(table.top, Some(card(1, "z")));
    apply(&mut table, TableMutation::UpdateBoxed(text("z"))).unwrap();
    assert_eq!(*table.boxed, card(4, "z"));

    let shared = Arc::clone(&table.shared);
    assert!(table.apply(&TableMutation::UpdateShared(text(""))).is_err());
    assert!(Arc::ptr_eq(&shared, &table.shared), "refused, so not copied");
    apply(&mut table, TableMutation::UpdateShared(text("z"))).unwrap();
    assert_eq!((&*shared.text, &*table.shared.text), ("e", "z"));
    apply(&mut table, TableMutation::UpdateHands(1, text("z"))).unwrap();
    assert_eq!(*table.hands[&1], card(6, "z"));
    let refused = apply(&mut table, TableMutation::InsertHands(2, Arc::new(card(1, "")))).unwrap_err();
    assert_eq!(refused.to_string(), "hands[2]: text: length 0 is not within 1..");
    let missing = apply(&mut table, TableMutation::UpdatePlaces(1, text("z")));
    assert_eq!(missing, Err(TableError::Places(Invalid::Missing)));
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Numbers {
    #[live(increment, decrement)]
    lives: NonZero<u8>,
    #[live(increment)]
    clock: Wrapping<u8>,
    #[live(increment)]
    meter: Saturating<u8>,
    #[live(push, clear, keep = 2, len = ..=2)]
    last: LinkedList<u8>,
    #[live(len = ..=2)]
    fixed: &'static str,
}

#[test]
fn numbers_with_rules_of_their_own_keep_them() {
    let mut numbers = Numbers {
        lives: NonZero::new(1).unwrap(),
        clock: Wrapping(255),
        meter: Saturating(255),
        last: LinkedList::from([1, 2]),
        fixed: "a",
    };
    let one = NonZero::new(1).unwrap();
    assert_eq!(
        apply(&mut numbers, NumbersMutation::DecrementLives(one)),
        Err(NumbersError::Lives(Invalid::Overflow))
    );
    apply(&mut numbers, NumbersMutation::IncrementLives(one)).unwrap();
    apply(&mut numbers, NumbersMutation::IncrementClock(Wrapping(2))).unwrap();
    apply(&mut numbers, NumbersMutation::IncrementMeter(Saturating(2))).unwrap();
    apply(&mut numbers, NumbersMutation::PushLast(3)).unwrap();
    assert_eq!(
        (numbers.lives.get(), numbers.clock.0, numbers.meter.0),
        (2, 1, 255)
    );
    assert_eq!(numbers.last, LinkedList::from([2, 3]));
    assert!(apply(&mut numbers, NumbersMutation::SetFixed("abc")).is_err());
}

// Two types that hold each other, and one that holds itself behind other names.

type Map<T> = BTreeMap<u8, T>;

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Folder {
    #[live(each, insert)]
    folders: Map<Self>,
    #[live(each, insert)]
    #[expect(unused_qualifications, reason = "the derive must see through it")]
    others: BTreeMap<u8, self::Folder>,
    #[live(nested, set)]
    parent: Option<Box<Folder>>,
    #[live(each(boxed), insert)]
    files: BTreeMap<u8, File>,
    #[live(len = ..=3)]
    name: String,
}

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct File {
    #[live(nested, set)]
    inside: Option<Box<Folder>>,
}

#[test]
fn types_may_hold_each_other() {
    let mut folder = Folder::default();
    let rename = || Box::new(FolderMutation::SetName("abc".into()));
    apply(
        &mut folder,
        FolderMutation::InsertFiles(
            1,
            File {
                inside: Some(Box::default()),
            },
        ),
    )
    .unwrap();
    apply(
        &mut folder,
        FolderMutation::UpdateFiles(1, Box::new(FileMutation::UpdateInside(*rename()))),
    )
    .unwrap();
    assert_eq!(folder.files[&1].inside.as_ref().unwrap().name, "abc");
    apply(&mut folder, FolderMutation::InsertFolders((1, Folder::default()))).unwrap();
    apply(&mut folder, FolderMutation::UpdateFolders(1, rename())).unwrap();
    apply(&mut folder, FolderMutation::InsertOthers(1, Folder::default())).unwrap();
    apply(&mut folder, FolderMutation::UpdateOthers(1, rename())).unwrap();
    apply(&mut folder, FolderMutation::SetParent(Some(Box::default()))).unwrap();
    apply(&mut folder, FolderMutation::UpdateParent(rename())).unwrap();
    let long = FolderMutation::UpdateParent(Box::new(FolderMutation::SetName("long".into())));
    assert_eq!(
        apply(&mut folder, long).unwrap_err().to_string(),
        "parent: name: length 4 is not within ..=3"
    );
}

/// The server made the points by a method, which was held to no rule: a rule on a skipped field was refused.
#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)), mutation(variants(Win(i8))))]
struct Ranked {
    #[live(skip, range = 0..=9)]
    points: i8,
}

impl Ranked {
    fn win(&mut self, points: &i8) {
        self.points += points;
    }
}

#[test]
fn the_rules_of_a_skipped_field_hold_after_methods() {
    let mut ranked = Ranked { points: 9 };
    apply(&mut ranked, RankedMutation::Win(-2)).unwrap();
    assert!(matches!(
        apply(&mut ranked, RankedMutation::Win(3)),
        Err(RankedError::Points(Invalid::Range { .. }))
    ));
}

fn some_card() -> impl Strategy<Value = Card> {
    (0..4_u32, "[ab]{0,1}").prop_map(|(number, text)| Card { number, text })
}

fn card_mutation() -> impl Strategy<Value = CardMutation> {
    prop_oneof![
        "[ab]{0,1}".prop_map(CardMutation::SetText),
        (0..4_u32).prop_map(CardMutation::Renumber),
    ]
}

fn board_mutation() -> impl Strategy<Value = BoardMutation> {
    let number = || 0..4_u32;
    prop_oneof![
        some_card().prop_map(BoardMutation::Pin),
        (number(), card_mutation()).prop_map(|(n, m)| BoardMutation::Edit(n, m)),
        number().prop_map(BoardMutation::Unpin),
        vec(some_card(), 0..4).prop_map(BoardMutation::SetCards),
        some_card().prop_map(BoardMutation::PushQueue),
        (number(), card_mutation()).prop_map(|(n, m)| BoardMutation::UpdateQueue(n, m)),
        number().prop_map(BoardMutation::RemoveQueue),
        Just(BoardMutation::Double),
    ]
}

fn table_mutation() -> impl Strategy<Value = TableMutation> {
    let place = || 0..4_usize;
    prop_oneof![
        (place(), option::of(some_card())).prop_map(|(n, card)| TableMutation::SetAtSeats(n, card)),
        (place(), card_mutation()).prop_map(|(n, m)| TableMutation::UpdateSeats(n, m)),
        (place(), some_card()).prop_map(|(n, card)| TableMutation::Put(n, card)),
        (place(), card_mutation()).prop_map(|(n, m)| TableMutation::UpdateDecks(n, m)),
        (place(), 0..5_u8).prop_map(|(n, mark)| TableMutation::SetAtMarks(n, mark)),
        option::of(some_card()).prop_map(TableMutation::SetTop),
        card_mutation().prop_map(TableMutation::UpdateTop),
        card_mutation().prop_map(TableMutation::UpdateBoxed),
        some_card().prop_map(|card| TableMutation::SetShared(Arc::new(card))),
        card_mutation().prop_map(TableMutation::UpdateShared),
        (0..3_u8, some_card()).prop_map(|(n, card)| TableMutation::InsertHands(n, Arc::new(card))),
        (0..3_u8, card_mutation()).prop_map(|(n, m)| TableMutation::UpdateHands(n, m)),
        (0..3_u8, card_mutation()).prop_map(|(n, m)| TableMutation::UpdatePlaces(n, m)),
    ]
}

fn scores_mutation() -> impl Strategy<Value = ScoresMutation> {
    prop_oneof![
        ("[abc]", -20..20_i8).prop_map(|(k, n)| ScoresMutation::AddPoints(k, n)),
        ("[abc]", -2..12_i8).prop_map(|(k, n)| ScoresMutation::InsertPoints(k, n)),
        "[abc]".prop_map(ScoresMutation::RemovePoints),
        (0..3_u8, 0..6_u64).prop_map(|(k, n)| ScoresMutation::Give(k, n)),
    ]
}

/// Applies them all; whatever is accepted must leave a valid value.
fn accepted<V>(mut value: V, mutations: Vec<V::Mutation>)
where
    V: LiveValue<MutError: PartialEq + std::fmt::Debug> + PartialEq + std::fmt::Debug,
    V::Mutation: std::fmt::Debug,
{
    assert_eq!(value.check(None), Ok(()));
    for mutation in mutations {
        let shown = format!("{mutation:?}");
        if apply(&mut value, mutation).is_ok() {
            assert_eq!(value.check(None), Ok(()), "after {shown}");
        }
    }
}

proptest! {
    #[test]
    fn what_these_words_accept_passes_the_check(
        of_board in vec(board_mutation(), 1..30),
        of_table in vec(table_mutation(), 1..30),
        of_scores in vec(scores_mutation(), 1..30),
    ) {
        accepted(board(), of_board);
        accepted(table(), of_table);
        accepted(Scores::default(), of_scores);
    }
}
