//! A store of rooms that is served, and those who visit it.

use std::collections::BTreeSet;

use livestore::ws::{Deny, Live, Local, json};
use livestore::{LiveStore, LiveValue, StoreOptions, Uuid};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, Default, LiveValue)]
#[live(message(name = RoomMessage, variants(Wave(String))))]
pub(crate) struct Room {
    #[live(insert, remove, len = ..=3)]
    pub(crate) members: BTreeSet<String>,
    #[live(push, clear, len = ..=200)]
    pub(crate) lines: Vec<String>,
    /// For the host alone.
    #[live(set)]
    pub(crate) secret: String,
    #[live(increment, decrement)]
    pub(crate) here: u32,
}

/// What a role sees.
#[derive(Serialize)]
struct View<'a> {
    lines: &'a [String],
    here: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Member,
    Host,
}

/// What clients ask for.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum In {
    Say(String),
    Hide(String),
    Panic,
}

pub(crate) fn key(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn room(members: &[&str]) -> Room {
    Room {
        members: members.iter().map(|name| (*name).to_owned()).collect(),
        secret: "sesame".to_owned(),
        ..Room::default()
    }
}

/// Who is a member sees the lines, and the first of them the secret as well.
pub(crate) fn role(user: &str, room: &Room) -> Option<Role> {
    assert_ne!(user, "panic", "a role function that panics");
    if user == "all" {
        return Some(Role::Host);
    }
    match room.members.iter().position(|name| name == user)? {
        0 => Some(Role::Host),
        _ => Some(Role::Member),
    }
}

pub(crate) struct World {
    pub(crate) rooms: LiveStore<Room>,
    pub(crate) live: Live<String>,
}

impl World {
    pub(crate) fn new() -> World {
        World::with_history(0)
    }

    pub(crate) fn with_history(history: usize) -> World {
        let options = StoreOptions {
            history,
            ..Default::default()
        };
        World::with(options, 1000)
    }

    pub(crate) fn with(options: StoreOptions, at_most: u32) -> World {
        let rooms = LiveStore::<Room>::new().with_options(options).done();
        let asked = rooms.clone();
        let live = Live::<String>::new()
            .user_id(|user| user.clone())
            .serve("room", rooms.clone(), |s| {
                s.view(
                    |cx, room| role(cx.user(), room),
                    |role, room| {
                        json(&View {
                            lines: &room.lines,
                            here: room.here,
                            secret: (*role == Role::Host).then_some(&room.secret),
                        })
                    },
                )
                .accept(|cx, room, asked: In| match asked {
                    In::Say(text) => Ok(RoomMutation::PushLines(format!("{}: {text}", cx.user()))),
                    In::Hide(secret) if role(cx.user(), room) == Some(Role::Host) => {
                        Ok(RoomMutation::SetSecret(secret))
                    }
                    In::Hide(_) => Err(Deny::forbidden()),
                    In::Panic => panic!("a command that panics"),
                })
                .errors(|_, error| json(&error.to_string()))
                .accept_message(|cx, _, greeting: String| {
                    Ok(RoomMessage::Wave(format!("{}: {greeting}", cx.user())))
                })
                .messages(|_, RoomMessage::Wave(text)| Some(json(text)))
                .while_here(|_| (RoomMutation::IncrementHere(1), RoomMutation::DecrementHere(1)))
                .at_most(at_most)
            })
            .call("count", move |cx, extra: usize| {
                let rooms = asked.clone();
                async move {
                    match cx.user().as_str() {
                        "nobody" => Err(Deny::rejected("not you")),
                        _ => Ok(rooms.len() + extra),
                    }
                }
            });
        World { rooms, live }
    }

    pub(crate) fn room(&self, number: u128, members: &[&str]) -> Uuid {
        self.rooms.create(&key(number), room(members)).unwrap();
        key(number)
    }

    pub(crate) fn visit(&self, user: &str) -> Local<String> {
        self.live.local(user.to_owned())
    }

    /// What the hello says of the versions.
    pub(crate) async fn epoch(&self) -> String {
        self.visit("nobody").hello().await.unwrap()["epoch"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) async fn say(&self, key: &Uuid, text: &str) -> u64 {
        let said = self
            .rooms
            .mutate(key, RoomMutation::PushLines(text.to_owned()))
            .await;
        said.unwrap().version()
    }
}

/// Subscribes to a key. Returns what came of it.
pub(crate) async fn sub(who: &mut Local<String>, key: &Uuid) -> Value {
    let reply = who
        .request(json!({"t": "sub", "keys": [{"k": key}]}))
        .await
        .unwrap();
    reply["subs"][0].clone()
}

/// Lets everything be told that there is to tell.
pub(crate) async fn settle(who: &mut Local<String>) -> Vec<Value> {
    let mut told = Vec::new();
    // Longer than frames of a key lie apart.
    while let Ok(Some(frame)) = tokio::time::timeout(std::time::Duration::from_millis(50), who.next()).await {
        told.push(frame);
    }
    told
}
