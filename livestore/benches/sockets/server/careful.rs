//! What people write who measure: each update is encoded once and shared, and what is there at once is written at once.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::Uri;
use axum::routing::get;
use dashmap::DashMap;
use futures_util::SinkExt;
use livestore::Uuid;
use tokio::select;
use tokio::sync::broadcast::{self, Sender};

use crate::room::{Now, Room, Texts, Told};
use crate::server::feed::{CAPACITY, Feed, asked};
use crate::server::role;
use crate::shape::Shape;

/// How many frames are written at once at most.
const BATCH: usize = 64;
/// What an idle socket has for what comes in; 128 KiB if nothing is said.
const READ_BUFFER: usize = 4096;

struct Topic {
    room: Room,
    /// For each role.
    updates: Vec<Sender<Utf8Bytes>>,
}

type Topics = DashMap<Uuid, Topic>;

pub(crate) struct Writer(Arc<Topics>);

pub(crate) fn begin(keys: &[Uuid], shape: Shape, texts: &Texts) -> (Router, Writer) {
    let topic = |key: &Uuid| {
        let topic = Topic {
            room: Room::new(shape.content, texts),
            updates: (0..shape.roles).map(|_| broadcast::channel(CAPACITY).0).collect(),
        };
        (*key, topic)
    };
    let topics: Arc<Topics> = Arc::new(keys.iter().map(topic).collect());
    let socket = async |State(topics): State<Arc<Topics>>, uri: Uri, upgrade: WebSocketUpgrade| {
        let role = role(&uri);
        upgrade
            .read_buffer_size(READ_BUFFER)
            .on_upgrade(async move |socket| {
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
        let (text, channel) = {
            let topic = topics.get(&key)?;
            let text = Told::new(key, &topic.room, role, topic.updates.len()).to_json();
            (text, topic.updates.get(role)?.subscribe())
        };
        channels.push((key, channel));
        socket.feed(Message::Text(text.into())).await.ok()?;
    }
    socket.flush().await.ok()?;
    let mut feed = Feed::new(channels);
    loop {
        select! {
            told = feed.next() => {
                let (_, text) = told?;
                socket.feed(Message::Text(text)).await.ok()?;
                for _ in 1..BATCH {
                    let Some((_, text)) = feed.try_next() else { break };
                    socket.feed(Message::Text(text)).await.ok()?;
                }
                socket.flush().await.ok()?;
            }
            _ = socket.recv() => return None,
        }
    }
}

impl Writer {
    pub(crate) fn write(&self, key: &Uuid, now: Now) {
        let mut topic = self.0.get_mut(key).unwrap();
        topic.room.now = now;
        for (role, updates) in topic.updates.iter().enumerate() {
            let text = Told::new(*key, &topic.room, role, topic.updates.len()).to_json();
            // Nobody may be there.
            let _ = updates.send(text.into());
        }
    }
}
