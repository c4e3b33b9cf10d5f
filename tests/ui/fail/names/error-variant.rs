use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Start)))]
struct Room {
    #[live(len = 1..)]
    rejected: String,
}

impl Room {
    fn start(&mut self) {}
}

#[derive(Clone, LiveValue)]
#[allow(non_snake_case)]
struct Two {
    #[live(set = One, len = 1..)]
    foo_bar: String,
    #[live(set = Two, len = 1..)]
    fooBar: String,
}

fn main() {}
