use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(explicit)]
struct Room {
    #[live(len = 1..=32)]
    name: String,
    #[live(attr(serde(skip_deserializing)))]
    id: u32,
}

fn main() {}
