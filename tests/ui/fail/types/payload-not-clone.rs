use livestore::LiveValue;

struct Token;

#[derive(Clone, LiveValue)]
struct Room {
    token: Token,
}

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Take(Token))))]
struct Custom {}

impl Custom {
    fn take(&mut self, _: &Token) {}
}

fn main() {}
