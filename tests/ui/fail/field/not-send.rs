use livestore::LiveValue;

use std::cell::RefCell;
use std::rc::Rc;

#[derive(Clone, LiveValue)]
struct Room {
    name: Rc<str>,
    #[live(skip)]
    cache: Option<RefCell<u8>>,
    pointer: *const u8,
}

fn main() {}
