//! The inspector: who is let in, whether what it shows is so, and what it never shows.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::request::Parts;
use livestore::ws::{Inspector, Local, json};
use livestore::{ExpireMode, Hidden, LiveStore, LiveValue, StoreOptions, Uuid};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio_test::task::spawn;

use crate::line::Lines;
use crate::world::{RoomMutation, World, key, room, settle, sub};

const FIGURES: Uuid = Uuid::nil();

/// A page that looks.
struct Page(Local<()>);

impl Page {
    async fn open(inspector: &Inspector) -> Page {
        let mut page = Page(inspector.socket().local(()));
        page.0.subscribe(None, &FIGURES).await.unwrap();
        page.now().await;
        page
    }

    /// What it shows, after so many seconds.
    async fn after(&mut self, seconds: u64) -> Value {
        // The second has passed, and what has come of it has been told.
        let passed = Duration::from_millis(seconds * 1000 + 10);
        let told = async {
            while let Some(told) = self.0.next().await {
                if told["t"] == "ping" {
                    self.0.send(json!({"t": "pong"}));
                }
            }
        };
        let _ = tokio::time::timeout(passed, told).await;
        self.now().await
    }

    async fn now(&mut self) -> Value {
        self.0.pending().await;
        self.0.value(None, &FIGURES).unwrap().clone()
    }

    async fn call(&mut self, name: &str, given: Value) -> Value {
        let asked = json!({"t": "call", "f": name, "c": given});
        let mut reply = self.0.request(asked).await.unwrap();
        match reply["t"] == "ok" {
            true => reply["v"].take(),
            false => reply["code"].take(),
        }
    }
}

/// The figures of these names.
fn of(figures: &Value, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| figures[name].clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn holds_and_those_who_wait_are_shown_with_their_age() {
    let world = World::new();
    let rooms = &world.rooms;
    let (one, two) = (world.room(1, &["ann"]), world.room(2, &["ann"]));
    for number in 3..100 {
        world.room(number, &["ann"]);
    }
    let mut page = Page::open(&Inspector::new().store("rooms", rooms)).await;
    let names = ["entries", "held", "waiters", "granted"];
    assert_eq!(of(&page.now().await["stores"][0], &names), [99, 0, 0, 0]);
    assert_eq!(page.now().await["stores"][0]["holds"], json!([]));

    // One is held, and somebody waits; of the other nobody knows since when, before it is found.
    let guard = rooms.try_acquire(&one).unwrap();
    let other = rooms.try_acquire(&two).unwrap();
    let mut waits = spawn(rooms.acquire(&one));
    assert!(waits.poll().is_pending());
    page.after(1).await;
    let shown = page.after(2).await["stores"][0].clone();
    assert_eq!(of(&shown, &names), [99, 2, 1, 0]);
    let holds = shown["holds"].as_array().unwrap();
    let ages = |hold: &Value| {
        (
            hold["key"].clone(),
            hold["held_for"].as_u64(),
            hold["waited_for"].as_u64(),
        )
    };
    assert_eq!(ages(&holds[0]), (json!(one), Some(3000), Some(3000)));
    assert_eq!(ages(&holds[1]), (json!(two), Some(2000), Some(0)));
    assert_eq!(of(&holds[0], &["waiters", "granted"]), [json!(1), json!(false)]);

    // His turn has come, and he does not take it.
    drop((guard, other));
    let shown = page.after(2).await["stores"][0].clone();
    assert_eq!(of(&shown, &names), [99, 1, 0, 1]);
    let holds = shown["holds"].as_array().unwrap();
    assert_eq!((holds.len(), &holds[0]["granted"]), (1, &json!(true)));
    assert_eq!(shown["has_more_holds"], false);
    drop(waits);
    let shown = page.after(1).await["stores"][0].clone();
    assert_eq!(of(&shown, &names), [99, 0, 0, 0]);
    assert_eq!(shown["holds"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_is_shown_by_the_second() {
    let options = StoreOptions {
        expire_check_freq: Some(Duration::from_secs(1)),
        expire_mode: ExpireMode::Lifetime(Duration::from_secs(60)),
        ..Default::default()
    };
    let world = World::with(options, 1000);
    let key = world.room(1, &["ann"]);
    let mut page = Page::open(&Inspector::new().store("rooms", &world.rooms)).await;
    let shown = page.now().await["stores"][0].clone();
    assert_eq!(
        of(&shown, &["mutations", "next_deadline"]),
        [json!(null), json!(60_000)]
    );
    for n in 0..30 {
        world.say(&key, &n.to_string()).await;
    }
    let too_many = RoomMutation::InsertMembers("x".into());
    for name in ["b", "c"] {
        world
            .rooms
            .mutate(&key, RoomMutation::InsertMembers(name.into()))
            .await
            .unwrap();
    }
    world.rooms.mutate(&key, too_many).await.unwrap_err();
    let watch = world.rooms.watch(&key);
    let deltas = world.rooms.watch_deltas(&key);
    let shown = page.after(1).await["stores"][0].clone();
    assert_eq!(
        of(&shown, &["mutations", "refused", "all_mutations", "all_refused"]),
        [json!(32.0), json!(1.0), json!(32), json!(1)]
    );
    assert_eq!(
        of(&shown, &["watchers", "delta_watchers", "watched_entries"]),
        [2, 1, 1]
    );
    assert_eq!(
        of(&shown, &["expiry_runs", "next_deadline"]),
        [json!(true), json!(59_000)]
    );
    drop((watch, deltas));
    let shown = page.after(1).await["stores"][0].clone();
    assert_eq!(
        of(&shown, &["mutations", "all_mutations", "watchers"]),
        [json!(0.0), json!(32), json!(0)]
    );
    for n in 0..10 {
        world.say(&key, &n.to_string()).await;
    }
    assert_eq!(page.after(1).await["stores"][0]["mutations"], 10.0);
    let shown = page.after(60).await["stores"][0].clone();
    assert_eq!(
        of(&shown, &["entries", "all_expired", "next_deadline"]),
        [json!(0), json!(1), json!(null)]
    );
}

#[tokio::test(start_paused = true)]
async fn connections_roles_and_commands_are_shown() {
    let world = World::with(StoreOptions::default(), 1);
    let one = world.room(1, &["ann", "ben", "cid"]);
    let two = world.room(2, &["ann"]);
    let inspector = Inspector::new().live("sockets", &world.live);
    let mut page = Page::open(&inspector).await;
    assert_eq!(
        of(&page.now().await["lives"][0], &["name", "connections", "users"]),
        [json!("sockets"), json!(0), json!(0)]
    );
    let mut ann = world.visit("ann");
    let mut others = [world.visit("ann"), world.visit("ben"), world.visit("cid")];
    sub(&mut ann, &one).await;
    sub(&mut ann, &two).await;
    for other in &mut others {
        sub(other, &one).await;
    }
    let shown = page.after(2).await["lives"][0].clone();
    assert_eq!(of(&shown, &["connections", "users"]), [4, 3]);
    let rooms = &shown["subscriptions"][0];
    assert_eq!(
        of(rooms, &["store", "count", "keys", "all_roles"]),
        [json!("room"), json!(5), json!(2), json!(2)]
    );
    // The first member of each room is its host.
    let roles: Vec<_> = rooms["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role[1].clone())
        .collect();
    assert_eq!(roles, [3, 2]);

    settle(&mut ann).await;
    page.after(1).await;
    let counts = [
        "all_frames",
        "all_bytes",
        "all_folded",
        "all_accepted",
        "all_refused",
        "all_limited",
    ];
    let before = of(&page.now().await["lives"][0], &counts);
    let sent = Arc::new(Mutex::new((0, 0)));
    let seen = Arc::clone(&sent);
    ann.inspect(move |frame| {
        let mut sent = seen.lock().unwrap();
        *sent = (sent.0 + 1, sent.1 + frame.len());
    });
    for (asked, code) in [
        (json!({"t": "cmd", "k": one, "c": {"say": "hi"}}), None),
        (json!({"t": "cmd", "k": one, "c": {"say": "ho"}}), None),
        (json!({"t": "cmd", "k": one, "c": {"say": "hu"}}), None),
        (json!({"t": "cmd", "k": two, "c": {"hide": "it"}}), None),
        (
            json!({"t": "cmd", "k": two, "c": {"say": "hi"}, "if": 1}),
            Some("conflict"),
        ),
        (
            json!({"t": "cmd", "k": two, "c": "nonsense"}),
            Some("bad_request"),
        ),
        (
            json!({"t": "cmd", "k": key(9), "c": {"say": "hi"}}),
            Some("not_found"),
        ),
        (
            json!({"t": "cmd", "k": "nonsense", "c": {"say": "hi"}}),
            Some("bad_request"),
        ),
    ] {
        let reply = ann.request(asked.clone()).await.unwrap();
        assert_eq!(reply["code"].as_str(), code, "{asked}");
    }
    for text in ["a", "b", "c"] {
        world.say(&one, text).await;
    }
    for _ in 0..250 {
        ann.send(json!({"t": "unsub", "id": 1, "keys": []}));
    }
    settle(&mut ann).await;
    let shown = page.after(1).await["lives"][0].clone();
    let more: Vec<_> = of(&shown, &counts)
        .iter()
        .zip(before)
        .map(|(now, before)| now.as_u64().unwrap() - before.as_u64().unwrap())
        .collect();
    let (frames, bytes) = *sent.lock().unwrap();
    assert_eq!(more[..2], [frames, bytes as u64]);
    // A key is told once in a second here, and once more if somebody waits for a reply; its other lines have to wait.
    assert_eq!(more[2..5], [4, 4, 4]);
    assert!(more[5] > 0, "{more:?}");

    // Of whoever has left, nothing is left, though it is still known what she may ask for when she comes back.
    for _ in 0..40 {
        ann.send(json!({"t": "unsub", "id": 1, "keys": []}));
    }
    drop((ann, others));
    let shown = page.after(1).await["lives"][0].clone();
    assert_eq!(of(&shown, &["connections", "users"]), [0, 0]);
    assert_eq!(of(&shown["subscriptions"][0], &["count", "keys"]), [0, 0]);
}

/// It has a secret in a field, and in one that its own view shows by mistake.
#[derive(Clone, Debug, Serialize, LiveValue)]
struct Safe {
    #[live(set)]
    label: String,
    #[live(set)]
    code: Hidden<String>,
}

const SECRET: &str = "sentinel-4711";

fn safe() -> Safe {
    Safe {
        label: "left".into(),
        code: SECRET.to_owned().into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_is_shown_by_its_view_alone() {
    let store = LiveStore::default();
    let one = store.init(safe());
    let inspector = Inspector::new()
        .store("none", &store)
        .store_with_view("label", &store, |safe| json(&safe.label))
        .store_with_view("all", &store, |safe| json(&**safe.value()))
        .store_with_view("panics", &store, |_| panic!("a view that panics"));
    let mut page = Page(inspector.socket().local(()));
    let bytes = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&bytes);
    page.0.inspect(move |frame| seen.lock().unwrap().push_str(frame));
    page.0.subscribe(None, &FIGURES).await.unwrap();
    page.after(2).await;
    for name in ["none", "label", "all", "panics"] {
        let keys = page.call("keys", json!({"store": name})).await;
        assert_eq!(keys["entries"][0]["key"], json!(one));
        let entry = page.call("entry", json!({"store": name, "key": one})).await;
        assert_eq!(
            of(&entry, &["key", "version", "watchers"]),
            [json!(one), json!(1), json!(0)]
        );
        page.after(1).await;
    }
    // Until it is asked for, no value is on the way.
    assert!(!bytes.lock().unwrap().contains("left"));
    let asked = |name| json!({"store": name, "key": one});
    assert_eq!(page.call("value", asked("none")).await, "forbidden");
    assert_eq!(
        page.call("value", asked("label")).await,
        json!({"version": 1, "value": "left"})
    );
    assert_eq!(page.call("value", asked("all")).await, "internal");
    assert_eq!(page.call("value", asked("panics")).await, "internal");
    assert_eq!(page.call("value", asked("other")).await, "not_found");
    assert_eq!(
        page.call("value", json!({"store": "label", "key": key(1)})).await,
        "not_found"
    );
    assert!(!bytes.lock().unwrap().contains(SECRET));
    // Nothing can be done to it, nor watched.
    let request = json!({"t": "cmd", "k": FIGURES, "c": null});
    assert_eq!(page.0.request(request).await.unwrap()["code"], "forbidden");
    let status = page.0.subscribe(None, &one).await.unwrap();
    assert_eq!(status["err"], "not_found");
    assert_eq!(store.fetch(&one).unwrap().version(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_come_in_their_order_a_page_at_a_time() {
    let world = World::new();
    for number in (0..120).rev() {
        world.room(number << 64, &[]);
    }
    let other = Uuid::from_u128(0xab << 120);
    world.rooms.create(&other, room(&[])).unwrap();
    let mut page = Page::open(&Inspector::new().store("rooms", &world.rooms)).await;
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    for has_more in [true, true, false] {
        let found = page.call("keys", json!({"store": "rooms", "after": after})).await;
        let keys = found["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["key"].clone());
        seen.extend(keys);
        after = found["after"].clone();
        assert_eq!(
            seen.last().filter(|_| has_more),
            Some(&after).filter(|after| !after.is_null())
        );
        page.after(1).await;
    }
    let all: Vec<_> = (0..120)
        .map(|number| json!(key(number << 64)))
        .chain([json!(other)])
        .collect();
    assert_eq!(seen, all);
    for (prefix, found) in [("00000000", 50), ("AB", 1), ("ab000000-0000", 1), ("ac", 0)] {
        let keys = page
            .call("keys", json!({"store": "rooms", "prefix": prefix}))
            .await;
        assert_eq!(keys["entries"].as_array().unwrap().len(), found, "{prefix}");
        page.after(1).await;
    }
    assert_eq!(
        page.call("keys", json!({"store": "rooms", "prefix": "x"})).await,
        "rejected"
    );
    // Each time, all keys are gone over.
    let mut limited = 0;
    for _ in 0..8 {
        let found = page.call("keys", json!({"store": "rooms"})).await;
        limited += usize::from(found == "rate_limited");
    }
    assert!((4..=5).contains(&limited), "{limited}");
}

/// However many look, one task does; and none when nobody does.
#[tokio::test(start_paused = true)]
async fn nobody_samples_when_nobody_looks_and_nothing_is_left() {
    let world = World::new();
    let held = world.room(1, &["ann"]);
    let _guard = world.rooms.try_acquire(&held).unwrap();
    let inspector = Inspector::new()
        .store("rooms", &world.rooms)
        .live("sockets", &world.live);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let pass = || tokio::time::sleep(Duration::from_secs(5));
    let socket = inspector.socket();
    assert_eq!(tasks(), 0);
    for _ in 0..3 {
        let one = Page::open(&inspector).await;
        let mut two = Page::open(&inspector).await;
        assert_eq!((tasks(), socket.connections()), (1, 2));
        drop(one);
        let sample = two.now().await["sample"].as_u64().unwrap();
        assert_eq!(two.after(3).await["sample"], sample + 3);
        assert_eq!(tasks(), 1);
        two.0
            .request(json!({"t": "unsub", "keys": [{"k": FIGURES}]}))
            .await;
        tokio::task::yield_now().await;
        assert_eq!((tasks(), socket.connections()), (0, 1));
        // Whoever asks once has figures as they are now, and nobody goes on.
        let once = two.0.request(json!({"t": "get", "k": FIGURES})).await.unwrap();
        assert_eq!(once["v"]["sample"], 1);
        tokio::task::yield_now().await;
        assert_eq!(tasks(), 0);
        drop(two);
        pass().await;
        assert_eq!((tasks(), socket.connections()), (0, 0));
    }
    let stats = world.rooms.stats();
    assert_eq!((stats.held, stats.watchers, stats.watch_sets), (1, 0, 0));
}

/// The task that samples ends with its runtime; the next who looks, elsewhere, has another.
#[test]
fn figures_go_on_in_another_runtime() {
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(true).build().unwrap()
    };
    let world = World::new();
    let inspector = Inspector::new().store("rooms", &world.rooms);
    let first = runtime();
    let page = first.block_on(Page::open(&inspector));
    drop(first);
    for page in [Some(page), None] {
        let second = runtime();
        let mut other = second.block_on(Page::open(&inspector));
        drop(page);
        let sample = |page: &Value| page["sample"].as_u64().unwrap();
        second.block_on(async {
            let before = sample(&other.after(1).await);
            assert_eq!(sample(&other.after(2).await), before + 2);
            drop(other);
            tokio::task::yield_now().await;
            assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
        });
    }
}

/// Waits for the disk. A paused clock runs ahead while nobody has anything to do but wait, and a page that answers no ping
/// for so long is gone.
async fn at_its_pace<T>(disk: impl Future<Output = T>) -> T {
    tokio::time::resume();
    let done = disk.await;
    tokio::time::pause();
    done
}

#[tokio::test(start_paused = true)]
async fn what_is_on_disk_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    #[derive(Clone, Serialize, serde::Deserialize, LiveValue)]
    struct Score {
        #[live(set)]
        points: u64,
    }
    let store = LiveStore::<Score>::new().open(folder.path()).await.unwrap();
    let inspector = Inspector::new().store("scores", &store);
    let mut page = Page::open(&inspector).await;
    let disk = page.now().await["stores"][0]["disk"].clone();
    assert_eq!(
        of(&disk, &["state", "synced", "durable"]),
        [json!("open"), json!(null), json!(0)]
    );
    assert_eq!(disk["folder"], folder.path().to_str().unwrap());
    for points in 0..100 {
        store.init(Score { points });
    }
    at_its_pace(store.flush()).await.unwrap();
    let disk = page.after(1).await["stores"][0]["disk"].clone();
    let names = ["pending", "committed", "durable", "unwritten", "error"];
    assert_eq!(
        of(&disk, &names),
        [json!(0), json!(100), json!(100), json!(0), json!(null)]
    );
    assert!(
        disk["log_bytes"].as_u64() > Some(1000) && disk["synced"].is_number(),
        "{disk}"
    );
    at_its_pace(store.close()).await.unwrap();
    let shown = page.after(1).await["stores"][0].clone();
    assert_eq!(
        (&shown["is_closed"], &shown["disk"]["state"]),
        (&json!(true), &json!("closed"))
    );
}

struct Server(mpsc::UnboundedSender<DuplexStream>);

impl Server {
    fn start(inspector: &Inspector) -> Server {
        let (dial, lines) = mpsc::unbounded_channel();
        let gate = |request: Parts| async move {
            // Also who it is may take a while to find out.
            tokio::task::yield_now().await;
            request
                .headers
                .get("x-admin")
                .is_some_and(|given| given == "sesame")
        };
        let router = Router::new()
            .nest("/deep/inspect", inspector.router(gate))
            .nest("/slash/", inspector.router(gate));
        tokio::spawn(async move { axum::serve(Lines(lines), router).await });
        Server(dial)
    }

    async fn get(&self, path: &str, headers: &str) -> (String, Vec<u8>) {
        self.ask("GET", path, headers).await
    }

    /// What is answered, head and body, to a request with these headers besides those that all have.
    async fn ask(&self, method: &str, path: &str, headers: &str) -> (String, Vec<u8>) {
        let (mut near, far) = tokio::io::duplex(1 << 20);
        self.0.send(far).unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: here\r\n{headers}\r\n");
        near.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A socket that is let in stays.
        let read = near.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(10), read).await;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        (head, answer[end + 4..].to_vec())
    }
}

const ADMIN: &str = "x-admin: sesame\r\nconnection: close\r\n";
const FILES: [&str; 4] = ["", "/page.css", "/page.js", "/client.js"];

#[tokio::test(start_paused = true)]
async fn who_is_no_admin_finds_nothing() {
    let world = World::new();
    let server = Server::start(&Inspector::new().store("rooms", &world.rooms));
    for file in FILES.into_iter().chain(["/socket"]) {
        let path = format!("/deep/inspect{file}");
        for headers in [
            "",
            "x-admin: open\r\n",
            "if-none-match: *\r\n",
            "upgrade: websocket\r\n",
        ] {
            for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS"] {
                let (head, body) = server
                    .ask(method, &path, &format!("{headers}connection: close\r\n"))
                    .await;
                assert!(head.starts_with("http/1.1 404"), "{method} {path}: {head}");
                assert!(!head.contains("allow:"), "{method} {path}: {head}");
                assert!(body.is_empty());
            }
        }
    }
    // Who is one, and asks for no socket there, is told so.
    let (head, _) = server.get("/deep/inspect/socket", ADMIN).await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
    for file in FILES {
        let (head, _) = server.ask("POST", &format!("/deep/inspect{file}"), ADMIN).await;
        assert!(head.starts_with("http/1.1 405"), "{file}: {head}");
        let (head, body) = server.get(&format!("/deep/inspect{file}"), ADMIN).await;
        assert!(
            head.starts_with("http/1.1 200") && !body.is_empty(),
            "{file}: {head}"
        );
        for expected in [
            "content-security-policy: default-src 'none';",
            "nosniff",
            "no-cache",
            "etag",
        ] {
            assert!(head.contains(expected), "{file}: {head}");
        }
        let tag = head.split_once("etag: ").unwrap().1.lines().next().unwrap();
        let (head, body) = server
            .get(
                &format!("/deep/inspect{file}"),
                &format!("{ADMIN}if-none-match: {tag}\r\n"),
            )
            .await;
        assert!(
            head.starts_with("http/1.1 304") && body.is_empty(),
            "{file}: {head}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_page_finds_what_it_needs_wherever_it_is() {
    let server = Server::start(&Inspector::new());
    for (path, style) in [
        ("/deep/inspect", "\"./inspect/page.css\""),
        ("/slash/", "\"page.css\""),
    ] {
        let (head, body) = server.get(path, ADMIN).await;
        let body = String::from_utf8(body).unwrap();
        assert!(
            head.starts_with("http/1.1 200") && body.contains(style),
            "{path}: {head} {body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_is_for_an_admin_from_here() {
    let world = World::new();
    let inspector = Inspector::new().store("rooms", &world.rooms);
    let server = Server::start(&inspector);
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: livestore.v1.json\r\n";
    for (who, closed) in [
        ("origin: http://here\r\n", 4401),
        ("origin: http://here\r\nx-admin: open\r\n", 4401),
        ("x-admin: sesame\r\n", 4403),
        ("origin: http://there\r\nx-admin: sesame\r\n", 4403),
    ] {
        let (head, body) = server
            .get("/deep/inspect/socket", &format!("{upgrade}{who}"))
            .await;
        assert!(head.starts_with("http/1.1 101"), "{head}");
        // A close frame, and nothing before it.
        assert_eq!(
            (body[0], u16::from_be_bytes([body[2], body[3]])),
            (0x88, closed),
            "{who}"
        );
    }
    let admin = "origin: http://here\r\nx-admin: sesame\r\n";
    let (head, body) = server
        .get("/deep/inspect/socket", &format!("{upgrade}{admin}"))
        .await;
    let body = String::from_utf8_lossy(&body);
    assert!(
        head.starts_with("http/1.1 101") && body.contains("hello"),
        "{head} {body}"
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(inspector.socket().connections(), 0);
}
