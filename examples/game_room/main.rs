//! A game room whose mutations come as JSON, are accepted or refused, and reach everybody who watches.
//!
//! `cargo run --example game_room`

#![allow(clippy::print_stdout, reason = "it shows what happens")]

mod room;

use livestore::{LiveStore, Update, Uuid};

use crate::room::{GameRoom, GameRoomMessage, GameRoomMutation, Player};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rooms = LiveStore::default();
    let (anna, ben) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let (key, mut watch) = rooms.init_and_watch(GameRoom::new("Friday", anna));

    let spectator = tokio::spawn(async move {
        while let Some(update) = watch.next().await {
            match update {
                Update::Mutate { mutn, new, .. } => println!("{:>3}  {mutn:?}", new.version()),
                Update::Message { msg, .. } => println!("     {msg:?}"),
                Update::Resync { now, .. } => println!("{:>3}  (was too slow)", now.version()),
                Update::Remove { .. } => println!("     the room is closed"),
                _ => {}
            }
        }
    });

    for (who, nick) in [(anna, "Anna"), (ben, "Ben")] {
        let player = Player {
            nick: nick.to_owned(),
            score: 0,
        };
        rooms.mutate(&key, GameRoomMutation::Join(who, player)).await?;
    }

    // What a client may send, and what comes of it.
    for sent in [
        r#"{"op":"say","arg":"hello"}"#.to_owned(),
        r#"{"op":"rename","arg":""}"#.to_owned(),
        r#"{"op":"toggle_started"}"#.to_owned(),
        r#"{"op":"set_volume","arg":101}"#.to_owned(),
        r#"{"op":"update_rules","arg":{"SetSecondsPerTurn":60}}"#.to_owned(),
        format!(r#"{{"op":"update_players","arg":["{ben}",{{"IncrementScore":3}}]}}"#),
        format!(r#"{{"op":"update_players","arg":["{ben}",{{"DecrementScore":9}}]}}"#),
        r#"{"op":"increment_round","arg":1}"#.to_owned(),
        format!(r#"{{"op":"kick","arg":{{"who":"{ben}","reason":"snoring"}}}}"#),
    ] {
        match serde_json::from_str::<GameRoomMutation>(&sent) {
            Err(error) => println!("     {sent}\n     is nothing that a client may send: {error}"),
            Ok(mutation) => {
                if let Err(error) = rooms.mutate(&key, mutation).await {
                    println!("     {sent}\n     {error}");
                }
            }
        }
    }

    // The server's own.
    rooms.mutate(&key, GameRoomMutation::IncrementRound(1)).await?;
    rooms.broadcast(&key, GameRoomMessage::Countdown(3))?;
    rooms.remove(&key).await;
    spectator.await?;
    Ok(())
}
