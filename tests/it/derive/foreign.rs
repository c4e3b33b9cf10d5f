//! Collections of other crates, by the features that are called like these.

use indexmap::IndexSet;
use livestore::{LiveValue, ops};

use super::apply;

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Player {
    #[live(id)]
    id: u8,
    #[live(len = 1..=4)]
    nick: String,
}

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Room {
    #[live(insert = Join, remove = Leave, each, clear, len = ..=3)]
    players: indexmap::IndexMap<u8, Player>,
    #[live(add = Score, range = 0..=9)]
    points: indexmap::IndexMap<u8, i8>,
    #[live(insert, remove(present), clear, len = ..=3)]
    tags: IndexSet<String>,
    #[live(push, clear, keep = 2)]
    log: smallvec::SmallVec<[u8; 2]>,
    #[live(push = Seat, each(by = id), remove = Unseat)]
    seats: smallvec::SmallVec<[Player; 2]>,
}

fn player(id: u8, nick: &str) -> Player {
    Player {
        id,
        nick: nick.into(),
    }
}

#[test]
fn an_index_map_keeps_its_order() {
    let mut room = Room::default();
    apply(&mut room, RoomMutation::Join(7, player(7, "ann"))).unwrap();
    apply(&mut room, RoomMutation::Join(3, player(3, "ben"))).unwrap();
    apply(&mut room, RoomMutation::Join(5, player(5, "cleo"))).unwrap();
    let full = apply(&mut room, RoomMutation::Join(1, player(1, "dan")));
    assert_eq!(
        full.unwrap_err().to_string(),
        "players: length 4 is not within ..=3"
    );
    apply(&mut room, RoomMutation::Join(7, player(7, "anne"))).unwrap();
    assert!(room.players.keys().eq(&[7, 3, 5]), "replaced at its place");
    let rename = |nick: &str| RoomMutation::UpdatePlayers(3, PlayerMutation::SetNick(nick.into()));
    apply(&mut room, rename("bo")).unwrap();
    let long = apply(&mut room, rename("benedict")).unwrap_err();
    assert_eq!(long.to_string(), "players[3]: nick: length 8 is not within 1..=4");
    apply(&mut room, RoomMutation::Leave(7)).unwrap();
    assert!(room.players.keys().eq(&[3, 5]), "the others stay in order");
    assert_eq!(room.players[&3].nick, "bo");
    apply(&mut room, RoomMutation::ClearPlayers).unwrap();
    assert!(room.players.is_empty());
}

#[test]
fn numbers_in_an_index_map_are_added_to() {
    let mut room = Room::default();
    apply(&mut room, RoomMutation::Score(1, 4)).unwrap();
    apply(&mut room, RoomMutation::Score(1, 5)).unwrap();
    assert_eq!(room.points[&1], 9);
    let much = apply(&mut room, RoomMutation::Score(1, 1)).unwrap_err();
    assert_eq!(much.to_string(), "points: the value is not within 0..=9");
    assert!(
        apply(&mut room, RoomMutation::Score(2, -1)).is_err(),
        "begins with 0"
    );
}

#[test]
fn an_index_set_removes_without_a_swap() {
    let mut room = Room::default();
    for tag in ["a", "b", "c"] {
        apply(&mut room, RoomMutation::InsertTags(tag.into())).unwrap();
    }
    apply(&mut room, RoomMutation::InsertTags("b".into())).unwrap();
    apply(&mut room, RoomMutation::RemoveTags("a".into())).unwrap();
    assert!(room.tags.iter().eq(["b", "c"]));
    assert!(apply(&mut room, RoomMutation::RemoveTags("a".into())).is_err());
    apply(&mut room, RoomMutation::ClearTags).unwrap();
    assert!(room.tags.is_empty());
}

#[test]
fn a_small_vector_is_a_list() {
    let mut room = Room::default();
    for number in 0..5 {
        apply(&mut room, RoomMutation::PushLog(number)).unwrap();
    }
    assert_eq!(room.log.as_slice(), [3, 4]);
    apply(&mut room, RoomMutation::ClearLog).unwrap();
    assert!(room.log.is_empty());

    for id in 1..=3 {
        apply(&mut room, RoomMutation::Seat(player(id, "a"))).unwrap();
    }
    assert!(
        apply(&mut room, RoomMutation::Seat(player(2, "b"))).is_err(),
        "one of that id is there"
    );
    apply(
        &mut room,
        RoomMutation::UpdateSeats(2, PlayerMutation::SetNick("b".into())),
    )
    .unwrap();
    apply(&mut room, RoomMutation::Unseat(1)).unwrap();
    assert_eq!(room.seats.as_slice(), [player(2, "b"), player(3, "a")]);
}

/// What the payloads are spelt like, whatever the path.
#[test]
fn payloads_are_spelt_as_of_the_standard_collections() {
    let _: fn(u8, Player) -> RoomMutation = RoomMutation::Join;
    let _: fn(u8, i8) -> RoomMutation = RoomMutation::Score;
    let _: fn(u8) -> RoomMutation = RoomMutation::PushLog;
}

/// A crate that is not known here: in a type of one's own.
#[test]
fn any_other_type_goes_into_ones_own() {
    #[derive(Clone, Debug, PartialEq)]
    struct Cents(std::num::NonZero<u8>);

    impl ops::Increment for Cents {
        fn checked_increment(&self, by: &Cents) -> Option<Cents> {
            self.0.checked_add(by.0.get()).map(Cents)
        }

        fn checked_decrement(&self, by: &Cents) -> Option<Cents> {
            self.0
                .get()
                .checked_sub(by.0.get())
                .and_then(std::num::NonZero::new)
                .map(Cents)
        }
    }

    #[derive(Clone, Debug, PartialEq, LiveValue)]
    #[live(error(derive(PartialEq)))]
    struct Purse {
        #[live(increment, decrement)]
        cents: Cents,
    }

    let cents = |n: u8| Cents(n.try_into().unwrap());
    let mut purse = Purse { cents: cents(1) };
    apply(&mut purse, PurseMutation::IncrementCents(cents(2))).unwrap();
    assert!(apply(&mut purse, PurseMutation::DecrementCents(cents(3))).is_err());
    assert_eq!(purse.cents, cents(3));
}
