use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(push(max = 200))]
    log: Vec<u8>,
    #[live(increment(by = 1), set Score)]
    score: u32,
    #[live(skip = true)]
    id: u32,
    #[live(toggle(Flip))]
    on: bool,
    #[live(increment(wrapping), decrement(saturating))]
    level: u8,
    #[live(push; clear)]
    names: Vec<u8>,
    #[live(increment(clamp))]
    points: u8,
    #[live(each(id))]
    first: Vec<Card>,
    #[live(each(by))]
    second: Vec<Card>,
    #[live(each(by = "number"))]
    third: Vec<Card>,
    #[live(each(key = number))]
    fourth: Vec<Card>,
}

#[derive(Clone, LiveValue)]
struct Card {
    #[live(id)]
    number: u8,
}

fn main() {}
