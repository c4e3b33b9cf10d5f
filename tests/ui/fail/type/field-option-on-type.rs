use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(skip)]
struct Skipped {
    name: String,
}

#[derive(Clone, LiveValue)]
#[live(len = 1..=32, push)]
struct Ruled(Vec<u8>);

fn main() {}
