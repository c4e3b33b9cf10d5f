//! A value with everything, under the strictest lints of clippy: nothing that is generated is the user's to tidy up.
#![warn(
    clippy::pedantic,
    clippy::nursery,
    clippy::missing_docs_in_private_items,
    clippy::shadow_reuse
)]
#![warn(
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    single_use_lifetimes,
    variant_size_differences
)]

use std::collections::HashMap;

use livestore::{LiveValue, Uuid};
use serde::{Deserialize, Serialize};

/// A player.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, LiveValue)]
#[live(derive(Debug, PartialEq, Eq, Serialize, Deserialize))]
pub(super) struct Player {
    /// How they are called.
    #[live(len = 1..=16)]
    nick: String,
    /// Whether it can begin.
    ready: bool,
}

/// A board.
#[derive(Clone, LiveValue)]
#[live(derive(Debug, PartialEq))]
struct Board<const N: usize> {
    /// Its squares.
    #[live(set, message = Preview)]
    squares: [Option<u8>; N],
}

/// A room in which a game is played.
#[derive(Clone, LiveValue)]
#[live(
    derive(Debug, PartialEq),
    mutation(
        attr(must_use),
        variants(
            /// Removes a player and says why in the chat.
            Kick {
                /// Whom.
                who: Uuid,
                /// Why.
                reason: String,
            },
            /// Ends the match.
            Restart,
            /// Takes back.
            Undo(u32) = history::undo,
        ),
    ),
    message(variants(
        /// Counts down.
        Countdown(u8),
    )),
    validate = Self::valid,
)]
struct GameRoom {
    /// Title of the room.
    #[live(set = Rename, len = 1..=32)]
    name: String,
    /// Who plays.
    #[live(insert = Join, remove = Leave, each, len = ..=2)]
    players: HashMap<Uuid, Player>,
    /// How many points.
    #[live(increment, decrement, range = 0..)]
    score: i64,
    /// Whether it has begun.
    #[live(toggle)]
    started: bool,
    /// Who made it.
    #[live(skip)]
    created_by: Uuid,
    /// What was said.
    #[live(push = Say, clear, keep = 200)]
    chat: Vec<String>,
    /// 0–100.
    #[live(set, message = PreviewVolume, range = 0..=100)]
    volume: u8,
    /// Where it is played.
    #[live(nested)]
    board: Board<9>,
    /// What it is about.
    topic: Option<String>,
}

impl GameRoom {
    /// Removes a player.
    fn kick(&mut self, who: &Uuid, reason: &str) -> Result<(), &'static str> {
        self.chat.push(reason.to_owned());
        self.players.remove(who).map(drop).ok_or("no such player")
    }

    /// Ends the match.
    const fn restart(&mut self) {
        self.score = 0;
    }

    /// A match is not left before its end.
    fn valid(&self, was: &Self) -> Result<(), String> {
        if was.started && !self.started {
            Err("it has begun".to_owned())
        } else {
            Ok(())
        }
    }
}

/// Functions that are no methods.
mod history {
    /// Takes back what was said.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "every payload comes as a reference"
    )]
    pub(super) fn undo(room: &mut super::GameRoom, lines: &u32) {
        for _ in 0..*lines {
            room.chat.pop();
        }
    }
}

/// A room without players.
fn room() -> GameRoom {
    GameRoom {
        name: "a".into(),
        players: HashMap::new(),
        score: 0,
        started: false,
        created_by: Uuid::nil(),
        chat: Vec::new(),
        volume: 50,
        board: Board { squares: [None; 9] },
        topic: None,
    }
}

#[test]
fn a_room_can_do_all_of_it() {
    let (mut room, who) = (room(), Uuid::from_u128(1));
    let nobody = RoomResult::Err(GameRoomError::Rejected("no such player".into()));
    for (mutation, expected) in [
        (GameRoomMutation::Rename("b".into()), Ok(())),
        (
            GameRoomMutation::Kick {
                who,
                reason: "bye".into(),
            },
            nobody,
        ),
        (
            GameRoomMutation::Join(
                who,
                Player {
                    nick: "n".into(),
                    ready: false,
                },
            ),
            Ok(()),
        ),
        (
            GameRoomMutation::UpdatePlayers(who, PlayerMutation::SetReady(true)),
            Ok(()),
        ),
        (GameRoomMutation::Say("c".into()), Ok(())),
        (GameRoomMutation::Undo(1), Ok(())),
        (
            GameRoomMutation::UpdateBoard(BoardMutation::SetSquares([Some(1); 9])),
            Ok(()),
        ),
        (GameRoomMutation::IncrementScore(3), Ok(())),
        (GameRoomMutation::Restart, Ok(())),
        (GameRoomMutation::SetTopic(Some("t".into())), Ok(())),
        (GameRoomMutation::ToggleStarted, Ok(())),
        (
            GameRoomMutation::ToggleStarted,
            Err(GameRoomError::Rejected("it has begun".into())),
        ),
    ] {
        assert_eq!(room.apply(&mutation), expected, "{mutation:?}");
    }
    assert_eq!(
        (room.name.as_str(), room.score, room.chat.len(), room.started),
        ("b", 0, 0, true)
    );
    assert!(room.players[&who].ready && room.board.squares[0] == Some(1) && room.created_by.is_nil());
    let _ = (
        GameRoomMessage::Countdown(3),
        GameRoomMessage::PreviewVolume(3),
        BoardMessage::Preview([None; 9]),
    );
}

/// What a mutation of the room comes to.
type RoomResult = Result<(), GameRoomError>;
