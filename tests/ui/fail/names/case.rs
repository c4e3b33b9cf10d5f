use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(name = room_op))]
struct Room {
    #[live(set = rename_room)]
    name: String,
    #[live(push = Say_It)]
    log: Vec<u8>,
}

fn main() {}
