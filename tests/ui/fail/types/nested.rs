use livestore::LiveValue;

#[derive(Clone)]
struct Board;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(nested)]
    board: Board,
}

fn main() {}
