use livestore::LiveValue;

use std::collections::{BTreeSet, HashMap};

#[derive(Clone, LiveValue)]
struct Room {
    #[live(each)]
    scores: HashMap<u8, u32>,
    #[live(each, insert)]
    names: HashMap<u8, String>,
    #[live(insert)]
    heights: HashMap<f64, String>,
    #[live(insert, remove)]
    weights: BTreeSet<f32>,
}

#[derive(Clone, LiveValue)]
struct Pair<T: Clone> {
    #[live(nested)]
    one: T,
    #[live(each)]
    others: HashMap<u8, T>,
}

fn main() {}
