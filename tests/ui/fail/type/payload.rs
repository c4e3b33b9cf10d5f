use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(
    mutation(variants(Say(&str), Name { text: str, of: u8 }, List([u8]), Any(impl Into<String>), Right(&'static str))),
    message(variants(Said(&[u8]))),
)]
struct Room {}

impl Room {
    fn right(&mut self, _: &str) {}
}

fn main() {}
