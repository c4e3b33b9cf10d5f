use livestore::LiveValue;

use livestore::Entry;

#[derive(Clone)]
struct Board;

struct Silent;

impl LiveValue for Board {
    type Message = ();
    type Mutation = ();
    type MutError = Silent;

    fn mutate(_: &Entry<Self>, _: &()) -> Result<Self, Silent> {
        Err(Silent)
    }
}

#[derive(Clone, LiveValue)]
struct Room {
    #[live(nested)]
    board: Board,
}

fn main() {}
