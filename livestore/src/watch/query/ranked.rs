//! [`Ranked`]: entries in the order of their ranks, of which each knows its place.
//!
//! They stand in blocks of some hundred, and a tree of sums says how many stand before each block. So finding a place, and
//! telling which it is, takes a number of steps that grows with the logarithm of how many there are, and what has to be moved
//! is one block of pointers.
//!
//! Comparing ranks runs the user's code, which may panic, and may be no order at all. It is done before anything is changed;
//! and what is not found where it should stand is looked for everywhere.

use std::cmp::Ordering;
use std::sync::Arc;

use uuid::Uuid;

use crate::value::entry::Entry;

/// How many stand in a block at most.
const BLOCK: usize = 512;

/// An entry that is in, as it was ranked last.
pub(super) struct Item<V, R> {
    pub(super) key: Uuid,
    pub(super) rank: R,
    pub(super) entry: Entry<V>,
    /// The group that it is in.
    pub(super) group: usize,
}

pub(super) struct Ranked<V, R> {
    /// None is empty.
    blocks: Vec<Vec<Arc<Item<V, R>>>>,
    sums: Sums,
    len: usize,
}

/// A block, and a place in it.
type Place = (usize, usize);

impl<V, R: Ord> Item<V, R> {
    /// By rank, then by key, so that no two are equal.
    fn order(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank).then_with(|| self.key.cmp(&other.key))
    }
}

impl<V, R: Ord> Ranked<V, R> {
    pub(super) fn new() -> Ranked<V, R> {
        Ranked {
            blocks: Vec::new(),
            sums: Sums::default(),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, at: usize) -> Option<&Arc<Item<V, R>>> {
        let (block, before) = self.sums.seek(at);
        self.blocks.get(block)?.get(at - before)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Item<V, R>>> {
        self.blocks.iter().flatten()
    }

    /// Puts one in its place. Returns which that is.
    pub(super) fn insert(&mut self, item: Arc<Item<V, R>>) -> usize {
        let (block, at) = self.place_for(&item);
        let place = self.sums.before(block) + at;
        match self.blocks.get_mut(block) {
            Some(items) => {
                items.insert(at, item);
                if items.len() > BLOCK {
                    let second = items.split_off(BLOCK / 2);
                    self.blocks.insert(block + 1, second);
                    self.count_anew();
                } else {
                    self.sums.add(block);
                }
            }
            None => {
                self.blocks.push(vec![item]);
                self.count_anew();
            }
        }
        self.len += 1;
        place
    }

    /// Takes one out. Returns where it stood.
    pub(super) fn remove(&mut self, item: &Arc<Item<V, R>>) -> Option<usize> {
        let (block, at) = self.find(item)?;
        let place = self.sums.before(block) + at;
        let items = self.blocks.get_mut(block)?;
        // The caller has it as well.
        items.remove(at);
        self.len -= 1;
        if items.len() > BLOCK / 8 || !self.merge(block) {
            self.sums.subtract(block);
        }
        Some(place)
    }

    /// Puts one in the place of another that has the same rank and key. Returns where that is.
    pub(super) fn replace(&mut self, old: &Arc<Item<V, R>>, new: Arc<Item<V, R>>) -> Option<usize> {
        let (block, at) = self.find(old)?;
        // The caller has the other as well.
        *self.blocks.get_mut(block)?.get_mut(at)? = new;
        Some(self.sums.before(block) + at)
    }

    /// Where one that is not there belongs.
    fn place_for(&self, item: &Item<V, R>) -> Place {
        let is_before = |other: &Arc<Item<V, R>>| other.order(item) == Ordering::Less;
        let block = self
            .blocks
            .partition_point(|items| items.last().is_some_and(is_before));
        // Behind all of them is at the end of the last block.
        let block = block.min(self.blocks.len().saturating_sub(1));
        let at = self
            .blocks
            .get(block)
            .map_or(0, |items| items.partition_point(is_before));
        (block, at)
    }

    /// Where one stands that is there.
    fn find(&self, item: &Arc<Item<V, R>>) -> Option<Place> {
        let (block, at) = self.place_for(item);
        let there = self.blocks.get(block).and_then(|items| items.get(at));
        if there.is_some_and(|there| Arc::ptr_eq(there, item)) {
            return Some((block, at));
        }
        // Ranks that are in no order, or not always in the same.
        let mut blocks = self.blocks.iter().enumerate();
        blocks.find_map(|(block, items)| {
            let at = items.iter().position(|there| Arc::ptr_eq(there, item))?;
            Some((block, at))
        })
    }

    /// Puts a block that has become small together with the one behind it, if there is room, or takes it out if it is empty.
    /// Returns whether it did.
    fn merge(&mut self, block: usize) -> bool {
        let len = self.blocks[block].len();
        let next = self.blocks.get(block + 1).map_or(BLOCK, Vec::len);
        if len > 0 && len + next > BLOCK / 2 {
            return false;
        }
        let mut items = self.blocks.remove(block);
        if !items.is_empty() {
            items.append(&mut self.blocks[block]);
            self.blocks[block] = items;
        }
        self.count_anew();
        true
    }

    fn count_anew(&mut self) {
        self.sums = Sums::of(self.blocks.iter().map(Vec::len));
    }
}

/// How many stand in each block, as a tree of sums (P. Fenwick, 1994): the node at `n`, from 1, has the sum of as many blocks up
/// to it as the lowest bit of `n` says.
#[derive(Default)]
struct Sums(Vec<usize>);

impl Sums {
    fn of(lens: impl Iterator<Item = usize>) -> Sums {
        let mut nodes: Vec<usize> = lens.collect();
        for n in 1..=nodes.len() {
            let above = n + lowest_bit(n);
            if above <= nodes.len() {
                nodes[above - 1] += nodes[n - 1];
            }
        }
        Sums(nodes)
    }

    fn add(&mut self, block: usize) {
        self.change(block, |sum| *sum += 1);
    }

    fn subtract(&mut self, block: usize) {
        self.change(block, |sum| *sum -= 1);
    }

    fn change(&mut self, block: usize, change: impl Fn(&mut usize)) {
        let mut n = block + 1;
        while let Some(sum) = self.0.get_mut(n - 1) {
            change(sum);
            n += lowest_bit(n);
        }
    }

    /// How many stand in the blocks before this one.
    fn before(&self, block: usize) -> usize {
        let mut sum = 0;
        let mut n = block;
        while n > 0 {
            sum += self.0[n - 1];
            n -= lowest_bit(n);
        }
        sum
    }

    /// The block in which the one stands that has so many before it, and how many of those are in blocks before. The number of
    /// blocks if there are not so many.
    fn seek(&self, at: usize) -> (usize, usize) {
        let (mut block, mut before) = (0, 0);
        let mut step = self.0.len().checked_ilog2().map_or(0, |log| 1 << log);
        while step > 0 {
            if let Some(sum) = self.0.get(block + step - 1)
                && before + sum <= at
            {
                block += step;
                before += sum;
            }
            step /= 2;
        }
        (block, before)
    }
}

fn lowest_bit(n: usize) -> usize {
    n & n.wrapping_neg()
}

#[cfg(test)]
#[cfg(not(livestore_check))]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    fn item(rank: u32, key: u128) -> Arc<Item<(), u32>> {
        Arc::new(Item {
            key: Uuid::from_u128(key),
            rank,
            entry: Entry::new(()),
            group: 0,
        })
    }

    /// Numbers that look random, always the same.
    fn numbers() -> impl FnMut(u32) -> u32 {
        let mut state = 1_u64;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u32::try_from((state >> 33) % u64::from(below)).unwrap_or(0)
        }
    }

    /// It grows to many blocks and shrinks to none, and each place is the one that sorting gives.
    #[test]
    fn each_stands_where_sorting_puts_it() {
        let mut below = numbers();
        let (mut ranked, mut sorted) = (Ranked::new(), Vec::new());
        for (steps, grows) in [(6000, 5), (9000, 1), (3000, 4), (20_000, 0)] {
            for _ in 0..steps {
                if below(6) < grows || (sorted.is_empty() && grows > 0) {
                    let new = item(below(900), u128::from(below(u32::MAX)));
                    let at = sorted.partition_point(|other: &Arc<Item<(), u32>>| other.order(&new).is_lt());
                    sorted.insert(at, Arc::clone(&new));
                    assert_eq!(ranked.insert(new), at);
                } else if !sorted.is_empty() {
                    let at = below(u32::try_from(sorted.len()).unwrap()) as usize;
                    let old = sorted.remove(at);
                    assert_eq!(ranked.remove(&old), Some(at));
                }
                assert_eq!(ranked.len(), sorted.len());
            }
            assert!(ranked.iter().zip(&sorted).all(|(a, b)| Arc::ptr_eq(a, b)));
            for at in (0..sorted.len() + 2).step_by(37) {
                assert_eq!(ranked.get(at).map(|it| it.key), sorted.get(at).map(|it| it.key));
            }
            assert!(
                ranked
                    .blocks
                    .iter()
                    .all(|block| !block.is_empty() && block.len() <= BLOCK)
            );
        }
        assert!(sorted.is_empty() && ranked.blocks.is_empty());
    }

    /// A rank that is another whenever somebody wants it to be.
    struct Moving(AtomicU32);

    impl Ord for Moving {
        fn cmp(&self, other: &Self) -> Ordering {
            let (own, others) = (self.0.load(Relaxed), other.0.load(Relaxed));
            own.cmp(&others)
        }
    }

    impl PartialOrd for Moving {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for Moving {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other).is_eq()
        }
    }

    impl Eq for Moving {}

    #[test]
    fn what_is_not_where_it_should_stand_is_found_all_the_same() {
        let mut ranked = Ranked::new();
        let items: Vec<_> = (0..2000)
            .map(|n| {
                Arc::new(Item {
                    key: Uuid::from_u128(u128::from(n)),
                    rank: Moving(AtomicU32::new(n)),
                    entry: Entry::new(()),
                    group: 0,
                })
            })
            .collect();
        items.iter().for_each(|item| _ = ranked.insert(Arc::clone(item)));
        items[1500].rank.0.store(3, Relaxed);
        assert_eq!(ranked.remove(&items[1500]), Some(1500));
        assert_eq!(ranked.remove(&items[1500]), None);
        assert_eq!(ranked.len(), 1999);
    }
}
