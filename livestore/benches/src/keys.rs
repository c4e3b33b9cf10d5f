//! Keys: the same for every contender, and a cheap source of numbers to draw them from.

use livestore::Uuid;

/// A cheap source of different numbers, the same in every run.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Starts at a fixed place.
    pub fn new() -> Dice {
        Dice(0x9E37_79B9_7F4A_7C15)
    }

    /// Draws a number.
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Draws a number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % bound as u64).unwrap_or(0)
    }
}

impl Default for Dice {
    fn default() -> Self {
        Dice::new()
    }
}

/// Draws `count` keys. They look like version 4, so their bits are as evenly spread.
pub fn keys(count: usize) -> Vec<Uuid> {
    let mut dice = Dice::new();
    (0..count).map(|_| uuid_from(dice.roll(), dice.roll())).collect()
}

fn uuid_from(high: u64, low: u64) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&high.to_be_bytes());
    bytes[8..].copy_from_slice(&low.to_be_bytes());
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    Uuid::from_bytes(bytes)
}

/// The same keys in an order that has nothing to do with the order in which they were drawn.
pub fn shuffled(keys: &[Uuid]) -> Vec<Uuid> {
    let mut dice = Dice::new();
    let mut keys = keys.to_vec();
    for at in (1..keys.len()).rev() {
        keys.swap(at, dice.below(at + 1));
    }
    keys
}

/// Goes round and round over keys.
#[derive(Debug)]
pub struct Round<'a> {
    keys: &'a [Uuid],
    at: usize,
}

impl<'a> Round<'a> {
    /// Starts with the first.
    pub fn over(keys: &'a [Uuid]) -> Round<'a> {
        Round { keys, at: 0 }
    }

    /// The next key.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> &'a Uuid {
        let key = &self.keys[self.at];
        self.at += 1;
        if self.at == self.keys.len() {
            self.at = 0;
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_differ_and_shuffling_keeps_them() {
        let drawn = keys(10_000);
        let mixed = shuffled(&drawn);
        assert_ne!(drawn, mixed);
        let drawn: HashSet<_> = drawn.into_iter().collect();
        assert_eq!(drawn.len(), 10_000);
        assert_eq!(drawn, mixed.into_iter().collect());
    }
}
