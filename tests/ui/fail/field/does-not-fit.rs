use livestore::LiveValue;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, LiveValue)]
struct Operations {
    #[live(increment)]
    name: String,
    #[live(decrement)]
    on: bool,
    #[live(toggle)]
    level: u32,
    #[live(push)]
    title: String,
    #[live(push)]
    by_id: HashMap<u8, u8>,
    #[live(insert)]
    chat: Vec<u8>,
    #[live(insert)]
    topic: Option<String>,
    #[live(remove)]
    log: Vec<u8>,
    #[live(remove)]
    maybe: std::option::Option<u8>,
    #[live(each)]
    list: Arc<Vec<u8>>,
    #[live(clear)]
    count: u8,
    #[live(nested)]
    map: BTreeMap<u8, u8>,
    #[live(nested)]
    text: String,
    #[live(each)]
    set: HashSet<u8>,
    #[live(remove)]
    letter: char,
}

#[derive(Clone, LiveValue)]
struct Rules {
    #[live(len = ..=3)]
    count: u32,
    #[live(len = ..=3)]
    maybe: Option<u32>,
    #[live(len = ..=3)]
    time: Duration,
    #[live(len = ..=3)]
    on: bool,
    #[live(range = ..=3)]
    title: String,
    #[live(range = ..=3)]
    list: Vec<u8>,
    #[live(range = ..=3)]
    off: bool,
    #[live(range = ..=3)]
    pairs: HashMap<u8, (u8, u8)>,
    #[live(range = ..=3)]
    names: BTreeMap<u8, String>,
}

#[derive(Clone, LiveValue)]
struct Tuple(#[live(toggle)] u8, #[live(push)] String);

#[derive(Clone, LiveValue)]
struct Newtype(#[live(toggle)] u8);

fn main() {}
