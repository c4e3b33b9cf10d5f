//! [`Hub`]: all connections of a server, and what is told to them from outside.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;
use uuid::Uuid;

use crate::ground::sync::Mutex;
use crate::ws::cx::Visitor;
use crate::ws::limits::Limits;
use crate::ws::session::{Close, Control, Reach};

#[derive(Default)]
pub(crate) struct Hub {
    state: Mutex<State>,
    /// A connection has ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    /// Connections that are there, or about to be.
    count: usize,
    /// How many of them each user has.
    users: HashMap<Arc<str>, usize>,
    reached: HashMap<Uuid, (Arc<str>, Reach)>,
    /// The server is about to end.
    closing: bool,
}

/// A connection that is counted until this is dropped.
pub(crate) struct Seat {
    hub: Arc<Hub>,
    user_id: Arc<str>,
    session: Uuid,
}

impl Hub {
    /// Counts a connection, if there is room for one more.
    pub(crate) fn enter<U>(self: &Arc<Self>, visitor: &Visitor<U>, limits: &Limits) -> Result<Seat, Close> {
        let user_id = Arc::clone(&visitor.user_id);
        let mut state = self.state.lock();
        if state.closing {
            return Err(Close::RESTART);
        }
        if state.count >= limits.connections {
            return Err(Close::FULL);
        }
        if !user_id.is_empty() {
            let count = state.users.entry(Arc::clone(&user_id)).or_default();
            if *count >= limits.connections_per_user {
                return Err(Close::FULL);
            }
            *count += 1;
        }
        state.count += 1;
        Ok(Seat {
            hub: Arc::clone(self),
            user_id,
            session: visitor.session,
        })
    }

    /// How many connections there are.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().count
    }

    /// How those of a user are reached, or all.
    pub(crate) fn reach(&self, user_id: Option<&str>) -> Vec<Reach> {
        let state = self.state.lock();
        let wanted = state
            .reached
            .values()
            .filter(|(of, _)| user_id.is_none_or(|user_id| **of == *user_id));
        wanted.map(|(_, reach)| reach.clone()).collect()
    }

    /// Has all connections end, and lets no more in.
    pub(crate) fn close(&self) {
        self.state.lock().closing = true;
        for reach in self.reach(None) {
            reach.control(Control::Close(Close::RESTART));
        }
    }

    /// Waits until no connection is left.
    pub(crate) async fn until_empty(&self) {
        loop {
            let ended = self.ended.notified();
            if self.len() == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Seat {
    /// Says how the connection is reached.
    pub(crate) fn sit(&self, reach: Reach) {
        let mut state = self.hub.state.lock();
        if state.closing {
            // It came in before that was said.
            reach.control(Control::Close(Close::RESTART));
        }
        state
            .reached
            .insert(self.session, (Arc::clone(&self.user_id), reach));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.hub.state.lock();
        state.count -= 1;
        state.reached.remove(&self.session);
        if let Some(count) = state.users.get_mut(&self.user_id) {
            *count -= 1;
            if *count == 0 {
                state.users.remove(&self.user_id);
            }
        }
        drop(state);
        self.hub.ended.notify_waiters();
    }
}
