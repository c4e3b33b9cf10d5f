use livestore::LiveValue;

type Name = String;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(range = 0..=10)]
    name: Name,
}

#[derive(Clone, LiveValue)]
struct Number {
    #[live(range = 0..=300)]
    byte: u8,
    #[live(range = 0.5..)]
    whole: u32,
}

#[derive(Clone)]
struct Points(u32);

#[derive(Clone, LiveValue)]
struct Unordered {
    #[live(range = Points(1)..)]
    points: Points,
}

const MAX: u8 = 5;

#[derive(Clone, LiveValue)]
struct Bound {
    #[live(range = MAX)]
    byte: u8,
}

type Share = f32;

/// At each of the places that ask it.
#[derive(Clone, LiveValue)]
#[live(mutation(variants(Reset)))]
struct Asked {
    #[live(set, increment, decrement, message, range = 0..=1)]
    share: Share,
    #[live(set, push, clear, message, len = ..=MAX)]
    list: Vec<u8>,
}

impl Asked {
    fn reset(&mut self) {}
}

fn main() {}
