//! What a game room is, and what can be done to it: most of the derive's grammar on a type that makes sense.

use std::collections::{BTreeMap, BTreeSet};

use livestore::{LiveValue, Uuid};
use serde::{Deserialize, Serialize};

/// A room in which a game is played.
///
/// Clients send `GameRoomMutation`s as JSON, such as `{"op":"say","arg":"hello"}`. Whatever stands in the enum, a client
/// may send: what only the server does is `skip`ped or kept from deserializing.
#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(
    derive(Debug, PartialEq),
    mutation(
        derive(Serialize, Deserialize),
        // Adjacent tagging: `tag` alone cannot hold a variant such as `Rename(String)`.
        attr(serde(tag = "op", content = "arg", rename_all = "snake_case")),
        variants(
            /// Removes a player and says why in the chat.
            Kick { who: Uuid, reason: String },
            /// Ends the game and begins another with the same players.
            Restart,
        ),
    ),
    message(derive(Serialize), variants(
        /// The game begins in so many seconds.
        Countdown(u8),
        /// Somebody is writing.
        Typing { who: Uuid },
    )),
    validate = Self::is_next,
)]
pub(crate) struct GameRoom {
    /// What the room is called.
    #[live(set = Rename, len = 1..=32)]
    pub(crate) name: String,
    /// Who plays. Players come and go by themselves, and change themselves by mutations of their own.
    #[live(insert = Join, remove = Leave, each, len = ..=4)]
    pub(crate) players: BTreeMap<Uuid, Player>,
    /// Rounds played. Only the server counts, so no client can send it.
    #[live(increment, attr(serde(skip_deserializing)))]
    pub(crate) round: u32,
    /// Whether the game is on.
    #[live(toggle)]
    pub(crate) started: bool,
    /// The last lines said.
    #[live(push = Say, clear, keep = 5)]
    pub(crate) chat: Vec<String>,
    /// How loud the music is; everybody hears a value tried out before it is set.
    #[live(set, message = PreviewVolume, range = 0..=100)]
    pub(crate) volume: u8,
    /// How the game is played.
    #[live(nested)]
    pub(crate) rules: Rules,
    /// Who made the room. Nothing changes it.
    #[live(skip)]
    pub(crate) owner: Uuid,
}

/// One of those who play.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, LiveValue)]
#[live(derive(Debug, PartialEq), mutation(derive(Serialize, Deserialize)))]
pub(crate) struct Player {
    /// What the others call the player.
    #[live(set, len = 1..=16, validate = is_speakable)]
    pub(crate) nick: String,
    /// Points.
    #[live(increment, decrement, range = 0..)]
    pub(crate) score: i64,
}

/// How a game is played.
#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(derive(Debug, PartialEq), mutation(derive(Serialize, Deserialize)))]
pub(crate) struct Rules {
    /// How many seconds a turn may take.
    #[live(set, range = 5..=300)]
    pub(crate) seconds_per_turn: u16,
    /// Words that may not be used.
    #[live(insert, remove)]
    pub(crate) forbidden: BTreeSet<String>,
}

impl GameRoom {
    /// An empty room.
    pub(crate) fn new(name: &str, owner: Uuid) -> GameRoom {
        GameRoom {
            name: name.to_owned(),
            players: BTreeMap::new(),
            round: 0,
            started: false,
            chat: Vec::new(),
            volume: 50,
            rules: Rules {
                seconds_per_turn: 30,
                forbidden: Default::default(),
            },
            owner,
        }
    }

    /// After every mutation, before anybody sees it.
    fn is_next(&self, was: &Self) -> Result<(), String> {
        if self.started && self.players.len() < 2 {
            return Err("a game needs two players".into());
        }
        if was.started && self.started && self.rules != was.rules {
            return Err("the rules are fixed while a game is on".into());
        }
        Ok(())
    }

    fn kick(&mut self, who: &Uuid, reason: &str) -> Result<(), &'static str> {
        let player = self.players.remove(who).ok_or("no such player")?;
        self.chat
            .push(format!("{} was asked to leave: {reason}", player.nick));
        self.started &= self.players.len() >= 2;
        Ok(())
    }

    fn restart(&mut self) {
        self.round = 0;
        self.players.values_mut().for_each(|player| player.score = 0);
    }
}

fn is_speakable(nick: &str) -> Result<(), &'static str> {
    if nick.chars().any(char::is_control) {
        Err("contains characters that nobody can say")
    } else {
        Ok(())
    }
}
