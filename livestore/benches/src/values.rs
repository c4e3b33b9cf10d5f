//! What is stored.

use livestore::{LiveStore, LiveValue, Uuid};

/// The value of the targets: 16 bytes.
#[derive(Clone, Debug, LiveValue)]
pub struct Small {
    /// 4 bytes.
    pub id: u32,
    /// 8 bytes, and 4 to fill up.
    pub count: u64,
}

impl Small {
    /// A value that differs from others by `count`.
    pub fn new(count: u64) -> Small {
        Small { id: 1, count }
    }
}

/// The same size, changed by code of the user's, which never runs under a lock.
#[derive(Clone, Debug, LiveValue)]
#[live(mutation(variants(
    /// Sets the count.
    Count(u64),
)))]
pub struct Counted {
    /// 4 bytes.
    #[live(skip)]
    pub id: u32,
    /// 8 bytes, and 4 to fill up.
    #[live(skip)]
    pub count: u64,
}

impl Counted {
    /// A value that was not changed yet.
    pub fn new() -> Counted {
        Counted { id: 1, count: 0 }
    }

    fn count(&mut self, count: &u64) {
        self.count = *count;
    }
}

impl Default for Counted {
    fn default() -> Self {
        Counted::new()
    }
}

/// A value of any size, of which a mutation changes a small part.
#[derive(Clone, Debug, LiveValue)]
pub struct Block {
    /// What is changed.
    pub count: u64,
    /// What is merely there.
    #[live(skip)]
    pub payload: Vec<u8>,
}

impl Block {
    /// A value with this many bytes besides the count.
    pub fn new(bytes: usize) -> Block {
        Block {
            count: 0,
            payload: vec![7; bytes],
        }
    }
}

/// A store with an entry for each of the keys.
pub fn filled(keys: &[Uuid]) -> LiveStore<Small> {
    let store = LiveStore::default();
    for (key, count) in keys.iter().zip(0..) {
        assert!(store.create(key, Small::new(count)).is_ok(), "keys differ");
    }
    store
}
