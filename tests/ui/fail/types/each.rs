use livestore::LiveValue;

use std::collections::HashMap;

#[derive(Clone)]
struct Player;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(each)]
    players: HashMap<u8, Player>,
}

fn main() {}
