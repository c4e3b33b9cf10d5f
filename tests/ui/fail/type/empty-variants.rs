use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(variants()))]
enum Phase {
    Lobby,
}

fn main() {}
