//! [`Session`]: one connection, without its socket: requests go in, frames come out.
//!
//! It belongs to one task, which polls it for what is to be sent and gives it what was received. Nothing is queued for a client
//! that does not take it: updates wait where all watchers have them, and are asked for when there is room.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::task::coop;
use tokio::time::{Instant, Sleep, sleep_until};
use uuid::Uuid;

use crate::ground::sync::atomic::{AtomicUsize, Ordering};
use crate::ws::budget::Budget;
use crate::ws::config::Config;
use crate::ws::cx::{Cx, Visitor};
use crate::ws::deny::{Code, Deny};
use crate::ws::frame::{Frame, Hello, Max, Status, Told, encode, error, raw};
use crate::ws::json::Json;
use crate::ws::limits::{Bucket, Pass};
use crate::ws::request::{self, Request};
use crate::ws::served::{Come, Followed, Outbox, Outcome, Subscribed};
use crate::ws::tally::{Count, Tally};

/// How many events may wait for a connection.
const EVENTS: usize = 256;
/// The longest that the end of the server waits, for no clock goes on for ever: a day.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Why a connection ends, as its client is told. Whoever gets a code from 4400 to 4499 does not come back, others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) why: &'static str,
}

impl Close {
    pub(crate) const TOO_LARGE: Close = Close::new(1009, "the frame is too large");
    pub(crate) const RESTART: Close = Close::new(1012, "the server restarts");
    pub(crate) const PROTOCOL: Close = Close::new(4400, "text frames in JSON are spoken here");
    pub(crate) const NOT_AUTHENTICATED: Close = Close::new(4401, "not authenticated");
    pub(crate) const FORBIDDEN: Close = Close::new(4403, "not from here");
    pub(crate) const FLOOD: Close = Close::new(4429, "too many requests");
    pub(crate) const SLOW: Close = Close::new(4503, "nothing was taken for too long");
    pub(crate) const SILENT: Close = Close::new(4508, "no sign of life");
    pub(crate) const FULL: Close = Close::new(4530, "too many connections");

    const fn new(code: u16, why: &'static str) -> Close {
        Close { code, why }
    }
}

/// What others want of a connection.
pub(crate) enum Control {
    Event(Frame),
    Recheck,
    /// Nothing of this key is sent any more when the sender is dropped.
    Revoke {
        store: usize,
        key: Uuid,
        done: oneshot::Sender<()>,
    },
    Close(Close),
}

/// How others reach a connection.
#[derive(Clone)]
pub(crate) struct Reach {
    control: mpsc::UnboundedSender<Control>,
    calls: Arc<Calls>,
}

/// How often a connection was reached.
#[derive(Default)]
struct Calls {
    /// All in all; counted before each.
    made: AtomicUsize,
    /// The events that it has not taken.
    events: AtomicUsize,
}

impl Reach {
    pub(crate) fn control(&self, control: Control) {
        self.calls.made.fetch_add(1, Ordering::AcqRel);
        // If it has ended, it wants nothing any more.
        let _ = self.control.send(control);
    }

    /// Sends an event, unless the connection has not taken so many that it is better off without any.
    pub(crate) fn event(&self, frame: Frame) {
        match self.calls.events.fetch_add(1, Ordering::Relaxed) {
            ..EVENTS => self.control(Control::Event(frame)),
            EVENTS => self.control(Control::Close(Close::SLOW)),
            _ => {}
        }
    }
}

/// What is to be done with the socket.
pub(crate) enum Out {
    /// The frames that are there now are to be sent.
    Send {
        /// There is nothing else to be done, and whoever polled is woken when there is.
        is_all: bool,
    },
    Close(Close),
}

/// The store by its number, and the key.
type At = (usize, Uuid);

type Running = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What has come to its end.
enum Done {
    Command(At, Option<u64>, Outcome),
    Call(Option<u64>, Result<Json, Deny>),
    Arrived(At, Option<Come>),
}

/// A command that waits for the one before it.
struct Waiting {
    id: Option<u64>,
    command: Box<RawValue>,
    expected: Option<u64>,
}

pub(crate) struct Session<U> {
    config: Arc<Config<U>>,
    visitor: Arc<Visitor<U>>,
    /// Which lives of the stores their versions belong to.
    epoch: String,
    stores: Vec<Box<dyn Followed>>,
    /// Which store is asked first, next time.
    turn: usize,
    bucket: Bucket,
    /// What the user may ask for over all connections.
    budget: Arc<Budget>,
    tally: Arc<Tally>,
    running: FuturesUnordered<Running>,
    /// For each key of which a command is carried out, those that wait for it, in the order in which they came.
    queues: HashMap<At, VecDeque<Waiting>>,
    /// The keys of which it is not yet known that somebody has come, and whether he has subscribed once more since: perhaps to
    /// another entry.
    arriving: HashMap<At, bool>,
    /// How many commands and calls are not yet answered.
    unanswered: usize,
    control: mpsc::UnboundedReceiver<Control>,
    calls: Arc<Calls>,
    /// How many calls were taken.
    taken: usize,
    out: Outbox,
    /// When the client was heard of last.
    heard: Instant,
    /// When it was asked whether it is there, and has not answered.
    asked: Option<Instant>,
    /// May be set earlier than is needed: then it is looked when that has come.
    alarm: Pin<Box<Sleep>>,
    alarm_at: Instant,
    /// Who is woken by calls and the alarm. If that is whoever polls, they need not be asked unless something has come of them.
    waits: Option<Waker>,
    /// The server is about to end. What is under way has until then, and nothing more is begun.
    leaving: Option<Instant>,
    close: Option<Close>,
}

impl<U: Send + Sync + 'static> Session<U> {
    pub(crate) fn begin(
        config: &Arc<Config<U>>,
        visitor: &Arc<Visitor<U>>,
        budget: Arc<Budget>,
        tally: Arc<Tally>,
    ) -> (Session<U>, Reach) {
        let (sender, control) = mpsc::unbounded_channel();
        let calls = Arc::<Calls>::default();
        let now = Instant::now();
        let limits = &config.limits;
        let epoch = config.epoch();
        let mut out = Outbox::default();
        out.push(encode(&Hello {
            t: "hello",
            v: 1,
            epoch: &epoch,
            ping: millis(limits.ping_after),
            pong: millis(limits.pong_within),
            max: Max {
                bytes: limits.frame_bytes,
                subs: limits.subscriptions,
                rate: limits.rate,
            },
        }));
        let session = Session {
            epoch,
            stores: config.follow(visitor),
            turn: 0,
            bucket: Bucket::new(f64::from(limits.rate), limits.burst, now),
            budget,
            tally,
            running: FuturesUnordered::new(),
            queues: HashMap::new(),
            arriving: HashMap::new(),
            unanswered: 0,
            control,
            calls: Arc::clone(&calls),
            taken: 0,
            out,
            heard: now,
            asked: None,
            alarm: Box::pin(sleep_until(now + limits.ping_after)),
            alarm_at: now + limits.ping_after,
            waits: None,
            leaving: None,
            close: None,
            config: Arc::clone(config),
            visitor: Arc::clone(visitor),
        };
        let reach = Reach {
            control: sender,
            calls,
        };
        (session, reach)
    }

    /// Takes what the client has sent.
    pub(crate) fn receive(&mut self, text: &str) {
        let now = Instant::now();
        self.hear();
        if text.len() > self.config.limits.frame_bytes {
            return self.close(Close::TOO_LARGE);
        }
        let request = Request::read(text);
        let id = match &request {
            Some(request) => request.id,
            None => Request::id_of(text),
        };
        match self.take(now, request.as_ref().map_or(1, Request::count)) {
            Pass::Yes => {}
            Pass::After(after) => {
                self.tally.add(Count::Limited, 1);
                return self.refuse(id, &Deny::rate_limited(after));
            }
            Pass::Flood => return self.close(Close::FLOOD),
        }
        if request.as_ref().is_some_and(|request| request.t == "pong") {
            return;
        }
        if self.leaving.is_some() {
            return self.refuse(id, &Deny::unavailable(self.back_after()));
        }
        let handled = match &request {
            Some(request) => self.handle(request),
            None => Err(Deny::new(Code::BadRequest)),
        };
        match handled {
            Ok(()) => {}
            // It is said all the same, to whoever writes the client.
            Err(deny) if request.is_none() && id.is_none() => self.out.push(
                Told {
                    code: Some(deny.code),
                    ..Told::new("err")
                }
                .encode(),
            ),
            Err(deny) => {
                if request.as_ref().is_some_and(|request| request.t == "cmd") {
                    self.tally.add(Count::Refused, 1);
                }
                self.refuse(id, &deny);
            }
        }
    }

    /// Counts so many requests. To be a flood is a matter of one connection.
    fn take(&mut self, now: Instant, count: u32) -> Pass {
        match self.bucket.take_many(now, count) {
            Pass::Yes => match self.budget.take(now, count) {
                Pass::Flood => Pass::After(1000),
                pass => pass,
            },
            pass => pass,
        }
    }

    /// Takes a ping of the socket's own.
    pub(crate) fn receive_ping(&mut self) {
        self.hear();
        if self.take(Instant::now(), 1) == Pass::Flood {
            self.close(Close::FLOOD);
        }
    }

    /// Notes that the client is there.
    fn hear(&mut self) {
        self.heard = Instant::now();
        self.asked = None;
    }

    /// Has the connection end, after what was to be sent before.
    pub(crate) fn close(&mut self, close: Close) {
        self.close.get_or_insert(close);
    }

    /// Waits for something to be done with the socket. Frames that are to be sent are put into `frames`, which is empty. Cancel
    /// safe.
    pub(crate) async fn next(&mut self, frames: &mut Vec<Frame>) -> Out {
        std::future::poll_fn(|cx| self.poll(cx, frames)).await
    }

    /// The same for who polls by himself.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, frames: &mut Vec<Frame>) -> Poll<Out> {
        let is_same = self
            .waits
            .as_ref()
            .is_some_and(|waits| waits.will_wake(cx.waker()));
        let mut is_new = !is_same;
        if is_new {
            self.waits = Some(cx.waker().clone());
        }
        loop {
            let now = Instant::now();
            if is_new || self.calls.made.load(Ordering::Acquire) != self.taken {
                while let Poll::Ready(Some(control)) = self.control.poll_recv(cx) {
                    self.taken = self.taken.wrapping_add(1);
                    self.obey(control, now);
                }
            }
            while !self.running.is_empty()
                && let Poll::Ready(Some(done)) = self.running.poll_next_unpin(cx)
            {
                self.answer(done, now);
            }
            if self.close.is_none() {
                // Each comes first in turn, as the first that has much to tell leaves no room.
                self.turn = self.turn.wrapping_add(1);
                let first = self.turn % self.stores.len().max(1);
                let (after, before) = self.stores.split_at_mut(first);
                for store in before.iter_mut().chain(after) {
                    store.poll_tell(cx, now, &mut self.out);
                }
            }
            if self.leaving.is_some_and(|until| until <= now || !self.is_busy()) {
                self.close(Close::RESTART);
            }
            let has_more = self.out.is_full();
            if has_more || (self.close.is_some() && !self.out.is_empty()) {
                self.count_out();
                self.out.take(frames);
                // The alarm was not asked.
                self.waits = None;
                return Poll::Ready(Out::Send { is_all: false });
            }
            if let Some(close) = self.close {
                return Poll::Ready(Out::Close(close));
            }
            let Some(at) = self.listen(now) else { continue };
            if !self.is_awake_by(at, now, is_new, cx) {
                is_new = true;
                continue;
            }
            // Whom the budget kept from answering has not noted who waits.
            let is_all = coop::has_budget_remaining();
            if !is_all {
                self.waits = None;
            }
            self.count_out();
            if self.out.is_empty() {
                return Poll::Pending;
            }
            self.out.take(frames);
            return Poll::Ready(Out::Send { is_all });
        }
    }

    /// Has the task woken at a time, or before. Returns whether that is still to come.
    fn is_awake_by(&mut self, at: Instant, now: Instant, is_new: bool, cx: &mut Context<'_>) -> bool {
        let is_set = now < self.alarm_at && self.alarm_at <= at;
        if !is_set {
            self.alarm_at = at;
            self.alarm.as_mut().reset(at);
        }
        (is_set && !is_new) || self.alarm.as_mut().poll(cx).is_pending()
    }

    /// Counts what is about to be sent, and what was not.
    fn count_out(&mut self) {
        let noted = self.out.take_noted();
        let (frames, bytes) = self.out.size();
        for (count, amount) in [
            (Count::Frames, frames),
            (Count::Bytes, bytes),
            (Count::Folded, noted.folded),
            (Count::Lagged, noted.lagged),
        ] {
            if amount > 0 {
                self.tally.add(count, amount);
            }
        }
    }

    /// Asks a client that is silent whether it is there. Returns when there is something to be done though nothing happens;
    /// `None` if there is now.
    fn listen(&mut self, now: Instant) -> Option<Instant> {
        let limits = &self.config.limits;
        let next = match self.asked {
            None => self.heard + limits.ping_after,
            Some(asked) => asked + limits.pong_within,
        };
        if next <= now {
            match self.asked {
                Some(_) => self.close(Close::SILENT),
                None => {
                    self.asked = Some(now);
                    self.out.push(Told::new("ping").encode());
                }
            }
            return None;
        }
        let due = self.stores.iter().filter_map(|store| store.due());
        due.chain(self.leaving).chain([next]).min()
    }

    /// Whether somebody waits for the end of a call or a command, or for what it has led to.
    fn is_busy(&self) -> bool {
        self.unanswered > 0 || self.stores.iter().any(|store| store.owes())
    }

    /// In how many milliseconds the client is to come back when the server has ended: not all at once.
    fn back_after(&self) -> u64 {
        500 + u64::from(self.visitor.session.as_bytes()[0]) * 8
    }

    /// Says that the server ends.
    fn leave(&mut self, now: Instant) {
        if self.leaving.is_some() {
            return;
        }
        let bye = Told {
            why: Some("restart"),
            after: Some(self.back_after()),
            ..Told::new("bye")
        };
        self.out.push(bye.encode());
        self.leaving = Some(now + self.config.limits.finish_within.min(LONGEST));
    }

    fn obey(&mut self, control: Control, now: Instant) {
        match control {
            Control::Event(frame) => {
                self.calls.events.fetch_sub(1, Ordering::Relaxed);
                self.out.push(frame);
            }
            Control::Recheck => {
                for store in &mut self.stores {
                    store.recheck(now, &mut self.out);
                }
            }
            Control::Revoke { store, key, done } => {
                self.stores[store].revoke(&key, &mut self.out);
                drop(done);
            }
            Control::Close(Close::RESTART) => self.leave(now),
            Control::Close(close) => self.close(close),
        }
    }

    fn handle(&mut self, request: &Request<'_>) -> Result<(), Deny> {
        match &*request.t {
            "sub" => self.subscribe(request),
            "unsub" => self.unsubscribe(request),
            "get" => self.get(request),
            "cmd" => self.command(request),
            "pub" => self.publish(request),
            "call" => self.call(request),
            _ => Err(Deny::new(Code::BadRequest)),
        }
    }

    fn subscribe(&mut self, request: &Request<'_>) -> Result<(), Deny> {
        let at = self.store(request)?;
        let is_epoch = request.epoch.as_deref() == Some(&*self.epoch);
        let mut statuses: Vec<Status> = Vec::new();
        // Where the status of each key stands.
        let mut places: HashMap<&str, usize> = HashMap::new();
        for wanted in request.keys.iter().flatten() {
            if let Some(place) = places.insert(&wanted.k, statuses.len()) {
                places.insert(&wanted.k, place);
                statuses.push(statuses[place].clone());
                continue;
            }
            let told = match request::key(&wanted.k) {
                None => Err(Code::BadRequest),
                Some(key)
                    if self.subscriptions() >= self.config.limits.subscriptions
                        && !self.stores[at].contains(&key) =>
                {
                    Err(Code::TooManySubs)
                }
                Some(key) => {
                    let has = wanted.ver.zip(wanted.r.as_deref()).filter(|_| is_epoch);
                    let told = self.stores[at].subscribe(key, has, &mut self.out);
                    if told.is_ok() {
                        self.arrive((at, key));
                    }
                    told
                }
            };
            statuses.push(Status {
                k: wanted.k.clone().into_owned(),
                same: told == Ok(Subscribed::Same),
                err: told.err(),
            });
        }
        self.reply(
            request.id,
            Told {
                subs: Some(&statuses),
                ..Told::new("ok")
            },
        );
        Ok(())
    }

    /// Does what is done when somebody comes, once.
    fn arrive(&mut self, at: At) {
        if let Some(is_again) = self.arriving.get_mut(&at) {
            *is_again = true;
            return;
        }
        if let Some(arrival) = self.stores[at.0].arrive(at.1) {
            self.arriving.insert(at, false);
            let arrival = AssertUnwindSafe(arrival).catch_unwind();
            self.running.push(Box::pin(
                arrival.map(move |come| Done::Arrived(at, come.ok().flatten())),
            ));
        }
    }

    fn subscriptions(&self) -> usize {
        self.stores.iter().map(|store| store.len()).sum()
    }

    fn unsubscribe(&mut self, request: &Request<'_>) -> Result<(), Deny> {
        let at = self.store(request)?;
        for wanted in request.keys.iter().flatten() {
            if let Some(key) = request::key(&wanted.k) {
                self.stores[at].unsubscribe(&key, &mut self.out);
            }
        }
        self.reply(request.id, Told::new("ok"));
        Ok(())
    }

    fn get(&mut self, request: &Request<'_>) -> Result<(), Deny> {
        let at = self.store(request)?;
        let key = key_of(request)?;
        let (ver, view) = self.stores[at].get(key).map_err(Deny::new)?;
        let view = view.text().ok_or(Deny::new(Code::Internal))?;
        self.reply(
            request.id,
            Told {
                ver: Some(ver),
                v: raw(view),
                ..Told::new("ok")
            },
        );
        Ok(())
    }

    fn command(&mut self, request: &Request<'_>) -> Result<(), Deny> {
        let store = self.store(request)?;
        let key = key_of(request)?;
        let command = request.given().to_owned();
        self.count()?;
        let is_epoch = request.epoch.as_deref().is_none_or(|epoch| epoch == self.epoch);
        let waiting = Waiting {
            id: request.id,
            command,
            // No entry has version 0, so that of another epoch is never met.
            expected: request.expected.map(|version| if is_epoch { version } else { 0 }),
        };
        match self.queues.get_mut(&(store, key)) {
            Some(queue) => queue.push_back(waiting),
            None => {
                self.queues.insert((store, key), VecDeque::new());
                self.carry_out((store, key), waiting);
            }
        }
        Ok(())
    }

    fn carry_out(&self, at: At, waiting: Waiting) {
        let Waiting {
            id,
            command,
            expected,
        } = waiting;
        let work = self.stores[at.0].command(at.1, command, expected);
        // If code of the user's panics, that costs the command and not the connection.
        let work = AssertUnwindSafe(work).catch_unwind().map(move |outcome| {
            let outcome = outcome.unwrap_or(Outcome::Refused(Deny::new(Code::Internal)));
            Done::Command(at, id, outcome)
        });
        self.running.push(Box::pin(work));
    }

    fn publish(&mut self, request: &Request<'_>) -> Result<(), Deny> {
        let at = self.store(request)?;
        let key = key_of(request)?;
        let message = request.msg.unwrap_or(RawValue::NULL);
        self.stores[at].publish(key, message, Instant::now())?;
        self.reply(request.id, Told::new("ok"));
        Ok(())
    }

    fn call(&mut self, request: &Request<'_>) -> Result<(), Deny> {
        let name = request.f.as_deref().ok_or(Deny::new(Code::BadRequest))?;
        let calls = &self.config.calls;
        let (name, call) = calls.get_key_value(name).ok_or(Deny::new(Code::NotFound))?;
        let call = Arc::clone(call);
        if let Some(limit) = self.config.call_limits.get(name)
            && let Pass::After(after) = self.budget.take_call(name, *limit, Instant::now())
        {
            return Err(Deny::rate_limited(after));
        }
        let given = request.given().to_owned();
        self.count()?;
        let (id, cx) = (request.id, Cx::new(&self.visitor, Uuid::nil()));
        let work = async move { call(cx, given).await };
        let work = AssertUnwindSafe(work)
            .catch_unwind()
            .map(move |answer| Done::Call(id, answer.unwrap_or(Err(Deny::new(Code::Internal)))));
        self.running.push(Box::pin(work));
        Ok(())
    }

    /// Counts one that is not answered at once.
    fn count(&mut self) -> Result<(), Deny> {
        if self.unanswered >= self.config.limits.waiting {
            return Err(Deny::new(Code::RateLimited));
        }
        self.unanswered += 1;
        Ok(())
    }

    fn answer(&mut self, done: Done, now: Instant) {
        match done {
            Done::Arrived(at, come) => {
                let is_again = self.arriving.remove(&at).unwrap_or(false);
                match come.filter(|come| !(come.is_over)()) {
                    Some(come) => self.stores[at.0].stay(&at.1, come),
                    None if is_again => self.arrive(at),
                    None => {}
                }
            }
            Done::Call(id, answer) => {
                self.unanswered -= 1;
                let text = answer.and_then(|json| json.text().cloned().ok_or(Deny::new(Code::Internal)));
                match text {
                    Ok(text) => self.reply(
                        id,
                        Told {
                            v: raw(&text),
                            ..Told::new("ok")
                        },
                    ),
                    Err(deny) => self.refuse(id, &deny),
                }
            }
            Done::Command(at, id, outcome) => {
                self.unanswered -= 1;
                let count = match outcome {
                    Outcome::Done(_) => Count::Accepted,
                    Outcome::Conflict(_) | Outcome::Refused(_) => Count::Refused,
                };
                self.tally.add(count, 1);
                let next = self.queues.get_mut(&at).and_then(VecDeque::pop_front);
                match next {
                    Some(waiting) => self.carry_out(at, waiting),
                    None => drop(self.queues.remove(&at)),
                }
                self.answer_command(at, id, &outcome, now);
            }
        }
    }

    fn answer_command(&mut self, (store, key): At, id: Option<u64>, outcome: &Outcome, now: Instant) {
        let Some(id) = id else { return };
        match outcome {
            Outcome::Done(version) => {
                let reply = Told {
                    id: Some(id),
                    ver: Some(*version),
                    ..Told::new("ok")
                };
                self.stores[store].reply_after(&key, *version, reply.encode(), now, &mut self.out);
            }
            Outcome::Conflict(version) => {
                let reply = error(id, &Deny::new(Code::Conflict), Some(*version));
                self.stores[store].reply_after(&key, *version, reply, now, &mut self.out);
            }
            Outcome::Refused(deny) => self.out.push(error(id, deny, None)),
        }
    }

    /// Which store a request is about.
    fn store(&self, request: &Request<'_>) -> Result<usize, Deny> {
        let store = self.config.store(request.s.as_deref());
        store.ok_or_else(|| {
            Deny::bad_request(match request.s {
                Some(_) => "no store is served under this name",
                None => "several stores are served, so name one",
            })
        })
    }

    fn reply(&mut self, id: Option<u64>, told: Told<'_>) {
        if id.is_some() {
            self.out.push(Told { id, ..told }.encode());
        }
    }

    fn refuse(&mut self, id: Option<u64>, deny: &Deny) {
        if let Some(id) = id {
            self.out.push(error(id, deny, None));
        }
    }
}

/// The key that a request names.
fn key_of(request: &Request<'_>) -> Result<Uuid, Deny> {
    let key = request.key();
    key.ok_or_else(|| Deny::bad_request("a key is a UUID, hyphenated and in lower case"))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
