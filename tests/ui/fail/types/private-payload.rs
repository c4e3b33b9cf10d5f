#![deny(private_interfaces)]

mod room {
    use livestore::LiveValue;

    #[derive(Clone)]
    struct Hidden;

    #[derive(Clone, LiveValue)]
    pub struct Room {
        hidden: Hidden,
    }
}

fn main() {}
