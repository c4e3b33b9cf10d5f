use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(keep = 200)]
    log: Vec<u8>,
    #[live(set, clear, keep = 200)]
    other: Vec<u8>,
}

fn main() {}
