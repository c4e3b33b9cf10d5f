//! A server for the tests of the client for browsers: documents that change at random, seen in two roles, or not at all.
//!
//! `client_server serve PORT SEED` prints its port and serves; `client_server patches SEED COUNT` prints documents, what was told of their
//! changes, and what they became.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
#![allow(
    clippy::print_stdout,
    reason = "this is how it talks to the test that started it"
)]

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::env;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use livestore::ws::{Deny, Live, LiveUpgrade, client_js, json};
use livestore::{Entry, LiveStore, LiveValue, StoreOptions, Uuid};
use livestore_tests::Dice;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::sleep;

const KEYS: [Uuid; 3] = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];
const USERS: [&str; 3] = ["ann", "ben", "cid"];
const WORDS: [&str; 10] = [
    "",
    "a",
    "id",
    "__proto__",
    "constructor",
    "0",
    "1",
    "ß\u{1F980}",
    "a\"b\\c\n\u{1}",
    "length",
];

#[derive(Clone)]
struct Doc {
    body: Value,
    hosts: BTreeSet<String>,
    banned: BTreeSet<String>,
}

#[derive(Clone)]
enum Change {
    To(Box<Doc>),
    Push(String),
}

impl LiveValue for Doc {
    type Message = String;
    type Mutation = Change;
    type MutError = Infallible;

    fn mutate(entry: &Entry<Doc>, change: &Change) -> Result<Doc, Infallible> {
        Ok(match change {
            Change::To(doc) => (**doc).clone(),
            Change::Push(line) => {
                let mut doc = (**entry.value()).clone();
                if let Some(lines) = doc.body["lines"].as_array_mut() {
                    lines.push(json!(line));
                }
                doc
            }
        })
    }
}

/// Makes documents, and changes of them.
struct Maker(Dice);

impl Maker {
    fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    fn word(&mut self) -> String {
        let at = self.below(WORDS.len());
        WORDS[at].to_owned()
    }

    fn leaf(&mut self) -> Value {
        match self.below(9) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 | 3 => json!(self.below(1000)),
            4 => json!(u64::MAX - self.below(3) as u64),
            5 => json!(i64::MIN),
            6 => json!([-0.0, 0.1, 1e300, -1.5e-7][self.below(4)]),
            7 => json!(self.word()),
            _ => json!("so much depends upon ".repeat(self.below(4))),
        }
    }

    fn anything(&mut self, depth: usize) -> Value {
        let wide = self.below(6);
        match self.below(if depth == 0 { 1 } else { 4 }) {
            0 => self.leaf(),
            1 => (0..wide).map(|_| self.anything(depth - 1)).collect(),
            2 => (0..wide).map(|_| self.item()).collect(),
            _ => (0..wide)
                .map(|_| (self.word(), self.anything(depth - 1)))
                .collect::<Map<_, _>>()
                .into(),
        }
    }

    fn item(&mut self) -> Value {
        json!({ "id": self.below(300), "text": self.leaf(), "tags": [self.leaf()] })
    }

    fn body(&mut self) -> Value {
        let lines: Vec<_> = (0..self.below(20)).map(|_| self.item()).collect();
        let players: Map<_, _> = (0..self.below(5))
            .map(|at| (format!("player-{at}"), self.item()))
            .collect();
        json!({ "lines": lines, "players": players, "rest": self.anything(3) })
    }

    fn doc(&mut self) -> Doc {
        Doc {
            body: self.body(),
            hosts: self.some(),
            banned: BTreeSet::new(),
        }
    }

    fn some(&mut self) -> BTreeSet<String> {
        USERS
            .iter()
            .filter(|_| self.below(2) == 0)
            .map(|user| (*user).to_owned())
            .collect()
    }

    /// Changes something somewhere.
    fn edit(&mut self, value: &mut Value) {
        let stays = self.below(4) == 0;
        match value {
            Value::Array(items) if !stays && !items.is_empty() => {
                let at = self.below(items.len());
                self.edit(&mut items[at]);
            }
            Value::Object(members) if !stays && !members.is_empty() => {
                let at = self.below(members.len());
                self.edit(members.values_mut().nth(at).unwrap());
            }
            Value::Array(items) => {
                let (at, some) = (self.below(items.len() + 1), self.below(3));
                match self.below(6) {
                    0 => items.insert(at, self.item()),
                    1 => drop(items.drain(at..(at + some).min(items.len()))),
                    2 => items.reverse(),
                    3 => items.truncate(at),
                    _ => {
                        // The oldest goes, a new one comes.
                        items.drain(..1.min(items.len()));
                        items.push(self.item());
                    }
                }
            }
            Value::Object(members) => {
                let key = members.keys().nth(self.below(members.len().max(1))).cloned();
                match (self.below(3), key) {
                    (0, Some(key)) => drop(members.remove(&key)),
                    (1, Some(key)) => drop(members.insert(key, self.leaf())),
                    _ => drop(members.insert(self.word(), self.anything(2))),
                }
            }
            leaf => *leaf = self.anything(1),
        }
    }

    fn edited(&mut self, doc: &Doc) -> Doc {
        let mut doc = doc.clone();
        match self.below(20) {
            0 => doc.hosts = self.some(),
            1 => doc.banned = self.some(),
            2 => doc.banned.clear(),
            3 => doc.body = self.body(),
            _ => {
                for _ in 0..=self.below(3) {
                    self.edit(&mut doc.body);
                }
            }
        }
        doc
    }
}

/// Whether one sees what hosts see, if anything.
fn role(user: &str, doc: &Doc) -> Option<bool> {
    (!doc.banned.contains(user)).then(|| doc.hosts.contains(user))
}

fn serve(docs: &LiveStore<Doc>, at_most: u32, down: &Arc<Notify>) -> Live<String> {
    let (asked, down) = (docs.clone(), Arc::clone(down));
    Live::new()
        .user_id(|user: &String| user.clone())
        .native_clients()
        .limits(|limits| {
            (limits.rate, limits.burst) = (100_000, 100_000);
            (limits.rate_per_user, limits.burst_per_user) = (100_000, 100_000);
        })
        .serve("doc", docs.clone(), |s| {
            s.view(
                |cx, doc| role(cx.user(), doc),
                |is_host, doc| match is_host {
                    true => json(&json!({ "body": doc.body, "hosts": doc.hosts })),
                    false => json(&json!({ "body": doc.body })),
                },
            )
            .accept(|_, _, line: String| match line.as_str() {
                "no" => Err(Deny::rejected("no")),
                _ => Ok(Change::Push(line)),
            })
            .accept_message(|_, _, message: String| Ok(message))
            .messages(|_, message| Some(json(message)))
            .at_most(at_most)
        })
        .serve("other", LiveStore::<Doc>::default(), |s| {
            s.view(|_, _| None::<()>, |(), _| json(&()))
        })
        .call("down", move |_, ()| {
            down.notify_one();
            async { Ok::<_, Deny>(()) }
        })
        .call("stir", move |_, (seed, times): (u64, usize)| {
            let docs = asked.clone();
            async move {
                stir(&docs, seed, times).await;
                Ok::<_, Deny>(())
            }
        })
}

/// Commits at random, with others in between.
async fn stir(docs: &LiveStore<Doc>, seed: u64, times: usize) {
    let mut maker = Maker(Dice::new(seed));
    for _ in 0..times {
        let key = KEYS[maker.below(KEYS.len())];
        match docs.fetch(&key) {
            None => drop(docs.create(&key, maker.doc())),
            Some(_) if maker.below(60) == 0 => drop(docs.remove(&key).await),
            Some(_) if maker.below(20) == 0 => drop(docs.broadcast(&key, maker.word())),
            Some(entry) => drop(
                docs.mutate(&key, Change::To(Box::new(maker.edited(&entry))))
                    .await,
            ),
        }
        if maker.below(3) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Who it is says so.
async fn socket(State(live): State<Live<String>>, up: LiveUpgrade) -> Response {
    match up.token().map(str::to_owned) {
        Some(user) => live.upgrade(up, user),
        None => live.refuse(up),
    }
}

/// Prints what is told of changes, as it is told.
async fn patches(docs: &LiveStore<Doc>, seed: u64, count: usize) {
    let live = serve(docs, 1_000_000, &Arc::default());
    let mut maker = Maker(Dice::new(seed));
    let mut ann = live.local("ann".to_owned());
    for at in 0..count {
        let key = Uuid::from_u128(1000 + at as u128);
        let mut old = maker.doc();
        old.hosts.clear();
        let mut new = old.clone();
        for _ in 0..=maker.below(4) {
            maker.edit(&mut new.body);
        }
        let (was, is) = (json!({ "body": old.body }), json!({ "body": new.body }));
        if was == is {
            continue;
        }
        docs.create(&key, old).unwrap();
        ann.send(json!({ "t": "sub", "s": "doc", "keys": [{ "k": key }] }));
        assert_eq!(ann.next().await.unwrap()["t"], "snap");
        docs.mutate(&key, Change::To(Box::new(new))).await.unwrap();
        let told = ann.next().await.unwrap();
        println!("{}", json!({ "old": was, "told": told, "new": is }));
        docs.remove(&key).await.unwrap();
        assert_eq!(ann.next().await.unwrap()["t"], "end");
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let options = StoreOptions {
        history: 20,
        ..Default::default()
    };
    let docs = LiveStore::<Doc>::new().with_options(options).done();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", port, seed] => {
            stir(&docs, seed.parse().unwrap(), 200).await;
            let down = Arc::new(Notify::new());
            let live = serve(&docs, 200, &down);
            let app = Router::new()
                .route("/live", get(socket))
                .route("/live.js", client_js())
                .with_state(live.clone());
            let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
            println!("{}", listener.local_addr().unwrap().port());
            let goes = async {
                down.notified().await;
                docs.close().await.unwrap();
                // Subscribers are told of that first.
                sleep(Duration::from_millis(20)).await;
            };
            tokio::select! {
                served = axum::serve(listener, app).into_future() => served.unwrap(),
                () = live.shutdown_on(goes) => {}
            }
        }
        ["patches", seed, count] => patches(&docs, seed.parse().unwrap(), count.parse().unwrap()).await,
        _ => panic!("serve PORT SEED | patches SEED COUNT"),
    }
}
