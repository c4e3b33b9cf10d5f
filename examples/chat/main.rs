//! A chat server: `cargo run --example chat`, then open the address it prints in two tabs and go
//! to the lobby in both.
//!
//! - `room`: what a room is and which changes it accepts. No I/O, no locks; all the rules of the chat.
//! - `guest`: who somebody is, and what he is called.
//! - `server`: the routes, the store, who sees what of it and may ask what, the way down.
//!
//! Sockets, reconnects, who is there, and that nobody is told too much or too often, is the library's: `livestore::ws`.

#![allow(clippy::print_stdout, reason = "the program tells where it listens")]

mod guest;
mod room;
mod server;

use std::error::Error;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use crate::server::Config;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = match std::env::args().nth(1).or_else(|| std::env::var("PORT").ok()) {
        Some(port) => port
            .parse()
            .map_err(|_| format!("the port must be a number from 0 (any free one) to 65535, not `{port}`"))?,
        None => 3000,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| {
            format!("port {port} cannot be had ({error}); name another, or 0 for any free one")
        })?;
    println!("chat is at http://{}", listener.local_addr()?);

    let ctrl_c = async {
        tokio::signal::ctrl_c()
            .await
            .expect("a program can listen for ctrl-c");
    };
    server::serve(listener, Config::default(), ctrl_c).await?;
    Ok(())
}
