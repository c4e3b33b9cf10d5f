use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    name: &str,
    #[live(push)]
    lines: Vec<&str>,
}

fn main() {}
