//! [`Process`]: a server, from outside.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use livestore_benches::keys;
use livestore_benches::rows::Who;

use crate::core::pin;
use crate::node::{self, IN_NODE};
use crate::shape::Shape;
use crate::times;

/// A server that ends with this.
pub(crate) struct Process {
    child: Child,
    control: TcpStream,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts it on a core.
    pub(crate) fn start(core: usize, who: Who, shape: &Shape) -> Process {
        let is_in_node = IN_NODE.contains(&who);
        let mut command = match is_in_node {
            true => node::command(who),
            false => {
                let mut command = Command::new(env::current_exe().unwrap());
                command.args(["serve", who]);
                command
            }
        };
        command
            .args(shape.to_words())
            .stdout(Stdio::piped())
            .stdin(match is_in_node {
                true => Stdio::piped(),
                false => Stdio::null(),
            });
        // All of its threads stay where the one that starts it is.
        let start = move || {
            pin(core);
            command.spawn().unwrap()
        };
        let mut child = thread::spawn(start).join().unwrap();
        if let Some(mut input) = child.stdin.take() {
            let keys = serde_json::to_string(&keys::keys(shape.keys)).unwrap();
            input.write_all(keys.as_bytes()).unwrap();
        }
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let ports: Vec<u16> = line
            .split_whitespace()
            .map(|port| port.parse().unwrap())
            .collect();
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let control = TcpStream::connect(address(ports[1])).unwrap();
        control.set_nodelay(true).unwrap();
        Process {
            child,
            control,
            address: address(ports[0]),
        }
    }

    /// Has each key written once.
    pub(crate) fn round(&mut self) {
        self.control.write_all(b"round\n").unwrap();
    }

    /// Has so many updates written, so many nanoseconds apart.
    pub(crate) fn pace(&mut self, count: u64, nanos: u64) {
        writeln!(self.control, "pace {count} {nanos}").unwrap();
    }

    /// For how many nanoseconds it has computed.
    pub(crate) fn computed(&self) -> u64 {
        times::of_process(self.child.id())
    }

    /// Bytes of memory.
    pub(crate) fn resident(&self) -> u64 {
        times::resident(self.child.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
