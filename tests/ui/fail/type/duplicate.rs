use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(explicit)]
#[live(explicit)]
struct Twice {}

#[derive(Clone, LiveValue)]
#[live(mutation(name = One, name = Two), mutation(name = Three), message = u8, message = u16)]
struct Named {}

#[derive(Clone, LiveValue)]
#[live(validate = Self::check, validate = Self::check)]
struct Checked {}

impl Checked {
    fn check(&self, _: &Self) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
