//! [`Live`]: stores that are served to browsers.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::value::LiveValue;
use crate::watch::query::{Groups, Query};
use crate::ws::budget::CallLimit;
use crate::ws::config::{Call, Config};
use crate::ws::cx::Cx;
use crate::ws::deny::Deny;
use crate::ws::frame::{Told, raw};
use crate::ws::hub::Hub;
use crate::ws::json::json;
use crate::ws::limits::Limits;
use crate::ws::list::List;
use crate::ws::lists::Lists;
use crate::ws::route::{self, Route, Unseen};
use crate::ws::served::{Served, Stay};
use crate::ws::session::{Close, Control};
use crate::ws::store::Store;

/// Stores that are served to browsers over WebSockets, and who is connected. `U` is what your server knows of a user.
///
/// First it is told what to serve, then it is cloned into the state of the routes: a clone is a handle to the same
/// connections, and what it is told to serve from then on is its own.
///
/// What is not said is refused: an entry is seen by whom [`Route::view`] shows it, a command does what [`Route::accept`] makes
/// of it.
///
/// # Examples
///
/// ```
/// use livestore::ws::{json, Deny, Live};
/// use livestore::{LiveStore, LiveValue, Uuid};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, LiveValue)]
/// struct Room {
///     members: Vec<Uuid>,
///     #[live(push)]
///     lines: Vec<String>,
/// }
///
/// struct User { id: Uuid }
///
/// /// What a member sees.
/// #[derive(Serialize)]
/// struct RoomView<'a> { lines: &'a [String] }
///
/// /// What a client can ask for.
/// #[derive(Deserialize)]
/// struct Say { text: String }
///
/// let rooms = LiveStore::<Room>::default();
/// let live = Live::<User>::new()
///     .user_id(|user| user.id)
///     .serve("room", rooms.clone(), |s| s
///         .view(|cx, room| room.members.contains(&cx.user().id).then_some(()),
///               |_, room| json(&RoomView { lines: &room.lines }))
///         .accept(|_, _, say: Say| Ok(RoomMutation::PushLines(say.text)))
///         .errors(|_, err| json(&err.to_string())))
///     .call("count", move |_, _: ()| {
///         let rooms = rooms.clone();
///         async move { Ok::<_, Deny>(rooms.len()) }
///     });
/// # drop(live);
/// ```
pub struct Live<U> {
    pub(crate) config: Arc<Config<U>>,
    pub(crate) hub: Arc<Hub>,
}

impl<U> Live<U> {
    /// Serves nothing yet.
    pub fn new() -> Live<U> {
        Live {
            config: Arc::new(Config {
                stores: Vec::new(),
                calls: Default::default(),
                call_limits: Default::default(),
                limits: Limits::default(),
                user_id: None,
                origins: Vec::new(),
                native: false,
            }),
            hub: Arc::default(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Config<U>)) -> Self {
        change(Arc::make_mut(&mut self.config));
        self
    }

    /// Says what tells users apart: for [`send_to`](Self::send_to), [`kick`](Self::kick) and the limits of one user. Without,
    /// each connection is for itself.
    ///
    /// An empty id is none: whoever has it, as a visitor without an account, is for himself too; by it, all of those are reached.
    /// Any other that visitors share makes one user of them, with the connections and the rate of one.
    pub fn user_id<I: ToString>(self, id: impl Fn(&U) -> I + Send + Sync + 'static) -> Self {
        self.with(|config| config.user_id = Some(Arc::new(move |user| Arc::from(id(user).to_string()))))
    }

    /// Changes what a client, and a user, may ask of the server.
    pub fn limits(self, change: impl FnOnce(&mut Limits)) -> Self {
        self.with(|config| change(&mut config.limits))
    }

    /// Has a [`call`](Self::call) answered at most so many times in each period: of one user, or where users are not [told
    /// apart](Self::user_id) of one connection. So many can come at once; one more is refused with the code `rate_limited`, and
    /// told when to come back. From 1 time in a day.
    ///
    /// For what costs more than others: a mail, a search, a password's check. A name that no call has limits nothing.
    pub fn call_at_most(self, name: &str, times: u32, period: Duration) -> Self {
        self.with(|config| {
            let limit = CallLimit { times, period };
            config.call_limits.insert(Arc::from(name), limit);
        })
    }

    /// Lets pages of these origins in, besides those of the server's own host: `https://app.example.com`, exactly as browsers
    /// send it.
    pub fn origins<O: Into<String>>(self, origins: impl IntoIterator<Item = O>) -> Self {
        self.with(|config| config.origins.extend(origins.into_iter().map(Into::into)))
    }

    /// Lets clients in that send no origin, as browsers always do: programs.
    pub fn native_clients(self) -> Self {
        self.with(|config| config.native = true)
    }

    /// Returns how many connections there are.
    pub fn connections(&self) -> usize {
        self.hub.len()
    }
}

impl<U: Send + Sync + 'static> Live<U> {
    /// Serves a store under a name, as the [`Route`] says that the closure returns. Keeps the store open.
    ///
    /// A name that is served already is served anew.
    ///
    /// # Panics
    ///
    /// If the name ends in `@here`: such names say who is there, see [`Route::presence`].
    pub fn serve<V: LiveValue, R: Hash + 'static>(
        self,
        name: &str,
        store: LiveStore<V>,
        route: impl FnOnce(Route<U, V, Unseen>) -> Route<U, V, R>,
    ) -> Self {
        let mut route = route(Route::new(store));
        let presence = route.begin_presence();
        let served = Arc::new(Store::new(route));
        let people = presence.map(|presence| Arc::new(served.here(&presence)) as Arc<dyn Served<U>>);
        self.with(|config| config.serve(name, served, people))
    }

    /// Serves a list under a name: what a [live query](LiveStore::live) keeps in order. It has one key, the nil UUID
    /// ([`Uuid::nil`]), and is subscribed to, read, resumed and told by patches like an entry of any store. Does not keep the
    /// store open.
    ///
    /// What stands in the place of a value, for the role function and the view, is a [`List`], which dereferences to keys and their
    /// entries. The role function is asked with an empty list as well, before there is one. Give the query a
    /// [limit](Query::limit): what is shown is viewed and compared as a whole, at most so often as
    /// [`at_most`](Route::at_most) says.
    ///
    /// The first subscription begins to follow the query, and is told when the list is made, until when a `get` is answered with
    /// the code `unavailable`; ten seconds after the last has ended, nothing is left of it. If the query [has
    /// panicked](crate::QueryError::Panicked), it is begun anew every second, and the list is shown as it was.
    ///
    /// # Panics
    ///
    /// As [`serve`](Self::serve).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cmp::Reverse;
    ///
    /// use livestore::ws::{json, Live};
    /// use livestore::{LiveStore, LiveValue};
    ///
    /// #[derive(Clone, LiveValue)]
    /// struct Player { name: String, score: u32 }
    ///
    /// let players = LiveStore::<Player>::default();
    /// let best = players.live(|_, player| Some(Reverse(player.score))).limit(10);
    /// let live = Live::<()>::new().serve_list("best", &best, |s| s
    ///     .view(|_, _| Some(()), |_, list| {
    ///         json(&list.iter().map(|(_, player)| (&player.name, player.score)).collect::<Vec<_>>())
    ///     })
    ///     .at_most(10));
    /// # drop(live);
    /// ```
    pub fn serve_list<V, O, R>(
        self,
        name: &str,
        query: &Query<V, O>,
        route: impl FnOnce(Route<U, List<V>, Unseen>) -> Route<U, List<V>, R>,
    ) -> Self
    where
        V: LiveValue,
        O: Ord + Send + Sync + 'static,
        R: Hash + 'static,
    {
        let query = query.clone();
        let lists = Lists::new(move |key| key.is_nil().then(|| query.watch()));
        self.serve_all(name, lists, route)
    }

    /// Serves a list for each group of a [query](crate::Query::keyed) whose groups have UUIDs, under which they are
    /// subscribed to. As [`serve_list`](Self::serve_list); every UUID is a group, which may be empty, so let the role function ask
    /// [`Cx::key`] who may see which.
    ///
    /// # Panics
    ///
    /// As [`serve`](Self::serve).
    pub fn serve_lists<V, O, R>(
        self,
        name: &str,
        groups: &Groups<V, O, Uuid>,
        route: impl FnOnce(Route<U, List<V>, Unseen>) -> Route<U, List<V>, R>,
    ) -> Self
    where
        V: LiveValue,
        O: Ord + Send + Sync + 'static,
        R: Hash + 'static,
    {
        let groups = groups.clone();
        let lists = Lists::new(move |key| Some(groups.of(&key)));
        self.serve_all(name, lists, route)
    }

    fn serve_all<V: LiveValue, R: Hash + 'static>(
        self,
        name: &str,
        lists: Arc<Lists<V>>,
        route: impl FnOnce(Route<U, List<V>, Unseen>) -> Route<U, List<V>, R>,
    ) -> Self {
        let over = Arc::clone(&lists);
        let store = lists.store.clone();
        self.serve(name, store, |unseen| {
            let route = route(unseen);
            let (period, may_see) = (route.period, route.gate());
            let nothing = Entry::new(List::awaited());
            route
                .look_with(move |cx| {
                    let look = may_see(cx, &nothing).then(|| lists.look(cx.key(), period));
                    look.flatten().map(|look| Box::new(look) as Stay)
                })
                .over_with(move || over.is_over())
                .made_with(List::is_made)
        })
    }

    /// Answers a call: anything that is not the change of one entry. It is ordinary asynchronous code, with what stores it needs
    /// captured, and it decides who may call it.
    ///
    /// A call whose client has gone is dropped where it waits. What must come to its end, once it has begun, goes into a task:
    /// `tokio::spawn(..).await`. While the [server ends](Self::shutdown_on), calls that have begun go on.
    ///
    /// Other than with a command, its answer does not wait for what the caller is told: a watch of his may come to what the call
    /// has changed a moment later. Where that matters, answer with the version, which the watch then comes to.
    pub fn call<C, T, F>(self, name: &str, call: impl Fn(Cx<U>, C) -> F + Send + Sync + 'static) -> Self
    where
        C: DeserializeOwned + Send,
        T: Serialize,
        F: Future<Output = Result<T, Deny>> + Send + 'static,
    {
        self.with(|config| {
            let call: Call<U> = Arc::new(move |cx, given| match route::read(&given) {
                Err(deny) => Box::pin(std::future::ready(Err(deny))),
                Ok(given) => {
                    let answer = call(cx, given);
                    Box::pin(async move { answer.await.map(|answer| json(&answer)) })
                }
            });
            config.calls.insert(Arc::from(name), call);
        })
    }

    /// Sends an event to all connections of a user. Returns how many there are. `id` is what [`user_id`](Self::user_id) returns.
    ///
    /// It is lost where a connection has just ended; what must not be lost belongs into an entry. A connection that has not
    /// taken 256 events is ended, and comes back.
    pub fn send_to<T: Serialize + ?Sized>(&self, id: &impl ToString, event: &T) -> usize {
        let event = json(event);
        let Some(text) = event.text() else { return 0 };
        let frame = Told {
            e: raw(text),
            ..Told::new("event")
        }
        .encode();
        let reached = self.hub.reach(Some(&id.to_string()));
        for reach in &reached {
            reach.event(frame.clone());
        }
        reached.len()
    }

    /// Ends all connections of a user, who is told not to come back. Returns how many there were.
    pub fn kick(&self, id: &impl ToString) -> usize {
        let reached = self.hub.reach(Some(&id.to_string()));
        for reach in &reached {
            reach.control(Control::Close(Close::FORBIDDEN));
        }
        reached.len()
    }

    /// Has everything that a user sees checked again, and his cards where [who is there](Route::presence) is shown made anew: for
    /// when what the role functions and the cards look at has changed elsewhere than in the entries.
    pub fn recheck(&self, id: &impl ToString) {
        for reach in self.hub.reach(Some(&id.to_string())) {
            reach.control(Control::Recheck);
        }
    }

    /// Ends the subscriptions of a user to one key, and to who is there, and returns when no more of it is handed to a socket of
    /// his. What was handed over before cannot be called back.
    ///
    /// Whether he may subscribe again is for the role function to say: change what it looks at first. A connection answers when
    /// its task is polled: in a test, ask the user's [`Local`](crate::ws::Local) for frames while this is awaited.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has asked for all that it would, and does not wait for it.
    pub async fn revoke(&self, name: &str, key: &Uuid, id: &impl ToString) {
        let stores = self.config.store_and_here(name);
        let mut waits = Vec::new();
        for reach in self.hub.reach(Some(&id.to_string())) {
            for &store in &stores {
                let (done, is_done) = tokio::sync::oneshot::channel();
                reach.control(Control::Revoke {
                    store,
                    key: *key,
                    done,
                });
                waits.push(is_done);
            }
        }
        for wait in waits {
            // Whoever drops it has done so, or has ended.
            let _ = wait.await;
        }
    }

    /// Ends all connections when `signal` comes: each is told that the server restarts, and when to come back. Returns when
    /// all have ended. From then on no connection is let in.
    ///
    /// The calls and commands that are under way come to their end before, and are answered, if that takes no longer than
    /// [`finish_within`](Limits::finish_within); nothing else is begun any more. A client that takes no bytes then may hold it up
    /// for [`stuck_for`](Limits::stuck_for) and 2 seconds more. So close stores after this has returned, and give the process all
    /// of that time, and what closing them takes, before it is killed.
    ///
    /// For a server's way down: run it beside the server, whose own graceful shutdown does not wait for sockets.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the signal, it has done nothing; afterwards the connections end all the same.
    pub async fn shutdown_on(&self, signal: impl Future) {
        signal.await;
        self.hub.close();
        self.hub.until_empty().await;
    }
}

impl<U> Default for Live<U> {
    fn default() -> Self {
        Live::new()
    }
}

impl<U> Clone for Live<U> {
    fn clone(&self) -> Self {
        Live {
            config: Arc::clone(&self.config),
            hub: Arc::clone(&self.hub),
        }
    }
}

impl<U> fmt::Debug for Live<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.config.stores.iter().map(|shelf| &shelf.name).collect();
        f.debug_struct("Live")
            .field("stores", &names)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}
