//! The board of the examples: who sees and changes what, and what is taken back.

#![allow(clippy::unwrap_used, reason = "a test that panics says where")]

// The modules name each other as `crate::board`, in the example as here.
#[path = "../examples/board/admin.rs"]
mod admin;
#[path = "../examples/board/board.rs"]
mod board;
#[path = "../examples/board/server.rs"]
mod server;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use livestore::ws::{Live, Local};
use livestore::{LiveStore, Uuid};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::board::{Ask, Color, MAX_ACTORS, MAX_CARDS, MAX_TEXT, MAX_UNDO, Step};
use crate::server::{App, User, user};

const CARD: Uuid = Uuid::from_u128(7);
const ADMIN: Uuid = Uuid::from_u128(4711);

fn id(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_DNS, name.as_bytes())
}

struct World {
    app: App,
    live: Live<User>,
    key: Uuid,
}

impl World {
    /// A board that Ann has begun.
    async fn new() -> World {
        let app = App::of(LiveStore::default());
        let key = app.begin("plans", id("ann")).await.unwrap();
        let live = app.live();
        World { app, live, key }
    }

    async fn visit(&self, name: &str) -> Visitor {
        let user = User {
            id: id(name),
            name: name.to_owned(),
        };
        let mut local = self.live.local(user);
        local.subscribe(Some("board"), &self.key).await.unwrap();
        Visitor { local, key: self.key }
    }
}

struct Visitor {
    local: Local<User>,
    key: Uuid,
}

impl Visitor {
    /// Asks for something. Returns the code of the refusal and its reason, if it was refused.
    async fn ask(&mut self, what: Value) -> Option<(String, Value)> {
        let asked = json!({ "t": "cmd", "s": "board", "k": self.key, "c": what });
        let reply = self.local.request(asked).await.unwrap();
        (reply["t"] == "err").then(|| (reply["code"].as_str().unwrap().to_owned(), reply["err"].clone()))
    }

    async fn ok(&mut self, what: Value) {
        assert_eq!(self.ask(what.clone()).await, None, "{what}");
    }

    async fn no(&mut self, what: Value) -> Value {
        let (code, reason) = self.ask(what).await.unwrap();
        assert_eq!(code, "rejected");
        reason
    }

    async fn add(&mut self) {
        self.ok(json!({ "add": { "card": CARD, "x": 10, "y": 20, "color": "pink" } }))
            .await;
    }

    async fn see(&mut self) -> Value {
        // Longer than frames of a key lie apart.
        while timeout(Duration::from_millis(200), self.local.next())
            .await
            .is_ok()
        {}
        self.local.value(Some("board"), &self.key).unwrap().clone()
    }

    async fn card(&mut self) -> Value {
        self.see().await["cards"][CARD.to_string()].clone()
    }
}

#[tokio::test(start_paused = true)]
async fn cards_come_move_change_and_go() {
    let world = World::new().await;
    let (mut ann, mut ben) = (world.visit("ann").await, world.visit("ben").await);
    ann.add().await;
    ben.ok(json!({ "move": { "card": CARD, "x": 99999, "y": -5, "drag": 1 } }))
        .await;
    ben.ok(json!({ "write": { "card": CARD, "text": "buy milk" } }))
        .await;
    ben.ok(json!({ "paint": { "card": CARD, "color": "blue" } }))
        .await;
    let expected = json!({ "author": id("ann"), "at": { "x": 4000, "y": 0, "z": 2 }, "text": "buy milk", "color": "blue" });
    assert_eq!((ann.card().await, ben.card().await), (expected.clone(), expected));
    let long = "x".repeat(MAX_TEXT + 1);
    assert_eq!(
        ann.no(json!({ "write": { "card": CARD, "text": long } })).await,
        "too_long"
    );
    ben.ok(json!({ "remove": { "card": CARD } })).await;
    assert_eq!(ann.card().await, Value::Null);
    assert_eq!(
        ann.no(json!({ "paint": { "card": CARD, "color": "pink" } }))
            .await,
        "gone"
    );
}

#[tokio::test(start_paused = true)]
async fn a_note_is_for_its_author_and_a_remark_for_the_admin() {
    let world = World::new().await;
    let (mut ann, mut ben) = (world.visit("ann").await, world.visit("ben").await);
    ben.add().await;
    ben.ok(json!({ "note": { "card": CARD, "text": "secret of ben" } }))
        .await;
    ann.ok(json!({ "remark": "secret of ann" })).await;
    assert_eq!(ben.card().await["note"], "secret of ben");
    assert_eq!(ann.card().await["note"], Value::Null);
    assert_eq!(ann.see().await["remark"], "secret of ann");
    assert_eq!(ben.see().await["remark"], Value::Null);
    assert_eq!(
        ann.no(json!({ "note": { "card": CARD, "text": "mine" } })).await,
        "not_yours"
    );
    assert_eq!(ben.no(json!({ "remark": "mine" })).await, "not_yours");
    // Nor does it go over the wire to anybody else, whatever is done and taken back.
    let (sent, told) = std::sync::mpsc::channel();
    let mut cid = world.visit("cid").await;
    cid.local
        .inspect(move |frame| sent.send(frame.to_owned()).unwrap());
    for ask in ["undo", "redo", "undo", "redo"] {
        ben.ok(json!(ask)).await;
    }
    ben.ok(json!({ "write": { "card": CARD, "text": "for all" } }))
        .await;
    cid.see().await;
    let heard: Vec<String> = told.try_iter().collect();
    assert!(
        !heard.is_empty() && heard.iter().all(|frame| !frame.contains("secret")),
        "{heard:?}"
    );
}

/// Pages choose the ids of cards. His note was put onto the card of somebody else, who read it.
#[tokio::test(start_paused = true)]
async fn a_note_does_not_come_back_on_a_card_of_somebody_else() {
    let world = World::new().await;
    let (mut ben, mut cid) = (world.visit("ben").await, world.visit("cid").await);
    ben.add().await;
    let note = |text: &str| json!({ "note": { "card": CARD, "text": text } });
    ben.ok(note("secret of ben")).await;
    ben.ok(note("")).await;
    cid.ok(json!({ "remove": { "card": CARD } })).await;
    cid.add().await;
    let (sent, told) = std::sync::mpsc::channel();
    cid.local
        .inspect(move |frame| sent.send(frame.to_owned()).unwrap());
    assert_eq!(ben.no(json!("undo")).await, "nothing_to_undo");
    cid.ok(json!({ "paint": { "card": CARD, "color": "blue" } }))
        .await;
    assert_eq!(cid.card().await["note"], Value::Null);
    assert!(told.try_iter().all(|frame| !frame.contains("secret")));
}

/// Whether it can be taken back that a card came or went is no sign of what its author has noted on it; nor is the note lost.
#[tokio::test(start_paused = true)]
async fn what_comes_back_has_the_note_that_it_had_last() {
    let world = World::new().await;
    let (mut ben, mut cid) = (world.visit("ben").await, world.visit("cid").await);
    let note = |text: &str| json!({ "note": { "card": CARD, "text": text } });
    ben.add().await;
    ben.ok(note("one")).await;
    cid.ok(json!({ "remove": { "card": CARD } })).await;
    cid.ok(json!("undo")).await;
    ben.ok(note("two")).await;
    cid.ok(json!("redo")).await;
    assert_eq!(cid.card().await, Value::Null);
    cid.ok(json!("undo")).await;
    assert_eq!(ben.card().await["note"], "two");
    assert_eq!(cid.card().await["note"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn what_is_never_to_be_taken_back_is_not_offered() {
    let world = World::new().await;
    let (mut ann, mut ben) = (world.visit("ann").await, world.visit("ben").await);
    ann.add().await;
    assert_eq!(ann.see().await["can_undo"], true);
    ben.ok(json!({ "remove": { "card": CARD } })).await;
    assert_eq!(ann.see().await["can_undo"], false);
    assert_eq!(ann.no(json!("undo")).await, "nothing_to_undo");
    // It may be once more.
    ben.ok(json!("undo")).await;
    assert_eq!(ann.see().await["can_undo"], true);
}

fn card(number: usize) -> Uuid {
    Uuid::from_u128(1000 + number as u128)
}

#[tokio::test(start_paused = true)]
async fn a_board_has_an_end_also_for_who_takes_back() {
    let world = World::new().await;
    let mut ann = world.visit("ann").await;
    let add = |number| Ask::Add {
        card: card(number),
        x: 0,
        y: 0,
        color: Color::Pink,
    };
    let world_does = async |ask| {
        let step = Step { who: id("ben"), ask };
        world.app.boards.mutate(&world.key, step).await.map(drop)
    };
    for number in 0..MAX_CARDS {
        world_does(add(number)).await.unwrap();
    }
    assert!(world_does(add(MAX_CARDS)).await.is_err());
    ann.ok(json!({ "remove": { "card": card(0) } })).await;
    world_does(add(MAX_CARDS)).await.unwrap();
    assert_eq!(ann.no(json!("undo")).await, "full");
    // Nor is it lost: when there is room, it comes back.
    world_does(Ask::Undo).await.unwrap();
    ann.ok(json!("undo")).await;
    assert_eq!(ann.no(json!("undo")).await, "nothing_to_undo");

    // Characters of four bytes each.
    let long = "\u{1f600}".repeat(MAX_TEXT);
    let mut written = 0;
    while world_does(Ask::Write {
        card: card(written),
        text: long.clone(),
    })
    .await
    .is_ok()
    {
        written += 1;
    }
    assert!(written > 50 && written < 150, "{written}");
    let seen = ann.see().await.to_string().len();
    assert!(seen < 256 * 1024, "{seen}");
    // What nobody else sees does not count, so that nobody learns how much of it there is.
    world_does(Ask::Note {
        card: card(0),
        text: long.clone(),
    })
    .await
    .unwrap();
    // Shorter ones are welcome.
    world_does(Ask::Write {
        card: card(0),
        text: "short".to_owned(),
    })
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_done_is_forgotten_of_those_who_have_done_nothing_for_long() {
    let world = World::new().await;
    let mut ann = world.visit("ann").await;
    ann.add().await;
    assert_eq!(ann.see().await["can_undo"], true);
    let mut other = world.visit("0").await;
    other
        .ok(json!({ "add": { "card": card(0), "x": 10, "y": 20, "color": "pink" } }))
        .await;
    for number in 0..MAX_ACTORS {
        let who = id(&number.to_string());
        for color in [Color::Blue, Color::Green] {
            let ask = Ask::Paint { card: card(0), color };
            world
                .app
                .boards
                .mutate(&world.key, Step { who, ask })
                .await
                .unwrap();
        }
    }
    assert_eq!(ann.no(json!("undo")).await, "nothing_to_undo");
    let mut last = world.visit(&(MAX_ACTORS - 1).to_string()).await;
    last.ok(json!("undo")).await;
}

#[tokio::test(start_paused = true)]
async fn no_more_boards_are_begun_in_a_minute_than_one_needs() {
    let world = World::new().await;
    let mut ben = world.visit("ben").await.local;
    let mut codes = Vec::new();
    for _ in 0..11 {
        let begin = json!({ "t": "call", "f": "begin", "c": "more" });
        codes.push(ben.request(begin).await.unwrap()["code"].clone());
    }
    assert_eq!(codes.pop().unwrap(), "rate_limited");
    assert!(codes.iter().all(Value::is_null), "{codes:?}");
}

#[tokio::test(start_paused = true)]
async fn everybody_takes_back_what_he_has_done_himself() {
    let world = World::new().await;
    let (mut ann, mut ben) = (world.visit("ann").await, world.visit("ben").await);
    assert_eq!(ben.no(json!("undo")).await, "nothing_to_undo");
    ann.add().await;
    // One drag is one step.
    for x in [100, 200, 300] {
        ben.ok(json!({ "move": { "card": CARD, "x": x, "y": 0, "drag": 1 } }))
            .await;
    }
    ben.ok(json!({ "move": { "card": CARD, "x": 400, "y": 0, "drag": 2 } }))
        .await;
    ann.ok(json!({ "write": { "card": CARD, "text": "hi" } })).await;
    ben.ok(json!("undo")).await;
    assert_eq!(ben.card().await["at"]["x"], 300);
    ben.ok(json!("undo")).await;
    let card = ben.card().await;
    assert_eq!((&card["at"]["x"], &card["text"]), (&json!(10), &json!("hi")));
    assert_eq!(
        (&ben.see().await["can_undo"], &ben.see().await["can_redo"]),
        (&json!(false), &json!(true))
    );
    ben.ok(json!("redo")).await;
    ben.ok(json!("redo")).await;
    assert_eq!(ben.card().await["at"]["x"], 400);
    assert_eq!(ben.no(json!("redo")).await, "nothing_to_undo");
    // Whatever is done anew, what was taken back does not come again.
    ben.ok(json!("undo")).await;
    ben.ok(json!({ "paint": { "card": CARD, "color": "green" } }))
        .await;
    assert_eq!(ben.no(json!("redo")).await, "nothing_to_undo");
}

#[tokio::test(start_paused = true)]
async fn what_others_have_changed_since_is_not_taken_back() {
    let world = World::new().await;
    let (mut ann, mut ben) = (world.visit("ann").await, world.visit("ben").await);
    ann.add().await;
    ben.ok(json!({ "paint": { "card": CARD, "color": "green" } }))
        .await;
    ben.ok(json!({ "write": { "card": CARD, "text": "ben" } })).await;
    ann.ok(json!({ "write": { "card": CARD, "text": "ann" } })).await;
    // The text is Ann's now, so it is the color that goes back.
    ben.ok(json!("undo")).await;
    let card = ben.card().await;
    assert_eq!((&card["text"], &card["color"]), (&json!("ann"), &json!("pink")));
    // A card that others have written on does not go because it once came.
    assert_eq!(ann.ask(json!("undo")).await, None);
    assert_eq!(ann.card().await["text"], "ben");
    ben.ok(json!({ "remove": { "card": CARD } })).await;
    assert_eq!(ann.no(json!("undo")).await, "nothing_to_undo");
    ben.ok(json!("undo")).await;
    assert_eq!(ben.card().await["text"], "ben");
    for _ in 0..MAX_UNDO + 5 {
        ben.ok(json!({ "paint": { "card": CARD, "color": "blue" } }))
            .await;
        ben.ok(json!({ "paint": { "card": CARD, "color": "green" } }))
            .await;
    }
    let mut steps = 0;
    while ben.ask(json!("undo")).await.is_none() {
        steps += 1;
    }
    assert_eq!(steps, MAX_UNDO);
}

#[tokio::test(start_paused = true)]
async fn boards_are_listed_and_end_by_who_has_begun_them() {
    let world = World::new().await;
    let mut ben = world.visit("ben").await.local;
    ben.subscribe(Some("boards"), &server::LIST).await.unwrap();
    let begun = ben
        .request(json!({ "t": "call", "f": "begin", "c": "more" }))
        .await
        .unwrap();
    let key = begun["v"].as_str().unwrap().to_owned();
    for (title, code) in [
        ("", "rejected"),
        ("  ", "rejected"),
        ("two\nlines", "rejected"),
        (&*"x".repeat(61), "rejected"),
    ] {
        let reply = ben
            .request(json!({ "t": "call", "f": "begin", "c": title }))
            .await
            .unwrap();
        assert_eq!(reply["code"], code);
    }
    let ended = ben
        .request(json!({ "t": "call", "f": "end", "c": world.key }))
        .await
        .unwrap();
    assert_eq!(ended["code"], "forbidden");
    while timeout(Duration::from_millis(200), ben.next()).await.is_ok() {}
    let list = ben.value(Some("boards"), &server::LIST).unwrap();
    assert_eq!(
        list["boards"],
        json!({ key.clone(): "more", world.key.to_string(): "plans" })
    );
    let ended = ben
        .request(json!({ "t": "call", "f": "end", "c": key }))
        .await
        .unwrap();
    assert_eq!(ended["t"], "ok");
    assert_eq!(world.app.boards.len(), 1);
}

#[tokio::test]
async fn boards_come_back_from_their_folder_and_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::open(folder.path()).await.unwrap();
    let key = app.begin("plans", id("ann")).await.unwrap();
    let does = async |app: &App, ask| {
        let step = Step { who: id("ben"), ask };
        app.boards.mutate(&key, step).await.map(drop)
    };
    let add = Ask::Add {
        card: CARD,
        x: 10,
        y: 20,
        color: Color::Pink,
    };
    does(&app, add).await.unwrap();
    let note = Ask::Note {
        card: CARD,
        text: "secret of ben".to_owned(),
    };
    does(&app, note).await.unwrap();
    let was = app.boards.fetch(&key).unwrap();
    app.boards.close().await.unwrap();

    let app = App::open(folder.path()).await.unwrap();
    let board = app.boards.fetch(&key).unwrap();
    assert_eq!((&board.title, board.admin), (&"plans".to_owned(), id("ann")));
    assert_eq!(board.cards, was.cards);
    assert_eq!(board.cards[&CARD].note, "secret of ben");
    let mut ben = app.live().local(User {
        id: id("ben"),
        name: "ben".to_owned(),
    });
    ben.subscribe(Some("boards"), &server::LIST).await.unwrap();
    let list = ben.value(Some("boards"), &server::LIST).unwrap();
    assert_eq!(list["boards"], json!({ key.to_string(): "plans" }));
    // What was done before cannot be taken back any more.
    does(&app, Ask::Undo).await.unwrap_err();
}

/// A server of its own, on any port.
struct Served {
    at: SocketAddr,
    end: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

impl Served {
    async fn begin() -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (end, down) = oneshot::channel();
        let app = App::of(LiveStore::default());
        let server = server::serve(listener, app, ADMIN, async { drop(down.await) });
        Served {
            at,
            end,
            server: tokio::spawn(server),
        }
    }

    /// The head of the answer to a request with these headers besides those that all have.
    async fn head(&self, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        let host = self.at;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split("\r\n\r\n").next().unwrap().to_owned()
    }

    async fn finish(self) {
        drop(self.end);
        self.server.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_pages_are_served_with_what_may_run_on_them() {
    let served = Served::begin().await;
    for path in ["/", "/page.js", "/page.css"] {
        let head = served.head(path, "").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        for rule in [
            "default-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(head.contains(rule), "{path} {rule}");
        }
    }
    served.finish().await;
}

#[tokio::test]
async fn the_inspector_is_for_whoever_has_come_by_the_secret() {
    let served = Served::begin().await;
    for (path, headers) in [
        ("/inspect", ""),
        ("/inspect", "Cookie: admin=\r\n"),
        (
            "/inspect/page.js",
            "Cookie: admin=00000000-0000-0000-0000-000000000000\r\n",
        ),
        ("/admin/00000000-0000-0000-0000-000000000000", ""),
    ] {
        let head = served.head(path, headers).await;
        assert!(
            head.starts_with("HTTP/1.1 404 ") && !head.contains(&ADMIN.to_string()),
            "{path}: {head}"
        );
    }
    let let_in = served.head(&format!("/admin/{ADMIN}"), "").await;
    assert!(let_in.starts_with("HTTP/1.1 303 "), "{let_in}");
    let cookie = let_in
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    assert!(
        cookie.ends_with("; Path=/inspect; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    let cookie = format!("Cookie: other=1; {}\r\n", cookie.split(';').next().unwrap());
    for path in ["/inspect", "/inspect/page.js", "/inspect/client.js"] {
        let head = served.head(path, &cookie).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
    }
    served.finish().await;
}

#[test]
fn a_token_says_who_one_is_and_not_to_others() {
    let secret = "00000000-0000-4000-8000-000000000001";
    let ann = user(&format!("{secret}.416e6ec3a4")).unwrap();
    assert_eq!(ann.name, "Annä");
    assert_ne!(ann.id.to_string(), secret);
    for token in [
        "",
        ".",
        secret,
        &format!("{secret}."),
        &format!("{secret}.4"),
        &format!("{secret}.zz"),
        &format!("{secret}.ff"),
        &format!("{secret}.{}", "41".repeat(31)),
        "x.41",
        // Blanks, and what cannot be seen.
        &format!("{secret}.2020"),
        &format!("{secret}.41000a"),
    ] {
        assert!(user(token).is_none(), "{token}");
    }
}
