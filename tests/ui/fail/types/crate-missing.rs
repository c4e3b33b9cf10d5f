use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(crate = ::live_store)]
struct Room {
    name: String,
}

fn main() {}
