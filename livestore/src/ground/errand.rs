//! [`run`]: does what nobody awaits, and needs no runtime for it: whoever wakes it goes on with it.
//!
//! An errand is polled where it is begun, and after that on the thread that wakes it, before `wake` returns. It blocks
//! nobody but whom it is woken by, and that for no longer than it has something to do. Wakers are woken with nothing
//! locked, so it may do what any waker may.
//!
//! One errand may wake the next, and that one a third. They nest only so deep; those beyond wait in line on the same
//! thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use uuid::Uuid;

use crate::ground::sync::{Mutex, thread_local};
use crate::ground::trace;
use crate::ground::unwind::{caught, let_go};

/// How many errands run within each other on one thread: enough that one which waits for another that it has woken gets
/// what it waits for, and few enough for any stack.
const DEEPEST: usize = 8;

thread_local! {
    /// How many errands this thread is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Those that wait for the deepest to end.
    /// Has no destructor, so it is there as long as the thread runs at all; whoever empties it leaves nothing behind.
    static LINE: ManuallyDrop<RefCell<VecDeque<Arc<Errand>>>> =
        const { ManuallyDrop::new(RefCell::new(VecDeque::new())) };
}

type Rest = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Errand {
    /// What it is about.
    key: Uuid,
    state: Mutex<State>,
}

struct State {
    /// What is left to do. `None` while somebody is at it, and when nothing is left.
    rest: Option<Rest>,
    /// It was woken while somebody was at it.
    woken: bool,
}

/// Begins an errand about a key. A panic in it ends it, and is told to a `tracing` subscriber alone.
pub(crate) fn run(key: Uuid, errand: impl Future<Output = ()> + Send + 'static) {
    Arc::new(Errand {
        key,
        state: Mutex::new(State {
            rest: Some(Box::pin(errand)),
            woken: false,
        }),
    })
    .go_on();
}

impl Errand {
    /// Does what can be done now, here or at the end of the line.
    fn go_on(self: Arc<Self>) {
        let depth = DEPTH.with(Cell::get);
        if depth >= DEEPEST {
            return LINE.with(|line| line.borrow_mut().push_back(self));
        }
        DEPTH.with(|deep| deep.set(depth + 1));
        let mut next = Some(self);
        while let Some(errand) = next {
            errand.work();
            let_go(errand);
            next = if depth + 1 == DEEPEST {
                LINE.with(|line| {
                    let mut line = line.borrow_mut();
                    let next = line.pop_front();
                    if next.is_none() {
                        *line = VecDeque::new();
                    }
                    next
                })
            } else {
                None
            };
        }
        DEPTH.with(|deep| deep.set(depth));
    }

    fn work(self: &Arc<Self>) {
        let rest = {
            let mut state = self.state.lock();
            state.woken = true;
            state.rest.take()
        };
        // Else whoever is at it sees that it was woken.
        let Some(mut rest) = rest else { return };
        let waker = Waker::from(Arc::clone(self));
        let mut cx = Context::from_waker(&waker);
        loop {
            {
                let mut state = self.state.lock();
                if !mem::take(&mut state.woken) {
                    state.rest = Some(rest);
                    return;
                }
            }
            match caught(|| rest.as_mut().poll(&mut cx)) {
                Ok(Poll::Pending) => {}
                Ok(Poll::Ready(())) => break,
                Err(_) => {
                    trace::errand_panicked(&self.key);
                    break;
                }
            }
        }
        let_go(rest);
    }
}

impl Wake for Errand {
    fn wake(self: Arc<Self>) {
        self.go_on();
    }
}
