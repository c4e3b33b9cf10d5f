use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Card {
    #[live(id)]
    id: u32,
    number: u32,
}

#[derive(Clone, LiveValue)]
struct Nameless {
    text: String,
}

#[derive(Clone, LiveValue)]
struct Board {
    #[live(each(by = number))]
    cards: Vec<Card>,
}

#[derive(Clone, LiveValue)]
struct Other {
    #[live(each(by = text))]
    cards: Vec<Nameless>,
}

fn main() {}
