//! [`Process`]: a server, from outside.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use livestore_benches::rows::Who;

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
        let mut child = Command::new(env::current_exe().unwrap())
            .arg("serve")
            .arg(core.to_string())
            .arg(who)
            .args(shape.to_words())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
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
