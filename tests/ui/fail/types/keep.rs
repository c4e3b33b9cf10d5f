use livestore::LiveValue;

const NAME: &str = "200";
const FEW: i8 = 3;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(push, keep = NAME)]
    chat: Vec<String>,
    #[live(push, keep = FEW)]
    log: Vec<String>,
}

fn main() {}
