//! A board that several people move cards about on: several boards, cursors, undo, private notes.
//!
//! `cargo run --example board`, then open the address that it prints in two windows. The boards are kept in the folder
//! `board-data`, from which they come back, also after `kill -9`. With `-- 8080 folder` it listens on another port than 3000 and
//! keeps them in another folder.

#![allow(clippy::print_stdout, reason = "the program tells where it listens")]

mod admin;
mod board;
mod server;

use std::error::Error;
use std::path::Path;

use livestore::Uuid;
use tokio::net::TcpListener;

use crate::server::App;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let port = match arguments.next() {
        Some(port) => port
            .to_str()
            .and_then(|port| port.parse().ok())
            .ok_or_else(|| format!("the port is a number from 0 (any free one) to 65535, not {port:?}"))?,
        None => 3000,
    };
    let folder = arguments.next().unwrap_or_else(|| "board-data".into());
    let app = App::open(Path::new(&folder)).await?;
    let boards = app.boards.clone();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
        format!("port {port} cannot be had ({error}); name another, or 0 for any free one")
    })?;
    let address = listener.local_addr()?;
    println!("http://{address}");
    let secret = Uuid::new_v4();
    println!("http://{address}/admin/{secret} is for you alone: it shows what goes on in the server");
    server::serve(listener, app, secret, async {
        // If the signal cannot be waited for, the server goes on.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
    .await?;
    // What is to be on disk is.
    boards.close().await?;
    Ok(())
}
