use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(error = RoomError)]
    one: u8,
    #[live(mutation(variants(Kick)))]
    two: u8,
    #[live(explicit, derive(Debug), crate = ::livestore)]
    three: u8,
}

fn main() {}
