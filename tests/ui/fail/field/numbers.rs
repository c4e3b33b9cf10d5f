use livestore::{Hidden, LiveValue};

use std::collections::HashMap;

#[derive(Clone, LiveValue)]
struct Numbers {
    #[live(range = -1..=1)]
    byte: u8,
    #[live(range = ..-1)]
    maybe: Option<u64>,
    #[live(len = -1..)]
    list: Vec<u8>,
    #[live(range = 0..=1)]
    share: f32,
    #[live(range = 0.5..1)]
    hidden: Hidden<Option<f64>>,
    #[live(range = -1..)]
    each: HashMap<u8, f64>,
    #[live(push, keep = -3)]
    few: Vec<u8>,
    #[live(push, keep = "3")]
    quoted: Vec<u8>,
    #[live(range = -1.0..=1.0)]
    right: f64,
    #[live(range = -1..=1)]
    too: i8,
}

const MOST: usize = 3;

#[derive(Clone, LiveValue)]
struct WithoutSelf {
    most: usize,
    r#move: u32,
    #[live(len = ..=most)]
    list: Vec<u8>,
    #[live(range = r#move + 1..)]
    score: u32,
    #[live(len = ..=MOST.max(self.most))]
    right: Vec<u8>,
}

fn main() {}
