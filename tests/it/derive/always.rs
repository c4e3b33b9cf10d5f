//! Rules always hold: what a mutation of any kind made of a valid value is a valid value.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use livestore::LiveValue;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::apply;

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(derive(Debug, PartialEq))]
struct Player {
    #[live(len = 1..=4)]
    nick: String,
    #[live(set, increment, decrement, range = -3..=3)]
    score: i32,
}

type Bench = HashMap<u8, Player>;

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(
    derive(Debug, PartialEq),
    mutation(variants(Become(Self), Try(Self), Enroll { at: u8, who: Player }, Shout(String))),
)]
struct Team {
    #[live(set, nested)]
    captain: Player,
    #[live(insert, remove, clear, each, set, len = 1..=3)]
    players: BTreeMap<u8, Player>,
    #[live(insert, remove, each)]
    bench: Bench,
    #[live(push, clear, set, keep = 3, len = ..=3)]
    log: Vec<String>,
    #[live(set, increment, decrement, range = ..=5)]
    most: usize,
    #[live(set, increment, decrement, range = ..=self.most)]
    used: usize,
}

impl Team {
    fn r#become(&mut self, other: &Team) {
        *self = other.clone();
    }

    fn r#try(&mut self, other: &Team) -> Result<(), &'static str> {
        *self = other.clone();
        if other.used == 0 { Err("unused") } else { Ok(()) }
    }

    fn enroll(&mut self, at: &u8, who: &Player) {
        self.players.insert(*at, who.clone());
    }

    fn shout(&mut self, text: &str) {
        self.captain.nick.push_str(text);
        self.log.push(text.to_owned());
    }
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(derive(Debug, PartialEq), mutation(variants(Swap(u8), Share(Arc<BTreeMap<u8, Team>>))))]
struct League {
    #[live(insert, remove, each, set)]
    teams: Arc<BTreeMap<u8, Team>>,
    #[live(set, nested)]
    first: Team,
    #[live(push, set, len = ..=self.room())]
    names: Vec<String>,
    #[live(set, increment, decrement)]
    rooms: usize,
}

impl League {
    fn room(&self) -> usize {
        self.rooms * 2
    }

    fn swap(&mut self, at: &u8) {
        if let Some(team) = Arc::make_mut(&mut self.teams).get_mut(at) {
            std::mem::swap(team, &mut self.first);
        }
    }

    fn share(&mut self, teams: &Arc<BTreeMap<u8, Team>>) {
        self.teams = Arc::clone(teams);
    }
}

/// The type of the whole, which shares its error with what is inside it.
#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error = Refusal, mutation(derive(Debug), variants(Replace(League))))]
struct World {
    #[live(nested, set)]
    league: League,
    #[live(each, insert, set)]
    others: BTreeMap<String, League>,
}

impl World {
    fn replace(&mut self, league: &League) {
        self.league = league.clone();
    }
}

#[derive(Debug, PartialEq)]
struct Refusal(String);

impl From<livestore::FieldError> for Refusal {
    fn from(error: livestore::FieldError) -> Self {
        Refusal(error.to_string())
    }
}

impl From<LeagueError> for Refusal {
    fn from(error: LeagueError) -> Self {
        Refusal(error.to_string())
    }
}

/// Nearly half of what is made breaks a rule somewhere.
fn player() -> impl Strategy<Value = Player> {
    ("[a-c]{0,5}", -4..=4).prop_map(|(nick, score)| Player { nick, score })
}

fn valid_player() -> impl Strategy<Value = Player> {
    ("[a-c]{1,4}", -3..=3).prop_map(|(nick, score)| Player { nick, score })
}

fn key() -> std::ops::Range<u8> {
    0..3
}

fn team_of<P: Strategy<Value = Player>>(
    player: impl Fn() -> P,
    players: std::ops::Range<usize>,
    most: usize,
) -> impl Strategy<Value = Team> {
    (
        player(),
        btree_map(key(), player(), players),
        btree_map(key(), player(), 0..2),
        vec("[a-c]{0,2}", 0..=most - 2),
        0..=most,
        0..=most,
    )
        .prop_map(move |(captain, players, bench, log, most_of, used)| Team {
            captain,
            players,
            bench: bench.into_iter().collect(),
            log,
            most: most_of,
            used: if most == 5 { used.min(most_of) } else { used },
        })
}

fn valid_team() -> impl Strategy<Value = Team> {
    team_of(valid_player, 1..4, 5)
}

fn team() -> impl Strategy<Value = Team> {
    prop_oneof![valid_team(), team_of(player, 0..4, 6)]
}

fn valid_league() -> impl Strategy<Value = League> {
    (btree_map(key(), valid_team(), 0..3), valid_team()).prop_map(|(teams, first)| League {
        teams: Arc::new(teams),
        first,
        names: vec!["a".into()],
        rooms: 1,
    })
}

fn league() -> impl Strategy<Value = League> {
    let free = (
        btree_map(key(), team(), 0..3),
        team(),
        vec("[a-c]", 0..4),
        0..2_usize,
    )
        .prop_map(|(teams, first, names, rooms)| League {
            teams: Arc::new(teams),
            first,
            names,
            rooms,
        });
    prop_oneof![valid_league(), free]
}

fn player_mutation() -> impl Strategy<Value = PlayerMutation> {
    prop_oneof![
        "[a-c]{0,5}".prop_map(PlayerMutation::SetNick),
        (-4..=4).prop_map(PlayerMutation::SetScore),
        (-4..=4).prop_map(PlayerMutation::IncrementScore),
        (-4..=4).prop_map(PlayerMutation::DecrementScore),
    ]
}

fn team_mutation() -> impl Strategy<Value = TeamMutation> {
    let log = || vec("[a-c]{0,2}", 0..5);
    prop_oneof![
        player().prop_map(TeamMutation::SetCaptain),
        player_mutation().prop_map(TeamMutation::UpdateCaptain),
        (key(), player()).prop_map(|(k, v)| TeamMutation::InsertPlayers(k, v)),
        key().prop_map(TeamMutation::RemovePlayers),
        Just(TeamMutation::ClearPlayers),
        (key(), player_mutation()).prop_map(|(k, v)| TeamMutation::UpdatePlayers(k, v)),
        btree_map(key(), player(), 0..4).prop_map(TeamMutation::SetPlayers),
        (key(), player()).prop_map(TeamMutation::InsertBench),
        key().prop_map(TeamMutation::RemoveBench),
        (key(), player_mutation()).prop_map(|(k, v)| TeamMutation::UpdateBench(k, v)),
        "[a-c]{0,2}".prop_map(TeamMutation::PushLog),
        Just(TeamMutation::ClearLog),
        log().prop_map(TeamMutation::SetLog),
        (0..7_usize).prop_map(TeamMutation::SetMost),
        (0..7_usize).prop_map(TeamMutation::IncrementMost),
        (0..7_usize).prop_map(TeamMutation::DecrementMost),
        (0..7_usize).prop_map(TeamMutation::SetUsed),
        (0..7_usize).prop_map(TeamMutation::IncrementUsed),
        (0..7_usize).prop_map(TeamMutation::DecrementUsed),
        team().prop_map(TeamMutation::Become),
        team().prop_map(TeamMutation::Try),
        (key(), player()).prop_map(|(at, who)| TeamMutation::Enroll { at, who }),
        "[a-c]{0,2}".prop_map(TeamMutation::Shout),
    ]
}

fn league_mutation() -> impl Strategy<Value = LeagueMutation> {
    let teams = || btree_map(key(), team(), 0..3).prop_map(Arc::new);
    prop_oneof![
        (key(), team()).prop_map(|(k, v)| LeagueMutation::InsertTeams(k, v)),
        key().prop_map(LeagueMutation::RemoveTeams),
        (key(), team_mutation()).prop_map(|(k, v)| LeagueMutation::UpdateTeams(k, v)),
        teams().prop_map(LeagueMutation::SetTeams),
        team().prop_map(LeagueMutation::SetFirst),
        team_mutation().prop_map(LeagueMutation::UpdateFirst),
        "[a-c]".prop_map(LeagueMutation::PushNames),
        vec("[a-c]", 0..4).prop_map(LeagueMutation::SetNames),
        (0..3_usize).prop_map(LeagueMutation::SetRooms),
        (0..2_usize).prop_map(LeagueMutation::IncrementRooms),
        (0..2_usize).prop_map(LeagueMutation::DecrementRooms),
        key().prop_map(LeagueMutation::Swap),
        teams().prop_map(LeagueMutation::Share),
    ]
}

fn world_mutation() -> impl Strategy<Value = WorldMutation> {
    let leagues = btree_map("[ab]", league(), 0..3);
    prop_oneof![
        league().prop_map(WorldMutation::SetLeague),
        league_mutation().prop_map(WorldMutation::UpdateLeague),
        ("[ab]", league_mutation()).prop_map(|(k, v)| WorldMutation::UpdateOthers(k, v)),
        ("[ab]", league()).prop_map(|(k, v)| WorldMutation::InsertOthers(k, v)),
        leagues.prop_map(WorldMutation::SetOthers),
        league().prop_map(WorldMutation::Replace),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// A team took a player whose nick was empty by `insert`, by `set` and by a method, a method could do anything, and
    /// `most` could sink below what was used: afterwards `check` said no to what the store held, and a saved store could
    /// not be loaded.
    #[test]
    fn what_was_accepted_passes_the_check(
        start in valid_team(),
        mutations in vec(team_mutation(), 1..30),
    ) {
        let mut team = start;
        prop_assert_eq!(team.check(None), Ok(()));
        for mutation in mutations {
            if apply(&mut team, mutation.clone()).is_ok() {
                prop_assert_eq!(team.check(None), Ok(()), "after {:?}", mutation);
            }
        }
    }

    /// The same from outside, through everything that is between.
    #[test]
    fn what_was_accepted_passes_the_check_at_every_depth(
        first in valid_league(),
        other in valid_league(),
        mutations in vec(world_mutation(), 1..20),
    ) {
        let mut world = World { league: first, others: BTreeMap::from([("a".into(), other)]) };
        prop_assert_eq!(world.check(None), Ok(()));
        for mutation in mutations {
            if apply(&mut world, mutation.clone()).is_ok() {
                prop_assert_eq!(world.check(None), Ok(()), "after {:?}", mutation);
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)), mutation(variants(Greet { who: String, nick: String })))]
struct Hall {
    #[live(insert = Join, each, set)]
    players: BTreeMap<String, Player>,
    #[live(set, nested)]
    host: Player,
}

impl Hall {
    fn greet(&mut self, who: &str, nick: &str) {
        let player = Player {
            nick: nick.to_owned(),
            score: 0,
        };
        self.players.insert(who.to_owned(), player);
    }
}

fn nameless() -> Player {
    Player {
        nick: String::new(),
        score: 0,
    }
}

fn named(nick: &str) -> Player {
    Player {
        nick: nick.to_owned(),
        score: 0,
    }
}

fn hall() -> Hall {
    Hall {
        players: BTreeMap::from([("ben".into(), named("ben"))]),
        host: named("ann"),
    }
}

#[test]
fn a_refusal_names_the_path_and_the_key() {
    let ben = "players[ben]: nick: length 0 is not within 1..=4";
    for (mutation, text) in [
        (HallMutation::Join("ben".into(), nameless()), ben),
        (
            HallMutation::SetPlayers(BTreeMap::from([("ben".into(), nameless())])),
            ben,
        ),
        (
            HallMutation::UpdatePlayers("ben".into(), PlayerMutation::SetNick(String::new())),
            ben,
        ),
        (
            HallMutation::Greet {
                who: "ben".into(),
                nick: String::new(),
            },
            ben,
        ),
        (
            HallMutation::SetHost(nameless()),
            "host: nick: length 0 is not within 1..=4",
        ),
    ] {
        let error = apply(&mut hall(), mutation).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
    let broken = Hall {
        players: BTreeMap::from([("ben".into(), nameless())]),
        ..hall()
    };
    let HallError::UpdatePlayers(key, PlayerError::Nick(_)) = broken.check(None).unwrap_err() else {
        panic!("not at the player");
    };
    assert_eq!(key, "ben");
}

/// One error for every type of an application, as many have it.
#[derive(Debug, PartialEq)]
enum AppError {
    Rule(livestore::FieldError),
    Full,
}

impl From<livestore::FieldError> for AppError {
    fn from(error: livestore::FieldError) -> Self {
        AppError::Rule(error)
    }
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error = AppError, mutation(variants(Fill)))]
struct Seat {
    #[live(len = 1..)]
    name: String,
    #[live(nested)]
    player: Player,
}

impl Seat {
    fn fill(&mut self) -> Result<(), AppError> {
        Err(AppError::Full)
    }
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error = AppError)]
struct Table {
    #[live(each, insert)]
    seats: BTreeMap<u8, Seat>,
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error = AppError)]
struct Casino {
    #[live(nested, set)]
    table: Table,
    #[live(each)]
    players: HashMap<u32, Player>,
}

fn casino() -> Casino {
    let seat = Seat {
        name: "window".into(),
        player: named("ann"),
    };
    Casino {
        table: Table {
            seats: BTreeMap::from([(7, seat)]),
        },
        players: HashMap::from([(1, named("ben"))]),
    }
}

#[test]
fn an_error_of_ones_own_is_told_the_path_and_the_key() {
    let at_seat = |mutation| CasinoMutation::UpdateTable(TableMutation::UpdateSeats(7, mutation));
    let mut broken = casino().table;
    broken.seats.get_mut(&7).unwrap().player = nameless();
    for (mutation, path, text) in [
        (
            at_seat(SeatMutation::SetName(String::new())),
            "table: seats[7]: name",
            "table: seats[7]: name: length 0 is not within 1..",
        ),
        (
            at_seat(SeatMutation::UpdatePlayer(PlayerMutation::SetNick(String::new()))),
            "table: seats[7]: player: nick",
            "table: seats[7]: player: nick: length 0 is not within 1..=4",
        ),
        (
            CasinoMutation::SetTable(broken),
            "table: seats[7]: player: nick",
            "table: seats[7]: player: nick: length 0 is not within 1..=4",
        ),
        (
            CasinoMutation::UpdateTable(TableMutation::UpdateSeats(9, SeatMutation::Fill)),
            "table: seats[9]",
            "table: seats[9]: there is no such key",
        ),
        (
            CasinoMutation::UpdatePlayers(1, PlayerMutation::IncrementScore(i32::MAX)),
            "players[1]: score",
            "players[1]: score: the value is not within -3..=3",
        ),
    ] {
        let AppError::Rule(error) = apply(&mut casino(), mutation).unwrap_err() else {
            panic!("no rule");
        };
        assert_eq!((error.path(), error.to_string().as_str()), (path, text));
    }
    // What a method says comes out as it is.
    assert_eq!(
        apply(&mut casino(), at_seat(SeatMutation::Fill)),
        Err(AppError::Full)
    );
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)))]
struct Lobby {
    #[live(increment, decrement, set = Allow)]
    max_players: usize,
    #[live(insert = Join, remove = Leave, len = ..=self.max_players)]
    players: BTreeMap<u8, u8>,
    #[live(set, range = 0..self.players.len())]
    turn: usize,
}

/// `len = ..=self.max_players` held for `players`, but nothing looked at the players when `max_players` sank.
#[test]
fn a_limit_that_is_a_field_holds_when_it_changes_too() {
    let mut lobby = Lobby {
        max_players: 2,
        players: BTreeMap::from([(1, 1), (2, 2)]),
        turn: 1,
    };
    let too_many = |len, most: &str| {
        Err(LobbyError::Players(livestore::Invalid::Length {
            len,
            allowed: format!("..={most}"),
        }))
    };
    assert_eq!(apply(&mut lobby, LobbyMutation::Join(3, 3)), too_many(3, "2"));
    assert_eq!(
        apply(&mut lobby, LobbyMutation::DecrementMaxPlayers(1)),
        too_many(2, "1")
    );
    assert_eq!(apply(&mut lobby, LobbyMutation::Allow(0)), too_many(2, "0"));
    apply(&mut lobby, LobbyMutation::IncrementMaxPlayers(1)).unwrap();
    apply(&mut lobby, LobbyMutation::Join(3, 3)).unwrap();
    apply(&mut lobby, LobbyMutation::SetTurn(2)).unwrap();
    // It is the third one's turn, who can therefore not leave.
    assert!(matches!(
        apply(&mut lobby, LobbyMutation::Leave(3)),
        Err(LobbyError::Turn(_))
    ));
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(derive(PartialEq), mutation(variants(Touch)))]
struct Shelf {
    #[live(each)]
    books: Arc<BTreeMap<u8, Player>>,
    label: String,
    #[live(validate = counted)]
    pages: Arc<Vec<u8>>,
}

impl Shelf {
    fn touch(&mut self) {
        self.label.push('!');
    }
}

thread_local! {
    static LOOKED_AT: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

fn counted(_: &[u8]) -> Result<(), &'static str> {
    LOOKED_AT.set(LOOKED_AT.get() + 1);
    Ok(())
}

/// A room of ten thousand things pays nothing for a method that touches its title.
#[test]
fn what_is_shared_with_the_value_before_is_not_looked_at_again() {
    let books = Arc::new(BTreeMap::from([(1, nameless())]));
    let mut shelf = Shelf {
        books,
        label: String::new(),
        pages: Arc::default(),
    };
    // The books were put there by the server, and break a rule; the method did not touch them.
    apply(&mut shelf, ShelfMutation::Touch).unwrap();
    assert_eq!(LOOKED_AT.get(), 0);
    apply(&mut shelf, ShelfMutation::SetPages(Arc::default())).unwrap();
    assert_eq!(LOOKED_AT.get(), 2, "applied twice");
}

/// A refused change of one value copied the whole map, and whoever shared it did so no more.
#[test]
fn a_refused_each_leaves_a_shared_map_shared() {
    let books = Arc::new(BTreeMap::from([(1, named("a"))]));
    let mut shelf = Shelf {
        books: Arc::clone(&books),
        label: String::new(),
        pages: Arc::default(),
    };
    let refused = ShelfMutation::UpdateBooks(1, PlayerMutation::SetNick(String::new()));
    assert!(shelf.apply(&refused).is_err());
    assert!(Arc::ptr_eq(&books, &shelf.books));
    let accepted = ShelfMutation::UpdateBooks(1, PlayerMutation::SetNick("b".into()));
    shelf.apply(&accepted).unwrap();
    assert_eq!((&*books[&1].nick, &*shelf.books[&1].nick), ("a", "b"));
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(message(variants(Ping)))]
struct Mixer {
    #[live(set, message = Preview, range = 0..=10)]
    volume: u8,
    #[live(message, len = ..=self.volume as usize)]
    draft: String,
    #[live(nested, message)]
    player: Player,
    #[live(message)]
    cursor: (u8, u8),
}

#[test]
fn the_rules_of_a_field_hold_for_its_message() {
    let mixer = Mixer {
        volume: 2,
        draft: String::new(),
        player: named("a"),
        cursor: (0, 0),
    };
    for (message, text) in [
        (MixerMessage::Preview(10), ""),
        (
            MixerMessage::Preview(11),
            "volume: the value is not within 0..=10",
        ),
        (
            MixerMessage::Draft("abc".into()),
            "draft: length 3 is not within ..=2",
        ),
        (
            MixerMessage::Player(nameless()),
            "player: nick: length 0 is not within 1..=4",
        ),
        (MixerMessage::Cursor((9, 9)), ""),
        (MixerMessage::Ping, ""),
    ] {
        let refused = mixer.check_message(&message).err().map(|error| error.to_string());
        assert_eq!(refused.unwrap_or_default(), text);
    }
}

/// A value of a kind that must not go back.
#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)), validate = Phase::follows)]
struct Phase {
    number: u8,
}

impl Phase {
    fn follows(&self, was: &Self) -> Result<(), &'static str> {
        if self.number > was.number {
            Ok(())
        } else {
            Err("only forward")
        }
    }
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(error(derive(PartialEq)), mutation(variants(Rename(String))))]
struct Game {
    #[live(set, nested)]
    phase: Phase,
    #[live(insert, remove, each)]
    phases: BTreeMap<u8, Phase>,
    #[live(len = 1..)]
    name: String,
}

impl Game {
    fn rename(&mut self, name: &str) {
        self.name = name.to_owned();
    }
}

/// The `validate` of a type compares with what was. It would refuse every value that stayed the same.
#[test]
fn the_validate_of_an_inner_value_sees_what_replaces_it_and_not_what_stayed() {
    let mut game = Game {
        phase: Phase { number: 3 },
        phases: BTreeMap::from([(1, Phase { number: 3 })]),
        name: "a".into(),
    };
    apply(&mut game, GameMutation::Rename("b".into())).unwrap();
    assert!(apply(&mut game, GameMutation::Rename(String::new())).is_err());
    let back = PhaseError::Rejected("only forward".into());
    assert_eq!(
        apply(&mut game, GameMutation::SetPhase(Phase { number: 1 })),
        Err(GameError::UpdatePhase(back))
    );
    apply(&mut game, GameMutation::SetPhase(Phase { number: 4 })).unwrap();
    assert!(apply(&mut game, GameMutation::InsertPhases(1, Phase { number: 3 })).is_err());
    apply(&mut game, GameMutation::RemovePhases(1)).unwrap();
    apply(&mut game, GameMutation::InsertPhases(1, Phase { number: 3 })).unwrap();
}
