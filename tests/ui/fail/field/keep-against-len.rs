use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(push, keep = 5, len = 10..)]
    chat: Vec<u8>,
    #[live(push, len = 6..=8, keep = 5)]
    log: Vec<u8>,
    #[live(push, keep = 9, len = ..9)]
    best: Vec<u8>,
    #[live(push, keep = 8, len = 1..9)]
    fits: Vec<u8>,
}

fn main() {
    let _ = RoomMutation::PushChat(1);
}
