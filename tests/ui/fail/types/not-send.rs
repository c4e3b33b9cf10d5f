use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    name: *const u8,
}

fn main() {}
