//! A client's half on `wasm32-unknown-unknown`: what the server sends is applied to a replica, and a store is refused in
//! words. Built and run by `.ci/wasm`; a failed assertion traps.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

use std::collections::BTreeMap;
use std::time::Duration;

use livestore::{Entry, LiveStore, LiveValue, OptionsError, StoreOptions, Uuid};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, LiveValue, Serialize, Deserialize)]
#[live(derive(Debug, Serialize, Deserialize))]
struct Room {
    #[live(set, len = 1..=16)]
    name: String,
    #[live(insert, remove, len = ..=2)]
    players: BTreeMap<Uuid, u32>,
}

/// Written by hand, so its `apply` is the provided one, which wraps the value into an entry.
#[derive(Clone)]
struct Door(bool);

impl LiveValue for Door {
    type Message = ();
    type Mutation = bool;
    type MutError = &'static str;

    fn mutate(entry: &Entry<Self>, open: &bool) -> Result<Self, &'static str> {
        if entry.0 == *open {
            Err("the door is that way already")
        } else {
            Ok(Door(*open))
        }
    }
}

fn main() {
    let mut replica: Room = serde_json::from_str(r#"{"name":"lobby","players":{}}"#).unwrap();
    let ann = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"ann");
    for mutation in [
        RoomMutation::SetName("hall".into()),
        RoomMutation::InsertPlayers(ann, 3),
    ] {
        let sent = serde_json::to_string(&mutation).unwrap();
        replica.apply(&serde_json::from_str(&sent).unwrap()).unwrap();
    }
    assert_eq!((replica.name.as_str(), replica.players[&ann]), ("hall", 3));
    let refused = replica.apply(&RoomMutation::SetName(String::new())).unwrap_err();
    assert_eq!(refused.to_string(), "name: length 0 is not within 1..=16");
    replica.name.clear();
    assert_eq!(replica.check(None).unwrap_err().to_string(), refused.to_string());

    let mut door = Door(false);
    assert!(door.apply(&true).is_ok() && door.apply(&true).is_err());
    assert_eq!(
        Room::mutate(&Entry::new(replica), &RoomMutation::SetName("a".into()))
            .unwrap()
            .name,
        "a"
    );

    for expire_check_freq in [None, Some(Duration::from_secs(1))] {
        let options = StoreOptions {
            expire_check_freq,
            ..Default::default()
        };
        let refused = LiveStore::<Room>::new()
            .with_options(options)
            .try_done()
            .unwrap_err();
        assert_eq!(refused, OptionsError::NoClock);
        assert!(refused.to_string().starts_with("a store needs a clock"));
    }
}
