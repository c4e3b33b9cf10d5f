use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room {
    #[live(push, len = ..=self.items.len())]
    items: Vec<u8>,
    #[live(set, increment, range = 0..=self.score)]
    score: u32,
    #[live(range = ..=(self.best.max(self.score)))]
    best: u32,
    #[live(push, keep = self.log.len())]
    log: Vec<u8>,
    #[live(range = ..self.r#move)]
    r#move: u32,
    #[live(skip, len = ..=self.most())]
    most: Vec<u8>,
}

impl Room {
    fn most(&self) -> usize {
        self.most.capacity()
    }
}

#[derive(Clone, LiveValue)]
struct Pair(u8, #[live(range = self.0..=self.1)] u8);

#[derive(Clone, LiveValue)]
struct Newtype(#[live(range = ..=self.0)] u8);

fn main() {}
