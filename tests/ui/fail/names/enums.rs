use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(name = RoomOp), message(name = RoomOp, variants(Ping)))]
struct Room {}

#[derive(Clone, LiveValue)]
#[live(mutation(name = HallError))]
struct Hall {
    #[live(range = ..3)]
    seats: u8,
}

fn main() {}
