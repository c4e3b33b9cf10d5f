//! The chat of the examples, used as people use it: the real server, real sockets.
//!
//! Every wait has a limit, and none is for time to pass.

#![allow(clippy::unwrap_used, reason = "a test that panics says where")]

// The modules name each other as `crate::room`, in the example as here.
#[path = "../examples/chat/frame.rs"]
mod frame;
#[path = "../examples/chat/room.rs"]
mod room;
#[path = "../examples/chat/server.rs"]
mod server;
#[path = "../examples/chat/socket.rs"]
mod socket;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use livestore::LiveStore;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::room::{HISTORY, MAX_NAME, MAX_TEXT, Room};
use crate::server::{App, Config};

/// Small enough that a few frames fill it; the kernel rounds up as it needs.
const SMALL_BUFFER: u32 = 4096;

async fn soon<T>(awaited: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), awaited)
        .await
        .expect("what the test waits for happens soon")
}

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start() -> Server {
        Server::with(Config::default(), TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// A server whose sockets hold little that was not taken.
    fn with_small_buffers(config: Config) -> Server {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(SMALL_BUFFER).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Server::with(config, socket.listen(16).unwrap())
    }

    fn with(config: Config, listener: TcpListener) -> Server {
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server::serve(listener, config, async {
            let _ = stopped.await;
        }));
        Server {
            address,
            stop,
            serving,
        }
    }

    /// Sends a request and returns the whole answer.
    async fn http(&self, line: &str) -> String {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        let mut answer = String::new();
        soon(async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            stream.read_to_string(&mut answer).await.unwrap();
        })
        .await;
        answer
    }

    /// Opens a room as the start page does, and returns its path.
    async fn new_room(&self) -> String {
        self.redirected("POST /").await
    }

    async fn redirected(&self, line: &str) -> String {
        let answer = self.http(line).await;
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
        let (_, location) = answer.split_once("location: ").unwrap();
        location.lines().next().unwrap().to_owned()
    }

    async fn dial(
        &self,
        room: &str,
        origin: Option<&str>,
    ) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
        let mut request = format!("ws://{}{room}/socket", self.address).into_client_request()?;
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(SMALL_BUFFER)?;
        let stream = socket.connect(self.address).await?;
        Ok(client_async(request, stream).await?.0)
    }

    /// Opens a room's page in a browser, so to speak. Returns what it is shown first, too.
    async fn visit(&self, room: &str) -> (Browser, Value) {
        let origin = format!("http://{}", self.address);
        let socket = soon(self.dial(room, Some(&origin))).await.unwrap();
        let mut browser = Browser {
            socket,
            you: String::new(),
        };
        let shown = browser.next().await;
        assert_eq!(shown["type"], "room");
        browser.you = shown["you"].as_str().unwrap().to_owned();
        (browser, shown)
    }

    /// Visits a room and joins it.
    async fn join(&self, room: &str, name: &str) -> Browser {
        let (mut browser, _) = self.visit(room).await;
        browser.send(json!({ "type": "join", "name": name })).await;
        let joined = browser.next().await;
        assert_eq!(
            joined,
            json!({ "type": "joined", "who": browser.you, "name": name })
        );
        browser
    }
}

struct Browser {
    socket: WebSocketStream<TcpStream>,
    you: String,
}

impl Browser {
    async fn send(&mut self, frame: Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    async fn send_raw(&mut self, frame: Message) {
        soon(self.socket.send(frame)).await.unwrap();
    }

    async fn say(&mut self, text: &str) {
        self.send(json!({ "type": "say", "text": text })).await;
    }

    /// Says something and waits until it has come back: then it is in the room.
    async fn say_and_hear(&mut self, text: &str) {
        self.say(text).await;
        assert_eq!(self.hear().await, text);
    }

    /// The next frame, whatever it is. Pings are answered and skipped.
    async fn next(&mut self) -> Value {
        let text = soon(async {
            loop {
                let frame = self.socket.next().await.expect("the socket is open");
                if let Message::Text(text) = frame.unwrap() {
                    return text;
                }
            }
        });
        serde_json::from_str(&text.await).unwrap()
    }

    /// The next frame, which is a text that somebody said.
    async fn hear(&mut self) -> String {
        let frame = self.next().await;
        assert_eq!(frame["type"], "said", "{frame}");
        frame["text"].as_str().unwrap().to_owned()
    }

    /// Reads until the server closes, and returns the code, if it gave one.
    async fn closed(&mut self) -> Option<u16> {
        soon(async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(close))) => return close.map(|close| close.code.into()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        })
        .await
    }
}

fn joined(who: &Browser, name: &str) -> Value {
    json!({ "type": "joined", "who": who.you, "name": name })
}

fn left(who: &str) -> Value {
    json!({ "type": "left", "who": who })
}

fn texts(room: &Value) -> Vec<&str> {
    let lines = room["lines"].as_array().unwrap();
    lines.iter().map(|line| line["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn texts_arrive_in_one_order_at_everybody_in_the_room_and_nowhere_else() {
    let server = Server::start().await;
    let (kitchen, cellar) = (server.new_room().await, server.new_room().await);
    let mut ada = server.join(&kitchen, "Ada").await;
    let mut bob = server.join(&kitchen, "Bob").await;
    let mut eve = server.join(&cellar, "Eve").await;
    assert_eq!(ada.next().await, joined(&bob, "Bob"));

    for n in 0..20 {
        ada.say(&format!("ada {n}")).await;
        bob.say(&format!("bob {n}")).await;
    }
    let (mut at_ada, mut at_bob) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        at_ada.push(ada.hear().await);
        at_bob.push(bob.hear().await);
    }
    assert_eq!(at_ada, at_bob);
    for name in ["ada", "bob"] {
        let said: Vec<_> = at_ada
            .iter()
            .filter(|text| text.starts_with(name))
            .cloned()
            .collect();
        let meant: Vec<_> = (0..20).map(|n| format!("{name} {n}")).collect();
        assert_eq!(said, meant);
    }

    // The first thing Eve hears is her own.
    eve.say_and_hear("is anybody here?").await;
}

#[tokio::test]
async fn a_line_says_who_said_it_and_when() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.join(&room, "Ada").await;
    ada.say("  <b>hello</b>\n").await;
    let mut line = ada.next().await;
    assert!(
        line["at"]
            .take()
            .as_u64()
            .is_some_and(|at| at > 1_600_000_000_000)
    );
    let said = json!({ "type": "said", "who": ada.you, "name": "Ada", "text": "<b>hello</b>", "at": null });
    assert_eq!(line, said);
}

#[tokio::test]
async fn typing_is_told_to_the_others_and_kept_nowhere() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.join(&room, "Ada").await;
    let mut bob = server.join(&room, "Bob").await;
    assert_eq!(ada.next().await, joined(&bob, "Bob"));

    ada.send(json!({ "type": "typing" })).await;
    assert_eq!(bob.next().await, json!({ "type": "typing", "who": ada.you }));

    // Ada does not hear of herself, and whoever comes now sees a room in which nothing happened.
    ada.say_and_hear("done").await;
    let (_, shown) = server.visit(&room).await;
    assert_eq!(texts(&shown), ["done"]);
}

#[tokio::test]
async fn everybody_knows_who_is_here() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.join(&room, "Ada").await;
    let bob = server.join(&room, "Bob").await;
    let (mut guest, shown) = server.visit(&room).await;
    let mut people = serde_json::Map::new();
    people.insert(ada.you.clone(), json!("Ada"));
    people.insert(bob.you.clone(), json!("Bob"));
    assert_eq!(shown["people"], Value::Object(people));

    // One name after another.
    assert_eq!(ada.next().await, joined(&bob, "Bob"));
    ada.send(json!({ "type": "join", "name": "Ada L." })).await;
    assert_eq!(guest.next().await, joined(&ada, "Ada L."));
    assert_eq!(ada.next().await, joined(&ada, "Ada L."));
}

#[tokio::test]
async fn whoever_leaves_is_gone_with_or_without_a_word() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.join(&room, "Ada").await;

    let mut polite = server.join(&room, "Polite").await;
    assert_eq!(ada.next().await, joined(&polite, "Polite"));
    soon(polite.socket.close(None)).await.unwrap();
    assert_eq!(ada.next().await, left(&polite.you));

    let hasty = server.join(&room, "Hasty").await;
    assert_eq!(ada.next().await, joined(&hasty, "Hasty"));
    let Browser { socket, you } = hasty;
    drop(socket);
    assert_eq!(ada.next().await, left(&you));

    let crashed = server.join(&room, "Crashed").await;
    assert_eq!(ada.next().await, joined(&crashed, "Crashed"));
    let Browser { socket, you } = crashed;
    socket.get_ref().set_zero_linger().unwrap();
    drop(socket);
    assert_eq!(ada.next().await, left(&you));

    // A guest who never joined leaves no trace.
    let (guest, _) = server.visit(&room).await;
    drop(guest);
    let (_, shown) = server.visit(&room).await;
    assert_eq!(shown["people"].as_object().unwrap().len(), 1);
    ada.say_and_hear("alone again").await;
}

/// Only the server's own hand can abort a task, so this test is a server with such a hand.
#[tokio::test]
async fn whoever_is_cut_off_by_an_abort_is_gone_too() {
    let rooms = LiveStore::default();
    let key = rooms.init(Room::default());
    let mut watch = rooms.watch(&key).unwrap();
    let app = App {
        rooms,
        config: Config::default(),
        sockets: tokio::sync::watch::channel(()).0,
    };
    let (started, mut task) = mpsc::channel(1);
    let router = Router::new().fallback(get(async move |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async move |socket| {
            let task = tokio::spawn(socket::talk(socket, app, key));
            started.send(task).await.unwrap();
        })
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());

    let stream = soon(TcpStream::connect(address)).await.unwrap();
    let (socket, _) = soon(client_async(format!("ws://{address}/"), stream))
        .await
        .unwrap();
    let mut ada = Browser {
        socket,
        you: String::new(),
    };
    ada.send(json!({ "type": "join", "name": "Ada" })).await;
    let update = soon(watch.next()).await.unwrap();
    assert_eq!(update.entry().people.len(), 1);

    soon(task.recv()).await.unwrap().abort();
    let update = soon(watch.next()).await.unwrap();
    assert!(update.entry().people.is_empty());
}

#[tokio::test]
async fn a_bad_frame_is_answered_to_its_sender_and_disturbs_nobody() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.join(&room, "Ada").await;
    let mut bad = server.join(&room, "Bad").await;
    assert_eq!(ada.next().await, joined(&bad, "Bad"));

    for frame in [
        Message::text("hello"),
        Message::text("{}"),
        Message::text(r#"{"type":"kick","who":"Ada"}"#),
        Message::text(r#"{"type":"say"}"#),
        Message::text(r#"{"type":"say","text":7}"#),
        Message::text("[".repeat(20_000)),
        Message::binary(vec![1, 2, 3]),
    ] {
        bad.send_raw(frame).await;
        let answer = bad.next().await;
        assert_eq!(answer["type"], "bad_frame");
        assert!(!answer["text"].as_str().unwrap().is_empty());
    }

    bad.say_and_hear("sorry").await;
    assert_eq!(ada.hear().await, "sorry");
}

#[tokio::test]
async fn an_oversized_frame_costs_its_sender_the_connection_and_nobody_else() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.join(&room, "Ada").await;
    let mut big = server.join(&room, "Big").await;
    assert_eq!(ada.next().await, joined(&big, "Big"));

    // The server may hang up before it has taken all of it.
    let frame = Message::text("x".repeat(1024 * 1024));
    let _ = soon(big.socket.send(frame)).await;
    assert_eq!(ada.next().await, left(&big.you));
    let code = big.closed().await;
    assert!(matches!(code, None | Some(1008)), "{code:?}");
    ada.say_and_hear("nothing happened").await;
}

#[tokio::test]
async fn what_the_room_does_not_accept_is_refused_with_a_reason() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.join(&room, "Ada").await;
    let (mut bob, _) = server.visit(&room).await;

    let long_name = "n".repeat(MAX_NAME + 1);
    let long_text = "é".repeat(MAX_TEXT + 1);
    for (frame, why) in [
        (json!({ "type": "say", "text": "hello" }), "not_here"),
        (json!({ "type": "typing" }), "not_here"),
        (json!({ "type": "join", "name": "Ada" }), "name_taken"),
        (json!({ "type": "join", "name": " " }), "bad_name"),
        (json!({ "type": "join", "name": "a\u{7}b" }), "bad_name"),
        (json!({ "type": "join", "name": long_name }), "bad_name"),
    ] {
        bob.send(frame).await;
        let answer = bob.next().await;
        assert_eq!(
            (&answer["type"], &answer["why"]),
            (&json!("refused"), &json!(why))
        );
        assert!(!answer["text"].as_str().unwrap().is_empty());
    }
    for text in ["", " \n ", &long_text] {
        ada.say(text).await;
        assert_eq!(ada.next().await["why"], "bad_text");
    }

    // What is just not too long is accepted, also as the largest frame it can be.
    let escaped = format!(
        r#"{{"type":"say","text":"{}"}}"#,
        r"\ud83d\ude00".repeat(MAX_TEXT)
    );
    ada.send_raw(Message::text(escaped)).await;
    assert_eq!(ada.hear().await, "😀".repeat(MAX_TEXT));
    assert_eq!(bob.hear().await, "😀".repeat(MAX_TEXT));
}

#[tokio::test]
async fn pages_of_other_servers_are_turned_away() {
    let server = Server::start().await;
    let room = server.new_room().await;
    for origin in ["http://evil.example", "null", "http://127.0.0.1"] {
        match soon(server.dial(&room, Some(origin))).await {
            Err(tungstenite::Error::Http(answer)) => assert_eq!(answer.status(), 403),
            other => panic!("{origin} got {other:?}"),
        }
    }
    // A program, not a browser.
    soon(server.dial(&room, None)).await.unwrap();
}

#[tokio::test]
async fn a_browser_that_lags_gets_the_room_as_it_is_and_goes_on_from_there() {
    let server = Server::with_small_buffers(Config::default());
    let room = server.new_room().await;
    let mut ada = server.join(&room, "Ada").await;
    let (mut slow, _) = server.visit(&room).await;

    // More than the watch and the buffers between the two can hold, none of it read.
    let long = "x".repeat(1900);
    for n in 0..200 {
        ada.say_and_hear(&format!("{n} {long}")).await;
    }

    // Whatever was skipped is counted, and what follows a snapshot is what follows its last line.
    let (mut told, mut resyncs) = (0, 0);
    while told < 200 {
        let frame = slow.next().await;
        let line = match frame["type"].as_str() {
            Some("said") => {
                told += 1;
                frame["text"].as_str()
            }
            Some("room") => {
                assert_eq!(frame["you"], slow.you.as_str());
                resyncs += 1;
                told += frame["missed"].as_u64().unwrap();
                texts(&frame).last().copied()
            }
            _ => panic!("{frame}"),
        };
        assert!(line.unwrap().starts_with(&format!("{} ", told - 1)));
    }
    assert!(resyncs > 0);

    ada.say_and_hear("and on").await;
    assert_eq!(slow.hear().await, "and on");
}

#[tokio::test]
async fn a_socket_that_takes_nothing_is_given_up() {
    let server = Server::with_small_buffers(Config {
        write_timeout: Duration::from_millis(200),
        ..Config::default()
    });
    let room = server.new_room().await;
    let mut ada = server.join(&room, "Ada").await;
    let stuck = server.join(&room, "Stuck").await;
    assert_eq!(ada.next().await, joined(&stuck, "Stuck"));

    let long = "x".repeat(1900);
    soon(async {
        loop {
            ada.say(&long).await;
            let frame = ada.next().await;
            if frame == left(&stuck.you) {
                break;
            }
            assert_eq!(frame["type"], "said");
        }
    })
    .await;
}

#[tokio::test]
async fn a_socket_that_is_silent_from_ping_to_ping_is_given_up() {
    let server = Server::with(
        Config {
            heartbeat: Duration::from_millis(500),
            ..Config::default()
        },
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let room = server.new_room().await;
    let mut ada = server.join(&room, "Ada").await;
    let silent = server.join(&room, "Silent").await;
    assert_eq!(ada.next().await, joined(&silent, "Silent"));

    // Ada answers pings while she reads; the other one does not read.
    assert_eq!(ada.next().await, left(&silent.you));
}

#[tokio::test]
async fn whoever_comes_late_is_shown_what_was_said_last() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.join(&room, "Ada").await;
    for n in 0..HISTORY + 5 {
        ada.say_and_hear(&n.to_string()).await;
    }

    let (mut late, shown) = server.visit(&room).await;
    let last: Vec<_> = (5..HISTORY + 5).map(|n| n.to_string()).collect();
    assert_eq!(texts(&shown), last);
    assert_eq!(shown["missed"], 0);

    ada.say("welcome").await;
    assert_eq!(late.hear().await, "welcome");
}

#[tokio::test]
async fn the_page_is_served_at_the_start_and_in_a_room() {
    let server = Server::start().await;
    let room = server.new_room().await;
    for path in ["/", &room] {
        let answer = server.http(&format!("GET {path}")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("content-type: text/html; charset=utf-8"));
        assert!(answer.contains("<!doctype html>"));
    }
    assert!(server.http("GET /room/kitchen").await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn everybody_finds_the_lobby() {
    let server = Server::start().await;
    let lobby = server.redirected("GET /lobby").await;
    let mut ada = server.join(&lobby, "Ada").await;
    ada.say_and_hear("first").await;

    assert_eq!(server.redirected("GET /lobby").await, lobby);
    let (_, shown) = server.visit(&lobby).await;
    assert_eq!(texts(&shown), ["first"]);
    assert_ne!(server.new_room().await, lobby);
}

#[tokio::test]
async fn a_room_that_is_not_there_says_so() {
    let server = Server::start().await;
    let room = format!("/room/{}", livestore::Uuid::new_v4());
    let answer = server.http(&format!("GET {room}")).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.contains("<!doctype html>"));

    let socket = soon(server.dial(&room, None)).await.unwrap();
    let mut browser = Browser {
        socket,
        you: String::new(),
    };
    assert_eq!(browser.closed().await, Some(4404));
}

#[tokio::test]
async fn a_room_goes_when_nobody_is_in_it_and_not_before() {
    let server = Server::with(
        Config {
            idle: Duration::from_millis(500),
            ..Config::default()
        },
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let used = server.new_room().await;
    let (mut guest, _) = server.visit(&used).await;
    let empty = server.new_room().await;

    let gone = async |room: &str| {
        let page = server.http(&format!("GET {room}")).await;
        page.starts_with("HTTP/1.1 404")
    };
    soon(async { while !gone(&empty).await {} }).await;
    // It was created before the other one, and nobody said a word in it.
    assert!(!gone(&used).await);

    soon(guest.socket.close(None)).await.unwrap();
    soon(async { while !gone(&used).await {} }).await;
}

#[tokio::test]
async fn a_server_that_stops_says_good_bye() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.join(&room, "Ada").await;

    server.stop.send(()).unwrap();
    assert_eq!(ada.closed().await, Some(1012));
    drop(ada);
    soon(server.serving).await.unwrap().unwrap();
}
