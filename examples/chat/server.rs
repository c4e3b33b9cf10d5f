//! The routes, the store, who sees what of it and may ask what, the way down.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use livestore::ws::{Deny, Live, LiveUpgrade, client_js, json};
use livestore::{ExpireMode, LiveStore, StoreOptions, Uuid};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::guest::{Guest, MAX_NAME};
use crate::room::{Line, Room, RoomMessage, RoomMutation};

#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// A room that nobody has been in for this long goes.
    pub(crate) idle: Duration,
    /// Whoever comes back within this time has not been away.
    pub(crate) grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            idle: Duration::from_secs(10 * 60),
            grace: Duration::from_secs(5),
        }
    }
}

/// What everybody sees of a room.
#[derive(Serialize)]
struct RoomView<'a> {
    lines: &'a VecDeque<Arc<Line>>,
}

/// What everybody sees of somebody who is there.
#[derive(Serialize)]
struct Card {
    who: Uuid,
    name: String,
}

/// What a page may ask of a room. Who it is and what time it is, the server knows better.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    Say(String),
}

/// What every request gets. Cloning it is cheap: both are handles.
#[derive(Clone)]
struct App {
    rooms: LiveStore<Room>,
    live: Live<Guest>,
}

fn live(rooms: &LiveStore<Room>, config: &Config) -> Live<Guest> {
    Live::new()
        .user_id(|guest: &Guest| guest.who)
        .serve("room", rooms.clone(), |s| {
            s.view(|_, _| Some(()), |(), room| json(&RoomView { lines: &room.lines }))
                .accept(|cx, _, Ask::Say(text)| {
                    let (who, name) = (cx.user().who, speaker(cx.user())?.to_owned());
                    let at = cx
                        .now()
                        .duration_since(SystemTime::UNIX_EPOCH)
                        .unwrap_or_default();
                    let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
                    Ok(RoomMutation::Say { who, name, text, at })
                })
                .errors(|(), refused| json(&refused.to_string()))
                .accept_message(|cx, _, (): ()| {
                    speaker(cx.user())?;
                    Ok(RoomMessage::Typing { who: cx.user().who })
                })
                .messages(|(), RoomMessage::Typing { who }| Some(json(who)))
                .presence(|cx| {
                    let name = cx.user().name.clone()?;
                    Some(Card {
                        who: cx.user().who,
                        name,
                    })
                })
                .presence_grace(config.grace)
        })
        .call("me", |cx, (): ()| async move { Ok::<_, Deny>(cx.user().who) })
}

fn speaker(guest: &Guest) -> Result<&str, Deny> {
    guest
        .name
        .as_deref()
        .ok_or_else(|| Deny::rejected(&format!("a name has 1 to {MAX_NAME} characters on one line")))
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
            // A room is in use while somebody watches it.
            expire_mode: ExpireMode::Idle(config.idle),
            ..Default::default()
        })
        .done();
    let live = live(&rooms, &config);
    let router = Router::new()
        .route("/", get(page).post(new_room))
        .route("/lobby", get(lobby))
        .route("/room/{key}", get(room_page))
        .route("/live", get(socket))
        .route("/live.js", client_js())
        .with_state(App {
            rooms,
            live: live.clone(),
        });
    // What is small is sent at once, or it would wait for the other side to have confirmed what was sent before.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served,
        () = live.shutdown_on(shutdown) => Ok(()),
    }
}

async fn socket(State(app): State<App>, upgrade: LiveUpgrade) -> Response {
    match upgrade.token().and_then(Guest::from_token) {
        Some(guest) => app.live.upgrade(upgrade, guest),
        None => app.live.refuse(upgrade),
    }
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
        // The page says so in its own words, once it has asked for the room.
        false => StatusCode::NOT_FOUND,
    };
    (status, page().await)
}
