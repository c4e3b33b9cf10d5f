//! [`Stripes`]: counts that each thread keeps in a cache line of its own.
//!
//! A line has one writer, so counting is a load and a store; reading adds all lines up. A thread has a number for as long
//! as it lives, which a later thread gets again. What runs in a thread after its number was given back, a destructor of
//! something thread-local, counts on a line that everybody shares, and so do threads beyond [`LINES`].

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

/// How many lines are there from the beginning, and are found by nothing but a number.
const NEAR: usize = 16;
/// The others are made in blocks, the first as large, each twice as large as the one before.
const BLOCKS: usize = 8;
/// How many threads at once have a line of their own.
const LINES: usize = NEAR << BLOCKS;

/// The counts of one thread. A line for itself, and the one that processors fetch along with it.
#[repr(align(128))]
struct Line<const N: usize>([AtomicU64; N]);

impl<const N: usize> Line<N> {
    const fn new() -> Line<N> {
        Line([const { AtomicU64::new(0) }; N])
    }

    /// Called by the thread whose line it is, which alone writes it.
    #[inline]
    fn add(&self, count: usize, amount: u64) {
        let cell = &self.0[count];
        cell.store(cell.load(Relaxed).wrapping_add(amount), Relaxed);
    }
}

pub(crate) struct Stripes<const N: usize> {
    near: [Line<N>; NEAR],
    blocks: [OnceLock<Box<[Line<N>]>>; BLOCKS],
    shared: Line<N>,
}

impl<const N: usize> Stripes<N> {
    pub(crate) fn new() -> Stripes<N> {
        Stripes {
            near: [const { Line::new() }; NEAR],
            blocks: [const { OnceLock::new() }; BLOCKS],
            shared: Line::new(),
        }
    }

    /// Adds to a count; it wraps around.
    #[inline]
    pub(crate) fn add(&self, count: usize, amount: u64) {
        // Who has no number yet, or none any more, has none of these lines.
        match self.near.get(NUMBER.get()) {
            Some(line) => line.add(count, amount),
            None => self.add_far(count, amount),
        }
    }

    #[inline(never)]
    fn add_far(&self, count: usize, amount: u64) {
        match number() {
            Some(number) => self.line(number).add(count, amount),
            None => {
                self.shared.0[count].fetch_add(amount, Relaxed);
            }
        }
    }

    pub(crate) fn sum(&self, count: usize) -> u64 {
        let lines = self.blocks.iter().filter_map(OnceLock::get).flatten();
        lines
            .chain(&self.near)
            .chain([&self.shared])
            .map(|line| line.0[count].load(Relaxed))
            .fold(0, u64::wrapping_add)
    }

    fn line(&self, number: usize) -> &Line<N> {
        let Some(far) = number.checked_sub(NEAR) else {
            return &self.near[number];
        };
        // Block 0 has as many lines as there are near, block 1 twice as many, and so on.
        let block = (far / NEAR + 1).ilog2() as usize;
        let size = NEAR << block;
        let lines = self.blocks[block].get_or_init(|| (0..size).map(|_| Line::new()).collect());
        &lines[far + NEAR - size]
    }
}

/// Numbers that no thread has: those that were given back, and from where on all are free.
struct Free {
    returned: Vec<usize>,
    next: usize,
}

static FREE: Mutex<Free> = Mutex::new(Free {
    returned: Vec::new(),
    next: 0,
});

/// Gives the thread's number back.
struct Returns(usize);

const NONE_YET: usize = usize::MAX;
const NONE_ANY_MORE: usize = usize::MAX - 1;

thread_local! {
    /// The number of this thread. Has no destructor, so it can be read as long as the thread runs at all.
    static NUMBER: Cell<usize> = const { Cell::new(NONE_YET) };
    static RETURNS: Cell<Option<Returns>> = const { Cell::new(None) };
}

fn number() -> Option<usize> {
    match NUMBER.get() {
        NONE_ANY_MORE => None,
        NONE_YET => begin(),
        number => Some(number),
    }
}

#[cold]
fn begin() -> Option<usize> {
    let number = {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        match free.returned.pop() {
            Some(number) => number,
            None if free.next < LINES => {
                free.next += 1;
                free.next - 1
            }
            None => {
                NUMBER.set(NONE_ANY_MORE);
                return None;
            }
        }
    };
    let returns = Returns(number);
    NUMBER.set(number);
    // Where the thread has come so far in its end that nothing would be dropped any more, the number goes back here.
    let _ = RETURNS.try_with(|place| place.set(Some(returns)));
    (NUMBER.get() != NONE_ANY_MORE).then_some(number)
}

impl Drop for Returns {
    fn drop(&mut self) {
        NUMBER.set(NONE_ANY_MORE);
        FREE.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .returned
            .push(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn what_threads_count_adds_up_while_they_live_and_when_they_are_gone() {
        let stripes = Arc::new(Stripes::<2>::new());
        let threads: Vec<_> = (0..40)
            .map(|_| {
                let stripes = Arc::clone(&stripes);
                thread::spawn(move || (0..1000).for_each(|_| stripes.add(1, 1)))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((stripes.sum(0), stripes.sum(1)), (0, 40_000));
        stripes.add(1, 1_u64.wrapping_neg());
        assert_eq!(stripes.sum(1), 39_999);
    }

    #[test]
    fn every_number_has_a_line_of_its_own() {
        let stripes = Stripes::<1>::new();
        for number in 0..LINES {
            let cell = &stripes.line(number).0[0];
            assert_eq!(cell.load(Relaxed), 0, "{number}");
            cell.store(1, Relaxed);
        }
        assert_eq!(stripes.sum(0), LINES as u64);
    }

    /// A destructor of something thread-local runs after the number was given back, in one order or the other.
    #[test]
    fn a_thread_that_is_about_to_end_counts_as_well() {
        struct Counts(Arc<Stripes<1>>);
        impl Drop for Counts {
            fn drop(&mut self) {
                self.0.add(0, 1);
            }
        }
        thread_local! {
            static BEFORE: Cell<Option<Counts>> = const { Cell::new(None) };
            static AFTER: Cell<Option<Counts>> = const { Cell::new(None) };
        }
        let stripes = Arc::new(Stripes::<1>::new());
        let counts = [(); 2].map(|()| Counts(Arc::clone(&stripes)));
        let count = Arc::clone(&stripes);
        thread::spawn(move || {
            let [before, after] = counts;
            BEFORE.set(Some(before));
            count.add(0, 1);
            AFTER.set(Some(after));
        })
        .join()
        .unwrap();
        assert_eq!(stripes.sum(0), 3);
        let only = Counts(Arc::clone(&stripes));
        thread::spawn(move || BEFORE.set(Some(only))).join().unwrap();
        assert_eq!(stripes.sum(0), 4);
    }
}
