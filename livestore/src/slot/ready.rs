//! [`Ready`]: which members of a set have news, in the order in which they got it.
//!
//! A list that runs through an array, with one link for each member, so a member stands in it once however often it is
//! marked, marking allocates nothing, and whoever is taken from the front and marked again comes after all others.
//!
//! Lock order: a leaf, taken under a ring's lock or alone. Nothing of the user's runs under it.

use std::task::{Context, Poll, Waker};

use crate::ground::sync::Mutex;
use crate::ground::waker;

/// What stands where there is no next member.
const END: u32 = u32::MAX;
/// What stands where the member is not in the list.
const OUT: u32 = u32::MAX - 1;

pub(crate) struct Ready {
    state: Mutex<State>,
}

struct State {
    /// For each member, who comes after it.
    links: Vec<u32>,
    first: u32,
    last: u32,
    /// The task that waits for the set.
    waker: Option<Waker>,
}

impl Ready {
    pub(crate) fn new() -> Ready {
        Ready {
            state: Mutex::new(State {
                links: Vec::new(),
                first: END,
                last: END,
                waker: None,
            }),
        }
    }

    /// Makes room for the members below this one, and for it.
    pub(crate) fn make_room(&self, member: u32) {
        let mut state = self.state.lock();
        let len = (member as usize + 1).max(state.links.len());
        if len > state.links.capacity() {
            let more = len - state.links.len() + len / 8;
            state.links.reserve_exact(more);
        }
        state.links.resize(len, OUT);
    }

    /// Says that a member may have news. Returns whom to wake when nothing is locked.
    pub(crate) fn mark(&self, member: u32) -> Option<Waker> {
        let mut state = self.state.lock();
        if state.links[member as usize] != OUT {
            return None;
        }
        state.links[member as usize] = END;
        match state.last {
            END => state.first = member,
            last => state.links[last as usize] = member,
        }
        state.last = member;
        state.waker.take()
    }

    pub(crate) fn is_marked(&self, member: u32) -> bool {
        self.state.lock().links[member as usize] != OUT
    }

    /// Gives the room back. Nobody marks or is marked.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        debug_assert_eq!(state.first, END, "nobody is marked");
        state.links = Vec::new();
    }

    /// Takes the member that has waited longest; without a context, the caller is not woken if there is none.
    pub(crate) fn poll_take(&self, cx: Option<&Context<'_>>) -> Poll<u32> {
        let Some(cx) = cx else {
            return self.state.lock().take().map_or(Poll::Pending, Poll::Ready);
        };
        let found = waker::find_or_wait(cx, |clone| {
            let mut state = self.state.lock();
            match state.take() {
                Some(member) => Ok(member),
                None => Err(waker::settle(&mut state.waker, cx, clone)),
            }
        });
        found.map_or(Poll::Pending, Poll::Ready)
    }
}

impl State {
    fn take(&mut self) -> Option<u32> {
        let member = match self.first {
            END => return None,
            member => member,
        };
        self.first = self.links[member as usize];
        if self.first == END {
            self.last = END;
        }
        self.links[member as usize] = OUT;
        Some(member)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(not(livestore_check))]
    use super::*;

    #[cfg(not(livestore_check))]
    fn all(ready: &Ready) -> Vec<u32> {
        let mut taken = Vec::new();
        while let Poll::Ready(member) = ready.poll_take(None) {
            taken.push(member);
        }
        taken
    }

    #[cfg(not(livestore_check))]
    #[test]
    fn members_come_in_the_order_in_which_they_were_marked_and_each_once() {
        let ready = Ready::new();
        ready.make_room(3);
        for member in [2, 0, 2, 3, 0, 2] {
            assert!(ready.mark(member).is_none());
        }
        assert_eq!(all(&ready), [2, 0, 3]);
        for member in [1, 3] {
            ready.mark(member);
        }
        assert_eq!(ready.poll_take(None), Poll::Ready(1));
        // Who was taken comes after those who wait.
        ready.mark(1);
        ready.make_room(7);
        ready.mark(7);
        assert_eq!(all(&ready), [3, 1, 7]);
        assert!(all(&ready).is_empty());
    }
}
