use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(explicit derive(PartialEq Eq))]
struct Room {
    #[live(increment decrement)]
    score: u32,
    #[live(push = Say clear, len = ..=3 validate = fine)]
    chat: Vec<u8>,
}

fn main() {
    let _ = [RoomMutation::IncrementScore(1), RoomMutation::DecrementScore(1), RoomMutation::Say(1), RoomMutation::ClearChat];
}
