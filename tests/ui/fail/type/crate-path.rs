use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(crate = livestore)]
struct Relative {}

#[derive(Clone, LiveValue)]
#[live(crate = self::live::store)]
struct OfThisModule {}

#[derive(Clone, LiveValue)]
#[live(crate = 1 + 1)]
struct Sum {}

fn main() {}
