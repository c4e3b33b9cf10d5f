use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Start)))]
enum Phase {
    Lobby,
    #[live(skip)]
    Playing {
        #[live(increment)]
        score: u32,
    },
    Over(#[live(set)] u32),
}

impl Phase {
    fn start(&mut self) {}
}

fn main() {}
