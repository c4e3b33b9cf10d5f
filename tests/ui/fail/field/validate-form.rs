use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(validate = |name| name.is_empty())]
    one: String,
    #[live(validate = move |name, was| true)]
    two: String,
    #[live(validate = not_42())]
    three: u32,
    #[live(validate = "not_42")]
    four: u32,
    #[live(validate)]
    five: u32,
    #[live(validate(not_42))]
    six: u32,
    #[live(validate = 42)]
    seven: u32,
    #[live(validate = )]
    eight: u32,
}

fn main() {}
