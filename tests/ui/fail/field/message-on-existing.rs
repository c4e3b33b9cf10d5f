use livestore::LiveValue;

#[derive(Clone)]
enum Note {}

#[derive(Clone, LiveValue)]
#[live(message = Note)]
struct Room {
    #[live(set, message)]
    volume: u8,
}

fn main() {}
