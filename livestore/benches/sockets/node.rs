//! The servers in Node, if they are there: `npm install` in the folder `sockets/node` brings what they need.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use livestore_benches::rows::{NODE_WS, SOCKET_IO, Who};

/// Those who run in Node.
pub(crate) const IN_NODE: [Who; 2] = [NODE_WS, SOCKET_IO];

/// The folder of the servers. `None` if it is not known, for only `cargo run` says where this package is, or if something that they
/// need is not there.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?).join("sockets/node");
    let is_there = ["ws", "socket.io"]
        .iter()
        .all(|package| folder.join("node_modules").join(package).is_dir());
    let node = Command::new("node")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    (is_there && node.is_ok_and(|status| status.success())).then_some(folder)
}

/// What starts one of them.
pub(crate) fn command(who: Who) -> Command {
    let script = match who {
        NODE_WS => "ws.js",
        _ => "socket.io.js",
    };
    let mut command = Command::new("node");
    command.arg(folder().unwrap().join(script));
    command
}
