//! The conversation in the documentation of the protocol, replayed.

use crate::world::{World, settle};
use serde_json::Value;

/// Whether what was told is what is written down, but for what differs from run to run.
fn is(told: &Value, written: &Value) -> bool {
    match (told, written) {
        (_, Value::String(any)) if any == "~" => true,
        (Value::Array(told), Value::Array(written)) => {
            told.len() == written.len() && told.iter().zip(written).all(|(told, written)| is(told, written))
        }
        (Value::Object(told), Value::Object(written)) => {
            told.len() == written.len()
                && written
                    .iter()
                    .all(|(key, written)| told.get(key).is_some_and(|told| is(told, written)))
        }
        _ => told == written,
    }
}

#[tokio::test(start_paused = true)]
async fn the_conversation_that_is_documented_takes_place() {
    let text = include_str!("../../livestore/src/ws/protocol.md");
    let (_, rest) = text.split_once("## A conversation").unwrap();
    let (_, rest) = rest.split_once("```text\n").unwrap();
    let (lines, _) = rest.split_once("```").unwrap();
    let world = World::new();
    world.room(1, &["ann", "ben"]);
    let mut ben = world.visit("ben");
    let mut told = vec![ben.hello().await.unwrap().clone()];
    let mut turns = 0;
    for line in lines.lines() {
        let (who, frame) = line.split_at(2);
        let written: Value = serde_json::from_str(frame).unwrap();
        if who == "C " {
            assert!(told.is_empty(), "not written down: {told:?}");
            ben.send(frame);
            told = settle(&mut ben).await;
            turns += 1;
        } else {
            let next = told.remove(0);
            assert!(is(&next, &written), "{next}\n is not\n{written}");
        }
    }
    assert!(told.is_empty() && turns == 9);
}
