//! What is hidden takes what is in it takes, but not what reaches into it.

use livestore::{Hidden, LiveValue};
use std::collections::HashMap;

#[derive(Clone, LiveValue)]
struct Card {
    #[live(id)]
    number: u32,
    text: String,
}

#[derive(Clone, LiveValue)]
struct Player {
    #[live(each)]
    by_key: Hidden<HashMap<u32, Card>>,
    #[live(each(by = number))]
    cards: Hidden<Vec<Card>>,
    #[live(set_at)]
    seats: Hidden<[Card; 2]>,
    #[live(nested)]
    plan: Hidden<Option<Card>>,
    #[live(insert, range = 0..=3)]
    scores: Hidden<HashMap<u32, u8>>,
    #[live(push)]
    count: Hidden<u32>,
    #[live(toggle)]
    name: Hidden<String>,
    #[live(len = ..=3)]
    coins: Hidden<Option<u32>>,
    #[live(range = ..=3)]
    token: Hidden<String>,
    #[live(insert, each)]
    numbers: HashMap<u32, Hidden<u32>>,
}

fn main() {}
