//! What passes through `derive(..)` and `attr(..)`: here to serde.

use std::collections::HashMap;

use livestore::{Invalid, LiveValue, Uuid};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, LiveValue)]
#[live(derive(Debug, PartialEq, Serialize, Deserialize))]
struct Player {
    nick: String,
}

#[derive(Clone, LiveValue)]
#[live(
    derive(Debug, PartialEq, Serialize, Deserialize),
    mutation(
        attr(serde(tag = "op", content = "arg", rename_all = "snake_case")),
        variants(
            Kick { who: Uuid, #[serde(default)] reason: String },
            Restart,
        ),
    ),
    message(variants(Countdown(u8))),
)]
struct Room {
    #[live(set = Rename, len = ..=8)]
    name: String,
    #[live(insert = Join, remove = Leave, each)]
    players: HashMap<Uuid, Player>,
    #[live(increment)]
    score: i64,
    #[live(toggle, attr(serde(rename = "flip")))]
    started: bool,
    #[live(set, attr(serde(skip_deserializing)))]
    owner: Uuid,
}

impl Room {
    fn kick(&mut self, who: &Uuid, _reason: &str) {
        self.players.remove(who);
    }

    fn restart(&mut self) {
        self.score = 0;
    }
}

fn both_ways<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T, json: &str) {
    assert_eq!(serde_json::to_string(value).expect("can be written"), json);
    assert_eq!(&serde_json::from_str::<T>(json).expect("can be read"), value);
}

#[test]
fn an_adjacently_tagged_mutation_goes_both_ways() {
    let id = Uuid::from_u128(1);
    let nick = PlayerMutation::SetNick("x".into());
    for (mutation, json) in [
        (RoomMutation::Rename("a".into()), r#"{"op":"rename","arg":"a"}"#),
        (
            RoomMutation::Join(id, Player { nick: "y".into() }),
            r#"{"op":"join","arg":["00000000-0000-0000-0000-000000000001",{"nick":"y"}]}"#,
        ),
        (
            RoomMutation::Leave(id),
            r#"{"op":"leave","arg":"00000000-0000-0000-0000-000000000001"}"#,
        ),
        (
            RoomMutation::UpdatePlayers(id, nick),
            r#"{"op":"update_players","arg":["00000000-0000-0000-0000-000000000001",{"SetNick":"x"}]}"#,
        ),
        (
            RoomMutation::IncrementScore(-2),
            r#"{"op":"increment_score","arg":-2}"#,
        ),
        (RoomMutation::ToggleStarted, r#"{"op":"flip"}"#),
        (
            RoomMutation::Kick {
                who: id,
                reason: "z".into(),
            },
            r#"{"op":"kick","arg":{"who":"00000000-0000-0000-0000-000000000001","reason":"z"}}"#,
        ),
        (RoomMutation::Restart, r#"{"op":"restart"}"#),
    ] {
        both_ways(&mutation, json);
    }
}

#[test]
fn attributes_reach_variants_and_their_fields() {
    let json = r#"{"op":"kick","arg":{"who":"00000000-0000-0000-0000-000000000001"}}"#;
    let kick = RoomMutation::Kick {
        who: Uuid::from_u128(1),
        reason: String::new(),
    };
    assert_eq!(serde_json::from_str::<RoomMutation>(json).unwrap(), kick);
}

#[test]
fn the_server_can_send_what_a_client_cannot() {
    let json = serde_json::to_string(&RoomMutation::SetOwner(Uuid::nil())).unwrap();
    assert_eq!(
        json,
        r#"{"op":"set_owner","arg":"00000000-0000-0000-0000-000000000000"}"#
    );
    let error = serde_json::from_str::<RoomMutation>(&json).unwrap_err();
    assert!(
        error.to_string().contains("unknown variant `set_owner`"),
        "{error}"
    );
}

#[test]
fn messages_and_errors_go_both_ways() {
    both_ways(&RoomMessage::Countdown(3), r#"{"Countdown":3}"#);
    let mut room = Room {
        name: "a".into(),
        players: HashMap::new(),
        score: 0,
        started: false,
        owner: Uuid::nil(),
    };
    let error = room
        .apply(&RoomMutation::Rename("too long a name".into()))
        .unwrap_err();
    both_ways(&error, r#"{"Name":{"Length":{"len":15,"allowed":"..=8"}}}"#);
    both_ways(
        &RoomError::Rejected(Invalid::from("no".to_owned())),
        r#"{"Rejected":{"Rejected":"no"}}"#,
    );
    let error = room.apply(&RoomMutation::UpdatePlayers(
        Uuid::nil(),
        PlayerMutation::SetNick("x".into()),
    ));
    assert_eq!(error, Err(RoomError::Players(Invalid::Missing)));
    room.apply(&RoomMutation::Kick {
        who: Uuid::nil(),
        reason: String::new(),
    })
    .unwrap();
}
