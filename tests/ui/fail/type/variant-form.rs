use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Reset = 3)))]
struct Number {}

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Reset = |room| {}, Start = Self::start(), Stop = -1)))]
struct NotPaths {}

#[derive(Clone, LiveValue)]
#[live(message(variants(Ping = Self::ping)))]
struct Message {}

#[derive(Clone, LiveValue)]
#[live(mutation(variants(fn reset(&mut self), Kick { who: u32 = 3 }, Public(pub u32), Only(#[cfg(unix)] u32))))]
struct Payloads {}

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Super, Crate(u32), 3, Start Stop)))]
struct Methods {}

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Say(text: String), Kick => Self::kick, Tell<T>(T))))]
struct Forms {}

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Stop { self.running = false }, Go { "now" })))]
struct Bodies {}

fn main() {}
