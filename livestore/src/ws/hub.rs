//! [`Hub`]: all connections of a server, and what is told to them from outside.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::ground::sync::Mutex;
use crate::ws::budget::Budget;
use crate::ws::cx::Visitor;
use crate::ws::limits::Limits;
use crate::ws::session::{Close, Control, Reach};
use crate::ws::tally::Tally;

#[derive(Default)]
pub(crate) struct Hub {
    state: Mutex<State>,
    tally: Arc<Tally>,
    /// A connection has ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    /// Connections that are there, or about to be.
    count: usize,
    /// Those who have connections, or had some and have asked for much.
    users: HashMap<Arc<str>, User>,
    /// Users who have left, in that order. Some have come back.
    left: VecDeque<Arc<str>>,
    reached: HashMap<Uuid, (Arc<str>, Reach)>,
    /// The server is about to end.
    closing: bool,
}

struct User {
    /// How many connections.
    count: usize,
    budget: Arc<Budget>,
}

/// A connection that is counted until this is dropped.
pub(crate) struct Seat {
    hub: Arc<Hub>,
    budget: Arc<Budget>,
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
        let now = Instant::now();
        let budget = if user_id.is_empty() {
            Arc::new(Budget::of_connection())
        } else {
            let count = state.users.get(&user_id).map_or(0, |user| user.count);
            if count >= limits.connections_per_user {
                return Err(Close::FULL);
            }
            let user = state.users.entry(Arc::clone(&user_id)).or_insert_with(|| User {
                count: 0,
                budget: Arc::new(Budget::new(limits, now)),
            });
            user.count += 1;
            Arc::clone(&user.budget)
        };
        state.count += 1;
        state.forget(now);
        Ok(Seat {
            hub: Arc::clone(self),
            budget,
            user_id,
            session: visitor.session,
        })
    }

    /// How many connections there are.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().count
    }

    /// How many users have connections, of those who are told apart.
    pub(crate) fn users(&self) -> usize {
        let state = self.state.lock();
        state.users.values().filter(|user| user.count > 0).count()
    }

    /// What the connections have sent and were asked.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
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

impl State {
    /// Forgets users who have left and whose budget is whole again. Looks at two at most: no more than one leaves at a time.
    fn forget(&mut self, now: Instant) {
        for _ in 0..2 {
            let Some(user_id) = self.left.pop_front() else {
                return;
            };
            let Some(user) = self.users.get(&user_id).filter(|user| user.count == 0) else {
                continue;
            };
            if user.budget.is_whole(now) {
                self.users.remove(&user_id);
            } else {
                self.left.push_back(user_id);
            }
        }
    }
}

impl Seat {
    /// What the user may ask for.
    pub(crate) fn budget(&self) -> Arc<Budget> {
        Arc::clone(&self.budget)
    }

    /// Where it is counted what the connection does.
    pub(crate) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.hub.tally)
    }

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
        if let Some(user) = state.users.get_mut(&self.user_id) {
            user.count -= 1;
            if user.count == 0 {
                state.left.push_back(Arc::clone(&self.user_id));
            }
        }
        state.forget(Instant::now());
        drop(state);
        self.hub.ended.notify_waiters();
    }
}
