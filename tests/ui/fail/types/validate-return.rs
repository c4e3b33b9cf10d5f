use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(validate = not_42)]
    bar: u32,
}

fn not_42(bar: &u32) -> bool {
    *bar != 42
}

struct Was42;

#[derive(Clone, LiveValue)]
struct Other {
    #[live(validate = other)]
    bar: u32,
}

fn other(_: &u32) -> Result<(), Was42> {
    Err(Was42)
}

#[derive(Clone, LiveValue)]
#[live(validate = Self::fine, error = Was42)]
struct OfType {
    bar: u32,
}

impl OfType {
    fn fine(&self, _: &Self) -> Result<(), &'static str> {
        Ok(())
    }
}

fn main() {}
