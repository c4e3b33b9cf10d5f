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

fn main() {}
