use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(variants(ByValue(u64))))]
struct Value {}

impl Value {
    fn by_value(&mut self, _: u64) {}
}

#[derive(Clone, LiveValue)]
#[live(mutation(variants(TooFew { one: u8, two: u16 })))]
struct Few {}

impl Few {
    fn too_few(&mut self, _: &u8) {}
}

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Shared)))]
struct Consumed {}

impl Consumed {
    fn shared(self) {}
}

/// What is beside it may be taken as what a reference becomes.
#[derive(Clone, LiveValue)]
#[live(mutation(variants(Beside { by: u64, text: String, list: Vec<u8>, more: u8 }, Both(u8, String), OfAnother(u8))))]
struct Several {}

impl Several {
    fn beside(&mut self, _: u64, _: &str, _: &[u8], _: &u8) {}

    fn both(&mut self, _: u8, _: String) {}

    fn of_another(&mut self, _: &u16) {}
}

fn main() {}
