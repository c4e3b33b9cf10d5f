//! The routes, the store, the way down.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use livestore::{ExpireMode, LiveStore, StoreOptions, Uuid};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::room::Room;
use crate::socket;

/// The largest frame a browser may send: the longest text, if JSON escapes each `char` of it as two surrogates.
const MAX_FRAME: usize = 32 * 1024;
/// How long sockets may take to say good-bye when the server stops.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// A room that nobody has been in for this long goes.
    pub(crate) idle: Duration,
    /// A socket is pinged this often; one that is silent from ping to ping has gone.
    pub(crate) heartbeat: Duration,
    /// A socket that does not take a frame in this time has gone.
    pub(crate) write_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            idle: Duration::from_secs(10 * 60),
            heartbeat: Duration::from_secs(25),
            write_timeout: Duration::from_secs(10),
        }
    }
}

/// What every request gets. Cloning it is cheap: a `LiveStore` is a handle.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) rooms: LiveStore<Room>,
    pub(crate) config: Config,
    /// Each socket subscribes, so this tells us when the last of them has gone.
    pub(crate) sockets: watch::Sender<()>,
}

/// Serves the chat until `shutdown`, then lets the sockets say good-bye.
pub(crate) async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let rooms = LiveStore::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(config.idle / 10),
            // A room is in use while somebody watches it, and every socket watches its room.
            expire_mode: ExpireMode::Idle(config.idle),
            ..Default::default()
        })
        .done();
    let (sockets, _) = watch::channel(());
    let router = Router::new()
        .route("/", get(page).post(new_room))
        .route("/lobby", get(lobby))
        .route("/room/{key}", get(room_page))
        .route("/room/{key}/socket", get(enter))
        .with_state(App {
            rooms: rooms.clone(),
            config,
            sockets: sockets.clone(),
        });

    tokio::select! {
        served = axum::serve(listener, router).into_future() => served?,
        () = shutdown => {}
    }
    // Nobody else comes in from here on, and every watch ends, and with it its socket. axum knows nothing of sockets any
    // more, so we wait for them ourselves.
    rooms.close().await.map_err(io::Error::other)?;
    let _ = timeout(GRACE, sockets.closed()).await;
    Ok(())
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

async fn new_room(State(app): State<App>) -> Redirect {
    let key = app.rooms.init(Room::default());
    Redirect::to(&format!("/room/{key}"))
}

/// The room that everybody finds: any UUID is a key, also one made from a name.
async fn lobby(State(app): State<App>) -> Redirect {
    let key = Uuid::new_v5(&Uuid::NAMESPACE_OID, b"lobby");
    app.rooms.fetch_or_create(&key, Room::default);
    Redirect::to(&format!("/room/{key}"))
}

async fn room_page(State(app): State<App>, Path(key): Path<Uuid>) -> impl IntoResponse {
    let status = match app.rooms.contains_key(&key) {
        true => StatusCode::OK,
        // The page says so in its own words, once its socket has been turned away.
        false => StatusCode::NOT_FOUND,
    };
    (status, page().await)
}

async fn enter(
    upgrade: WebSocketUpgrade,
    headers: HeaderMap,
    State(app): State<App>,
    Path(key): Path<Uuid>,
) -> Response {
    if !is_own_page(&headers) {
        return (StatusCode::FORBIDDEN, "this socket is for pages of this server").into_response();
    }
    upgrade
        // The default of 128 KiB is held by each socket, also by one that is silent.
        .read_buffer_size(4096)
        .max_frame_size(MAX_FRAME)
        .max_message_size(MAX_FRAME)
        .on_upgrade(move |socket| socket::talk(socket, app, key))
}

/// Browsers let any page open a socket to any server, in the name of whoever looks at the page, and say in `Origin`
/// which page it was. What sends no `Origin` is no browser and could write there what it likes.
///
/// Behind a proxy that changes `Host`, compare with a list of your own origins instead.
fn is_own_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    matches!((origin, host), (Some((_, origin)), Some(host)) if origin == host)
}
