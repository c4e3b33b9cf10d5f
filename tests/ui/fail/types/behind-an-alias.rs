use livestore::LiveValue;

type Names = Vec<String>;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(insert)]
    names: Names,
}

type Map = std::collections::HashMap<u8, u8>;

#[derive(Clone, LiveValue)]
struct Hall {
    #[live(push)]
    seats: Map,
}

fn main() {}
