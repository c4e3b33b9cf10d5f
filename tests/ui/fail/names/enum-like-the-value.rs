use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(name = Room))]
struct Room {
    seats: u8,
}

fn main() {}
