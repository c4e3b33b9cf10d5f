use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(len = 32)]
    one: String,
    #[live(range = 5)]
    two: u8,
    #[live(range)]
    three: u8,
    #[live(range = )]
    four: u8,
    #[live(range(0..=5))]
    five: u8,
    #[live(len = "1..=32")]
    six: String,
    #[live(range = 5..=1)]
    seven: u8,
    #[live(range = 3..-3)]
    eight: i8,
    #[live(len = 3..3)]
    nine: String,
}

fn main() {}
