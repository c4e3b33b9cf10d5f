//! [`LiveUpgrade`]: a connection's socket. The only file that does I/O.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::header::{HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;

use crate::ground::sync::Mutex;
use crate::ground::sync::atomic::{AtomicBool, Ordering};
use crate::ws::config::Config;
use crate::ws::frame::Frame;
use crate::ws::live::Live;
use crate::ws::session::{Close, Out, Session};

/// What is spoken, as browsers ask for it.
const PROTOCOL: &str = "livestore.v1.json";
/// How a page hands over a token: browsers let it send no headers.
const TOKEN: &str = "livestore.token.";
/// A connection that is idle has this much memory for what comes in; the library's own default is 128 KiB.
const READ_BUFFER: usize = 4096;

/// A request to become a connection: an extractor, to be given to [`Live::upgrade`].
pub struct LiveUpgrade {
    upgrade: WebSocketUpgrade,
    origin: Origin,
    token: Option<String>,
}

/// Where a page comes from that wants to connect.
enum Origin {
    /// It is no page.
    None,
    /// The server's own host.
    Own,
    Other(String),
}

impl LiveUpgrade {
    /// Returns the token that the page has handed over as a subprotocol, `livestore.token.<token>`, if it has.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    fn is_from<U>(&self, config: &Config<U>) -> bool {
        match &self.origin {
            Origin::None => config.native,
            Origin::Own => true,
            Origin::Other(origin) => config.origins.contains(origin),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for LiveUpgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await?;
        Ok(LiveUpgrade {
            upgrade,
            origin: origin(&parts.headers, &parts.uri),
            token: token(&parts.headers),
        })
    }
}

impl fmt::Debug for LiveUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        f.debug_struct("LiveUpgrade").finish_non_exhaustive()
    }
}

fn origin(headers: &HeaderMap, uri: &Uri) -> Origin {
    let Some(origin) = headers.get(ORIGIN) else {
        return Origin::None;
    };
    let Ok(origin) = origin.to_str() else {
        return Origin::Other(String::new());
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()));
    let from = origin.split_once("://").map(|(_, from)| from);
    if host.is_some() && from == host {
        return Origin::Own;
    }
    Origin::Other(origin.to_owned())
}

fn token(headers: &HeaderMap) -> Option<String> {
    let offers = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    offers
        .filter_map(|offer| offer.to_str().ok())
        .flat_map(|offer| offer.split(','))
        .find_map(|offer| offer.trim().strip_prefix(TOKEN).map(str::to_owned))
}

impl<U: Send + Sync + 'static> Live<U> {
    /// Makes a request a connection of this user.
    ///
    /// A page of another origin than [allowed](Self::origins) is let in and sent away at once, with code 4403: a browser that
    /// is refused before would try for ever. So is one connection too many, with code 4530.
    pub fn upgrade(&self, upgrade: LiveUpgrade, user: U) -> Response {
        self.upgrade_with(upgrade, Ok(user))
    }

    /// Sends a request away whose user is not known, with close code 4401, so that a page does not try for ever.
    pub fn refuse(&self, upgrade: LiveUpgrade) -> Response {
        self.upgrade_with(upgrade, Err(Close::NOT_AUTHENTICATED))
    }

    fn upgrade_with(&self, upgrade: LiveUpgrade, user: Result<U, Close>) -> Response {
        let is_from = upgrade.is_from(&self.config);
        let user = if is_from { user } else { Err(Close::FORBIDDEN) };
        let live = self.clone();
        let limit = self.config.limits.frame_bytes;
        // Counted before the upgrade, which may take a while.
        let entered = user.and_then(|user| {
            let visitor = live.config.visitor(user);
            live.hub
                .enter(&visitor, &live.config.limits)
                .map(|seat| (visitor, seat))
        });
        upgrade
            .upgrade
            .protocols([PROTOCOL])
            .read_buffer_size(READ_BUFFER)
            .max_frame_size(limit)
            .max_message_size(limit)
            .on_upgrade(move |mut socket| async move {
                match entered {
                    Err(close) => part(socket, Some(close)).await,
                    Ok((visitor, seat)) => {
                        let (session, reach) =
                            Session::begin(&live.config, &visitor, seat.budget(), seat.tally());
                        seat.sit(reach);
                        let close = run(&mut socket, session, live.config.limits.stuck_for).await;
                        part(socket, close).await;
                        drop(seat);
                    }
                }
            })
    }

    /// Returns a route on which requests become connections of whom `authenticate` finds, from their headers: `None` is sent
    /// away, with code 4401.
    ///
    /// For a server whose handlers have no extractor for users; else [`upgrade`](Self::upgrade) is shorter.
    pub fn route<S, F>(
        &self,
        authenticate: impl Fn(Parts) -> F + Clone + Send + Sync + 'static,
    ) -> MethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
        F: Future<Output = Option<U>> + Send,
    {
        let live = self.clone();
        get(move |parts: Parts, upgrade: LiveUpgrade| async move {
            match authenticate(parts).await {
                Some(user) => live.upgrade(upgrade, user),
                None => live.refuse(upgrade),
            }
        })
    }
}

/// Carries frames both ways until one side has had enough. Returns what the other side is to be told then, if anything.
async fn run<U: Send + Sync + 'static>(
    socket: &mut WebSocket,
    mut session: Session<U>,
    stuck: Duration,
) -> Option<Close> {
    let mut readable = Readable::new();
    let mut frames = Vec::new();
    // It was asked in this very turn of the task, and has nothing more.
    let mut is_idle = false;
    // Else a client that is told something without a pause would never be heard.
    let mut reads_first = false;
    loop {
        let event = poll_fn(|cx| {
            if std::mem::take(&mut reads_first)
                && let Poll::Ready(received) = readable.poll(cx, |cx| socket.poll_next_unpin(cx))
            {
                return Poll::Ready(Event::Received(received));
            }
            if !std::mem::take(&mut is_idle)
                && let Poll::Ready(out) = session.poll(cx, &mut frames)
            {
                return Poll::Ready(Event::Out(out));
            }
            readable
                .poll(cx, |cx| socket.poll_next_unpin(cx))
                .map(Event::Received)
        });
        match event.await {
            Event::Out(Out::Send { is_all }) => {
                let sent = {
                    let mut sending = pin!(send(socket, &mut frames));
                    // Most often there is room at once, and no need for a clock.
                    match poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await {
                        Poll::Ready(sent) => {
                            is_idle = is_all;
                            Ok(sent)
                        }
                        Poll::Pending => timeout(stuck, sending).await,
                    }
                };
                reads_first = !is_idle;
                match sent {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return None,
                    Err(_) => return Some(Close::SLOW),
                }
            }
            Event::Out(Out::Close(close)) => return Some(close),
            Event::Received(received) => match received? {
                Ok(Message::Text(text)) => session.receive(&text),
                Ok(Message::Binary(_)) => session.close(Close::PROTOCOL),
                Ok(Message::Ping(_) | Message::Pong(_)) => session.receive_ping(),
                Ok(Message::Close(_)) => return None,
                Err(error) => return is_too_large(&error).then_some(Close::TOO_LARGE),
            },
        }
    }
}

enum Event {
    Out(Out),
    Received(Option<Result<Message, axum::Error>>),
}

/// Has a socket read only when there may be something, however often its task is woken to write: asking it costs as much as
/// telling it something.
struct Readable {
    signal: Arc<Signal>,
    waker: Waker,
    /// Who is woken.
    task: Option<Waker>,
}

struct Signal {
    /// There may be something.
    is_set: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Readable {
    fn new() -> Readable {
        let signal = Arc::new(Signal {
            is_set: AtomicBool::new(true),
            task: Mutex::default(),
        });
        Readable {
            waker: Waker::from(Arc::clone(&signal)),
            signal,
            task: None,
        }
    }

    fn poll<T>(&mut self, cx: &Context<'_>, read: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        if self.task.as_ref().is_none_or(|task| !task.will_wake(cx.waker())) {
            self.task = Some(cx.waker().clone());
            *self.signal.task.lock() = self.task.clone();
        }
        if !self.signal.is_set.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        self.signal.is_set.store(false, Ordering::Release);
        let polled = read(&mut Context::from_waker(&self.waker));
        if polled.is_ready() {
            // There may be more.
            self.signal.is_set.store(true, Ordering::Release);
        }
        polled
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_set.store(true, Ordering::Release);
        let task = self.task.lock().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

async fn send(socket: &mut WebSocket, frames: &mut Vec<Frame>) -> Result<(), axum::Error> {
    for frame in frames.drain(..) {
        socket.feed(Message::Text(frame)).await?;
    }
    socket.flush().await
}

/// Says why, if it is this side that ends it, and waits a moment for the other side to have heard.
async fn part(mut socket: WebSocket, close: Option<Close>) {
    let parted = async {
        if let Some(close) = close {
            let frame = CloseFrame {
                code: close.code,
                reason: Frame::from_static(close.why),
            };
            if socket.send(Message::Close(Some(frame))).await.is_err() {
                return;
            }
        }
        // What the other side said is answered, too, by reading on.
        while let Some(Ok(_)) = socket.recv().await {}
    };
    let _ = timeout(Duration::from_secs(2), parted).await;
}

fn is_too_large(error: &axum::Error) -> bool {
    // The error of the library below is in there, and does not show its type.
    error.to_string().contains("too long") || error.to_string().contains("too big")
}
