use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(push, keep)]
    one: Vec<u8>,
    #[live(push, keep = 0)]
    two: Vec<u8>,
    #[live(push, keep(200))]
    three: Vec<u8>,
    #[live(push, keep = )]
    four: Vec<u8>,
}

fn main() {}
