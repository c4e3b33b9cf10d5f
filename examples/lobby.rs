//! A lobby: players are moved into a match as one step, a turn has a deadline, and who drops out may come back in time.
//!
//! `cargo run --example lobby` ends by itself; its half minutes last half a second.

#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use livestore::{
    Entry, ExpireMode, LiveStore, LiveValue, MutateError, StoreOptions, TransactError, Update, Uuid,
};

/// How long somebody who dropped out keeps the seat. Half a minute in a real lobby.
const COME_BACK_WITHIN: Duration = Duration::from_millis(500);
/// How long a turn may take.
const TURN: Duration = Duration::from_millis(300);

/// The waiting room and the matches are rooms of one store, so that one transaction can span them.
#[derive(Clone, Debug, Default, LiveValue)]
struct Room {
    /// Who is in it, by key.
    #[live(insert = Enter, remove = Leave, len = ..=8)]
    players: BTreeMap<Uuid, String>,
    /// Whose turn it is.
    turn: Option<Uuid>,
}

/// The seat of somebody who dropped out. It expires, unless the player comes back.
#[derive(Clone, LiveValue)]
struct Seat {
    #[live(skip)]
    room: Uuid,
    #[live(skip)]
    player: Uuid,
}

/// Why no match was made.
#[derive(Debug)]
enum NoMatch {
    /// One alone makes no match.
    TooFew,
    /// A room is gone, or refuses a player.
    Room(MutateError<RoomError>),
}

impl fmt::Display for NoMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoMatch::TooFew => f.write_str("one alone makes no match"),
            NoMatch::Room(error) => error.fmt(f),
        }
    }
}

impl Error for NoMatch {}

/// So that `?` works on what the transaction stages.
impl From<MutateError<RoomError>> for NoMatch {
    fn from(error: MutateError<RoomError>) -> NoMatch {
        NoMatch::Room(error)
    }
}

/// Entries that go only at a deadline of their own.
fn options() -> StoreOptions {
    StoreOptions {
        expire_check_freq: Some(Duration::from_millis(20)),
        expire_mode: ExpireMode::Timeout(Duration::MAX),
        ..Default::default()
    }
}

/// Moves two players from the waiting room into a new match: both or none, and nobody is ever in two rooms or in none.
async fn make_match(rooms: &LiveStore<Room>, waiting: Uuid) -> Result<Uuid, TransactError<NoMatch>> {
    let game = Uuid::new_v4();
    rooms
        .transact(&[waiting], |tx| {
            let lobby = tx.get(&waiting).ok_or(MutateError::Missing)?;
            let pair: Vec<(Uuid, String)> = lobby
                .players
                .iter()
                .take(2)
                .map(|(key, name)| (*key, name.clone()))
                .collect();
            if pair.len() < 2 {
                return Err(NoMatch::TooFew);
            }
            let room = Room {
                turn: Some(pair[0].0),
                ..Default::default()
            };
            if tx.create(&game, room).is_err() {
                unreachable!("a random key has no entry");
            }
            for (key, name) in pair {
                tx.mutate(&waiting, RoomMutation::Leave(key))?;
                tx.mutate(&game, RoomMutation::Enter(key, name))?;
            }
            Ok(game)
        })
        .await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let rooms = LiveStore::<Room>::new().with_options(options()).done();
    let for_seats = rooms.clone();
    let seats = LiveStore::<Seat>::new()
        .with_options(options())
        .on_expire(move |expired: Vec<(Uuid, Entry<Seat>)>| {
            let rooms = for_seats.clone();
            async move {
                for (_, seat) in expired {
                    println!("nobody came back to the seat of {}", seat.player.as_u128());
                    // The match may be over.
                    let _ = rooms.mutate(&seat.room, RoomMutation::Leave(seat.player)).await;
                }
            }
        })
        .done();

    let waiting = rooms.init(Room::default());
    let players =
        [(1, "Anna"), (2, "Ben"), (3, "Cleo")].map(|(number, name)| (Uuid::from_u128(number), name));
    for (key, name) in players {
        rooms
            .mutate(&waiting, RoomMutation::Enter(key, name.to_owned()))
            .await?;
    }

    let game = make_match(&rooms, waiting).await?;
    println!("in the match: {:?}", names(&rooms, game));
    println!("still waiting: {:?}", names(&rooms, waiting));
    let alone = make_match(&rooms, waiting).await;
    assert!(matches!(alone, Err(TransactError::Aborted(NoMatch::TooFew))));
    assert_eq!(names(&rooms, waiting), ["Cleo"], "and stays where she was");

    // A turn with a deadline: it passes on when nothing was done in time.
    let mut watch = rooms.watch(&game).ok_or("the match is there")?;
    let moved = tokio::time::timeout(TURN, watch.next()).await;
    assert!(moved.is_err(), "Anna is asleep");
    let now = watch.latest();
    // Compare and commit: if she moves at this very moment, her move counts and not ours.
    let next = now.players.keys().find(|key| now.turn != Some(**key)).copied();
    match rooms
        .mutate_if(&game, now.version(), RoomMutation::SetTurn(next))
        .await
    {
        Ok(entry) => println!(
            "Anna took too long: it is the turn of {:?}",
            entry.turn.map(|key| entry.players[&key].clone())
        ),
        Err(error) => println!("just in time: {error}"),
    }

    // Ben drops out and comes back in time; Anna drops out and does not.
    let (anna, ben) = (players[0].0, players[1].0);
    for player in [anna, ben] {
        let seat = seats.init(Seat { room: game, player });
        seats.expire_after(&seat, COME_BACK_WITHIN)?;
        if player == ben {
            let seat = seats.remove(&seat).await.ok_or("in time")?;
            println!("{} is back", seat.player.as_u128());
        }
    }
    while let Some(update) = watch.next().await {
        if let Update::Mutate {
            mutn: RoomMutation::Leave(player),
            new,
            ..
        } = update
        {
            assert_eq!(player, anna);
            println!("in the match: {:?}", new.players.values().collect::<Vec<_>>());
            break;
        }
    }
    Ok(())
}

fn names(rooms: &LiveStore<Room>, key: Uuid) -> Vec<String> {
    rooms
        .fetch(&key)
        .map(|room| room.players.values().cloned().collect())
        .unwrap_or_default()
}
