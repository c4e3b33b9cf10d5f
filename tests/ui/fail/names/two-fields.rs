use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[allow(non_snake_case)]
struct Room {
    foo_bar: u8,
    fooBar: u8,
}

#[derive(Clone, LiveValue)]
struct Chosen {
    #[live(set = Rename)]
    one: u8,
    #[live(set = Rename)]
    two: u8,
}

#[derive(Clone, LiveValue)]
struct OneField {
    #[live(set = Change, push = Change)]
    list: Vec<u8>,
}

fn main() {}
