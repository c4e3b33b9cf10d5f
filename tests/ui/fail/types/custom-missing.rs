use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Kick(u64), Undo = history::undo)))]
struct Room {
    bar: u32,
}

mod history {}

fn main() {}
