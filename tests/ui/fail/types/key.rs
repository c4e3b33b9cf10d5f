use livestore::LiveValue;

use std::collections::BTreeMap;

#[derive(Clone)]
struct Place;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(insert, remove)]
    seats: BTreeMap<Place, String>,
}

fn main() {}
