use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(validate = "Self::check", error = "RoomError", message = "Note", crate = "livestore")]
struct Room {}

#[derive(Clone, LiveValue)]
#[live(mutation(name = "RoomOp", variants(Start = "Self::start")))]
struct Named {}

fn main() {}
