//! [`Inspector`]: a page that shows what goes on in the stores of a server.
//!
//! It is made of what this feature is made of. The figures are the one entry of a store of its own, which is served; a page
//! watches it, and asks for keys and entries by calls. Nobody counts anything for it: what stores and connections count anyhow is
//! read once a second, by one [task](sampler) that is there as long as somebody looks.

mod figures;
mod page;
mod sampler;
mod sockets;
mod stock;
mod survey;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::http::request::Parts;
use serde::Deserialize;
use uuid::Uuid;

use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::value::LiveValue;
use crate::ws::deny::Deny;
use crate::ws::inspect::sampler::{KEY, Sampler};
use crate::ws::inspect::sockets::Connected;
use crate::ws::inspect::stock::{Inspected, Stock};
use crate::ws::json::Json;
use crate::ws::live::Live;
use crate::ws::served::Stay;

/// How many may look at once.
const CONNECTIONS: usize = 64;
/// How often one of them may ask for keys, each time of which all keys of a store are gone over, and for entries.
const KEYS: u32 = 4;
const ENTRIES: u32 = 10;

/// A page that shows, as it changes, what goes on in the stores of a server: entries, watchers, who holds what and who waits for
/// it, expiry, the disk, connections, what goes over the wire. It changes nothing.
///
/// It is told [what to show](Self::store), and gives a [router](Self::router) to be nested somewhere, with a gate that says
/// whom it is for.
///
/// Values are not shown but where there is a [view](Self::store_with_view), and then one at a time, to whom asks for it. Keys
/// are: where a key is a secret by itself, do not let anybody look who must not know it.
///
/// As long as nobody looks, it costs nothing. While somebody does, figures that are there anyhow are read once a second, however
/// many look. To find the entries that are held, it goes over up to 20,000 entries in each of these seconds, if any is held.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use axum::http::request::Parts;
/// use livestore::ws::{Inspector, Live, json};
/// use livestore::{LiveStore, LiveValue};
///
/// #[derive(Clone, LiveValue)]
/// struct Room { topic: String }
///
/// /// Whoever authenticates administrators does so here.
/// async fn is_admin(request: Parts) -> bool {
///     request.headers.get("x-admin").is_some_and(|given| given == "sesame")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let rooms = LiveStore::default();
/// let live = Live::<()>::new().serve("room", rooms.clone(), |s| s.view(|_, _| Some(()), |_, room: &livestore::Entry<Room>| json(&room.topic)));
///
/// let inspector = Inspector::new()
///     .store("room", &rooms)
///     .live("sockets", &live);
/// let app: Router = Router::new()
///     .route("/live", live.route(|_| async { Some(()) }))
///     .nest("/inspect", inspector.router(is_admin));
/// # drop(app);
///
/// // What the page gets, in a test of your own.
/// rooms.init(Room { topic: "tea".into() });
/// let mut page = inspector.socket().local(());
/// page.subscribe(None, &livestore::Uuid::nil()).await.unwrap();
/// let figures = page.next().await.unwrap();
/// assert_eq!(figures["v"]["stores"][0]["entries"], 1);
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Inspector {
    stores: Vec<Arc<dyn Inspected>>,
    lives: Vec<(Arc<str>, Arc<dyn Connected>)>,
    origins: Vec<String>,
    /// What the page connects to, once somebody needed it.
    socket: OnceLock<Live<()>>,
}

/// What a page asks for.
#[derive(Deserialize)]
struct Keys {
    store: String,
    #[serde(default)]
    prefix: String,
    after: Option<Uuid>,
}

/// What a page asks for.
#[derive(Deserialize)]
struct One {
    store: String,
    key: Uuid,
}

impl Inspector {
    /// Shows nothing yet.
    pub fn new() -> Inspector {
        Inspector::default()
    }

    /// Shows a store under a name, but none of its values. Keeps the store open.
    ///
    /// A name that is shown already is shown anew.
    pub fn store<V: LiveValue>(self, name: &str, store: &LiveStore<V>) -> Inspector {
        self.with(Stock::new(name, store.clone(), None))
    }

    /// Shows a store under a name, as [`store`](Self::store) does, and the value of an entry to who asks for it: what `view`
    /// makes of it, with [`json`](crate::ws::json()).
    ///
    /// The view is an allow-list as those of a [`Route`](crate::ws::Route::view) are: write down what may be seen. What is
    /// [`Hidden`](crate::Hidden) cannot get out by it.
    pub fn store_with_view<V: LiveValue>(
        self,
        name: &str,
        store: &LiveStore<V>,
        view: impl Fn(&Entry<V>) -> Json + Send + Sync + 'static,
    ) -> Inspector {
        self.with(Stock::new(name, store.clone(), Some(Box::new(view))))
    }

    /// Shows the connections of a [`Live`] under a name, and what goes over them. Keeps what it serves open.
    pub fn live<U: Send + Sync + 'static>(mut self, name: &str, live: &Live<U>) -> Inspector {
        self.lives.retain(|(other, _)| **other != *name);
        self.lives.push((Arc::from(name), Arc::new(live.clone())));
        self.socket = OnceLock::new();
        self
    }

    /// Lets the page be connected from these origins, besides the server's own host, as [`Live::origins`] does.
    pub fn origins<O: Into<String>>(mut self, origins: impl IntoIterator<Item = O>) -> Inspector {
        self.origins.extend(origins.into_iter().map(Into::into));
        self.socket = OnceLock::new();
        self
    }

    fn with(mut self, store: impl Inspected + 'static) -> Inspector {
        self.stores.retain(|other| other.name() != store.name());
        self.stores.push(Arc::new(store));
        self.socket = OnceLock::new();
        self
    }

    /// Returns the page and all that it needs, to be nested: `Router::new().nest("/inspect", ..)`.
    ///
    /// `gate` is asked for every request, also for the one that becomes a socket, with its head: its headers, and whatever a
    /// layer of your own has put into its extensions. Whoever is not let in finds nothing there, 404, by whatever method; a
    /// socket of his, if he asks for one properly, is closed at once with code 4401, or a page that was let in before would try
    /// for ever. Somebody who has a socket keeps it until he leaves: what ends all of them is
    /// [`shutdown_on`](Live::shutdown_on) of the [`socket`](Self::socket).
    ///
    /// Where all that comes here has been let in before, by a layer around it, the gate is `|_| async { true }`. Do not let in
    /// whoever comes from this machine: behind a proxy, everybody does.
    ///
    /// Pages of other origins than those [allowed](Self::origins) are sent away, whoever opens them.
    pub fn router<S, F>(&self, gate: impl Fn(Parts) -> F + Clone + Send + Sync + 'static) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
        F: Future<Output = bool> + Send + 'static,
    {
        page::router(self.socket(), gate)
    }

    /// Returns what the page connects to, without the gate: for tests, for a route of your own, and for
    /// [`shutdown_on`](Live::shutdown_on).
    ///
    /// The figures are the entry with the nil key. Its form may change with each version of this library.
    pub fn socket(&self) -> Live<()> {
        let socket = self.socket.get_or_init(|| self.begin());
        socket.clone()
    }

    fn begin(&self) -> Live<()> {
        let sampler = Arc::new(Sampler::new(&self.stores, &self.lives));
        let stores: Arc<[_]> = self.stores.as_slice().into();
        let of = move |name: String| {
            let store = stores.iter().find(|store| store.name() == name);
            store.cloned().ok_or(Deny::not_found())
        };
        let (keys_of, entry_of, value_of) = (of.clone(), of.clone(), of);
        Live::new()
            .limits(|limits| {
                limits.connections = CONNECTIONS;
                limits.subscriptions = 4;
            })
            .origins(self.origins.iter().cloned())
            .serve("figures", sampler.figures(), |s| {
                s.view(|_, _| Some(()), |(), figures| figures.0.clone())
                    .look_with(move |cx| (cx.key() == KEY).then(|| Box::new(sampler.look()) as Stay))
            })
            .call("keys", move |_, asked: Keys| {
                let store = keys_of(asked.store);
                async move { store?.keys(&asked.prefix, asked.after).await }
            })
            .call("entry", move |_, asked: One| {
                let entry = entry_of(asked.store).and_then(|store| store.entry(&asked.key));
                std::future::ready(entry)
            })
            .call("value", move |_, asked: One| {
                let value = value_of(asked.store).and_then(|store| store.value(&asked.key));
                std::future::ready(value)
            })
            .call_at_most("keys", KEYS, Duration::from_secs(1))
            .call_at_most("entry", ENTRIES, Duration::from_secs(1))
            .call_at_most("value", ENTRIES, Duration::from_secs(1))
    }
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stores: Vec<_> = self.stores.iter().map(|store| store.name()).collect();
        let lives: Vec<_> = self.lives.iter().map(|(name, _)| name).collect();
        f.debug_struct("Inspector")
            .field("stores", &stores)
            .field("lives", &lives)
            .finish_non_exhaustive()
    }
}
