use livestore::LiveValue;

use std::rc::Rc;

#[derive(Clone, LiveValue)]
struct Room {
    name: Rc<str>,
}

fn main() {}
