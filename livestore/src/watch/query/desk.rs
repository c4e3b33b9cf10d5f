//! [`Desk`]: where receivers of a live query come in, and whether somebody tells them.

use std::mem;
use std::sync::Arc;

use crate::ground::sync::Mutex;
use crate::ground::unwind::let_go;
use crate::value::error::QueryError;
use crate::watch::query::seat::{Bell, Seat};

/// Lock order: before the locks of bells.
pub(super) struct Desk<V, K>(Mutex<State<V, K>>);

struct State<V, K> {
    /// Those who have come in and have no place yet, with the group that they want.
    joining: Vec<Joining<V, K>>,
    /// With it those are called who tell, as long as somebody does.
    bell: Option<Arc<Bell<V>>>,
}

pub(super) type Joining<V, K> = (K, Arc<Seat<V>>);

/// Somebody tells. When it is dropped, all who are told are told that this is over.
pub(super) struct Open<V, K> {
    desk: Arc<Desk<V, K>>,
    pub(super) bell: Arc<Bell<V>>,
    /// Why it will be over, if not because the store is.
    pub(super) why: Option<QueryError>,
}

impl<V, K> Desk<V, K> {
    pub(super) fn new() -> Desk<V, K> {
        Desk(Mutex::new(State {
            joining: Vec::new(),
            bell: None,
        }))
    }

    /// A seat for a receiver; and what is to be kept by who begins to tell, if nobody does yet.
    #[expect(
        clippy::type_complexity,
        reason = "two of them, then what is not always there"
    )]
    pub(super) fn join(self: &Arc<Self>, group: K) -> (Arc<Seat<V>>, Arc<Bell<V>>, Option<Open<V, K>>) {
        let mut state = self.0.lock();
        let opens = state.bell.is_none();
        let bell = Arc::clone(state.bell.get_or_insert_with(|| Arc::new(Bell::new())));
        let seat = bell.seat();
        state.joining.push((group, Arc::clone(&seat)));
        drop(state);
        bell.ring();
        let open = opens.then(|| Open {
            desk: Arc::clone(self),
            bell: Arc::clone(&bell),
            // Until it is known otherwise: whoever runs this may stop doing so at any time.
            why: Some(QueryError::RuntimeEnded),
        });
        (seat, bell, open)
    }
}

impl<V, K> Open<V, K> {
    /// Those who have come in since.
    pub(super) fn joining(&self) -> Vec<Joining<V, K>> {
        mem::take(&mut self.desk.0.lock().joining)
    }

    /// Closes if nobody is told, or wants to be. Returns whether it did.
    pub(super) fn close_unused(&self) -> bool {
        let mut state = self.desk.0.lock();
        // Whoever joins has a seat under this lock.
        if self.bell.has_seats() {
            return false;
        }
        state.bell = None;
        // Those who have left again.
        let joining = mem::take(&mut state.joining);
        drop(state);
        drop(joining);
        true
    }
}

impl<V, K> Drop for Open<V, K> {
    fn drop(&mut self) {
        let mut state = self.desk.0.lock();
        let mut joining = Vec::new();
        // Else it was closed, and somebody else may have begun.
        if state
            .bell
            .as_ref()
            .is_some_and(|bell| Arc::ptr_eq(bell, &self.bell))
        {
            state.bell = None;
            joining = mem::take(&mut state.joining);
        }
        drop(state);
        self.bell.end(self.why.take());
        let_go(joining);
    }
}
