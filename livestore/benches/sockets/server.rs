//! [`Server`]: those who are measured.

mod careful;
mod feed;
mod livestore;
mod naive;
mod socketioxide;

use ::livestore::Uuid;
use axum::Router;
use axum::http::Uri;
use livestore_benches::rows::{CAREFUL, LIVESTORE, NAIVE, SOCKETIOXIDE};

use crate::room::{Now, Texts};
use crate::shape::Shape;

/// What one of them needs to write.
pub(crate) enum Server {
    Livestore(livestore::Writer),
    Naive(naive::Writer),
    Careful(careful::Writer),
    Socketioxide(socketioxide::Writer),
}

impl Server {
    /// Begins to serve these keys.
    pub(crate) fn begin(who: &str, keys: &[Uuid], shape: Shape, texts: &Texts) -> (Router, Server) {
        match who {
            LIVESTORE => {
                let (router, writer) = livestore::begin(keys, shape, texts);
                (router, Server::Livestore(writer))
            }
            NAIVE => {
                let (router, writer) = naive::begin(keys, shape, texts);
                (router, Server::Naive(writer))
            }
            CAREFUL => {
                let (router, writer) = careful::begin(keys, shape, texts);
                (router, Server::Careful(writer))
            }
            SOCKETIOXIDE => {
                let (router, writer) = socketioxide::begin(keys, shape, texts);
                (router, Server::Socketioxide(writer))
            }
            _ => unreachable!("nobody serves as {who}"),
        }
    }

    pub(crate) async fn write(&self, key: Uuid, now: Now) {
        match self {
            Server::Livestore(writer) => writer.write(&key, now).await,
            Server::Naive(writer) => writer.write(&key, now),
            Server::Careful(writer) => writer.write(&key, now),
            Server::Socketioxide(writer) => writer.write(&key, now).await,
        }
    }
}

/// The role that a client asks for: `/live?2`.
fn role(uri: &Uri) -> usize {
    uri.query().and_then(|role| role.parse().ok()).unwrap_or(0)
}
