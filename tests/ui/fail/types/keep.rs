use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(push, keep = "200")]
    log: Vec<String>,
    #[live(push, keep = -1)]
    other: Vec<String>,
}

fn main() {}
