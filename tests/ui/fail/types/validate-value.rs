use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(validate = Self::valid)]
struct Room {
    bar: u32,
}

impl Room {
    fn valid(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

fn main() {}
