use livestore::LiveValue;

#[derive(Clone, LiveValue)]
enum Phase {
    Lobby,
    Playing,
}

fn main() {}
