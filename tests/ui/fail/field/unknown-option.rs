use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Misspelt {
    #[live(togle)]
    on: bool,
    #[live(Increment, decremnt)]
    score: u32,
    #[live(skipp)]
    id: u32,
    #[live(PUSH)]
    log: Vec<u8>,
}

#[derive(Clone, LiveValue)]
struct OfOthers {
    #[live(incr)]
    score: u32,
    #[live(read_only, ignore, private)]
    id: u32,
    #[live(flip)]
    on: bool,
    #[live(append, capacity = 200)]
    log: Vec<u8>,
    #[live(delete, for_each, upsert)]
    map: std::collections::HashMap<u8, u8>,
    #[live(length = 1..=32, check = valid)]
    name: String,
}

#[derive(Clone, LiveValue)]
struct Rules {
    #[live(max = 100)]
    volume: u8,
    #[live(min(1))]
    level: u8,
    #[live(max_len = 32, required, email)]
    name: String,
}

#[derive(Clone, LiveValue)]
struct Attributes {
    #[live(serde(skip))]
    one: u8,
    #[live(skip_serializing_if = "Option::is_none")]
    two: u8,
    #[live(doc = "text")]
    three: u8,
}

#[derive(Clone, LiveValue)]
struct Elsewhere {
    #[live(with = f)]
    one: u8,
    #[live(pop)]
    two: Vec<u8>,
    #[live(rename = Op)]
    three: u8,
    #[live(default, saturating, into)]
    four: u8,
}

#[derive(Clone, LiveValue)]
struct Swapped {
    #[live(claer, psuh)]
    log: Vec<u8>,
    #[live(eahc)]
    map: std::collections::HashMap<u8, u8>,
}

#[derive(Clone, LiveValue)]
struct Others {
    #[live(get)]
    one: u8,
    #[live(update)]
    two: std::collections::HashMap<u8, u8>,
    #[live(hidden)]
    three: u8,
    #[live(trim, unique)]
    four: String,
    #[live(step = 5)]
    five: u8,
}

#[derive(Clone, LiveValue)]
struct Banana {
    #[live(banana)]
    name: String,
}

fn main() {}
