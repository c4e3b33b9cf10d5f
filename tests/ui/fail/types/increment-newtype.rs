use livestore::LiveValue;

#[derive(Clone)]
struct Points(u32);

#[derive(Clone, LiveValue)]
struct Room {
    #[live(increment)]
    points: Points,
}

fn main() {}
