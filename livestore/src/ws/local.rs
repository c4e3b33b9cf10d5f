//! [`Local`]: a connection without a socket.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::ws::hub::Seat;
use crate::ws::live::Live;
use crate::ws::patch::apply::apply;
use crate::ws::session::{Close, Out, Session};

/// A connection without a socket, from [`Live::local`]: what a client sends and gets, in a plain unit test.
///
/// It counts as a connection of its user, so events, kicks and rechecks reach it, and like a socket it is told nothing while
/// nobody asks.
///
/// # Examples
///
/// ```
/// use livestore::ws::{json, Live};
/// use livestore::{LiveStore, LiveValue};
/// use serde_json::json;
///
/// #[derive(Clone, LiveValue)]
/// struct Score { points: u32 }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let scores = LiveStore::default();
/// let key = scores.init(Score { points: 3 });
/// let live = Live::<&str>::new().serve("score", scores.clone(), |s| {
///     s.view(|cx, _| (*cx.user() == "ann").then_some(()), |_, score| json(&score.points))
/// });
///
/// let mut ann = live.local("ann");
/// let reply = ann.request(json!({"t": "sub", "keys": [{"k": key}]})).await.unwrap();
/// assert_eq!(reply["subs"][0], json!({"k": key}));
/// assert_eq!(ann.next().await.unwrap()["v"], 3);
///
/// scores.mutate(&key, ScoreMutation::SetPoints(4)).await.unwrap();
/// assert_eq!(ann.next().await.unwrap()["ver"], 2);
///
/// let mut ben = live.local("ben");
/// let reply = ben.request(json!({"t": "get", "k": key})).await.unwrap();
/// assert_eq!(reply["code"], "not_found");
/// # }
/// ```
pub struct Local<U> {
    session: Option<Session<U>>,
    closed: Option<Close>,
    /// What was sent and not yet returned.
    told: VecDeque<Value>,
    hello: Option<Value>,
    replicas: HashMap<At, Replica>,
    /// The epoch that their versions belong to, if they are another connection's.
    resumed: Option<Value>,
    /// The keys that it was subscribed to by [`subscribe`](Self::subscribe), and still is.
    live: HashSet<At>,
    inspect: Option<Inspect>,
    next_id: u64,
    /// Counts it as long as it is there.
    seat: Option<Seat>,
}

/// Is shown each frame as it was sent.
type Inspect = Box<dyn FnMut(&str) + Send>;

/// A store, where there are several, and a key.
type At = (Option<String>, Uuid);

/// What a client knows of one key.
struct Replica {
    ver: u64,
    /// The role in which it was told.
    role: String,
    /// `None` if something did not follow from what came before it.
    value: Option<Value>,
}

impl<U: Send + Sync + 'static> Live<U> {
    /// Begins a connection without a socket, for tests of what is served.
    pub fn local(&self, user: U) -> Local<U> {
        Local::begin(self, user)
    }
}

impl<U: Send + Sync + 'static> Local<U> {
    pub(crate) fn begin(live: &Live<U>, user: U) -> Local<U> {
        let visitor = live.config.visitor(user);
        let mut local = Local {
            session: None,
            closed: None,
            told: VecDeque::new(),
            hello: None,
            replicas: HashMap::new(),
            resumed: None,
            live: HashSet::new(),
            inspect: None,
            next_id: 1 << 40,
            seat: None,
        };
        match live.hub.enter(&visitor, &live.config.limits) {
            Err(close) => local.closed = Some(close),
            Ok(seat) => {
                let (session, reach) = Session::begin(&live.config, &visitor, seat.budget(), seat.tally());
                seat.sit(reach);
                local.session = Some(session);
                local.seat = Some(seat);
            }
        }
        local
    }

    /// Sends a frame, whatever is in it.
    pub fn send(&mut self, frame: impl ToString) {
        let frame = frame.to_string();
        if let Ok(request) = serde_json::from_str::<Value>(&frame)
            && request["t"] == "unsub"
        {
            for wanted in request["keys"].as_array().into_iter().flatten() {
                at(&request["s"], &wanted["k"]).map(|at| self.live.remove(&at));
            }
        }
        if let Some(session) = &mut self.session {
            session.receive(&frame);
        }
    }

    /// Waits for the next frame, but for the [`hello`](Self::hello). `None` when the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a frame is either returned or still there.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Some(told);
            }
            self.fill().await?;
        }
    }

    /// Returns the first frame of the connection, which says what the client must keep to and which epoch its versions belong
    /// to. `None` when the connection was refused.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn hello(&mut self) -> Option<&Value> {
        while self.hello.is_none() {
            self.fill().await?;
        }
        self.hello.as_ref()
    }

    /// Has each frame shown to `inspect` from now on, byte for byte as it goes over the wire, the [`hello`](Self::hello) included.
    pub fn inspect(&mut self, inspect: impl FnMut(&str) + Send + 'static) {
        self.inspect = Some(Box::new(inspect));
    }

    /// Takes over what another connection of the same user knew, as a client does that comes back. [`subscribe`](Self::subscribe)
    /// then asks for what was missed.
    ///
    /// What that connection was sent and has not returned is lost, as it is with a socket.
    pub fn resume(&mut self, from: Local<U>) {
        self.resumed = from.hello.map(|hello| hello["epoch"].clone()).or(from.resumed);
        self.replicas = from.replicas;
    }

    /// Subscribes to a key as a client does: whoever knows a version of it says so. Returns what came of it, `{"k": ..}`, and
    /// `None` when the connection has ended. The store is named where there are several.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has sent the request, and the reply comes from [`next`](Self::next).
    pub async fn subscribe(&mut self, store: Option<&str>, key: &Uuid) -> Option<Value> {
        let epoch = self.hello().await?["epoch"].clone();
        if self.resumed.take().is_some_and(|resumed| resumed != epoch) {
            // Versions of another life of the server.
            self.replicas.clear();
        }
        let mut wanted = json!({"k": key});
        if let Some(replica) = self.replicas.get(&(store.map(str::to_owned), *key)) {
            wanted["ver"] = json!(replica.ver);
            wanted["r"] = json!(replica.role);
        }
        let mut request = json!({"t": "sub", "epoch": epoch, "keys": [wanted]});
        if let Some(store) = store {
            request["s"] = json!(store);
        }
        let reply = self.request(request).await?;
        let at = (store.map(str::to_owned), *key);
        if reply["subs"][0]["err"].is_string() {
            self.live.remove(&at);
            self.replicas.remove(&at);
        } else {
            self.live.insert(at);
        }
        Some(reply["subs"][0].clone())
    }

    /// Sends a request under an id of its own and waits for its reply; what is told meanwhile comes from [`next`](Self::next).
    /// `None` when the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has sent the request, and the reply comes from [`next`](Self::next).
    pub async fn request(&mut self, mut request: Value) -> Option<Value> {
        let id = self.next_id;
        self.next_id += 1;
        request["id"] = json!(id);
        self.send(&request);
        let mut looked_at = 0;
        loop {
            if let Some(at) = self.told.iter().skip(looked_at).position(|told| told["id"] == id) {
                let reply = self.told.remove(looked_at + at)?;
                if request["t"] == "cmd" {
                    self.note(&request, &reply);
                }
                return Some(reply);
            }
            looked_at = self.told.len();
            self.fill().await?;
        }
    }

    /// Returns the frames that there are now, without waiting.
    pub async fn pending(&mut self) -> Vec<Value> {
        let mut frames = Vec::new();
        // Each turn sends one batch; the second finds nothing left, or what its own wake has brought.
        while let Some(told) = tokio::time::timeout(std::time::Duration::ZERO, self.next())
            .await
            .ok()
            .flatten()
        {
            frames.push(told);
        }
        frames
    }

    /// Returns what a client has of a key that it follows, made of what was sent so far as a client makes it. `None` if it has
    /// nothing: it is not subscribed, or the subscription has ended. The store is named where there are several.
    ///
    /// # Panics
    ///
    /// If what was sent did not fit together, which is a fault of this library.
    pub fn value(&self, store: Option<&str>, key: &Uuid) -> Option<&Value> {
        let replica = self.replicas.get(&(store.map(str::to_owned), *key))?;
        match &replica.value {
            Some(value) => Some(value),
            None => panic!(
                "what was told of {key} up to version {} does not fit together",
                replica.ver
            ),
        }
    }

    /// Does with the reply to a command, or its refusal, what a client does: if it is subscribed, everything up to its version was
    /// told.
    fn note(&mut self, request: &Value, reply: &Value) {
        let of = at(&request["s"], &request["k"]).filter(|at| self.live.contains(at));
        let replica = of.and_then(|at| self.replicas.get_mut(&at));
        if let (Some(replica), Some(ver)) = (replica, reply["ver"].as_u64()) {
            replica.ver = replica.ver.max(ver);
        }
    }

    /// Does with a frame what a client does.
    fn apply(&mut self, told: &Value) {
        let (Some(kind), Some(of)) = (told["t"].as_str(), at(&told["s"], &told["k"])) else {
            return;
        };
        let ver = told["ver"].as_u64().unwrap_or(0);
        let role = told["r"].as_str().unwrap_or_default().to_owned();
        match kind {
            "snap" => {
                // What there is never becomes older.
                let is_older = self.replicas.get(&of).is_some_and(|replica| ver < replica.ver);
                let value = (!is_older).then(|| told["v"].clone());
                self.replicas.insert(of, Replica { ver, role, value });
            }
            "upd" => {
                let has = self.replicas.get(&of).map_or(0, |replica| replica.ver);
                let from = told["from"].as_u64().unwrap_or(0);
                if ver <= has {
                    return;
                }
                let value = match (told.get("v"), self.replicas.remove(&of)) {
                    (Some(value), _) => Some(value.clone()),
                    (None, Some(mut replica)) if from <= has => replica.value.take().and_then(|mut value| {
                        apply(&mut value, &told["p"]).ok()?;
                        Some(value)
                    }),
                    _ => None,
                };
                self.replicas.insert(of, Replica { ver, role, value });
            }
            "end" => {
                self.live.remove(&of);
                self.replicas.remove(&of);
            }
            _ => {}
        }
    }

    /// Returns the code with which the connection has ended, if it has.
    pub fn close_code(&self) -> Option<u16> {
        self.closed.map(|close| close.code)
    }

    async fn fill(&mut self) -> Option<()> {
        let mut frames = Vec::new();
        match self.session.as_mut()?.next(&mut frames).await {
            Out::Send { .. } => {
                for frame in frames {
                    if let Some(inspect) = &mut self.inspect {
                        inspect(&frame);
                    }
                    let told = serde_json::from_str(&frame).unwrap_or(Value::Null);
                    self.apply(&told);
                    if told["t"] == "hello" {
                        self.hello = Some(told);
                    } else {
                        self.told.push_back(told);
                    }
                }
                Some(())
            }
            Out::Close(close) => {
                self.closed = Some(close);
                self.session = None;
                self.seat = None;
                None
            }
        }
    }
}

fn at(store: &Value, key: &Value) -> Option<At> {
    let key = Uuid::parse_str(key.as_str()?).ok()?;
    Some((store.as_str().map(str::to_owned), key))
}

impl<U> fmt::Debug for Local<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
