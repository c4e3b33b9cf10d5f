//! The socket itself: who is let in, what ends it, and what is left when it has ended. Real sockets on the loopback; every wait has
//! a limit, and none is for time to pass but where silence is what is tested.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use livestore::ws::{Live, LiveUpgrade};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::world::{RoomMutation, World};

async fn soon<T>(awaited: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), awaited)
        .await
        .expect("what the test waits for happens soon")
}

/// Waits until something is so that other tasks bring about.
async fn until(mut is_so: impl FnMut() -> bool) {
    soon(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

struct Server {
    address: SocketAddr,
    serving: JoinHandle<()>,
    live: Live<String>,
    /// The tokens that pages have handed over.
    tokens: Arc<Mutex<Vec<Option<String>>>>,
}

type Socket = WebSocketStream<TcpStream>;

/// Who connects, and what he sends.
#[derive(Clone, Copy)]
struct Dial<'a> {
    path: &'a str,
    origin: Option<&'a str>,
    protocols: Option<&'a str>,
    user: &'a str,
}

const ANN: Dial<'_> = Dial {
    path: "/route",
    origin: None,
    protocols: None,
    user: "ann",
};

fn user(headers: &HeaderMap) -> Option<String> {
    let user = headers.get("x-user")?.to_str().ok()?;
    (user != "nobody").then(|| user.to_owned())
}

impl Server {
    fn start(live: &Live<String>) -> Server {
        let socket = TcpSocket::new_v4().unwrap();
        // Small, so that a client that does not read is soon noticed.
        socket.set_send_buffer_size(4096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener: TcpListener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let tokens = Arc::new(Mutex::new(Vec::new()));
        let upgrade = {
            let (live, tokens) = (live.clone(), Arc::clone(&tokens));
            move |headers: HeaderMap, upgrade: LiveUpgrade| async move {
                tokens.lock().unwrap().push(upgrade.token().map(str::to_owned));
                match user(&headers) {
                    Some(user) => live.upgrade(upgrade, user),
                    None => live.refuse(upgrade),
                }
            }
        };
        let route = live.route(|parts: Parts| async move { user(&parts.headers) });
        let router = Router::new()
            .route("/upgrade", get(upgrade))
            .route("/route", route);
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Server {
            address,
            serving,
            live: live.clone(),
            tokens,
        }
    }

    /// Connects. Returns what the server has answered, too.
    async fn try_dial(
        &self,
        dial: Dial<'_>,
    ) -> Result<(Socket, tungstenite::handshake::client::Response), tungstenite::Error> {
        let mut request = format!("ws://{}{}", self.address, dial.path).into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("x-user", dial.user.parse().unwrap());
        if let Some(origin) = dial.origin {
            headers.insert("origin", origin.parse().unwrap());
        }
        if let Some(protocols) = dial.protocols {
            headers.insert("sec-websocket-protocol", protocols.parse().unwrap());
        }
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        let stream = socket.connect(self.address).await?;
        soon(client_async(request, stream)).await
    }

    async fn dial(&self, dial: Dial<'_>) -> Socket {
        self.try_dial(dial).await.unwrap().0
    }

    /// Connects from the server's own page.
    async fn visit(&self, user: &str) -> Socket {
        let origin = format!("http://{}", self.address);
        let origin = Some(origin.as_str());
        let mut socket = self.dial(Dial { origin, user, ..ANN }).await;
        assert_eq!(next(&mut socket).await.unwrap()["t"], "hello");
        socket
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The next text frame. The code with which the connection has ended otherwise.
async fn next(socket: &mut Socket) -> Result<Value, Option<u16>> {
    loop {
        match soon(socket.next()).await {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(None),
        }
    }
}

async fn send(socket: &mut Socket, frame: Value) {
    soon(socket.send(Message::text(frame.to_string()))).await.unwrap();
}

/// The code with which it ends, whatever comes before.
async fn end(socket: &mut Socket) -> Option<u16> {
    loop {
        if let Err(code) = next(socket).await {
            return code;
        }
    }
}

async fn subscribe(socket: &mut Socket, key: &livestore::Uuid) {
    send(socket, json!({"t": "sub", "id": 1, "keys": [{"k": key}]})).await;
    while next(socket).await.unwrap()["t"] != "snap" {}
}

fn live(world: &World) -> Live<String> {
    world.live.clone().native_clients()
}

#[tokio::test]
async fn the_subprotocol_is_agreed_on_and_a_token_is_not_repeated() {
    let world = World::new();
    let server = Server::start(&live(&world));
    let agreed = |response: &tungstenite::handshake::client::Response| {
        let agreed = response.headers().get("sec-websocket-protocol");
        agreed.map(|agreed| agreed.to_str().unwrap().to_owned())
    };
    for path in ["/route", "/upgrade"] {
        let protocols = Some("livestore.v1.json, livestore.token.c2VjcmV0");
        let (mut socket, response) = server
            .try_dial(Dial {
                path,
                protocols,
                ..ANN
            })
            .await
            .unwrap();
        assert_eq!(agreed(&response).as_deref(), Some("livestore.v1.json"));
        assert!(!format!("{response:?}").contains("c2VjcmV0"));
        assert_eq!(next(&mut socket).await.unwrap()["v"], 1);
    }
    assert_eq!(*server.tokens.lock().unwrap(), [Some("c2VjcmV0".to_owned())]);
    let (_, response) = server
        .try_dial(Dial {
            path: "/upgrade",
            ..ANN
        })
        .await
        .unwrap();
    assert_eq!(agreed(&response), None);
    assert_eq!(server.tokens.lock().unwrap().last(), Some(&None));
    // Whoever speaks something else only is not answered as if it were spoken here.
    let protocols = Some("graphql-ws");
    match server.try_dial(Dial { protocols, ..ANN }).await {
        Ok((_, response)) => assert_eq!(agreed(&response), None),
        Err(error) => assert!(matches!(error, tungstenite::Error::Protocol(_)), "{error}"),
    }
}

#[tokio::test]
async fn pages_of_others_and_the_unknown_are_sent_away_for_good() {
    let world = World::new();
    let strict = world.live.clone().origins(["https://app.example.com"]);
    let server = Server::start(&strict);
    let own = format!("http://{}", server.address);
    for (origin, user, code) in [
        (Some("https://evil.example.com"), "ann", Some(4403)),
        (Some("https://app.example.com.evil.com"), "ann", Some(4403)),
        (Some("https://app.example.com:444"), "ann", Some(4403)),
        (Some("http://app.example.com"), "ann", Some(4403)),
        (Some("null"), "ann", Some(4403)),
        (Some(""), "ann", Some(4403)),
        (None, "ann", Some(4403)),
        (Some(&own), "nobody", Some(4401)),
        // Nobody learns from another page whether somebody is known.
        (Some("https://evil.example.com"), "nobody", Some(4403)),
        (Some("https://app.example.com"), "ann", None),
        (Some(&own), "ann", None),
    ] {
        for path in ["/route", "/upgrade"] {
            let dial = Dial {
                path,
                origin,
                user,
                ..ANN
            };
            let mut socket = server.dial(dial).await;
            match (next(&mut socket).await, code) {
                (Ok(hello), None) => assert_eq!(hello["t"], "hello", "{origin:?}"),
                (Err(got), Some(_)) => assert_eq!(got, code, "{origin:?} {user}"),
                (got, _) => panic!("{origin:?}: {got:?}"),
            }
        }
    }
    until(|| server.live.connections() == 0).await;
    let native = Server::start(&strict.native_clients());
    assert!(next(&mut native.dial(ANN).await).await.is_ok());
    let origin = Some("https://evil.example.com");
    assert_eq!(
        end(&mut native.dial(Dial { origin, ..ANN }).await).await,
        Some(4403)
    );
}

#[tokio::test]
async fn what_is_not_spoken_here_ends_the_connection() {
    let world = World::new();
    let server = Server::start(&live(&world));
    let mut socket = server.visit("ann").await;
    socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(end(&mut socket).await, Some(4400));
    for length in [70_000, 1_000_000] {
        let mut socket = server.visit("ann").await;
        // The server may have had enough before all is sent.
        let _ = socket.send(Message::text("x".repeat(length))).await;
        assert_eq!(end(&mut socket).await, Some(1009), "{length}");
    }
    // As large as may be.
    let mut socket = server.visit("ann").await;
    let padding = "x".repeat(65_536 - r#"{"t":"get","id":1,"x":""}"#.len());
    send(&mut socket, json!({"t": "get", "id": 1, "x": padding})).await;
    assert_eq!(next(&mut socket).await.unwrap()["code"], "bad_request");
    // What a client says at its end is answered.
    let close = CloseFrame {
        code: 1000.into(),
        reason: "".into(),
    };
    socket.close(Some(close)).await.unwrap();
    assert_eq!(end(&mut socket).await, Some(1000));
    until(|| server.live.connections() == 0).await;
}

#[tokio::test]
async fn whoever_never_reads_is_sent_away_and_others_do_not_notice() {
    let world = World::new();
    let key = world.room(1, &["ann", "ben"]);
    let live = live(&world).limits(|limits| limits.stuck_for = Duration::from_millis(300));
    let server = Server::start(&live);
    let (mut ann, mut ben) = (server.visit("ann").await, server.visit("ben").await);
    subscribe(&mut ann, &key).await;
    subscribe(&mut ben, &key).await;
    assert_eq!(live.connections(), 2);
    let (mut last, mut number) = (0, 0);
    soon(async {
        while live.connections() == 2 {
            number += 1;
            let cleared = world.rooms.mutate(&key, RoomMutation::ClearLines);
            cleared.await.unwrap();
            let version = world.say(&key, &format!("{number} ").repeat(10_000)).await;
            while last < version {
                last = next(&mut ben).await.unwrap()["ver"].as_u64().unwrap_or(last);
            }
        }
    })
    .await;
    assert_eq!(live.connections(), 1);
    // He was told why, if he reads at last before the line is cut.
    assert!(matches!(end(&mut ann).await, Some(4503) | None));
    send(&mut ben, json!({"t": "get", "id": 5, "k": key})).await;
    while next(&mut ben).await.unwrap()["id"] != 5 {}
    assert_eq!(world.rooms.fetch(&key).unwrap().here, 1);
}

#[tokio::test]
async fn whoever_is_told_something_all_the_time_is_heard() {
    let world = World::new();
    let keys: Vec<_> = (1..=120).map(|number| world.room(number, &["ann"])).collect();
    let server = Server::start(&live(&world));
    let mut ann = server.visit("ann").await;
    let asked: Vec<_> = keys.iter().map(|key| json!({"k": key})).collect();
    send(&mut ann, json!({"t": "sub", "id": 1, "keys": asked})).await;
    let mut snaps = 0;
    while snaps < keys.len() {
        snaps += usize::from(next(&mut ann).await.unwrap()["t"] == "snap");
    }
    // More than a connection can tell.
    let rooms = world.rooms.clone();
    let busy = tokio::spawn(async move {
        loop {
            for key in &keys {
                rooms.mutate(key, RoomMutation::ClearLines).await.unwrap();
                rooms.mutate(key, RoomMutation::PushLines("hi".into())).await.unwrap();
            }
            tokio::task::yield_now().await;
        }
    });
    for id in 2..10 {
        send(&mut ann, json!({"t": "get", "id": id, "k": livestore::Uuid::from_u128(7)})).await;
        let mut between = 0;
        while next(&mut ann).await.unwrap()["id"] != id {
            between += 1;
            assert!(between < 20_000, "{between} frames, and no answer");
        }
    }
    busy.abort();
}

#[tokio::test]
async fn whoever_is_silent_is_asked_and_then_sent_away() {
    let world = World::new();
    let key = world.room(1, &["ann"]);
    let live = live(&world).limits(|limits| {
        limits.ping_after = Duration::from_millis(100);
        limits.pong_within = Duration::from_secs(1);
    });
    let server = Server::start(&live);
    let mut ann = server.visit("ann").await;
    subscribe(&mut ann, &key).await;
    for _ in 0..3 {
        while next(&mut ann).await.unwrap()["t"] != "ping" {}
        send(&mut ann, json!({"t": "pong"})).await;
    }
    assert_eq!(end(&mut ann).await, Some(4508));
    // One whose line is dead says nothing either, and does not end it: he has left all the same.
    let mut dead = server.visit("ann").await;
    subscribe(&mut dead, &key).await;
    until(|| world.rooms.fetch(&key).unwrap().here == 1).await;
    until(|| world.rooms.fetch(&key).unwrap().here == 0).await;
    until(|| live.connections() == 0).await;
    drop(dead);
    // So has one who never finished asking for the connection.
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"GET /route HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
        .await
        .unwrap();
    assert_eq!(live.connections(), 0);
}

#[tokio::test]
async fn a_plain_request_is_refused() {
    let world = World::new();
    let server = Server::start(&live(&world));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /route HTTP/1.1\r\nHost: x\r\nx-user: ann\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(server.live.connections(), 0);
}

#[tokio::test]
async fn neither_old_versions_nor_compression_are_spoken() {
    let world = World::new();
    let server = Server::start(&live(&world));
    for (version, status) in [("0", "400"), ("8", "400"), ("12", "400"), ("13", "101")] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!(
            "GET /route HTTP/1.1\r\nHost: x\r\nx-user: ann\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 1024];
        let length = soon(stream.read(&mut answer)).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).to_lowercase();
        assert!(answer.starts_with(&format!("http/1.1 {status}")), "{answer}");
        assert!(!answer.contains("sec-websocket-extensions"), "{answer}");
    }
}

#[tokio::test]
async fn no_more_come_in_than_may() {
    let world = World::new();
    let live = live(&world).limits(|limits| {
        limits.connections = 4;
        limits.connections_per_user = 2;
    });
    let server = Server::start(&live);
    let mut in_there = vec![server.visit("ann").await, server.visit("ann").await];
    assert_eq!(end(&mut server.dial(ANN).await).await, Some(4530));
    in_there.push(server.visit("ben").await);
    in_there.push(server.visit("ben").await);
    assert_eq!(
        end(&mut server.dial(Dial { user: "cid", ..ANN }).await).await,
        Some(4530)
    );
    in_there.pop();
    until(|| live.connections() == 3).await;
    in_there.push(server.visit("cid").await);
}

#[tokio::test]
async fn on_the_way_down_every_socket_is_told() {
    let world = World::new();
    let key = world.room(1, &["ann", "ben"]);
    let server = Server::start(&live(&world));
    let mut sockets = vec![server.visit("ann").await, server.visit("ben").await];
    for socket in &mut sockets {
        subscribe(socket, &key).await;
    }
    let live = server.live.clone();
    let shutdown = tokio::spawn(async move { live.shutdown_on(std::future::ready(())).await });
    for socket in &mut sockets {
        let mut bye = next(socket).await.unwrap();
        while bye["t"] != "bye" {
            bye = next(socket).await.unwrap();
        }
        assert_eq!(bye["why"], "restart");
        assert_eq!(end(socket).await, Some(1012));
    }
    soon(shutdown).await.unwrap();
    assert_eq!((server.live.connections(), world.rooms.stats().watchers), (0, 0));
    assert_eq!(world.rooms.fetch(&key).unwrap().here, 0);
    assert_eq!(end(&mut server.dial(ANN).await).await, Some(1012));
}

#[tokio::test]
async fn a_thousand_come_and_go_and_leave_nothing() {
    let world = World::new();
    let key = world.room(1, &["ann", "ben"]);
    let server = Server::start(&live(&world));
    for round in 0..100 {
        let mut sockets = Vec::new();
        for number in 0..10 {
            let user = ["ann", "ben"][number % 2];
            let mut socket = server.dial(Dial { user, ..ANN }).await;
            if round % 2 == 0 {
                assert_eq!(next(&mut socket).await.unwrap()["t"], "hello");
                send(&mut socket, json!({"t": "sub", "id": 1, "keys": [{"k": key}]})).await;
            }
            sockets.push(socket);
        }
        if round % 3 == 0 {
            for socket in &mut sockets {
                soon(socket.close(None)).await.unwrap();
            }
        }
        drop(sockets);
        until(|| server.live.connections() == 0).await;
    }
    assert_eq!(world.rooms.stats().watchers, 0);
    assert_eq!(world.rooms.fetch(&key).unwrap().here, 0);
}

#[test]
fn whoever_is_there_when_the_server_is_cut_off_has_left_once() {
    let world = World::new();
    let key = world.room(1, &["ann", "ben"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let live = live(&world);
    // The clients stay: it is the server that ends.
    let clients = runtime.block_on(async {
        let server = Server::start(&live);
        let (mut ann, mut ben) = (server.visit("ann").await, server.visit("ben").await);
        subscribe(&mut ann, &key).await;
        subscribe(&mut ben, &key).await;
        until(|| world.rooms.fetch(&key).unwrap().here == 2).await;
        (server, ann, ben)
    });
    let before = world.rooms.fetch(&key).unwrap().version();
    // All its tasks with it, in the middle of whatever they do.
    drop(runtime);
    assert_eq!((live.connections(), world.rooms.stats().watchers), (0, 0));
    let room = world.rooms.fetch(&key).unwrap();
    assert_eq!((room.here, room.version()), (0, before + 2));
    drop(clients);
}
