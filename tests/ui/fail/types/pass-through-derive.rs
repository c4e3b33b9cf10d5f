use livestore::LiveValue;

#[derive(Clone)]
struct Opaque;

#[derive(Clone, LiveValue)]
#[live(derive(Debug))]
struct Room {
    opaque: Opaque,
}

fn main() {}
