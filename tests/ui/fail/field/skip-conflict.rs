use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(skip, set)]
    one: String,
    #[live(len = 1.., skip, push = Say, keep = 3, validate = valid, attr(serde(skip)))]
    two: Vec<u8>,
}

fn main() {}
