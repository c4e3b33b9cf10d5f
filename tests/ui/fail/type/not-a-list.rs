use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live]
struct Bare {
    #[live]
    name: String,
}

#[derive(Clone, LiveValue)]
struct Brackets {
    #[live[skip]]
    name: String,
}

#[derive(Clone, LiveValue)]
#[live()]
struct Empty {
    #[live()]
    name: String,
}

#[derive(Clone, LiveValue)]
struct Value {
    #[live = "skip"]
    name: String,
}

#[derive(Clone, LiveValue)]
#[live(mutation, error, crate, validate, explicit = true, derive, attr)]
struct Lists {}

#[derive(Clone, LiveValue)]
#[live(mutation(), message(), error(), derive(), attr(), message(variants()))]
struct EmptyLists {}

#[derive(Clone, LiveValue)]
#[live(mutation[variants[Start]], derive{Debug})]
struct OtherBrackets {}

impl OtherBrackets {
    fn start(&mut self) {}
}

#[derive(Clone, LiveValue)]
#[live(,)]
struct Comma {}

#[derive(Clone, LiveValue)]
#[live(explicit derive(Debug))]
struct NoComma {}

#[derive(Clone, LiveValue)]
#[live("explicit", 3)]
struct Literals {}

fn main() {}
