use livestore::LiveValue;

enum RoomMutation {
    Other,
}

#[derive(Clone, LiveValue)]
struct Room {
    name: String,
}

fn main() {
    let _ = RoomMutation::Other;
}
