//! `nested` and `each`: fields which are live values themselves.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use livestore::{Entry, Invalid, LiveValue};

use super::apply;

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)), validate = Player::next)]
struct Player {
    #[live(len = 1..=4)]
    nick: String,
    #[live(toggle)]
    ready: bool,
}

impl Player {
    /// A nick is changed once only.
    fn next(&self, was: &Self) -> Result<(), &'static str> {
        if self.nick != was.nick && was.nick != "new" {
            Err("named already")
        } else {
            Ok(())
        }
    }
}

/// A type whose trait is written by hand can be nested.
#[derive(Clone, Debug, PartialEq)]
struct Door {
    open: bool,
}

impl LiveValue for Door {
    type Message = ();
    type Mutation = bool;
    type MutError = &'static str;

    fn mutate(entry: &Entry<Self>, open: &bool) -> Result<Self, &'static str> {
        if entry.open == *open {
            Err("it is that way already")
        } else {
            Ok(Door { open: *open })
        }
    }
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Room {
    #[live(nested)]
    owner: Player,
    #[live(nested = MoveDoor)]
    door: Door,
    #[live(each, insert = Join, len = ..=2)]
    players: HashMap<u8, Player>,
    #[live(each = Seat, validate = one_ready)]
    seats: Arc<BTreeMap<u8, Player>>,
}

fn one_ready(seats: &BTreeMap<u8, Player>) -> Result<(), &'static str> {
    if seats.values().filter(|player| player.ready).count() > 1 {
        Err("only one")
    } else {
        Ok(())
    }
}

fn player(nick: &str) -> Player {
    Player {
        nick: nick.into(),
        ready: false,
    }
}

fn room() -> Room {
    let seats = BTreeMap::from([(1, player("a")), (2, player("b"))]);
    Room {
        owner: player("new"),
        door: Door { open: false },
        players: HashMap::from([(1, player("new"))]),
        seats: Arc::new(seats),
    }
}

fn rejected(text: &'static str) -> PlayerError {
    PlayerError::Rejected(Invalid::from(text))
}

#[test]
fn a_nested_value_keeps_its_own_rules() {
    let mut room = room();
    apply(
        &mut room,
        RoomMutation::UpdateOwner(PlayerMutation::SetNick("ann".into())),
    )
    .unwrap();
    assert_eq!(room.owner.nick, "ann");
    let error = apply(
        &mut room,
        RoomMutation::UpdateOwner(PlayerMutation::SetNick("bob".into())),
    );
    assert_eq!(error, Err(RoomError::UpdateOwner(rejected("named already"))));
    let error = apply(
        &mut room,
        RoomMutation::UpdateOwner(PlayerMutation::SetNick(String::new())),
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "owner: nick: length 0 is not within 1..=4");
}

#[test]
fn a_value_written_by_hand_can_be_nested() {
    let mut room = room();
    apply(&mut room, RoomMutation::MoveDoor(true)).unwrap();
    assert!(room.door.open);
    assert_eq!(
        apply(&mut room, RoomMutation::MoveDoor(true)),
        Err(RoomError::MoveDoor("it is that way already"))
    );
}

/// A type whose trait is written by hand, and whose mutations do not ask its check.
#[derive(Clone, Debug, PartialEq)]
struct Gauge(u8);

impl LiveValue for Gauge {
    type Message = ();
    type Mutation = u8;
    type MutError = &'static str;

    fn mutate(_: &Entry<Self>, to: &u8) -> Result<Self, &'static str> {
        Ok(Gauge(*to))
    }

    fn check(&self, _: Option<&Self>) -> Result<(), &'static str> {
        if self.0 > 9 { Err("too much") } else { Ok(()) }
    }
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Panel {
    #[live(nested)]
    main: Gauge,
    #[live(each)]
    others: BTreeMap<u8, Gauge>,
    #[live(nested)]
    shared: Arc<Gauge>,
}

/// It was committed, though `check` of the whole refuses it.
#[test]
fn what_a_value_written_by_hand_makes_of_itself_must_pass_its_own_check() {
    let mut panel = Panel {
        main: Gauge(1),
        others: BTreeMap::from([(1, Gauge(1))]),
        shared: Arc::new(Gauge(1)),
    };
    apply(&mut panel, PanelMutation::UpdateMain(9)).unwrap();
    assert_eq!(
        apply(&mut panel, PanelMutation::UpdateMain(10)),
        Err(PanelError::UpdateMain("too much"))
    );
    assert!(apply(&mut panel, PanelMutation::UpdateShared(10)).is_err());
    assert!(apply(&mut panel, PanelMutation::UpdateOthers(1, 10)).is_err());
    assert_eq!((panel.main.0, panel.shared.0), (9, 1));
    panel.check(None).unwrap();
}

#[test]
fn each_changes_the_value_at_a_key() {
    let mut room = room();
    apply(
        &mut room,
        RoomMutation::UpdatePlayers(1, PlayerMutation::ToggleReady),
    )
    .unwrap();
    assert!(room.players[&1].ready);
    let error = apply(
        &mut room,
        RoomMutation::UpdatePlayers(9, PlayerMutation::ToggleReady),
    )
    .unwrap_err();
    assert_eq!(error, RoomError::Players(Invalid::Missing));
    assert_eq!(error.to_string(), "players: there is no such key");
    let error = apply(
        &mut room,
        RoomMutation::UpdatePlayers(1, PlayerMutation::SetNick(String::new())),
    );
    assert!(matches!(
        error,
        Err(RoomError::UpdatePlayers(_, PlayerError::Nick(_)))
    ));
}

#[test]
fn a_rule_of_the_map_sees_what_each_makes_of_it() {
    let mut room = room();
    apply(&mut room, RoomMutation::Seat(1, PlayerMutation::ToggleReady)).unwrap();
    let error = apply(&mut room, RoomMutation::Seat(2, PlayerMutation::ToggleReady));
    assert_eq!(error, Err(RoomError::Seats(Invalid::from("only one"))));
    apply(&mut room, RoomMutation::Seat(1, PlayerMutation::ToggleReady)).unwrap();
    apply(&mut room, RoomMutation::Seat(2, PlayerMutation::ToggleReady)).unwrap();
}

#[test]
fn each_copies_a_shared_map_only_if_there_is_something_to_change() {
    #[derive(Clone, LiveValue)]
    struct Shared {
        #[live(each)]
        seats: Arc<BTreeMap<u8, Player>>,
    }
    let mut shared = Shared { seats: room().seats };
    let reader = Arc::clone(&shared.seats);
    assert!(
        shared
            .apply(&SharedMutation::UpdateSeats(9, PlayerMutation::ToggleReady))
            .is_err()
    );
    assert!(Arc::ptr_eq(&reader, &shared.seats));
    assert!(
        shared
            .apply(&SharedMutation::UpdateSeats(1, PlayerMutation::ToggleReady))
            .is_ok()
    );
    assert!(!reader[&1].ready && shared.seats[&1].ready);
}

#[test]
fn check_goes_into_nested_values() {
    let was = room();
    assert_eq!(was.check(None), Ok(()));

    let mut now = was.clone();
    now.owner.nick = String::new();
    assert!(matches!(
        now.check(None),
        Err(RoomError::UpdateOwner(PlayerError::Nick(_)))
    ));

    // Each value is compared with the one that was at its key.
    let mut now = was.clone();
    now.players.insert(2, player("x"));
    now.players.insert(1, player("y"));
    assert_eq!(now.check(Some(&was)), Ok(()));
    assert_eq!(
        was.check(Some(&now)),
        Err(RoomError::UpdatePlayers("1".into(), rejected("named already")))
    );

    let mut now = was.clone();
    now.players.insert(1, player("too long"));
    assert!(matches!(
        now.check(None),
        Err(RoomError::UpdatePlayers(_, PlayerError::Nick(_)))
    ));
}

#[derive(Clone, Debug, Default, PartialEq, LiveValue)]
#[live(derive(Clone, PartialEq), mutation(derive(Debug)))]
struct Folder {
    #[live(len = ..=8)]
    name: String,
    #[live(each, insert)]
    folders: BTreeMap<u8, Self>,
}

#[test]
fn a_value_can_hold_values_of_its_own_type() {
    let mut root = Folder::default();
    apply(&mut root, FolderMutation::InsertFolders(1, Folder::default())).unwrap();
    let inside = |mutation| FolderMutation::UpdateFolders(1, Box::new(mutation));
    apply(
        &mut root,
        inside(FolderMutation::InsertFolders(2, Folder::default())),
    )
    .unwrap();
    let rename = FolderMutation::UpdateFolders(2, Box::new(FolderMutation::SetName("deep".into())));
    apply(&mut root, inside(rename)).unwrap();
    assert_eq!(root.folders[&1].folders[&2].name, "deep");

    let long = FolderMutation::SetName("much too long".into());
    let error = apply(
        &mut root,
        inside(FolderMutation::UpdateFolders(2, Box::new(long))),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "folders[1]: folders[2]: name: length 13 is not within ..=8"
    );
    root.folders.get_mut(&1).unwrap().name = "much too long".into();
    assert!(matches!(root.check(None), Err(FolderError::UpdateFolders(_, _))));
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(derive(Debug, PartialEq))]
struct Cell<T> {
    value: Vec<T>,
    #[live(each)]
    cells: HashMap<u8, Cell<T>>,
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(derive(Debug, PartialEq))]
struct Grid<T: Copy, K: Eq + std::hash::Hash, U> {
    #[live(nested)]
    first: Cell<T>,
    #[live(each)]
    others: HashMap<K, Cell<(T, U)>>,
}

#[test]
fn nested_values_can_have_the_parameters_of_the_outer_one() {
    let cell = Cell {
        value: vec![1],
        cells: HashMap::new(),
    };
    let mut grid: Grid<u8, u8, u16> = Grid {
        first: cell,
        others: HashMap::new(),
    };
    apply(
        &mut grid,
        GridMutation::UpdateFirst(CellMutation::SetValue(vec![2])),
    )
    .unwrap();
    assert_eq!(grid.first.value, [2]);
    let error = apply(
        &mut grid,
        GridMutation::UpdateOthers(1, CellMutation::SetValue(vec![(1, 2)])),
    );
    assert_eq!(error, Err(GridError::Others(Invalid::Missing)));
}
