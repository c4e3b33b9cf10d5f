use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(set = "Rename")]
    one: String,
    #[live(set = )]
    two: String,
    #[live(set = Self::rename)]
    three: String,
    #[live(set = |name| name)]
    four: String,
}

fn main() {}
