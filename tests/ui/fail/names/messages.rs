use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(message(variants(Volume(u8))))]
struct Room {
    #[live(message)]
    volume: u8,
}

#[derive(Clone, LiveValue)]
struct Two {
    #[live(message = Preview)]
    volume: u8,
    #[live(message = Preview)]
    title: String,
}

fn main() {}
