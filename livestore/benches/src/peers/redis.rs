//! Redis: a server of our own on a free port of loopback, and blocking connections to it.
//!
//! The blocking client is the quickest way to ask and wait: no task is woken, no other thread takes part.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;
use std::{env, fs, process};

use livestore::Uuid;
pub use redis::Cmd;
use redis::io::tcp::TcpSettings;
use redis::{Client, Connection, IntoConnectionInfo, Pipeline, cmd, pipe};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::clock;
use crate::values::Small;

/// How many commands go into one pipeline.
pub const PIPELINE: u64 = 100;

/// Runs the server in the folder that it is given first, until its own standard input ends: when we close it, and also
/// when this process dies. Leaves nothing behind.
const KEEPER: &str = "folder=$1; shift; redis-server \"$@\" --dir \"$folder\" >/dev/null 2>&1 </dev/null & server=$!; \
                      read -r _; kill -9 $server; wait $server 2>/dev/null; rm -rf \"$folder\"";

/// Whether the server writes what it is told to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// In memory alone.
    None,
    /// It appends every command to a file that is synced every second.
    EverySecond,
    /// It syncs that file before it answers.
    Always,
}

/// A server of our own. It ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    keeper: Child,
    client: Client,
    port: u16,
}

impl Server {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    ///
    /// A sentence that says why there is none, and what to do.
    pub fn start(durability: Durability) -> Result<Server, String> {
        let installed = Command::new("redis-server").arg("--version").output();
        if installed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Err("`redis-server` is not installed: apt-get install redis-server".to_owned());
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|error| format!("no free port: {error}"))?
            .port();
        let folder = folder(port);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let client = format!("redis://127.0.0.1:{port}")
            .into_connection_info()
            .map(|info| info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
            .and_then(Client::open)
            .map_err(|error| error.to_string())?;
        let (append, sync) = match durability {
            Durability::None => ("no", "no"),
            Durability::EverySecond => ("yes", "everysec"),
            Durability::Always => ("yes", "always"),
        };
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""])
            .args(["--appendonly", append, "--appendfsync", sync])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("`sh` does not start: {error}"))?;
        let server = Server { keeper, client, port };
        let start = clock::now();
        while start.elapsed() < Duration::from_secs(10) {
            if let Ok(mut connection) = server.client.get_connection()
                && cmd("PING").exec(&mut connection).is_ok()
            {
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("`redis-server` was started and does not answer".to_owned())
    }

    /// Connects.
    pub fn connect(&self) -> Connection {
        self.client.get_connection().unwrap()
    }

    /// A connection that subscribes to a key and calls `told` for each message, until it is closed.
    ///
    /// Reads no more than needed: a server of one's own would read messages, not their parts.
    pub fn subscriber<F>(&self, key: &Uuid, told: F) -> impl Future<Output = ()> + use<F>
    where
        F: Fn() + Send + 'static,
    {
        let (port, key) = (self.port, *key.as_bytes());
        async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let mut command = b"*2\r\n$9\r\nSUBSCRIBE\r\n$16\r\n".to_vec();
            command.extend(key);
            command.extend(b"\r\n");
            stream.write_all(&command).await.unwrap();
            let mut buffer = [0; 4096];
            loop {
                // Messages come one at a time, because each is waited for before the next is sent.
                match stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(read) if buffer[..read].windows(7).any(|word| word == b"message") => told(),
                    Ok(_) => {}
                }
            }
        }
    }

    /// Runs the tasks of a runtime until the server knows this many subscribers of a key.
    pub fn wait_for_subscribers(&self, key: &Uuid, count: usize, runtime: &Runtime) {
        let mut connection = self.connect();
        loop {
            let (_, known): (Vec<u8>, usize) = cmd("PUBSUB")
                .arg("NUMSUB")
                .arg(&key.as_bytes()[..])
                .query(&mut connection)
                .unwrap();
            if known >= count {
                return;
            }
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
        }
    }

    /// The version that the server says it is.
    pub fn version(&self) -> String {
        self.info("redis_version")
    }

    /// How many bytes the server says its data takes.
    pub fn used_memory(&self) -> u64 {
        self.info("used_memory").parse().unwrap()
    }

    fn info(&self, what: &str) -> String {
        let info: String = cmd("INFO").query(&mut self.connect()).unwrap();
        info.lines()
            .find_map(|line| line.strip_prefix(what)?.strip_prefix(':'))
            .unwrap_or_default()
            .to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Where the server at this port keeps its files.
fn folder(port: u16) -> PathBuf {
    env::temp_dir().join(format!("livestore-benches-{}-{port}", process::id()))
}

/// Stores a value as a hash.
pub fn set(key: &Uuid, value: &Small) -> Cmd {
    set_under(&key.as_bytes()[..], value)
}

/// Stores a value as a hash under the key's text.
pub fn set_text(key: &Uuid, value: &Small) -> Cmd {
    set_under(key.to_string().as_bytes(), value)
}

fn set_under(key: &[u8], value: &Small) -> Cmd {
    let mut set = cmd("HSET");
    set.arg(key).arg("id").arg(value.id).arg("count").arg(value.count);
    set
}

/// Changes one field of a value.
pub fn change(key: &Uuid, count: u64) -> Cmd {
    let mut set = cmd("HSET");
    set.arg(&key.as_bytes()[..]).arg("count").arg(count);
    set
}

/// Tells those who subscribed to a key of a change.
pub fn publish(key: &Uuid, count: u64) -> Cmd {
    let mut publish = cmd("PUBLISH");
    publish.arg(&key.as_bytes()[..]).arg(count);
    publish
}

/// Asks for a value.
pub fn get(key: &Uuid) -> Cmd {
    let mut get = cmd("HMGET");
    get.arg(&key.as_bytes()[..]).arg("id").arg("count");
    get
}

/// Reads a value.
pub fn fetch(connection: &mut Connection, key: &Uuid) -> Small {
    let (id, count) = get(key).query(connection).unwrap();
    Small { id, count }
}

/// Sends commands in pipelines, as long as `next` has some, and takes the answers.
pub fn in_pipelines(connection: &mut Connection, times: u64, mut next: impl FnMut(&mut Pipeline)) {
    let mut left = times;
    while left > 0 {
        let count = left.min(PIPELINE);
        let mut commands = pipe();
        for _ in 0..count {
            next(&mut commands);
        }
        let answers: Vec<redis::Value> = commands.query(connection).unwrap();
        std::hint::black_box(answers);
        left -= count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does nothing where no server is installed.
    #[test]
    fn a_server_answers_and_ends_with_its_owner() {
        let Ok(server) = Server::start(Durability::EverySecond) else {
            return;
        };
        let mut connection = server.connect();
        let key = Uuid::from_u128(7);
        set(&key, &Small::new(3)).exec(&mut connection).unwrap();
        change(&key, 4).exec(&mut connection).unwrap();
        let small = fetch(&mut connection, &key);
        assert_eq!((small.id, small.count), (1, 4));
        assert!(server.version().starts_with(|first: char| first.is_ascii_digit()));
        let folder = folder(server.port);
        assert!(folder.exists());
        drop(server);
        assert!(!folder.exists());
        assert!(cmd("PING").exec(&mut connection).is_err());
    }
}
