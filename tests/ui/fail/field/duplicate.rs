use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(set, set = Rename)]
    name: String,
    #[live(skip)]
    #[live(skip)]
    id: u32,
    #[live(len = 1.., len = ..=3, validate = f, validate = f)]
    both: Vec<u8>,
}

fn main() {}
