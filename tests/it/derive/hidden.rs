//! [`Hidden`] fields: changed like others, written to the store's files, and told to nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use livestore::{Durability, Hidden, Invalid, LiveStore, LiveValue, Uuid, ops};
use serde::{Deserialize, Serialize, Serializer};

use super::apply;

/// What must be found nowhere.
const SECRET: &str = "hunter2";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, LiveValue)]
#[live(derive(Debug, PartialEq, Serialize, Deserialize), message(variants(Whisper(Hidden<String>))))]
struct Plan {
    #[live(set, validate = not_empty, message = Hint)]
    text: Hidden<String>,
    #[live(increment)]
    step: u8,
}

fn not_empty(text: &str) -> Result<(), &'static str> {
    match text {
        "" => Err("a plan needs words"),
        _ => Ok(()),
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, LiveValue)]
#[live(derive(Debug, PartialEq, Serialize, Deserialize))]
struct Card {
    #[live(id)]
    number: u32,
    #[live(len = 1..)]
    text: String,
}

/// A field of every kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, LiveValue)]
#[live(derive(Debug, PartialEq, Serialize, Deserialize))]
struct Player {
    name: String,
    #[live(set, len = ..=8)]
    token: Hidden<String>,
    #[live(set, increment, decrement, range = ..=10)]
    coins: Hidden<u32>,
    #[live(set, clear, range = 1..=6)]
    die: Hidden<Option<u8>>,
    #[live(set, range = 1..=6)]
    other_die: Option<Hidden<u8>>,
    #[live(toggle)]
    is_spy: Hidden<bool>,
    #[live(push, clear, keep = 2, len = ..=3)]
    hand: Hidden<Vec<String>>,
    #[live(push)]
    shared: Hidden<Arc<VecDeque<u8>>>,
    #[live(insert(new), remove(present), len = ..=2)]
    seen: Hidden<BTreeSet<String>>,
    #[live(insert, remove, clear)]
    notes: Hidden<HashMap<String, String>>,
    #[live(add, remove)]
    votes: Hidden<BTreeMap<String, u8>>,
    #[live(add, insert, set, range = ..=10)]
    scores: BTreeMap<String, Hidden<u8>>,
    #[live(set, nested)]
    plan: Hidden<Plan>,
    #[live(set, nested)]
    other_plan: Option<Box<Hidden<Plan>>>,
    #[live(insert, each)]
    plans: BTreeMap<String, Hidden<Plan>>,
    #[live(push, each(by = number), remove)]
    cards: Vec<Hidden<Card>>,
    #[live(set_at, each)]
    seats: [Hidden<Plan>; 2],
    #[live(insert, each)]
    by_secret: BTreeMap<Hidden<String>, Card>,
}

fn secret() -> Hidden<String> {
    SECRET.to_owned().into()
}

fn plan(text: &str) -> Hidden<Plan> {
    Plan {
        text: text.to_owned().into(),
        step: 0,
    }
    .into()
}

fn set_text(text: &str) -> Hidden<PlanMutation> {
    PlanMutation::SetText(text.to_owned().into()).into()
}

/// Everything that can be done to it, each of which says the secret where it says anything.
fn mutations() -> Vec<PlayerMutation> {
    use PlayerMutation as Do;
    let card = || Card {
        number: 7,
        text: SECRET.into(),
    };
    vec![
        Do::SetToken(secret()),
        Do::SetCoins(5.into()),
        Do::IncrementCoins(4.into()),
        Do::DecrementCoins(1.into()),
        Do::SetDie(Some(6).into()),
        Do::SetOtherDie(Some(6.into())),
        Do::ToggleIsSpy,
        Do::PushHand(secret()),
        Do::PushShared(1.into()),
        Do::InsertSeen(secret()),
        Do::InsertNotes((SECRET.to_owned(), SECRET.to_owned()).into()),
        Do::AddVotes(secret(), 1.into()),
        Do::AddScores("ann".into(), 3.into()),
        Do::InsertScores("ben".into(), 4.into()),
        Do::SetPlan(plan(SECRET)),
        Do::UpdatePlan(set_text(SECRET)),
        Do::SetOtherPlan(Some(Box::new(plan("x")))),
        Do::UpdateOtherPlan(set_text(SECRET)),
        Do::InsertPlans("a".into(), plan("x")),
        Do::UpdatePlans("a".into(), set_text(SECRET)),
        Do::PushCards(card().into()),
        Do::UpdateCards(7, CardMutation::SetText(SECRET.into()).into()),
        Do::SetAtSeats(0, plan(SECRET)),
        Do::UpdateSeats(1, set_text(SECRET)),
        Do::InsertBySecret(
            secret(),
            Card {
                text: "x".into(),
                ..card()
            },
        ),
    ]
}

fn full() -> Player {
    let mut player = Player {
        name: "ann".into(),
        ..Player::default()
    };
    for mutation in mutations() {
        apply(&mut player, mutation).unwrap();
    }
    player
}

#[test]
fn hidden_fields_take_what_others_take() {
    let player = full();
    assert_eq!(*player.token, SECRET);
    assert_eq!((*player.coins, *player.die, *player.is_spy), (8, Some(6), true));
    assert_eq!(player.other_die.as_deref(), Some(&6));
    assert_eq!(player.hand[..], [SECRET]);
    assert_eq!(*player.shared.clone().into_inner(), [1]);
    assert!(player.seen.contains(SECRET));
    assert_eq!(player.notes[SECRET], SECRET);
    assert_eq!(player.votes[SECRET], 1);
    assert_eq!(*player.scores["ann"] + *player.scores["ben"], 7);
    assert_eq!(*player.plan.text, SECRET);
    assert_eq!(*player.other_plan.as_ref().unwrap().text, SECRET);
    assert_eq!(*player.plans["a"].text, SECRET);
    assert_eq!(player.cards[0].text, SECRET);
    assert_eq!(*player.seats[0].text, SECRET);
    assert_eq!(*player.seats[1].text, SECRET);

    let mut player = player;
    for mutation in [
        PlayerMutation::ClearDie,
        PlayerMutation::PushHand("a".to_owned().into()),
        PlayerMutation::PushHand("b".to_owned().into()),
        PlayerMutation::RemoveSeen(secret()),
        PlayerMutation::RemoveNotes(secret()),
        PlayerMutation::RemoveVotes(secret()),
        PlayerMutation::RemoveCards(7),
    ] {
        apply(&mut player, mutation).unwrap();
    }
    assert_eq!(player.hand[..], ["a", "b"], "the last two are kept");
    assert!(player.die.is_none() && player.seen.is_empty() && player.notes.is_empty());
    assert!(player.votes.is_empty() && player.cards.is_empty());
}

#[test]
fn rules_look_at_what_is_hidden() {
    let mut player = full();
    for (mutation, words) in [
        (
            PlayerMutation::SetToken("123456789".to_owned().into()),
            "token: length 9 is not within ..=8",
        ),
        (
            PlayerMutation::IncrementCoins(3.into()),
            "coins: the value is not within ..=10",
        ),
        (
            PlayerMutation::DecrementCoins(9.into()),
            "coins: the number does not fit its type",
        ),
        (
            PlayerMutation::SetDie(Some(7).into()),
            "die: the value is not within 1..=6",
        ),
        (
            PlayerMutation::SetOtherDie(Some(0.into())),
            "other_die: the value is not within 1..=6",
        ),
        (PlayerMutation::InsertSeen(secret()), "seen: there is one already"),
        (
            PlayerMutation::RemoveSeen("x".to_owned().into()),
            "seen: there is no such key",
        ),
        (
            PlayerMutation::AddScores("ann".into(), 8.into()),
            "scores: the value is not within ..=10",
        ),
        (
            PlayerMutation::SetScores(BTreeMap::from([("x".to_owned(), 11.into())])),
            "scores: the value is not within ..=10",
        ),
        (
            PlayerMutation::UpdatePlan(set_text("")),
            "plan: text: a plan needs words",
        ),
        (
            PlayerMutation::SetPlan(plan("")),
            "plan: text: a plan needs words",
        ),
        (
            PlayerMutation::UpdatePlans("a".into(), set_text("")),
            "plans[a]: text: a plan needs words",
        ),
        (
            PlayerMutation::UpdateCards(7, CardMutation::SetText(String::new()).into()),
            "cards[7]: text: length 0 is not within 1..",
        ),
        (
            // The key is named as far as it can be.
            PlayerMutation::UpdateBySecret(secret(), CardMutation::SetText(String::new())),
            "by_secret[Hidden(..)]: text: length 0 is not within 1..",
        ),
    ] {
        let error = apply(&mut player, mutation.clone()).unwrap_err();
        assert_eq!(error.to_string(), words, "{mutation:?}");
    }
    player.token = "123456789".to_owned().into();
    assert!(matches!(
        player.check(None),
        Err(PlayerError::Token(Invalid::Length { len: 9, .. }))
    ));
    player.token = secret();
    player.die = Some(9).into();
    assert!(matches!(player.check(None), Err(PlayerError::Die(_))));
    let hint = PlanMessage::Hint(String::new().into());
    assert!(Plan::default().check_message(&hint).is_err());
}

mod by_its_path {
    #[derive(Clone, livestore::LiveValue)]
    pub(super) struct Dice {
        #[live(set, range = 1..=6)]
        pub(super) die: livestore::Hidden<u8>,
    }
}

#[test]
fn it_may_be_named_by_its_path() {
    use by_its_path::{Dice, DiceMutation};
    let mut dice = Dice { die: 1.into() };
    dice.apply(&DiceMutation::SetDie(6.into())).unwrap();
    assert!(dice.apply(&DiceMutation::SetDie(7.into())).is_err());
    assert_eq!(*dice.die, 6);
}

/// A mutation of a hidden value is applied in the writer's one step where one of the value itself would be.
#[test]
fn a_hidden_value_is_as_plain_as_what_is_in_it() {
    #[derive(Clone, LiveValue)]
    struct Own(u8);
    #[derive(Clone, LiveValue)]
    struct Mixed {
        text: Hidden<String>,
        own: Hidden<Own>,
    }
    let mixed = Mixed {
        text: secret(),
        own: Own(1).into(),
    };
    assert!(Mixed::__is_plain(&MixedMutation::SetText(mixed.text.clone())));
    assert!(!Mixed::__is_plain(&MixedMutation::SetOwn(mixed.own.clone())));
    assert!(mixed.__copy().is_none(), "there is a type of the user's in it");
    let text = Text { text: secret() };
    assert_eq!(
        text.__copy().map(|copy| copy.text.into_inner()),
        Some(SECRET.to_owned())
    );
    let long = Text {
        text: "x".repeat(2000).into(),
    };
    assert!(long.__copy().is_none(), "it is not small");
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, LiveValue)]
struct Text {
    text: Hidden<String>,
}

#[tokio::test]
async fn nothing_that_is_shown_has_the_secret() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(full());
    store
        .mutate(&key, PlayerMutation::SetToken(secret()))
        .await
        .unwrap();
    let update = watch.next().await.unwrap();
    let whisper = PlanMessage::Whisper(secret());
    let hidden_message = Hidden::from(whisper.clone());
    let mut shown = vec![
        format!("{update:?}"),
        format!("{update:#?}"),
        format!("{:?}", store.fetch(&key)),
        format!("{whisper:?} {hidden_message:?}"),
        format!("{:?}", set_text(SECRET)),
    ];
    for mutation in mutations() {
        shown.push(format!("{mutation:?}"));
    }
    let plans = LiveStore::<Hidden<Plan>>::default();
    let (key, mut watch) = plans.init_and_watch(plan(SECRET));
    plans.mutate(&key, set_text(SECRET)).await.unwrap();
    plans.broadcast(&key, whisper.into()).unwrap();
    for _ in 0..2 {
        shown.push(format!("{:?}", watch.next().await.unwrap()));
    }
    for shown in shown {
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(shown.contains("Hidden(..)") || !shown.contains('('), "{shown}");
    }
}

#[test]
fn other_serializers_get_an_error_and_not_the_secret() {
    let refused = |error: String| {
        assert!(error.contains("leaves the server in no form"), "{error}");
        assert!(!error.contains(SECRET), "{error}");
    };
    let mut written = Vec::new();
    refused(
        serde_json::to_writer(&mut written, &full())
            .unwrap_err()
            .to_string(),
    );
    assert!(!String::from_utf8(written).unwrap().contains(SECRET));
    refused(
        serde_json::to_value(livestore::Entry::new(full()))
            .unwrap_err()
            .to_string(),
    );
    refused(
        serde_json::to_string(&PlayerMutation::SetToken(secret()))
            .unwrap_err()
            .to_string(),
    );
    refused(
        serde_json::to_string(&PlanMessage::Whisper(secret()))
            .unwrap_err()
            .to_string(),
    );
    let held: (Vec<_>, Option<_>, Box<_>) = (vec![secret()], Some(secret()), Box::new(secret()));
    refused(serde_json::to_string(&held.0).unwrap_err().to_string());
    refused(serde_json::to_string(&held.1).unwrap_err().to_string());
    refused(serde_json::to_string(&held.2).unwrap_err().to_string());
    assert_eq!(serde_json::to_string(&None::<Hidden<String>>).unwrap(), "null");
}

#[test]
fn what_comes_from_outside_may_be_hidden() {
    let set: PlayerMutation = serde_json::from_str(r#"{"SetToken":"hunter2"}"#).unwrap();
    assert_eq!(set, PlayerMutation::SetToken(secret()));
    let nested: PlayerMutation = serde_json::from_str(r#"{"UpdatePlan":{"SetText":"hunter2"}}"#).unwrap();
    assert_eq!(nested, PlayerMutation::UpdatePlan(set_text(SECRET)));
    // Serde's own words quote what it found.
    let wrong = serde_json::from_str::<Hidden<u8>>(r#""hunter2""#)
        .unwrap_err()
        .to_string();
    assert!(
        wrong.contains("not what the hidden value is") && !wrong.contains(SECRET),
        "{wrong}"
    );
    let wrong = serde_json::from_str::<u8>(r#""hunter2""#)
        .unwrap_err()
        .to_string();
    assert!(wrong.contains(SECRET), "{wrong}");
}

/// Through everything that serde puts between a value and a serializer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Wrapped {
    Newtype(Hidden<String>),
    Tuple(u8, Hidden<String>),
    Struct { text: Hidden<Option<String>> },
    Tagged(Tagged),
    Untagged(Untagged),
    Flat(Flat),
    Keys(BTreeMap<Hidden<String>, Arc<Hidden<String>>>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Newtype(Hidden<Text>),
    Nested(Inner),
    Struct { text: Hidden<String> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Inner {
    Tuple(u8, Hidden<String>),
    Struct { text: Hidden<String> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(Hidden<u8>),
    Text(Hidden<String>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    number: u8,
    #[serde(flatten)]
    text: Hidden<Text>,
    #[serde(flatten)]
    rest: Hidden<BTreeMap<String, u8>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, LiveValue)]
struct Deep {
    #[live(skip)]
    wrapped: Vec<Wrapped>,
    #[live(skip)]
    player: Player,
}

fn deep() -> Deep {
    let text = || Text { text: secret() };
    Deep {
        wrapped: vec![
            Wrapped::Newtype(secret()),
            Wrapped::Tuple(1, secret()),
            Wrapped::Struct {
                text: Some(SECRET.to_owned()).into(),
            },
            Wrapped::Tagged(Tagged::Newtype(text().into())),
            Wrapped::Tagged(Tagged::Nested(Inner::Tuple(1, secret()))),
            Wrapped::Tagged(Tagged::Nested(Inner::Struct { text: secret() })),
            Wrapped::Tagged(Tagged::Struct { text: secret() }),
            Wrapped::Untagged(Untagged::Text(secret())),
            Wrapped::Untagged(Untagged::Number(7.into())),
            Wrapped::Flat(Flat {
                number: 1,
                text: text().into(),
                rest: BTreeMap::from([("x".to_owned(), 1)]).into(),
            }),
            Wrapped::Keys(BTreeMap::from([(secret(), Arc::new(secret()))])),
        ],
        player: full(),
    }
}

#[tokio::test]
async fn hidden_values_are_saved_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("players.save");
    let store = LiveStore::default();
    let key = store.init(deep());
    store.save(&path).await.unwrap();
    let loaded: LiveStore<Deep> = LiveStore::new().load(&path).await.unwrap();
    assert_eq!(**loaded.fetch(&key).unwrap().value(), deep());
    // The thread that saved knows it no more.
    assert!(serde_json::to_string(&secret()).is_err());
}

/// What could not be read back is found in spite of what is hidden beside it, and in it.
#[tokio::test]
async fn a_some_that_would_come_back_as_none_is_found_among_hidden_values() {
    #[derive(Clone, LiveValue, Serialize, Deserialize)]
    struct Twice {
        #[live(skip)]
        first: Hidden<String>,
        #[live(skip)]
        beside: Option<Option<u8>>,
        #[live(skip)]
        inside: Hidden<Option<Option<u8>>>,
    }
    let folder = tempfile::tempdir().unwrap();
    for (beside, inside, is_saved) in [
        (None, Some(Some(1)), true),
        (Some(None), None, false),
        (None, Some(None), false),
    ] {
        let store = LiveStore::default();
        store.init(Twice {
            first: secret(),
            beside,
            inside: inside.into(),
        });
        let saved = store.save(folder.path().join("twice.save")).await;
        assert_eq!(saved.is_ok(), is_saved, "{beside:?} {inside:?} {saved:?}");
    }
}

#[tokio::test]
async fn hidden_values_are_in_a_durable_store() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        LiveStore::<Deep>::new()
            .with_durability(Durability::Interval(std::time::Duration::MAX))
            .open(folder.path())
    };
    let store = open().await.unwrap();
    let key = store.init(deep());
    store.flush().await.unwrap();
    store.close().await.unwrap();
    let store = open().await.unwrap();
    assert_eq!(**store.fetch(&key).unwrap().value(), deep());
    store.close().await.unwrap();
}

/// A `Serialize` that panics, that errs, or that writes something else on the way.
#[derive(Clone, Debug, LiveValue)]
struct Odd {
    #[live(skip)]
    how: u8,
}

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.how {
            0 => panic!("serialize"),
            1 => Err(serde::ser::Error::custom("no")),
            _ => serializer.serialize_str(&serde_json::to_string(&secret()).unwrap_or_default()),
        }
    }
}

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        assert_eq!(text, "\"hunter2\"", "a text within the record is part of it");
        // Here nobody is writing.
        assert!(serde_json::to_string(&secret()).is_err());
        Ok(Odd { how: 2 })
    }
}

#[tokio::test]
async fn what_a_serialize_does_leaves_nothing_revealed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.save");
    for (how, is_saved) in [(0, false), (1, false), (2, true)] {
        let store = LiveStore::default();
        store.init(Odd { how });
        assert_eq!(store.save(&path).await.is_ok(), is_saved, "{how}");
        assert!(serde_json::to_string(&secret()).is_err());
    }
    let loaded: LiveStore<Odd> = LiveStore::new().load(&path).await.unwrap();
    assert_eq!(loaded.len(), 1);
}

#[test]
fn it_is_a_value_like_what_is_in_it() {
    let (a, b) = (Hidden::from(1), Hidden::from(2));
    assert!(a < b && a != b && a == Hidden::from(1) && *a.max(b) == 2);
    assert_eq!(Hidden::<Vec<u8>>::default().into_inner(), Vec::<u8>::new());
    let mut list = Hidden::from(vec![1]);
    list.push(2);
    assert_eq!(*list, [1, 2]);
    assert_eq!(HashMap::from([(secret(), 1)])[&secret()], 1);
    assert_eq!(ops::Len::len(&secret()), 7);
    assert_eq!(Uuid::nil(), *Hidden::from(Uuid::nil()));
}
