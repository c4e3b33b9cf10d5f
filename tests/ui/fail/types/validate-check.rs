use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(validate = Self::check)]
struct Room {
    seats: u8,
}

#[derive(Clone, LiveValue)]
#[live(validate = Own::check)]
struct Own {
    seats: u8,
}

impl Own {
    fn check(&self, was: &Self) -> Result<(), &'static str> {
        if self.seats < was.seats { Err("fewer") } else { Ok(()) }
    }
}

fn main() {}
