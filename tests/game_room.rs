//! The value of the example `game_room`: its mutations go through JSON both ways, and its rules hold.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

#[path = "../examples/game_room/room.rs"]
mod room;

use std::collections::BTreeSet;

use livestore::{LiveStore, LiveValue, MutateError, Uuid};

use crate::room::{
    GameRoom, GameRoomError, GameRoomMessage, GameRoomMutation, Player, PlayerMutation, Rules, RulesMutation,
};

fn player(nick: &str) -> Player {
    Player {
        nick: nick.to_owned(),
        score: 0,
    }
}

fn room_with_two() -> GameRoom {
    let mut room = GameRoom::new("Friday", Uuid::from_u128(1));
    for (number, nick) in [(1, "Anna"), (2, "Ben")] {
        room.apply(&GameRoomMutation::Join(Uuid::from_u128(number), player(nick)))
            .unwrap();
    }
    room
}

#[test]
fn mutations_go_through_json_both_ways() {
    let who = Uuid::from_u128(7);
    let id = "00000000-0000-0000-0000-000000000007";
    for (mutation, json) in [
        (
            GameRoomMutation::Rename("Sunday".into()),
            r#"{"op":"rename","arg":"Sunday"}"#.to_owned(),
        ),
        (
            GameRoomMutation::Join(who, player("Cleo")),
            format!(r#"{{"op":"join","arg":["{id}",{{"nick":"Cleo","score":0}}]}}"#),
        ),
        (
            GameRoomMutation::Leave(who),
            format!(r#"{{"op":"leave","arg":"{id}"}}"#),
        ),
        (
            GameRoomMutation::UpdatePlayers(who, PlayerMutation::SetNick("C".into())),
            format!(r#"{{"op":"update_players","arg":["{id}",{{"SetNick":"C"}}]}}"#),
        ),
        (
            GameRoomMutation::ToggleStarted,
            r#"{"op":"toggle_started"}"#.to_owned(),
        ),
        (
            GameRoomMutation::Say("hi".into()),
            r#"{"op":"say","arg":"hi"}"#.to_owned(),
        ),
        (GameRoomMutation::ClearChat, r#"{"op":"clear_chat"}"#.to_owned()),
        (
            GameRoomMutation::SetVolume(7),
            r#"{"op":"set_volume","arg":7}"#.to_owned(),
        ),
        (
            GameRoomMutation::UpdateRules(RulesMutation::InsertForbidden("darn".into())),
            r#"{"op":"update_rules","arg":{"InsertForbidden":"darn"}}"#.to_owned(),
        ),
        (
            GameRoomMutation::Kick {
                who,
                reason: "late".into(),
            },
            format!(r#"{{"op":"kick","arg":{{"who":"{id}","reason":"late"}}}}"#),
        ),
        (GameRoomMutation::Restart, r#"{"op":"restart"}"#.to_owned()),
    ] {
        assert_eq!(serde_json::to_string(&mutation).unwrap(), json);
        assert_eq!(serde_json::from_str::<GameRoomMutation>(&json).unwrap(), mutation);
    }
}

#[test]
fn what_only_the_server_does_can_be_sent_to_clients_and_not_by_them() {
    let json = serde_json::to_string(&GameRoomMutation::IncrementRound(1)).unwrap();
    assert_eq!(json, r#"{"op":"increment_round","arg":1}"#);
    assert!(serde_json::from_str::<GameRoomMutation>(&json).is_err());
    // A skipped field has no mutation at all.
    assert!(serde_json::from_str::<GameRoomMutation>(r#"{"op":"set_owner","arg":"x"}"#).is_err());
}

#[test]
fn messages_are_told_as_json() {
    let told = serde_json::to_string(&GameRoomMessage::PreviewVolume(3)).unwrap();
    assert_eq!(told, r#"{"PreviewVolume":3}"#);
    assert_eq!(
        serde_json::to_string(&GameRoomMessage::Countdown(3)).unwrap(),
        r#"{"Countdown":3}"#
    );
    let typing = GameRoomMessage::Typing { who: Uuid::nil() };
    assert!(serde_json::to_string(&typing).unwrap().contains("who"));
}

#[tokio::test]
async fn refusals_name_the_field_and_leave_the_room_as_it_was() {
    let rooms = LiveStore::default();
    let before = room_with_two();
    let key = rooms.init(before.clone());
    let unknown = Uuid::from_u128(9);
    for (mutation, text) in [
        (
            GameRoomMutation::Rename("x".repeat(33)),
            "name: length 33 is not within 1..=32",
        ),
        (
            GameRoomMutation::SetVolume(101),
            "volume: the value is not within 0..=100",
        ),
        (GameRoomMutation::IncrementRound(u32::MAX), ""),
        (
            GameRoomMutation::IncrementRound(1),
            "round: the number does not fit its type",
        ),
        (
            GameRoomMutation::Kick {
                who: unknown,
                reason: String::new(),
            },
            "no such player",
        ),
        (
            GameRoomMutation::UpdatePlayers(unknown, PlayerMutation::IncrementScore(1)),
            "players: there is no such key",
        ),
        (
            GameRoomMutation::UpdatePlayers(Uuid::from_u128(1), PlayerMutation::SetNick("\n".into())),
            "players[00000000-0000-0000-0000-000000000001]: nick: contains characters that nobody can say",
        ),
        (
            GameRoomMutation::UpdateRules(RulesMutation::SetSecondsPerTurn(4)),
            "rules: seconds_per_turn: the value is not within 5..=300",
        ),
    ] {
        let outcome = rooms.mutate(&key, mutation).await;
        match outcome {
            Ok(_) => assert_eq!(text, ""),
            Err(MutateError::Rejected(error)) => assert_eq!(error.to_string(), text),
            Err(MutateError::Missing) => panic!("it is there"),
        }
    }
    let now = rooms.fetch(&key).unwrap();
    assert_eq!(
        **now.value(),
        GameRoom {
            round: u32::MAX,
            ..before
        }
    );
}

/// A client could send a player who broke every rule of a player, and the room took it.
#[test]
fn whoever_joins_is_held_to_the_rules_of_a_player() {
    let mut room = room_with_two();
    let id = "00000000-0000-0000-0000-000000000007";
    for (player, text) in [
        (r#"{"nick":"","score":-5}"#, "nick: length 0 is not within 1..=16"),
        (
            r#"{"nick":"Cleo","score":-5}"#,
            "score: the value is not within 0..",
        ),
    ] {
        let json = format!(r#"{{"op":"join","arg":["{id}",{player}]}}"#);
        let mutation = serde_json::from_str(&json).unwrap();
        let refused = room.apply(&mutation).unwrap_err();
        assert_eq!(refused.to_string(), format!("players[{id}]: {text}"));
    }
    assert_eq!(room, room_with_two());
}

#[test]
fn the_whole_room_has_rules_as_well() {
    let mut room = room_with_two();
    room.apply(&GameRoomMutation::ToggleStarted).unwrap();
    let refused = room
        .apply(&GameRoomMutation::Leave(Uuid::from_u128(2)))
        .unwrap_err();
    assert!(matches!(refused, GameRoomError::Rejected(_)));
    assert_eq!(refused.to_string(), "a game needs two players");
    room.apply(&GameRoomMutation::UpdateRules(RulesMutation::SetSecondsPerTurn(
        60,
    )))
    .unwrap_err();
    room.apply(&GameRoomMutation::Kick {
        who: Uuid::from_u128(2),
        reason: "rude".into(),
    })
    .unwrap();
    assert!(!room.started && room.players.len() == 1);
    assert_eq!(room.chat, ["Ben was asked to leave: rude"]);
    room.apply(&GameRoomMutation::Restart).unwrap();

    // A room that came from elsewhere is checked field by field.
    let rules = Rules {
        seconds_per_turn: 0,
        forbidden: BTreeSet::new(),
    };
    assert!(
        GameRoom {
            rules,
            ..room.clone()
        }
        .check(None)
        .is_err()
    );
    assert!(room.check(None).is_ok());
}

#[test]
fn the_chat_keeps_the_last_lines() {
    let mut room = room_with_two();
    for line in 0..8 {
        room.apply(&GameRoomMutation::Say(line.to_string())).unwrap();
    }
    assert_eq!(room.chat, ["3", "4", "5", "6", "7"]);
}
