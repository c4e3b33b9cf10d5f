use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(validate = Self::verify)]
struct Room {
    #[live(validate = not_42)]
    bar: u32,
}

fn main() {}
