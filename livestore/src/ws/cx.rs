//! [`Cx`]: who asks, and for what.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

use crate::ground::clock;
use crate::ground::random::random_key;

/// One connection of one user.
pub(crate) struct Visitor<U> {
    pub(crate) user: U,
    /// What the server calls the user; empty where it does not say.
    pub(crate) user_id: Arc<str>,
    pub(crate) session: Uuid,
}

impl<U> Visitor<U> {
    pub(crate) fn new(user: U, user_id: Arc<str>) -> Arc<Visitor<U>> {
        Arc::new(Visitor {
            user,
            user_id,
            session: random_key(),
        })
    }
}

/// Who asks, and for which key: what every hook is given. A clone costs a reference count.
pub struct Cx<U> {
    visitor: Arc<Visitor<U>>,
    key: Uuid,
}

impl<U> Cx<U> {
    pub(crate) fn new(visitor: &Arc<Visitor<U>>, key: Uuid) -> Cx<U> {
        Cx {
            visitor: Arc::clone(visitor),
            key,
        }
    }

    /// Returns the user, as it was authenticated when the connection began.
    pub fn user(&self) -> &U {
        &self.visitor.user
    }

    /// Returns the key that is asked for; in a [`call`](crate::ws::Live::call), which names none, the nil UUID.
    pub fn key(&self) -> Uuid {
        self.key
    }

    /// Returns the connection: another one for each socket, also of one user.
    pub fn session(&self) -> Uuid {
        self.visitor.session
    }

    /// What tells this user apart from others: his connection, if the server does not say.
    pub(crate) fn person(&self) -> Arc<str> {
        let user_id = &self.visitor.user_id;
        match user_id.is_empty() {
            true => self.visitor.session.to_string().into(),
            false => Arc::clone(user_id),
        }
    }

    /// Returns the time by the wall clock.
    pub fn now(&self) -> SystemTime {
        clock::wall_clock(clock::now())
    }
}

impl<U> Clone for Cx<U> {
    fn clone(&self) -> Self {
        Cx {
            visitor: Arc::clone(&self.visitor),
            key: self.key,
        }
    }
}

impl<U> fmt::Debug for Cx<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx")
            .field("session", &self.visitor.session)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
