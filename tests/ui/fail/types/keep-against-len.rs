use livestore::LiveValue;

const LEAST: usize = 10;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(push, keep = Self::KEPT, len = LEAST..)]
    chat: Vec<u8>,
    #[live(push, keep = 20, len = ..=LEAST)]
    log: Vec<u8>,
    #[live(push, keep = 10, len = LEAST..=LEAST)]
    fits: Vec<u8>,
}

impl Room {
    const KEPT: usize = 5;
}

fn main() {}
