use livestore::LiveValue;

/// As a crate that is not known here has them.
mod other {
    #[derive(Clone)]
    pub struct IndexMap<K, V>(K, V);

    #[derive(Clone)]
    pub struct Decimal;
}

use other::{Decimal, IndexMap};

#[derive(Clone, LiveValue)]
struct Room {
    #[live(insert)]
    names: IndexMap<u8, String>,
    #[live(increment)]
    price: Decimal,
}

fn main() {}
