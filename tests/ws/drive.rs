//! Boards that change at random, and visitors who come, lag, lose their rights, and come back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use livestore::ws::{Deny, Live, Local, json};
use livestore::{Entry, Hidden, LiveStore, LiveValue, StoreOptions, Uuid};
use livestore_tests::Dice;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

/// Stands wherever nobody may see it.
pub(crate) const SENTINEL: &str = "sentinel";

const USERS: [&str; 4] = ["ann", "ben", "cid", "dan"];
const STORES: [&str; 2] = ["board", "open"];
/// Who is there at the first.
const HERE: &str = "board@here";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub(crate) enum Role {
    Member,
    Host,
}

fn secret<T: From<String>>() -> Hidden<T> {
    T::from(format!("{SENTINEL} of the server")).into()
}

/// Has secrets in every place.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Board {
    pub(crate) roles: BTreeMap<String, Role>,
    lines: Vec<String>,
    marks: BTreeMap<String, u32>,
    /// Another one for each word that hosts alone may know. Empty on boards that are open.
    word: String,
    field: Hidden<String>,
    all: Hidden<Vec<String>>,
    each: Vec<Hidden<String>>,
    perhaps: Option<Hidden<String>>,
    pair: (u8, Hidden<String>),
    by_name: BTreeMap<String, Hidden<String>>,
    inner: Inner,
    slot: Slot,
    #[serde(flatten)]
    flat: Flat,
}

#[derive(Clone, Debug, Serialize)]
struct Inner {
    deep: Arc<Vec<Slot>>,
    shallow: u32,
}

#[derive(Clone, Debug, Serialize)]
struct Flat {
    flattened: Hidden<String>,
}

#[derive(Clone, Debug, Serialize)]
enum Slot {
    Tuple(u8, Hidden<String>),
    Newtype(Hidden<String>),
    Struct { of: Hidden<String> },
}

impl Board {
    fn new(roles: &[(&str, Role)], word: String) -> Board {
        Board {
            roles: roles
                .iter()
                .map(|(user, role)| ((*user).to_owned(), *role))
                .collect(),
            lines: Vec::new(),
            marks: BTreeMap::new(),
            word,
            field: secret(),
            all: vec![SENTINEL.to_owned()].into(),
            each: vec![secret(), secret()],
            perhaps: Some(secret()),
            pair: (1, secret()),
            by_name: [("one".to_owned(), secret())].into(),
            inner: Inner {
                deep: Arc::new(vec![
                    Slot::Tuple(1, secret()),
                    Slot::Struct { of: secret() },
                    Slot::Newtype(secret()),
                ]),
                shallow: 0,
            },
            slot: Slot::Tuple(2, secret()),
            flat: Flat { flattened: secret() },
        }
    }
}

#[derive(Clone)]
pub(crate) enum Change {
    Push(String),
    Shift,
    Mark(String, u32),
    Unmark(String),
    Clear,
    /// Changes nothing that anybody sees.
    Hide(Hidden<String>),
    /// The role of a user, and the word that is good from then on.
    Role(String, Option<Role>, String),
    Refuse(Hidden<String>),
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reason {
    hidden: Hidden<String>,
    shown: &'static str,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.shown)
    }
}

impl std::error::Error for Reason {}

#[derive(Clone)]
pub(crate) enum Note {
    /// The word at that time.
    Word(String),
    /// Cannot be told.
    Sealed(Hidden<String>),
}

impl LiveValue for Board {
    type Message = Note;
    type Mutation = Change;
    type MutError = Reason;

    fn mutate(entry: &Entry<Self>, change: &Change) -> Result<Self, Reason> {
        let mut board = Board::clone(entry);
        match change.clone() {
            Change::Push(line) => board.lines.push(line),
            Change::Shift if board.lines.is_empty() => {}
            Change::Shift => drop(board.lines.remove(0)),
            Change::Mark(name, number) => drop(board.marks.insert(name, number)),
            Change::Unmark(name) => drop(board.marks.remove(&name)),
            Change::Clear => board.lines.clear(),
            Change::Hide(word) => board.field = word,
            Change::Role(user, role, word) => {
                board.roles.remove(&user);
                board.roles.extend(role.map(|role| (user, role)));
                board.word = word;
            }
            Change::Refuse(hidden) => {
                return Err(Reason {
                    hidden,
                    shown: "refused",
                });
            }
        }
        Ok(board)
    }
}

/// What clients ask for.
#[derive(Deserialize)]
enum In {
    Push(String),
    Refuse,
    /// A secret in the mutation.
    Hide,
}

/// What a role sees.
#[derive(Serialize)]
struct View<'a> {
    lines: &'a [String],
    marks: &'a BTreeMap<String, u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    word: Option<&'a str>,
}

/// What others see of one who is there.
#[derive(Serialize)]
struct Card {
    name: String,
    token: Hidden<String>,
    deep: Vec<Slot>,
}

/// What was so at one version.
struct Moment {
    word: String,
    hosts: BTreeSet<String>,
}

pub(crate) struct Drive {
    dice: Dice,
    boards: [LiveStore<Board>; 2],
    live: Live<String>,
    keys: Vec<Uuid>,
    moments: Vec<Moment>,
    clients: Vec<Client>,
    words: usize,
    /// Time is paused.
    is_paused: bool,
    /// How many messages each key was sent that can be told, and how many in all.
    sent: HashMap<(usize, Uuid), (u64, u64)>,
    pub(crate) counts: Counts,
}

/// What happened, so that a test can see that something did.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) same: usize,
    pub(crate) patches: usize,
    pub(crate) snaps: usize,
    pub(crate) lags: usize,
    pub(crate) ends: usize,
    pub(crate) messages: usize,
    pub(crate) words: usize,
    pub(crate) cards: usize,
    pub(crate) looks: usize,
}

struct Client {
    user: String,
    local: Local<String>,
    /// What it is subscribed to, and how many messages its key had been sent before.
    follows: HashMap<(usize, Uuid), (u64, u64)>,
    /// Of which keys it follows who is there.
    looks: BTreeSet<Uuid>,
    /// How many messages it was told, or was told that it was not told, since then.
    heard: HashMap<(usize, Uuid), u64>,
    /// The versions it was told, whatever came between.
    versions: HashMap<(usize, Uuid), u64>,
    texts: Arc<Mutex<Vec<String>>>,
}

impl Drive {
    pub(crate) fn new(seed: u64) -> Drive {
        let mut dice = Dice::new(seed);
        let at_most = [2, 60, 1000][dice.below(3)];
        Drive::with(dice, at_most)
    }

    pub(crate) fn with(mut dice: Dice, at_most: u32) -> Drive {
        let options = StoreOptions {
            channel_cap: [1, 2, 4, 16, 256][dice.below(5)],
            history: [0, 8, 100][dice.below(3)],
            ..Default::default()
        };
        let boards = [(); 2].map(|()| LiveStore::<Board>::new().with_options(options).done());
        let live = Live::<String>::new()
            .user_id(|user| user.clone())
            .limits(|limits| {
                (limits.burst, limits.burst_per_user) = (100_000, 100_000);
                limits.ping_after = Duration::from_secs(1_000_000);
            })
            .serve("board", boards[0].clone(), |s| {
                s.view(
                    |cx, board| board.roles.get(cx.user()).copied(),
                    |role, board| {
                        json(&View {
                            lines: &board.lines,
                            marks: &board.marks,
                            word: (*role == Role::Host).then_some(&board.word),
                        })
                    },
                )
                .accept(|_, _, asked: In| Ok(accepted(asked)))
                .accept_message(|_, board, _: ()| Ok(Note::Word(board.word.clone())))
                .messages(|role, note| match (role, note) {
                    (_, Note::Sealed(sealed)) => Some(json(sealed)),
                    (Role::Host, Note::Word(word)) => Some(json(word)),
                    (Role::Member, Note::Word(_)) => Some(json("there is a word")),
                })
                .errors(|_, reason| json(reason))
                .presence(|cx| Card {
                    name: cx.user().clone(),
                    token: secret(),
                    deep: vec![Slot::Newtype(secret()), Slot::Struct { of: secret() }],
                })
                .at_most(at_most)
            })
            .serve("open", boards[1].clone(), |s| {
                s.whole(|cx, board| board.roles.contains_key(cx.user()))
                    .accept(|_, _, asked: In| Ok(accepted(asked)))
                    .messages(|(), note| match note {
                        Note::Sealed(sealed) => Some(json(sealed)),
                        Note::Word(_) => Some(json("there is a word")),
                    })
                    .errors(|(), reason| json(reason.shown))
                    .at_most(at_most)
            })
            .call("secret", |_, (): ()| async {
                Ok::<Hidden<String>, Deny>(secret())
            })
            .call("deny", |_, (): ()| async {
                Err::<(), _>(Deny::rejected(&secret::<String>()))
            });
        let mut drive = Drive {
            dice,
            boards,
            live,
            keys: (1..=2).map(Uuid::from_u128).collect(),
            moments: Vec::new(),
            clients: Vec::new(),
            words: 0,
            is_paused: true,
            sent: HashMap::new(),
            counts: Counts::default(),
        };
        for key in drive.keys.clone() {
            drive.create(0, key);
            drive.create(1, key);
        }
        for user in USERS.into_iter().chain(["ann", "ben"]) {
            drive.clients.push(drive.client(user));
        }
        drive
    }

    fn client(&self, user: &str) -> Client {
        let mut local = self.live.local(user.to_owned());
        let texts = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&texts);
        local.inspect(move |text| to.lock().unwrap().push(text.to_owned()));
        Client {
            user: user.to_owned(),
            local,
            follows: HashMap::new(),
            looks: BTreeSet::new(),
            heard: HashMap::new(),
            versions: HashMap::new(),
            texts,
        }
    }

    fn word(&mut self, store: usize) -> String {
        self.words += 1;
        match store {
            0 => format!("word-{}-", self.words),
            _ => String::new(),
        }
    }

    fn create(&mut self, store: usize, key: Uuid) {
        let word = self.word(store);
        let board = Board::new(&[("ann", Role::Host), ("ben", Role::Member)], word);
        if self.boards[store].create(&key, board).is_ok() {
            self.note(store, &key);
        }
    }

    /// Notes what is so now.
    fn note(&mut self, store: usize, key: &Uuid) {
        let Some(entry) = self.boards[store].fetch(key) else {
            return;
        };
        let hosts = entry.roles.iter().filter(|(_, role)| **role == Role::Host);
        self.moments.push(Moment {
            word: entry.word.clone(),
            hosts: hosts.map(|(user, _)| user.clone()).collect(),
        });
    }

    /// Does something, to an entry or as a visitor.
    pub(crate) async fn step(&mut self) {
        let (store, key) = (self.dice.below(2), self.keys[self.dice.below(2)]);
        match self.dice.below(20) {
            0..8 => self.change(store, &key).await,
            8 => {
                let note = match self.dice.below(4) {
                    0 => Note::Sealed(secret()),
                    _ => Note::Word(
                        self.boards[store]
                            .fetch(&key)
                            .map_or(String::new(), |board| board.word.clone()),
                    ),
                };
                let told = u64::from(matches!(note, Note::Word(_)));
                if self.boards[store].broadcast(&key, note).is_ok() {
                    let sent = self.sent.entry((store, key)).or_default();
                    *sent = (sent.0 + told, sent.1 + 1);
                }
            }
            9 if self.dice.below(4) == 0 => {
                self.boards[store].remove(&key).await;
                self.create(store, key);
            }
            10 => {
                let millis = [1, 5, 20, 300][self.dice.below(4)];
                tokio::time::advance(Duration::from_millis(millis)).await;
            }
            _ => {
                let who = self.dice.below(self.clients.len());
                self.visit(who, store, key).await;
            }
        }
    }

    async fn change(&mut self, store: usize, key: &Uuid) {
        if self.is_paused && self.dice.below(2) == 0 {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let number = self.dice.below(1000);
        let change = match self.dice.below(10) {
            0..3 => Change::Push("a line ".repeat(1 + number % 9) + &number.to_string()),
            3 => Change::Shift,
            4 => Change::Mark(format!("mark {}", number % 5), u32::try_from(number).unwrap()),
            5 => Change::Unmark(format!("mark {}", number % 5)),
            6 if number < 200 => Change::Clear,
            7 => Change::Hide(secret()),
            _ => {
                let role = [None, Some(Role::Member), Some(Role::Host)][self.dice.below(3)];
                let user = USERS[self.dice.below(USERS.len())].to_owned();
                Change::Role(user, role, self.word(store))
            }
        };
        self.boards[store].mutate(key, change).await.unwrap();
        self.note(store, key);
    }

    async fn visit(&mut self, who: usize, store: usize, key: Uuid) {
        let dice = self.dice.below(13);
        let at = (store, key);
        match dice {
            12 => self.look(who, key).await,
            0..4 => {
                let many = 1 + self.dice.below(5);
                self.take(who, many).await;
            }
            4 | 5 => self.subscribe(who, at).await,
            6 => {
                let client = &mut self.clients[who];
                client.follows.remove(&at);
                client
                    .local
                    .send(json!({"t": "unsub", "s": STORES[store], "keys": [{"k": key}]}));
            }
            7 => {
                let mut new = self.client(&self.clients[who].user);
                let old = &mut self.clients[who];
                std::mem::swap(&mut new.local, &mut old.local);
                std::mem::swap(&mut new.texts, &mut old.texts);
                let (missing, follows) = (new.texts, std::mem::take(&mut old.follows));
                old.local.resume(new.local);
                old.texts
                    .lock()
                    .unwrap()
                    .extend(missing.lock().unwrap().drain(..));
                for at in follows.into_keys() {
                    self.subscribe(who, at).await;
                }
                for key in std::mem::take(&mut self.clients[who].looks) {
                    self.look(who, key).await;
                }
            }
            _ => {
                let asked = match dice {
                    8 => json!({"t": "cmd", "id": 1, "k": key, "c": {"Push": "said"}}),
                    9 => {
                        json!({"t": "cmd", "id": 1, "k": key, "c": (["Refuse", "Hide"][self.dice.below(2)])})
                    }
                    10 => json!({"t": "get", "id": 1, "k": key}),
                    _ => json!({"t": "call", "id": 1, "f": (["secret", "deny"][self.dice.below(2)])}),
                };
                let mut asked = asked;
                asked["s"] = json!(STORES[store]);
                if dice == 8 && self.dice.below(2) == 0 {
                    self.clients[who].local.request(asked).await.unwrap();
                    return;
                }
                self.clients[who].local.send(asked);
            }
        }
    }

    async fn subscribe(&mut self, who: usize, at: (usize, Uuid)) {
        // What was said to this client before is not mixed with what it is told from here on.
        self.take(who, usize::MAX).await;
        let before = self.sent.get(&at).copied().unwrap_or_default();
        let client = &mut self.clients[who];
        let status = client.local.subscribe(Some(STORES[at.0]), &at.1).await.unwrap();
        client.follows.remove(&at);
        client.heard.remove(&at);
        if status["err"].is_null() {
            client.follows.insert(at, before);
        }
        self.counts.same += usize::from(status["same"] == true);
    }

    /// Has a visitor look at who is there.
    async fn look(&mut self, who: usize, key: Uuid) {
        let client = &mut self.clients[who];
        let status = client.local.subscribe(Some(HERE), &key).await.unwrap();
        if status["err"].is_null() {
            client.looks.insert(key);
        } else {
            client.looks.remove(&key);
        }
    }

    /// Has a visitor take some frames, if there are any now.
    async fn take(&mut self, who: usize, many: usize) {
        for _ in 0..many {
            let local = &mut self.clients[who].local;
            let Ok(Some(told)) = timeout(Duration::ZERO, local.next()).await else {
                break;
            };
            self.hear(who, &told);
        }
    }

    fn hear(&mut self, who: usize, told: &Value) {
        let client = &mut self.clients[who];
        let (Some(store), Some(key)) = (told["s"].as_str(), told["k"].as_str()) else {
            return;
        };
        let key = Uuid::parse_str(key).unwrap();
        let kind = told["t"].as_str().unwrap();
        if store == HERE {
            assert!(["snap", "upd", "end"].contains(&kind), "{told}");
            self.counts.cards += told.to_string().matches("\"name\"").count();
            if kind == "end" {
                client.looks.remove(&key);
            }
            return;
        }
        let store = STORES.iter().position(|name| *name == store).unwrap();
        let at = (store, key);
        match kind {
            "snap" | "upd" => {
                let version = told["ver"].as_u64().unwrap();
                let last = client.versions.entry(at).or_default();
                assert!(version >= *last, "{last} was told before {told}");
                *last = version;
                match kind {
                    "snap" => self.counts.snaps += 1,
                    _ => self.counts.patches += 1,
                }
            }
            "msg" => {
                *client.heard.entry(at).or_default() += 1;
                self.counts.messages += 1;
            }
            "lag" => {
                *client.heard.entry(at).or_default() += told["msgs"].as_u64().unwrap();
                self.counts.lags += 1;
            }
            "end" => {
                assert_ne!(told["why"], "internal");
                client.follows.remove(&at);
                client.heard.remove(&at);
                self.counts.ends += 1;
            }
            other => panic!("{other} belongs to no key"),
        }
    }

    /// Changes entries while all visitors take what they are told, on as many threads as there are.
    pub(crate) async fn race(&mut self, changes: usize) {
        self.is_paused = false;
        for who in 0..self.clients.len() {
            for at in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                self.subscribe(who, (at.0, self.keys[at.1])).await;
            }
        }
        let stop = Arc::new(tokio::sync::Notify::new());
        let tasks: Vec<_> = self
            .clients
            .drain(..)
            .map(|mut client| {
                let stop = Arc::clone(&stop);
                tokio::spawn(async move {
                    let mut told = Vec::new();
                    loop {
                        tokio::select! {
                            () = stop.notified() => return (client, told),
                            next = client.local.next() => told.push(next.unwrap()),
                        }
                    }
                })
            })
            .collect();
        for number in 0..changes {
            let (store, key) = (self.dice.below(2), self.keys[self.dice.below(2)]);
            self.change(store, &key).await;
            if number % 16 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        for task in tasks {
            stop.notify_one();
            // Whoever of them it has reached; the others follow.
            while !task.is_finished() {
                stop.notify_one();
                tokio::task::yield_now().await;
            }
            let (client, told) = task.await.unwrap();
            self.clients.push(client);
            for told in told {
                self.hear(self.clients.len() - 1, &told);
            }
        }
    }

    /// Lets everything be told, and compares what visitors have with what there is.
    pub(crate) async fn compare(&mut self) {
        // Longer than frames of a key lie apart.
        let quiet = Duration::from_millis(if self.is_paused { 2000 } else { 50 });
        let mut is_quiet = false;
        while !is_quiet {
            is_quiet = true;
            for who in 0..self.clients.len() {
                while let Ok(Some(told)) = timeout(quiet, self.clients[who].local.next()).await {
                    // What one does here another may have to be told.
                    is_quiet = false;
                    self.hear(who, &told);
                }
            }
        }
        for who in 0..self.clients.len() {
            for key in self.clients[who].looks.clone() {
                let local = &mut self.clients[who].local;
                let there = local
                    .request(json!({"t": "get", "s": HERE, "k": key}))
                    .await
                    .unwrap();
                for told in local.pending().await {
                    self.hear(who, &told);
                }
                // Who has lost the right hears of that with what he would be told next.
                if there["t"] == "ok" {
                    let local = &self.clients[who].local;
                    assert_eq!(local.value(Some(HERE), &key), there.get("v"));
                    self.counts.looks += 1;
                }
            }
        }
        for client in &mut self.clients {
            assert_eq!(client.local.close_code(), None);
            for &(store, key) in client.follows.keys() {
                let asked = json!({"t": "get", "s": STORES[store], "k": key});
                let there = client.local.request(asked).await.unwrap();
                assert_eq!(
                    client.local.value(Some(STORES[store]), &key),
                    there.get("v"),
                    "{} at {}: {there}",
                    client.user,
                    STORES[store]
                );
            }
        }
    }

    /// Checks that visitors have heard of all messages: those lost are counted, of whatever kind they are.
    pub(crate) fn count_messages(&self) {
        for client in &self.clients {
            for (at, before) in &client.follows {
                let sent = self.sent.get(at).copied().unwrap_or_default();
                let heard = client.heard.get(at).copied().unwrap_or(0);
                let expected = sent.0 - before.0..=sent.1 - before.1;
                assert!(
                    expected.contains(&heard),
                    "{} of {expected:?}: {}",
                    heard,
                    client.user
                );
            }
        }
    }

    /// Looks for what nobody, or not this visitor, may see, in every byte.
    pub(crate) fn search(&mut self) {
        for client in &self.clients {
            for text in client.texts.lock().unwrap().iter() {
                assert!(!text.contains(SENTINEL), "{}: {text}", client.user);
                for (at, _) in text.match_indices("word-") {
                    let length = text[at + 5..].find('-').unwrap() + 6;
                    let word = &text[at..at + length];
                    let may = |moment: &Moment| moment.word == word && moment.hosts.contains(&client.user);
                    assert!(
                        self.moments.iter().any(may),
                        "{} must not know {word}: {text}",
                        client.user
                    );
                    self.counts.words += 1;
                }
            }
        }
    }

    /// Has everybody leave. Returns how many watchers are left.
    pub(crate) fn leave(self) -> usize {
        drop(self.clients);
        self.boards.iter().map(|board| board.stats().watchers).sum()
    }
}

fn accepted(asked: In) -> Change {
    match asked {
        In::Push(line) => Change::Push(line),
        In::Refuse => Change::Refuse(secret()),
        In::Hide => Change::Hide(secret()),
    }
}
