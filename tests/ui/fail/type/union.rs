use livestore::LiveValue;

#[derive(Clone, Copy, LiveValue)]
union Bits {
    number: u32,
    float: f32,
}

fn main() {}
