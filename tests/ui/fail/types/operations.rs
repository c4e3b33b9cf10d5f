use livestore::LiveValue;

#[derive(Clone)]
struct Own;

#[derive(Clone, LiveValue)]
struct Toggled {
    #[live(toggle)]
    own: Own,
}

#[derive(Clone, LiveValue)]
struct Cleared {
    #[live(clear)]
    own: Own,
}

#[derive(Clone, LiveValue)]
struct Pushed {
    #[live(push)]
    own: Own,
}

#[derive(Clone, LiveValue)]
struct Removed {
    #[live(remove)]
    own: Own,
}

fn main() {}
