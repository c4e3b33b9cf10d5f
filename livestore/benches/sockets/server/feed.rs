//! [`Feed`]: the channels that a socket written by hand follows.

use axum::extract::ws::{Message, WebSocket};
use futures_util::future::FutureExt;
use futures_util::stream::{self, BoxStream, SelectAll, StreamExt};
use livestore::Uuid;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// How many updates a channel holds, as many as a store's.
pub(crate) const CAPACITY: usize = 64;

/// One channel, or several as one. Whoever has missed something goes on with the oldest that is there, for each is the whole.
pub(crate) enum Feed<T> {
    One(Uuid, Receiver<T>),
    Many(SelectAll<BoxStream<'static, (Uuid, T)>>),
}

impl<T: Clone + Send + 'static> Feed<T> {
    pub(crate) fn new(mut channels: Vec<(Uuid, Receiver<T>)>) -> Feed<T> {
        if channels.len() == 1
            && let Some((key, channel)) = channels.pop()
        {
            return Feed::One(key, channel);
        }
        let stream = |(key, channel)| {
            stream::unfold(channel, move |mut channel| async move {
                let told = receive(&mut channel).await?;
                Some(((key, told), channel))
            })
            .boxed()
        };
        Feed::Many(channels.into_iter().map(stream).collect())
    }

    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<(Uuid, T)> {
        match self {
            Feed::One(key, channel) => Some((*key, receive(channel).await?)),
            Feed::Many(channels) => channels.next().await,
        }
    }

    /// The next, if it is there.
    pub(crate) fn try_next(&mut self) -> Option<(Uuid, T)> {
        match self {
            Feed::One(key, channel) => loop {
                match channel.try_recv() {
                    Ok(told) => return Some((*key, told)),
                    Err(TryRecvError::Lagged(_)) => {}
                    Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
                }
            },
            Feed::Many(channels) => channels.next().now_or_never().flatten(),
        }
    }
}

async fn receive<T: Clone>(channel: &mut Receiver<T>) -> Option<T> {
    loop {
        match channel.recv().await {
            Ok(told) => return Some(told),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

/// The keys that a client asks for, in its first frame.
pub(crate) async fn asked(socket: &mut WebSocket) -> Option<Vec<Uuid>> {
    match socket.recv().await?.ok()? {
        Message::Text(text) => serde_json::from_str(&text).ok(),
        _ => None,
    }
}
