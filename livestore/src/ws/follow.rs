//! [`Follow`]: what one connection follows of one store.
//!
//! It has one [`WatchSet`], and for each key what the client has of it: the role in which it was told last, and the version.
//! An update is taken as a sign that there is something new; what is told comes from [`views`](crate::ws::views), where it
//! was made by the first connection that came to it. So a connection that is slow comes to the newest, and skips what lay between.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde_json::value::RawValue;
use tokio::time::Instant;
use uuid::Uuid;

use crate::ground::unwind::caught;
use crate::value::entry::Entry;
use crate::value::shared::Shared;
use crate::value::update::Update;
use crate::value::value::LiveValue;
use crate::watch::watch_set::WatchSet;
use crate::ws::cx::{Cx, Visitor};
use crate::ws::deny::{Code, Deny};
use crate::ws::frame::{Frame, Tag, Told, raw};
use crate::ws::json::Json;
use crate::ws::route::Route;
use crate::ws::served::{Arrival, Followed, Outbox, Outcome, Served, Stay, Subscribed, Work};
use crate::ws::views::{Address, Has, RoleViews, Views};

/// A store, how it is served, and what was told of it.
pub(crate) struct Store<U, V: LiveValue, R> {
    route: Route<U, V, R>,
    views: Arc<Views>,
}

impl<U, V: LiveValue, R> Store<U, V, R> {
    pub(crate) fn new(route: Route<U, V, R>) -> Store<U, V, R> {
        Store {
            route,
            views: Arc::default(),
        }
    }
}

pub(crate) struct Follow<U, V: LiveValue, R> {
    store: Arc<Store<U, V, R>>,
    name: Option<Arc<str>>,
    visitor: Arc<Visitor<U>>,
    set: WatchSet<V>,
    subs: HashMap<Uuid, Sub>,
    /// Subscriptions whose first frames are to be sent, in the order in which they came. Some may be over.
    first: VecDeque<Uuid>,
    /// Keys of which there is something newer that is to be told later.
    due: BTreeSet<(Instant, Uuid)>,
}

/// What a client has of one key.
struct Sub {
    role: Arc<RoleViews>,
    has: Has,
    /// The version up to which everything was told.
    seen: u64,
    /// It stands in `first`, and nothing was told yet.
    is_first: bool,
    /// What leads to the version that it has, still to be sent.
    prepared: Vec<Frame>,
    due: Option<Instant>,
    /// Replies that are to come after what leads to their version.
    replies: Vec<(u64, Frame)>,
    /// What is done when it ends.
    here: Option<Stay>,
}

impl<U, V, R> Served<U> for Store<U, V, R>
where
    U: Send + Sync + 'static,
    V: LiveValue,
    R: Hash + 'static,
{
    fn epoch(&self) -> u64 {
        self.route.store.epoch()
    }

    fn follow(self: Arc<Self>, name: Option<Arc<str>>, visitor: &Arc<Visitor<U>>) -> Box<dyn Followed> {
        Box::new(Follow {
            set: self.route.store.watch_set(),
            store: self,
            name,
            visitor: Arc::clone(visitor),
            subs: HashMap::new(),
            first: VecDeque::new(),
            due: BTreeSet::new(),
        })
    }
}

impl<U, V, R> Follow<U, V, R>
where
    U: Send + Sync + 'static,
    V: LiveValue,
    R: Hash + 'static,
{
    fn cx(&self, key: Uuid) -> Cx<U> {
        Cx::new(&self.visitor, key)
    }

    /// The entry of a key, and the role in which this user sees it.
    fn seen(&self, key: &Uuid) -> Option<(Entry<V>, R, Tag)> {
        let entry = self.store.route.store.peek(key)?;
        let (role, tag) = self.store.route.role(&self.cx(*key), &entry)?;
        Some((entry, role, tag))
    }

    fn address(&self, key: Uuid, tag: Tag) -> Address<'_> {
        Address {
            store: self.name.as_deref(),
            key,
            tag,
            period: self.store.route.period,
        }
    }

    /// Tells what the entry is now, or when it is to be told.
    fn tell(&mut self, key: Uuid, entry: &Entry<V>, now: Instant, out: &mut Outbox) {
        let Some((role, tag)) = self.store.route.role(&self.cx(key), entry) else {
            return self.end(&key, Some(entry.version()), "revoked", None, out);
        };
        let views = &self.store.views;
        let Some(sub) = self.subs.get_mut(&key) else {
            return;
        };
        if sub.role.tag != tag {
            // Nothing that the client has in another role is of use in this one.
            sub.role = views.of(key).role(tag);
            sub.has = Has::Nothing;
        }
        let (role_views, has) = (Arc::clone(&sub.role), sub.has);
        let address = self.address(key, tag);
        let make = || self.store.route.see(&role, entry);
        let news = match role_views.tell(address, has, entry.version(), now, make) {
            Ok(news) => news,
            Err(_) => return self.end(&key, None, "internal", None, out),
        };
        let Some(sub) = self.subs.get_mut(&key) else {
            return;
        };
        news.frames.into_iter().for_each(|frame| out.push(frame));
        sub.is_first = false;
        sub.has = Has::Version(news.at);
        if let Some(due) = sub.due.take() {
            self.due.remove(&(due, key));
        }
        sub.seen = match news.later {
            None => sub.seen.max(entry.version()).max(news.at),
            Some(_) => sub.seen.max(news.at),
        };
        if let Some(later) = news.later {
            sub.due = Some(later);
            self.due.insert((later, key));
        }
        sub.reply(out);
    }

    /// Tells what the entry is, whatever version that is now.
    fn tell_latest(&mut self, key: Uuid, now: Instant, out: &mut Outbox) {
        if let Some(entry) = self.set.latest(&key) {
            self.tell(key, &entry, now, out);
        }
    }

    /// Ends a subscription, and says so.
    fn end(&mut self, key: &Uuid, ver: Option<u64>, why: &'static str, msg: Option<&str>, out: &mut Outbox) {
        let Some(mut sub) = self.take(key) else { return };
        let told = Told {
            s: self.name.as_deref(),
            k: Some(*key),
            ver,
            why: Some(why),
            msg: msg.and_then(raw),
            ..Told::new("end")
        };
        out.push(told.encode());
        // What they wait for is not told any more.
        sub.seen = u64::MAX;
        sub.reply(out);
    }

    fn take(&mut self, key: &Uuid) -> Option<Sub> {
        let sub = self.subs.remove(key)?;
        self.set.remove(key);
        if let Some(due) = sub.due {
            self.due.remove(&(due, *key));
        }
        Some(sub)
    }

    fn hear(&mut self, key: Uuid, update: &Shared<Update<V>>, now: Instant, out: &mut Outbox) {
        let entry = update.entry();
        match &**update {
            Update::Message { msg, .. } => self.hear_message(key, entry, msg, update, now, out),
            Update::Remove { msg, .. } => {
                let told = msg.as_ref().and_then(|msg| self.told(key, entry, msg));
                self.end(&key, Some(entry.version()), "removed", told.as_deref(), out);
            }
            Update::Expire { .. } => self.end(&key, Some(entry.version()), "expired", None, out),
            Update::Resync { now: entry, missed } => {
                // What was missed are changes, which the entry shows, and messages.
                let changes = self
                    .subs
                    .get(&key)
                    .map_or(0, |sub| entry.version().saturating_sub(sub.seen));
                let msgs = missed.saturating_sub(changes);
                self.tell(key, entry, now, out);
                if msgs > 0 && self.store.route.tells_messages() && self.subs.contains_key(&key) {
                    let told = Told {
                        s: self.name.as_deref(),
                        k: Some(key),
                        msgs: Some(msgs),
                        ..Told::new("lag")
                    };
                    out.push(told.encode());
                }
            }
            _ => {
                if self.subs.get(&key).is_some_and(|sub| !sub.is_first) {
                    self.tell(key, entry, now, out);
                }
            }
        }
    }

    /// What this user is told of a message that belongs to an entry.
    fn told(&self, key: Uuid, entry: &Entry<V>, msg: &V::Message) -> Option<Arc<str>> {
        let (role, _) = self.store.route.role(&self.cx(key), entry)?;
        self.store.route.told(&role, msg)?.text().cloned()
    }

    fn hear_message(
        &mut self,
        key: Uuid,
        entry: &Entry<V>,
        msg: &V::Message,
        update: &Shared<Update<V>>,
        now: Instant,
        out: &mut Outbox,
    ) {
        if !self.store.route.tells_messages() {
            return;
        }
        if self.subs.get(&key).is_some_and(|sub| sub.is_first) {
            // A message belongs to what it is about.
            self.tell(key, entry, now, out);
        }
        let Some((role, tag)) = self.store.route.role(&self.cx(key), entry) else {
            return self.end(&key, Some(entry.version()), "revoked", None, out);
        };
        let Some(sub) = self.subs.get(&key) else { return };
        if sub.role.tag != tag {
            return self.tell(key, entry, now, out);
        }
        let address = self.address(key, tag);
        let frame = sub.role.message(update, || {
            let told = self.store.route.told(&role, msg)?;
            let told = Told {
                r: None,
                ver: Some(entry.version()),
                msg: Some(raw(told.text()?)?),
                ..address.push("msg")
            };
            Some(told.encode())
        });
        if let Some(frame) = frame {
            out.push(frame);
        }
    }

    /// Finds out what leads a client that has been told `ver` in this role to the present.
    fn resume(&self, key: Uuid, entry: &Entry<V>, (role, tag): (&R, Tag), sub: &mut Sub, ver: u64) {
        let address = self.address(key, tag);
        let route = &self.store.route;
        // The present is viewed first, so that there is something to compare with.
        let make = || route.see(role, entry);
        let told = sub
            .role
            .tell(address, Has::Version(ver), entry.version(), Instant::now(), make);
        let Ok(news) = told else { return };
        if !news.is_whole {
            // It comes when it is its turn, or there is nothing to come.
            sub.has = Has::Version(ver);
            sub.is_first = !news.frames.is_empty();
            return;
        }
        let past = route.store.history(&key).unwrap_or_default();
        let Some(old) = past.iter().find(|past| past.version() == ver) else {
            return;
        };
        if route.role(&self.cx(key), old).is_none_or(|(_, then)| then != tag) {
            return;
        }
        let Some(news) = route
            .see(role, old)
            .and_then(|old| sub.role.tell_since(address, &old, ver))
        else {
            return;
        };
        sub.has = Has::Version(news.at);
        sub.is_first = !news.frames.is_empty();
        sub.prepared = news.frames;
    }
}

impl<U, V, R> Followed for Follow<U, V, R>
where
    U: Send + Sync + 'static,
    V: LiveValue,
    R: Hash + 'static,
{
    fn len(&self) -> usize {
        self.subs.len()
    }

    fn subscribe(&mut self, key: Uuid, has: Option<(u64, &str)>) -> Result<Subscribed, Code> {
        let route = &self.store.route;
        if !route.store.contains_key(&key)
            && let Some(value) = route.made(&self.cx(key))
        {
            route.store.fetch_or_create(&key, || value);
        }
        // Asked before it is watched, which is a use.
        self.seen(&key).ok_or(Code::NotFound)?;
        let former = self.take(&key);
        let entry = self.set.add(&key).ok_or(Code::NotFound)?;
        let Some((role, tag)) = self.store.route.role(&self.cx(key), &entry) else {
            self.set.remove(&key);
            return Err(Code::NotFound);
        };
        let mut sub = Sub {
            role: self.store.views.of(key).role(tag),
            has: Has::Nothing,
            seen: 0,
            is_first: true,
            prepared: Vec::new(),
            due: None,
            replies: Vec::new(),
            here: None,
        };
        if let Some(former) = former {
            // It is one stay.
            (sub.here, sub.replies) = (former.here, former.replies);
        }
        if let Some((ver, told_as)) = has
            && tag.is(told_as)
            && ver <= entry.version()
        {
            self.resume(key, &entry, (&role, tag), &mut sub, ver);
        }
        let is_first = sub.is_first;
        self.subs.insert(key, sub);
        if is_first {
            self.first.push_back(key);
            return Ok(Subscribed::Behind);
        }
        Ok(Subscribed::Same)
    }

    fn unsubscribe(&mut self, key: &Uuid) -> bool {
        self.take(key).is_some()
    }

    fn arrive(&self, key: Uuid) -> Option<Arrival> {
        if self.subs.get(&key).is_none_or(|sub| sub.here.is_some()) {
            return None;
        }
        let (join, leave) = self.store.route.here(&self.cx(key))?;
        let store = self.store.route.store.clone();
        Some(Box::pin(async move {
            store.mutate(&key, join).await.ok()?;
            // Nothing is awaited between: if this was dropped before, nobody has come.
            let leave: Stay = Box::new(store.mutate_on_drop(&key, leave));
            Some(leave)
        }))
    }

    fn stay(&mut self, key: &Uuid, stay: Stay) {
        // If the subscription has ended meanwhile, so does the stay.
        if let Some(sub) = self.subs.get_mut(key) {
            sub.here = Some(stay);
        }
    }

    fn poll_tell(&mut self, cx: &mut Context<'_>, now: Instant, out: &mut Outbox) {
        while !out.is_full() {
            if let Some(&(at, key)) = self.due.first()
                && at <= now
            {
                self.due.pop_first();
                if let Some(sub) = self.subs.get_mut(&key) {
                    sub.due = None;
                }
                self.tell_latest(key, now, out);
            } else if let Some(key) = self.first.pop_front() {
                if let Some(sub) = self.subs.get_mut(&key)
                    && sub.is_first
                {
                    sub.prepared.drain(..).for_each(|frame| out.push(frame));
                    self.tell_latest(key, now, out);
                }
            } else {
                // `None` where nothing is watched.
                let next = pin!(self.set.next_shared()).poll(cx);
                let Poll::Ready(Some((key, update))) = next else {
                    return;
                };
                self.hear(key, &update, now, out);
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    fn recheck(&mut self, now: Instant, out: &mut Outbox) {
        let keys: Vec<_> = self.subs.keys().copied().collect();
        for key in keys {
            self.tell_latest(key, now, out);
        }
    }

    fn revoke(&mut self, key: &Uuid, out: &mut Outbox) {
        self.end(key, None, "revoked", None, out);
    }

    fn get(&self, key: Uuid) -> Result<(u64, Json), Code> {
        let (entry, role, _) = self.seen(&key).ok_or(Code::NotFound)?;
        let view = self.store.route.see(&role, &entry).ok_or(Code::Internal)?;
        self.store.route.store.touch(&key);
        Ok((entry.version(), view))
    }

    fn command(&self, key: Uuid, command: Box<RawValue>, expected: Option<u64>) -> Work {
        let (store, cx) = (Arc::clone(&self.store), self.cx(key));
        Box::pin(async move { store.carry_out(&cx, &command, expected).await })
    }

    fn publish(&self, key: Uuid, message: &RawValue) -> Result<(), Deny> {
        let (entry, ..) = self.seen(&key).ok_or(Deny::new(Code::NotFound))?;
        let message = self
            .store
            .route
            .accepted_message(&self.cx(key), &entry, message)?;
        let told = self.store.route.store.broadcast(&key, message);
        told.map(drop).map_err(|_| Deny::new(Code::NotFound))
    }

    fn reply_after(&mut self, key: &Uuid, version: u64, reply: Frame, out: &mut Outbox) {
        match self.subs.get_mut(key) {
            Some(sub) if sub.seen < version => sub.replies.push((version, reply)),
            _ => out.push(reply),
        }
    }
}

impl<U, V: LiveValue, R: Hash> Store<U, V, R> {
    /// Carries out a command, with the entry held from the decision to the change.
    async fn carry_out(&self, cx: &Cx<U>, command: &RawValue, expected: Option<u64>) -> Outcome {
        let (route, key) = (&self.route, cx.key());
        let missing = || Outcome::Refused(Deny::new(Code::NotFound));
        // Before anything else, so that nobody waits for what he must not know of.
        if route
            .store
            .peek(&key)
            .and_then(|entry| route.role(cx, &entry))
            .is_none()
        {
            return missing();
        }
        let Some(mut guard) = route.store.acquire(&key).await else {
            return missing();
        };
        let Some((role, _)) = route.role(cx, &guard.as_entry()) else {
            return missing();
        };
        if expected.is_some_and(|expected| expected != guard.version()) {
            return Outcome::Conflict(guard.version());
        }
        let mutation = match route.accepted(cx, &guard.as_entry(), command) {
            Ok(mutation) => mutation,
            Err(deny) => return Outcome::Refused(deny),
        };
        match caught(|| guard.mutate(mutation)) {
            Ok(Ok(entry)) => Outcome::Done(entry.version()),
            Ok(Err(reason)) => Outcome::Refused(route.refusal(&role, &reason)),
            Err(_) => Outcome::Refused(Deny::new(Code::Internal)),
        }
    }
}

impl Sub {
    /// Sends the replies that waited for what was told.
    fn reply(&mut self, out: &mut Outbox) {
        let seen = self.seen;
        let mut waiting = std::mem::take(&mut self.replies).into_iter();
        self.replies
            .extend(waiting.by_ref().filter_map(|(version, frame)| {
                if version <= seen {
                    out.push(frame);
                    return None;
                }
                Some((version, frame))
            }));
    }
}
