//! A line that is cut without a word: nothing arrives any more, and nobody is told. Time is paused, and the line is in memory.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::http::request::Parts;
use axum::serve::Listener;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::world::World;

/// Hands out the far ends of lines.
pub(crate) struct Lines(pub(crate) mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Lines {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(line) => (line, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

struct Server {
    world: World,
    dial: mpsc::UnboundedSender<DuplexStream>,
}

impl Server {
    fn start() -> Server {
        let world = World::new();
        let live = world.live.clone().native_clients();
        let route = live.route(|parts: Parts| async move {
            let user = parts.headers.get("x-user")?.to_str().ok()?;
            Some(user.to_owned())
        });
        let (dial, lines) = mpsc::unbounded_channel();
        let router = Router::new().route("/live", route);
        tokio::spawn(async move { axum::serve(Lines(lines), router).await });
        Server { world, dial }
    }

    /// A connection over a line that holds so many bytes that nobody takes.
    async fn visit(&self, user: &str, held: usize) -> WebSocketStream<DuplexStream> {
        let (near, far) = tokio::io::duplex(held);
        self.dial.send(far).unwrap();
        let request = axum::http::Request::get("ws://server/live")
            .header("host", "server")
            .header("x-user", user)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap();
        let mut socket = client_async(request, near).await.unwrap().0;
        assert_eq!(hear(&mut socket).await["t"], "hello");
        socket
    }
}

async fn hear(socket: &mut WebSocketStream<DuplexStream>) -> Value {
    match socket.next().await.unwrap().unwrap() {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn subscribe(socket: &mut WebSocketStream<DuplexStream>, key: &livestore::Uuid) {
    let request = json!({"t": "sub", "id": 1, "keys": [{"k": key}]});
    socket.send(Message::text(request.to_string())).await.unwrap();
    while hear(socket).await["t"] != "snap" {}
}

/// When the last connection has ended and whoever was there has left, in seconds from `begun`.
async fn ended(server: &Server, key: &livestore::Uuid, begun: Instant) -> f64 {
    while server.world.live.connections() > 0 || server.world.rooms.fetch(key).unwrap().here > 0 {
        sleep_until(Instant::now() + Duration::from_millis(10)).await;
    }
    begun.elapsed().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn whoever_is_behind_a_cut_line_is_gone_when_he_has_not_answered() {
    let server = Server::start();
    let key = server.world.room(1, &["ann"]);
    let mut ann = server.visit("ann", 1 << 20).await;
    subscribe(&mut ann, &key).await;
    let begun = Instant::now();
    // From here on nothing of what she is sent is taken, and she says nothing; what is sent to her is held on the way.
    let ended = ended(&server, &key, begun).await;
    // Asked after 25 s, given up 10 s later, and then two at most for what is said at the end.
    assert!((35.0..37.5).contains(&ended), "{ended}");
    drop(ann);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_behind_a_cut_line_that_is_full_is_gone_when_nothing_was_taken_for_long() {
    let server = Server::start();
    let key = server.world.room(1, &["ann"]);
    let mut ann = server.visit("ann", 1024).await;
    subscribe(&mut ann, &key).await;
    let begun = Instant::now();
    for _ in 0..3 {
        server
            .world
            .say(&key, &"more than the line holds ".repeat(100))
            .await;
        tokio::task::yield_now().await;
    }
    let ended = ended(&server, &key, begun).await;
    assert!((10.0..12.5).contains(&ended), "{ended}");
    drop(ann);
}
