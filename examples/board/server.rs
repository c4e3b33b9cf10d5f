//! What is served: boards, the list of them, who is there, and the page.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use livestore::ws::{Deny, Live, LiveUpgrade, client_js, json};
use livestore::{Durability, Entry, LiveStore, LiveValue, OpenError, Uuid};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::admin;
use crate::board::{Ask, Board, BoardView, Pointer, Role, Step};

/// How many boards there are at most, and how many characters are in a title.
const MAX_BOARDS: usize = 100;
const MAX_TITLE: usize = 60;
/// The one entry that lists all boards.
pub(crate) const LIST: Uuid = Uuid::nil();

pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) name: String,
}

/// The boards there are, each with its title.
#[derive(Clone, Debug, Default, Serialize, LiveValue)]
pub(crate) struct List {
    #[live(insert, remove)]
    boards: BTreeMap<Uuid, String>,
}

/// What is shown of who is there.
#[derive(Serialize)]
struct Card {
    id: Uuid,
    name: String,
}

#[derive(Deserialize)]
struct Pointed {
    x: i32,
    y: i32,
    card: Option<Uuid>,
    tab: u32,
}

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) boards: LiveStore<Board>,
    pub(crate) list: LiveStore<List>,
}

impl App {
    /// With boards that are kept in a folder.
    #[allow(
        clippy::print_stderr,
        reason = "whoever runs it should know when the disk fails"
    )]
    pub(crate) async fn open(folder: &Path) -> Result<App, OpenError> {
        let boards = LiveStore::new()
            // What somebody has done a moment ago he knows, and can do again.
            .with_durability(Durability::Interval(Duration::from_millis(100)))
            .on_durability_error(|error| eprintln!("what is done is not kept any more: {error}"))
            .open(folder)
            .await?;
        Ok(App::of(boards))
    }

    pub(crate) fn of(boards: LiveStore<Board>) -> App {
        let list = LiveStore::default();
        let titles = boards.entries().map(|(key, board)| (key, board.title.clone()));
        let all = List {
            boards: titles.collect(),
        };
        // Nobody else has it yet.
        let _ = list.create(&LIST, all);
        App { boards, list }
    }

    /// Begins a board. Returns its key.
    pub(crate) async fn begin(&self, title: &str, admin: Uuid) -> Result<Uuid, Deny> {
        let title = title.trim();
        let is_title = (1..=MAX_TITLE).contains(&title.chars().count());
        if !is_title || title.contains(char::is_control) {
            return Err(Deny::rejected("a title has 1 to 60 characters, in one line"));
        }
        if self.boards.len() >= MAX_BOARDS {
            return Err(Deny::rejected("there are enough boards"));
        }
        let key = self.boards.init(Board::new(title.to_owned(), admin));
        let listed = ListMutation::InsertBoards(key, title.to_owned());
        let listed = self.list.mutate(&LIST, listed).await;
        listed.map(|_| key).map_err(|_| Deny::not_found())
    }

    /// Removes a board, which only who has begun it may.
    pub(crate) async fn end(&self, key: &Uuid, who: Uuid) -> Result<(), Deny> {
        let guard = self.boards.acquire(key).await.ok_or(Deny::not_found())?;
        if guard.as_entry().admin != who {
            return Err(Deny::forbidden());
        }
        guard.delete();
        // If it is not in the list, all is well.
        let _ = self.list.mutate(&LIST, ListMutation::RemoveBoards(*key)).await;
        Ok(())
    }

    pub(crate) fn live(&self) -> Live<User> {
        let (begins, ends) = (self.clone(), self.clone());
        Live::new()
            .user_id(|user: &User| user.id)
            .serve("board", self.boards.clone(), |s| {
                s.view(
                    |cx, board| Some(Role::of(cx.user().id, board)),
                    |role, board| json(&BoardView::of(role, board)),
                )
                .accept(|cx, _, ask: Ask| {
                    Ok(Step {
                        who: cx.user().id,
                        ask,
                    })
                })
                .errors(|_, no| json(no))
                .accept_message(|cx, _, at: Pointed| {
                    let Pointed { x, y, card, tab } = at;
                    Ok(Pointer {
                        who: cx.user().id,
                        x,
                        y,
                        card,
                        tab,
                    })
                })
                .latest_per_sender()
                // Cursors as well. As smooth as hands are, and a third of what is sent by default.
                .at_most(20)
                .messages(|_, pointer| Some(json(pointer)))
                .presence(|cx| Card {
                    id: cx.user().id,
                    name: cx.user().name.clone(),
                })
            })
            .serve("boards", self.list.clone(), |s| {
                s.whole(|_, _: &Entry<List>| true)
            })
            .call("me", |cx, ()| async move { Ok::<_, Deny>(cx.user().id) })
            .call("begin", move |cx, title: String| {
                let app = begins.clone();
                async move { app.begin(&title, cx.user().id).await }
            })
            .call("end", move |cx, key: Uuid| {
                let app = ends.clone();
                async move { app.end(&key, cx.user().id).await }
            })
            // It is kept until it is ended.
            .call_at_most("begin", 10, Duration::from_secs(60))
            .limits(|limits| limits.rate = 100)
    }

    pub(crate) fn router(&self) -> (Router, Live<User>) {
        let live = self.live();
        let router = Router::new()
            .route(
                "/",
                get(|| async { page("text/html; charset=utf-8", include_str!("page.html")) }),
            )
            .route(
                "/page.css",
                get(|| async { page("text/css", include_str!("page.css")) }),
            )
            .route(
                "/page.js",
                get(|| async { page("text/javascript", include_str!("page.js")) }),
            )
            .route("/live.js", client_js())
            .route("/live", get(socket))
            .with_state(live.clone());
        (router, live)
    }
}

/// Whoever has the secret is the user; what others know him by is made from it, and does not lead back to it.
pub(crate) fn user(token: &str) -> Option<User> {
    let (secret, name) = token.split_once('.')?;
    let secret = Uuid::parse_str(secret).ok()?;
    let bytes: Option<Vec<u8>> = (0..name.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(name.get(at..at + 2)?, 16).ok())
        .collect();
    let name = String::from_utf8(bytes?).ok()?;
    let name = name.trim();
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, secret.as_bytes());
    let is_name = (1..=30).contains(&name.chars().count()) && !name.contains(char::is_control);
    is_name.then(|| User {
        id,
        name: name.to_owned(),
    })
}

async fn socket(State(live): State<Live<User>>, up: LiveUpgrade) -> Response {
    match up.token().and_then(user) {
        Some(user) => live.upgrade(up, user),
        None => live.refuse(up),
    }
}

/// Nothing runs on the page but what is served here.
fn page(kind: &'static str, text: &'static str) -> impl IntoResponse {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    ([(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, POLICY)], text)
}

/// Serves until `down`; the inspector to whoever knows the secret of the admin.
pub(crate) async fn serve(
    listener: TcpListener,
    app: App,
    admin: Uuid,
    down: impl Future<Output = ()>,
) -> io::Result<()> {
    // Small frames are sent at once, rather than when what was sent before has been confirmed.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    let (router, live) = app.router();
    let router = router.merge(admin::routes(&app, &live, admin));
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served,
        () = live.shutdown_on(down) => Ok(()),
    }
}
