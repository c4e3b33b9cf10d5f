use livestore::LiveValue;

#[derive(Clone)]
struct Points(u32);

#[derive(Clone, LiveValue)]
struct Room {
    #[live(len = ..=5)]
    points: Points,
}

#[derive(Clone, LiveValue)]
struct Signed {
    #[live(len = 0_i32..5)]
    name: String,
}

fn main() {}
