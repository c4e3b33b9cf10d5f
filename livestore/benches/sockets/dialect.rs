//! [`Dialect`]: how a client of each server asks for keys.

use livestore::Uuid;
use livestore_benches::rows::{LIVESTORE, SOCKET_IO, SOCKETIOXIDE, Who};
use serde_json::json;

/// What is spoken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dialect {
    Livestore,
    /// An array of keys is sent, and values come.
    Plain,
    SocketIo,
}

impl Dialect {
    pub(crate) fn of(who: Who) -> Dialect {
        match who {
            LIVESTORE => Dialect::Livestore,
            SOCKETIOXIDE | SOCKET_IO => Dialect::SocketIo,
            _ => Dialect::Plain,
        }
    }

    /// The request that makes a connection one of frames.
    pub(crate) fn upgrade(self, role: usize) -> String {
        let path = match self {
            Dialect::SocketIo => "/socket.io/?EIO=4&transport=websocket".to_owned(),
            _ => format!("/live?{role}"),
        };
        format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    }

    /// What is sent first.
    pub(crate) fn greet(self, keys: &[Uuid]) -> Option<String> {
        match self {
            Dialect::Livestore => {
                let keys: Vec<_> = keys.iter().map(|key| json!({ "k": key })).collect();
                Some(json!({"t": "sub", "id": 1, "keys": keys}).to_string())
            }
            Dialect::Plain => Some(json!(keys).to_string()),
            Dialect::SocketIo => None,
        }
    }

    /// What is answered to a frame that is no update.
    pub(crate) fn answer(self, frame: &[u8], keys: &[Uuid], role: usize) -> Option<String> {
        match self {
            Dialect::SocketIo if frame.starts_with(b"40") => {
                Some(format!("42{}", json!(["sub", role, keys])))
            }
            Dialect::SocketIo if frame.starts_with(b"0") => Some("40".to_owned()),
            Dialect::SocketIo if frame == b"2" => Some("3".to_owned()),
            Dialect::Livestore if frame == br#"{"t":"ping"}"# => Some(r#"{"t":"pong"}"#.to_owned()),
            _ => None,
        }
    }
}
