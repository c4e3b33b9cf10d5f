use livestore::LiveValue;

use std::collections::{BTreeMap, HashSet};

#[derive(Clone, LiveValue)]
struct Room {
    #[live(add)]
    score: u32,
    #[live(add)]
    names: BTreeMap<u8, String>,
    #[live(add)]
    log: Vec<u8>,
    #[live(set_at)]
    list: Vec<u8>,
    #[live(set_at)]
    tags: HashSet<u8>,
    #[live(insert(old), remove(new))]
    set: HashSet<u8>,
    #[live(each(by = id))]
    other: BTreeMap<u8, String>,
    #[live(each)]
    numbers: [u8; 3],
    #[live(nested)]
    array: [String; 3],
    #[live(each(by = id))]
    items: Vec<u32>,
}

#[derive(Clone, LiveValue)]
struct Card {
    #[live(id, set)]
    id: u32,
    #[live(id)]
    other: u32,
    #[live(id, skip)]
    third: u32,
}

fn main() {}
