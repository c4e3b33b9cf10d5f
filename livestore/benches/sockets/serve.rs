//! The process of a server: it serves, and writes what it is told to.
//!
//! It is told so on a connection of its own, in lines: `round` writes each key once, now; `pace 400 2500000` writes 400 times, the keys in
//! turn, one each 2.5 ms. What is written when is decided by a timer within this process.

use std::time::Duration;

use axum::serve::ListenerExt;
use livestore::Uuid;
use livestore_benches::keys;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::unconstrained;

use crate::FILES;
use crate::core::raise_files;
use crate::room::{Now, Stamp, Texts};
use crate::server::Server;
use crate::shape::Shape;
use crate::times::monotonic;

/// How often nothing happens that has nothing to do with what is measured: pings.
pub(crate) const SELDOM: Duration = Duration::from_secs(3600);

/// Serves until the connection of who started it ends. The words are who serves, and the shape.
pub(crate) fn serve(words: &[String]) {
    let (who, shape) = words.split_first().unwrap();
    raise_files(FILES);
    let shape = Shape::from_words(shape).unwrap();
    // One thread as there is one core; else as a server has it.
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(runtime.spawn(run(who.clone(), shape))).unwrap();
}

async fn run(who: String, shape: Shape) {
    let keys = keys::keys(shape.keys);
    let texts = Texts::new(shape.content);
    let (router, server) = Server::begin(&who, &keys, shape, &texts);
    let sockets = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let control = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!(
        "{} {}",
        sockets.local_addr().unwrap().port(),
        control.local_addr().unwrap().port()
    );
    let sockets = sockets.tap_io(|stream| drop(stream.set_nodelay(true)));
    tokio::spawn(async move { axum::serve(sockets, router).await.unwrap() });
    let writer = Writer {
        server,
        keys,
        texts,
        number: 0,
    };
    // Nobody is held up by how much of its turn it has used.
    unconstrained(writer.run(control)).await;
}

struct Writer {
    server: Server,
    keys: Vec<Uuid>,
    texts: Texts,
    /// Of the update that was written last.
    number: u32,
}

impl Writer {
    async fn run(mut self, control: TcpListener) {
        let (stream, _) = control.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["round"] => {
                    let due = monotonic();
                    for at in 0..self.keys.len() {
                        self.write(at, due).await;
                    }
                }
                ["pace", count, nanos] => {
                    self.pace(count.parse().unwrap(), nanos.parse().unwrap()).await;
                }
                _ => unreachable!("{line}"),
            }
        }
    }

    async fn pace(&mut self, count: u64, nanos: u64) {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK).unwrap();
        #[allow(
            deprecated,
            reason = "the other way is unsafe; this file stays open as long as it is waited for"
        )]
        let timer = AsyncFd::new(timer).unwrap();
        // A moment later than now, so that the first is as punctual as the others.
        let begin = monotonic() + 2_000_000;
        let mut done = 0;
        while done < count {
            let due = begin + done * nanos;
            if monotonic() >= due {
                self.write(done as usize % self.keys.len(), due).await;
                done += 1;
                // As if each came from somebody else.
                tokio::task::yield_now().await;
                continue;
            }
            let at = Itimerspec {
                it_interval: Timespec {
                    tv_sec: 0,
                    tv_nsec: 0,
                },
                it_value: Timespec {
                    tv_sec: (due / 1_000_000_000) as i64,
                    tv_nsec: (due % 1_000_000_000) as i64,
                },
            };
            timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &at).unwrap();
            let mut ready = timer.readable().await.unwrap();
            ready.clear_ready();
            drop(ready);
            // Setting it anew forgets that it has rung.
        }
    }

    async fn write(&mut self, at: usize, due: u64) {
        self.number += 1;
        let number = self.number;
        let now: Now = self.texts.now(Stamp { due, number });
        self.server.write(self.keys[at], now).await;
    }
}
