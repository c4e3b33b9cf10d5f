use livestore::LiveValue;

type Seats = Vec<u8>;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(set_at)]
    seats: Seats,
}

fn main() {}
