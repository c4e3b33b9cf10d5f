//! [`Follow`]: what one connection follows of one store.
//!
//! It has one [`WatchSet`], and for each key what the client has of it: the role in which it was told last, and the version.
//! An update is taken as a sign that there is something new; what is told comes from [`views`](crate::ws::views), where it
//! was made by the first connection that came to it.
//!
//! A client is told a view only if the role function has said for that very version that it is his, and for every one since the
//! view that he had: another connection may be further, in a role that is not his any more there. So each update is heard, the
//! role asked with its entry, and what is told goes as far as that. Where versions were missed, or the role was another, what
//! the client has is of no use, and the whole of the latest entry follows.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use foldhash::fast::RandomState;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use tokio::time::Instant;
use uuid::Uuid;

use crate::value::entry::Entry;
use crate::value::shared::Shared;
use crate::value::update::Update;
use crate::value::value::LiveValue;
use crate::watch::watch_set::WatchSet;
use crate::ws::cx::{Cx, Visitor};
use crate::ws::deny::{Code, Deny};
use crate::ws::frame::{Frame, Tag, Told, raw};
use crate::ws::json::Json;
use crate::ws::latest::Latest;
use crate::ws::served::{Arrival, Come, Followed, Followers, Outbox, Served, Stay, Subscribed, Work};
use crate::ws::store::Store;
use crate::ws::sub::Sub;
use crate::ws::views::{Address, Has};

pub(crate) struct Follow<U, V: LiveValue, R> {
    store: Arc<Store<U, V, R>>,
    name: Option<Arc<str>>,
    visitor: Arc<Visitor<U>>,
    set: WatchSet<V>,
    /// The keys are the clients' choice: its hash is another in each connection.
    subs: HashMap<Uuid, Sub, RandomState>,
    /// Subscriptions whose first frames are to be sent, in the order in which they came. Some may be over.
    first: VecDeque<Uuid>,
    /// Keys of which there is something newer that is to be told later.
    due: BTreeSet<(Instant, Uuid)>,
    /// Messages of this client of which the newest are sent.
    latest: Latest<V::Message>,
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
            subs: HashMap::default(),
            first: VecDeque::new(),
            due: BTreeSet::new(),
            latest: Latest::new(),
        })
    }

    fn followers(&self, keys: usize) -> Followers {
        self.views.followers(keys)
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

    /// What keeps the entry of a key there that is not followed yet, if something must.
    fn look(&self, key: Uuid) -> Option<Stay> {
        match self.subs.contains_key(&key) {
            true => None,
            false => self.store.route.look(&self.cx(key)),
        }
    }

    fn address(&self, key: Uuid, tag: Tag) -> Address<'_> {
        Address {
            store: self.name.as_deref(),
            key,
            tag,
            period: self.store.route.period,
        }
    }

    /// Asks in which role the user sees the entry. What the client has in another role is of no use in this one. If he does not
    /// see it, the subscription ends.
    fn ask(&mut self, key: Uuid, entry: &Entry<V>, out: &mut Outbox) -> Option<R> {
        let Some((role, tag)) = self.store.route.role(&self.cx(key), entry) else {
            self.end_unseen(&key, entry, out);
            return None;
        };
        let sub = self.subs.get_mut(&key)?;
        if sub.role.tag != tag {
            sub.role = self.store.views.of(key).role(tag);
            sub.has = Has::Nothing;
            sub.prepared.clear();
        }
        Some(role)
    }

    /// Tells what the entry is in this role, or when it is to be told. The role was asked for at every version up to it that the
    /// client has not been told, or he has nothing.
    fn tell(&mut self, key: Uuid, entry: &Entry<V>, role: &R, now: Instant, out: &mut Outbox) {
        if !self.store.route.is_made(entry) {
            return;
        }
        let Some(sub) = self.subs.get(&key) else { return };
        let (views, has) = (Arc::clone(&sub.role), sub.has);
        let waits = !sub.replies.is_empty();
        let address = self.address(key, views.tag);
        let make = || self.store.route.see(role, entry);
        let news = match views.tell(address, has, waits, entry.version(), now, make) {
            Ok(news) => news,
            Err(_) => return self.end(&key, None, "internal", None, out),
        };
        let Some(sub) = self.subs.get_mut(&key) else {
            return;
        };
        news.frames.into_iter().for_each(|frame| out.push(frame));
        if news.later.is_some() {
            out.note_fold();
        }
        sub.has = news.has;
        sub.seen = sub.seen.max(news.seen);
        sub.asked = sub.asked.max(entry.version());
        if let Some(due) = std::mem::replace(&mut sub.due, news.later) {
            self.due.remove(&(due, key));
        }
        self.due.extend(news.later.map(|later| (later, key)));
        sub.reply(out);
    }

    /// Tells one who has nothing what the entry is now.
    fn tell_whole(&mut self, key: Uuid, now: Instant, out: &mut Outbox) {
        if let Some(entry) = self.set.latest(&key)
            && let Some(role) = self.ask(key, &entry, out)
        {
            self.tell(key, &entry, &role, now, out);
        }
    }

    /// Tells what was to wait.
    fn tell_due(&mut self, key: Uuid, now: Instant, out: &mut Outbox) {
        let Some(sub) = self.subs.get_mut(&key) else {
            return;
        };
        sub.due = None;
        // If there is a later one, it is about to be heard of.
        if let Some(entry) = self.set.latest(&key).filter(|entry| entry.version() == sub.asked)
            && let Some(role) = self.ask(key, &entry, out)
        {
            self.tell(key, &entry, &role, now, out);
        }
    }

    fn next_update(&mut self, cx: &mut Context<'_>) -> Option<(Uuid, Shared<Update<V>>)> {
        match pin!(self.set.next_shared()).poll(cx) {
            Poll::Ready(next) => next,
            Poll::Pending => None,
        }
    }

    fn next_due(&mut self, now: Instant) -> Option<Uuid> {
        self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.pop_first().map(|(_, key)| key)
    }

    /// Ends a subscription to what the user does not see any more. Where the store has ended, that may be why: then he may ask
    /// again when it is back.
    fn end_unseen(&mut self, key: &Uuid, entry: &Entry<V>, out: &mut Outbox) {
        match self.store.route.is_over() {
            true => self.end(key, None, "closed", None, out),
            false => self.end(key, Some(entry.version()), "revoked", None, out),
        }
    }

    /// Ends a subscription, and says so.
    fn end(&mut self, key: &Uuid, ver: Option<u64>, why: &'static str, msg: Option<&str>, out: &mut Outbox) {
        let Some(sub) = self.take(key) else { return };
        let told = Told {
            s: self.name.as_deref(),
            k: Some(*key),
            ver,
            why: Some(why),
            msg: msg.and_then(raw),
            ..Told::new("end")
        };
        out.push(told.encode());
        sub.part(out);
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
        let Some(sub) = self.subs.get_mut(&key) else {
            return;
        };
        let changes = entry.version().saturating_sub(sub.heard);
        sub.heard = sub.heard.max(entry.version());
        match &**update {
            Update::Message { msg, .. } => self.hear_message(key, entry, msg, update, now, out),
            Update::Remove { msg, .. } => {
                let told = msg.as_ref().and_then(|msg| self.told(key, entry, msg));
                self.end(&key, Some(entry.version()), "removed", told.as_deref(), out);
            }
            Update::Expire { .. } => self.end(&key, Some(entry.version()), "expired", None, out),
            Update::Resync { missed, .. } => {
                out.note_lag();
                if sub.asked < entry.version() {
                    // Nobody knows what the roles were.
                    sub.has = Has::Nothing;
                    self.hear_change(key, entry, now, out);
                }
                // What was missed are changes, which the entry shows, and messages.
                let msgs = missed.saturating_sub(changes);
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
            _ => self.hear_change(key, entry, now, out),
        }
    }

    fn hear_change(&mut self, key: Uuid, entry: &Entry<V>, now: Instant, out: &mut Outbox) {
        if self.subs.get(&key).is_none_or(|sub| entry.version() <= sub.asked) {
            return;
        }
        let Some(role) = self.ask(key, entry, out) else {
            return;
        };
        let Some(sub) = self.subs.get_mut(&key) else {
            return;
        };
        sub.asked = entry.version();
        match sub.has {
            Has::Nothing => self.tell_whole(key, now, out),
            // It is told when that is due.
            Has::Version(_) if sub.due.is_some_and(|due| now < due) => out.note_fold(),
            Has::Version(_) => self.tell(key, entry, &role, now, out),
        }
    }

    /// Ends the subscriptions that have ended with the store, of which nobody is told by an update.
    fn hear_close(&mut self, out: &mut Outbox) {
        if self.set.len() == self.subs.len() {
            return;
        }
        let subscribed = self.subs.keys().copied();
        let closed: Vec<_> = subscribed.filter(|key| !self.set.contains(key)).collect();
        for key in closed {
            self.end(&key, None, "closed", None, out);
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
        let Some((role, tag)) = self.store.route.role(&self.cx(key), entry) else {
            // Unless it is known that he saw the entry again later.
            if self
                .subs
                .get(&key)
                .is_some_and(|sub| sub.asked <= entry.version())
            {
                self.end_unseen(&key, entry, out);
            }
            return;
        };
        let Some(sub) = self.subs.get(&key) else { return };
        if sub.role.tag != tag && sub.asked <= entry.version() {
            // What the role function looks at has changed elsewhere.
            self.tell_whole(key, now, out);
        }
        let Some(sub) = self.subs.get(&key) else { return };
        let views = match sub.role.tag == tag {
            true => Arc::clone(&sub.role),
            false => self.store.views.of(key).role(tag),
        };
        let address = self.address(key, tag);
        let frame = views.message(update, || {
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
    fn resume(&self, key: Uuid, entry: &Entry<V>, role: &R, sub: &mut Sub, ver: u64) {
        let address = self.address(key, sub.role.tag);
        let route = &self.store.route;
        // The present is viewed first, so that there is something to compare with.
        let make = || route.see(role, entry);
        let viewed = sub.role.tell(
            address,
            Has::Nothing,
            false,
            entry.version(),
            Instant::now(),
            make,
        );
        let old = || {
            let past = route.store.history(&key)?;
            let old = past.iter().find(|past| past.version() == ver)?;
            let (_, then) = route.role(&self.cx(key), old)?;
            (then == sub.role.tag).then(|| route.see(role, old))?
        };
        if viewed.is_ok()
            && let Some(news) = sub.role.tell_since(address, ver, entry.version(), old)
        {
            (sub.has, sub.seen, sub.prepared) = (news.has, news.seen, news.frames);
        }
    }
}

/// Whether something may be on its way to a client that follows a key already and says that it has `ver` of it. What leads on from
/// there would not lead on from what it has by then.
fn is_under_way(told_before: Option<Has>, ver: u64) -> bool {
    match told_before {
        None => false,
        Some(Has::Nothing) => true,
        Some(Has::Version(told)) => ver < told,
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

    fn contains(&self, key: &Uuid) -> bool {
        self.subs.contains_key(key)
    }

    fn subscribe(
        &mut self,
        key: Uuid,
        has: Option<(u64, &str)>,
        out: &mut Outbox,
    ) -> Result<Subscribed, Code> {
        if !self.store.route.store.contains_key(&key) {
            self.store.route.create(&self.cx(key));
        }
        let look = self.look(key);
        // Asked before it is watched, which is a use.
        self.seen(&key).ok_or_else(|| self.store.route.missing())?;
        let former = self.take(&key);
        let seen = self.set.add(&key).and_then(|entry| {
            let (role, tag) = self.store.route.role(&self.cx(key), &entry)?;
            Some((entry, role, tag))
        });
        let Some((entry, role, tag)) = seen else {
            self.set.remove(&key);
            former.into_iter().for_each(|former| former.part(out));
            return Err(self.store.route.missing());
        };
        let told_before = former.as_ref().map(|former| former.has);
        let mut sub = Sub {
            role: self.store.views.of(key).role(tag),
            has: Has::Nothing,
            seen: 0,
            asked: entry.version(),
            heard: entry.version(),
            is_first: true,
            prepared: SmallVec::new(),
            due: None,
            replies: Vec::new(),
            here: None,
            look,
            there: None,
        };
        // It is one stay, perhaps with another card: the former one ends after this.
        sub.there = self.store.route.enter(&self.cx(key));
        if let Some(former) = former {
            // It was followed, so nothing else keeps it there.
            sub.look = former.look;
            sub.replies = former.replies;
            // Unless the entry is another, whose predecessor's end nobody has been told of yet.
            sub.here = former.here.filter(|come| !(come.is_over)());
        }
        if let Some((ver, told_as)) = has
            && tag.is(told_as)
            && !is_under_way(told_before, ver)
            && self.store.route.is_made(&entry)
        {
            self.resume(key, &entry, &role, &mut sub, ver);
        }
        let is_same = sub.has != Has::Nothing && sub.prepared.is_empty();
        if is_same {
            sub.is_first = false;
            sub.reply(out);
        } else {
            self.first.push_back(key);
        }
        self.subs.insert(key, sub);
        Ok(match is_same {
            true => Subscribed::Same,
            false => Subscribed::Behind,
        })
    }

    fn unsubscribe(&mut self, key: &Uuid, out: &mut Outbox) {
        if let Some(sub) = self.take(key) {
            sub.part(out);
        }
    }

    fn arrive(&self, key: Uuid) -> Option<Arrival> {
        if self.subs.get(&key).is_none_or(|sub| sub.here.is_some()) {
            return None;
        }
        let (join, leave) = self.store.route.here(&self.cx(key))?;
        // Whoever has come to one life of the entry does not leave another.
        let entry = self.store.route.store.handle(&key)?;
        Some(Box::pin(async move {
            entry.mutate_version(join).await.ok()?;
            // Nothing is awaited between: if this was dropped before, nobody has come.
            Some(Come {
                _stay: Box::new(entry.mutate_on_drop(leave)),
                is_over: Box::new(move || entry.is_over()),
            })
        }))
    }

    fn stay(&mut self, key: &Uuid, come: Come) {
        // If the subscription has ended meanwhile, so does the stay.
        if let Some(sub) = self.subs.get_mut(key) {
            sub.here = Some(come);
        }
    }

    fn poll_tell(&mut self, cx: &mut Context<'_>, now: Instant, out: &mut Outbox) {
        let period = self.store.route.period;
        while let Some((key, message)) = self.latest.next(now, period) {
            if self.seen(&key).is_some() {
                // If it has ended meanwhile, there is nobody to be told.
                let _ = self.store.route.store.broadcast(&key, message);
            }
        }
        while !out.is_full() {
            if let Some(key) = self.first.pop_front() {
                let Some(sub) = self.subs.get_mut(&key).filter(|sub| sub.is_first) else {
                    continue;
                };
                sub.is_first = false;
                sub.prepared.drain(..).for_each(|frame| out.push(frame));
                sub.reply(out);
                if sub.has == Has::Nothing {
                    self.tell_whole(key, now, out);
                }
            } else if let Some((key, update)) = self.next_update(cx) {
                self.hear(key, &update, now, out);
            } else if let Some(key) = self.next_due(now) {
                self.tell_due(key, now, out);
            } else {
                return self.hear_close(out);
            }
        }
    }

    fn owes(&self) -> bool {
        self.subs.values().any(|sub| !sub.replies.is_empty())
    }

    fn due(&self) -> Option<Instant> {
        let due = self.due.first().map(|(at, _)| *at);
        due.into_iter().chain(self.latest.due()).min()
    }

    fn recheck(&mut self, now: Instant, out: &mut Outbox) {
        let keys: Vec<_> = self.subs.keys().copied().collect();
        for key in keys {
            let Some(entry) = self.set.latest(&key) else {
                continue;
            };
            let Some(role) = self.ask(key, &entry, out) else {
                continue;
            };
            if self.store.route.counts() {
                // The new card comes before the old one goes.
                let there = self.store.route.enter(&self.cx(key));
                self.subs.entry(key).and_modify(|sub| sub.there = there);
            }
            if self.subs.get(&key).is_some_and(|sub| sub.has == Has::Nothing) {
                self.tell(key, &entry, &role, now, out);
            }
        }
    }

    fn revoke(&mut self, key: &Uuid, out: &mut Outbox) {
        self.end(key, None, "revoked", None, out);
    }

    fn get(&self, key: Uuid) -> Result<(u64, Json), Code> {
        let _look = self.look(key);
        let (entry, role, tag) = self.seen(&key).ok_or_else(|| self.store.route.missing())?;
        if !self.store.route.is_made(&entry) {
            return Err(Code::Unavailable);
        }
        let view = match self.store.views.known(key, tag, entry.version()) {
            Some(view) => Json::of(Ok(view)),
            None => self.store.route.see(&role, &entry).ok_or(Code::Internal)?,
        };
        self.store.route.store.touch(&key);
        Ok((entry.version(), view))
    }

    fn command(&self, key: Uuid, command: Box<RawValue>, expected: Option<u64>) -> Work {
        let (store, cx) = (Arc::clone(&self.store), self.cx(key));
        Box::pin(async move { store.carry_out(&cx, &command, expected).await })
    }

    fn publish(&mut self, key: Uuid, message: &RawValue, now: Instant) -> Result<(), Deny> {
        let (entry, ..) = self
            .seen(&key)
            .ok_or_else(|| Deny::new(self.store.route.missing()))?;
        let route = &self.store.route;
        let message = route.accepted_message(&self.cx(key), &entry, message)?;
        let message = match route.latest_per_sender {
            true => self.latest.offer(key, message, now, route.period),
            false => Some(message),
        };
        let Some(message) = message else { return Ok(()) };
        let told = route.store.broadcast(&key, message);
        told.map(drop).map_err(|_| Deny::new(self.store.route.missing()))
    }

    fn reply_after(&mut self, key: &Uuid, version: u64, reply: Frame, now: Instant, out: &mut Outbox) {
        match self.subs.get_mut(key) {
            Some(sub) if sub.seen < version => {
                sub.replies.push((version, reply));
                // What was to wait for its time is told now, if it may be.
                if let Some(due) = sub.due.as_mut() {
                    self.due.remove(&(*due, *key));
                    *due = now.min(*due);
                    self.due.insert((*due, *key));
                }
            }
            _ => out.push(reply),
        }
    }
}
