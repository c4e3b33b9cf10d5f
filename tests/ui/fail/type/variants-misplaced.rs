use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(Kick(u64)), message(Ping, Typing { who: u64 }))]
struct Room {}

#[derive(Clone, LiveValue)]
#[live(variants(Reset))]
struct OnType {}

#[derive(Clone, LiveValue)]
#[live(error(variants(Full)))]
struct OfError {}

fn main() {}
