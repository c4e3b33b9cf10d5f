//! The chat of the examples, used as people use it: the real server, real sockets.
//!
//! Every wait has a limit, and none is for time to pass.

#![allow(clippy::unwrap_used, reason = "a test that panics says where")]

// The modules name each other as `crate::room`, in the example as here.
#[path = "../examples/chat/guest.rs"]
mod guest;
#[path = "../examples/chat/room.rs"]
mod room;
#[path = "../examples/chat/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use livestore::Uuid;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::guest::MAX_NAME;
use crate::room::{HISTORY, MAX_TEXT};
use crate::server::Config;

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

/// A page in a room.
struct Page {
    socket: WebSocketStream<TcpStream>,
    room: String,
    who: Value,
    next_id: u64,
    /// What was told and not yet looked at.
    told: Vec<Value>,
    /// The number of the line that was told last.
    heard: u64,
    /// Who is there, as it was told last.
    people: Value,
}

impl Server {
    async fn start() -> Server {
        // Whoever leaves is gone at once.
        Server::with(Config {
            grace: Duration::ZERO,
            ..Config::default()
        })
        .await
    }

    async fn with(config: Config) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
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

    /// Connects as a page does. Returns nothing if it is sent away, and the close code.
    async fn dial(&self, origin: &str, token: &str) -> Result<WebSocketStream<TcpStream>, Option<u16>> {
        let url = format!("ws://{}/live", self.address);
        let mut request = url.into_client_request().unwrap();
        let protocols = format!("livestore.v1.json, livestore.token.{token}");
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", protocols.parse().unwrap());
        headers.insert("origin", origin.parse().unwrap());
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut socket = soon(client_async(request, stream)).await.unwrap().0;
        match soon(socket.next()).await.unwrap().unwrap() {
            Message::Text(hello) if hello.contains("hello") => Ok(socket),
            Message::Close(close) => Err(close.map(|close| close.code.into())),
            other => panic!("{other:?}"),
        }
    }

    /// Opens a room's page in a tab, under a name.
    async fn visit(&self, room: &str, name: &str) -> Page {
        self.visit_as(room, &Uuid::new_v4(), name).await
    }

    /// Opens it in a tab that has a secret already.
    async fn visit_as(&self, room: &str, secret: &Uuid, name: &str) -> Page {
        let origin = format!("http://{}", self.address);
        let token = format!("{secret}_{}", hex(name));
        let mut page = Page {
            socket: self.dial(&origin, &token).await.unwrap(),
            room: room.trim_start_matches("/room/").to_owned(),
            who: Value::Null,
            next_id: 0,
            told: Vec::new(),
            heard: 0,
            people: Value::Null,
        };
        page.who = page.ask(json!({"t": "call", "f": "me"})).await["v"].clone();
        page
    }

    /// Opens it and follows everything.
    async fn enter(&self, room: &str, name: &str) -> Page {
        self.enter_as(room, &Uuid::new_v4(), name).await
    }

    async fn enter_as(&self, room: &str, secret: &Uuid, name: &str) -> Page {
        let mut page = self.visit_as(room, secret, name).await;
        for store in ["room", "room@here"] {
            let keys = json!([{"k": page.room}]);
            let reply = page.ask(json!({"t": "sub", "s": store, "keys": keys})).await;
            assert_eq!(reply["subs"], json!([{"k": page.room}]));
        }
        page
    }
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

impl Page {
    async fn send(&mut self, frame: Message) {
        soon(self.socket.send(frame)).await.unwrap();
    }

    async fn receive(&mut self) -> Value {
        loop {
            let frame = soon(self.socket.next()).await.expect("the socket is open");
            if let Message::Text(text) = frame.unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Asks, and returns the reply.
    async fn ask(&mut self, mut request: Value) -> Value {
        self.next_id += 1;
        request["id"] = json!(self.next_id);
        self.send(Message::text(request.to_string())).await;
        loop {
            let frame = self.receive().await;
            if frame["id"] == request["id"] {
                return frame;
            }
            self.told.push(frame);
        }
    }

    async fn say(&mut self, text: &str) -> Value {
        let k = self.room.clone();
        self.ask(json!({"t": "cmd", "s": "room", "k": k, "c": {"say": text}}))
            .await
    }

    async fn next(&mut self) -> Value {
        match self.told.is_empty() {
            true => self.receive().await,
            false => self.told.remove(0),
        }
    }

    /// The room as it is read now.
    async fn read(&mut self) -> Value {
        let k = self.room.clone();
        self.ask(json!({"t": "get", "s": "room", "k": k})).await["v"].clone()
    }

    /// Waits until there are new lines, and returns all that are.
    async fn hear(&mut self) -> Vec<Value> {
        loop {
            let told = self.next().await;
            if told["s"].is_null() && (told["t"] == "snap" || told["t"] == "upd") {
                // What was told is of no interest here but as a sign: the tests of the library look at patches.
                let lines = self.read().await["lines"].as_array().unwrap().clone();
                let heard = self.heard;
                let new = lines
                    .into_iter()
                    .filter(|line| line["number"].as_u64().unwrap() > heard);
                let new: Vec<_> = new.collect();
                if let Some(last) = new.last() {
                    self.heard = last["number"].as_u64().unwrap();
                    return new;
                }
            }
        }
    }

    /// Waits until so many lines have been heard.
    async fn hear_texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < count {
            texts.extend(self.hear().await.iter().map(text));
        }
        texts
    }

    /// Waits until those are there whom one expects.
    async fn sees(&mut self, names: &[&str]) {
        let expected: BTreeSet<_> = names.iter().copied().map(str::to_owned).collect();
        soon(async {
            loop {
                let k = self.room.clone();
                let there = self.ask(json!({"t": "get", "s": "room@here", "k": k})).await;
                self.people = there["v"].clone();
                let cards = self.people["people"].as_object().unwrap().values();
                let there: BTreeSet<_> = cards
                    .map(|card| card["name"].as_str().unwrap().to_owned())
                    .collect();
                if there == expected {
                    return;
                }
                // Until something is told.
                while self.next().await["s"] != "room@here" {}
            }
        })
        .await;
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

fn text(line: &Value) -> String {
    line["text"].as_str().unwrap().to_owned()
}

fn texts(room: &Value) -> Vec<String> {
    room["lines"].as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn texts_arrive_in_one_order_at_everybody_in_the_room_and_nowhere_else() {
    let server = Server::start().await;
    let (kitchen, cellar) = (server.new_room().await, server.new_room().await);
    let mut ada = server.enter(&kitchen, "Ada").await;
    let mut bob = server.enter(&kitchen, "Bob").await;
    let mut eve = server.enter(&cellar, "Eve").await;
    for n in 0..20 {
        ada.say(&format!("ada {n}")).await;
        bob.say(&format!("bob {n}")).await;
    }
    let (at_ada, at_bob) = (ada.hear_texts(40).await, bob.hear_texts(40).await);
    assert_eq!(at_ada, at_bob);
    for name in ["ada", "bob"] {
        let said = at_ada.iter().filter(|text| text.starts_with(name));
        let meant: Vec<_> = (0..20).map(|n| format!("{name} {n}")).collect();
        assert!(said.eq(&meant));
    }
    // The first thing Eve hears is her own.
    eve.say("is anybody here?").await;
    assert_eq!(eve.hear_texts(1).await, ["is anybody here?"]);
}

#[tokio::test]
async fn a_line_says_who_said_it_and_when() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.enter(&room, "Ada").await;
    ada.say("  <b>hello</b>\n").await;
    let mut line = ada.hear().await.remove(0);
    let at = line["at"].take().as_u64();
    assert!(at.is_some_and(|at| at > 1_600_000_000_000));
    let said = json!({"number": 1, "who": ada.who, "name": "Ada", "text": "<b>hello</b>", "at": null});
    assert_eq!(line, said);
}

#[tokio::test]
async fn typing_is_told_and_kept_nowhere() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.enter(&room, "Ada").await;
    let mut bob = server.enter(&room, "Bob").await;
    let k = ada.room.clone();
    assert_eq!(ada.ask(json!({"t": "pub", "s": "room", "k": k})).await["t"], "ok");
    let mut told = bob.next().await;
    while told["t"] != "msg" {
        told = bob.next().await;
    }
    assert_eq!(told["msg"], ada.who);
    // Whoever comes now sees a room in which nothing happened.
    let mut late = server.visit(&room, "Late").await;
    assert_eq!(late.read().await, json!({"lines": []}));
}

#[tokio::test]
async fn everybody_knows_who_is_here() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.enter(&room, "Ada").await;
    ada.sees(&["Ada"]).await;
    let secret = Uuid::new_v4();
    let bob = server.enter_as(&room, &secret, "Bob").await;
    let _guest = server.enter(&room, "").await;
    ada.sees(&["Ada", "Bob"]).await;
    // Whoever comes again under another name is the same.
    let again = server.enter_as(&room, &secret, "Bobby").await;
    assert_eq!(again.who, bob.who);
    ada.sees(&["Ada", "Bobby"]).await;
    drop(bob);
    ada.sees(&["Ada", "Bobby"]).await;
    assert_eq!(ada.people["count"], 2);
    // Nobody learns a secret.
    assert!(!ada.people.to_string().contains(&secret.to_string()));
}

#[tokio::test]
async fn whoever_leaves_is_gone_with_or_without_a_word() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.enter(&room, "Ada").await;
    for how in ["polite", "hasty", "crashed"] {
        let mut other = server.enter(&room, how).await;
        ada.sees(&["Ada", how]).await;
        match how {
            "polite" => soon(other.socket.close(None)).await.unwrap(),
            "hasty" => {}
            _ => other.socket.get_ref().set_zero_linger().unwrap(),
        }
        drop(other);
        ada.sees(&["Ada"]).await;
    }
}

#[tokio::test]
async fn what_is_not_spoken_here_disturbs_nobody_else() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.enter(&room, "Ada").await;
    let mut bad = server.enter(&room, "Bad").await;
    for c in [json!({}), json!({"say": 7}), json!({"kick": "Ada"}), json!("say")] {
        let k = bad.room.clone();
        let reply = bad.ask(json!({"t": "cmd", "s": "room", "k": k, "c": c})).await;
        assert_eq!(reply["code"], "bad_request");
    }
    // The server may hang up before it has taken all of it.
    let _ = soon(bad.socket.send(Message::text("x".repeat(1024 * 1024)))).await;
    let code = bad.closed().await;
    assert!(matches!(code, None | Some(1009)), "{code:?}");
    ada.sees(&["Ada"]).await;
    ada.say("nothing happened").await;
    assert_eq!(ada.hear_texts(1).await, ["nothing happened"]);
}

#[tokio::test]
async fn what_the_room_does_not_accept_is_refused_with_a_reason() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let long = "n".repeat(MAX_NAME + 1);
    for name in ["", " ", "a\u{7}b", &long] {
        let mut guest = server.enter(&room, name).await;
        let k = guest.room.clone();
        for request in [
            json!({"t": "cmd", "s": "room", "k": k, "c": {"say": "hello"}}),
            json!({"t": "pub", "s": "room", "k": k}),
        ] {
            let reply = guest.ask(request).await;
            assert_eq!(reply["code"], "rejected");
            assert!(reply["err"].as_str().unwrap().contains("name"));
        }
        guest.sees(&[]).await;
    }
    let mut ada = server.enter(&room, "Ada").await;
    for text in ["", " \n ", &"é".repeat(MAX_TEXT + 1)] {
        let reply = ada.say(text).await;
        assert_eq!(reply["err"], "a text has 1 to 2000 characters");
    }
    // What is just not too long is accepted, also as the largest frame it can be.
    let escaped = r"\ud83d\ude00".repeat(MAX_TEXT);
    let frame = format!(
        r#"{{"t":"cmd","s":"room","k":"{}","c":{{"say":"{escaped}"}}}}"#,
        ada.room
    );
    ada.send(Message::text(frame)).await;
    assert_eq!(ada.hear_texts(1).await, ["😀".repeat(MAX_TEXT)]);
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let server = Server::start().await;
    let own = format!("http://{}", server.address);
    let token = format!("{}_{}", Uuid::new_v4(), hex("Ada"));
    for origin in ["http://evil.example", "null", "http://127.0.0.1"] {
        assert_eq!(server.dial(origin, &token).await.unwrap_err(), Some(4403));
    }
    for token in ["nobody", "_", &token.replace('-', "_"), &format!("{token}x")] {
        assert_eq!(server.dial(&own, token).await.unwrap_err(), Some(4401));
    }
    assert!(server.dial(&own, &token).await.is_ok());
}

#[tokio::test]
async fn whoever_comes_late_is_shown_what_was_said_last() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.enter(&room, "Ada").await;
    for n in 0..HISTORY + 5 {
        assert_eq!(ada.say(&n.to_string()).await["t"], "ok");
    }
    let mut late = server.enter(&room, "Late").await;
    let last: Vec<_> = (5..HISTORY + 5).map(|n| n.to_string()).collect();
    assert_eq!(late.hear_texts(HISTORY).await, last);
    ada.say("welcome").await;
    assert_eq!(late.hear_texts(1).await, ["welcome"]);
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
    let mut ada = server.enter(&lobby, "Ada").await;
    ada.say("first").await;
    assert_eq!(server.redirected("GET /lobby").await, lobby);
    let mut guest = server.visit(&lobby, "").await;
    assert_eq!(texts(&guest.read().await), ["first"]);
    assert_ne!(server.new_room().await, lobby);
}

#[tokio::test]
async fn a_room_that_is_not_there_says_so() {
    let server = Server::start().await;
    let room = format!("/room/{}", Uuid::new_v4());
    let answer = server.http(&format!("GET {room}")).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.contains("<!doctype html>"));
    let mut page = server.visit(&room, "Ada").await;
    for store in ["room", "room@here"] {
        let keys = json!([{"k": page.room}]);
        let reply = page.ask(json!({"t": "sub", "s": store, "keys": keys})).await;
        assert_eq!(reply["subs"][0]["err"], "not_found");
    }
}

#[tokio::test]
async fn a_room_goes_when_nobody_is_in_it_and_not_before() {
    let server = Server::with(Config {
        idle: Duration::from_millis(500),
        ..Config::default()
    })
    .await;
    let used = server.new_room().await;
    let guest = server.enter(&used, "").await;
    let empty = server.new_room().await;
    let gone = async |room: &str| {
        let page = server.http(&format!("GET {room}")).await;
        page.starts_with("HTTP/1.1 404")
    };
    soon(async { while !gone(&empty).await {} }).await;
    // It was created before the other one, and nobody said a word in it.
    assert!(!gone(&used).await);
    drop(guest);
    soon(async { while !gone(&used).await {} }).await;
}

#[tokio::test]
async fn a_server_that_stops_says_good_bye() {
    let server = Server::start().await;
    let room = server.new_room().await;
    let mut ada = server.enter(&room, "Ada").await;
    server.stop.send(()).unwrap();
    assert_eq!(ada.closed().await, Some(1012));
    drop(ada);
    soon(server.serving).await.unwrap().unwrap();
}
