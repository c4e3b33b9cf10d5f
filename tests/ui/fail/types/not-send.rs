use livestore::LiveValue;

use std::rc::Rc;

#[derive(Clone)]
struct Name(Rc<str>);

#[derive(Clone, LiveValue)]
struct Room {
    name: Name,
}

fn main() {}
