//! [`Batch`]: what the writer takes from the queue at one instant.

use std::mem;
use std::time::Duration;

use crate::ground::clock;
use crate::ground::sync::atomic::Ordering;
use crate::slot::records::Records;
use crate::slot::sink::{Phase, Sink};

/// Everything that was pending at one instant.
pub(crate) struct Batch<V> {
    pub(crate) records: Records<V>,
    /// The sequence number of the last record entered before that instant.
    pub(crate) up_to: u64,
}

/// What the writer is to do next.
pub(crate) enum Next<V> {
    Write(Batch<V>),
    /// Something else that it has to do.
    Work,
    /// Nothing more is to come.
    End,
}

/// Whether the writer has something else to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Otherwise {
    Wait,
    Work,
}

impl<V> Sink<V> {
    /// Waits until something is pending and either `interval` has passed, or it is wanted, or much; then takes everything
    /// at one instant, and leaves `empty` in its place. Does not wait if there is something else to do.
    pub(crate) fn next(&self, interval: Duration, empty: &mut Records<V>, otherwise: Otherwise) -> Next<V> {
        let mut state = self.state.lock();
        loop {
            if state.pending.is_empty() {
                if state.phase != Phase::Open {
                    return Next::End;
                }
                if otherwise == Otherwise::Work {
                    return Next::Work;
                }
                self.work.wait(&mut state);
                continue;
            }
            if state.phase != Phase::Open || state.wanted || state.pending.len() >= state.early() {
                break;
            }
            let now = clock::real_now();
            let until = state.since.get_or_insert(now).checked_add(interval);
            if until.is_some_and(|until| until <= now) {
                break;
            }
            match (otherwise, until) {
                (Otherwise::Work, _) => return Next::Work,
                (Otherwise::Wait, Some(until)) => drop(self.work.wait_until(&mut state, until)),
                (Otherwise::Wait, None) => self.work.wait(&mut state),
            }
        }
        // No transaction half-way.
        state.closing_batch = true;
        while state.transactions > 0 {
            self.between.wait(&mut state);
        }
        state.closing_batch = false;
        state.wanted = false;
        state.since = None;
        state.taken = state.entered;
        let batch = Batch {
            records: mem::replace(&mut state.pending, mem::take(empty)),
            up_to: state.entered,
        };
        self.full.store(false, Ordering::Release);
        drop(state);
        self.between.notify_all();
        self.room.notify_waiters();
        Next::Write(batch)
    }
}
