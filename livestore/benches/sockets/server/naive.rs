//! What people write first: a channel for each key, and each socket's task encodes each update and sends it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::Uri;
use axum::routing::get;
use dashmap::DashMap;
use livestore::Uuid;
use tokio::select;
use tokio::sync::broadcast::{self, Sender};

use crate::room::{Now, Room, Texts, Told};
use crate::server::feed::{CAPACITY, Feed, asked};
use crate::server::role;
use crate::shape::Shape;

struct Topic {
    room: Arc<Room>,
    updates: Sender<Arc<Room>>,
}

struct Topics {
    topics: DashMap<Uuid, Topic>,
    roles: usize,
}

pub(crate) struct Writer(Arc<Topics>);

pub(crate) fn begin(keys: &[Uuid], shape: Shape, texts: &Texts) -> (Router, Writer) {
    let topic = |key: &Uuid| {
        let topic = Topic {
            room: Arc::new(Room::new(shape.content, texts)),
            updates: broadcast::channel(CAPACITY).0,
        };
        (*key, topic)
    };
    let topics = Arc::new(Topics {
        topics: keys.iter().map(topic).collect(),
        roles: shape.roles,
    });
    let socket = async |State(topics): State<Arc<Topics>>, uri: Uri, upgrade: WebSocketUpgrade| {
        let role = role(&uri);
        upgrade.on_upgrade(async move |socket| {
            let _ = serve(socket, topics, role).await;
        })
    };
    let router = Router::new()
        .route("/live", get(socket))
        .with_state(Arc::clone(&topics));
    (router, Writer(topics))
}

/// Ends when the other side does, or sends something.
async fn serve(mut socket: WebSocket, topics: Arc<Topics>, role: usize) -> Option<()> {
    let mut channels = Vec::new();
    for key in asked(&mut socket).await? {
        let (room, channel) = {
            let topic = topics.topics.get(&key)?;
            (Arc::clone(&topic.room), topic.updates.subscribe())
        };
        channels.push((key, channel));
        send(&mut socket, key, &room, role, topics.roles).await?;
    }
    let mut feed = Feed::new(channels);
    loop {
        select! {
            told = feed.next() => {
                let (key, room) = told?;
                send(&mut socket, key, &room, role, topics.roles).await?;
            }
            _ = socket.recv() => return None,
        }
    }
}

async fn send(socket: &mut WebSocket, key: Uuid, room: &Room, role: usize, roles: usize) -> Option<()> {
    let text = Told::new(key, room, role, roles).to_json();
    socket.send(Message::Text(text.into())).await.ok()
}

impl Writer {
    pub(crate) fn write(&self, key: &Uuid, now: Now) {
        let mut topic = self.0.topics.get_mut(key).unwrap();
        let room = Arc::make_mut(&mut topic.room);
        room.now = now;
        // Nobody may be there.
        let _ = topic.updates.send(Arc::clone(&topic.room));
    }
}
