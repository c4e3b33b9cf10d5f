//! [`Crowd`]: the clients of one server, all in one thread, which count what they are told.
//!
//! Bytes are looked at as they come from the sockets, by nothing but what is here: so that one core of clients keeps up with one of
//! a server.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use livestore::Uuid;
use livestore_benches::keys;
use livestore_benches::rows::Who;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::net::sockopt;
use rustix::time::Timespec;

use crate::dialect::Dialect;
use crate::frame;
use crate::histogram::Histogram;
use crate::process::Process;
use crate::room::Stamp;
use crate::shape::Shape;
use crate::times;

/// How many connect at a time.
const AT_ONCE: usize = 64;
/// What is read at once at most.
const BUFFER: usize = 256 * 1024;
/// How many are served by one look.
const EVENTS: usize = 512;
/// When nothing has come for so long, nothing will.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server and its clients.
pub(crate) struct Crowd {
    pub(crate) process: Process,
    shape: Shape,
    dialect: Dialect,
    keys: Vec<Uuid>,
    epoll: OwnedFd,
    sockets: Vec<Socket>,
    events: Vec<Event>,
    buffer: Vec<u8>,
    /// Of the update that was asked for last.
    number: u32,
    counted: Counted,
}

struct Socket {
    stream: TcpStream,
    is_open: bool,
    /// The begin of a frame whose end has not come.
    pending: Vec<u8>,
    /// Where the stamp was last.
    place: usize,
    /// How many of its keys it has been told of.
    told: usize,
    role: usize,
    /// The first of those that are followed.
    first: usize,
}

/// What came since it was cleared.
struct Counted {
    frames: u64,
    bytes: u64,
    /// Frames that tell of a key's last update: those with numbers after this.
    after: u32,
    last: u64,
    /// When the last of them came.
    at: u64,
    latencies: Histogram,
}

/// What came of a turn.
pub(crate) struct Turn {
    /// How many updates were written, of all keys.
    pub(crate) updates: u64,
    /// How many frames came.
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    /// How many subscriptions were not told of the last update.
    pub(crate) lost: u64,
    /// Nanoseconds: of the turn, for which the server computed, and the clients.
    pub(crate) took: u64,
    pub(crate) server: u64,
    pub(crate) clients: u64,
    /// From when an update was due until it was read.
    pub(crate) latencies: Histogram,
}

impl Turn {
    /// What the server delivers in a second of its core.
    pub(crate) fn rate(&self) -> f64 {
        self.frames as f64 * 1e9 / self.server as f64
    }

    /// Which part of its core the server used, and the clients of theirs.
    pub(crate) fn busy(&self) -> (f64, f64) {
        let part = |used: u64| used as f64 / self.took as f64;
        (part(self.server), part(self.clients))
    }

    /// Whether it was the clients that could not do more.
    pub(crate) fn is_of_the_clients(&self) -> bool {
        let (server, clients) = self.busy();
        clients > 0.95 && server < 0.9
    }
}

impl Crowd {
    /// Starts a server on a core, and has everybody follow what the shape says.
    pub(crate) fn gather(core: usize, who: Who, shape: Shape) -> Crowd {
        let mut crowd = Crowd::empty(core, who, shape);
        crowd.connect();
        crowd
    }

    /// Starts a server that nobody has come to yet.
    pub(crate) fn empty(core: usize, who: Who, shape: Shape) -> Crowd {
        Crowd {
            process: Process::start(core, who, &shape),
            shape,
            dialect: Dialect::of(who),
            keys: keys::keys(shape.keys),
            epoll: epoll::create(CreateFlags::CLOEXEC).unwrap(),
            sockets: Vec::new(),
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; BUFFER],
            number: 0,
            counted: Counted {
                frames: 0,
                bytes: 0,
                after: 0,
                last: 0,
                at: 0,
                latencies: Histogram::new(),
            },
        }
    }

    /// Has everybody come.
    pub(crate) fn connect(&mut self) {
        let all = self.shape.sockets + self.shape.deaf;
        while self.sockets.len() < all {
            let begin = self.sockets.len();
            for at in begin..all.min(begin + AT_ONCE) {
                // Those that will not read have little room for what they do not.
                let socket = Socket::connect(self.process.address, at, &self.shape, self.dialect);
                let data = EventData::new_u64(at as u64);
                epoll::add(&self.epoll, &socket.stream, data, EventFlags::IN | EventFlags::ET).unwrap();
                self.sockets.push(socket);
            }
            let each = self.shape.each;
            while self.sockets[begin..].iter().any(|socket| socket.told < each) {
                assert!(
                    self.look(PATIENCE),
                    "{:?}: {begin} have come, and the next are told nothing",
                    self.dialect
                );
            }
        }
        for socket in &self.sockets[self.shape.sockets..] {
            epoll::delete(&self.epoll, &socket.stream).unwrap();
        }
    }

    /// Has each key written once as soon as everybody has had the last, for so long.
    pub(crate) fn rounds(&mut self, for_long: Duration) -> Turn {
        let before = self.begin();
        let until = before.at + for_long.as_nanos() as u64;
        let (mut updates, mut lost) = (0, 0);
        let mut took = 0;
        while updates == 0 || before.at + took < until {
            self.expect(self.shape.keys as u64);
            self.process.round();
            updates += self.shape.keys as u64;
            lost += self.wait();
            took = self.counted.at.saturating_sub(before.at);
            if lost > 0 {
                break;
            }
        }
        self.end(&before, updates, lost)
    }

    /// Has updates written at a steady rate, of all keys in turn, for so long.
    pub(crate) fn pace(&mut self, per_second: f64, for_long: Duration) -> Turn {
        let count = (per_second * for_long.as_secs_f64())
            .ceil()
            .max(self.shape.keys as f64) as u64;
        let before = self.begin();
        self.expect(count);
        self.process.pace(count, (1e9 / per_second) as u64);
        let lost = self.wait();
        self.end(&before, count, lost)
    }

    fn begin(&mut self) -> Before {
        self.counted.frames = 0;
        self.counted.bytes = 0;
        self.counted.latencies.clear();
        Before {
            at: times::monotonic(),
            server: self.process.computed(),
            clients: times::own_thread(),
        }
    }

    fn expect(&mut self, updates: u64) {
        self.number += updates as u32;
        self.counted.after = self.number - self.shape.keys as u32;
        self.counted.last = 0;
    }

    /// Waits until every subscription has had the last update of its key. Returns how many have not.
    fn wait(&mut self) -> u64 {
        let wanted = self.shape.subscriptions();
        while self.counted.last < wanted {
            if !self.look(PATIENCE) {
                return wanted - self.counted.last;
            }
        }
        0
    }

    fn end(&mut self, before: &Before, updates: u64, lost: u64) -> Turn {
        let clients = times::own_thread() - before.clients;
        let took = self.counted.at.max(before.at + 1) - before.at;
        // What the server does after the last frame is part of it: it is not at rest before.
        std::thread::sleep(Duration::from_millis(5));
        Turn {
            updates,
            frames: self.counted.frames,
            bytes: self.counted.bytes,
            lost,
            took,
            server: self.process.computed() - before.server,
            clients,
            latencies: self.counted.latencies.clone(),
        }
    }

    /// Reads what has come, after waiting for something to come. Returns whether something has.
    fn look(&mut self, patience: Duration) -> bool {
        let patience = Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        self.events.clear();
        let mut events = std::mem::take(&mut self.events);
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&patience)).unwrap();
        for event in &events {
            // Copied, for it is packed.
            let data = event.data;
            self.read(data.u64() as usize);
        }
        self.events = events;
        !self.events.is_empty()
    }

    fn read(&mut self, at: usize) {
        let socket = &mut self.sockets[at];
        loop {
            let kept = socket.pending.len();
            self.buffer[..kept].copy_from_slice(&socket.pending);
            let read = match socket.stream.read(&mut self.buffer[kept..]) {
                Ok(0) => panic!("the server has ended a connection"),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            };
            let now = times::monotonic();
            let mut left = &self.buffer[..kept + read];
            if !socket.is_open {
                let Some(end) = left.windows(4).position(|end| end == b"\r\n\r\n") else {
                    socket.pending = left.to_vec();
                    continue;
                };
                assert!(left.starts_with(b"HTTP/1.1 101"), "{}", left.escape_ascii());
                left = &left[end + 4..];
                socket.is_open = true;
                if let Some(text) = self.dialect.greet(&socket.keys(&self.shape, &self.keys)) {
                    socket.send(&text);
                }
            }
            while let Some(found) = frame::from_server(left) {
                let (whole, rest) = left.split_at(found.header + found.payload);
                let payload = &whole[found.header..];
                left = rest;
                match Stamp::find(payload, &mut socket.place) {
                    Some(stamp) if stamp.number > 0 => self.counted.count(stamp, whole.len(), now),
                    Some(_) => socket.told += 1,
                    None if found.is_text => {
                        let keys = || socket.keys(&self.shape, &self.keys);
                        if let Some(text) = self.dialect.answer(payload, &keys(), socket.role) {
                            socket.send(&text);
                        }
                    }
                    None => panic!("a frame that was not asked for: {}", whole.escape_ascii()),
                }
            }
            let is_all = kept + read < self.buffer.len();
            socket.pending.clear();
            socket.pending.extend_from_slice(left);
            if is_all {
                // Whatever comes later is another event.
                return;
            }
        }
    }
}

/// Where the clocks stood when a turn began.
struct Before {
    at: u64,
    server: u64,
    clients: u64,
}

impl Counted {
    #[inline]
    fn count(&mut self, stamp: Stamp, bytes: usize, now: u64) {
        self.frames += 1;
        self.bytes += bytes as u64;
        self.latencies.add(now.saturating_sub(stamp.due));
        if stamp.number > self.after {
            self.last += 1;
            self.at = now;
        }
    }
}

impl Socket {
    fn connect(address: SocketAddr, at: usize, shape: &Shape, dialect: Dialect) -> Socket {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        // It leaves nothing behind when it ends: there are many.
        sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        if at >= shape.sockets {
            sockopt::set_socket_recv_buffer_size(&stream, 4096).unwrap();
        }
        stream.set_nonblocking(true).unwrap();
        let role = at % shape.roles;
        let mut socket = Socket {
            stream,
            is_open: false,
            pending: Vec::new(),
            place: 0,
            told: 0,
            role,
            first: if at < shape.sockets { at } else { 0 },
        };
        socket.stream.write_all(dialect.upgrade(role).as_bytes()).unwrap();
        socket
    }

    fn keys(&self, shape: &Shape, keys: &[Uuid]) -> Vec<Uuid> {
        shape.followed(self.first).map(|at| keys[at]).collect()
    }

    /// What is sent is little, so there is room for it.
    fn send(&mut self, text: &str) {
        self.stream.write_all(&frame::from_client(text)).unwrap();
    }
}
