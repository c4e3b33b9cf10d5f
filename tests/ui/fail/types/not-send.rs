use livestore::LiveValue;

use std::rc::Rc;

#[derive(Clone)]
struct Name(Rc<str>);

#[derive(Clone, LiveValue)]
struct Room {
    name: Name,
}

#[derive(Clone)]
struct Shared {
    data: std::rc::Rc<u8>,
}

/// In the only type of which nothing is known.
#[derive(Clone, LiveValue)]
struct Inside {
    name: String,
    shared: Shared,
}

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Share(Shared))))]
struct Own {
    name: String,
}

impl Own {
    fn share(&mut self, _: &Shared) {}
}

fn main() {}
