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

#[derive(Clone, LiveValue)]
struct OfOtherLanguages {
    #[live(range = 1..=3 set)]
    one: u8,
    #[live(range = 1...5)]
    two: u8,
    #[live(range = 1..<5)]
    three: u8,
    #[live(range = ..=)]
    four: u8,
    #[live(range = 1..=)]
    five: u8,
    #[live(range = >= 1)]
    six: u8,
    #[live(range = < 10)]
    seven: u8,
    #[live(range = 1 to 5)]
    eight: u8,
    #[live(range = (1, 5))]
    nine: u8,
    #[live(range = ())]
    no: u8,
    #[live(range: 1..5)]
    ten: u8,
    #[live(len = r"1..=3")]
    eleven: String,
    #[live(len = b"1..=3")]
    twelve: String,
    #[live(len(1..=3), keep(5), push)]
    thirteen: Vec<u8>,
    #[live(range = 1..5..7)]
    fourteen: u8,
    #[live(range = 1..=5; set)]
    fifteen: u8,
    #[live(range = 1, 5)]
    sixteen: u8,
    #[live(len(min = 1, max = 3))]
    seventeen: String,
    #[live(len(max = LONG))]
    eighteen: String,
}

fn main() {}
