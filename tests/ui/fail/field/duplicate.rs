use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(set, set = Rename)]
    name: String,
    #[live(skip)]
    #[live(skip)]
    id: u32,
    #[live(len = 1.., len = ..=3, validate = f, validate = f)]
    both: Vec<u8>,
    #[live(each(by = id, by = id, boxed, boxed))]
    cards: Vec<Card>,
}

#[derive(Clone, LiveValue)]
struct Card {
    #[live(id)]
    id: u8,
}

fn main() {}
