use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(validate = not_42)]
    bar: u32,
}

fn not_42(_: u32) -> Result<(), &'static str> {
    Ok(())
}

fn main() {}
