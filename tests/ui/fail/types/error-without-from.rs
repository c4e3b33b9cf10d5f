use livestore::LiveValue;

struct RoomError;

#[derive(Clone, LiveValue)]
#[live(error = RoomError)]
struct Room {
    #[live(len = ..=5)]
    name: String,
}

fn main() {}
