use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Start)))]
struct Room {}

impl Room {
    fn start(&mut self) -> bool {
        true
    }
}

fn main() {}
