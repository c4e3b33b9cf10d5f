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
}

fn main() {}
