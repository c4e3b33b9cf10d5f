//! A hundred thousand devices that change all the time, and a page that shows the worst fifty of them as they are now.
//!
//! `cargo run --example dashboard`, then open the address that it prints. With `-- 8080 5000` it listens on another
//! port than 3000, and the devices change 5000 times a second rather than 20,000.
//!
//! - `fleet`: what a device is and which is worse than another; and a simulator, several tasks that change the devices, let them
//!   fail and recover, and now and then replace one.
//! - `server`: the stores, and what is served of them, which is all that there is to do: three live queries and entries.
//!   The lists are kept in order, sockets are told what has changed in them at most five times a second, and pages that lose
//!   the connection come back: that is the library's, `LiveStore::live` and `livestore::ws`.
//! - `page.js`: the list, whose rows glide to their new places, and one device with a plot of what it has told.
//!
//! With 20,000 changes a second it takes 3 % of one core while nobody looks, the simulator's part, and 7 % while one page follows
//! the list, to which 12 KB go in a second; without `--release` 9 % and 24 %. Measured over 10 s on two cores that others used as
//! well. So to rank each change, keep what is in in order and tell a socket costs 2 µs a change.

#![allow(clippy::print_stdout, reason = "the program tells where it listens")]

mod admin;
mod fleet;
mod server;

use std::error::Error;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::str::FromStr;

use livestore::Uuid;
use tokio::net::TcpListener;

use crate::server::App;

/// How many devices there are.
const DEVICES: u32 = 100_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let port: u16 = number(arguments.next(), 3000, "the port, from 0 (any free one) to 65535")?;
    let rate: u32 = number(arguments.next(), 20_000, "how many changes there are in a second")?;
    let app = App::new(DEVICES);
    fleet::play(&app.devices, &app.overview, rate);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| {
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
    Ok(())
}

fn number<N: FromStr>(argument: Option<OsString>, otherwise: N, what: &str) -> Result<N, String> {
    let Some(argument) = argument else {
        return Ok(otherwise);
    };
    let number = argument.to_str().and_then(|argument| argument.parse().ok());
    number.ok_or_else(|| format!("{argument:?} is no number: {what}"))
}
