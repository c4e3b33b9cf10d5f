use livestore::LiveValue;

#[derive(Clone)]
enum RoomOp {}

#[derive(Clone, LiveValue)]
#[live(mutation = RoomOp)]
struct Room {}

fn main() {}
