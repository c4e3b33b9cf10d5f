//! [`Route`]: how a store is served, as its server wrote it down.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::ground::unwind::caught;
use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::value::LiveValue;
use crate::ws::cx::Cx;
use crate::ws::deny::{Code, Deny};
use crate::ws::frame::Tag;
use crate::ws::here::Card;
use crate::ws::json::Json;
use crate::ws::presence::Presence;
use crate::ws::served::Stay;
use crate::ws::whole::json_without_hidden;

/// How often a key is told in a second, where the server does not say.
const AT_MOST: u32 = 60;
/// For how long somebody who has no subscription any more is still there.
const GRACE: Duration = Duration::from_secs(10);

/// How a store is served: who sees what of it, and what may be asked of it. What is not given is refused.
///
/// From [`Live::serve`](crate::ws::Live::serve), which gives it to a closure. First comes [`view`](Route::view) or
/// [`whole`](Route::whole), which says who sees an entry.
///
/// Every hook may be called at any time by any connection, and runs with nothing of the store locked, [`accept`](Self::accept)
/// with its entry held. A hook that panics refuses, with the code `internal` or, where it is asked who may see an entry, as if
/// there were none.
#[must_use = "what is not returned from the closure is not served"]
pub struct Route<U, V: LiveValue, R = Unseen> {
    pub(crate) store: LiveStore<V>,
    pub(crate) roles: RandomState,
    role: Option<RoleFn<U, V, R>>,
    view: Option<ViewFn<V, R>>,
    accept: Option<AcceptFn<U, V, V::Mutation>>,
    accept_message: Option<AcceptFn<U, V, V::Message>>,
    message: Option<ToldFn<R, V::Message>>,
    error: Option<ToldFn<R, V::MutError>>,
    here: Option<HereFn<U, V>>,
    create: Option<CreateFn<U, V>>,
    card: Option<CardFn<U>>,
    grace: Duration,
    enter: Option<StayFn<U>>,
    look: Option<StayFn<U>>,
    /// Waits until what was done to an entry may be answered. Returns whether it may.
    settle: Option<SettleFn>,
    /// Whether there is something of an entry to be told yet.
    made: Option<MadeFn<V>>,
    /// Whether what this goes with has ended.
    over: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    pub(crate) period: Duration,
    pub(crate) latest_per_sender: bool,
    roles_of: PhantomData<fn() -> R>,
}

/// The role of a [`Route`] that does not say yet who sees what: there is none.
#[derive(Debug)]
pub enum Unseen {}

type RoleFn<U, V, R> = Arc<dyn Fn(&Cx<U>, &Entry<V>) -> Option<R> + Send + Sync>;
type ViewFn<V, R> = Arc<dyn Fn(&R, &Entry<V>) -> Json + Send + Sync>;
type AcceptFn<U, V, T> = Arc<dyn Fn(&Cx<U>, &Entry<V>, &RawValue) -> Result<T, Deny> + Send + Sync>;
type ToldFn<R, T> = Arc<dyn Fn(&R, &T) -> Option<Json> + Send + Sync>;
type HereFn<U, V> = Arc<dyn Fn(&Cx<U>) -> Here<V> + Send + Sync>;
type CreateFn<U, V> = Arc<dyn Fn(&Cx<U>) -> Option<V> + Send + Sync>;
type CardFn<U> = Arc<dyn Fn(&Cx<U>) -> Option<Card> + Send + Sync>;
type MadeFn<V> = Arc<dyn Fn(&V) -> bool + Send + Sync>;
type SettleFn = Arc<dyn Fn(Uuid) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;
type StayFn<U> = Arc<dyn Fn(&Cx<U>) -> Option<Stay> + Send + Sync>;

/// What is done to an entry while somebody is there: at the beginning, and at the end.
type Here<V> = (<V as LiveValue>::Mutation, <V as LiveValue>::Mutation);

impl<U, V: LiveValue> Route<U, V> {
    pub(crate) fn new(store: LiveStore<V>) -> Route<U, V> {
        Route {
            store,
            roles: RandomState::new(),
            role: None,
            view: None,
            accept: None,
            accept_message: None,
            message: None,
            error: None,
            here: None,
            create: None,
            card: None,
            grace: GRACE,
            enter: None,
            look: None,
            settle: None,
            made: None,
            over: None,
            period: period(AT_MOST),
            latest_per_sender: false,
            roles_of: PhantomData,
        }
    }

    /// Says who sees an entry, and what he sees of it.
    ///
    /// `role` is the gate of everything that names a key: watching, reading, commands, messages. It answers with the role in
    /// which this user sees this entry, or `None`: then, for him, the key has no entry. It is asked anew at every change, and at
    /// [`recheck`](crate::ws::Live::recheck); where it was `Some` and is `None`, the subscription ends, `revoked`. It is not a use
    /// of the entry in the sense of [`ExpireMode::Idle`](crate::ExpireMode::Idle).
    ///
    /// `view` makes what a role sees, with [`json`](crate::ws::json()): write down what is to be seen, a type of its own for example,
    /// so that a field that is added to the value later is not seen before somebody wants that. It is called once for each change and
    /// role that somebody follows, however many do, and for each `get` of what nobody does, so it must depend on the two alone. Roles are told apart by their hash.
    pub fn view<R: Hash>(
        self,
        role: impl Fn(&Cx<U>, &Entry<V>) -> Option<R> + Send + Sync + 'static,
        view: impl Fn(&R, &Entry<V>) -> Json + Send + Sync + 'static,
    ) -> Route<U, V, R> {
        Route {
            store: self.store,
            roles: self.roles,
            role: Some(Arc::new(role)),
            view: Some(Arc::new(view)),
            accept: self.accept,
            accept_message: self.accept_message,
            message: None,
            error: None,
            here: self.here,
            create: self.create,
            card: self.card,
            grace: self.grace,
            enter: self.enter,
            look: self.look,
            settle: self.settle,
            made: self.made,
            over: self.over,
            period: self.period,
            latest_per_sender: self.latest_per_sender,
            roles_of: PhantomData,
        }
    }

    /// Says who sees an entry, all of it: the value as serde writes it, without what is [`Hidden`](crate::Hidden).
    ///
    /// A field that is added to the value later is seen by everybody; see [`view`](Self::view).
    pub fn whole(self, may_see: impl Fn(&Cx<U>, &Entry<V>) -> bool + Send + Sync + 'static) -> Route<U, V, ()>
    where
        V: Serialize,
    {
        self.view(
            move |cx, entry| may_see(cx, entry).then_some(()),
            |(), entry| {
                let encoded = json_without_hidden(&**entry.value()).map_err(|error| error.to_string());
                let text =
                    encoded.and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()));
                Json::of(text.map(Arc::from).map_err(Arc::from))
            },
        )
    }
}

impl<U, V: LiveValue, R: Hash> Route<U, V, R> {
    /// Says which commands are accepted, and which mutations they become.
    ///
    /// A client sends a command, never a mutation: `accept` adds who and when, and decides. It sees the entry and runs while it is
    /// held, so what it decides on is what is changed. The value's own rules decide after it.
    pub fn accept<C: DeserializeOwned>(
        mut self,
        accept: impl Fn(&Cx<U>, &Entry<V>, C) -> Result<V::Mutation, Deny> + Send + Sync + 'static,
    ) -> Self {
        self.accept = Some(Arc::new(move |cx, entry, command| {
            accept(cx, entry, read(command)?)
        }));
        self
    }

    /// Says which messages of clients are accepted, and what they become. Others are told them as
    /// [`messages`](Self::messages) says.
    pub fn accept_message<C: DeserializeOwned>(
        mut self,
        accept: impl Fn(&Cx<U>, &Entry<V>, C) -> Result<V::Message, Deny> + Send + Sync + 'static,
    ) -> Self {
        self.accept_message = Some(Arc::new(move |cx, entry, message| {
            accept(cx, entry, read(message)?)
        }));
        self
    }

    /// Has only the newest message of a connection to a key sent in each period of [`at_most`](Self::at_most): for cursors, and
    /// whatever else is of no interest once it is old. The first is sent at once; what still waits when its connection ends, or
    /// when its user does not see the entry any more, is not sent.
    pub fn latest_per_sender(mut self) -> Self {
        self.latest_per_sender = true;
        self
    }

    /// Says what a role is told of a message: `None` is not told. Without this, messages stay on the server.
    pub fn messages(
        mut self,
        told: impl Fn(&R, &V::Message) -> Option<Json> + Send + Sync + 'static,
    ) -> Self {
        self.message = Some(Arc::new(told));
        self
    }

    /// Says what a role is told of an error of the value's own, with which it refuses a command. Without this, the code
    /// `rejected` alone.
    pub fn errors(mut self, told: impl Fn(&R, &V::MutError) -> Json + Send + Sync + 'static) -> Self {
        self.error = Some(Arc::new(move |role, error| Some(told(role, error))));
        self
    }

    /// Says what is done to an entry while a connection is subscribed to it: the first mutation when it begins, the second when it
    /// ends, however it ends. Exactly once each; the second only if the first was not refused, and only to the entry that had the
    /// first: not to one that is created under the key afterwards.
    ///
    /// A process that is killed ends nothing, nor does one that closes the store before its connections have ended: what is kept on
    /// disk then still counts those who were there. Set that right when the store is opened, or use
    /// [`presence`](Self::presence), which is never on disk.
    pub fn while_here(
        mut self,
        here: impl Fn(&Cx<U>) -> (V::Mutation, V::Mutation) + Send + Sync + 'static,
    ) -> Self {
        self.here = Some(Arc::new(here));
        self
    }

    /// Serves who is there as well: who is subscribed to each key, as a store of its own, which is called like this one with
    /// `@here` behind it.
    ///
    /// It is subscribed to like any other. What it has at a key is `{"count":2,"people":{"6f1c…":<card>,…}}`: a card for each
    /// user whom [`user_id`](crate::ws::Live::user_id) tells apart, however many connections and subscriptions he has,
    /// under a name that says nothing of him, and is another at each key. They are in no order. Beyond the first 200, people
    /// are counted and not shown. Whoever may not see the entry may not see who is there; whoever may need not be subscribed to it himself.
    ///
    /// `card` says what is shown of who asks: it is an allow-list, without what is [`Hidden`](crate::Hidden). It is made
    /// whenever he subscribes, also once more, and at [`recheck`](crate::ws::Live::recheck); the one that was made last is shown.
    /// Of whom it is `null`, as `None` is, nothing is shown, and he is not counted. Nor is he if it panics.
    ///
    /// Somebody comes with his first subscription, and is gone 10 seconds after the end of the last, however that came about:
    /// whoever reconnects within that [grace](Self::presence_grace) has not been away. At most four changes a second are told of a
    /// key. In the first grace of the server's own life, what is there also has `"partial":true`: others may be on their way back,
    /// so a client that knew of them before need not tell anybody that they have left.
    ///
    /// The role function is asked again with each of these changes, not with those of the entry itself: until somebody comes or goes,
    /// whoever has lost his right keeps what he was told. [`recheck`](crate::ws::Live::recheck) asks at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use livestore::ws::{json, Live};
    /// use livestore::{LiveStore, LiveValue};
    /// use serde::Serialize;
    /// use serde_json::json;
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Room { topic: String }
    ///
    /// #[derive(Serialize)]
    /// struct Card { name: String }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let rooms = LiveStore::default();
    /// let key = rooms.init(Room { topic: "tea".into() });
    /// let live = Live::<String>::new().user_id(|name| name.clone()).serve("room", rooms, |s| {
    ///     s.view(|_, _| Some(()), |_, room| json(&room.topic))
    ///         .presence(|cx| Card { name: cx.user().clone() })
    /// });
    ///
    /// let mut ann = live.local("Ann".into());
    /// ann.subscribe(None, &key).await.unwrap();
    /// // In another tab.
    /// let mut again = live.local("Ann".into());
    /// again.subscribe(None, &key).await.unwrap();
    ///
    /// let asked = json!({"t": "get", "s": "room@here", "k": key});
    /// let here = ann.request(asked).await.unwrap()["v"].clone();
    /// assert_eq!(here["count"], 1);
    /// assert_eq!(here["people"].as_object().unwrap().values().next(), Some(&json!({"name": "Ann"})));
    /// # }
    /// ```
    pub fn presence<C: Serialize>(mut self, card: impl Fn(&Cx<U>) -> C + Send + Sync + 'static) -> Self {
        self.card = Some(Arc::new(move |cx| Card::of(&card(cx))));
        self
    }

    /// Says for how long somebody who has no subscription any more is still [there](Self::presence). 10 seconds by default;
    /// one that is longer than thirty years is thirty years.
    pub fn presence_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Has an entry created when somebody subscribes to a key that has none: an inbox, or a document that nobody has opened yet.
    /// `None` creates nothing.
    ///
    /// Whoever may have entries created may fill the memory with them, some hundreds in a second: have those go that nobody uses, by
    /// [`ExpireMode::Idle`](crate::ExpireMode::Idle), or look at the key before creating.
    pub fn or_create(mut self, create: impl Fn(&Cx<U>) -> Option<V> + Send + Sync + 'static) -> Self {
        self.create = Some(Arc::new(create));
        self
    }

    /// Has a key told at most so many times in a second, from 1 to 1000; what lies between is told as one. 60 by default. Messages
    /// are told at once, unless [otherwise](Self::latest_per_sender) said.
    ///
    /// Who has sent a command is told what it has led to before its reply: at once, but no more than one more time in each period for
    /// all who see the same; else the reply waits for its time.
    pub fn at_most(mut self, times: u32) -> Self {
        self.period = period(times);
        self
    }

    /// Waits until a command that has changed an entry may be answered. Returns whether it may.
    pub(crate) async fn settled(&self, key: Uuid) -> bool {
        match &self.settle {
            Some(settle) => settle(key).await,
            None => true,
        }
    }

    /// The role of a user, if he sees the entry at all.
    pub(crate) fn role(&self, cx: &Cx<U>, entry: &Entry<V>) -> Option<(R, Tag)> {
        let role = self.role.as_ref()?;
        // The user's `Hash` as well.
        caught(|| {
            role(cx, entry).map(|role| {
                let tag = Tag(self.roles.hash_one(&role));
                (role, tag)
            })
        })
        .ok()
        .flatten()
    }

    pub(crate) fn see(&self, role: &R, entry: &Entry<V>) -> Option<Json> {
        let view = self.view.as_ref()?;
        caught(|| view(role, entry)).ok()
    }

    pub(crate) fn accepted(
        &self,
        cx: &Cx<U>,
        entry: &Entry<V>,
        command: &RawValue,
    ) -> Result<V::Mutation, Deny> {
        ask(self.accept.as_ref(), cx, entry, command)
    }

    pub(crate) fn accepted_message(
        &self,
        cx: &Cx<U>,
        entry: &Entry<V>,
        message: &RawValue,
    ) -> Result<V::Message, Deny> {
        ask(self.accept_message.as_ref(), cx, entry, message)
    }

    /// What a role is told of a message.
    pub(crate) fn told(&self, role: &R, message: &V::Message) -> Option<Json> {
        let told = self.message.as_ref()?;
        caught(|| told(role, message)).ok().flatten()
    }

    /// Whether there is a command at all that is accepted.
    pub(crate) fn accepts(&self) -> bool {
        self.accept.is_some()
    }

    /// Whether the store has ended, or the one that it goes with: then nothing is known of its entries any more.
    pub(crate) fn is_over(&self) -> bool {
        self.store.is_closed() || self.over.as_ref().is_some_and(|over| over())
    }

    /// The answer to one who asks for what he finds nothing of.
    pub(crate) fn missing(&self) -> Code {
        match self.is_over() {
            true => Code::Unavailable,
            false => Code::NotFound,
        }
    }

    pub(crate) fn tells_messages(&self) -> bool {
        self.message.is_some()
    }

    /// The answer to one whose command the value refuses.
    pub(crate) fn refusal(&self, role: &R, error: &V::MutError) -> Deny {
        let reason = self.error.as_ref().map(|told| caught(|| told(role, error)));
        Deny {
            reason: reason.and_then(Result::ok).flatten(),
            ..Deny::new(Code::Rejected)
        }
    }

    pub(crate) fn here(&self, cx: &Cx<U>) -> Option<Here<V>> {
        let here = self.here.as_ref()?;
        caught(|| here(cx)).ok()
    }

    /// Whether it is counted who is there.
    pub(crate) fn counts(&self) -> bool {
        self.enter.is_some()
    }

    /// What is to be kept as long as somebody is subscribed, who may.
    pub(crate) fn enter(&self, cx: &Cx<U>) -> Option<Stay> {
        let enter = self.enter.as_ref()?;
        caught(|| enter(cx)).ok().flatten()
    }

    /// What keeps an entry there, if something must.
    pub(crate) fn look(&self, cx: &Cx<U>) -> Option<Stay> {
        let look = self.look.as_ref()?;
        caught(|| look(cx)).ok().flatten()
    }

    /// Creates the entry of a key that has none, if that is wanted.
    pub(crate) fn create(&self, cx: &Cx<U>) {
        if let Some(create) = &self.create {
            // The user's rules as well. What is refused is not there.
            let _ = caught(|| create(cx).map(|value| self.store.fetch_or_create(&cx.key(), || value)));
        }
    }
}

#[cfg(feature = "durable")]
impl<U, V: LiveValue, R: Hash> Route<U, V, R> {
    /// Has commands answered when what they have led to is on disk, as
    /// [`flush_of`](LiveStore::flush_of) tells. Without this they are answered when they are carried out in memory; what was
    /// answered less than an [interval](crate::Durability) before the process is killed may be lost.
    ///
    /// What they have led to is told at once all the same, before the answer, so it may be seen by somebody and then be lost. If
    /// the disk has failed, the answer is the code `internal`, though memory has what was asked for.
    ///
    /// The next command of the same connection for the same key is carried out after the answer, so it waits for the disk as
    /// well. And a client that shows changes before their answer comes, as that for browsers does if it is told to
    /// (`optimistic`), may for as long show one on top of a value that holds it already: write such a change so that it comes to
    /// the same when it is applied twice.
    ///
    /// # Panics
    ///
    /// If the store was not built with [`open`](crate::LiveStoreBuilder::open).
    pub fn answer_when_on_disk(mut self) -> Self {
        assert!(
            self.store.stats().disk.is_some(),
            "this store is not on disk, so no command can be answered when it is; build it with `open`"
        );
        let store = self.store.clone();
        self.settle = Some(Arc::new(move |key| {
            let store = store.clone();
            Box::pin(async move { store.flush_of(&key).await.is_ok() })
        }));
        self
    }
}

impl<U: 'static, V: LiveValue, R> Route<U, V, R> {
    /// Begins to count who is there, if that is wanted.
    pub(crate) fn begin_presence(&mut self) -> Option<Arc<Presence>> {
        let card = self.card.take()?;
        let presence = Presence::new(self.grace);
        let entered = Arc::clone(&presence);
        self.enter = Some(Arc::new(move |cx| {
            let visit = entered.enter(cx.key(), &cx.person(), card(cx)?);
            Some(Box::new(visit))
        }));
        Some(presence)
    }

    /// Has `look` keep an entry there for whom it lets see it.
    pub(crate) fn look_with(mut self, look: impl Fn(&Cx<U>) -> Option<Stay> + Send + Sync + 'static) -> Self {
        self.look = Some(Arc::new(look));
        self
    }

    /// Who sees an entry, without what he sees of it.
    pub(crate) fn gate(&self) -> impl Fn(&Cx<U>, &Entry<V>) -> bool + Send + Sync + use<U, V, R>
    where
        R: 'static,
    {
        let role = self.role.clone();
        move |cx, entry| {
            let asked = role.as_ref().map(|role| caught(|| role(cx, entry).is_some()));
            asked.is_some_and(|asked| asked == Ok(true))
        }
    }

    /// Has nothing told of an entry before it is made.
    pub(crate) fn made_with(mut self, made: impl Fn(&V) -> bool + Send + Sync + 'static) -> Self {
        self.made = Some(Arc::new(made));
        self
    }

    /// Whether there is something of an entry to be told yet.
    pub(crate) fn is_made(&self, entry: &Entry<V>) -> bool {
        self.made.as_ref().is_none_or(|made| made(entry))
    }

    /// Has it end with another.
    pub(crate) fn over_with(mut self, over: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.over = Some(Arc::new(over));
        self
    }
}

impl<U, V: LiveValue, R> fmt::Debug for Route<U, V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").finish_non_exhaustive()
    }
}

fn ask<U, V: LiveValue, T>(
    hook: Option<&AcceptFn<U, V, T>>,
    cx: &Cx<U>,
    entry: &Entry<V>,
    given: &RawValue,
) -> Result<T, Deny> {
    let hook = hook.ok_or(Deny::new(Code::Forbidden))?;
    caught(|| hook(cx, entry, given)).unwrap_or(Err(Deny::new(Code::Internal)))
}

/// Reads what a client gives. Why it cannot be read is no secret: it says what the client itself wrote.
pub(crate) fn read<C: DeserializeOwned>(given: &RawValue) -> Result<C, Deny> {
    serde_json::from_str(given.get()).map_err(|error| Deny::bad_request(&error.to_string()))
}

fn period(times: u32) -> Duration {
    Duration::from_secs(1) / times.clamp(1, 1000)
}
