use livestore::{Hidden, LiveValue};

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

type Log = Vec<u8>;

#[derive(Clone, LiveValue)]
struct Kept {
    #[live(keep = 9)]
    map: HashMap<u8, u8>,
    #[live(insert, keep = 9)]
    set: Arc<BTreeSet<u8>>,
    #[live(increment, keep = 9)]
    number: u8,
    #[live(keep = 9)]
    text: String,
    #[live(toggle, keep = 9)]
    on: bool,
    #[live(keep = 9)]
    maybe: Option<Vec<u8>>,
    #[live(keep = 9)]
    array: [u8; 9],
    #[live(keep = 9)]
    hidden: Hidden<HashMap<u8, u8>>,
    #[live(push, keep = 9)]
    pushed: HashMap<u8, u8>,
    #[live(keep = 9)]
    list: Vec<u8>,
    #[live(keep = 9)]
    alias: Log,
    #[live(skip, keep = 9)]
    skipped: u8,
}

fn main() {}
