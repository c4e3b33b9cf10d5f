use livestore::LiveValue;

#[derive(LiveValue)]
struct Room {
    name: String,
}

#[derive(LiveValue)]
#[live(mutation(variants(Start)), validate = Self::valid)]
struct Checked {
    #[live(increment, range = ..5)]
    seats: u8,
}

impl Checked {
    fn start(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn valid(&self, _: &Self) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
