//! A board that several people move cards about on: several boards, cursors, undo, private notes.
//!
//! Run it with `cargo run --example board`, or `cargo run --example board -- 8080` for another port than 3000, then open the
//! address that it prints in two windows.

#![allow(clippy::print_stdout, reason = "the program tells where it listens")]

mod admin;
mod board;
mod server;

use std::error::Error;

use livestore::Uuid;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(3000), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("http://{address}");
    let secret = Uuid::new_v4();
    println!("http://{address}/admin/{secret} is for you alone: it shows what goes on in the server");
    server::serve(listener, secret, async {
        // If the signal cannot be waited for, the server goes on.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
    .await?;
    Ok(())
}
