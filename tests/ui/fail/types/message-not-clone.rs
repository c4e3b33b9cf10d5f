use livestore::LiveValue;

enum Note {}

#[derive(Clone, LiveValue)]
#[live(message = Note)]
struct Room {
    name: String,
}

fn main() {}
