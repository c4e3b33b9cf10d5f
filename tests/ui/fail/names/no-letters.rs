use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    __: u8,
    #[live(message)]
    ___: u8,
}

fn main() {}
