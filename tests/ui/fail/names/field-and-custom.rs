use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(variants(SetName(String), Kick, Kick)))]
struct Room {
    name: String,
}

impl Room {
    fn kick(&mut self) {}
}

fn main() {}
