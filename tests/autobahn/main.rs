//! Sockets for Autobahn's test suite, which `.ci/autobahn` runs: `/echo` says what it hears, over a socket that is set as those of
//! the library are; `/live` is one of the library's, which speaks a protocol of its own, so that there only counts what is left
//! behind. `/left` says how many of those are connected.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for a test")]

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;
use livestore::ws::Live;
use tokio::net::TcpListener;

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    let upgrade = upgrade
        .read_buffer_size(4096)
        .max_frame_size(64 * 1024)
        .max_message_size(64 * 1024);
    upgrade.on_upgrade(async |mut socket| {
        while let Some(Ok(message)) = socket.recv().await {
            if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err()
            {
                return;
            }
        }
    })
}

#[tokio::main]
async fn main() {
    let live = Live::<()>::new().native_clients();
    let router = Router::new()
        .route("/echo", get(echo))
        .route("/live", live.route(|_: Parts| async { Some(()) }))
        .route("/left", get(async move || live.connections().to_string()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    axum::serve(listener, router).await.unwrap();
}
