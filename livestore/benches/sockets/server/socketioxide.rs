//! Socket.IO in Rust: a room for each key and role, over WebSockets alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ::socketioxide::extract::{Data, SocketRef};
use ::socketioxide::{SocketIo, TransportType};
use axum::Router;
use livestore::Uuid;

use crate::room::{Now, Room, Texts, Told};
use crate::serve::SELDOM;
use crate::shape::Shape;

/// How many packets may wait for a socket. With the default, 128, a socket of 128 keys would not get them all.
const BUFFER: usize = 1024;

struct Topics {
    rooms: HashMap<Uuid, Mutex<Arc<Room>>>,
    roles: usize,
}

pub(crate) struct Writer {
    topics: Arc<Topics>,
    io: SocketIo,
}

pub(crate) fn begin(keys: &[Uuid], shape: Shape, texts: &Texts) -> (Router, Writer) {
    let room = |key: &Uuid| (*key, Mutex::new(Arc::new(Room::new(shape.content, texts))));
    let topics = Arc::new(Topics {
        rooms: keys.iter().map(room).collect(),
        roles: shape.roles,
    });
    let (layer, io) = SocketIo::builder()
        .transports([TransportType::Websocket])
        .max_buffer_size(BUFFER)
        .ping_interval(SELDOM)
        .build_layer();
    let of = Arc::clone(&topics);
    io.ns("/", async move |socket: SocketRef| {
        let of = Arc::clone(&of);
        socket.on(
            "sub",
            async move |socket: SocketRef, Data((role, keys)): Data<(usize, Vec<Uuid>)>| {
                for key in keys {
                    socket.join(name(&key, role));
                    let room = Arc::clone(&of.rooms[&key].lock().unwrap());
                    let _ = socket.emit("u", &Told::new(key, &room, role, of.roles));
                }
            },
        );
    });
    (Router::new().layer(layer), Writer { topics, io })
}

fn name(key: &Uuid, role: usize) -> String {
    format!("{key}/{role}")
}

impl Writer {
    pub(crate) async fn write(&self, key: &Uuid, now: Now) {
        let roles = self.topics.roles;
        let room = {
            let mut room = self.topics.rooms[key].lock().unwrap();
            Arc::make_mut(&mut room).now = now;
            Arc::clone(&room)
        };
        for role in 0..roles {
            // A socket whose buffer is full gets nothing.
            let _ = self
                .io
                .to(name(key, role))
                .emit("u", &Told::new(*key, &room, role, roles))
                .await;
        }
    }
}
